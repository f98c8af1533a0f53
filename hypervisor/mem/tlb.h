/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Translation caches: a clock that says which CPU has flushed since when, and the flush itself.
 *
 * The clock advances at the beginning of each full flush (global entries included) of a CPU, and
 * the CPU remembers the value.  Whoever removes a mapping reads the clock afterwards: the stamp.  A
 * CPU whose last flush is later than the stamp cannot hold that mapping any more.  Stamps are the
 * low half of the clock; the true value is at most the one reconstructed from the present, so that
 * a very old stamp costs a flush too many and never one too few.  The clock is odd: no stamp is 0.
 */
#pragma once

#include "lib/atomic.h"
#include "lib/cpumask.h"
#include "lib/types.h"

extern uint64_t tlb_clock_now;
extern uint64_t tlb_flush_time[NR_CPUS]; /* clock at each CPU's last full flush */
extern cpumask_t tlb_online;             /* CPUs that run; set by cpu/smp.c through tlb_cpu_up() */

#ifdef PAVIS_HOST_TEST
extern void (*host_after_stamp)(void); /* what other CPUs do before a stamp is recorded */
#endif

/*
 * The stamp for mappings that have been removed.  To be read while nobody can make another: a frame
 * whose last use seems to end may be mapped, flushed, used and unmapped once more by another CPU
 * between the reading of the clock and the recording of the stamp (XSA-241).
 */
static inline uint32_t tlb_clock(void)
{
    uint32_t now = (uint32_t)load_once(&tlb_clock_now);

#ifdef PAVIS_HOST_TEST
    if (host_after_stamp)
        host_after_stamp();
#endif
    return now;
}

/* Removes from *mask the CPUs that have flushed since `stamp` was taken.  0 removes all. */
void tlb_filter(cpumask_t *mask, uint32_t stamp);

/* Called with interrupts off around a full flush of this CPU (a CR3 load flushes only if it clears
 * global entries too):  t = tlb_flush_begin(); flush; tlb_flush_end(cpu, t). */
uint64_t tlb_flush_begin(void);
void tlb_flush_end(unsigned cpu, uint64_t t);

/* --- the edge (mem/tlb.c; fakes in tests) -------------------------------------------------------
 */

#define TLB_ALL     (~0ULL)
#define TLBF_GLOBAL 1u /* entries marked global too; implied by TLB_ALL through this interface */
#define TLBF_CACHE  2u /* write back and invalidate the data caches as well */

void tlb_cpu_up(unsigned cpu);

/* Flushes one page (any address below the page's end; all root tables) or everything, here. */
void tlb_flush_local(uint64_t va_or_all, unsigned flags);
/* The same on every CPU of `mask` that runs; returns when all have done it.  Interrupts must be on,
 * or only this CPU be in the mask. */
void tlb_flush_mask(cpumask_t mask, uint64_t va_or_all, unsigned flags);
/* Loads a root and empties this CPU's TLB, global entries too: between processes (user pages are
 * global) and between domains. */
void tlb_load_cr3_flush(uint64_t cr3);
/* Writes one frame's cache lines back, on all CPUs (coherent). */
void cache_flush_page(void *page);
