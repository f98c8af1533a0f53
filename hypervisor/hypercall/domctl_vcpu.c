/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * domctl: the state of single vCPUs, as save, restore, debuggers and `xl vcpu-*` need it.
 *
 * Who reads or writes a vCPU's registers pauses it first; the table in domctl.c has made sure that
 * it is not the caller's own.  Everything written comes from a migration stream and is as hostile
 * as a guest: pv/ checks contexts, here the extended state is checked before a processor loads it.
 */
#include "abi/errno.h"
#include "cpu/apic.h"
#include "cpu/clocksource.h"
#include "cpu/cpu.h"
#include "cpu/fpu.h"
#include "cpu/x86.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "domain/pv_hooks.h"
#include "hypercall/control.h"
#include "lib/string.h"
#include "mem/guest_access.h"
#include "mem/heap.h"
#include "mem/numa.h"
#include "pv/cpu_policy.h"

/* In front of the XSAVE area in a stream: XCR0 now, and all components ever used. */
struct extstate_header {
    uint64_t xcr0;
    uint64_t xcr0_accum;
};

/* vCPU contexts are larger than a page and too large for the stack. */
#define CONTEXT_ORDER 1
_Static_assert(sizeof(struct vcpu_guest_context) <= PAGE_SIZE << CONTEXT_ORDER, "context buffer");

static long find_any_vcpu(struct domain *d, unsigned id, struct vcpu **v)
{
    *v = id < d->max_vcpus ? d->vcpu[id] : NULL;
    return *v ? 0 : guest_error(-ESRCH, "no such vCPU");
}

/* The older calls tell tools that a number can be of no vCPU. */
static long find_vcpu(struct domain *d, unsigned id, struct vcpu **v)
{
    if (id >= d->max_vcpus)
        return guest_error(-EINVAL, "vCPU number above max_vcpus");
    return find_any_vcpu(d, id, v);
}

long domctl_setvcpucontext(struct domctl_call *c)
{
    const struct xen_domctl_vcpucontext *arg = &c->op->u.vcpucontext;
    struct vcpu_guest_context *ctx;
    struct vcpu *v;
    long rc = find_vcpu(c->d, arg->vcpu, &v);

    if (rc)
        return rc;
    if (!arg->ctxt)
        return guest_error(-EOPNOTSUPP, "vCPUs cannot be reset");
    if (c->d->dying != DOMDYING_NO)
        return guest_error(-EINVAL, "domain is dying");
    ctx = hv_alloc_pages(CONTEXT_ORDER);
    if (!ctx)
        return guest_error(-ENOMEM, "no memory for it");
    if (copy_from_guest(ctx, arg->ctxt, sizeof(*ctx))) {
        rc = guest_error(-EFAULT, "an argument cannot be read");
    } else {
        domain_pause(c->d);
        rc = pv_set_guest_context(v, ctx);
        domain_unpause(c->d);
        if (!rc)
            vcpu_wake(v); /* the context may have said "online" */
    }
    hv_free_pages(ctx, CONTEXT_ORDER);
    return rc;
}

long domctl_getvcpucontext(struct domctl_call *c)
{
    const struct xen_domctl_vcpucontext *arg = &c->op->u.vcpucontext;
    struct vcpu_guest_context *ctx;
    struct vcpu *v;
    long rc = find_vcpu(c->d, arg->vcpu, &v);

    if (rc)
        return rc;
    if (!v->is_initialised)
        return guest_error(-ENODATA, "vCPU has no context yet");
    ctx = hv_alloc_pages(CONTEXT_ORDER);
    if (!ctx)
        return guest_error(-ENOMEM, "no memory for it");
    vcpu_pause(v);
    pv_get_guest_context(v, ctx);
    vcpu_unpause(v);
    rc = copy_to_guest(arg->ctxt, ctx, sizeof(*ctx))
             ? guest_error(-EFAULT, "the result cannot be written")
             : 0;
    hv_free_pages(ctx, CONTEXT_ORDER);
    return rc;
}

