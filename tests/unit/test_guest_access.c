/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: no address or length, alone or multiplied, lets a guest's pointer name hypervisor space
 * or wrap round; what cannot be reached is -EFAULT.
 */
// SOURCES: hypervisor/mem/guest_access.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/errno.h"
#include "mem/guest_access.h"

static uint8_t page[4096];
#define PAGE_AT 0x400000UL

uint8_t *host_guest_pointer(uint64_t gva, uint64_t n);
uint8_t *host_guest_pointer(uint64_t gva, uint64_t n)
{
    if (gva < PAGE_AT || gva - PAGE_AT > sizeof(page) || n > sizeof(page) - (gva - PAGE_AT))
        return NULL;
    return page + (gva - PAGE_AT);
}

/* Each boundary, one byte around it, with lengths up to it and over it. */
static void ranges(void **state)
{
    static const uint64_t edges[] = {0, 1UL << 47, 0xffff800000000000UL, 0xffff880000000000UL};

    for (unsigned e = 0; e < 4; e++)
        for (int64_t d = -3; d <= 3; d++)
            for (uint64_t n = 1; n <= 6; n++) {
                uint64_t a = edges[e] + (uint64_t)d;
                bool ok = true;

                for (uint64_t i = 0; i < n; i++) {
                    uint64_t b = a + i;

                    ok &= b >= a && (b < 1UL << 47 || b >= 0xffff880000000000UL);
                }
                assert_int_equal(guest_range_okay(a, n), ok);
                assert_int_equal(guest_array_okay(a, 1, n), ok);
                assert_true(guest_range_okay(a, 0));
            }
    assert_false(guest_range_okay(0x1000, 1UL << 47)); /* over the whole hole */
    assert_false(guest_range_okay(0x1000, ~0UL - 0x1000));
    assert_false(guest_range_okay(0x1000, ~0UL));
    assert_true(guest_range_okay(0xffff880000000000UL, 0x780000000000UL));
    assert_false(guest_array_okay(0x1000, 1UL << 61, 8)); /* the product is 0 */
    assert_false(guest_array_okay(0x1000, (1UL << 61) + 1, 8));
    assert_true(guest_array_okay(0x1000, 0, 8));
}

static void copies(void **state)
{
    uint8_t buf[64];
    uint64_t v = 0;

    assert_int_equal(copy_to_guest(PAGE_AT + 10, "hello", 6), 0);
    assert_int_equal(copy_from_guest(buf, PAGE_AT + 10, 6), 0);
    assert_string_equal((char *)buf, "hello");
    assert_int_equal(copy_from_guest(buf, PAGE_AT + 4090, 7), -EFAULT);
    assert_int_equal(copy_to_guest(0xffff800000000000UL, buf, 1), -EFAULT);
    assert_int_equal(copy_from_guest(buf, 0xffff82d040000000UL, 8), -EFAULT);
    assert_int_equal(put_guest_u64(PAGE_AT + 8, 0x1122334455667788UL), 0);
    assert_int_equal(get_guest_u64(&v, PAGE_AT + 8), 0);
    assert_int_equal(v, 0x1122334455667788UL);
    memset(page, 1, sizeof(page));
    assert_int_equal(clear_guest(PAGE_AT + 1, 1000), 0);
    for (unsigned i = 0; i < 1002; i++)
        assert_int_equal(page[i], i == 0 || i == 1001);
    assert_int_equal(clear_guest(PAGE_AT + 1, 5000), -EFAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ranges), cmocka_unit_test(copies)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
