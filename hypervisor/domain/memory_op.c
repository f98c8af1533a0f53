/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memory_op: dispatch, and the sub-operations that only answer questions.
 *
 * Those that move frames are in memory_reserve.c and memory_exchange.c.  What is missing here
 * (translated guests, sharing, paging, populate-on-demand) answers -ENOSYS, as Xen does without.
 */
#include "domain/memory_op.h"
#include "abi/errno.h"
#include "abi/memory.h"
#include "debug/assert.h"
#include "domain/continuation.h"
#include "domain/domain.h"
#include "domain/e820.h"
#include "mem/frame.h"
#include "mem/guest_access.h"
#include "mem/m2p.h"

static uint64_t maximum_gpfn(const struct domain *d)
{
    /* The guest says how many it has; nothing but tools' buffers depends on it. */
    uint64_t nr = load_once(&d->shared_info->arch.max_pfn);

    return nr ? nr - 1 : 0;
}

/* Questions about one domain, whose number comes first, that answer in the return value. */
static long query_domain(unsigned op, uint64_t arg)
{
    struct domain *d;
    domid_t id;
    long rc;

    if (copy_from_guest(&id, arg, sizeof(id)))
        return guest_error(-EFAULT, "an argument cannot be read");
    rc = domain_resolve(id, &d);
    if (rc)
        return rc;
    switch (op) {
    case XENMEM_current_reservation: rc = (long)d->mem.tot_pages; break;
    case XENMEM_maximum_reservation: rc = (long)d->mem.max_pages; break;
    case XENMEM_maximum_gpfn: rc = (long)maximum_gpfn(d); break;
    default: rc = guest_error(-EOPNOTSUPP, "no virtual NUMA"); break;
    }
    domain_put(d);
    return rc;
}

static long machphys_mapping(uint64_t arg)
{
    struct xen_machphys_mapping map = {
        .v_start = MACH2PHYS_VIRT_START,
        .v_end = MACH2PHYS_VIRT_END,
        /* dom0 sees the machine grow no further; a guest may be moved to a larger one. */
        .max_mfn = current_domain->is_control ? frame_limit - 1 : MACH2PHYS_NR_ENTRIES - 1,
    };

    return copy_to_guest(arg, &map, sizeof(map))
               ? guest_error(-EFAULT, "the result cannot be written")
               : 0;
}

/* One frame number per 2 MiB of M2P, for a tool that wants to map it. */
static long machphys_mfn_list(uint64_t arg)
{
    struct xen_machphys_mfn_list list;
    uint64_t mfn = 0;
    unsigned nr;

    if (!current_domain->is_control)
        return guest_error(-EPERM, "the M2P's frames are for the control domain");
    if (copy_from_guest(&list, arg, sizeof(list)))
        return guest_error(-EFAULT, "an argument cannot be read");
    nr = min(list.max_extents, m2p_pieces());
    if (!guest_array_okay(list.extent_start, nr, sizeof(mfn)))
        return guest_error(-EFAULT, "an array is not in guest memory");
    for (unsigned i = 0; i < nr; i++) {
        mfn_t piece = m2p_piece(i);

        /* A gap repeats the piece before it: the caller maps something valid and never looks. */
        if (mfn_valid_number(piece))
            mfn = piece.n;
        if (put_guest_u64(list.extent_start + i * sizeof(mfn), mfn))
            return guest_error(-EFAULT, "the result cannot be written");
    }
    list.nr_extents = nr;
    return copy_to_guest(arg, &list, sizeof(list))
               ? guest_error(-EFAULT, "the result cannot be written")
               : 0;
}

static long claim_pages(uint64_t arg)
{
    struct xen_memory_reservation r;
    struct domain *d;
    long rc;

    if (!current_domain->is_control)
        return guest_error(-EPERM, "claims are for the control domain");
    if (copy_from_guest(&r, arg, sizeof(r)))
        return guest_error(-EFAULT, "an argument cannot be read");
    if (r.extent_start || r.extent_order || r.mem_flags)
        return guest_error(-EINVAL, "a claim has a number of pages and nothing else");
    rc = domain_resolve(r.domid, &d);
    if (rc)
        return rc;
    rc = mem_claim(&d->mem, r.nr_extents);
    domain_put(d);
    return rc;
}

