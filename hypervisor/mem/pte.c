/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Changes of single entries in tables that are in use.  See mem/pte.h.
 *
 * The order is always: references for the new value, swap, references of the old value.  The swap
 * says which old value was really replaced, so each entry's references are given back exactly once
 * however many CPUs write the same entry.
 */
#include "mem/pte.h"

#include "debug/assert.h"
#include "lib/errno.h"
#include "mem/guest_access.h"
#include "mem/hot.h"

/* An entry changes under us when another CPU writes it, or a processor marks it accessed.  A guest
 * holds its own lock on a table, so more than a few rounds are its own mischief. */
#define MAX_ROUNDS 64

#define PTE_AD (PTE_A | PTE_D)

/* --- opening tables
 * -------------------------------------------------------------------------------- */

static void table_set(struct pte_table *t, struct frame *f, struct mem_owner *owner,
                      enum page_type type)
{
    t->frame = f;
    t->entry = frame_virt(f);
    t->owner = owner;
    t->level = page_type_is_table(type) ? (unsigned)type : 0;
}

int pte_table_open(struct pte_table *t, struct mem_owner *owner, mfn_t mfn)
{
    struct frame *f = frame_of(mfn);
    enum page_type type;
    uint64_t x;
    int rc;

    if (unlikely(!frame_is_ram(mfn) || !frame_get_fast(f, owner->id)))
        return guest_error(-EINVAL, "page table is not a frame of the domain");
    if (likely(page_type_try_get(f, PT_L1))) {
        table_set(t, f, owner, PT_L1);
        return 0;
    }
    x = load_once(&f->type);
    type = (enum page_type)((x & TYPE_MASK) >> TYPE_SHIFT);
    if ((x & TYPE_COUNT_MASK) == 0)
        type = PT_WRITABLE; /* as Xen: an update of a frame that is no table is a plain write */
    if (page_type_is_table(type) || type == PT_WRITABLE)
        rc = page_type_get(f, type, PTF_PREEMPT);
    else
        rc = guest_error(-EINVAL, "frame is neither a page table nor writable");
    if (unlikely(rc)) {
        frame_put(f);
        return rc;
    }
    table_set(t, f, owner, type);
    return 0;
}

int pte_find_l1(struct pte_table *t, unsigned *index, struct mem_owner *owner, mfn_t l4,
                uint64_t va)
{
    mfn_t mfn = l4;
    struct frame *f;
    uint64_t x;
    int rc;

    if (!guest_range_okay(va, 1))
        return guest_error(-EINVAL, "address is not the guest's to map");
#pragma GCC unroll 3
    for (unsigned shift = 39; shift > 12; shift -= 9) {
        const pte_t *table = mfn_to_virt(mfn);
        pte_t e = load_once(&table[(va >> shift) & (PTE_ENTRIES - 1)]);

        /* Another vCPU may take the tables apart while we read.  Then we read what the frame holds
         * now, which leads to some frame or none; what we end at is checked for what it is. */
        mfn = pte_mfn(e);
        if (!(e & PTE_P) || !frame_is_ram(mfn))
            return guest_error(-EINVAL, "no page table there");
    }
    f = frame_of(mfn);
    if (!frame_get_fast(f, owner->id))
        return guest_error(-EINVAL, "no page table there");
    *index = (va >> PAGE_SHIFT) & (PTE_ENTRIES - 1);
    if (likely(page_type_try_get(f, PT_L1))) {
        table_set(t, f, owner, PT_L1);
        return 0;
    }
    x = load_once(&f->type);
    if ((x & TYPE_MASK) >> TYPE_SHIFT != PT_L1 || (x & TYPE_COUNT_MASK) == 0)
        rc = guest_error(-EINVAL, "no page table there");
    else
        rc = page_type_get(f, PT_L1, PTF_PREEMPT);
    if (unlikely(rc)) {
        frame_put(f);
        return rc;
    }
    table_set(t, f, owner, PT_L1);
    return 0;
}

int pte_table_close_preempt(struct pte_table *t, struct pte_context *c)
{
    if (likely(page_type_try_put(t->frame))) {
        frame_put_fast(t->frame);
        return 0;
    }
    if (unlikely(page_type_put(t->frame, PTF_PREEMPT) == -ERESTART)) {
        if (c && !c->deferred) {
            c->deferred = t->frame;
            return -ERESTART;
        }
        /* It stays half way down and holds itself: of use to nobody but the domain, and finished
         * by the next use as a table or by the domain's death. */
    }
    frame_put(t->frame);
    return 0;
}

