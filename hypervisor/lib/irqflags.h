/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Turning this CPU's interrupts off and on.  Here and not in cpu/ because locks need it; on a host
 * it does nothing, so that files with locks compile into unit tests.
 */
#pragma once

#include "lib/types.h"

#define IRQFLAGS_IF 0x200UL /* RFLAGS.IF */

#ifdef PAVIS_HOST_TEST

static inline uint64_t local_flags(void)
{
    return IRQFLAGS_IF;
}
static inline void local_irq_disable(void)
{
}
static inline void local_irq_enable(void)
{
}

#else

static inline uint64_t local_flags(void)
{
    uint64_t flags;

    __asm__ volatile("pushfq; popq %0" : "=r"(flags)::"memory");
    return flags;
}

static inline void local_irq_disable(void)
{
    __asm__ volatile("cli" ::: "memory");
}

static inline void local_irq_enable(void)
{
    __asm__ volatile("sti" ::: "memory");
}

#endif

static inline bool local_irqs_on(void)
{
    return local_flags() & IRQFLAGS_IF;
}

/* Returns what local_irq_restore() wants back. */
static inline uint64_t local_irq_save(void)
{
    uint64_t flags = local_flags();

    local_irq_disable();
    return flags;
}

static inline void local_irq_restore(uint64_t flags)
{
    if (flags & IRQFLAGS_IF)
        local_irq_enable();
    else
        local_irq_disable();
}
