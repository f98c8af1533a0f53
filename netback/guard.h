/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether a frame that a guest sends may say what it says of itself.  Nothing here believes a
 * guest: what does not fit into the rules, or cannot be looked at whole, is dropped with a reason.
 * Pure.
 *
 * The rules, for a card that is guarded:
 *   - the sender's MAC address is the card's, in the frame and inside of ARP and neighbour
 * discovery;
 *   - no answers of DHCP servers, no router's advertisements, no IPv6 redirects;
 *   - no LLC/SNAP, since IP may be in it.
 * If addresses are known for the card, besides:
 *   - nothing but ARP, IPv4 and IPv6;
 *   - IPv4, and the sender in ARP: one of them; or 0.0.0.0 in a DHCP client's request and in an ARP
 * probe;
 *   - IPv6, and the target of an advertisement or of the search for duplicates: one of them, or the
 *     link-local address that is made of the MAC address; `::` only for that search, for router
 *     solicitations and for reports of groups.
 * Both kinds are bound as soon as there is one address of either: with an IPv4 address alone, IPv6
 * is link-local.
 */
#pragma once

#include "netback/frame.h"

#define GUARD_ADDRESSES 16

struct guard_address {
    uint8_t bytes[16]; /* IPv4: the first four */
    uint8_t bits;      /* that count, from the left: 32 or 128 for one address */
    bool is_v6;
};

struct guard {
    bool off; /* the guest may say what it wants: a router, a bridge, a DHCP server */
    uint8_t mac[MAC_LEN];
    unsigned nr_addresses; /* 0: not known, only the rules for all */
    struct guard_address addresses[GUARD_ADDRESSES];
};

/* DROP_NOT, or why it must not pass.  @frame is what frame_parse() said of the same bytes. */
enum drop guard_check(const struct guard *guard, const struct frame_bytes *bytes,
                      const struct frame *frame);

/* Six bytes out of "00:16:3e:00:00:01"; false: it is no address of one card. */
bool guard_parse_mac(uint8_t mac[MAC_LEN], const char *text);

/* The addresses out of "10.1.2.3 fd00::/64", separated by blanks or commas, put into @guard. False,
 * and
 * @guard has none: one cannot be read, or there are more than GUARD_ADDRESSES. */
bool guard_parse_addresses(struct guard *guard, const char *text);
