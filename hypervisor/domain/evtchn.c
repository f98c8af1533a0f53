/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event channels: the table of ports, the way of an event to a vCPU, and the closing of ports.
 *
 * The hot path is evtchn_send(): one look-up, the port's own lock, the peer's bits, and a kick only
 * when the peer's upcall byte changed.  Locks and their order are in evtchn.h; the bits that guests
 * share in evtchn_bits.h.
 */
#include "abi/errno.h"
#include "abi/event_channel.h"
#include "console/log.h"
#include "debug/assert.h"
#include "debug/trace.h"
#include "domain/domain.h"
#include "domain/evtchn.h"
#include "domain/evtchn_bits.h"
#include "domain/evtchn_impl.h"
#include "domain/irq.h"
#include "mem/heap.h"
#include "sched/sched.h"

spinlock_t evtchn_pair_lock = SPINLOCK_FREE;

/* --- the way of an event ---------------------------------------------------------------------- */

static struct evtchn_bits bits_of(const struct domain *d)
{
    return (struct evtchn_bits){
        .pending = (uint64_t *)d->shared_info->evtchn_pending,
        .mask = (uint64_t *)d->shared_info->evtchn_mask,
    };
}

/*
 * Sets the vCPU's upcall-pending byte and, if it was clear, kicks it (sched: wakes a blocked vCPU,
 * makes a running one pass its exit path).  Any context.
 */
static void vcpu_mark_events_pending(struct vcpu *v)
{
    if (evtchn_upcall_set(&load_once(&v->vcpu_info)->evtchn_upcall_pending))
        vcpu_kick(v);
}

bool vcpu_event_pending(const struct vcpu *v)
{
    const struct vcpu_info *info = v->vcpu_info;

    return load_once(&info->evtchn_upcall_pending) && !load_once(&info->evtchn_upcall_mask);
}

/* The bits of `port` are as they should be: what is left is to make v look. */
static void select_for(struct vcpu *v, unsigned port)
{
    if (!v)
        return; /* a builder's domain without vCPUs: nobody to tell yet */
    if (evtchn_bits_select((uint64_t *)&load_once(&v->vcpu_info)->evtchn_pending_sel, port))
        vcpu_mark_events_pending(v);
}

static void raise_for(struct domain *d, unsigned port, unsigned vcpu)
{
    d->evtchn.sent++;
    TRACE(TRC_PAVIS_EVENT, TRACE_WHO(d->mem.id, vcpu), port);
    if (evtchn_bits_raise(bits_of(d), port))
        select_for(d->vcpu[vcpu], port);
    /* The pending bit was set by a locked operation: either this load sees the poller's bit, or the
     * poller, who sets it first and then looks, sees the event. */
    if (unlikely(load_once(&d->poll_mask)))
        sched_poll_event(d, port);
}

void evtchn_raise_port(struct domain *d, unsigned port)
{
    raise_for(d, port, load_once(&evtchn_lookup(d, port)->notify_vcpu));
}

void evtchn_unmask_port(struct domain *d, unsigned port)
{
    if (evtchn_bits_unmask(bits_of(d), port))
        select_for(d->vcpu[load_once(&evtchn_lookup(d, port)->notify_vcpu)], port);
}

int evtchn_send(struct domain *d, uint32_t port)
{
    struct evtchn_port *p = evtchn_lookup(d, port);

    if (!p)
        return guest_error(-EINVAL, "send: no such port");
    switch (load_once(&p->state)) {
    case ECS_INTERDOMAIN: break;
    case ECS_IPI:
        if (unlikely(d != current_domain))
            break; /* the suspend event of another: its death waits for the lock only */
        raise_for(d, port, load_once(&p->notify_vcpu));
        return 0;
    case ECS_UNBOUND: return 0; /* dropped; the peer finds one pending when it binds */
    default: return guest_error(-EINVAL, "send: port is not one to send through");
    }
    spin_lock(&p->lock);
    /* Closed a moment ago: as if the event had come before that. */
    if (p->state == ECS_INTERDOMAIN) {
        store_once(&current->sched.unit.sending, true);
        evtchn_raise_port(p->remote, p->remote_port);
        store_once(&current->sched.unit.sending, false);
    } else if (p->state == ECS_IPI) {
        evtchn_raise_port(d, port);
    }
    spin_unlock(&p->lock);
    return 0;
}

