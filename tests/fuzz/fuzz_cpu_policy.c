/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPU policies as tools store them for a domain: whatever leaves and MSRs they name, what the
 * domain is shown afterwards is a part of what it may be shown, and any leaf can be asked for.
 */
// SHORT: 30000
// MODEL: tests/unit/test_cpu_policy.c
#define main unit_main
#include "../unit/test_cpu_policy.c"

#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    build(full_machine);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct xen_cpuid_leaf leaves[CPU_POLICY_MAX_LEAVES];
    struct cpuid_view view = {.machine_address_bits = 40};
    struct fuzz_input in = {data, size};
    uint32_t leaf, subleaf;
    struct cpuid_leaf answer;
    static struct cpu_policy p;

    p = pv_def;
    view.xcr0 = fuzz_take(&in, 1);
    while (in.left) {
        if (fuzz_take(&in, 1) & 7) {
            struct xen_cpuid_leaf l = {.leaf = (uint32_t)fuzz_take(&in, 4),
                                       .subleaf = (uint32_t)fuzz_take(&in, 4),
                                       .a = (uint32_t)fuzz_take(&in, 4),
                                       .b = (uint32_t)fuzz_take(&in, 4),
                                       .c = (uint32_t)fuzz_take(&in, 4),
                                       .d = (uint32_t)fuzz_take(&in, 4)};

            (void)cpu_policy_from_leaf(&p, &l);
        } else {
            struct xen_msr_entry m = {.idx = (uint32_t)fuzz_take(&in, 4),
                                      .flags = (uint32_t)fuzz_take(&in, 1),
                                      .val = fuzz_take(&in, 8)};

            (void)cpu_policy_from_msr(&p, &m);
        }
    }
    (void)cpu_policy_check(&p, &pv_max, &leaf, &subleaf);
    cpu_policy_clamp(&p, &pv_max);
    assert_subset(&p, &pv_max);
    assert_true(p.feat[0].a <= pv_max.feat[0].a);
    assert_true((p.extd[8].a & 0xff) <= 0x30);
    assert_int_equal(p.xstate[0].c,
                     cpu_policy_xcr0(&p) ? cpu_policy_xsave_size(&p, cpu_policy_xcr0(&p)) : 0);
    assert_true(cpu_policy_to_leaves(&p, leaves, ARRAY_SIZE(leaves)) <= ARRAY_SIZE(leaves));
    view.xcr0 &= cpu_policy_xcr0(&p);
    for (unsigned i = 0; i < 0x30; i++) {
        cpu_policy_lookup(&p, &view, i, i * 3, &answer);
        cpu_policy_lookup(&p, &view, 0x80000000 + i, i, &answer);
        cpu_policy_lookup(&p, &view, 0x40000000 + i, i & 3, &answer);
    }
    return 0;
}
