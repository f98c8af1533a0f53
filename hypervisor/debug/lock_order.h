/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a CPU holds, and whether it may take one more lock: see lock_order.c.
 */
#pragma once

#include "lib/types.h"

enum lock_class {
    LOCK_UNKNOWN,
#define LOCK(name, how, ...) LOCK_##name,
#define ORDER(outer, inner)
#include "debug/locks.def"
#undef LOCK
#undef ORDER
    LOCK_CLASSES
};

/* A place that takes a lock; the class is looked up at the first visit. */
struct lock_site {
    const char *file, *argument; /* as the compiler and the source have them */
    int line;
    uint8_t class;
};

#define LOCKS_HELD_MAX 24

/* One CPU's locks, oldest first.  Those below `base` are held by what an interrupt came upon. */
struct lock_record {
    uint32_t nr, base;
    struct held_lock {
        const void *lock;
        const struct lock_site *site;
    } held[LOCKS_HELD_MAX];
};

/* The class that a place's lock belongs to, or LOCK_UNKNOWN. */
enum lock_class lock_class_find(const char *file, const char *argument);
const char *lock_class_name(unsigned class);

/*
 * Whether a CPU with this record may take `lock` of that class and wait for it: NULL, or the rule
 * that it would break; *other is then what it holds, or NULL.
 */
const char *lock_refused(const struct lock_record *r, const void *lock, unsigned class,
                         bool interrupts_on, const struct held_lock **other);

/* False: there is no room; such a lock was not held.  An NMI may come at any point of these. */
bool lock_push(struct lock_record *r, const void *lock, const struct lock_site *site);
bool lock_pop(struct lock_record *r, const void *lock);
