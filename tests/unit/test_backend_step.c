/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: xenbus/backend/step.c
// LIBS: -Ixenbus
/* A device comes up, goes away, comes back and is taken over in the order that stock front ends
 * expect; and whatever states a front end shows, the back end settles after two steps, never serves
 * an end that is over, and never tells a guest whose disk is in use that it is gone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "backend/step.h"

struct side {
    enum xenbus_state own;
    bool online;
    bool attached;
};

/* Does what the table says until it says nothing; how many steps. */
static int settle(struct side *s, enum xenbus_state front)
{
    int steps = 0;
    for (;; steps++) {
        enum backend_step step = backend_step(s->own, front, s->online, s->attached);
        if (step == BACKEND_NOTHING)
            return steps;
        assert_true(steps < 4);
        assert_false(step == BACKEND_ATTACH && s->attached);
        s->attached = step == BACKEND_ATTACH;
        s->own = backend_state_after(step, s->own);
    }
}

static void expect(struct side *s, enum xenbus_state front, enum xenbus_state own, bool attached)
{
    settle(s, front);
    assert_int_equal(s->own, own);
    assert_int_equal(s->attached, attached);
}

static void test_life(void **state)
{
    struct side s = {.own = 1, .online = true};
    (void)state;
    expect(&s, 1, 2, false);
    expect(&s, 3, 4, true);
    expect(&s, 4, 4, true);
    s.online = false; /* what xl does to take a disk away */
    s.own = 5;
    expect(&s, 4, 5, true); /* mounted: served on */
    expect(&s, 5, 5, false);
    expect(&s, 6, 6, false);
    expect(&s, 1, 6, false); /* it is not wanted any more */
}

static void test_again(void **state)
{
    struct side s = {.own = 4, .online = true, .attached = true};
    (void)state;
    expect(&s, 5, 5, false); /* a module is unloaded and loaded */
    expect(&s, 6, 6, false);
    expect(&s, 3, 6, false); /* it has not seen an offer */
    expect(&s, 1, 2, false);
    expect(&s, 3, 4, true);
    expect(&s, 1, 2, false); /* another kernel by kexec */
    expect(&s, 3, 4, true);
    expect(&s, 0, 6, false);
}

static void test_taken_over(void **state)
{
    struct side s = {.own = 4, .online = true};
    (void)state;
    expect(&s, 4, 4, true);
    s = (struct side){.own = 5, .online = false};
    expect(&s, 4, 5, true);
    s = (struct side){.own = 4, .online = true};
    expect(&s, 6, 6, false);
}

static void test_any_order(void **state)
{
    unsigned seed = 1;
    struct side s = {.own = 1, .online = true};
    (void)state;
    for (int i = 0; i < 200000; i++) {
        bool was_served = s.attached;
        enum xenbus_state front = (enum xenbus_state)(rand_r(&seed) % 11 - 1);
        if (rand_r(&seed) % 8 == 0)
            s.online = !s.online;
        if (rand_r(&seed) % 16 == 0)
            s.own = 5;
        if (rand_r(&seed) % 16 == 0)
            s.attached = false; /* killed */
        settle(&s, front);
        if (front == 0 || front == 5 || front == 6 || front == 1)
            assert_false(s.attached);
        if (was_served && s.online && s.attached)
            assert_true(s.own == 4 || s.own == 5);
    }
    for (int own = -3; own < 12; own++) {
        for (int front = -3; front < 12; front++)
            assert_in_range(backend_step((enum xenbus_state)own, (enum xenbus_state)front, true, 0),
                            0, NR_BACKEND_STEPS - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_taken_over),
        cmocka_unit_test(test_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
