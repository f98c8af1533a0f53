/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The order of locks, as a rule that can be asked: pure, so that host tests ask it too.
 *
 * Locks fall into classes, by the place that takes them (locks.def).  A CPU may take a lock if, for
 * each that it holds, the table allows the pair; a ring of waiting CPUs would need a pair that the
 * table does not allow, since the table has no ring (a unit test).  Two more rules concern
 * interrupts: a lock that a handler takes is taken with interrupts off, and under it, and in a
 * handler, no other kind may be taken.  What was held before an interrupt came does not count in
 * its handler: the handler's locks are of the kind that nobody holds while interrupts can come.
 *
 * If this is wrong, either the checked flavour stops for nothing, or an inversion stays unseen;
 * the product does not contain it.
 */
#include "debug/lock_order.h"
#include "lib/string.h"

#define PLAIN     0u
#define IRQ       1u
#define RISING    2u
#define TWO       4u
#define OUTERMOST 8u
#define INNERMOST 16u

#define PLACES_MAX 6

static const struct {
    const char *name;
    unsigned how;
    const char *place[PLACES_MAX];
} classes[LOCK_CLASSES] = {
    [LOCK_UNKNOWN] = {"unknown", PLAIN, {NULL}},
#define LOCK(name, how, ...) [LOCK_##name] = {#name, how, {__VA_ARGS__}},
#define ORDER(outer, inner)
#include "debug/locks.def"
#undef LOCK
#undef ORDER
};

#define IN(inner) | 1UL << LOCK_##inner
static const uint64_t directly_inside[LOCK_CLASSES] = {
#define LOCK(name, how, ...)
#define ORDER(outer, inner) [LOCK_##outer] = 0 inner,
#include "debug/locks.def"
#undef LOCK
#undef ORDER
};

_Static_assert(LOCK_CLASSES <= 64, "a set of classes is a word");

/* Whether the place "file: argument" is this one. */
static bool place_is(const char *place, const char *file, const char *argument)
{
    size_t n = 0;

    while (place[n] && !(place[n] == ':' && place[n + 1] == ' '))
        n++;
    if (strncmp(file, "hypervisor/", 11) == 0)
        file += 11;
    return strncmp(place, file, n) == 0 && place[n] && strcmp(place + n + 2, argument) == 0;
}

enum lock_class lock_class_find(const char *file, const char *argument)
{
    for (unsigned c = 1; c < LOCK_CLASSES; c++)
        for (unsigned i = 0; i < PLACES_MAX && classes[c].place[i]; i++)
            if (place_is(classes[c].place[i], file, argument))
                return (enum lock_class)c;
    return LOCK_UNKNOWN;
}

const char *lock_class_name(unsigned class)
{
    return class < LOCK_CLASSES ? classes[class].name : "?";
}

/* Everything that may be taken under `class`, by one line of the table or by several. */
static uint64_t inside(unsigned class)
{
    uint64_t set = 0, more = directly_inside[class];

    while (more) {
        unsigned next = (unsigned)__builtin_ctzl(more);

        set |= 1UL << next;
        more = (more | directly_inside[next]) & ~set;
    }
    return set;
}

static const char *pair_refused(const struct held_lock *h, const void *lock, unsigned class)
{
    unsigned outer = h->site->class;

    if (h->lock == lock)
        return "it is held here already";
    if (classes[outer].how & IRQ && !(classes[class].how & IRQ))
        return "a lock of interrupt handlers is held, and this is none";
    if (classes[outer].how & OUTERMOST)
        return NULL;
    if (outer == class && classes[class].how & TWO)
        return NULL;
    if (outer == class)
        return classes[class].how & RISING && h->lock < lock ? NULL
                                                             : "one of the same kind is held";
    if (inside(outer) >> class & 1)
        return NULL;
    if (classes[class].how & INNERMOST &&
        (!(classes[outer].how & INNERMOST) || class == LOCK_log_lock))
        return NULL;
    return "the order does not have this pair";
}

const char *lock_refused(const struct lock_record *r, const void *lock, unsigned class,
                         bool interrupts_on, const struct held_lock **other)
{
    *other = NULL;
    if (classes[class].how & IRQ && interrupts_on)
        return "a lock of interrupt handlers is taken with interrupts on";
    if (!(classes[class].how & IRQ) && r->base)
        return "an interrupt handler takes a lock that is not for handlers";
    for (uint32_t i = r->base; i < r->nr && i < LOCKS_HELD_MAX; i++) {
        const char *why = pair_refused(&r->held[i], lock, class);

        *other = &r->held[i];
        if (why)
            return why;
    }
    *other = NULL;
    return NULL;
}

bool lock_push(struct lock_record *r, const void *lock, const struct lock_site *site)
{
    uint32_t at = r->nr;

    if (at >= LOCKS_HELD_MAX)
        return false;
    r->nr = at + 1; /* first: an NMI that comes now uses the next place, and gives it back */
    __asm__ volatile("" ::: "memory");
    r->held[at] = (struct held_lock){lock, site};
    return true;
}

bool lock_pop(struct lock_record *r, const void *lock)
{
    uint32_t i = r->nr;

    while (i > r->base && r->held[i - 1].lock != lock)
        i--;
    if (i == r->base)
        return false;
    for (; i < r->nr; i++)
        r->held[i - 1] = r->held[i];
    __asm__ volatile("" ::: "memory");
    r->nr--;
    return true;
}
