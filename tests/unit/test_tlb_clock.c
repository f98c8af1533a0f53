/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: the flush clock never says that a CPU has flushed when it has not since the stamp was
 * taken, however long ago that was; and it does say so soon after it has.
 */
// SOURCES: hypervisor/mem/tlb_clock.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "mem/tlb.h"

static void flush(unsigned cpu)
{
    tlb_flush_end(cpu, tlb_flush_begin());
}

static bool needs(unsigned cpu, uint32_t stamp)
{
    cpumask_t m = cpumask_of(cpu);

    tlb_filter(&m, stamp);
    return m != 0;
}

static void order(void **state)
{
    uint32_t stamp;
    uint64_t t;

    assert_int_not_equal(tlb_clock(), 0);
    flush(3);
    stamp = tlb_clock();
    assert_true(needs(3, stamp));
    flush(4);
    assert_true(needs(3, stamp));
    assert_false(needs(4, stamp));
    flush(3);
    assert_false(needs(3, stamp));
    assert_false(needs(3, 0));
    /* Over the end of the low half: no stamp is 0, and a flush still counts. */
    tlb_clock_now = 0xffffffffUL;
    stamp = tlb_clock();
    flush(3);
    assert_int_not_equal(tlb_clock(), 0);
    assert_false(needs(3, stamp));
    assert_true(needs(4, stamp));
    /* A mapping removed while a flush is under way is not covered by it. */
    t = tlb_flush_begin();
    stamp = tlb_clock();
    tlb_flush_end(3, t);
    assert_true(needs(3, stamp));
}

/* The model keeps true 64-bit times; the clock is moved by leaps over its low half. */
static void very_old_stamps(void **state)
{
    static const uint64_t leaps[] = {2,         2,        2, 1UL << 30, 1UL << 31, (1UL << 32) - 2,
                                     1UL << 32, 3UL << 32};
    uint64_t flushed[4] = {0}, taken[16] = {0};
    uint32_t stamp[16] = {0};
    unsigned spared = 0;

    srandom(7);
    for (unsigned step = 0; step < 200000; step++) {
        unsigned cpu = (unsigned)random() % 4, i = (unsigned)random() % 16;

        switch (random() % 4) {
        case 0: tlb_clock_now += leaps[(unsigned)random() % 8]; break;
        case 1:
            flush(cpu);
            flushed[cpu] = tlb_clock_now;
            break;
        default:
            if (random() % 4 == 0) {
                stamp[i] = tlb_clock();
                taken[i] = tlb_clock_now;
                assert_int_not_equal(stamp[i], 0);
            } else if (stamp[i]) {
                bool n = needs(cpu, stamp[i]);

                if (flushed[cpu] <= taken[i])
                    assert_true(n);
                spared += !n;
            }
        }
    }
    assert_true(spared > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(order), cmocka_unit_test(very_old_stamps)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
