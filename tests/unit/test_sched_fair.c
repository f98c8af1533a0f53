/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: hypervisor/sched/policy_fair.c
// LIBS: -lm
/*
 * Claim: the fair policy gives every unit its share by weight within 5 %, holds caps, wakes a
 * mostly idle unit soon even beside many that compute, starves nobody, and keeps its books right.
 * The mechanism is played by a small simulator with a virtual clock: processors, wake-ups, slices.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sched/policy.h"

#define US   1000ULL
#define MS   1000000ULL
#define S    1000000000ULL
#define MAXU 160
#define MAXC 4

static const struct sched_policy *p = &policy_fair;

/* A unit computes for `burst`, sleeps for `pause`, and so on; burst 0: for ever. */
struct actor {
    struct sched_unit u;
    uint64_t burst, pause;
    bool jitter;
    uint64_t left;     /* of the present burst */
    uint64_t wakes_at; /* asleep until */
    uint64_t woke_at;  /* became runnable, not yet run; 0: no */
    uint64_t ran, worst_latency, latencies, wakes;
};

static struct sched_rq rqs[MAXC];
static struct sched_group groups[MAXU];
static struct actor actors[MAXU];
static unsigned int nr_actors, nr_cpus;
static uint64_t now, slice_end[MAXC];
static uint64_t switches;

static cpumask_t all_cpus(void)
{
    return (1ULL << nr_cpus) - 1;
}

static void sim_init(unsigned int cpus)
{
    memset(rqs, 0, sizeof(rqs));
    memset(groups, 0, sizeof(groups));
    memset(actors, 0, sizeof(actors));
    nr_actors = 0;
    nr_cpus = cpus;
    now = 1 * S;
    switches = 0;
    srandom(7);
    for (unsigned int i = 0; i < cpus; i++) {
        rqs[i].cpu = i;
        p->init_rq(&rqs[i], now);
        slice_end[i] = 0;
    }
}

static struct actor *actor_add(uint32_t weight, uint32_t cap, uint64_t burst, uint64_t pause)
{
    struct actor *a = &actors[nr_actors];
    struct sched_group *g = &groups[nr_actors++];

    p->init_group(g, now);
    g->weight = weight;
    g->cap = cap;
    p->group_changed(g, now);
    a->u.group = g;
    a->u.hard = a->u.soft = ~0UL;
    p->init_unit(&a->u);
    a->burst = burst;
    a->pause = pause;
    a->wakes_at = now;
    return a;
}

static struct actor *actor_of(struct sched_unit *u)
{
    return u ? container_of(u, struct actor, u) : NULL;
}

static void start(unsigned int cpu, struct sched_unit *next, uint64_t slice)
{
    struct sched_rq *rq = &rqs[cpu];
    struct actor *a = actor_of(next);

    if (rq->curr != next) {
        switches++;
        if (rq->curr)
            rq->curr->on_cpu = false;
    }
    rq->curr = next;
    slice_end[cpu] = slice == SLICE_UNLIMITED ? UINT64_MAX : now + slice;
    if (!a)
        return;
    a->u.on_cpu = true;
    if (a->woke_at) {
        uint64_t latency = now - a->woke_at;

        a->worst_latency = max(a->worst_latency, latency);
        a->latencies += latency;
        a->woke_at = 0;
    }
}

static void move_unit(struct sched_rq *from, struct sched_rq *to, struct sched_unit *u)
{
    p->dequeue(from, u, now);
    p->detach(from, u);
    u->cpu = to->cpu;
    p->enqueue(to, u, now, ENQUEUE_MOVE);
}

static void reschedule(unsigned int cpu)
{
    uint64_t slice;
    struct sched_unit *next = p->pick_next(&rqs[cpu], now, &slice);

    for (unsigned int i = 0; !next && i < nr_cpus; i++) {
        struct sched_unit *u;

        if (i == cpu || rqs[i].nr < 2)
            continue;
        u = p->pick_to_move(&rqs[i], &rqs[cpu], true, now);
        if (u) {
            move_unit(&rqs[i], &rqs[cpu], u);
            next = p->pick_next(&rqs[cpu], now, &slice);
        }
    }
    start(cpu, next, slice);
    if (p->balance_due(&rqs[cpu], now)) {
        unsigned int to = cpu;
        struct sched_unit *u;

        for (unsigned int i = 1; i < nr_cpus; i++)
            if (rqs[(cpu + i) % nr_cpus].load < rqs[to].load)
                to = (cpu + i) % nr_cpus;
        if (to != cpu && (u = p->pick_to_move(&rqs[cpu], &rqs[to], false, now))) {
            move_unit(&rqs[cpu], &rqs[to], u);
            slice_end[to] = min(slice_end[to], now + min(p->wake_check(&rqs[to], u, now), S));
        }
    }
}

