/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hypercall 24: what a guest may do to its own virtual processors.
 *
 * Linux stops (BUG, panic) if initialise, up, register_runstate_memory_area, register_vcpu_info,
 * stop_periodic_timer or set_singleshot_timer fail, so these refuse only what Xen refuses.
 */
#include "domain/vcpu.h"

#include "lib/errno.h"
#include "abi/vcpu.h"
#include "cpu/acpi.h"
#include "cpu/apic.h"
#include "debug/assert.h"
#include "domain/continuation.h"
#include "domain/domain.h"
#include "mem/guest_access.h"
#include "mem/heap.h"
#include "time/clock.h"

#define PERIOD_MIN_NS 1000000ULL        /* 1 ms: XSA-20, no guest keeps us busy with ticks */
#define PERIOD_MAX_NS (UINT64_MAX >> 2) /* Xen's limit; keeps sums of times from wrapping */

static long op_initialise(struct vcpu *v, uint64_t arg)
{
    struct domain *d = v->domain;
    struct vcpu_guest_context *ctx;
    long rc;

    if (vcpu_info_is_dummy(v))
        return guest_error(-EINVAL, "initialise: vcpu_info is not registered");
    ctx = hv_zalloc(sizeof(*ctx)); /* 5 KiB: too much for the stack */
    if (!ctx)
        return guest_error(-ENOMEM, "initialise: no memory");
    if (copy_from_guest(ctx, arg, sizeof(*ctx))) {
        rc = guest_error(-EFAULT, "initialise: vcpu_guest_context");
    } else {
        spin_lock(&d->lock);
        if (v->is_initialised)
            rc = guest_error(-EEXIST, "initialise: has been done");
        else
            rc = pv_set_guest_context(v, ctx);
        spin_unlock(&d->lock);
    }
    hv_free(ctx);
    if (rc == -ERESTART) /* a root that is not validated yet; what is done of it stays */
        return HYPERCALL_CONTINUE(__HYPERVISOR_vcpu_op, VCPUOP_initialise, v->id, arg);
    if (!rc)
        vcpu_wake(v); /* the context may have said "online" */
    return rc;
}

static long op_up(struct vcpu *v)
{
    struct domain *d = v->domain;
    bool wake = false;
    long rc = 0;

    spin_lock(&d->lock);
    if (!v->is_initialised)
        rc = guest_error(-EINVAL, "up: vCPU is not initialised");
    else if (vcpu_info_is_dummy(v)) /* initialised by tools */
        rc = guest_error(-EINVAL, "up: vcpu_info is not registered");
    else
        wake = atomic_get_and(&v->flags, ~(unsigned int)VPF_DOWN) & VPF_DOWN;
    spin_unlock(&d->lock);
    if (wake)
        vcpu_wake(v);
    return rc;
}

static long op_down(struct vcpu *v)
{
    struct domain *d = v->domain;
    struct vcpu *other;
    bool last = true;

    for_each_vcpu (d, other) {
        if (other != v && !(load_once(&other->flags) & VPF_DOWN))
            last = false;
    }
    if (last) { /* nobody would be left to bring it up again */
        domain_shutdown(d, SHUTDOWN_poweroff);
        return 0;
    }
    if (!(atomic_get_or(&v->flags, VPF_DOWN) & VPF_DOWN))
        vcpu_sleep_nosync(v);
    return 0;
}

static long op_get_runstate(struct vcpu *v, uint64_t arg)
{
    struct vcpu_runstate_info r;

    vcpu_runstate_get(v, &r);
    if (copy_to_guest(arg, &r, sizeof(r)))
        return guest_error(-EFAULT, "vcpu_runstate_info");
    return 0;
}

static long op_register_runstate(struct vcpu *v, uint64_t arg)
{
    struct vcpu_register_runstate_memory_area area;
    struct vcpu_runstate_info r;

    if (copy_from_guest(&area, arg, sizeof(area)) ||
        !guest_range_okay(area.addr.p, sizeof(struct vcpu_runstate_info)))
        return guest_error(-EFAULT, "runstate area");
    store_once(&v->runstate_guest, area.addr.p);
    vcpu_runstate_get(v, &r);
    /* A fault here is no error: the guest may map the area later. */
    if (area.addr.p && copy_to_guest(area.addr.p, &r, sizeof(r)))
        guest_error(-EFAULT, "runstate area is not mapped yet");
    return 0;
}

static long op_register_time(struct vcpu *v, uint64_t arg)
{
    struct vcpu_register_time_memory_area area;

    if (copy_from_guest(&area, arg, sizeof(area)) ||
        !guest_range_okay(area.addr.p, sizeof(struct vcpu_time_info)))
        return guest_error(-EFAULT, "time area");
    store_once(&v->time_guest, area.addr.p);
    clock_force_vcpu_time(v);
    return 0;
}

