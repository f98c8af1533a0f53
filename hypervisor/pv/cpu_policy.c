/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Builds, narrows and answers from CPU policies.  See pv/cpu_policy.h for what a policy is, and
 * pv/cpu_policy_filter.c for what PV guests are shown.
 *
 * Every policy handed out has been through recalculate(): limits in range, dependent features gone
 * with what they depend on, XSAVE sizes recomputed.  What relies on this: the emulator believes the
 * policy when it decides whether a guest may set a control-register bit.
 */
#include "pv/cpu_policy.h"
#include "abi/errno.h"
#include "lib/string.h"

#define F(n) (1u << (n))

#define EXTD_BASE                    0x80000000u
#define PLATFORM_INFO_CPUID_FAULTING (1ull << 31)

/* The XSAVE area: 512 bytes of FXSAVE image and a 64-byte header come before any component. */
#define XSAVE_MIN_SIZE 576
#define XCR0_X87       (1ull << 0)
#define XCR0_SSE       (1ull << 1)
#define XCR0_AVX       (1ull << 2)
#define XCR0_AVX512    (7ull << 5)
/* What a PV guest may have in XCR0; PKRU, MPX and AMX belong to features that are not shown. */
#define XCR0_PV (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512)

/* Bits of 0x80000001 edx that AMD repeats from leaf 1 edx. */
#define COMMON_1D 0x0183f3ffu

/* Without `word.mask` (all of it), the bits `lost` of `of` cannot work. */
struct dependency {
    uint8_t word, of;
    uint32_t mask, lost;
};

static const struct dependency dependencies[] = {
    {CPU_1D, CPU_1D, F(24), F(25)},                                   /* FXSR: SSE */
    {CPU_1D, CPU_1D, F(25), F(26)},                                   /* SSE: SSE2 */
    {CPU_1D, CPU_1C, F(26), F(0)},                                    /* SSE2: SSE3 */
    {CPU_1D, CPU_7B0, F(26), F(29)},                                  /* SSE2: SHA */
    {CPU_1D, CPU_1C, F(26), F(1) | F(25)},                            /* SSE2: PCLMUL AES */
    {CPU_1C, CPU_1C, F(0), F(9)},                                     /* SSE3: SSSE3 */
    {CPU_1C, CPU_1C, F(9), F(19)},                                    /* SSSE3: SSE4.1 */
    {CPU_1C, CPU_1C, F(19), F(20)},                                   /* SSE4.1: SSE4.2 */
    {CPU_1C, CPU_1C, F(26), F(27) | F(28)},                           /* XSAVE: OSXSAVE AVX */
    {CPU_1C, CPU_DA1, F(26), ~0u},                                    /* XSAVE: its variants */
    {CPU_1C, CPU_1C, F(28), F(12) | F(29)},                           /* AVX: FMA F16C */
    {CPU_1C, CPU_E1C, F(28), F(11) | F(16)},                          /* AVX: XOP FMA4 */
    {CPU_1C, CPU_7B0, F(28), F(5)},                                   /* AVX: AVX2 */
    {CPU_1C, CPU_7C0, F(28), F(9) | F(10)},                           /* AVX: VAES VPCLMULQDQ */
    {CPU_7B0, CPU_7B0, F(5), F(16)},                                  /* AVX2: AVX512F */
    {CPU_7B0, CPU_7A1, F(5), F(4) | F(23)},                           /* AVX2: AVX_VNNI AVX_IFMA */
    {CPU_7B0, CPU_7D1, F(5), F(4) | F(5)},                            /* AVX2: INT8 NE_CONVERT */
    {CPU_7B0, CPU_7B0, F(16), F(17) | F(21) | F(28) | F(30) | F(31)}, /* AVX512F: the others */
    {CPU_7B0, CPU_7C0, F(16), F(1) | F(6) | F(11) | F(12) | F(14)},
    {CPU_7B0, CPU_7D0, F(16), F(2) | F(3) | F(8) | F(23)},
    {CPU_7B0, CPU_7A1, F(16), F(5)},
    {CPU_E1D, CPU_E1C, F(29), F(0)}, /* LM: LAHF_LM */
};

static void drop_dependents(uint32_t words[CPU_WORDS])
{
    bool again = true;

    while (again) {
        again = false;
        for (unsigned i = 0; i < ARRAY_SIZE(dependencies); i++) {
            const struct dependency *dep = &dependencies[i];

            if ((words[dep->word] & dep->mask) == dep->mask || !(words[dep->of] & dep->lost))
                continue;
            words[dep->of] &= ~dep->lost;
            again = true;
        }
    }
}

