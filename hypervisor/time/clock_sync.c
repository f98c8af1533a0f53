/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Are the processors' TSCs in step, and if not, what then.
 *
 * The test: all processors at once keep taking the highest TSC value anybody has shown and look
 * whether their own is lower.  In step means: it never is.  (That an offset smaller than the time a
 * cache line takes to travel goes unnoticed is fine: nobody else can notice it either.)
 */
#include "cpu/cpu_info.h"
#include "cpu/insn.h"
#include "cpu/smp.h"
#include "domain/domain.h"
#include "lib/atomic.h"
#include "sched/sched.h"
#include "sched/softirq.h"
#include "time/clock.h"
#include "time/clock_internal.h"
#include "time/timer.h"

#define SYNC_EVERY_NS 1000000000ULL
#define WARP_ROUNDS   20000
#define WARP_MAX_NS   2000000ULL /* emulated processors that share a real one: do not spin long */

static struct timer sync_timer;
static struct time_scale nominal;

static struct {
    unsigned int arrived; /* processors at the meeting point */
    unsigned int expected;
    uint64_t go_ns; /* the boot processor's time as it let them go; 0: wait */
    uint64_t highest_tsc;
    bool went_back;
    bool step; /* set stamps without regard to what they show */
} meet;

static void warp_rounds(void)
{
    uint64_t start = rdtsc_ordered();

    for (unsigned int i = 0; i < WARP_ROUNDS; i++) {
        uint64_t seen = load_acquire(&meet.highest_tsc), own = rdtsc_ordered();

        if (own < seen)
            store_once(&meet.went_back, true);
        while (own > seen && !atomic_cmpxchg(&meet.highest_tsc, &seen, own))
            ;
        if (time_scale_ns(nominal, own - start) > WARP_MAX_NS)
            return;
    }
}

static void warp_on_cpu(void *arg)
{
    atomic_inc(&meet.arrived);
    while (load_once(&meet.arrived) < meet.expected)
        smp_poll_calls();
    warp_rounds();
}

bool clock_warp_test(void)
{
    cpumask_t others = load_once(&sched_online) & ~BIT(smp_cpu_id());

    nominal = clock_stamps[smp_cpu_id()].scale;
    if (!others)
        return true;
    meet.arrived = 0;
    meet.expected = (unsigned int)__builtin_popcountl(others) + 1;
    smp_call(others, warp_on_cpu, NULL, false);
    warp_on_cpu(NULL);
    /* The others may still be in their last round; a second, waiting call is behind it. */
    smp_call(others, warp_on_cpu, NULL, true);
    return !load_once(&meet.went_back);
}

/* On each processor but the boot one, interrupts off. */
static void sync_on_cpu(void *arg)
{
    struct clock_stamp *own = &clock_stamps[smp_cpu_id()];
    uint64_t tsc, ref, own_ns;

    atomic_inc(&meet.arrived);
    while (!(ref = load_acquire(&meet.go_ns)))
        cpu_relax();
    tsc = rdtsc_ordered();
    own_ns = meet.step ? ref : clock_stamp_ns(own, tsc);
    *own = clock_corrected(nominal, tsc, own_ns, ref, SYNC_EVERY_NS);
    raise_softirq(SOFTIRQ_SCHEDULE); /* which publishes the new stamp to whoever runs */
}

static void sync_all(bool step)
{
    cpumask_t others = load_once(&sched_online) & ~BIT(smp_cpu_id());
    unsigned int n = (unsigned int)__builtin_popcountl(others);
    uint64_t flags;

    meet.arrived = 0;
    meet.go_ns = 0;
    meet.step = step;
    smp_call(others, sync_on_cpu, NULL, false);
    flags = local_irq_save();
    while (load_once(&meet.arrived) < n)
        smp_poll_calls();
    store_release(&meet.go_ns, now_ns());
    local_irq_restore(flags);
}

static void sync_expired(void *arg)
{
    sync_all(false);
    timer_set(&sync_timer, now_ns() + SYNC_EVERY_NS);
}

void clock_sync_start(void)
{
    nominal = clock_stamps[smp_cpu_id()].scale;
    sync_all(true);
    timer_init(&sync_timer, sync_expired, NULL, smp_cpu_id());
    timer_set(&sync_timer, now_ns() + SYNC_EVERY_NS);
}
