/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attacks with event ports, timers and places that the hypervisor writes to (docs/ATTACKS.md, 1d).
 */
#include "attack.h"

#define MAX_PORT 1023 /* as second.c creates the domain */

static const uint32_t bad_ports[] = {0,    1,     63,    MAX_PORT + 1, 4095,     4096,
                                     5000, 65536, 65537, 1U << 31,     ~0U - 63, ~0U};

static long send(uint32_t port)
{
    return hc_event_op(EVTCHNOP_send, &(struct evtchn_send){port});
}

static long close_port(uint32_t port)
{
    return hc_event_op(EVTCHNOP_close, &(struct evtchn_close){port});
}

static long alloc(domid_t dom, domid_t remote, uint32_t *port)
{
    struct evtchn_alloc_unbound op = {dom, remote, 0};
    long rc = hc_event_op(EVTCHNOP_alloc_unbound, &op);

    *port = op.port;
    return rc;
}

static long bind(domid_t dom, uint32_t remote_port, uint32_t *port)
{
    struct evtchn_bind_interdomain op = {dom, remote_port, 0};
    long rc = hc_event_op(EVTCHNOP_bind_interdomain, &op);

    *port = op.local_port;
    return rc;
}

static long status_of(domid_t dom, uint32_t port, uint32_t *status)
{
    struct evtchn_status op = {.dom = dom, .port = port};
    long rc = hc_event_op(EVTCHNOP_status, &op);

    *status = op.status;
    return rc;
}

static long bind_ipi(uint32_t vcpu)
{
    struct evtchn_bind_ipi op = {vcpu, 0};

    return hc_event_op(EVTCHNOP_bind_ipi, &op);
}

static long bind_pirq(uint32_t pirq)
{
    struct evtchn_bind_pirq op = {pirq, 0, 0};

    return hc_event_op(EVTCHNOP_bind_pirq, &op);
}

/* Ports that do not exist, in every operation: one limit holds for all (XSA-47, 221, 338, 342). */
ATTACK(port_numbers)
{
    uint32_t port;

    for (unsigned i = 0; i < ARRAY_SIZE(bad_ports); i++) {
        uint32_t p = bad_ports[i];
        struct evtchn_bind_vcpu move = {p, 0};
        struct sched_poll poll = {.nr_ports = 1, .timeout = 1};

        poll.ports = (guest_ptr_t)&p;
        EXPECT_RC(send(p), -EINVAL);
        EXPECT_RC(close_port(p), -EINVAL);
        EXPECT_RC(hc_event_op(EVTCHNOP_bind_vcpu, &move), -EINVAL);
        EXPECT_RC(bind(OWN_DOMID, p, &port), -EINVAL);
        if (p >= 64) { /* below, the table is there: nobody has the port, but it can be named */
            EXPECT_RC(hc_event_op(EVTCHNOP_unmask, &(struct evtchn_unmask){p}), -EINVAL);
            EXPECT_RC(status_of(DOMID_SELF, p, &port), -EINVAL);
            EXPECT_RC(hc_sched_op(SCHEDOP_poll, &poll), -EINVAL);
        }
    }
}

/* A poll has few ports and an array in guest memory (XSA-221). */
ATTACK(poll_arrays)
{
    static uint32_t ports[256];
    struct sched_poll poll = {.nr_ports = 129, .timeout = 1};

    poll.ports = (guest_ptr_t)ports;
    EXPECT_RC(hc_sched_op(SCHEDOP_poll, &poll), -EINVAL);
    poll.nr_ports = ~0U;
    EXPECT_RC(hc_sched_op(SCHEDOP_poll, &poll), -EINVAL);
    poll.nr_ports = 2;
    poll.ports = HYPERVISOR_VIRT_START - 4;
    EXPECT_RC(hc_sched_op(SCHEDOP_poll, &poll), -EFAULT);
    poll.ports = ~0UL - 3;
    EXPECT_RC(hc_sched_op(SCHEDOP_poll, &poll), -EFAULT);
}

/* All ports can be taken, no more than that, and all come back. */
ATTACK(exhaustion)
{
    uint32_t port, count;

    for (unsigned round = 0; round < 2; round++) {
        for (count = 0; alloc(DOMID_SELF, 0, &port) == 0; count++)
            EXPECT(port > 0 && port <= MAX_PORT);
        EXPECT_EQ(count, MAX_PORT);
        EXPECT_RC(alloc(DOMID_SELF, 0, &port), -ENOSPC);
        EXPECT_RC(bind_ipi(0), -ENOSPC);
        EXPECT_RC(hc_event_op(EVTCHNOP_reset, &(struct evtchn_reset){DOMID_SELF}), 0);
    }
}

