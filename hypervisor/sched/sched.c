/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mechanism of scheduling: run states, waking and sleeping, the switch, moving between
 * processors.  What should run is the policy's decision (sched/policy.h); that only something
 * runnable runs, on one processor at a time, with its time accounted, is decided here.
 *
 * Three facts about a vCPU must not be confused, all guarded by the lock of its run queue:
 *   runnable  no flag or pause keeps it from running (the flags change without the lock; whoever
 *             changes one then calls vcpu_wake or vcpu_sleep, which look again under the lock);
 *   present   the policy has it queued;
 *   on_cpu    a processor runs it, or has not finished switching away from it.
 * A vCPU that is on_cpu never changes processors: its registers are on that processor's stack.
 * What runs is always present: it leaves the queue in schedule() only, with rq->curr.  So a vCPU
 * that is not present does not run, though it may still be on_cpu, and its run state may be
 * changed.
 */
#include "sched/sched.h"

#include "console/log.h"
#include "cpu/cpu_info.h"
#include "cpu/smp.h"
#include "debug/assert.h"
#include "debug/trace.h"
#include "domain/vcpu.h"
#include "lib/cpumask.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "sched/runstate.h"
#include "sched/sched_internal.h"
#include "sched/softirq.h"
#include "time/clock.h"

static const struct sched_policy *const policies[] = {&policy_fair};
const struct sched_policy *policy = &policy_fair;
struct sched_rq sched_rqs[NR_CPUS];
struct sched_cpu sched_cpus[NR_CPUS];
cpumask_t sched_online;

bool vcpu_runnable(const struct vcpu *v)
{
    return !load_once(&v->flags) && !load_once(&v->pause_count);
}

struct sched_rq *vcpu_rq_lock(const struct vcpu *v, uint64_t *flags)
{
    for (;;) {
        unsigned int cpu = load_once(&v->sched.unit.cpu);

        *flags = spin_lock_irqsave(&sched_rqs[cpu].lock);
        if (cpu == v->sched.unit.cpu)
            return &sched_rqs[cpu];
        spin_unlock_irqrestore(&sched_rqs[cpu].lock, *flags);
    }
}

/* Processors on which v may run now; never empty. */
static cpumask_t vcpu_allowed_cpus(const struct vcpu *v)
{
    cpumask_t online = load_once(&sched_online);
    cpumask_t allowed = v->sched.unit.hard & online;

    /* A processor that went away may have been the last one named. */
    return allowed ? allowed : online;
}

/* The run state of a vCPU that does not run. */
static int32_t resting_state(const struct vcpu *v)
{
    if (vcpu_runnable(v))
        return RUNSTATE_runnable;
    return load_once(&v->flags) & VPF_BLOCKED ? RUNSTATE_blocked : RUNSTATE_offline;
}

/* Has the queue's processor think again in `in` ns.  Lock held. */
static void reschedule_in(struct sched_rq *rq, uint64_t now, uint64_t in)
{
    struct timer *slice = &sched_cpus[rq->cpu].slice;

    if (in == 0) {
        cpu_raise_softirq(rq->cpu, SOFTIRQ_SCHEDULE);
        return;
    }
    if (in == WAKE_NEVER)
        return;
    if (!timer_active(slice) || slice->node.expires > now + in)
        timer_set(slice, now + in);
}

static void slice_expired(void *arg)
{
    raise_softirq(SOFTIRQ_SCHEDULE);
}

void vcpu_wake(struct vcpu *v)
{
    struct sched_unit *u = &v->sched.unit;
    struct sched_rq *rq;
    uint64_t flags, now;

    for (bool placed = false;; placed = true) {
        unsigned int cpu;

        rq = vcpu_rq_lock(v, &flags);
        if (!vcpu_runnable(v) || u->present || (u->on_cpu && v->sched.migrate)) {
            /* Unblocked but paused, say. */
            if (!u->present)
                runstate_change(&v->sched.runstate, resting_state(v), now_ns());
            vcpu_rq_unlock(rq, flags);
            return;
        }
        if (placed || u->on_cpu)
            break;
        cpu = policy->pick_cpu(u, sched_rqs, vcpu_allowed_cpus(v));
        if (cpu == u->cpu)
            break;
        policy->detach(rq, u);
        store_release(&u->cpu, cpu);
        vcpu_rq_unlock(rq, flags);
    }
    now = now_ns();
    runstate_change(&v->sched.runstate, RUNSTATE_runnable, now);
    policy->enqueue(rq, u, now, ENQUEUE_WAKE);
    reschedule_in(rq, now, policy->wake_check(rq, u, now));
    vcpu_rq_unlock(rq, flags);
}

