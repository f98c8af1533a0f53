/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sysctl: facts and settings of the whole machine, for the control domain's tools.
 *
 * Reading is without a common lock: each handler is consistent in itself, and what it reports may
 * be old by the time it is read anyway.  The structure is copied in once and back at the end.
 * Groups that are not offered (power management, live patches, cache partitioning) answer -ENOSYS.
 */
#include "abi/sysctl.h"
#include "abi/errno.h"
#include "console/keys.h"
#include "console/log.h"
#include "cpu/smp.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "hypercall/control.h"
#include "hypercall/handlers.h"
#include "mem/buddy.h"
#include "mem/guest_access.h"
#include "mem/numa.h"

typedef long (*sysctl_fn)(struct xen_sysctl *op);

/* The hypervisor's log, for `xl dmesg`, which begins its reading in pieces at index 0: what was
 * cleared stays so for that one too.  Only what this call has read is cleared: no line is lost. */
static long sysctl_readconsole(struct xen_sysctl *op)
{
    struct xen_sysctl_readconsole *arg = &op->u.readconsole;
    uint32_t at = log_ring_start(), done = 0;
    char part[512];

    if (arg->incremental && (int32_t)(arg->index - at) > 0)
        at = arg->index;

    while (done < arg->count) {
        uint32_t n = log_ring_read(&at, part, min(arg->count - done, (uint32_t)sizeof(part)));

        if (!n)
            break;
        if (copy_to_guest(arg->buffer + done, part, n))
            return guest_error(-EFAULT, "the result cannot be written");
        done += n;
    }
    if (arg->clear)
        log_ring_clear(at);
    arg->count = done;
    arg->index = at;
    return 0;
}

static long sysctl_sched_id(struct xen_sysctl *op)
{
    op->u.sched_id.sched_id = sched_abi_id();
    return 0;
}

static long sysctl_getdomaininfolist(struct xen_sysctl *op)
{
    struct xen_sysctl_getdomaininfolist *arg = &op->u.getdomaininfolist;
    struct xen_domctl_getdomaininfo info;
    unsigned next = arg->first_domain;
    uint32_t nr = 0;

    while (nr < arg->max_domains) {
        struct domain *d = domain_get_next(next);

        if (!d)
            break;
        domain_get_info(d, &info);
        next = d->mem.id + 1u;
        domain_put(d);
        if (copy_to_guest(arg->buffer + nr * sizeof(info), &info, sizeof(info)))
            return guest_error(-EFAULT, "the result cannot be written");
        nr++;
    }
    arg->num_domains = nr;
    return 0;
}

static long sysctl_debug_keys(struct xen_sysctl *op)
{
    const struct xen_sysctl_debug_keys *arg = &op->u.debug_keys;

    for (uint32_t i = 0; i < min(arg->nr_keys, 64u); i++) {
        char key;

        if (copy_from_guest(&key, arg->keys + i, 1))
            return guest_error(-EFAULT, "an argument cannot be read");
        keys_handle(key);
    }
    return 0;
}

static long sysctl_getcpuinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_getcpuinfo *arg = &op->u.getcpuinfo;
    uint32_t nr = min(arg->max_cpus, nr_cpus);

    for (uint32_t cpu = 0; cpu < nr; cpu++) {
        struct xen_sysctl_cpuinfo info = {.idletime = sched_idle_time(cpu)};

        if (copy_to_guest(arg->info + cpu * sizeof(info), &info, sizeof(info)))
            return guest_error(-EFAULT, "the result cannot be written");
    }
    arg->nr_cpus = nr;
    return 0;
}

