/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What pv/ does for domain/ when domains and vCPUs come and go.  domain/ is the lower layer and may
 * not include pv/, so the upward calls are declared here, together, and defined there.
 */
#pragma once

#include "lib/types.h"

struct domain;
struct vcpu;
struct vcpu_guest_context;

/* --- pv/cpu_policy_boot.c -------------------------------------------------------------------- */
/* A new domain gets a CPU policy: dom0's, or the default.  0 or -ENOMEM. */
int pv_domain_init(struct domain *d);
void pv_domain_free(struct domain *d);

/* --- pv/context.c, pv/segments.c ------------------------------------------------------------- */
/* Everything of struct vcpu that a PV vCPU needs before its first context is set: FPU area, trap
 * table, descriptor slot.  v->domain, v->id, v->vcpu_info are set.  0 or -ENOMEM, nothing kept. */
int pv_vcpu_init(struct vcpu *v);
void pv_vcpu_destroy(struct vcpu *v);
/*
 * Drops what a vCPU that will never run again holds of its domain's memory: GDT and LDT frames,
 * both roots (also one left half validated).  0 or -ERESTART; called again after that, and
 * harmless when there is nothing left.
 */
int pv_vcpu_relinquish(struct vcpu *v);

/* SOFTIRQ_NMI, on the exit path: enters the NMI handler of current, if it has one pending. */
void pv_nmi_softirq(void);
/* SOFTIRQ_DOM0_NMI: passes an NMI of the machine on to dom0. */
void pv_dom0_nmi_softirq(void);

/* setvcpucontext and VCPUOP_initialise: v does not run.  0, -EINVAL..., -ERESTART: again, with the
 * same structure. */
int pv_set_guest_context(struct vcpu *v, const struct vcpu_guest_context *c);
/* getvcpucontext: the whole context of a vCPU that does not run. */
void pv_get_guest_context(struct vcpu *v, struct vcpu_guest_context *c);
/* Registers of a vCPU that does not run, or of current, to the log. */
void pv_vcpu_dump(struct vcpu *v);
