/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vcpu_op, a vCPU's timers, and the place where its vcpu_info is.
 */
#pragma once

#include "lib/types.h"

struct vcpu;

/* Hypercall 24. */
long do_vcpu_op(int cmd, unsigned int vcpu_id, uint64_t arg);
/* Makes an NMI pending and wakes v; one that waits already is enough. */
void vcpu_send_nmi(struct vcpu *v);

/* --- domain/vcpu_info.c ------------------------------------------------------------------------
 */
/* For vcpu_create(): vcpu_info in the domain's shared_info for the first 32, else a place that
 * nobody reads, so that v->vcpu_info is never NULL. */
void vcpu_info_init(struct vcpu *v);
/* True until the guest registers one, for vCPUs that have none in shared_info: cannot be started.
 */
bool vcpu_info_is_dummy(const struct vcpu *v);
/* VCPUOP_register_vcpu_info; under the domain's lock.  0, -EINVAL, -ENXIO. */
int vcpu_info_register(struct vcpu *v, mfn_t mfn, unsigned int offset);
/* Domain death or reset: back to vcpu_info_init()'s place, the frame's references dropped, the
 * runstate and time areas forgotten.  v does not run, its timers are dead (sched_destroy_vcpu), and
 * no port of the domain is open: nobody writes to the old place any more. */
void vcpu_info_release(struct vcpu *v);

/* --- domain/vcpu_timer.c -----------------------------------------------------------------------
 */
/* Single-shot, periodic and poll timer, for the scheduler: */
void vcpu_timers_init(struct vcpu *v, unsigned int cpu);
void vcpu_timers_kill(struct vcpu *v);
/* v runs on another processor than before. */
void vcpu_timers_migrate(struct vcpu *v, unsigned int cpu);
/* The periodic timer ticks only while v runs; a tick that was missed meanwhile comes at once. */
void vcpu_periodic_resume(struct vcpu *v);
void vcpu_periodic_suspend(struct vcpu *v);
/* ns, 0: off. */
void vcpu_periodic_set(struct vcpu *v, uint64_t period_ns);

/* --- what pv/ provides
 * ---------------------------------------------------------------------------- */
struct vcpu_guest_context;
/* Takes over a checked copy of ctx; v is down or paused.  0 or -errno. */
int pv_set_guest_context(struct vcpu *v, const struct vcpu_guest_context *ctx);
