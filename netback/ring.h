/* SPDX-License-Identifier: GPL-2.0-only */
/* The back end's end of the two rings of a network card's queue.  The front end is hostile: it may
 * write anything anywhere in the shared pages at any time, also while we look.  This is the only
 * file that touches them: what leaves it is a copy, taken once.  Pure.
 *
 * Both kinds of ring have one page, the same header and 256 slots.  In the TX ring answers may come
 * in any order; in the RX ring the answer to a request takes the request's own slot.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "abi/io/netif.h"

#define RING_SLOTS 256u

/* One slot's bytes, of which nothing is known yet. */
union tx_slot {
    struct netif_tx_request request;
    struct netif_extra_info extra;
    uint32_t words[3];
};

union rx_slot {
    struct netif_rx_request request;
    struct netif_rx_response response;
    struct netif_extra_info extra;
    uint64_t word;
};

struct ring {
    void *page;
    uint32_t req_cons; /* requests taken */
    uint32_t rsp_prod; /* responses put; shown up to what ring_publish() was told last */
    uint32_t rsp_published;
};

#define RING_BROKEN (-1)

/* How many requests are there to take; RING_BROKEN: the front end's index is one that cannot be, so
 * nothing it says can be believed any more. */
int ring_pending(const struct ring *ring);

/* A copy of the request that has this index. */
void ring_read_tx(const struct ring *ring, uint32_t index, union tx_slot *slot);
void ring_read_rx(const struct ring *ring, uint32_t index, union rx_slot *slot);

/* Asks for an event when there are @nr requests to take.  True: there are meanwhile, look again. */
bool ring_wait(struct ring *ring, unsigned nr);

/* Puts the next answer; the front end sees it after ring_publish(), which says whether it wants an
 * event.  There is room while no more answers are put than requests were taken. */
void ring_answer_tx(struct ring *ring, uint16_t id, int16_t status);
void ring_answer_rx(struct ring *ring, const union rx_slot *answer);
bool ring_publish(struct ring *ring);

/* What the page says now; for who takes over. */
uint32_t ring_seen_responses(const struct ring *ring);
