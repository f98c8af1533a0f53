/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine's reference clocks, as far as they are needed to learn how fast the TSC and the
 * local APIC's timer run: HPET, ACPI PM timer, PIT.  What guests see of time is made from the TSC
 * in time/.
 */
#pragma once

#include "lib/types.h"

/* TSC ticks per millisecond; 0 until clocksource_init(). */
extern uint32_t tsc_khz;
/* Local APIC timer ticks per millisecond, at divide by one. */
extern uint32_t apic_timer_khz;
/* The clock that was taken, for messages and sysctl. */
extern const char *clocksource_name;

/*
 * Finds the best clock and measures TSC and APIC timer against it.  `prefer` (the boot option
 * clocksource=) names one: "hpet", "acpi" or "pit"; NULL for the best.  After acpi_init() and
 * apic_init().
 */
void clocksource_init(const char *prefer);

/* A clock that may be there: what hpet.c, pmtimer.c and pit.c each provide. */
struct clock {
    const char *name;
    uint64_t mask;           /* the count wraps behind this value */
    uint64_t (*start)(void); /* its frequency in Hz; 0: not there */
    uint64_t (*read)(void);
};

/* Busy waiting; exact after clocksource_init(), at least so long before (PIT). */
void delay_us(unsigned int us);
