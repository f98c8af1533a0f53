/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypercalls that change page-table entries: mmu_update and update_va_mapping.
 *
 * They fetch the guest's requests, find out for whom (foreign domains: the control domain only),
 * and let mem/ do the checked work.  What is decided here is flushing and restarting:
 *
 *  - A change of an L1 entry is flushed when the guest asks for it, as on a real machine; a change
 *    of an upper entry is flushed here before the call returns, since paging-structure caches would
 *    let a CPU reach a table that has meanwhile become something else (I4).
 *  - A call stops between two requests when work is pending, and inside a request where mem/ says
 *    -ERESTART.  The number of requests done goes back through *pdone; a continued call has
 *    MMU_UPDATE_PREEMPTED in its count, which tells it to add to what *pdone says.
 *  - A table whose last use went away in a request may be too large to demote at once.  It is kept
 *    in v->deferred; the call continues until it is finished, or another page-table call of the
 *    vCPU finishes it (a new root's old one).
 */
#include "abi/errno.h"
#include "abi/xen.h"
#include "cpu/cpu_info.h"
#include "cpu/insn.h"
#include "debug/assert.h"
#include "domain/continuation.h"
#include "domain/domain.h"
#include "hypercall/handlers.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "mem/guest_access.h"
#include "mem/hot.h"
#include "mem/m2p.h"
#include "mem/page_type.h"
#include "mem/pte.h"
#include "mem/tlb.h"
#include "pv/mmu_call.h"
#include "pv/pv.h"
#include "sched/sched.h"

/* --- the rare parts of pv/mmu_call.h -------------------------------------------------------------
 */

int foreign_get_other(struct foreign *f, unsigned domid)
{
    struct domain *d = current_domain;
    int rc;

    if (domid == d->mem.id)
        return 0;
    if (domid == DOMID_IO) {
        f->owner = &mem_owner_io;
        return 0;
    }
    if (!d->is_control)
        return guest_error(-EPERM, "only the control domain maps frames of others");
    if (domid == DOMID_XEN) {
        f->owner = &mem_owner_xen;
        return 0;
    }
    rc = domain_resolve(domid, &f->ref);
    if (rc)
        return rc;
    f->owner = &f->ref->mem;
    return 0;
}

int deferred_continue(struct vcpu *v)
{
    struct pte_context c = {.deferred = v->deferred};
    int rc = pte_finish(&c);

    v->deferred = c.deferred;
    return rc;
}

long progress_report(unsigned op, uint64_t list, size_t size, unsigned i, unsigned count,
                     uint64_t pdone, uint32_t done, unsigned foreigndom, int rc)
{
    done += i;
    if (pdone && copy_to_guest(pdone, &done, sizeof done))
        rc = guest_error(-EFAULT, "the count of requests done cannot be written");
    if (rc != -ERESTART)
        return rc;
    return HYPERCALL_CONTINUE(op, list + i * size, (count - i) | MMU_UPDATE_PREEMPTED, pdone,
                              foreigndom);
}

/* How many entries go by between two looks: of L1 tables, a thousand instructions.  Behind one of
 * an upper table a whole table may have come or gone. */
#define LOOK_EVERY 8

/* --- mmu_update ---------------------------------------------------------------------------------
 */

struct mmu_batch {
    struct mem_owner *table_owner;
    struct pte_context c;
    struct pte_table table; /* open while table_mfn is valid: most batches stay in one table */
    mfn_t table_mfn;
};

static int batch_close(struct mmu_batch *b)
{
    if (mfn_eq(b->table_mfn, INVALID_MFN))
        return 0;
    b->table_mfn = INVALID_MFN;
    pte_table_close(&b->table);
    return 0;
}

static __always_inline int pt_update(struct mmu_batch *b, const struct mmu_update *req,
                                     unsigned flags)
{
    mfn_t mfn = paddr_to_mfn(req->ptr & PTE_ADDR);
    int rc;

    if (req->ptr & 4)
        return guest_error(-EINVAL, "page-table entry is not aligned");
    if (!mfn_eq(mfn, b->table_mfn)) {
        batch_close(b);
        rc = pte_table_open(&b->table, b->table_owner, mfn);
        if (rc)
            return rc;
        b->table_mfn = mfn;
    }
    return pte_update(&b->table, (req->ptr & ~PAGE_MASK) / 8, req->val, flags, NULL, &b->c);
}

static int machphys_update(struct mmu_batch *b, const struct mmu_update *req)
{
    struct mem_owner *owner = b->c.page_owner ? b->c.page_owner : b->table_owner;
    mfn_t mfn = paddr_to_mfn(req->ptr);
    struct frame *f;

    if (!frame_valid(mfn))
        return guest_error(-EINVAL, "M2P update of a frame that is not RAM");
    f = frame_of(mfn);
    /* What is DOMID_XEN's is nobody's to number. */
    if (owner == &mem_owner_xen || !frame_get(f, owner->id))
        return guest_error(-EINVAL, "M2P update of a frame that is not the domain's");
    m2p_set(mfn, req->val);
    frame_put(f);
    return 0;
}

static int mmu_update_one(struct mmu_batch *b, const struct mmu_update *req)
{
    unsigned kind = req->ptr & 3;

    if (unlikely(kind == MMU_MACHPHYS_UPDATE))
        return machphys_update(b, req);
    /* MMU_NORMAL_PT_UPDATE, and NO_TRANSLATE which means the same here: or PRESERVE_AD */
    return pt_update(b, req, kind == MMU_PT_UPDATE_PRESERVE_AD ? PTEF_PRESERVE_AD : 0);
}

/* What the batch changed in upper levels must not survive in any CPU's caches. */
static void batch_flush(struct mmu_batch *b)
{
    if (b->c.changed_upper)
        tlb_flush_mask(b->table_owner->dirty_cpus, TLB_ALL, TLBF_GLOBAL);
}

static __attribute__((noinline)) long mmu_update_list(uint64_t ureqs, unsigned count,
                                                      uint64_t pdone, unsigned foreigndom)
{
    struct vcpu *v = current;
    struct foreign page, table = {.owner = &v->domain->mem};
    struct mmu_batch b __uninitialized; /* c and table_mfn below; table is set where it is opened */
    struct mmu_update req __uninitialized; /* read whole, or not used */
    uint32_t done;
    unsigned i = 0;
    int rc = progress_start(&count, pdone, &done);

    if (rc)
        return rc;
    if (!guest_array_okay(ureqs, count, sizeof req))
        return guest_error(-EFAULT, "list of updates is not in guest memory");
    rc = foreign_get(&page, foreigndom & 0xffff);
    if (rc)
        return rc;
    if (foreigndom >> 16)
        rc = foreign_get(&table, (foreigndom >> 16) - 1);
    if (rc) {
        foreign_put(&page);
        return rc;
    }
    b.table_owner = table.owner;
    b.table_mfn = INVALID_MFN;
    b.c = (struct pte_context){.page_owner = page.owner == table.owner ? NULL : page.owner};

    rc = deferred_finish(v);
    while (!rc && i < count) {
        if (i && (i % LOOK_EVERY == 0 || b.table.level > 1) && hypercall_preempt_check()) {
            rc = -ERESTART;
            break;
        }
        if (read_guest_words_okay(&req, ureqs + i * sizeof req, sizeof req / 8)) {
            rc = guest_error(-EFAULT, "update cannot be read");
            break;
        }
        rc = mmu_update_one(&b, &req);
        if (rc)
            break;
        i++;
        rc = deferred_take(v, &b.c);
    }
    /* A request that failed may have left something behind too: its reference is ours to drop. */
    if (unlikely(b.c.deferred) && deferred_take(v, &b.c) && !rc)
        rc = -ERESTART;
    batch_close(&b);
    batch_flush(&b);
    foreign_put(&table);
    foreign_put(&page);
    /* With i == count only the demotion of an old table is left; the call is not over before it is,
     * since the guest may want to use that frame for something else next. */
    return progress_end(__HYPERVISOR_mmu_update, ureqs, sizeof req, i, count, pdone, done,
                        foreigndom, rc);
}

/* One entry of an L1 table of the caller's own, outside of batches: what a page fault ends in. */
static long mmu_update_single(struct vcpu *v, const struct mmu_update *req)
{
    struct pte_context c = {.page_owner = NULL};
    struct pte_table t __uninitialized; /* pte_table_open() fills it */
    int rc = pte_table_open(&t, &v->domain->mem, paddr_to_mfn(req->ptr & PTE_ADDR));

    if (unlikely(rc))
        return rc;
    rc = -EAGAIN;
    if (likely(t.level == 1))
        rc = pte_update(&t, (req->ptr & ~PAGE_MASK) / 8, req->val,
                        req->ptr & 2 ? PTEF_PRESERVE_AD : 0, NULL, &c);
    pte_table_close(&t);
    return rc;
}

long do_mmu_update(uint64_t ureqs, unsigned count, uint64_t pdone, unsigned foreigndom)
{
    struct mmu_update req __uninitialized; /* read whole, or not used */
    struct vcpu *v = current;
    long rc;

    /* 0 and 2 are MMU_NORMAL_PT_UPDATE and MMU_PT_UPDATE_PRESERVE_AD; bit 2 is misalignment. */
    if (likely(count == 1 && foreigndom == DOMID_SELF && !pdone && !v->deferred) &&
        !read_guest_words(&req, ureqs, sizeof req / 8) && !(req.ptr & 5)) {
        rc = mmu_update_single(v, &req);
        if (likely(!rc))
            return rc;
    }
    /* With all that can happen; a refused request is refused again there. */
    return mmu_update_list(ureqs, count, pdone, foreigndom);
}

/* --- update_va_mapping --------------------------------------------------------------------------
 */

/* The CPUs whose TLB may hold something of the vCPUs in a guest's bitmap. */
int vcpumask_to_cpus(uint64_t pmask, cpumask_t *cpus)
{
    struct domain *d = current_domain;
    uint64_t bits = 0;
    struct vcpu *v;

    /* The bitmap is as long as the domain has vCPUs; bits of others are ignored. */
    if (copy_from_guest(&bits, pmask, DIV_UP(d->max_vcpus, 8)))
        return guest_error(-EFAULT, "vCPU mask cannot be read");
    *cpus = 0;
    for_each_vcpu (d, v) {
        unsigned cpu;

        if (!(bits >> v->id & 1))
            continue;
        cpu = load_once(&v->sched.state_cpu);
        /* A vCPU that no CPU holds loses everything when it is loaded again. */
        if (cpu != NO_CPU)
            *cpus |= BIT(cpu);
    }
    return 0;
}

static int uvm_flush(uint64_t va, uint64_t flags)
{
    uint64_t what = (flags & UVMF_FLUSHTYPE_MASK) == UVMF_TLB_FLUSH ? TLB_ALL : va;
    uint64_t where = flags & ~UVMF_FLUSHTYPE_MASK;
    cpumask_t cpus;
    int rc;

    switch (flags & UVMF_FLUSHTYPE_MASK) {
    case UVMF_NONE: return 0;
    case UVMF_TLB_FLUSH:
    case UVMF_INVLPG: break;
    default: return guest_error(-EINVAL, "no such kind of flush");
    }
    if (what == va && !guest_address_ok(va))
        return 0;
    if (where == UVMF_LOCAL) {
        tlb_flush_local(what, TLBF_GLOBAL);
        return 0;
    }
    if (where == UVMF_ALL) {
        cpus = current_domain->mem.dirty_cpus;
    } else {
        rc = vcpumask_to_cpus(where, &cpus);
        if (rc)
            return rc;
    }
    tlb_flush_mask(cpus, what, TLBF_GLOBAL);
    return 0;
}

static long update_va_mapping(uint64_t va, uint64_t pte, uint64_t flags, struct mem_owner *page)
{
    struct vcpu *v = current;
    struct pte_context c = {.page_owner = page};
    struct pte_table t;
    unsigned index;
    int rc;

    rc = deferred_finish(v);
    if (!rc)
        rc = pte_find_l1(&t, &index, &v->domain->mem, paddr_to_mfn(v->kernel_cr3), va);
    if (rc)
        return rc;
    rc = pte_update(&t, index, pte, 0, NULL, &c);
    pte_table_close(&t);
    if (rc)
        return rc;
    return uvm_flush(va, flags);
}

long do_update_va_mapping(uint64_t va, uint64_t pte, uint64_t flags)
{
    long rc = update_va_mapping(va, pte, flags, &current_domain->mem);

    if (unlikely(rc == -ERESTART))
        return HYPERCALL_CONTINUE(__HYPERVISOR_update_va_mapping, va, pte, flags);
    return rc;
}

long do_update_va_mapping_otherdomain(uint64_t va, uint64_t pte, uint64_t flags, domid_t domid)
{
    struct foreign page;
    long rc = foreign_get(&page, domid);

    if (rc)
        return rc;
    rc = update_va_mapping(va, pte, flags, page.owner);
    foreign_put(&page);
    if (unlikely(rc == -ERESTART))
        return HYPERCALL_CONTINUE(__HYPERVISOR_update_va_mapping_otherdomain, va, pte, flags,
                                  domid);
    return rc;
}

/* --- walks ---------------------------------------------------------------------------------------
 */

uint64_t *pv_walk_l1e(struct vcpu *v, uint64_t va, mfn_t *l1mfn)
{
    uint64_t table = v->in_kernel ? v->kernel_cr3 : v->user_cr3;

#pragma GCC unroll 3
    for (unsigned shift = 39; shift > 12; shift -= 9) {
        uint64_t *t = mfn_to_virt(paddr_to_mfn(table));
        uint64_t e = load_once(&t[va >> shift & 511]);

        /* Another vCPU may free a table under our feet; what is read then is stale or
         * arbitrary, but must be an address of RAM before it is read through. */
        if (!(e & PTE_P) || !frame_is_ram(pte_mfn(e)))
            return NULL;
        table = e & PTE_ADDR;
    }
    *l1mfn = paddr_to_mfn(table);
    return (uint64_t *)mfn_to_virt(*l1mfn) + (va >> 12 & 511);
}
