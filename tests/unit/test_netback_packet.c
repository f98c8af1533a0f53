/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: netback/ring.c netback/packet.c netback/place.c netback/offload.c
// LIBS: -I.
/* What a guest puts into its TX ring becomes a packet within its pages or is refused with all its
 * slots counted; a packet is laid into a receiver's pages with each byte once and in few slots;
 * what a guest leaves to others of checksums and segments is true of the packet's headers or
 * refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "netback/offload.h"
#include "netback/packet.h"
#include "netback/place.h"

static union {
    struct netif_tx_sring ring;
    uint8_t bytes[4096];
} page;
static union netif_tx_sring_entry *slots; /* those of the page */
static struct ring ring;
static struct packet packet;
static const char *reason;

static unsigned seed = 9;
static unsigned any(unsigned below)
{
    return (unsigned)rand_r(&seed) % below;
}

static void fresh(void)
{
    memset(&page, 0, sizeof(page));
    slots = page.ring.ring;
    ring = (struct ring){.page = &page};
}

static void put(uint16_t flags, uint32_t ref, uint16_t offset, uint16_t size)
{
    uint32_t at = page.ring.req_prod++;
    slots[at & 255].req = (struct netif_tx_request){ref, offset, flags, (uint16_t)(at + 100), size};
}

static void put_gso(uint8_t type, uint16_t mss, uint8_t flags)
{
    struct netif_extra_info extra = {.type = XEN_NETIF_EXTRA_TYPE_GSO, .flags = flags};
    extra.u.gso.type = type;
    extra.u.gso.size = mss;
    memcpy(&slots[page.ring.req_prod++ & 255], &extra, sizeof(extra));
}

static enum packet_found take(void)
{
    return packet_take(&ring, &packet, &reason);
}

static void test_good(void **state)
{
    (void)state;
    fresh();
    assert_int_equal(take(), PACKET_NONE);
    put(NETTXF_csum_blank | NETTXF_data_validated, 5, 100, 60);
    assert_int_equal(take(), PACKET_GOOD);
    assert_int_equal(packet.nr_pieces, 1);
    assert_int_equal(packet.pieces[0].offset, 100);
    assert_true(packet.offload.blank && packet.offload.validated && !packet.offload.gso);
    put(NETTXF_more_data | NETTXF_extra_info, 1, 0, 5000);
    put_gso(XEN_NETIF_GSO_TYPE_TCPV4, 1448, 0);
    put(NETTXF_more_data, 2, 96, 4000);
    put(NETTXF_more_data, 9, 0, 0); /* empty: it has an answer and no bytes */
    put(0, 3, 0, 900);
    assert_int_equal(take(), PACKET_GOOD);
    assert_int_equal(packet.size, 5000);
    assert_int_equal(packet.nr_pieces, 3);
    assert_int_equal(packet.pieces[0].len, 100);
    assert_int_equal(packet.pieces[2].ref, 3);
    assert_int_equal(packet.offload.mss, 1448);
    assert_int_equal(packet.nr_slots, 5);
    assert_true(packet.slots[1].extra && !packet.slots[2].extra);
    assert_int_equal(packet.slots[4].id, 105);
    for (unsigned i = 0; i < 18; i++)
        put(i < 17 ? NETTXF_more_data : 0, i, 0, i ? 3000 : 54000);
    assert_int_equal(take(), PACKET_GOOD);
    assert_int_equal(packet.nr_pieces, 18);
    assert_int_equal(packet.pieces[0].len, 3000);
    assert_int_equal(take(), PACKET_NONE);
}

static void refuse(enum packet_found found, unsigned slots, const char *why)
{
    assert_int_equal(take(), found);
    assert_string_equal(reason, why);
    assert_int_equal(packet.nr_slots, slots);
    fresh();
}

