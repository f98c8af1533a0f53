/* SPDX-License-Identifier: GPL-2.0-only */
/* One packet from a guest: the slots of the TX ring that make it, and whether they may.  What comes
 * out lies within the pages, has a bounded number of pieces, and adds up to its size.  Pure but for
 * the ring.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "netback/ring.h"

#define PACKET_MAX_PIECES 18u /* XEN_NETIF_NR_SLOTS_MIN: what every back end must take */
#define PACKET_MAX_SLOTS  32u /* a longer one is no packet, but a ring that makes no sense */
#define PACKET_MIN_SIZE   14u /* an Ethernet header */
#define PACKET_MAX_SIZE   XEN_NETIF_MAX_TX_SIZE

/* Bytes in a granted page. */
struct piece {
    uint32_t ref;
    uint16_t offset;
    uint16_t len;
};

/* What a packet's sender leaves to others.  Same meaning in both directions. */
struct offload {
    bool blank;     /* the checksum field holds that of the pseudo header only */
    bool validated; /* the data is known to be good */
    uint8_t gso;    /* XEN_NETIF_GSO_TYPE_*: it is to be cut into segments ... */
    uint16_t mss;   /* ... of so many bytes */
};

struct packet {
    uint32_t size;
    struct offload offload;
    unsigned nr_pieces;
    struct piece pieces[PACKET_MAX_PIECES];
    unsigned nr_slots; /* of the ring, each of which wants an answer */
    struct {
        uint16_t id;
        bool extra; /* no request: its answer is "nothing" */
    } slots[PACKET_MAX_SLOTS];
};

enum packet_found {
    PACKET_NONE,
    PACKET_GOOD,
    PACKET_BAD,   /* its slots are to be answered with an error */
    PACKET_BROKEN /* the ring cannot be understood any more */
};

/* Takes the next packet; @reason for the last two. */
enum packet_found packet_take(struct ring *ring, struct packet *packet, const char **reason);
