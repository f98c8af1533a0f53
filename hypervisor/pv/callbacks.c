/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a guest wants to be entered: its trap table, its callbacks, its kernel stack, and the
 * assistances that change how it is entered.
 *
 * Every address that can become RIP is checked to be canonical here, when it is registered
 * (XSA-7): the entry paths then need no test.  An address inside the hypervisor's range would only
 * fault in ring 3.
 */
#include "abi/callback.h"
#include "abi/errno.h"
#include "abi/nmi.h"
#include "abi/xen.h"
#include "console/log.h"
#include "cpu/apic.h"
#include "cpu/cpu_info.h"
#include "cpu/insn.h"
#include "cpu/irq.h"
#include "debug/assert.h"
#include "domain/continuation.h"
#include "domain/domain.h"
#include "hooks.h"
#include "hypercall/handlers.h"
#include "lib/string.h"
#include "mem/guest_access.h"
#include "pv/pv.h"
#include "sched/softirq.h"

long do_set_trap_table(uint64_t traps)
{
    struct vcpu *v = current;
    struct trap_info t;

    if (!traps) {
        memset(v->trap_table, 0, 256 * sizeof v->trap_table[0]);
        return 0;
    }
    /* The list ends with a zero address; 256 vectors bound it (a vector may be named twice). */
    for (unsigned i = 0; i <= 256; i++, traps += sizeof t) {
        if (copy_from_guest(&t, traps, sizeof t))
            return guest_error(-EFAULT, "trap table entry cannot be read");
        if (!t.address)
            return 0;
        if (!is_canonical(t.address))
            return guest_error(-EINVAL, "trap handler address is not canonical");
        v->trap_table[t.vector] = (struct trap_entry){
            .address = t.address, .cs = pv_fix_selector(t.cs), .flags = t.flags};
    }
    return guest_error(-EINVAL, "trap table has no end");
}

static long register_callback(struct vcpu *v, const struct callback_register *r)
{
    struct vcpu_callback cb = {.address = r->address,
                               .mask_events = r->flags & CALLBACKF_mask_events};

    if (!is_canonical(r->address))
        return guest_error(-EINVAL, "callback address is not canonical");
    switch (r->type) {
    case CALLBACKTYPE_event: v->cb_event = cb; return 0;
    case CALLBACKTYPE_failsafe: v->cb_failsafe = cb; return 0;
    case CALLBACKTYPE_syscall: v->cb_syscall = cb; return 0;
    case CALLBACKTYPE_syscall32: v->cb_syscall32 = cb; return 0;
    case CALLBACKTYPE_sysenter: v->cb_sysenter = cb; return 0;
    case CALLBACKTYPE_nmi:
        v->trap_table[TRAP_NMI] = (struct trap_entry){
            .address = r->address, .cs = FLAT_KERNEL_CS, .flags = cb.mask_events ? 4 : 0};
        return 0;
    default: return guest_error(-ENOSYS, "no such callback type");
    }
}

static long unregister_callback(struct vcpu *v, unsigned type)
{
    switch (type) {
    case CALLBACKTYPE_event:
    case CALLBACKTYPE_failsafe:
    case CALLBACKTYPE_syscall:
    case CALLBACKTYPE_syscall32:
    case CALLBACKTYPE_sysenter: return guest_error(-EINVAL, "this callback cannot be taken back");
    case CALLBACKTYPE_nmi: memset(&v->trap_table[TRAP_NMI], 0, sizeof v->trap_table[0]); return 0;
    default: return guest_error(-ENOSYS, "no such callback type");
    }
}

long do_callback_op(int cmd, uint64_t arg)
{
    struct callback_register reg;
    struct callback_unregister unreg;

    switch (cmd) {
    case CALLBACKOP_register:
        if (copy_from_guest(&reg, arg, sizeof reg))
            return guest_error(-EFAULT, "callback structure cannot be read");
        return register_callback(current, &reg);
    case CALLBACKOP_unregister:
        if (copy_from_guest(&unreg, arg, sizeof unreg))
            return guest_error(-EFAULT, "callback structure cannot be read");
        return unregister_callback(current, unreg.type);
    default: return guest_error(-ENOSYS, "no such callback_op");
    }
}

/* The form of older kernels; in it, entry masks events for the failsafe and syscall callbacks only
 * if the initial context asked for it, which nobody does. */
long do_set_callbacks(uint64_t event, uint64_t failsafe, uint64_t syscall)
{
    struct vcpu *v = current;

    if (!is_canonical(event) || !is_canonical(failsafe) || !is_canonical(syscall))
        return guest_error(-EINVAL, "callback address is not canonical");
    v->cb_event.address = event;
    v->cb_failsafe.address = failsafe;
    v->cb_syscall.address = syscall;
    return 0;
}

static uint64_t dom0_nmi_reason;

/* In the NMI's handler only a word is written and a softirq raised; the interrupt to ourselves
 * makes this CPU pass its exit path, or the idle loop, where the rest is done. */
void nmi_upcall(uint64_t reason)
{
    atomic_get_or(&dom0_nmi_reason, reason);
    raise_softirq(SOFTIRQ_DOM0_NMI);
    apic_send_self(VECTOR_EVENT_CHECK);
}

void pv_dom0_nmi_softirq(void)
{
    uint64_t reason = atomic_xchg(&dom0_nmi_reason, 0);
    struct vcpu *v = dom0 ? dom0->vcpu[0] : NULL;

    if (!v || !v->trap_table[TRAP_NMI].address) {
        printk(XENLOG_WARNING "NMI: dom0 has no handler for it, ignored\n");
        return;
    }
    dom0->shared_info->arch.nmi_reason = reason;
    vcpu_send_nmi(v);
}

long do_nmi_op(unsigned cmd, uint64_t arg)
{
    struct xennmi_callback cb;
    struct callback_register reg = {.type = CALLBACKTYPE_nmi};

    switch (cmd) {
    case XENNMI_register_callback:
        if (copy_from_guest(&cb, arg, sizeof cb))
            return guest_error(-EFAULT, "NMI callback cannot be read");
        reg.address = cb.handler_address;
        return register_callback(current, &reg);
    case XENNMI_unregister_callback: return unregister_callback(current, CALLBACKTYPE_nmi);
    default: return guest_error(-ENOSYS, "no such nmi_op");
    }
}

long do_stack_switch(uint64_t ss, uint64_t sp)
{
    struct vcpu *v = current;

    v->kernel_ss = pv_fix_selector(ss);
    v->kernel_sp = sp;
    return 0;
}

long do_fpu_taskswitch(int set)
{
    struct vcpu *v = current;

    v->ts_set = set;
    if (set)
        write_cr0(read_cr0() | CR0_TS);
    else
        clts();
    return 0;
}

long do_vm_assist(unsigned cmd, unsigned type)
{
    struct domain *d = current_domain;

    if (type > VMASST_TYPE_m2p_strict || !(PV_VM_ASSIST_VALID & BIT(type)))
        return guest_error(-EINVAL, "no such assistance");
    switch (cmd) {
    case VMASST_CMD_enable: atomic_get_or(&d->vm_assist, BIT(type)); break;
    case VMASST_CMD_disable: atomic_get_and(&d->vm_assist, ~BIT(type)); break;
    default: return guest_error(-ENOSYS, "no such vm_assist command");
    }
    if (type == VMASST_TYPE_m2p_strict)
        atomic_inc(&d->mem.root_generation); /* restricted roots are made anew, with or without */
    return 0;
}
