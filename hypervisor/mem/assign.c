/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who owns a frame: from the free memory to an owner and back, and what happens on the way.
 *
 * On the way out a block is first flushed from every TLB that may still hold an old mapping, then
 * scrubbed, then given its owner (I4, I6); in this order, since a stale writable translation could
 * dirty what was scrubbed.  On the way back a frame only remembers the time.
 *
 * Lock order: owner.lock, then claims_lock.  The free lists have their own, taken alone.
 */
#include "mem/assign.h"

#include "abi/xen.h"
#include "debug/assert.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/buddy.h"
#include "mem/heap.h"
#include "mem/numa.h"
#include "mem/page_type.h"
#include "mem/tlb.h"

static spinlock_t claims_lock;
static uint64_t claims_total; /* sum of owner.claimed */

/* Pseudo-owners are not counted, limited or freed. */
static bool is_pseudo(const struct mem_owner *o)
{
    return o->id >= DOMID_FIRST_RESERVED;
}

/* --- accounting ----------------------------------------------------------------------------------
 */

static bool within_limit(const struct mem_owner *o, uint64_t pages)
{
    return load_once(&o->tot_pages) + load_once(&o->exchanging) + pages <= load_once(&o->max_pages);
}

static void use_claim(struct mem_owner *o, uint64_t pages)
{
    uint64_t n = min(o->claimed, pages);

    if (!n)
        return;
    spin_lock(&claims_lock);
    o->claimed -= n;
    claims_total -= n;
    spin_unlock(&claims_lock);
}

/* Under o->lock. */
static void account_in(struct mem_owner *o, uint64_t *counter, struct frame *f, uint64_t pages)
{
    if (is_pseudo(o))
        return;
    if (o->tot_pages + o->shared_pages == 0)
        mem_owner_hold(o);
    *counter += pages;
    for (uint64_t c = frame_mfn(f).n / 512; c <= (frame_mfn(f).n + pages - 1) / 512; c++)
        bitmap_set(o->chunk_map, c);
}

static void account_out(struct mem_owner *o, bool shared, bool exchanged)
{
    uint64_t *counter = shared ? &o->shared_pages : &o->tot_pages;
    bool empty;

    if (is_pseudo(o))
        return;
    spin_lock(&o->lock);
    BUG_ON(*counter == 0);
    --*counter;
    o->exchanging += exchanged;
    empty = o->tot_pages + o->shared_pages == 0;
    spin_unlock(&o->lock);
    if (empty)
        mem_owner_release(o);
}

int mem_claim(struct mem_owner *o, uint64_t pages)
{
    uint64_t free = heap_free_pages(), want = 0;
    int rc = 0;

    spin_lock(&o->lock);
    spin_lock(&claims_lock);
    if (pages) {
        if (o->is_dying || o->claimed || pages <= o->tot_pages || pages > o->max_pages)
            rc = (int)guest_error(-EINVAL, "the claim is beyond the domain's limit");
        else if (want = pages - o->tot_pages, want + claims_total > free)
            rc = (int)guest_error(-ENOMEM, "less memory is free than is claimed");
    }
    if (!rc) {
        claims_total += want - o->claimed;
        o->claimed = want;
    }
    spin_unlock(&claims_lock);
    spin_unlock(&o->lock);
    return rc;
}

uint64_t mem_outstanding_claims(void)
{
    return load_once(&claims_total);
}

/* --- allocation ----------------------------------------------------------------------------------
 */

/* How many frames are zeroed between two looks at pending work. */
#define SCRUB_BATCH 16

/* Flushes what may still be mapped of a block, then zeroes it; see the head of this file for the
 * order.  False: `scrubbed` was given, so many were zeroed and work is pending; what is zero by
 * then is marked so. */
static bool block_clean(struct frame *f, unsigned order, bool zero, unsigned *scrubbed)
{
    uint32_t last = 0;
    cpumask_t stale = 0;

    for (uint64_t i = 0; i < 1UL << order; i++) {
        uint32_t stamp = (uint32_t)f[i].ref;
        cpumask_t mask = tlb_online;

        BUG_ON(frame_state(&f[i]) != FRAME_FREE && frame_state(&f[i]) != FRAME_RESERVED);
        if (stamp == last)
            continue;
        last = stamp;
        tlb_filter(&mask, stamp);
        stale |= mask;
    }
    if (stale)
        tlb_flush_mask(stale, TLB_ALL, TLBF_GLOBAL);

    for (uint64_t i = 0; zero && i < 1UL << order; i++) {
        if (f[i].ref & REF_CLEAN)
            continue;
        if (scrubbed && (*scrubbed)++ == SCRUB_BATCH) {
            if (hypercall_preempt_check())
                return false;
            *scrubbed = 1;
        }
        memset(frame_virt(&f[i]), 0, PAGE_SIZE);
        store_once(&f[i].ref, REF_STATE(FRAME_FREE) | REF_CLEAN);
    }
    return true;
}

