/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hypercall 32, event_channel_op: how a guest allocates, binds, asks about and moves its ports.
 *
 * Each operation is fetch, check, commit, in Xen's order of checks, so that a wrong call gets Xen's
 * error.  FIFO operations and numbers unknown answer -ENOSYS, upon which guests use the 2-level
 * ABI.
 */
#include "abi/errno.h"
#include "abi/event_channel.h"
#include "abi/xen.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "domain/evtchn.h"
#include "domain/evtchn_bits.h"
#include "domain/evtchn_impl.h"
#include "domain/irq.h"
#include "domain/continuation.h"
#include "mem/guest_access.h"
#include "mem/heap.h"
#include "sched/sched.h"

/* --- whom an operation is about -----------------------------------------------------------------
 */

/* Any domain by number, referenced; whether the caller may act on it is another question. */
static int find_domain(domid_t id, struct domain **out)
{
    if (id == DOMID_SELF)
        id = current_domain->mem.id;
    *out = domain_get_by_id(id);
    return *out ? 0 : guest_error(-ESRCH, "no such domain");
}

static int may_act_on(const struct domain *d)
{
    return d == current_domain ? 0 : domain_may_control(d);
}

static struct vcpu *vcpu_of(const struct domain *d, uint32_t id)
{
    return id < d->max_vcpus && id < MAX_VCPUS ? d->vcpu[id] : NULL;
}

/* --- binding ------------------------------------------------------------------------------------
 */

static int alloc_unbound(struct evtchn_alloc_unbound *op)
{
    struct domain *d;
    int rc = find_domain(op->dom, &d);
    int port;

    if (rc)
        return rc;
    spin_lock(&d->evtchn.lock);
    port = evtchn_find_free(d);
    rc = port < 0 ? port : may_act_on(d);
    if (!rc) {
        domid_t remote = op->remote_dom == DOMID_SELF ? current_domain->mem.id : op->remote_dom;

        evtchn_port_take(d, (unsigned)port, ECS_UNBOUND, 0)->remote_domid = remote;
        op->port = (uint32_t)port;
    }
    spin_unlock(&d->evtchn.lock);
    domain_put(d);
    return rc;
}

/* Both table locks and the pair lock held. */
static int connect(struct domain *ld, struct domain *rd, struct evtchn_bind_interdomain *op)
{
    struct evtchn_port *remote, *local;
    int port = evtchn_find_free(ld);

    if (port < 0)
        return port;
    remote = evtchn_lookup(rd, op->remote_port);
    if (!remote || remote->state != ECS_UNBOUND || remote->remote_domid != ld->mem.id)
        return guest_error(-EINVAL, "bind: the remote port does not wait for this domain");
    local = evtchn_port_take(ld, (unsigned)port, ECS_UNBOUND, 0);
    local->remote_domid = rd->mem.id;
    evtchn_port_connect(local, rd, op->remote_port);
    evtchn_port_connect(remote, ld, (unsigned)port);
    /* Events sent before the binding were dropped: make the newcomer look once. */
    evtchn_raise_port(ld, (unsigned)port);
    op->local_port = (uint32_t)port;
    return 0;
}

static int bind_interdomain(struct evtchn_bind_interdomain *op)
{
    struct domain *ld = current_domain, *rd;
    int rc = find_domain(op->remote_dom, &rd);

    if (rc)
        return rc;
    spin_lock(&evtchn_pair_lock);
    spin_lock(&ld->evtchn.lock);
    if (rd != ld)
        spin_lock(&rd->evtchn.lock);
    rc = connect(ld, rd, op);
    if (rd != ld)
        spin_unlock(&rd->evtchn.lock);
    spin_unlock(&ld->evtchn.lock);
    spin_unlock(&evtchn_pair_lock);
    domain_put(rd);
    return rc;
}

static int bind_virq(struct evtchn_bind_virq *op)
{
    struct domain *d = current_domain;
    struct vcpu *v;
    int port;

    if (op->virq >= NR_VIRQS)
        return guest_error(-EINVAL, "bind_virq: no such VIRQ");
    if (virq_is_global(op->virq) && op->vcpu != 0)
        return guest_error(-EINVAL, "bind_virq: a global VIRQ binds to vCPU 0");
    v = vcpu_of(d, op->vcpu);
    if (!v)
        return guest_error(-ENOENT, "bind_virq: no such vCPU");
    spin_lock(&d->evtchn.lock);
    port = v->virq_port[op->virq] ? guest_error(-EEXIST, "bind_virq: bound already")
                                  : evtchn_find_free(d);
    if (port > 0) {
        evtchn_port_take(d, (unsigned)port, ECS_VIRQ, v->id)->number = op->virq;
        /* From here on an interrupt may find the port: it is complete. */
        store_release(&v->virq_port[op->virq], (uint16_t)port);
        op->port = (uint32_t)port;
    }
    spin_unlock(&d->evtchn.lock);
    return min(port, 0);
}

