/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which processors are threads of a core and cores of a package, told from their APIC ids.  Pure.
 */
#pragma once

#include "pv/cpu_policy.h"

struct cpu_topology {
    unsigned core_shift;    /* APIC id >> this: number of the core, unique in the machine */
    unsigned package_shift; /* APIC id >> this: number of the package */
};

/* From the processor's own leaves 0xb, or 1 and 4, or 0x80000008 (AMD). */
struct cpu_topology cpu_topology_of(const struct cpu_policy *raw);

static inline uint32_t topology_package(struct cpu_topology t, uint32_t apic_id)
{
    return t.package_shift < 32 ? apic_id >> t.package_shift : 0;
}

/* Within its package. */
static inline uint32_t topology_core(struct cpu_topology t, uint32_t apic_id)
{
    uint32_t in_package = t.package_shift < 32 ? apic_id & ((1u << t.package_shift) - 1) : apic_id;

    return in_package >> t.core_shift;
}
