/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mapping and unmapping what other domains lent.
 *
 * A mapping is made in the order: handle, pin, references on the frame, page-table entry, handle
 * made live; each step undone in reverse if a later one fails.  An unmapping goes the other way, in
 * two passes over a batch: first every entry is taken out of its page table, then one flush, then
 * references, pins and handles are given back.  So the granter sees its GTF bits clear only when no
 * processor can reach the frame any more, and a batch costs one flush.
 *
 * The flush is of every CPU that may hold translations of the mapper, global ones included
 * (mappings for applications are global), and of everything: the same table may be reached at
 * several addresses.  It is not skipped for entries whose accessed bit is clear: the mapper can
 * clear that bit itself after using the mapping.
 */
#include "abi/errno.h"
#include "abi/grant_table.h"
#include "cpu/x86.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "domain/grant.h"
#include "domain/grant_impl.h"
#include "mem/guest_access.h"
#include "mem/heap.h"
#include "mem/page_type.h"
#include "mem/pte.h"
#include "mem/tlb.h"
#include "mem/world.h"
#include "sched/sched.h"

/* The flags a handle remembers. */
#define GNTMAP_KEPT                                                                                \
    (GNTMAP_device_map | GNTMAP_host_map | GNTMAP_readonly | GNTMAP_application_map |              \
     GNTMAP_contains_pte)
#define GNTMAP_KINDS (GNTMAP_device_map | GNTMAP_host_map)

#define GNTMAP_AVAIL_SHIFT 16 /* bits 16-18 of the flags go to ... */
#define PTE_AVAIL_SHIFT    9  /* ... bits 9-11 of the entry */

/* --- handles ------------------------------------------------------------------------------------
 */

/* One page more, within the limit.  False: no. */
static bool maptrack_grow(struct grant_table *t)
{
    struct maptrack *mt = &t->maptrack;
    struct maptrack_entry *page;

    if (load_once(&mt->nr_entries) / MAPTRACK_PER_PAGE >= mt->max_pages)
        return false;
    spin_lock(&t->lock);
    if (!mt->pages)
        mt->pages = hv_zalloc(mt->max_pages * sizeof(void *));
    spin_unlock(&t->lock);
    page = mt->pages ? hv_alloc_page() : NULL;
    if (!page)
        return false;
    if (!maptrack_add_page(mt, page)) {
        hv_free_page(page); /* another CPU was faster to the limit; its records may be there */
    }
    return true;
}

static uint32_t handle_open(struct grant_table *t, struct maptrack_entry **entry)
{
    uint32_t handle;

    do {
        handle = maptrack_open(&t->maptrack, entry);
    } while (handle == MAPTRACK_INVALID_HANDLE && maptrack_grow(t));
    return handle;
}

/* --- the page-table entry -----------------------------------------------------------------------
 */

/* Opens the L1 table that host_addr names.  GNTST_okay or GNTST_general_error. */
static __always_inline int open_entry(struct domain *d, uint64_t host_addr, bool contains_pte,
                                      struct pte_table *t, unsigned *index)
{
    int rc;

    if (contains_pte) {
        if (!IS_ALIGNED(host_addr, sizeof(pte_t)))
            return guest_error(GNTST_general_error, "grant: entry address not aligned");
        rc = pte_table_open(t, &d->mem, paddr_to_mfn(host_addr));
        *index = (unsigned)(host_addr & ~PAGE_MASK) / sizeof(pte_t);
    } else {
        if (!guest_range_okay(host_addr, 1))
            return guest_error(GNTST_general_error, "grant: address is not the guest's");
        rc = pte_find_l1(t, index, &d->mem, paddr_to_mfn(current->kernel_cr3), host_addr);
    }
    if (rc)
        return guest_error(GNTST_general_error, "grant: no page table there");
    if (t->level != 1) {
        pte_table_close(t);
        return guest_error(GNTST_general_error, "grant: not a page table of level 1");
    }
    return GNTST_okay;
}

static int map_host(struct domain *d, const struct gnttab_map_grant_ref *op, mfn_t mfn)
{
    bool writable = !(op->flags & GNTMAP_readonly);
    uint64_t flags = PTE_P | PTE_A | PTE_D | (writable ? PTE_RW : 0) |
                     ((op->flags & GNTMAP_application_map) ? PTE_US : 0) |
                     ((uint64_t)((op->flags >> GNTMAP_AVAIL_SHIFT) & 7) << PTE_AVAIL_SHIFT);
    struct pte_table t;
    unsigned index;
    int rc = open_entry(d, op->host_addr, op->flags & GNTMAP_contains_pte, &t, &index);

    if (rc != GNTST_okay)
        return rc;
    /* What the entry mapped before is let go of.  To flush is the guest's business, as when it
     * overwrites an entry itself. */
    rc = pte_grant_map(&t, index, mfn, writable, flags);
    pte_table_close(&t);
    return rc ? guest_error(GNTST_general_error, "grant: the entry cannot be written") : GNTST_okay;
}

