// SPDX-License-Identifier: GPL-2.0-only
/* One round of the network: see card.h.
 *
 * Only a packet's head is read before its way is known; the rest goes by one copy from the sender's
 * pages to the receiver's.  The head that was judged is the one that is delivered: it comes from
 * our memory, since the sender can change his at any time.
 *
 * A packet for one receiver that has no room waits, in its sender's memory as far as it is there,
 * but not for long, and not too much of one sender: who receives nothing must not hold up others.
 * What is for several does not wait, and what comes from the uplink waits in a bounded number of
 * buffers: the TAP is always read.
 */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "abi/grant_table.h"
#include "netback/card.h"
#include "netback/segment.h"

#define MOST_SEGMENTS                                                                              \
    256u /* of a packet cut here: 65535 bytes of 256 each; who sends smaller ones means harm */
/* Copies of one packet: a piece may be in two pages of ours. */
#define MOST_PLACED  (2 * PLACE_MAX_STEPS)
#define MOST_FETCHED (2 * PACKET_MAX_PIECES)

#define TAKE_AT_ONCE                                                                               \
    64 /* packets of one queue, or of the uplink, before others have their turn                    \
        */

/* ---- arrival at the end */

static void count_tx(struct counts *counts, const struct parcel *parcel)
{
    counts->tx_packets++;
    counts->tx_bytes += parcel->size;
    counts->tx_gso += parcel->offload.gso != 0;
    counts->tx_blank += parcel->offload.blank;
}

static void count_rx(struct counts *counts, const struct parcel *parcel)
{
    counts->rx_packets++;
    counts->rx_bytes += parcel->size;
    counts->rx_gso += parcel->offload.gso != 0;
    counts->rx_blank += parcel->offload.blank;
}

static struct counts *counts_from(struct worker *worker, const struct parcel *parcel)
{
    return parcel->from ? parcel->from->card->counts : worker->uplink_counts;
}

/* Head and rest as this port wants to see them: with a tag, without, or as they are. */
static const uint8_t *head_for(struct worker *worker, struct parcel *parcel, unsigned port,
                               unsigned *len)
{
    enum tag_change change = switch_tag_change(worker->net, &parcel->verdict, port);
    *len = parcel->head_len;
    if (change == TAG_KEEP)
        return parcel->head;
    if (!parcel->other_len) {
        const uint8_t *behind = parcel->head + 2 * MAC_LEN;
        uint8_t *to = parcel->other_head + 2 * MAC_LEN;
        memcpy(parcel->other_head, parcel->head, 2 * MAC_LEN);
        if (change == TAG_ADD) {
            switch_tag(&parcel->verdict, to);
            to += VLAN_BYTES;
        } else {
            behind += VLAN_BYTES;
        }
        size_t rest = (size_t)(parcel->head + parcel->head_len - behind);
        memcpy(to, behind, rest);
        parcel->other_len = (unsigned)(to - parcel->other_head + rest);
    }
    *len = parcel->other_len;
    return parcel->other_head;
}

