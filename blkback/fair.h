/* SPDX-License-Identifier: GPL-2.0-only */
/* Fair shares of a device among the guests whose back ends use it: start-time fair queueing on a
 * table that the processes share.
 *
 * Each disk of a guest is a flow.  A flow's requests carry tags on a virtual clock: a request
 * begins where the flow's last one ended, or at the clock if the flow was idle, and ends its cost
 * divided by the flow's weight later.  Who waits with the smallest tag goes first; others may be
 * ahead of it by a little, so that a device always has enough to do.  While several flows want the
 * device, no more than a window of cost is given to it at once, of which each flow has the part
 * that its weight says: what waits in the device's own queue is past being ordered.  A flow alone
 * meets no limit at all.
 *
 * Nobody is trusted with more than its own entry, and a process that has died or hangs holds nobody
 * up for long: its entry counts only while it was touched lately, or a little longer if it has
 * something in the device that may yet come back.  Readers see others' entries as they change; a
 * stale one costs a moment of unfairness.  Pure; the clock and the memory are the caller's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FAIR_FLOWS  256u
#define FAIR_WEIGHT 256u /* the usual one; 1 to 65535 */

#define FAIR_LATELY_NS 20000000ull   /* 20 ms: longer than any pause of who really waits */
#define FAIR_STUCK_NS  1000000000ull /* 1 s: longer than a slow device serves others meanwhile */
#define FAIR_RETRY_NS  300000ull     /* who waits looks again after so long */
#define FAIR_AHEAD     (256u << 10) /* bytes at the usual weight that one may be ahead of who waits */
#define FAIR_WINDOW    (1u << 20)   /* bytes in the device while several want it */
#define FAIR_REQUEST   (16u << 10) /* what any request costs beside its bytes */
#define FAIR_FLUSH                                                                                 \
    (448u << 10) /* what a flush costs: two are in the device, and room for a small one */

struct fair_flow {
    uint32_t owner; /* process; 0: free */
    uint32_t weight;
    uint64_t device;
    uint64_t start;     /* virtual time of the last request given to the device */
    uint64_t next;      /* of the next */
    uint64_t seen;      /* when it waited last or had something in the device, ns */
    uint32_t waiting;   /* it has requests that it may not give to the device yet */
    uint32_t in_device; /* cost */
};

struct fair {
    uint32_t magic;
    uint32_t size;
    uint32_t used; /* no entry from here on has ever been anybody's */
    uint32_t pad;
    struct fair_flow flow[FAIR_FLOWS];
};

void fair_open(struct fair *fair);

/* An entry for a disk on @device; NULL if the table is full, and then there is nothing to wait for.
 */
struct fair_flow *fair_join(struct fair *fair, uint32_t owner, uint64_t device, uint32_t weight);
void fair_leave(struct fair_flow *flow);
/* Gives back the entries of a process that is gone. */
void fair_bury(struct fair *fair, uint32_t owner);

/* May a request of this cost go to the device now?  If not, ask again after FAIR_RETRY_NS. */
bool fair_may(struct fair *fair, struct fair_flow *flow, uint64_t now, uint32_t cost);
/* It goes; it is done; nothing waits any more. */
void fair_begin(struct fair *fair, struct fair_flow *flow, uint64_t now, uint32_t cost);
void fair_done(struct fair_flow *flow, uint64_t now, uint32_t cost);
void fair_idle(struct fair_flow *flow);