bool virq_is_global(unsigned virq)
{
    return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF && virq != VIRQ_XENPMU;
}

void send_guest_vcpu_virq(struct vcpu *v, unsigned virq)
{
    unsigned port = load_once(&v->virq_port[virq]);

    if (port)
        raise_for(v->domain, port, v->id);
}

void send_guest_global_virq(struct domain *d, unsigned virq)
{
    unsigned port = d->vcpu[0] ? load_once(&d->vcpu[0]->virq_port[virq]) : 0;

    if (port)
        evtchn_raise_port(d, port);
}

void send_guest_pirq(struct domain *d, unsigned pirq)
{
    uint16_t *ports = load_acquire(&d->evtchn.pirq_port);
    unsigned port = ports && pirq < EVTCHN_MAX_PIRQS ? load_once(&ports[pirq]) : 0;

    if (port)
        evtchn_raise_port(d, port);
}

void evtchn_move_pirqs(struct vcpu *v)
{
    struct domain *d = v->domain;
    uint16_t *ports = load_acquire(&d->evtchn.pirq_port);

    if (!ports)
        return;
    for (unsigned pirq = 0; pirq < load_once(&d->evtchn.pirq_limit); pirq++) {
        unsigned port = load_once(&ports[pirq]);

        if (port && load_once(&evtchn_lookup(d, port)->notify_vcpu) == v->id)
            pirq_set_affinity(d, pirq, v->sched.unit.cpu);
    }
}

bool evtchn_port_is_valid(const struct domain *d, uint32_t port)
{
    return evtchn_lookup(d, port) != NULL;
}

bool evtchn_port_is_pending(const struct domain *d, uint32_t port)
{
    return evtchn_lookup(d, port) && evtchn_bit_test(bits_of(d).pending, port);
}

/* --- ports ------------------------------------------------------------------------------------ */

/* Makes the table reach 64 ports further.  table.lock held. */
static int table_grow(struct evtchn_table *t)
{
    unsigned bucket = t->valid_ports / EVTCHN_PORTS_PER_BUCKET;

    if (!t->bucket[bucket]) {
        struct evtchn_port *page = hv_alloc_page();

        if (!page)
            return guest_error(-ENOMEM, "no memory for more event ports");
        t->bucket[bucket] = page;
    }
    /* Who sees the new limit sees the zeroed bucket (XSA-340). */
    store_release(&t->valid_ports, t->valid_ports + EVTCHN_VALID_STEP);
    return 0;
}

int evtchn_find_free(struct domain *d)
{
    struct evtchn_table *t = &d->evtchn;
    unsigned limit = min(t->max_port, EVTCHN_MAX_PORTS - 1U);

    if (d->dying != DOMDYING_NO)
        return guest_error(-EINVAL, "no new port for a dying domain");
    for (unsigned port = t->first_free; port <= limit; port++) {
        if (port >= t->valid_ports) {
            int rc = table_grow(t);

            if (rc)
                return rc;
        }
        if (evtchn_lookup(d, port)->state == ECS_FREE) {
            t->first_free = port;
            return (int)port;
        }
    }
    return guest_error(-ENOSPC, "all event ports in use");
}

struct evtchn_port *evtchn_port_take(struct domain *d, unsigned port, enum evtchn_state state,
                                     unsigned vcpu)
{
    struct evtchn_port *p = evtchn_lookup(d, port);

    BUG_ON(p->state != ECS_FREE);
    /* A virtual interrupt that was under way when the port was closed may have set it since. */
    if (d->shared_info)
        evtchn_bits_clear(bits_of(d), port);
    store_once(&p->notify_vcpu, (uint8_t)vcpu);
    store_once(&p->state, (uint8_t)state);
    d->evtchn.active++;
    if (d->evtchn.first_free == port)
        d->evtchn.first_free = port + 1;
    return p;
}