static void test_bad(void **state)
{
    (void)state;
    fresh();
    put(0, 1, 0, 13);
    refuse(PACKET_BAD, 1, "a packet is too short");
    put(0, 1, 4090, 60);
    refuse(PACKET_BAD, 1, "a piece crosses its page");
    put(0, 1, 65535, 60);
    refuse(PACKET_BAD, 1, "a piece crosses its page");
    put(NETTXF_more_data, 1, 0, 6000);
    put(0, 1, 1, 4096);
    refuse(PACKET_BAD, 2, "a piece crosses its page");
    put(NETTXF_more_data, 1, 0, 100);
    put(0, 1, 0, 101);
    refuse(PACKET_BAD, 2, "pieces are more than the packet");
    put(NETTXF_more_data, 1, 0, 100);
    put(0, 1, 0, 100);
    refuse(PACKET_BAD, 2, "the first piece is empty");
    for (unsigned i = 0; i < 19; i++)
        put(i < 18 ? NETTXF_more_data : 0, 1, 0, i ? 100 : 2000);
    refuse(PACKET_BAD, 19, "a packet has too many pieces");
    put(NETTXF_extra_info, 1, 0, 100);
    put_gso(3, 1448, 0);
    refuse(PACKET_BAD, 2, "no such kind of segments");
    put(NETTXF_extra_info, 1, 0, 100);
    put_gso(1, 0, 0);
    refuse(PACKET_BAD, 2, "segments of no size, or said twice");
    put(NETTXF_extra_info, 1, 0, 100);
    put_gso(1, 9, XEN_NETIF_EXTRA_FLAG_MORE);
    put_gso(1, 9, 0);
    refuse(PACKET_BAD, 3, "segments of no size, or said twice");
    put(NETTXF_extra_info, 1, 0, 0);
    slots[page.ring.req_prod++].req.gref = XEN_NETIF_EXTRA_TYPE_MCAST_ADD;
    refuse(PACKET_BAD, 2, "multicast lists are not offered");
}

static void test_broken(void **state)
{
    (void)state;
    fresh();
    put(NETTXF_more_data, 1, 0, 100);
    refuse(PACKET_BROKEN, 1, "a packet ends in the middle");
    put(NETTXF_extra_info, 1, 0, 100);
    refuse(PACKET_BROKEN, 1, "a packet ends in the middle");
    for (unsigned i = 0; i < 40; i++)
        put(NETTXF_more_data, 1, 0, 100);
    refuse(PACKET_BROKEN, 32, "a packet has too many slots");
    page.ring.req_prod = 257;
    assert_int_equal(take(), PACKET_BROKEN);
    page.ring.req_prod = (uint32_t)-1;
    assert_int_equal(take(), PACKET_BROKEN);
}

/* The event is asked for such that none is lost, and given where it was asked for. */
static void test_events(void **state)
{
    (void)state;
    fresh();
    assert_false(ring_wait(&ring, 1));
    assert_int_equal(page.ring.req_event, 1);
    assert_false(ring_wait(&ring, 3));
    assert_int_equal(page.ring.req_event, 3);
    put(0, 1, 0, 100);
    put(0, 1, 0, 100);
    assert_false(ring_wait(&ring, 3));
    assert_true(ring_wait(&ring, 2));
    take();
    take();
    page.ring.rsp_event = 2;
    ring_answer_tx(&ring, 100, 0);
    assert_false(ring_publish(&ring));
    ring_answer_tx(&ring, 101, 0);
    assert_true(ring_publish(&ring));
    assert_int_equal(ring_seen_responses(&ring), 2);
}

/* ---- laying it into pages */

static void check_plan(const uint32_t *lens, unsigned nr)
{
    struct place p;
    uint32_t total = 0;
    uint32_t done[PLACE_PIECES] = {0};
    unsigned piece = 0;
    uint32_t used[PLACE_MAX_SLOTS] = {0};
    for (unsigned i = 0; i < nr; i++)
        total += lens[i];
    if (!place_plan(lens, nr, &p)) {
        assert_true(nr > 18 || total > 18 * 4096 / 2);
        return;
    }
    assert_in_range(p.nr_slots, 1, 18);
    for (unsigned i = 0; i < p.nr_steps; i++) {
        struct place_step s = p.steps[i];
        while (done[piece] == lens[piece]) /* in order, each byte once */
            piece++;
        assert_int_equal(s.piece, piece);
        assert_int_equal(s.from, done[piece]);
        assert_int_equal(s.to, used[s.slot]);
        assert_true(s.len > 0 && s.to + s.len <= 4096 && s.slot < p.nr_slots);
        if (i > 0)
            assert_in_range(s.slot - p.steps[i - 1].slot, 0, 1);
        done[piece] += s.len;
        used[s.slot] += s.len;
    }
    assert_memory_equal(done, lens, nr * sizeof(done[0]));
    for (unsigned i = 0; i < p.nr_slots; i++)
        assert_int_equal(p.used[i], used[i]);
}