void pte_table_close(struct pte_table *t)
{
    if (likely(page_type_try_put(t->frame)))
        frame_put_fast(t->frame);
    else
        pte_table_close_preempt(t, NULL);
}

int pte_finish(struct pte_context *c)
{
    int rc;

    if (!c->deferred)
        return 0;
    rc = page_type_finish(c->deferred, PTF_PREEMPT);
    if (rc)
        return rc;
    frame_put(c->deferred);
    c->deferred = NULL;
    return 0;
}

/* --- level 1
 * --------------------------------------------------------------------------------------- */

enum l1_move { L1_NONE, L1_DROP_WRITABLE, L1_FULL };

/* What has to be moved when `cur` becomes `next` (both complete). */
static enum l1_move l1_move(pte_t cur, pte_t next, const struct mem_owner *table_owner,
                            const struct mem_owner *page_owner)
{
    const pte_t change = cur ^ next;

    if (!(cur & next & PTE_P) || (change & (PTE_ADDR | PTE_CACHE)) || (~cur & next & PTE_RW))
        return L1_FULL;
    /* Same frame, no new right.  The shortcuts are for the table owner's own: an entry that came by
     * a grant, or maps a frame of another domain, is judged in full. */
    if (page_owner != table_owner || !frame_is_ram(pte_mfn(next)) ||
        frame_owner(frame_of(pte_mfn(next))) != table_owner->id)
        return L1_FULL;
    return change & PTE_RW ? L1_DROP_WRITABLE : L1_NONE;
}

static int l1_update(struct pte_table *t, unsigned index, pte_t next, unsigned flags, pte_t *old,
                     struct mem_owner *page_owner)
{
    pte_t *slot = &t->entry[index], base = next;

    if (next & PTE_P) {
        if (unlikely(!entry_bits_ok(1, next, t->owner)))
            return guest_error(-EINVAL, "l1 entry has a bit that it must not have");
        base = entry_complete(1, next);
    } else if (entry_l1tf_unsafe(t->owner, 1, next)) {
        return guest_error(-EINVAL, "entry that is not present could be used for L1TF");
    }

    for (unsigned round = 0; round < MAX_ROUNDS; round++) {
        pte_t cur = load_once(slot), want = base;
        enum l1_move move;
        int rc;

        if (flags & PTEF_COMPARE && cur != *old) {
            *old = cur;
            return -EAGAIN;
        }
        if (flags & PTEF_PRESERVE_AD)
            want |= cur & PTE_AD;
        move = l1_move(cur, want, t->owner, page_owner);
        if (move == L1_FULL && (want & PTE_P)) {
            rc = l1_entry_get_fast(&want, t->owner, page_owner);
            if (unlikely(rc))
                return rc;
        }
        if (likely(atomic_cmpxchg(slot, &cur, want))) {
            if (move == L1_FULL)
                l1_entry_put_fast(cur);
            else if (move == L1_DROP_WRITABLE)
                page_type_put_writable(frame_of(pte_mfn(cur)));
            if (old)
                *old = cur;
            return 0;
        }
        if (move == L1_FULL)
            l1_entry_put(want);
    }
    return guest_error(-EBUSY, "l1 entry keeps changing");
}

/* --- levels 2 to 4
 * --------------------------------------------------------------------------------- */

static int upper_update(struct pte_table *t, unsigned index, pte_t next, unsigned flags, pte_t *old,
                        struct pte_context *c)
{
    pte_t *slot = &t->entry[index];

    BUG_ON(c->deferred); /* the caller's duty, see pte_finish() */
    if (t->level == 4 && l4_slot_is_hv(index))
        return guest_error(-EINVAL, "l4 slot is the hypervisor's");
    if (next & PTE_P) {
        if (!entry_bits_ok(t->level, next, t->owner))
            return guest_error(-EINVAL, "upper entry has a bit that it must not have");
        next = entry_complete(t->level, next);
    } else if (entry_l1tf_unsafe(t->owner, t->level, next)) {
        return guest_error(-EINVAL, "entry that is not present could be used for L1TF");
    }

