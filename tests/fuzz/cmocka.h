/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The assertions of the unit tests, for fuzzers that use a unit test's model: a claim that does not
 * hold aborts the program, which libFuzzer takes for a finding.  In front of the library's header
 * of the same name by the order of -I.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define fail_msg(...)                                                                              \
    do {                                                                                           \
        fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                            \
        fprintf(stderr, __VA_ARGS__);                                                              \
        fputc('\n', stderr);                                                                       \
        abort();                                                                                   \
    } while (0)

#define assert_true(x)                                                                             \
    do {                                                                                           \
        if (!(x))                                                                                  \
            fail_msg("%s does not hold", #x);                                                      \
    } while (0)
#define assert_false(x)    assert_true(!(x))
#define assert_null(x)     assert_true(!(x))
#define assert_non_null(x) assert_true(x)

#define COMPARE_INTS(a, op, b)                                                                     \
    do {                                                                                           \
        uint64_t a_ = (uint64_t)(a), b_ = (uint64_t)(b);                                           \
                                                                                                   \
        if (!(a_ op b_))                                                                           \
            fail_msg("%s (%#lx) %s %s (%#lx) does not hold", #a, a_, #op, #b, b_);                 \
    } while (0)
#define assert_int_equal(a, b)     COMPARE_INTS(a, ==, b)
#define assert_int_not_equal(a, b) COMPARE_INTS(a, !=, b)
#define assert_in_range(v, low, high)                                                              \
    do {                                                                                           \
        COMPARE_INTS(v, >=, low);                                                                  \
        COMPARE_INTS(v, <=, high);                                                                 \
    } while (0)
#define assert_ptr_equal(a, b)       assert_true((const void *)(a) == (const void *)(b))
#define assert_string_equal(a, b)    assert_true(!strcmp(a, b))
#define assert_memory_equal(a, b, n) assert_true(!memcmp(a, b, n))

#define print_message(...) ((void)0)

/* The unit test's own list, which nobody runs here. */
struct CMUnitTest {
    void (*test)(void **state);
    int (*setup)(void **state);
    int (*teardown)(void **state);
};
#define cmocka_unit_test(f)                                                                        \
    {                                                                                              \
        f, NULL, NULL                                                                              \
    }
#define cmocka_unit_test_setup_teardown(f, s, t)                                                   \
    {                                                                                              \
        f, s, t                                                                                    \
    }
#define cmocka_run_group_tests(tests, s, t) ((void)(tests), 0)
