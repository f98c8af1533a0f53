/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: blkback/fair.c
// LIBS: -I. -Ixenbus
/* On a device that is the bottleneck, guests that want more than there is get shares by their
 * weights within a tenth, a storm of flushes does not starve who reads a little, who was idle gets
 * neither credit nor debt, who hangs or dies holds nobody up, and one alone is never slowed down.
 * A rate is kept within a hundredth over ten seconds, whatever the sizes.  All on a virtual clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "blkback/fair.h"
#include "backend/limit.h"

/* ---- a device that does one thing after the other, and guests */

#define FLOWS   4
#define DEPTH   32
#define STEP_NS 20000u

struct guest {
    bool active;
    bool dead;      /* its process hangs: nothing is touched any more */
    uint32_t bytes; /* of each of its requests */
    uint32_t cost;  /* as told to the queueing */
    uint64_t ns;    /* that the device needs for one */
    unsigned depth; /* requests it has at once */
    uint64_t think; /* ns between an answer and its next request */
    struct fair_flow *flow;
    unsigned queued;
    unsigned in_device;
    uint64_t wants_at[DEPTH];
    unsigned nr_wants;
    uint64_t asked[DEPTH]; /* when those that are not done were asked for, in order */
    uint64_t done_bytes;
    uint64_t done;
    uint64_t worst; /* ns from asking to the answer */
};

static struct fair *fair;
static struct guest guests[FLOWS];
static uint64_t now;
static struct {
    unsigned who[FLOWS * DEPTH];
    unsigned nr;
    uint64_t busy_until;
    bool sweeps; /* like an elevator: all that one guest has there, then all of the next's */
    unsigned on, left;
} device;

static void sweep(void)
{
    unsigned i = 0;
    while (device.left == 0 || guests[device.on].in_device == 0) {
        device.on = (device.on + 1) % FLOWS;
        device.left = guests[device.on].in_device;
    }
    device.left--;
    while (device.who[i] != device.on)
        i++;
    memmove(device.who + 1, device.who, i * sizeof(device.who[0]));
    device.who[0] = device.on;
}

static void device_done(void)
{
    while (device.nr > 0 && now >= device.busy_until) {
        struct guest *g = &guests[device.who[0]];
        memmove(device.who, device.who + 1, --device.nr * sizeof(device.who[0]));
        if (!g->dead)
            fair_done(g->flow, now, g->cost);
        uint64_t took = now - g->asked[0];
        memmove(g->asked, g->asked + 1, (DEPTH - 1) * sizeof(g->asked[0]));
        g->worst = took > g->worst ? took : g->worst;
        g->in_device--;
        g->done++;
        g->done_bytes += g->bytes;
        g->wants_at[g->nr_wants++] = now + g->think;
        if (device.nr > 0 && device.sweeps)
            sweep();
        if (device.nr > 0)
            device.busy_until += guests[device.who[0]].ns;
    }
}

static void guest_step(unsigned i)
{
    struct guest *g = &guests[i];
    if (!g->active || g->dead)
        return;
    for (unsigned n = 0; n < g->nr_wants;) {
        if (g->wants_at[n] > now) {
            n++;
            continue;
        }
        g->asked[g->in_device + g->queued++] = g->wants_at[n];
        g->wants_at[n] = g->wants_at[--g->nr_wants];
    }
    while (g->queued > 0 && fair_may(fair, g->flow, now, g->cost)) {
        fair_begin(fair, g->flow, now, g->cost);
        g->queued--;
        g->in_device++;
        if (device.nr == 0)
            device.busy_until = now + g->ns;
        device.who[device.nr++] = i;
    }
    if (g->queued == 0)
        fair_idle(g->flow);
}

static void run(uint64_t ns)
{
    for (uint64_t end = now + ns; now < end; now += STEP_NS) {
        device_done();
        for (unsigned i = 0; i < FLOWS; i++)
            guest_step((i + (unsigned)(now / STEP_NS)) % FLOWS);
    }
}

static void begin(void)
{
    now = NS_PER_S;
    memset(fair, 0, sizeof(*fair));
    memset(guests, 0, sizeof(guests));
    memset(&device, 0, sizeof(device));
    fair_open(fair);
}

static struct guest *guest_add(unsigned i, uint32_t weight, uint32_t bytes, unsigned depth,
                               uint64_t ns)
{
    struct guest *g = &guests[i];
    *g = (struct guest){.active = true, .bytes = bytes, .cost = bytes + FAIR_REQUEST, .ns = ns};
    g->flow = fair_join(fair, i + 1, 77, weight);
    g->nr_wants = depth;
    for (unsigned n = 0; n < depth; n++)
        g->wants_at[n] = now;
    return g;
}

static void reset_counts(void)
{
    for (unsigned i = 0; i < FLOWS; i++)
        guests[i].done = guests[i].done_bytes = guests[i].worst = 0;
}

#define KIB 1024u
#define US  1000ull

static void near(uint64_t got, uint64_t wanted, unsigned percent)
{
    assert_in_range(got, wanted - wanted * percent / 100, wanted + wanted * percent / 100);
}

