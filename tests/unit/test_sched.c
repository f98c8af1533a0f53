/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: hypervisor/sched/sched.c hypervisor/sched/policy_fair.c
/*
 * Claim: whatever the order of wake-ups, blocks, pauses, affinity changes, yields and slice ends on
 * four processors, also in the middle of a context switch, a vCPU is on at most one processor,
 * never runs when it may not, is never forgotten when it may, never runs outside its hard affinity
 * for longer than it takes to switch, and every nanosecond of it is accounted in exactly one run
 * state.
 *
 * One host thread plays all processors: host_cpu_info says which one is meant.  The switch itself,
 * timers, softirqs and interrupts are stand-ins that record what was asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sched/set_current.h"

#include "console/log.h"
#include "cpu/smp.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "domain/vcpu.h"
#include "sched/sched_internal.h"
#include "sched/softirq.h"
#include "time/clock.h"

#define CPUS  4
#define VCPUS 11

struct cpu_info host_cpu_info;
struct softirq_cpu softirq_cpus[NR_CPUS];

static struct domain doms[2], idle_dom = {.mem = {.id = DOMID_IDLE}};
static struct vcpu vcpus[VCPUS], idles[CPUS];
static struct vcpu *on[CPUS]; /* what each processor runs */
static uint64_t now, ran[VCPUS], born;
static jmp_buf *switched;     /* where a processor that has switched goes on */
static bool busy[CPUS];       /* in the middle of a switch */
static bool quiet;            /* nothing happens by itself any more */
static bool in_switch[VCPUS]; /* being switched away from */

/* --- the world -----------------------------------------------------------------------------------
 */

uint64_t now_ns(void)
{
    return now;
}
void cpu_raise_softirq(unsigned int cpu, enum softirq nr)
{
    softirq_cpus[cpu].pending |= BIT(nr);
}
void raise_softirq(enum softirq nr)
{
    cpu_raise_softirq(host_cpu_info.cpu, nr);
}
void softirq_init(void)
{
}
void timer_init(struct timer *t, void (*fn)(void *), void *arg, unsigned int cpu)
{
    *t = (struct timer){.fn = fn, .arg = arg, .cpu = cpu};
}
void timer_set(struct timer *t, uint64_t abs_ns)
{
    t->node.expires = abs_ns;
    t->state = TIMER_QUEUED;
}
void timer_stop(struct timer *t)
{
    t->state = TIMER_IDLE;
}
bool timer_active(const struct timer *t)
{
    return t->state == TIMER_QUEUED;
}
void smp_send_event_check(unsigned int cpu)
{
    assert_true(cpu < CPUS && cpu != host_cpu_info.cpu);
}
void printk(const char *fmt, ...)
{
}
void panic(const char *fmt, ...)
{
    fail_msg("panic");
    abort();
}
void bug(const char *file, int line, const char *what)
{
    fail_msg("BUG %s:%d %s", file, line, what);
    abort();
}
void sched_watchdog_init(struct domain *d)
{
}
void sched_watchdog_destroy(struct domain *d)
{
}
void vcpu_timers_init(struct vcpu *v, unsigned int cpu)
{
}
void vcpu_timers_kill(struct vcpu *v)
{
}
void vcpu_timers_migrate(struct vcpu *v, unsigned int cpu)
{
    assert_int_equal(cpu, host_cpu_info.cpu);
}
void vcpu_periodic_resume(struct vcpu *v)
{
}
void vcpu_periodic_suspend(struct vcpu *v)
{
}
void vcpu_areas_update(void)
{
}
void vcpu_areas_leave(struct vcpu *prev)
{
}
void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out)
{
    *out = v->sched.runstate;
}
void sync_vcpu_state(struct vcpu *v)
{
}
bool clock_tsc_stable(void)
{
    return true;
}
void clock_update_vcpu_time(struct vcpu *v)
{
}
bool vcpu_event_pending(const struct vcpu *v)
{
    return false;
}
struct vcpu *idle_vcpu_create(unsigned int cpu)
{
    struct vcpu *v = &idles[cpu];

    v->domain = &idle_dom;
    v->id = cpu;
    v->sched.unit.cpu = cpu;
    return v;
}
void sched_start_cpu(void)
{
    unsigned int cpu = host_cpu_info.cpu;

    on[cpu] = &idles[cpu];
    set_current(on[cpu]);
    idles[cpu].sched.runstate.state = RUNSTATE_running;
    sched_online |= BIT(cpu);
}

