/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writing cpu_info.current.  To be included before domain/domain.h, whose macro `current` would
 * otherwise rewrite the member's name.
 */
#pragma once

#include "cpu/cpu_info.h"

static inline void set_current(struct vcpu *v)
{
    cpu_info()->current = v;
}
