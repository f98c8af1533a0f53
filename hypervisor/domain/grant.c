/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Grant tables: their frames and life, the small operations on them, and hypercall 20.
 *
 * Left out, and answered as Xen answers what it lacks: version 2 (set_version -ENOSYS, no status
 * frames), transfer (each GNTST_general_error); unmap_and_replace, swap_grant_ref, dump_table and
 * cache_flush (-ENOSYS).
 */
#include "abi/errno.h"
#include "abi/grant_table.h"
#include "abi/xen.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "domain/grant.h"
#include "domain/grant_impl.h"
#include "domain/continuation.h"
#include "mem/guest_access.h"
#include "mem/heap.h"
#include "mem/page_type.h"
#include "mem/world.h"

static unsigned limit_frames = GRANT_DEFAULT_FRAMES;
static unsigned limit_maptrack = GRANT_DEFAULT_MAPTRACK_FRAMES;

void grant_set_limits(unsigned max_frames, unsigned max_maptrack_frames)
{
    if (max_frames)
        limit_frames = max_frames;
    if (max_maptrack_frames)
        limit_maptrack = min(max_maptrack_frames, MAPTRACK_MAX_PAGES - 1);
}

/* --- frames of the table ------------------------------------------------------------------------
 */

#define GROW_STEP                                                                                  \
    8 /* frames at a time, each three pages that are zeroed: some 15,000 instructions */
#define ACTIVE_ORDER 1 /* two pages of 16-byte records for 512 entries */
_Static_assert(GRANT_ENTRIES_PER_FRAME * sizeof(struct active_grant) == PAGE_SIZE << ACTIVE_ORDER,
               "active entries of a shared frame fill their pages");
_Static_assert(GRANT_ENTRIES_PER_FRAME * sizeof(struct grant_entry_v1) == PAGE_SIZE,
               "shared entries fill a page");

/* table.lock held. */
static int add_frame(struct domain *d, struct grant_table *t)
{
    struct grant_frame *f = &t->frames[t->nr_frames];

    f->shared = hv_alloc_page();
    f->active = hv_alloc_pages(ACTIVE_ORDER);
    if (!f->shared || !f->active || frame_share(f->shared, &d->mem, true)) {
        if (f->shared)
            hv_free_page(f->shared);
        if (f->active)
            hv_free_pages(f->active, ACTIVE_ORDER);
        return guest_error(-ENOMEM, "no memory for a grant table frame");
    }
    store_release(&t->nr_frames, t->nr_frames + 1);
    return 0;
}

/* nr is within the limit. */
static int grow_locked(struct domain *d, struct grant_table *t, unsigned nr)
{
    if (nr > t->nr_frames && d->dying != DOMDYING_NO)
        return guest_error(-EINVAL, "no new grant frame for a dying domain");
    while (t->nr_frames < nr) {
        int rc = add_frame(d, t);

        if (rc)
            return rc; /* what was added stays */
    }
    return 0;
}

static int grow(struct domain *d, unsigned nr)
{
    int rc;

    spin_lock(&d->gnt.lock);
    rc = grow_locked(d, &d->gnt, nr);
    spin_unlock(&d->gnt.lock);
    return rc;
}

int grant_table_grow(struct domain *d, unsigned nr)
{
    unsigned now;

    if (nr > d->gnt.max_frames)
        return guest_error(-EINVAL, "beyond max_grant_frames");
    while ((now = load_once(&d->gnt.nr_frames)) < nr) {
        int rc = grow(d, min(nr, now + GROW_STEP));

        if (rc)
            return rc;
        if (now + GROW_STEP < nr && hypercall_preempt_check())
            return -ERESTART; /* the frames so far stay: the next try begins there */
    }
    return 0;
}

int grant_resource_frame(const struct domain *d, unsigned idx, mfn_t *mfn)
{
    if (idx >= load_acquire(&d->gnt.nr_frames))
        return guest_error(-EINVAL, "no such frame of the grant table");
    *mfn = virt_to_mfn(d->gnt.frames[idx].shared);
    return 0;
}

