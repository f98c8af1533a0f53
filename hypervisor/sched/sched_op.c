/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hypercall 29, what a guest tells the scheduler: block, yield, poll, shut down; and the watchdog
 * timers a domain may arm against its own hanging.
 */
#include "lib/errno.h"
#include "abi/event_channel.h"
#include "abi/sched.h"
#include "cpu/cpu_info.h"
#include "debug/assert.h"
#include "domain/evtchn.h"
#include "domain/vcpu.h"
#include "mem/guest_access.h"
#include "sched/sched_internal.h"
#include "sched/softirq.h"
#include "time/clock.h"

#define POLL_PORTS_MAX 128 /* Xen's limit: a loop bound that a guest chooses */
#define NS_PER_S       1000000000ULL

/* An NMI that waits to be delivered keeps v awake too: its sender saw no sleeper to wake. */
static bool has_reason_to_run(const struct vcpu *v)
{
    return vcpu_event_pending(v) || (unlikely(load_once(&v->nmi_pending)) && !v->nmi_masked);
}

void vcpu_block(void)
{
    struct vcpu *v = current;

    v->vcpu_info->evtchn_upcall_mask = 0;
    /* The flag before the look: whoever makes an event pending after the look finds the flag and
     * clears it (vcpu_unblock); the locked operation orders the two. */
    atomic_get_or(&v->flags, VPF_BLOCKED);
    if (has_reason_to_run(v)) {
        atomic_get_and(&v->flags, ~(unsigned int)VPF_BLOCKED);
        return;
    }
    raise_softirq(SOFTIRQ_SCHEDULE);
}

void sched_poll_event(struct domain *d, unsigned int port)
{
    for (uint64_t left = load_once(&d->poll_mask); left; left &= left - 1) {
        struct vcpu *v = d->vcpu[__builtin_ctzl(left)];
        int only = load_once(&v->poll_port);

        if (only == 0 || (unsigned int)only == port)
            vcpu_unblock(v);
    }
}

/* Whether any of the ports is pending; -errno. The array was range-checked. */
static int poll_any_pending(const struct domain *d, const struct sched_poll *p, evtchn_port_t *port)
{
    for (uint32_t i = 0; i < p->nr_ports; i++) {
        if (copy_from_guest(port, p->ports + i * sizeof(*port), sizeof(*port)))
            return guest_error(-EFAULT, "poll: port array");
        if (!evtchn_port_is_valid(d, *port))
            return guest_error(-EINVAL, "poll: no such port");
        if (evtchn_port_is_pending(d, *port))
            return 1;
    }
    return 0;
}

static long do_poll(const struct sched_poll *p)
{
    struct vcpu *v = current;
    struct domain *d = v->domain;
    evtchn_port_t port = 0;
    int rc = 0;

    if (p->nr_ports > POLL_PORTS_MAX)
        return guest_error(-EINVAL, "poll: more than 128 ports");
    if (!guest_array_okay(p->ports, p->nr_ports, sizeof(port)))
        return guest_error(-EFAULT, "poll: port array");

    timer_stop(&v->poll_timer); /* left over from a poll that ended early */
    /* Announce first, look second: an event that comes after the look finds the announcement.
     * Until the port is known any event will do as a wake-up (poll_port 0). */
    store_once(&v->poll_port, 0);
    atomic_get_or(&v->flags, VPF_BLOCKED);
    atomic_test_and_set_bit(v->id, &d->poll_mask);
    if (has_reason_to_run(v) || (rc = poll_any_pending(d, p, &port)) != 0) {
        atomic_test_and_clear_bit(v->id, &d->poll_mask);
        atomic_get_and(&v->flags, ~(unsigned int)VPF_BLOCKED);
        return rc < 0 ? rc : 0;
    }
    if (p->nr_ports == 1)
        store_once(&v->poll_port, (int)port);
    if (p->timeout)
        timer_set(&v->poll_timer, p->timeout);
    raise_softirq(SOFTIRQ_SCHEDULE);
    return 0;
}

static long op_poll(uint64_t arg)
{
    struct sched_poll p;

    if (copy_from_guest(&p, arg, sizeof(p)))
        return guest_error(-EFAULT, "sched_poll");
    return do_poll(&p);
}

static long op_shutdown(uint64_t arg)
{
    struct sched_shutdown s;

    if (copy_from_guest(&s, arg, sizeof(s)))
        return guest_error(-EFAULT, "sched_shutdown");
    domain_shutdown(current_domain, (uint8_t)s.reason);
    return 0;
}

