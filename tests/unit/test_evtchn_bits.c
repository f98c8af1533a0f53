/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The 2-level event protocol, alone and against a guest that runs at the same time.
 *
 * The claim that matters is the threaded one: an event raised is seen by a guest that follows the
 * protocol, whatever it masks and unmasks meanwhile.  The guest here is written from the ABI's
 * description, not from evtchn_bits.h.
 */
// SOURCES:
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "domain/evtchn_bits.h"

struct page {
    uint64_t pending[64], mask[64], sel;
    uint8_t upcall;
};

static struct evtchn_bits bits(struct page *p)
{
    return (struct evtchn_bits){p->pending, p->mask};
}

/* Raising an unmasked event selects its word and asks for the upcall exactly once. */
static void raise_tells_once(void **state)
{
    struct page p = {0};

    assert_true(evtchn_bits_raise(bits(&p), &p.sel, 4095));
    assert_int_equal(p.pending[63], 1UL << 63);
    assert_int_equal(p.sel, 1UL << 63);
    assert_false(evtchn_bits_raise(bits(&p), &p.sel, 4095));
    /* A second event in the same word: already selected. */
    assert_false(evtchn_bits_raise(bits(&p), &p.sel, 4094));
    assert_int_equal(p.pending[63], 3UL << 62);
    assert_true(evtchn_upcall_set(&p.upcall));
    assert_false(evtchn_upcall_set(&p.upcall));
    assert_int_equal(p.upcall, 1);
}

/* A masked event waits, and unmasking tells of it, once; unmasking without an event tells nothing.
 */
static void masked_waits(void **state)
{
    struct page p = {0};

    p.mask[1] = 1UL << 6;
    assert_false(evtchn_bits_raise(bits(&p), &p.sel, 70));
    assert_int_equal(p.sel, 0);
    assert_true(evtchn_bits_unmask(bits(&p), &p.sel, 70));
    assert_int_equal(p.sel, 2);
    assert_int_equal(p.mask[1], 0);
    p.sel = 0;
    assert_false(evtchn_bits_unmask(bits(&p), &p.sel, 70)); /* was not masked */
    assert_int_equal(p.sel, 0);
    p.mask[0] = 1;
    assert_false(evtchn_bits_unmask(bits(&p), &p.sel, 0)); /* nothing pending */
    assert_int_equal(p.sel, 0);
}

/* Without a vCPU to tell, the pending bit is kept; clearing forgets an event. */
static void no_vcpu_and_clear(void **state)
{
    struct page p = {0};

    assert_false(evtchn_bits_raise(bits(&p), NULL, 5));
    assert_true(evtchn_bit_test(p.pending, 5));
    evtchn_bits_clear(bits(&p), 5);
    assert_false(evtchn_bit_test(p.pending, 5));
    assert_int_equal(p.pending[0], 0);
}

/* --- threads ---------------------------------------------------------------------------------- */

#define ROUNDS 200000
#define PORTS  3 /* two in one word, one in another */
static const unsigned port_of[PORTS] = {3, 9, 130};
static struct page shared;
static bool sender_done;
static uint64_t raised[PORTS], seen[PORTS]; /* sequence numbers */

static void upcall(void)
{
    evtchn_upcall_set(&shared.upcall);
}

static void *sender(void *arg)
{
    unsigned seed = 1;
    void *why = NULL;

    for (unsigned i = 0; i < ROUNDS && !why; i++) {
        unsigned n = (unsigned)rand_r(&seed) % PORTS;

        /* The datum first, then the event. */
        atomic_add_get(&raised[n], 1);
        if (evtchn_bits_raise(bits(&shared), &shared.sel, port_of[n]))
            upcall();
        /* Wait now and then until it is seen: that is when a lost event shows as a hang. */
        if (i % 4 == 0) {
            for (unsigned spin = 0; !why && load_once(&seen[n]) < load_once(&raised[n]); spin++) {
                if (spin > 5000000)
                    why = "an event was lost";
                sched_yield();
            }
        }
    }
    store_release(&sender_done, true);
    return why;
}

static void guest_handle(unsigned n)
{
    seen[n] = load_once(&raised[n]);
}

static void guest_poll(unsigned *seed)
{
    unsigned n = (unsigned)rand_r(seed) % PORTS;

    /* Mask, look away, unmask by "hypercall", at random. */
    if (rand_r(seed) % 3 == 0) {
        atomic_test_and_set_bit(port_of[n], shared.mask);
        if (evtchn_bits_unmask(bits(&shared), &shared.sel, port_of[n]))
            upcall();
    }
    if (!load_once(&shared.upcall))
        return;
    atomic_xchg(&shared.upcall, 0);
    for (uint64_t sel = atomic_xchg(&shared.sel, 0); sel; sel &= sel - 1) {
        unsigned w = (unsigned)__builtin_ctzl(sel);
        uint64_t todo = load_once(&shared.pending[w]) & ~load_once(&shared.mask[w]);

        for (; todo; todo &= todo - 1) {
            unsigned port = w * 64 + (unsigned)__builtin_ctzl(todo);

            atomic_test_and_clear_bit(port, shared.pending);
            for (unsigned i = 0; i < PORTS; i++) {
                if (port_of[i] == port)
                    guest_handle(i);
            }
        }
    }
}

/* No event is lost between a sender and a guest that masks and unmasks at random. */
static void nothing_is_lost(void **state)
{
    unsigned seed = 7;
    pthread_t t;
    void *why;

    assert_int_equal(pthread_create(&t, NULL, sender, NULL), 0);
    for (unsigned i = 1; !load_acquire(&sender_done); i++) {
        guest_poll(&seed);
        if (i % 64 == 0)
            sched_yield();
    }
    pthread_join(t, &why);
    if (why)
        fail_msg("%s", (const char *)why);
    for (unsigned i = 0; i < 16; i++)
        guest_poll(&seed);
    for (unsigned i = 0; i < PORTS; i++)
        assert_int_equal(seen[i], raised[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raise_tells_once),
        cmocka_unit_test(masked_waits),
        cmocka_unit_test(no_vcpu_and_clear),
        cmocka_unit_test(nothing_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