/* --- life ---------------------------------------------------------------------------------------
 */

int grant_table_init(struct domain *d, int max_frames, int max_maptrack_frames)
{
    struct grant_table *t = &d->gnt;
    unsigned frames = max_frames < 0 ? limit_frames : (unsigned)max_frames;
    unsigned maptrack = max_maptrack_frames < 0 ? limit_maptrack : (unsigned)max_maptrack_frames;
    int rc;

    if (frames < 1 || frames > limit_frames || maptrack > limit_maptrack)
        return guest_error(-EINVAL, "grant table limits beyond the machine's");
    spin_lock_init(&t->lock);
    t->max_frames = frames;
    t->frames = hv_zalloc(frames * sizeof(*t->frames));
    if (!t->frames)
        return guest_error(-ENOMEM, "no memory for a grant table");
    maptrack_init(&t->maptrack, NULL, maptrack); /* its pages come with the first mapping */
    rc = grow(d, 1);
    if (rc) {
        hv_free(t->frames);
        t->frames = NULL;
    }
    return rc;
}

int grant_table_relinquish(struct domain *d)
{
    struct grant_table *t = &d->gnt;
    int rc;

    if (!t->frames)
        return 0;
    rc = grant_release_mappings(d);
    if (rc)
        return rc;
    /*
     * The domain's hold on its table ends: the table's frames count as frames of d, which would
     * keep d for ever.  The pages stay ours to write to until destroy, since others may still have
     * d's memory mapped and clear the bits in them when they unmap (I8).
     */
    spin_lock(&t->lock);
    for (; t->nr_unshared < t->nr_frames; t->nr_unshared++)
        frame_unshare(t->frames[t->nr_unshared].shared);
    spin_unlock(&t->lock);
    return 0;
}

void grant_table_destroy(struct domain *d)
{
    struct grant_table *t = &d->gnt;

    if (!t->frames)
        return;
    /* A domain that failed to be created comes here without relinquish. */
    for (; t->nr_unshared < t->nr_frames; t->nr_unshared++)
        frame_unshare(t->frames[t->nr_unshared].shared);
    for (unsigned i = 0; i < t->nr_frames; i++) {
        /* d is freed when no frame of its is left, so nobody maps these. */
        BUG_ON(!frame_is_unshared(t->frames[i].shared));
        hv_free_page(t->frames[i].shared);
        hv_free_pages(t->frames[i].active, ACTIVE_ORDER);
    }
    BUG_ON(t->maptrack.in_use); /* I8 */
    for (unsigned i = 0; i < t->maptrack.nr_entries / MAPTRACK_PER_PAGE; i++)
        hv_free_page(t->maptrack.pages[i]);
    hv_free(t->maptrack.pages);
    hv_free(t->frames);
    t->frames = NULL;
    t->nr_frames = 0;
    maptrack_init(&t->maptrack, NULL, 0);
}

/* --- shared by map and copy ---------------------------------------------------------------------
 */

struct domain *grant_peer_find(struct grant_peer *p, domid_t id)
{
    if (p->d && p->id == id)
        return p->d;
    grant_peer_done(p);
    p->id = id;
    p->d = domain_get_by_id(id);
    return p->d;
}

/* --- setup, query, version ----------------------------------------------------------------------
 */

/* The domain a table operation is about, referenced, or NULL with *status.  Others' tables are for
 * the control domain. */
static struct domain *table_owner(domid_t id, int16_t *status)
{
    struct domain *d = domain_get_by_id(id == DOMID_SELF ? current_domain->mem.id : id);

    *status = GNTST_okay;
    if (!d) {
        *status = GNTST_bad_domain;
        return NULL;
    }
    if (d != current_domain && domain_may_control(d)) {
        *status = GNTST_permission_denied;
        domain_put(d);
        return NULL;
    }
    return d;
}

