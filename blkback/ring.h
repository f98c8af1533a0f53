/* SPDX-License-Identifier: GPL-2.0-only */
/* The back end's end of a block ring.  The front end is hostile: it may write anything anywhere in
 * the shared pages at any time, also while we look.  This is the only file that touches them: what
 * leaves it is a copy, taken once.  Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "abi/io/blkif.h"

#define RING_MAX_PAGES 16u /* 512 slots */
#define RING_MAX_SLOTS 512u

/* The bytes of one request, of which nothing is known yet. */
union ring_request {
    struct blkif_request rw;
    struct blkif_request_discard discard;
    struct blkif_request_indirect indirect;
    uint64_t words[14];
};

struct ring {
    struct blkif_sring *shared;
    unsigned slots;    /* a power of two */
    uint32_t req_cons; /* requests taken */
    uint32_t rsp_prod; /* responses put; published up to what ring_publish() was told last */
    uint32_t rsp_published;
};

/* How many slots @pages pages hold. */
unsigned ring_slots(unsigned pages);

/* A ring in the state that a front end leaves it in. */
void ring_init(struct ring *ring, void *shared, unsigned pages);

enum ring_found { RING_EMPTY, RING_REQUEST, RING_BROKEN };

/* Takes the next request.  RING_BROKEN: the front end's index is one that cannot be, so nothing it
 * says can be believed any more.
 */
enum ring_found ring_take(struct ring *ring, union ring_request *request);

/* Has the front end put anything, for all that one look says? */
bool ring_filled(const struct ring *ring);

/* Asks for an event with the next request.  True: one has come meanwhile, look again. */
bool ring_wait(struct ring *ring);

/* Puts a response; the front end sees it after ring_publish(), which says whether it wants an
 * event. There is always room while no more responses are put than requests were taken.
 */
void ring_respond(struct ring *ring, uint64_t id, uint8_t operation, int16_t status);
bool ring_publish(struct ring *ring);

/* What the page says now; for who takes over. */
uint32_t ring_seen_responses(const struct ring *ring);
