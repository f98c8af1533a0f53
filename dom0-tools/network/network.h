/* SPDX-License-Identifier: GPL-2.0-only */
/* Networks that pavis makes by itself: `--net nat`, vif = ['network=nat'].
 *
 * A network is a bridge with an address of dom0 on it, a DHCP and DNS server (dnsmasq) and, if it
 * is to reach the world, masquerading (nftables, in a table of its own).  It is made when its first
 * guest comes and removed when its last guest has gone, unless `pavis net-create` made it.  What
 * there is of it is written below /run/pavis-networks; whoever makes, mends or removes holds one
 * lock there, which a kill gives free, so all of this can be done again by the next one:
 * network_ensure() mends what is missing, networks_clean_up() removes what nobody needs.
 *
 * Who calls what:
 *   network_check()     before a guest is made: whether its network can be had
 *   network_ensure()    for each of a guest's cards, before its nodes are written; as often as one
 * likes network_release()   once the guest, or the card, is gone networks_clean_up() where
 * half-made guests are cleaned up
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/problem.h"

#define NETWORK_DEFAULT "nat" /* the one that needs no configuration */
#define NETWORK_NAME    13 /* with its end: the bridge is pv-<name>, and names of those have 15 */
#define NETWORK_FOLDER  "/run/pavis-networks" /* dnsmasq reads in it without being root */
#define NETWORK_CONFIG  "/etc/pavis/networks" /* <name>.conf; none is needed */

enum network_mode {
    NETWORK_NAT,      /* guests reach the world with dom0's address */
    NETWORK_ISOLATED, /* guests reach each other and dom0 */
    NETWORK_BRIDGE,   /* a name for a bridge that somebody else made: no server, no addresses */
};

/* What a person may choose; all zero is the default. */
struct network_options {
    enum network_mode mode;
    uint8_t subnet[4]; /* 0.0.0.0: a free private one */
    unsigned bits;     /* 16 to 29; 0: 24 */
    char bridge[16];   /* "": pv-<name>; has to be there already for NETWORK_BRIDGE */
};

/* A card that is to be in a network. */
struct network_user {
    uint8_t uuid[16]; /* of the guest */
    uint8_t mac[6];
    const char *host; /* the guest's name, for DNS; NULL: none.  Letters that DNS does not know are
                         left out */
};

/* What becomes of it. */
struct network_card {
    char bridge[16];
    char ip[16]; /* what DHCP gives to it, always the same for a MAC address, for the device's node
                    `ip` and so for anti-spoofing; "": not known (NETWORK_BRIDGE) */
    char gateway[16]; /* dom0's on this network, which is its DNS server too; "": not known */
    unsigned bits;    /* of the subnet */
};

/* Whether a network of this name can be made here: 0; -1: its name or configuration is wrong, or a
 * program is missing, with the remedy. */
int network_check(const char *name, struct problem *why);

/* Makes the network or mends it, and enters the card.  0 and *card; -1: the network is as it was,
 * or gone if nobody else uses it. */
int network_ensure(const char *name, const struct network_user *user, struct network_card *card,
                   struct problem *why);

/* The guest's card with this address, or with @mac NULL all of its cards, are in no network any
 * more; those networks that nobody else is in are removed.  A guest that is in none is no error. */
int network_release(const uint8_t uuid[16], const uint8_t *mac, struct problem *why);

/* Releases the cards of guests of whom lives() says that there is none.  The number of networks
 * that were removed; -1: failed. */
int networks_clean_up(bool (*lives)(void *ctx, const uint8_t uuid[16]), void *ctx,
                      struct problem *why);

/* `pavis net-create`: makes one that stays until network_destroy().  EEXIST: it is there with other
 * options. */
int network_create(const char *name, const struct network_options *options, struct problem *why);

/* `pavis net-destroy`: removes it.  EBUSY unless @force: guests are in it. */
int network_destroy(const char *name, bool force, struct problem *why);

struct network_info {
    char name[NETWORK_NAME];
    char bridge[16];
    enum network_mode mode;
    bool kept;          /* `net-create` made it */
    bool whole;         /* all of it is there; else network_ensure() would mend it */
    uint8_t address[4]; /* dom0's */
    unsigned bits;
    unsigned cards; /* entered */
};

/* Networks that there are, in *list, which is to be freed; their number, or -1. */
int networks_list(struct network_info **list, struct problem *why);
