/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fault injection: in each scenario every allocation fails once, every look for pending work finds
 * some once: the first, the second, ... the n-th.  Afterwards the scenario has either done the same
 * as undisturbed or refused cleanly and can be repeated; as much memory is free as before, as many
 * objects of the hypervisor's are alive, and the audit is clean.
 *
 * For build/debug/pavis-hv-inject, which besides stops when a lock is held on the way to a guest;
 * on one processor.  On the command line `only` and names of scenarios; `careful`: the audit runs
 * after each point instead of after some.
 */
#include "inject/inject.h"
#include "guests/inject/scenarios.h"
#include "second.h"
#include "test.h"

#define AUDIT_EVERY 8

static unsigned long nr_once, nr_from, nr_audits;

long order(unsigned cmd, uint64_t a, uint64_t b)
{
    return hypercall5(INJECT_HYPERCALL, cmd, a, b, 0, 0);
}

static const char *const kind_names[] = {"allocation", "look", "request", "pause"};

const char *refused_call;
unsigned injected;

static long run(const struct scenario *s)
{
    long rc;

    refused_call = NULL;
    rc = s->run();
    if (rc && rc != -ENOMEM)
        print("# %s: %s = %ld\n", s->name, refused_call, rc);
    return rc;
}

struct state {
    long frames, objects;
};

static struct state now(void)
{
    return (struct state){order(INJECT_FREE_FRAMES, 0, 0), order(INJECT_SMALL_OBJECTS, 0, 0)};
}

static void prepare(const struct scenario *s)
{
    if (s->prepare)
        s->prepare();
}

static void audit(const struct scenario *s, unsigned kind, uint64_t n)
{
    nr_audits++;
    if (order(INJECT_AUDIT, 0, 0))
        test_fail(TEST_WHERE, "%s: the audit is not clean after %s %lu or one before", s->name,
                  kind_names[kind], n);
}

/* Runs it with the n-th point (and, if `from`, all that follow) failing.  False: there is none. */
static bool run_one(const struct scenario *s, unsigned kind, uint64_t n, bool from)
{
    struct state before = now(), after;
    long rc, failed;

    injected = kind;
    prepare(s);
    order(from ? INJECT_FROM : INJECT_ONCE, kind, n);
    rc = run(s);
    failed = order(INJECT_STOP, 0, 0);
    if (rc && (kind != INJECT_ALLOC || !failed))
        test_fail(TEST_WHERE, "%s: %ld (%s) with %s %lu failing", s->name, rc, error_name(rc),
                  kind_names[kind], n);
    if (rc && rc != -ENOMEM)
        test_fail(TEST_WHERE, "%s: %ld (%s) without memory at allocation %lu", s->name, rc,
                  error_name(rc), n);
    s->tidy();
    if (failed) {
        *(from ? &nr_from : &nr_once) += 1;
        if (rc) {
            prepare(s);
            rc = run(s);
            if (rc)
                test_fail(TEST_WHERE, "%s: %ld (%s) when repeated after allocation %lu had failed",
                          s->name, rc, error_name(rc), n);
            s->tidy();
        }
    }
    after = now();
    if (after.frames != before.frames || after.objects != before.objects)
        test_fail(TEST_WHERE, "%s: %ld frames and %ld objects left behind after %s %lu", s->name,
                  before.frames - after.frames, after.objects - before.objects, kind_names[kind],
                  n);
    return failed;
}

/* What is made once and stays (a bucket of ports, a page of handles) fails once too, and is then
 * made here, so that afterwards as much is free after each run as before. */
static void first_time(const struct scenario *s)
{
    long failed = 1;

    for (uint64_t n = 1; failed && !test_failed(); n++) {
        struct state before = now(), after;
        long rc;

        prepare(s);
        order(INJECT_ONCE, INJECT_ALLOC, n);
        rc = run(s);
        failed = order(INJECT_STOP, 0, 0);
        EXPECT(rc == 0 || (rc == -ENOMEM && failed));
        s->tidy();
        after = now();
        if (after.frames != before.frames || after.objects != before.objects)
            n = 0; /* something was made: the numbers of those behind it are others now */
    }
    audit(s, INJECT_ALLOC, 0);
}

static void run_all(const struct scenario *s)
{
    unsigned every = cmdline_has("careful") ? 1 : AUDIT_EVERY;
    uint64_t points[INJECT_KINDS];

    if (cmdline_has("only") && !cmdline_has(s->name))
        return;
    if (order(INJECT_STOP, 0, 0) < 0) {
        test_skip("this hypervisor fails only where it has to");
        return;
    }
    first_time(s);
    prepare(s);
    order(INJECT_ONCE, INJECT_ALLOC, 0);
    EXPECT_RC(run(s), 0);
    for (unsigned kind = 0; kind < INJECT_KINDS; kind++)
        points[kind] = (uint64_t)order(INJECT_PASSED, kind, 0);
    s->tidy();
    for (unsigned kind = 0; kind < INJECT_KINDS && !test_failed(); kind++) {
        uint64_t n = 1;

        /* Restarts add looks, so the last point is found by going on until there is none. */
        while (run_one(s, kind, n, false) && !test_failed()) {
            if (n % every == 0)
                audit(s, kind, n);
            n++;
        }
        for (n = 1; n <= points[kind] && !test_failed(); n++)
            run_one(s, kind, n, true);
        audit(s, kind, n);
    }
    print("# %s: %lu allocations, %lu looks (%lu of a domain that can be paused), %lu requests\n",
          s->name, points[INJECT_ALLOC], points[INJECT_PREEMPT], points[INJECT_PAUSE],
          points[INJECT_SOFTIRQ]);
}

#define SCENARIO(name)                                                                             \
    static void test_##name(void)                                                                  \
    {                                                                                              \
        run_all(&scenario_##name);                                                                 \
    }
SCENARIOS
#undef SCENARIO

/* The allocations that are made once for 512 domains fail too, and what was made is used then. */
static void test_numbers(void)
{
    long failed = 1;

    if (order(INJECT_STOP, 0, 0) < 0) {
        test_skip("this hypervisor fails only where it has to");
        return;
    }
    for (unsigned n = 1; failed && !test_failed(); n++) {
        struct state before = now(), after;
        long rc;

        order(INJECT_ONCE, INJECT_ALLOC, n);
        rc = first_of_numbers(n);
        failed = order(INJECT_STOP, 0, 0);
        nr_once += (unsigned long)failed;
        EXPECT_RC(rc, failed ? -ENOMEM : 0);
        tidy_numbers();
        EXPECT_RC(first_of_numbers(n), 0);
        after = now();
        EXPECT_EQ(before.frames - after.frames, 2);
        EXPECT_EQ(after.objects, before.objects);
        EXPECT_RC(order(INJECT_AUDIT, 0, 0), 0);
    }
}

/* So many faults were injected; fewer than this is a mistake of the test. */
static void test_points(void)
{
    print("# %lu points failed once, %lu runs with all points from one on failing, %lu audits\n",
          nr_once, nr_from, nr_audits);
    EXPECT(nr_once >= 2000 || cmdline_has("only"));
}

const char *const family = "inject";
const struct test tests[] = {
#define SCENARIO(name) T(name),
    SCENARIOS
#undef SCENARIO
        T(numbers),
    T(points),
    {NULL, NULL},
};
