/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine's CPU policies, built once from the boot processor's CPUID, and a copy for each
 * domain.  The thin edge of pv/cpu_policy.c.
 */
#include "abi/errno.h"
#include "console/log.h"
#include "cpu/fpu.h"
#include "cpu/mitigations.h"
#include "cpu/insn.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "domain/pv_hooks.h"
#include "mem/heap.h"
#include "pv/cpu_policy.h"

struct cpu_policy cpu_policies[CPU_POLICY_KINDS];

static void read_cpuid(void *ctx, uint32_t leaf, uint32_t subleaf, struct cpuid_leaf *out)
{
    struct cpuid_regs r = cpuid(leaf, subleaf);

    *out = (struct cpuid_leaf){r.eax, r.ebx, r.ecx, r.edx};
}

void cpu_policy_boot(void)
{
    struct cpu_policy *p = cpu_policies;

    cpu_policy_read(&p[CPU_POLICY_RAW], read_cpuid, NULL);
    cpu_policy_host(&p[CPU_POLICY_HOST], &p[CPU_POLICY_RAW], fpu_xcr0_supported());
    cpu_policy_pv_max(&p[CPU_POLICY_PV_MAX], &p[CPU_POLICY_HOST]);
    cpu_policy_pv_default(&p[CPU_POLICY_PV_DEFAULT], &p[CPU_POLICY_PV_MAX]);
    printk(XENLOG_INFO "CPU policy for guests: leaves up to %x and %x, XCR0 %lx\n",
           p[CPU_POLICY_PV_DEFAULT].basic[0].a, p[CPU_POLICY_PV_DEFAULT].extd[0].a,
           cpu_policy_xcr0(&p[CPU_POLICY_PV_DEFAULT]));
}

int pv_domain_init(struct domain *d)
{
    struct cpu_policy *p = hv_zalloc(sizeof(*p));

    /* Without leaves a kernel would find no 64-bit mode: created before cpu_policy_boot(). */
    BUG_ON(!cpu_policies[CPU_POLICY_PV_DEFAULT].basic[0].a);
    if (!p)
        return -ENOMEM;
    *p = cpu_policies[CPU_POLICY_PV_DEFAULT];
    if (d->mem.id == 0) /* dom0 never migrates */
        cpu_policy_allow_itsc(p, &cpu_policies[CPU_POLICY_PV_MAX]);
    d->cpu_policy = p;
    d->restricted = mitigations.restricted_roots[d->mem.id != 0];
    d->mem.l1tf_check = mitigations.l1tf_check[d->mem.id != 0];
    return 0;
}

void pv_domain_free(struct domain *d)
{
    hv_free(d->cpu_policy);
    d->cpu_policy = NULL;
}