static int write_frame_list(struct domain *d, guest_ptr_t list, unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        xen_pfn_t mfn = virt_to_mfn(d->gnt.frames[i].shared).n;

        if (copy_to_guest(list + i * sizeof(mfn), &mfn, sizeof(mfn)))
            return GNTST_bad_virt_addr;
    }
    return GNTST_okay;
}

static long not_one(void)
{
    return guest_error(-EINVAL, "this grant_table_op takes one structure");
}

static long setup_table(uint64_t uop)
{
    struct gnttab_setup_table op;
    struct domain *d;
    int rc = 0;

    if (copy_from_guest(&op, uop, sizeof(op)) ||
        !guest_array_okay(op.frame_list, op.nr_frames, sizeof(xen_pfn_t)))
        return guest_error(-EFAULT, "an argument cannot be read");
    d = table_owner(op.dom, &op.status);
    if (d) {
        rc = grant_table_grow(d, op.nr_frames);
        /* Refused also for lack of memory, as in Xen. */
        op.status =
            rc ? GNTST_general_error : (int16_t)write_frame_list(d, op.frame_list, op.nr_frames);
        domain_put(d);
    }
    if (rc == -ERESTART)
        return HYPERCALL_CONTINUE(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, uop, 1);
    return copy_to_guest(uop + offsetof(struct gnttab_setup_table, status), &op.status,
                         sizeof(op.status));
}

static long query_size(uint64_t uop)
{
    struct gnttab_query_size op;
    struct domain *d;

    if (copy_from_guest(&op, uop, sizeof(op)))
        return guest_error(-EFAULT, "an argument cannot be read");
    d = table_owner(op.dom, &op.status);
    if (d) {
        op.nr_frames = load_once(&d->gnt.nr_frames);
        op.max_nr_frames = d->gnt.max_frames;
        domain_put(d);
    }
    return copy_to_guest(uop, &op, sizeof(op));
}

static long set_version(uint64_t uop)
{
    struct gnttab_set_version op;
    long rc = 0;

    if (copy_from_guest(&op, uop, sizeof(op)))
        return guest_error(-EFAULT, "an argument cannot be read");
    if (op.version != 1 && op.version != 2)
        rc = guest_error(-EINVAL, "set_version: there are 1 and 2");
    else if (op.version == 2)
        /* As Xen with gnttab=max-ver:1; Linux then stays with 1. */
        rc = guest_error(-ENOSYS, "set_version: only version 1 is offered");
    op.version = 1;
    return copy_to_guest(uop, &op, sizeof(op))
               ? guest_error(-EFAULT, "the result cannot be written")
               : rc;
}

static long get_version(uint64_t uop)
{
    struct gnttab_get_version op;
    struct domain *d;
    int16_t status;

    if (copy_from_guest(&op, uop, sizeof(op)))
        return guest_error(-EFAULT, "an argument cannot be read");
    d = table_owner(op.dom, &status);
    if (!d)
        return status == GNTST_bad_domain ? guest_error(-ESRCH, "no such domain")
                                          : guest_error(-EPERM, "another domain's version");
    domain_put(d);
    op.version = 1;
    return copy_to_guest(uop, &op, sizeof(op));
}

static long get_status_frames(uint64_t uop)
{
    struct gnttab_get_status_frames op;
    struct domain *d;

    if (copy_from_guest(&op, uop, sizeof(op)))
        return guest_error(-EFAULT, "an argument cannot be read");
    d = table_owner(op.dom, &op.status);
    if (d) {
        /* Version 1 has none of them, so only a list of none can be given. */
        if (op.nr_frames)
            op.status = GNTST_general_error;
        domain_put(d);
    }
    return copy_to_guest(uop + offsetof(struct gnttab_get_status_frames, status), &op.status,
                         sizeof(op.status));
}

static unsigned refuse_transfers(void *ops, unsigned n)
{
    struct gnttab_transfer *op = ops;

    for (unsigned i = 0; i < n; i++)
        op[i].status = GNTST_general_error;
    return n;
}

/* --- the hypercall ------------------------------------------------------------------------------
 */

struct array_op {
    uint16_t size;
    uint16_t batch;
    unsigned (*run)(void *ops, unsigned n);
};