static void wake(struct actor *a)
{
    unsigned int cpu = p->pick_cpu(&a->u, rqs, a->u.hard & all_cpus());
    uint64_t in;

    if (cpu != a->u.cpu) {
        p->detach(&rqs[a->u.cpu], &a->u);
        a->u.cpu = cpu;
    }
    p->enqueue(&rqs[cpu], &a->u, now, ENQUEUE_WAKE);
    a->left = a->burst ? a->burst : UINT64_MAX;
    if (a->jitter)
        a->left = a->burst / 2 + (uint64_t)random() % a->burst;
    a->woke_at = now;
    a->wakes++;
    in = p->wake_check(&rqs[cpu], &a->u, now);
    if (in != WAKE_NEVER)
        slice_end[cpu] = min(slice_end[cpu], now + in);
}

/* The books: load, number and weighted sum recomputed. */
static void check_books(void)
{
    for (unsigned int c = 0; c < nr_cpus; c++) {
        struct sched_rq *rq = &rqs[c];
        struct sched_unit *u;
        uint64_t load = 0;
        unsigned int nr = 0;
        __int128 sum = 0;

        list_for_each (u, &rq->units, link) {
            assert_true(u->present);
            assert_int_equal(u->cpu, c);
            nr++;
            load += u->fair.weight;
            sum += (__int128)(int64_t)(u->fair.vtime - rq->fair.base) * u->fair.weight;
        }
        assert_int_equal(nr, rq->nr);
        assert_int_equal(load, rq->load);
        assert_true(sum == rq->fair.weighted_sum);
        if (rq->nr)
            assert_non_null(rq->curr); /* work-conserving */
    }
}

static void sim_run(uint64_t span)
{
    uint64_t end = now + span;

    while (now < end) {
        uint64_t next = end;

        for (unsigned int i = 0; i < nr_actors; i++)
            if (!actors[i].u.present)
                next = min(next, actors[i].wakes_at);
        for (unsigned int c = 0; c < nr_cpus; c++) {
            struct actor *a = actor_of(rqs[c].curr);

            next = min(next, slice_end[c]);
            if (a && a->left != UINT64_MAX)
                next = min(next, now + a->left);
        }
        next = max(next, now);
        for (unsigned int c = 0; c < nr_cpus; c++) {
            struct actor *a = actor_of(rqs[c].curr);

            if (!a)
                continue;
            a->ran += next - now;
            if (a->left != UINT64_MAX)
                a->left -= next - now;
        }
        now = next;
        for (unsigned int c = 0; c < nr_cpus; c++) {
            struct actor *a = actor_of(rqs[c].curr);

            if (a && a->left == 0) { /* goes to sleep */
                p->dequeue(&rqs[c], &a->u, now);
                a->wakes_at = now + a->pause;
                if (a->jitter)
                    a->wakes_at = now + a->pause / 2 + (uint64_t)random() % a->pause;
                reschedule(c);
            }
        }
        for (unsigned int i = 0; i < nr_actors; i++)
            if (!actors[i].u.present && actors[i].wakes_at <= now && !actors[i].u.on_cpu)
                wake(&actors[i]);
        for (unsigned int c = 0; c < nr_cpus; c++)
            if (slice_end[c] <= now || (!rqs[c].curr && rqs[c].nr))
                reschedule(c);
        check_books();
    }
}

static void reset_counters(void)
{
    for (unsigned int i = 0; i < nr_actors; i++)
        actors[i].ran = actors[i].worst_latency = actors[i].latencies = actors[i].wakes = 0;
}

static void assert_share(const struct actor *a, double share, uint64_t span, double tolerance)
{
    double got = (double)a->ran / (double)span;

    if (fabs(got - share) > share * tolerance)
        fail_msg("actor %d: share %.4f, wanted %.4f", (int)(a - actors), got, share);
}

/* Shares on one processor are those of the weights, from 1:1 to 1:64, within 5 %. */
static void weights(void **state)
{
    static const uint32_t w[] = {256, 512, 1024, 128, 64, 4096};
    double sum = 0;

    (void)state;
    sim_init(1);
    for (unsigned int i = 0; i < ARRAY_SIZE(w); i++) {
        actor_add(w[i], 0, 0, 0);
        sum += w[i];
    }
    sim_run(20 * S);
    for (unsigned int i = 0; i < ARRAY_SIZE(w); i++)
        assert_share(&actors[i], w[i] / sum, 20 * S, 0.05);
}

