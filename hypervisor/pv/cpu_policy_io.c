/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A CPU policy seen from outside: the CPUID answers that a guest gets, and the list of leaves that
 * toolstacks read and write (XEN_DOMCTL_get/set_cpu_policy and the migration stream).
 *
 * Relies on the policy being consistent (pv/cpu_policy.c made it so).  An error here shows at once
 * in a guest's boot or in `xl create`.
 */
#include "pv/cpu_policy.h"
#include "abi/errno.h"
#include "lib/string.h"

#define EXTD_BASE                    0x80000000u
#define HV2_LEAF                     0x40000100u
#define MSR_PLATFORM_INFO            0xceu
#define MSR_ARCH_CAPABILITIES        0x10au
#define PLATFORM_INFO_CPUID_FAULTING (1ull << 31)

struct leaf_sink {
    struct xen_cpuid_leaf *out;
    unsigned cap, nr;
};

static void put_leaf(struct leaf_sink *s, uint32_t leaf, uint32_t subleaf,
                     const struct cpuid_leaf *l)
{
    if (s->nr < s->cap)
        s->out[s->nr] = (struct xen_cpuid_leaf){leaf, subleaf, l->a, l->b, l->c, l->d};
    s->nr++;
}

static void put_xstates(struct leaf_sink *s, const struct cpu_policy *p)
{
    uint64_t components = p->xstate[0].a | (uint64_t)p->xstate[0].d << 32;

    put_leaf(s, 0xd, 0, &p->xstate[0]);
    put_leaf(s, 0xd, 1, &p->xstate[1]);
    for (unsigned i = 2; i < CPU_NR_XSTATE; i++)
        if (components >> i & 1)
            put_leaf(s, 0xd, i, &p->xstate[i]);
}

static void put_basic(struct leaf_sink *s, const struct cpu_policy *p, uint32_t leaf)
{
    unsigned i;

    switch (leaf) {
    case 4:
        /* Up to and with the first sub-leaf of type 0 (eax bits 0-4), which ends the list. */
        for (i = 0; i < CPU_NR_CACHE; i++) {
            put_leaf(s, 4, i, &p->cache[i]);
            if (!(p->cache[i].a & 0x1f))
                break;
        }
        break;
    case 7:
        for (i = 0; i <= min(p->feat[0].a, (uint32_t)CPU_NR_FEAT - 1); i++)
            put_leaf(s, 7, i, &p->feat[i]);
        break;
    case 0xb:
        for (i = 0; i < CPU_NR_TOPO; i++)
            put_leaf(s, 0xb, i, &p->topo[i]);
        break;
    case 0xd: put_xstates(s, p); break;
    default: put_leaf(s, leaf, XEN_CPUID_NO_SUBLEAF, &p->basic[leaf]);
    }
}

unsigned cpu_policy_to_leaves(const struct cpu_policy *p, struct xen_cpuid_leaf *out, unsigned cap)
{
    struct leaf_sink s = {.out = out, .cap = cap};
    uint32_t last = min(p->basic[0].a, (uint32_t)CPU_NR_BASIC - 1);

    for (uint32_t leaf = 0; leaf <= last; leaf++)
        put_basic(&s, p, leaf);
    put_leaf(&s, XEN_CPUID_FIRST_LEAF, XEN_CPUID_NO_SUBLEAF,
             &(struct cpuid_leaf){.a = p->hv_limit});
    put_leaf(&s, HV2_LEAF, XEN_CPUID_NO_SUBLEAF, &(struct cpuid_leaf){.a = p->hv2_limit});

    last = min(p->extd[0].a & 0xffff, (uint32_t)CPU_NR_EXTD - 1);
    for (uint32_t i = 0; i <= last; i++)
        put_leaf(&s, EXTD_BASE + i, XEN_CPUID_NO_SUBLEAF, &p->extd[i]);
    return s.nr;
}

/* Where a leaf with sub-leaves is kept; false when it has none. */
static bool sub_table(struct cpu_policy *p, uint32_t leaf, struct cpuid_leaf **table, unsigned *nr)
{
    switch (leaf) {
    case 4:
        *nr = CPU_NR_CACHE;
        *table = p->cache;
        return true;
    case 7:
        *nr = CPU_NR_FEAT;
        *table = p->feat;
        return true;
    case 0xb:
        *nr = CPU_NR_TOPO;
        *table = p->topo;
        return true;
    case 0xd:
        *nr = CPU_NR_XSTATE;
        *table = p->xstate;
        return true;
    default: return false;
    }
}

int cpu_policy_from_leaf(struct cpu_policy *p, const struct xen_cpuid_leaf *l)
{
    struct cpuid_leaf regs = {l->a, l->b, l->c, l->d}, *table;
    unsigned nr;

    if (sub_table(p, l->leaf, &table, &nr)) {
        if (l->subleaf >= nr)
            return -ERANGE;
        table[l->subleaf] = regs;
        return 0;
    }
    if (l->subleaf != XEN_CPUID_NO_SUBLEAF)
        return -ERANGE;
    if (l->leaf < CPU_NR_BASIC) {
        p->basic[l->leaf] = regs;
        return 0;
    }
    if (l->leaf == XEN_CPUID_FIRST_LEAF) {
        p->hv_limit = l->a;
        return 0;
    }
    if (l->leaf == HV2_LEAF) {
        p->hv2_limit = l->a;
        return 0;
    }
    if (l->leaf - EXTD_BASE < CPU_NR_EXTD) {
        p->extd[l->leaf - EXTD_BASE] = regs;
        return 0;
    }
    return -ERANGE;
}

