/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A processor's timers, for time/timer.c and for those who print them.
 */
#pragma once

#include "lib/spinlock.h"
#include "time/timer.h"

struct timer_queue {
    spinlock_t lock;
    struct timer_heap heap;
    uint64_t programmed;   /* what the local APIC waits for, or earlier than it if it will look */
    struct timer *running; /* its function is being called */
    unsigned int nr;
    uint64_t expired, late_max; /* statistics: count, ns */
} __attribute__((aligned(64)));

const struct timer_queue *timer_queue_of(unsigned int cpu);
