/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hypercalls that are known but not offered, where the answer must be another than the -ENOSYS of
 * an unknown number.
 */
#include "abi/errno.h"
#include "debug/assert.h"
#include "hypercall/handlers.h"

/* Linux prints one line on this answer and goes on without counters; others it repeats. */
long do_xenpmu_op(unsigned cmd, uint64_t arg)
{
    return guest_error(-EOPNOTSUPP, "no virtual performance counters");
}