static void send_up(struct worker *worker, struct parcel *parcel)
{
    unsigned len;
    const uint8_t *head = head_for(worker, parcel, SWITCH_UPLINK, &len);
    struct virtio_net_hdr virtio = parcel->virtio;
    int shift = (int)len - (int)parcel->head_len;
    struct iovec iov[3] = {{&virtio, sizeof(virtio)},
                           {(void *)(uintptr_t)head, len},
                           {parcel->tail, parcel->size - parcel->head_len}};
    int nr = parcel->size > parcel->head_len ? 3 : 2;
    if (virtio.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
        virtio.csum_start = (uint16_t)(virtio.csum_start + shift);
    if (virtio.hdr_len)
        virtio.hdr_len = (uint16_t)(virtio.hdr_len + shift);
    if (nr == 3 && head + len == parcel->tail) {
        iov[1].iov_len = parcel->size;
        nr = 2;
    }
    if (writev(worker->uplink, iov, nr) > 0)
        count_rx(worker->uplink_counts, parcel);
    else
        worker->uplink_counts->rx_full++;
}

/* Answers to the RX requests that took the packet; with segments the second slot says so. */
static void answer_rx(const struct delivery *d, bool good)
{
    const struct offload *offload = &d->parcel->offload;
    unsigned next = 0;
    for (unsigned i = 0; i < d->place.nr_slots; i++) {
        union rx_slot a = {.response = {.id = d->slots[next++].request.id}};
        a.response.status = (int16_t)(good ? d->place.used[i] : NETIF_RSP_ERROR);
        if (good && i + 1 < d->place.nr_slots)
            a.response.flags |= NETRXF_more_data;
        if (good && i == 0) {
            a.response.flags |= (uint16_t)((offload->blank ? NETRXF_csum_blank : 0) |
                                           (offload->validated ? NETRXF_data_validated : 0) |
                                           (offload->gso ? NETRXF_extra_info : 0));
        }
        queue_put(d->to, &a);
        if (i > 0 || !offload->gso)
            continue;
        a = (union rx_slot){
            .response = {.id = d->slots[next++].request.id, .status = NETIF_RSP_ERROR}};
        if (good) {
            a = (union rx_slot){.extra = {.type = XEN_NETIF_EXTRA_TYPE_GSO}};
            a.extra.u.gso.type = offload->gso;
            a.extra.u.gso.size = offload->mss;
        }
        queue_put(d->to, &a);
    }
}

static void arrive(struct worker *worker, struct delivery *d)
{
    struct parcel *parcel = d->parcel;
    bool good = batch_copied(&worker->batch, d->first_copy, d->nr_copies);
    if (!good)
        (d->to ? d->to->card->counts : worker->uplink_counts)->copy_failed++;
    if (d->to) {
        answer_rx(d, good);
        if (good)
            count_rx(d->to->card->counts, parcel);
        if (good && parcel->from)
            parcel->from->card->counts->to_guests++;
    } else if (good) {
        send_up(worker, parcel);
    }
    parcel_put(worker, parcel);
}

/* Runs the batch and brings everything in it to its end. */
static void flush(struct worker *worker)
{
    struct batch *batch = &worker->batch;
    batch_run(batch);
    for (unsigned i = 0; i < batch->nr_deliveries; i++)
        arrive(worker, &batch->deliveries[i]);
    batch->nr_copies = batch->nr_deliveries = 0;
}

/* ---- on the way */

static struct delivery *add_delivery(struct worker *worker, struct parcel *parcel, struct queue *to)
{
    struct batch *batch = &worker->batch;
    struct delivery *d = &batch->deliveries[batch->nr_deliveries++];
    d->parcel = parcel;
    d->to = to;
    d->first_copy = batch->nr_copies;
    d->nr_copies = 0;
    parcel->refs++;
    return d;
}

/* Into the pages that a receiver offers; false: there are not enough of them. */
static bool place(struct worker *worker, struct parcel *parcel, struct queue *to)
{
    struct batch *batch = &worker->batch;
    uint32_t lens[PLACE_PIECES];
    unsigned nr = 1;
    struct place plan;
    union rx_slot slots[PLACE_MAX_SLOTS + 1];
    unsigned extra = parcel->offload.gso ? 1 : 0;
    if (!batch_has_room(batch, MOST_PLACED))
        flush(worker);
    const uint8_t *head = head_for(worker, parcel, to->card->port, &lens[0]);
    uint32_t here = parcel->here ? parcel->size - parcel->head_len : 0;
    if (here > 0 && head + lens[0] == parcel->tail)
        lens[0] = parcel->size; /* in one piece */
    else if (here > 0)
        lens[nr++] = here;
    for (unsigned i = 0; i < parcel->nr_rest; i++)
        lens[nr++] = parcel->rest[i].len;
    if (!place_plan(lens, nr, &plan) || !queue_receive(to, slots, plan.nr_slots + extra))
        return false;
    struct delivery *d = add_delivery(worker, parcel, to);
    d->place = plan;
    memcpy(d->slots, slots, (plan.nr_slots + extra) * sizeof(slots[0]));
    for (unsigned i = 0; i < plan.nr_steps; i++) {
        const struct place_step *s = &plan.steps[i];
        union grant_side page;
        /* The second slot is the one for segments. */
        batch_side(&page, to, slots[s->slot + (s->slot > 0 ? extra : 0)].request.gref, s->to);
        if (s->piece > 0 && here == 0) {
            const struct piece *piece = &parcel->rest[s->piece - 1];
            struct grant_copy *c =
                batch_add(batch, GNTCOPY_dest_gref | GNTCOPY_source_gref, s->len);
            batch_side(&c->from, parcel->from, piece->ref, piece->offset + s->from);
            c->to = page;
        } else {
            const uint8_t *from = s->piece > 0 ? parcel->tail : head;
            batch_copy(worker, &page, (uint8_t *)(uintptr_t)(from + s->from), s->len, true);
        }
    }
    d->nr_copies = batch->nr_copies - d->first_copy;
    return true;
}

/* Which queue of a card: packets of one connection go the same way. */
static struct queue *queue_for(const struct card *card, const struct parcel *parcel)
{
    const uint8_t *head = parcel->head;
    uint32_t hash = 2166136261u; /* FNV-1a */
    if (card->nr_queues == 1)
        return card->queue[0];
    /* IPv4: addresses and ports; IPv6: most of the addresses.  Of others any part will do. */
    for (unsigned i = 26; i < 38 && i < parcel->head_len; i++)
        hash = (hash ^ head[i]) * 16777619u;
    if (head[12] == (ETH_IPV6 >> 8)) {
        for (unsigned i = 38; i < 58 && i < parcel->head_len; i++)
            hash = (hash ^ head[i]) * 16777619u;
    }
    return card->queue[(hash >> 8) % card->nr_queues];
}

static void wait_until(struct worker *worker, uint64_t when)
{
    if (worker->wake_at > when)
        worker->wake_at = when;
}

static void wait_for_room(struct parcel *parcel, struct queue *to)
{
    if (parcel->from)
        parcel->from->nr_held += parcel->nr_slots;
    if (parcel->buffer) {
        to->waiting_bytes += parcel->size;
        to->waiting_buffers++;
    }
    parcels_add(&to->waiting, parcel);
}

/* The receiver has no room.  The packet waits, if it may. */
static void hold(struct worker *worker, struct parcel *parcel, struct queue *to)
{
    struct queue *from = parcel->from;
    bool may = parcel->verdict.nr == 1 && !to->stalled && !to->broken;
    if (from && from->nr_held + parcel->nr_slots > MOST_HELD)
        may = false;
    /* Never more than half of what is left, so that there is some left for others. */
    if (parcel->buffer && (to->waiting_bytes + parcel->size > MOST_WAITING ||
                           to->waiting_buffers >= (MOST_BUFFERS - worker->buffers) / 2))
        may = false;
    if (!may) {
        to->card->counts->rx_full++;
        return;
    }
    parcel->until = worker->now + HOLD_NS;
    parcel->refs++;
    wait_until(worker, parcel->until);
    wait_for_room(parcel, to);
}

/* It does not wait any more. */
static struct parcel *let_go(struct queue *to)
{
    struct parcel *parcel = parcels_take(&to->waiting);
    if (parcel->from)
        parcel->from->nr_held -= parcel->nr_slots;
    if (parcel->buffer) {
        to->waiting_bytes -= parcel->size;
        to->waiting_buffers--;
    }
    return parcel;
}

static void to_card(struct worker *worker, struct parcel *parcel, struct card *card)
{
    struct queue *to = queue_for(card, parcel);
    if (!card->front.sg && parcel->size > GATE_PAGE) {
        card->counts->rx_full++; /* it takes one page for a packet */
        return;
    }
    if (to->waiting.first || !place(worker, parcel, to))
        hold(worker, parcel, to);
}

/* ---- for who takes less than Linux */

/* Can this front end do what the sender has left to it? */
static bool suits(const struct front *front, const struct parcel *parcel)
{
    const uint8_t *type = parcel->head + 2 * MAC_LEN;
    bool v6 = (type[0] == (ETH_IPV6 >> 8)) ||
              (parcel->head_len > 16 && type[0] == 0x81 && type[VLAN_BYTES] == (ETH_IPV6 >> 8));
    switch (parcel->offload.gso) {
    case XEN_NETIF_GSO_TYPE_TCPV4: return front->gso_v4;
    case XEN_NETIF_GSO_TYPE_TCPV6: return front->gso_v6;
    default:
        return (front->sg || parcel->size <= GATE_PAGE) &&
               (!parcel->offload.blank || (v6 ? front->csum_v6 : front->csum_v4));
    }
}

/* All of it into memory of ours, now. */
static bool bring_here(struct worker *worker, struct parcel *parcel)
{
    struct batch *batch = &worker->batch;
    if (parcel->here)
        return true;
    flush(worker);
    if (!parcel->buffer && !parcel_buffer(worker, parcel))
        return false;
    parcel->tail = parcel->buffer + parcel->head_len;
    batch_fetch(worker, parcel, parcel->tail, parcel->size - parcel->head_len);
    batch_run(batch);
    parcel->here = batch_copied(batch, 0, batch->nr_copies);
    batch->nr_copies = 0;
    memcpy(parcel->buffer, parcel->head, parcel->head_len);
    parcel->head = parcel->buffer;
    parcel->nr_rest = 0;
    return parcel->here;
}

/* The checksum is made here, and the segments if there are any. */
static void do_its_work(struct worker *worker, struct parcel *parcel, struct card *card)
{
    /* A guest may say that its segments are of one byte each. */
    bool many = parcel->offload.gso && parcel->size > MOST_SEGMENTS * parcel->offload.mss;
    if (many || !bring_here(worker, parcel)) {
        card->counts->rx_full++;
        return;
    }
    for (unsigned i = 0; i == 0 || parcel->offload.gso; i++) {
        struct parcel *part = parcel_new(worker);
        if (!part)
            return;
        bool good = parcel_buffer(worker, part);
        part->size = parcel->size;
        if (good && parcel->offload.gso) {
            part->size = segment_make(parcel->head, parcel->size, &parcel->virtio, i, part->buffer);
            good = part->size > 0;
        } else if (good) {
            memcpy(part->buffer, parcel->head, parcel->size);
            good = segment_checksum(part->buffer, part->size, &parcel->virtio);
        }
        part->head = part->buffer;
        part->head_len = part->size < FRAME_HEAD ? part->size : FRAME_HEAD;
        part->tail = part->head + part->head_len;
        part->here = true;
        part->port = parcel->port;
        part->offload = (struct offload){.validated = true};
        part->verdict = parcel->verdict;
        if (good)
            to_card(worker, part, card);
        card->counts->rx_cut += good;
        parcel_put(worker, part);
        if (!good)
            return; /* it was the last one */
    }
}

static void deliver(struct worker *worker, struct parcel *parcel, unsigned port)
{
    struct card *card = worker->cards[port];
    if (port == SWITCH_UPLINK) {
        if (!batch_has_room(&worker->batch, MOST_FETCHED))
            flush(worker);
        if (!parcel->here && !parcel_buffer(worker, parcel)) {
            worker->uplink_counts->rx_full++;
            return;
        }
        struct delivery *d = add_delivery(worker, parcel, NULL);
        /* It is not here before the batch has run, so further deliveries of the same packet go on
         * with its pages. */
        if (!parcel->here) {
            parcel->tail = parcel_place(parcel);
            batch_fetch(worker, parcel, parcel->tail, parcel->size - parcel->head_len);
        }
        d->nr_copies = worker->batch.nr_copies - d->first_copy;
        return;
    }
    if (!card || card->nr_queues == 0)
        return;
    if (suits(&card->front, parcel))
        to_card(worker, parcel, card);
    else
        do_its_work(worker, parcel, card);
}

/* Where it goes, if it may.  Its head is here. */
static enum drop judge(struct worker *worker, struct parcel *parcel)
{
    struct card *card = parcel->from ? parcel->from->card : NULL;
    struct frame_bytes bytes = {parcel->head, parcel->head_len, parcel->size};
    struct frame frame;
    const char *reason;
    enum drop drop = frame_parse(&frame, &bytes);
    if (drop == DROP_NOT && card)
        drop = guard_check(&card->guard, &bytes, &frame);
    if (drop != DROP_NOT)
        return drop;
    if (card && !offload_from_guest(parcel->head, parcel->head_len, parcel->size, &parcel->offload,
                                    &parcel->virtio, &reason)) {
        card->counts->malformed++;
        card_complain(card, reason);
        parcel->failed = true;
        return DROP_NOT;
    }
    switch_decide(worker->net, parcel->port, &frame, worker->now, &parcel->verdict);
    return parcel->verdict.drop;
}

static void forward(struct worker *worker, struct parcel *parcel)
{
    struct counts *counts = counts_from(worker, parcel);
    if (!parcel->failed) {
        enum drop drop = judge(worker, parcel);
        if (drop != DROP_NOT) {
            counts->dropped[drop]++;
            parcel->failed = true;
        }
    }
    if (parcel->failed)
        return;
    count_tx(counts, parcel);
    const struct port_set *to = &parcel->verdict.to;
    if (parcel->from)
        parcel->from->uplink_last =
            parcel->verdict.nr == 1 && parcel->verdict.first == SWITCH_UPLINK;
    for (unsigned port = parcel->verdict.first; port < SWITCH_PORTS;
         port = port_set_next(to, port + 1)) {
        deliver(worker, parcel, port);
        if (parcel->verdict.nr == 1)
            break;
    }
}

/* ---- taking */

static void take_parcel(struct worker *worker, struct parcel *parcel)
{
    struct batch *batch = &worker->batch;
    uint32_t size = parcel->size;
    parcel->first_copy = batch->nr_copies;
    parcel->head_len = size < FRAME_HEAD ? size : FRAME_HEAD;
    if (parcel->from) {
        /* Where the last one went to the uplink this one will, too: then it is wanted whole. */
        parcel->here =
            (parcel->from->uplink_last && parcel_buffer(worker, parcel)) || size <= FRAME_HEAD;
        if (parcel->buffer)
            parcel->head = parcel_place(parcel);
        uint32_t now = parcel->here ? size : parcel->head_len;
        batch_fetch(worker, parcel, parcel->head, now);
        parcel_cut(parcel, now);
    }
    parcel->tail = parcel->head + parcel->head_len;
    parcel->nr_copies = batch->nr_copies - parcel->first_copy;
    parcels_add(&worker->taken, parcel);
}

static void take_from(struct worker *worker, struct queue *queue)
{
    struct rate *rate = &queue->card->rate;
    for (unsigned i = 0; queue->look; i++) {
        uint64_t wait = rate_wait(rate, worker->now);
        if (wait > 0) {
            queue->card->counts->throttled++;
            wait_until(worker, worker->now + wait);
            return;
        }
        if (i == TAKE_AT_ONCE || !batch_has_room(&worker->batch, MOST_PLACED)) {
            queue_activate(queue); /* another time */
            return;
        }
        struct parcel *parcel = queue_take(queue);
        if (!parcel) {
            if (queue->look)
                queue_activate(queue);
            return;
        }
        rate_spend(rate, worker->now, parcel->size);
        take_parcel(worker, parcel);
    }
}

static void take_uplink(struct worker *worker)
{
    for (unsigned i = 0; i < TAKE_AT_ONCE && worker->uplink_ready; i++) {
        struct parcel *parcel = parcel_new(worker);
        if (!parcel)
            return;
        if (!parcel_buffer(worker, parcel)) {
            parcel_put(worker, parcel);
            return;
        }
        struct iovec iov[2] = {{&parcel->virtio, sizeof(parcel->virtio)},
                               {parcel->buffer, PARCEL_ROOM}};
        ssize_t got = readv(worker->uplink, iov, 2);
        if (got < (ssize_t)sizeof(parcel->virtio)) {
            worker->uplink_ready = got >= 0 || errno == EINTR;
            parcel_put(worker, parcel);
            continue;
        }
        parcel->size = (uint32_t)((size_t)got - sizeof(parcel->virtio));
        parcel->port = SWITCH_UPLINK;
        parcel->head = parcel->buffer;
        parcel->here = true;
        parcel->failed = parcel->size < PACKET_MIN_SIZE || parcel->size == PARCEL_ROOM ||
                         !offload_from_host(&parcel->virtio, &parcel->offload);
        take_parcel(worker, parcel);
    }
}

/* What waits for this queue, as far as there is room now. */
static void serve_waiting(struct worker *worker, struct queue *queue)
{
    int there = queue->broken ? 0 : ring_pending(&queue->rx);
    if (queue->stalled && there > 0)
        queue->stalled = false;
    while (queue->waiting.first) {
        if (!batch_has_room(&worker->batch, MOST_PLACED)) {
            queue_activate(queue);
            return;
        }
        if (!place(worker, queue->waiting.first, queue))
            return;
        parcel_put(worker, let_go(queue));
    }
}

void forward_expire(struct worker *worker, struct queue *queue)
{
    bool dropped = false;
    while (queue->waiting.first && queue->waiting.first->until <= worker->now) {
        queue->card->counts->rx_full++;
        queue->stalled = dropped = true;
        parcel_put(worker, let_go(queue));
    }
    if (!queue->waiting.first)
        return;
    wait_until(worker, queue->waiting.first->until);
    if (dropped)
        queue_activate(queue); /* the next may be smaller: no event is asked for that early */
}

/* Only those of @from, or all if it is NULL. */
static void drop_waiting(struct worker *worker, struct queue *queue, const struct queue *from)
{
    struct parcel_list kept;
    parcels_init(&kept);
    while (queue->waiting.first) {
        struct parcel *parcel = let_go(queue);
        if (!from || parcel->from == from)
            parcel_put(worker, parcel);
        else
            parcels_add(&kept, parcel);
    }
    for (struct parcel *parcel; (parcel = parcels_take(&kept));)
        wait_for_room(parcel, queue);
    if (queue->waiting.first)
        queue_activate(queue); /* as after forward_expire() */
}

void forward_forget(struct worker *worker, struct queue *queue)
{
    drop_waiting(worker, queue, NULL);
    for (unsigned port = 0; port < SWITCH_PORTS; port++) {
        for (unsigned i = 0; worker->cards[port] && i < worker->cards[port]->nr_queues; i++)
            drop_waiting(worker, worker->cards[port]->queue[i], queue);
    }
}

void forward_round(struct worker *worker)
{
    struct parcel *parcel;
    struct queue *queue = worker->active;
    worker->active = NULL;
    for (struct queue *next; queue; queue = next) {
        next = queue->next_active;
        queue->active = false;
        serve_waiting(worker, queue);
        take_from(worker, queue);
    }
    take_uplink(worker);
    /* Heads, and what has waited. */
    batch_run(&worker->batch);
    unsigned waited = worker->batch.nr_deliveries;
    for (unsigned i = 0; i < waited; i++)
        arrive(worker, &worker->batch.deliveries[i]);
    struct parcel_list taken = worker->taken;
    parcels_init(&worker->taken);
    for (parcel = taken.first; parcel; parcel = parcel->next) {
        if (!batch_copied(&worker->batch, parcel->first_copy, parcel->nr_copies)) {
            counts_from(worker, parcel)->copy_failed++;
            parcel->failed = true;
        }
    }
    worker->batch.nr_copies = worker->batch.nr_deliveries = 0;
    while ((parcel = taken.first)) {
        taken.first = parcel->next; /* forward() may put it on another list */
        forward(worker, parcel);
        parcel_put(worker, parcel);
    }
    flush(worker);
    while ((queue = worker->fresh_answers)) {
        worker->fresh_answers = queue->next_new;
        queue->tx_new = queue->rx_new = false;
        queue_publish(queue);
    }
}
