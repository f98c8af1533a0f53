/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ordinary cases of references and L1 entries, inline, for the few files where a guest's page
 * faults, forks and mprotects end up (each entry changed is a handful of these).
 *
 * Nothing is decided here that is not decided in mem/frame.c, mem/page_type.c and mem/entry.c: a
 * case that is not the ordinary one, mistakes included, goes to the general function, which looks
 * at everything again.  So what has to be right is only that the cases taken here are exactly like
 * there: one compare-and-swap from a word that was seen complete.  Pure.
 */
#pragma once

#include "mem/frame.h"
#include "mem/page_type.h"
#include "mem/pte.h"
#include "mem/tlb.h"

/* The reference word of a frame that is RAM in use by `owner`, which is what most entries lead to;
 * 0 for any other. */
static __always_inline uint64_t frame_ref_if_of(mfn_t mfn, domid_t owner)
{
    uint64_t x;

    if (unlikely(!frame_valid(mfn)))
        return 0;
    x = load_once(&frame_of(mfn)->ref);
    if (likely(x >> REF_STATE_SHIFT == FRAME_IN_USE && (domid_t)(x >> REF_OWNER_SHIFT) == owner))
        return x;
    return 0;
}

/* --- tries: false means that nothing was done ---------------------------------------------------
 */

/* frame_get() */
static __always_inline bool frame_try_get(struct frame *f, domid_t owner)
{
    uint64_t x = load_once(&f->ref);

    return likely(x >> REF_STATE_SHIFT == FRAME_IN_USE &&
                  (domid_t)(x >> REF_OWNER_SHIFT) == owner && (uint32_t)x < REF_COUNT_MAX &&
                  atomic_cmpxchg(&f->ref, &x, x + 1));
}

/* frame_put(), where it is not the last reference. */
static __always_inline bool frame_try_put(struct frame *f)
{
    uint64_t x = load_once(&f->ref);

    return likely((uint32_t)x > 1 && x >> REF_STATE_SHIFT == FRAME_IN_USE &&
                  atomic_cmpxchg(&f->ref, &x, x - 1));
}

/* page_type_get() of a type that the frame is in use as. */
static __always_inline bool page_type_try_get(struct frame *f, enum page_type type)
{
    uint64_t x = load_once(&f->type);

    return likely((x & (TYPE_MASK | TYPE_VALIDATED)) ==
                      ((uint64_t)type << TYPE_SHIFT | TYPE_VALIDATED) &&
                  (x & TYPE_COUNT_MASK) != TYPE_COUNT_MAX && atomic_cmpxchg(&f->type, &x, x + 1));
}

/* page_type_put(), where it is not the last use. */
static __always_inline bool page_type_try_put(struct frame *f)
{
    uint64_t x = load_once(&f->type);

    return likely(x & TYPE_VALIDATED && (x & TYPE_COUNT_MASK) > 1 &&
                  atomic_cmpxchg(&f->type, &x, x - 1));
}

/* page_type_get(f, PT_WRITABLE, 0): also the first use, after a last one of the same type or after
 * none at all (a word of 0, which has no stamp to flush for). */
static __always_inline bool page_type_try_get_writable(struct frame *f)
{
    const uint64_t type = (uint64_t)PT_WRITABLE << TYPE_SHIFT;
    uint64_t x = load_once(&f->type), n = x + 1;

    if ((x & (TYPE_MASK | TYPE_VALIDATED)) != (type | TYPE_VALIDATED)) {
        if (x && (x & (TYPE_MASK | TYPE_COUNT_MASK)) != type)
            return false;
        n = type | TYPE_VALIDATED | 1;
    }
    return likely((n & TYPE_COUNT_MASK) && atomic_cmpxchg(&f->type, &x, n));
}

/* page_type_put(f, 0) of a PT_WRITABLE use: also the last one, as there is nothing to demote. */
static __always_inline bool page_type_try_put_writable(struct frame *f)
{
    const uint64_t used = (uint64_t)PT_WRITABLE << TYPE_SHIFT | TYPE_VALIDATED;
    uint64_t x = load_once(&f->type);

    if ((x & TYPE_COUNT_MASK) <= 1) {
        if ((uint32_t)x != (used | 1))
            return false;
        /* The last use: the frame is ours alone first, so that the stamp is read after every
         * use, also after one that came and went since x was read. */
        if (unlikely(!atomic_cmpxchg(&f->type, &x, (used & TYPE_MASK) | 1)))
            return false;
        store_release(&f->type, (used & TYPE_MASK) | (uint64_t)tlb_clock() << TYPE_UPPER_SHIFT);
        return true;
    }
    return likely(x & TYPE_VALIDATED && atomic_cmpxchg(&f->type, &x, x - 1));
}

/* --- the same, always done ----------------------------------------------------------------------
 */

static __always_inline bool frame_get_fast(struct frame *f, domid_t owner)
{
    return frame_try_get(f, owner) || frame_get(f, owner);
}

static __always_inline void frame_put_fast(struct frame *f)
{
    if (!frame_try_put(f))
        frame_put(f);
}

static __always_inline void page_type_put_writable(struct frame *f)
{
    if (!page_type_try_put_writable(f))
        page_type_put(f, 0);
}

/* References of a present L1 entry whose bits have been judged: those of entry_get(1, ...). */
static __always_inline int l1_entry_get_fast(pte_t *e, struct mem_owner *table_owner,
                                             struct mem_owner *page_owner)
{
    struct frame *f = frame_of(pte_mfn(*e));
    int rc = 0;

    /* Foreign frames, I/O memory and other memory types than write-back leave marks or ask for
     * permissions. */
    if (unlikely(page_owner != table_owner || *e & PTE_CACHE || !frame_is_ram(pte_mfn(*e)) ||
                 !frame_try_get(f, page_owner->id)))
        return l1_entry_get(e, table_owner, page_owner);
    if (*e & PTE_RW && !page_type_try_get_writable(f)) {
        rc = page_type_get(f, PT_WRITABLE, 0);
        if (unlikely(rc))
            frame_put(f);
    }
    return rc;
}

/* l1_entry_put() */
static __always_inline void l1_entry_put_fast(pte_t e)
{
    struct frame *f = frame_of(pte_mfn(e));

    if (!(e & PTE_P) || !frame_is_ram(pte_mfn(e)))
        return;
    if (e & PTE_RW)
        page_type_put_writable(f);
    frame_put_fast(f);
}