static void test_weights(void **state)
{
    (void)state;
    begin();
    struct guest *a = guest_add(0, 512, 64 * KIB, 32, 300 * US);
    struct guest *b = guest_add(1, 256, 64 * KIB, 32, 300 * US);
    run(NS_PER_S);
    reset_counts();
    run(4 * NS_PER_S);
    near(a->done_bytes, b->done_bytes * 2, 10);
    near((a->done + b->done) * 300 * US, 4 * NS_PER_S, 3); /* and the device never rests */
    /* The same with small requests against large ones. */
    begin();
    a = guest_add(0, 512, 4 * KIB, 32, 90 * US);
    b = guest_add(1, 256, 128 * KIB, 32, 600 * US);
    run(NS_PER_S);
    reset_counts();
    run(4 * NS_PER_S);
    near(a->done * a->cost, b->done * b->cost * 2, 10);
}

/* A slow device serves one guest for longer than the other may be silent; and all that the first
 * has is in the device, so that its tags hold nobody back. */
static void test_sweeps(void **state)
{
    (void)state;
    begin();
    device.sweeps = true;
    struct guest *a = guest_add(0, 512, 4 * KIB, 32, 2000 * US);
    struct guest *b = guest_add(1, 256, 4 * KIB, 32, 2000 * US);
    run(NS_PER_S);
    reset_counts();
    run(8 * NS_PER_S);
    near(a->done, b->done * 2, 10);
}

static void test_storm(void **state)
{
    (void)state;
    /* Flushes, from a guest that always has 32 of them waiting. */
    begin();
    struct guest *victim = guest_add(0, 256, 4 * KIB, 1, 1000 * US);
    victim->think = 5000 * US;
    run(2 * NS_PER_S);
    uint64_t alone = victim->worst;
    struct guest *storm = guest_add(1, 256, 0, 32, 1000 * US);
    storm->cost = FAIR_FLUSH;
    reset_counts();
    run(5 * NS_PER_S);
    assert_in_range(victim->worst, alone, 3 * alone);
    assert_true(storm->done > 2000);
}

static void test_idle(void **state)
{
    (void)state;
    begin();
    struct guest *a = guest_add(0, 256, 64 * KIB, 32, 300 * US);
    run(3 * NS_PER_S); /* alone: in debt to nobody */
    near(a->done * 300 * US, 3 * NS_PER_S, 3);
    struct guest *b = guest_add(1, 256, 64 * KIB, 32, 300 * US);
    reset_counts();
    run(NS_PER_S);
    near(a->done, b->done, 10);
    a->active = false; /* b alone, and a comes back */
    run(3 * NS_PER_S);
    a->active = true;
    reset_counts();
    run(NS_PER_S);
    near(a->done, b->done, 10);
}

static void test_death(void **state)
{
    (void)state;
    begin();
    struct guest *a = guest_add(0, 1, 64 * KIB, 32, 300 * US);
    struct guest *b = guest_add(1, 65535, 64 * KIB, 32, 300 * US);
    run(NS_PER_S);
    b->dead = true; /* with requests waiting and others in the device */
    run(NS_PER_S);
    reset_counts();
    run(NS_PER_S);
    near(a->done * 300 * US, NS_PER_S, 5);
    fair_bury(fair, 2);
    unsigned nr = 0;
    while (fair_join(fair, 9, 1, 256))
        nr++;
    assert_int_equal(nr, FAIR_FLOWS - 1);
}

static void test_other_device(void **state)
{
    (void)state;
    begin();
    struct fair_flow *a = fair_join(fair, 1, 5, 1);
    struct fair_flow *b = fair_join(fair, 2, 6, 256);
    assert_true(fair_may(fair, b, now, 1)); /* waits, with tag 0 */
    for (int i = 0; i < 100; i++) {
        assert_true(fair_may(fair, a, now, FAIR_WINDOW));
        fair_begin(fair, a, now, FAIR_WINDOW);
    }
}

static void test_rate(void **state)
{
    unsigned seed = 8;
    (void)state;
    for (int round = 0; round < 200; round++) {
        struct rate rate = {.per_second =
                                1 + (uint64_t)rand_r(&seed) % (round < 100 ? 5000 : 2000000000),
                            .burst_ns = NS_PER_S / 10};
        uint64_t size = round < 100 ? 1 : 4096;
        uint64_t at = 5 * NS_PER_S;
        uint64_t spent = 0;
        for (uint64_t end = at + 10 * NS_PER_S; at < end;) {
            uint64_t wait = rate_wait(&rate, at);
            if (wait) {
                at += wait;
                assert_int_equal(rate_wait(&rate, at), 0);
                continue;
            }
            uint64_t units = size + (uint64_t)rand_r(&seed) % size * 8;
            rate_spend(&rate, at, units);
            spent += units;
        }
        /* The burst, and one request that overdraws. */
        uint64_t most = rate.per_second * 101 / 10 + 9 * size + 1;
        assert_in_range(spent, rate.per_second * 99 / 10, most + most / 100);
    }
    struct rate none = {0};
    rate_spend(&none, 1, UINT64_MAX);
    assert_int_equal(rate_wait(&none, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights),      cmocka_unit_test(test_sweeps),
        cmocka_unit_test(test_storm),        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_death),        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_other_device),
    };
    fair = calloc(1, sizeof(*fair));
    int status = cmocka_run_group_tests(tests, NULL, NULL);
    free(fair);
    return status;
}
