/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Free machine memory: a binary buddy allocator with one set of lists per node and address width.
 *
 * A block is 2^order frames, aligned to its size; its head record links it into a list.  Blocks of
 * RAM that was never used are handed over at boot by their heads alone.  Freed frames remember when
 * they were freed (flush stamp) and are dirty until scrubbed, by the idle loop or at allocation.
 * Contents and ownership are the business of mem/assign.c: this file only finds and merges blocks.
 */
#pragma once

#include "lib/types.h"
#include "mem/frame.h"
#include "mem/numa.h"

/* Hands over RAM that nothing uses.  Boot only. */
void heap_add_range(mfn_t start, mfn_t end);

/* A block whose frames are in FRAME_MOVING or FRAME_RESERVED state, with each record still saying
 * CLEAN or a stamp; NULL.  Only from these nodes.  `spare`: leave at least so many frames free
 * (claims of others). */
struct frame *buddy_alloc(unsigned order, unsigned addr_bits, nodemask_t nodes, uint64_t spare);
/* Back to where it came from, with the records as they are: CLEAN or a stamp. */
void buddy_return(struct frame *f, unsigned order, bool all_clean);
/* Frees a block.  Each record is overwritten: dirty, with flush stamp `stamp`. */
void buddy_free(struct frame *f, unsigned order, uint32_t stamp);

uint64_t heap_free_pages(void);
/* Of these nodes, at addresses below 2^addr_bits. */
uint64_t heap_free_pages_in(nodemask_t nodes, unsigned addr_bits);

/* For the idle loop: flushes and zeroes a few free frames; false when nothing is left to do. */
bool heap_scrub_some(void);

/* For the audit: walks the lists and returns the number of frames in them; ~0 and a sentence in
 * *why when a list is damaged. */
uint64_t buddy_check(const char **why);
