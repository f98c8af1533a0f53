/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: xenbus/tools/text.c
// LIBS: -Ixenbus
/* Any value survives being printed by xenstore-read and given to xenstore-write, in printable ASCII
 * and in the room that is promised; and escapes are those that scripts know.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tools/text.h"

static void assert_round_trip(const char *value, size_t len)
{
    /* Of exactly the promised size, so that the sanitizer sees one byte more. */
    char *text = malloc(TEXT_ESCAPED_SIZE(len));
    size_t size = text_escape(text, value, len);
    assert_int_equal(strlen(text), size);
    for (size_t i = 0; i < size; i++)
        assert_in_range(text[i], 0x20, 0x7e);
    char *back = malloc(size + 1);
    assert_int_equal(text_unescape(back, text), len);
    assert_memory_equal(back, value, len);
    free(back);
    free(text);
}

static void test_round_trip(void **state)
{
    char value[300];
    unsigned seed = 1;
    (void)state;
    for (int c = 0; c < 256; c++) {
        value[0] = (char)c;
        assert_round_trip(value, 1);
        for (int next = 0; next < 256;
             next++) { /* a digit behind an escape is not taken for a part of it */
            value[1] = (char)next;
            assert_round_trip(value, 2);
        }
    }
    for (int i = 0; i < 2000; i++) {
        size_t len = (size_t)rand_r(&seed) % sizeof(value);
        for (size_t j = 0; j < len; j++)
            value[j] = (char)rand_r(&seed);
        assert_round_trip(value, len);
    }
}

static void test_known(void **state)
{
    static const struct {
        const char *text;
        const char *value;
        size_t len;
    } cases[] = {
        {"", "", 0},
        {"plain", "plain", 5},
        {"\\t\\n\\r\\\\", "\t\n\r\\", 4},
        {"\\x41\\x4g", "A\004g", 3},
        {"\\101\\18", "A\0018", 3},
        {"\\777", "\377", 1},
        {"\\q\\x", "qx", 2},
        {"\\", "\0", 1},
        {"a\\", "a\0", 2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *value = malloc(strlen(cases[i].text) + 1);
        assert_int_equal(text_unescape(value, cases[i].text), cases[i].len);
        assert_memory_equal(value, cases[i].value, cases[i].len);
        free(value);
    }
    char text[32];
    text_escape(text, "\0\a\b\033 ~\177\377", 8);
    assert_string_equal(text, "\\000\\007\\x08\\x1b ~\\x7f\\xff");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
