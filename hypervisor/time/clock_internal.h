/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of time/ share about processors' clocks.
 */
#pragma once

#include "lib/types.h"
#include "time/scale.h"

/* At TSC value `tsc` it was `ns`; from there on by `scale`. */
struct clock_stamp {
    uint64_t tsc, ns;
    struct time_scale scale;
} __attribute__((aligned(64)));

extern struct clock_stamp clock_stamps[NR_CPUS];

uint64_t clock_stamp_ns(const struct clock_stamp *s, uint64_t tsc);

/* --- time/clock_sync.c -------------------------------------------------------------------------
 */
/* All processors compare their TSCs for a moment: false when one was seen going back. */
bool clock_warp_test(void);
/* Sets every stamp to the boot processor's time (before any guest runs: it may step back), and
 * from then on brings them into line each second. */
void clock_sync_start(void);

/*
 * Pure: the stamp of a processor that shows `own_ns` at `tsc` while the reference shows `ref_ns`.
 * Behind: it steps forward.  Ahead: it never steps back, but goes slower, so that it meets the
 * reference after `interval_ns` (at most by an eighth).
 */
struct clock_stamp clock_corrected(struct time_scale nominal, uint64_t tsc, uint64_t own_ns,
                                   uint64_t ref_ns, uint64_t interval_ns);

/* --- time/clock_keys.c -------------------------------------------------------------------------
 */
void clock_register_keys(void);
