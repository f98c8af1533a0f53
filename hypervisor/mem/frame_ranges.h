/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small sorted set of frame ranges, in fixed storage: what the boot allocator hands out from.
 * Pure.
 */
#pragma once

#include "lib/types.h"

#define FRAME_RANGES_MAX 256

/* Frames [start, end). */
struct frame_range {
    uint64_t start;
    uint64_t end;
};

struct frame_ranges {
    unsigned int nr;
    struct frame_range range[FRAME_RANGES_MAX];
};

/* Both return false when the set is full: then part of the range is not in it (never too much). */
bool frame_ranges_add(struct frame_ranges *s, uint64_t start, uint64_t end);
bool frame_ranges_remove(struct frame_ranges *s, uint64_t start, uint64_t end);

/*
 * Takes `n` adjacent frames out, aligned to `align` (a power of two), the highest that end at or
 * below `limit`.  Returns the first; UINT64_MAX when there are none.
 */
uint64_t frame_ranges_take_top(struct frame_ranges *s, uint64_t n, uint64_t align, uint64_t limit);
