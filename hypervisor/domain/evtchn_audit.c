/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What event channels tell the audit: they hold no frames, but each other.
 *
 * An interdomain port keeps a pointer to its peer's domain without a reference: that this is safe
 * rests on both ends always agreeing, since only then does the death of one disconnect the other.
 * Virtual and physical interrupts find their port through a table without a lock: an entry that
 * stayed behind would raise a port that has become somebody else's.
 */
#include "abi/xen.h"
#include "domain/domain.h"
#include "domain/evtchn_impl.h"
#include "mem/audit.h"

static bool is_domain(const struct domain *wanted)
{
    const struct domain *d;

    list_for_each (d, &domain_list, list) {
        if (d == wanted)
            return true;
    }
    return false;
}

static bool peer_agrees(const struct domain *d, unsigned port, const struct evtchn_port *p)
{
    const struct evtchn_port *other;

    if (!is_domain(p->remote))
        return false;
    other = evtchn_lookup(p->remote, p->remote_port);
    return other && other->state == ECS_INTERDOMAIN && other->remote == d &&
           other->remote_port == port;
}

static bool virq_leads_here(const struct domain *d, unsigned port, const struct evtchn_port *p)
{
    const struct vcpu *v;

    for_each_vcpu (d, v) {
        if (p->number < NR_VIRQS && v->virq_port[p->number] == port)
            return true;
    }
    return false;
}

static bool port_is_sound(const struct domain *d, unsigned port, const struct evtchn_port *p)
{
    switch (p->state) {
    case ECS_RESERVED: return port == 0;
    case ECS_INTERDOMAIN: return peer_agrees(d, port, p);
    case ECS_PIRQ:
        return d->evtchn.pirq_port && p->number < d->evtchn.pirq_limit &&
               d->evtchn.pirq_port[p->number] == port;
    case ECS_VIRQ: return virq_leads_here(d, port, p);
    default: return p->state == ECS_UNBOUND || p->state == ECS_IPI;
    }
}

/* A table of interrupts names `port` for `number`. */
static void check_named(struct audit *a, const struct domain *d, unsigned port,
                        enum evtchn_state state, unsigned number)
{
    const struct evtchn_port *p = evtchn_lookup(d, port);

    if (port && (!p || p->state != state || p->number != number))
        audit_complain(a, "event: d%u: %s %u leads to port %u, which is not bound to it", d->mem.id,
                       state == ECS_VIRQ ? "VIRQ" : "pirq", number, port);
}

static void check_ports(struct audit *a, const struct domain *d)
{
    const struct evtchn_table *t = &d->evtchn;
    unsigned active = 0;

    for (unsigned port = 0; port < t->valid_ports; port++) {
        const struct evtchn_port *p = evtchn_lookup(d, port);

        if (p->state == ECS_FREE && port >= t->first_free)
            continue;
        active += p->state != ECS_FREE && p->state != ECS_RESERVED;
        /* A port may be made before the first vCPU is. */
        if (p->state == ECS_FREE || !port_is_sound(d, port, p) || p->notify_vcpu >= d->max_vcpus ||
            (p->notify_vcpu && !d->vcpu[p->notify_vcpu]))
            audit_complain(a, "event: d%u:%u in state %u for v%u disagrees with what it leads to",
                           d->mem.id, port, p->state, p->notify_vcpu);
    }
    if (active != t->active)
        audit_complain(a, "event: d%u: %u ports in use, by its count %u (I8)", d->mem.id, active,
                       t->active);
}

static void report(struct audit *a)
{
    const struct domain *d;
    const struct vcpu *v;

    if (!audit_first(a))
        return;
    list_for_each (d, &domain_list, list) {
        check_ports(a, d);
        for_each_vcpu (d, v) {
            for (unsigned virq = 0; virq < NR_VIRQS; virq++)
                check_named(a, d, v->virq_port[virq], ECS_VIRQ, virq);
        }
        for (unsigned pirq = 0; d->evtchn.pirq_port && pirq < d->evtchn.pirq_limit; pirq++)
            check_named(a, d, d->evtchn.pirq_port[pirq], ECS_PIRQ, pirq);
    }
}

void evtchn_audit_register(void)
{
    audit_register(report);
}
