/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPU policies: what is shown is a subset of what the machine has, the filter has no contradiction,
 * dependent features fall together, a toolstack can hide but not invent, and leaves survive being
 * written out and read back.
 */
// SOURCES: hypervisor/pv/cpu_policy.c hypervisor/pv/cpu_policy_io.c hypervisor/pv/cpu_policy_filter.c
#include <cpuid.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "pv/cpu_policy.h"

#define F(n) (1u << (n))

static struct cpu_policy raw, host, pv_max, pv_def;

/* A made-up processor with every bit set, the widest machine that can be. */
static void full_machine(void *ctx, uint32_t leaf, uint32_t subleaf, struct cpuid_leaf *out)
{
    static const uint32_t offset[] = {[2] = 576, [5] = 1088, [6] = 1152, [7] = 1664, [9] = 2688};
    static const uint32_t size[] = {[2] = 256, [5] = 64, [6] = 512, [7] = 1024, [9] = 8};

    *out = (struct cpuid_leaf){~0u, ~0u, ~0u, ~0u};
    if (leaf == 0)
        *out = (struct cpuid_leaf){0x1f, 0x756e6547, 0x6c65746e, 0x49656e69};
    if (leaf == 0x80000000)
        *out = (struct cpuid_leaf){0x80000021, 0, 0, 0};
    if (leaf == 0x80000008)
        out->a = 0x3030;
    if (leaf == 4)
        out->a = subleaf < 4 ? 1 : 0;
    if (leaf == 7 && subleaf == 0)
        out->a = 2;
    if (leaf == 0xd && subleaf == 0)
        *out = (struct cpuid_leaf){0x2e7, 2696, 2696, 0};
    if (leaf == 0xd && subleaf >= 2) {
        *out = (struct cpuid_leaf){0};
        if (subleaf < ARRAY_SIZE(offset) && size[subleaf])
            *out = (struct cpuid_leaf){size[subleaf], offset[subleaf], 0, 0};
    }
}

static void this_machine(void *ctx, uint32_t leaf, uint32_t subleaf, struct cpuid_leaf *out)
{
    __cpuid_count(leaf, subleaf, out->a, out->b, out->c, out->d);
}

static void build(cpuid_reader reader)
{
    cpu_policy_read(&raw, reader, NULL);
    cpu_policy_host(&host, &raw, ~0ull);
    cpu_policy_pv_max(&pv_max, &host);
    cpu_policy_pv_default(&pv_def, &pv_max);
}

/* Is feature `bit` of `word` shown? */
static bool has(const struct cpu_policy *p, enum cpu_word word, unsigned bit)
{
    uint32_t words[CPU_WORDS];

    cpu_policy_get_words(p, words);
    return words[word] & F(bit);
}

static void assert_subset(const struct cpu_policy *a, const struct cpu_policy *b)
{
    uint32_t wa[CPU_WORDS], wb[CPU_WORDS];

    cpu_policy_get_words(a, wa);
    cpu_policy_get_words(b, wb);
    for (unsigned i = 0; i < CPU_WORDS; i++) {
        uint32_t invented = i == CPU_1C ? F(31) | F(27) : 0; /* HYPERVISOR and OSXSAVE */

        assert_int_equal(wa[i] & ~wb[i] & ~invented, 0);
    }
    assert_int_equal(cpu_policy_xcr0(a) & ~cpu_policy_xcr0(b), 0);
    assert_true(a->basic[0].a <= b->basic[0].a);
    assert_true(a->extd[0].a <= b->extd[0].a);
}

/* No bit is in two rows of the filter, and each row has a reason. */
static void test_filter_rows(void **state)
{
    uint32_t seen[CPU_WORDS] = {0};

    for (unsigned i = 0; i < cpu_filter_nr_rows; i++) {
        const struct cpu_filter_row *row = &cpu_filter_rows[i];

        assert_true(row->word < CPU_WORDS);
        assert_non_null(row->reason);
        assert_int_equal(seen[row->word] & row->mask, 0);
        seen[row->word] |= row->mask;
    }
}

/* Each policy is a subset of the one it is made of, on a full and on the present machine. */
static void test_subsets(void **state)
{
    static const cpuid_reader readers[] = {full_machine, this_machine};

    for (unsigned i = 0; i < ARRAY_SIZE(readers); i++) {
        build(readers[i]);
        assert_subset(&host, &raw);
        assert_subset(&pv_max, &host);
        assert_subset(&pv_def, &pv_max);
    }
}

