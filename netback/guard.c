// SPDX-License-Identifier: GPL-2.0-only
/* What a guest says of itself in Ethernet, ARP, IPv4, IPv6, neighbour discovery and DHCP: see
 * guard.h.
 *
 * Every read of the frame goes through look(), which knows how much of it is at hand.  What a
 * receiver could read and we cannot (a chain of headers that goes on behind the bytes at hand,
 * ports in a later fragment) is dropped.
 */
#include "netback/guard.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Ethernet's ARP: RFC 826. */
#define ARP_BYTES     28
#define ARP_SENDER    8 /* MAC, then IPv4 */
#define ARP_SENDER_IP 14

#define IP4_BYTES  20
#define IP4_SOURCE 12
#define IP4_DEST   16
#define IP6_BYTES  40
#define IP6_SOURCE 8
#define IP6_LEN    16

#define PROTO_HOP_BY_HOP 0
#define PROTO_UDP        17
#define PROTO_ROUTING    43
#define PROTO_FRAGMENT   44
#define PROTO_AH         51
#define PROTO_ICMP6      58
#define PROTO_OPTIONS    60
#define MAX_EXTENSIONS   8 /* RFC 8200 knows fewer; each at most once but one */

#define UDP_PORTS         4
#define PORT_BOOTPS       67
#define PORT_BOOTPC       68
#define PORT_DHCP6_CLIENT 546

/* ICMPv6: RFC 4861 and 3810. */
#define MLD_REPORT        131
#define MLD_DONE          132
#define ND_ROUTER_SOLICIT 133
#define ND_ROUTER_ADVERT  134
#define ND_SOLICIT        135
#define ND_ADVERT         136
#define ND_REDIRECT       137
#define MLD2_REPORT       143
#define ND_TARGET         8
#define ND_OPTION_SOURCE  1
#define ND_OPTION_TARGET  2
#define ND_OPTION_UNIT    8

struct view {
    const struct guard *guard;
    const uint8_t *at;
    size_t len;
    size_t whole;
    enum drop why; /* of a look() that failed */
};

/* @n bytes from @offset on, or NULL: then view->why is set. */
static const uint8_t *look(struct view *v, size_t offset, size_t n)
{
    if (offset + n <= v->len)
        return v->at + offset;
    v->why = offset + n <= v->whole ? DROP_deep : DROP_cut;
    return NULL;
}

static uint16_t be16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static bool is_zero(const uint8_t *at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (at[i])
            return false;
    return true;
}

/* ---- addresses */

static bool has_prefix(const uint8_t *address, const struct guard_address *prefix)
{
    unsigned bytes = prefix->bits / 8, rest = prefix->bits % 8;
    uint8_t mask = (uint8_t)(0xff00 >> rest);

    return memcmp(address, prefix->bytes, bytes) == 0 &&
           (rest == 0 || (address[bytes] & mask) == (prefix->bytes[bytes] & mask));
}

static bool is_known(const struct guard *guard, const uint8_t *address, bool is_v6)
{
    for (unsigned i = 0; i < guard->nr_addresses; i++)
        if (guard->addresses[i].is_v6 == is_v6 && has_prefix(address, &guard->addresses[i]))
            return true;
    return false;
}

static bool may_say_v4(const struct guard *guard, const uint8_t *address)
{
    return guard->nr_addresses == 0 || is_known(guard, address, false);
}

/* RFC 4291, appendix A: the MAC address with ff:fe in the middle and the second lowest bit turned.
 */
static bool is_link_local(const uint8_t mac[MAC_LEN], const uint8_t *address)
{
    const uint8_t wanted[IP6_LEN] = {0xfe, 0x80, [8] = mac[0] ^ 2, mac[1], mac[2],
                                     0xff, 0xfe, mac[3],           mac[4], mac[5]};

    return memcmp(address, wanted, IP6_LEN) == 0;
}

static bool may_say_v6(const struct guard *guard, const uint8_t *address)
{
    return guard->nr_addresses == 0 || is_link_local(guard->mac, address) ||
           is_known(guard, address, true);
}

/* ---- ARP and RARP */

static enum drop check_arp(struct view *v, size_t at, bool reverse)
{
    static const uint8_t ethernet_ipv4[] = {0, 1, 8, 0, MAC_LEN, 4};
    const uint8_t *arp = look(v, at, ARP_BYTES);

    if (!arp)
        return v->why;
    if (memcmp(arp, ethernet_ipv4, sizeof(ethernet_ipv4)) != 0 ||
        memcmp(arp + ARP_SENDER, v->guard->mac, MAC_LEN) != 0)
        return DROP_arp;
    /* Nobody yet: a probe (RFC 5227), and a switch being told of a move by RARP. */
    if (is_zero(arp + ARP_SENDER_IP, 4))
        return DROP_NOT;
    return !reverse && may_say_v4(v->guard, arp + ARP_SENDER_IP) ? DROP_NOT : DROP_arp;
}

