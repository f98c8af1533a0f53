/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * domctl: what the control domain does to other domains.  Here: the table of sub-operations, and
 * what they have in common; the handlers are in domctl_*.c and cpu_policy.c by subject.
 *
 * One domctl runs at a time in the machine.  A second caller does not wait but starts again, so
 * that its CPU can do what the first may be waiting for.  The structure is copied once; a handler
 * sees our copy only (I7).  A handler may return -ERESTART when its progress is in the domain:
 * then the same call is made again.
 */
#include "abi/errno.h"
#include "debug/assert.h"
#include "domain/continuation.h"
#include "domain/domain.h"
#include "hypercall/control.h"
#include "hypercall/handlers.h"
#include "mem/guest_access.h"

static spinlock_t domctl_lock;

enum domctl_target {
    NEW_DOMAIN,   /* the number is of a domain that does not exist yet */
    OTHER_DOMAIN, /* not the caller itself */
    ANY_DOMAIN,
    FIRST_DOMAIN, /* the number or the next one above that exists */
};

static const struct domctl_entry {
    domctl_fn fn;
    const char *name;
    enum domctl_target target;
} entries[] = {
#define OP(name, target) [XEN_DOMCTL_##name] = {domctl_##name, #name, target}
    OP(createdomain, NEW_DOMAIN),
    OP(destroydomain, OTHER_DOMAIN),
    OP(pausedomain, OTHER_DOMAIN),
    OP(unpausedomain, OTHER_DOMAIN),
    OP(resumedomain, OTHER_DOMAIN),
    OP(getdomaininfo, FIRST_DOMAIN),
    OP(max_mem, ANY_DOMAIN),
    OP(max_vcpus, OTHER_DOMAIN),
    OP(setdomainhandle, ANY_DOMAIN),
    OP(settimeoffset, ANY_DOMAIN),
    OP(gettscinfo, ANY_DOMAIN),
    OP(settscinfo, OTHER_DOMAIN),
    OP(subscribe, ANY_DOMAIN),
    OP(set_virq_handler, ANY_DOMAIN),
    OP(scheduler_op, ANY_DOMAIN),
    OP(setvcpucontext, OTHER_DOMAIN),
    OP(getvcpucontext, OTHER_DOMAIN),
    OP(getvcpuinfo, ANY_DOMAIN),
    OP(setvcpuaffinity, ANY_DOMAIN),
    OP(getvcpuaffinity, ANY_DOMAIN),
    OP(set_ext_vcpucontext, OTHER_DOMAIN),
    OP(get_ext_vcpucontext, OTHER_DOMAIN),
    OP(setvcpuextstate, OTHER_DOMAIN),
    OP(getvcpuextstate, OTHER_DOMAIN),
    OP(set_vcpu_msrs, OTHER_DOMAIN),
    OP(get_vcpu_msrs, OTHER_DOMAIN),
    OP(sendtrigger, ANY_DOMAIN),
    OP(getpageframeinfo3, ANY_DOMAIN),
    OP(shadow_op, ANY_DOMAIN),
    OP(hypercall_init, ANY_DOMAIN),
    OP(set_address_size, ANY_DOMAIN),
    OP(get_address_size, ANY_DOMAIN),
    OP(irq_permission, ANY_DOMAIN),
    OP(iomem_permission, ANY_DOMAIN),
    OP(ioport_permission, ANY_DOMAIN),
    OP(setnodeaffinity, ANY_DOMAIN),
    OP(getnodeaffinity, ANY_DOMAIN),
    OP(get_cpu_policy, ANY_DOMAIN),
    OP(set_cpu_policy, OTHER_DOMAIN),
#undef OP
    [XEN_DOMCTL_get_paging_mempool_size] = {domctl_paging_mempool, "get_paging_mempool_size",
                                            ANY_DOMAIN},
    [XEN_DOMCTL_set_paging_mempool_size] = {domctl_paging_mempool, "set_paging_mempool_size",
                                            ANY_DOMAIN},
};

/* Finds the domain that the operation is about, referenced; NULL for a new one. */
static long find_target(const struct domctl_entry *e, const struct xen_domctl *op,
                        struct domain **d)
{
    *d = NULL;
    if (e->target == NEW_DOMAIN)
        return 0;
    if (e->target == FIRST_DOMAIN) {
        *d = domain_get_next(op->domain);
    } else if (op->domain == DOMID_SELF) {
        BUG_ON(!domain_get(current_domain));
        *d = current_domain;
    } else {
        *d = domain_get_by_id(op->domain);
    }
    if (!*d)
        return guest_error(-ESRCH, "no such domain");
    /* These wait until the domain's vCPUs have stopped. */
    if (e->target == OTHER_DOMAIN && *d == current_domain) {
        domain_put(*d);
        return guest_error(-EINVAL, "not possible on one's own domain");
    }
    return 0;
}

static long run(const struct domctl_entry *e, struct xen_domctl *op, uint64_t arg)
{
    struct domctl_call c = {.op = op};
    long rc = find_target(e, op, &c.d);
    struct domain *held = c.d;

    if (rc)
        return rc;
    rc = e->fn(&c);
    if (held)
        domain_put(held);
    if (c.copy_back && copy_to_guest(arg, op, sizeof(*op)))
        return guest_error(-EFAULT, "the result cannot be written");
    return rc;
}

long do_domctl(uint64_t arg)
{
    const struct domctl_entry *e;
    struct xen_domctl op;
    long rc;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return guest_error(-EFAULT, "an argument cannot be read");
    if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION)
        return guest_error(-EACCES, "domctl interface version is not 0x15");
    if (!current_domain->is_control)
        return guest_error(-EPERM, "domctl is for the control domain");
    e = op.cmd < ARRAY_SIZE(entries) ? &entries[op.cmd] : NULL;
    if (!e || !e->fn)
        return guest_error(-ENOSYS, "domctl not offered");

    if (!spin_trylock(&domctl_lock))
        return HYPERCALL_CONTINUE(__HYPERVISOR_domctl, arg);
    rc = run(e, &op, arg);
    spin_unlock(&domctl_lock);
    if (rc == -ERESTART)
        return HYPERCALL_CONTINUE(__HYPERVISOR_domctl, arg);
    return rc;
}