static void test_place(void **state)
{
    struct place p;
    uint32_t lens[PLACE_PIECES] = {192, 1322};
    (void)state;
    assert_true(place_plan(lens, 2, &p));
    assert_int_equal(p.nr_slots, 1);
    assert_int_equal(p.nr_steps, 2);
    lens[1] = 65535 - 192; /* a buffer of ours */
    assert_true(place_plan(lens, 2, &p));
    assert_int_equal(p.nr_slots, 16);
    lens[0] =
        65535 + 18; /* what dom0 may send: in one piece, the Ethernet header beside the most */
    check_plan(lens, 1);
    assert_true(place_plan(lens, 1, &p));
    lens[0] = 66; /* what Linux sends: headers, then whole pages */
    for (unsigned i = 1; i < 17; i++)
        lens[i] = 4096;
    assert_true(place_plan(lens, 17, &p));
    assert_int_equal(p.nr_slots, 17);
    assert_int_equal(p.nr_steps, 17);
    for (int n = 0; n < 100000; n++) {
        unsigned nr = 1 + any(19);
        for (unsigned i = 0; i < nr; i++)
            lens[i] = any(4) ? any(4097) : any(20) + 1;
        if (any(8) == 0)
            lens[any(nr)] = 1 + any(60000);
        lens[0] += !lens[0];
        check_plan(lens, nr);
    }
}

/* Whatever a guest's packet of at most 18 pieces and 65,535 bytes: with its head cut out, it fits.
 */
static void test_place_always(void **state)
{
    (void)state;
    for (int n = 0; n < 200000; n++) {
        uint32_t lens[PLACE_PIECES];
        struct place p;
        uint32_t total = 0;
        unsigned nr = 1 + any(18);
        unsigned out = 1;
        uint32_t head = 192;
        for (unsigned i = 0; i < nr; i++) {
            uint32_t len = any(3) ? 1 + any(4096) : 1 + any(any(2) ? 4 : 2200);
            if (any(5) == 0)
                len = 4096;
            if (total + len > 65535)
                break;
            total += len;
            uint32_t cut = len < head ? len : head;
            head -= cut;
            if (len > cut)
                lens[out++] = len - cut;
        }
        lens[0] = 192 - head;
        assert_true(place_plan(lens, out, &p));
    }
}

/* ---- checksums and segments */

static uint8_t head[192];

static unsigned make(bool v6, uint8_t proto, bool vlan)
{
    unsigned l3 = vlan ? 18 : 14;
    memset(head, 0, sizeof(head));
    if (vlan)
        memcpy(head + 12, "\x81\x00\x00\x05", 4);
    memcpy(head + l3 - 2, v6 ? "\x86\xdd" : "\x08\x00", 2);
    head[l3] = v6 ? 0x60 : 0x45;
    head[l3 + (v6 ? 6 : 9)] = proto;
    for (unsigned i = 0; i < (v6 ? 32u : 8u); i++)
        head[l3 + (v6 ? 8 : 12) + i] = (uint8_t)(i * 37 + 200);
    unsigned l4 = l3 + (v6 ? 40 : 20);
    head[l4 + 12] = 0x80; /* 32 bytes */
    return l4;
}

static struct virtio_net_hdr virtio;

static bool offered(struct offload o, unsigned len, uint32_t size)
{
    return offload_from_guest(head, len, size, &o, &virtio, &reason);
}