void vcpu_sleep_nosync(struct vcpu *v)
{
    struct sched_unit *u = &v->sched.unit;
    uint64_t flags;
    struct sched_rq *rq = vcpu_rq_lock(v, &flags);

    if (!vcpu_runnable(v)) {
        if (rq->curr == u) {
            cpu_raise_softirq(rq->cpu, SOFTIRQ_SCHEDULE);
        } else {
            uint64_t now = now_ns();

            if (u->present)
                policy->dequeue(rq, u, now);
            runstate_change(&v->sched.runstate, resting_state(v), now);
        }
    }
    vcpu_rq_unlock(rq, flags);
}

void vcpu_sleep_sync(struct vcpu *v)
{
    BUG_ON(v == current);
    vcpu_sleep_nosync(v);
    while (!vcpu_runnable(v) && load_acquire(&v->sched.unit.on_cpu))
        cpu_relax();
    sync_vcpu_state(v);
}

void vcpu_unblock(struct vcpu *v)
{
    if (!(atomic_get_and(&v->flags, ~(unsigned int)VPF_BLOCKED) & VPF_BLOCKED))
        return;
    /* A poll ends with any wake-up.  Between the two steps v may have been woken by another and
     * polls again: then it must not sleep without its mask bit, so the flag is cleared once more,
     * which at worst ends that poll early. */
    if (unlikely(load_once(&v->domain->poll_mask) & BIT(v->id))) {
        store_once(&v->poll_port, 0);
        if (atomic_test_and_clear_bit(v->id, &v->domain->poll_mask))
            atomic_get_and(&v->flags, ~(unsigned int)VPF_BLOCKED);
    }
    vcpu_wake(v);
}

void vcpu_kick(struct vcpu *v)
{
    vcpu_unblock(v);
    /* On this processor the exit path looks anyway, also after an interrupt. */
    if (v != current && load_once(&v->sched.unit.on_cpu)) {
        unsigned int cpu = load_once(&v->sched.unit.cpu);

        if (cpu != smp_cpu_id())
            smp_send_event_check(cpu);
    }
}

void vcpu_yield(void)
{
    uint64_t flags;
    struct sched_rq *rq = vcpu_rq_lock(current, &flags);

    policy->yield(rq, now_ns());
    vcpu_rq_unlock(rq, flags);
    raise_softirq(SOFTIRQ_SCHEDULE);
}

bool hypercall_preempt_check(void)
{
    struct vcpu *v = current;

    if (softirq_pending(smp_cpu_id()))
        return true;
    return !is_idle_vcpu(v) && vcpu_event_pending(v);
}

/* --- between processors ------------------------------------------------------------------------
 */

static void move_unit(struct sched_rq *from, struct sched_rq *to, struct sched_unit *u,
                      uint64_t now)
{
    policy->dequeue(from, u, now);
    policy->detach(from, u);
    store_release(&u->cpu, to->cpu);
    policy->enqueue(to, u, now, ENQUEUE_MOVE);
}

/* The busiest other queue that `rq` might take from; NULL: none has anybody waiting. */
static struct sched_rq *find_busiest(struct sched_rq *rq, cpumask_t tried)
{
    struct sched_rq *best = NULL;

    for (cpumask_t left = load_once(&sched_online) & ~tried & ~BIT(rq->cpu); left;
         left &= left - 1) {
        struct sched_rq *q = &sched_rqs[__builtin_ctzl(left)];

        if (load_once(&q->nr) > 1 && (!best || load_once(&q->load) > load_once(&best->load)))
            best = q;
    }
    return best;
}

/* This processor has nothing to do: takes a waiting unit from another.  Own lock held; others are
 * only tried, since the order of locks may be wrong. */
static bool steal(struct sched_rq *rq, uint64_t now)
{
    cpumask_t tried = 0;
    struct sched_rq *busy;

    while ((busy = find_busiest(rq, tried))) {
        struct sched_unit *u = NULL;

        tried |= BIT(busy->cpu);
        if (!spin_trylock(&busy->lock))
            continue;
        u = policy->pick_to_move(busy, rq, true, now);
        if (u)
            move_unit(busy, rq, u, now);
        spin_unlock(&busy->lock);
        if (u) {
            sched_cpus[rq->cpu].steals++;
            return true;
        }
    }
    return false;
}

