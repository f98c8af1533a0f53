/* SPDX-License-Identifier: GPL-2.0-only */
/* What a back end is doing, in memory that outlives it.
 *
 * A successor must answer each TX request exactly once: netfront gives a card up at a second answer
 * to one id, and one that never gets its answer is lost to it.  Answers come in any order and
 * overwrite requests, so the ring alone cannot tell.  And an RX answer that is written but not
 * shown has overwritten a request whose page the next packet needs.  So each request is noted here
 * before it counts as taken, and each TX answer's place before the ring shows it.  The steps are
 * ordered such that a kill between any two of them leaves one reading.  What was in flight is lost,
 * as on a cable.  Pure: the memory is the caller's (a file on a tmpfs that both processes map).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "netback/ring.h"

#define JOURNAL_MAGIC  0x4a4e5650u /* changes with the layout */
#define JOURNAL_QUEUES 1024u       /* of all cards of a network; the file has holes */

enum journal_state {
    JOURNAL_FREE,
    JOURNAL_TAKEN,   /* id is valid; counts if its index is below the ring's req_cons */
    JOURNAL_ANSWERED /* done if rsp_index is below what the ring shows */
};

struct journal_slot {
    uint32_t state;
    uint32_t req_index;
    uint32_t rsp_index;
    uint16_t id;
    uint16_t extra; /* its answer is NETIF_RSP_NULL */
};

/* How far a ring is. */
struct journal_ring {
    uint32_t req_cons;
    uint32_t rsp_shown;   /* published for certain */
    uint32_t rsp_showing; /* published, or about to be */
};

/* Which connection of which card: another one has other pages or ports. */
struct journal_key {
    uint32_t guest, device, number;
    uint32_t tx_ref, rx_ref, tx_port, rx_port;
};

struct journal_queue {
    uint32_t used;
    struct journal_key key;
    struct journal_ring tx, rx;
    struct journal_slot slot[RING_SLOTS];
    union rx_slot request[RING_SLOTS]; /* of the RX ring, by index */
};

struct journal {
    uint32_t magic;
    uint32_t size;
    struct journal_queue queue[JOURNAL_QUEUES];
};

/* Makes it empty if it is none of this layout. */
void journal_open(struct journal *journal);

/* The queue that a predecessor left for exactly this connection, or NULL. */
struct journal_queue *journal_find(struct journal *journal, const struct journal_key *key);
/* A queue for a new connection with the rings' indices; NULL if there are too many. */
struct journal_queue *journal_begin(struct journal *journal, const struct journal_key *key,
                                    const struct ring *tx, const struct ring *rx);
/* The connection is over, and nothing of it will be taken over. */
void journal_end(struct journal_queue *queue);
/* Ends all of a card's. */
void journal_forget(struct journal *journal, uint32_t guest, uint32_t device);

/* Slot @slot holds the request with this index and id now; journal_taken(): those up to the ring's
 * req_cons are noted. */
void journal_take(struct journal_queue *queue, unsigned slot, uint32_t index, uint16_t id,
                  bool extra);
void journal_taken(struct journal_queue *queue, const struct ring *tx);
/* Right before ring_answer_tx(). */
void journal_answer(struct journal_queue *queue, unsigned slot, const struct ring *tx);
/* The answer in this slot has been published. */
void journal_release(struct journal_queue *queue, unsigned slot);

/* The RX request with this index; journal_received(): those up to the ring's req_cons. */
void journal_receive(struct journal_queue *queue, uint32_t index, const union rx_slot *request);
void journal_received(struct journal_queue *queue, const struct ring *rx);

/* Around ring_publish().  After it the slots of what was published may be given to others. */
void journal_publishing(struct journal_ring *notes, const struct ring *ring);
void journal_published(struct journal_ring *notes, const struct ring *ring);

/* For a successor: sets the rings' indices; slots that are done become free.  What is left TAKEN or
 * ANSWERED is to be answered now.  RX requests with indices below *kept are to be read from here
 * and not from the page.  False: no predecessor can have left this, or the front end has meddled.
 */
bool journal_recover(struct journal_queue *queue, struct ring *tx, struct ring *rx, uint32_t *kept);
