/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine that a PV guest believes it has: what the files of this folder offer each other and
 * the layers above.
 */
#pragma once

#include "cpu/cpu_info.h"
#include "cpu/frame.h"
#include "cpu/insn.h"
#include "cpu/x86.h"
#include "domain/domain.h"
#include "domain/pv_hooks.h"
#include "lib/types.h"

/* Is `a` an address that a guest may have code or data at: canonical, and not ours? */
static inline bool guest_address_ok(uint64_t a)
{
    return a < 0x0000800000000000UL || a >= HYPERVISOR_VIRT_END;
}

/* Canonical at all: what RIP, bases and stack pointers must be before a processor sees them. */
static inline bool is_canonical(uint64_t a)
{
    return (uint64_t)((int64_t)(a << 16) >> 16) == a;
}

/* RFLAGS that a guest may have while it runs: interrupts on, no I/O privilege, no VM or NT. */
static inline uint64_t guest_rflags(uint64_t f)
{
    return (f & 0xffffffffUL & ~(RFLAGS_IOPL | RFLAGS_NT | RFLAGS_VM | RFLAGS_VIF | RFLAGS_VIP)) |
           RFLAGS_IF | RFLAGS_MBS;
}

#define DESC_PER_PAGE (PAGE_SIZE / 8)

/* CR0 as a guest reads it, but for TS, which is its own. */
#define GUEST_CR0 (CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG)

/* Types that a 64-bit guest may switch; the 32-bit ones are accepted, since Linux sets them on
 * every kernel, and mean nothing. */
#define PV_VM_ASSIST_VALID                                                                         \
    (BIT(VMASST_TYPE_4gb_segments) | BIT(VMASST_TYPE_4gb_segments_notify) |                        \
     BIT(VMASST_TYPE_writable_pagetables) | BIT(VMASST_TYPE_pae_extended_cr3) |                    \
     BIT(VMASST_TYPE_architectural_iopl) | BIT(VMASST_TYPE_runstate_update_flag) |                 \
     BIT(VMASST_TYPE_m2p_strict))

/* --- pv/bounce.c: entering the guest's handlers ------------------------------------------------
 */
/* Makes the frame continue in the guest's handler of exception `vector`.  error is pushed for the
 * vectors that have one; cr2 is published for #PF.  At most once per entry. */
void pv_inject(struct vcpu *v, struct cpu_regs *regs, unsigned vector, uint32_t error);
void pv_inject_pf(struct vcpu *v, struct cpu_regs *regs, uint32_t error, uint64_t cr2);
/* A software interrupt (INT n, INT3, INTO) of the guest itself: checks the handler's DPL. */
void pv_inject_soft(struct vcpu *v, struct cpu_regs *regs, unsigned vector);
void pv_failsafe(struct vcpu *v, struct cpu_regs *regs);

/* --- pv/context.c -------------------------------------------------------------------------------
 */
/* Switches the running vCPU between guest kernel and guest user mode: GS bases and page tables.
 * User pages are global and stay in the TLB; kernel pages are not and go (I5). */
static __always_inline void pv_toggle_mode_inline(struct vcpu *v)
{
    uint64_t cr3 = v->in_kernel ? v->user_cr3 : v->kernel_cr3;

    v->in_kernel = !v->in_kernel;
    swapgs();
    cpu_info()->cr3 = cr3;
    write_cr3(cr3);
}
void pv_toggle_mode(struct vcpu *v);
/* Loads the root that v's mode asks for.  flush_global: entries of user pages go too. */
void pv_load_cr3(struct vcpu *v, bool flush_global);

/* --- pv/restricted.c ----------------------------------------------------------------------------
 */
/* Once, when all CPUs are up: makes their restricted roots if any domain is to use them. */
void restricted_init(void);
/* v is being loaded on this CPU, or what is loaded taken away; interrupts are off. */
void restricted_load(struct vcpu *v);
void restricted_unload(void);
/*
 * Must a guest's page fault be tried again?  A restricted root is a copy, which another vCPU's
 * addition of an L4 entry does not reach before the next exit.  A removal does: it is flushed.
 */
static inline bool restricted_root_stale(const struct vcpu *v)
{
    const struct cpu_info *info = cpu_info();

    return info->restricted &&
           info->root[v->in_kernel].generation != load_once(&v->domain->mem.root_generation);
}

/* --- pv/segments.c ------------------------------------------------------------------------------
 */
/* Maps the shadow LDT page that a fault at `addr` in the vCPU's descriptor area asks for.
 * true: done, try again. */
bool pv_ldt_fault(struct vcpu *v, uint64_t offset);
void pv_gdt_destroy(struct vcpu *v);
/* The page of absent descriptors that stands where a guest's GDT has none. */
mfn_t pv_no_descriptors(void);
void pv_ldt_destroy(struct vcpu *v);
int pv_gdt_set(struct vcpu *v, const uint64_t *frames, unsigned entries);
/* What a selector may be in guest hands: ring 3, or null; RPL is forced up. */
uint16_t pv_fix_selector(uint16_t sel);
/* Checks a descriptor and fixes its DPL; false: it may not stand in a guest's GDT or LDT. */
bool pv_check_descriptor(uint64_t *desc);
/* Where v's GDT lies; its LDT is VCPU_DESC_LDT above. */
uint64_t pv_descriptor_area(const struct vcpu *v);
/* Registered with mem/audit: descriptor areas show the frames that are held for them. */
void segments_audit_register(void);
/* Loads GDT and LDT registers for v on this CPU. */
void pv_load_descriptors(struct vcpu *v);

/* --- pv/ptwr.c, pv/emulate.c, pv/cpuid_msr.c ----------------------------------------------------
 */
/* A guest kernel wrote to a read-only present page: emulates the write if it is a page-table write.
 * true: done (or refused and injected). */
bool pv_ptwr_fault(struct vcpu *v, struct cpu_regs *regs, uint64_t addr);
/* #GP of a guest: a privileged instruction that we emulate?  true: done. */
bool pv_emulate_privileged(struct vcpu *v, struct cpu_regs *regs);
/* #UD of a guest: the ud2a "xen" cpuid form.  true: done. */
bool pv_emulate_invalid_op(struct vcpu *v, struct cpu_regs *regs);

/* --- pv/mmu_ops.c -------------------------------------------------------------------------------
 */
/* The L1 entry that maps va in the tables that v runs on; NULL if a level is not present. */
uint64_t *pv_walk_l1e(struct vcpu *v, uint64_t va, mfn_t *l1mfn);

/* --- pv/mmuext.c --------------------------------------------------------------------------------
 */
/* New root for kernel (or user: is_user) mode of v, owner and type checked; 0, -errno, -ERESTART.
 */
int pv_set_root(struct vcpu *v, mfn_t mfn, bool is_user, bool preemptible);
