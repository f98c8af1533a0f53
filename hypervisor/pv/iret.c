/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The iret hypercall: how a guest kernel leaves one of its handlers, and the only way into guest
 * user mode.
 *
 * The frame is on the guest kernel's stack: rax, r11, rcx, flags, rip, cs, rflags, rsp, ss.  It
 * is copied once; RFLAGS are forced to what a guest may have, selectors are the processor's own
 * check (a bad one faults at our IRETQ, which becomes the guest's fault).  RIP needs no check:
 * IRETQ to a RIP that is not canonical faults in the guest, and SYSRET is only used after a test.
 */
#include "abi/xen.h"
#include "cpu/cpu_info.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "hypercall/handlers.h"
#include "mem/guest_access.h"
#include "pv/pv.h"

long do_iret(void)
{
    struct cpu_regs *regs = guest_regs();
    struct vcpu *v = current;
    struct iret_context f __uninitialized; /* read whole, or not used */

    if (unlikely(read_guest_words(&f, regs->rsp, sizeof f / 8))) {
        domain_crash(v->domain, "vcpu %u: iret frame at %#lx cannot be read", v->id, regs->rsp);
        return 0;
    }
    if ((f.cs & 3) == 3) {
        if (unlikely(!v->user_cr3)) {
            domain_crash(v->domain, "vcpu %u: iret to user mode without a user page table", v->id);
            return 0;
        }
        pv_toggle_mode(v);
    }
    if (v->domain->vm_assist & (1u << VMASST_TYPE_architectural_iopl))
        v->iopl = (f.rflags >> 12) & 3;

    regs->rip = f.rip;
    regs->cs = (f.cs & 0xffff) | 3; /* guest kernel code runs in ring 3 as well */
    regs->rflags = guest_rflags(f.rflags);
    regs->rsp = f.rsp;
    regs->ss = (f.ss & 0xffff) | 3;
    if (f.flags & VGCF_in_syscall) {
        regs->entry_vector = FRAME_VEC_SYSCALL; /* rcx and r11 may be lost */
    } else {
        regs->entry_vector = FRAME_VEC_NEW;
        regs->r11 = f.r11;
        regs->rcx = f.rcx;
    }
    /* The virtual interrupt flag comes back; an event that waited is seen by the exit path. */
    *(volatile uint8_t *)&v->vcpu_info->evtchn_upcall_mask = !(f.rflags & RFLAGS_IF);
    if (unlikely(v->nmi_masked)) {
        v->nmi_masked = false;
        if (v->nmi_pending)
            raise_softirq(SOFTIRQ_NMI);
    }
    return f.rax;
}