static long op_register_info(struct vcpu *v, uint64_t arg)
{
    struct vcpu_register_vcpu_info info;
    struct domain *d = v->domain;
    long rc;

    if (copy_from_guest(&info, arg, sizeof(info)))
        return guest_error(-EFAULT, "vcpu_register_vcpu_info");
    spin_lock(&d->lock);
    rc = vcpu_info_register(v, MFN(info.mfn), info.offset);
    spin_unlock(&d->lock);
    if (rc == 0)
        clock_force_vcpu_time(v);
    return rc;
}

static long op_set_periodic(struct vcpu *v, uint64_t arg)
{
    struct vcpu_set_periodic_timer set;

    if (copy_from_guest(&set, arg, sizeof(set)))
        return guest_error(-EFAULT, "vcpu_set_periodic_timer");
    if (set.period_ns < PERIOD_MIN_NS || set.period_ns > PERIOD_MAX_NS)
        return guest_error(-EINVAL, "periodic timer: less than 1 ms or absurdly long");
    vcpu_periodic_set(v, set.period_ns);
    return 0;
}

static long op_set_singleshot(struct vcpu *v, uint64_t arg)
{
    struct vcpu_set_singleshot_timer set;

    if (v != current)
        return guest_error(-EINVAL, "single-shot timer of another vCPU");
    if (copy_from_guest(&set, arg, sizeof(set)))
        return guest_error(-EFAULT, "vcpu_set_singleshot_timer");
    /* VCPU_SSHOTTMR_future is ignored: answering -ETIME broke guests; a time in the past just
     * expires at once. */
    timer_set(&v->singleshot, set.timeout_abs_ns);
    return 0;
}

static long op_stop_singleshot(struct vcpu *v)
{
    if (v != current)
        return guest_error(-EINVAL, "single-shot timer of another vCPU");
    timer_stop(&v->singleshot);
    return 0;
}

void vcpu_send_nmi(struct vcpu *v)
{
    if (atomic_xchg(&v->nmi_pending, true))
        return;
    vcpu_kick(v);
    /* Where it runs; where it comes to run later, it looks for itself (pv/context.c). */
    cpu_raise_softirq(load_once(&v->sched.unit.cpu), SOFTIRQ_NMI);
}

static long op_send_nmi(struct vcpu *v, uint64_t arg)
{
    if (arg)
        return guest_error(-EINVAL, "send_nmi takes no argument");
    vcpu_send_nmi(v);
    return 0;
}

/* Only dom0, and only where the answer stays true: a vCPU pinned to one processor. */
static long op_get_physid(struct vcpu *v, uint64_t arg)
{
    struct vcpu_get_physid id;
    cpumask_t hard = v->sched.unit.hard;
    uint32_t apic_id;

    if (!v->domain->is_control || !hard || hard & (hard - 1))
        return guest_error(-EINVAL, "get_physid: vCPU is not pinned to one processor");
    apic_id = cpu_apic_id[__builtin_ctzl(hard)];
    id.phys_id = apic_id;
    for (unsigned int i = 0; i < acpi_info.nr_cpus; i++) {
        if (acpi_info.cpu[i].apic_id == apic_id)
            id.phys_id |= (uint64_t)acpi_info.cpu[i].acpi_id << 32;
    }
    if (copy_to_guest(arg, &id, sizeof(id)))
        return guest_error(-EFAULT, "vcpu_get_physid");
    return 0;
}

long do_vcpu_op(int cmd, unsigned int vcpu_id, uint64_t arg)
{
    struct domain *d = current_domain;
    struct vcpu *v;

    /* Linux asks for the 8,192 that might exist; not an error worth a reason. */
    if (vcpu_id >= d->max_vcpus || vcpu_id >= MAX_VCPUS || !(v = d->vcpu[vcpu_id]))
        return guest_error(-ENOENT, "no such vCPU");

    switch (cmd) {
    case VCPUOP_initialise: return op_initialise(v, arg);
    case VCPUOP_up: return op_up(v);
    case VCPUOP_down: return op_down(v);
    case VCPUOP_is_up: return !(load_once(&v->flags) & VPF_DOWN);
    case VCPUOP_get_runstate_info: return op_get_runstate(v, arg);
    case VCPUOP_register_runstate_memory_area: return op_register_runstate(v, arg);
    case VCPUOP_set_periodic_timer: return op_set_periodic(v, arg);
    case VCPUOP_stop_periodic_timer: vcpu_periodic_set(v, 0); return 0;
    case VCPUOP_set_singleshot_timer: return op_set_singleshot(v, arg);
    case VCPUOP_stop_singleshot_timer: return op_stop_singleshot(v);
    case VCPUOP_register_vcpu_info: return op_register_info(v, arg);
    case VCPUOP_send_nmi: return op_send_nmi(v, arg);
    case VCPUOP_get_physid: return op_get_physid(v, arg);
    case VCPUOP_register_vcpu_time_memory_area: return op_register_time(v, arg);
    default: return guest_error(-ENOSYS, "unknown vcpu_op");
    }
}
