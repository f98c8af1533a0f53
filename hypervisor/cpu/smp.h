/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Making the other processors do things: see smp.c.
 */
#pragma once

#include "lib/cpumask.h"

/* CPUs that run the hypervisor; only grows, in boot/start_cpus.c. */
extern cpumask_t cpu_online_map;
extern unsigned int nr_cpus; /* as many as there are bits in it */

static inline bool cpu_online(unsigned int cpu)
{
    return cpumask_test(cpu_online_map, cpu);
}

/* Handlers and the first CPU's entry in the maps.  After apic_init(). */
void smp_init(void);

/*
 * Runs fn(arg) on the online CPUs of `mask` with interrupts off there, the caller's own included.
 * Waits until they have begun and, with `wait`, until all have finished.  May be called with
 * interrupts on or off, but not while holding a lock that an fn takes.
 */
void smp_call(cpumask_t mask, void (*fn)(void *arg), void *arg, bool wait);

/*
 * To be called in any loop that waits for another CPU with interrupts off: runs what this CPU has
 * been asked to, so that two such loops cannot wait for each other.
 */
void smp_poll_calls(void);

/*
 * The end of the machine (cpu/machine.c): stops the other CPUs by NMI, wherever they are; returns
 * those that did not answer within a tenth of a second.  Or the calling one, for good.
 */
cpumask_t smp_stop_others(void);
__noreturn void smp_stop_self(void);

/* Makes `cpu` take VECTOR_EVENT_CHECK: event_check_ipi() in hooks.h. */
void smp_send_event_check(unsigned int cpu);
/* Makes the CPUs of `mask` take VECTOR_TLB_FLUSH: tlb_flush_ipi() in hooks.h. */
void smp_send_tlb_flush(cpumask_t mask);

/* Empties the TLB of every online CPU, global entries too. */
void smp_flush_everything(void);
