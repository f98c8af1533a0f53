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

/* frame_get() */
static __always_inline bool frame_get_fast(struct frame *f, domid_t owner)
{
    uint64_t x = load_once(&f->ref);

    if (likely(x >> REF_STATE_SHIFT == FRAME_IN_USE && (domid_t)(x >> REF_OWNER_SHIFT) == owner &&
               (uint32_t)x < REF_COUNT_MAX && atomic_cmpxchg(&f->ref, &x, x + 1)))
        return true;
    return frame_get(f, owner);
}

/* frame_put(), where it is not the last one. */
static __always_inline void frame_put_fast(struct frame *f)
{
    uint64_t x = load_once(&f->ref);

    if (likely((uint32_t)x > 1 && x >> REF_STATE_SHIFT == FRAME_IN_USE &&
               atomic_cmpxchg(&f->ref, &x, x - 1)))
        return;
    frame_put(f);
}

/* page_type_get(f, PT_WRITABLE, 0): one more use, or the first one after one of the same type. */
static __always_inline int page_type_get_writable(struct frame *f)
{
    const uint64_t type = (uint64_t)PT_WRITABLE << TYPE_SHIFT;
    uint64_t x = load_once(&f->type), n = 0;

    if ((x & (TYPE_MASK | TYPE_VALIDATED)) == (type | TYPE_VALIDATED) &&
        (x & TYPE_COUNT_MASK) != TYPE_COUNT_MAX)
        n = x + 1;
    else if ((x & (TYPE_MASK | TYPE_COUNT_MASK)) == type)
        n = type | TYPE_VALIDATED | 1;
    if (likely(n && atomic_cmpxchg(&f->type, &x, n)))
        return 0;
    return page_type_get(f, PT_WRITABLE, 0);
}

/* page_type_put(f, 0) where the type is PT_WRITABLE: no demotion. */
static __always_inline void page_type_put_writable(struct frame *f)
{
    const uint64_t type = (uint64_t)PT_WRITABLE << TYPE_SHIFT;
    uint64_t x = load_once(&f->type), n = x - 1;

    /* The last use: the frame is ours alone first, so that the stamp is read after every use. */
    if ((x & TYPE_COUNT_MASK) == 1)
        n = type | 1;
    if (likely((x & (TYPE_MASK | TYPE_VALIDATED | TYPE_PINNED)) == (type | TYPE_VALIDATED) &&
               (x & TYPE_COUNT_MASK) && atomic_cmpxchg(&f->type, &x, n))) {
        if ((x & TYPE_COUNT_MASK) == 1)
            store_release(&f->type, type | (uint64_t)tlb_clock() << TYPE_UPPER_SHIFT);
        return;
    }
    page_type_put(f, 0);
}

/* References of a present L1 entry whose bits have been judged: those of entry_get(1, ...). */
static __always_inline int l1_entry_get_fast(pte_t *e, struct mem_owner *table_owner,
                                             struct mem_owner *page_owner)
{
    struct frame *f = frame_of(pte_mfn(*e));
    int rc;

    /* Foreign frames, I/O memory and other memory types than write-back leave marks or ask for
     * permissions. */
    if (unlikely(page_owner != table_owner || *e & PTE_CACHE || !frame_is_ram(pte_mfn(*e))))
        return l1_entry_get(e, table_owner, page_owner);
    if (unlikely(!frame_get_fast(f, page_owner->id)))
        return l1_entry_get(e, table_owner, page_owner); /* which knows the reason */
    if (!(*e & PTE_RW))
        return 0;
    rc = page_type_get_writable(f);
    if (unlikely(rc))
        frame_put(f);
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
