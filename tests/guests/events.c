/* SPDX-License-Identifier: GPL-2.0-only */
/* Event channels (2-level): every way to make, use and end a port, and the two masks. */
#include "test.h"

static long alloc(unsigned dom, unsigned remote, unsigned *port)
{
    struct evtchn_alloc_unbound op = {(domid_t)dom, (domid_t)remote, 0};
    long rc = hc_event_op(EVTCHNOP_alloc_unbound, &op);

    *port = op.port;
    return rc;
}

static long bind_to(unsigned dom, unsigned remote_port, unsigned *port)
{
    struct evtchn_bind_interdomain op = {(domid_t)dom, remote_port, 0};
    long rc = hc_event_op(EVTCHNOP_bind_interdomain, &op);

    *port = op.local_port;
    return rc;
}

static long bind_virq(unsigned virq, unsigned vcpu, unsigned *port)
{
    struct evtchn_bind_virq op = {virq, vcpu, 0};
    long rc = hc_event_op(EVTCHNOP_bind_virq, &op);

    *port = op.port;
    return rc;
}

static long bind_ipi(unsigned vcpu, unsigned *port)
{
    struct evtchn_bind_ipi op = {vcpu, 0};
    long rc = hc_event_op(EVTCHNOP_bind_ipi, &op);

    *port = op.port;
    return rc;
}

static long port_op(unsigned cmd, unsigned port)
{
    struct evtchn_send op = {port}; /* close, send and unmask look the same */

    return hc_event_op(cmd, &op);
}

static long close_port(unsigned port)
{
    return port_op(EVTCHNOP_close, port);
}

static struct evtchn_status status(unsigned port)
{
    struct evtchn_status op = {.dom = DOMID_SELF, .port = port};

    op.status = 0xff;
    hc_event_op(EVTCHNOP_status, &op);
    return op;
}

/* Unmask in the guest's own way, forgetting what was pending. */
static void allow(unsigned port)
{
    event_count[port] = 0;
    __atomic_fetch_and(&shared_info->evtchn_pending[port / 64], ~(1UL << port % 64),
                       __ATOMIC_SEQ_CST);
    __atomic_fetch_and(&shared_info->evtchn_mask[port / 64], ~(1UL << port % 64), __ATOMIC_SEQ_CST);
}

static void forbid(unsigned port)
{
    __atomic_fetch_or(&shared_info->evtchn_mask[port / 64], 1UL << port % 64, __ATOMIC_SEQ_CST);
}

static bool pending(unsigned port)
{
    return shared_info->evtchn_pending[port / 64] >> port % 64 & 1;
}

/* Two ports of one domain, bound to each other: a send on either sets the other pending. */
static bool loop_make(unsigned *a, unsigned *b)
{
    EXPECT_RC(alloc(DOMID_SELF, DOMID_SELF, a), 0);
    EXPECT_RC(bind_to(DOMID_SELF, *a, b), 0);
    return !test_failed();
}

static void loop_drop(unsigned a, unsigned b)
{
    forbid(a);
    forbid(b);
    EXPECT_RC(close_port(a), 0);
    EXPECT_RC(close_port(b), 0);
}

/* An interdomain pair delivers in both directions, once per send. */
static void test_loopback(void)
{
    unsigned a, b;

    REQUIRE(loop_make(&a, &b));
    EXPECT(a != b && a && b);
    allow(a);
    allow(b);
    EXPECT_RC(port_op(EVTCHNOP_send, a), 0);
    EXPECT_EQ(event_count[b], 1);
    EXPECT_EQ(event_count[a], 0);
    EXPECT_RC(port_op(EVTCHNOP_send, b), 0);
    EXPECT_EQ(event_count[a], 1);
    for (int i = 0; i < 100; i++)
        port_op(EVTCHNOP_send, a);
    EXPECT_EQ(event_count[b], 101);
    loop_drop(a, b);
}