/* The whole range of weights at once: the least is served too, and nothing overflows. */
static void extreme_weights(void **state)
{
    (void)state;
    sim_init(1);
    actor_add(1, 0, 0, 0);
    actor_add(SCHED_WEIGHT_MAX, 0, 0, 0);
    sim_run(3000 * S);
    assert_share(&actors[0], 1.0 / 65536, 3000 * S, 0.15);
    assert_share(&actors[1], 65535.0 / 65536, 3000 * S, 0.001);
}

/* Any 400 ms window gives each of 8 equals its eighth within a slice or two: nobody starves. */
static void no_starvation(void **state)
{
    (void)state;
    sim_init(1);
    for (unsigned int i = 0; i < 8; i++)
        actor_add(256, 0, 0, 0);
    sim_run(100 * MS);
    for (unsigned int window = 0; window < 20; window++) {
        reset_counters();
        sim_run(400 * MS);
        for (unsigned int i = 0; i < 8; i++) {
            assert_true(actors[i].ran >= 40 * MS);
            assert_true(actors[i].ran <= 60 * MS);
        }
    }
}

/* A unit that sleeps most of the time runs within 200 us of each wake-up beside 128 that compute;
 * and they lose next to nothing to switching: at most 260 switches a second. */
static void wake_latency(void **state)
{
    struct actor *a;

    (void)state;
    sim_init(1);
    for (unsigned int i = 0; i < 128; i++)
        actor_add(256, 0, 0, 0);
    a = actor_add(256, 0, 30 * US, 10 * MS);
    sim_run(2 * S);
    reset_counters();
    switches = 0;
    sim_run(10 * S);
    assert_true(a->wakes > 900);
    if (a->worst_latency > 200 * US)
        fail_msg("worst latency %lu us, mean %lu", a->worst_latency / US,
                 a->latencies / a->wakes / US);
    assert_true(switches < 10 * 460);
}

/* Who wakes another by an event is left alone for half a millisecond, and no longer. */
static void senders_go_on(void **state)
{
    struct actor *hog, *a;

    (void)state;
    sim_init(1);
    hog = actor_add(256, 0, 0, 0);
    a = actor_add(256, 0, 30 * US, 2 * MS);
    sim_run(2 * S);
    for (unsigned int sends = 0; sends < 2; sends++) {
        hog->u.sending = sends;
        reset_counters();
        sim_run(10 * S);
        assert_true(a->wakes > 3500);
        if (sends)
            assert_in_range(a->latencies / a->wakes, 400 * US, 500 * US);
        else
            assert_in_range(a->latencies / a->wakes, 0, 50 * US);
        assert_in_range(a->worst_latency, 0, sends ? 500 * US : 100 * US);
    }
}

/* A unit that sleeps often but wants much does not get more than its share by doing so. */
static void sleepers_gain_nothing(void **state)
{
    struct actor *greedy;

    (void)state;
    sim_init(1);
    for (unsigned int i = 0; i < 3; i++)
        actor_add(256, 0, 0, 0);
    greedy = actor_add(256, 0, 900 * US, 20 * US);
    sim_run(10 * S);
    assert_true(greedy->ran <= 10 * S / 4 * 105 / 100);
    assert_true(greedy->ran >= 10 * S / 4 * 85 / 100);
    for (unsigned int i = 0; i < 3; i++)
        assert_true(actors[i].ran >= 10 * S / 4 * 95 / 100);
}

/* A storm of wakers together cannot push a computing unit below its share. */
static void storm(void **state)
{
    struct actor *victim;

    (void)state;
    sim_init(1);
    victim = actor_add(256, 0, 0, 0);
    for (unsigned int i = 0; i < 3; i++)
        actor_add(256, 0, 50 * US, 10 * US)->jitter = true;
    sim_run(10 * S);
    assert_share(victim, 0.25, 10 * S, 0.05);
}

/* A cap holds alone on the machine and in company, and what it leaves over others get. */
static void caps(void **state)
{
    (void)state;
    for (uint32_t cap = 1; cap <= 90; cap += cap < 10 ? 3 : 20) {
        sim_init(1);
        actor_add(256, cap, 0, 0);
        sim_run(10 * S);
        assert_share(&actors[0], cap / 100.0, 10 * S, 0.03);
    }
    sim_init(1);
    actor_add(256, 20, 0, 0);
    actor_add(256, 0, 0, 0);
    sim_run(10 * S);
    assert_share(&actors[0], 0.20, 10 * S, 0.03);
    assert_share(&actors[1], 0.80, 10 * S, 0.03);
}

