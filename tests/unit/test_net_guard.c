/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: netback/guard.c netback/frame.c netback/rate.c
// LIBS: -I. -Ixenbus -D_GNU_SOURCE
/* A guest can say of itself what its card is, and nothing else: each way to send with another's
 * address, or to be a router or a DHCP server, is refused with its reason, also behind a tag,
 * behind extension headers, in fragments and in frames that end too early; and what an honest Linux
 * sends is let through.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "netback/guard.h"
#include "netback/rate.h"

static struct guard guard;
static uint8_t bytes[2048];
static size_t len;

#define MAC     0x00, 0x16, 0x3e, 1, 2, 3
#define MAC2    0x00, 0x16, 0x3e, 9, 9, 9
#define LINK    0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0x02, 0x16, 0x3e, 0xff, 0xfe, 1, 2, 3
#define LINK2   0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0x02, 0x16, 0x3e, 0xff, 0xfe, 9, 9, 9
#define NOBODY6 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define ALL6    0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1
#define GLOBAL6 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5

static void put(const uint8_t *from, size_t n)
{
    assert_true(len + n <= sizeof(bytes));
    memcpy(bytes + len, from, n);
    len += n;
}

#define PUT(...) put((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* In memory of exactly the length, so that the sanitizer sees a step outside. */
static enum drop judge_part(size_t at_hand)
{
    uint8_t *copy = malloc(at_hand ? at_hand : 1);
    struct frame_bytes b = {.at = copy, .len = at_hand, .whole = len};
    struct frame frame;
    enum drop why;

    memcpy(copy, bytes, at_hand);
    why = frame_parse(&frame, &b);
    if (why == DROP_NOT)
        why = guard_check(&guard, &b, &frame);
    free(copy);
    return why;
}

/* Judges what was put, and begins anew. */
static enum drop judge(void)
{
    enum drop why = judge_part(len);
    len = 0;
    return why;
}

static void bind_to(const char *addresses)
{
    guard = (struct guard){.mac = {MAC}};
    assert_true(guard_parse_addresses(&guard, addresses));
}

static void eth(uint16_t type)
{
    PUT(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, MAC, (uint8_t)(type >> 8), (uint8_t)type);
}

static void arp(const char *mac, const char *ip)
{
    PUT(0, 1, 8, 0, 6, 4, 0, 1);
    put((const uint8_t *)mac, 6);
    put((const uint8_t *)ip, 4);
    PUT(0, 0, 0, 0, 0, 0, 10, 1, 2, 1);
}

static void ip4(uint8_t proto, uint16_t fragment, const char *source)
{
    PUT(0x45, 0, 0, 60, 0, 1, (uint8_t)(fragment >> 8), (uint8_t)fragment, 64, proto, 0, 0);
    put((const uint8_t *)source, 4);
    PUT(10, 1, 2, 9);
}

static void udp(uint16_t from, uint16_t to)
{
    PUT((uint8_t)(from >> 8), (uint8_t)from, (uint8_t)(to >> 8), (uint8_t)to, 0, 8, 0, 0);
}

static const uint8_t link_local[] = {LINK}, link_other[] = {LINK2}, nobody6[] = {NOBODY6},
                     global6[] = {GLOBAL6};

static void ip6(uint8_t next, uint16_t payload, const uint8_t *source)
{
    PUT(0x60, 0, 0, 0, (uint8_t)(payload >> 8), (uint8_t)payload, next, 255);
    put(source, 16);
    PUT(ALL6);
}

static void nd(uint8_t type, const uint8_t *target, uint8_t option, const char *mac)
{
    PUT(type, 0, 0, 0, 0, 0, 0, 0);
    put(target, 16);
    PUT(option, 1);
    put((const uint8_t *)mac, 6);
}
#define ND_BYTES 32

#define OURS      "\x00\x16\x3e\x01\x02\x03"
#define OTHERS    "\x00\x16\x3e\x09\x09\x09"
#define IP_OURS   "\x0a\x01\x02\x03"
#define IP_OTHERS "\x0a\x01\x02\x04"
#define IP_NONE   "\0\0\0\0"

