/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the grant_*.c files; for nobody else.
 */
#pragma once

#include "abi/grant_table.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "domain/grant.h"
#include "domain/grant_entry.h"
#include "mem/frame.h"
#include "mem/hot.h"

/* One grant of a table: both of its entries. */
struct grant_ref_entries {
    struct grant_entry_v1 *shared;
    struct active_grant *active;
};

/* False: the table does not reach `ref`. */
static inline bool grant_lookup(const struct grant_table *t, uint32_t ref,
                                struct grant_ref_entries *out)
{
    const struct grant_frame *f;

    if (ref / GRANT_ENTRIES_PER_FRAME >= load_acquire(&t->nr_frames))
        return false;
    f = &t->frames[ref / GRANT_ENTRIES_PER_FRAME];
    out->shared = &f->shared[ref % GRANT_ENTRIES_PER_FRAME];
    out->active = &f->active[ref % GRANT_ENTRIES_PER_FRAME];
    return true;
}

/* Remembers the last domain that a batch named, so that a run of equal ones looks it up once. */
struct grant_peer {
    domid_t id;
    struct domain *d; /* referenced; NULL: none yet */
};

/* The domain with this number, valid until the next call or grant_peer_done(); NULL: none. */
struct domain *grant_peer_find(struct grant_peer *p, domid_t id);
static inline void grant_peer_done(struct grant_peer *p)
{
    if (p->d)
        domain_put(p->d);
    p->d = NULL;
}

/*
 * A frame that `owner` lends or gives by number: a general reference, and a writable one if
 * `write`. GNTST_okay with *frame; GNTST_bad_page: not RAM of this owner; GNTST_general_error: it
 * cannot be written to (a page table, say).
 */
static inline int grant_frame_hold(struct domain *owner, uint64_t mfn, bool write,
                                   struct frame **frame)
{
    struct frame *f;

    if (!frame_is_ram(MFN(mfn)))
        return guest_error(GNTST_bad_page, "grant: not a frame of RAM");
    f = frame_of(MFN(mfn));
    if (!frame_get_fast(f, owner->mem.id))
        return guest_error(GNTST_bad_page, "grant: not a frame of the granter's");
    if (write && !page_type_try_get_writable(f) && page_type_get(f, PT_WRITABLE, 0)) {
        frame_put(f);
        return guest_error(GNTST_general_error, "grant: the frame may not be written to");
    }
    *frame = f;
    return GNTST_okay;
}

static inline void grant_frame_drop(struct frame *frame, bool write)
{
    if (write)
        page_type_put_writable(frame);
    frame_put_fast(frame);
}

/*
 * The operations on an array: each works through `n` fetched structures from the first on, puts a
 * status in each, and returns how many it has done: all, or fewer (at least one) when it stopped
 * for other work.
 */
unsigned grant_map_batch(void *ops, unsigned n);
unsigned grant_unmap_batch(void *ops, unsigned n);
unsigned grant_copy_batch(void *ops, unsigned n);

/* Most structures handled between two looks at the guest's array: what fits the stack, and for
 * unmap what shares one TLB flush (Xen: 32). */
#define GRANT_MAP_BATCH   16
#define GRANT_UNMAP_BATCH 32
#define GRANT_COPY_BATCH  16

/* Drops what a dying domain had mapped; the first part of grant_table_relinquish(). */
int grant_release_mappings(struct domain *d);
