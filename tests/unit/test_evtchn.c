/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event channels, what a model does not reach: limits, allocation failures, preemption, death,
 * resets, who is woken, and closing against sending.  Random operations: test_evtchn_random.c.
 */
// SOURCES: hypervisor/domain/evtchn.c hypervisor/domain/evtchn_op.c
#include "fake_evtchn.h"

#include <pthread.h>
#include <sched.h>

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
    evtchn_dump_all();
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(pointers_and_numbers), T(limits),          T(no_memory),          T(death),
        T(reset_is_resumable),   T(reset_of_others), T(pollers_are_woken),  T(kicks_are_few),
        T(pirqs_follow),         T(no_vcpus_yet),    T(send_against_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
