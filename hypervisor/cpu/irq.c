/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table from interrupt vector to handler, and the pool of vectors for devices.  A vector means
 * the same on every CPU: some 190 device interrupts are enough for the machines aimed at, and an
 * interrupt can then be moved without changing its number.
 */
#include "cpu/irq.h"
#include "console/log.h"
#include "cpu/apic.h"
#include "debug/locks.h"
#include "lib/bitmap.h"
#include "lib/spinlock.h"

static irq_handler_t handlers[256];
static uint64_t counts[256];
static uint64_t used[BITMAP_WORDS(256)];
static spinlock_t vectors_lock;

void irq_set_handler(uint8_t vector, irq_handler_t fn)
{
    store_release(&handlers[vector], fn);
}

void handle_irq(unsigned int vector)
{
    irq_handler_t fn = load_acquire(&handlers[vector]);
    static struct rate_limit rate;

    counts[vector]++; /* approximate when two CPUs take the same vector at once */
    if (likely(fn != NULL)) {
        uint32_t outer = locks_enter_irq();

        fn((uint8_t)vector);
        locks_leave_irq(outer);
        return;
    }
    if (apic_in_service((uint8_t)vector))
        apic_eoi();
    if (rate_limit_ok(&rate, 1000, 5))
        printk(XENLOG_INFO "interrupt vector %#x has no handler\n", vector);
}

uint8_t irq_alloc_vector(void)
{
    uint64_t flags = spin_lock_irqsave(&vectors_lock);
    uint64_t v = VECTOR_DYNAMIC_FIRST;
    uint8_t found = 0;

    for (; v <= VECTOR_DYNAMIC_LAST; v++) {
        if (v == VECTOR_LINUX_SYSCALL || v == VECTOR_HYPERCALL_INT || bitmap_test(used, v))
            continue;
        bitmap_set(used, v);
        found = (uint8_t)v;
        break;
    }
    spin_unlock_irqrestore(&vectors_lock, flags);
    return found;
}

void irq_free_vector(uint8_t vector)
{
    uint64_t flags = spin_lock_irqsave(&vectors_lock);

    handlers[vector] = NULL;
    bitmap_clear(used, vector);
    spin_unlock_irqrestore(&vectors_lock, flags);
}

uint64_t irq_count(uint8_t vector)
{
    return counts[vector];
}
