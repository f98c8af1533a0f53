/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: blkback/poll.c
// LIBS: -I.
/* A worker that polls finds nearly all requests of a guest that is quick, without sleep; of one
 * that is slow, or that can only run when the worker does not, it costs a hundredth of the time at
 * most; who changes from one to the other is noticed; and who was not told to poll does not.  All
 * on a virtual clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "blkback/poll.h"

#define MOST_NS  50000u
#define LOOK_NS  500u  /* with a yield that finds nobody */
#define SLEEP_NS 8000u /* falling asleep and waking up */
#define ROUNDS   20000u

static struct poll poll;
static uint64_t now;
static struct {
    uint64_t polled; /* ns spent with looks */
    unsigned found;  /* requests that a look found */
} sum;

/* The guest sends its next request @gap ns from now; @yield: how long a yield takes. */
static void round_of(uint64_t gap, uint64_t yield)
{
    uint64_t comes = now + gap;
    uint64_t begun = now;
    poll_begin(&poll, now);
    while (poll_look(&poll, now)) {
        if (now >= comes) {
            poll_paid(&poll);
            sum.found++;
            sum.polled += now - begun;
            return;
        }
        now += yield;
    }
    sum.polled += now - begun;
    now = (now > comes ? now : comes) + SLEEP_NS;
}

static void many(uint64_t gap, uint64_t yield)
{
    sum.polled = 0;
    sum.found = 0;
    for (unsigned i = 0; i < ROUNDS; i++)
        round_of(gap, yield);
}

static int fresh(void **state)
{
    (void)state;
    poll = (struct poll){.most_ns = MOST_NS};
    now = 1000000;
    return 0;
}

static void quick_is_found(void **state)
{
    (void)state;
    many(20000, LOOK_NS);
    assert_in_range(sum.found, ROUNDS, ROUNDS);
}

static void slow_costs_little(void **state)
{
    (void)state;
    uint64_t begun = now;
    many(200000, LOOK_NS);
    assert_int_equal(sum.found, 0);
    assert_true(sum.polled * 100 < now - begun);
    assert_true(sum.polled > 0); /* it tries again, or a change would not be seen */
}

/* A yield takes as long as the guest, which has the same processor, runs. */
static void who_wants_the_processor_gets_it(void **state)
{
    (void)state;
    uint64_t begun = now;
    many(300000, 1000000);
    assert_int_equal(sum.found, 0);
    assert_true(now - begun >= ROUNDS * 300000ull);
    /* Each try is given up at the first look that took long. */
    assert_true(sum.polled <= (ROUNDS / POLL_SKIPS + 10) * 1000000ull);
}

static void changes_are_noticed(void **state)
{
    (void)state;
    many(200000, LOOK_NS);
    unsigned missed = 0;
    while (sum.found == 0 && missed++ < ROUNDS)
        round_of(20000, LOOK_NS);
    assert_in_range(missed, 0, POLL_SKIPS + 1);
    many(20000, LOOK_NS);
    assert_int_equal(sum.found, ROUNDS);
    many(200000, LOOK_NS);
    assert_true(sum.polled <= (ROUNDS / POLL_SKIPS + 10) * (uint64_t)(MOST_NS + LOOK_NS));
}

static void off_is_off(void **state)
{
    (void)state;
    poll.most_ns = 0;
    many(1000, LOOK_NS);
    assert_int_equal(sum.polled, 0);
    assert_int_equal(sum.found, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(quick_is_found, fresh),
        cmocka_unit_test_setup(slow_costs_little, fresh),
        cmocka_unit_test_setup(who_wants_the_processor_gets_it, fresh),
        cmocka_unit_test_setup(changes_are_noticed, fresh),
        cmocka_unit_test_setup(off_is_off, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
