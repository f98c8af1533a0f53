/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exceptions that a guest took: ours, emulated, or reflected to the guest.
 *
 * Nothing here may stop the machine for something that a guest did.  The order of the tests is by
 * frequency: most page faults are the guest's own business, and one comparison decides that.
 */
#include "abi/xen.h"
#include "cpu/insn.h"
#include "debug/assert.h"
#include "debug/trace.h"
#include "domain/domain.h"
#include "hooks.h"
#include "mem/guest_access.h"
#include "mem/layout.h"
#include "mem/tlb.h"
#include "pv/pv.h"

void trap_from_guest(struct cpu_regs *regs);
void pv_iret_fault(struct cpu_regs *regs, uint32_t vector, uint32_t error);

/*
 * The processor read the vCPU's LDT, which is mapped page by page as it is needed.  If the page
 * cannot be one, the guest sees the fault where it put its table.
 */
static void ldt_fault(struct vcpu *v, struct cpu_regs *regs, uint64_t offset)
{
    uint64_t addr = v->ldt_base + offset;

    if (pv_ldt_fault(v, offset))
        return; /* try again */
    if (is_canonical(addr))
        pv_inject_pf(v, regs, regs->error_code, addr);
    else
        pv_inject(v, regs, TRAP_GP, (offset & 0xfff8) | 4); /* the selector, with its table bit */
}

static __always_inline void page_fault(struct vcpu *v, struct cpu_regs *regs, uint64_t addr)
{
    uint64_t ldt = VCPU_DESC_BASE + (uint64_t)v->desc_slot * VCPU_DESC_STRIDE + VCPU_DESC_LDT;
    uint32_t err = regs->error_code;

    TRACE(TRC_PV_PAGE_FAULT | TRC_64_FLAG, TRACE_64(regs->rip), TRACE_64(addr), err);
    if (unlikely(addr - HYPERVISOR_VIRT_START < HYPERVISOR_VIRT_END - HYPERVISOR_VIRT_START)) {
        /* Without the user bit it was the processor itself: only descriptors are read so. */
        if (!(err & (PF_USER | PF_RSVD)) && addr - ldt < VCPU_DESC_SIZE - VCPU_DESC_LDT) {
            ldt_fault(v, regs, addr - ldt);
            return;
        }
    } else if (v->in_kernel &&
               (err & (PF_PRESENT | PF_WRITE | PF_RSVD | PF_INSN)) == (PF_PRESENT | PF_WRITE)) {
        if (pv_ptwr_fault(v, regs, addr))
            return;
    }
    if (unlikely(restricted_root_stale(v)))
        return; /* the way out makes the copy anew */
    pv_inject_pf(v, regs, err, addr);
}

/*
 * INT n from a guest arrives as #GP, because every gate of the IDT is for ring 0 only.  The error
 * code then names the gate (bit 1); TCG computes it wrongly, so the instruction itself is read.
 */
static bool software_interrupt(struct vcpu *v, struct cpu_regs *regs)
{
    uint8_t insn[2];
    const struct trap_entry *t;
    unsigned dpl;

    if (!(regs->error_code & 2) || copy_from_guest(insn, regs->rip, 2) || insn[0] != 0xcd)
        return false;
    t = &v->trap_table[insn[1]];
    dpl = t->flags & 3;
    /* The ABI's guest kernel counts as ring 1. */
    if (!t->address || dpl < (v->in_kernel ? 1 : 3)) {
        /* No such gate for this caller: a processor reports the gate in the error code. */
        regs->error_code = insn[1] * 8 + 2;
        return false;
    }
    regs->rip += 2;
    pv_inject_soft(v, regs, insn[1]);
    return true;
}

static void general_protection(struct vcpu *v, struct cpu_regs *regs)
{
    if (regs->error_code & 2 && software_interrupt(v, regs))
        return;
    if (regs->error_code == 0 && pv_emulate_privileged(v, regs))
        return;
    pv_inject(v, regs, TRAP_GP, regs->error_code);
}

/* #DB: what the guest may see of DR6 is what its own breakpoints and single steps set. */
static void debug_exception(struct vcpu *v, struct cpu_regs *regs, uint64_t dr6)
{
    v->debugreg[6] = (v->debugreg[6] & ~0xfUL) | (dr6 & 0xe00fUL) | 0xffff0ff0UL;
    pv_inject(v, regs, TRAP_DB, 0);
}

void trap_from_guest(struct cpu_regs *regs)
{
    struct vcpu *v = current;
    uint64_t aux;

    if (likely(regs->entry_vector == TRAP_PF)) {
        aux = read_cr2(); /* before interrupts can bring another fault */
        local_irq_enable();
        page_fault(v, regs, aux);
        return;
    }
    switch (regs->entry_vector) {
    case TRAP_GP:
        local_irq_enable();
        general_protection(v, regs);
        return;
    case TRAP_NM:
        /* Extended state is switched eagerly, so this is the guest's own TS: clear it, tell it. */
        v->ts_set = false;
        clts();
        local_irq_enable();
        pv_inject(v, regs, TRAP_NM, 0);
        return;
    case TRAP_UD:
        local_irq_enable();
        if (!pv_emulate_invalid_op(v, regs))
            pv_inject(v, regs, TRAP_UD, 0);
        return;
    case TRAP_DB:
        aux = read_dr6();
        write_dr6(0xffff0ff0UL);
        local_irq_enable();
        debug_exception(v, regs, aux);
        return;
    default: local_irq_enable(); pv_inject(v, regs, regs->entry_vector, regs->error_code);
    }
}

/*
 * IRETQ to the guest refused its selectors or its address.  To the guest that is a fault of the
 * instruction it was to go on with, in the mode that it was to have there, as Xen does it.  Nothing
 * is emulated, since nothing was executed.
 */
void pv_iret_fault(struct cpu_regs *regs, uint32_t vector, uint32_t error)
{
    struct vcpu *v = current;
    uint64_t addr = read_cr2();

    local_irq_enable();
    regs->error_code = error;
    if (vector == TRAP_PF)
        page_fault(v, regs, addr);
    else
        pv_inject(v, regs, vector, error);
}