static int bind_ipi(struct evtchn_bind_ipi *op)
{
    struct domain *d = current_domain;
    int port;

    if (!vcpu_of(d, op->vcpu))
        return guest_error(-ENOENT, "bind_ipi: no such vCPU");
    spin_lock(&d->evtchn.lock);
    port = evtchn_find_free(d);
    if (port > 0) {
        evtchn_port_take(d, (unsigned)port, ECS_IPI, op->vcpu);
        op->port = (uint32_t)port;
    }
    spin_unlock(&d->evtchn.lock);
    return min(port, 0);
}

/* The port is complete before the interrupt may come, and given up again if it cannot. */
static int bind_pirq_locked(struct domain *d, struct evtchn_bind_pirq *op)
{
    struct evtchn_table *t = &d->evtchn;
    int port, rc;

    if (!t->pirq_port) {
        _Static_assert(EVTCHN_MAX_PIRQS * sizeof(*t->pirq_port) <= PAGE_SIZE, "one page");
        uint16_t *page = hv_alloc_page();

        if (!page)
            return guest_error(-ENOMEM, "no memory for the pirq table");
        store_release(&t->pirq_port, page);
    }
    if (t->pirq_port[op->pirq])
        return guest_error(-EEXIST, "bind_pirq: bound already");
    port = evtchn_find_free(d);
    if (port < 0)
        return port;
    evtchn_port_take(d, (unsigned)port, ECS_PIRQ, 0)->number = op->pirq;
    store_release(&t->pirq_port[op->pirq], (uint16_t)port);
    t->pirq_limit = max(t->pirq_limit, op->pirq + 1);
    rc = pirq_guest_bind(d->vcpu[0], op->pirq, op->flags & BIND_PIRQ__WILL_SHARE);
    if (rc) {
        store_once(&t->pirq_port[op->pirq], 0);
        evtchn_port_release(d, (unsigned)port);
        return rc;
    }
    op->port = (uint32_t)port;
    return 0;
}

static int bind_pirq(struct evtchn_bind_pirq *op)
{
    struct domain *d = current_domain;
    int rc;

    if (op->pirq >= EVTCHN_MAX_PIRQS)
        return guest_error(-EINVAL, "bind_pirq: no such pirq");
    if (!pirq_access_permitted(d, op->pirq))
        return guest_error(-EPERM, "bind_pirq: not this domain's");
    spin_lock(&d->evtchn.lock);
    rc = bind_pirq_locked(d, op);
    spin_unlock(&d->evtchn.lock);
    return rc;
}

/* --- asking and moving --------------------------------------------------------------------------
 */

static void fill_status(const struct evtchn_port *p, struct evtchn_status *op)
{
    switch (p->state) {
    case ECS_UNBOUND:
        op->status = EVTCHNSTAT_unbound;
        op->u.unbound.dom = (domid_t)p->remote_domid;
        break;
    case ECS_INTERDOMAIN:
        op->status = EVTCHNSTAT_interdomain;
        op->u.interdomain.dom = p->remote->mem.id;
        op->u.interdomain.port = p->remote_port;
        break;
    case ECS_PIRQ:
        op->status = EVTCHNSTAT_pirq;
        op->u.pirq = (uint32_t)p->number;
        break;
    case ECS_VIRQ:
        op->status = EVTCHNSTAT_virq;
        op->u.virq = (uint32_t)p->number;
        break;
    case ECS_IPI: op->status = EVTCHNSTAT_ipi; break;
    default: op->status = EVTCHNSTAT_closed; break;
    }
    op->vcpu = p->notify_vcpu;
}

static int status(struct evtchn_status *op)
{
    struct evtchn_port *p;
    struct domain *d;
    int rc = find_domain(op->dom, &d);

    if (rc)
        return rc;
    p = evtchn_lookup(d, op->port);
    rc = p ? may_act_on(d) : guest_error(-EINVAL, "status: no such port");
    if (!rc) {
        spin_lock(&d->evtchn.lock); /* so a peer stays alive while it is named */
        fill_status(p, op);
        spin_unlock(&d->evtchn.lock);
    }
    domain_put(d);
    return rc;
}

static int rebind(struct domain *d, struct evtchn_port *p, struct vcpu *v)
{
    switch (p->state) {
    case ECS_VIRQ:
        if (!virq_is_global((unsigned)p->number))
            return guest_error(-EINVAL, "bind_vcpu: a per-vCPU VIRQ stays where it is");
        break;
    case ECS_UNBOUND:
    case ECS_INTERDOMAIN:
    case ECS_PIRQ: break;
    default: return guest_error(-EINVAL, "bind_vcpu: not for this kind of port");
    }
    /* A sender reads this byte without a lock and so tells the one or the other vCPU. */
    store_once(&p->notify_vcpu, (uint8_t)v->id);
    smp_mb(); /* whoever moves v now sees the port (evtchn_move_pirqs), or we see where it went */
    if (p->state == ECS_PIRQ)
        pirq_set_affinity(d, (unsigned)p->number, load_once(&v->sched.unit.cpu));
    return 0;
}

