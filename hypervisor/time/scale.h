/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TSC ticks to nanoseconds exactly as a pvclock reader does it: ns = ((ticks << shift) * mul) >>
 * 32, shift negative for a right shift.  Pure.
 */
#pragma once

#include "lib/types.h"

struct time_scale {
    uint32_t mul;
    int8_t shift;
};

/* The most precise pair for a clock of `khz` (> 0): mul has its top bit set. */
static inline struct time_scale time_scale_from_khz(uint64_t khz)
{
    struct time_scale s = {.shift = 0};
    /* 10^6 ns per ms; wanted is 10^6 / khz as 0.mul * 2^shift with 2^31 <= mul < 2^32. */
    uint64_t num = 1000000;

    while (num >= khz) {
        khz *= 2;
        s.shift++;
    }
    while (num * 2 < khz) {
        num *= 2;
        s.shift--;
    }
    s.mul = (uint32_t)(((unsigned __int128)num << 32) / khz);
    return s;
}

static inline uint64_t time_scale_ns(struct time_scale s, uint64_t ticks)
{
    ticks = s.shift < 0 ? ticks >> -s.shift : ticks << s.shift;
    return (uint64_t)(((unsigned __int128)ticks * s.mul) >> 32);
}

/* The smallest number of ticks that time_scale_ns() turns into `ns` or more. */
uint64_t time_scale_ticks(struct time_scale s, uint64_t ns);