long domctl_getvcpuinfo(struct domctl_call *c)
{
    struct xen_domctl_getvcpuinfo *info = &c->op->u.getvcpuinfo;
    struct vcpu_runstate_info runstate;
    struct vcpu *v;
    long rc = find_vcpu(c->d, info->vcpu, &v);

    if (rc)
        return rc;
    vcpu_runstate_get(v, &runstate);
    info->online = !(v->flags & VPF_DOWN);
    info->blocked = !!(v->flags & VPF_BLOCKED);
    info->running = vcpu_running_unit(&v->sched.unit);
    info->cpu_time = runstate.time[RUNSTATE_running];
    info->cpu = v->sched.unit.cpu;
    c->copy_back = true;
    return 0;
}

void domain_nodes_follow_vcpus(struct domain *d)
{
    nodemask_t nodes = 0;
    struct vcpu *v;

    if (d->nodes_given || numa.nr_nodes == 1)
        return;
    for_each_vcpu (d, v) {
        cpumask_t hard = v->sched.unit.hard & sched_online, both = hard & v->sched.unit.soft;
        unsigned cpu;

        for_each_cpu (cpu, both ? both : hard)
            nodes |= 1u << numa_node_of_apic(cpu_apic_id[cpu]);
    }
    store_once(&d->mem.nodes, nodes == numa_all_nodes() ? 0 : nodes);
}

long domctl_setvcpuaffinity(struct domctl_call *c)
{
    const struct xen_domctl_vcpuaffinity *arg = &c->op->u.vcpuaffinity;
    struct vcpu *v;
    cpumask_t mask;
    long rc = find_vcpu(c->d, arg->vcpu, &v);

    if (rc)
        return rc;
    if (!(arg->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)))
        return guest_error(-EINVAL, "neither hard nor soft affinity named");
    if (arg->flags & XEN_VCPUAFFINITY_HARD) {
        rc = cpumask_from_guest(&mask, &arg->cpumap_hard);
        if (!rc)
            rc = vcpu_set_hard_affinity(v, mask);
        if (!rc) /* the caller learns what is in force */
            rc = cpumask_to_guest(&arg->cpumap_hard, v->sched.unit.hard & sched_online);
        if (rc)
            return rc;
    }
    if (arg->flags & XEN_VCPUAFFINITY_SOFT) {
        rc = cpumask_from_guest(&mask, &arg->cpumap_soft);
        if (!rc)
            rc = vcpu_set_soft_affinity(v, mask);
        if (!rc)
            rc = cpumask_to_guest(&arg->cpumap_soft,
                                  v->sched.unit.soft & v->sched.unit.hard & sched_online);
    }
    domain_nodes_follow_vcpus(c->d);
    return rc;
}

long domctl_getvcpuaffinity(struct domctl_call *c)
{
    const struct xen_domctl_vcpuaffinity *arg = &c->op->u.vcpuaffinity;
    struct vcpu *v;
    long rc = find_vcpu(c->d, arg->vcpu, &v);

    if (!rc && (arg->flags & XEN_VCPUAFFINITY_HARD))
        rc = cpumask_to_guest(&arg->cpumap_hard, v->sched.unit.hard);
    if (!rc && (arg->flags & XEN_VCPUAFFINITY_SOFT))
        rc = cpumask_to_guest(&arg->cpumap_soft, v->sched.unit.soft);
    return rc;
}

/* The entries for system calls of 32-bit programs, for which vcpu_guest_context has no room.  The
 * machine check part is zero: no bank is virtualized. */
long domctl_get_ext_vcpucontext(struct domctl_call *c)
{
    struct xen_domctl_ext_vcpucontext *arg = &c->op->u.ext_vcpucontext;
    unsigned id = arg->vcpu;
    struct vcpu *v;
    long rc = find_any_vcpu(c->d, id, &v);

    if (rc)
        return rc;
    memset(arg, 0, sizeof(*arg));
    arg->vcpu = id;
    arg->size = sizeof(*arg);
    vcpu_pause(v);
    arg->syscall32_callback_eip = v->cb_syscall32.address;
    arg->syscall32_disables_events = v->cb_syscall32.mask_events;
    arg->sysenter_callback_eip = v->cb_sysenter.address;
    arg->sysenter_disables_events = v->cb_sysenter.mask_events;
    vcpu_unpause(v);
    c->copy_back = true;
    return 0;
}

