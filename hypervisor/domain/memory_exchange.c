/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * XENMEM_exchange: a domain trades frames for as many others, contiguous or below an address; how
 * dom0 makes DMA buffers.
 *
 * Works in chunks of the larger of the two extent sizes.  In each: take the old frames out of the
 * domain (only if nobody else holds them), allocate the new, read the new numbers; from then on
 * nothing fails: new frames in, old ones freed.  A failure before that puts the old frames back, so
 * a guest never loses one.  The whole extent arrays are range-checked at each entry, and all access
 * goes through the checked copies (XSA-29, 159, 212).
 */
#include "abi/errno.h"
#include "abi/memory.h"
#include "debug/assert.h"
#include "domain/continuation.h"
#include "domain/domain.h"
#include "domain/memory_op.h"
#include "mem/frame.h"
#include "mem/guest_access.h"
#include "mem/heap.h"
#include "mem/m2p.h"

/* 2 MiB at a time, what Linux asks for at most; more could not be interrupted in time. */
#define EXCHANGE_MAX_ORDER 9
#define CHUNK_FRAMES       (1u << EXCHANGE_MAX_ORDER)

struct chunk {
    struct frame *in[CHUNK_FRAMES];  /* single frames, out of the domain */
    struct frame *out[CHUNK_FRAMES]; /* first frames of the new extents */
    uint64_t gpfn[CHUNK_FRAMES];     /* of each new extent */
    unsigned nr_in, nr_out;
};
#define CHUNK_ORDER 2 /* pages of it */
_Static_assert(sizeof(struct chunk) <= PAGE_SIZE << CHUNK_ORDER, "scratch area of an exchange");

struct exchange {
    struct domain *domain;
    struct xen_memory_exchange x;
    unsigned in_per_chunk, out_per_chunk; /* extents */
    unsigned addr_bits;
};

static long check_arguments(struct exchange *e)
{
    const struct xen_memory_reservation *in = &e->x.in, *out = &e->x.out;
    unsigned chunk_order = max(in->extent_order, out->extent_order);

    if (chunk_order > EXCHANGE_MAX_ORDER)
        return guest_error(-EPERM, "exchange: extent order too large");
    if (in->nr_extents > ~0UL >> (EXCHANGE_MAX_ORDER + MEMOP_EXTENT_SHIFT) ||
        out->nr_extents > ~0UL >> (EXCHANGE_MAX_ORDER + MEMOP_EXTENT_SHIFT))
        return guest_error(-EINVAL, "exchange: too many extents");
    if (in->nr_extents << in->extent_order != out->nr_extents << out->extent_order)
        return guest_error(-EINVAL, "exchange: not as many frames in as out");
    if (in->domid != out->domid)
        return guest_error(-EINVAL, "exchange: between two domains");
    if (!guest_array_okay(in->extent_start, in->nr_extents, sizeof(uint64_t)) ||
        !guest_array_okay(out->extent_start, out->nr_extents, sizeof(uint64_t)))
        return guest_error(-EFAULT, "exchange: extent list outside guest space");

    e->in_per_chunk = 1u << (chunk_order - in->extent_order);
    e->out_per_chunk = 1u << (chunk_order - out->extent_order);
    e->addr_bits = XENMEMF_get_address_bits(out->mem_flags);
    if (e->addr_bits && e->addr_bits <= PAGE_SHIFT)
        return guest_error(-ENOMEM, "exchange: address width below a page");
    if (e->x.nr_exchanged > in->nr_extents || e->x.nr_exchanged % e->in_per_chunk)
        return guest_error(-EINVAL, "exchange: wrong progress");
    return 0;
}

static long steal(struct exchange *e, struct chunk *c, uint64_t first)
{
    for (unsigned i = 0; i < e->in_per_chunk; i++) {
        uint64_t mfn;

        if (first + i >= e->x.in.nr_extents)
            return guest_error(-EINVAL, "exchange: last chunk is not full");
        if (get_guest_u64(&mfn, e->x.in.extent_start + (first + i) * sizeof(mfn)))
            return guest_error(-EFAULT, "an argument cannot be read");
        for (uint64_t k = 0; k < 1UL << e->x.in.extent_order; k++) {
            struct frame *f;

            if (!frame_valid(MFN(mfn + k)))
                return guest_error(-EINVAL, "exchange: no such frame");
            f = frame_of(MFN(mfn + k));
            if (load_once(&f->ref) & REF_SHARED)
                return guest_error(-EINVAL, "exchange: a page of the hypervisor");
            if (frame_steal(f, &e->domain->mem))
                return guest_error(-EINVAL, "exchange: frame is not the domain's, or in use");
            c->in[c->nr_in++] = f;
        }
    }
    return 0;
}

