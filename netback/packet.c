// SPDX-License-Identifier: GPL-2.0-only
/* Slots become a packet: see packet.h.  The first slot tells the size of the whole; extra slots
 * follow it, then those of the rest, each with its own size.
 */
#include <stddef.h>

#include "netback/packet.h"

#define PAGE 4096u

/* The next slot of the same packet; false: there is none, or there are too many. */
static bool next_slot(struct ring *ring, struct packet *packet, int *left, union tx_slot *slot,
                      const char **reason)
{
    *reason = "a packet ends in the middle";
    if (*left == 0)
        return false;
    *reason = "a packet has too many slots";
    if (packet->nr_slots == PACKET_MAX_SLOTS)
        return false;
    ring_read_tx(ring, ring->req_cons++, slot);
    (*left)--;
    packet->slots[packet->nr_slots].id = slot->request.id;
    packet->slots[packet->nr_slots++].extra = false;
    return true;
}

static const char *extra_refused(struct packet *packet, const struct netif_extra_info *extra)
{
    switch (extra->type) {
    case XEN_NETIF_EXTRA_TYPE_GSO:
        if (extra->u.gso.type != XEN_NETIF_GSO_TYPE_TCPV4 &&
            extra->u.gso.type != XEN_NETIF_GSO_TYPE_TCPV6)
            return "no such kind of segments";
        if (extra->u.gso.size == 0 || packet->offload.gso)
            return "segments of no size, or said twice";
        packet->offload.gso = extra->u.gso.type;
        packet->offload.mss = extra->u.gso.size;
        return NULL;
    case XEN_NETIF_EXTRA_TYPE_HASH: return NULL; /* a hint */
    case XEN_NETIF_EXTRA_TYPE_MCAST_ADD:
    case XEN_NETIF_EXTRA_TYPE_MCAST_DEL: return "multicast lists are not offered";
    default: return "no such extra slot";
    }
}

/* @bad keeps the first reason; the slots are taken all the same, each needs its answer. */
static bool take_extras(struct ring *ring, struct packet *packet, int *left, const char **bad,
                        const char **reason)
{
    union tx_slot slot;
    do {
        if (!next_slot(ring, packet, left, &slot, reason))
            return false;
        packet->slots[packet->nr_slots - 1].extra = true;
        const char *refused = extra_refused(packet, &slot.extra);
        if (refused && !*bad)
            *bad = refused;
    } while (slot.extra.flags & XEN_NETIF_EXTRA_FLAG_MORE);
    return true;
}

static void add_piece(struct packet *packet, const struct netif_tx_request *request, uint32_t len,
                      const char **bad)
{
    const char *wrong = NULL;
    if (request->offset + len > PAGE)
        wrong = "a piece crosses its page";
    else if (packet->nr_pieces == PACKET_MAX_PIECES)
        wrong = "a packet has too many pieces";
    if (wrong && !*bad)
        *bad = wrong;
    if (wrong || len == 0) /* an empty piece does no harm */
        return;
    packet->pieces[packet->nr_pieces++] =
        (struct piece){request->gref, request->offset, (uint16_t)len};
}

enum packet_found packet_take(struct ring *ring, struct packet *packet, const char **reason)
{
    union tx_slot slot;
    const char *bad = NULL;
    int left = ring_pending(ring);
    *reason = "the producer's index cannot be";
    if (left <= 0)
        return left == 0 ? PACKET_NONE : PACKET_BROKEN;
    packet->nr_slots = packet->nr_pieces = 0;
    packet->offload = (struct offload){0};
    next_slot(ring, packet, &left, &slot, reason);
    struct netif_tx_request first = slot.request;
    packet->size = first.size;
    packet->offload.blank = first.flags & NETTXF_csum_blank;
    packet->offload.validated = first.flags & (NETTXF_csum_blank | NETTXF_data_validated);
    if ((first.flags & NETTXF_extra_info) && !take_extras(ring, packet, &left, &bad, reason))
        return PACKET_BROKEN;
    packet->nr_pieces = 1; /* the first: its own size is what the others leave */
    uint32_t rest = first.size;
    for (bool more = first.flags & NETTXF_more_data; more;
         more = slot.request.flags & NETTXF_more_data) {
        if (!next_slot(ring, packet, &left, &slot, reason))
            return PACKET_BROKEN;
        if (slot.request.size > rest) {
            if (!bad)
                bad = "pieces are more than the packet";
            continue;
        }
        rest -= slot.request.size;
        add_piece(packet, &slot.request, slot.request.size, &bad);
    }
    packet->pieces[0] = (struct piece){first.gref, first.offset, (uint16_t)rest};
    if (!bad && first.offset + rest > PAGE)
        bad = "a piece crosses its page";
    if (!bad && rest == 0)
        bad = "the first piece is empty";
    if (!bad && packet->size < PACKET_MIN_SIZE)
        bad = "a packet is too short";
    *reason = bad;
    return bad ? PACKET_BAD : PACKET_GOOD;
}