static bool canonical(uint64_t a)
{
    return (uint64_t)((int64_t)(a << 16) >> 16) == a;
}

long domctl_set_ext_vcpucontext(struct domctl_call *c)
{
    const struct xen_domctl_ext_vcpucontext *arg = &c->op->u.ext_vcpucontext;
    struct vcpu *v;
    long rc = find_any_vcpu(c->d, arg->vcpu, &v);

    if (rc)
        return rc;
    if (arg->size < offsetof(struct xen_domctl_ext_vcpucontext, mcg_cap))
        return guest_error(-EINVAL, "extended vCPU context is too short");
    if (!canonical(arg->syscall32_callback_eip) || !canonical(arg->sysenter_callback_eip))
        return guest_error(-EINVAL, "callback address is not canonical");
    vcpu_pause(v);
    v->cb_syscall32 = (struct vcpu_callback){.address = arg->syscall32_callback_eip,
                                             .mask_events = arg->syscall32_disables_events};
    v->cb_sysenter = (struct vcpu_callback){.address = arg->sysenter_callback_eip,
                                            .mask_events = arg->sysenter_disables_events};
    vcpu_unpause(v);
    return 0;
}

long domctl_getvcpuextstate(struct domctl_call *c)
{
    struct xen_domctl_vcpuextstate *arg = &c->op->u.vcpuextstate;
    struct extstate_header header;
    uint64_t size, held;
    struct vcpu *v;
    long rc = find_any_vcpu(c->d, arg->vcpu, &v);

    if (rc)
        return rc;
    if (!fpu_xcr0_supported()) { /* the FXSAVE image is in vcpu_guest_context */
        arg->size = 0;
        c->copy_back = true;
        return 0;
    }
    size = sizeof(header) + fpu_area_size();
    if (arg->buffer && arg->size < size)
        return guest_error(-EINVAL, "buffer for extended state too small");
    if (arg->buffer) {
        vcpu_pause(v);
        /* The area has room for all components of the machine.  Those that the guest can never turn
         * on are as after a reset, and a restore would not take them. */
        header.xcr0 = v->xcr0 ? v->xcr0 : 1;
        header.xcr0_accum = cpu_policy_xcr0(c->d->cpu_policy);
        held = fpu_area_held(v->fpu) & header.xcr0_accum;
        if (copy_to_guest(arg->buffer, &header, sizeof(header)) ||
            copy_to_guest(arg->buffer + sizeof(header), v->fpu, fpu_area_size()) ||
            copy_to_guest(arg->buffer + sizeof(header) + FPU_AREA_HELD_AT, &held, sizeof(held)))
            rc = guest_error(-EFAULT, "the result cannot be written");
        vcpu_unpause(v);
    }
    arg->size = size;
    arg->xfeature_mask = fpu_xcr0_supported();
    c->copy_back = true;
    return rc;
}

static long check_extstate(const struct vcpu *v, const struct extstate_header *header,
                           const void *area)
{
    uint64_t allowed = cpu_policy_xcr0(v->domain->cpu_policy);

    if ((header->xcr0 | header->xcr0_accum) & ~allowed)
        return guest_error(-EINVAL, "extended state that the CPU policy does not have");
    if (!fpu_xcr0_valid(header->xcr0))
        return guest_error(-EINVAL, "XCR0 that a processor refuses");
    if (!fpu_area_valid(area, header->xcr0_accum))
        return guest_error(-EINVAL, "XSAVE area with a wrong header");
    return 0;
}

