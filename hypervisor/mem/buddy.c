/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Free machine memory as blocks of powers of two.  See mem/buddy.h.
 *
 * A block never crosses a power of two of its own size, so all of it has the same highest address
 * bit; nor does it cross the border of a node.  Bit and node name its zone.  A request for
 * addresses below 2^n looks at the widths below n only, highest first, which keeps the scarce low
 * memory for those who need it.
 *
 * Blocks that are clean throughout stand at the front of their list, others at the back: allocation
 * takes from the front and the idle scrubber from the back.
 */
#include "mem/buddy.h"

#include "debug/assert.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mem/tlb.h"

#define NR_WIDTHS 32 /* frame numbers have at most 32 bits: they are linked in halves of a word */
#define NR_ZONES  (NR_NODES * NR_WIDTHS)
#define NR_ORDERS (FRAME_MAX_ORDER + 1)

static struct {
    spinlock_t lock;
    uint64_t nr_free;
    uint32_t orders[NR_ZONES]; /* bit per order: the list is not empty */
    uint32_t first[NR_ZONES][NR_ORDERS], last[NR_ZONES][NR_ORDERS]; /* frame numbers, 0: none */
    uint64_t zone_free[NR_ZONES];
    uint32_t scrub_head, scrub_order; /* the block the idle scrubber is in ... */
    uint32_t scrub_next;              /* ... and its next frame */
} heap;

#define NO_FRAME 0u /* frame 0 holds the firmware's vectors and is never handed over */

static unsigned zone_of(uint64_t mfn)
{
    uint64_t end;

    return numa_node_of(mfn, &end) * NR_WIDTHS + 63 - (unsigned)__builtin_clzl(mfn);
}

static uint32_t next_of(uint64_t mfn)
{
    return (uint32_t)frame_of(MFN(mfn))->type;
}

static uint32_t prev_of(uint64_t mfn)
{
    return (uint32_t)(frame_of(MFN(mfn))->type >> 32);
}

static void set_next(uint64_t mfn, uint32_t next)
{
    struct frame *f = frame_of(MFN(mfn));

    f->type = (f->type & ~0xffffffffUL) | next;
}

static void set_prev(uint64_t mfn, uint32_t prev)
{
    struct frame *f = frame_of(MFN(mfn));

    f->type = (f->type & 0xffffffffUL) | (uint64_t)prev << 32;
}

static void block_link(uint64_t mfn, unsigned order, bool all_clean)
{
    unsigned z = zone_of(mfn);
    uint32_t *first = &heap.first[z][order], *last = &heap.last[z][order];
    struct frame *f = frame_of(MFN(mfn));
    uint64_t keep = f->ref & (REF_COUNT_MASK | REF_CLEAN);

    keep |= REF_STATE(FRAME_FREE) | REF_HEAD | (uint64_t)order << REF_ORDER_SHIFT;
    store_once(&f->ref, keep | (all_clean ? REF_ALL_CLEAN : 0));
    if (*first == NO_FRAME) {
        f->type = 0;
        *first = *last = (uint32_t)mfn;
    } else if (all_clean) {
        f->type = *first;
        set_prev(*first, (uint32_t)mfn);
        *first = (uint32_t)mfn;
    } else {
        f->type = (uint64_t)*last << 32;
        set_next(*last, (uint32_t)mfn);
        *last = (uint32_t)mfn;
    }
    heap.orders[z] |= 1u << order;
    heap.zone_free[z] += 1UL << order;
    heap.nr_free += 1UL << order;
}

static void block_unlink(uint64_t mfn, unsigned order)
{
    unsigned z = zone_of(mfn);
    uint32_t next = next_of(mfn), prev = prev_of(mfn);
    struct frame *f = frame_of(MFN(mfn));

    if (prev == NO_FRAME)
        heap.first[z][order] = next;
    else
        set_next(prev, next);
    if (next == NO_FRAME)
        heap.last[z][order] = prev;
    else
        set_prev(next, prev);
    if (heap.first[z][order] == NO_FRAME)
        heap.orders[z] &= ~(1u << order);
    heap.zone_free[z] -= 1UL << order;
    heap.nr_free -= 1UL << order;
    store_once(&f->ref, f->ref & ~(REF_HEAD | REF_ALL_CLEAN | REF_ORDER_MASK));
    f->type = 0;
    if (heap.scrub_head == mfn) /* whatever block begins here next, its start may be dirty */
        heap.scrub_head = NO_FRAME;
}

static bool is_free_block(uint64_t mfn, unsigned order)
{
    uint64_t ref;

    if (!frame_valid(MFN(mfn)))
        return false;
    ref = load_once(&frame_of(MFN(mfn))->ref);
    return (ref & (REF_STATE_MASK | REF_HEAD | REF_ORDER_MASK)) ==
           (REF_STATE(FRAME_FREE) | REF_HEAD | (uint64_t)order << REF_ORDER_SHIFT);
}

