/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * GNTTABOP_copy: bytes from one page to another, each side either a grant or a frame of the caller.
 *
 * Each side is held while it is copied: a grant by a pin, which sets the GTF bits, and its frame by
 * references of its owner's, so that nothing looked at is looked at twice: the frame copied is the
 * one that was pinned (XSA-500, 523).  A side is kept from one operation of a batch to the next, as
 * long as they name the same page, so that a packet in pieces costs two look-ups.  No lock is held
 * over the copying.
 */
#include "abi/errno.h"
#include "abi/grant_table.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "domain/grant.h"
#include "domain/grant_impl.h"
#include "lib/string.h"
#include "mem/world.h"
#include "sched/sched.h"

struct copy_side {
    bool is_dest;
    bool held;    /* the fields below are valid, and what they name is held */
    bool is_gref; /* ptr.u.ref rather than ptr.u.gmfn */
    struct gnttab_copy_ptr ptr;
    struct frame *frame;
    struct grant_ref_entries entries;
    struct grant_peer owner; /* survives release, for the next of the same domain */
};

static __always_inline void side_release(struct copy_side *s)
{
    if (!s->held)
        return;
    s->held = false;
    grant_frame_drop(s->frame, s->is_dest);
    if (s->is_gref)
        grant_active_unpin(s->entries.active, s->entries.shared,
                           s->is_dest ? GNTPIN_HOST_WRITE : GNTPIN_HOST_READ);
}

static bool side_is(const struct copy_side *s, const struct gnttab_copy_ptr *ptr, bool gref)
{
    if (!s->held || s->is_gref != gref || s->ptr.domid != ptr->domid)
        return false;
    return gref ? s->ptr.u.ref == ptr->u.ref : s->ptr.u.gmfn == ptr->u.gmfn;
}

/* Pins the grant that `ptr` names and holds its frame. */
static __always_inline int hold_grant(struct copy_side *s, const struct gnttab_copy_ptr *ptr,
                                      struct domain *owner)
{
    uint32_t pin = s->is_dest ? GNTPIN_HOST_WRITE : GNTPIN_HOST_READ;
    uint32_t mfn;
    int rc;

    if (!grant_lookup(&owner->gnt, ptr->u.ref, &s->entries))
        return guest_error(GNTST_bad_gntref, "copy: the granter's table does not reach there");
    rc = grant_active_pin(s->entries.active, s->entries.shared, current_domain->mem.id, pin, false,
                          &mfn);
    if (rc != GNTST_okay)
        return guest_error(rc, "copy: not lent to this domain, or not in this way");
    rc = grant_frame_hold(owner, mfn, s->is_dest, &s->frame);
    if (rc != GNTST_okay)
        grant_active_unpin(s->entries.active, s->entries.shared, pin);
    return rc;
}

/* The domain of a side; only one's own memory may be named by frame. */
static __always_inline int side_owner(struct copy_side *s, const struct gnttab_copy_ptr *ptr,
                                      bool gref, struct domain **owner)
{
    if (ptr->domid == DOMID_SELF) {
        *owner = current_domain;
        return GNTST_okay;
    }
    if (!gref)
        return guest_error(GNTST_permission_denied, "copy: a frame of another domain");
    *owner = grant_peer_find(&s->owner, ptr->domid);
    return *owner ? GNTST_okay : guest_error(GNTST_bad_domain, "copy: no such domain");
}

static __always_inline int side_hold(struct copy_side *s, const struct gnttab_copy_ptr *ptr,
                                     bool gref, struct domain *owner)
{
    int rc;

    if (side_is(s, ptr, gref))
        return GNTST_okay;
    side_release(s);
    rc = gref ? hold_grant(s, ptr, owner)
              : grant_frame_hold(owner, ptr->u.gmfn, s->is_dest, &s->frame);
    if (rc == GNTST_okay) {
        s->held = true;
        s->is_gref = gref;
        s->ptr = *ptr;
    }
    return rc;
}

/* Both domains are known before anything is held: naming another one lets go of the first. */
static int sides_hold(struct copy_side *src, struct copy_side *dst, const struct gnttab_copy *op)
{
    bool src_gref = op->flags & GNTCOPY_source_gref, dst_gref = op->flags & GNTCOPY_dest_gref;
    struct domain *src_owner, *dst_owner;
    int rc;

    if (side_is(src, &op->source, src_gref) && side_is(dst, &op->dest, dst_gref))
        return GNTST_okay;
    if (src->held && src->ptr.domid != op->source.domid)
        side_release(src);
    if (dst->held && dst->ptr.domid != op->dest.domid)
        side_release(dst);
    rc = side_owner(src, &op->source, src_gref, &src_owner);
    if (rc == GNTST_okay)
        rc = side_owner(dst, &op->dest, dst_gref, &dst_owner);
    if (rc == GNTST_okay)
        rc = side_hold(src, &op->source, src_gref, src_owner);
    if (rc == GNTST_okay)
        rc = side_hold(dst, &op->dest, dst_gref, dst_owner);
    return rc;
}

static int copy_one(struct copy_side *src, struct copy_side *dst, const struct gnttab_copy *op)
{
    int rc;

    /* Nothing to do looks at nothing (XSA-448). */
    if (!op->len)
        return GNTST_okay;
    rc = sides_hold(src, dst, op);
    if (rc != GNTST_okay)
        return rc;
    /* 16-bit numbers, added as int. */
    if (op->source.offset + op->len > (int)PAGE_SIZE || op->dest.offset + op->len > (int)PAGE_SIZE)
        return guest_error(GNTST_bad_copy_arg, "copy: beyond the end of a page");
    /* Both sides may be one page. */
    memmove((uint8_t *)frame_virt(dst->frame) + op->dest.offset,
            (uint8_t *)frame_virt(src->frame) + op->source.offset, op->len);
    current_domain->gnt.copies++;
    return GNTST_okay;
}

unsigned grant_copy_batch(void *ops, unsigned n)
{
    struct copy_side src __uninitialized, dst __uninitialized; /* not held, and no owner yet */
    struct gnttab_copy *op = ops;
    unsigned i;

    src.is_dest = src.held = dst.held = false;
    dst.is_dest = true;
    src.owner.d = dst.owner.d = NULL;

    for (i = 0; i < n; i++) {
        if (i && hypercall_preempt_check())
            break;
        op[i].status = (int16_t)copy_one(&src, &dst, &op[i]);
    }
    side_release(&src);
    side_release(&dst);
    grant_peer_done(&src.owner);
    grant_peer_done(&dst.owner);
    return i;
}