    for (unsigned round = 0; round < MAX_ROUNDS; round++) {
        pte_t cur = load_once(slot), want = next;
        bool same;

        if (flags & PTEF_COMPARE && cur != *old) {
            *old = cur;
            return -EAGAIN;
        }
        if (flags & PTEF_PRESERVE_AD)
            want |= cur & PTE_AD;
        /* The entry's references depend on nothing but presence and frame (XSA-182: the bits have
         * been judged above in any case). */
        same = (cur & want & PTE_P) && !((cur ^ want) & PTE_ADDR);
        if (!same && (want & PTE_P)) {
            int rc = entry_get(t->level, &want, t->owner, t->owner, PTF_PREEMPT);

            if (rc)
                return rc;
        }
        if (atomic_cmpxchg(slot, &cur, want)) {
            if (cur & PTE_P && (cur ^ want) & ~(PTE_AD | PTE_AVAIL_LOW | PTE_AVAIL_HIGH))
                c->changed_upper = true;
            /* Before the old table loses its type, so that whoever flushes because of that flushes
             * after copies of this root are known to be stale. */
            if (t->level == 4)
                atomic_inc(&t->owner->root_generation);
            if (old)
                *old = cur;
            if (!same)
                entry_put(t->level, cur, PTF_PREEMPT, &c->deferred);
            return 0;
        }
        if (!same && (want & PTE_P) &&
            entry_put(t->level, want, PTF_PREEMPT, &c->deferred) == -ERESTART)
            return -ERESTART;
    }
    return guest_error(-EBUSY, "page-table entry keeps changing");
}

/* A frame that is no table: the guest could have stored this itself. */
static int plain_update(struct pte_table *t, unsigned index, pte_t next, unsigned flags, pte_t *old)
{
    pte_t *slot = &t->entry[index], cur = load_once(slot);

    do {
        if (flags & PTEF_COMPARE && cur != *old) {
            *old = cur;
            return -EAGAIN;
        }
    } while (!atomic_cmpxchg(slot, &cur, flags & PTEF_PRESERVE_AD ? next | (cur & PTE_AD) : next));
    if (old)
        *old = cur;
    return 0;
}

/* Any update, by the rules above. */
static __attribute__((noinline)) int update(struct pte_table *t, unsigned index, pte_t next,
                                            unsigned flags, pte_t *old, struct pte_context *c)
{
    if (likely(t->level == 1))
        return l1_update(t, index, next, flags, old, c->page_owner ? c->page_owner : t->owner);
    if (t->level == 0)
        return plain_update(t, index, next, flags, old);
    return upper_update(t, index, next, flags, old, c);
}

/*
 * The ordinary updates of an L1 entry: of the table owner's own memory, write-back, one page comes,
 * one goes, or one changes its rights.  What these do is what l1_update() does for the same case,
 * with each look at a frame taken once; whatever is not like that, or does not succeed at once, is
 * left to update(), with all that was taken given back.  This function calls nothing but in its
 * last statements, so that it saves no registers.
 */
static __attribute__((noinline)) int give_back(struct pte_table *t, unsigned index, pte_t next,
                                               unsigned flags, pte_t *old, struct pte_context *c)
{
    frame_put(frame_of(pte_mfn(next)));
    return update(t, index, next, flags, old, c);
}

static __attribute__((noinline)) int give_back_entry(struct pte_table *t, unsigned index,
                                                     pte_t next, unsigned flags, pte_t *old,
                                                     struct pte_context *c)
{
    l1_entry_put(next);
    return update(t, index, next, flags, old, c);
}

static __attribute__((noinline)) int put_entry(pte_t e)
{
    l1_entry_put(e);
    return 0;
}

static __attribute__((noinline)) int put_type(struct frame *f)
{
    page_type_put(f, 0);
    return 0;
}

static __attribute__((noinline)) int put_general(struct frame *f)
{
    frame_put(f);
    return 0;
}

/* `next` is not present, and what update() looks at first has been looked at. */
static __attribute__((noinline)) int clear(struct pte_table *t, unsigned index, pte_t next,
                                           unsigned flags, pte_t *old, struct pte_context *c)
{
    pte_t *slot = &t->entry[index], cur = load_once(slot);
    struct frame *f = frame_of(pte_mfn(cur));

    if (unlikely(
            (next && t->owner->l1tf_check) || cur & PTE_CACHE ||
            (flags & PTEF_COMPARE && cur != *old) || (cur & PTE_P && !frame_is_ram(pte_mfn(cur))) ||
            !atomic_cmpxchg(slot, &cur, flags & PTEF_PRESERVE_AD ? next | (cur & PTE_AD) : next)))
        return update(t, index, next, flags, old, c);
    if (old)
        *old = cur;
    if (!(cur & PTE_P))
        return 0;
    if (cur & PTE_RW && !page_type_try_put_writable(f))
        return put_entry(cur);
    return frame_try_put(f) ? 0 : put_general(f);
}

