/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where everything of a new domain lies when its kernel is entered, computed before anything is
 * allocated: the Xen ABI's start-of-day layout as data.
 *
 *   v_start (VIRT_BASE)                                                              v_end
 *   | ... | kernel | ramdisk* | P2M* | start_info | store* | console* | page tables | stack | pad |
 *
 * One region, mapped page by page from page frame 0 on, ends on a 4 MiB boundary and has at least
 * 512 KiB behind the stack.  Starred parts may be absent: the ramdisk of a kernel with
 * MOD_START_PFN and the P2M list of one with INIT_P2M get frames behind the region (the ramdisk
 * first, then the list, then the page tables that map the list at its own address); store and
 * console pages are for domains that are not dom0.
 *
 * Pure: the builder carries the plan out, the tools can use the same for other domains, and tests
 * check every page of it.
 */
#pragma once
#include "dom0/image.h"

struct plan_request {
    uint64_t nr_pages;   /* what the domain shall have, all in all */
    uint64_t initrd_len; /* bytes, 0: no ramdisk */
    bool store_page, console_page;
};

/* nr pages from frame pfn on; va is where they are mapped, 0 where they are not. */
struct plan_range {
    uint64_t va;
    uint64_t pfn;
    uint64_t nr;
};

/* Numbers of page tables, indexed by level 1 to 4. */
struct plan_tables {
    uint64_t level[5];
    uint64_t total;
};

struct dom0_plan {
    uint64_t nr_pages;
    uint64_t v_start, v_end;
    struct plan_range kernel, initrd, p2m, start_info, store, console, stack;
    /*
     * pt: the tables that map the region, L4 first, then all L3, L2, L1, each level by rising
     * address.  p2m_pt: the further ones that INIT_P2M asks for, L3 first, not mapped themselves.
     */
    struct plan_range pt, p2m_pt;
    struct plan_tables pt_tables, p2m_tables;
    /* Frames [first_free, nr_pages) are plain memory; below, all frames have a place above. */
    uint64_t first_free;
};

/*
 * Computes the layout for a kernel.  On failure the sentence says what is wrong or how much memory
 * would be needed; *plan is then not to be used.  The sentence may live in a static buffer.
 */
const char *plan_dom0(struct dom0_plan *plan, const struct kernel_image *img,
                      const struct plan_request *req);

/* One page-table entry that the initial tables need; all others are zero. */
struct plan_entry {
    unsigned level;      /* of the table that holds the entry: 1 to 4 */
    unsigned index;      /* 0 to 511 */
    uint64_t table_pfn;  /* the table */
    uint64_t target_pfn; /* what the entry maps or points to */
    bool read_only;      /* level 1: the target is a page table (invariant I1) */
};

/* Calls emit for each entry exactly once, an upper table's before those of the tables below it. */
void plan_walk(const struct dom0_plan *plan, void (*emit)(void *ctx, const struct plan_entry *e),
               void *ctx);

/* Writes line n of a description of the plan, for the boot log; false when there is none. */
bool plan_line(const struct dom0_plan *plan, unsigned n, char *buf, size_t size);
