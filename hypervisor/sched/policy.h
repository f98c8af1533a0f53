/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The border between scheduling mechanism (sched/sched.c) and policy.
 *
 * The mechanism knows vCPUs, run states, locks, interrupts and how to switch.  A policy knows only
 * three things: units (what can run), run queues (one per processor) and groups (units that share
 * a weight and a cap, i.e. a domain).  It never reads a clock and never takes a run queue's lock:
 * `now` is handed to it and the lock of the queue it is given is held.  So a policy is pure and is
 * tested on a host with a virtual clock.
 *
 * The contract:
 *  - A unit is *present* on a queue from enqueue() to dequeue(), also while it runs.  Whether it is
 *    runnable at all is the mechanism's business.
 *  - pick_next() names the present unit that is to run now, or NULL for idle, and for how long; it
 *    is called again at the latest when that time is over (or never, SLICE_UNLIMITED).  Everything
 *    a policy wants to happen later it expresses as the length of that slice: there is no tick.
 *  - rq->curr is set by the mechanism to what pick_next() returned.
 *  - A unit that changes queues is dequeued, detached, and enqueued on the other.
 *
 * What else fits: a *pinned* policy has one unit per queue, pick_cpu() returns the queue assigned,
 * and everything else is trivial; a *real-time* policy keeps budget and deadline in its part of
 * the union, returns the budget as the slice, and answers 0 from wake_check() for an earlier
 * deadline.  Their parameters go into struct sched_group's union beside weight and cap.
 */
#pragma once

#include "lib/list.h"
#include "lib/spinlock.h"
#include "lib/types.h"

#define SLICE_UNLIMITED UINT64_MAX
#define WAKE_NEVER      UINT64_MAX
#define NO_QUEUE        (~0U) /* no such processor */

/* Xen's credit2 numbers, which the tools know: reference weight 256, weights 1..65535. */
#define SCHED_WEIGHT_DEFAULT 256
#define SCHED_WEIGHT_MAX     65535

struct sched_unit;
struct sched_rq;

/* A domain's share.  `lock` guards the budget, which units on several processors draw from; it
 * nests inside run queue locks. */
struct sched_group {
    spinlock_t lock;
    uint32_t weight;      /* of each unit of the group, relative to the others' */
    uint32_t cap;         /* percent of one processor for the whole group, 0: none */
    int64_t budget;       /* ns * 100: what may still be run, negative: debt */
    uint64_t budget_time; /* when `budget` was last brought up to date */
};

/* policy_fair.c: virtual times are ns * 65536 / weight, compared by signed difference. */
struct fair_unit {
    uint64_t vtime;     /* service received; relative to the queue's average while detached */
    uint64_t vdeadline; /* when the current request should have been served */
    bool detached;
    bool urgent;       /* woke with service owed to it: goes before those that compete for CPU */
    bool yielded;      /* passes over its turn once */
    bool throttled;    /* present, but its group has used up its cap */
    uint32_t weight;   /* as accounted in the queue; the group's may have changed since */
    uint64_t moved_at; /* when it last came from another queue to even out the load */
};

struct sched_unit {
    struct list_head link; /* in its queue, while present */
    struct sched_group *group;
    unsigned int cpu; /* the queue it is, or was last, present on */
    bool present;
    bool on_cpu;          /* state is (still) being held by a processor: must not move */
    bool sending;         /* it makes another runnable, by an event to another domain: a hint */
    cpumask_t hard, soft; /* where it may run; where it would like to, within hard */
    union {
        struct fair_unit fair;
        uint64_t room[8];
    };
};

struct fair_rq {
    struct list_head throttled;
    uint64_t base;        /* origin of weighted_sum */
    int64_t weighted_sum; /* sum of weight * (vtime - base) over units that compete */
    uint64_t charged_at;  /* up to here the running unit has paid */
    uint64_t started_at;  /* when the running unit was picked */
    uint64_t slice_end;   /* until when it was told to run */
    uint64_t balanced_at;
};

struct sched_rq {
    spinlock_t lock;
    unsigned int cpu;
    struct list_head units;  /* present and competing */
    unsigned int nr;         /* of those */
    uint64_t load;           /* their weights; read without the lock by others: a hint */
    struct sched_unit *curr; /* running, NULL: idle */
    union {
        struct fair_rq fair;
        uint64_t room[10];
    };
} __attribute__((aligned(64)));

enum enqueue_reason { ENQUEUE_WAKE, ENQUEUE_MOVE };

struct sched_policy {
    const char *name; /* the boot option sched= selects by it */

    void (*init_rq)(struct sched_rq *rq, uint64_t now);
    /* `u` zeroed but for group; it starts detached, with nothing owed either way. */
    void (*init_unit)(struct sched_unit *u);
    void (*init_group)(struct sched_group *g, uint64_t now);

    /* `u` becomes runnable on this queue. */
    void (*enqueue)(struct sched_rq *rq, struct sched_unit *u, uint64_t now,
                    enum enqueue_reason why);
    /* `u` is no longer runnable, or leaves; it may be rq->curr (which stays set until the next
     * pick).  It remains known to the queue until detach(). */
    void (*dequeue)(struct sched_rq *rq, struct sched_unit *u, uint64_t now);
    /* A unit that is not present forgets this queue, keeping what it is owed. */
    void (*detach)(struct sched_rq *rq, struct sched_unit *u);

    /* Accounts what rq->curr has run; afterwards its group's budget is right. */
    void (*charge)(struct sched_rq *rq, uint64_t now);
    /* See above; *slice in ns from now. */
    struct sched_unit *(*pick_next)(struct sched_rq *rq, uint64_t now, uint64_t *slice);
    /* `u` was just enqueued: in how many ns should pick_next() be called?  0: at once;
     * WAKE_NEVER: when the present slice ends is soon enough. */
    uint64_t (*wake_check)(struct sched_rq *rq, struct sched_unit *u, uint64_t now);
    /* rq->curr lets others go first, once. */
    void (*yield)(struct sched_rq *rq, uint64_t now);

    /* Which of the `allowed` (never empty) processors should serve `u` as it wakes.  No lock is
     * held: the queues are only hints. */
    unsigned int (*pick_cpu)(const struct sched_unit *u, struct sched_rq *rqs, cpumask_t allowed);
    /* A unit of `busy` that should rather run on `other`, and may: not running, not on_cpu.
     * `idle`: other has nothing to do at all.  Both locks are held. */
    struct sched_unit *(*pick_to_move)(struct sched_rq *busy, struct sched_rq *other, bool idle,
                                       uint64_t now);
    /* Is it time to compare this queue with the others?  Advances the policy's own clock. */
    bool (*balance_due)(struct sched_rq *rq, uint64_t now);

    /* Group parameters changed (the caller wrote weight and cap under g->lock, which is free
     * again).  Interrupts are off, as for every call: a wake-up from one takes these locks. */
    void (*group_changed)(struct sched_group *g, uint64_t now);
};

extern const struct sched_policy policy_fair;

/* The shortest time for which a unit that does not yield is left alone, ns; tools set it in us
 * (XEN_SYSCTL_scheduler_op), 0 switches it off. */
extern uint64_t sched_ratelimit_ns;
