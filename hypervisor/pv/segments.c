/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's segments: GDT, LDT, single descriptors, segment bases.
 *
 * Frames of a GDT or LDT have the type PT_SEGDESC, so the guest cannot write them but through
 * update_descriptor (I1).  They are mapped into the vCPU's descriptor area, whose last two GDT
 * pages are the hypervisor's own; the area's address never changes, so a change of GDT costs no
 * LGDT. LDT pages are mapped when the processor first asks for one: most guests never use theirs.
 *
 * In 64-bit mode a descriptor's base and limit protect nothing; what matters is that no
 * descriptor lets a guest into ring 0 to 2: present code and data descriptors get DPL 3, and gates
 * and system descriptors are refused.
 */
#include "abi/errno.h"
#include "abi/xen.h"
#include "cpu/cpu.h"
#include "cpu/cpu_info.h"
#include "cpu/desc.h"
#include "cpu/ex_table.h"
#include "cpu/insn.h"
#include "cpu/segbase.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "hypercall/handlers.h"
#include "mem/audit.h"
#include "mem/frame.h"
#include "mem/guest_access.h"
#include "mem/layout.h"
#include "mem/map.h"
#include "mem/page_type.h"
#include "mem/tlb.h"
#include "mem/validate.h"
#include "pv/pv.h"

uint16_t pv_fix_selector(uint16_t sel)
{
    return sel & 0xfffc ? sel | 3 : sel;
}

uint64_t pv_descriptor_area(const struct vcpu *v)
{
    return VCPU_DESC_BASE + (uint64_t)v->desc_slot * VCPU_DESC_STRIDE;
}

static uint64_t area_va(const struct vcpu *v, unsigned page)
{
    return pv_descriptor_area(v) + page * PAGE_SIZE;
}

#define LDT_FIRST_PAGE (VCPU_DESC_LDT / PAGE_SIZE)

/*
 * After a change in v's area.  Only a CPU that has v loaded reads it, and one that had it has
 * emptied its TLB since.  So no guest makes the CPUs of others flush, however often it changes its
 * tables.
 */
static void flush_area(const struct vcpu *v)
{
    tlb_flush_mask(load_once(&v->domain->mem.dirty_cpus), TLB_ALL, TLBF_GLOBAL);
}

/* Puts `nr` referenced frames in the place of those that v has. */
static void gdt_replace(struct vcpu *v, struct frame *const *f, unsigned nr)
{
    mfn_t old[FIRST_RESERVED_GDT_PAGE];
    bool any = false;

    for (unsigned i = 0; i < FIRST_RESERVED_GDT_PAGE; i++) {
        old[i] = v->gdt_frames[i];
        v->gdt_frames[i] = i < nr ? frame_mfn(f[i]) : INVALID_MFN;
        if (mfn_eq(v->gdt_frames[i], old[i]))
            continue;
        any = true;
        if (i < nr) /* writable for the accessed bits that the processor sets */
            remap_page_unflushed(area_va(v, i), v->gdt_frames[i], MAP_RW);
        else
            remap_page_unflushed(area_va(v, i), pv_no_descriptors(), MAP_RO);
    }
    if (any)
        flush_area(v);
    for (unsigned i = 0; i < FIRST_RESERVED_GDT_PAGE; i++)
        if (!mfn_eq(old[i], INVALID_MFN))
            frame_put_type(frame_of(old[i])); /* which may become anything now (I4) */
}

void pv_gdt_destroy(struct vcpu *v)
{
    v->gdt_nr = 0;
    gdt_replace(v, NULL, 0);
}

int pv_gdt_set(struct vcpu *v, const uint64_t *frames, unsigned entries)
{
    unsigned nr = DIV_UP(entries, DESC_PER_PAGE), i;
    struct frame *f[FIRST_RESERVED_GDT_PAGE];

    if (entries > FIRST_RESERVED_GDT_ENTRY)
        return guest_error(-EINVAL, "GDT reaches into the hypervisor's entries");
    for (i = 0; i < nr; i++) {
        f[i] = frame_valid(MFN(frames[i])) ? frame_of(MFN(frames[i])) : NULL;
        if (!f[i] || frame_get_type(f[i], v->domain->mem.id, PT_SEGDESC, 0)) {
            while (i--)
                frame_put_type(f[i]);
            return guest_error(-EINVAL, "GDT frame is not the guest's, or holds a bad descriptor");
        }
    }
    gdt_replace(v, f, nr);
    v->gdt_nr = entries;
    return 0;
}

long do_set_gdt(uint64_t frame_list, unsigned entries)
{
    uint64_t frames[FIRST_RESERVED_GDT_PAGE];

    if (entries > FIRST_RESERVED_GDT_ENTRY)
        return guest_error(-EINVAL, "GDT reaches into the hypervisor's entries");
    if (copy_from_guest(frames, frame_list, DIV_UP(entries, DESC_PER_PAGE) * sizeof frames[0]))
        return guest_error(-EFAULT, "list of GDT frames cannot be read");
    return pv_gdt_set(current, frames, entries);
}

/* --- LDT ---------------------------------------------------------------------------------------
 */

void pv_ldt_destroy(struct vcpu *v)
{
    if (!v->ldt_mapped)
        return;
    for (unsigned i = 0; i < 16; i++)
        if (v->ldt_mapped & 1u << i)
            unmap_pages_unflushed(area_va(v, LDT_FIRST_PAGE + i), 1);
    flush_area(v);
    for (unsigned i = 0; i < 16; i++) {
        if (!(v->ldt_mapped & 1u << i))
            continue;
        frame_put_type(frame_of(v->ldt_frames[i]));
        v->ldt_frames[i] = INVALID_MFN;
    }
    v->ldt_mapped = 0;
}