int pte_update(struct pte_table *t, unsigned index, pte_t next, unsigned flags, pte_t *old,
               struct pte_context *c)
{
    pte_t cur, want = next;
    uint64_t ref;
    struct frame *f = frame_of(pte_mfn(next));

    BUG_ON(index >= PTE_ENTRIES);
    if (unlikely(t->level != 1 || (c->page_owner && c->page_owner != t->owner)))
        return update(t, index, next, flags, old, c);
    if (!(next & PTE_P))
        return clear(t, index, next, flags, old, c);

    cur = load_once(&t->entry[index]);
    /* An entry by grant or of a foreign frame is judged in full. */
    if (unlikely((cur | next) & PTE_CACHE || (flags & PTEF_COMPARE && cur != *old) ||
                 !entry_bits_ok(1, next, t->owner)))
        return update(t, index, next, flags, old, c);
    ref = frame_ref_if_of(pte_mfn(next), t->owner->id);
    if (unlikely(!ref))
        return update(t, index, next, flags, old, c);
    if (flags & PTEF_PRESERVE_AD)
        want |= cur & PTE_AD;
    want = entry_complete(1, want);
    if (cur & PTE_P) {
        if (unlikely((cur ^ want) & PTE_ADDR))
            return update(t, index, next, flags, old, c);
        if (!(want & ~cur & PTE_RW)) {
            if (unlikely(!atomic_cmpxchg(&t->entry[index], &cur, want)))
                return update(t, index, next, flags, old, c);
            if (old)
                *old = cur;
            if (!((cur ^ want) & PTE_RW))
                return 0;
            return page_type_try_put_writable(f) ? 0 : put_type(f);
        }
    }
    if (unlikely((uint32_t)ref >= REF_COUNT_MAX || !atomic_cmpxchg(&f->ref, &ref, ref + 1)))
        return update(t, index, next, flags, old, c);
    if (want & PTE_RW && unlikely(!page_type_try_get_writable(f)))
        return give_back(t, index, next, flags, old, c);
    if (unlikely(!atomic_cmpxchg(&t->entry[index], &cur, want)))
        return give_back_entry(t, index, next, flags, old, c);
    if (old)
        *old = cur;
    if (!(cur & PTE_P))
        return 0;
    /* It was there with fewer rights: that entry's general reference. */
    return frame_try_put(f) ? 0 : put_general(f);
}

/* --- grants
 * ---------------------------------------------------------------------------------------- */

int pte_grant_map(struct pte_table *t, unsigned index, mfn_t mfn, bool writable, uint64_t flags)
{
    const uint64_t wishes =
        PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D | PTE_NX | PTE_AVAIL_LOW | PTE_AVAIL_HIGH;
    pte_t e;

    BUG_ON(index >= PTE_ENTRIES || !frame_is_ram(mfn));
    if (t->level != 1)
        return guest_error(-EINVAL, "grant map into something that is not an l1 table");
    if (flags & ~wishes)
        return guest_error(-EINVAL, "grant map with a bit that an entry must not have");
    e = entry_complete(1, pte_make(mfn, (flags & ~PTE_RW) | PTE_P | (writable ? PTE_RW : 0)));
    frame_mark(frame_of(mfn), REF_FOREIGN);
    l1_entry_put(atomic_xchg(&t->entry[index], e));
    return 0;
}

int pte_grant_unmap(struct pte_table *t, unsigned index, mfn_t mfn, bool writable)
{
    pte_t *slot = &t->entry[index], cur = load_once(slot);

    BUG_ON(index >= PTE_ENTRIES);
    if (t->level != 1)
        return guest_error(-EINVAL, "grant unmap from something that is not an l1 table");
    do {
        if (!(cur & PTE_P) || !mfn_eq(pte_mfn(cur), mfn) || !!(cur & PTE_RW) != writable)
            return guest_error(-EINVAL, "entry does not hold that grant mapping");
    } while (!atomic_cmpxchg(slot, &cur, 0));
    return 0;
}