static void test_mac(void **state)
{
    bind_to("");
    PUT(0, 0, 0, 0, 0, 1, MAC2, 0x08, 0x00);
    ip4(6, 0, IP_OURS);
    assert_int_equal(judge(), DROP_mac);
    PUT(0, 0, 0, 0, 0, 1, 0x01, 0, 0x5e, 1, 2, 3, 0x08, 0x00);
    assert_int_equal(judge(), DROP_source_group);
    PUT(0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x08, 0x00);
    assert_int_equal(judge(), DROP_source_group);
    eth(0x0800);
    ip4(6, 0, IP_OTHERS); /* no address is known */
    assert_int_equal(judge(), DROP_NOT);
    eth(0x88b5); /* any other protocol */
    assert_int_equal(judge(), DROP_NOT);
    guard.off = true;
    PUT(0, 0, 0, 0, 0, 1, MAC2, 0x08, 0x00);
    assert_int_equal(judge(), DROP_NOT);
}

static void test_arp(void **state)
{
    bind_to("10.1.2.3");
    eth(0x0806);
    arp(OURS, IP_OURS);
    assert_int_equal(judge(), DROP_NOT);
    eth(0x0806);
    arp(OURS, IP_NONE);
    assert_int_equal(judge(), DROP_NOT);
    eth(0x0806);
    arp(OURS, IP_OTHERS);
    assert_int_equal(judge(), DROP_arp);
    eth(0x0806);
    arp(OTHERS, IP_OURS);
    assert_int_equal(judge(), DROP_arp);
    eth(0x8035);
    arp(OURS, IP_NONE);
    assert_int_equal(judge(), DROP_NOT);
    eth(0x8035);
    arp(OTHERS, IP_NONE);
    assert_int_equal(judge(), DROP_arp);
    eth(0x0806);
    arp(OURS, IP_OURS);
    bytes[14 + 4] = 8; /* addresses of other lengths: the sender's would be elsewhere */
    assert_int_equal(judge(), DROP_arp);
    bind_to("");
    eth(0x0806);
    arp(OTHERS, IP_OURS);
    assert_int_equal(judge(), DROP_arp);
}

static void test_ipv4(void **state)
{
    bind_to("10.1.2.3, 192.168.4.0/23");
    eth(0x0800);
    ip4(6, 0, IP_OURS);
    assert_int_equal(judge(), DROP_NOT);
    eth(0x0800);
    ip4(6, 0, "\xc0\xa8\x05\xff");
    assert_int_equal(judge(), DROP_NOT);
    eth(0x0800);
    ip4(6, 0, "\xc0\xa8\x06\x00");
    assert_int_equal(judge(), DROP_ipv4);
    eth(0x0800);
    ip4(6, 0, IP_OTHERS);
    assert_int_equal(judge(), DROP_ipv4);
    eth(0x0800);
    ip4(17, 0x1fff, IP_OTHERS); /* a later fragment */
    assert_int_equal(judge(), DROP_ipv4);
    eth(0x0800);
    ip4(6, 0, IP_OURS);
    bytes[14] = 0x44; /* a header shorter than there is one */
    assert_int_equal(judge(), DROP_ipv4);
    eth(0x0800);
    ip4(6, 0, IP_OURS);
    bytes[14] = 0x65;
    assert_int_equal(judge(), DROP_ipv4);
    eth(0x86dd); /* and with IPv4 alone, of IPv6 only what is made of the MAC address */
    ip6(58, 8, global6);
    PUT(128, 0, 0, 0, 0, 0, 0, 0);
    assert_int_equal(judge(), DROP_ipv6);
    eth(0x88b5);
    assert_int_equal(judge(), DROP_llc);
}

