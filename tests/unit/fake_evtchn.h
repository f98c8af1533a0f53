/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Three domains with event channels over fakes of the scheduler and of the interrupts, for the unit
 * tests of domain/evtchn*.c.  Included by one file per test program.
 */
#pragma once

#include "fake_guest.h"

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

FAKE void init_with(unsigned limit)
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

FAKE uint32_t ok_alloc(domid_t dom, domid_t remote)
{
    struct evtchn_alloc_unbound op = {.dom = dom, .remote_dom = remote};

    assert_int_equal(OP(EVTCHNOP_alloc_unbound, &op), 0);
    return op.port;
}

FAKE uint32_t ok_connect(domid_t remote, uint32_t port)
{
    struct evtchn_bind_interdomain op = {.remote_dom = remote, .remote_port = port};

    assert_int_equal(OP(EVTCHNOP_bind_interdomain, &op), 0);
    return op.local_port;
}

FAKE long send(uint32_t port)
{
    struct evtchn_send op = {port};

    return OP(EVTCHNOP_send, &op);
}

FAKE long close_port(uint32_t port)
{
    struct evtchn_close op = {port};

    return OP(EVTCHNOP_close, &op);
}

FAKE bool pending(unsigned dom, uint32_t port)
{
    return fake_shared[dom].evtchn_pending[port / 64] >> (port % 64) & 1;
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