/* Each kind of port says of itself what it is. */
static void test_status(void)
{
    unsigned a, b, virq, ipi;
    struct evtchn_status s;

    REQUIRE_RC(alloc(DOMID_SELF, DOMID_SELF, &a), 0);
    s = status(a);
    EXPECT_EQ(s.status, EVTCHNSTAT_unbound);
    EXPECT_EQ(s.vcpu, 0);
    EXPECT_RC(bind_to(DOMID_SELF, a, &b), 0);
    s = status(a);
    EXPECT_EQ(s.status, EVTCHNSTAT_interdomain);
    EXPECT_EQ(s.u.interdomain.port, b);
    EXPECT_RC(bind_virq(VIRQ_DEBUG, 0, &virq), 0);
    s = status(virq);
    EXPECT_EQ(s.status, EVTCHNSTAT_virq);
    EXPECT_EQ(s.u.virq, VIRQ_DEBUG);
    EXPECT_RC(bind_ipi(0, &ipi), 0);
    EXPECT_EQ(status(ipi).status, EVTCHNSTAT_ipi);
    EXPECT_RC(close_port(virq), 0);
    EXPECT_RC(close_port(ipi), 0);
    EXPECT_RC(close_port(b), 0);
    s = status(a);
    EXPECT_EQ(s.status, EVTCHNSTAT_unbound); /* the peer's end goes back to waiting */
    EXPECT_RC(close_port(a), 0);
    EXPECT_EQ(status(a).status, EVTCHNSTAT_closed);
}

/* After one end is closed the other may be bound again: what makes a back end restartable. */
static void test_rebind(void)
{
    unsigned a, b, c;

    REQUIRE(loop_make(&a, &b));
    EXPECT_RC(close_port(b), 0);
    EXPECT_RC(port_op(EVTCHNOP_send, a), 0); /* to nobody */
    EXPECT_RC(bind_to(DOMID_SELF, a, &c), 0);
    allow(c);
    EXPECT_RC(port_op(EVTCHNOP_send, a), 0);
    EXPECT_EQ(event_count[c], 1);
    loop_drop(a, c);
}

/* A bound port is pending at once, in case the peer sent before. */
static void test_bind_sets_pending(void)
{
    unsigned a, b;

    REQUIRE(loop_make(&a, &b));
    EXPECT(pending(b));
    loop_drop(a, b);
}

/* A masked port becomes pending but is not delivered until unmask. */
static void test_port_mask(void)
{
    unsigned ipi;

    REQUIRE_RC(bind_ipi(0, &ipi), 0);
    allow(ipi);
    forbid(ipi);
    EXPECT_RC(port_op(EVTCHNOP_send, ipi), 0);
    EXPECT(pending(ipi));
    EXPECT_EQ(event_count[ipi], 0);
    EXPECT_RC(port_op(EVTCHNOP_unmask, ipi), 0);
    EXPECT_EQ(event_count[ipi], 1);
    EXPECT(!pending(ipi));
    EXPECT_RC(port_op(EVTCHNOP_unmask, ipi), 0);
    EXPECT_EQ(event_count[ipi], 1);
    forbid(ipi);
    EXPECT_RC(close_port(ipi), 0);
}

/* With the vCPU's mask set nothing is delivered; afterwards everything is, in one upcall. */
static void test_upcall_mask(void)
{
    unsigned a, b, calls;

    REQUIRE_RC(bind_ipi(0, &a), 0);
    REQUIRE_RC(bind_ipi(0, &b), 0);
    allow(a);
    allow(b);
    events_mask();
    EXPECT_RC(port_op(EVTCHNOP_send, a), 0);
    EXPECT_RC(port_op(EVTCHNOP_send, b), 0);
    EXPECT_RC(port_op(EVTCHNOP_send, a), 0);
    EXPECT_EQ(event_count[a], 0);
    EXPECT_EQ(shared_info->vcpu_info[0].evtchn_upcall_pending, 1);
    calls = upcall_count;
    events_unmask();
    EXPECT_EQ(event_count[a], 1);
    EXPECT_EQ(event_count[b], 1);
    EXPECT_EQ(upcall_count, calls + 1);
    forbid(a);
    forbid(b);
    EXPECT_RC(close_port(a), 0);
    EXPECT_RC(close_port(b), 0);
}

