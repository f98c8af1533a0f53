/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * struct vcpu_guest_context, the ABI's picture of a whole vCPU: given by a kernel that starts
 * another vCPU (VCPUOP_initialise) and by the tools that build or restore a domain, read back by
 * the tools that save or debug one.
 *
 * Everything in it is hostile.  All of it is checked before anything of the vCPU changes; then
 * the frames (GDT, roots) are taken, which can fail or be preempted; then the rest is stored.
 */
#include "abi/errno.h"
#include "abi/xen.h"
#include "cpu/fpu.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "mem/guest_access.h"
#include "pv/debugreg.h"
#include "pv/emulate.h"
#include "pv/pv.h"
#include "time/clock.h"

/* Whether a second context moves registers only: roots and descriptor frames are referenced. */
static bool keeps_tables(const struct vcpu *v, const struct vcpu_guest_context *c)
{
    if (c->ctrlreg[3] >> PAGE_SHIFT != v->kernel_cr3 >> PAGE_SHIFT ||
        c->ctrlreg[1] >> PAGE_SHIFT != v->user_cr3 >> PAGE_SHIFT || c->gdt_ents != v->gdt_nr ||
        c->ldt_ents != v->ldt_nr || (c->ldt_ents && c->ldt_base != v->ldt_base))
        return false;
    for (unsigned i = 0; i < DIV_UP(c->gdt_ents, DESC_PER_PAGE); i++)
        if (c->gdt_frames[i] != v->gdt_frames[i].n)
            return false;
    return (c->flags & VGCF_in_kernel) || v->user_cr3;
}

static int check_context(const struct vcpu *v, const struct vcpu_guest_context *c)
{
    for (unsigned i = 0; i < 256; i++)
        if (!is_canonical(c->trap_ctxt[i].address))
            return guest_error(-EINVAL, "trap handler address is not canonical");
    if (!is_canonical(c->event_callback_eip) || !is_canonical(c->failsafe_callback_eip) ||
        !is_canonical(c->syscall_callback_eip))
        return guest_error(-EINVAL, "callback address is not canonical");
    if (!is_canonical(c->user_regs.rip))
        return guest_error(-EINVAL, "rip is not canonical");
    if (!is_canonical(c->fs_base) || !is_canonical(c->gs_base_kernel) ||
        !is_canonical(c->gs_base_user))
        return guest_error(-EINVAL, "segment base is not canonical");
    if (c->ldt_ents > 8192 || !is_canonical(c->ldt_base) || (c->ldt_base & ~PAGE_MASK))
        return guest_error(-EINVAL, "LDT base or size");
    if (c->gdt_ents > FIRST_RESERVED_GDT_ENTRY)
        return guest_error(-EINVAL, "GDT reaches into the hypervisor's entries");
    if (!(c->flags & VGCF_in_kernel) && !c->ctrlreg[1])
        return guest_error(-EINVAL, "user mode without a user page table");
    if (!v->id && (c->vm_assist & ~PV_VM_ASSIST_VALID))
        return guest_error(-EINVAL, "no such assistance");
    /* All vCPUs without a place of their own share one, and with it each other's events. */
    if ((c->flags & VGCF_online) && vcpu_info_is_dummy(v))
        return guest_error(-EINVAL, "online vCPU whose vcpu_info is not registered");
    if (v->is_initialised && !keeps_tables(v, c))
        return guest_error(-EOPNOTSUPP, "tables of a vCPU that has them cannot be replaced");
    return 0;
}

static void set_registers(struct vcpu *v, const struct vcpu_guest_context *c)
{
    const struct cpu_user_regs *u = &c->user_regs;
    struct cpu_regs *r = &v->regs;

    /* The general registers stand in the same order; the selectors do not. */
    memcpy(r, u, offsetof(struct cpu_regs, error_code));
    r->error_code = 0;
    r->entry_vector = FRAME_VEC_NEW;
    r->rip = u->rip;
    r->cs = u->cs | 3;
    r->rflags = guest_rflags(u->rflags);
    r->rsp = u->rsp;
    r->ss = u->ss | 3;
    v->ds = pv_fix_selector(u->ds);
    v->es = pv_fix_selector(u->es);
    v->fs = pv_fix_selector(u->fs);
    v->gs = pv_fix_selector(u->gs);
    v->fs_base = c->fs_base;
    v->gs_base_kernel = c->gs_base_kernel;
    v->gs_base_user = c->gs_base_user;
    v->kernel_ss = pv_fix_selector(c->kernel_ss);
    v->kernel_sp = c->kernel_sp;
    v->in_kernel = c->flags & VGCF_in_kernel;
    v->iopl = (u->rflags >> 12) & 3;
    v->ts_set = c->ctrlreg[0] & CR0_TS;
    v->guest_cr4 = pv_guest_cr4(v->domain, c->ctrlreg[4]);
    debugreg_set_all(v, c->debugreg);
    if (c->flags & VGCF_i387_valid)
        fpu_area_from_fxsave(v->fpu, c->fpu_ctxt.x);
    else
        fpu_area_init(v->fpu);
}

