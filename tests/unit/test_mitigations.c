/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: from vendor, family, model and ARCH_CAPABILITIES a processor is judged as the vendors'
 * lists say, one that nothing is known of is taken to be vulnerable, and what is on is Xen's
 * default for dom0 and for the others unless the boot options say otherwise.
 */
// SOURCES: hypervisor/cpu/mitigations.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/mitigations.h"

#define INTEL(m) .is_intel = true, .family = 6, .model = (m)

static const struct {
    const char *what;
    struct cpu_caps caps;
    bool meltdown, l1tf;
} cpus[] = {
    {"Nehalem", {INTEL(0x1a)}, true, true},
    {"Skylake client, as QEMU shows it", {INTEL(0x5e)}, true, true},
    {"Skylake server with SKIP_L1DFL alone", {INTEL(0x55), .arch_caps = 8}, true, true},
    {"Cascade Lake: RDCL_NO", {INTEL(0x55), .arch_caps = 0x2b}, false, false},
    {"a model of the future without a word", {INTEL(0xff)}, true, true},
    {"Bonnell, in order", {INTEL(0x1c)}, false, false},
    {"Saltwell, in order", {INTEL(0x36)}, false, false},
    {"Silvermont", {INTEL(0x37)}, true, false},
    {"Goldmont", {INTEL(0x5c)}, true, false},
    {"Knights Landing", {INTEL(0x57)}, true, false},
    {"Pentium 4", {.is_intel = true, .family = 0xf, .model = 4}, true, false},
    {"a model number of family 6 in another family",
     {.is_intel = true, .family = 0xf, .model = 0x1c},
     true,
     false},
    {"EPYC", {.is_amd = true, .family = 0x17, .model = 1}, false, false},
    {"QEMU's max: AMD, family 6", {.is_amd = true, .family = 6, .model = 6}, false, false},
    {"another vendor", {.family = 6, .model = 0xf}, true, false},
    {"another vendor that says RDCL_NO", {.family = 7, .arch_caps = 1}, false, false},
};

static void judged(void **state)
{
    for (unsigned i = 0; i < ARRAY_SIZE(cpus); i++) {
        struct vulnerabilities v;

        vulnerabilities_judge(&cpus[i].caps, &v);
        if (v.meltdown != cpus[i].meltdown || v.l1tf != cpus[i].l1tf)
            fail_msg("%s: Meltdown %d, L1TF %d", cpus[i].what, v.meltdown, v.l1tf);
        assert_true(v.meltdown_why && *v.meltdown_why && v.l1tf_why && *v.l1tf_why);
    }
}

static struct mitigations chosen(bool meltdown, bool l1tf, struct boot_options o)
{
    const struct vulnerabilities v = {.meltdown = meltdown, .l1tf = l1tf};

    mitigations_choose(&v, &o);
    return mitigations;
}

static void defaults(void **state)
{
    struct mitigations m = chosen(true, true, (struct boot_options){0});

    assert_true(m.restricted_roots[0] && m.restricted_roots[1]);
    assert_true(!m.l1tf_check[0] && m.l1tf_check[1]);
    m = chosen(false, false, (struct boot_options){0});
    assert_true(!m.restricted_roots[0] && !m.restricted_roots[1]);
    assert_true(!m.l1tf_check[0] && !m.l1tf_check[1]);
    m = chosen(true, false, (struct boot_options){0});
    assert_true(m.restricted_roots[1] && !m.l1tf_check[1]);
}

static void options(void **state)
{
    struct mitigations m =
        chosen(true, true, (struct boot_options){.xpti = {CHOICE_NO}, .l1tf = {CHOICE_YES}});

    assert_true(!m.restricted_roots[0] && m.restricted_roots[1]);
    assert_true(m.l1tf_check[0] && m.l1tf_check[1]);
    m = chosen(
        false, false,
        (struct boot_options){.xpti = {CHOICE_YES, CHOICE_YES}, .l1tf = {CHOICE_YES, CHOICE_YES}});
    assert_true(m.restricted_roots[0] && m.restricted_roots[1]);
    assert_true(m.l1tf_check[0] && m.l1tf_check[1]);
    m = chosen(
        true, true,
        (struct boot_options){.xpti = {CHOICE_NO, CHOICE_NO}, .l1tf = {CHOICE_NO, CHOICE_NO}});
    assert_true(!m.restricted_roots[0] && !m.restricted_roots[1]);
    assert_true(!m.l1tf_check[0] && !m.l1tf_check[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judged),
        cmocka_unit_test(defaults),
        cmocka_unit_test(options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