static nodemask_t preferred_nodes(const struct mem_owner *o, unsigned flags)
{
    unsigned given = flags >> MEMF_NODE_SHIFT;

    return given ? 1u << (given - 1) : o ? load_once(&o->nodes) : 0;
}

static int alloc(struct mem_owner *o, unsigned order, unsigned flags, unsigned addr_bits,
                 unsigned *scrubbed, struct frame **block)
{
    uint64_t claims = load_once(&claims_total), spare = claims;
    nodemask_t nodes = preferred_nodes(o, flags);
    struct frame *f = NULL;
    int rc;

    if (o) {
        uint64_t own = load_once(&o->claimed);

        spare = claims > own ? claims - own : 0;
        /* Looked at again under the lock; here it saves scrubbing for a guest at its limit. */
        if (o->is_dying || (!(flags & MEMF_KEEP_LIMIT) && !within_limit(o, 1UL << order)))
            return (int)guest_error(-ENOMEM, "the domain is dying, or at its limit of memory");
    }
    if (nodes)
        f = buddy_alloc(order, addr_bits, nodes, spare);
    if (!f && !(flags & MEMF_EXACT_NODE))
        f = buddy_alloc(order, addr_bits, numa_all_nodes(), spare);
    if (!f)
        return (int)guest_error(-ENOMEM, "no such memory is free, or others have claimed it");
    if (!block_clean(f, order, !(flags & MEMF_NO_SCRUB), scrubbed)) {
        buddy_return(f, order, false);
        return -ERESTART;
    }
    for (uint64_t i = 0; i < 1UL << order; i++) {
        f[i].type = 0;
        store_once(&f[i].ref, REF_STATE(FRAME_HV));
    }
    store_once(&f->ref, REF_STATE(FRAME_HV) | (uint64_t)order << REF_ORDER_SHIFT);
    rc = o ? frame_assign(f, order, o, flags) : 0;
    if (rc) {
        frame_free_hv(f, order);
        return rc;
    }
    *block = f;
    return 0;
}

struct frame *frame_alloc(struct mem_owner *o, unsigned order, unsigned flags, unsigned addr_bits)
{
    struct frame *f = NULL;

    alloc(o, order, flags, addr_bits, NULL, &f);
    return f;
}

int frame_alloc_preempt(struct mem_owner *o, unsigned order, unsigned flags, unsigned addr_bits,
                        unsigned *scrubbed, struct frame **block)
{
    return alloc(o, order, flags, addr_bits, scrubbed, block);
}

int frame_assign(struct frame *f, unsigned order, struct mem_owner *o, unsigned flags)
{
    uint64_t pages = 1UL << order;
    int rc = 0;

    BUG_ON(frame_state(f) != FRAME_HV);
    spin_lock(&o->lock);
    if (o->is_dying) {
        rc = (int)guest_error(-EINVAL, "the domain is dying");
    } else if (!(flags & MEMF_KEEP_LIMIT) && !within_limit(o, pages)) {
        rc = (int)guest_error(-ENOMEM, "the domain is at its limit");
    } else {
        if (flags & MEMF_KEEP_LIMIT)
            o->exchanging -= min(o->exchanging, pages);
        /* Under the lock all the way: once is_dying was set under it, no frame appears any more. */
        use_claim(o, pages);
        account_in(o, &o->tot_pages, f, pages);
        for (uint64_t i = 0; i < pages; i++)
            store_release(&f[i].ref, REF_STATE(FRAME_IN_USE) | REF_ALLOC | 1 |
                                         (uint64_t)o->id << REF_OWNER_SHIFT |
                                         (f[i].ref & (REF_FOREIGN | REF_UNCACHED)));
    }
    spin_unlock(&o->lock);
    return rc;
}

