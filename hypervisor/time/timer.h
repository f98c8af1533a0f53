/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Timers: a function called once at a system time, from SOFTIRQ_TIMER of a chosen processor, with
 * interrupts on and no lock held.  Each processor has a heap and programs its own local APIC for
 * the earliest.  Deadlines are absolute, so a timer that sets itself again does not drift, and a
 * late one does not push others.
 */
#pragma once

#include "lib/types.h"
#include "time/timer_heap.h"

/* No deadline is later than this (292 years): later ones are cut to it and never come. */
#define TIMER_NEVER ((uint64_t)INT64_MAX)

enum timer_state { TIMER_IDLE, TIMER_QUEUED, TIMER_DEAD };

struct timer {
    struct timer_node node;
    void (*fn)(void *arg);
    void *arg;
    unsigned int cpu; /* whose heap; changes under that processor's timer lock */
    uint8_t state;    /* enum timer_state */
};

/* Once per object, before anything else; a zeroed timer that was never set may just be dropped. */
void timer_init(struct timer *t, void (*fn)(void *arg), void *arg, unsigned int cpu);
/* (Re)arms.  A time in the past expires as soon as the processor looks.  Any context; nothing
 * happens to a dead timer. */
void timer_set(struct timer *t, uint64_t abs_ns);
/* Afterwards it is not queued; its function may still be running on its processor. */
void timer_stop(struct timer *t);
/* For good: not queued, not running (not from its own function), never set again. */
void timer_kill(struct timer *t);
/* Moves it, armed or not, to another processor's heap. */
void timer_migrate(struct timer *t, unsigned int cpu);
bool timer_active(const struct timer *t);

/* Once, before the first timer is set. */
void timers_init(void);
/* SOFTIRQ_TIMER. */
void timer_softirq(void);
