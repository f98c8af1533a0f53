// SPDX-License-Identifier: GPL-2.0-only
/* Questions about the machine: see control.h. */
#include <errno.h>
#include <string.h>

#include "abi/version.h"
#include "lib/control.h"

static const char no_memory[] = "no memory for a hypercall";

int control_sysctl(struct hypercalls *h, struct xen_sysctl *op, const char *what,
                   struct problem *why)
{
    struct xen_sysctl *copy = hypercall_alloc(h, sizeof(*copy));
    long result;
    int error;

    if (!copy)
        return problem_set(why, ENOMEM, NULL, no_memory);
    *copy = *op;
    copy->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    result = hypercall(h, __HYPERVISOR_sysctl, (uintptr_t)copy, 0, 0, 0);
    error = errno;
    *op = *copy;
    hypercall_free(h, copy);
    if (result < 0)
        return problem_set(
            why, error,
            error == EACCES ? "The hypervisor has another interface version than Xen 4.17's" : NULL,
            "cannot %s", what);
    return (int)result;
}

/* A sysctl that fills an array of at most @size bytes; @pointer is its field in *op. */
static int with_array(struct hypercalls *h, struct xen_sysctl *op, guest_ptr_t *pointer,
                      void *array, size_t size, const char *what, struct problem *why)
{
    void *copy = hypercall_alloc(h, size);
    int ret;

    if (!copy)
        return problem_set(why, ENOMEM, NULL, no_memory);
    *pointer = (uintptr_t)copy;
    ret = control_sysctl(h, op, what, why);
    memcpy(array, copy, size);
    hypercall_free(h, copy);
    return ret;
}

int host_physinfo(struct hypercalls *h, struct xen_sysctl_physinfo *info, struct problem *why)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_physinfo};

    if (control_sysctl(h, &op, "ask for the machine's memory and processors", why))
        return -1;
    *info = op.u.physinfo;
    return 0;
}

int host_scheduler(struct hypercalls *h, uint32_t *sched_id, struct problem *why)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_sched_id};

    if (control_sysctl(h, &op, "ask for the scheduler", why))
        return -1;
    *sched_id = op.u.sched_id.sched_id;
    return 0;
}

int host_cpu_idle(struct hypercalls *h, struct xen_sysctl_cpuinfo *info, unsigned max,
                  struct problem *why)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_getcpuinfo};

    op.u.getcpuinfo.max_cpus = max;
    if (with_array(h, &op, &op.u.getcpuinfo.info, info, max * sizeof(*info),
                   "ask for the processors' times", why))
        return -1;
    return (int)(op.u.getcpuinfo.nr_cpus < max ? op.u.getcpuinfo.nr_cpus : max);
}

int host_topology(struct hypercalls *h, struct xen_sysctl_cputopo *topo, unsigned max,
                  struct problem *why)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_cputopoinfo};

    op.u.cputopoinfo.num_cpus = max;
    if (with_array(h, &op, &op.u.cputopoinfo.cputopo, topo, max * sizeof(*topo),
                   "ask for the processors' places", why))
        return -1;
    return (int)(op.u.cputopoinfo.num_cpus < max ? op.u.cputopoinfo.num_cpus : max);
}

int host_console(struct hypercalls *h, char *text, uint32_t size, uint32_t *index, bool clear,
                 struct problem *why)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_readconsole};

    op.u.readconsole.clear = clear;
    op.u.readconsole.incremental = *index != 0;
    op.u.readconsole.index = *index;
    op.u.readconsole.count = size;
    if (with_array(h, &op, &op.u.readconsole.buffer, text, size, "read the hypervisor's log", why))
        return -1;
    *index = op.u.readconsole.index;
    return (int)(op.u.readconsole.count < size ? op.u.readconsole.count : size);
}

int host_debug_keys(struct hypercalls *h, const char *keys, struct problem *why)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_debug_keys};
    size_t len = strlen(keys);
    char *copy = hypercall_alloc(h, len); /* no string: its length is told */
    int ret;

    if (!copy)
        return problem_set(why, ENOMEM, NULL, no_memory);
    for (size_t i = 0; i < len; i++)
        copy[i] = keys[i];
    op.u.debug_keys.keys = (uintptr_t)copy;
    op.u.debug_keys.nr_keys = (uint32_t)len;
    ret = control_sysctl(h, &op, "send debug keys", why);
    hypercall_free(h, copy);
    return ret;
}

int host_version(struct hypercalls *h, unsigned what, void *out, unsigned size, struct problem *why)
{
    void *copy = hypercall_alloc(h, size + 1);
    long result;
    int error;

    if (!copy)
        return problem_set(why, ENOMEM, NULL, no_memory);
    if (size)
        memcpy(copy, out, size);
    result = hypercall(h, __HYPERVISOR_xen_version, what, size ? (uintptr_t)copy : 0, 0, 0);
    error = errno;
    if (size)
        memcpy(out, copy, size);
    hypercall_free(h, copy);
    if (result < 0)
        return problem_set(why, error, NULL, "cannot ask the hypervisor who it is");
    return (int)result;
}
