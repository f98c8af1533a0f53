/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Handles of grant mappings: random use against a model, stale handles, and two CPUs that close the
 * same handle.
 */
// SOURCES: hypervisor/domain/maptrack.c
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "domain/maptrack.h"
#include "lib/atomic.h"

#define PAGES 3
#define MAX   (PAGES * MAPTRACK_PER_PAGE)

static struct maptrack mt;
static struct maptrack_entry *slots[PAGES];

static void add_page(bool expect)
{
    struct maptrack_entry *page = calloc(1, 4096);

    assert_int_equal(maptrack_add_page(&mt, page), expect);
    if (!expect)
        free(page);
}

static int setup(void **state)
{
    memset(slots, 0, sizeof(slots));
    maptrack_init(&mt, slots, PAGES);
    return 0;
}

static int teardown(void **state)
{
    for (unsigned i = 0; i < PAGES; i++)
        free(slots[i]);
    return 0;
}

/* Without pages there are no handles; no number names one; pages beyond the limit are refused. */
static void grows_to_its_limit(void **state)
{
    struct maptrack_entry *e;
    uint16_t flags;

    assert_int_equal(maptrack_open(&mt, &e), MAPTRACK_INVALID_HANDLE);
    assert_null(maptrack_claim(&mt, 0, &flags));
    assert_null(maptrack_claim(&mt, MAPTRACK_INVALID_HANDLE, &flags));
    for (unsigned i = 0; i < PAGES; i++)
        add_page(true);
    add_page(false);
    for (unsigned i = 0; i < MAX; i++)
        assert_int_not_equal(maptrack_open(&mt, &e), MAPTRACK_INVALID_HANDLE);
    assert_int_equal(maptrack_open(&mt, &e), MAPTRACK_INVALID_HANDLE);
    assert_int_equal(mt.in_use, MAX);
}

/* A handle that was closed stays wrong although its record is in use again. */
static void stale_handles_are_wrong(void **state)
{
    struct maptrack_entry *e, *again;
    uint16_t flags;
    uint32_t old, new;

    add_page(true);
    old = maptrack_open(&mt, &e);
    assert_null(maptrack_claim(&mt, old, &flags)); /* busy */
    maptrack_publish(e, 5);
    assert_ptr_equal(maptrack_claim(&mt, old, &flags), e);
    assert_int_equal(flags, 5);
    assert_null(maptrack_claim(&mt, old, &flags)); /* claimed */
    maptrack_close(&mt, old);
    assert_null(maptrack_claim(&mt, old, &flags)); /* free */
    new = maptrack_open(&mt, &again);
    assert_ptr_equal(again, e); /* the same record, last in first out */
    maptrack_publish(again, 2);
    assert_int_not_equal(old, new);
    assert_null(maptrack_claim(&mt, old, &flags));
    assert_ptr_equal(maptrack_claim(&mt, new, &flags), e);
    assert_int_equal(flags, 2);
}

/* Random opening, publishing, claiming and closing agrees with a list of what is live. */
static void random_against_model(void **state)
{
    static struct {
        uint32_t handle;
        uint16_t flags;
    } live[MAX];
    unsigned nr = 0, seed = 3;

    for (unsigned i = 0; i < 200000; i++) {
        struct maptrack_entry *e;
        unsigned k = nr ? (unsigned)rand_r(&seed) % nr : 0;
        uint16_t flags = 0;

        /* Fills up for a while, then empties. */
        switch (i / 5000 % 2 ? rand_r(&seed) % 4 : rand_r(&seed) % 20 < 12 ? 0 : 2) {
        case 0: {
            uint32_t h = maptrack_open(&mt, &e);

            if (h == MAPTRACK_INVALID_HANDLE) {
                assert_int_equal(nr, mt.nr_entries);
                if (mt.nr_entries < MAX)
                    add_page(true);
                break;
            }
            for (unsigned j = 0; j < nr; j++)
                assert_false(live[j].handle == h);
            if (rand_r(&seed) % 8 == 0) { /* mapping failed */
                maptrack_close(&mt, h);
                break;
            }
            live[nr].handle = h;
            live[nr].flags = (uint16_t)(1 + (unsigned)rand_r(&seed) % 31);
            maptrack_publish(e, live[nr++].flags);
            break;
        }
        case 1: /* a handle made up */
            k = (unsigned)rand_r(&seed);
            e = maptrack_claim(&mt, k, &flags);
            if (e) {
                bool known = false;

                for (unsigned j = 0; j < nr; j++)
                    known |= live[j].handle == k && live[j].flags == flags;
                assert_true(known);
                maptrack_publish(e, flags);
            }
            break;
        default:
            if (!nr)
                break;
            e = maptrack_claim(&mt, live[k].handle, &flags);
            assert_non_null(e);
            assert_int_equal(flags, live[k].flags);
            if (rand_r(&seed) % 4 == 0) { /* only one of two kinds unmapped */
                live[k].flags = 2;
                maptrack_publish(e, 2);
                break;
            }
            maptrack_close(&mt, live[k].handle);
            live[k] = live[--nr];
            break;
        }
        assert_int_equal(mt.in_use, nr);
    }
}

static uint32_t board[64]; /* handles that anyone may close */
static uint64_t opened, closed;

static void *racer(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;

    for (unsigned i = 0; i < 200000; i++) {
        unsigned k = (unsigned)rand_r(&seed) % 64;
        uint32_t h = load_once(&board[k]);
        struct maptrack_entry *e;
        uint16_t flags;

        if (rand_r(&seed) % 2) {
            h = maptrack_open(&mt, &e);
            if (h == MAPTRACK_INVALID_HANDLE)
                continue;
            e->ref = h; /* ours while busy: nobody else may write it */
            atomic_inc(&opened);
            maptrack_publish(e, 1);
            store_once(&board[k], h);
            continue;
        }
        e = maptrack_claim(&mt, h, &flags);
        if (!e)
            continue;
        if (e->ref != h)
            return "claimed a record of another handle";
        maptrack_close(&mt, h);
        atomic_inc(&closed);
    }
    return NULL;
}

/* Of several CPUs that close one handle exactly one wins, and no record is lost or doubled. */
static void one_closer_wins(void **state)
{
    pthread_t t[2];
    void *why;
    unsigned n = 0;

    add_page(true);
    memset(board, 0xff, sizeof(board));
    for (uintptr_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&t[i], NULL, racer, (void *)(i + 1)), 0);
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(t[i], &why);
        if (why)
            fail_msg("%s", (const char *)why);
    }
    assert_int_equal(opened - closed, mt.in_use);
    for (uint64_t i = mt.first_free; i != MAPTRACK_INVALID_HANDLE; i = slots[0][i].next_free)
        n++;
    assert_int_equal(n + mt.in_use, MAPTRACK_PER_PAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(grows_to_its_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(stale_handles_are_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(random_against_model, setup, teardown),
        cmocka_unit_test_setup_teardown(one_closer_wins, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