/* --- playing processors --------------------------------------------------------------------------
 */

static void be_cpu(unsigned int cpu)
{
    host_cpu_info.cpu = cpu;
    set_current(on[cpu]);
}

static void disturb(void);
static void run_schedule(unsigned int cpu);

void context_switch(struct vcpu *prev, struct vcpu *next)
{
    unsigned int cpu = host_cpu_info.cpu;

    assert_ptr_equal(on[cpu], prev);
    assert_true(next->domain == &idle_dom || !in_switch[next - vcpus]);
    for (unsigned int i = 0; i < CPUS; i++)
        assert_true(on[i] != next || i == cpu);
    /* Others act while the registers are in between: events, and other processors' switches. */
    if (prev->domain != &idle_dom)
        in_switch[prev - vcpus] = true;
    busy[cpu] = true;
    on[cpu] = next;
    while (!quiet && random() % 3 == 0) {
        unsigned int other = (unsigned int)random() % CPUS;

        disturb();
        if (!busy[other] && softirq_cpus[other].pending)
            run_schedule(other);
    }
    busy[cpu] = false;
    be_cpu(cpu);
    if (prev->domain != &idle_dom)
        in_switch[prev - vcpus] = false;
}

void continue_running(struct vcpu *v)
{
    assert_ptr_equal(v, on[host_cpu_info.cpu]);
    longjmp(*switched, 1);
}

/* May nest: one processor's switch in the middle of another's. */
static void run_schedule(unsigned int cpu)
{
    jmp_buf here;
    jmp_buf *volatile outer = switched;

    be_cpu(cpu);
    softirq_cpus[cpu].pending = 0;
    if (setjmp(here) == 0) {
        switched = &here;
        schedule();
    }
    switched = outer;
}

static bool any_pending(void)
{
    for (unsigned int c = 0; c < CPUS; c++)
        if (softirq_cpus[c].pending)
            return true;
    return false;
}

static void settle(void)
{
    for (unsigned int rounds = 0; any_pending(); rounds++) {
        assert_true(rounds < 200); /* no two processors chase each other for ever */
        for (unsigned int c = 0; c < CPUS; c++)
            if (softirq_cpus[c].pending)
                run_schedule(c);
    }
}

/* --- random events, from the outside ------------------------------------------------------------
 */

static struct vcpu *some_vcpu(void)
{
    return &vcpus[random() % VCPUS];
}

static void disturb(void)
{
    struct vcpu *v = some_vcpu();

    be_cpu((unsigned int)random() % CPUS);
    switch (random() % 8) {
    case 0:
    case 1:
    case 2: vcpu_unblock(v); break;
    case 3: vcpu_kick(v); break;
    case 4:
        if (v->pause_count < 2) {
            v->pause_count++;
            vcpu_sleep_nosync(v);
        }
        break;
    case 5:
    case 6:
        if (v->pause_count && --v->pause_count == 0)
            vcpu_wake(v);
        break;
    case 7: { /* as sched/tune.c does */
        uint64_t flags;
        struct sched_rq *rq = vcpu_rq_lock(v, &flags);
        bool wake = false;

        v->sched.unit.hard = (cpumask_t)(random() % 15 + 1);
        if (!(v->sched.unit.hard & BIT(rq->cpu)))
            wake = vcpu_evict(rq, v);
        vcpu_rq_unlock(rq, flags);
        if (wake)
            vcpu_wake(v);
        break;
    }
    }
}

static void advance(uint64_t ns)
{
    for (unsigned int c = 0; c < CPUS; c++)
        if (on[c]->domain != &idle_dom)
            ran[on[c] - vcpus] += ns;
    now += ns;
    for (unsigned int c = 0; c < CPUS; c++) {
        struct timer *t = &sched_cpus[c].slice;

        be_cpu(c);
        if (timer_active(t) && t->node.expires <= now) {
            timer_stop(t);
            t->fn(t->arg);
        }
    }
}

