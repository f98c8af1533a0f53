/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Meltdown and L1TF: whether this processor has them, and what is done about it.  See
 * mitigations.c.
 */
#pragma once

#include "boot/cmdline.h"
#include "cpu/cpu.h"
#include "lib/types.h"

/* What a processor is known to have; each with the evidence in words. */
struct vulnerabilities {
    bool meltdown, l1tf;
    const char *meltdown_why, *l1tf_why;
};

/* Judges a processor by vendor, family, model and ARCH_CAPABILITIES; whoever is not known to be
 * safe is taken to be vulnerable.  Pure. */
void vulnerabilities_judge(const struct cpu_caps *c, struct vulnerabilities *v);

/* What is on: [0] for dom0, [1] for every other domain.  Set once, before map_init(). */
struct mitigations {
    bool restricted_roots[2]; /* guests run on root tables without the hypervisor's memory */
    bool l1tf_check[2];       /* non-present entries that lead into RAM are refused */
};
extern struct mitigations mitigations;

/* Sets it: Xen's defaults for such a processor, but for what the boot options say.  Pure. */
void mitigations_choose(const struct vulnerabilities *v, const struct boot_options *o);
