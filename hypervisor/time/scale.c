/* SPDX-License-Identifier: GPL-2.0-only */
/* The one conversion too long for an inline function; see scale.h. */
#include "time/scale.h"

uint64_t time_scale_ticks(struct time_scale s, uint64_t ns)
{
    /* Rounded up at both steps: floor(floor(ticks * 2^shift) * mul / 2^32) >= ns. */
    unsigned __int128 scaled = (((unsigned __int128)ns << 32) + s.mul - 1) / s.mul;

    if (s.shift < 0)
        scaled <<= -s.shift;
    else
        scaled = (scaled + (1ULL << s.shift) - 1) >> s.shift;
    return scaled > UINT64_MAX ? UINT64_MAX : (uint64_t)scaled;
}
