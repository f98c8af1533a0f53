/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a vCPU's time goes: every nanosecond since its creation is in exactly one of the four
 * states, so their sum never drifts from system time.  Pure.
 */
#pragma once

#include "abi/vcpu.h"
#include "lib/types.h"

static inline void runstate_init(struct vcpu_runstate_info *r, int32_t state, uint64_t now)
{
    *r = (struct vcpu_runstate_info){.state = state, .state_entry_time = now};
}

/* A clock that went back a little (another processor's) counts as standing still. */
static inline void runstate_change(struct vcpu_runstate_info *r, int32_t state, uint64_t now)
{
    if (now > r->state_entry_time) {
        r->time[r->state] += now - r->state_entry_time;
        r->state_entry_time = now;
    }
    r->state = state;
}

/* What it would be if it were accounted up to `now`. */
static inline void runstate_snapshot(const struct vcpu_runstate_info *r, uint64_t now,
                                     struct vcpu_runstate_info *out)
{
    *out = *r;
    if (now > r->state_entry_time)
        out->time[r->state] += now - r->state_entry_time;
}
