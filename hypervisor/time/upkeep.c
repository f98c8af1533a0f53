/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What has to be done regularly for the machine itself: each CPU shows the watchdog that its timers
 * still run, and asks its machine-check banks for errors that were corrected.
 */
#include "time/upkeep.h"
#include "cpu/mce.h"
#include "cpu/smp.h"
#include "cpu/watchdog.h"
#include "time/clock.h"
#include "time/timer.h"

#define BEAT_NS     1000000000UL
#define MCE_POLL_NS 5000000000UL

static struct timer beats[NR_CPUS];
static struct timer mce_timers[NR_CPUS];

static void beat(void *timer)
{
    watchdog_touch();
    timer_set(timer, now_ns() + BEAT_NS);
}

static void poll_machine_checks(void *timer)
{
    mce_poll();
    timer_set(timer, now_ns() + MCE_POLL_NS);
}

void upkeep_start(unsigned int watchdog_seconds)
{
    unsigned int cpu;

    for_each_cpu (cpu, cpu_online_map) {
        timer_init(&mce_timers[cpu], poll_machine_checks, &mce_timers[cpu], cpu);
        timer_set(&mce_timers[cpu], now_ns() + MCE_POLL_NS);
    }
    if (!watchdog_seconds || !watchdog_start(watchdog_seconds))
        return;
    for_each_cpu (cpu, cpu_online_map) {
        timer_init(&beats[cpu], beat, &beats[cpu], cpu);
        timer_set(&beats[cpu], now_ns() + BEAT_NS);
    }
}