static long sysctl_availheap(struct xen_sysctl *op)
{
    struct xen_sysctl_availheap *arg = &op->u.availheap;
    nodemask_t nodes = numa_all_nodes();
    uint64_t pages;

    if (arg->node != -1) {
        if (arg->node < 0 || arg->node >= (int)numa.nr_nodes)
            return guest_error(-EINVAL, "no such node");
        nodes = 1u << arg->node;
    }
    pages = heap_free_pages_in(nodes, arg->max_bitwidth ? arg->max_bitwidth : UINT32_MAX);
    if (arg->min_bitwidth) /* what needs fewer bits than that is left out */
        pages -= min(pages, heap_free_pages_in(nodes, arg->min_bitwidth - 1));
    arg->avail_bytes = pages << PAGE_SHIFT;
    return 0;
}

static long sysctl_scheduler_op(struct xen_sysctl *op)
{
    if (op->u.scheduler_op.cpupool_id != 0)
        return guest_error(-ESRCH, "there is one CPU pool, number 0");
    return sched_sysctl(&op->u.scheduler_op);
}

static long sysctl_cpu_levelling_caps(struct xen_sysctl *op)
{
    /* Programs of a guest see the processor's own CPUID: faulting is not switched on. */
    op->u.cpu_levelling_caps.caps = 0;
    return 0;
}

static const struct sysctl_entry {
    sysctl_fn fn;
    const char *name;
} entries[] = {
    [XEN_SYSCTL_readconsole] = {sysctl_readconsole, "readconsole"},
    [XEN_SYSCTL_tbuf_op] = {sysctl_tbuf_op, "tbuf_op"},
    [XEN_SYSCTL_physinfo] = {sysctl_physinfo, "physinfo"},
    [XEN_SYSCTL_sched_id] = {sysctl_sched_id, "sched_id"},
    [XEN_SYSCTL_perfc_op] = {sysctl_perfc_op, "perfc_op"},
    [XEN_SYSCTL_getdomaininfolist] = {sysctl_getdomaininfolist, "getdomaininfolist"},
    [XEN_SYSCTL_debug_keys] = {sysctl_debug_keys, "debug_keys"},
    [XEN_SYSCTL_getcpuinfo] = {sysctl_getcpuinfo, "getcpuinfo"},
    [XEN_SYSCTL_availheap] = {sysctl_availheap, "availheap"},
    [XEN_SYSCTL_cputopoinfo] = {sysctl_cputopoinfo, "cputopoinfo"},
    [XEN_SYSCTL_numainfo] = {sysctl_numainfo, "numainfo"},
    [XEN_SYSCTL_pcitopoinfo] = {sysctl_pcitopoinfo, "pcitopoinfo"},
    [XEN_SYSCTL_cpupool_op] = {sysctl_cpupool_op, "cpupool_op"},
    [XEN_SYSCTL_scheduler_op] = {sysctl_scheduler_op, "scheduler_op"},
    [XEN_SYSCTL_get_cpu_levelling_caps] = {sysctl_cpu_levelling_caps, "get_cpu_levelling_caps"},
    [XEN_SYSCTL_get_cpu_featureset] = {sysctl_cpu_featureset, "get_cpu_featureset"},
    [XEN_SYSCTL_get_cpu_policy] = {sysctl_cpu_policy, "get_cpu_policy"},
};

long do_sysctl(uint64_t arg)
{
    struct xen_sysctl op;
    long rc;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return guest_error(-EFAULT, "an argument cannot be read");
    if (op.interface_version != XEN_SYSCTL_INTERFACE_VERSION)
        return guest_error(-EACCES, "sysctl interface version is not 0x15");
    if (!current_domain->is_control)
        return guest_error(-EPERM, "sysctl is for the control domain");
    if (op.cmd >= ARRAY_SIZE(entries) || !entries[op.cmd].fn)
        return guest_error(-ENOSYS, "sysctl not offered");
    rc = entries[op.cmd].fn(&op);
    /* -ENOBUFS comes with the number that would be needed, or that was given. */
    if ((!rc || rc == -ENOBUFS) && copy_to_guest(arg, &op, sizeof(op)))
        return guest_error(-EFAULT, "the result cannot be written");
    return rc;
}
