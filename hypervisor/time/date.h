/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The CMOS clock's registers as a time.  Pure.
 */
#pragma once

#include "lib/types.h"

/* As read from CMOS, in whatever encoding `status_b` says. */
struct rtc_registers {
    uint8_t second, minute, hour, day, month, year, century;
    uint8_t status_b;
};

/* Seconds since 1970 (UTC); false when the registers make no sense.  century 0: not there. */
bool rtc_decode(const struct rtc_registers *r, uint64_t *seconds);

/* Seconds since 1970 of a date; month 1..12, day 1..31, year >= 1970. */
uint64_t date_to_seconds(unsigned int year, unsigned int month, unsigned int day, unsigned int hour,
                         unsigned int minute, unsigned int second);
