/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * domctl: creating, stopping, ending and describing domains, and their settings as a whole.
 *
 * The mechanism is in domain/; here arguments are taken apart and answers put together.
 */
#include "abi/errno.h"
#include "cpu/clocksource.h"
#include "cpu/cpu.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "hypercall/control.h"
#include "lib/string.h"
#include "time/clock.h"

#define TSC_MODE_DEFAULT        0
#define TSC_MODE_ALWAYS_EMULATE 1
#define TSC_MODE_NEVER_EMULATE  2

/* The next number that is free, so that a number comes again as late as possible. */
static long create_numbered(const struct xen_domctl_createdomain *cfg, struct domain **d)
{
    static unsigned last;

    for (unsigned tries = 0; tries < DOMID_FIRST_RESERVED; tries++) {
        long rc;

        last = last + 1 < DOMID_FIRST_RESERVED ? last + 1 : 1; /* 0 is dom0's for ever */
        rc = domain_create((domid_t)last, cfg, d);
        if (rc != -EEXIST)
            return rc;
    }
    return guest_error(-ENOMEM, "all domain numbers are in use");
}

long domctl_createdomain(struct domctl_call *c)
{
    struct xen_domctl_createdomain *cfg = &c->op->u.createdomain;
    struct domain *d;
    long rc;

    if (c->op->domain > 0 && c->op->domain < DOMID_FIRST_RESERVED)
        rc = domain_create(c->op->domain, cfg, &d);
    else
        rc = create_numbered(cfg, &d);
    if (rc)
        return rc;
    c->op->domain = d->mem.id;
    c->copy_back = true;
    return 0;
}

long domctl_destroydomain(struct domctl_call *c)
{
    return domain_kill(c->d);
}

long domctl_pausedomain(struct domctl_call *c)
{
    return domain_pause_by_tools(c->d);
}

long domctl_unpausedomain(struct domctl_call *c)
{
    return domain_unpause_by_tools(c->d);
}

long domctl_resumedomain(struct domctl_call *c)
{
    domain_resume(c->d);
    return 0;
}

/* Adds up the vCPUs: blocked means that all that are up are, running that any is. */
static uint32_t sum_vcpus(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    uint32_t flags = XEN_DOMINF_blocked;
    struct vcpu *v;

    info->max_vcpu_id = ~0u;
    for_each_vcpu (d, v) {
        struct vcpu_runstate_info runstate;
        unsigned vflags = load_once(&v->flags);

        vcpu_runstate_get(v, &runstate);
        info->cpu_time += runstate.time[RUNSTATE_running];
        info->max_vcpu_id = v->id;
        if (vflags & VPF_DOWN)
            continue;
        info->nr_online_vcpus++;
        if (!(vflags & VPF_BLOCKED))
            flags &= ~XEN_DOMINF_blocked;
        if (vcpu_running_unit(&v->sched.unit))
            flags |= XEN_DOMINF_running;
    }
    return info->nr_online_vcpus ? flags : 0;
}

void domain_get_info(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    memset(info, 0, sizeof(*info));
    info->domain = d->mem.id;
    info->flags = sum_vcpus(d, info);
    if (d->dying == DOMDYING_DEAD)
        info->flags |= XEN_DOMINF_dying;
    if (d->is_shut_down)
        info->flags |= XEN_DOMINF_shutdown;
    if (d->pause_by_tools)
        info->flags |= XEN_DOMINF_paused;
    if (d->is_xenstore)
        info->flags |= XEN_DOMINF_xs_domain;
    info->flags |= (uint32_t)d->shutdown_code << XEN_DOMINF_shutdownshift;

    spin_lock(&d->mem.lock);
    info->tot_pages = d->mem.tot_pages;
    info->max_pages = d->mem.max_pages;
    info->outstanding_pages = d->mem.claimed;
    spin_unlock(&d->mem.lock);
    info->shared_info_frame = d->shared_info_mfn.n;
    memcpy(info->handle, d->handle, sizeof(info->handle));
    info->gpaddr_bits = cpu_caps.phys_bits;
    info->arch_config = d->arch_config;
}

