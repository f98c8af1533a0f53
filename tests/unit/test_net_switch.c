/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: netback/switch.c netback/frame.c
// LIBS: -I. -Ixenbus
/* Frames go where their address is and nowhere else; a card's own address cannot be taken away from
 * it; however many addresses one card sends with, the others keep what the switch knows of them;
 * VLANs do not meet; broadcasts have a limit for each card; and after any operations the table is
 * whole: a model that remembers everything says the same of each address.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "netback/switch.h"

static struct net_switch *sw;
static uint64_t now;
static struct verdict verdict;

static const uint8_t everybody[MAC_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static const uint8_t *mac_of(unsigned n)
{
    static uint8_t macs[8][MAC_LEN];
    static unsigned next;
    uint8_t *mac = macs[next++ % 8];

    memcpy(mac, (const uint8_t[]){0, 0x16, 0x3e, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n},
           MAC_LEN);
    return mac;
}

static struct switch_port_config config_of(unsigned n)
{
    struct switch_port_config config = {.groups = SWITCH_GROUPS};
    memcpy(config.mac, mac_of(n), MAC_LEN);
    return config;
}

static unsigned add(unsigned n, uint16_t vlan, bool learns)
{
    struct switch_port_config config = config_of(n);
    unsigned port = 0;

    config.vlan = vlan;
    config.learns = learns;
    assert_int_equal(switch_add(sw, &config, &port), SWITCH_OK);
    return port;
}

static void send_in(unsigned port, int vlan, const uint8_t *from, const uint8_t *to)
{
    struct frame frame = {
        .tagged = vlan >= 0, .vlan = vlan > 0 ? (uint16_t)vlan : 0, .type = ETH_IPV4};

    memcpy(frame.from, from, MAC_LEN);
    memcpy(frame.to, to, MAC_LEN);
    switch_decide(sw, port, &frame, now, &verdict);
    assert_int_equal(verdict.drop == DROP_NOT, verdict.nr > 0);
    assert_false(port_set_has(&verdict.to, port));
}

static void sent(unsigned port, const uint8_t *from, const uint8_t *to)
{
    send_in(port, -1, from, to);
}

static void expect_only(unsigned port)
{
    assert_int_equal(verdict.drop, DROP_NOT);
    assert_int_equal(verdict.nr, 1);
    assert_int_equal(verdict.first, port);
    assert_true(port_set_has(&verdict.to, port));
    assert_int_equal(port_set_next(&verdict.to, 0), port);
    assert_int_equal(port_set_next(&verdict.to, port + 1), SWITCH_PORTS);
}

static int begin(void **state)
{
    sw = switch_make(12345);
    now = NS_PER_S;
    switch_add_uplink(sw, 0);
    return 0;
}

static int end(void **state)
{
    switch_free(sw);
    return 0;
}

static void test_paths(void **state)
{
    unsigned a = add(1, 0, false), b = add(2, 0, false), r = add(3, 0, true);

    sent(a, mac_of(1), mac_of(2)); /* known before b has sent anything */
    expect_only(b);
    sent(a, mac_of(1), mac_of(99)); /* known to nobody: to who may have more than his own */
    assert_int_equal(verdict.nr, 2);
    assert_true(port_set_has(&verdict.to, SWITCH_UPLINK) && port_set_has(&verdict.to, r));
    sent(SWITCH_UPLINK, mac_of(99), mac_of(1));
    expect_only(a);
    sent(a, mac_of(1), mac_of(99));
    expect_only(SWITCH_UPLINK);
    sent(r, mac_of(99), mac_of(1)); /* it has moved behind the router */
    sent(a, mac_of(1), mac_of(99));
    expect_only(r);
    now += SWITCH_AGE_NS + 1;
    sent(a, mac_of(1), mac_of(99)); /* and is forgotten */
    assert_int_equal(verdict.nr, 2);
    sent(a, mac_of(1), everybody);
    assert_int_equal(verdict.nr, 3);
    assert_true(verdict.is_group && !port_set_has(&verdict.to, a));
    sent(a, mac_of(1), mac_of(1));
    assert_int_equal(verdict.drop, DROP_self);
    sent(a, mac_of(1), (const uint8_t[]){1, 0x80, 0xc2, 0, 0, 0xe});
    assert_int_equal(verdict.drop, DROP_reserved);
    switch_remove(sw, SWITCH_UPLINK);
    switch_remove(sw, r);
    sent(a, mac_of(1), mac_of(99));
    assert_int_equal(verdict.drop, DROP_nowhere);
    switch_remove(sw, b);
    sent(a, mac_of(1), everybody);
    assert_int_equal(verdict.drop, DROP_nowhere);
}

