// SPDX-License-Identifier: GPL-2.0-only
/* The switch of one network: see switch.h.
 *
 * Learnt addresses are nodes of one pool, chained by a hash and, for each port, in the order in
 * which they were last seen.  A port at its quota takes its own oldest node, so the pool, which is
 * the sum of all quotas, always has one left for who is below.
 */
#include "netback/switch.h"

#include <stdlib.h>
#include <string.h>

#define NONE 0 /* nodes and ports are numbered from 1 in lists */

struct node {
    uint16_t next;         /* in its chain, or of the free ones */
    uint16_t newer, older; /* in its port's list */
    uint16_t vlan;
    uint16_t port;
    uint8_t mac[MAC_LEN];
    uint64_t seen;
};

struct port {
    bool present;
    bool learns;
    uint16_t vlan;
    uint16_t next; /* with an own address of the same hash */
    uint16_t newest, oldest;
    uint16_t learnt; /* nodes */
    uint8_t mac[MAC_LEN];
    struct rate groups;
    uint64_t trunk[VLAN_WORDS];
};

struct net_switch {
    uint64_t secret;
    unsigned top; /* ports from here on were never used */
    uint16_t free;
    uint16_t chains[SWITCH_CHAINS]; /* nodes */
    uint16_t own[SWITCH_PORTS];     /* ports, by the hash of their own address */
    struct port ports[SWITCH_PORTS];
    struct node nodes[SWITCH_NODES + 1];
};

_Static_assert(SWITCH_NODES < UINT16_MAX, "numbers of nodes are 16 bits");

static const uint8_t reserved[MAC_LEN - 1] = {0x01, 0x80, 0xc2, 0x00, 0x00}; /* and 0 to 15 */

/* ---- sets */

unsigned port_set_next(const struct port_set *set, unsigned from)
{
    for (unsigned i = from / 64; i < SWITCH_PORTS / 64; i++) {
        uint64_t word = set->bits[i];

        if (i == from / 64)
            word &= ~0ull << from % 64;
        if (word)
            return i * 64 + (unsigned)__builtin_ctzll(word);
    }
    return SWITCH_PORTS;
}

static void add_to(struct verdict *verdict, unsigned port)
{
    verdict->to.bits[port / 64] |= 1ull << port % 64;
    if (verdict->nr++ == 0 || port < verdict->first)
        verdict->first = port;
}

/* ---- addresses */

static uint64_t hash(const struct net_switch *sw, uint16_t vlan, const uint8_t mac[MAC_LEN])
{
    uint64_t key = vlan;

    for (unsigned i = 0; i < MAC_LEN; i++)
        key = key << 8 | mac[i];
    key = (key ^ sw->secret) * 0x9e3779b97f4a7c15u; /* 2^64 over the golden ratio */
    key = (key ^ key >> 32) * (sw->secret | 1);
    return key >> 40;
}

static uint16_t *chain_of(struct net_switch *sw, uint16_t vlan, const uint8_t mac[MAC_LEN])
{
    return &sw->chains[hash(sw, vlan, mac) % SWITCH_CHAINS];
}

static uint16_t *own_chain(struct net_switch *sw, const uint8_t mac[MAC_LEN])
{
    return &sw->own[hash(sw, 0, mac) % SWITCH_PORTS];
}

static bool in_vlan(const struct port *port, uint16_t vlan)
{
    return port->vlan == vlan || port->trunk[vlan / 64] >> vlan % 64 & 1;
}

/* The card with this own address, or NONE, which is the uplink's number. */
static unsigned find_own(struct net_switch *sw, uint16_t vlan, const uint8_t mac[MAC_LEN])
{
    unsigned i = *own_chain(sw, mac);

    while (i != NONE &&
           (memcmp(sw->ports[i].mac, mac, MAC_LEN) != 0 || !in_vlan(&sw->ports[i], vlan)))
        i = sw->ports[i].next;
    return i;
}

static struct node *find_node(struct net_switch *sw, uint16_t vlan, const uint8_t mac[MAC_LEN])
{
    uint16_t i = *chain_of(sw, vlan, mac);

    while (i != NONE && (memcmp(sw->nodes[i].mac, mac, MAC_LEN) != 0 || sw->nodes[i].vlan != vlan))
        i = sw->nodes[i].next;
    return i == NONE ? NULL : &sw->nodes[i];
}

/* ---- learning */

static uint16_t number_of(const struct net_switch *sw, const struct node *node)
{
    return (uint16_t)(node - sw->nodes);
}

static void leave_port(struct net_switch *sw, struct node *node)
{
    struct port *port = &sw->ports[node->port];

    *(node->newer ? &sw->nodes[node->newer].older : &port->newest) = node->older;
    *(node->older ? &sw->nodes[node->older].newer : &port->oldest) = node->newer;
    port->learnt--;
}

