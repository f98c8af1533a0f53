/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vCPUs on processors: who may run, where, and when.
 *
 * The hypervisor has one stack per processor and never switches vCPUs inside a hypercall.  A
 * switch happens at two places only: on the exit path to a guest and in the idle loop, both by
 * do_softirq() calling schedule().  Everything else (wake, sleep, block) changes state under the
 * run queue's lock and asks for SOFTIRQ_SCHEDULE.
 *
 * Locks: a run queue's lock guards the `unit` of the vCPUs assigned to that processor, their
 * runstate, and `running`.  It is taken in interrupt context (an event from a device wakes a
 * vCPU): always irqsave.  Order: run queue locks by rising processor number; inside them group
 * locks and timer locks; never an event or domain lock inside.
 */
#pragma once

#include "abi/vcpu.h"
#include "lib/types.h"
#include "sched/policy.h"

struct vcpu;
struct domain;
struct xen_domctl_scheduler_op;
struct xen_sysctl_scheduler_op;

#define NO_CPU (~0U)

/* The value of struct domain.shutdown_code before anybody has set one. */
#define SHUTDOWN_CODE_INVALID 0xff

struct vcpu_sched {
    struct sched_unit unit; /* unit.cpu: the processor; unit.on_cpu: runs or is being switched */
    struct vcpu_runstate_info runstate;
    /* The processor that may hold this vCPU's registers although something else (idle) runs there,
     * or NO_CPU.  Written by pv/context.c alone, see sync_vcpu_state(). */
    unsigned int state_cpu;
    unsigned int timer_cpu; /* where its timers are; they follow it lazily */
    bool migrate;           /* must leave its processor when it stops running */
    cpumask_t hard_saved;   /* during SCHEDOP_pin_override */
    bool pin_override;
    spinlock_t periodic_lock; /* guards the two words of the periodic timer; softirq context */
    uint64_t periodic_last;   /* when it last ticked, ns; its period is v->periodic_ns */
};

struct sched_domain {
    struct sched_group group;
};

/* --- boot ------------------------------------------------------------------------------------ */
/* After the heap and clock_init(): run queues of all possible processors, the idle domain, and this
 * processor's idle vCPU as `current`.  `name`: from the option sched=, NULL for the
 * default; an unknown one is warned about. */
void sched_init(const char *name);
/* Run queue and idle vCPU of a processor.  0 or -ENOMEM. */
int sched_prepare_cpu(unsigned int cpu);
/* On that processor: from now on it takes part.  Both are called by sched_init() on the first, and
 * by cpu_idle_entry() (hooks.h) on each further one. */
void sched_start_cpu(void);
/* Softirqs, then sleep until an interrupt.  Also where context switches to idle continue. */
void idle_loop(void) __attribute__((noreturn));
extern struct domain *idle_domain;
/* Processors that schedule. */
extern cpumask_t sched_online;

/* --- objects --------------------------------------------------------------------------------- */
void sched_init_domain(struct domain *d);
/* Stops and forgets the watchdog timers; all vCPUs are already down. */
void sched_destroy_domain(struct domain *d);
/* v->id, v->domain are set, VPF_DOWN too; may run anywhere.  Also sets up its timers. */
void sched_init_vcpu(struct vcpu *v);
/* The vCPU is paused for good and not running; kills its timers. */
void sched_destroy_vcpu(struct vcpu *v);

/* --- state ----------------------------------------------------------------------------------- */
/* Not blocked, down or paused. */
bool vcpu_runnable(const struct vcpu *v);
/* Runs now, or is being switched to or from. */
static inline bool vcpu_running_unit(const struct sched_unit *u)
{
    return load_once(&u->on_cpu);
}
/* Something that kept v from running (a flag, a pause) may be gone: queues it if so.  Any context.
 */
void vcpu_wake(struct vcpu *v);
/* Something now keeps v from running: gets it off its processor, soon / and waits until its state
 * is in struct vcpu.  _sync not for `current`, and with interrupts on. */