static void test_dhcp(void **state)
{
    bind_to("10.1.2.3");
    eth(0x0800);
    ip4(17, 0, IP_NONE);
    udp(68, 67);
    assert_int_equal(judge(), DROP_NOT);
    eth(0x0800);
    ip4(17, 0, IP_NONE);
    udp(4000, 67);
    assert_int_equal(judge(), DROP_ipv4);
    eth(0x0800);
    ip4(6, 0, IP_NONE);
    udp(68, 67);
    assert_int_equal(judge(), DROP_ipv4);
    eth(0x0800);
    ip4(17, 0, IP_OURS);
    udp(4000, 68); /* clients look at the destination alone */
    assert_int_equal(judge(), DROP_dhcp_server);
    eth(0x0800);
    ip4(17, 0, IP_OURS);
    bytes[14] = 0x46; /* one option in front of the ports */
    PUT(1, 1, 1, 1);
    udp(67, 68);
    assert_int_equal(judge(), DROP_dhcp_server);
    eth(0x0800);
    ip4(17, 0x2000, IP_OURS); /* a first fragment that has no ports yet */
    PUT(0, 67);
    assert_int_equal(judge(), DROP_cut);
    bind_to("");
    eth(0x86dd);
    ip6(17, 8, link_local);
    udp(547, 546);
    assert_int_equal(judge(), DROP_dhcp_server);
    eth(0x86dd);
    ip6(17, 8, link_local);
    udp(546, 547);
    assert_int_equal(judge(), DROP_NOT);
}

static void test_ipv6(void **state)
{
    static const struct {
        const uint8_t *source;
        enum drop why;
    } sources[] = {
        {link_local, DROP_NOT}, {global6, DROP_NOT}, {link_other, DROP_ipv6}, {nobody6, DROP_ipv6}};

    bind_to("fd00::5");
    for (unsigned i = 0; i < 4; i++) {
        eth(0x86dd);
        ip6(6, 20, sources[i].source);
        PUT(NOBODY6, 0, 0, 0, 0);
        assert_int_equal(judge(), sources[i].why);
    }
    eth(0x86dd); /* what is in the store decides, not the guest: /64 */
    bind_to("fd00::/64");
    ip6(6, 0, global6);
    assert_int_equal(judge(), DROP_NOT);
    eth(0x86dd);
    ip6(6, 40, global6);
    assert_int_equal(judge(), DROP_cut);
}

static void test_nd(void **state)
{
    static const struct {
        uint8_t type;
        const uint8_t *source, *target;
        uint8_t option;
        const char *mac;
        enum drop why;
    } cases[] = {
        {135, link_local, link_other, 1, OURS, DROP_NOT}, /* who has another's address? */
        {135, link_local, link_other, 1, OTHERS, DROP_nd},
        {135, nobody6, link_local, 14, OURS, DROP_NOT}, /* a search for duplicates, with a nonce */
        {135, nobody6, link_other, 14, OURS, DROP_nd},
        {136, link_local, link_local, 2, OURS, DROP_NOT},
        {136, link_local, link_other, 2, OURS, DROP_nd},
        {136, link_local, link_local, 2, OTHERS, DROP_nd},
        {136, nobody6, link_local, 2, OURS, DROP_ipv6},
        {134, link_local, link_local, 1, OURS, DROP_router},
        {137, link_local, link_local, 2, OURS, DROP_router},
        {143, nobody6, link_local, 2, OURS, DROP_NOT}, /* a report of groups */
        {128, nobody6, link_local, 2, OURS, DROP_ipv6},
    };

    bind_to("fd00::5");
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        eth(0x86dd);
        ip6(58, ND_BYTES, cases[i].source);
        nd(cases[i].type, cases[i].target, cases[i].option, cases[i].mac);
        assert_int_equal(judge(), cases[i].why);
    }
    eth(0x86dd);
    ip6(58, ND_BYTES + 8, link_local);
    nd(136, link_local, 200, OURS); /* the false one is the second */
    PUT(2, 1, MAC2);
    assert_int_equal(judge(), DROP_nd);
    eth(0x86dd);
    ip6(58, ND_BYTES + 8, link_local);
    nd(136, link_local, 200, OURS);
    PUT(2, 0, MAC2);
    assert_int_equal(judge(), DROP_nd);
    eth(0x86dd);
    ip6(58, 16, link_local);
    PUT(133, 0, 0, 0, 0, 0, 0, 0, 1, 1, MAC2); /* a router is asked */
    assert_int_equal(judge(), DROP_nd);
    bind_to(""); /* the MAC addresses inside are checked where no address is known, too */
    eth(0x86dd);
    ip6(58, ND_BYTES, link_other);
    nd(136, link_other, 2, OTHERS);
    assert_int_equal(judge(), DROP_nd);
}

