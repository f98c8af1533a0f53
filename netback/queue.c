// SPDX-License-Identifier: GPL-2.0-only
/* One queue: packets come in here and answers go out, in the order of steps that journal.h asks
 * for.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

#include "netback/card.h"

#define BIND_WAIT_US 10000

/* Events that bring nothing cost us, not who sends them; after a few they are taken more slowly. */
#define IDLE_EVENTS 16
#define IDLE_NS     2000000ull

/* Packets that make no sense, one after the other, before others have their turn. */
#define BAD_AT_ONCE 32

void queue_activate(struct queue *queue)
{
    struct worker *worker = queue->card->worker;
    if (queue->active || queue->broken)
        return;
    queue->active = true;
    queue->next_active = worker->active;
    worker->active = queue;
}

static void came(struct queue *queue, struct event *event)
{
    if (!event_take(event))
        return;
    queue->look = true;
    queue_activate(queue);
    if (queue->waiting.first || queue->stalled)
        queue->idle_events = 0; /* it may be about room */
    if (++queue->idle_events > IDLE_EVENTS) {
        queue->enable_at = clock_now() + IDLE_NS;
        if (queue->card->worker->wake_at > queue->enable_at)
            queue->card->worker->wake_at = queue->enable_at;
    } else {
        event_enable(event);
    }
}

static void tx_ready(struct watcher *watcher)
{
    struct queue *queue = (struct queue *)((char *)watcher - offsetof(struct queue, tx_watcher));
    came(queue, &queue->tx_event);
}

static void rx_ready(struct watcher *watcher)
{
    struct queue *queue = (struct queue *)((char *)watcher - offsetof(struct queue, rx_watcher));
    came(queue, &queue->rx_event);
}

uint64_t queue_tick(struct queue *queue, uint64_t now)
{
    if (!queue->enable_at)
        return UINT64_MAX;
    if (queue->enable_at > now)
        return queue->enable_at;
    queue->enable_at = 0;
    event_enable(&queue->tx_event);
    if (queue->rx_event.fd >= 0)
        event_enable(&queue->rx_event);
    return UINT64_MAX;
}

/* It is served no more, which only its own guest notices. */
static void give_up(struct queue *queue, const char *reason)
{
    if (!queue->broken)
        backend_error(queue->card->device, "queue %u is not served any more: %s", queue->number,
                      reason);
    queue->broken = true;
    queue->look = false;
}

/* ---- what the guest sends */

static void fresh_answer(struct queue *queue)
{
    struct worker *worker = queue->card->worker;
    if (queue->tx_new || queue->rx_new)
        return;
    queue->next_new = worker->fresh_answers;
    worker->fresh_answers = queue;
}

void queue_answer(struct queue *queue, unsigned slot, bool failed)
{
    struct journal_slot *s = &queue->journal->slot[slot];
    uint16_t id = s->id;
    bool extra = s->extra;
    fresh_answer(queue);
    queue->tx_new = true;
    journal_answer(queue->journal, slot, &queue->tx);
    ring_answer_tx(&queue->tx, id,
                   extra    ? NETIF_RSP_NULL
                   : failed ? NETIF_RSP_ERROR
                            : NETIF_RSP_OKAY);
    queue->answered[queue->nr_answered++] = (uint16_t)slot;
}

/* Before anything of it is done, its slots are in the journal. */
static void note_slots(struct queue *queue, const struct packet *packet, struct parcel *parcel)
{
    uint32_t index = queue->tx.req_cons - packet->nr_slots;
    parcel->nr_slots = packet->nr_slots;
    for (unsigned i = 0; i < packet->nr_slots; i++) {
        uint16_t slot = queue->free[--queue->nr_free];
        journal_take(queue->journal, slot, index + i, packet->slots[i].id, packet->slots[i].extra);
        parcel->slots[i] = slot;
    }
    journal_taken(queue->journal, &queue->tx);
}