/* Links a block, joined with its free neighbours as far as they are whole. */
static void block_insert(uint64_t mfn, unsigned order, bool all_clean)
{
    while (order < FRAME_MAX_ORDER) {
        uint64_t buddy = mfn ^ 1UL << order, end;

        if (!is_free_block(buddy, order) || numa_node_of(buddy, &end) != numa_node_of(mfn, &end))
            break;
        all_clean &= !!(frame_of(MFN(buddy))->ref & REF_ALL_CLEAN);
        block_unlink(buddy, order);
        mfn &= ~(1UL << order);
        order++;
    }
    block_link(mfn, order, all_clean);
}

void heap_add_range(mfn_t start, mfn_t end)
{
    uint64_t mfn = start.n ? start.n : 1;

    BUG_ON(end.n > 1UL << NR_WIDTHS);
    BUG_ON(start.n < end.n && frame_state(frame_of(start)) == FRAME_IO);
    spin_lock(&heap.lock);
    while (mfn < end.n) {
        unsigned order = (unsigned)__builtin_ctzl(mfn);
        uint64_t node_end;

        order = min(order, (unsigned)FRAME_MAX_ORDER);
        numa_node_of(mfn, &node_end);
        while (mfn + (1UL << order) > min(end.n, node_end))
            order--;
        frame_of(MFN(mfn))->ref = 0;
        block_insert(mfn, order, false);
        mfn += 1UL << order;
    }
    spin_unlock(&heap.lock);
}

/* The zone and smallest sufficient order to take from; false when there is none. */
static bool find_block(unsigned order, unsigned addr_bits, nodemask_t nodes, unsigned *zone,
                       unsigned *found)
{
    unsigned top =
        addr_bits && addr_bits - PAGE_SHIFT < NR_WIDTHS ? addr_bits - PAGE_SHIFT : NR_WIDTHS;

    if (addr_bits && addr_bits <= PAGE_SHIFT)
        return false;
    for (unsigned width = top; width-- > 0;) {
        for (nodemask_t left = nodes; left; left &= left - 1) {
            unsigned z = (unsigned)__builtin_ctz(left) * NR_WIDTHS + width;
            uint32_t fits = heap.orders[z] & ~((1u << order) - 1);

            if (fits) {
                *zone = z;
                *found = (unsigned)__builtin_ctz(fits);
                return true;
            }
        }
    }
    return false;
}

struct frame *buddy_alloc(unsigned order, unsigned addr_bits, nodemask_t nodes, uint64_t spare)
{
    unsigned zone, have;
    uint64_t mfn;
    bool all_clean;

    if (order > FRAME_MAX_ORDER)
        return NULL;
    spin_lock(&heap.lock);
    if (heap.nr_free < spare + (1UL << order) ||
        !find_block(order, addr_bits, nodes, &zone, &have)) {
        spin_unlock(&heap.lock);
        return NULL;
    }
    mfn = heap.first[zone][have];
    all_clean = frame_of(MFN(mfn))->ref & REF_ALL_CLEAN;
    block_unlink(mfn, have);
    /* The rest goes back in halves; the part kept is the upper one, so low addresses last. */
    while (have > order) {
        have--;
        block_link(mfn, have, all_clean);
        mfn += 1UL << have;
    }
    spin_unlock(&heap.lock);
    return frame_of(MFN(mfn));
}

void buddy_free(struct frame *f, unsigned order, uint32_t stamp)
{
    uint64_t mfn = frame_mfn(f).n;

    BUG_ON(mfn & ((1UL << order) - 1));
    for (uint64_t i = 0; i < 1UL << order; i++) {
        f[i].type = 0;
        store_once(&f[i].ref, REF_STATE(FRAME_FREE) | stamp);
    }
    buddy_return(f, order, false);
}

void buddy_return(struct frame *f, unsigned order, bool all_clean)
{
    spin_lock(&heap.lock);
    block_insert(frame_mfn(f).n, order, all_clean);
    spin_unlock(&heap.lock);
}

uint64_t heap_free_pages(void)
{
    return load_once(&heap.nr_free);
}

uint64_t heap_free_pages_in(nodemask_t nodes, unsigned addr_bits)
{
    uint64_t sum = 0;

    for (unsigned z = 0; z < NR_ZONES; z++) {
        if ((nodes >> z / NR_WIDTHS & 1) && z % NR_WIDTHS + PAGE_SHIFT < addr_bits)
            sum += load_once(&heap.zone_free[z]);
    }
    return sum;
}

/* --- idle scrubbing ------------------------------------------------------------------------------
 */

#define SCRUB_LOOK 512 /* records looked at per step */
#define SCRUB_DO   4   /* frames zeroed per step: the lock is held for microseconds */