static long op_remote_shutdown(uint64_t arg)
{
    struct sched_remote_shutdown s;
    struct domain *d;
    int rc;

    if (copy_from_guest(&s, arg, sizeof(s)))
        return guest_error(-EFAULT, "sched_remote_shutdown");
    d = domain_get_by_id(s.domain_id);
    if (!d)
        return guest_error(-ESRCH, "remote_shutdown: no such domain");
    rc = domain_may_control(d);
    if (rc == 0)
        domain_shutdown(d, (uint8_t)s.reason);
    domain_put(d);
    return rc;
}

/* Notes why the domain will go down, for a guest that crashes in several steps. */
static long op_shutdown_code(uint64_t arg)
{
    struct domain *d = current_domain;
    struct sched_shutdown s;
    uint64_t flags;
    long rc = 0;

    if (copy_from_guest(&s, arg, sizeof(s)))
        return guest_error(-EFAULT, "sched_shutdown");
    flags = spin_lock_irqsave(&d->shutdown_lock);
    if (d->shutdown_code == SHUTDOWN_CODE_INVALID)
        d->shutdown_code = (uint8_t)s.reason;
    else
        rc = guest_error(-EEXIST, "a shutdown code is already set");
    spin_unlock_irqrestore(&d->shutdown_lock, flags);
    return rc;
}

static void watchdog_expired(void *arg)
{
    struct domain *d = arg;

    if (!d->is_shut_down)
        domain_shutdown(d, SHUTDOWN_watchdog);
}

void sched_watchdog_init(struct domain *d)
{
    for (size_t i = 0; i < ARRAY_SIZE(d->watchdog.timer); i++)
        timer_init(&d->watchdog.timer[i], watchdog_expired, d, smp_cpu_id());
}

void sched_watchdog_destroy(struct domain *d)
{
    for (size_t i = 0; i < ARRAY_SIZE(d->watchdog.timer); i++)
        timer_kill(&d->watchdog.timer[i]);
}

/* Lock held. */
static long watchdog_set(struct domain *d, uint32_t id, uint32_t seconds)
{
    if (id == 0) { /* a new one; its number is the result */
        for (id = 0; id < ARRAY_SIZE(d->watchdog.timer); id++) {
            if (d->watchdog.in_use & BIT(id))
                continue;
            d->watchdog.in_use |= (uint32_t)BIT(id);
            timer_set(&d->watchdog.timer[id], now_ns() + seconds * NS_PER_S);
            return id + 1;
        }
        return guest_error(-ENOSPC, "all watchdog timers are in use");
    }
    id--;
    if (!(d->watchdog.in_use & BIT(id)))
        return guest_error(-EINVAL, "watchdog: this one was not allocated");
    if (seconds == 0) {
        timer_stop(&d->watchdog.timer[id]);
        d->watchdog.in_use &= ~(uint32_t)BIT(id);
    } else {
        timer_set(&d->watchdog.timer[id], now_ns() + seconds * NS_PER_S);
    }
    return 0;
}

static long op_watchdog(uint64_t arg)
{
    struct domain *d = current_domain;
    struct sched_watchdog w;
    long rc;

    if (copy_from_guest(&w, arg, sizeof(w)))
        return guest_error(-EFAULT, "sched_watchdog");
    if (w.id > ARRAY_SIZE(d->watchdog.timer))
        return guest_error(-EINVAL, "watchdog: no such number");
    spin_lock(&d->lock);
    rc = watchdog_set(d, w.id, w.timeout);
    spin_unlock(&d->lock);
    return rc;
}

static long op_pin_override(uint64_t arg)
{
    struct sched_pin_override p;

    if (!current_domain->is_control)
        return guest_error(-EPERM, "pin_override is dom0's");
    if (copy_from_guest(&p, arg, sizeof(p)))
        return guest_error(-EFAULT, "sched_pin_override");
    return vcpu_pin_override(current, p.pcpu);
}

long do_sched_op(int cmd, uint64_t arg)
{
    switch (cmd) {
    case SCHEDOP_yield: vcpu_yield(); return 0;
    case SCHEDOP_block: vcpu_block(); return 0;
    case SCHEDOP_shutdown: return op_shutdown(arg);
    case SCHEDOP_poll: return op_poll(arg);
    case SCHEDOP_remote_shutdown: return op_remote_shutdown(arg);
    case SCHEDOP_shutdown_code: return op_shutdown_code(arg);
    case SCHEDOP_watchdog: return op_watchdog(arg);
    case SCHEDOP_pin_override: return op_pin_override(arg);
    default: return guest_error(-ENOSYS, "unknown sched_op");
    }
}
