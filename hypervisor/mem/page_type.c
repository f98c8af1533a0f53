/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The type machine: see mem/page_type.h for the states.  The file the safety argument rests on.
 *
 * Each transition is one compare-and-swap of the type word.  Leaving count 0 for a new type first
 * makes the frame ours alone (count 1, neither VALIDATED nor PARTIAL); only then are stale
 * translations of the former use flushed and the contents judged; only then may others use it.  So
 * no second user of the new type can run before the flush is complete, nor can the old type come
 * back in between.
 */
#include "mem/page_type.h"

#include "debug/assert.h"
#include "lib/errno.h"
#include "mem/tlb.h"
#include "mem/validate.h"

static uint64_t type_bits(enum page_type t)
{
    return (uint64_t)t << TYPE_SHIFT;
}

static enum page_type type_of(uint64_t x)
{
    return (enum page_type)((x & TYPE_MASK) >> TYPE_SHIFT);
}

static uint64_t stamp_bits(void)
{
    return (uint64_t)tlb_clock() << TYPE_UPPER_SHIFT;
}

void page_flush_stale(struct frame *f, uint32_t stamp)
{
    const struct mem_owner *o;
    cpumask_t mask = tlb_online;

    if (!stamp)
        return;
    /* Translations of an owner's frames are only in TLBs that ran it, unless somebody else mapped
     * this one; then in any. */
    if (!(load_once(&f->ref) & REF_FOREIGN)) {
        o = mem_owner_by_id(frame_owner(f));
        smp_mb(); /* a CPU sets its bit before it loads a root: ordered after the stamp was taken */
        mask &= load_once(&o->dirty_cpus);
    }
    tlb_filter(&mask, stamp);
    if (mask)
        tlb_flush_mask(mask, TLB_ALL, TLBF_GLOBAL);
}

/* --- while the frame is ours alone
 * ----------------------------------------------------------------- */

/* To count 0.  The stamp is now: conservative whatever happened before. */
static void settle_unused(struct frame *f, enum page_type t)
{
    store_release(&f->type, type_bits(t) | stamp_bits());
}

static void settle_used(struct frame *f, enum page_type t)
{
    store_release(&f->type, type_bits(t) | TYPE_VALIDATED | 1);
}

/* `down`: 0 or TYPE_DOWN.  The type reference becomes the frame's own, with a general one. */
static void settle_partial(struct frame *f, enum page_type t, unsigned progress, uint64_t down,
                           int err)
{
    store_release(&f->type,
                  type_bits(t) | TYPE_PARTIAL | down | 1 | TYPE_MAKE_PARTIAL(progress, err));
}

/* Takes the frame down from `progress`; `err` is remembered across an interruption. */
static int go_down(struct frame *f, enum page_type t, unsigned progress, int err, unsigned flags)
{
    /* A descriptor page refers to nothing; its entries must not be taken for those of a table. */
    int rc = page_type_is_table(t) ? table_demote(f, t, &progress, flags) : 0;

    if (rc == -ERESTART)
        settle_partial(f, t, progress, TYPE_DOWN, err);
    else
        settle_unused(f, t);
    return rc;
}

static int validate(struct frame *f, enum page_type t, unsigned *progress, unsigned flags)
{
    if (page_type_is_table(t))
        return table_promote(f, t, progress, flags);
    return t == PT_SEGDESC ? segdesc_promote(f) : 0;
}

/*
 * Promotes from `progress` on.  `self`: the frame holds references on itself from an earlier
 * interruption.  On success the caller has the type reference, and the frame none on itself.
 */
static int go_up(struct frame *f, enum page_type t, unsigned progress, bool self, unsigned flags)
{
    int rc = validate(f, t, &progress, flags);
    int down;

    if (rc == -ERESTART) {
        if (!self)
            frame_get_held(f); /* before others can see the state that says so */
        settle_partial(f, t, progress, 0, 0);
        return rc;
    }
    if (rc == 0) {
        settle_used(f, t);
        if (self)
            frame_put(f);
        return 0;
    }
    if (!self)
        frame_get_held(f);
    down = go_down(f, t, progress, -rc, flags);
    if (down)
        return down; /* the error is told to whoever finishes this */
    frame_put(f);
    return rc;
}

/* The frame was PARTIAL and has just become ours alone.  0, an error, -ERESTART, or 1: now unused.
 */
static int resume(struct frame *f, uint64_t x, unsigned flags)
{
    enum page_type t = type_of(x);
    int rc;

    if (!(x & TYPE_DOWN))
        return go_up(f, t, TYPE_PROGRESS(x), true, flags);
    rc = go_down(f, t, TYPE_PROGRESS(x), TYPE_ERROR(x), flags);
    if (rc)
        return rc;
    frame_put(f);
    return TYPE_ERROR(x) ? -TYPE_ERROR(x) : 1;
}

/* --- get and put
 * ----------------------------------------------------------------------------------- */

/* The count was 0 and x the word; makes it a first use as `type`.  False: lost the race. */
static bool first_use(struct frame *f, uint64_t x, enum page_type type, unsigned flags, int *rc)
{
    enum page_type old = type_of(x);

    if (old == type && !page_type_is_table(type) && type != PT_SEGDESC) {
        *rc = 0;
        return atomic_cmpxchg(&f->type, &x, type_bits(type) | TYPE_VALIDATED | 1);
    }
    if (!atomic_cmpxchg(&f->type, &x, type_bits(type) | 1))
        return false;
    /* I4.  A former page table matters as well: processors cache its upper levels. */
    if (old != type)
        page_flush_stale(f, (uint32_t)(x >> TYPE_UPPER_SHIFT));
    /* A mapping that bypassed the caches may have left newer lines behind than memory (XSA-402). */
    if (type != PT_WRITABLE && load_once(&f->ref) & REF_UNCACHED)
        cache_flush_page(frame_virt(f));
    *rc = go_up(f, type, 0, false, flags);
    return true;
}

