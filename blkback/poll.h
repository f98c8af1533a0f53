/* SPDX-License-Identifier: GPL-2.0-only */
/* Adaptive polling: whether a worker that has nothing left to do looks at its rings for a little
 * longer before it sleeps.  What comes meanwhile costs neither an event nor a way through sleep;
 * what does not come has cost a processor that others could have used.
 *
 * So it goes on only while it pays: each time that nothing came, twice as many sleeps as before go
 * without it.  Who looks yields after each look, and when that took long, somebody else wants the
 * processor, or the hypervisor has given it to another guest, perhaps the one that is waited for:
 * then it is over too.  Pure; the clock is the caller's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define POLL_MOST_US 1000u  /* the longest that may be asked for */
#define POLL_LOST_NS 10000u /* 10 us between two looks: somebody else ran */
#define POLL_SKIPS   256u   /* the most sleeps without */

struct poll {
    uint64_t most_ns; /* for how long; 0: never */
    uint64_t until;   /* 0: not now */
    uint64_t looked;  /* when last */
    uint32_t skip;    /* sleeps to go without */
    uint32_t skips;   /* how many the last miss cost */
};

/* The work is done. */
void poll_begin(struct poll *poll, uint64_t now);
/* Is there to be another look, now? */
bool poll_look(struct poll *poll, uint64_t now);
/* The look has found something. */
void poll_paid(struct poll *poll);
