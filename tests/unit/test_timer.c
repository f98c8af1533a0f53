/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: hypervisor/time/timer.c hypervisor/time/timer_heap.c
/*
 * Claim: each timer that is set runs once, on the processor it belongs to, not before its deadline,
 * and as soon as that processor's local APIC was told to look; the APIC is always programmed for
 * the earliest; stopping, killing, resetting and moving between processors lose and double nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "cpu/apic.h"
#include "cpu/cpu_info.h"
#include "hooks.h"
#include "sched/softirq.h"
#include "time/clock.h"
#include "time/timer_queue.h"

#define CPUS 3
#define N    64

struct cpu_info host_cpu_info;
static uint64_t now, armed[CPUS];
static bool pending[CPUS];

uint64_t now_ns(void)
{
    return now;
}
uint64_t ns_to_tsc_deadline(uint64_t ns)
{
    return ns;
}
void apic_timer_arm(uint64_t tsc)
{
    armed[host_cpu_info.cpu] = tsc;
}
void apic_timer_stop(void)
{
    armed[host_cpu_info.cpu] = UINT64_MAX;
}
void raise_softirq(enum softirq nr)
{
    pending[host_cpu_info.cpu] = true;
}
void cpu_raise_softirq(unsigned int cpu, enum softirq nr)
{
    assert_int_equal(nr, SOFTIRQ_TIMER);
    pending[cpu] = true;
}

static struct timer timers[N];
static uint64_t due[N];      /* model: 0: not set */
static unsigned int home[N]; /* model: its processor */
static bool dead[N];
static unsigned int fired;

static void expired(void *arg)
{
    size_t i = (size_t)((struct timer *)arg - timers);

    assert_int_equal(due[i], now); /* neither early nor late */
    assert_int_equal(host_cpu_info.cpu, home[i]);
    due[i] = 0;
    fired++;
    if (random() % 4 == 0) { /* sets itself again */
        due[i] = now + 1 + (uint64_t)random() % 500;
        timer_set(&timers[i], due[i]);
    }
}

/* Each processor whose APIC is due, or that was asked to look, does so. */
static void look(void)
{
    for (unsigned int c = 0; c < CPUS; c++) {
        host_cpu_info.cpu = c;
        if (armed[c] <= now) {
            armed[c] = UINT64_MAX;
            timer_interrupt();
        }
        if (pending[c]) {
            pending[c] = false;
            timer_softirq();
        }
    }
}

/* Time passes, from one moment at which some APIC fires to the next. */
static void pass(uint64_t to)
{
    look();
    while (now < to) {
        uint64_t next = to;

        for (unsigned int c = 0; c < CPUS; c++)
            next = min(next, max(armed[c], now));
        now = next;
        look();
    }
}

static void random_operations(void **state)
{
    (void)state;
    srandom(2);
    timers_init();
    for (unsigned int c = 0; c < CPUS; c++)
        armed[c] = UINT64_MAX;
    for (size_t i = 0; i < N; i++) {
        home[i] = (unsigned int)i % CPUS;
        timer_init(&timers[i], expired, &timers[i], home[i]);
    }
    now = 1000;
    for (unsigned int step = 0; step < 100000; step++) {
        size_t i = (size_t)random() % N;

        host_cpu_info.cpu = (unsigned int)random() % CPUS;
        switch (random() % 6) {
        case 0:
        case 1:
            if (!dead[i])
                due[i] = now + 1 + (uint64_t)random() % 2000;
            timer_set(&timers[i], due[i]);
            assert_int_equal(timer_active(&timers[i]), !dead[i]);
            break;
        case 2:
            due[i] = 0;
            timer_stop(&timers[i]);
            assert_false(timer_active(&timers[i]));
            break;
        case 3:
            if (!dead[i])
                home[i] = (unsigned int)random() % CPUS;
            timer_migrate(&timers[i], home[i]);
            break;
        case 4:
            if (random() % 50 == 0 && i % 8 == 0) {
                timer_kill(&timers[i]);
                due[i] = 0;
                dead[i] = true;
            }
            break;
        case 5: pass(now + (uint64_t)random() % 300); break;
        }
    }
    assert_true(fired > 1000);
}

/* A timer that sets itself by its own deadline does not drift; an absurd deadline never comes. */
static struct timer periodic, never;
static uint64_t next_tick, ticks;

static void tick(void *arg)
{
    ticks++;
    next_tick += 1000;
    timer_set(&periodic, next_tick);
}

static void not_expected(void *arg)
{
    fail_msg("a timer for the end of time expired");
}

static void no_drift(void **state)
{
    uint64_t start = now;

    (void)state;
    for (size_t i = 0; i < N; i++) {
        due[i] = 0;
        timer_kill(&timers[i]);
    }
    host_cpu_info.cpu = 0;
    timer_init(&periodic, tick, NULL, 0);
    timer_init(&never, not_expected, NULL, 0);
    timer_set(&never, UINT64_MAX);
    next_tick = start + 1000;
    timer_set(&periodic, next_tick);
    pass(start + 1000 * 1000);
    assert_int_equal(ticks, 1000);
    assert_int_equal(never.node.expires, TIMER_NEVER);
    timer_kill(&periodic);
    timer_set(&periodic, now + 1);
    assert_false(timer_active(&periodic));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations),
        cmocka_unit_test(no_drift),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
