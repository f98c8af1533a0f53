/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The 8254 interval timer as a reference clock: see pit.c.
 */
#pragma once

#include "cpu/clocksource.h"

extern const struct clock pit_clock;

/* Waits at least so long, with nothing else calibrated. */
void pit_delay_us(unsigned int us);

/* Interrupt line 0 ticks from now on, as slowly as the timer can: 18.2 times per second. */
#define PIT_SLOWEST_HZ 18
void pit_start_interrupts(void);
void pit_stop_interrupts(void);
