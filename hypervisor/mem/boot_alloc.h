/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The allocator of the boot: from the memory map until the frame allocator takes over.
 *
 * Order of use: boot_alloc_init, boot_alloc_reserve for what is occupied, allocations,
 * boot_memory_for_each_free once (mem/frame.c), then only boot_memory_release.
 */
#pragma once

#include "lib/types.h"

/* Takes all RAM of machine_map above the first MiB. */
void boot_alloc_init(void);

/* Takes bytes [start, end) out, rounded outwards to frames. */
void boot_alloc_reserve(paddr_t start, paddr_t end);

/* Frames at and above this address are not given out (while they are not mapped). */
void boot_alloc_set_limit(paddr_t limit);

/*
 * `n` adjacent frames, the first a multiple of `align` (a power of two), contents undefined.
 * INVALID_MFN when there are none.  After the frame allocator has taken over: always INVALID_MFN.
 */
mfn_t boot_alloc_pages(uint64_t n, uint64_t align);

/* One zeroed frame; stops the machine when there is none. */
mfn_t boot_alloc_zeroed_page(void);

/* A free frame below 640 KiB, for real-mode code.  INVALID_MFN when the firmware left none. */
mfn_t boot_alloc_low_page(void);

/*
 * Hands every free range [first, first + n) to `take` and ends allocation here.  `take` is kept:
 * memory released later (modules, the boot's own code) goes to it at once.
 */
void boot_memory_for_each_free(void (*take)(mfn_t first, uint64_t n));

/* Gives back whole frames inside bytes [start, end): to the free set or, after the handover, to
 * the frame allocator. */
void boot_memory_release(paddr_t start, paddr_t end);
