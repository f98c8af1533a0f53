/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fields of an APIC id (Intel SDM volume 3, 9.9; AMD APM volume 3, E.5).
 */
#include "hypercall/cpu_topology.h"

/* Bits needed to tell `n` things apart. */
static unsigned bits_for(unsigned n)
{
    unsigned bits = 0;

    while (bits < 31 && 1u << bits < n)
        bits++;
    return bits;
}

struct cpu_topology cpu_topology_of(const struct cpu_policy *raw)
{
    struct cpu_topology t = {0, 0};
    unsigned logical, cores;

    /* Leaf 0xb: sub-leaf 0 is the thread level (type 1), 1 the core level (type 2). */
    if (raw->basic[0].a >= 0xb && raw->topo[0].b && (raw->topo[0].c >> 8 & 0xff) == 1) {
        t.core_shift = raw->topo[0].a & 0x1f;
        t.package_shift = raw->topo[1].b ? raw->topo[1].a & 0x1f : t.core_shift;
        t.package_shift = max(t.package_shift, t.core_shift);
        return t;
    }
    if (!(raw->basic[1].d & 1u << 28)) /* HTT: more than one logical processor in a package */
        return t;
    logical = raw->basic[1].b >> 16 & 0xff;
    if (raw->vendor == CPU_VENDOR_AMD && raw->extd[0].a >= 0x80000008) {
        unsigned width = raw->extd[8].c >> 12 & 0xf;

        cores = (raw->extd[8].c & 0xff) + 1;
        t.package_shift = width ? width : bits_for(cores);
        t.core_shift = logical > cores ? min(bits_for(logical / cores), t.package_shift) : 0;
        return t;
    }
    cores = raw->basic[0].a >= 4 ? (raw->cache[0].a >> 26 & 0x3f) + 1 : 1;
    t.package_shift = bits_for(logical);
    t.core_shift = logical > cores ? min(bits_for(logical / cores), t.package_shift) : 0;
    return t;
}
