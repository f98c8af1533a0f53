// SPDX-License-Identifier: GPL-2.0-only
/* Checksums and segments by hand: see segment.h. */
#include <string.h>

#include "netback/segment.h"

#define ETH_BYTES    14u
#define ETH_TYPE     12u
#define VLAN_BYTES   4u
#define IPV4_MIN     20u
#define IPV6_MIN     40u
#define TCP_MIN      20u
#define TCP_SEQUENCE 4u /* offsets in the header */
#define TCP_LENGTH   12u
#define TCP_FLAGS    13u
#define TCP_CHECKSUM 16u
#define TCP_FIN      0x01u
#define TCP_PSH      0x08u
#define TCP_CWR      0x80u

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint32_t sum(const uint8_t *at, uint32_t len, uint32_t start)
{
    uint64_t total = start;
    uint32_t i = 0;
    for (; i + 1 < len; i += 2)
        total += get16(at + i);
    if (i < len)
        total += (uint32_t)at[i] << 8;
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    return (uint32_t)total;
}

bool segment_checksum(uint8_t *frame, uint32_t size, const struct virtio_net_hdr *virtio)
{
    uint32_t start = virtio->csum_start;
    uint32_t field = start + virtio->csum_offset;
    if (field + 2 > size)
        return false;
    /* The field has the pseudo header's sum, so that it is part of what is summed. */
    uint32_t value = ~sum(frame + start, size - start, 0) & 0xffff;
    put16(frame + field, value ? value : 0xffff); /* 0 would be "none" in UDP */
    return true;
}

/* The two headers of a segment of @len bytes, copied from the whole's, become its own. */
static void fix_headers(uint8_t *out, uint32_t len, unsigned l3, unsigned l4, unsigned index,
                        uint32_t at, bool last)
{
    uint8_t *ip = out + l3;
    uint8_t *tcp = out + l4;
    uint32_t pseudo = 6 + (len - l4); /* TCP's number */
    uint32_t sequence = (get16(tcp + TCP_SEQUENCE) << 16 | get16(tcp + TCP_SEQUENCE + 2)) + at;
    if (ip[0] >> 4 == 4) {
        put16(ip + 2, len - l3);
        put16(ip + 4, get16(ip + 4) + index);
        put16(ip + 10, 0);
        put16(ip + 10, ~sum(ip, l4 - l3, 0));
        pseudo = sum(ip + 12, 8, pseudo);
    } else {
        put16(ip + 4, len - l3 - IPV6_MIN);
        pseudo = sum(ip + 8, 32, pseudo);
    }
    put16(tcp + TCP_SEQUENCE, sequence >> 16);
    put16(tcp + TCP_SEQUENCE + 2, sequence);
    if (!last)
        tcp[TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
    if (index > 0)
        tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
    put16(tcp + TCP_CHECKSUM, 0);
    put16(tcp + TCP_CHECKSUM, ~sum(tcp, len - l4, pseudo));
}

uint32_t segment_make(const uint8_t *frame, uint32_t size, const struct virtio_net_hdr *virtio,
                      unsigned index, uint8_t *out)
{
    unsigned l4 = virtio->csum_start;
    unsigned l3 = ETH_BYTES;
    if (size < ETH_BYTES + VLAN_BYTES || l4 + TCP_MIN > size || virtio->gso_size == 0)
        return 0;
    if (get16(frame + ETH_TYPE) == 0x8100)
        l3 += VLAN_BYTES;
    unsigned least = frame[l3] >> 4 == 4 ? IPV4_MIN : IPV6_MIN;
    unsigned headers = l4 + (frame[l4 + TCP_LENGTH] >> 4) * 4u;
    uint32_t at = index * (uint32_t)virtio->gso_size;
    if (l4 < l3 + least || headers < l4 + TCP_MIN || headers >= size || at >= size - headers)
        return 0;
    uint32_t left = size - headers - at;
    uint32_t len = left < virtio->gso_size ? left : virtio->gso_size;
    memcpy(out, frame, headers);
    memcpy(out + headers, frame + headers + at, len);
    fix_headers(out, headers + len, l3, l4, index, at, left == len);
    return headers + len;
}
