/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One heap of timers per processor, and the local APIC programmed for its earliest.
 *
 * A timer belongs to the heap of t->cpu; that field changes only under the locks of both heaps, so
 * whoever locks the heap it names and finds it unchanged owns the timer.  The lock is taken in
 * interrupt context.  The function runs without it; `running` says which one does, so that
 * timer_kill() can wait.
 */
#include "time/timer.h"

#include "cpu/apic.h"
#include "cpu/cpu_info.h"
#include "hooks.h"
#include "lib/spinlock.h"
#include "sched/softirq.h"
#include "time/clock.h"
#include "time/timer_queue.h"

static struct timer_queue queues[NR_CPUS];

static struct timer *of_node(struct timer_node *n)
{
    return container_of(n, struct timer, node);
}

const struct timer_queue *timer_queue_of(unsigned int cpu)
{
    return &queues[cpu];
}

void timers_init(void)
{
    for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++)
        queues[cpu].programmed = TIMER_NEVER;
}

/* Locks the queue `t` is on now. */
static struct timer_queue *timer_lock(struct timer *t, uint64_t *flags)
{
    for (;;) {
        struct timer_queue *q = &queues[load_once(&t->cpu)];

        *flags = spin_lock_irqsave(&q->lock);
        if (q == &queues[t->cpu])
            return q;
        spin_unlock_irqrestore(&q->lock, *flags);
    }
}

/* Lock held, own processor. */
static void program(struct timer_queue *q, uint64_t deadline)
{
    q->programmed = deadline;
    if (deadline == TIMER_NEVER)
        apic_timer_stop();
    else
        apic_timer_arm(ns_to_tsc_deadline(deadline));
}

/*
 * The first timer of a queue changed.  An earlier one has to be programmed; for a later one the
 * interrupt that is already programmed does no harm and reprograms.  Lock held.
 */
static void first_changed(struct timer_queue *q)
{
    unsigned int cpu = (unsigned int)(q - queues);
    uint64_t first = q->heap.root ? q->heap.root->expires : TIMER_NEVER;

    if (first >= q->programmed)
        return;
    if (cpu == smp_cpu_id() && first > now_ns()) {
        program(q, first);
        return;
    }
    /* Another processor programs its own; and what is due already needs no detour over the APIC. */
    q->programmed = first;
    cpu_raise_softirq(cpu, SOFTIRQ_TIMER);
}

static void dequeue(struct timer_queue *q, struct timer *t)
{
    if (t->state != TIMER_QUEUED)
        return;
    timer_heap_remove(&q->heap, &t->node);
    t->state = TIMER_IDLE;
    q->nr--;
}

static void enqueue(struct timer_queue *q, struct timer *t)
{
    t->state = TIMER_QUEUED;
    timer_heap_insert(&q->heap, &t->node);
    q->nr++;
    first_changed(q);
}

void timer_init(struct timer *t, void (*fn)(void *arg), void *arg, unsigned int cpu)
{
    *t = (struct timer){.fn = fn, .arg = arg, .cpu = cpu, .state = TIMER_IDLE};
}

void timer_set(struct timer *t, uint64_t abs_ns)
{
    uint64_t flags;
    struct timer_queue *q = timer_lock(t, &flags);

    if (t->state != TIMER_DEAD) {
        dequeue(q, t);
        t->node.expires = min(abs_ns, TIMER_NEVER);
        enqueue(q, t);
    }
    spin_unlock_irqrestore(&q->lock, flags);
}

void timer_stop(struct timer *t)
{
    uint64_t flags;
    struct timer_queue *q;

    if (load_once(&t->state) != TIMER_QUEUED)
        return; /* a set that races with this stop might as well come after it */
    q = timer_lock(t, &flags);
    dequeue(q, t);
    spin_unlock_irqrestore(&q->lock, flags);
}

void timer_kill(struct timer *t)
{
    uint64_t flags;
    struct timer_queue *q;

    if (!t->fn)
        return;
    q = timer_lock(t, &flags);
    dequeue(q, t);
    t->state = TIMER_DEAD;
    spin_unlock_irqrestore(&q->lock, flags);
    /* Its function runs at most on one processor, and a dead timer does not change queues. */
    while (load_acquire(&q->running) == t)
        cpu_relax();
}

bool timer_active(const struct timer *t)
{
    return load_once(&t->state) == TIMER_QUEUED;
}

/* Two queues in the order of processors. */
static void lock_both(struct timer_queue *a, struct timer_queue *b)
{
    spin_lock(a < b ? &a->lock : &b->lock);
    if (a != b)
        spin_lock(a < b ? &b->lock : &a->lock);
}

static void unlock_both(struct timer_queue *a, struct timer_queue *b)
{
    spin_unlock(&a->lock);
    if (a != b)
        spin_unlock(&b->lock);
}

/* Both locked.  The state stays TIMER_QUEUED throughout: timer_stop() looks without a lock. */
static void move(struct timer *t, struct timer_queue *from, struct timer_queue *to)
{
    bool queued = t->state == TIMER_QUEUED;

    if (queued) {
        timer_heap_remove(&from->heap, &t->node);
        from->nr--;
    }
    store_once(&t->cpu, (unsigned int)(to - queues));
    if (queued)
        enqueue(to, t);
}

void timer_migrate(struct timer *t, unsigned int cpu)
{
    struct timer_queue *to = &queues[cpu];
    uint64_t flags = local_irq_save();

    for (;;) {
        struct timer_queue *from = &queues[load_once(&t->cpu)];

        if (from == to)
            break;
        lock_both(from, to);
        if (from == &queues[t->cpu]) {
            /* While its function runs it stays, so that timer_kill() knows where to look. */
            if (t->state != TIMER_DEAD && from->running != t)
                move(t, from, to);
            unlock_both(from, to);
            break;
        }
        unlock_both(from, to);
    }
    local_irq_restore(flags);
}

void timer_interrupt(void)
{
    raise_softirq(SOFTIRQ_TIMER);
}

void timer_softirq(void)
{
    struct timer_queue *q = &queues[smp_cpu_id()];
    uint64_t flags = spin_lock_irqsave(&q->lock);

    for (;;) {
        struct timer_node *n = q->heap.root;
        struct timer *t;

        if (!n || n->expires > now_ns())
            break;
        t = of_node(n);
        q->late_max = max(q->late_max, now_ns() - n->expires);
        q->expired++;
        dequeue(q, t);
        store_once(&q->running, t);
        spin_unlock_irqrestore(&q->lock, flags);
        t->fn(t->arg);
        flags = spin_lock_irqsave(&q->lock);
        store_release(&q->running, NULL);
    }
    /* Whatever was programmed has come or is void; 'never' also takes a stale one back. */
    program(q, q->heap.root ? q->heap.root->expires : TIMER_NEVER);
    spin_unlock_irqrestore(&q->lock, flags);
}
