/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Timers in order of expiry: a pairing heap threaded through the timers themselves, so that setting
 * one never allocates and so never fails.  Insert and peek take constant time, removal the
 * logarithm of the number in the mean, with no recursion.  Pure; the caller locks.
 */
#pragma once

#include "lib/types.h"

struct timer_node {
    uint64_t expires;         /* ns of system time */
    struct timer_node *child; /* first of the nodes below */
    struct timer_node *next;  /* sibling to the right */
    struct timer_node *prev;  /* sibling to the left, or the parent of a first child */
};

struct timer_heap {
    struct timer_node *root; /* the earliest, NULL: none */
};

/* `n` is in no heap; n->expires is set. */
void timer_heap_insert(struct timer_heap *h, struct timer_node *n);
/* `n` is in `h`. */
void timer_heap_remove(struct timer_heap *h, struct timer_node *n);