bool pv_ldt_fault(struct vcpu *v, uint64_t offset)
{
    unsigned page = offset / PAGE_SIZE;
    uint64_t *l1e, e, va = v->ldt_base + page * PAGE_SIZE;
    mfn_t l1;

    /* The whole of the limit check: a page behind the table's end is never promoted (XSA-298). */
    if (offset >= v->ldt_nr * 8UL || v->ldt_mapped & 1u << page)
        return false;
    if (!guest_address_ok(va))
        return false;
    l1e = pv_walk_l1e(v, va, &l1);
    if (!l1e)
        return false;
    e = *(volatile uint64_t *)l1e;
    if (!(e & PTE_P) || !frame_valid(MFN((e & PTE_ADDR) >> PAGE_SHIFT)))
        return false;
    mfn_t mfn = MFN((e & PTE_ADDR) >> PAGE_SHIFT);
    if (frame_get_type(frame_of(mfn), v->domain->mem.id, PT_SEGDESC, 0))
        return false;
    v->ldt_frames[page] = mfn;
    v->ldt_mapped |= 1u << page;
    BUG_ON(!map_pages(area_va(v, LDT_FIRST_PAGE + page), mfn, 1, MAP_RW));
    return true;
}

void pv_load_descriptors(struct vcpu *v)
{
    desc_load_gdt(area_va(v, 0));
    desc_load_ldt(area_va(v, LDT_FIRST_PAGE), v->ldt_nr);
}

/* --- the audit ----------------------------------------------------------------------------------
 */

static void check_page(struct audit *a, const struct vcpu *v, unsigned page, mfn_t mfn)
{
    uint64_t e = map_lookup(area_va(v, page));
    mfn_t mapped = e & PTE_P ? paddr_to_mfn(e & PTE_ADDR) : INVALID_MFN;

    if (!mfn_eq(mapped, mfn))
        audit_complain(a, "d%uv%u: descriptor page %u shows frame %#lx, not %#lx (I2)",
                       v->domain->mem.id, v->id, page, mapped.n, mfn.n);
}

/* The processor reads descriptors from what is mapped, whatever has a reference. */
static void report(struct audit *a)
{
    const struct domain *d;
    const struct vcpu *v;

    if (!audit_first(a))
        return;
    list_for_each (d, &domain_list, list) {
        for_each_vcpu (d, v) {
            for (unsigned i = 0; i < FIRST_RESERVED_GDT_PAGE; i++)
                check_page(a, v, i,
                           mfn_eq(v->gdt_frames[i], INVALID_MFN) ? pv_no_descriptors()
                                                                 : v->gdt_frames[i]);
            for (unsigned i = 0; i < 16; i++)
                check_page(a, v, LDT_FIRST_PAGE + i,
                           v->ldt_mapped >> i & 1 ? v->ldt_frames[i] : INVALID_MFN);
        }
    }
}

void segments_audit_register(void)
{
    audit_register(report);
}

/* --- one descriptor ----------------------------------------------------------------------------
 */

long do_update_descriptor(uint64_t maddr, uint64_t desc)
{
    mfn_t mfn = paddr_to_mfn(maddr);
    struct domain *d = current_domain;
    struct frame *f;
    int rc;

    if (maddr & 7)
        return guest_error(-EINVAL, "descriptor address is not aligned");
    if (!segdesc_ok(&desc))
        return guest_error(-EINVAL, "descriptor is a gate, a system segment or for another ring");
    if (!frame_valid(mfn))
        return guest_error(-EINVAL, "descriptor is not in RAM");
    f = frame_of(mfn);
    if (!frame_get(f, d->mem.id))
        return guest_error(-EINVAL, "descriptor is in a frame that is not the caller's");
    /* A frame in use as a table of descriptors stays one; any other must be writable. */
    rc = page_type_get(f, page_type(f) == PT_SEGDESC ? PT_SEGDESC : PT_WRITABLE, 0);
    if (rc) {
        frame_put(f);
        return guest_error(-EINVAL, "descriptor is in a page table");
    }
    __atomic_store_n((uint64_t *)((char *)mfn_to_virt(mfn) + (maddr & ~PAGE_MASK)), desc,
                     __ATOMIC_RELAXED);
    page_type_put(f, 0);
    frame_put(f);
    return 0;
}

/* --- segment bases ------------------------------------------------------------------------------
 */

/* Loads a selector into the GS that SWAPGS hides: the user's, while the kernel runs. */
static void load_user_gs(uint16_t sel)
{
    uint64_t flags = local_irq_save(); /* no interrupt may see the user's base as the kernel's */

    swapgs();
    __asm__ volatile("1: movl %k0, %%gs\n"
                     "   jmp 3f\n"
                     "2: xorl %k0, %k0\n"
                     "   movl %k0, %%gs\n"
                     "3:\n" EX_TABLE("1b", "2b")
                     : "+r"(sel));
    swapgs();
    local_irq_restore(flags);
}

long do_set_segment_base(unsigned which, uint64_t base)
{
    if (which <= SEGBASE_GS_KERNEL && !is_canonical(base))
        return guest_error(-EINVAL, "segment base is not canonical");
    switch (which) {
    case SEGBASE_FS: set_fs_base(base); return 0;
    case SEGBASE_GS_USER: wrmsr(MSR_KERNEL_GS_BASE, base); return 0;
    case SEGBASE_GS_KERNEL: set_gs_base(base); return 0;
    case SEGBASE_GS_USER_SEL: load_user_gs(pv_fix_selector(base)); return 0;
    default: return guest_error(-EINVAL, "no such segment base");
    }
}
