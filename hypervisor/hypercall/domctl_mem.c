/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * domctl: frames and permissions.
 */
#include "abi/errno.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "hypercall/control.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "mem/guest_access.h"
#include "mem/numa.h"
#include "mem/page_type.h"
#include "mem/rangeset.h"
#include "pv/hypercall_page.h"

#define PFINFO_MAX 1024 /* frames per call, what libxc passes at most */
#define NR_PORTS   65536

/* What a frame is to the tools that save its owner. */
static uint64_t frame_info(const struct domain *d, uint64_t number)
{
    uint64_t info = XEN_DOMCTL_PFINFO_NOTAB;
    struct frame *f;

    if (!frame_valid(MFN(number)))
        return XEN_DOMCTL_PFINFO_XTAB;
    f = frame_of(MFN(number));
    if (!frame_get(f, d->mem.id))
        return XEN_DOMCTL_PFINFO_XTAB;
    if (load_once(&f->ref) & REF_SHARED) {
        info = XEN_DOMCTL_PFINFO_XTAB;
    } else if (page_type_is_table(page_type(f)) && (load_once(&f->type) & TYPE_VALIDATED)) {
        info = (uint64_t)page_type(f) << XEN_DOMCTL_PFINFO_LTAB_SHIFT;
        if (load_once(&f->type) & TYPE_PINNED)
            info |= XEN_DOMCTL_PFINFO_LPINTAB;
    }
    frame_put(f);
    return info;
}
_Static_assert(XEN_DOMCTL_PFINFO_L1TAB >> XEN_DOMCTL_PFINFO_LTAB_SHIFT == PT_L1 &&
                   XEN_DOMCTL_PFINFO_L4TAB >> XEN_DOMCTL_PFINFO_LTAB_SHIFT == PT_L4,
               "table types are numbered alike");

long domctl_getpageframeinfo3(struct domctl_call *c)
{
    const struct xen_domctl_getpageframeinfo3 *arg = &c->op->u.getpageframeinfo3;

    if (arg->num > PFINFO_MAX)
        return guest_error(-E2BIG, "information on more than 1024 frames at once");
    if (!guest_array_okay(arg->array, arg->num, sizeof(uint64_t)))
        return guest_error(-EFAULT, "an array is not in guest memory");
    for (uint64_t i = 0; i < arg->num; i++) {
        uint64_t at = arg->array + i * sizeof(uint64_t), number;

        if (get_guest_u64(&number, at) || put_guest_u64(at, frame_info(c->d, number)))
            return guest_error(-EFAULT, "the result cannot be written");
    }
    return 0;
}

long domctl_shadow_op(struct domctl_call *c)
{
    /* xl save asks for OFF first, and goes on; logging writes is live migration's, not yet here. */
    return guest_error(-EINVAL, "no log of dirty pages is kept");
}

long domctl_hypercall_init(struct domctl_call *c)
{
    uint64_t number = c->op->u.hypercall_init.gmfn;
    struct frame *f;

    f = frame_valid(MFN(number)) ? frame_of(MFN(number)) : NULL;
    if (!f || !frame_get(f, c->d->mem.id))
        return guest_error(-EINVAL, "no such frame of the domain");
    if (page_type_get(f, PT_WRITABLE, 0)) {
        frame_put(f);
        return guest_error(-EPERM, "hypercall page is in use as something else");
    }
    hypercall_page_fill(frame_virt(f));
    frame_put_type(f);
    return 0;
}

long domctl_set_address_size(struct domctl_call *c)
{
    if (c->op->u.address_size.size != 64)
        return guest_error(-EINVAL, "only 64-bit domains");
    return 0;
}

long domctl_get_address_size(struct domctl_call *c)
{
    c->op->u.address_size.size = 64;
    c->copy_back = true;
    return 0;
}

/* The caller can give away only what it has itself. */
static long change_permission(struct rangeset *have, struct rangeset *set, uint64_t first,
                              uint64_t last, bool allow)
{
    if (!rangeset_contains_range(have, first, last))
        return guest_error(-EPERM, "permission for what the caller has not itself");
    return allow ? rangeset_add(set, first, last) : rangeset_remove(set, first, last);
}

long domctl_irq_permission(struct domctl_call *c)
{
    const struct xen_domctl_irq_permission *arg = &c->op->u.irq_permission;

    if (arg->pirq >= EVTCHN_MAX_PIRQS)
        return guest_error(-EINVAL, "no interrupt has this number");
    return change_permission(current_domain->irqs, c->d->irqs, arg->pirq, arg->pirq,
                             arg->allow_access);
}

long domctl_iomem_permission(struct domctl_call *c)
{
    const struct xen_domctl_iomem_permission *arg = &c->op->u.iomem_permission;
    uint64_t last;
    long rc;

    if (!arg->nr_mfns || __builtin_add_overflow(arg->first_mfn, arg->nr_mfns - 1, &last))
        return guest_error(-EINVAL, "empty or wrapping range of frames");
    rc = change_permission(current_domain->mem.iomem, c->d->mem.iomem, arg->first_mfn, last,
                           arg->allow_access);
    if (!rc && arg->allow_access)
        c->d->mem.has_io = true;
    return rc;
}

long domctl_ioport_permission(struct domctl_call *c)
{
    const struct xen_domctl_ioport_permission *arg = &c->op->u.ioport_permission;

    if (!arg->nr_ports || arg->first_port >= NR_PORTS || arg->nr_ports > NR_PORTS - arg->first_port)
        return guest_error(-EINVAL, "empty range, or ports beyond 65535");
    return change_permission(current_domain->ioports, c->d->ioports, arg->first_port,
                             arg->first_port + arg->nr_ports - 1, arg->allow_access);
}

/* Bits of nodes are bits of a mask.  All there are is no preference: then it follows the vCPUs. */
long domctl_setnodeaffinity(struct domctl_call *c)
{
    cpumask_t nodes;
    int rc = cpumask_from_guest(&nodes, &c->op->u.nodeaffinity.nodemap);

    if (rc)
        return rc;
    nodes &= numa_all_nodes();
    if (!nodes)
        return guest_error(-EINVAL, "none of these nodes exists");
    c->d->nodes_given = nodes != numa_all_nodes();
    store_once(&c->d->mem.nodes, c->d->nodes_given ? (nodemask_t)nodes : 0);
    domain_nodes_follow_vcpus(c->d);
    return 0;
}

long domctl_getnodeaffinity(struct domctl_call *c)
{
    nodemask_t nodes = load_once(&c->d->mem.nodes);

    return cpumask_to_guest(&c->op->u.nodeaffinity.nodemap, nodes ? nodes : numa_all_nodes());
}

long domctl_paging_mempool(struct domctl_call *c)
{
    return guest_error(-EOPNOTSUPP, "a PV domain has no paging pool");
}