/* VIRQs: per-vCPU and global ones, each bound once. */
static void test_virq(void)
{
    unsigned timer, other, dom_exc;

    REQUIRE_RC(bind_virq(VIRQ_TIMER, 0, &timer), 0);
    EXPECT_RC(bind_virq(VIRQ_TIMER, 0, &other), -EEXIST);
    EXPECT_RC(bind_virq(VIRQ_TIMER, 99, &other), -ENOENT);
    EXPECT_RC(bind_virq(NR_VIRQS, 0, &other), -EINVAL);
    EXPECT_RC(bind_virq(0xffffffff, 0, &other), -EINVAL);
    if (start_info->flags & SIF_PRIVILEGED) {
        EXPECT_RC(bind_virq(VIRQ_DOM_EXC, 0, &dom_exc), 0);
        EXPECT_RC(close_port(dom_exc), 0);
    }
    EXPECT_RC(port_op(EVTCHNOP_send, timer), -EINVAL); /* not the guest's to raise */
    allow(timer);
    EXPECT_RC(hc_set_timer(1), 0); /* long past: due now */
    EXPECT(event_wait(timer, 1, 1000));
    forbid(timer);
    EXPECT_RC(close_port(timer), 0);
    EXPECT_RC(bind_virq(VIRQ_TIMER, 0, &timer), 0); /* free again */
    EXPECT_RC(close_port(timer), 0);
}

/* IPIs to oneself; binding to a vCPU that does not exist is refused. */
static void test_ipi(void)
{
    unsigned ipi, none;

    EXPECT_RC(bind_ipi(99, &none), -ENOENT);
    REQUIRE_RC(bind_ipi(0, &ipi), 0);
    allow(ipi);
    EXPECT_RC(port_op(EVTCHNOP_send, ipi), 0);
    EXPECT_EQ(event_count[ipi], 1);
    forbid(ipi);
    EXPECT_RC(close_port(ipi), 0);
}

/* bind_vcpu moves interdomain ports and global VIRQs, not per-vCPU ones. */
static void test_bind_vcpu(void)
{
    unsigned a, virq, ipi;
    struct evtchn_bind_vcpu op;

    REQUIRE_RC(alloc(DOMID_SELF, DOMID_SELF, &a), 0);
    REQUIRE_RC(bind_virq(VIRQ_TIMER, 0, &virq), 0);
    REQUIRE_RC(bind_ipi(0, &ipi), 0);
    op = (struct evtchn_bind_vcpu){a, 0};
    EXPECT_RC(hc_event_op(EVTCHNOP_bind_vcpu, &op), 0);
    op = (struct evtchn_bind_vcpu){a, 99};
    EXPECT_RC(hc_event_op(EVTCHNOP_bind_vcpu, &op), -ENOENT);
    op = (struct evtchn_bind_vcpu){virq, 0};
    EXPECT_RC(hc_event_op(EVTCHNOP_bind_vcpu, &op), -EINVAL);
    op = (struct evtchn_bind_vcpu){ipi, 0};
    EXPECT_RC(hc_event_op(EVTCHNOP_bind_vcpu, &op), -EINVAL);
    op = (struct evtchn_bind_vcpu){4095, 0};
    EXPECT_RC(hc_event_op(EVTCHNOP_bind_vcpu, &op), -EINVAL);
    EXPECT_RC(close_port(a), 0);
    EXPECT_RC(close_port(virq), 0);
    EXPECT_RC(close_port(ipi), 0);
}