void evtchn_port_connect(struct evtchn_port *p, struct domain *remote, unsigned remote_port)
{
    spin_lock(&p->lock);
    p->remote = remote;
    p->remote_port = (uint16_t)remote_port;
    store_once(&p->state, (uint8_t)ECS_INTERDOMAIN);
    spin_unlock(&p->lock);
}

/* table.lock held. */
void evtchn_port_release(struct domain *d, unsigned port)
{
    struct evtchn_port *p = evtchn_lookup(d, port);
    struct evtchn_table *t = &d->evtchn;

    spin_lock(&p->lock);
    store_once(&p->state, (uint8_t)ECS_FREE);
    p->remote = NULL;
    p->remote_port = 0;
    spin_unlock(&p->lock);
    store_once(&p->notify_vcpu, 0);
    evtchn_bits_clear(bits_of(d), port);
    t->active--;
    if (port < t->first_free)
        t->first_free = port;
}

/* Takes the channel away from the other end, which goes back to waiting for us.  Pair lock and d's
 * table lock held; returns with no sender of the peer still using `port`. */
static void disconnect_peer(struct domain *d, unsigned port, struct evtchn_port *p)
{
    struct domain *peer = p->remote;
    struct evtchn_port *other;

    if (peer != d)
        spin_lock(&peer->evtchn.lock);
    other = evtchn_lookup(peer, p->remote_port);
    spin_lock(&other->lock);
    BUG_ON(other->state != ECS_INTERDOMAIN || other->remote != d || other->remote_port != port);
    other->remote_domid = d->mem.id;
    other->remote_port = 0;
    store_once(&other->state, (uint8_t)ECS_UNBOUND);
    spin_unlock(&other->lock);
    if (peer != d)
        spin_unlock(&peer->evtchn.lock);
}

static void unbind_virq(struct domain *d, unsigned port, unsigned virq)
{
    struct vcpu *v;

    for_each_vcpu (d, v) {
        if (v->virq_port[virq] == port)
            store_once(&v->virq_port[virq], 0);
    }
}

/* All locks held that the state needs.  The port is not free afterwards, but nothing uses it. */
static int unbind(struct domain *d, unsigned port, struct evtchn_port *p)
{
    switch (p->state) {
    case ECS_UNBOUND:
    case ECS_IPI: return 0;
    case ECS_INTERDOMAIN: disconnect_peer(d, port, p); return 0;
    case ECS_VIRQ: unbind_virq(d, port, (unsigned)p->number); return 0;
    case ECS_PIRQ:
        pirq_guest_unbind(d, (unsigned)p->number);
        store_once(&d->evtchn.pirq_port[p->number], 0);
        return 0;
    default: return guest_error(-EINVAL, "close: port is not in use");
    }
}

int evtchn_close(struct domain *d, uint32_t port)
{
    struct evtchn_port *p = evtchn_lookup(d, port);
    bool pair;
    int rc;

    if (!p)
        return guest_error(-EINVAL, "close: no such port");
    for (;;) {
        pair = load_once(&p->state) == ECS_INTERDOMAIN;
        if (pair)
            spin_lock(&evtchn_pair_lock);
        spin_lock(&d->evtchn.lock);
        if (pair || p->state != ECS_INTERDOMAIN)
            break;
        /* Somebody bound to it between the look and the lock. */
        spin_unlock(&d->evtchn.lock);
    }
    rc = unbind(d, port, p);
    if (!rc)
        evtchn_port_release(d, port);
    spin_unlock(&d->evtchn.lock);
    if (pair)
        spin_unlock(&evtchn_pair_lock);
    return rc;
}

/* --- life ------------------------------------------------------------------------------------- */

int evtchn_init(struct domain *d, unsigned max_port)
{
    struct evtchn_table *t = &d->evtchn;
    int rc;

    spin_lock_init(&t->lock);
    t->max_port = max_port;
    rc = table_grow(t);
    if (rc)
        return rc;
    t->bucket[0][0].state = ECS_RESERVED;
    t->first_free = 1;
    return 0;
}