/* The least loaded other processor, if it is less loaded than this; of equals the next in turn. */
static struct sched_rq *find_idlest(struct sched_rq *rq)
{
    cpumask_t online = load_once(&sched_online);
    struct sched_rq *best = NULL;
    uint64_t load = load_once(&rq->load);

    for (unsigned int cpu = cpumask_cycle(online, rq->cpu); cpu != rq->cpu;
         cpu = cpumask_cycle(online, cpu)) {
        uint64_t other = load_once(&sched_rqs[cpu].load);

        if (other < load) {
            best = &sched_rqs[cpu];
            load = other;
        }
    }
    return best;
}

/* This processor is shared: gives a waiting unit to a less loaded one, so that three equal units on
 * two processors get two thirds each and not a half, a half and a whole. */
static void push(struct sched_rq *rq)
{
    struct sched_rq *to = find_idlest(rq);
    struct sched_unit *u;
    uint64_t now;

    if (!to)
        return;
    local_irq_disable();
    spin_lock(rq < to ? &rq->lock : &to->lock);
    spin_lock(rq < to ? &to->lock : &rq->lock);
    now = now_ns();
    u = policy->pick_to_move(rq, to, false, now);
    if (u) {
        move_unit(rq, to, u, now);
        reschedule_in(to, now, policy->wake_check(to, u, now));
        sched_cpus[rq->cpu].pushes++;
    }
    spin_unlock(&to->lock);
    spin_unlock(&rq->lock);
    local_irq_enable();
}

bool vcpu_evict(struct sched_rq *rq, struct vcpu *v)
{
    struct sched_unit *u = &v->sched.unit;

    if (rq->curr == u) {
        v->sched.migrate = true;
        cpu_raise_softirq(rq->cpu, SOFTIRQ_SCHEDULE);
        return false;
    }
    if (u->present)
        policy->dequeue(rq, u, now_ns());
    if (!u->on_cpu)
        return true;
    v->sched.migrate = true; /* context_saved() goes on */
    return false;
}

/* --- the switch ----------------------------------------------------------------------------------
 */

/* Nothing holds prev's registers any more but struct vcpu, or this processor lazily. */
static void context_saved(struct vcpu *prev)
{
    struct sched_rq *rq = &sched_rqs[smp_cpu_id()];
    bool moves;
    uint64_t flags;

    if (is_idle_vcpu(prev))
        return;
    flags = spin_lock_irqsave(&rq->lock);
    moves = prev->sched.migrate;
    prev->sched.migrate = false;
    store_release(&prev->sched.unit.on_cpu, false);
    spin_unlock_irqrestore(&rq->lock, flags);
    if (moves)
        vcpu_wake(prev);
}

/* Leaves the queue if it must, and lets the policy name the next one.  Lock held. */
static struct vcpu *pick(struct sched_rq *rq, struct vcpu *prev, uint64_t now)
{
    struct sched_unit *u = &prev->sched.unit, *next;
    struct timer *slice = &sched_cpus[rq->cpu].slice;
    uint64_t ns;

    if (!is_idle_vcpu(prev) && u->present && (!vcpu_runnable(prev) || prev->sched.migrate))
        policy->dequeue(rq, u, now);
    next = policy->pick_next(rq, now, &ns);
    if (!next && steal(rq, now))
        next = policy->pick_next(rq, now, &ns);
    rq->curr = next;
    if (ns != SLICE_UNLIMITED)
        timer_set(slice, now + ns);
    else
        timer_stop(slice);
    return next ? vcpu_of(next) : sched_cpus[rq->cpu].idle;
}

/* After a switch, as `next`, on the stack of before. */
static void arrive(struct vcpu *next)
{
    unsigned int cpu = smp_cpu_id();

    if (!is_idle_vcpu(next)) {
        if (next->sched.timer_cpu != cpu) {
            next->sched.timer_cpu = cpu;
            vcpu_timers_migrate(next, cpu);
        }
        vcpu_periodic_resume(next);
        vcpu_areas_update();
    }
    continue_running(next);
}

static void trace_change(const struct vcpu *v, int32_t state)
{
    TRACE(TRC_SCHED_RUNSTATE_CHANGE | (uint32_t)v->sched.runstate.state << 8 | (uint32_t)state << 4,
          vcpu_number(v));
}

static void trace_switch(const struct vcpu *prev, const struct vcpu *next)
{
    uint32_t from = vcpu_number(prev), to = vcpu_number(next);

    if (likely(!trace_running))
        return;
    trace_change(prev, resting_state(prev));
    trace_change(next, RUNSTATE_running);
    TRACE(TRC_SCHED_SWITCH, from >> 16, from & 0xffff, to >> 16, to & 0xffff);
}