static int unmap_host(struct domain *d, uint64_t host_addr, uint16_t flags, mfn_t mfn)
{
    struct pte_table t;
    unsigned index;
    int rc = open_entry(d, host_addr, flags & GNTMAP_contains_pte, &t, &index);

    if (rc != GNTST_okay)
        return rc;
    rc = pte_grant_unmap(&t, index, mfn, !(flags & GNTMAP_readonly));
    pte_table_close(&t);
    return rc ? guest_error(GNTST_general_error, "grant: the entry does not map this grant")
              : GNTST_okay;
}

/* --- map ----------------------------------------------------------------------------------------
 */

/* References of `kinds` mappings, each a general and, if `write`, a writable one. */
static int hold_frames(struct domain *granter, uint32_t mfn, unsigned kinds, bool write,
                       struct frame **frame)
{
    int rc = grant_frame_hold(granter, mfn, write, frame);

    if (rc == GNTST_okay && kinds == 2) {
        rc = grant_frame_hold(granter, mfn, write, frame);
        if (rc != GNTST_okay)
            grant_frame_drop(*frame, write);
    }
    return rc;
}

/* The grant is pinned for us: the frame, then the entry. */
static int map_pinned(struct domain *granter, struct gnttab_map_grant_ref *op, uint32_t mfn)
{
    bool write = !(op->flags & GNTMAP_readonly);
    unsigned kinds = (op->flags & GNTMAP_KINDS) == GNTMAP_KINDS ? 2 : 1;
    struct frame *frame;
    int rc = hold_frames(granter, mfn, kinds, write, &frame);

    if (rc != GNTST_okay)
        return rc;
    if (op->flags & GNTMAP_host_map)
        rc = map_host(current_domain, op, MFN(mfn));
    if (rc != GNTST_okay) {
        while (kinds--)
            grant_frame_drop(frame, write);
    }
    return rc;
}

static int map_handle(struct domain *granter, struct gnttab_map_grant_ref *op,
                      struct maptrack_entry *entry)
{
    struct domain *d = current_domain;
    uint32_t pins = grant_pins_of(op->flags);
    struct grant_ref_entries e;
    uint32_t mfn;
    int rc;

    if (!grant_lookup(&granter->gnt, op->ref, &e))
        return guest_error(GNTST_bad_gntref, "map: the granter's table does not reach there");
    if (granter->dying != DOMDYING_NO)
        return guest_error(GNTST_general_error, "map: the granter is dying");
    rc = grant_active_pin(e.active, e.shared, d->mem.id, pins, true, &mfn);
    if (rc != GNTST_okay)
        return guest_error(rc, "map: not lent to this domain, or not in this way");
    rc = map_pinned(granter, op, mfn);
    if (rc != GNTST_okay) {
        grant_active_unpin(e.active, e.shared, pins);
        return rc;
    }
    /* So that the handle can be closed whatever becomes of the granter; cannot fail, the batch
     * holds one. */
    BUG_ON(!domain_get(granter));
    entry->granter = granter;
    entry->ref = op->ref;
    maptrack_publish(entry, op->flags & GNTMAP_KEPT);
    op->dev_bus_addr = mfn_to_paddr(MFN(mfn));
    return GNTST_okay;
}

static int map_one(struct gnttab_map_grant_ref *op, struct grant_peer *peer)
{
    struct grant_table *t = &current_domain->gnt;
    struct maptrack_entry *entry;
    struct domain *granter;
    uint32_t handle;
    int rc;

    if (!(op->flags & GNTMAP_KINDS))
        return guest_error(GNTST_bad_gntref, "map: neither host nor device mapping");
    granter = grant_peer_find(peer, op->dom);
    if (!granter)
        return guest_error(GNTST_bad_domain, "map: no such domain");
    handle = handle_open(t, &entry);
    if (handle == MAPTRACK_INVALID_HANDLE)
        return guest_error(GNTST_no_device_space, "map: out of handles");
    rc = map_handle(granter, op, entry);
    if (rc == GNTST_okay) {
        op->handle = handle;
        t->maps++;
    } else {
        maptrack_close(&t->maptrack, handle);
    }
    return rc;
}

unsigned grant_map_batch(void *ops, unsigned n)
{
    struct gnttab_map_grant_ref *op = ops;
    struct grant_peer peer = {0};
    unsigned i;

    for (i = 0; i < n; i++) {
        if (i && hypercall_preempt_check())
            break;
        op[i].status = (int16_t)map_one(&op[i], &peer);
    }
    grant_peer_done(&peer);
    return i;
}

/* --- unmap --------------------------------------------------------------------------------------
 */

/* What the first pass leaves for the second. */
struct unmap_work {
    struct maptrack_entry *entry; /* claimed; NULL: nothing to finish */
    struct grant_ref_entries e;   /* its grant */
    uint32_t mfn;
    uint16_t flags; /* of the handle */
    uint16_t done;  /* which of its kinds are unmapped now */
};

