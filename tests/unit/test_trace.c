/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The trace ring gives back what was put in, in order, whatever the sizes and wherever the end of
 * the ring falls; with a reader it loses the newest and says how many, without one the oldest; no
 * content of the shared memory makes it leave the ring.  The decoder's lines are as they are
 * documented.  A latency is in the bucket of its power of two.
 */
// SOURCES: hypervisor/debug/trace_ring.c hypervisor/hypercall/trace_text.c hypervisor/hypercall/call_names.c hypervisor/lib/format.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/cpu_info.h"
#include "debug/trace.h"
#include "hypercall/observe.h"
#include "hypercall/trace_text.h"

#define SIZE 1000 /* no power of two, as the real ones */

struct cpu_info host_cpu_info;

static struct trace_ring ring;

/* Of exactly the ring's size, so that the sanitizer sees a step outside. */
static struct t_buf *fresh(bool with_reader)
{
    struct t_buf *buf = calloc(1, sizeof(*buf) + SIZE);

    trace_ring_init(&ring, buf, SIZE);
    trace_ring_reset(&ring, with_reader);
    return buf;
}

static struct trace_rec record(uint32_t seed)
{
    struct trace_rec r = {.event = 0x01002000 | (seed & 0xfff), .tsc = seed * 77ul, .n = seed % 8};

    for (unsigned i = 0; i < r.n; i++)
        r.word[i] = seed + i;
    return r;
}

static void assert_same(const struct trace_rec *a, const struct trace_rec *b)
{
    assert_int_equal(a->event, b->event);
    assert_int_equal(a->tsc, b->tsc);
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->word, b->word, a->n * sizeof(a->word[0]));
}

/* A reader like xentrace's user: consumes up to prod, and looks at the shared words alone. */
static void records_come_out_as_they_went_in(void **state)
{
    struct t_buf *buf = fresh(true);
    uint32_t in = 0, out = 0, at = 0;
    bool half;

    srand(1);
    while (out < 20000) {
        for (unsigned n = (unsigned)rand() % 12; n; n--, in++) {
            struct trace_rec r = record(in);

            assert_true(trace_ring_put(&ring, &r, &half));
        }
        for (struct trace_rec got; trace_ring_next(&ring, &at, &got); out++) {
            struct trace_rec r = record(out);

            assert_same(&got, &r);
        }
        assert_int_equal(at, buf->prod);
        assert_int_equal(out, in);
        buf->cons = at;
    }
    free(buf);
}

static void without_a_reader_the_newest_stay(void **state)
{
    struct t_buf *buf = fresh(false);
    bool half;

    for (uint32_t i = 0; i < 5000; i++) {
        struct trace_rec r = record(i), got;
        uint32_t at, n = 0;

        assert_true(trace_ring_put(&ring, &r, &half));
        assert_false(half);
        for (at = ring.oldest; trace_ring_next(&ring, &at, &got); n++)
            ;
        assert_same(&got, &r); /* the last */
        assert_true(n == i + 1 || n >= SIZE / 40 - 2);
        assert_int_equal(buf->cons, ring.oldest);
    }
    free(buf);
}

static void with_a_reader_the_newest_are_lost_and_counted(void **state)
{
    struct t_buf *buf = fresh(true);
    struct trace_rec r = record(7), got;
    uint32_t stored = 0, halves = 0, at = 0, seen = 0;
    bool half;

    for (; trace_ring_put(&ring, &r, &half); stored++)
        halves += half;
    assert_int_equal(halves, 1);
    assert_int_equal(stored, SIZE / 40);
    for (unsigned i = 0; i < 4; i++)
        assert_false(trace_ring_put(&ring, &r, &half));
    while (trace_ring_next(&ring, &at, &got))
        seen++;
    assert_int_equal(seen, stored);
    buf->cons = at;
    assert_true(trace_ring_put(&ring, &r, &half));
    assert_true(trace_ring_next(&ring, &at, &got));
    assert_int_equal(got.event, TRC_LOST_RECORDS);
    assert_int_equal(got.word[0], 5);
    assert_true(trace_ring_next(&ring, &at, &got));
    assert_same(&got, &r);
    free(buf);
}

static void shared_memory_may_hold_anything(void **state)
{
    bool half;

    srand(2);
    for (unsigned mode = 0; mode < 2; mode++) {
        struct t_buf *buf = fresh(mode);
        uint8_t *bytes = (uint8_t *)buf;

        for (unsigned i = 0; i < 200000; i++) {
            struct trace_rec r = record((uint32_t)rand()), got;
            uint32_t at = ring.oldest;

            for (unsigned n = (unsigned)rand() % 20; n; n--)
                bytes[(unsigned)rand() % (SIZE + 8)] = (uint8_t)rand();
            if (rand() % 4 == 0)
                buf->cons = (uint32_t)rand() % (2 * SIZE) & ~3u;
            trace_ring_put(&ring, &r, &half);
            assert_true(ring.prod < 2 * SIZE && ring.oldest < 2 * SIZE);
            while (i % 16 == 0 && trace_ring_next(&ring, &at, &got))
                ;
        }
        free(buf);
    }
}