static void join_port(struct net_switch *sw, struct node *node, unsigned number, uint64_t now)
{
    struct port *port = &sw->ports[number];
    uint16_t me = number_of(sw, node);

    node->port = (uint16_t)number;
    node->seen = now;
    node->newer = NONE;
    node->older = port->newest;
    *(port->newest ? &sw->nodes[port->newest].newer : &port->oldest) = me;
    port->newest = me;
    port->learnt++;
}

static void forget(struct net_switch *sw, struct node *node)
{
    uint16_t *at = chain_of(sw, node->vlan, node->mac);
    uint16_t me = number_of(sw, node);

    while (*at != me)
        at = &sw->nodes[*at].next;
    *at = node->next;
    leave_port(sw, node);
    node->next = sw->free;
    sw->free = me;
}

static unsigned quota(unsigned port)
{
    return port == SWITCH_UPLINK ? SWITCH_AFAR : SWITCH_QUOTA;
}

static void learn(struct net_switch *sw, unsigned number, uint16_t vlan, const uint8_t mac[MAC_LEN],
                  uint64_t now)
{
    struct node *node = find_node(sw, vlan, mac);
    struct port *port = &sw->ports[number];
    uint16_t *chain;

    if (node && node->port == number) {
        leave_port(sw, node);
        join_port(sw, node, number, now);
        return;
    }
    if (node)
        forget(sw, node);
    if (port->learnt == quota(number))
        forget(sw, &sw->nodes[port->oldest]);
    node = &sw->nodes[sw->free];
    sw->free = node->next;
    memcpy(node->mac, mac, MAC_LEN);
    node->vlan = vlan;
    chain = chain_of(sw, vlan, mac);
    node->next = *chain;
    *chain = number_of(sw, node);
    join_port(sw, node, number, now);
}

/* ---- ports */

struct net_switch *switch_make(uint64_t secret)
{
    struct net_switch *sw = calloc(1, sizeof(*sw));

    if (!sw)
        return NULL;
    sw->secret = secret;
    sw->top = 1;
    for (unsigned i = SWITCH_NODES; i > 0; i--) {
        sw->nodes[i].next = sw->free;
        sw->free = (uint16_t)i;
    }
    return sw;
}

void switch_free(struct net_switch *sw)
{
    free(sw);
}

static void limit_groups(struct port *port, uint64_t groups)
{
    port->groups = (struct rate){.per_second = groups, .burst_ns = SWITCH_BURST};
}

void switch_add_uplink(struct net_switch *sw, uint64_t groups)
{
    struct port *port = &sw->ports[SWITCH_UPLINK];

    if (port->present)
        return;
    port->present = port->learns = true;
    for (unsigned i = 0; i < VLAN_WORDS; i++)
        port->trunk[i] = ~0ull;
    limit_groups(port, groups);
}

static enum switch_error set_trunk(struct port *port, const struct switch_port_config *config)
{
    for (unsigned i = 0; i < config->nr_trunk; i++) {
        uint16_t vlan = config->trunk[i];

        if (vlan == 0 || vlan > VLAN_MAX)
            return SWITCH_BAD_VLAN;
        port->trunk[vlan / 64] |= 1ull << vlan % 64;
    }
    return config->vlan > VLAN_MAX ? SWITCH_BAD_VLAN : SWITCH_OK;
}

/* Whether an address would be two cards' in one VLAN. */
static bool is_taken(struct net_switch *sw, const struct port *port)
{
    for (unsigned i = *own_chain(sw, port->mac); i != NONE; i = sw->ports[i].next) {
        const struct port *other = &sw->ports[i];

        if (memcmp(other->mac, port->mac, MAC_LEN) != 0)
            continue;
        if (in_vlan(other, port->vlan) || in_vlan(port, other->vlan))
            return true;
        for (unsigned w = 0; w < VLAN_WORDS; w++)
            if (other->trunk[w] & port->trunk[w])
                return true;
    }
    return false;
}

enum switch_error switch_add(struct net_switch *sw, const struct switch_port_config *config,
                             unsigned *number)
{
    static const uint8_t nobody[MAC_LEN];
    struct port port = {.present = true, .learns = config->learns, .vlan = config->vlan};
    enum switch_error error = set_trunk(&port, config);
    unsigned i = 1;

    if (error != SWITCH_OK)
        return error;
    if (mac_is_group(config->mac) || memcmp(config->mac, nobody, MAC_LEN) == 0)
        return SWITCH_BAD_MAC;
    memcpy(port.mac, config->mac, MAC_LEN);
    if (is_taken(sw, &port))
        return SWITCH_TAKEN;
    while (i < SWITCH_PORTS && sw->ports[i].present)
        i++;
    if (i == SWITCH_PORTS)
        return SWITCH_FULL;
    limit_groups(&port, config->groups);
    /* What was learnt of it elsewhere, before it was ours, is not found again: own ones come first.
     */
    port.next = *own_chain(sw, port.mac);
    *own_chain(sw, port.mac) = (uint16_t)i;
    sw->ports[i] = port;
    if (i >= sw->top)
        sw->top = i + 1;
    *number = i;
    return SWITCH_OK;
}