/* Others' ports: not to be bound, asked about, closed or made for them. */
ATTACK(others_ports)
{
    uint32_t port, status, own;

    EXPECT_RC(bind(0, (uint32_t)VICTIM_PORT, &port), -EINVAL);
    for (unsigned p = 0; p < 64; p++)
        EXPECT_RC(bind(0, p, &port), -EINVAL);
    EXPECT_RC(alloc(0, DOMID_SELF, &port), -EPERM);
    EXPECT_RC(status_of(0, (uint32_t)VICTIM_PORT, &status), -EPERM);
    EXPECT_RC(hc_event_op(EVTCHNOP_reset, &(struct evtchn_reset){0}), -EPERM);
    EXPECT(alloc(77, 0, &port) < 0);
    EXPECT(bind(77, 1, &port) < 0);
    EXPECT(bind(DOMID_XEN, 1, &port) < 0);
    /* One's own port that waits for another domain is not for oneself. */
    EXPECT_RC(alloc(DOMID_SELF, 0, &own), 0);
    EXPECT_RC(bind(OWN_DOMID, own, &port), -EINVAL);
    EXPECT_RC(send(own), 0);
    EXPECT_RC(status_of(DOMID_SELF, own, &status), 0);
    EXPECT_EQ(status, EVTCHNSTAT_unbound);
}

/* A binding that fails leaves what was bound before (XSA-317, 496). */
ATTACK(bind_twice)
{
    struct evtchn_bind_virq virq = {VIRQ_TIMER, 0, 0}, again = virq;
    uint32_t status;

    EXPECT_RC(hc_event_op(EVTCHNOP_bind_virq, &virq), 0);
    EXPECT_RC(hc_event_op(EVTCHNOP_bind_virq, &again), -EEXIST);
    EXPECT_RC(status_of(DOMID_SELF, virq.port, &status), 0);
    EXPECT_EQ(status, EVTCHNSTAT_virq);
    for (uint32_t v = 0; v < 40; v++) {
        struct evtchn_bind_virq op = {v, 1000, 0};

        EXPECT(hc_event_op(EVTCHNOP_bind_virq, &op) < 0); /* no such vCPU */
        op = (struct evtchn_bind_virq){v + 24, 0, 0};
        EXPECT_RC(hc_event_op(EVTCHNOP_bind_virq, &op), -EINVAL);
    }
    EXPECT(bind_pirq(4) < 0);
    EXPECT(bind_pirq(~0U) < 0);
    EXPECT_RC(bind_ipi(64), -ENOENT);
    EXPECT_RC(bind_ipi(~0U), -ENOENT);
    EXPECT_RC(hc_event_op(EVTCHNOP_init_control, 0), -ENOSYS);
    EXPECT_RC(close_port(virq.port), 0);
    EXPECT_RC(hc_event_op(EVTCHNOP_bind_virq, &again), 0);
}

/* --- two at once --------------------------------------------------------------------------------
 */

static volatile uint32_t race_done;

/* vCPU 1: binds, connects, sends, closes, whatever the other makes of it. */
static void race_ports(void)
{
    uint32_t a, b;

    while (!race_stop) {
        if (alloc(DOMID_SELF, DOMID_SELF, &a) == 0) {
            if (bind(OWN_DOMID, a, &b) == 0) {
                send(b);
                close_port(b);
            }
            send(a);
            close_port(a);
        }
        race_done++;
    }
    race_rest();
}

/* One binds and closes while the other resets all and closes at random: every port is free in the
 * end (XSA-343, 344). */
ATTACK(race_reset)
{
    uint64_t end = system_time() + 250000000;
    unsigned resets = 0;
    uint32_t port;

    REQUIRE(attack_start(race_ports));
    while (system_time() < end) {
        long rc = hc_event_op(EVTCHNOP_reset, &(struct evtchn_reset){DOMID_SELF});

        resets += rc == 0 || rc == -EAGAIN;
        for (unsigned p = 1; p < 6; p++) {
            send(p);
            close_port(p);
        }
    }
    EXPECT(race_end());
    EXPECT(resets > 0 && race_done > 0);
    EXPECT_RC(hc_event_op(EVTCHNOP_reset, &(struct evtchn_reset){DOMID_SELF}), 0);
    for (unsigned i = 0; i < MAX_PORT; i++)
        if (alloc(DOMID_SELF, 0, &port))
            test_fail(TEST_WHERE, "only %u ports are free", i);
}