static void test_own(void **state)
{
    unsigned a = add(1, 0, false), r = add(3, 0, true);
    struct switch_port_config twin = config_of(1);
    unsigned port;

    assert_int_equal(switch_add(sw, &twin, &port), SWITCH_TAKEN);
    sent(r, mac_of(1), mac_of(50)); /* not even who may send with any address can have it */
    assert_int_equal(verdict.drop, DROP_loop);
    sent(SWITCH_UPLINK, mac_of(1), everybody);
    assert_int_equal(verdict.drop, DROP_loop);
    sent(r, mac_of(3), mac_of(1));
    expect_only(a);
    sent(a, mac_of(77), mac_of(3));
    assert_int_equal(verdict.drop, DROP_mac);
    sent(r, mac_of(4), mac_of(1)); /* learnt of the router, until a card of this address comes */
    port = add(4, 0, false);
    sent(a, mac_of(1), mac_of(4));
    expect_only(port);
    switch_remove(sw, port);
    twin.vlan = VLAN_MAX + 1;
    assert_int_equal(switch_add(sw, &twin, &port), SWITCH_BAD_VLAN);
    twin = config_of(5);
    twin.mac[0] = 1;
    assert_int_equal(switch_add(sw, &twin, &port), SWITCH_BAD_MAC);
}

static void test_quota(void **state)
{
    unsigned a = add(1, 0, false), greedy = add(2, 0, true), modest = add(3, 0, true);

    sent(modest, mac_of(1000), mac_of(1));
    sent(SWITCH_UPLINK, mac_of(1001), mac_of(1));
    for (unsigned i = 0; i < 100000; i++) {
        now += 1000;
        sent(greedy, mac_of(5000 + i), mac_of(1));
        expect_only(a);
        assert_true(switch_learnt(sw, greedy) <= SWITCH_QUOTA);
    }
    sent(a, mac_of(1), mac_of(1000));
    expect_only(modest);
    sent(a, mac_of(1), mac_of(1001));
    expect_only(SWITCH_UPLINK);
    sent(a, mac_of(1), mac_of(5000 + 99999)); /* its newest it has */
    expect_only(greedy);
    for (unsigned i = 0; i < 3 * SWITCH_AFAR; i++)
        sent(SWITCH_UPLINK, mac_of(200000 + i), mac_of(1));
    assert_int_equal(switch_learnt(sw, SWITCH_UPLINK), SWITCH_AFAR);
    sent(a, mac_of(1), mac_of(1000));
    expect_only(modest);
    switch_remove(sw, greedy);
    assert_int_equal(switch_learnt(sw, greedy), 0);
}

/* All ports, each with its quota: there is a node for each address. */
static void test_full(void **state)
{
    struct switch_port_config config = config_of(1);
    unsigned port;

    for (unsigned i = 1; i < SWITCH_PORTS; i++)
        assert_int_equal(add(i, 0, true), i);
    config = config_of(SWITCH_PORTS);
    assert_int_equal(switch_add(sw, &config, &port), SWITCH_FULL);
    for (unsigned i = 0; i < SWITCH_PORTS; i++)
        for (unsigned k = 0; k < SWITCH_AFAR; k++)
            sent(i, mac_of(0x10000 + i * SWITCH_AFAR + k), everybody);
    for (unsigned i = 0; i < SWITCH_PORTS; i++)
        assert_int_equal(switch_learnt(sw, i), i == SWITCH_UPLINK ? SWITCH_AFAR : SWITCH_QUOTA);
}

static void test_vlan(void **state)
{
    const uint16_t both[] = {5, 6};
    struct switch_port_config config = config_of(9);
    unsigned a = add(1, 5, false), b = add(2, 5, false), other = add(3, 6, false);
    unsigned plain = add(4, 0, false), trunk;
    uint8_t tag[VLAN_BYTES];

    assert_true(add(1, 6, false) != a); /* the same address in another VLAN is another's */
    config.trunk = both;
    config.nr_trunk = 2;
    assert_int_equal(switch_add(sw, &config, &trunk), SWITCH_OK);
    sent(a, mac_of(1), mac_of(2));
    expect_only(b);
    assert_int_equal(switch_tag_change(sw, &verdict, b), TAG_KEEP);
    sent(a, mac_of(1), mac_of(3)); /* not in this VLAN: perhaps outside */
    expect_only(SWITCH_UPLINK);
    assert_int_equal(switch_tag_change(sw, &verdict, SWITCH_UPLINK), TAG_ADD);
    switch_tag(&verdict, tag);
    assert_memory_equal(tag, "\x81\x00\x00\x05", VLAN_BYTES);
    sent(a, mac_of(1), everybody);
    assert_int_equal(verdict.nr, 3);
    assert_false(port_set_has(&verdict.to, other) || port_set_has(&verdict.to, plain));
    assert_int_equal(switch_tag_change(sw, &verdict, trunk), TAG_ADD);
    send_in(a, 5, mac_of(1), mac_of(2)); /* a tag of a guest that is to have none */
    assert_int_equal(verdict.drop, DROP_vlan);
    send_in(plain, 5, mac_of(4), mac_of(1));
    assert_int_equal(verdict.drop, DROP_vlan);
    send_in(a, 0, mac_of(1), mac_of(2)); /* a priority without a VLAN */
    expect_only(b);
    assert_int_equal(switch_tag_change(sw, &verdict, b), TAG_STRIP);
    send_in(SWITCH_UPLINK, 5, mac_of(88), mac_of(1));
    expect_only(a);
    assert_int_equal(switch_tag_change(sw, &verdict, a), TAG_STRIP);
    send_in(SWITCH_UPLINK, 6, mac_of(88), mac_of(2));
    assert_int_equal(verdict.drop, DROP_nowhere);
    send_in(SWITCH_UPLINK, 4095, mac_of(88), everybody);
    assert_int_equal(verdict.drop, DROP_vlan);
    send_in(trunk, 6, mac_of(9), mac_of(3));
    expect_only(other);
    send_in(trunk, 7, mac_of(9), mac_of(3));
    assert_int_equal(verdict.drop, DROP_vlan);
    send_in(trunk, 6, mac_of(9), mac_of(77));
    expect_only(SWITCH_UPLINK);
    assert_int_equal(switch_tag_change(sw, &verdict, SWITCH_UPLINK), TAG_KEEP);
    sent(SWITCH_UPLINK, mac_of(88), mac_of(4)); /* without a tag: to who has none */
    expect_only(plain);
    assert_int_equal(switch_tag_change(sw, &verdict, plain), TAG_KEEP);
}

