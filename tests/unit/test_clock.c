/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: hypervisor/time/scale.c hypervisor/time/clock_correct.c hypervisor/time/date.c
/*
 * Claim: TSC ticks become nanoseconds with a relative error below 2^-31 of the exact quotient for
 * every clock rate, never run backwards, and convert back to the first tick that reaches a
 * deadline; a clock that is off is brought to the reference without stepping back; CMOS dates are
 * read as the C library computes them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "abi/vcpu.h"
#include "sched/runstate.h"
#include "time/clock_internal.h"
#include "time/date.h"

static const uint64_t khz[] = {1,       14318,   999999,  1000000, 1000001, 2000000,
                               2400123, 3999999, 4000000, 4000001, 5123456};

/* As a guest reads it, after Linux' and Xen's description of the formula. */
static uint64_t guest_reads(struct time_scale s, uint64_t delta)
{
    unsigned __int128 product;

    if (s.shift < 0)
        delta >>= -s.shift;
    else
        delta <<= s.shift;
    product = (unsigned __int128)delta * s.mul;
    return (uint64_t)(product >> 32);
}

static void scale_error(void **state)
{
    (void)state;
    srandom(5);
    for (size_t i = 0; i < ARRAY_SIZE(khz); i++) {
        struct time_scale s = time_scale_from_khz(khz[i]);

        assert_true(s.mul >> 31); /* all 32 bits are used */
        for (unsigned int n = 0; n < 10000; n++) {
            uint64_t ticks = (uint64_t)random() << (random() % 14);
            unsigned __int128 exact = (unsigned __int128)ticks * 1000000 / khz[i];
            uint64_t ns = time_scale_ns(s, ticks);
            uint64_t slack;

            if (exact >> 62)
                continue;
            slack = (uint64_t)(exact >> 31) + 2 + (s.shift < 0 ? 1 : 0);
            assert_int_equal(ns, guest_reads(s, ticks));
            assert_true(ns <= exact);
            assert_true(exact - ns <= slack);
        }
    }
}

static void scale_back(void **state)
{
    (void)state;
    srandom(6);
    for (size_t i = 0; i < ARRAY_SIZE(khz); i++) {
        struct time_scale s = time_scale_from_khz(khz[i]);

        for (unsigned int n = 0; n < 10000; n++) {
            uint64_t ns = (uint64_t)random() << (random() % 10);
            uint64_t ticks = time_scale_ticks(s, ns);

            assert_true(time_scale_ns(s, ticks) >= ns);
            if (ticks >= 1)
                assert_true(time_scale_ns(s, ticks - 1) < ns);
        }
        assert_int_equal(time_scale_ticks(s, 0), 0);
    }
}

static void monotonic(void **state)
{
    struct time_scale s = time_scale_from_khz(2400123);

    (void)state;
    for (uint64_t t = 1ULL << 50, last = 0; t < (1ULL << 50) + 100000; t++) {
        uint64_t ns = time_scale_ns(s, t);

        assert_true(ns >= last);
        last = ns;
    }
}

/* Corrections each second: a processor 300 us ahead and one behind meet the reference, without ever
 * stepping back, though their rates are off by 100 ppm. */
static void corrected(void **state)
{
    const uint64_t second = 1000000000;
    struct time_scale nominal = time_scale_from_khz(2000000);

    (void)state;
    for (int side = -1; side <= 1; side += 2) {
        struct clock_stamp s = {0, (uint64_t)((int64_t)second + side * 300000), nominal};
        uint64_t tsc = 0, ref = second;

        for (unsigned int i = 0; i < 20; i++) {
            uint64_t before, step = 2000000000ULL + (uint64_t)(side * 200000);
            int64_t off;

            tsc += step; /* its TSC is 100 ppm fast or slow */
            ref += second;
            before = s.ns + time_scale_ns(s.scale, tsc - s.tsc);
            off = (int64_t)(before - ref);
            if (i > 1) /* drift of one second, no more */
                assert_true(off < 250000 && off > -250000);
            s = clock_corrected(nominal, tsc, before, ref, second);
            assert_true(s.ns >= before);
        }
    }
}