/* Ports and domains that do not exist, and wrong states. */
static void test_bad_arguments(void)
{
    unsigned a, b, port;
    struct evtchn_status s = {.dom = DOMID_SELF, .port = 5000};

    EXPECT_RC(alloc(77, DOMID_SELF, &port), -ESRCH);
    EXPECT_RC(bind_to(77, 1, &port), -ESRCH);
    EXPECT_RC(bind_to(DOMID_SELF, 0, &port), -EINVAL);
    EXPECT_RC(bind_to(DOMID_SELF, 5000, &port), -EINVAL);
    EXPECT_RC(bind_to(DOMID_SELF, 4000, &port), -EINVAL); /* free, not unbound */
    REQUIRE_RC(alloc(DOMID_SELF, 77, &a), 0);             /* 77 may come later */
    EXPECT_RC(bind_to(DOMID_SELF, a, &port), -EINVAL);    /* but we are not 77 */
    EXPECT_RC(close_port(a), 0);
    EXPECT_RC(close_port(a), -EINVAL);
    EXPECT_RC(close_port(0), -EINVAL);
    EXPECT_RC(close_port(0xffffffff), -EINVAL);
    EXPECT_RC(port_op(EVTCHNOP_send, 4000), -EINVAL);
    EXPECT_RC(port_op(EVTCHNOP_send, 0xffffffff), -EINVAL);
    EXPECT_RC(port_op(EVTCHNOP_unmask, 0xffffffff), -EINVAL);
    EXPECT_RC(hc_event_op(EVTCHNOP_status, &s), -EINVAL);
    s = (struct evtchn_status){.dom = 77, .port = 1};
    EXPECT_RC(hc_event_op(EVTCHNOP_status, &s), -ESRCH);
    EXPECT_RC(hc_event_op(EVTCHNOP_send, 0x1000), -EFAULT);
    EXPECT_RC(hc_event_op(99, &s), -ENOSYS);
    REQUIRE(loop_make(&a, &b));
    EXPECT_RC(bind_to(DOMID_SELF, a, &port), -EINVAL); /* taken */
    loop_drop(a, b);
}

/* SCHEDOP_poll returns for a pending port (even masked) or at its deadline, and refuses bad ports.
 */
static void test_poll(void)
{
    unsigned ipi;
    evtchn_port_t port, bad = 5000;
    struct sched_poll poll = {(guest_ptr_t)&port, 1, 0};
    uint64_t start;

    REQUIRE_RC(bind_ipi(0, &ipi), 0);
    port = ipi;
    forbid(ipi);
    EXPECT_RC(port_op(EVTCHNOP_send, ipi), 0);
    events_mask();
    EXPECT_RC(hc_sched_op(SCHEDOP_poll, &poll), 0);
    shared_info->evtchn_pending[ipi / 64] = 0;
    start = system_time();
    poll.timeout = start + 20000000;
    EXPECT_RC(hc_sched_op(SCHEDOP_poll, &poll), 0);
    EXPECT(system_time() - start >= 20000000);
    EXPECT(system_time() - start < 500000000);
    poll.timeout = 1; /* past */
    EXPECT_RC(hc_sched_op(SCHEDOP_poll, &poll), 0);
    events_unmask();
    poll.ports = (guest_ptr_t)&bad;
    EXPECT_RC(hc_sched_op(SCHEDOP_poll, &poll), -EINVAL);
    poll.ports = 0x1000;
    EXPECT_RC(hc_sched_op(SCHEDOP_poll, &poll), -EFAULT);
    poll.nr_ports = 129;
    EXPECT_RC(hc_sched_op(SCHEDOP_poll, &poll), -EINVAL);
    EXPECT_RC(close_port(ipi), 0);
}

/* SCHEDOP_block sleeps until an event, unmasks on its way, and returns at once if one is pending.
 */
