/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tools may set and see: affinity, weights and caps, and the run queues by debug key.
 *
 * Tools know a fixed list of schedulers and give up on any other (Debian's xl ends a build with an
 * error), so whatever the policy we answer as credit2, whose parameters, a weight and a cap per
 * domain and one rate limit, mean the same here.
 */
#include "abi/domctl.h"
#include "lib/errno.h"
#include "abi/sysctl.h"
#include "console/log.h"
#include "debug/assert.h"
#include "sched/sched_internal.h"
#include "sched/softirq.h"
#include "time/clock.h"

int vcpu_set_hard_affinity(struct vcpu *v, cpumask_t mask)
{
    struct sched_rq *rq;
    uint64_t flags;
    bool wake = false;

    if (!(mask & load_once(&sched_online)))
        return guest_error(-EINVAL, "hard affinity names no online processor");
    rq = vcpu_rq_lock(v, &flags);
    if (v->sched.pin_override) {
        vcpu_rq_unlock(rq, flags);
        return guest_error(-EBUSY, "affinity is overridden by SCHEDOP_pin_override");
    }
    v->sched.unit.hard = mask;
    if (!(mask & BIT(rq->cpu)))
        wake = vcpu_evict(rq, v);
    vcpu_rq_unlock(rq, flags);
    if (wake)
        vcpu_wake(v);
    return 0;
}

int vcpu_set_soft_affinity(struct vcpu *v, cpumask_t mask)
{
    struct sched_rq *rq;
    uint64_t flags;

    if (!(mask & load_once(&sched_online)))
        return guest_error(-EINVAL, "soft affinity names no online processor");
    rq = vcpu_rq_lock(v, &flags);
    v->sched.unit.soft = mask; /* a wish: the next wake-up or balancing follows it */
    vcpu_rq_unlock(rq, flags);
    return 0;
}

int vcpu_pin_override(struct vcpu *v, int cpu)
{
    struct sched_rq *rq;
    uint64_t flags;
    bool wake = false;
    int rc = 0;

    if (cpu >= NR_CPUS || (cpu >= 0 && !(load_once(&sched_online) & BIT(cpu))))
        return guest_error(-EINVAL, "no such processor");
    rq = vcpu_rq_lock(v, &flags);
    if (cpu < 0) {
        if (v->sched.pin_override)
            v->sched.unit.hard = v->sched.hard_saved;
        else
            rc = guest_error(-EINVAL, "affinity is not overridden");
        v->sched.pin_override = false;
    } else if (v->sched.pin_override) {
        rc = guest_error(-EBUSY, "affinity is already overridden");
    } else {
        v->sched.hard_saved = v->sched.unit.hard;
        v->sched.unit.hard = BIT(cpu);
        v->sched.pin_override = true;
    }
    if (rc == 0 && !(v->sched.unit.hard & BIT(rq->cpu)))
        wake = vcpu_evict(rq, v);
    vcpu_rq_unlock(rq, flags);
    if (wake)
        vcpu_wake(v);
    return rc;
}

unsigned int sched_abi_id(void)
{
    return XEN_SCHEDULER_CREDIT2;
}

static void set_group(struct domain *d, const struct xen_domctl_sched_credit2 *p)
{
    struct sched_group *g = &d->sched.group;
    uint64_t flags;

    /* An interrupt that wakes a unit of this group takes the lock. */
    flags = local_irq_save();
    spin_lock(&g->lock);
    if (p->weight) /* 0: as it was */
        store_once(&g->weight, p->weight);
    store_once(&g->cap, p->cap);
    spin_unlock(&g->lock);
    policy->group_changed(g, now_ns());
    local_irq_restore(flags);
    /* Queues notice at their next pick: soon, please. */
    for (cpumask_t cpus = load_once(&sched_online); cpus; cpus &= cpus - 1)
        cpu_raise_softirq((unsigned int)__builtin_ctzl(cpus), SOFTIRQ_SCHEDULE);
}