void frame_free_hv(struct frame *f, unsigned order)
{
    BUG_ON(frame_state(f) != FRAME_HV || (f->ref & REF_ORDER_MASK) >> REF_ORDER_SHIFT != order);
    if (f->ref & REF_UNCACHED) /* only a stolen frame can be */
        cache_flush_page(frame_virt(f));
    /* Stamped even if no guest ever mapped it: frames that were shared come this way too. */
    buddy_free(f, order, tlb_clock());
}

void frame_free_unused(struct frame *f, unsigned order)
{
    BUG_ON(frame_state(f) != FRAME_HV || (f->ref & REF_ORDER_MASK) >> REF_ORDER_SHIFT != order);
    for (uint64_t i = 0; i < 1UL << order; i++)
        store_once(&f[i].ref, REF_STATE(FRAME_FREE) | REF_CLEAN);
    buddy_return(f, order, true);
}

void frame_last_put(struct frame *f, uint64_t ref)
{
    struct mem_owner *o = mem_owner_by_id((domid_t)(ref >> REF_OWNER_SHIFT));
    bool shared = ref & REF_SHARED;

    BUG_ON(!o);
    if (ref & REF_UNCACHED)
        cache_flush_page(frame_virt(f));
    if (shared && !(ref & REF_FREE_LAST)) {
        f->type = 0;
        store_release(&f->ref, REF_STATE(FRAME_HV));
    } else {
        buddy_free(f, 0, tlb_clock());
    }
    account_out(o, shared, false);
}

int frame_steal(struct frame *f, struct mem_owner *o)
{
    const uint64_t marks = REF_FOREIGN | REF_UNCACHED;
    uint64_t want = REF_STATE(FRAME_IN_USE) | REF_ALLOC | 1 | (uint64_t)o->id << REF_OWNER_SHIFT;
    uint64_t x = load_once(&f->ref);

    do {
        if ((x & (REF_STATE_MASK | REF_OWNER_MASK | REF_SHARED)) !=
            (want & (REF_STATE_MASK | REF_OWNER_MASK)))
            return guest_error(-EINVAL, "frame is not the domain's to give");
        if ((x & ~marks) != want)
            return guest_error(-EBUSY, "frame is still referenced");
    } while (!atomic_cmpxchg(&f->ref, &x, REF_STATE(FRAME_MOVING)));

    BUG_ON(load_once(&f->type) & (TYPE_COUNT_MASK | TYPE_PINNED | TYPE_PARTIAL)); /* I6 */
    /* If it comes back to this owner, stale translations must count as uses as what hurts most. */
    f->type = (uint64_t)PT_WRITABLE << TYPE_SHIFT | (uint64_t)tlb_clock() << TYPE_UPPER_SHIFT;
    store_release(&f->ref, REF_STATE(FRAME_HV) | (x & marks));
    account_out(o, false, true);
    return 0;
}

/* --- pages of the hypervisor that guests may map
 * --------------------------------------------------- */

int frame_share(void *page, struct mem_owner *o, bool writable)
{
    struct frame *f = frame_of(virt_to_mfn(page));
    enum page_type t = writable ? PT_WRITABLE : PT_SHARED;
    int rc = 0;

    BUG_ON(frame_state(f) != FRAME_HV);
    spin_lock(&o->lock);
    if (o->is_dying) {
        rc = (int)guest_error(-EINVAL, "the domain is dying");
    } else {
        account_in(o, &o->shared_pages, f, 1);
        /* The type reference stays until the page is unshared: nothing else can be made of it. */
        f->type = (uint64_t)t << TYPE_SHIFT | TYPE_VALIDATED | 1;
        store_release(&f->ref, REF_STATE(FRAME_IN_USE) | REF_ALLOC | REF_SHARED | 1 |
                                   (uint64_t)o->id << REF_OWNER_SHIFT);
    }
    spin_unlock(&o->lock);
    return rc;
}

bool frame_unshare(void *page)
{
    frame_put_alloc(frame_of(virt_to_mfn(page)));
    return frame_is_unshared(page);
}

bool frame_is_unshared(const void *page)
{
    return frame_state(frame_of(virt_to_mfn(page))) == FRAME_HV;
}

void frame_unshare_and_free(void *page)
{
    struct frame *f = frame_of(virt_to_mfn(page));

    BUG_ON(!(load_once(&f->ref) & REF_SHARED));
    frame_mark(f, REF_FREE_LAST);
    frame_put_alloc(f);
}

