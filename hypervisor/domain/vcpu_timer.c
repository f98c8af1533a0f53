/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The three timers of a vCPU.  All of them end in an event or a wake-up; the time a guest asks for
 * is absolute system time, so nothing drifts.
 */
#include "domain/domain.h"
#include "domain/evtchn.h"
#include "domain/vcpu.h"
#include "time/clock.h"

#define NS_PER_MS 1000000ULL

/* As on Xen a vCPU begins with a ticker of 100 Hz; kernels that want none stop it as they start. */
#define DEFAULT_PERIOD_NS (10 * NS_PER_MS)

static void singleshot_expired(void *arg)
{
    send_guest_vcpu_virq(arg, VIRQ_TIMER);
}

static void poll_expired(void *arg)
{
    struct vcpu *v = arg;

    /* Only a poll is ended: not a block that v went into since. */
    if (load_once(&v->domain->poll_mask) & BIT(v->id))
        vcpu_unblock(v);
}

/* Sends the tick that is due, if one is, and arms the next: always a whole number of periods after
 * the first.  v->sched.periodic_lock held. */
static void periodic_work(struct vcpu *v)
{
    uint64_t period = v->periodic_ns, now = now_ns(), missed;

    if (!period)
        return;
    missed = now > v->sched.periodic_last ? (now - v->sched.periodic_last) / period : 0;
    if (missed) {
        v->sched.periodic_last += missed * period;
        send_guest_vcpu_virq(v, VIRQ_TIMER);
    }
    timer_set(&v->periodic, v->sched.periodic_last + period);
}

static void periodic_expired(void *arg)
{
    struct vcpu *v = arg;

    if (load_once(&v->sched.unit.on_cpu)) /* else it goes on when v does */
        vcpu_periodic_resume(v);
}

void vcpu_timers_init(struct vcpu *v, unsigned int cpu)
{
    v->periodic_ns = DEFAULT_PERIOD_NS;
    v->sched.periodic_last = now_ns();
    timer_init(&v->singleshot, singleshot_expired, v, cpu);
    timer_init(&v->periodic, periodic_expired, v, cpu);
    timer_init(&v->poll_timer, poll_expired, v, cpu);
}

void vcpu_timers_kill(struct vcpu *v)
{
    timer_kill(&v->singleshot);
    timer_kill(&v->periodic);
    timer_kill(&v->poll_timer);
}

void vcpu_timers_migrate(struct vcpu *v, unsigned int cpu)
{
    timer_migrate(&v->singleshot, cpu);
    timer_migrate(&v->periodic, cpu);
    timer_migrate(&v->poll_timer, cpu);
}

void vcpu_periodic_resume(struct vcpu *v)
{
    if (!load_once(&v->periodic_ns))
        return;
    spin_lock(&v->sched.periodic_lock);
    periodic_work(v);
    spin_unlock(&v->sched.periodic_lock);
}

void vcpu_periodic_suspend(struct vcpu *v)
{
    if (v->periodic_ns)
        timer_stop(&v->periodic);
}

void vcpu_periodic_set(struct vcpu *v, uint64_t period_ns)
{
    /* A lock and not a pause: two vCPUs that paused each other would wait for ever. */
    spin_lock(&v->sched.periodic_lock);
    timer_stop(&v->periodic);
    v->sched.periodic_last = now_ns();
    store_once(&v->periodic_ns, period_ns);
    periodic_work(v);
    spin_unlock(&v->sched.periodic_lock);
}

/* A deadline so far off, or so negative, that it can only be a wrapped jiffies value of an old
 * Linux: it gets a tick soon, as Xen does, and sorts itself out. */
#define TIMEOUT_ABSURD_NS (1ULL << 50)
#define TIMEOUT_INSTEAD   (100 * NS_PER_MS)

long do_set_timer_op(int64_t timeout)
{
    struct vcpu *v = current;
    uint64_t when = (uint64_t)timeout, now = now_ns();

    if (timeout == 0) {
        timer_stop(&v->singleshot);
        return 0;
    }
    if (timeout < 0 || (when > now && when - now >= TIMEOUT_ABSURD_NS))
        when = now + TIMEOUT_INSTEAD;
    timer_set(&v->singleshot, when);
    return 0;
}
