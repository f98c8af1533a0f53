/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What fails on demand in build/pavis-hv-inject, and the hypercall that demands it.
 *
 * Each __wrap_ function stands before the product's function of that name (rules.mk), which it
 * reaches as __real_.  Points are counted only between an order and INJECT_STOP, and only while a
 * guest's vCPU is current: what the idle loop does is nobody's scenario.  For one processor: no
 * locks, and the audit may run in the middle of a hypercall, since nobody else is anywhere.
 */
#include "inject.h"
#include "plant.h"

#include "abi/errno.h"
#include "console/log.h"
#include "domain/domain.h"
#include "mem/audit.h"
#include "mem/buddy.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "mem/pte.h"
#include "sched/softirq.h"

/* A hypercall that never comes to its end must not hang the test for ever. */
#define MOST_FAILURES 100000

static struct {
    bool on, from;
    unsigned kind;
    uint64_t n, failed, passed[INJECT_KINDS];
} order;

static bool fails(enum inject_kind kind)
{
    uint64_t pass;

    if (!order.on || is_idle_vcpu(current))
        return false;
    pass = ++order.passed[kind];
    if (kind != order.kind || !order.n || pass < order.n || (pass > order.n && !order.from) ||
        order.failed == MOST_FAILURES)
        return false;
    order.failed++;
    return true;
}

#define WRAP(type, name, ...)                                                                      \
    type __real_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__)

/* --- allocation --------------------------------------------------------------------------------
 */

/*
 * Small objects share pages, and which pages are needed for the same objects depends on what was
 * there before.  So objects are counted as such, and their pages as free.
 */
static int64_t small_objects, small_pages;
static bool in_small;

static bool is_small(const void *p)
{
    return (uintptr_t)p & (PAGE_SIZE - 1);
}

WRAP(void *, hv_zalloc, size_t size)
{
    void *p;

    /* What is larger comes by frame_alloc() and is counted there; a small object may do so too. */
    if (size <= HV_SMALL_MAX && fails(INJECT_ALLOC))
        return NULL;
    in_small = size <= HV_SMALL_MAX;
    p = __real_hv_zalloc(size);
    in_small = false;
    small_objects += p && is_small(p);
    return p;
}

WRAP(void, hv_free, void *p)
{
    in_small = p && is_small(p);
    small_objects -= in_small;
    __real_hv_free(p);
    in_small = false;
}

WRAP(struct frame *, frame_alloc, struct mem_owner *o, unsigned order_, unsigned flags,
     unsigned addr_bits)
{
    struct frame *f = fails(INJECT_ALLOC) ? NULL : __real_frame_alloc(o, order_, flags, addr_bits);

    small_pages += in_small && f;
    return f;
}

WRAP(void, frame_free_hv, struct frame *f, unsigned order_)
{
    small_pages -= in_small;
    __real_frame_free_hv(f, order_);
}

/* --- pending work ------------------------------------------------------------------------------
 */

WRAP(bool, hypercall_preempt_check, void)
{
    /* In the middle of its hypercall, for whoever wants to look at it so, or to end it. */
    if (!current_domain->is_control && fails(INJECT_PAUSE)) {
        domain_pause_nosync(current_domain);
        return true;
    }
    return fails(INJECT_PREEMPT) || __real_hypercall_preempt_check();
}

/* mmu_update and mmuext_op look at the word of pending softirqs themselves: so it is set. */
static void perhaps_raise(void)
{
    if (fails(INJECT_SOFTIRQ))
        raise_softirq(SOFTIRQ_SCHEDULE);
}

WRAP(int, pte_update, struct pte_table *t, unsigned index, pte_t next, unsigned flags, pte_t *old,
     struct pte_context *c)
{
    perhaps_raise();
    return __real_pte_update(t, index, next, flags, old, c);
}

WRAP(int, page_pin, struct frame *f, struct mem_owner *o, enum page_type type, unsigned flags)
{
    perhaps_raise();
    return __real_page_pin(f, o, type, flags);
}

WRAP(int, page_unpin, struct frame *f, struct mem_owner *o, unsigned flags)
{
    perhaps_raise();
    return __real_page_unpin(f, o, flags);
}

/* --- the hypercall -----------------------------------------------------------------------------
 */

static void to_log(const char *line)
{
    printk(XENLOG_ERR "audit: %s\n", line);
}

static long begin(unsigned kind, uint64_t n, bool from)
{
    if (kind >= INJECT_KINDS)
        return -EINVAL;
    order = (typeof(order)){.on = true, .from = from, .kind = kind, .n = n};
    return 0;
}

WRAP(long, do_xenpmu_op, unsigned cmd, uint64_t a, uint64_t b)
{
    if (cmd >= INJECT_ONCE && cmd <= INJECT_PLANT && !current_domain->is_control)
        return -EPERM;
    if (cmd > INJECT_FROM && cmd <= INJECT_PLANT && cmd != INJECT_FAILED)
        order.on = false;
    switch (cmd) {
    case INJECT_ONCE:
    case INJECT_FROM: return begin((unsigned)a, b, cmd == INJECT_FROM);
    case INJECT_STOP:
    case INJECT_FAILED: return (long)order.failed;
    case INJECT_PASSED: return a < INJECT_KINDS ? (long)order.passed[a] : -EINVAL;
    case INJECT_AUDIT: return audit_all(to_log, NULL);
    case INJECT_FREE_FRAMES: return (long)heap_free_pages() + small_pages;
    case INJECT_SMALL_OBJECTS: return small_objects;
    case INJECT_PLANT: return plant_and_audit((unsigned)a);
    default: return __real_do_xenpmu_op(cmd, a, b);
    }
}