int evtchn_destroy_step(struct domain *d)
{
    struct evtchn_table *t = &d->evtchn;

    /* Whoever read "not dying" under the lock is done when we get it; nobody allocates after. */
    spin_lock(&t->lock);
    spin_unlock(&t->lock);
    for (unsigned port = max(t->destroy_next, 1U); port < t->valid_ports; port++) {
        if (evtchn_lookup(d, port)->state != ECS_FREE)
            evtchn_close(d, port);
        /* Each step is a short lock; as often as a hypercall's loop over ports (XSA-344). */
        if (port % 64 == 0 && hypercall_preempt_check()) {
            t->destroy_next = port + 1;
            return -ERESTART;
        }
    }
    t->destroy_next = t->valid_ports;
    BUG_ON(t->active); /* I8 */
    return 0;
}

void evtchn_free(struct domain *d)
{
    struct evtchn_table *t = &d->evtchn;

    t->valid_ports = 0;
    for (unsigned i = 0; i < EVTCHN_BUCKETS; i++) {
        if (t->bucket[i])
            hv_free_page(t->bucket[i]);
        t->bucket[i] = NULL;
    }
    if (t->pirq_port)
        hv_free_page(t->pirq_port);
    t->pirq_port = NULL;
}

/* --- debug key -------------------------------------------------------------------------------- */

/* One line: port, pending and masked, vCPU, kind, and as far as they apply peer and number. */
static void dump_port(struct domain *d, unsigned port, const struct evtchn_port *p)
{
    static const char *const names[] = {"free", "reserved", "unbound", "interdomain",
                                        "pirq", "virq",     "ipi"};
    struct evtchn_bits b = bits_of(d);
    unsigned dom = DOMID_INVALID, number = 0;

    switch (p->state) {
    case ECS_UNBOUND: dom = (unsigned)p->remote_domid; break;
    case ECS_INTERDOMAIN:
        dom = p->remote->mem.id;
        number = p->remote_port;
        break;
    case ECS_PIRQ:
    case ECS_VIRQ: number = (unsigned)p->number; break;
    default: break;
    }
    printk(XENLOG_INFO "  %4u %s%s vcpu%u %s d%u:%u\n", port,
           evtchn_bit_test(b.pending, port) ? "P" : "-", evtchn_bit_test(b.mask, port) ? "M" : "-",
           p->notify_vcpu, names[p->state], dom, number);
}

static void dump_domain(struct domain *d)
{
    struct evtchn_table *t = &d->evtchn;
    struct vcpu *v;

    printk(XENLOG_INFO "d%u: %u ports in use of %u, limit %u, %lu events, polling %#lx\n",
           d->mem.id, t->active, t->valid_ports, min(t->max_port, EVTCHN_MAX_PORTS - 1U),
           (unsigned long)t->sent, (unsigned long)d->poll_mask);
    for_each_vcpu (d, v) {
        printk(XENLOG_INFO "  vcpu%u upcall %u mask %u sel %016lx\n", v->id,
               v->vcpu_info->evtchn_upcall_pending, v->vcpu_info->evtchn_upcall_mask,
               (unsigned long)v->vcpu_info->evtchn_pending_sel);
    }
    for (unsigned port = 1; port < t->valid_ports; port++) {
        const struct evtchn_port *p = evtchn_lookup(d, port);

        if (p->state != ECS_FREE)
            dump_port(d, port, p);
    }
}

void evtchn_dump_all(void)
{
    struct domain *d;

    spin_lock(&evtchn_pair_lock); /* peers stay put */
    spin_lock(&domain_list_lock);
    list_for_each (d, &domain_list, list) {
        spin_lock(&d->evtchn.lock);
        if (d->shared_info)
            dump_domain(d);
        spin_unlock(&d->evtchn.lock);
    }
    spin_unlock(&domain_list_lock);
    spin_unlock(&evtchn_pair_lock);
}