void switch_remove(struct net_switch *sw, unsigned number)
{
    struct port *port = &sw->ports[number];

    if (!port->present)
        return;
    while (port->newest != NONE)
        forget(sw, &sw->nodes[port->newest]);
    if (number != SWITCH_UPLINK) {
        uint16_t *at = own_chain(sw, port->mac);

        while (*at != number)
            at = &sw->ports[*at].next;
        *at = port->next;
    }
    *port = (struct port){0};
}

/* ---- frames */

static enum drop enter(const struct port *port, const struct frame *frame, uint16_t *vlan)
{
    *vlan = frame->vlan ? frame->vlan : port->vlan;
    if (*vlan > VLAN_MAX || (frame->vlan && !(port->trunk[*vlan / 64] >> *vlan % 64 & 1)))
        return DROP_vlan;
    return DROP_NOT;
}

/* Whether the sender may be at this port; learns that it is. */
static enum drop see_sender(struct net_switch *sw, unsigned number, uint16_t vlan,
                            const struct frame *frame, uint64_t now)
{
    unsigned own = find_own(sw, vlan, frame->from);

    if (own != NONE)
        return own == number ? DROP_NOT : DROP_loop;
    if (!sw->ports[number].learns)
        return DROP_mac; /* the guard lets none through; a card without a guard learns */
    learn(sw, number, vlan, frame->from, now);
    return DROP_NOT;
}

/* To all of the VLAN that may want it; what is for nobody known only where there are unknown ones.
 */
static void flood(const struct net_switch *sw, unsigned from, struct verdict *verdict)
{
    for (unsigned i = 0; i < sw->top; i++) {
        const struct port *port = &sw->ports[i];

        if (port->present && i != from && in_vlan(port, verdict->vlan) &&
            (verdict->is_group || port->learns))
            add_to(verdict, i);
    }
    if (verdict->nr == 0)
        verdict->drop = DROP_nowhere;
}

int switch_find(struct net_switch *sw, uint16_t vlan, const uint8_t mac[MAC_LEN], uint64_t now)
{
    unsigned own = find_own(sw, vlan, mac);
    struct node *node;

    if (own != NONE)
        return (int)own;
    node = find_node(sw, vlan, mac);
    if (node && now > node->seen && now - node->seen > SWITCH_AGE_NS) {
        forget(sw, node);
        node = NULL;
    }
    return node ? node->port : -1;
}

static void to_groups(struct net_switch *sw, unsigned from, const struct frame *frame, uint64_t now,
                      struct verdict *verdict)
{
    struct rate *limit = &sw->ports[from].groups;

    verdict->is_group = true;
    if (memcmp(frame->to, reserved, sizeof(reserved)) == 0 && frame->to[MAC_LEN - 1] < 16) {
        verdict->drop = DROP_reserved;
    } else if (rate_wait(limit, now)) {
        verdict->drop = DROP_storm;
    } else {
        rate_spend(limit, now, 1);
        flood(sw, from, verdict);
    }
}

void switch_decide(struct net_switch *sw, unsigned from, const struct frame *frame, uint64_t now,
                   struct verdict *verdict)
{
    int known;

    *verdict = (struct verdict){.tagged = frame->tagged};
    verdict->drop = enter(&sw->ports[from], frame, &verdict->vlan);
    if (verdict->drop == DROP_NOT)
        verdict->drop = see_sender(sw, from, verdict->vlan, frame, now);
    if (verdict->drop != DROP_NOT)
        return;
    if (mac_is_group(frame->to)) {
        to_groups(sw, from, frame, now, verdict);
        return;
    }
    known = switch_find(sw, verdict->vlan, frame->to, now);
    if (known < 0)
        flood(sw, from, verdict);
    else if ((unsigned)known == from)
        verdict->drop = DROP_self;
    else
        add_to(verdict, (unsigned)known);
}

enum tag_change switch_tag_change(const struct net_switch *sw, const struct verdict *verdict,
                                  unsigned port)
{
    /* The uplink's own VLAN is 0, so all others have tags there. */
    bool tagged = verdict->vlan != sw->ports[port].vlan;

    if (tagged == verdict->tagged)
        return TAG_KEEP;
    return tagged ? TAG_ADD : TAG_STRIP;
}

void switch_tag(const struct verdict *verdict, uint8_t tag[VLAN_BYTES])
{
    tag[0] = 0x81; /* 802.1Q */
    tag[1] = 0x00;
    tag[2] = (uint8_t)(verdict->vlan >> 8);
    tag[3] = (uint8_t)verdict->vlan;
}

unsigned switch_learnt(const struct net_switch *sw, unsigned port)
{
    return sw->ports[port].learnt;
}
