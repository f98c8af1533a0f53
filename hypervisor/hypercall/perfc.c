/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sysctl perfc_op: counters for xenperf.  First the two arrays by number of call that it knows by
 * name ("hypercalls"), then for each call in the table its latencies; the list is always the same,
 * so that what was asked for the size fits what is asked next.
 */
#include "abi/errno.h"
#include "cpu/cpu_info.h"
#include "debug/assert.h"
#include "hypercall/call_names.h"
#include "hypercall/control.h"
#include "hypercall/observe.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mem/guest_access.h"

/* Where the next description and the next value go, or 0 while the caller only asks how many. */
struct list {
    uint64_t desc, val;
    uint32_t nr_counters, nr_vals;
};

static long add(struct list *l, const char *name, uint32_t n, const uint32_t *values)
{
    struct xen_sysctl_perfc_desc desc = {.nr_vals = n};

    if (l->desc && l->val) {
        str_copy(desc.name, name, sizeof(desc.name));
        if (copy_to_guest(l->desc + l->nr_counters * sizeof(desc), &desc, sizeof(desc)) ||
            copy_to_guest(l->val + l->nr_vals * sizeof(*values), values, n * sizeof(*values)))
            return guest_error(-EFAULT, "counters cannot be written");
    }
    l->nr_counters++;
    l->nr_vals += n;
    return 0;
}

static long add_latencies(struct list *l, unsigned nr)
{
    uint32_t values[LATENCY_BUCKETS];
    char name[80];

    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        values[i] = (uint32_t)observe_latency_count(nr, i);
    snprintf(name, sizeof(name), "%s: log2 of ns", hypercall_name(nr));
    return add(l, name, LATENCY_BUCKETS, values);
}

static long add_all(struct list *l)
{
    uint32_t calls[NR_HYPERCALLS], refused[NR_HYPERCALLS];
    long rc;

    for (unsigned nr = 0; nr < NR_HYPERCALLS; nr++) {
        calls[nr] = (uint32_t)observe_calls(nr);
        refused[nr] = (uint32_t)refusals_of_call(nr);
    }
    rc = add(l, "hypercalls", NR_HYPERCALLS, calls);
    if (!rc)
        rc = add(l, "refusals, by hypercall", NR_HYPERCALLS, refused);
    for (unsigned nr = 0; !rc && nr < NR_HYPERCALLS; nr++)
        if (hypercall_name(nr))
            rc = add_latencies(l, nr);
    return rc;
}

long sysctl_perfc_op(struct xen_sysctl *op)
{
    struct xen_sysctl_perfc_op *arg = &op->u.perfc_op;
    struct list l = {.desc = arg->desc, .val = arg->val};
    long rc;

    switch (arg->cmd) {
    case XEN_SYSCTL_PERFCOP_reset:
        observe_reset();
        refusals_reset();
        break;
    case XEN_SYSCTL_PERFCOP_query: break;
    default: return guest_error(-EINVAL, "unknown perfc_op");
    }
    rc = add_all(&l);
    arg->nr_counters = l.nr_counters;
    arg->nr_vals = l.nr_vals;
    return rc;
}
