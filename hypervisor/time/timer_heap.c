/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pairing heap: a tree in which no node expires before its parent.  Two heaps are joined by
 * hanging the later root below the earlier one; to take a root away its children are joined in
 * pairs from the left, then the pairs from the right, which is what keeps the tree flat.
 */
#include "time/timer_heap.h"

/* Joins two trees (no siblings); either may be NULL. */
static struct timer_node *join(struct timer_node *a, struct timer_node *b)
{
    if (!a)
        return b;
    if (!b)
        return a;
    if (b->expires < a->expires) {
        struct timer_node *t = a;

        a = b;
        b = t;
    }
    b->prev = a;
    b->next = a->child;
    if (b->next)
        b->next->prev = b;
    a->child = b;
    return a;
}

/* Joins a row of siblings into one tree; NULL for none. */
static struct timer_node *join_row(struct timer_node *row)
{
    struct timer_node *pairs = NULL, *tree = NULL;

    while (row) { /* left to right in pairs, stacked in reverse order through `next` */
        struct timer_node *a = row, *b = a->next;

        row = b ? b->next : NULL;
        a->next = a->prev = NULL;
        if (b)
            b->next = b->prev = NULL;
        a = join(a, b);
        a->next = pairs;
        pairs = a;
    }
    while (pairs) { /* and from the right */
        struct timer_node *a = pairs;

        pairs = a->next;
        a->next = NULL;
        tree = join(tree, a);
    }
    return tree;
}

void timer_heap_insert(struct timer_heap *h, struct timer_node *n)
{
    n->child = n->next = n->prev = NULL;
    h->root = join(h->root, n);
}

void timer_heap_remove(struct timer_heap *h, struct timer_node *n)
{
    struct timer_node *below = join_row(n->child);

    if (h->root == n) {
        h->root = below;
    } else {
        if (n->prev->child == n)
            n->prev->child = n->next;
        else
            n->prev->next = n->next;
        if (n->next)
            n->next->prev = n->prev;
        h->root = join(h->root, below);
    }
    n->child = n->next = n->prev = NULL;
}
