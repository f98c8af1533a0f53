/* SPDX-License-Identifier: GPL-2.0-only */
/* What a back end is doing, in memory that outlives it: the table of requests' lifetimes.
 *
 * A successor must answer each request exactly once: blkfront gives a disk up for good at a second
 * response to one id, and waits for ever for one that never comes.  The ring alone cannot tell it
 * which are done, since responses come in any order and overwrite requests.  So each request is
 * copied here before it counts as taken, and each response's place in the ring is noted before the
 * ring shows it.  The steps are ordered such that a kill between any two of them leaves one
 * reading. Pure: the memory is the caller's (a file on a tmpfs that both processes map).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "blkback/ring.h"

#define JOURNAL_MAGIC  0x4b4c4251u /* changes with the layout */
#define JOURNAL_QUEUES 64u         /* of all of a guest's disks */

enum journal_state {
    JOURNAL_FREE,
    JOURNAL_TAKEN,   /* request is valid; counts if its index is below req_cons */
    JOURNAL_ANSWERED /* status is valid; done if rsp_index is below what the ring shows */
};

struct journal_slot {
    uint32_t state;
    uint32_t req_index;
    uint32_t rsp_index;
    int16_t status;
    uint8_t operation;
    uint8_t pad;
    union ring_request request;
};

struct journal_queue {
    uint32_t used;
    /* whose it is: another connection of the same disk has other references or another port */
    uint32_t device;
    uint32_t number;
    uint32_t port;
    uint32_t nr_pages;
    uint32_t refs[RING_MAX_PAGES];
    /* how far it is */
    uint32_t req_cons;
    uint32_t rsp_shown;   /* published for certain */
    uint32_t rsp_showing; /* published, or about to be */
    uint32_t stopped;     /* a flush has failed: no write succeeds any more (job.c) */
    struct journal_slot slot[RING_MAX_SLOTS];
};

struct journal {
    uint32_t magic;
    uint32_t size;
    struct journal_queue queue[JOURNAL_QUEUES];
};

/* Makes it empty if it is none of this layout. */
void journal_open(struct journal *journal);

/* Which connection of which disk. */
struct journal_key {
    uint32_t device;
    uint32_t number;
    uint32_t port;
    uint32_t nr_pages;
    uint32_t refs[RING_MAX_PAGES]; /* those behind nr_pages are 0 */
};

/* The queue that a predecessor left for exactly this connection, or NULL. */
struct journal_queue *journal_find(struct journal *journal, const struct journal_key *key);
/* A queue for a new connection, all free, with @ring's indices; NULL if there are too many. */
struct journal_queue *journal_begin(struct journal *journal, const struct journal_key *key,
                                    const struct ring *ring);
/* The connection is over, and nothing of it will be taken over. */
void journal_end(struct journal_queue *queue);
/* Ends all of disk @device's. */
void journal_forget(struct journal *journal, uint32_t device);

/* Right after ring_take(): slot @slot holds the request now. */
void journal_take(struct journal_queue *queue, unsigned slot, const struct ring *ring,
                  const union ring_request *request);
/* Right before ring_respond() with the same status. */
void journal_answer(struct journal_queue *queue, unsigned slot, const struct ring *ring,
                    uint8_t operation, int16_t status);
/* Around ring_publish().  After it the slots of what was published may be given to others. */
void journal_publishing(struct journal_queue *queue, const struct ring *ring);
void journal_published(struct journal_queue *queue, const struct ring *ring);
/* The response in this slot has been published. */
void journal_release(struct journal_queue *queue, unsigned slot);

/* For a successor: sets @ring's indices; slots that are done become free.  What it leaves TAKEN is
 * to be done again, what it leaves ANSWERED is to be answered with the noted status, operation and
 * id. False: no predecessor can have left this, or the front end has meddled; begin anew or give
 * up.
 */
bool journal_recover(struct journal_queue *queue, struct ring *ring);