/* The grant of a handle that we hold claimed; its pin keeps the active entry as it is. */
static struct grant_ref_entries grant_of(const struct maptrack_entry *entry)
{
    struct grant_ref_entries e;
    bool there = grant_lookup(&entry->granter->gnt, entry->ref, &e);

    BUG_ON(!there); /* tables do not shrink */
    return e;
}

/* First pass: takes the entry out of the page table. */
static int unmap_begin(struct unmap_work *w, const struct gnttab_unmap_grant_ref *op)
{
    struct domain *d = current_domain;
    struct maptrack_entry *entry = maptrack_claim(&d->gnt.maptrack, op->handle, &w->flags);
    int rc = GNTST_okay;

    w->entry = entry;
    w->done = 0;
    if (!entry)
        return guest_error(GNTST_bad_handle, "unmap: no such handle");
    w->e = grant_of(entry);
    w->mfn = w->e.active->mfn;
    if (op->dev_bus_addr && (w->flags & GNTMAP_device_map)) {
        if (op->dev_bus_addr != mfn_to_paddr(MFN(w->mfn)))
            return guest_error(GNTST_bad_dev_addr, "unmap: not the bus address of this grant");
        w->done |= GNTMAP_device_map;
    }
    if (op->host_addr && (w->flags & GNTMAP_host_map)) {
        rc = unmap_host(d, op->host_addr, w->flags, MFN(w->mfn));
        if (rc == GNTST_okay)
            w->done |= GNTMAP_host_map;
        else
            w->done = 0; /* all or nothing */
    }
    return rc;
}

/* Gives back what the kinds in `done` held. */
static void release_uses(const struct unmap_work *w)
{
    uint16_t access = w->flags & GNTMAP_readonly;

    for (unsigned kind = GNTMAP_device_map; kind <= GNTMAP_host_map; kind <<= 1) {
        if (w->done & kind)
            grant_frame_drop(frame_of(MFN(w->mfn)), !access);
    }
    /* Last: the granter may think of its frame as its own again. */
    grant_active_unpin(w->e.active, w->e.shared, grant_pins_of(w->done | access));
}

/* Second pass, after the flush. */
static void unmap_finish(struct grant_table *t, const struct unmap_work *w, uint32_t handle)
{
    uint16_t left = w->flags & ~w->done;
    struct domain *granter;

    if (!w->entry)
        return;
    granter = w->entry->granter;
    if (w->done)
        release_uses(w);
    if (left & GNTMAP_KINDS) {
        maptrack_publish(w->entry, left);
        return;
    }
    t->unmaps++;
    maptrack_close(&t->maptrack, handle);
    domain_put(granter);
}

unsigned grant_unmap_batch(void *ops, unsigned n)
{
    struct gnttab_unmap_grant_ref *op = ops;
    struct domain *d = current_domain;
    struct unmap_work work[GRANT_UNMAP_BATCH] __attribute__((uninitialized)); /* begin fills it */
    bool flush = false;

    for (unsigned i = 0; i < n; i++) {
        if (i && hypercall_preempt_check()) {
            n = i;
            break;
        }
        op[i].status = (int16_t)unmap_begin(&work[i], &op[i]);
        flush |= work[i].entry && (work[i].done & GNTMAP_host_map);
    }
    if (flush) {
        d->gnt.flushes++;
        tlb_flush_mask(load_once(&d->mem.dirty_cpus), TLB_ALL, TLBF_GLOBAL);
    }
    for (unsigned i = 0; i < n; i++)
        unmap_finish(&d->gnt, &work[i], op[i].handle);
    return n;
}

/* --- death --------------------------------------------------------------------------------------
 */

/*
 * A dying domain never runs again, so its page tables, whether still there or not, are as good as
 * unmapped; their entries own their references on the frames and give them back when the tables go.
 * What is left is what handles own.
 */
static void release_handle(struct domain *d, unsigned index, struct maptrack_entry *entry)
{
    uint16_t flags = entry->flags;
    struct domain *granter = entry->granter;
    struct grant_ref_entries e = grant_of(entry);

    if (flags & GNTMAP_device_map)
        grant_frame_drop(frame_of(MFN(e.active->mfn)), !(flags & GNTMAP_readonly));
    grant_active_unpin(e.active, e.shared, grant_pins_of(flags));
    maptrack_close(&d->gnt.maptrack, maptrack_handle_at(&d->gnt.maptrack, index));
    domain_put(granter);
}

int grant_release_mappings(struct domain *d)
{
    struct grant_table *t = &d->gnt;

    while (t->release_next < t->maptrack.nr_entries) {
        unsigned index = t->release_next++;
        struct maptrack_entry *entry = maptrack_at(&t->maptrack, index);

        if (entry->flags & GNTMAP_KINDS)
            release_handle(d, index, entry);
        /* Some 64 short steps between two looks (XSA-380). */
        if (index % 64 == 63 && hypercall_preempt_check())
            return -ERESTART;
    }
    return 0;
}