unsigned cpu_policy_to_msrs(const struct cpu_policy *p, struct xen_msr_entry *out, unsigned cap)
{
    /* ARCH_CAPABILITIES is left out: 4.17's libxenctrl does not know it in every build. */
    if (cap >= 1)
        out[0] = (struct xen_msr_entry){.idx = MSR_PLATFORM_INFO, .val = p->platform_info};
    return 1;
}

int cpu_policy_from_msr(struct cpu_policy *p, const struct xen_msr_entry *m)
{
    if (m->flags)
        return -EINVAL;
    switch (m->idx) {
    case MSR_PLATFORM_INFO:
        if (m->val & ~PLATFORM_INFO_CPUID_FAULTING)
            return -EOVERFLOW;
        p->platform_info = m->val;
        return 0;
    case MSR_ARCH_CAPABILITIES: p->arch_caps = m->val; return 0;
    default: return -ERANGE;
    }
}

static void lookup_time(const struct cpuid_view *view, uint32_t subleaf, bool rdtscp,
                        struct cpuid_leaf *out)
{
    switch (subleaf) {
    case 0:
        out->a = view->tsc_emulated | view->tsc_reliable << 1 | rdtscp << 2;
        out->b = view->tsc_mode;
        out->c = view->guest_tsc_khz;
        out->d = view->tsc_incarnation;
        break;
    case 1:
        out->a = (uint32_t)view->tsc_offset_ns;
        out->b = (uint32_t)(view->tsc_offset_ns >> 32);
        out->c = view->tsc_mul;
        out->d = (uint8_t)view->tsc_shift;
        break;
    case 2: out->a = view->host_tsc_khz; break;
    default: break;
    }
}

static void lookup_hypervisor(const struct cpu_policy *p, const struct cpuid_view *view,
                              uint32_t leaf, uint32_t subleaf, struct cpuid_leaf *out)
{
    uint32_t last = min(p->hv_limit, (uint32_t)XEN_CPUID_LEAF(XEN_CPUID_MAX_NUM_LEAVES));

    /* Linux takes a last leaf below base + 2 for a damaged hypervisor. */
    if (last < XEN_CPUID_LEAF(2))
        last = XEN_CPUID_LEAF(2);
    if (leaf > last)
        return;
    switch (leaf - XEN_CPUID_FIRST_LEAF) {
    case 0:
        *out = (struct cpuid_leaf){last, XEN_CPUID_SIGNATURE_EBX, XEN_CPUID_SIGNATURE_ECX,
                                   XEN_CPUID_SIGNATURE_EDX};
        break;
    case 1: out->a = 4 << 16 | 17; break; /* the version of the ABI, as xen_version reports it */
    case 2:
        out->a = 1;                    /* one hypercall page */
        out->b = XEN_CPUID_FIRST_LEAF; /* the MSR that fills it */
        out->c = XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD;
        break;
    case 3: lookup_time(view, subleaf, p->extd[1].d >> 27 & 1, out); break;
    case 5:
        if (subleaf == 0)
            out->b = view->machine_address_bits;
        break;
    default: break; /* 4 is for HVM */
    }
}

/* The compacted format packs components in order, some of them on 64-byte borders (ecx bit 1). */
static uint32_t compacted_size(const struct cpu_policy *p, uint64_t xcr0)
{
    uint32_t size = 576; /* FXSAVE image and header */

    for (unsigned i = 2; i < CPU_NR_XSTATE; i++) {
        if (!(xcr0 >> i & 1))
            continue;
        if (p->xstate[i].c & (1u << 1))
            size = ALIGN_UP(size, 64u);
        size += p->xstate[i].a;
    }
    return size;
}

/* Fields of basic leaves that depend on the vCPU's state. */
static void adjust_basic(const struct cpu_policy *p, const struct cpuid_view *view, uint32_t leaf,
                         uint32_t subleaf, struct cpuid_leaf *out)
{
    if (leaf != 0xd)
        return;
    if (subleaf == 0 && out->a)
        out->b = cpu_policy_xsave_size(p, view->xcr0);
    /* XSAVEC's area; a PV guest has no supervisor component that would add to it. */
    if (subleaf == 1 && (out->a & (1u << 1)))
        out->b = compacted_size(p, view->xcr0);
}

void cpu_policy_lookup(const struct cpu_policy *p, const struct cpuid_view *view, uint32_t leaf,
                       uint32_t subleaf, struct cpuid_leaf *out)
{
    struct cpuid_leaf *table;
    unsigned nr;

    *out = (struct cpuid_leaf){0};
    if (leaf - XEN_CPUID_FIRST_LEAF < 0x100) {
        lookup_hypervisor(p, view, leaf, subleaf, out);
        return;
    }
    if (leaf - EXTD_BASE < CPU_NR_EXTD) {
        if (leaf <= p->extd[0].a)
            *out = p->extd[leaf - EXTD_BASE];
        return;
    }
    if (leaf > min(p->basic[0].a, (uint32_t)CPU_NR_BASIC - 1))
        return;
    if (!sub_table((struct cpu_policy *)p, leaf, &table, &nr)) {
        *out = p->basic[leaf];
        return;
    }
    if (subleaf >= nr || (leaf == 7 && subleaf > p->feat[0].a))
        return;
    *out = table[subleaf];
    adjust_basic(p, view, leaf, subleaf, out);
}