static enum cpu_vendor vendor_of(const struct cpuid_leaf *l)
{
    /* The twelve letters stand in ebx, edx, ecx. */
    if (l->b == 0x756e6547 && l->d == 0x49656e69 && l->c == 0x6c65746e)
        return CPU_VENDOR_INTEL; /* GenuineIntel */
    if (l->b == 0x68747541 && l->d == 0x69746e65 && l->c == 0x444d4163)
        return CPU_VENDOR_AMD; /* AuthenticAMD */
    if (l->b == 0x6f677948 && l->d == 0x6e65476e && l->c == 0x656e6975)
        return CPU_VENDOR_AMD; /* HygonGenuine */
    return CPU_VENDOR_OTHER;
}

void cpu_policy_get_words(const struct cpu_policy *p, uint32_t words[CPU_WORDS])
{
    words[CPU_1D] = p->basic[1].d;
    words[CPU_1C] = p->basic[1].c;
    words[CPU_E1D] = p->extd[1].d & ~COMMON_1D;
    words[CPU_E1C] = p->extd[1].c;
    words[CPU_DA1] = p->xstate[1].a;
    words[CPU_7B0] = p->feat[0].b;
    words[CPU_7C0] = p->feat[0].c;
    words[CPU_E7D] = p->extd[7].d;
    words[CPU_E8B] = p->extd[8].b;
    words[CPU_7D0] = p->feat[0].d;
    words[CPU_7A1] = p->feat[1].a;
    words[CPU_E21A] = p->extd[0x21].a;
    words[CPU_7B1] = p->feat[1].b;
    words[CPU_7D2] = p->feat[2].d;
    words[CPU_7C1] = p->feat[1].c;
    words[CPU_7D1] = p->feat[1].d;
    words[CPU_ARCH_LO] = (uint32_t)p->arch_caps;
    words[CPU_ARCH_HI] = (uint32_t)(p->arch_caps >> 32);
}

void cpu_policy_set_words(struct cpu_policy *p, const uint32_t words[CPU_WORDS])
{
    p->basic[1].d = words[CPU_1D];
    p->basic[1].c = words[CPU_1C];
    p->extd[1].d = words[CPU_E1D] & ~COMMON_1D;
    if (p->vendor == CPU_VENDOR_AMD)
        p->extd[1].d |= words[CPU_1D] & COMMON_1D;
    p->extd[1].c = words[CPU_E1C];
    p->xstate[1].a = words[CPU_DA1];
    p->feat[0].b = words[CPU_7B0];
    p->feat[0].c = words[CPU_7C0];
    p->extd[7].d = words[CPU_E7D];
    p->extd[8].b = words[CPU_E8B];
    p->feat[0].d = words[CPU_7D0];
    p->feat[1].a = words[CPU_7A1];
    p->extd[0x21].a = words[CPU_E21A];
    p->feat[1].b = words[CPU_7B1];
    p->feat[2].d = words[CPU_7D2];
    p->feat[1].c = words[CPU_7C1];
    p->feat[1].d = words[CPU_7D1];
    p->arch_caps = words[CPU_ARCH_LO] | (uint64_t)words[CPU_ARCH_HI] << 32;
}

uint64_t cpu_policy_xcr0(const struct cpu_policy *p)
{
    return p->xstate[0].a | (uint64_t)p->xstate[0].d << 32;
}

uint32_t cpu_policy_xsave_size(const struct cpu_policy *p, uint64_t xcr0)
{
    uint32_t size = XSAVE_MIN_SIZE;

    for (unsigned i = 2; i < CPU_NR_XSTATE; i++)
        if (xcr0 >> i & 1)
            size = max(size, p->xstate[i].a + p->xstate[i].b); /* size, offset */
    return size;
}

/* Which components the visible features need; a component without its feature is not offered. */
static uint64_t wanted_components(const uint32_t words[CPU_WORDS])
{
    uint64_t wanted = 0;

    if (!(words[CPU_1C] & F(26)))
        return 0;
    wanted = XCR0_X87 | XCR0_SSE;
    if (words[CPU_1C] & F(28))
        wanted |= XCR0_AVX;
    if (words[CPU_7B0] & F(16))
        wanted |= XCR0_AVX512;
    return wanted;
}

static void recalculate_xstate(struct cpu_policy *p, uint64_t components)
{
    uint32_t variants = p->xstate[1].a;

    for (unsigned i = 2; i < CPU_NR_XSTATE; i++)
        if (!(components >> i & 1))
            p->xstate[i] = (struct cpuid_leaf){0};
    p->xstate[0] = (struct cpuid_leaf){0};
    p->xstate[1] = (struct cpuid_leaf){0};
    if (!components)
        return;
    p->xstate[0].a = (uint32_t)components;
    p->xstate[0].d = (uint32_t)(components >> 32);
    p->xstate[0].c = cpu_policy_xsave_size(p, components);
    p->xstate[1].a = variants;
}