int page_type_get(struct frame *f, enum page_type type, unsigned flags)
{
    uint64_t x = load_once(&f->type);

    for (;; x = load_once(&f->type)) {
        int rc;

        if (likely((x & (TYPE_MASK | TYPE_VALIDATED)) == (type_bits(type) | TYPE_VALIDATED))) {
            if (unlikely((x & TYPE_COUNT_MASK) == TYPE_COUNT_MAX))
                return guest_error(-EBUSY, "type count is at its limit");
            if (likely(atomic_cmpxchg(&f->type, &x, x + 1)))
                return 0;
            continue;
        }
        if ((x & TYPE_COUNT_MASK) == 0) {
            if (first_use(f, x, type, flags, &rc))
                return rc;
            continue;
        }
        if (type_of(x) != type)
            return guest_error(-EINVAL, "frame is in use as something else");
        if (x & TYPE_PARTIAL) {
            if (!atomic_cmpxchg(&f->type, &x, type_bits(type) | 1))
                continue;
            rc = resume(f, x, flags);
            if (rc <= 0)
                return rc;
            continue;
        }
        /* Another CPU is at it.  It does not wait for us, nor for a guest. */
        if (flags & PTF_PREEMPT && hypercall_preempt_check())
            return -ERESTART;
        cpu_relax();
    }
}

int page_type_put(struct frame *f, unsigned flags)
{
    uint64_t x = load_once(&f->type), n;

    do {
        /* Each reference was given out by page_type_get(), and only validated frames have any. */
        BUG_ON((x & TYPE_COUNT_MASK) == 0 || !(x & TYPE_VALIDATED));
        n = x - 1;
        if ((n & TYPE_COUNT_MASK) == 0) {
            BUG_ON(x & TYPE_PINNED);
            n = x &
                ~TYPE_VALIDATED; /* ours alone: also so that the stamp is that of the last use */
        }
    } while (unlikely(!atomic_cmpxchg(&f->type, &x, n)));

    if (n & TYPE_VALIDATED)
        return 0;
    if (!page_type_is_table(type_of(x))) {
        settle_unused(f, type_of(x));
        return 0;
    }
    /* In case it is interrupted, and the caller lets its own general reference go. */
    frame_get_held(f);
    if (go_down(f, type_of(x), 512, 0, flags))
        return -ERESTART;
    frame_put(f);
    return 0;
}

int page_type_finish(struct frame *f, unsigned flags)
{
    uint64_t x = load_once(&f->type);
    int rc;

    do {
        if (!(x & TYPE_PARTIAL))
            return 0;
    } while (!atomic_cmpxchg(&f->type, &x, (x & TYPE_MASK) | 1));

    rc = go_down(f, type_of(x), TYPE_PROGRESS(x), x & TYPE_DOWN ? TYPE_ERROR(x) : 0, flags);
    if (!rc)
        frame_put(f);
    return rc;
}

int frame_get_type(struct frame *f, domid_t owner, enum page_type type, unsigned flags)
{
    int rc;

    if (!frame_get(f, owner))
        return guest_error(-EINVAL, "frame is not the named domain's");
    rc = page_type_get(f, type, flags);
    if (unlikely(rc))
        frame_put(f);
    return rc;
}

void frame_put_type(struct frame *f)
{
    page_type_put(f, 0);
    frame_put(f);
}

/* --- pins
 * ------------------------------------------------------------------------------------------ */

int page_pin(struct frame *f, struct mem_owner *o, enum page_type type, unsigned flags)
{
    int rc;

    if (o->is_dying)
        return guest_error(-EINVAL, "pin for a dying domain");
    if (load_once(&f->ref) & REF_SHARED)
        return guest_error(-EINVAL, "pin of a hypervisor page");
    rc = frame_get_type(f, o->id, type, flags);
    if (rc)
        return rc;
    if (atomic_get_or(&f->type, TYPE_PINNED) & TYPE_PINNED) {
        /* Not the last one, as the pin holds one; unless another vCPU unpins it just now.  Then it
         * may stay half way down, which holds nothing but the guest's own frame. */
        page_type_put(f, flags);
        frame_put(f);
        return guest_error(-EINVAL, "frame is pinned already");
    }
    /* Death scans for pins after it has set is_dying under this lock: either it sees ours, or we
     * see that. */
    smp_mb();
    if (load_once(&o->is_dying)) {
        if (page_unpin(f, o, flags) == -ERESTART)
            frame_put(f); /* mem_relinquish() finishes it */
        return guest_error(-EINVAL, "pin for a dying domain");
    }
    return 0;
}

int page_unpin(struct frame *f, struct mem_owner *o, unsigned flags)
{
    uint64_t x;

    if (!frame_get(f, o->id))
        return guest_error(-EINVAL, "unpin of a frame of somebody else");
    x = atomic_get_and(&f->type, ~TYPE_PINNED);
    frame_put(f);
    if (!(x & TYPE_PINNED))
        return guest_error(-EINVAL, "frame is not pinned");
    if (page_type_put(f, flags) == -ERESTART)
        return -ERESTART; /* the pin's general reference is the caller's now */
    frame_put(f);
    return 0;
}
