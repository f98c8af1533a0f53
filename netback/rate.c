// SPDX-License-Identifier: GPL-2.0-only
/* "bytes,microseconds". */
#include "netback/rate.h"

#include <stdlib.h>
#include <string.h>

#define US_PER_S  1000000ull
#define NS_PER_US 1000ull
#define NO_LIMIT  (1ull << 48) /* bytes a second: 2 petabit */

/* Digits and nothing else up to @end; false: none, or beyond 64 bits. */
static bool number(const char *text, char end, uint64_t *value, const char **rest)
{
    uint64_t n = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(n, 10u, &n) ||
            __builtin_add_overflow(n, (uint64_t)(*at - '0'), &n))
            return false;
    *value = n;
    *rest = at + 1;
    return at > text && *at == end;
}

bool rate_parse(struct rate *rate, const char *text)
{
    uint64_t bytes, interval;
    const char *rest;
    uint64_t per_second;

    *rate = (struct rate){0};
    if (!number(text, ',', &bytes, &rest) || !number(rest, 0, &interval, &rest) ||
        interval > UINT32_MAX) /* libxl's limit */
        return false;
    if (bytes == 0 || interval == 0)
        return true;
    if (__builtin_mul_overflow(bytes, US_PER_S, &per_second) || per_second / interval >= NO_LIMIT)
        return true;
    rate->per_second = per_second / interval ? per_second / interval : 1;
    rate->burst_ns = interval * NS_PER_US;
    return true;
}
