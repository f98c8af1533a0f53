/* SPDX-License-Identifier: GPL-2.0-only */
/* The head of an Ethernet frame, read once from a private copy, for guard.c and switch.c; and the
 * list of reasons for which they drop one.  Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAC_LEN    6
#define VLAN_BYTES 4    /* of a tag in a frame, behind the two addresses */
#define VLAN_MAX   4094 /* 802.1Q; 0 is none, 4095 is reserved */

/* What of a frame is looked at, at most: Ethernet, a tag, IPv6 with extensions, neighbour discovery
 * with options.  Whose headers are longer is not believed. */
#define FRAME_HEAD 192

#define ETH_IPV4 0x0800
#define ETH_ARP  0x0806
#define ETH_RARP 0x8035
#define ETH_IPV6 0x86dd
/* Below this the field is a length, and a header of LLC follows (802.3). */
#define ETH_FIRST_TYPE 0x600

enum drop {
    DROP_NOT,
#define DROP(name, text) DROP_##name,
#include "netback/drop.def"
#undef DROP
    NR_DROPS
};

/* The words and the name of a reason, for people and for JSON. */
const char *drop_text(enum drop why);
const char *drop_name(enum drop why);

/* The first bytes of a frame, in memory that no guest can write. */
struct frame_bytes {
    const uint8_t *at;
    size_t len;   /* at hand, at most FRAME_HEAD are looked at */
    size_t whole; /* of the frame; never less than @len */
};

struct frame {
    uint8_t to[MAC_LEN], from[MAC_LEN];
    bool tagged;      /* it has a tag, whose VLAN may be 0: a priority alone */
    uint16_t vlan;    /* 0: none */
    uint16_t type;    /* what is behind addresses and tag: ETH_*, or a length */
    unsigned payload; /* where that is, bytes from the start */
};

/* Fills @frame.  DROP_NOT, or why it is none: cut, more than one tag (which receivers take off one
 * after another, so that only they would see what is inside), a sender that is a group or 0. */
enum drop frame_parse(struct frame *frame, const struct frame_bytes *bytes);

static inline bool mac_is_group(const uint8_t mac[MAC_LEN])
{
    return mac[0] & 1;
}
