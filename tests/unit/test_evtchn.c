/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event channels: random operations of three domains against a model written from the ABI's
 * description (states, Xen's error numbers, pending and selector bits), then the cases a model does
 * not reach: limits, allocation failures, preemption, death, and closing against sending.
 */
// SOURCES: hypervisor/domain/evtchn.c hypervisor/domain/evtchn_op.c
#include "fake_guest.h"

#include <pthread.h>
#include <sched.h>

#include "abi/event_channel.h"
#include "abi/xen.h"
#include "domain/evtchn.h"
#include "domain/evtchn_impl.h"
#include "domain/irq.h"
#include "sched/sched.h"

/* --- the layers below ------------------------------------------------------------------------- */

static unsigned kicks[FAKE_DOMAINS][FAKE_VCPUS];
static uint64_t polled;
static int pirq_bind_rc;
static bool pirq_bound[64];
static unsigned pirq_cpu[64];

void vcpu_kick(struct vcpu *v)
{
    atomic_inc(&kicks[v->domain->mem.id][v->id]);
}

void sched_poll_event(struct domain *d, unsigned port)
{
    polled = (uint64_t)d->mem.id << 32 | port;
}

bool pirq_access_permitted(const struct domain *d, unsigned pirq)
{
    return d->mem.id == 0 && pirq < 64;
}

int pirq_guest_bind(struct vcpu *v, unsigned pirq, bool share)
{
    if (!pirq_bind_rc)
        pirq_bound[pirq] = true;
    return pirq_bind_rc;
}

void pirq_guest_unbind(struct domain *d, unsigned pirq)
{
    assert_true(pirq_bound[pirq]);
    pirq_bound[pirq] = false;
}

void pirq_set_affinity(struct domain *d, unsigned pirq, unsigned cpu)
{
    pirq_cpu[pirq] = cpu;
}

#define LIMIT 200 /* highest port of each domain here */

static void init_with(unsigned limit)
{
    fake_domains_init();
    fake_preempt_at = fake_alloc_fail_at = 0;
    fake_preempt_always = false;
    pirq_bind_rc = 0;
    memset(pirq_bound, 0, sizeof(pirq_bound));
    memset(kicks, 0, sizeof(kicks));
    for (unsigned i = 0; i < FAKE_DOMAINS; i++)
        assert_int_equal(evtchn_init(&fake_domain[i], limit), 0);
}

static int setup(void **state)
{
    init_with(LIMIT);
    return 0;
}

static int teardown(void **state)
{
    for (unsigned i = 0; i < FAKE_DOMAINS; i++) {
        fake_domain[i].dying = DOMDYING_DYING;
        fake_preempt_always = false;
        while (evtchn_destroy_step(&fake_domain[i]))
            ;
        evtchn_free(&fake_domain[i]);
        assert_int_equal(fake_domain[i].refcnt, 1);
    }
    assert_int_equal(fake_allocated, 0);
    return 0;
}

#define OP(cmd, op) do_event_channel_op((cmd), (uint64_t)(op))

static uint32_t ok_alloc(domid_t dom, domid_t remote)
{
    struct evtchn_alloc_unbound op = {.dom = dom, .remote_dom = remote};

    assert_int_equal(OP(EVTCHNOP_alloc_unbound, &op), 0);
    return op.port;
}

static uint32_t ok_connect(domid_t remote, uint32_t port)
{
    struct evtchn_bind_interdomain op = {.remote_dom = remote, .remote_port = port};

    assert_int_equal(OP(EVTCHNOP_bind_interdomain, &op), 0);
    return op.local_port;
}

static long send(uint32_t port)
{
    struct evtchn_send op = {port};

    return OP(EVTCHNOP_send, &op);
}

static long close_port(uint32_t port)
{
    struct evtchn_close op = {port};

    return OP(EVTCHNOP_close, &op);
}

static bool pending(unsigned dom, uint32_t port)
{
    return fake_shared[dom].evtchn_pending[port / 64] >> (port % 64) & 1;
}

/* --- the model -------------------------------------------------------------------------------- */

struct model_port {
    unsigned status; /* EVTCHNSTAT_* */
    unsigned vcpu;
    unsigned dom, number;
    bool pending, masked;
};

static struct model_port model[FAKE_DOMAINS][256]; /* what 64-port steps reach */
static unsigned model_valid[FAKE_DOMAINS];
static uint64_t model_sel[FAKE_DOMAINS][FAKE_VCPUS];
static bool model_upcall[FAKE_DOMAINS][FAKE_VCPUS];

static int model_free_port(unsigned d)
{
    for (unsigned p = 1; p <= LIMIT; p++) {
        if (p >= model_valid[d])
            model_valid[d] += 64;
        if (model[d][p].status == EVTCHNSTAT_closed)
            return (int)p;
    }
    return -ENOSPC;
}

static void model_take(unsigned d, int p, unsigned status, unsigned vcpu, unsigned dom,
                       unsigned number)
{
    bool masked = model[d][p].masked;

    model[d][p] = (struct model_port){status, vcpu, dom, number, false, masked};
}

static void model_tell(unsigned d, unsigned p)
{
    unsigned v = model[d][p].vcpu;

    if (model_sel[d][v] >> (p / 64) & 1)
        return;
    model_sel[d][v] |= 1UL << (p / 64);
    model_upcall[d][v] = true;
}

static void model_raise(unsigned d, unsigned p)
{
    if (model[d][p].pending)
        return;
    model[d][p].pending = true;
    if (!model[d][p].masked)
        model_tell(d, p);
}

static long model_close(unsigned d, unsigned p)
{
    struct model_port *m = &model[d][p];

    if (p >= model_valid[d] || m->status == EVTCHNSTAT_closed)
        return -EINVAL;
    if (m->status == EVTCHNSTAT_interdomain) {
        struct model_port *o = &model[m->dom][m->number];

        o->status = EVTCHNSTAT_unbound;
        o->dom = d;
        o->number = 0;
    }
    model_take(d, (int)p, EVTCHNSTAT_closed, 0, 0, 0);
    return 0;
}

static bool global_virq(unsigned virq)
{
    return virq != 0 && virq != 1 && virq != 7 && virq != 13;
}

/* --- one random operation, in both ------------------------------------------------------------ */

static unsigned seed;

static unsigned rnd(unsigned n)
{
    return (unsigned)rand_r(&seed) % n;
}

static unsigned rnd_port(void)
{
    return rnd(30) ? rnd(12) : rnd(2) ? rnd(LIMIT + 60) : (unsigned)rand_r(&seed);
}

static domid_t rnd_dom(void)
{
    static const domid_t ids[] = {0, 1, 2, DOMID_SELF, DOMID_SELF, 3, DOMID_XEN};

    return ids[rnd(7)];
}

static int dom_of(domid_t id, unsigned me)
{
    return id == DOMID_SELF ? (int)me : id < FAKE_DOMAINS ? id : -ESRCH;
}

static void do_alloc(unsigned me)
{
    struct evtchn_alloc_unbound op = {.dom = rnd_dom(), .remote_dom = rnd_dom()};
    int d = dom_of(op.dom, me);
    long rc = OP(EVTCHNOP_alloc_unbound, &op);
    int port = d < 0 ? d : model_free_port((unsigned)d);

    if (port > 0 && me != 0 && d != (int)me)
        port = -EPERM;
    if (port < 0) {
        assert_int_equal(rc, port);
        return;
    }
    assert_int_equal(rc, 0);
    assert_int_equal(op.port, port);
    model_take((unsigned)d, port, EVTCHNSTAT_unbound, 0,
               op.remote_dom == DOMID_SELF ? me : op.remote_dom, 0);
}

static void do_bind_interdomain(unsigned me)
{
    struct evtchn_bind_interdomain op = {.remote_dom = rnd_dom(), .remote_port = rnd_port()};
    int r = dom_of(op.remote_dom, me);
    long rc = OP(EVTCHNOP_bind_interdomain, &op);
    int port = r < 0 ? r : model_free_port(me);
    struct model_port *m;

    if (port > 0 && op.remote_port >= model_valid[r])
        port = -EINVAL;
    m = port > 0 ? &model[r][op.remote_port] : NULL;
    if (m && (m->status != EVTCHNSTAT_unbound || m->dom != me))
        port = -EINVAL;
    if (port < 0) {
        assert_int_equal(rc, port);
        return;
    }
    assert_int_equal(rc, 0);
    assert_int_equal(op.local_port, port);
    model_take(me, port, EVTCHNSTAT_interdomain, 0, (unsigned)r, op.remote_port);
    m->status = EVTCHNSTAT_interdomain;
    m->dom = me;
    m->number = (unsigned)port;
    model_raise(me, (unsigned)port);
}

static void do_bind_virq(unsigned me)
{
    struct evtchn_bind_virq op = {.virq = rnd(26), .vcpu = rnd(4)};
    long rc = OP(EVTCHNOP_bind_virq, &op);
    int port = op.virq >= 24 || (global_virq(op.virq) && op.vcpu) ? -EINVAL
               : op.vcpu >= FAKE_VCPUS                            ? -ENOENT
                                                                  : 0;

    for (unsigned p = 1; !port && p <= LIMIT; p++) {
        if (model[me][p].status == EVTCHNSTAT_virq && model[me][p].number == op.virq &&
            model[me][p].dom == op.vcpu)
            port = -EEXIST;
    }
    if (!port)
        port = model_free_port(me);
    assert_int_equal(rc, port < 0 ? port : 0);
    if (port < 0)
        return;
    assert_int_equal(op.port, port);
    model_take(me, port, EVTCHNSTAT_virq, op.vcpu, op.vcpu, op.virq);
}

static void do_bind_ipi(unsigned me)
{
    struct evtchn_bind_ipi op = {.vcpu = rnd(4)};
    long rc = OP(EVTCHNOP_bind_ipi, &op);
    int port = op.vcpu >= FAKE_VCPUS ? -ENOENT : model_free_port(me);

    assert_int_equal(rc, port < 0 ? port : 0);
    if (port > 0) {
        assert_int_equal(op.port, port);
        model_take(me, port, EVTCHNSTAT_ipi, op.vcpu, 0, 0);
    }
}

static void do_bind_pirq(unsigned me)
{
    struct evtchn_bind_pirq op = {.pirq = rnd(20) ? rnd(66) : (unsigned)rand_r(&seed)};
    long rc;
    int port = op.pirq >= EVTCHN_MAX_PIRQS ? -EINVAL : me != 0 || op.pirq >= 64 ? -EPERM : 0;

    pirq_bind_rc = rnd(4) ? 0 : -EBUSY;
    rc = OP(EVTCHNOP_bind_pirq, &op);
    for (unsigned p = 1; !port && p <= LIMIT; p++) {
        if (model[me][p].status == EVTCHNSTAT_pirq && model[me][p].number == op.pirq)
            port = -EEXIST;
    }
    if (!port)
        port = model_free_port(me);
    if (port > 0 && pirq_bind_rc) {
        /* Given up again: what was pending there is forgotten all the same. */
        model_take(me, port, EVTCHNSTAT_closed, 0, 0, 0);
        port = pirq_bind_rc;
    }
    assert_int_equal(rc, port < 0 ? port : 0);
    if (port < 0)
        return;
    assert_int_equal(op.port, port);
    model_take(me, port, EVTCHNSTAT_pirq, 0, 0, op.pirq);
}

static void do_send(unsigned me)
{
    unsigned p = rnd_port();
    long rc = send(p);
    struct model_port *m = p < model_valid[me] && p <= LIMIT ? &model[me][p] : NULL;

    switch (m ? m->status : EVTCHNSTAT_closed) {
    case EVTCHNSTAT_interdomain:
        assert_int_equal(rc, 0);
        model_raise(m->dom, m->number);
        break;
    case EVTCHNSTAT_ipi:
        assert_int_equal(rc, 0);
        model_raise(me, p);
        break;
    case EVTCHNSTAT_unbound: assert_int_equal(rc, 0); break;
    default: assert_int_equal(rc, -EINVAL); break;
    }
}

static void do_close(unsigned me)
{
    unsigned p = rnd_port();
    long rc = close_port(p);

    assert_int_equal(rc, p > LIMIT ? -EINVAL : model_close(me, p));
}

static void do_bind_vcpu(unsigned me)
{
    struct evtchn_bind_vcpu op = {.port = rnd_port(), .vcpu = rnd(4)};
    long rc = OP(EVTCHNOP_bind_vcpu, &op);
    struct model_port *m =
        op.port < model_valid[me] && op.port <= LIMIT ? &model[me][op.port] : NULL;

    if (op.vcpu >= FAKE_VCPUS) {
        assert_int_equal(rc, -ENOENT);
        return;
    }
    if (!m || m->status == EVTCHNSTAT_closed || m->status == EVTCHNSTAT_ipi ||
        (m->status == EVTCHNSTAT_virq && !global_virq(m->number))) {
        assert_int_equal(rc, -EINVAL);
        return;
    }
    assert_int_equal(rc, 0);
    m->vcpu = op.vcpu;
}

static void do_mask(unsigned me)
{
    struct evtchn_unmask op = {.port = rnd_port()};
    struct model_port *m =
        op.port < model_valid[me] && op.port <= LIMIT ? &model[me][op.port] : NULL;

    if (m && rnd(2)) { /* the guest itself */
        fake_shared[me].evtchn_mask[op.port / 64] |= 1UL << (op.port % 64);
        m->masked = true;
        return;
    }
    assert_int_equal(OP(EVTCHNOP_unmask, &op), op.port < model_valid[me] ? 0 : -EINVAL);
    if (!m || m->status == EVTCHNSTAT_closed || !m->masked)
        return;
    m->masked = false;
    if (m->pending)
        model_tell(me, op.port);
}

/* Interrupts of any kind, and a guest that consumes what it got. */
static void do_virq_or_consume(unsigned me)
{
    unsigned virq = rnd(24), vcpu = rnd(FAKE_VCPUS);

    if (rnd(3) == 0) {
        fake_vcpu[me][vcpu].vcpu_info->evtchn_upcall_pending = 0;
        fake_vcpu[me][vcpu].vcpu_info->evtchn_pending_sel = 0;
        memset(fake_shared[me].evtchn_pending, 0, sizeof(fake_shared[me].evtchn_pending));
        model_upcall[me][vcpu] = false;
        model_sel[me][vcpu] = 0;
        for (unsigned p = 0; p <= LIMIT; p++)
            model[me][p].pending = false;
        return;
    }
    if (rnd(3) == 0) {
        virq = rnd(64);
        send_guest_pirq(&fake_domain[me], virq);
        for (unsigned p = 1; p <= LIMIT; p++) {
            if (model[me][p].status == EVTCHNSTAT_pirq && model[me][p].number == virq)
                model_raise(me, p);
        }
        return;
    }
    if (global_virq(virq)) {
        vcpu = 0;
        send_guest_global_virq(&fake_domain[me], virq);
    } else {
        send_guest_vcpu_virq(&fake_vcpu[me][vcpu], virq);
    }
    for (unsigned p = 1; p <= LIMIT; p++) {
        if (model[me][p].status == EVTCHNSTAT_virq && model[me][p].number == virq &&
            model[me][p].dom == vcpu)
            model_raise(me, p);
    }
}

static void do_status(unsigned me)
{
    struct evtchn_status op = {.dom = rnd_dom(), .port = rnd_port()};
    int d = dom_of(op.dom, me);
    long rc = OP(EVTCHNOP_status, &op);
    struct model_port *m;

    if (d < 0 || op.port >= model_valid[d] || (me != 0 && d != (int)me)) {
        assert_int_equal(rc, d < 0 ? d : op.port >= model_valid[d] ? -EINVAL : -EPERM);
        return;
    }
    assert_int_equal(rc, 0);
    if (op.port > LIMIT) {
        assert_int_equal(op.status, EVTCHNSTAT_closed);
        return;
    }
    m = &model[d][op.port];
    assert_int_equal(op.status, m->status);
    assert_int_equal(op.vcpu, m->vcpu);
    switch (m->status) {
    case EVTCHNSTAT_unbound: assert_int_equal(op.u.unbound.dom, m->dom); break;
    case EVTCHNSTAT_interdomain:
        assert_int_equal(op.u.interdomain.dom, m->dom);
        assert_int_equal(op.u.interdomain.port, m->number);
        break;
    case EVTCHNSTAT_pirq: assert_int_equal(op.u.pirq, m->number); break;
    case EVTCHNSTAT_virq: assert_int_equal(op.u.virq, m->number); break;
    }
}

static void compare(void)
{
    for (unsigned d = 0; d < FAKE_DOMAINS; d++) {
        unsigned active = 0;

        assert_int_equal(fake_domain[d].evtchn.valid_ports, model_valid[d]);
        for (unsigned p = 0; p <= LIMIT; p++) {
            active += model[d][p].status != EVTCHNSTAT_closed;
            assert_int_equal(pending(d, p), model[d][p].pending);
        }
        assert_int_equal(fake_domain[d].evtchn.active, active);
        for (unsigned v = 0; v < FAKE_VCPUS; v++) {
            assert_int_equal(fake_vcpu[d][v].vcpu_info->evtchn_pending_sel, model_sel[d][v]);
            assert_int_equal(fake_vcpu[d][v].vcpu_info->evtchn_upcall_pending, model_upcall[d][v]);
        }
        assert_int_equal(fake_domain[d].refcnt, 1);
    }
}

/* Whatever is done in whatever order, states, errors and bits are those of the model. */
static void random_against_model(void **state)
{
    static void (*const ops[])(unsigned) = {
        do_alloc,
        do_bind_interdomain,
        do_bind_interdomain,
        do_bind_virq,
        do_bind_ipi,
        do_bind_pirq,
        do_send,
        do_send,
        do_close,
        do_close,
        do_status,
        do_bind_vcpu,
        do_mask,
        do_virq_or_consume,
    };

    memset(model, 0, sizeof(model));
    memset(model_sel, 0, sizeof(model_sel));
    memset(model_upcall, 0, sizeof(model_upcall));
    for (unsigned i = 0; i < FAKE_DOMAINS; i++)
        model_valid[i] = 64;
    seed = 1;
    for (unsigned i = 0; i < 150000; i++) {
        unsigned me = rnd(FAKE_DOMAINS);

        fake_run(me, rnd(FAKE_VCPUS));
        ops[rnd(ARRAY_SIZE(ops))](me);
        if (i % 8 == 0)
            compare();
    }
    compare();
}

/* --- what the model does not reach ------------------------------------------------------------ */

/* A wrong pointer is -EFAULT for each operation, an unknown or FIFO operation -ENOSYS. */
static void pointers_and_numbers(void **state)
{
    for (int cmd = -2; cmd < 40; cmd++) {
        bool known = (cmd >= 0 && cmd <= 10) || cmd == EVTCHNOP_reset_cont;

        assert_int_equal(OP(cmd, FAKE_BAD_POINTER), known ? -EFAULT : -ENOSYS);
    }
}

/* Ports are handed out to the limit of the domain and of the ABI, lowest first, and no further. */
static void limits(void **state)
{
    static const unsigned limit_of[] = {0, 1, 63, 64, 4095, 4096, ~0U};

    teardown(state);
    for (unsigned i = 0; i < ARRAY_SIZE(limit_of); i++) {
        unsigned last = min(limit_of[i], 4095U);
        struct evtchn_alloc_unbound op = {.dom = DOMID_SELF};

        init_with(limit_of[i]);
        for (unsigned p = 1; p <= last; p++)
            assert_int_equal(ok_alloc(DOMID_SELF, 1), p);
        assert_int_equal(OP(EVTCHNOP_alloc_unbound, &op), -ENOSPC);
        assert_int_equal(OP(EVTCHNOP_alloc_unbound, &op), -ENOSPC);
        if (last > 40) {
            assert_int_equal(close_port(40), 0);
            assert_int_equal(close_port(17), 0);
            assert_int_equal(ok_alloc(DOMID_SELF, 1), 17);
            assert_int_equal(ok_alloc(DOMID_SELF, 1), 40);
            assert_int_equal(OP(EVTCHNOP_alloc_unbound, &op), -ENOSPC);
        }
        assert_false(evtchn_port_is_valid(&fake_domain[0], 4096));
        assert_false(evtchn_port_is_pending(&fake_domain[0], ~0U));
        teardown(state);
    }
    setup(state);
}

/* Without memory the call says so and changes nothing. */
static void no_memory(void **state)
{
    struct evtchn_alloc_unbound op = {.dom = DOMID_SELF};
    struct evtchn_bind_pirq pirq = {.pirq = 5};

    teardown(state);
    init_with(4095);
    for (unsigned p = 1; p < EVTCHN_PORTS_PER_BUCKET; p++)
        ok_alloc(DOMID_SELF, 1);
    fake_alloc_fail_at = 1;
    assert_int_equal(OP(EVTCHNOP_alloc_unbound, &op), -ENOMEM);
    assert_int_equal(fake_domain[0].evtchn.active, EVTCHN_PORTS_PER_BUCKET - 1);
    assert_int_equal(ok_alloc(DOMID_SELF, 1), EVTCHN_PORTS_PER_BUCKET);
    fake_alloc_fail_at = 1;
    assert_int_equal(OP(EVTCHNOP_bind_pirq, &pirq), -ENOMEM);
    assert_int_equal(OP(EVTCHNOP_bind_pirq, &pirq), 0);
}

/* A dying domain gets no port, its peers keep theirs, unbound and waiting for it. */
static void death(void **state)
{
    struct evtchn_alloc_unbound op = {.dom = 1};
    struct evtchn_status st = {.dom = 0};
    unsigned steps = 0;
    uint32_t mine;

    for (unsigned i = 0; i < 150; i++) {
        fake_run(1, 0);
        mine = ok_alloc(DOMID_SELF, 0);
        fake_run(0, 0);
        st.port = ok_connect(1, mine);
    }
    fake_domain[1].dying = DOMDYING_DYING;
    assert_int_equal(OP(EVTCHNOP_alloc_unbound, &op), -EINVAL);
    fake_preempt_always = true;
    while (evtchn_destroy_step(&fake_domain[1]) == -ERESTART)
        steps++;
    assert_in_range(steps, 2, 10);
    assert_int_equal(OP(EVTCHNOP_status, &st), 0);
    assert_int_equal(st.status, EVTCHNSTAT_unbound);
    assert_int_equal(st.u.unbound.dom, 1);
    assert_int_equal(send(st.port), 0);
    assert_int_equal(fake_domain[1].evtchn.active, 0);
}

/* A reset may be stopped at any point and goes on; nobody else's reset can join it. */
static void reset_is_resumable(void **state)
{
    for (unsigned stop = 1; stop < 6; stop++) {
        struct evtchn_reset op = {DOMID_SELF};
        bool stopped = false;
        long rc;

        fake_run(1, 0);
        for (unsigned i = 0; i < 190; i++)
            ok_alloc(DOMID_SELF, 0);
        fake_preempt_at = stop;
        rc = OP(EVTCHNOP_reset, &op);
        while (rc == FAKE_CONTINUED) {
            stopped = true;
            assert_int_equal(fake_continuation.op, __HYPERVISOR_event_channel_op);
            assert_int_equal(OP(EVTCHNOP_reset, &op), -EBUSY);
            rc = do_event_channel_op((int)fake_continuation.arg[0], fake_continuation.arg[1]);
        }
        assert_int_equal(rc, 0);
        assert_int_equal(stopped, stop <= 2); /* looks at 64 and 128 */
        assert_int_equal(fake_domain[1].evtchn.active, 0);
        assert_int_equal(OP(EVTCHNOP_reset_cont, &op), -EBUSY); /* none to go on with */
        fake_preempt_at = 0;
    }
}

/* Others' tables are reset by the control domain alone, and only while they are paused. */
static void reset_of_others(void **state)
{
    struct evtchn_reset op = {2};

    fake_run(1, 0);
    assert_int_equal(OP(EVTCHNOP_reset, &op), -EPERM);
    fake_run(0, 0);
    assert_int_equal(OP(EVTCHNOP_reset, &op), -EINVAL);
    fake_domain[2].pause_by_tools = 1;
    assert_int_equal(OP(EVTCHNOP_reset, &op), 0);
    op.dom = 77;
    assert_int_equal(OP(EVTCHNOP_reset, &op), -ESRCH);
}

/* An event wakes pollers of its domain, by its number, and nobody else. */
static void pollers_are_woken(void **state)
{
    struct evtchn_bind_ipi op = {.vcpu = 1};

    fake_run(1, 0);
    assert_int_equal(OP(EVTCHNOP_bind_ipi, &op), 0);
    polled = 0;
    assert_int_equal(send(op.port), 0);
    assert_int_equal(polled, 0);
    fake_domain[1].poll_mask = 2;
    fake_shared[1].evtchn_pending[0] = 0;
    assert_int_equal(send(op.port), 0);
    assert_int_equal(polled, 1UL << 32 | op.port);
    assert_true(evtchn_port_is_pending(&fake_domain[1], op.port));
}

/* One kick for a burst; none when the guest has not yet looked. */
static void kicks_are_few(void **state)
{
    struct evtchn_bind_ipi a = {.vcpu = 1}, b = {.vcpu = 1};
    struct vcpu *v = &fake_vcpu[1][1];

    fake_run(1, 0);
    assert_int_equal(OP(EVTCHNOP_bind_ipi, &a), 0);
    assert_int_equal(OP(EVTCHNOP_bind_ipi, &b), 0);
    for (unsigned i = 0; i < 10; i++) {
        send(a.port);
        send(b.port);
    }
    assert_int_equal(kicks[1][1], 1);
    assert_int_equal(kicks[1][0], 0);
    assert_true(vcpu_event_pending(v));
    v->vcpu_info->evtchn_upcall_mask = 1;
    assert_false(vcpu_event_pending(v));
}

/* The interrupts of a vCPU that moved follow it; those of others stay. */
static void pirqs_follow(void **state)
{
    struct evtchn_bind_pirq a = {.pirq = 3}, b = {.pirq = 60};
    struct evtchn_bind_vcpu to = {.vcpu = 1};

    assert_int_equal(OP(EVTCHNOP_bind_pirq, &a), 0);
    assert_int_equal(OP(EVTCHNOP_bind_pirq, &b), 0);
    fake_vcpu[0][1].sched.unit.cpu = 5;
    to.port = b.port;
    assert_int_equal(OP(EVTCHNOP_bind_vcpu, &to), 0);
    assert_int_equal(pirq_cpu[60], 5);
    pirq_cpu[3] = 0;
    fake_vcpu[0][1].sched.unit.cpu = 6;
    evtchn_move_pirqs(&fake_vcpu[0][1]);
    assert_int_equal(pirq_cpu[60], 6);
    assert_int_equal(pirq_cpu[3], 0);
}

/* A domain whose vCPUs are not made yet can be written to; the event waits. */
static void no_vcpus_yet(void **state)
{
    uint32_t port = ok_alloc(2, 0), mine;

    fake_domain[2].vcpu[0] = NULL;
    mine = ok_connect(2, port);
    assert_int_equal(send(mine), 0);
    assert_true(pending(2, port));
    send_guest_global_virq(&fake_domain[2], VIRQ_DOM_EXC);
    fake_domain[2].vcpu[0] = &fake_vcpu[2][0];
}

/* --- sending against closing --------------------------------------------------------------------
 */

static bool stop_sending;
static uint32_t target;

static void *sender(void *arg)
{
    unsigned sent = 0;

    while (!load_once(&stop_sending)) {
        evtchn_send(&fake_domain[0], load_once(&target));
        if (++sent % 256 == 0)
            sched_yield();
    }
    return NULL;
}

/* While one CPU sends, the other end is closed and bound anew: the peer is always a right one. */
static void send_against_close(void **state)
{
    pthread_t t;

    fake_run(0, 0);
    target = ok_alloc(DOMID_SELF, 1);
    assert_int_equal(pthread_create(&t, NULL, sender, NULL), 0);
    fake_run(1, 0);
    for (unsigned i = 0; i < 30000; i++) {
        uint32_t port = ok_connect(0, target);

        assert_int_equal(port, 1);
        if (i % 16 == 0)
            sched_yield();
        assert_int_equal(close_port(port), 0);
        assert_int_equal(fake_domain[1].evtchn.active, 0);
    }
    store_once(&stop_sending, true);
    pthread_join(t, NULL);
    /* Nothing but the bits of that one port was touched. */
    assert_int_equal(fake_shared[1].evtchn_pending[0] & ~2UL, 0);
    assert_int_equal(fake_shared[2].evtchn_pending[0], 0);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(random_against_model),
        T(pointers_and_numbers),
        T(limits),
        T(no_memory),
        T(death),
        T(reset_is_resumable),
        T(reset_of_others),
        T(pollers_are_woken),
        T(kicks_are_few),
        T(pirqs_follow),
        T(no_vcpus_yet),
        T(send_against_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