int sched_domctl(struct domain *d, struct xen_domctl_scheduler_op *op)
{
    if (op->sched_id != sched_abi_id())
        return guest_error(-EINVAL, "parameters are of another scheduler");
    switch (op->cmd) {
    case XEN_DOMCTL_SCHEDOP_getinfo:
        op->u.credit2.weight = (uint16_t)d->sched.group.weight;
        op->u.credit2.cap = (uint16_t)d->sched.group.cap;
        return 0;
    case XEN_DOMCTL_SCHEDOP_putinfo: set_group(d, &op->u.credit2); return 0;
    case XEN_DOMCTL_SCHEDOP_putvcpuinfo:
    case XEN_DOMCTL_SCHEDOP_getvcpuinfo:
        return guest_error(-EINVAL, "parameters are per domain, not per vCPU");
    default: return guest_error(-EINVAL, "unknown scheduler_op command");
    }
}

/* Limits of the ABI, in microseconds; 0 switches the limit off. */
#define RATELIMIT_MIN_US 100
#define RATELIMIT_MAX_US 500000

int sched_sysctl(struct xen_sysctl_scheduler_op *op)
{
    uint32_t us = op->u.sched_credit2.ratelimit_us;

    if (op->sched_id != sched_abi_id())
        return guest_error(-EINVAL, "parameters are of another scheduler");
    switch (op->cmd) {
    case XEN_SYSCTL_SCHEDOP_putinfo:
        if (us && (us < RATELIMIT_MIN_US || us > RATELIMIT_MAX_US))
            return guest_error(-EINVAL, "ratelimit is not 0 nor 100..500000 us");
        store_once(&sched_ratelimit_ns, us * 1000UL);
        return 0;
    case XEN_SYSCTL_SCHEDOP_getinfo:
        op->u.sched_credit2.ratelimit_us = (uint32_t)(load_once(&sched_ratelimit_ns) / 1000);
        return 0;
    default: return guest_error(-EINVAL, "unknown scheduler_op command");
    }
}

/* --- debug keys
 * ----------------------------------------------------------------------------------- */

static void dump_vcpu(struct vcpu *v)
{
    static const char *const names[] = {"running", "runnable", "blocked", "offline"};
    const struct sched_unit *u = &v->sched.unit;
    struct vcpu_runstate_info r;

    vcpu_runstate_get(v, &r);
    printk(XENLOG_INFO "  d%uv%u cpu %u %s%s%s flags %#x pause %u ran %lu ms waited %lu ms "
                       "hard %#lx soft %#lx\n",
           v->domain->mem.id, v->id, u->cpu, names[r.state & 3], u->present ? " present" : "",
           u->on_cpu ? " on-cpu" : "", v->flags, v->pause_count, r.time[RUNSTATE_running] / 1000000,
           r.time[RUNSTATE_runnable] / 1000000, u->hard, u->soft);
}

void sched_dump(void)
{
    struct domain *d;

    printk(XENLOG_INFO "scheduler %s, ratelimit %lu ns, now %lu ns\n", policy->name,
           sched_ratelimit_ns, now_ns());
    for (cpumask_t cpus = sched_online; cpus; cpus &= cpus - 1) {
        unsigned int cpu = (unsigned int)__builtin_ctzl(cpus);
        const struct sched_rq *rq = &sched_rqs[cpu];
        const struct sched_cpu *c = &sched_cpus[cpu];
        const struct vcpu *v = rq->curr ? vcpu_of(rq->curr) : c->idle;

        printk(XENLOG_INFO "cpu %u: d%uv%u runs, %u compete, load %lu; %lu switches, %lu taken, "
                           "%lu given; idle %lu ms\n",
               cpu, v->domain->mem.id, v->id, rq->nr, rq->load, c->switches, c->steals, c->pushes,
               sched_idle_time(cpu) / 1000000);
    }
    spin_lock(&domain_list_lock);
    list_for_each (d, &domain_list, list) {
        struct vcpu *v;

        printk(XENLOG_INFO "domain %u: weight %u cap %u%%\n", d->mem.id, d->sched.group.weight,
               d->sched.group.cap);
        for_each_vcpu (d, v)
            dump_vcpu(v);
    }
    spin_unlock(&domain_list_lock);
}