struct parcel *queue_take(struct queue *queue)
{
    struct worker *worker = queue->card->worker;
    struct packet packet;
    const char *reason;
    for (unsigned bad = 0; bad < BAD_AT_ONCE && !queue->broken; bad++) {
        /* Places of answers that are not shown yet are not free: with them shown there are as many
         * as the ring can have requests. */
        if (queue->nr_free < PACKET_MAX_SLOTS)
            queue_publish(queue);
        struct parcel *parcel = parcel_new(worker);
        if (!parcel)
            return NULL;
        enum packet_found found = packet_take(&queue->tx, &packet, &reason);
        if (found == PACKET_NONE || found == PACKET_BROKEN) {
            parcel_put(worker, parcel);
            if (found == PACKET_BROKEN)
                give_up(queue, reason);
            else if (!(queue->look = ring_wait(&queue->tx, 1)))
                return NULL;
            continue;
        }
        parcel->from = queue;
        note_slots(queue, &packet, parcel);
        if (found == PACKET_GOOD) {
            queue->idle_events = 0;
            parcel->size = packet.size;
            parcel->offload = packet.offload;
            parcel->port = queue->card->port;
            parcel->nr_rest = packet.nr_pieces;
            for (unsigned i = 0; i < packet.nr_pieces; i++)
                parcel->rest[i] = packet.pieces[i];
            return parcel;
        }
        queue->card->counts->malformed++;
        card_complain(queue->card, reason);
        parcel->failed = true;
        parcel_put(worker, parcel);
    }
    return NULL;
}

/* ---- what it receives */

bool queue_receive(struct queue *queue, union rx_slot *slots, unsigned nr)
{
    int there = queue->broken ? 0 : ring_pending(&queue->rx);
    if (there < 0)
        give_up(queue, "the producer's index of the RX ring cannot be");
    if (there < (int)nr && (queue->broken || !ring_wait(&queue->rx, nr)))
        return false;
    for (unsigned i = 0; i < nr; i++) {
        uint32_t index = queue->rx.req_cons++;
        if ((int32_t)(index - queue->kept) < 0)
            slots[i] = queue->journal->request[index & (RING_SLOTS - 1)];
        else
            ring_read_rx(&queue->rx, index, &slots[i]);
        journal_receive(queue->journal, index, &slots[i]);
    }
    journal_received(queue->journal, &queue->rx);
    /* Indices are compared by their difference: one that stays behind would lie ahead after 2^31.
     */
    if ((int32_t)(queue->rx.req_cons - queue->kept) > 0)
        queue->kept = queue->rx.req_cons;
    return true;
}

void queue_put(struct queue *queue, const union rx_slot *answer)
{
    fresh_answer(queue);
    queue->rx_new = true;
    ring_answer_rx(&queue->rx, answer);
}

/* Stays on the worker's list, where it does no harm. */
void queue_publish(struct queue *queue)
{
    bool tx_notify = false;
    bool rx_notify = false;
    if (queue->nr_answered > 0) {
        journal_publishing(&queue->journal->tx, &queue->tx);
        tx_notify = ring_publish(&queue->tx);
        journal_published(&queue->journal->tx, &queue->tx);
        while (queue->nr_answered > 0) {
            uint16_t slot = queue->answered[--queue->nr_answered];
            journal_release(queue->journal, slot);
            queue->free[queue->nr_free++] = slot;
        }
    }
    if (queue->rx.rsp_prod != queue->rx.rsp_published) {
        journal_publishing(&queue->journal->rx, &queue->rx);
        rx_notify = ring_publish(&queue->rx);
        journal_published(&queue->journal->rx, &queue->rx);
    }
    if (tx_notify || (rx_notify && queue->rx_event.fd < 0))
        event_notify(&queue->tx_event);
    if (rx_notify && queue->rx_event.fd >= 0)
        event_notify(&queue->rx_event);
}

/* ---- beginning */

static bool complain(struct queue *queue, const char *what)
{
    backend_error(queue->card->device, "queue %u: %s: %m", queue->number, what);
    return false;
}

/* A predecessor's descriptors may be closed a moment after its death, and until then the guest's
 * port is still taken.  All cards together wait so long once, since a guest can name what is no
 * port. */
static bool bind_port(struct queue *queue, struct event *event, uint32_t port, bool again)
{
    struct worker *worker = queue->card->worker;
    while (!event_bind(event, queue->card->device->guest, port)) {
        if (!again || worker->patience == 0)
            return complain(queue, "the event channel cannot be bound");
        worker->patience--;
        usleep(BIND_WAIT_US);
    }
    return true;
}

/* The indices of rings that we begin to serve: those that the pages show, if nothing is under way.
 */