/* Units of one group share its cap, here 150 % of a processor among three units on four. */
static void cap_of_group(void **state)
{
    uint64_t sum = 0;

    (void)state;
    sim_init(4);
    for (unsigned int i = 0; i < 3; i++) {
        actor_add(256, 150, 0, 0);
        actors[i].u.group = &groups[0];
    }
    sim_run(10 * S);
    for (unsigned int i = 0; i < 3; i++)
        sum += actors[i].ran;
    assert_true(sum > 10 * S * 145 / 100 && sum < 10 * S * 155 / 100);
}

/* Three equals on two processors get two thirds each; five on four, four fifths. */
static void balance(void **state)
{
    (void)state;
    for (unsigned int cpus = 2; cpus <= 4; cpus += 2) {
        sim_init(cpus);
        for (unsigned int i = 0; i < cpus + 1; i++)
            actor_add(256, 0, 0, 0);
        sim_run(20 * S);
        for (unsigned int i = 0; i < cpus + 1; i++)
            assert_share(&actors[i], (double)cpus / (cpus + 1), 20 * S, 0.10);
    }
}

/* Hard affinity is never violated, and soft affinity is followed while there is room. */
static void affinity(void **state)
{
    (void)state;
    sim_init(4);
    for (unsigned int i = 0; i < 6; i++)
        actor_add(256, 0, i < 3 ? 0 : 3 * MS, 5 * MS)->u.hard = 0x3;
    struct actor *free1 = actor_add(256, 0, 2 * MS, 3 * MS);
    free1->u.soft = 0x8;
    uint64_t away = 0;
    for (unsigned int i = 0; i < 2000; i++) {
        sim_run(1 * MS);
        for (unsigned int k = 0; k < 6; k++)
            assert_true(actors[k].u.cpu < 2);
        away += free1->u.on_cpu && free1->u.cpu != 3;
    }
    assert_true(away < 20);
}

/* Yield passes the processor to the other one, which then runs. */
static void yields(void **state)
{
    struct sched_unit *first, *second;
    uint64_t slice;

    (void)state;
    sim_init(1);
    actor_add(256, 0, 0, 0);
    actor_add(256, 0, 0, 0);
    sim_run(1 * MS);
    for (unsigned int i = 0; i < 100; i++) {
        first = rqs[0].curr;
        now += 10 * US;
        p->yield(&rqs[0], now);
        second = p->pick_next(&rqs[0], now, &slice);
        assert_ptr_not_equal(first, second);
        rqs[0].curr = second;
    }
}

/* Weights and caps changed while units run take effect. */
static void retuned(void **state)
{
    (void)state;
    sim_init(1);
    actor_add(256, 0, 0, 0);
    actor_add(256, 0, 0, 0);
    sim_run(2 * S);
    groups[0].weight = 768;
    p->group_changed(&groups[0], now);
    reset_counters();
    sim_run(10 * S);
    assert_share(&actors[0], 0.75, 10 * S, 0.05);
    groups[1].cap = 10;
    p->group_changed(&groups[1], now);
    reset_counters();
    sim_run(10 * S);
    assert_share(&actors[1], 0.10, 10 * S, 0.05);
    groups[1].cap = 0;
    p->group_changed(&groups[1], now);
    reset_counters();
    sim_run(10 * S);
    assert_share(&actors[1], 0.25, 10 * S, 0.05);
}

/* Many random units on four processors: the books stay right (checked after each step), and those
 * of equal weight that always compute end within 10 % of each other. */
static void random_mix(void **state)
{
    (void)state;
    sim_init(4);
    for (unsigned int i = 0; i < 60; i++) {
        uint64_t burst = i < 20 ? 0 : (uint64_t)(random() % 5000 + 1) * US;
        struct actor *a = actor_add(i < 20 ? 256 : (uint32_t)(random() % 2000 + 1),
                                    i % 7 == 6 && i >= 20 ? (uint32_t)(random() % 150 + 1) : 0,
                                    burst, (uint64_t)(random() % 50000 + 1) * US);
        a->jitter = burst > 1;
    }
    sim_run(20 * S);
    for (unsigned int i = 1; i < 20; i++)
        assert_true(actors[i].ran > actors[0].ran * 90 / 100 &&
                    actors[i].ran < actors[0].ran * 110 / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights),       cmocka_unit_test(extreme_weights),
        cmocka_unit_test(no_starvation), cmocka_unit_test(wake_latency),
        cmocka_unit_test(senders_go_on), cmocka_unit_test(sleepers_gain_nothing),
        cmocka_unit_test(storm),         cmocka_unit_test(caps),
        cmocka_unit_test(cap_of_group),  cmocka_unit_test(balance),
        cmocka_unit_test(affinity),      cmocka_unit_test(yields),
        cmocka_unit_test(retuned),       cmocka_unit_test(random_mix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
