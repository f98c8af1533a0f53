/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ticket locks: four bytes, first come first served, so that no CPU (and so no guest) starves
 * another.  A lock that an interrupt handler takes must be taken with the irqsave form everywhere.
 *
 * A lock remembers on whose stack it was taken, and a CPU that waits says for what, so that the end
 * of a hang names both (debug/locks.c).  In the flavour `make DEBUG=1` every operation is besides
 * compared with the order of debug/locks.def, by the macros of debug/lock_check.h.
 */
#pragma once

#include "lib/atomic.h"
#include "lib/irqflags.h"

typedef struct {
    union {
        uint16_t both;
        struct {
            uint8_t serving; /* the ticket that holds the lock */
            uint8_t next; /* the ticket the next comer draws: there are fewer CPUs than tickets */
        };
    };
    uint16_t holder; /* bits 16 to 31 of the stack pointer of who holds it or held it last */
} spinlock_t;

/* A zeroed lock is free. */
#define SPINLOCK_FREE ((spinlock_t){{.both = 0}, 0})

static inline void spin_lock_init(spinlock_t *l)
{
    *l = SPINLOCK_FREE;
}

#ifdef PAVIS_HOST_TEST

static inline void spin_wait(const spinlock_t *l, uint8_t ticket)
{
    while (load_acquire(&l->serving) != ticket)
        cpu_relax();
}

static inline void spin_note_holder(spinlock_t *l)
{
}

#else

/* debug/locks.c: returns when `ticket` is served. */
void spin_wait(const spinlock_t *l, uint8_t ticket);

static inline void spin_note_holder(spinlock_t *l)
{
    uint64_t sp;

    __asm__("mov %%rsp, %0" : "=r"(sp));
    l->holder = (uint16_t)(sp >> 16);
}

#endif

static inline void spin_lock(spinlock_t *l)
{
    uint8_t ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_ACQUIRE);

    if (unlikely(load_acquire(&l->serving) != ticket))
        spin_wait(l, ticket);
    spin_note_holder(l);
}

static inline bool spin_trylock(spinlock_t *l)
{
    spinlock_t seen = {{.both = load_once(&l->both)}, 0};
    spinlock_t taken = seen;

    if (seen.serving != seen.next)
        return false;
    taken.next++;
    if (!atomic_cmpxchg(&l->both, &seen.both, taken.both))
        return false;
    spin_note_holder(l);
    return true;
}

static inline void spin_unlock(spinlock_t *l)
{
    store_release(&l->serving, (uint8_t)(l->serving + 1));
}

static inline bool spin_is_locked(const spinlock_t *l)
{
    spinlock_t seen = {{.both = load_once(&l->both)}, 0};

    return seen.serving != seen.next;
}

/* Does anybody wait for the lock?  For a holder who could let go of it. */
static inline bool spin_is_contended(const spinlock_t *l)
{
    spinlock_t seen = {{.both = load_once(&l->both)}, 0};

    return (uint8_t)(seen.next - seen.serving) > 1;
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

#ifdef PAVIS_LOCK_CHECK
#include "debug/lock_check.h"
#endif