static bool begin_journal(struct queue *queue, const struct journal_key *key, bool again)
{
    struct journal *journal = queue->card->worker->journal;
    queue->journal = again ? journal_find(journal, key) : NULL;
    if (queue->journal) {
        if (journal_recover(queue->journal, &queue->tx, &queue->rx, &queue->kept))
            return true;
        errno = EBADMSG;
        return complain(queue, "the notes of the process that is gone do not go with the rings");
    }
    struct ring *rings[] = {&queue->tx, &queue->rx};
    for (unsigned i = 0; i < 2; i++) {
        struct ring *ring = rings[i];
        ring->req_cons = ring->rsp_prod = ring->rsp_published = ring_seen_responses(ring);
    }
    queue->kept = queue->rx.req_cons;
    queue->journal = journal_begin(journal, key, &queue->tx, &queue->rx);
    errno = ENOSPC;
    return queue->journal || complain(queue, "too many queues");
}

/* What a predecessor had taken is lost, as on a cable; but each request has its answer. */
static void resume(struct queue *queue)
{
    unsigned lost = 0;
    for (unsigned i = RING_SLOTS; i-- > 0;) {
        if (queue->journal->slot[i].state == JOURNAL_FREE)
            queue->free[queue->nr_free++] = (uint16_t)i;
        else
            lost++;
    }
    for (unsigned i = 0; i < RING_SLOTS; i++) {
        if (queue->journal->slot[i].state != JOURNAL_FREE)
            queue_answer(queue, i, true);
    }
    if (lost || queue->kept != queue->rx.req_cons)
        backend_log(
            LOG_INFO,
            "device %u of domain %u, queue %u: taken over with %u slots to answer and %u pages "
            "from the notes",
            queue->card->device->id, queue->card->device->guest, queue->number, lost,
            queue->kept - queue->rx.req_cons);
}

struct queue *queue_open(struct card *card, unsigned number, const struct front_queue *front,
                         bool again)
{
    struct worker *worker = card->worker;
    unsigned guest = card->device->guest;
    bool split = front->tx_port != front->rx_port;
    struct journal_key key = {guest,         card->device->id, number,        front->tx_ref,
                              front->rx_ref, front->tx_port,   front->rx_port};
    struct queue *queue = calloc(1, sizeof(*queue));
    if (!queue)
        return NULL;
    queue->card = card;
    queue->number = number;
    queue->tx_event.fd = queue->rx_event.fd = -1;
    parcels_init(&queue->waiting);
    queue->tx_page = grants_map(guest, &front->tx_ref, 1, true);
    queue->rx_page = grants_map(guest, &front->rx_ref, 1, true);
    if (!queue->tx_page || !queue->rx_page) {
        complain(queue, "a ring cannot be mapped");
        goto fail;
    }
    queue->tx.page = queue->tx_page;
    queue->rx.page = queue->rx_page;
    if (!bind_port(queue, &queue->tx_event, front->tx_port, again) ||
        (split && !bind_port(queue, &queue->rx_event, front->rx_port, again)) ||
        !begin_journal(queue, &key, again))
        goto fail;
    card->queue[card->nr_queues++] = queue;
    watcher_start(worker, &queue->tx_watcher, queue->tx_event.fd, tx_ready);
    watcher_start(worker, &queue->rx_watcher, queue->rx_event.fd, rx_ready);
    resume(queue);
    /* Whatever happened before: both ends look once. */
    queue->look = true;
    queue_activate(queue);
    event_notify(&queue->tx_event);
    if (split)
        event_notify(&queue->rx_event);
    return queue;
fail:
    event_close(&queue->tx_event);
    event_close(&queue->rx_event);
    if (queue->tx_page)
        grants_unmap(queue->tx_page, 1);
    if (queue->rx_page)
        grants_unmap(queue->rx_page, 1);
    free(queue);
    return NULL;
}

static void leave_lists(struct queue *queue)
{
    struct worker *worker = queue->card->worker;
    for (struct queue **at = &worker->active; *at; at = &(*at)->next_active) {
        if (*at == queue) {
            *at = queue->next_active;
            break;
        }
    }
    for (struct queue **at = &worker->fresh_answers; *at; at = &(*at)->next_new) {
        if (*at == queue) {
            *at = queue->next_new;
            break;
        }
    }
}

void queue_close(struct queue *queue)
{
    struct worker *worker = queue->card->worker;
    forward_forget(worker, queue);
    queue_publish(queue);
    leave_lists(queue);
    watcher_end(worker, &queue->tx_watcher);
    watcher_end(worker, &queue->rx_watcher);
    journal_end(queue->journal);
    event_close(&queue->tx_event);
    event_close(&queue->rx_event);
    grants_unmap(queue->tx_page, 1);
    grants_unmap(queue->rx_page, 1);
    free(queue);
}
