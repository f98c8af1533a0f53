/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sysctl tbuf_op: the trace rings, for the control domain's xentrace.
 *
 * The rings and the list of their frames belong to DOMID_XEN and are shared, so that a privileged
 * domain may map them: the rings to write as well, since the reader says in them how far it is.
 * They are allocated once and stay, as in Xen.  All that is read back from them is judged
 * (debug/trace_ring.c).
 */
#include "abi/errno.h"
#include "abi/trace.h"
#include "cpu/smp.h"
#include "debug/assert.h"
#include "debug/trace.h"
#include "domain/domain.h"
#include "hypercall/control.h"
#include "hypercall/observe.h"
#include "lib/atomic.h"
#include "lib/spinlock.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "sched/softirq.h"

#define PAGES_MAX 1024 /* 4 MiB for each CPU */

/* Two vCPUs of the control domain may ask for rings at once; readers see `info` complete or not. */
static spinlock_t tbuf_lock;
static struct t_info *info;
static unsigned info_order;

static void tell_reader(void *unused)
{
    send_global_virq(VIRQ_TBUF);
}

static struct work reader_work;

static void half_full(void)
{
    work_schedule(&reader_work);
}

static unsigned order_of(uint64_t bytes)
{
    unsigned order = 0;

    while (PAGE_SIZE << order < bytes)
        order++;
    return order;
}

/* Our own pages, to be mapped by the control domain; they are never given back. */
static void *alloc_shared(unsigned order, bool writable)
{
    uint8_t *p = hv_alloc_pages(order);

    for (uint64_t i = 0; p && i < 1UL << order; i++)
        BUG_ON(frame_share(p + i * PAGE_SIZE, &mem_owner_xen, writable));
    return p;
}

static int allocate(uint32_t pages)
{
    uint32_t at = DIV_UP(sizeof(*info) + nr_cpus * sizeof(info->mfn_offset[0]), sizeof(uint32_t));
    unsigned cpu, order = order_of(pages * PAGE_SIZE);
    struct t_buf *buf[NR_CPUS] = {NULL};
    struct t_info *list;
    uint32_t *words;

    if (info)
        return info->tbuf_size == pages ? 0
                                        : (int)guest_error(-EINVAL, "the rings have another size");
    if (!pages || pages > PAGES_MAX)
        return (int)guest_error(-EINVAL, "not 1 to 1024 pages for a trace ring");
    if (at + (uint64_t)pages * nr_cpus > UINT16_MAX)
        return (int)guest_error(-EINVAL, "so many frames do not fit the list of rings");
    for (cpu = 0; cpu < nr_cpus; cpu++) {
        buf[cpu] = hv_alloc_pages(order);
        if (!buf[cpu])
            goto no_memory;
    }
    info_order = order_of((at + (uint64_t)pages * nr_cpus) * sizeof(uint32_t));
    list = alloc_shared(info_order, false);
    if (!list)
        goto no_memory;
    list->tbuf_size = (uint16_t)pages;
    words = (uint32_t *)list;
    for (cpu = 0; cpu < nr_cpus; cpu++) {
        list->mfn_offset[cpu] = (uint16_t)at;
        for (uint32_t i = 0; i < pages; i++) {
            void *page = (uint8_t *)buf[cpu] + i * PAGE_SIZE;

            words[at++] = (uint32_t)virt_to_mfn(page).n;
            BUG_ON(frame_share(page, &mem_owner_xen, true));
        }
        trace_set_buffer(cpu, buf[cpu], (uint32_t)(pages * PAGE_SIZE));
    }
    work_init(&reader_work, tell_reader, NULL);
    trace_half_full = half_full;
    store_release(&info, list);
    return 0;

no_memory:
    while (cpu--)
        hv_free_pages(buf[cpu], order);
    return (int)guest_error(-ENOMEM, "no memory for trace rings");
}

int tbuf_allocate(uint32_t pages)
{
    int rc;

    spin_lock(&tbuf_lock);
    rc = allocate(pages);
    spin_unlock(&tbuf_lock);
    return rc;
}

bool tbuf_allocated(void)
{
    return load_acquire(&info);
}

long sysctl_tbuf_op(struct xen_sysctl *op)
{
    struct xen_sysctl_tbuf_op *arg = &op->u.tbuf_op;

    const struct t_info *list = load_acquire(&info);

    switch (arg->cmd) {
    case XEN_SYSCTL_TBUFOP_get_info:
        arg->evt_mask = trace_events;
        arg->buffer_mfn = list ? virt_to_mfn(list).n : 0;
        arg->size = list ? (uint32_t)(PAGE_SIZE << info_order) : 0;
        return 0;
    case XEN_SYSCTL_TBUFOP_set_cpu_mask: return cpumask_from_guest(&trace_cpus, &arg->cpu_mask);
    case XEN_SYSCTL_TBUFOP_set_evt_mask: trace_events = arg->evt_mask; return 0;
    case XEN_SYSCTL_TBUFOP_set_size: return tbuf_allocate(arg->size);
    case XEN_SYSCTL_TBUFOP_enable:
        if (!list)
            return guest_error(-EINVAL, "no trace rings: set their size first");
        trace_stop(); /* whoever asks here is going to read */
        trace_start(true);
        break;
    case XEN_SYSCTL_TBUFOP_disable: trace_stop(); break;
    default: return guest_error(-EINVAL, "unknown tbuf_op");
    }
    observe_update();
    return 0;
}