static void test_storm(void **state)
{
    unsigned a = add(1, 0, false), b = add(2, 0, false), passed = 0;
    const unsigned seconds = 10;

    for (uint64_t i = 0; i < 20000 * seconds; i++, now += NS_PER_S / 20000) {
        sent(a, mac_of(1), everybody);
        passed += verdict.drop == DROP_NOT;
        assert_true(verdict.drop == DROP_NOT || verdict.drop == DROP_storm);
    }
    assert_in_range(passed, SWITCH_GROUPS * seconds, SWITCH_GROUPS * seconds + SWITCH_GROUPS / 4);
    sent(b, mac_of(2), everybody); /* another's limit is its own */
    assert_int_equal(verdict.drop, DROP_NOT);
    sent(a, mac_of(1), mac_of(2)); /* and what has one receiver has none */
    expect_only(b);
}

/* ---- a model: where each address was seen last, and when */

#define MODEL_PORTS 6
#define MODEL_MACS  64

static void test_model(void **state)
{
    static struct {
        int port;
        uint64_t seen;
    } where[MODEL_MACS];
    unsigned seed = 1, held[MODEL_PORTS] = {0};
    unsigned forgotten = 0;

    for (unsigned i = 0; i < MODEL_MACS; i++)
        where[i].port = -1;
    for (unsigned i = 1; i < MODEL_PORTS; i++)
        assert_int_equal(add(1000 + i, 0, true), i);
    for (unsigned step = 0; step < 200000; step++) {
        unsigned port = (seed = seed * 1103515245u + 12345) >> 16 & 0xff;
        unsigned n = (seed = seed * 1103515245u + 12345) >> 16 & (MODEL_MACS - 1);
        int found;

        port %= MODEL_PORTS;
        now += step % 1000 == 0 ? SWITCH_AGE_NS / 2 : 1000;
        sent(port, mac_of(n), mac_of(1000 + (port == 1 ? 2 : 1)));
        expect_only(port == 1 ? 2 : 1);
        where[n].port = (int)port;
        where[n].seen = now;
        n = seed >> 8 & (MODEL_MACS - 1);
        found = switch_find(sw, 0, mac_of(n), now);
        if (found >= 0)
            assert_int_equal(found, where[n].port);
        else if (where[n].port >= 0 && now - where[n].seen <= SWITCH_AGE_NS)
            forgotten++;
        if (found >= 0)
            assert_true(now - where[n].seen <= SWITCH_AGE_NS);
        if (step % 5000 == 4999 && port > 0) { /* a card goes and comes again */
            switch_remove(sw, port);
            for (unsigned i = 0; i < MODEL_MACS; i++)
                if (where[i].port == (int)port)
                    where[i].port = -1;
            assert_int_equal(add(1000 + port, 0, true), port);
        }
    }
    for (unsigned i = 0; i < MODEL_MACS; i++) {
        int found = switch_find(sw, 0, mac_of(i), now);
        if (found >= 0)
            held[found]++;
    }
    for (unsigned i = 0; i < MODEL_PORTS; i++)
        assert_true(held[i] <= switch_learnt(sw, i));
    assert_true(forgotten < 200000 / 10); /* quotas are seldom short here */
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_paths), TEST(test_own),   TEST(test_quota), TEST(test_full),
        TEST(test_vlan),  TEST(test_storm), TEST(test_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