void vcpu_sleep_nosync(struct vcpu *v);
void vcpu_sleep_sync(struct vcpu *v);
/* Ends SCHEDOP_block and SCHEDOP_poll.  Any context. */
void vcpu_unblock(struct vcpu *v);
/* v has something new to see on its way out (an event, an NMI): unblocks it, and if it runs on
 * another processor interrupts that.  Any context. */
void vcpu_kick(struct vcpu *v);
/* An event became pending on `port`: wakes those vCPUs of d that poll for it.  Any context. */
void sched_poll_event(struct domain *d, unsigned int port);
/* current sleeps unless an event is pending (events are unmasked first, as SCHEDOP_block does). */
void vcpu_block(void);
void vcpu_yield(void);
/* Softirq or event work waits for this processor: a long hypercall should stop here. */
bool hypercall_preempt_check(void);

/* SOFTIRQ_SCHEDULE.  Does not return when it switches. */
void schedule(void);

/* --- what pv/context.c provides -------------------------------------------------------------- */
/*
 * Called by schedule() on the exit path or in the idle loop, interrupts on, no lock held, current
 * == prev != next.  Makes next current: after return its registers are at the top of this stack,
 * its address space, segments, FPU are loaded.  prev's state may stay in the processor when next
 * is idle (prev->sched.state_cpu says where); whoever loads a vCPU whose state_cpu is another
 * processor gets it saved there first.
 */
void context_switch(struct vcpu *prev, struct vcpu *next);
/* Drops the C frames of this stack and goes on as `v` (== current): to the guest exit path, for
 * an idle vCPU to idle_loop(). */
void continue_running(struct vcpu *v) __attribute__((noreturn));
/* Switches current between the page tables of its kernel and its user mode. */
void pv_toggle_mode(struct vcpu *v);
/* v does not run: makes sure its whole state is in struct vcpu, asking v->sched.state_cpu if need
 * be.  Interrupts on. */
void sync_vcpu_state(struct vcpu *v);

/* --- run states and the areas guests register (sched/runstate.c) -------------------------------
 */
/* A consistent copy with the time up to now accounted. */
void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out);
/* Brings current's runstate and time areas up to date, where registered; by schedule() after a
 * switch.  Nothing else has to be done for them. */
void vcpu_areas_update(void);
/* Before a switch: tells prev's guest that it lost the processor. */
void vcpu_areas_leave(struct vcpu *prev);
/* ns that `cpu` was idle since boot (sysctl getcpuinfo, XENPF_getidletime). */
uint64_t sched_idle_time(unsigned int cpu);

/* --- affinity, parameters (sched/tune.c) --------------------------------------------------------
 */
/* -EINVAL when the mask holds no online processor, -EBUSY while pin_override is on. */
int vcpu_set_hard_affinity(struct vcpu *v, cpumask_t mask);
int vcpu_set_soft_affinity(struct vcpu *v, cpumask_t mask);
/* SCHEDOP_pin_override: cpu < 0 undoes it.  -EINVAL, -EBUSY. */
int vcpu_pin_override(struct vcpu *v, int cpu);
/* What tools are told, whatever the policy: XEN_SCHEDULER_CREDIT2, which they know to handle. */
unsigned int sched_abi_id(void);
/* XEN_DOMCTL_scheduler_op for d; `op` is our copy.  0, -EINVAL, -EOPNOTSUPP. */
int sched_domctl(struct domain *d, struct xen_domctl_scheduler_op *op);
/* XEN_SYSCTL_scheduler_op (cpupool checked by the caller). */
int sched_sysctl(struct xen_sysctl_scheduler_op *op);

/* Debug key 'r': run queues and vCPUs, to the log.  Takes domain_list_lock: not in an interrupt. */
void sched_dump(void);

/* --- sched/sched_op.c --------------------------------------------------------------------------
 */
long do_sched_op(int cmd, uint64_t arg);