static void test_block(void)
{
    unsigned timer;
    uint64_t start;

    EXPECT_RC(hc_vcpu_op(VCPUOP_stop_periodic_timer, 0, 0),
              0); /* it ticks at 100 Hz from the start */
    REQUIRE_RC(bind_virq(VIRQ_TIMER, 0, &timer), 0);
    allow(timer);
    start = system_time();
    EXPECT_RC(hc_set_timer(start + 30000000), 0);
    events_mask();
    EXPECT_RC(hc_sched_op(SCHEDOP_block, 0), 0);
    EXPECT_EQ(event_count[timer], 1);
    EXPECT(system_time() - start >= 30000000);
    EXPECT_EQ(shared_info->vcpu_info[0].evtchn_upcall_mask, 0);
    events_mask();
    EXPECT_RC(hc_set_timer(1), 0);
    for (int i = 0; i < 1000 && !pending(timer); i++)
        hc_sched_op(SCHEDOP_yield, 0);
    EXPECT(pending(timer));
    EXPECT_RC(hc_sched_op(SCHEDOP_block, 0), 0);
    EXPECT_EQ(event_count[timer], 2);
    forbid(timer);
    EXPECT_RC(close_port(timer), 0);
}

/* Ports run out with -ENOSPC, at the 4095th at the latest, and all come back. */
static void test_exhaustion(void)
{
    static unsigned ports[4200];
    unsigned n = 0, round1;
    long rc = 0;

    while (n < ARRAY_SIZE(ports) && !(rc = alloc(DOMID_SELF, DOMID_SELF, &ports[n])))
        n++;
    EXPECT_RC(rc, -ENOSPC);
    EXPECT(n >= 1000 && n <= 4095);
    round1 = n;
    while (n)
        EXPECT_RC(close_port(ports[--n]), 0);
    while (n < ARRAY_SIZE(ports) && !(rc = alloc(DOMID_SELF, DOMID_SELF, &ports[n])))
        n++;
    EXPECT_EQ(n, round1);
    while (n)
        EXPECT_RC(close_port(ports[--n]), 0);
}

/* The FIFO calls answer as if they did not exist. */
static void test_fifo_absent(void)
{
    uint64_t arg[4] = {0};

    if (!on_pavis) {
        test_skip("Xen offers FIFO event channels");
        return;
    }
    for (unsigned cmd = EVTCHNOP_init_control; cmd <= EVTCHNOP_set_priority; cmd++)
        EXPECT_RC(hc_event_op(cmd, arg), -ENOSYS);
}

/* Device interrupts: only pirqs that exist, for domains with devices. */
static void test_pirq_bad(void)
{
    struct evtchn_bind_pirq op = {100000, 0, 0};

    EXPECT_RC(hc_event_op(EVTCHNOP_bind_pirq, &op), -EINVAL);
}

/* reset closes every port and leaves the domain able to begin anew. */
static void test_reset(void)
{
    unsigned a, b, timer;
    struct evtchn_reset op = {77};

    EXPECT_RC(hc_event_op(EVTCHNOP_reset, &op), -ESRCH);
    REQUIRE(loop_make(&a, &b));
    REQUIRE_RC(bind_virq(VIRQ_TIMER, 0, &timer), 0);
    op.dom = DOMID_SELF;
    EXPECT_RC(hc_event_op(EVTCHNOP_reset, &op), 0);
    EXPECT_EQ(status(a).status, EVTCHNSTAT_closed);
    EXPECT_EQ(status(b).status, EVTCHNSTAT_closed);
    EXPECT_EQ(status(timer).status, EVTCHNSTAT_closed);
    REQUIRE_RC(bind_virq(VIRQ_TIMER, 0, &timer), 0);
    allow(timer);
    EXPECT_RC(hc_set_timer(1), 0);
    EXPECT(event_wait(timer, 1, 1000));
    forbid(timer);
    EXPECT_RC(close_port(timer), 0);
}

TESTS("events", T(loopback), T(status), T(rebind), T(bind_sets_pending), T(port_mask),
      T(upcall_mask), T(virq), T(ipi), T(bind_vcpu), T(bad_arguments), T(poll), T(block),
      T(exhaustion), T(fifo_absent), T(pirq_bad), T(reset));