static void dates(void **state)
{
    (void)state;
    srandom(9);
    for (unsigned int n = 0; n < 50000; n++) {
        time_t t = (time_t)(((uint64_t)random() << 4 | (random() & 15)) % 16000000000ULL);
        struct tm tm;

        gmtime_r(&t, &tm);
        assert_int_equal(date_to_seconds((unsigned int)tm.tm_year + 1900,
                                         (unsigned int)tm.tm_mon + 1, (unsigned int)tm.tm_mday,
                                         (unsigned int)tm.tm_hour, (unsigned int)tm.tm_min,
                                         (unsigned int)tm.tm_sec),
                         t);
    }
}

static void cmos(void **state)
{
    /* 2026-11-21 23:05:59 in each encoding. */
    const uint64_t want = 1795302359;
    struct rtc_registers bcd24 = {0x59, 0x05, 0x23, 0x21, 0x11, 0x26, 0x20, 0x02};
    struct rtc_registers bcd12 = {0x59, 0x05, 0x91, 0x21, 0x11, 0x26, 0x20, 0x00};
    struct rtc_registers bin24 = {59, 5, 23, 21, 11, 26, 20, 0x06};
    struct rtc_registers no_century = {0x59, 0x05, 0x23, 0x21, 0x11, 0x26, 0x00, 0x02};
    struct rtc_registers ones = {255, 255, 255, 255, 255, 255, 255, 255};
    struct rtc_registers bad = bcd24;
    uint64_t sec = 0;

    (void)state;
    assert_true(rtc_decode(&bcd24, &sec) && sec == want);
    assert_true(rtc_decode(&bcd12, &sec) && sec == want);
    assert_true(rtc_decode(&bin24, &sec) && sec == want);
    assert_true(rtc_decode(&no_century, &sec) && sec == want);
    bcd12.hour = 0x12; /* 12 am: midnight */
    assert_true(rtc_decode(&bcd12, &sec) && sec == want - 23 * 3600);
    assert_false(rtc_decode(&ones, &sec));
    bad.month = 0x13;
    assert_false(rtc_decode(&bad, &sec));
    bad = bcd24;
    bad.minute = 0x5a;
    assert_false(rtc_decode(&bad, &sec));
}

/* The four times of a run state always add up to the time since its creation, even when the clock
 * of another processor is a little behind. */
static void runstates(void **state)
{
    struct vcpu_runstate_info r, snap;
    uint64_t now = 5000, expected[4] = {0}, entered;
    int32_t current = RUNSTATE_offline;

    (void)state;
    srandom(11);
    runstate_init(&r, current, now);
    entered = now;
    for (unsigned int i = 0; i < 100000; i++) {
        uint64_t at = now + (uint64_t)random() % 1000, sum = 0;
        int32_t next = (int32_t)(random() % 4);

        if (random() % 10 == 0)
            at = entered - (uint64_t)random() % 50; /* behind */
        runstate_change(&r, next, at);
        if (at > entered) {
            expected[current] += at - entered;
            entered = at;
        }
        current = next;
        now = max(now, at);
        for (unsigned int s = 0; s < 4; s++) {
            assert_int_equal(r.time[s], expected[s]);
            sum += r.time[s];
        }
        assert_int_equal(sum, r.state_entry_time - 5000);
        runstate_snapshot(&r, now + 7, &snap);
        assert_int_equal(snap.time[current], r.time[current] + now + 7 - r.state_entry_time);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scale_error), cmocka_unit_test(scale_back), cmocka_unit_test(monotonic),
        cmocka_unit_test(corrected),   cmocka_unit_test(dates),      cmocka_unit_test(cmos),
        cmocka_unit_test(runstates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
