/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Of the flavour `make DEBUG=1` only: the operations of lib/spinlock.h, each of which tells
 * debug/locks.c what is taken where.  Included by lib/spinlock.h and nowhere else.
 *
 * A macro that has the name of the function it calls is not expanded again, so (spin_lock)(l) below
 * is the plain one.
 */
#pragma once

#include "debug/lock_order.h"
#include "lib/spinlock.h"

/* Stops the machine if the order forbids to wait for `l` now. */
void lock_check_wait(const spinlock_t *l, struct lock_site *site, bool interrupts_on);
void lock_check_taken(const spinlock_t *l, struct lock_site *site);
void lock_check_released(const spinlock_t *l);

#define LOCK_SITE(l)                                                                               \
    ({                                                                                             \
        static struct lock_site lock_site = {__FILE__, #l, __LINE__, 0};                           \
        &lock_site;                                                                                \
    })

#define spin_lock(l)                                                                               \
    ({                                                                                             \
        spinlock_t *const sl_lock = (l);                                                           \
        struct lock_site *const sl_site = LOCK_SITE(l);                                            \
        lock_check_wait(sl_lock, sl_site, local_irqs_on());                                        \
        (spin_lock)(sl_lock);                                                                      \
        lock_check_taken(sl_lock, sl_site);                                                        \
    })

#define spin_trylock(l)                                                                            \
    ({                                                                                             \
        spinlock_t *const sl_lock = (l);                                                           \
        struct lock_site *const sl_site = LOCK_SITE(l);                                            \
        const bool sl_got = (spin_trylock)(sl_lock);                                               \
        if (sl_got)                                                                                \
            lock_check_taken(sl_lock, sl_site);                                                    \
        sl_got;                                                                                    \
    })

#define spin_lock_irq(l)                                                                           \
    ({                                                                                             \
        local_irq_disable();                                                                       \
        spin_lock(l);                                                                              \
    })

#define spin_lock_irqsave(l)                                                                       \
    ({                                                                                             \
        const uint64_t sl_flags = local_irq_save();                                                \
        spin_lock(l);                                                                              \
        sl_flags;                                                                                  \
    })

#define spin_unlock(l)                                                                             \
    ({                                                                                             \
        spinlock_t *const sl_lock = (l);                                                           \
        lock_check_released(sl_lock);                                                              \
        (spin_unlock)(sl_lock);                                                                    \
    })

#define spin_unlock_irq(l)                                                                         \
    ({                                                                                             \
        spin_unlock(l);                                                                            \
        local_irq_enable();                                                                        \
    })

#define spin_unlock_irqrestore(l, flags)                                                           \
    ({                                                                                             \
        spin_unlock(l);                                                                            \
        local_irq_restore(flags);                                                                  \
    })
