/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where machine memory and its records are, and the few things the memory layer asks of the layers
 * above it.  In the hypervisor the places are constants of mem/layout.h; in a host test they are an
 * array and functions of the test.
 */
#pragma once

#include "lib/types.h"
#include "mem/layout.h"
#include "mem/map.h" /* mfn_to_virt(), virt_to_mfn(): RAM only, ask frame_is_ram() first */
#include "mem/owner.h"

#ifdef PAVIS_HOST_TEST
extern struct frame *host_frame_table; /* record of machine frame 0 */
#define FRAME_TABLE host_frame_table
#else
#define FRAME_TABLE ((struct frame *)FRAME_TABLE_BASE)
#endif

/* --- asked of the layers above (defined there, by fakes in tests) ------------------------------
 */

/* True when this CPU has other work pending (softirq, event), so that a long operation should stop
 * at its next point of resumption.  sched/. */
bool hypercall_preempt_check(void);

/* An owner has been given its first frame, or has lost its last one (assigned and shared counted
 * together): domain/ holds one reference on the domain in between, so that a frame's owner can
 * always be found.  hold is called under o->lock and only counts; release is called without locks
 * of mem/ and may free the owner. */
void mem_owner_hold(struct mem_owner *o);
void mem_owner_release(struct mem_owner *o);
