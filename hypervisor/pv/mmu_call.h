/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What mmu_update (pv/mmu_ops.c) and mmuext_op (pv/mmuext.c) share: for which domain a call is, the
 * table whose demotion is not finished, and the count of requests done.  The everyday case of each
 * is inline and a few instructions; what is rare is a call into pv/mmu_ops.c.
 */
#pragma once

#include "abi/xen.h"
#include "cpu/cpu_info.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "mem/guest_access.h"
#include "mem/pte.h"

/* In a count: this is a continuation.  In the ABI's range, so a guest may set it too: harmless. */
#define MMU_UPDATE_PREEMPTED 0x80000000u

/* --- for whom -----------------------------------------------------------------------------------
 */

struct foreign {
    struct domain *ref;      /* referenced domain to put, NULL: none */
    struct mem_owner *owner; /* whose frames are meant */
};

/* 0; -EPERM, -ESRCH: not the caller's to name.  For any number but DOMID_SELF. */
int foreign_get_other(struct foreign *f, unsigned domid);

static __always_inline int foreign_get(struct foreign *f, unsigned domid)
{
    f->ref = NULL;
    f->owner = &current_domain->mem;
    return likely(domid == DOMID_SELF) ? 0 : foreign_get_other(f, domid);
}

static __always_inline void foreign_put(struct foreign *f)
{
    if (f->ref)
        domain_put(f->ref);
}

/* --- deferred demotion ------------------------------------------------------------------------ */

/* 0, or -ERESTART; v->deferred is not NULL. */
int deferred_continue(struct vcpu *v);

/* 0, or -ERESTART: not finished, the call is to be continued. */
static __always_inline int deferred_finish(struct vcpu *v)
{
    return likely(!v->deferred) ? 0 : deferred_continue(v);
}

/* Takes over what an operation left.  0, or -ERESTART: come back for the next request. */
static __always_inline int deferred_take(struct vcpu *v, struct pte_context *c)
{
    if (likely(!c->deferred))
        return 0;
    v->deferred = c->deferred;
    c->deferred = NULL;
    return deferred_finish(v);
}

/* --- progress in *pdone -------------------------------------------------------------------------
 */

static __always_inline int progress_start(unsigned *count, uint64_t pdone, uint32_t *done)
{
    *done = 0;
    if (!(*count & MMU_UPDATE_PREEMPTED))
        return 0;
    *count &= ~MMU_UPDATE_PREEMPTED;
    if (pdone && copy_from_guest(done, pdone, sizeof *done))
        return guest_error(-EFAULT, "the count of requests done cannot be read");
    return 0;
}

long progress_report(unsigned op, uint64_t list, size_t size, unsigned i, unsigned count,
                     uint64_t pdone, uint32_t done, unsigned foreigndom, int rc);

/* Ends or continues a call after `i` of `count` requests of `size` bytes. */
static __always_inline long progress_end(unsigned op, uint64_t list, size_t size, unsigned i,
                                         unsigned count, uint64_t pdone, uint32_t done,
                                         unsigned foreigndom, int rc)
{
    if (likely(!rc && !pdone))
        return 0;
    return progress_report(op, list, size, i, count, pdone, done, foreigndom, rc);
}

/* The CPUs on which the vCPUs of a guest's mask run; `pmask` is the guest address of 64 bits.  0,
 * -errno. */
int vcpumask_to_cpus(uint64_t pmask, cpumask_t *cpus);