/* ---- IPv4 */

static enum drop check_ipv4(struct view *v, size_t at)
{
    const uint8_t *ip = look(v, at, IP4_BYTES);
    const uint8_t *ports;
    size_t header;
    uint16_t fragment;
    bool asks_dhcp = false;

    if (!ip)
        return v->why;
    header = (ip[0] & 15u) * 4;
    if (ip[0] >> 4 != 4 || header < IP4_BYTES)
        return DROP_ipv4;
    fragment = be16(ip + 6) & 0x1fff;
    if (ip[9] == PROTO_UDP && fragment == 0) {
        ports = look(v, at + header, UDP_PORTS);
        if (!ports)
            return v->why;
        if (be16(ports + 2) == PORT_BOOTPC)
            return DROP_dhcp_server;
        asks_dhcp = be16(ports) == PORT_BOOTPC && be16(ports + 2) == PORT_BOOTPS;
    }
    if (may_say_v4(v->guard, ip + IP4_SOURCE) || (asks_dhcp && is_zero(ip + IP4_SOURCE, 4)))
        return DROP_NOT;
    return DROP_ipv4;
}

/* ---- IPv6 */

/* Options of neighbour discovery, to the end of the packet: the MAC addresses in them are ours. */
static enum drop check_options(struct view *v, size_t at, size_t end, uint8_t kind)
{
    while (at < end) {
        const uint8_t *option = look(v, at, 2);

        if (!option)
            return v->why;
        if (option[1] == 0)
            return DROP_nd;
        if (option[0] == kind) {
            option = look(v, at, ND_OPTION_UNIT);
            if (!option)
                return v->why;
            if (option[1] != 1 || memcmp(option + 2, v->guard->mac, MAC_LEN) != 0)
                return DROP_nd;
        }
        at += (size_t)(option[1] * ND_OPTION_UNIT);
    }
    return DROP_NOT;
}

static bool may_be_nobody(uint8_t type)
{
    return type == ND_ROUTER_SOLICIT || type == ND_SOLICIT || type == MLD_REPORT ||
           type == MLD_DONE || type == MLD2_REPORT;
}

static enum drop check_icmp6(struct view *v, size_t at, size_t end, bool nobody, bool in_fragment)
{
    const uint8_t *icmp = look(v, at, 4);
    bool solicits;

    if (!icmp)
        return v->why;
    if (icmp[0] == ND_ROUTER_ADVERT || icmp[0] == ND_REDIRECT)
        return DROP_router;
    if (nobody && !may_be_nobody(icmp[0]))
        return DROP_ipv6;
    if (icmp[0] != ND_ROUTER_SOLICIT && icmp[0] != ND_SOLICIT && icmp[0] != ND_ADVERT)
        return DROP_NOT;
    if (in_fragment) /* RFC 6980: it must not be */
        return DROP_nd;
    if (icmp[0] == ND_ROUTER_SOLICIT)
        return check_options(v, at + ND_TARGET, end, ND_OPTION_SOURCE);
    icmp = look(v, at, ND_TARGET + IP6_LEN);
    if (!icmp)
        return v->why;
    solicits = icmp[0] == ND_SOLICIT;
    /* Who looks for duplicates of another's address keeps it from having one. */
    if ((!solicits || nobody) && !may_say_v6(v->guard, icmp + ND_TARGET))
        return DROP_nd;
    return check_options(v, at + ND_TARGET + IP6_LEN, end,
                         solicits ? ND_OPTION_SOURCE : ND_OPTION_TARGET);
}

struct chain {
    uint8_t proto; /* behind the extensions */
    size_t at;
    bool in_fragment, is_later; /* the first, or another, of a packet in fragments */
};

/* Walks over the extension headers; false: view->why. */
static bool walk(struct view *v, struct chain *c)
{
    for (unsigned i = 0; i < MAX_EXTENSIONS; i++) {
        const uint8_t *header;

        if (c->proto != PROTO_HOP_BY_HOP && c->proto != PROTO_ROUTING &&
            c->proto != PROTO_OPTIONS && c->proto != PROTO_AH && c->proto != PROTO_FRAGMENT)
            return true;
        header = look(v, c->at, 8);
        if (!header)
            return false;
        if (c->proto == PROTO_FRAGMENT) {
            c->in_fragment = true;
            c->at += 8;
            if (be16(header + 2) >> 3) {
                c->proto = header[0];
                c->is_later = true;
                return true;
            }
        } else if (c->proto == PROTO_AH) {
            c->at += (header[1] + 2u) * 4;
        } else {
            c->at += (header[1] + 1u) * 8;
        }
        c->proto = header[0];
    }
    v->why = DROP_deep;
    return false;
}

