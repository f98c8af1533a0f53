/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sysctl: what the machine consists of.  One CPU pool.
 */
#include "abi/errno.h"
#include "abi/physdev.h"
#include "abi/sysctl.h"
#include "cpu/apic.h"
#include "cpu/clocksource.h"
#include "cpu/smp.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "hypercall/control.h"
#include "hypercall/cpu_topology.h"
#include "mem/buddy.h"
#include "mem/frame.h"
#include "mem/guest_access.h"
#include "mem/memory_map.h"
#include "mem/numa.h"

static uint32_t package_of(unsigned cpu)
{
    return topology_package(cpu_topology_of(&cpu_policies[CPU_POLICY_RAW]), cpu_apic_id[cpu]);
}

static uint32_t core_of(unsigned cpu)
{
    return topology_core(cpu_topology_of(&cpu_policies[CPU_POLICY_RAW]), cpu_apic_id[cpu]);
}

static uint32_t last_cpu(void)
{
    return 63 - (uint32_t)__builtin_clzl(cpu_online_map);
}

/* As many as the boot processor's core and package have online. */
static void count_siblings(struct xen_sysctl_physinfo *info)
{
    unsigned cpu, in_package = 0, in_core = 0;

    for_each_cpu (cpu, cpu_online_map) {
        if (package_of(cpu) != package_of(0))
            continue;
        in_package++;
        in_core += core_of(cpu) == core_of(0);
    }
    /* CPU 0, which runs this or started the one that does, is always among them. */
    info->threads_per_core = max(in_core, 1u);
    info->cores_per_socket = in_package / info->threads_per_core;
}

long sysctl_physinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_physinfo *info = &op->u.physinfo;
    uint32_t words[CPU_WORDS];

    *info = (struct xen_sysctl_physinfo){
        .nr_cpus = cpumask_count(cpu_online_map),
        .max_cpu_id = last_cpu(),
        .nr_nodes = numa.nr_nodes,
        .max_node_id = numa.nr_nodes - 1,
        .cpu_khz = tsc_khz,
        .capabilities = XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1,
        .total_pages = memory_map_ram_size(&machine_map) >> PAGE_SHIFT,
        .free_pages = heap_free_pages(),
        .outstanding_pages = mem_outstanding_claims(),
        .max_mfn = frame_limit - 1,
    };
    count_siblings(info);
    cpu_policy_get_words(&cpu_policies[CPU_POLICY_HOST], words);
    for (unsigned i = 0; i < ARRAY_SIZE(info->hw_cap); i++)
        info->hw_cap[i] = words[i];
    return 0;
}

long sysctl_cputopoinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_cputopoinfo *arg = &op->u.cputopoinfo;
    uint32_t nr = last_cpu() + 1;

    if (!arg->cputopo) {
        arg->num_cpus = nr;
        return 0;
    }
    nr = min(nr, arg->num_cpus);
    for (uint32_t cpu = 0; cpu < nr; cpu++) {
        struct xen_sysctl_cputopo t = {XEN_INVALID_CORE_ID, XEN_INVALID_SOCKET_ID,
                                       XEN_INVALID_NODE_ID};

        if (cpu_online(cpu))
            t = (struct xen_sysctl_cputopo){core_of(cpu), package_of(cpu),
                                            numa_node_of_apic(cpu_apic_id[cpu])};
        if (copy_to_guest(arg->cputopo + cpu * sizeof(t), &t, sizeof(t)))
            return guest_error(-EFAULT, "the result cannot be written");
    }
    arg->num_cpus = nr;
    return 0;
}

/* The lists are as long as the caller says, and no longer than there are nodes. */
long sysctl_numainfo(struct xen_sysctl *op)
{
    struct xen_sysctl_numainfo *arg = &op->u.numainfo;
    uint32_t nr = numa.nr_nodes, distance[NR_NODES];

    if (arg->meminfo || arg->distance)
        nr = min(nr, arg->num_nodes);
    for (uint32_t i = 0; i < nr; i++) {
        struct xen_sysctl_meminfo node = {
            .memsize = (numa.span[i].end - numa.span[i].start) << PAGE_SHIFT,
            .memfree = heap_free_pages_in(1u << i, UINT32_MAX) << PAGE_SHIFT,
        };

        for (uint32_t to = 0; to < nr; to++)
            distance[to] = numa.distance[i][to];
        if (arg->meminfo && copy_to_guest(arg->meminfo + i * sizeof(node), &node, sizeof(node)))
            return guest_error(-EFAULT, "the result cannot be written");
        if (arg->distance && copy_to_guest(arg->distance + i * nr * sizeof(distance[0]), distance,
                                           nr * sizeof(distance[0])))
            return guest_error(-EFAULT, "the result cannot be written");
    }
    arg->num_nodes = nr;
    return 0;
}

/* Devices are not on any node in particular. */
long sysctl_pcitopoinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_pcitopoinfo *arg = &op->u.pcitopoinfo;
    uint32_t node = XEN_INVALID_NODE_ID;
    struct physdev_pci_device dev;

    if (!arg->devs || !arg->nodes)
        return guest_error(-EINVAL, "no list of devices");
    for (uint32_t i = 0; i < arg->num_devs; i++) {
        if (i && hypercall_preempt_check()) {
            arg->num_devs = i; /* as many as were done: the caller asks for the rest */
            break;
        }
        if (copy_from_guest(&dev, arg->devs + i * sizeof(dev), sizeof(dev)) ||
            copy_to_guest(arg->nodes + i * sizeof(node), &node, sizeof(node)))
            return guest_error(-EFAULT, "a device cannot be read, or its node written");
    }
    return 0;
}

static uint32_t count_domains(void)
{
    struct domain *d;
    uint32_t n = 0;

    for (unsigned id = 0; (d = domain_get_next(id)); id = d->mem.id + 1u, domain_put(d))
        n++;
    return n;
}

/* Pool-0 holds all processors and all domains, for ever. */
long sysctl_cpupool_op(struct xen_sysctl *op)
{
    struct xen_sysctl_cpupool_op *arg = &op->u.cpupool_op;
    struct domain *d;

    switch (arg->op) {
    case XEN_SYSCTL_CPUPOOL_OP_INFO:
        if (arg->cpupool_id != 0)
            return guest_error(-ENOENT, "there is one CPU pool, number 0");
        arg->sched_id = sched_abi_id();
        arg->n_dom = count_domains();
        return cpumask_to_guest(&arg->cpumap, cpu_online_map);
    case XEN_SYSCTL_CPUPOOL_OP_FREEINFO: return cpumask_to_guest(&arg->cpumap, 0);
    case XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN:
        if (arg->cpupool_id != 0)
            return guest_error(-ENOENT, "there is one CPU pool, number 0");
        d = domain_get_by_id((domid_t)arg->domid);
        if (!d)
            return guest_error(-ESRCH, "no such domain");
        domain_put(d); /* it is there */
        return 0;
    case XEN_SYSCTL_CPUPOOL_OP_CREATE:
    case XEN_SYSCTL_CPUPOOL_OP_DESTROY:
    case XEN_SYSCTL_CPUPOOL_OP_ADDCPU:
    case XEN_SYSCTL_CPUPOOL_OP_RMCPU:
        return guest_error(-EOPNOTSUPP, "one CPU pool, with all processors, is all there is");
    default: return guest_error(-ENOSYS, "unknown cpupool_op");
    }
}
