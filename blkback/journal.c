// SPDX-License-Identifier: GPL-2.0-only
/* The order of stores that a kill cannot tear: see journal.h.
 *
 * The writer and the reader are never there at once, and a killed process leaves what it stored in
 * the order of its program.  So only the compiler must keep the order, which release stores make
 * it.
 */
#include <string.h>

#include "blkback/journal.h"

static void store(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

void journal_open(struct journal *journal)
{
    if (journal->magic == JOURNAL_MAGIC && journal->size == sizeof(*journal))
        return;
    for (unsigned i = 0; i < JOURNAL_QUEUES; i++)
        journal->queue[i].used = 0;
    journal->size = sizeof(*journal);
    store(&journal->magic, JOURNAL_MAGIC);
}

static bool is(const struct journal_queue *queue, const struct journal_key *key)
{
    return queue->used && queue->device == key->device && queue->number == key->number &&
           queue->port == key->port && queue->nr_pages == key->nr_pages &&
           memcmp(queue->refs, key->refs, sizeof(key->refs)) == 0;
}

struct journal_queue *journal_find(struct journal *journal, const struct journal_key *key)
{
    for (unsigned i = 0; i < JOURNAL_QUEUES; i++) {
        if (is(&journal->queue[i], key))
            return &journal->queue[i];
    }
    return NULL;
}

struct journal_queue *journal_begin(struct journal *journal, const struct journal_key *key,
                                    const struct ring *ring)
{
    for (unsigned i = 0; i < JOURNAL_QUEUES; i++) {
        struct journal_queue *queue = &journal->queue[i];
        if (queue->used)
            continue;
        queue->device = key->device;
        queue->number = key->number;
        queue->port = key->port;
        queue->nr_pages = key->nr_pages;
        memcpy(queue->refs, key->refs, sizeof(queue->refs));
        queue->req_cons = ring->req_cons;
        queue->rsp_shown = queue->rsp_showing = ring->rsp_published;
        queue->stopped = 0;
        for (unsigned s = 0; s < RING_MAX_SLOTS; s++)
            queue->slot[s].state = JOURNAL_FREE;
        store(&queue->used, 1);
        return queue;
    }
    return NULL;
}

void journal_end(struct journal_queue *queue)
{
    store(&queue->used, 0);
}

void journal_forget(struct journal *journal, uint32_t device)
{
    for (unsigned i = 0; i < JOURNAL_QUEUES; i++) {
        if (journal->queue[i].used && journal->queue[i].device == device)
            journal_end(&journal->queue[i]);
    }
}

void journal_take(struct journal_queue *queue, unsigned slot, const struct ring *ring,
                  const union ring_request *request)
{
    struct journal_slot *s = &queue->slot[slot];
    s->request = *request;
    s->req_index = ring->req_cons - 1;
    store(&s->state, JOURNAL_TAKEN);
    /* Until here the ring still holds it, and a successor takes it from there. */
    store(&queue->req_cons, ring->req_cons);
}

void journal_answer(struct journal_queue *queue, unsigned slot, const struct ring *ring,
                    uint8_t operation, int16_t status)
{
    struct journal_slot *s = &queue->slot[slot];
    s->rsp_index = ring->rsp_prod;
    s->operation = operation;
    s->status = status;
    store(&s->state, JOURNAL_ANSWERED);
}

void journal_publishing(struct journal_queue *queue, const struct ring *ring)
{
    store(&queue->rsp_showing, ring->rsp_prod);
}

void journal_published(struct journal_queue *queue, const struct ring *ring)
{
    store(&queue->rsp_shown, ring->rsp_prod);
}

void journal_release(struct journal_queue *queue, unsigned slot)
{
    store(&queue->slot[slot].state, JOURNAL_FREE);
}

/* A kill between the two notes leaves two candidates; the page says which.  A front end that writes
 * something else there has harmed itself: then what was certain counts. */
static uint32_t shown(const struct journal_queue *queue, const struct ring *ring)
{
    uint32_t seen = ring_seen_responses(ring);
    return seen == queue->rsp_showing ? queue->rsp_showing : queue->rsp_shown;
}

bool journal_recover(struct journal_queue *queue, struct ring *ring)
{
    uint32_t rsp = shown(queue, ring);
    unsigned open = 0;
    for (unsigned i = 0; i < RING_MAX_SLOTS; i++) {
        struct journal_slot *s = &queue->slot[i];
        bool never_taken =
            s->state == JOURNAL_TAKEN && (int32_t)(s->req_index - queue->req_cons) >= 0;
        bool done = s->state == JOURNAL_ANSWERED && (int32_t)(s->rsp_index - rsp) < 0;
        if (never_taken || done)
            store(&s->state, JOURNAL_FREE);
        else if (s->state != JOURNAL_FREE)
            open++;
    }
    /* Each request taken is answered or open. */
    if (queue->req_cons - rsp != open || open > ring->slots)
        return false;
    ring->req_cons = queue->req_cons;
    ring->rsp_prod = ring->rsp_published = rsp;
    store(&queue->rsp_showing, rsp);
    store(&queue->rsp_shown, rsp);
    return true;
}
