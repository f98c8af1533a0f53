/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: the formatted-print engine gives what the C library gives, for every form it knows, with
 * random flags, widths, precisions and values, and never writes past the buffer it was given.
 */
// SOURCES: hypervisor/lib/format.c hypervisor/lib/string.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/format.h"

#define ROUNDS 200000

#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-truncation"

static void check(const char *mine, int mine_len, const char *theirs, int their_len,
                  const char *fmt)
{
    if (mine_len != their_len || strcmp(mine, theirs))
        fail_msg("\"%s\": \"%s\" (%d), the C library: \"%s\" (%d)", fmt, mine, mine_len, theirs,
                 their_len);
}

/* One conversion with random decoration, into a random size of buffer. */
static void one_random(void)
{
    static const char *const lengths[] = {"", "hh", "h", "l", "ll", "z", "j", "t"};
    static const char kinds[] = "diuxXo";
    char fmt[40] = "<%";
    char mine[80], theirs[80];
    size_t size = (size_t)rand() % sizeof(mine);
    unsigned int l = (unsigned int)rand() % 8;
    char kind = kinds[rand() % 6];
    uint64_t value = (uint64_t)rand() << (rand() % 40) ^ (uint64_t)rand();
    int a, b;

    value = rand() % 8 == 0 ? 0 : rand() % 4 ? value : -value;
    for (int i = rand() % 3; i; i--)
        strncat(fmt, &"-0+ #"[rand() % 5], 1);
    if (rand() % 2)
        sprintf(fmt + strlen(fmt), "%d", rand() % 30);
    if (rand() % 3 == 0)
        sprintf(fmt + strlen(fmt), ".%d", rand() % 20);
    sprintf(fmt + strlen(fmt), "%s%c>", lengths[l], kind);
    memset(mine, 'M', sizeof(mine));
    memset(theirs, 'M', sizeof(theirs));
    if (l >= 3) {
        a = hv_snprintf(mine, size, fmt, value);
        b = snprintf(theirs, size, fmt, value);
    } else {
        a = hv_snprintf(mine, size, fmt, (unsigned int)value);
        b = snprintf(theirs, size, fmt, (unsigned int)value);
    }
    if (a != b || memcmp(mine, theirs, sizeof(mine)))
        fail_msg("\"%s\" of %#lx in %zu: %d %.79s, the C library: %d %.79s", fmt, value, size, a,
                 mine, b, theirs);
}

static void numbers_as_the_c_library(void **state)
{
    srand(1);
    for (int i = 0; i < ROUNDS; i++)
        one_random();
}

#define SAME(...)                                                                                  \
    do {                                                                                           \
        char m[64], t[64];                                                                         \
        int a = hv_snprintf(m, sizeof(m), __VA_ARGS__);                                            \
        check(m, a, t, snprintf(t, sizeof(t), __VA_ARGS__), #__VA_ARGS__);                         \
    } while (0)

static void strings_as_the_c_library(void **state)
{
    SAME("%s|%5s|%-5s|%.2s|%*s|%-*s", "abc", "x", "y", "wxyz", 4, "q", 4, "r");
    SAME("%c%c%%|%3c|%-3c|", 'a', 'b', 'c', 'd');
    SAME("%.*s|%.*d", 3, "abcdef", 4, 7);
    SAME("%*d|%-8ld|%08lx", -6, 42, 77L, 0xabcdefUL);
    SAME("plain");
    SAME("%.0d|%.d|%d", 0, 0, 0);
}

static void own_forms(void **state)
{
    const char *volatile none = NULL;
    char buf[64];

    hv_snprintf(buf, sizeof(buf), "%p", (void *)0x1234);
    assert_string_equal(buf, "0000000000001234");
    hv_snprintf(buf, sizeof(buf), "%s", none);
    assert_string_equal(buf, "(null)");
    assert_int_equal(hv_snprintf(NULL, 0, "%d", 12345), 5);
    assert_int_equal(format_append(buf, 4, "%s", "abcdef"), 3);
    assert_string_equal(buf, "abc");
}

static void hook(char *buf, size_t size, uint64_t addr)
{
    snprintf(buf, size, "sym@%lx", addr);
}

static void symbols_through_the_hook(void **state)
{
    char buf[64];

    hv_snprintf(buf, sizeof(buf), "%pS.", (void *)0x10);
    assert_string_equal(buf, "0000000000000010.");
    format_symbol_hook = hook;
    hv_snprintf(buf, sizeof(buf), "%pS.%p", (void *)0x10, (void *)0x20);
    assert_string_equal(buf, "sym@10.0000000000000020");
    format_symbol_hook = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_as_the_c_library),
        cmocka_unit_test(strings_as_the_c_library),
        cmocka_unit_test(own_forms),
        cmocka_unit_test(symbols_through_the_hook),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
