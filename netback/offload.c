// SPDX-License-Identifier: GPL-2.0-only
/* Finds the layers of a packet and says what is left to do: see offload.h. */
#include <stddef.h>
#include <string.h>

#include "netback/offload.h"

#define TYPE_AT    12u
#define TYPE_VLAN  0x8100u
#define TYPE_IPV4  0x0800u
#define TYPE_IPV6  0x86ddu
#define VLAN_BYTES 4u

#define PROTO_HOP     0u
#define PROTO_TCP     6u
#define PROTO_UDP     17u
#define PROTO_ROUTING 43u
#define PROTO_OPTIONS 60u

#define TCP_MIN       20u
#define TCP_CHECKSUM  16u /* offset of the field */
#define TCP_LENGTH    12u /* of the header, in the upper half of this byte, words of four */
#define UDP_BYTES     8u
#define UDP_CHECKSUM  6u
#define IPV4_FRAGMENT 0x3fffu /* more fragments, or not the first */

struct layers {
    bool v6;
    uint8_t proto;
    unsigned l3; /* offsets */
    unsigned l4;
};

static unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static bool find_v4(const uint8_t *head, unsigned len, struct layers *l)
{
    const uint8_t *ip = head + l->l3;
    if (l->l3 + 20 > len || ip[0] >> 4 != 4 || (ip[0] & 15) < 5 || (get16(ip + 6) & IPV4_FRAGMENT))
        return false;
    l->l4 = l->l3 + (ip[0] & 15u) * 4;
    l->proto = ip[9];
    return true;
}

static bool find_v6(const uint8_t *head, unsigned len, struct layers *l)
{
    const uint8_t *ip = head + l->l3;
    if (l->l3 + 40 > len || ip[0] >> 4 != 6)
        return false;
    l->v6 = true;
    l->l4 = l->l3 + 40;
    l->proto = ip[6];
    while (l->proto == PROTO_HOP || l->proto == PROTO_ROUTING || l->proto == PROTO_OPTIONS) {
        if (l->l4 + 8 > len)
            return false;
        l->proto = head[l->l4];
        l->l4 += (head[l->l4 + 1] + 1u) * 8;
    }
    return true;
}

static bool find_layers(const uint8_t *head, unsigned len, struct layers *l)
{
    unsigned at = TYPE_AT;
    *l = (struct layers){0};
    if (at + 2 + VLAN_BYTES > len)
        return false;
    if (get16(head + at) == TYPE_VLAN)
        at += VLAN_BYTES;
    unsigned type = get16(head + at);
    l->l3 = at + 2;
    if (type == TYPE_IPV4)
        return find_v4(head, len, l);
    return type == TYPE_IPV6 && find_v6(head, len, l);
}

static uint32_t sum_of(const uint8_t *at, unsigned len)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < len; i += 2)
        sum += get16(at + i);
    return sum;
}

/* The checksum field as the kernel leaves it: the sum of the pseudo header, not inverted. */
static void put_pseudo_sum(uint8_t *head, const struct layers *l, uint32_t size)
{
    uint32_t sum = l->proto + (size - l->l4);
    sum += l->v6 ? sum_of(head + l->l3 + 8, 32) : sum_of(head + l->l3 + 12, 8);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    head[l->l4 + TCP_CHECKSUM] = (uint8_t)(sum >> 8);
    head[l->l4 + TCP_CHECKSUM + 1] = (uint8_t)sum;
}

static const char *check_gso(uint8_t *head, unsigned len, uint32_t size, struct offload *offload,
                             const struct layers *l, struct virtio_net_hdr *virtio)
{
    if (l->proto != PROTO_TCP || l->v6 != (offload->gso == XEN_NETIF_GSO_TYPE_TCPV6))
        return "segments of what is no TCP of that kind";
    unsigned headers = l->l4 + (head[l->l4 + TCP_LENGTH] >> 4) * 4u;
    if (headers < l->l4 + TCP_MIN || headers > len || headers >= size)
        return "a TCP header that is too short or too long";
    if (!offload->blank)
        put_pseudo_sum(head, l, size);
    offload->blank = offload->validated = true;
    virtio->gso_type = l->v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
    virtio->gso_size = offload->mss;
    virtio->hdr_len = (uint16_t)headers;
    return NULL;
}

bool offload_from_guest(uint8_t *head, unsigned len, uint32_t size, struct offload *offload,
                        struct virtio_net_hdr *virtio, const char **reason)
{
    struct layers l;
    *virtio = (struct virtio_net_hdr){0};
    if (!offload->blank && !offload->gso) {
        if (offload->validated)
            virtio->flags = VIRTIO_NET_HDR_F_DATA_VALID;
        return true;
    }
    *reason = "a checksum is left to us, but not that of TCP or UDP";
    if (!find_layers(head, len, &l))
        return false;
    unsigned field = l.proto == PROTO_TCP ? TCP_CHECKSUM : UDP_CHECKSUM;
    unsigned bytes = l.proto == PROTO_TCP ? TCP_MIN : UDP_BYTES;
    if ((l.proto != PROTO_TCP && l.proto != PROTO_UDP) || l.l4 + bytes > len)
        return false;
    if (offload->gso && (*reason = check_gso(head, len, size, offload, &l, virtio)))
        return false;
    virtio->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    virtio->csum_start = (uint16_t)l.l4;
    virtio->csum_offset = (uint16_t)field;
    return true;
}

bool offload_from_host(const struct virtio_net_hdr *virtio, struct offload *offload)
{
    *offload = (struct offload){0};
    offload->blank = virtio->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
    offload->validated =
        virtio->flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID);
    offload->mss = virtio->gso_size;
    switch (virtio->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_NONE: offload->mss = 0; return true;
    case VIRTIO_NET_HDR_GSO_TCPV4: offload->gso = XEN_NETIF_GSO_TYPE_TCPV4; return true;
    case VIRTIO_NET_HDR_GSO_TCPV6: offload->gso = XEN_NETIF_GSO_TYPE_TCPV6; return true;
    default: return false;
    }
}
