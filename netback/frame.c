// SPDX-License-Identifier: GPL-2.0-only
/* The head of an Ethernet frame. */
#include "netback/frame.h"

#include <string.h>

#define ETH_HEADER  14
#define ETH_VLAN    0x8100 /* a tag of 802.1Q */
#define ETH_SERVICE 0x88a8 /* and of 802.1ad, which carries another inside */
#define ETH_QINQ    0x9100 /* what some took for the latter before there was a number */
#define VLAN_ID     0xfff  /* the rest is priority */

static const char *const texts[NR_DROPS] = {
    [DROP_NOT] = "not dropped",
#define DROP(name, text) [DROP_##name] = text,
#include "netback/drop.def"
#undef DROP
};

static const char *const names[NR_DROPS] = {
    [DROP_NOT] = "not",
#define DROP(name, text) [DROP_##name] = #name,
#include "netback/drop.def"
#undef DROP
};

const char *drop_text(enum drop why)
{
    return texts[why];
}

const char *drop_name(enum drop why)
{
    return names[why];
}

static uint16_t be16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static bool is_tag(uint16_t type)
{
    return type == ETH_VLAN || type == ETH_SERVICE || type == ETH_QINQ;
}

enum drop frame_parse(struct frame *frame, const struct frame_bytes *bytes)
{
    static const uint8_t nobody[MAC_LEN];
    const uint8_t *at = bytes->at;

    *frame = (struct frame){.payload = ETH_HEADER};
    if (bytes->len < ETH_HEADER)
        return DROP_cut;
    memcpy(frame->to, at, MAC_LEN);
    memcpy(frame->from, at + MAC_LEN, MAC_LEN);
    frame->type = be16(at + 12);
    if (is_tag(frame->type)) {
        if (bytes->len < ETH_HEADER + VLAN_BYTES)
            return DROP_cut;
        if (frame->type != ETH_VLAN || is_tag(be16(at + 16)))
            return DROP_tags;
        frame->tagged = true;
        frame->vlan = be16(at + 14) & VLAN_ID;
        frame->type = be16(at + 16);
        frame->payload += VLAN_BYTES;
    }
    if (mac_is_group(frame->from) || memcmp(frame->from, nobody, MAC_LEN) == 0)
        return DROP_source_group;
    return DROP_NOT;
}
