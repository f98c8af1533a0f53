/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Deferred work of a processor, run with interrupts on and no lock held: on the exit path to a
 * guest and in the idle loop.  A fixed, named list; anything else uses struct work, below.
 *
 * The pending word is what the exit path tests (one load).  An interrupt handler raises and
 * returns; nothing in the hypervisor runs a softirq in the middle of a hypercall.
 */
#pragma once

#include "lib/atomic.h"
#include "lib/list.h"
#include "lib/types.h"

/* In order of urgency: expired timers first, since they decide what schedule() finds. */
enum softirq {
    SOFTIRQ_TIMER,
    SOFTIRQ_WORK,
    SOFTIRQ_SCHEDULE,
    SOFTIRQ_NMI,      /* the vCPU that is to go on may have an NMI pending */
    SOFTIRQ_DOM0_NMI, /* one of the machine is for dom0 */
    SOFTIRQ_NR
};

/* One cache line each: written by other processors.  SOFTIRQ_CPU_SHIFT is for pv/entry.S. */
#define SOFTIRQ_CPU_SHIFT 6
struct softirq_cpu {
    uint64_t pending; /* bit per enum softirq */
    uint64_t runs[SOFTIRQ_NR];
} __attribute__((aligned(1 << SOFTIRQ_CPU_SHIFT)));
extern struct softirq_cpu softirq_cpus[];

static inline bool softirq_pending(unsigned int cpu)
{
    return load_once(&softirq_cpus[cpu].pending) != 0;
}

/* For this processor; any context. */
void raise_softirq(enum softirq nr);
/* For any; interrupts it if it is another, so that it looks soon. */
void cpu_raise_softirq(unsigned int cpu, enum softirq nr);
/* Runs what is pending until nothing is.  Interrupts on; may not return (a context switch). */
void do_softirq(void);

/*
 * A function to be called once, soon, on a given processor from SOFTIRQ_WORK.  Zeroed plus
 * work_init().  May be scheduled again from its own function.
 */
struct work {
    struct list_head link;
    void (*fn)(void *arg);
    void *arg;
    unsigned int cpu; /* where it is queued, or ran last */
    bool queued, running;
};

void work_init(struct work *w, void (*fn)(void *), void *arg);
/* Nothing happens if it is queued already.  Any context. */
void work_schedule_on(struct work *w, unsigned int cpu);
void work_schedule(struct work *w);
/* Once, before anything is raised. */
void softirq_init(void);
