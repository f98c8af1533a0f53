/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frame records: their creation at boot, and the general reference count.
 *
 * Everything here is a compare-and-swap loop on one word.  A frame in use has a count of at least
 * one, and the swap that takes the count to zero also takes the frame out of use; so whoever gets a
 * reference on a frame in use knows that it will not be freed, and whoever takes the last one away
 * is alone with the frame.  Pure.
 */
#include "mem/frame.h"

#include "abi/xen.h"
#include "debug/assert.h"
#include "lib/string.h"
#include "mem/assign.h"
#include "mem/page_type.h"

uint64_t frame_chunk_present[FRAME_CHUNKS / 64];
uint64_t frame_limit;
uint64_t frame_low_end, frame_high_start, frame_high_count;

bool frame_get(struct frame *f, domid_t owner)
{
    const uint64_t want = REF_STATE(FRAME_IN_USE) | (uint64_t)owner << REF_OWNER_SHIFT;
    uint64_t x = load_once(&f->ref);

    do {
        if (unlikely((x & (REF_STATE_MASK | REF_OWNER_MASK)) != want ||
                     (x & REF_COUNT_MASK) >= REF_COUNT_MAX))
            return false;
    } while (unlikely(!atomic_cmpxchg(&f->ref, &x, x + 1)));
    return true;
}

void frame_get_held(struct frame *f)
{
    uint64_t x = atomic_add_get(&f->ref, 1);

    /* 65535 references of this kind on one frame are more than there are CPUs and flags. */
    BUG_ON((x & REF_COUNT_MASK) <= 1 || x >> REF_STATE_SHIFT != FRAME_IN_USE);
}

/* Drops one reference and, if `alloc`, the ALLOC mark with it. */
static bool put(struct frame *f, bool alloc)
{
    uint64_t x = load_once(&f->ref), n;

    do {
        BUG_ON((x & REF_COUNT_MASK) == 0 || x >> REF_STATE_SHIFT != FRAME_IN_USE);
        if (alloc && !(x & REF_ALLOC))
            return false;
        n = x - 1;
        if (alloc)
            n &= ~REF_ALLOC;
        if ((n & REF_COUNT_MASK) == 0)
            n = (n & ~REF_STATE_MASK) | REF_STATE(FRAME_MOVING);
    } while (unlikely(!atomic_cmpxchg(&f->ref, &x, n)));

    if ((n & REF_COUNT_MASK) == 0) {
        /* I6: a use as something needs a general reference, so there can be none left. */
        BUG_ON(load_once(&f->type) & (TYPE_COUNT_MASK | TYPE_PINNED | TYPE_PARTIAL) &&
               !(n & REF_SHARED));
        frame_last_put(f, n);
    }
    return true;
}

void frame_put(struct frame *f)
{
    put(f, false);
}

bool frame_put_alloc(struct frame *f)
{
    return put(f, true);
}

void frame_mark(struct frame *f, uint64_t mark)
{
    if ((load_once(&f->ref) & mark) != mark)
        atomic_get_or(&f->ref, mark);
}

/* --- boot ----------------------------------------------------------------------------------------
 */

static void mark_io(uint64_t from, uint64_t to)
{
    for (struct frame *f = &FRAME_TABLE[from]; f < &FRAME_TABLE[to]; f++) {
        f->ref = REF_STATE(FRAME_IO);
        f->type = 0;
    }
}

static bool chunk_present(uint64_t c)
{
    return frame_chunk_present[c / 64] >> (c & 63) & 1;
}

static void find_stretches(void)
{
    uint64_t low = 0, end = frame_limit >> FRAME_CHUNK_SHIFT, high = end;

    while (low < end && chunk_present(low))
        low++;
    while (high > low && chunk_present(high - 1))
        high--;
    frame_low_end = low << FRAME_CHUNK_SHIFT;
    frame_high_start = high << FRAME_CHUNK_SHIFT;
    frame_high_count = (end - high) << FRAME_CHUNK_SHIFT;
}

void frame_table_init(const struct mem_range *ram, unsigned nr, const struct mem_boot_ops *ops)
{
    const uint64_t step = 1UL << FRAME_CHUNK_SHIFT;
    uint64_t done = 0; /* records below are filled, where they exist */

    for (unsigned i = 0; i < nr; i++) {
        uint64_t start = ram[i].start.n, end = ram[i].end.n;

        BUG_ON(start > end || end > DIRECT_MAP_SIZE >> PAGE_SHIFT ||
               (i && start < ram[i - 1].end.n));
        for (uint64_t c = start >> FRAME_CHUNK_SHIFT; c << FRAME_CHUNK_SHIFT < end; c++) {
            if (chunk_present(c))
                continue;
            ops->map_2m((uint64_t)&FRAME_TABLE[c << FRAME_CHUNK_SHIFT], ops->alloc_2m(), false);
            frame_chunk_present[c / 64] |= BIT(c & 63);
        }
        /* The gap before this range, in its first chunk and in the one where the last range ended.
         */
        if (done & (step - 1))
            mark_io(done, min(ALIGN_UP(done, step), start));
        mark_io(max(done, ALIGN_DOWN(start, step)), start);
        memset(&FRAME_TABLE[start], 0, (end - start) * sizeof(struct frame));
        done = end;
    }
    frame_limit = ALIGN_UP(done, step);
    mark_io(done, frame_limit);
    find_stretches();
}
