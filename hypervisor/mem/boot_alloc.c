/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The boot's allocator.  It takes from the top, so that memory low enough for 32-bit devices stays
 * for dom0, and from below a limit while only part of RAM is mapped.
 */
#include "mem/boot_alloc.h"
#include "debug/assert.h"
#include "lib/string.h"
#include "mem/frame_ranges.h"
#include "mem/heap.h"
#include "mem/map.h"
#include "mem/memory_map.h"

/* The first MiB holds the firmware's data, the trampoline, and what dom0 maps as device memory. */
#define LOW_MEMORY_END  MIB(1)
#define REAL_MODE_FIRST 0x1000
#define REAL_MODE_END   0x9f000

static struct frame_ranges free_ranges;
static uint64_t limit_frame = UINT64_MAX;
static void (*successor)(mfn_t first, uint64_t n);

void boot_alloc_init(void)
{
    for (unsigned int i = 0; i < machine_map.nr; i++) {
        const struct memory_region *r = &machine_map.region[i];
        uint64_t start = max(ALIGN_UP(r->start, PAGE_SIZE), LOW_MEMORY_END);
        uint64_t end = ALIGN_DOWN(r->start + r->size, PAGE_SIZE);

        if (r->type == MEMORY_RAM && start < end)
            frame_ranges_add(&free_ranges, start >> PAGE_SHIFT, end >> PAGE_SHIFT);
    }
}

void boot_alloc_reserve(paddr_t start, paddr_t end)
{
    frame_ranges_remove(&free_ranges, start >> PAGE_SHIFT, DIV_UP(end, PAGE_SIZE));
}

void boot_alloc_set_limit(paddr_t limit)
{
    limit_frame = limit >> PAGE_SHIFT;
}

mfn_t boot_alloc_pages(uint64_t n, uint64_t align)
{
    if (successor)
        return INVALID_MFN;
    return MFN(frame_ranges_take_top(&free_ranges, n, align, limit_frame));
}

mfn_t boot_alloc_zeroed_page(void)
{
    mfn_t m;

    if (successor) { /* later: the heap's */
        void *page = hv_alloc_page();

        if (!page)
            panic("Out of memory while booting: this machine has too little RAM");
        return virt_to_mfn(page);
    }
    m = boot_alloc_pages(1, 1);
    if (!mfn_valid_number(m))
        panic("Out of memory while booting: this machine has too little RAM");
    memset(mfn_to_virt(m), 0, PAGE_SIZE);
    return m;
}

mfn_t boot_alloc_low_page(void)
{
    for (paddr_t p = REAL_MODE_END - PAGE_SIZE; p >= REAL_MODE_FIRST; p -= PAGE_SIZE) {
        if (memory_map_all(&machine_map, p, PAGE_SIZE, MEMORY_RAM))
            return paddr_to_mfn(p);
    }
    return INVALID_MFN;
}

void boot_memory_for_each_free(void (*take)(mfn_t first, uint64_t n))
{
    successor = take;
    for (unsigned int i = 0; i < free_ranges.nr; i++)
        take(MFN(free_ranges.range[i].start),
             free_ranges.range[i].end - free_ranges.range[i].start);
    free_ranges.nr = 0;
}

void boot_memory_release(paddr_t start, paddr_t end)
{
    uint64_t first = DIV_UP(start, PAGE_SIZE);
    uint64_t last = end >> PAGE_SHIFT;

    if (first >= last)
        return;
    if (successor)
        successor(MFN(first), last - first);
    else
        frame_ranges_add(&free_ranges, first, last);
}
