/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ACPI PM timer as a reference clock: 24 bits that are always there (a longer one is not used
 * longer).  ACPI 6.4, 4.8.3.3.
 */
#include "cpu/pmtimer.h"
#include "cpu/acpi.h"
#include "cpu/insn.h"

#define PMTIMER_HZ   3579545
#define PMTIMER_MASK 0xffffff

static uint64_t pmtimer_read(void)
{
    return inl((uint16_t)acpi_info.pm_timer_port) & PMTIMER_MASK;
}

static uint64_t pmtimer_start(void)
{
    uint64_t first;

    if (!acpi_info.pm_timer_port)
        return 0;
    /* One that stands still is no clock. */
    first = pmtimer_read();
    for (int i = 0; i < 10000; i++) {
        if (pmtimer_read() != first)
            return PMTIMER_HZ;
    }
    return 0;
}

const struct clock pmtimer_clock = {"acpi", PMTIMER_MASK, pmtimer_start, pmtimer_read};
