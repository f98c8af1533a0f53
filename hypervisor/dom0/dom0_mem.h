/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much memory dom0 gets: the boot option dom0_mem and what it means, as in Xen 4.17.
 * Pure arithmetic; the amounts follow Xen's because people carry their command lines over.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* An amount: bytes, or percent of what is available, or their sum; or all but that. */
struct mem_amount {
    bool given;
    bool minus; /* available memory less the amount */
    unsigned percent;
    uint64_t bytes;
};

struct dom0_mem {
    struct mem_amount size, min, max;
};

/*
 * Reads "SIZE", "min:SIZE", "max:SIZE" separated by commas, where SIZE is [-]NUMBER[BKMGT] (KiB if
 * no letter follows), [-]N%, or [-]NUMBER+N%.  A part that is stated again replaces the earlier
 * one.  On false *m is unchanged.
 */
bool dom0_mem_parse(struct dom0_mem *m, const char *s);

/*
 * Reads a number with an optional letter B, K, M, G or T (either case; KiB if none follows), as all
 * size options of Xen are written.  *end is behind what was read; false if nothing was, or if the
 * number of bytes does not fit 64 bits.
 */
bool size_parse(const char *s, const char **end, uint64_t *bytes);

/*
 * avail_pages: free memory once the hypervisor has what it needs.  *nr_pages: what dom0 starts
 * with; where dom0_mem does not say, all but 1/16 of memory, at most 128 MiB, which stays for
 * XENMEM_exchange and DMA buffers.  *max_pages: how far it may grow.
 */
void dom0_mem_pages(const struct dom0_mem *m, uint64_t avail_pages, uint64_t *nr_pages,
                    uint64_t *max_pages);
