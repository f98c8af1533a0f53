/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: the architectural codes of machine-check banks get the names of the processor manuals,
 * and no code is without one; the watchdog's count finds a CPU that stands still for so many ticks,
 * and no CPU that moves now and then, also when its counter wraps.
 */
// SOURCES: hypervisor/cpu/mce_kind.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/mce.h"
#include "cpu/watchdog.h"

static void kinds_of_machine_checks(void **state)
{
    static const struct {
        uint16_t code;
        const char *name;
    } rows[] = {
        {0x0000, "no error"},
        {0x0005, "internal parity error"},
        {0x0400, "internal timer error"},
        {0x0401, "internal error"},
        {0x000e, "cache error"},
        {0x0014, "TLB error"},
        {0x009f, "memory controller error"},
        {0x109f, "memory controller error"}, /* the filter bit changes nothing */
        {0x0134, "cache hierarchy error"},
        {0x0e0b, "I/O error"},
        {0x0e0f, "bus or interconnect error"},
        {0x0863, "bus or interconnect error"},
        {0x2000, "error of a kind that only its maker knows"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        assert_string_equal(mce_kind(rows[i].code), rows[i].name);
    for (unsigned code = 0; code <= UINT16_MAX; code++)
        assert_true(mce_kind((uint16_t)code)[0]);
}

static void a_hang_is_found_in_time(void **state)
{
    struct watch w = {0};

    assert_false(watch_tick(&w, 7, 3)); /* it has moved since the zeroed start */
    assert_false(watch_tick(&w, 7, 3));
    assert_false(watch_tick(&w, 7, 3));
    assert_true(watch_tick(&w, 7, 3));
    assert_true(watch_tick(&w, 7, 3));
    assert_false(watch_tick(&w, 8, 3));
}

static void one_that_moves_is_never_blamed(void **state)
{
    struct watch w = {0};
    uint32_t beats = UINT32_MAX - 20; /* wraps on the way */

    for (unsigned tick = 0; tick < 1000; tick++) {
        if (tick % 5 == 0)
            beats++;
        assert_false(watch_tick(&w, beats, 6));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_of_machine_checks),
        cmocka_unit_test(a_hang_is_found_in_time),
        cmocka_unit_test(one_that_moves_is_never_blamed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