/* Makes a policy consistent with itself; `components` bounds the XSAVE state. */
static void recalculate(struct cpu_policy *p, uint64_t components)
{
    uint32_t words[CPU_WORDS];

    p->vendor = vendor_of(&p->basic[0]);
    p->basic[0].a = min(p->basic[0].a, (uint32_t)CPU_NR_BASIC - 1);
    p->feat[0].a = p->basic[0].a < 7 ? 0 : min(p->feat[0].a, (uint32_t)CPU_NR_FEAT - 1);
    if (p->extd[0].a < EXTD_BASE || p->extd[0].a >> 16 != EXTD_BASE >> 16)
        p->extd[0].a = EXTD_BASE;
    p->extd[0].a = min(p->extd[0].a, EXTD_BASE + CPU_NR_EXTD - 1);

    cpu_policy_get_words(p, words);
    if (p->basic[0].a < 0xd)
        words[CPU_1C] &= ~F(26);
    drop_dependents(words);
    components &= wanted_components(words);
    /* AVX without its component (a host option took it) cannot be used: hide and look again. */
    if ((words[CPU_1C] & F(28)) && !(components & XCR0_AVX))
        words[CPU_1C] &= ~F(28);
    if ((words[CPU_7B0] & F(16)) && (components & XCR0_AVX512) != XCR0_AVX512)
        words[CPU_7B0] &= ~F(16);
    drop_dependents(words);
    components &= wanted_components(words);
    cpu_policy_set_words(p, words);
    recalculate_xstate(p, components);
}

static void read_subleaves(struct cpuid_leaf *out, unsigned nr, uint32_t leaf, cpuid_reader read,
                           void *ctx)
{
    for (unsigned i = 0; i < nr; i++)
        read(ctx, leaf, i, &out[i]);
}

void cpu_policy_read(struct cpu_policy *p, cpuid_reader read, void *ctx)
{
    struct cpuid_leaf l;
    uint32_t last;

    memset(p, 0, sizeof(*p));
    read(ctx, 0, 0, &l);
    last = min(l.a, (uint32_t)CPU_NR_BASIC - 1);
    for (uint32_t i = 0; i <= last; i++)
        read(ctx, i, 0, &p->basic[i]);

    if (last >= 4)
        read_subleaves(p->cache, CPU_NR_CACHE, 4, read, ctx);
    if (last >= 7) {
        read(ctx, 7, 0, &p->feat[0]);
        read_subleaves(p->feat, 1 + min(p->feat[0].a, (uint32_t)CPU_NR_FEAT - 1), 7, read, ctx);
    }
    if (last >= 0xb)
        read_subleaves(p->topo, CPU_NR_TOPO, 0xb, read, ctx);
    if (last >= 0xd)
        read_subleaves(p->xstate, CPU_NR_XSTATE, 0xd, read, ctx);

    read(ctx, EXTD_BASE, 0, &l);
    if (l.a >> 16 == EXTD_BASE >> 16) {
        last = min(l.a - EXTD_BASE, (uint32_t)CPU_NR_EXTD - 1);
        for (uint32_t i = 0; i <= last; i++)
            read(ctx, EXTD_BASE + i, 0, &p->extd[i]);
    }
    p->vendor = vendor_of(&p->basic[0]);
}

void cpu_policy_host(struct cpu_policy *p, const struct cpu_policy *raw, uint64_t xcr0_mask)
{
    *p = *raw;
    recalculate(p, cpu_policy_xcr0(raw) & xcr0_mask);
}

static void mask_words(struct cpu_policy *p, bool with_max_only)
{
    uint32_t words[CPU_WORDS], shown[CPU_WORDS] = {0};

    for (unsigned i = 0; i < cpu_filter_nr_rows; i++) {
        const struct cpu_filter_row *row = &cpu_filter_rows[i];

        if (row->show == CPU_SHOW || (row->show == CPU_MAX_ONLY && with_max_only))
            shown[row->word] |= row->mask;
    }
    cpu_policy_get_words(p, words);
    for (unsigned i = 0; i < CPU_WORDS; i++)
        words[i] &= shown[i];
    cpu_policy_set_words(p, words);
}