static long allocate(struct exchange *e, struct chunk *c, uint64_t first)
{
    unsigned scrubbed = 0;

    for (unsigned i = 0; i < e->out_per_chunk; i++) {
        uint64_t at = e->x.out.extent_start + (first + i) * sizeof(uint64_t);
        struct frame *f;
        int rc;

        if (get_guest_u64(&c->gpfn[i], at))
            return guest_error(-EFAULT, "an argument cannot be read");
        rc = frame_alloc_preempt(NULL, e->x.out.extent_order, 0, e->addr_bits, &scrubbed, &f);
        if (rc)
            return rc;
        c->out[c->nr_out++] = f;
    }
    return 0;
}

static void undo(struct exchange *e, struct chunk *c)
{
    while (c->nr_out)
        frame_free_unused(c->out[--c->nr_out], e->x.out.extent_order);
    while (c->nr_in) {
        struct frame *f = c->in[--c->nr_in];

        /* Fails only if the domain began to die meanwhile: then it does not want it any more. */
        if (frame_assign(f, 0, &e->domain->mem, MEMF_KEEP_LIMIT))
            frame_free_hv(f, 0);
    }
}

static long commit(struct exchange *e, struct chunk *c, uint64_t first)
{
    unsigned order = e->x.out.extent_order;
    long rc = 0;

    for (unsigned i = 0; i < c->nr_out; i++) {
        uint64_t at = e->x.out.extent_start + (first + i) * sizeof(uint64_t);
        struct frame *f = c->out[i];

        if (frame_assign(f, order, &e->domain->mem, MEMF_KEEP_LIMIT)) {
            frame_free_hv(f, order);
            rc = guest_error(-EINVAL, "exchange: domain is dying");
            continue;
        }
        for (uint64_t k = 0; k < 1UL << order; k++)
            m2p_set(mfn_add(frame_mfn(f), k), c->gpfn[i] + k);
        if (put_guest_u64(at, frame_mfn(f).n))
            rc = guest_error(-EFAULT, "the result cannot be written"); /* the frames are the guest's
                                                                          all the same, as in Xen */
    }
    for (unsigned i = 0; i < c->nr_in; i++) {
        m2p_set(frame_mfn(c->in[i]), M2P_INVALID);
        frame_free_hv(c->in[i], 0);
    }
    return rc;
}

static long exchange_chunk(struct exchange *e, struct chunk *c)
{
    uint64_t chunk_nr = e->x.nr_exchanged / e->in_per_chunk;
    long rc;

    c->nr_in = c->nr_out = 0;
    /* First what may be long and interrupted: it leaves nothing behind but clean free memory. */
    rc = allocate(e, c, chunk_nr * e->out_per_chunk);
    if (!rc)
        rc = steal(e, c, chunk_nr * e->in_per_chunk);
    if (rc) {
        undo(e, c);
        return rc;
    }
    rc = commit(e, c, chunk_nr * e->out_per_chunk);
    e->x.nr_exchanged += e->in_per_chunk;
    return rc;
}

static long exchange_all(struct exchange *e)
{
    struct chunk *c = hv_alloc_pages(CHUNK_ORDER);
    long rc = 0;

    if (!c)
        return guest_error(-ENOMEM, "no memory for it");
    while (!rc && e->x.nr_exchanged < e->x.in.nr_extents) {
        rc = exchange_chunk(e, c);
        if (!rc && e->x.nr_exchanged < e->x.in.nr_extents && hypercall_preempt_check())
            rc = -ERESTART;
    }
    hv_free_pages(c, CHUNK_ORDER);
    return rc;
}

long memory_exchange(uint64_t arg)
{
    struct exchange e;
    long rc;

    if (copy_from_guest(&e.x, arg, sizeof(e.x)))
        return guest_error(-EFAULT, "an argument cannot be read");
    rc = check_arguments(&e);
    if (!rc)
        rc = domain_resolve(e.x.in.domid, &e.domain);
    if (rc)
        return rc;
    rc = exchange_all(&e);
    domain_put(e.domain);
    /* Progress is in the guest's structure, both for a restart and for a caller that got less. */
    if (copy_to_guest(arg + offsetof(struct xen_memory_exchange, nr_exchanged), &e.x.nr_exchanged,
                      sizeof(e.x.nr_exchanged)))
        return guest_error(-EFAULT, "the result cannot be written");
    if (rc == -ERESTART)
        return HYPERCALL_CONTINUE(__HYPERVISOR_memory_op, XENMEM_exchange, arg);
    return rc;
}
