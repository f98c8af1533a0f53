/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a frame is used as: the type half of the reference machine.
 *
 * A frame has at any time at most one type, with a count.  While the count is not zero the type
 * cannot change (I4); so a frame that is mapped writable (a PT_WRITABLE reference per mapping)
 * cannot become a page table, and a page table cannot be mapped writable (I1).
 *
 *   count 0                  no use; the upper half is the flush stamp of the last one
 *   count > 0, VALIDATED     in use
 *   count 1, neither flag    one CPU is changing it (flush, promotion, demotion); others wait
 *   count 1, PARTIAL         promotion or demotion was interrupted.  Entries [0, progress) of the
 *                            table hold their references.  The one type reference, and one general
 *                            reference with it, belong to the frame itself, not to any caller: so
 *                            it does not matter who resumes it, or that nobody does.
 *   PARTIAL and DOWN         it is on its way down to count 0; progress also carries the error that
 *                            made a promotion fail, for whoever asked and comes back
 *
 * PINNED says that one type reference and one general reference belong to the pin.
 *
 * Pure: what is in a table is the business of mem/validate.c.
 */
#pragma once

#include "mem/frame.h"

enum page_type {
    PT_NONE = 0,
    PT_L1 = 1, /* page table of this level */
    PT_L2 = 2,
    PT_L3 = 3,
    PT_L4 = 4,
    PT_SEGDESC = 5,  /* descriptors in use as GDT or LDT */
    PT_SHARED = 6,   /* a hypervisor page that guests may only read */
    PT_WRITABLE = 7, /* mapped writable, or written to by the hypervisor for its owner */
};

#define TYPE_COUNT_MASK  0xffffffUL
#define TYPE_COUNT_MAX   0xffffffUL
#define TYPE_SHIFT       24
#define TYPE_MASK        (7UL << TYPE_SHIFT)
#define TYPE_PINNED      BIT(27)
#define TYPE_VALIDATED   BIT(28)
#define TYPE_PARTIAL     BIT(29)
#define TYPE_DOWN        BIT(30)
#define TYPE_UPPER_SHIFT 32
/* The upper half while PARTIAL. */
#define TYPE_PROGRESS(x)                 ((unsigned)((x) >> 32) & 0x3ff)
#define TYPE_ERROR(x)                    ((int)((x) >> 48))
#define TYPE_MAKE_PARTIAL(progress, err) ((uint64_t)(progress) << 32 | (uint64_t)(err) << 48)

static inline enum page_type page_type(const struct frame *f)
{
    return (enum page_type)((load_once(&f->type) & TYPE_MASK) >> TYPE_SHIFT);
}

static inline bool page_type_is_table(enum page_type t)
{
    return t >= PT_L1 && t <= PT_L4;
}

#define PTF_PREEMPT 1u /* may stop with -ERESTART */

/*
 * Takes a type reference; the caller holds a general one.  Promotes the frame if nobody uses it as
 * this yet.  0; -EINVAL: in use as something else, or (what the validator says) contents not
 * acceptable; -EBUSY: the count is at its limit; -ERESTART (only with PTF_PREEMPT): nothing taken,
 * progress is kept in the frame; ask again.
 */
int __must_check page_type_get(struct frame *f, enum page_type type, unsigned flags);

/*
 * Gives a type reference back; the last one demotes a table, which drops what it refers to.
 * -ERESTART (only with PTF_PREEMPT): the reference is gone, but the frame is left PARTIAL and
 * DOWN; someone has to call page_type_finish() until it says 0 (keep a general reference for that).
 */
int page_type_put(struct frame *f, unsigned flags);
/* Brings an interrupted frame down to count 0; nothing to do for any other.  0 or -ERESTART. */
int page_type_finish(struct frame *f, unsigned flags);

/* General and type reference together.  -EINVAL: not the owner's; else as page_type_get(). */
int __must_check frame_get_type(struct frame *f, domid_t owner, enum page_type type,
                                unsigned flags);
/* Puts both; only where demotion is short or preemption is not possible. */
void frame_put_type(struct frame *f);

/*
 * MMUEXT_PIN_Ln_TABLE: holds a table of `o` as a table.  -EINVAL: not its frame, not valid, pinned
 * already, dying; -EBUSY; -ERESTART.
 */
int page_pin(struct frame *f, struct mem_owner *o, enum page_type type, unsigned flags);
/*
 * MMUEXT_UNPIN_TABLE: -EINVAL when not pinned or not the owner's.  -ERESTART: unpinned, but call
 * page_type_finish() until 0 (a general reference is kept for the caller, put it afterwards).
 */
int page_unpin(struct frame *f, struct mem_owner *o, unsigned flags);

/* Waits out TLBs that may still hold a use of `f` from before `stamp` (0: none).  Internal to mem/.
 */
void page_flush_stale(struct frame *f, uint32_t stamp);
