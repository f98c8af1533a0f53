/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where machine memory and its records are, and the few things the memory layer asks of the layers
 * above it.  In the hypervisor the places are constants of mem/layout.h; in a host test they are
 * variables that point at ordinary arrays, and the test defines the functions.
 */
#pragma once

#include "lib/types.h"
#include "mem/layout.h"
#include "mem/owner.h"

#ifdef PAVIS_HOST_TEST
extern struct frame *host_frame_table; /* record of machine frame 0 */
extern uint8_t *host_memory;           /* contents of machine frame 0 */
#define FRAME_TABLE host_frame_table
#define DIRECT_MAP  host_memory
#else
#define FRAME_TABLE ((struct frame *)FRAME_TABLE_BASE)
#define DIRECT_MAP  ((uint8_t *)DIRECT_MAP_BASE)
#endif

/* The direct map.  Only frames that are RAM are mapped there: ask frame_is_ram() first about a
 * number that came from a guest. */
static inline void *mfn_to_virt(mfn_t mfn)
{
    return DIRECT_MAP + (mfn.n << PAGE_SHIFT);
}

static inline mfn_t virt_to_mfn(const void *p)
{
    return MFN((uint64_t)((const uint8_t *)p - DIRECT_MAP) >> PAGE_SHIFT);
}

/* --- asked of the layers above (defined there, by fakes in tests) ------------------------------
 */

/* True when this CPU has other work pending (softirq, event), so that a long operation should stop
 * at its next point of resumption.  sched/. */
bool hypercall_preempt_check(void);

/* An owner has been given its first frame, or has lost its last one (assigned and shared counted
 * together): domain/ holds one reference on the domain in between, so that a frame's owner can
 * always be found.  Called without locks of mem/ held; the last may free the owner. */
void mem_owner_hold(struct mem_owner *o);
void mem_owner_release(struct mem_owner *o);