static void set_entries(struct vcpu *v, const struct vcpu_guest_context *c)
{
    for (unsigned i = 0; i < 256; i++)
        v->trap_table[i] = (struct trap_entry){.address = c->trap_ctxt[i].address,
                                               .cs = pv_fix_selector(c->trap_ctxt[i].cs),
                                               .flags = c->trap_ctxt[i].flags};
    v->cb_event = (struct vcpu_callback){.address = c->event_callback_eip};
    v->cb_failsafe =
        (struct vcpu_callback){.address = c->failsafe_callback_eip,
                               .mask_events = c->flags & VGCF_failsafe_disables_events};
    v->cb_syscall = (struct vcpu_callback){.address = c->syscall_callback_eip,
                                           .mask_events = c->flags & VGCF_syscall_disables_events};
}

int pv_set_guest_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
    int rc = check_context(v, c);

    if (rc)
        return rc;
    if (!v->is_initialised) {
        /* Each step is skipped when an earlier, preempted attempt has done it. */
        if (!v->kernel_cr3)
            rc = pv_set_root(v, MFN(c->ctrlreg[3] >> PAGE_SHIFT), false, true);
        if (!rc && c->ctrlreg[1] && !v->user_cr3)
            rc = pv_set_root(v, MFN(c->ctrlreg[1] >> PAGE_SHIFT), true, true);
        if (rc)
            return rc;
        rc = pv_gdt_set(v, c->gdt_frames, c->gdt_ents);
        if (rc)
            return rc; /* the roots stay with the vCPU and go at its death */
        if (v->id == 0 && !v->domain->is_control)
            v->domain->vm_assist = c->vm_assist;
        v->ldt_base = c->ldt_ents ? c->ldt_base : 0;
        v->ldt_nr = c->ldt_ents;
    }
    set_registers(v, c);
    set_entries(v, c);
    v->is_initialised = true;
    /* The builder has cleared shared_info: what was published there must come again, before the
     * kernel divides by a scale of zero. */
    clock_force_vcpu_time(v);
    if (v->id == 0)
        wallclock_update_domain(v->domain);
    if (c->flags & VGCF_online)
        atomic_get_and(&v->flags, ~VPF_DOWN);
    else
        atomic_get_or(&v->flags, VPF_DOWN);
    return 0;
}

static void get_registers(const struct vcpu *v, struct cpu_user_regs *u)
{
    const struct cpu_regs *r = &v->regs;

    memcpy(u, r, offsetof(struct cpu_regs, error_code));
    u->rip = r->rip;
    u->cs = r->cs;
    u->saved_upcall_mask = v->vcpu_info->evtchn_upcall_mask;
    u->rflags = (r->rflags & ~RFLAGS_IOPL) | (uint64_t)v->iopl << 12;
    u->rsp = r->rsp;
    u->ss = r->ss;
    u->ds = v->ds;
    u->es = v->es;
    u->fs = v->fs;
    u->gs = v->gs;
}

void pv_get_guest_context(struct vcpu *v, struct vcpu_guest_context *c)
{
    memset(c, 0, sizeof *c);
    memcpy(c->fpu_ctxt.x, v->fpu, sizeof c->fpu_ctxt.x); /* the legacy part comes first */
    c->flags = VGCF_i387_valid;
    if (v->in_kernel)
        c->flags |= VGCF_in_kernel;
    if (v->cb_failsafe.mask_events)
        c->flags |= VGCF_failsafe_disables_events;
    if (v->cb_syscall.mask_events)
        c->flags |= VGCF_syscall_disables_events;
    if (!(v->flags & VPF_DOWN))
        c->flags |= VGCF_online;
    get_registers(v, &c->user_regs);
    for (unsigned i = 0; i < 256; i++) {
        c->trap_ctxt[i].vector = i;
        c->trap_ctxt[i].flags = v->trap_table[i].flags;
        c->trap_ctxt[i].cs = v->trap_table[i].cs;
        c->trap_ctxt[i].address = v->trap_table[i].address;
    }
    c->ldt_base = v->ldt_base;
    c->ldt_ents = v->ldt_nr;
    for (unsigned i = 0; i < FIRST_RESERVED_GDT_PAGE; i++)
        c->gdt_frames[i] = mfn_eq(v->gdt_frames[i], INVALID_MFN) ? 0 : v->gdt_frames[i].n;
    c->gdt_ents = v->gdt_nr;
    c->kernel_ss = v->kernel_ss;
    c->kernel_sp = v->kernel_sp;
    c->ctrlreg[0] = GUEST_CR0 | (v->ts_set ? CR0_TS : 0);
    c->ctrlreg[1] = v->user_cr3;
    c->ctrlreg[3] = v->kernel_cr3;
    c->ctrlreg[4] = v->guest_cr4;
    for (unsigned i = 0; i < 8; i++)
        c->debugreg[i] = v->debugreg[i];
    c->event_callback_eip = v->cb_event.address;
    c->failsafe_callback_eip = v->cb_failsafe.address;
    c->syscall_callback_eip = v->cb_syscall.address;
    c->vm_assist = v->domain->vm_assist;
    c->fs_base = v->fs_base;
    c->gs_base_kernel = v->gs_base_kernel;
    c->gs_base_user = v->gs_base_user;
}