static const char *text(uint32_t offset)
{
    return offset == 5 ? "no such port" : offset == 6 ? "hypervisor/domain/evtchn.c" : NULL;
}

static struct trace_decoder decoder;

static const char *line(uint32_t event, unsigned n, ...)
{
    struct trace_rec r = {.event = event, .n = n};
    static char buf[400];
    va_list args;
    int length;

    va_start(args, n);
    for (unsigned i = 0; i < n; i++)
        r.word[i] = va_arg(args, uint32_t);
    va_end(args);
    buf[0] = 0;
    length = trace_text(&decoder, &r, buf, sizeof(buf));
    assert_int_equal(length, strlen(buf));
    return buf;
}

static void records_read_like_this(void **state)
{
    uint32_t mmu = 1 | (uint32_t)(TRC_PV_HYPERCALL_V2_ARG_64(0) | TRC_PV_HYPERCALL_V2_ARG_32(1) |
                                  TRC_PV_HYPERCALL_V2_ARG_32(2) | TRC_PV_HYPERCALL_V2_ARG_32(3));

    decoder = (struct trace_decoder){.text = text, .who = TRACE_NOBODY};
    assert_string_equal(line(TRC_SCHED_SWITCH, 4, 0x7fff, 0, 1, 2), "idle -> d1v2 ");
    assert_string_equal(line(TRC_PV_HYPERCALL_V2, 6, mmu, 0x3c01000, 0xffff8880, 1, 0, 0x7ff0), "");
    assert_string_equal(line(TRC_PAVIS_RETURN, 5, 1, 0x10002, 0, 0, 12345),
                        "d1v2 mmu_update(reqs=0xffff888003c01000, count=1, done=0, dom=0x7ff0) = 0 "
                        "[12 us]");
    assert_string_equal(line(TRC_PV_HYPERCALL_V2, 1, 29), "");
    assert_string_equal(line(TRC_PAVIS_REFUSED, 5, 0x10002, (uint32_t)-22, 5, 6, 86),
                        "d1v2 sched_op(cmd=..., arg=...)\n"
                        "d1v2 refused (-22): no such port [hypervisor/domain/evtchn.c:86]");
    assert_string_equal(line(TRC_PAVIS_RETURN, 5, 29, 0x10002, (uint32_t)-22, ~0u, 900),
                        "d1v2 sched_op = -22 [900 ns]");
    assert_string_equal(line(TRC_PAVIS_RETURN, 5, 12, 0x10002, 12, 0, 0),
                        "d1v2 memory_op = 12 [to be continued]");
    assert_string_equal(line(TRC_PAVIS_EVENT, 2, 0x30001, 9), "event to d3v1 port 9");
    assert_string_equal(line(TRC_PAVIS_CRASH, 2, 4, 1), "d4 crashed: ?");
    assert_string_equal(line(TRC_PV_PAGE_FAULT | TRC_64_FLAG, 5, 1, 2, 3, 4, 7),
                        "d1v2 page fault at 0x400000003, code 0x7, rip 0x200000001");
    assert_string_equal(line(TRC_SCHED_RUNSTATE_CHANGE | 0x20, 1, 5), "d0v5 running -> blocked");
    assert_string_equal(line(0x00801005, 2, 1, 2), "event 0x801005: 1 2");
}

/* Whatever the words say, a line ends where its buffer does. */
static void strange_records_do_not_overflow(void **state)
{
    char *buf = malloc(60);

    srand(3);
    decoder = (struct trace_decoder){.text = text, .who = TRACE_NOBODY};
    for (unsigned i = 0; i < 200000; i++) {
        static const uint32_t events[] = {TRC_PV_HYPERCALL_V2,       TRC_PV_HYPERCALL_SUBCALL,
                                          TRC_PAVIS_RETURN,          TRC_PAVIS_REFUSED,
                                          TRC_PAVIS_EVENT,           TRC_SCHED_SWITCH,
                                          TRC_SCHED_RUNSTATE_CHANGE, 0x1234};
        struct trace_rec r = {.event = events[rand() % 8], .n = (unsigned)rand() % 8};

        for (unsigned k = 0; k < 7; k++)
            r.word[k] = (uint32_t)rand() << (rand() % 2) | (uint32_t)rand() % 64;
        assert_in_range(trace_text(&decoder, &r, buf, 60), 0, 59);
    }
    free(buf);
}

static void latencies_fall_into_powers_of_two(void **state)
{
    assert_int_equal(latency_bucket(0), 0);
    assert_int_equal(latency_bucket(1), 0);
    assert_int_equal(latency_bucket(2), 1);
    assert_int_equal(latency_bucket(1023), 9);
    assert_int_equal(latency_bucket(1024), 10);
    assert_int_equal(latency_bucket(UINT32_MAX), 31);
    assert_int_equal(latency_bucket(UINT64_MAX), 31);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_out_as_they_went_in),
        cmocka_unit_test(without_a_reader_the_newest_stay),
        cmocka_unit_test(with_a_reader_the_newest_are_lost_and_counted),
        cmocka_unit_test(shared_memory_may_hold_anything),
        cmocka_unit_test(records_read_like_this),
        cmocka_unit_test(strange_records_do_not_overflow),
        cmocka_unit_test(latencies_fall_into_powers_of_two),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