static int bind_vcpu(const struct evtchn_bind_vcpu *op)
{
    struct domain *d = current_domain;
    struct vcpu *v = vcpu_of(d, op->vcpu);
    struct evtchn_port *p;
    int rc;

    if (!v)
        return guest_error(-ENOENT, "bind_vcpu: no such vCPU");
    p = evtchn_lookup(d, op->port);
    if (!p)
        return guest_error(-EINVAL, "bind_vcpu: no such port");
    spin_lock(&d->evtchn.lock);
    rc = rebind(d, p, v);
    spin_unlock(&d->evtchn.lock);
    return rc;
}

static int unmask(const struct evtchn_unmask *op)
{
    struct evtchn_port *p = evtchn_lookup(current_domain, op->port);

    if (!p)
        return guest_error(-EINVAL, "unmask: no such port");
    /* Without a lock: whatever happens to the port meanwhile, these are bits of the caller's. */
    if (load_once(&p->state) > ECS_RESERVED)
        evtchn_unmask_port(current_domain, op->port);
    return 0;
}

/* --- reset --------------------------------------------------------------------------------------
 */

/*
 * Closes every port, 64 at a time.  A reset under way is marked by reset_next != 0, so that a
 * second one from another vCPU is refused and a continuation knows where it was (XSA-343, 344).
 */
static int reset(struct domain *d, bool resuming)
{
    struct evtchn_table *t = &d->evtchn;
    unsigned port;

    if (d != current_domain && !d->pause_by_tools)
        return guest_error(-EINVAL, "reset: another domain must be paused");
    spin_lock(&t->lock);
    port = resuming ? t->reset_next : !t->reset_next;
    if (port)
        t->reset_next = port;
    spin_unlock(&t->lock);
    if (!port)
        return guest_error(-EBUSY, "reset: one is under way, or none to go on with");
    for (; port < load_acquire(&t->valid_ports); port++) {
        if (load_once(&evtchn_lookup(d, port)->state) > ECS_RESERVED)
            evtchn_close(d, port);
        if (port % 64 == 0 && hypercall_preempt_check()) {
            store_once(&t->reset_next, port + 1);
            return -ERESTART;
        }
    }
    store_once(&t->reset_next, 0);
    /* Another vCPU may have bound one behind our back. */
    return load_once(&t->active) ? guest_error(-EAGAIN, "reset: ports were bound meanwhile") : 0;
}

static long op_reset(int cmd, uint64_t arg)
{
    struct evtchn_reset op;
    struct domain *d;
    int rc;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return guest_error(-EFAULT, "an argument cannot be read");
    rc = find_domain(op.dom, &d);
    if (rc)
        return rc;
    rc = may_act_on(d);
    if (!rc)
        rc = reset(d, cmd == EVTCHNOP_reset_cont);
    domain_put(d);
    if (rc == -ERESTART)
        return HYPERCALL_CONTINUE(__HYPERVISOR_event_channel_op, EVTCHNOP_reset_cont, arg);
    return rc;
}

/* --- the hypercall ------------------------------------------------------------------------------
 */

/* Fetches the operation's structure, runs it, and gives the structure back if it has results. */
#define RUN(type, fn, has_result)                                                                  \
    ({                                                                                             \
        struct type op_;                                                                           \
        long rc_ = copy_from_guest(&op_, arg, sizeof(op_))                                         \
                       ? guest_error(-EFAULT, "an argument cannot be read")                        \
                       : fn(&op_);                                                                 \
        /* Bound all the same: the guest can still find it by its status. */                       \
        if (!rc_ && (has_result) && copy_to_guest(arg, &op_, sizeof(op_)))                         \
            rc_ = guest_error(-EFAULT, "the result cannot be written");                            \
        rc_;                                                                                       \
    })

static int op_close(const struct evtchn_close *op)
{
    return evtchn_close(current_domain, op->port);
}

static int op_send(const struct evtchn_send *op)
{
    return evtchn_send(current_domain, op->port);
}

long do_event_channel_op(int cmd, uint64_t arg)
{
    switch (cmd) {
    case EVTCHNOP_send: return RUN(evtchn_send, op_send, false);
    case EVTCHNOP_unmask: return RUN(evtchn_unmask, unmask, false);
    case EVTCHNOP_alloc_unbound: return RUN(evtchn_alloc_unbound, alloc_unbound, true);
    case EVTCHNOP_bind_interdomain: return RUN(evtchn_bind_interdomain, bind_interdomain, true);
    case EVTCHNOP_bind_virq: return RUN(evtchn_bind_virq, bind_virq, true);
    case EVTCHNOP_bind_ipi: return RUN(evtchn_bind_ipi, bind_ipi, true);
    case EVTCHNOP_bind_pirq: return RUN(evtchn_bind_pirq, bind_pirq, true);
    case EVTCHNOP_bind_vcpu: return RUN(evtchn_bind_vcpu, bind_vcpu, false);
    case EVTCHNOP_close: return RUN(evtchn_close, op_close, false);
    case EVTCHNOP_status: return RUN(evtchn_status, status, true);
    case EVTCHNOP_reset:
    case EVTCHNOP_reset_cont: return op_reset(cmd, arg);
    /* FIFO (11-13) is left out on purpose: see docs. */
    default: return guest_error(-ENOSYS, "no such event_channel_op");
    }
}