/* What a PV guest must never see is hidden even if the machine has it all. */
static void test_never_shown(void **state)
{
    build(full_machine);
    assert_false(has(&pv_max, CPU_1D, 3));   /* PSE */
    assert_false(has(&pv_max, CPU_1D, 13));  /* PGE */
    assert_false(has(&pv_max, CPU_E1D, 26)); /* PAGE1GB */
    assert_false(has(&pv_max, CPU_1C, 17));  /* PCID */
    assert_false(has(&pv_max, CPU_1C, 5));   /* VMX */
    assert_false(has(&pv_max, CPU_E1C, 2));  /* SVM */
    assert_false(has(&pv_max, CPU_7B0, 7));  /* SMEP */
    assert_false(has(&pv_max, CPU_7B0, 20)); /* SMAP */
    assert_false(has(&pv_max, CPU_7C0, 3));  /* PKU */
    assert_false(has(&pv_max, CPU_7C0, 16)); /* LA57 */
    assert_int_equal(cpu_policy_xcr0(&pv_max), 0xe7);
    assert_true(has(&pv_max, CPU_E7D, 8));
    assert_false(has(&pv_def, CPU_E7D, 8)); /* ITSC is opt-in */
    cpu_policy_allow_itsc(&pv_def, &pv_max);
    assert_true(has(&pv_def, CPU_E7D, 8));
    /* What Linux needs to boot. */
    assert_true(has(&pv_def, CPU_1D, 6));   /* PAE */
    assert_true(has(&pv_def, CPU_E1D, 20)); /* NX */
    assert_true(has(&pv_def, CPU_E1D, 29)); /* LM */
    assert_true(has(&pv_def, CPU_E1D, 11)); /* SYSCALL */
}

/* Hiding XSAVE hides all that lives in its area, and the area itself. */
static void test_dependencies(void **state)
{
    struct cpu_policy p;

    build(full_machine);
    p = pv_max;
    p.basic[1].c &= ~F(26);
    cpu_policy_clamp(&p, &pv_max);
    assert_false(has(&p, CPU_1C, 28));  /* AVX */
    assert_false(has(&p, CPU_1C, 27));  /* OSXSAVE */
    assert_false(has(&p, CPU_1C, 12));  /* FMA */
    assert_false(has(&p, CPU_7B0, 5));  /* AVX2 */
    assert_false(has(&p, CPU_7B0, 31)); /* AVX512VL */
    assert_false(has(&p, CPU_DA1, 0));
    assert_int_equal(cpu_policy_xcr0(&p), 0);
    /* A host that does not save AVX cannot show it. */
    cpu_policy_host(&p, &raw, 3);
    assert_false(has(&p, CPU_1C, 28));
    assert_true(has(&p, CPU_1C, 26));
    assert_int_equal(p.xstate[0].c, 576);
}

/* Whatever a toolstack stores, the result is within the maximum and consistent. */
static void test_clamp_random(void **state)
{
    build(full_machine);
    srand(1);
    for (unsigned round = 0; round < 2000; round++) {
        struct cpu_policy p;
        uint8_t *bytes = (uint8_t *)&p;

        for (size_t i = 0; i < sizeof(p); i++)
            bytes[i] = (uint8_t)rand();
        p.vendor = CPU_VENDOR_OTHER;
        cpu_policy_clamp(&p, &pv_max);
        assert_subset(&p, &pv_max);
        assert_true(p.feat[0].a <= pv_max.feat[0].a);
        assert_true((p.extd[8].a & 0xff) <= 0x30);
        assert_int_equal(p.xstate[0].c,
                         cpu_policy_xcr0(&p) ? cpu_policy_xsave_size(&p, cpu_policy_xcr0(&p)) : 0);
        assert_int_equal(!!(p.basic[1].c & F(28)), !!(cpu_policy_xcr0(&p) & 4));
    }
}

/* Leaves written out and read back give the same policy, within the promised number. */
static void test_serialise(void **state)
{
    static struct xen_cpuid_leaf leaves[CPU_POLICY_MAX_LEAVES];
    struct xen_msr_entry msrs[CPU_POLICY_MAX_MSRS];
    struct cpu_policy p;
    unsigned nr;

    build(this_machine);
    nr = cpu_policy_to_leaves(&pv_def, leaves, ARRAY_SIZE(leaves));
    assert_true(nr <= ARRAY_SIZE(leaves));
    assert_int_equal(cpu_policy_to_leaves(&pv_def, leaves, 0), nr);
    memset(&p, 0, sizeof(p));
    for (unsigned i = 0; i < nr; i++)
        assert_int_equal(cpu_policy_from_leaf(&p, &leaves[i]), 0);
    assert_int_equal(cpu_policy_to_msrs(&pv_def, msrs, ARRAY_SIZE(msrs)), 1);
    assert_int_equal(cpu_policy_from_msr(&p, &msrs[0]), 0);
    p.vendor = pv_def.vendor;
    cpu_policy_clamp(&p, &pv_max);
    /* Leaves behind the last one of type 0 are not written; nobody can see them either. */
    for (unsigned i = 0, end = 0; i < CPU_NR_CACHE; i++) {
        if (end)
            pv_def.cache[i] = (struct cpuid_leaf){0};
        end |= !(pv_def.cache[i].a & 0x1f);
    }
    p.arch_caps = pv_def.arch_caps;
    for (unsigned i = 0; i < CPU_NR_BASIC; i++)
        if (i != 4 && i != 7 && i != 0xb && i != 0xd)
            assert_memory_equal(&p.basic[i], &pv_def.basic[i], sizeof(p.basic[i]));
    assert_memory_equal(p.cache, pv_def.cache, sizeof(p.cache));
    assert_memory_equal(p.extd, pv_def.extd, sizeof(p.extd));
    assert_int_equal(cpu_policy_xcr0(&p), cpu_policy_xcr0(&pv_def));
}