long domctl_getdomaininfo(struct domctl_call *c)
{
    domain_get_info(c->d, &c->op->u.getdomaininfo);
    c->op->domain = c->d->mem.id;
    c->copy_back = true;
    return 0;
}

long domctl_max_mem(struct domctl_call *c)
{
    struct mem_owner *o = &c->d->mem;

    /* May be below what it has: it keeps that, and gets no more. */
    spin_lock(&o->lock);
    o->max_pages = c->op->u.max_mem.max_memkb >> (PAGE_SHIFT - 10);
    spin_unlock(&o->lock);
    return 0;
}

long domctl_max_vcpus(struct domctl_call *c)
{
    struct domain *d = c->d;
    struct vcpu *v;

    if (c->op->u.max_vcpus.max != d->max_vcpus)
        return guest_error(-EINVAL, "max_vcpus differs from createdomain's");
    if (d->dying != DOMDYING_NO)
        return guest_error(-EINVAL, "domain is dying");
    for (unsigned id = 0; id < d->max_vcpus; id++) {
        int rc;

        if (d->vcpu[id])
            continue;
        rc = vcpu_create(d, id, &v);
        if (rc)
            return rc;
        if (id + 1 < d->max_vcpus && hypercall_preempt_check())
            return -ERESTART;
    }
    return 0;
}

long domctl_setdomainhandle(struct domctl_call *c)
{
    memcpy(c->d->handle, c->op->u.setdomainhandle.handle, sizeof(c->d->handle));
    return 0;
}

long domctl_settimeoffset(struct domctl_call *c)
{
    c->d->time_offset_s = c->op->u.settimeoffset.time_offset_seconds;
    wallclock_update_domain(c->d);
    return 0;
}

long domctl_gettscinfo(struct domctl_call *c)
{
    struct xen_domctl_tsc_info *info = &c->op->u.tsc_info;
    const struct domain *d = c->d;

    *info = (struct xen_domctl_tsc_info){
        .tsc_mode = d->tsc_mode,
        .gtsc_khz = d->tsc_khz_guest ? (uint32_t)d->tsc_khz_guest : tsc_khz,
        .incarnation = d->tsc_incarnation,
        .elapsed_nsec = now_ns(),
    };
    c->copy_back = true;
    return 0;
}

/* Native unless emulation is asked for outright: a guest's TSC is the machine's, also after a
 * restore on one of another speed, since pvclock tells its kernel the new one. */
long domctl_settscinfo(struct domctl_call *c)
{
    const struct xen_domctl_tsc_info *info = &c->op->u.tsc_info;
    struct domain *d = c->d;
    struct vcpu *v;

    if (info->tsc_mode > TSC_MODE_NEVER_EMULATE)
        return guest_error(-EINVAL, "unknown TSC mode");
    domain_pause(d);
    d->tsc_mode = info->tsc_mode;
    d->tsc_emulated = info->tsc_mode == TSC_MODE_ALWAYS_EMULATE;
    d->tsc_khz_guest = d->tsc_emulated ? (info->gtsc_khz ? info->gtsc_khz : tsc_khz) : 0;
    d->tsc_incarnation = info->incarnation + 1;
    for_each_vcpu (d, v)
        clock_force_vcpu_time(v);
    domain_unpause(d);
    return 0;
}

long domctl_subscribe(struct domctl_call *c)
{
    uint32_t port = c->op->u.subscribe.port;

    if (port && !evtchn_port_is_valid(c->d, port))
        return guest_error(-EINVAL, "no such port");
    c->d->suspend_port = port;
    return 0;
}

long domctl_set_virq_handler(struct domctl_call *c)
{
    if (c->d->dying != DOMDYING_NO)
        return guest_error(-EINVAL, "domain is dying"); /* its handlers have been cleared */
    return set_global_virq_handler(c->d, c->op->u.set_virq_handler.virq);
}

long domctl_scheduler_op(struct domctl_call *c)
{
    c->copy_back = true;
    return sched_domctl(c->d, &c->op->u.scheduler_op);
}
