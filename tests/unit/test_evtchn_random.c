/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claim: random operations of three domains on event channels give the states, Xen's error numbers,
 * and the pending and selector bits of a model that is written from the ABI's description.
 */
// SOURCES: hypervisor/domain/evtchn.c hypervisor/domain/evtchn_op.c
#include "fake_evtchn.h"

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

static void model_reset(void)
{
    memset(model, 0, sizeof(model));
    memset(model_sel, 0, sizeof(model_sel));
    memset(model_upcall, 0, sizeof(model_upcall));
    for (unsigned i = 0; i < FAKE_DOMAINS; i++)
        model_valid[i] = 64;
}

/* By `seed`, which the fuzzer sets before each. */
static void one_operation(void)
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
    unsigned me = rnd(FAKE_DOMAINS);

    fake_run(me, rnd(FAKE_VCPUS));
    ops[rnd(ARRAY_SIZE(ops))](me);
}

/* Whatever is done in whatever order, states, errors and bits are those of the model. */
static void random_against_model(void **state)
{
    model_reset();
    seed = 1;
    for (unsigned i = 0; i < 150000; i++) {
        one_operation();
        if (i % 8 == 0)
            compare();
    }
    compare();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(random_against_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
