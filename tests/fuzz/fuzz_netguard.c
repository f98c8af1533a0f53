/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames of a hostile guest through guard and switch.  Nothing outside of the bytes at hand is
 * read; what is let through has the card's MAC address as its sender, and goes to no port that it
 * may not reach.  The verdict does not depend on how much behind FRAME_HEAD is at hand, nor on
 * bytes there.
 */
// SOURCES: netback/guard.c netback/frame.c netback/switch.c
// LIBS: -I. -Ixenbus -D_GNU_SOURCE
// OPTIONS: -max_len=256
// SHORT: 100000
#include <stdio.h>

#include "fuzz.h"
#include "netback/guard.h"
#include "netback/switch.h"

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static const uint8_t card[MAC_LEN] = {0x00, 0x16, 0x3e, 1, 2, 3};
static const uint8_t other[MAC_LEN] = {0x00, 0x16, 0x3e, 1, 2, 4};

static void forward(const struct frame *frame)
{
    struct net_switch *sw = switch_make(1);
    struct switch_port_config config = {.groups = 10};
    struct verdict verdict;
    unsigned port, second;

    switch_add_uplink(sw, 0);
    memcpy(config.mac, card, MAC_LEN);
    CHECK(switch_add(sw, &config, &port) == SWITCH_OK);
    memcpy(config.mac, other, MAC_LEN);
    config.vlan = 7;
    CHECK(switch_add(sw, &config, &second) == SWITCH_OK);
    switch_decide(sw, port, frame, 0, &verdict);
    CHECK((verdict.drop == DROP_NOT) == (verdict.nr > 0));
    CHECK(!port_set_has(&verdict.to, port) && !port_set_has(&verdict.to, second));
    CHECK(verdict.drop != DROP_NOT || verdict.vlan == 0);
    switch_free(sw);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct guard guard = {0};
    struct frame_bytes bytes;
    struct frame frame;
    enum drop why;
    uint8_t *copy;

    if (size < 2)
        return 0;
    memcpy(guard.mac, card, MAC_LEN);
    if (data[0] & 1)
        CHECK(guard_parse_addresses(&guard, "10.1.2.3 fd00::5 192.168.0.0/17"));
    bytes = (struct frame_bytes){.len = size - 2, .whole = size - 2 + data[1]};
    bytes.at = copy = fuzz_copy(data + 2, size - 2);
    if (bytes.len >= 2 * MAC_LEN && data[0] & 2)
        memcpy(copy + MAC_LEN, card, MAC_LEN);
    why = frame_parse(&frame, &bytes);
    if (why == DROP_NOT) {
        CHECK(frame.payload <= bytes.len);
        why = guard_check(&guard, &bytes, &frame);
        if (bytes.len > FRAME_HEAD) {
            uint8_t *head = fuzz_copy(copy, FRAME_HEAD);
            struct frame_bytes less = {.at = head, .len = FRAME_HEAD, .whole = bytes.whole};

            CHECK(guard_check(&guard, &less, &frame) == why);
            free(head);
        }
    }
    CHECK(why < NR_DROPS && drop_text(why) && drop_name(why));
    if (why == DROP_NOT) {
        CHECK(memcmp(copy + MAC_LEN, card, MAC_LEN) == 0);
        forward(&frame);
    }
    free(copy);
    return 0;
}
