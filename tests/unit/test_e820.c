/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory maps that tools set for guests: entries that are empty or wrap are refused wherever they
 * stand, everything else is accepted.
 */
// SOURCES: hypervisor/domain/e820_check.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "domain/e820.h"

static void test_accepted(void **state)
{
    struct e820_entry map[] = {
        {0, 0x9f000, 1},
        {~0ull, 1, 2}, /* the very last byte */
        {0x100000, ~0xfffffull, 2},
        {0, 0x9f000, 77}, /* overlaps and unknown types are the guest's own affair */
    };

    assert_null(e820_check(map, 4));
    assert_null(e820_check(map, 0));
}

static void test_refused(void **state)
{
    static struct e820_entry map[E820_MAX + 1];

    for (unsigned i = 0; i <= E820_MAX; i++)
        map[i] = (struct e820_entry){i * 0x1000ull, 0x1000, 1};
    assert_null(e820_check(map, E820_MAX));
    assert_non_null(e820_check(map, E820_MAX + 1));
    for (unsigned i = 0; i < E820_MAX; i++) {
        struct e820_entry good = map[i];

        map[i].size = 0;
        assert_non_null(e820_check(map, E820_MAX));
        map[i] = (struct e820_entry){~0ull - 0xfff, 0x1001, 1};
        assert_non_null(e820_check(map, E820_MAX));
        map[i] = good;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
