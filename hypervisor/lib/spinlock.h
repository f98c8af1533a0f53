/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ticket locks: four bytes, first come first served, so that no CPU (and so no guest) starves
 * another.  A lock that an interrupt handler takes must be taken with the irqsave form everywhere.
 */
#pragma once

#include "lib/atomic.h"
#include "lib/irqflags.h"

typedef union {
    uint32_t both;
    struct {
        uint16_t serving; /* the ticket that holds the lock */
        uint16_t next;    /* the ticket the next comer draws */
    };
} spinlock_t;

/* A zeroed lock is free. */
#define SPINLOCK_FREE ((spinlock_t){.both = 0})

static inline void spin_lock_init(spinlock_t *l)
{
    l->both = 0;
}

static inline void spin_lock(spinlock_t *l)
{
    uint16_t ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_ACQUIRE);

    while (unlikely(load_acquire(&l->serving) != ticket))
        cpu_relax();
}

static inline bool spin_trylock(spinlock_t *l)
{
    spinlock_t seen = {.both = load_once(&l->both)};
    spinlock_t taken = seen;

    if (seen.serving != seen.next)
        return false;
    taken.next++;
    return atomic_cmpxchg(&l->both, &seen.both, taken.both);
}

static inline void spin_unlock(spinlock_t *l)
{
    store_release(&l->serving, (uint16_t)(l->serving + 1));
}

static inline bool spin_is_locked(const spinlock_t *l)
{
    spinlock_t seen = {.both = load_once(&l->both)};

    return seen.serving != seen.next;
}

/* Does anybody wait for the lock?  For a holder who could let go of it. */
static inline bool spin_is_contended(const spinlock_t *l)
{
    spinlock_t seen = {.both = load_once(&l->both)};

    return (uint16_t)(seen.next - seen.serving) > 1;
}

static inline void spin_lock_irq(spinlock_t *l)
{
    local_irq_disable();
    spin_lock(l);
}

static inline void spin_unlock_irq(spinlock_t *l)
{
    spin_unlock(l);
    local_irq_enable();
}

static inline __must_check uint64_t spin_lock_irqsave(spinlock_t *l)
{
    uint64_t flags = local_irq_save();

    spin_lock(l);
    return flags;
}

static inline void spin_unlock_irqrestore(spinlock_t *l, uint64_t flags)
{
    spin_unlock(l);
    local_irq_restore(flags);
}