static void act(void)
{
    unsigned int cpu = (unsigned int)random() % CPUS;

    switch (random() % 6) {
    case 0: disturb(); break;
    case 1:
        if (softirq_cpus[cpu].pending)
            run_schedule(cpu);
        break;
    case 2: advance((uint64_t)random() % 3000000); break;
    case 3: /* the guest on `cpu` blocks */
        if (on[cpu]->domain != &idle_dom) {
            be_cpu(cpu);
            on[cpu]->flags |= VPF_BLOCKED;
            raise_softirq(SOFTIRQ_SCHEDULE);
        }
        break;
    case 4:
        be_cpu(cpu);
        if (on[cpu]->domain != &idle_dom && random() % 4 == 0)
            vcpu_yield();
        break;
    case 5: settle(); break;
    }
}

/* --- what must hold
 * ---------------------------------------------------------------------------------- */

static unsigned int places(const struct vcpu *v)
{
    unsigned int n = 0;

    for (unsigned int c = 0; c < CPUS; c++)
        n += on[c] == v;
    return n;
}

static void check(void)
{
    for (unsigned int i = 0; i < VCPUS; i++) {
        struct vcpu *v = &vcpus[i];
        struct sched_unit *u = &v->sched.unit;
        bool pending = softirq_cpus[u->cpu].pending & BIT(SOFTIRQ_SCHEDULE);
        uint64_t sum = 0;

        assert_true(places(v) <= 1);
        assert_int_equal(u->on_cpu, places(v));
        if (u->on_cpu)
            assert_ptr_equal(on[u->cpu], v);
        /* Not forgotten: queued where it belongs. */
        if (vcpu_runnable(v))
            assert_true(u->present);
        /* Not running for long when it must not, nor where it must not. */
        if (u->on_cpu && (!vcpu_runnable(v) || !(u->hard & BIT(u->cpu))))
            assert_true(pending);
        if (!u->on_cpu && u->present)
            assert_true(vcpu_runnable(v) && (u->hard & BIT(u->cpu)));
        for (unsigned int s = 0; s < 4; s++)
            sum += v->sched.runstate.time[s];
        assert_int_equal(sum, v->sched.runstate.state_entry_time - born);
        if (places(v))
            assert_int_equal(v->sched.runstate.state, RUNSTATE_running);
        else
            assert_int_not_equal(v->sched.runstate.state, RUNSTATE_running);
        if (!places(v) && vcpu_runnable(v))
            assert_int_equal(v->sched.runstate.state, RUNSTATE_runnable);
    }
}

/* After some quiet time: nobody waits while a processor that it may use idles. */
static void check_work_conserving(void)
{
    for (unsigned int i = 0; i < 100; i++) {
        advance(2500000);
        settle();
    }
    check();
    for (unsigned int i = 0; i < VCPUS; i++) {
        struct vcpu *v = &vcpus[i];

        if (!vcpu_runnable(v) || places(v))
            continue;
        for (unsigned int c = 0; c < CPUS; c++)
            assert_false((v->sched.unit.hard & BIT(c)) && on[c]->domain == &idle_dom);
    }
}

static void start(void)
{
    srandom(3);
    now = born = 1000;
    for (unsigned int c = 0; c < CPUS; c++) {
        host_cpu_info.cpu = c;
        if (c == 0) {
            sched_init("fair");
        } else {
            assert_int_equal(sched_prepare_cpu(c), 0);
            sched_start_cpu();
        }
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(doms); i++) {
        doms[i].mem.id = (domid_t)i;
        sched_init_domain(&doms[i]);
    }
    for (unsigned int i = 0; i < VCPUS; i++) {
        struct vcpu *v = &vcpus[i];

        v->domain = &doms[i % 2];
        v->id = i / 2;
        v->flags = VPF_DOWN;
        sched_init_vcpu(v);
        v->flags = 0;
        be_cpu(0);
        vcpu_wake(v);
    }
    settle();
    check();
}

static void random_events(void **state)
{
    (void)state;
    start();
    for (unsigned int step = 0; step < 200000; step++) {
        act();
        check();
        if (step % 5000 == 0) {
            settle();
            check_work_conserving();
        }
    }
    /* Let everybody go and end: each ran for as long as its account says. */
    settle();
    quiet = true;
    for (unsigned int i = 0; i < VCPUS; i++) {
        vcpus[i].pause_count = 1;
        be_cpu(0);
        vcpu_sleep_nosync(&vcpus[i]);
    }
    settle();
    for (unsigned int i = 0; i < VCPUS; i++) {
        assert_int_equal(places(&vcpus[i]), 0);
        assert_int_equal(vcpus[i].sched.runstate.time[RUNSTATE_running], ran[i]);
        sched_destroy_vcpu(&vcpus[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_events)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