static long put_resource(struct domain *d, const struct xen_mem_acquire_resource *res)
{
    int rc;

    if (res->frame >= d->gnt.max_frames || res->nr_frames > d->gnt.max_frames - res->frame)
        return guest_error(-EINVAL, "resource frames beyond its end");
    if (!guest_array_okay(res->frame_list, res->nr_frames, sizeof(uint64_t)))
        return guest_error(-EFAULT, "an array is not in guest memory");
    rc = grant_table_grow(d, (unsigned)res->frame + res->nr_frames);
    for (unsigned i = 0; !rc && i < res->nr_frames; i++) {
        mfn_t mfn;

        rc = grant_resource_frame(d, (unsigned)res->frame + i, &mfn);
        if (rc)
            return rc;
        if (put_guest_u64(res->frame_list + i * sizeof(uint64_t), mfn.n))
            return guest_error(-EFAULT, "the result cannot be written");
    }
    return rc;
}

/* The shared frames of a guest's grant table, so that tools can seed its reserved entries. */
static long acquire_resource(uint64_t arg)
{
    struct xen_mem_acquire_resource res;
    struct domain *d;
    long rc;

    if (copy_from_guest(&res, arg, sizeof(res)))
        return guest_error(-EFAULT, "an argument cannot be read");
    if (res.pad)
        return guest_error(-EINVAL, "padding is not zero");
    rc = domain_resolve(res.domid, &d);
    if (rc)
        return rc;
    if (d == current_domain)
        rc = guest_error(-EPERM, "resources are of other domains");
    else if (res.type != XENMEM_resource_grant_table)
        rc = guest_error(-EOPNOTSUPP, "no such resource of a PV domain");
    else if (res.id != XENMEM_resource_grant_table_id_shared)
        rc = guest_error(-EINVAL, "grant table version 1 has no status frames");
    else if (res.frame_list)
        rc = put_resource(d, &res);
    else if (res.nr_frames)
        rc = guest_error(-EINVAL, "frames asked for without a list");
    else {
        res.nr_frames = d->gnt.max_frames;
        rc = copy_to_guest(arg, &res, sizeof(res))
                 ? guest_error(-EFAULT, "the result cannot be written")
                 : 0;
    }
    domain_put(d);
    return rc == -ERESTART
               ? HYPERCALL_CONTINUE(__HYPERVISOR_memory_op, XENMEM_acquire_resource, arg)
               : rc;
}

long do_memory_op(unsigned cmd, uint64_t arg)
{
    unsigned op = cmd & MEMOP_CMD_MASK;

    switch (op) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap: return memory_reservation_op(op, cmd >> MEMOP_EXTENT_SHIFT, arg);
    case XENMEM_exchange: return memory_exchange(arg);
    case XENMEM_maximum_ram_page: return (long)frame_limit - 1;
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
    case XENMEM_maximum_gpfn:
    case XENMEM_get_vnumainfo: return query_domain(op, arg);
    case XENMEM_machphys_mapping: return machphys_mapping(arg);
    case XENMEM_machphys_mfn_list: return machphys_mfn_list(arg);
    case XENMEM_memory_map: return e820_get(arg);
    case XENMEM_machine_memory_map: return e820_get_machine(arg);
    case XENMEM_set_memory_map: return e820_set(arg);
    case XENMEM_claim_pages: return claim_pages(arg);
    case XENMEM_acquire_resource: return acquire_resource(arg);
    case XENMEM_get_sharing_freed_pages:
    case XENMEM_get_sharing_shared_pages: return 0; /* nothing is ever shared */
    default: return guest_error(-ENOSYS, "memory_op not offered");
    }
}