/* Leaves that describe what a PV guest does not have, or another CPU than the one it runs on. */
static void clear_private_leaves(struct cpu_policy *p)
{
    static const uint8_t basic[] = {3, 5, 6, 8, 9, 0xa, 0xb, 0xc}; /* serial, MWAIT, thermal, ... */

    for (unsigned i = 0; i < ARRAY_SIZE(basic); i++)
        p->basic[basic[i]] = (struct cpuid_leaf){0};
    memset(p->topo, 0, sizeof(p->topo)); /* x2APIC topology */
    p->basic[1].a &= 0x0fff0fff;         /* family, model, stepping; type and reserved bits gone */
    p->basic[1].b &= 0x00ffffff;         /* the initial APIC id is another CPU's by the next call */

    p->extd[7].a = p->extd[7].b = p->extd[7].c = 0;
    p->extd[8].d = 0;
    p->extd[0xa] = (struct cpuid_leaf){0}; /* SVM */
    for (unsigned i = 0xb; i < CPU_NR_EXTD; i++)
        if (i != 0x19 && i != 0x1a && i != 0x21) /* TLB of 1 GiB pages, FPU width, features 2 */
            p->extd[i] = (struct cpuid_leaf){0};
    p->extd[0x21] = (struct cpuid_leaf){.a = p->extd[0x21].a};
}

void cpu_policy_pv_max(struct cpu_policy *p, const struct cpu_policy *host)
{
    *p = *host;
    mask_words(p, true);
    clear_private_leaves(p);
    p->basic[1].c |= F(31); /* HYPERVISOR: true whether or not the machine is itself a guest */
    if (p->basic[1].c & F(26))
        p->basic[1].c |= F(27);
    recalculate(p, cpu_policy_xcr0(host) & XCR0_PV);
    p->hv_limit = XEN_CPUID_LEAF(XEN_CPUID_MAX_NUM_LEAVES);
    p->platform_info = PLATFORM_INFO_CPUID_FAULTING;
    p->arch_caps = 0;
}

void cpu_policy_pv_default(struct cpu_policy *p, const struct cpu_policy *pv_max)
{
    *p = *pv_max;
    mask_words(p, false);
    recalculate(p, cpu_policy_xcr0(pv_max));
}

void cpu_policy_allow_itsc(struct cpu_policy *p, const struct cpu_policy *pv_max)
{
    p->extd[7].d |= pv_max->extd[7].d & F(8);
}

void cpu_policy_clamp(struct cpu_policy *p, const struct cpu_policy *max_policy)
{
    uint32_t words[CPU_WORDS], limit[CPU_WORDS];
    uint64_t components = cpu_policy_xcr0(max_policy);

    p->vendor = vendor_of(&p->basic[0]);
    p->basic[0].a = min(p->basic[0].a, max_policy->basic[0].a);
    p->feat[0].a = min(p->feat[0].a, max_policy->feat[0].a);
    p->extd[0].a = min(p->extd[0].a, max_policy->extd[0].a);

    cpu_policy_get_words(p, words);
    cpu_policy_get_words(max_policy, limit);
    for (unsigned i = 0; i < CPU_WORDS; i++)
        words[i] &= limit[i];
    words[CPU_1C] |= limit[CPU_1C] & F(31);
    if (words[CPU_1C] & F(26))
        words[CPU_1C] |= limit[CPU_1C] & F(27);
    cpu_policy_set_words(p, words);

    clear_private_leaves(p);
    /* Address width: a guest that believes in more bits than there are sets reserved ones. */
    if ((p->extd[8].a & 0xff) > (max_policy->extd[8].a & 0xff))
        p->extd[8].a = (p->extd[8].a & ~0xffu) | (max_policy->extd[8].a & 0xff);
    /* Layout of the XSAVE area is the machine's, never a toolstack's. */
    memcpy(p->xstate + 2, max_policy->xstate + 2, sizeof(p->xstate) - 2 * sizeof(p->xstate[0]));
    recalculate(p, components);

    if (!p->hv_limit || p->hv_limit > max_policy->hv_limit)
        p->hv_limit = max_policy->hv_limit;
    p->hv2_limit = 0;
    p->platform_info &= max_policy->platform_info;
    p->arch_caps = 0;
}

int cpu_policy_check(const struct cpu_policy *guest, const struct cpu_policy *max_policy,
                     uint32_t *err_leaf, uint32_t *err_subleaf)
{
    *err_leaf = *err_subleaf = XEN_CPUID_NO_SUBLEAF;
    if (guest->basic[0].a > max_policy->basic[0].a) {
        *err_leaf = 0;
        return -EINVAL;
    }
    if (guest->feat[0].a > max_policy->feat[0].a) {
        *err_leaf = 7;
        *err_subleaf = 0;
        return -EINVAL;
    }
    if (guest->extd[0].a > max_policy->extd[0].a) {
        *err_leaf = EXTD_BASE;
        return -EINVAL;
    }
    return 0;
}
