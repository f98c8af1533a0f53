/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memory_op and the parts it is made of.
 */
#pragma once

#include "lib/types.h"

/* A restarted call carries the number of extents done above the sub-operation. */
#define MEMOP_EXTENT_SHIFT 6
#define MEMOP_CMD_MASK     ((1u << MEMOP_EXTENT_SHIFT) - 1)

/*
 * The largest extent, as an order: 2 MiB, what Linux's balloon and the builder of PV guests use.
 * Bounded because but for its scrubbing an extent is one step that cannot be interrupted.
 */
#define MEMOP_MAX_ORDER 9

/* Hypercall 12; `arg` is a guest address. */
long do_memory_op(unsigned cmd, uint64_t arg);

/* memory_reserve.c: increase, decrease, populate.  The number of extents done, a continuation, or
 * -errno as do_memory_op() returns it. */
long memory_reservation_op(unsigned op, unsigned start, uint64_t arg);
/* memory_exchange.c: XENMEM_exchange. */
long memory_exchange(uint64_t arg);
