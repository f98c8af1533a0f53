/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's debug registers: which values it may have, and their switch between vCPUs.
 */
#pragma once

#include "lib/types.h"

struct vcpu;

/* Stores a value after the checks of the ABI; loads it if v is current.  0, -EINVAL, -EPERM,
 * -ENODEV (a register that does not exist). */
long debugreg_set(struct vcpu *v, int reg, uint64_t value);
/* All eight of a context; values that may not be are left out. */
void debugreg_set_all(struct vcpu *v, const uint64_t value[8]);
/* For a vCPU whose registers are (un)loaded on this CPU.  Cheap when no breakpoint is set. */
void debugreg_switch_out(struct vcpu *v);
void debugreg_switch_in(struct vcpu *v);
