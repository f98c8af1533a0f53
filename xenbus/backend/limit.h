/* SPDX-License-Identifier: GPL-2.0-only */
/* A rate: so many units a second in the long run, with a burst.  One number holds the state: the
 * time at which everything spent so far would be paid for.  Pure; the clock is the caller's.
 */
#pragma once

#include <stdint.h>

#define NS_PER_S 1000000000ull

struct rate {
    uint64_t per_second; /* 0: no limit */
    uint64_t burst_ns;   /* how far ahead of its pay one may spend */
    uint64_t paid_at;    /* ns */
};

/* Nanoseconds until something may be spent; 0: now. */
static inline uint64_t rate_wait(const struct rate *rate, uint64_t now)
{
    uint64_t allowed = now + rate->burst_ns;
    return rate->per_second && rate->paid_at > allowed ? rate->paid_at - allowed : 0;
}

/* Spends @units; more than there is makes the next wait longer, so that any size passes some time.
 */
static inline void rate_spend(struct rate *rate, uint64_t now, uint64_t units)
{
    if (!rate->per_second)
        return;
    if (rate->paid_at < now)
        rate->paid_at = now;
    rate->paid_at += units * NS_PER_S / rate->per_second;
}