static enum drop check_ipv6(struct view *v, size_t at)
{
    const uint8_t *ip = look(v, at, IP6_BYTES);
    const uint8_t *ports;
    struct chain c;
    bool nobody;
    size_t end;

    if (!ip)
        return v->why;
    if (ip[0] >> 4 != 6)
        return DROP_ipv6;
    nobody = is_zero(ip + IP6_SOURCE, IP6_LEN);
    if (!nobody && !may_say_v6(v->guard, ip + IP6_SOURCE))
        return DROP_ipv6;
    end = at + IP6_BYTES + be16(ip + 4);
    if (end > v->whole)
        return DROP_cut;
    /* A jumbogram would be longer than any frame, but Linux then takes all that the frame has. */
    if (end == at + IP6_BYTES && ip[6] == PROTO_HOP_BY_HOP)
        return DROP_deep;
    c = (struct chain){.proto = ip[6], .at = at + IP6_BYTES};
    if (!walk(v, &c))
        return v->why;
    if (c.is_later)
        return nobody ? DROP_ipv6 : DROP_NOT;
    if (c.proto == PROTO_ICMP6)
        return check_icmp6(v, c.at, end, nobody, c.in_fragment);
    if (nobody)
        return DROP_ipv6;
    if (c.proto != PROTO_UDP)
        return DROP_NOT;
    ports = look(v, c.at, UDP_PORTS);
    if (!ports)
        return v->why;
    return be16(ports + 2) == PORT_DHCP6_CLIENT ? DROP_dhcp_server : DROP_NOT;
}

enum drop guard_check(const struct guard *guard, const struct frame_bytes *bytes,
                      const struct frame *frame)
{
    struct view v = {.guard = guard, .at = bytes->at, .len = bytes->len, .whole = bytes->whole};

    if (guard->off)
        return DROP_NOT;
    if (v.len > FRAME_HEAD)
        v.len = FRAME_HEAD;
    if (memcmp(frame->from, guard->mac, MAC_LEN) != 0)
        return DROP_mac;
    if (frame->type < ETH_FIRST_TYPE)
        return DROP_llc;
    switch (frame->type) {
    case ETH_ARP:
    case ETH_RARP: return check_arp(&v, frame->payload, frame->type == ETH_RARP);
    case ETH_IPV4: return check_ipv4(&v, frame->payload);
    case ETH_IPV6: return check_ipv6(&v, frame->payload);
    default: return guard->nr_addresses ? DROP_llc : DROP_NOT;
    }
}

/* ---- configuration */

bool guard_parse_mac(uint8_t mac[MAC_LEN], const char *text)
{
    for (unsigned i = 0; i < MAC_LEN; i++) {
        char digits[3] = {text[0], text[0] ? text[1] : (char)0, 0};

        if (!isxdigit((unsigned char)digits[0]) || !isxdigit((unsigned char)digits[1]))
            return false;
        mac[i] = (uint8_t)strtoul(digits, NULL, 16);
        text += 2;
        if (*text++ != (i + 1 < MAC_LEN ? ':' : 0))
            return false;
    }
    return !mac_is_group(mac) && !is_zero(mac, MAC_LEN);
}

/* One address, with "/bits" or without. */
static bool parse_address(struct guard_address *address, char *text)
{
    char *slash = strchr(text, '/');
    unsigned long bits;
    char *end;

    *address = (struct guard_address){.is_v6 = strchr(text, ':')};
    bits = address->is_v6 ? 128 : 32;
    if (slash) {
        unsigned long most = bits;

        *slash++ = 0;
        bits = strtoul(slash, &end, 10);
        if (!isdigit((unsigned char)*slash) || *end || bits > most)
            return false;
    }
    address->bits = (uint8_t)bits;
    return inet_pton(address->is_v6 ? AF_INET6 : AF_INET, text, address->bytes) == 1;
}

bool guard_parse_addresses(struct guard *guard, const char *text)
{
    char copy[1024], *next = copy, *word;

    guard->nr_addresses = 0;
    if (strlen(text) >= sizeof(copy))
        return false;
    memcpy(copy, text, strlen(text) + 1);
    while ((word = strsep(&next, " ,\t\n"))) {
        if (!*word)
            continue;
        if (guard->nr_addresses == GUARD_ADDRESSES ||
            !parse_address(&guard->addresses[guard->nr_addresses], word)) {
            guard->nr_addresses = 0;
            return false;
        }
        guard->nr_addresses++;
    }
    return true;
}