/* Leaves and MSRs that no policy has are refused, each with its own number. */
static void test_refusals(void **state)
{
    static const struct xen_cpuid_leaf bad[] = {
        {.leaf = 0xe, .subleaf = XEN_CPUID_NO_SUBLEAF},
        {.leaf = 0x40000001, .subleaf = XEN_CPUID_NO_SUBLEAF},
        {.leaf = 0x80000022, .subleaf = XEN_CPUID_NO_SUBLEAF},
        {.leaf = 0x7fffffff, .subleaf = XEN_CPUID_NO_SUBLEAF},
        {.leaf = 1, .subleaf = 0},
        {.leaf = 4, .subleaf = CPU_NR_CACHE},
        {.leaf = 7, .subleaf = XEN_CPUID_NO_SUBLEAF},
        {.leaf = 0xd, .subleaf = CPU_NR_XSTATE},
    };
    struct xen_msr_entry m = {.idx = 0xce, .val = 1};
    uint32_t leaf, subleaf;
    struct cpu_policy p;

    build(full_machine);
    p = pv_max;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(cpu_policy_from_leaf(&p, &bad[i]), -ERANGE);
    assert_int_equal(cpu_policy_from_msr(&p, &m), -EOVERFLOW);
    m = (struct xen_msr_entry){.idx = 0x10};
    assert_int_equal(cpu_policy_from_msr(&p, &m), -ERANGE);
    m = (struct xen_msr_entry){.idx = 0xce, .flags = 1};
    assert_int_equal(cpu_policy_from_msr(&p, &m), -EINVAL);

    assert_int_equal(cpu_policy_check(&p, &pv_max, &leaf, &subleaf), 0);
    p.basic[0].a++;
    assert_int_equal(cpu_policy_check(&p, &pv_max, &leaf, &subleaf), -EINVAL);
    assert_int_equal(leaf, 0);
}

/* Answers: our leaves say Xen 4.17, limits hold, the XSAVE size follows XCR0. */
static void test_lookup(void **state)
{
    struct cpuid_view view = {
        .xcr0 = 7, .machine_address_bits = 40, .guest_tsc_khz = 1234, .tsc_shift = -1};
    struct cpuid_leaf r;

    build(full_machine);
    cpu_policy_lookup(&pv_def, &view, 0x40000000, 0, &r);
    assert_int_equal(r.a, 0x40000005);
    assert_memory_equal(&r.b, "XenVMMXenVMM", 12);
    cpu_policy_lookup(&pv_def, &view, 0x40000001, 0, &r);
    assert_int_equal(r.a, 0x00040011);
    cpu_policy_lookup(&pv_def, &view, 0x40000003, 0, &r);
    assert_int_equal(r.c, 1234);
    cpu_policy_lookup(&pv_def, &view, 0x40000003, 1, &r);
    assert_int_equal(r.d, 0xff);
    cpu_policy_lookup(&pv_def, &view, 0x40000005, 0, &r);
    assert_int_equal(r.b, 40);
    cpu_policy_lookup(&pv_def, &view, 0x40000100, 0, &r);
    assert_int_equal(r.a | r.b | r.c | r.d, 0);
    cpu_policy_lookup(&pv_def, &view, 0x1f, 0, &r);
    assert_int_equal(r.a | r.b | r.c | r.d, 0);
    cpu_policy_lookup(&pv_def, &view, 0xd, 0, &r);
    assert_int_equal(r.b, 832);
    assert_int_equal(r.c, 2688);
    cpu_policy_lookup(&pv_def, &view, 0xd, 1, &r);
    assert_int_equal(r.b, 832);
    cpu_policy_lookup(&pv_def, &view, 0xd, 63, &r);
    assert_int_equal(r.a | r.b, 0);
    for (uint64_t leaf = 0; leaf < 0x100000000ull; leaf += 0xfff1) /* any number is safe */
        cpu_policy_lookup(&pv_def, &view, (uint32_t)leaf, (uint32_t)leaf * 7, &r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filter_rows),  cmocka_unit_test(test_subsets),
        cmocka_unit_test(test_never_shown),  cmocka_unit_test(test_dependencies),
        cmocka_unit_test(test_clamp_random), cmocka_unit_test(test_serialise),
        cmocka_unit_test(test_refusals),     cmocka_unit_test(test_lookup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