/* A block with a frame that is not clean, as a position to go on from. */
static bool scrub_position(void)
{
    if (heap.scrub_head != NO_FRAME)
        return true;
    for (unsigned z = numa.nr_nodes * NR_WIDTHS; z-- > 0;) {
        for (uint32_t left = heap.orders[z]; left; left &= left - 1) {
            unsigned order = (unsigned)__builtin_ctz(left);
            uint32_t mfn = heap.last[z][order];

            if (frame_of(MFN(mfn))->ref & REF_ALL_CLEAN)
                continue;
            heap.scrub_head = heap.scrub_next = mfn;
            heap.scrub_order = order;
            return true;
        }
    }
    return false;
}

/* Reading first spares a machine whose memory is somebody else's page cache (ours is, in an
 * emulator) from having every free frame written once. */
static void zero_page(mfn_t mfn)
{
    uint64_t *p = mfn_to_virt(mfn), seen = 0;

    for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
        seen |= p[i];
    if (seen)
        memset(p, 0, PAGE_SIZE);
}

/* One step under the lock, as short as one frame when somebody waits for it; returns a stamp that
 * has to be flushed before it can go on, else 0. */
static uint32_t scrub_step(void)
{
    uint64_t end = heap.scrub_head + (1UL << heap.scrub_order);
    unsigned done = 0;

    for (unsigned i = 0; i < SCRUB_LOOK && heap.scrub_next < end && done < SCRUB_DO; i++) {
        struct frame *f = frame_of(MFN(heap.scrub_next));
        cpumask_t stale = tlb_online;

        if (!(f->ref & REF_CLEAN)) {
            tlb_filter(&stale, (uint32_t)f->ref);
            if (stale) /* I4: every old mapping is flushed before the frame is scrubbed */
                return (uint32_t)f->ref;
            zero_page(MFN(heap.scrub_next));
            store_once(&f->ref, (f->ref & ~REF_COUNT_MASK) | REF_CLEAN | REF_STATE(FRAME_FREE));
            done++;
        }
        heap.scrub_next++;
        if (spin_is_contended(&heap.lock))
            break;
    }
    if (heap.scrub_next >= end) {
        uint32_t head = heap.scrub_head;

        block_unlink(head, heap.scrub_order);
        block_link(head, heap.scrub_order, true);
    }
    return 0;
}

bool heap_scrub_some(void)
{
    cpumask_t stale = tlb_online;
    uint32_t stamp;

    if (!spin_trylock(&heap.lock)) { /* whoever holds it does something that is wanted now */
        cpu_relax();
        return true;
    }
    if (!scrub_position()) {
        spin_unlock(&heap.lock);
        return false;
    }
    stamp = scrub_step();
    spin_unlock(&heap.lock);
    if (stamp) {
        tlb_filter(&stale, stamp);
        tlb_flush_mask(stale, TLB_ALL, TLBF_GLOBAL);
    }
    return true;
}

/* --- audit ---------------------------------------------------------------------------------------
 */

static const char *check_block(uint64_t mfn, unsigned zone, unsigned order, uint32_t prev)
{
    uint64_t ref;

    if (!frame_valid(MFN(mfn)))
        return "a free list leads to a frame without a record";
    ref = frame_of(MFN(mfn))->ref;
    if (!is_free_block(mfn, order))
        return "a free list holds something that is not a free block of its order";
    if (mfn & ((1UL << order) - 1) || zone_of(mfn) != zone ||
        zone_of(mfn + (1UL << order) - 1) != zone)
        return "a free block is in the wrong list";
    if (prev_of(mfn) != prev)
        return "a free list is linked wrongly";
    for (uint64_t i = 0; i < 1UL << order; i++) {
        uint64_t r = frame_of(MFN(mfn + i))->ref;
        enum frame_state s = (enum frame_state)(r >> REF_STATE_SHIFT);

        if (s != FRAME_FREE && s != FRAME_RESERVED)
            return "a frame inside a free block is in use";
        if (i && (r & REF_HEAD))
            return "a free block lies inside another";
        if ((ref & REF_ALL_CLEAN) && !(r & REF_CLEAN))
            return "a clean block holds a frame that is not clean";
    }
    return NULL;
}

uint64_t buddy_check(const char **why)
{
    uint64_t sum = 0;

    *why = NULL;
    spin_lock(&heap.lock);
    for (unsigned z = 0; z < NR_ZONES && !*why; z++) {
        for (unsigned o = 0; o < NR_ORDERS && !*why; o++) {
            uint32_t prev = NO_FRAME, mfn = heap.first[z][o];

            if (!!(heap.orders[z] >> o & 1) != (mfn != NO_FRAME))
                *why = "the map of free lists is wrong";
            for (; mfn != NO_FRAME && !*why; prev = mfn, mfn = next_of(mfn)) {
                *why = check_block(mfn, z, o, prev);
                sum += 1UL << o;
                if (sum > frame_limit)
                    *why = "a free list is a circle";
            }
            if (!*why && heap.last[z][o] != prev)
                *why = "the end of a free list is wrong";
        }
    }
    if (!*why && sum != heap.nr_free)
        *why = "the number of free frames is wrong";
    spin_unlock(&heap.lock);
    return *why ? ~0UL : sum;
}
