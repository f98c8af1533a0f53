/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a frame goes: the switch of one network, with the uplink as port 0 and each guest's card as
 * another. Pure: time is the caller's, in nanoseconds that never go back.
 *
 * A card's configured address belongs to its port: it is known from the start, and is learnt
 * nowhere else. A port without `learns` has that address only, so what is for unknown addresses
 * does not go there; its frames have been through guard.c.  Other addresses are learnt,
 * SWITCH_QUOTA for a card; who has more forgets its own oldest, never another's.
 *
 * VLANs: a card is in one VLAN (or none, 0) and sees its frames without a tag.  `trunk` cards and
 * the uplink see the frames of all their VLANs with tags.  A frame goes only to ports of its VLAN.
 */
#pragma once

#include "backend/limit.h"
#include "netback/frame.h"

#define SWITCH_PORTS  256 /* with the uplink; more cards than any network here had */
#define SWITCH_UPLINK 0
#define SWITCH_QUOTA  16   /* learnt addresses of a card, such as those behind a router */
#define SWITCH_AFAR   1024 /* of the uplink */
#define SWITCH_NODES  ((SWITCH_PORTS - 1) * SWITCH_QUOTA + SWITCH_AFAR)
#define SWITCH_CHAINS 4096                /* of the table's hash */
#define SWITCH_AGE_NS (300ull * NS_PER_S) /* 802.1D's: a learnt address is forgotten after it */
#define SWITCH_GROUPS 1000           /* broadcasts and multicasts a second of a card, by default */
#define SWITCH_BURST  (NS_PER_S / 5) /* of them, how many at once: 200 */
#define VLAN_WORDS    ((VLAN_MAX + 1) / 64 + 1)

struct port_set {
    uint64_t bits[SWITCH_PORTS / 64];
};

static inline bool port_set_has(const struct port_set *set, unsigned port)
{
    return set->bits[port / 64] >> port % 64 & 1;
}

/* The first port of @set from @from on, or SWITCH_PORTS. */
unsigned port_set_next(const struct port_set *set, unsigned from);

struct switch_port_config {
    uint8_t mac[MAC_LEN];  /* a card's own; not the uplink's, which has none */
    bool learns;           /* it may send with other addresses (guard off) */
    uint16_t vlan;         /* of frames without a tag; 0: none */
    const uint16_t *trunk; /* VLANs whose frames have tags here; may be NULL */
    unsigned nr_trunk;     /* the uplink has all, whatever is said */
    uint64_t groups;       /* broadcasts and multicasts a second; 0: no limit */
};

enum switch_error {
    SWITCH_OK,
    SWITCH_FULL,     /* SWITCH_PORTS are in use */
    SWITCH_TAKEN,    /* another card in this VLAN has this address */
    SWITCH_BAD_MAC,  /* a group's, or 0 */
    SWITCH_BAD_VLAN, /* above VLAN_MAX; or 0 in a trunk */
};

/* A switch without ports; NULL: no memory.  @secret is a random number, so that no guest can choose
 * addresses that meet in the table. */
struct net_switch *switch_make(uint64_t secret);
void switch_free(struct net_switch *sw);

/* The uplink joins, as port 0: its frames are not limited unless @groups is not 0.  Its going is
 * switch_remove(sw, SWITCH_UPLINK). */
void switch_add_uplink(struct net_switch *sw, uint64_t groups);
/* A card joins; its number is in *number. */
enum switch_error switch_add(struct net_switch *sw, const struct switch_port_config *config,
                             unsigned *number);
/* It leaves: nothing goes there any more, and what was learnt of it is forgotten. */
void switch_remove(struct net_switch *sw, unsigned number);

struct verdict {
    enum drop drop;     /* DROP_NOT: it goes to the ports of @to, at least one */
    unsigned nr;        /* of ports in @to */
    unsigned first;     /* the first of them: the only one where nr is 1 */
    uint16_t vlan;      /* whose frame it is; 0: none */
    bool tagged;        /* as it came */
    bool is_group;      /* broadcast or multicast */
    struct port_set to; /* never has the port it came from */
};

/* What a frame from port @from is to become of.  Learns where its sender is, and spends of the
 * limit for broadcasts.  @frame is frame_parse()'s; from a card it has been through guard_check().
 */
void switch_decide(struct net_switch *sw, unsigned from, const struct frame *frame, uint64_t now,
                   struct verdict *verdict);

/* What the copy for one port of the verdict has to do with the tag: the four bytes behind the two
 * addresses. */
enum tag_change { TAG_KEEP, TAG_ADD, TAG_STRIP };
enum tag_change switch_tag_change(const struct net_switch *sw, const struct verdict *verdict,
                                  unsigned port);
/* The tag of TAG_ADD: type and VLAN as they stand in the frame. */
void switch_tag(const struct verdict *verdict, uint8_t tag[VLAN_BYTES]);

/* For people: the port behind which an address was last seen, or -1. */
int switch_find(struct net_switch *sw, uint16_t vlan, const uint8_t mac[MAC_LEN], uint64_t now);
/* Learnt addresses of a port, of those that have not been forgotten. */
unsigned switch_learnt(const struct net_switch *sw, unsigned port);
