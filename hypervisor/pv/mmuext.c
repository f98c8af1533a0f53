/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The roots of a vCPU's page tables, and mmuext_op, which loads them, pins tables, flushes
 * translations and sets the LDT.
 *
 * A root in use holds a reference of both kinds, so it stays a valid L4 whatever the guest does to
 * its pin; it is given up only after CR3 is another one.  Giving up may be long (a whole address
 * space ceases to be page tables): what is not finished is in v->deferred, and the call that left
 * it continues.  If a root could be changed without these references, a CPU would run on a table
 * that the guest writes.
 */
#include "abi/errno.h"
#include "abi/xen.h"
#include "cpu/cpu_info.h"
#include "cpu/insn.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "hypercall/handlers.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "mem/guest_access.h"
#include "mem/hot.h"
#include "mem/page_type.h"
#include "mem/pte.h"
#include "mem/tlb.h"
#include "pv/mmu_call.h"
#include "pv/pv.h"
#include "sched/sched.h"

/* --- roots --------------------------------------------------------------------------------------
 */

static void drop_root(struct vcpu *v, uint64_t cr3)
{
    struct frame *f = frame_of(paddr_to_mfn(cr3));

    if (unlikely(!page_type_try_put(f)) && page_type_put(f, PTF_PREEMPT) == -ERESTART &&
        !v->deferred) {
        v->deferred = f; /* the general reference goes along */
        return;
    }
    /* Half way down it holds itself.  An emulated MOV to CR3 comes here with the place taken, when
     * the guest makes it from an event handler within a hypercall that was interrupted: then the
     * domain's death, or the next use as a table, finishes this one. */
    frame_put_fast(f);
}

/* A reference of both kinds on a root.  0, -EINVAL, -ERESTART. */
static __always_inline int root_get(struct vcpu *v, struct frame *f, unsigned flags)
{
    int rc = 0;

    if (unlikely(!frame_get_fast(f, v->domain->mem.id)))
        return (int)guest_error(-EINVAL, "the root is not the domain's frame");
    if (unlikely(!page_type_try_get(f, PT_L4))) {
        rc = page_type_get(f, PT_L4, flags);
        if (rc)
            frame_put(f);
    }
    return rc;
}

int pv_set_root(struct vcpu *v, mfn_t mfn, bool is_user, bool preemptible)
{
    uint64_t *slot = is_user ? &v->user_cr3 : &v->kernel_cr3;
    uint64_t old = *slot, cr3 = mfn_to_paddr(mfn);
    int rc;

    /* Zero is "none" in the vCPU, so it would pass for the root that is there already. */
    if (!cr3)
        return guest_error(-EINVAL, "page-table root is frame 0");
    if (old != cr3) {
        if (!frame_valid(mfn))
            return guest_error(-EINVAL, "page-table root is not RAM");
        rc = root_get(v, frame_of(mfn), preemptible ? PTF_PREEMPT : 0);
        if (rc == -ERESTART)
            return rc;
        if (rc)
            return guest_error(-EINVAL, "page-table root is not the domain's, or not valid");
        *slot = cr3;
        if (v == current) /* the copy in this CPU's restricted root is of another one */
            cpu_info()->root[!is_user].generation = 0;
    }
    /* A user root is loaded on the way to user mode.  Loading a kernel root is also a request to
     * flush, and user pages are global: they would show through from the old process (I5). */
    if (!is_user && v == current)
        pv_load_cr3(v, true);
    if (old && old != cr3)
        drop_root(v, old);
    return 0;
}

static int new_user_root(struct vcpu *v, mfn_t mfn)
{
    uint64_t old = v->user_cr3;

    if (mfn.n)
        return pv_set_root(v, mfn, true, true);
    v->user_cr3 = 0;
    if (old)
        drop_root(v, old);
    return 0;
}

/* --- mmuext_op ----------------------------------------------------------------------------------
 */

static struct frame *op_frame(const struct mmuext_op *op)
{
    return frame_valid(MFN(op->arg1.mfn)) ? frame_of(MFN(op->arg1.mfn)) : NULL;
}

static int op_unpin(struct vcpu *v, struct frame *f, struct mem_owner *o)
{
    int rc;

    if (!f)
        return guest_error(-EINVAL, "unpin of a frame that is not RAM");
    rc = page_unpin(f, o, PTF_PREEMPT);
    if (rc == -ERESTART) {
        v->deferred = f;
        return 0;
    }
    return rc;
}