static void test_offload(void **state)
{
    const struct offload blank = {.blank = true, .validated = true};
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        bool v6 = i & 1;
        bool udp = i & 2;
        unsigned l4 = make(v6, udp ? 17 : 6, i & 4);
        struct offload gso = {true, true, (uint8_t)(1 + v6), 1448};
        assert_true(offered((struct offload){0}, 192, 1500));
        assert_int_equal(virtio.flags, 0);
        assert_true(offered((struct offload){.validated = true}, 192, 1500));
        assert_int_equal(virtio.flags, VIRTIO_NET_HDR_F_DATA_VALID);
        assert_true(offered(blank, l4 + 20, 1500));
        assert_int_equal(virtio.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
        assert_int_equal(virtio.csum_start, l4);
        assert_int_equal(virtio.csum_offset, udp ? 6 : 16);
        assert_int_equal(virtio.gso_type, 0);
        assert_false(offered(blank, l4 + 7, 1500)); /* the header is not there */
        assert_int_equal(offered(gso, 192, 60000), !udp);
        gso.gso = (uint8_t)(2 - v6);
        assert_false(offered(gso, 192, 60000)); /* the other IP */
        gso.gso = (uint8_t)(1 + v6);
        if (udp)
            continue;
        offered(gso, 192, 60000);
        assert_int_equal(virtio.gso_type, v6 ? 4 : 1);
        assert_int_equal(virtio.gso_size, 1448);
        assert_int_equal(virtio.hdr_len, l4 + 32);
        assert_false(offered(gso, 192, l4 + 32)); /* nothing behind the headers */
        assert_false(offered(gso, l4 + 31, 60000));
        head[l4 + 12] = 0x40;
        assert_false(offered(gso, 192, 60000));
        head[l4 + 12] = 0x80;
        /* without "blank" the checksum becomes the pseudo header's */
        struct offload o = {.gso = (uint8_t)(1 + v6), .mss = 1448};
        assert_true(offload_from_guest(head, 192, 60000, &o, &virtio, &reason));
        uint64_t sum = 6 + 60000 - l4;
        unsigned l3 = (i & 4) ? 18 : 14;
        for (unsigned a = 0; a < (v6 ? 32u : 8u); a += 2)
            sum += head[l3 + (v6 ? 8 : 12) + a] * 256u + head[l3 + (v6 ? 8 : 12) + a + 1];
        assert_int_equal(sum % 65535, (head[l4 + 16] * 256u + head[l4 + 17]) % 65535);
        assert_true(o.blank);
    }
    make(false, 1, false);
    assert_false(offered(blank, 192, 1500)); /* ICMP */
    make(false, 17, false);
    head[20] = 0x20; /* a fragment */
    assert_false(offered(blank, 192, 1500));
    make(false, 6, false);
    head[14] = 0x44; /* a header of 16 bytes */
    assert_false(offered(blank, 192, 1500));
    make(true, 0, false); /* one option header, then TCP */
    head[54] = 6;
    assert_true(offered(blank, 192, 1500));
    assert_int_equal(virtio.csum_start, 62);
    head[55] = 20; /* which reaches beyond */
    assert_false(offered(blank, 192, 1500));
    memset(head, 0xff, sizeof(head));
    assert_false(offered(blank, 192, 1500));
    for (int n = 0; n < 200000; n++) { /* whatever it is, nothing outside is read */
        unsigned len = 14 + any(179);
        uint8_t *copy = malloc(len);
        make(any(2), any(2) ? 6 : (uint8_t)any(64), any(2));
        for (unsigned i = any(6); i > 0; i--)
            head[12 + any(60)] = (uint8_t)any(256);
        memcpy(copy, head, len);
        struct offload o = {any(2), any(2), (uint8_t)any(3), (uint16_t)any(65536)};
        if (offload_from_guest(copy, len, len + any(1000), &o, &virtio, &reason) && o.blank)
            assert_true(virtio.csum_start + virtio.csum_offset + 2u <= len);
        free(copy);
    }
}

static void test_from_host(void **state)
{
    struct offload o;
    (void)state;
    virtio = (struct virtio_net_hdr){.flags = 1, .gso_type = 0x81, .gso_size = 1448};
    assert_true(offload_from_host(&virtio, &o));
    assert_true(o.blank && o.validated && o.gso == 1 && o.mss == 1448);
    virtio = (struct virtio_net_hdr){.flags = 2, .gso_size = 9};
    assert_true(offload_from_host(&virtio, &o));
    assert_true(!o.blank && o.validated && !o.gso && !o.mss);
    virtio.gso_type = 3; /* UDP: not agreed on */
    assert_false(offload_from_host(&virtio, &o));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),    cmocka_unit_test(test_bad),
        cmocka_unit_test(test_broken),  cmocka_unit_test(test_events),
        cmocka_unit_test(test_place),   cmocka_unit_test(test_place_always),
        cmocka_unit_test(test_offload), cmocka_unit_test(test_from_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
