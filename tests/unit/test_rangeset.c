/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: a range set holds exactly the numbers that were added and not removed, at both ends of
 * the 64-bit numbers too, in as few ranges as possible.
 */
// SOURCES: hypervisor/mem/rangeset.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/errno.h"
#include "mem/heap.h"
#include "mem/rangeset.h"

static bool no_memory;

void *hv_zalloc(size_t size)
{
    return no_memory ? NULL : calloc(1, size);
}

void hv_free(void *p)
{
    free(p);
}

#define N 200

/* Two windows, at the bottom and at the top of the numbers. */
static uint64_t number(unsigned i)
{
    return i < N ? i : ~0UL - (2 * N - 1 - i);
}

static void against_an_array(void **state)
{
    struct rangeset *s = rangeset_new();
    bool in[2 * N] = {false};

    srandom(5);
    for (unsigned step = 0; step < 20000; step++) {
        unsigned base = random() % 2 ? N : 0;
        unsigned a = base + (unsigned)random() % N, b = base + (unsigned)random() % N;
        bool add = random() % 2, all = true;

        if (random() % 3)
            b = a + (unsigned)random() % 4 < base + N ? a + (unsigned)random() % 4 : a;
        if (b >= base + N)
            b = base + N - 1;
        if (a > b) {
            assert_int_equal(rangeset_add(s, number(a), number(b)), -EINVAL);
            assert_int_equal(rangeset_remove(s, number(a), number(b)), -EINVAL);
            continue;
        }
        for (unsigned i = a; i <= b; i++)
            all &= in[i];
        assert_int_equal(rangeset_contains_range(s, number(a), number(b)), all);
        assert_int_equal((add ? rangeset_add : rangeset_remove)(s, number(a), number(b)), 0);
        for (unsigned i = a; i <= b; i++)
            in[i] = add;
        for (unsigned i = 0; i < 2 * N; i++)
            assert_int_equal(rangeset_contains(s, number(i)), in[i]);
    }
    assert_false(rangeset_contains(s, 1UL << 40));
    rangeset_free(s);
}

/* Out of memory changes nothing; no set at all contains nothing. */
static void refusals(void **state)
{
    struct rangeset *s = rangeset_new();

    no_memory = true;
    assert_int_equal(rangeset_add(s, 1, 2), -ENOMEM);
    assert_false(rangeset_contains(s, 1));
    assert_null(rangeset_new());
    no_memory = false;
    assert_int_equal(rangeset_add(s, 0, ~0UL), 0);
    assert_true(rangeset_contains_range(s, 0, ~0UL));
    no_memory = true;
    assert_int_equal(rangeset_remove(s, 5, 5), -ENOMEM);
    assert_true(rangeset_contains(s, 5));
    no_memory = false;
    rangeset_free(s);
    rangeset_free(NULL);
    assert_false(rangeset_contains(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(against_an_array),
                                       cmocka_unit_test(refusals)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
