/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Growing and shrinking a domain: increase_reservation, populate_physmap, decrease_reservation.
 *
 * All three work through an array of extents and return how many they did; a caller that gets fewer
 * than it asked for knows that the next one failed, but not why (the reason is in the log).  They
 * stop between extents, and while one is scrubbed, when other work is pending, with the progress in
 * the sub-operation's upper bits; what a guest puts there itself only makes it skip extents.
 *
 * Relies on mem/ for limits, flushes and scrubbing.
 */
#include "abi/errno.h"
#include "abi/memory.h"
#include "debug/assert.h"
#include "domain/continuation.h"
#include "domain/domain.h"
#include "domain/memory_op.h"
#include "mem/frame.h"
#include "mem/guest_access.h"
#include "mem/m2p.h"
#include "mem/numa.h"

struct reservation {
    struct domain *domain;
    uint64_t list; /* guest address of the extents; 0: the caller wants no list back */
    uint64_t nr_extents;
    unsigned order;
    unsigned addr_bits;
    unsigned memf; /* MEMF_*: which node */
};

/*
 * Allocates one extent; its frames get numbers from `gpfn` on in the M2P (M2P_INVALID: none).  From
 * here on the frames are the domain's: if they cannot be announced it keeps them, for another of
 * its vCPUs may have used or returned one already, and it pays for them either way.  Scrubbing may
 * be interrupted.
 */
static int allocate_extent(const struct reservation *r, uint64_t gpfn, uint64_t *mfn)
{
    struct frame *f;
    unsigned scrubbed = 0;
    int rc = frame_alloc_preempt(&r->domain->mem, r->order, r->memf, r->addr_bits, &scrubbed, &f);

    if (rc)
        return rc;
    for (uint64_t i = 0; i < 1UL << r->order; i++)
        m2p_set(mfn_add(frame_mfn(f), i), gpfn == M2P_INVALID ? M2P_INVALID : gpfn + i);
    *mfn = frame_mfn(f).n;
    return 0;
}

static int increase(const struct reservation *r, uint64_t extent)
{
    uint64_t mfn;
    int rc = allocate_extent(r, M2P_INVALID, &mfn);

    return rc || !r->list ? rc : put_guest_u64(r->list + extent * sizeof(mfn), mfn);
}

static int populate(const struct reservation *r, uint64_t extent)
{
    uint64_t at = r->list + extent * sizeof(uint64_t);
    uint64_t gpfn, mfn;
    int rc = get_guest_u64(&gpfn, at);

    if (!rc)
        rc = allocate_extent(r, gpfn, &mfn);
    return rc ? rc : put_guest_u64(at, mfn);
}

/* Drops the allocation's reference; whatever else holds the frame keeps it (no implicit unpin). */
static int release_frame(struct domain *d, mfn_t mfn)
{
    struct frame *f;

    if (!frame_valid(mfn))
        return guest_error(-EINVAL, "decrease: no such frame");
    f = frame_of(mfn);
    if (!frame_get(f, d->mem.id))
        return guest_error(-EINVAL, "decrease: not the domain's frame");
    if (load_once(&f->ref) & REF_SHARED) {
        frame_put(f);
        return guest_error(-EINVAL, "decrease: a page of the hypervisor");
    }
    m2p_set(mfn, M2P_INVALID);
    frame_put_alloc(f);
    frame_put(f);
    return 0;
}

static int decrease(const struct reservation *r, uint64_t extent)
{
    uint64_t mfn;
    int rc = get_guest_u64(&mfn, r->list + extent * sizeof(mfn));

    for (uint64_t i = 0; !rc && i < 1UL << r->order; i++)
        rc = release_frame(r->domain, MFN(mfn + i));
    return rc;
}

/* The control domain may name a node; a guest's wish for one is not heard, and its demand refused.
 */
static bool parse_node(struct reservation *r, uint32_t mem_flags)
{
    unsigned node = XENMEMF_get_node(mem_flags);

    r->memf = 0;
    if (node == XENMEMF_get_node(0u)) /* none named */
        return true;
    if (!current_domain->is_control)
        return !(mem_flags & XENMEMF_exact_node_request);
    if (node >= numa.nr_nodes)
        return false;
    r->memf = MEMF_NODE(node) | (mem_flags & XENMEMF_exact_node_request ? MEMF_EXACT_NODE : 0);
    return true;
}

/* Checks what can be checked before the domain is known; false: nothing is done at all. */
static bool parse(struct reservation *r, const struct xen_memory_reservation *arg, unsigned op)
{
    unsigned bits = XENMEMF_get_address_bits(arg->mem_flags);
    bool list_needed = op != XENMEM_increase_reservation;

    r->list = arg->extent_start;
    r->nr_extents = arg->nr_extents;
    r->order = arg->extent_order;
    r->addr_bits = bits;
    if (arg->nr_extents > UINT32_MAX >> MEMOP_EXTENT_SHIFT)
        return guest_error(-EINVAL, "more extents than a continuation can count"), false;
    if (arg->extent_order > MEMOP_MAX_ORDER)
        return guest_error(-EPERM, "extent order too large"), false;
    if (bits && bits <= PAGE_SHIFT)
        return guest_error(-EINVAL, "address width below a page"), false;
    if (arg->mem_flags & (XENMEMF_populate_on_demand | XENMEMF_vnode))
        return guest_error(-EINVAL, "no populate-on-demand, no virtual NUMA"), false;
    if (!parse_node(r, arg->mem_flags))
        return guest_error(-EINVAL, "memory of a node that is not there, or not for this caller"),
               false;
    if ((list_needed || r->list) && !guest_array_okay(r->list, r->nr_extents, sizeof(uint64_t)))
        return guest_error(-EFAULT, "extent list outside guest space"), false;
    return true;
}

long memory_reservation_op(unsigned op, unsigned start, uint64_t arg)
{
    int (*step)(const struct reservation *r, uint64_t extent);
    struct xen_memory_reservation guest;
    struct reservation r;
    uint64_t i;
    long rc;

    /* Xen's answer to anything malformed: as many done as before, that is none the first time. */
    if (copy_from_guest(&guest, arg, sizeof(guest)) || !parse(&r, &guest, op))
        return start;
    if (start >= r.nr_extents)
        return start;
    rc = domain_resolve(guest.domid, &r.domain);
    if (rc)
        return rc == -ESRCH ? (long)start : rc;

    step = op == XENMEM_increase_reservation   ? increase
           : op == XENMEM_decrease_reservation ? decrease
                                               : populate;
    for (i = start; i < r.nr_extents; i++) {
        if (i != start && hypercall_preempt_check())
            break;
        rc = step(&r, i);
        if (rc == -ERESTART)
            break;
        if (rc)
            r.nr_extents = i; /* as many as that, and no more */
    }
    domain_put(r.domain);
    if (i < r.nr_extents)
        return HYPERCALL_CONTINUE(__HYPERVISOR_memory_op, (uint64_t)op | i << MEMOP_EXTENT_SHIFT,
                                  arg);
    return (long)r.nr_extents;
}