void schedule(void)
{
    struct sched_rq *rq = &sched_rqs[smp_cpu_id()];
    struct vcpu *prev = current, *next;
    bool unbalanced;
    uint64_t now;

    spin_lock_irq(&rq->lock);
    now = now_ns();
    next = pick(rq, prev, now);
    unbalanced = policy->balance_due(rq, now);
    if (next != prev) {
        trace_switch(prev, next);
        runstate_change(&prev->sched.runstate, resting_state(prev), now);
        runstate_change(&next->sched.runstate, RUNSTATE_running, now);
        next->sched.unit.on_cpu = true;
        sched_cpus[rq->cpu].switches++;
    }
    spin_unlock_irq(&rq->lock);

    if (unbalanced)
        push(rq);
    if (next == prev) {
        if (!clock_tsc_stable() && !is_idle_vcpu(prev))
            clock_update_vcpu_time(prev);
        return;
    }
    if (!is_idle_vcpu(prev)) {
        vcpu_periodic_suspend(prev);
        vcpu_areas_leave(prev);
    }
    context_switch(prev, next);
    context_saved(prev);
    arrive(next);
}

/* --- objects ------------------------------------------------------------------------------------
 */

void sched_init_domain(struct domain *d)
{
    spin_lock_init(&d->sched.group.lock);
    policy->init_group(&d->sched.group, now_ns());
    sched_watchdog_init(d);
}

void sched_destroy_domain(struct domain *d)
{
    sched_watchdog_destroy(d);
}

/* Where a new vCPU starts from; spread by number, the first wake-up decides better. */
static unsigned int initial_cpu(const struct vcpu *v)
{
    unsigned int n = v->id % (unsigned int)__builtin_popcountl(sched_online);
    cpumask_t left = sched_online;

    while (n--)
        left &= left - 1;
    return (unsigned int)__builtin_ctzl(left);
}

void sched_init_vcpu(struct vcpu *v)
{
    struct sched_unit *u = &v->sched.unit;

    memset(&v->sched, 0, sizeof(v->sched));
    u->group = &v->domain->sched.group;
    u->hard = u->soft = ~0UL;
    u->cpu = initial_cpu(v);
    policy->init_unit(u);
    v->sched.state_cpu = NO_CPU;
    v->sched.timer_cpu = u->cpu;
    runstate_init(&v->sched.runstate, RUNSTATE_offline, now_ns());
    vcpu_timers_init(v, u->cpu);
}

void sched_destroy_vcpu(struct vcpu *v)
{
    uint64_t flags;
    struct sched_rq *rq;

    vcpu_timers_kill(v);
    rq = vcpu_rq_lock(v, &flags);
    BUG_ON(v->sched.unit.on_cpu || rq->curr == &v->sched.unit);
    if (v->sched.unit.present)
        policy->dequeue(rq, &v->sched.unit, now_ns());
    vcpu_rq_unlock(rq, flags);
}

/* --- boot ---------------------------------------------------------------------------------------
 */

static void choose_policy(const char *name)
{
    /* Scheduler names of Xen that an existing boot entry may carry mean: the ordinary one. */
    if (!name || strcmp(name, "credit2") == 0 || strcmp(name, "credit") == 0)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(policies); i++) {
        if (strcmp(policies[i]->name, name) == 0) {
            policy = policies[i];
            return;
        }
    }
    printk(XENLOG_WARNING "sched=%s: unknown policy, using %s\n", name, policy->name);
}

int sched_prepare_cpu(unsigned int cpu)
{
    struct sched_cpu *c = &sched_cpus[cpu];

    sched_rqs[cpu].cpu = cpu;
    spin_lock_init(&sched_rqs[cpu].lock);
    policy->init_rq(&sched_rqs[cpu], now_ns());
    timer_init(&c->slice, slice_expired, NULL, cpu);
    c->idle = idle_vcpu_create(cpu);
    return c->idle ? 0 : -ENOMEM;
}

void sched_init(const char *name)
{
    unsigned int cpu = smp_cpu_id();

    choose_policy(name);
    softirq_init();
    if (sched_prepare_cpu(cpu) != 0)
        panic("no memory for the first idle vCPU");
    sched_start_cpu();
}

uint64_t sched_idle_time(unsigned int cpu)
{
    struct vcpu_runstate_info r;

    if (!sched_cpus[cpu].idle)
        return 0;
    vcpu_runstate_get(sched_cpus[cpu].idle, &r);
    return r.time[RUNSTATE_running];
}
