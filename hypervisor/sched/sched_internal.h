/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of sched/ share: the run queues and how to lock them.
 */
#pragma once

#include "domain/domain.h"
#include "sched/policy.h"
#include "sched/sched.h"
#include "time/timer.h"

/* What a processor's scheduler keeps beside its run queue. */
struct sched_cpu {
    struct timer slice; /* raises SOFTIRQ_SCHEDULE when the present slice is over */
    struct vcpu *idle;
    uint64_t switches, steals, pushes;
} __attribute__((aligned(64)));

extern const struct sched_policy *policy;
extern struct sched_rq sched_rqs[NR_CPUS];
extern struct sched_cpu sched_cpus[NR_CPUS];

static inline struct vcpu *vcpu_of(struct sched_unit *u)
{
    return container_of(u, struct vcpu, sched.unit);
}

/* The locked queue of the processor that v is assigned to. */
struct sched_rq *vcpu_rq_lock(const struct vcpu *v, uint64_t *flags);
static inline void vcpu_rq_unlock(struct sched_rq *rq, uint64_t flags)
{
    spin_unlock_irqrestore(&rq->lock, flags);
}

/* v must not stay on the processor it is assigned to: the queue `rq` is its, and locked.  Returns
 * true when the caller has to vcpu_wake(v) after unlocking. */
bool vcpu_evict(struct sched_rq *rq, struct vcpu *v);

/* sched/idle.c */
struct vcpu *idle_vcpu_create(unsigned int cpu);

/* sched/sched_op.c */
void sched_watchdog_init(struct domain *d);
void sched_watchdog_destroy(struct domain *d);