union batch_buffer {
    struct gnttab_map_grant_ref map[GRANT_MAP_BATCH];
    struct gnttab_unmap_grant_ref unmap[GRANT_UNMAP_BATCH];
    struct gnttab_copy copy[GRANT_COPY_BATCH];
    struct gnttab_transfer transfer[GRANT_COPY_BATCH];
};

/* Structures done: `count`, fewer when other work waits; or -EFAULT. */
static __always_inline long run_array(const struct array_op *a, uint64_t uop, unsigned count)
{
    /* Not zeroed, for speed: only structures that were fetched are used and given back. */
    union batch_buffer buf __attribute__((uninitialized));
    unsigned done = 0;

    if (!guest_array_okay(uop, count, a->size))
        return guest_error(-EFAULT, "an array is not in guest memory");
    while (done < count) {
        unsigned n = min(count - done, (unsigned)a->batch);
        uint64_t at = uop + (uint64_t)done * a->size;
        unsigned finished;

        if (n == 1 ? read_guest_words(&buf, at, a->size / 8)
                   : copy_from_guest(&buf, at, (size_t)n * a->size))
            return guest_error(-EFAULT, "an argument cannot be read");
        finished = a->run(&buf, n);
        if (finished == 1 ? write_guest_words(at, &buf, a->size / 8)
                          : copy_to_guest(at, &buf, (size_t)finished * a->size))
            return guest_error(-EFAULT, "the result cannot be written");
        done += finished;
        if (done < count && (finished < n || hypercall_preempt_check()))
            break;
    }
    return done;
}

/* Inline, with all of `a` constant: most calls have one structure. */
static __always_inline long do_array_op(const struct array_op *a, unsigned cmd, uint64_t uop,
                                        unsigned count)
{
    long done = run_array(a, uop, count);

    if (done < 0 || (unsigned)done == count)
        return done < 0 ? done : 0;
    /* Exactly where it stopped: nothing is done twice (XSA-318). */
    return HYPERCALL_CONTINUE(__HYPERVISOR_grant_table_op, cmd, uop + (uint64_t)done * a->size,
                              count - (unsigned)done);
}

long do_grant_table_op(unsigned cmd, uint64_t uop, unsigned count)
{
    static const struct array_op map = {sizeof(struct gnttab_map_grant_ref), GRANT_MAP_BATCH,
                                        grant_map_batch};
    static const struct array_op unmap = {sizeof(struct gnttab_unmap_grant_ref), GRANT_UNMAP_BATCH,
                                          grant_unmap_batch};
    static const struct array_op copy = {sizeof(struct gnttab_copy), GRANT_COPY_BATCH,
                                         grant_copy_batch};
    static const struct array_op transfer = {sizeof(struct gnttab_transfer), GRANT_COPY_BATCH,
                                             refuse_transfers};

    if (count > INT32_MAX)
        return guest_error(-EINVAL, "grant_table_op: count");
    /* The bits above are cache_flush's place to keep its progress, in Xen. */
    if (cmd >> 20)
        return guest_error(-EINVAL, "grant_table_op: command");
    switch (cmd) {
    case GNTTABOP_map_grant_ref: return do_array_op(&map, cmd, uop, count);
    case GNTTABOP_unmap_grant_ref: return do_array_op(&unmap, cmd, uop, count);
    case GNTTABOP_copy: return do_array_op(&copy, cmd, uop, count);
    case GNTTABOP_transfer: return do_array_op(&transfer, cmd, uop, count);
    case GNTTABOP_setup_table: return count == 1 ? setup_table(uop) : not_one();
    case GNTTABOP_query_size: return count == 1 ? query_size(uop) : not_one();
    case GNTTABOP_get_status_frames: return count == 1 ? get_status_frames(uop) : not_one();
    case GNTTABOP_set_version: return set_version(uop);
    case GNTTABOP_get_version: return get_version(uop);
    default: return guest_error(-ENOSYS, "no such grant_table_op");
    }
}
