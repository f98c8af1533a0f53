/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The order of locks has no ring, every pair that it does not name is refused with the lock that is
 * in the way, interrupts and their handlers have the rules of docs/LOCKS.md, and the record of what
 * is held survives releases in any order.
 */
// SOURCES: hypervisor/debug/lock_order.c hypervisor/lib/string.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "debug/lock_order.h"
#include "lib/string.h"

static uint32_t lock[8]; /* addresses, rising */

static struct lock_site place(enum lock_class class)
{
    return (struct lock_site){"here.c", "&lock", 1, (uint8_t) class};
}

/* With `outer` held (at lock[2]): why `inner` at `at` may not be taken with interrupts off. */
static const char *refused(enum lock_class outer, enum lock_class inner, const void *at)
{
    struct lock_record r = {0};
    struct lock_site site = place(outer);
    const struct held_lock *other;
    const char *why;

    assert_true(lock_push(&r, &lock[2], &site));
    why = lock_refused(&r, at, inner, false, &other);
    if (why)
        assert_ptr_equal(other->site, &site);
    return why;
}

static void no_pair_is_allowed_both_ways(void **state)
{
    for (unsigned a = 1; a < LOCK_CLASSES; a++)
        for (unsigned b = 1; b < LOCK_CLASSES; b++)
            if (a != b && !refused(a, b, &lock[5]))
                assert_non_null(refused(b, a, &lock[5]));
}

/* Whoever may be taken under another inherits what may be taken under it: so pairs are enough. */
static void the_order_is_transitive_but_for_the_innermost(void **state)
{
    assert_null(refused(LOCK_evtchn_pair_lock, LOCK_evtchn_table, &lock[5]));
    assert_null(refused(LOCK_evtchn_table, LOCK_evtchn_port, &lock[5]));
    assert_null(refused(LOCK_evtchn_pair_lock, LOCK_evtchn_port, &lock[5]));
    assert_null(refused(LOCK_evtchn_pair_lock, LOCK_sched_rq, &lock[5]));
    assert_non_null(refused(LOCK_sched_rq, LOCK_shutdown_lock, &lock[5]));
}

static void unnamed_pairs_are_refused(void **state)
{
    assert_string_equal(refused(LOCK_heap, LOCK_small_lock, &lock[5]),
                        "the order does not have this pair");
    assert_non_null(refused(LOCK_evtchn_table, LOCK_evtchn_pair_lock, &lock[5]));
    assert_non_null(refused(LOCK_log_lock, LOCK_late, &lock[5]));
}

static void one_lock_is_not_taken_twice(void **state)
{
    assert_string_equal(refused(LOCK_evtchn_table, LOCK_evtchn_table, &lock[2]),
                        "it is held here already");
    assert_null(refused(LOCK_evtchn_table, LOCK_evtchn_table, &lock[1])); /* two, in any order */
    assert_non_null(refused(LOCK_domain, LOCK_domain, &lock[5]));
    assert_null(refused(LOCK_sched_rq, LOCK_sched_rq, &lock[3])); /* two, by rising address */
    assert_non_null(refused(LOCK_sched_rq, LOCK_sched_rq, &lock[1]));
}

static void handlers_locks_want_interrupts_off(void **state)
{
    struct lock_record r = {0};
    const struct held_lock *other;

    assert_non_null(lock_refused(&r, lock, LOCK_sched_rq, true, &other));
    assert_null(other);
    assert_null(lock_refused(&r, lock, LOCK_sched_rq, false, &other));
    assert_null(lock_refused(&r, lock, LOCK_heap, true, &other));
    assert_non_null(refused(LOCK_sched_rq, LOCK_active_grant, &lock[5]));
}

static void what_an_interrupt_came_upon_does_not_count_in_its_handler(void **state)
{
    struct lock_record r = {0};
    struct lock_site site = place(LOCK_heap);
    const struct held_lock *other;

    assert_true(lock_push(&r, &lock[2], &site));
    r.base = r.nr;
    assert_null(lock_refused(&r, lock, LOCK_irq_line, false, &other));
    assert_non_null(lock_refused(&r, lock, LOCK_maptrack, false, &other));
    assert_false(lock_pop(&r, &lock[2]));
}

static void locks_are_released_in_any_order(void **state)
{
    struct lock_record r = {0};
    struct lock_site a = place(LOCK_domain), b = place(LOCK_timer_queue);

    assert_true(lock_push(&r, &lock[0], &a));
    assert_true(lock_push(&r, &lock[1], &b));
    assert_true(lock_pop(&r, &lock[0]));
    assert_int_equal(r.nr, 1);
    assert_ptr_equal(r.held[0].lock, &lock[1]);
    assert_false(lock_pop(&r, &lock[0]));
    assert_true(lock_pop(&r, &lock[1]));
    assert_int_equal(r.nr, 0);
    for (unsigned i = 0; i < LOCKS_HELD_MAX; i++)
        assert_true(lock_push(&r, &lock[0], &a));
    assert_false(lock_push(&r, &lock[0], &a));
}

static void places_are_known_by_file_and_argument(void **state)
{
    assert_int_equal(lock_class_find("hypervisor/domain/evtchn_op.c", "&t->lock"),
                     LOCK_evtchn_table);
    assert_int_equal(lock_class_find("hypervisor/domain/grant_map.c", "&t->lock"),
                     LOCK_grant_table);
    assert_int_equal(lock_class_find("hypervisor/cpu/rtc.c", "&lock"), LOCK_rtc);
    assert_int_equal(lock_class_find("hypervisor/cpu/pci.c", "&lock"), LOCK_pci);
    assert_int_equal(lock_class_find("hypervisor/cpu/pit.c", "&lock"), LOCK_UNKNOWN);
    assert_int_equal(lock_class_find("hypervisor/domain/grant.c", "&u->lock"), LOCK_UNKNOWN);
    assert_string_equal(lock_class_name(LOCK_rtc), "rtc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_pair_is_allowed_both_ways),
        cmocka_unit_test(the_order_is_transitive_but_for_the_innermost),
        cmocka_unit_test(unnamed_pairs_are_refused),
        cmocka_unit_test(one_lock_is_not_taken_twice),
        cmocka_unit_test(handlers_locks_want_interrupts_off),
        cmocka_unit_test(what_an_interrupt_came_upon_does_not_count_in_its_handler),
        cmocka_unit_test(locks_are_released_in_any_order),
        cmocka_unit_test(places_are_known_by_file_and_argument),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