long domctl_setvcpuextstate(struct domctl_call *c)
{
    const struct xen_domctl_vcpuextstate *arg = &c->op->u.vcpuextstate;
    struct extstate_header header;
    void *area = NULL;
    struct vcpu *v;
    long rc = find_any_vcpu(c->d, arg->vcpu, &v);

    if (rc)
        return rc;
    if (!fpu_xcr0_supported())
        return guest_error(-EOPNOTSUPP, "this machine has no XSAVE");
    /* A stream from a machine with less has a shorter area; the rest is then in reset state. */
    if (arg->size < sizeof(header) + 576 || arg->size > sizeof(header) + fpu_area_size())
        return guest_error(-EINVAL, "wrong size of extended state");
    area = hv_zalloc(fpu_area_size());
    if (!area)
        return guest_error(-ENOMEM, "no memory for it");
    if (copy_from_guest(&header, arg->buffer, sizeof(header)) ||
        copy_from_guest(area, arg->buffer + sizeof(header), arg->size - sizeof(header)))
        rc = guest_error(-EFAULT, "an argument cannot be read");
    else
        rc = check_extstate(v, &header, area);
    if (!rc) {
        vcpu_pause(v);
        memcpy(v->fpu, area, fpu_area_size());
        v->xcr0 = header.xcr0;
        vcpu_unpause(v);
    }
    hv_free(area);
    return rc;
}

/* Of the MSRs that a PV guest can write, the ones not in its context: one. */
#define NR_SAVED_MSRS 1

long domctl_get_vcpu_msrs(struct domctl_call *c)
{
    struct xen_domctl_vcpu_msrs *arg = &c->op->u.vcpu_msrs;
    struct xen_domctl_vcpu_msr msr = {.index = MSR_TSC_AUX};
    struct vcpu *v;
    long rc = find_any_vcpu(c->d, arg->vcpu, &v);

    if (rc)
        return rc;
    c->copy_back = true;
    if (!arg->msrs) {
        arg->msr_count = NR_SAVED_MSRS;
        return 0;
    }
    vcpu_pause(v);
    msr.value = v->tsc_aux;
    vcpu_unpause(v);
    if (!msr.value) { /* zero is what it is anyway */
        arg->msr_count = 0;
        return 0;
    }
    if (arg->msr_count < 1)
        return guest_error(-ENOBUFS, "no room for the MSR");
    arg->msr_count = 1;
    return copy_to_guest(arg->msrs, &msr, sizeof(msr))
               ? guest_error(-EFAULT, "the result cannot be written")
               : 0;
}

long domctl_set_vcpu_msrs(struct domctl_call *c)
{
    struct xen_domctl_vcpu_msrs *arg = &c->op->u.vcpu_msrs;
    struct vcpu *v;
    long rc = find_any_vcpu(c->d, arg->vcpu, &v);

    if (rc)
        return rc;
    if (arg->msr_count > 64) /* Xen has a handful */
        return guest_error(-EINVAL, "too many MSRs");
    for (unsigned i = 0; i < arg->msr_count; i++) {
        struct xen_domctl_vcpu_msr msr;

        if (copy_from_guest(&msr, arg->msrs + i * sizeof(msr), sizeof(msr)))
            return guest_error(-EFAULT, "an argument cannot be read");
        if (msr.reserved || msr.index != MSR_TSC_AUX || msr.value >> 32) {
            arg->msr_count = i; /* tells which */
            c->copy_back = true;
            return guest_error(-EINVAL, "MSR that no PV guest has");
        }
        vcpu_pause(v);
        v->tsc_aux = (uint32_t)msr.value;
        vcpu_unpause(v);
    }
    return 0;
}

long domctl_sendtrigger(struct domctl_call *c)
{
    const struct xen_domctl_sendtrigger *arg = &c->op->u.sendtrigger;
    struct vcpu *v;
    long rc;

    if (arg->trigger == XEN_DOMCTL_SENDTRIGGER_POWER ||
        arg->trigger == XEN_DOMCTL_SENDTRIGGER_SLEEP)
        return guest_error(-EINVAL, "a PV domain has no buttons");
    if (arg->trigger != XEN_DOMCTL_SENDTRIGGER_NMI)
        return guest_error(-ENOSYS, "a PV domain takes no trigger but NMI");
    rc = find_vcpu(c->d, arg->vcpu, &v);
    if (rc)
        return rc;
    vcpu_send_nmi(v);
    return 0;
}
