// SPDX-License-Identifier: GPL-2.0-only
/* The order of stores that a kill cannot tear: see journal.h.
 *
 * The writer and the reader are never there at once, and a killed process leaves what it stored in
 * the order of its program.  So only the compiler must keep the order, which release stores make
 * it.
 */
#include <string.h>

#include "netback/journal.h"

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

struct journal_queue *journal_find(struct journal *journal, const struct journal_key *key)
{
    for (unsigned i = 0; i < JOURNAL_QUEUES; i++) {
        struct journal_queue *queue = &journal->queue[i];
        if (queue->used && memcmp(&queue->key, key, sizeof(*key)) == 0)
            return queue;
    }
    return NULL;
}

static void begin_ring(struct journal_ring *notes, const struct ring *ring)
{
    notes->req_cons = ring->req_cons;
    notes->rsp_shown = notes->rsp_showing = ring->rsp_published;
}

struct journal_queue *journal_begin(struct journal *journal, const struct journal_key *key,
                                    const struct ring *tx, const struct ring *rx)
{
    for (unsigned i = 0; i < JOURNAL_QUEUES; i++) {
        struct journal_queue *queue = &journal->queue[i];
        if (queue->used)
            continue;
        queue->key = *key;
        begin_ring(&queue->tx, tx);
        begin_ring(&queue->rx, rx);
        for (unsigned s = 0; s < RING_SLOTS; s++)
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

void journal_forget(struct journal *journal, uint32_t guest, uint32_t device)
{
    for (unsigned i = 0; i < JOURNAL_QUEUES; i++) {
        struct journal_queue *queue = &journal->queue[i];
        if (queue->used && queue->key.guest == guest && queue->key.device == device)
            journal_end(queue);
    }
}

void journal_take(struct journal_queue *queue, unsigned slot, uint32_t index, uint16_t id,
                  bool extra)
{
    struct journal_slot *s = &queue->slot[slot];
    s->req_index = index;
    s->id = id;
    s->extra = extra;
    store(&s->state, JOURNAL_TAKEN);
}

void journal_taken(struct journal_queue *queue, const struct ring *tx)
{
    /* Until here the ring still holds them, and a successor takes them from there. */
    store(&queue->tx.req_cons, tx->req_cons);
}

void journal_answer(struct journal_queue *queue, unsigned slot, const struct ring *tx)
{
    struct journal_slot *s = &queue->slot[slot];
    s->rsp_index = tx->rsp_prod;
    store(&s->state, JOURNAL_ANSWERED);
}

void journal_release(struct journal_queue *queue, unsigned slot)
{
    store(&queue->slot[slot].state, JOURNAL_FREE);
}

void journal_receive(struct journal_queue *queue, uint32_t index, const union rx_slot *request)
{
    queue->request[index & (RING_SLOTS - 1)] = *request;
}

void journal_received(struct journal_queue *queue, const struct ring *rx)
{
    /* A successor takes again what is noted already, and more than that has been overwritten: the
     * mark never goes back. */
    if ((int32_t)(rx->req_cons - queue->rx.req_cons) > 0)
        store(&queue->rx.req_cons, rx->req_cons);
}

void journal_publishing(struct journal_ring *notes, const struct ring *ring)
{
    store(&notes->rsp_showing, ring->rsp_prod);
}

void journal_published(struct journal_ring *notes, const struct ring *ring)
{
    store(&notes->rsp_shown, ring->rsp_prod);
}

/* A kill between the two notes leaves two candidates; the page says which.  A front end that writes
 * something else there has harmed itself: then what was certain counts. */
static void recover_ring(struct journal_ring *notes, struct ring *ring)
{
    uint32_t seen = ring_seen_responses(ring);
    uint32_t shown = seen == notes->rsp_showing ? notes->rsp_showing : notes->rsp_shown;
    ring->rsp_prod = ring->rsp_published = shown;
    store(&notes->rsp_showing, shown);
    store(&notes->rsp_shown, shown);
}

bool journal_recover(struct journal_queue *queue, struct ring *tx, struct ring *rx, uint32_t *kept)
{
    unsigned open = 0;
    recover_ring(&queue->tx, tx);
    recover_ring(&queue->rx, rx);
    for (unsigned i = 0; i < RING_SLOTS; i++) {
        struct journal_slot *s = &queue->slot[i];
        bool never_taken =
            s->state == JOURNAL_TAKEN && (int32_t)(s->req_index - queue->tx.req_cons) >= 0;
        bool done = s->state == JOURNAL_ANSWERED && (int32_t)(s->rsp_index - tx->rsp_prod) < 0;
        if (never_taken || done)
            store(&s->state, JOURNAL_FREE);
        else if (s->state != JOURNAL_FREE)
            open++;
    }
    tx->req_cons = queue->tx.req_cons;
    rx->req_cons = rx->rsp_prod;
    *kept = queue->rx.req_cons;
    /* Each request taken is answered or open; RX pages are noted for all that was taken. */
    return tx->req_cons - tx->rsp_prod == open && *kept - rx->rsp_prod <= RING_SLOTS;
}
