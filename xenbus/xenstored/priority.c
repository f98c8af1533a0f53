// SPDX-License-Identifier: GPL-2.0-only
/* Who waits for whose transaction.  The store says whose should go first (store/txn.h); for how
 * long, and how often, is decided here, with a clock.  When requests are executed has no influence
 * on what they do, so none of this is in the journal.
 *
 * A client whose transactions always fail gets its turn: while one of them is open, whoever would
 * change something waits, but for FIRST_US at most.  A client cannot hold up others by it: after
 * such a time, however it ended, nobody goes first for as long again, and the same client not for
 * nine times as long.  So all together take half of the time at most, one client a tenth.
 */
#include <time.h>

#include "daemon.h"

#define FIRST_US    100000 /* that a transaction which goes first may take */
#define REST_ALL    1      /* times the time that somebody went first */
#define REST_CLIENT 9

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

bool priority_wait(struct daemon *d, const struct conn *c, const struct xsd_sockmsg *hdr)
{
    if (!store_must_wait(d->s, c, hdr))
        return false;
    if (d->first_since)
        return true; /* perhaps for another one than before: its time has begun all the same */
    uint32_t slot = d->s->first->id;
    uint64_t now = now_us();
    if (now < d->rest_until || now < d->links[slot].rest_until) {
        store_end_priority(d->s);
        return false;
    }
    d->first_slot = slot;
    d->first_since = now;
    return true;
}

void priority_retry(struct daemon *d)
{
    if (d->first_since) {
        uint64_t now = now_us(), taken = now - d->first_since;
        if (d->s->first && taken < FIRST_US)
            return; /* who waits for memory waits as long */
        if (d->s->first)
            store_end_priority(d->s);
        if (taken > FIRST_US) /* who waited went away, and nobody looked */
            taken = FIRST_US;
        d->rest_until = now + REST_ALL * taken;
        d->links[d->first_slot].rest_until = now + REST_CLIENT * taken;
        d->first_since = 0;
    }
    /* Each takes itself off the list, and may come back at its end; those behind were tried.  What
     * one does can end others. */
    for (uint32_t i = d->nr_waiting; i-- > 0;)
        if (i < d->nr_waiting)
            link_execute(d, d->waiting[i]);
}
