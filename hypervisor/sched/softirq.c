/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pending words, the loop that empties them, and the queues of struct work.
 */
#include "sched/softirq.h"

#include "cpu/cpu_info.h"
#include "cpu/smp.h"
#include "debug/assert.h"
#include "debug/locks.h"
#include "domain/pv_hooks.h"
#include "lib/spinlock.h"
#include "sched/sched.h"
#include "time/timer.h"

struct softirq_cpu softirq_cpus[NR_CPUS];

_Static_assert(sizeof(struct softirq_cpu) == 1 << SOFTIRQ_CPU_SHIFT, "entry.S indexes by shift");

struct work_queue {
    spinlock_t lock; /* guards the list and the state of works whose `cpu` this is */
    struct list_head list;
} __attribute__((aligned(64)));

static struct work_queue work_queues[NR_CPUS];

void raise_softirq(enum softirq nr)
{
    atomic_get_or(&softirq_cpus[smp_cpu_id()].pending, BIT(nr));
}

void cpu_raise_softirq(unsigned int cpu, enum softirq nr)
{
    /* Already pending: whoever set it has sent, or is sending, the interrupt. */
    if (atomic_get_or(&softirq_cpus[cpu].pending, BIT(nr)) & BIT(nr))
        return;
    if (cpu != smp_cpu_id())
        smp_send_event_check(cpu);
}

static void work_softirq(void);

static void run_one(enum softirq nr)
{
    switch (nr) {
    case SOFTIRQ_TIMER: timer_softirq(); break;
    case SOFTIRQ_WORK: work_softirq(); break;
    case SOFTIRQ_SCHEDULE: schedule(); break;
    case SOFTIRQ_NMI: pv_nmi_softirq(); break;
    case SOFTIRQ_DOM0_NMI: pv_dom0_nmi_softirq(); break;
    case SOFTIRQ_NR: break;
    }
}

void do_softirq(void)
{
    struct softirq_cpu *s = &softirq_cpus[smp_cpu_id()];
    uint64_t pending;

    while ((pending = load_once(&s->pending))) {
        unsigned int nr = (unsigned int)__builtin_ctzl(pending);

        /* Cleared first: what comes up while the function runs is seen in the next round. */
        atomic_get_and(&s->pending, ~BIT(nr));
        s->runs[nr]++;
        locks_none_held();
        run_one((enum softirq)nr);
    }
}

void softirq_init(void)
{
    for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++)
        list_init(&work_queues[cpu].list);
}

void work_init(struct work *w, void (*fn)(void *), void *arg)
{
    list_init(&w->link);
    w->fn = fn;
    w->arg = arg;
    w->cpu = 0;
    w->queued = w->running = false;
}

/* Locks the queue that `w` belongs to now. */
static struct work_queue *work_lock(struct work *w, uint64_t *flags)
{
    for (;;) {
        struct work_queue *q = &work_queues[load_once(&w->cpu)];

        *flags = spin_lock_irqsave(&q->lock);
        if (q == &work_queues[w->cpu])
            return q;
        spin_unlock_irqrestore(&q->lock, *flags);
    }
}

void work_schedule_on(struct work *w, unsigned int cpu)
{
    uint64_t flags;
    struct work_queue *q = work_lock(w, &flags);
    bool queue = !w->queued;

    if (queue && !w->running && w->cpu != cpu) {
        /* It belongs to nobody's queue now; the next lock holder sees the new home. */
        w->queued = true;
        store_release(&w->cpu, cpu);
        spin_unlock_irqrestore(&q->lock, flags);
        q = &work_queues[cpu];
        flags = spin_lock_irqsave(&q->lock);
        list_add_tail(&q->list, &w->link); /* nobody else has: it counts as queued */
    } else if (queue) {
        /* Still running where it is: stays there, so that it never runs twice at a time. */
        w->queued = true;
        cpu = w->cpu;
        list_add_tail(&q->list, &w->link);
    }
    spin_unlock_irqrestore(&q->lock, flags);
    if (queue)
        cpu_raise_softirq(cpu, SOFTIRQ_WORK);
}

void work_schedule(struct work *w)
{
    work_schedule_on(w, smp_cpu_id());
}

static void work_softirq(void)
{
    struct work_queue *q = &work_queues[smp_cpu_id()];

    for (;;) {
        uint64_t flags = spin_lock_irqsave(&q->lock);
        struct work *w = list_first(&q->list, struct work, link);

        if (!w) {
            spin_unlock_irqrestore(&q->lock, flags);
            return;
        }
        list_remove(&w->link);
        w->queued = false;
        w->running = true;
        spin_unlock_irqrestore(&q->lock, flags);

        w->fn(w->arg);

        /* `running` keeps `w` on this queue: the lock is not needed to find it, only to order the
         * store after the function's. */
        store_release(&w->running, false);
    }
}
