/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: hypervisor/time/timer_heap.c
/*
 * Claim: under any sequence of insertions and removals the heap's root is the earliest timer in it,
 * every node's links agree, and nothing is lost.  Model: an unordered array, searched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "time/timer_heap.h"

#define N 300

static struct timer_node nodes[N];
static bool in_heap[N];

static unsigned int count(const struct timer_node *n, const struct timer_node *parent)
{
    unsigned int sum = 0;

    for (const struct timer_node *prev = parent; n; prev = n, n = n->next) {
        assert_ptr_equal(n->prev, prev);
        if (parent)
            assert_true(n->expires >= parent->expires);
        sum += 1 + count(n->child, n);
    }
    return sum;
}

static void check(const struct timer_heap *h)
{
    unsigned int expected = 0;
    uint64_t earliest = UINT64_MAX;

    for (unsigned int i = 0; i < N; i++) {
        if (!in_heap[i])
            continue;
        expected++;
        if (nodes[i].expires < earliest)
            earliest = nodes[i].expires;
    }
    assert_int_equal(count(h->root, NULL), expected);
    if (expected)
        assert_int_equal(h->root->expires, earliest);
    else
        assert_null(h->root);
}

static void random_operations(void **state)
{
    struct timer_heap h = {NULL};

    (void)state;
    srandom(1);
    for (unsigned int step = 0; step < 40000; step++) {
        unsigned int i = (unsigned int)random() % N;

        if (in_heap[i]) {
            timer_heap_remove(&h, &nodes[i]);
        } else {
            nodes[i].expires = (uint64_t)random() % 1000;
            timer_heap_insert(&h, &nodes[i]);
        }
        in_heap[i] = !in_heap[i];
        if (step % 16 == 0)
            check(&h);
    }
    /* Taking the root again and again yields them in order. */
    for (uint64_t last = 0; h.root; timer_heap_remove(&h, h.root)) {
        assert_true(h.root->expires >= last);
        last = h.root->expires;
    }
}

/* Claim: removal does not recurse: a million timers in falling order of expiry make the longest
 * chain there can be. */
static void long_chain(void **state)
{
    unsigned int n = 1000000;
    struct timer_node *many = calloc(n, sizeof(*many));
    struct timer_heap h = {NULL};

    (void)state;
    assert_non_null(many);
    for (unsigned int i = 0; i < n; i++) {
        many[i].expires = n - i;
        timer_heap_insert(&h, &many[i]);
    }
    for (uint64_t want = 1; want <= n; want++) {
        assert_int_equal(h.root->expires, want);
        timer_heap_remove(&h, h.root);
    }
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations),
        cmocka_unit_test(long_chain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