static int op_flush_multi(const struct mmuext_op *op, uint64_t what)
{
    cpumask_t cpus;

    if (vcpumask_to_cpus(op->arg2.vcpumask, &cpus))
        return guest_error(-EINVAL, "no vCPU mask to flush by");
    tlb_flush_mask(cpus, what, TLBF_GLOBAL);
    return 0;
}

static int op_set_ldt(struct vcpu *v, const struct mmuext_op *op)
{
    uint64_t base = op->arg1.linear_addr;
    uint32_t nr = op->arg2.nr_ents;

    if ((base & ~PAGE_MASK) || nr > 8192)
        return guest_error(-EINVAL, "LDT is not aligned, or too long");
    if (nr && !guest_range_okay(base, nr * 8UL))
        return guest_error(-EINVAL, "LDT is not in guest memory");
    if (v->ldt_base == base && v->ldt_nr == nr)
        return 0;
    pv_ldt_destroy(v);
    v->ldt_base = base;
    v->ldt_nr = nr;
    pv_load_descriptors(v);
    return 0;
}

/* CLEAR_PAGE and COPY_PAGE write a frame for its owner: it must be, and stay, writable memory. */
static int op_write_page(const struct mmuext_op *op, struct mem_owner *o)
{
    struct frame *dst = op_frame(op), *src = NULL;

    if (op->cmd == MMUEXT_COPY_PAGE) {
        src = frame_valid(MFN(op->arg2.src_mfn)) ? frame_of(MFN(op->arg2.src_mfn)) : NULL;
        if (!src || !frame_get(src, o->id))
            return guest_error(-EINVAL, "source frame is not the domain's");
    }
    if (!dst || frame_get_type(dst, o->id, PT_WRITABLE, 0)) {
        if (src)
            frame_put(src);
        return guest_error(-EINVAL, "target frame is not the domain's, or a page table");
    }
    if (src) {
        memcpy(frame_virt(dst), frame_virt(src), PAGE_SIZE);
        frame_put(src);
    } else {
        memset(frame_virt(dst), 0, PAGE_SIZE);
    }
    frame_put_type(dst);
    return 0;
}

static int op_flush_cache(struct domain *d, cpumask_t cpus)
{
    if (!d->mem.has_io)
        return guest_error(-EACCES, "cache flush without device access");
    tlb_flush_mask(cpus, TLB_ALL, TLBF_GLOBAL | TLBF_CACHE);
    return 0;
}

/* Operations on the caller's own address space. */
static int mmuext_own(struct vcpu *v, const struct mmuext_op *op)
{
    struct domain *d = v->domain;
    uint64_t va = op->arg1.linear_addr;

    switch (op->cmd) {
    case MMUEXT_NEW_BASEPTR: return pv_set_root(v, MFN(op->arg1.mfn), false, true);
    case MMUEXT_NEW_USER_BASEPTR: return new_user_root(v, MFN(op->arg1.mfn));
    case MMUEXT_TLB_FLUSH_LOCAL: tlb_flush_local(TLB_ALL, TLBF_GLOBAL); return 0;
    case MMUEXT_INVLPG_LOCAL:
        if (guest_address_ok(va))
            tlb_flush_local(va, TLBF_GLOBAL);
        return 0;
    case MMUEXT_TLB_FLUSH_MULTI: return op_flush_multi(op, TLB_ALL);
    case MMUEXT_INVLPG_MULTI: return guest_address_ok(va) ? op_flush_multi(op, va) : 0;
    case MMUEXT_TLB_FLUSH_ALL: tlb_flush_mask(d->mem.dirty_cpus, TLB_ALL, TLBF_GLOBAL); return 0;
    case MMUEXT_INVLPG_ALL:
        if (guest_address_ok(va))
            tlb_flush_mask(d->mem.dirty_cpus, va, TLBF_GLOBAL);
        return 0;
    case MMUEXT_FLUSH_CACHE: return op_flush_cache(d, BIT(smp_cpu_id()));
    case MMUEXT_FLUSH_CACHE_GLOBAL: return op_flush_cache(d, tlb_online);
    default: return op_set_ldt(v, op);
    }
}

