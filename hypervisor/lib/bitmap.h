/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bit sets of any length in arrays of 64-bit words.  Not atomic: see lib/atomic.h for that.  Pure.
 */
#pragma once

#include "lib/types.h"

#define BITMAP_WORDS(bits) DIV_UP((bits), 64UL)

static inline bool bitmap_test(const uint64_t *map, uint64_t nr)
{
    return (map[nr / 64] >> (nr & 63)) & 1;
}

static inline void bitmap_set(uint64_t *map, uint64_t nr)
{
    map[nr / 64] |= 1UL << (nr & 63);
}

static inline void bitmap_clear(uint64_t *map, uint64_t nr)
{
    map[nr / 64] &= ~(1UL << (nr & 63));
}

/* The first set bit at or after `from`; `bits` when there is none. */
static inline uint64_t bitmap_next_set(const uint64_t *map, uint64_t bits, uint64_t from)
{
    while (from < bits) {
        uint64_t word = map[from / 64] >> (from & 63);

        if (word) {
            from += (uint64_t)__builtin_ctzl(word);
            return from < bits ? from : bits;
        }
        from = (from | 63) + 1;
    }
    return bits;
}

/* The first clear bit at or after `from`; `bits` when there is none. */
static inline uint64_t bitmap_next_clear(const uint64_t *map, uint64_t bits, uint64_t from)
{
    while (from < bits) {
        uint64_t word = ~map[from / 64] >> (from & 63);

        if (word) {
            from += (uint64_t)__builtin_ctzl(word);
            return from < bits ? from : bits;
        }
        from = (from | 63) + 1;
    }
    return bits;
}
