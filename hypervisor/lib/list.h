/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Intrusive doubly linked rings.  A head is an entry that belongs to no object; an entry that is in
 * no list points to itself, so that removing twice is harmless and list_empty() answers for both.
 */
#pragma once

#include "lib/types.h"

struct list_head {
    struct list_head *next;
    struct list_head *prev;
};

#define LIST_INIT(name)                                                                            \
    {                                                                                              \
        &(name), &(name)                                                                           \
    }

static inline void list_init(struct list_head *l)
{
    l->next = l;
    l->prev = l;
}

static inline bool list_empty(const struct list_head *l)
{
    return l->next == l;
}

static inline void list_insert_between(struct list_head *e, struct list_head *prev,
                                       struct list_head *next)
{
    e->prev = prev;
    e->next = next;
    prev->next = e;
    next->prev = e;
}

static inline void list_add(struct list_head *head, struct list_head *e)
{
    list_insert_between(e, head, head->next);
}

static inline void list_add_tail(struct list_head *head, struct list_head *e)
{
    list_insert_between(e, head->prev, head);
}

static inline void list_remove(struct list_head *e)
{
    e->prev->next = e->next;
    e->next->prev = e->prev;
    list_init(e);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first(head, type, member)                                                             \
    (list_empty(head) ? NULL : list_entry((head)->next, type, member))

/* The body may remove the current entry. */
#define list_for_each(pos, head, member)                                                           \
    for (struct list_head *lfe_at = (head)->next, *lfe_next = lfe_at->next;                        \
         lfe_at != (head) && ((pos) = list_entry(lfe_at, __typeof__(*(pos)), member), 1);          \
         lfe_at = lfe_next, lfe_next = lfe_at->next)
