/* SPDX-License-Identifier: GPL-2.0-only */
/* Debug keys about time: timers of each processor, and how the TSCs do. */
#include "console/keys.h"
#include "console/log.h"
#include "cpu/clocksource.h"
#include "sched/sched.h"
#include "time/clock.h"
#include "time/clock_internal.h"
#include "time/timer_queue.h"

static void dump_timers(char key)
{
    uint64_t now = now_ns();

    printk(XENLOG_INFO "timers, now %lu ns\n", now);
    for (cpumask_t cpus = sched_online; cpus; cpus &= cpus - 1) {
        unsigned int cpu = (unsigned int)__builtin_ctzl(cpus);
        const struct timer_queue *q = timer_queue_of(cpu);
        const struct timer_node *first = q->heap.root;

        printk(XENLOG_INFO "cpu %u: %u queued, %lu expired, at most %lu ns late; next in %ld us%s"
                           "%pS\n",
               cpu, q->nr, q->expired, q->late_max,
               first ? (int64_t)(first->expires - now) / 1000 : -1, first ? ": " : "",
               first ? (void *)container_of(first, const struct timer, node)->fn : NULL);
    }
}

static void dump_tsc(char key)
{
    printk(XENLOG_INFO "TSC %u kHz by %s, %s; now %lu ns\n", tsc_khz, clocksource_name,
           clock_tsc_stable() ? "in step on all processors" : "corrected each second", now_ns());
    for (cpumask_t cpus = sched_online; cpus; cpus &= cpus - 1) {
        unsigned int cpu = (unsigned int)__builtin_ctzl(cpus);
        const struct clock_stamp *s = &clock_stamps[cpu];

        printk(XENLOG_INFO "cpu %u: TSC %lu is %lu ns, mul %#x shift %d\n", cpu, s->tsc, s->ns,
               s->scale.mul, s->scale.shift);
    }
}

void clock_register_keys(void)
{
    keys_register('a', dump_timers, "timer queues", true);
    keys_register('s', dump_tsc, "TSC and system time", true);
}