/* --- timers -------------------------------------------------------------------------------------
 */

/* No deadline and no period keeps the hypervisor busy (XSA-20). */
ATTACK(deadlines)
{
    static const uint64_t periods[] = {0, 1, 999999, ~0UL, ~0UL >> 1, 1UL << 63};
    static const uint64_t times[] = {1, 2, ~0UL, ~0UL >> 1, 1UL << 63, 1UL << 50, ~0UL - 1};
    uint64_t begin = system_time();

    for (unsigned i = 0; i < ARRAY_SIZE(periods); i++) {
        struct vcpu_set_periodic_timer set = {periods[i]};

        EXPECT_RC(hc_vcpu_op(VCPUOP_set_periodic_timer, 0, &set), -EINVAL);
    }
    for (unsigned n = 0; n < 200; n++) {
        struct vcpu_set_singleshot_timer set = {times[n % ARRAY_SIZE(times)], 0};
        struct sched_poll poll = {.timeout = 1};

        EXPECT_RC(hc_vcpu_op(VCPUOP_set_singleshot_timer, 0, &set), 0);
        EXPECT_RC(hc_set_timer(times[n % ARRAY_SIZE(times)]), 0);
        EXPECT_RC(hc_sched_op(SCHEDOP_poll, &poll), 0); /* ends at once */
    }
    EXPECT(system_time() - begin < 5000000000UL);
}

/* --- where the hypervisor writes ----------------------------------------------------------------
 */

/* vcpu_info lies in a page of the domain's, aligned and whole, and is moved once (XSA-327); the
 * areas for run state and time are in guest memory. */
ATTACK(areas)
{
    static const unsigned bad[] = {1, 4, 4096 - 63, 4096 - 32, 4096, 5000, ~0U - 7};
    void *page = page_alloc();
    struct vcpu_register_vcpu_info info = {mfn_of(page), 0, 0};
    struct vcpu_register_runstate_memory_area run = {.addr.p = HYPERVISOR_VIRT_START};
    struct vcpu_register_time_memory_area time = {.addr.p = HYPERVISOR_VIRT_START};

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        info.offset = bad[i];
        EXPECT_RC(hc_vcpu_op(VCPUOP_register_vcpu_info, 1, &info), -ENXIO);
    }
    info.offset = 64;
    info.mfn = VICTIM_MFN;
    EXPECT_RC(hc_vcpu_op(VCPUOP_register_vcpu_info, 1, &info), -EINVAL);
    info.mfn = mfn_of((void *)start_info->pt_base);
    EXPECT_RC(hc_vcpu_op(VCPUOP_register_vcpu_info, 1, &info), -EINVAL);
    info.mfn = ~0UL;
    EXPECT_RC(hc_vcpu_op(VCPUOP_register_vcpu_info, 1, &info), -EINVAL);
    info.mfn = mfn_of(page);
    EXPECT_RC(hc_vcpu_op(VCPUOP_register_vcpu_info, 1, &info), 0);
    EXPECT_RC(hc_vcpu_op(VCPUOP_register_vcpu_info, 1, &info), -EINVAL);
    EXPECT_RC(page_readonly(page), 0);
    EXPECT(pin(page, 1) < 0); /* the hypervisor writes to it */
    for (unsigned i = 0; i < 8; i++) {
        run.addr.p = time.addr.p = 0xffff82d040000000UL + i * 0x3000000000UL;
        EXPECT_RC(hc_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &run), -EFAULT);
        EXPECT_RC(hc_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &time), -EFAULT);
    }
    run.addr.p = HYPERVISOR_VIRT_START - 8;
    EXPECT_RC(hc_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &run), -EFAULT);
    EXPECT_RC(hc_vcpu_op(VCPUOP_is_up, 2, 0), -ENOENT);
    EXPECT_RC(hc_vcpu_op(VCPUOP_is_up, ~0U, 0), -ENOENT);
    EXPECT_RC(hc_vcpu_op(VCPUOP_up, 1, 0), -EINVAL);
}

TESTS("attack_events", T(port_numbers), T(poll_arrays), T(exhaustion), T(others_ports),
      T(bind_twice), T(race_reset), T(deadlines), T(areas));
