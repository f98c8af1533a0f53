/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vcpu_op, and the place where a vCPU's vcpu_info is.
 */
#pragma once

#include "lib/types.h"

struct vcpu;

long do_vcpu_op(int cmd, unsigned int vcpu_id, uint64_t arg);

/* For vcpu_create(): vcpu_info in the domain's shared_info for the first 32, else a place that
 * nobody reads, so that v->vcpu_info is never NULL. */
void vcpu_info_init(struct vcpu *v);
/* True until the guest registers one, for vCPUs that have none in shared_info: cannot be started. */
bool vcpu_info_is_dummy(const struct vcpu *v);
/* VCPUOP_register_vcpu_info. */
int vcpu_info_register(struct vcpu *v, mfn_t mfn, unsigned int offset);
/* Domain death or reset: back to vcpu_info_init()'s place, and the frame's references dropped. */
void vcpu_info_release(struct vcpu *v);
/* Domain death: forgets the guest's runstate and time areas. */
void vcpu_areas_release(struct vcpu *v);

/* pv/context.c: the VCPUOP_initialise and setvcpucontext half of it. 0, -EINVAL, -ERESTART... */
struct vcpu_guest_context;
int pv_set_guest_context(struct vcpu *v, const struct vcpu_guest_context *ctx);
