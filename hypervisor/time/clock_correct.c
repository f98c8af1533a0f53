/* SPDX-License-Identifier: GPL-2.0-only */
/* The arithmetic of bringing one processor's clock to another's; see clock_internal.h.  Pure. */
#include "time/clock_internal.h"

struct clock_stamp clock_corrected(struct time_scale nominal, uint64_t tsc, uint64_t own_ns,
                                   uint64_t ref_ns, uint64_t interval_ns)
{
    struct clock_stamp s = {.tsc = tsc, .ns = max(own_ns, ref_ns), .scale = nominal};

    if (own_ns > ref_ns) {
        uint64_t ahead = min(own_ns - ref_ns, interval_ns / 8);

        s.scale.mul -= (uint32_t)((unsigned __int128)nominal.mul * ahead / interval_ns);
    }
    return s;
}