static void test_extensions(void **state)
{
    bind_to("fd00::5");
    eth(0x86dd);
    ip6(0, 8 + 16, link_local); /* hop by hop, with a router's advertisement behind */
    PUT(58, 0, 1, 4, 0, 0, 0, 0);
    PUT(134, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    assert_int_equal(judge(), DROP_router);
    eth(0x86dd);
    ip6(44, 8 + ND_BYTES, link_local); /* in one fragment */
    PUT(58, 0, 0, 0, 0, 0, 0, 1);
    nd(136, link_local, 2, OURS);
    assert_int_equal(judge(), DROP_nd);
    eth(0x86dd);
    ip6(44, 16, link_local); /* a later fragment: the first was looked at */
    PUT(17, 0, 1, 0, 0, 0, 0, 1);
    PUT(0, 0, 0, 0, 0, 0, 0, 0);
    assert_int_equal(judge(), DROP_NOT);
    eth(0x86dd);
    ip6(44, 8, link_local); /* the first one, without the ports */
    PUT(17, 0, 0, 1, 0, 0, 0, 1);
    assert_int_equal(judge(), DROP_cut);
    eth(0x86dd);
    ip6(60, 200, link_local); /* options that go on behind the bytes at hand */
    PUT(58, 20, 1, 4, 0, 0, 0, 0);
    memset(bytes + len, 0, 192);
    len += 192;
    assert_int_equal(judge_part(FRAME_HEAD), DROP_deep);
    assert_int_equal(judge(), DROP_deep); /* more at hand does not count */
    eth(0x86dd);
    ip6(0, 9 * 8, link_local); /* a chain without an end */
    for (unsigned i = 0; i < 9; i++)
        PUT(0, 0, 1, 4, 0, 0, 0, 0);
    assert_int_equal(judge(), DROP_deep);
    eth(0x86dd);
    ip6(0, 0, link_local); /* no length, which Linux takes for "all there is" */
    PUT(58, 0, 1, 4, 0, 0, 0, 0);
    nd(136, link_local, 2, OTHERS);
    assert_int_equal(judge(), DROP_deep);
}

static void test_tags(void **state)
{
    struct frame frame;

    bind_to("10.1.2.3");
    eth(0x8100);
    PUT(0x60, 0, 0x08, 0); /* a priority: receivers take it off */
    ip4(6, 0, IP_OTHERS);
    assert_int_equal(judge(), DROP_ipv4);
    eth(0x8100);
    PUT(0xe1, 0x23, 0x08, 0);
    ip4(6, 0, IP_OURS);
    assert_int_equal(frame_parse(&frame, &(struct frame_bytes){bytes, len, len}), DROP_NOT);
    assert_true(frame.tagged);
    assert_int_equal(frame.vlan, 0x123);
    assert_int_equal(frame.type, ETH_IPV4);
    assert_int_equal(judge(), DROP_NOT);
    eth(0x8100);
    PUT(0, 0, 0x81, 0, 0, 0, 8, 0);
    assert_int_equal(judge(), DROP_tags);
    eth(0x88a8);
    PUT(0, 0, 8, 0);
    assert_int_equal(judge(), DROP_tags);
    eth(0x8100);
    assert_int_equal(judge(), DROP_cut);
    eth(46); /* a length: LLC, SNAP */
    PUT(0xaa, 0xaa, 3, 0, 0, 0, 8, 0);
    ip4(6, 0, IP_OTHERS);
    assert_int_equal(judge(), DROP_llc);
}

/* However early a frame ends, nothing behind the end is read (the sanitizer sees it), and nothing
 * is good before it is whole. */
static void test_cut(void **state)
{
    bind_to("10.1.2.3 fd00::5");
    for (unsigned kind = 0; kind < 4; kind++) {
        size_t whole;

        if (kind == 0) {
            eth(0x0806);
            arp(OURS, IP_OURS);
        } else if (kind == 1) {
            eth(0x0800);
            ip4(17, 0, IP_OURS);
            PUT(1, 1, 1, 1);
        } else if (kind == 2) {
            eth(0x86dd);
            ip6(58, ND_BYTES, link_local);
            nd(136, link_local, 2, OURS);
        } else {
            eth(0x86dd);
            ip6(0, 8 + ND_BYTES, nobody6);
            PUT(58, 0, 1, 4, 0, 0, 0, 0);
            nd(135, link_local, 1, OURS);
        }
        whole = len;
        assert_int_equal(judge_part(whole), DROP_NOT);
        for (size_t part = 0; part < whole; part++) {
            enum drop why = judge_part(part); /* the rest is not at hand */

            assert_true(why == DROP_deep || why == DROP_cut);
            len = part; /* there is none */
            assert_int_equal(judge_part(part), DROP_cut);
            len = whole;
        }
        len = 0;
    }
}

static void test_configuration(void **state)
{
    static const char *const bad[] = {"10.1.2",     "10.1.2.3/33", "10.1.2.3/",
                                      "fd00::/129", "fd00::g",     "10.1.2.3/a",
                                      "any",        "1.2.3.4,x",   "1.2.3.4/-1"};
    struct rate rate;
    uint8_t mac[MAC_LEN];
    char many[400] = "";

    for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_false(guard_parse_addresses(&guard, bad[i]));
        assert_int_equal(guard.nr_addresses, 0);
    }
    for (unsigned i = 0; i < GUARD_ADDRESSES; i++)
        strcat(many, "10.0.0.1 ");
    assert_true(guard_parse_addresses(&guard, many));
    assert_int_equal(guard.nr_addresses, GUARD_ADDRESSES);
    strcat(many, "::1");
    assert_false(guard_parse_addresses(&guard, many));
    assert_true(guard_parse_mac(mac, "00:16:3E:0a:ff:01"));
    assert_memory_equal(mac, "\x00\x16\x3e\x0a\xff\x01", MAC_LEN);
    assert_false(guard_parse_mac(mac, "01:16:3e:00:00:01"));
    assert_false(guard_parse_mac(mac, "00:00:00:00:00:00"));
    assert_false(guard_parse_mac(mac, "00:16:3e:00:00"));
    assert_false(guard_parse_mac(mac, "00:16:3e:00:00:01:"));
    assert_false(guard_parse_mac(mac, "0:16:3e:00:00:01"));
    assert_true(rate_parse(&rate, "62500,50000")); /* 10 Mb/s as libxl writes it */
    assert_int_equal(rate.per_second, 1250000);
    assert_int_equal(rate.burst_ns, 50000000);
    assert_true(rate_parse(&rate, "0,50000"));
    assert_int_equal(rate.per_second, 0);
    assert_true(rate_parse(&rate, "18446744073709551615,0"));
    assert_int_equal(rate.per_second, 0);
    assert_true(rate_parse(&rate, "1,4294967295"));
    assert_int_equal(rate.per_second, 1);
    assert_false(rate_parse(&rate, "18446744073709551616,1"));
    assert_false(rate_parse(&rate, "1,4294967296"));
    assert_false(rate_parse(&rate, "1"));
    assert_false(rate_parse(&rate, ",1"));
    assert_false(rate_parse(&rate, "-1,1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mac),        cmocka_unit_test(test_arp),
        cmocka_unit_test(test_ipv4),       cmocka_unit_test(test_dhcp),
        cmocka_unit_test(test_ipv6),       cmocka_unit_test(test_nd),
        cmocka_unit_test(test_extensions), cmocka_unit_test(test_tags),
        cmocka_unit_test(test_cut),        cmocka_unit_test(test_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