static int mmuext_one(struct vcpu *v, const struct mmuext_op *op, struct mem_owner *o)
{
    struct frame *f;

    /* The two of each process switch, before the compiler's search among all. */
    if (op->cmd == MMUEXT_NEW_BASEPTR || op->cmd == MMUEXT_NEW_USER_BASEPTR)
        if (likely(o == &v->domain->mem))
            return mmuext_own(v, op);
    switch (op->cmd) {
    case MMUEXT_PIN_L1_TABLE:
    case MMUEXT_PIN_L2_TABLE:
    case MMUEXT_PIN_L3_TABLE:
    case MMUEXT_PIN_L4_TABLE:
        f = op_frame(op);
        if (!f)
            return guest_error(-EINVAL, "pin of a frame that is not RAM");
        return page_pin(f, o, PT_L1 + (op->cmd - MMUEXT_PIN_L1_TABLE), PTF_PREEMPT);
    case MMUEXT_UNPIN_TABLE: return op_unpin(v, op_frame(op), o);
    case MMUEXT_CLEAR_PAGE:
    case MMUEXT_COPY_PAGE: return op_write_page(op, o);
    case MMUEXT_MARK_SUPER:
    case MMUEXT_UNMARK_SUPER: return guest_error(-EOPNOTSUPP, "superpages are not offered");
    case MMUEXT_NEW_BASEPTR ... MMUEXT_SET_LDT:
    case MMUEXT_NEW_USER_BASEPTR:
    case MMUEXT_FLUSH_CACHE_GLOBAL:
        if (o != &v->domain->mem)
            return guest_error(-EPERM, "operation on another domain's address space");
        return mmuext_own(v, op);
    default: return guest_error(-ENOSYS, "no such mmuext_op");
    }
}

static __attribute__((noinline)) long mmuext_list(uint64_t uops, unsigned count, uint64_t pdone,
                                                  unsigned foreigndom)
{
    struct vcpu *v = current;
    struct foreign page;
    struct mmuext_op op __uninitialized; /* read whole, or not used */
    uint32_t done;
    unsigned i = 0;
    int rc;

    rc = progress_start(&count, pdone, &done);

    if (rc)
        return rc;
    if (!guest_array_okay(uops, count, sizeof op))
        return guest_error(-EFAULT, "list of operations is not in guest memory");
    rc = foreign_get(&page, foreigndom);
    if (rc)
        return rc;

    rc = deferred_finish(v);
    while (!rc && i < count) {
        if (i && hypercall_preempt_check()) {
            rc = -ERESTART;
            break;
        }
        if (read_guest_words(&op, uops + i * sizeof op, sizeof op / 8)) {
            rc = guest_error(-EFAULT, "operation cannot be read");
            break;
        }
        rc = mmuext_one(v, &op, page.owner);
        if (rc)
            break;
        i++;
        rc = deferred_finish(v);
    }
    foreign_put(&page);
    return progress_end(__HYPERVISOR_mmuext_op, uops, sizeof op, i, count, pdone, done, foreigndom,
                        rc);
}

long do_mmuext_op(uint64_t uops, unsigned count, uint64_t pdone, unsigned foreigndom)
{
    uint64_t op[2] __uninitialized; /* command and address: read whole, or not used */

    /* The most frequent of all by far: Linux flushes page by page where it can.  In a function that
     * does nothing else, so that it saves no registers; any other is read again where it is done.
     */
    _Static_assert(offsetof(struct mmuext_op, cmd) == 0 &&
                       offsetof(struct mmuext_op, arg1.linear_addr) == 8,
                   "the first two words");
    if (likely(((count ^ 1) | (foreigndom ^ DOMID_SELF) | pdone) == 0 &&
               guest_range_okay(uops, sizeof(struct mmuext_op)) &&
               !read_guest_words_okay(op, uops, 2) && (uint32_t)op[0] == MMUEXT_INVLPG_LOCAL)) {
        if (guest_address_ok(op[1]))
            invlpg(op[1]);
        return 0;
    }
    return mmuext_list(uops, count, pdone, foreigndom);
}

/* --- death ---------------------------------------------------------------------------------------
 */

int pv_vcpu_relinquish(struct vcpu *v)
{
    int rc = deferred_finish(v);

    if (rc)
        return rc;
    pv_gdt_destroy(v);
    pv_ldt_destroy(v);
    if (v->user_cr3) {
        uint64_t old = v->user_cr3;

        v->user_cr3 = 0;
        drop_root(v, old);
        rc = deferred_finish(v);
        if (rc)
            return rc;
    }
    if (v->kernel_cr3) {
        uint64_t old = v->kernel_cr3;

        v->kernel_cr3 = 0;
        drop_root(v, old);
        rc = deferred_finish(v);
    }
    return rc;
}
