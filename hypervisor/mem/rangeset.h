/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sets of 64-bit numbers kept as sorted inclusive ranges: which I/O frames, ports or interrupts a
 * domain may use.  Few ranges, many look-ups.  Pure; locks inside.
 */
#pragma once

#include "lib/types.h"

struct rangeset;

struct rangeset *rangeset_new(void);    /* NULL: no memory */
void rangeset_free(struct rangeset *s); /* NULL is fine */
/* [first, last], both inside.  0; -EINVAL: first > last; -ENOMEM (nothing changed). */
int rangeset_add(struct rangeset *s, uint64_t first, uint64_t last);
int rangeset_remove(struct rangeset *s, uint64_t first, uint64_t last);
/* All of [first, last]; false for NULL. */
bool rangeset_contains_range(struct rangeset *s, uint64_t first, uint64_t last);
static inline bool rangeset_contains(struct rangeset *s, uint64_t n)
{
    return rangeset_contains_range(s, n, n);
}