/* --- all frames of an owner
 * ------------------------------------------------------------------------ */

/*
 * Calls fn for each frame assigned to or shared with `o` in the first `chunks` chunks (fn must ask
 * frame_get before it relies on that), from frame number *cursor on, until fn returns nonzero;
 * returns that, with *cursor behind that frame.  0: all seen.
 */
static int for_each_owned(struct mem_owner *o, uint64_t chunks, uint64_t *cursor,
                          int (*fn)(struct frame *f, void *arg), void *arg)
{
    uint64_t c = *cursor / 512;

    for (;; c++) {
        c = bitmap_next_set(o->chunk_map, chunks, c);
        if (c >= chunks)
            break;
        for (uint64_t n = max(*cursor, c * 512); n < (c + 1) * 512; n++) {
            struct frame *f = frame_of(MFN(n));
            int rc;

            if (frame_state(f) != FRAME_IN_USE || frame_owner(f) != o->id)
                continue;
            rc = fn(f, arg);
            if (rc) {
                *cursor = n + 1;
                return rc;
            }
        }
    }
    *cursor = chunks * 512;
    return 0;
}

/* --- death
 * ----------------------------------------------------------------------------------------- */

struct relinquish {
    struct mem_owner *owner;
    uint64_t at; /* frame to come back to */
    unsigned done;
};

#define RELINQUISH_BATCH  16 /* frames between looks at pending work; a table counts as many */
#define RELINQUISH_CHUNKS 16 /* the same for chunks in which nothing may be left */

/* Looks at pending work behind a table, and behind every so many other frames. */
static int relinquished(struct relinquish *r, bool table)
{
    r->at++;
    if (++r->done % RELINQUISH_BATCH && !table)
        return 0;
    return hypercall_preempt_check() ? -ERESTART : 0;
}

/* Unpins a table of the dying owner and lets it cease to be one; the caller holds it.  0,
 * -ERESTART. */
static int finish_table(struct frame *f, struct mem_owner *o)
{
    if (load_once(&f->type) & TYPE_PINNED && page_unpin(f, o, PTF_PREEMPT) == -ERESTART)
        frame_put(f); /* the pin's; what is left of the table is finished here */
    return page_type_finish(f, PTF_PREEMPT);
}

static int unpin_one(struct frame *f, void *arg)
{
    struct relinquish *r = arg;
    bool table = load_once(&f->type) & (TYPE_PINNED | TYPE_PARTIAL);
    int rc;

    r->at = frame_mfn(f).n;
    if (table && frame_get(f, r->owner->id)) {
        rc = finish_table(f, r->owner);
        frame_put(f);
        if (rc)
            return rc;
    }
    return relinquished(r, table);
}

static int relinquish_one(struct frame *f, void *arg)
{
    struct relinquish *r = arg;
    bool table;
    int rc;

    r->at = frame_mfn(f).n;
    if (!frame_get(f, r->owner->id))
        return 0;
    if (load_once(&f->ref) & REF_SHARED) {
        frame_put(f);
        return 0;
    }
    table = load_once(&f->type) & (TYPE_PINNED | TYPE_PARTIAL);
    rc = finish_table(f, r->owner);
    if (!rc)
        frame_put_alloc(f);
    frame_put(f);
    if (rc)
        return rc;
    return relinquished(r, table);
}

static int relinquish_all(struct mem_owner *o, uint64_t *cursor,
                          int (*fn)(struct frame *f, void *arg))
{
    struct relinquish r = {.owner = o};
    const uint64_t all = DIV_UP(frame_limit, 512);

    while (*cursor < all * 512) {
        uint64_t end = min(all, *cursor / 512 + RELINQUISH_CHUNKS);
        int rc = for_each_owned(o, end, cursor, fn, &r);

        if (rc) {
            *cursor = r.at;
            return rc;
        }
        if (*cursor < all * 512 && hypercall_preempt_check())
            return -ERESTART;
    }
    return 0;
}

int mem_relinquish_tables(struct mem_owner *o, uint64_t *cursor)
{
    return relinquish_all(o, cursor, unpin_one);
}

int mem_relinquish(struct mem_owner *o, uint64_t *cursor)
{
    return relinquish_all(o, cursor, relinquish_one);
}
