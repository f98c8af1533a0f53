/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: dom0-tools/network/plan.c xenbus/backend/link.c
// LIBS: -Idom0-tools -Ixenbus -D_GNU_SOURCE
/* A network's subnet meets no route of dom0's; its cards have each an address of its own in it, the
 * same again for the same MAC address, none of which is dom0's or a stranger's; what is read of a
 * configuration is what was written, and what is none is refused; no name of a guest or a network
 * gets anything into the files of dnsmasq and nft but itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "network/plan.h"

static void test_names(void **state)
{
    static const char *const good[] = {"nat", "a", "lab-2", "twelve-lette"};
    static const char *const bad[] = {"",    "Nat", "2nat",          "-a", "a_b", "a b",
                                      "a/b", "..",  "thirteen-lett", "a\n"};
    char host[PLAN_HOST_NAME];
    struct network_options options = {0};

    for (unsigned i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_true(plan_name_ok(good[i]));
    for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(plan_name_ok(bad[i]));
    plan_host(host, "web.1 \n,00:11\t-x-");
    assert_string_equal(host, "web10011-x");
    plan_host(host, "--");
    assert_string_equal(host, "");
    plan_host(host, NULL);
    assert_string_equal(host, "");
    assert_true(plan_parse_bridge(&options, "xenbr0"));
    assert_false(plan_parse_bridge(&options, "a\"; flush ruleset"));
    assert_false(plan_parse_bridge(&options, "a\"b"));
    assert_false(plan_parse_bridge(&options, "sixteen-letters-"));
}

static void test_config(void **state)
{
    static const char *const bad[] = {"mode=route",
                                      "subnet=10.0.0.0/8",
                                      "subnet=10.0.0.0/30",
                                      "subnet=10.0.0.1/24",
                                      "subnet=x",
                                      "subnet=10.0.0.0/24x",
                                      "bridge=",
                                      "color=red",
                                      "mode",
                                      "subnet=0.0.0.0/24",
                                      "subnet=10.0.0.0/"};
    struct network_plan plan, again;
    char *text;
    size_t size;
    FILE *to;

    assert_int_equal(
        plan_read(&plan,
                  "# ours\n\n mode = isolated # not nat\r\nsubnet=10.1.2.128/25\nbridge=lab0"),
        0);
    assert_int_equal(plan.options.mode, NETWORK_ISOLATED);
    assert_memory_equal(plan.options.subnet, "\x0a\x01\x02\x80", 4);
    assert_int_equal(plan.options.bits, 25);
    assert_string_equal(plan.options.bridge, "lab0");
    assert_true(plan_is_whole(&plan) && !plan.kept);
    plan.kept = true;
    to = open_memstream(&text, &size);
    plan_write(&plan, to);
    fclose(to);
    assert_int_equal(plan_read(&again, text), 0);
    assert_memory_equal(&again, &plan, sizeof(plan));
    free(text);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        char two[64];

        snprintf(two, sizeof(two), "mode=nat\n%s\n", bad[i]);
        assert_int_equal(plan_read(&plan, two), 2);
    }
    assert_int_equal(plan_read(&plan, "mode=bridge\n"), -1);
    assert_int_equal(plan_read(&plan, ""), 0);
    assert_false(plan_is_whole(&plan));
}

static void test_subnet(void **state)
{
    struct plan_prefix taken[300] = {{{0, 0, 0, 0}, 0}, {{127, 0, 0, 0}, 8}};
    struct network_options options = {0}, other = {0},
                           asked = {.subnet = {10, 9, 0, 0}, .bits = 16};

    assert_true(plan_subnet(&options, "nat", taken, 2));
    assert_memory_equal(options.subnet, "\x0a\xc1\x00\x00",
                        4); /* also the default route is one of dom0's */
    assert_true(plan_subnet(&other, "lab", taken, 2));
    assert_memory_not_equal(options.subnet, other.subnet, 4);
    taken[2] = (struct plan_prefix){{10, 193, 0, 128}, 25}; /* a part of it */
    options = (struct network_options){0};
    assert_true(plan_subnet(&options, "nat", taken, 3));
    assert_memory_equal(options.subnet, "\x0a\xc1\x01\x00", 4);
    taken[2] = (struct plan_prefix){{10, 0, 0, 0}, 8}; /* or all of that range */
    options = (struct network_options){0};
    assert_true(plan_subnet(&options, "nat", taken, 3));
    assert_memory_equal(options.subnet, "\xc0\xa8\xc0\x00", 4);
    assert_false(plan_subnet(&asked, "x", taken, 3));
    assert_true(plan_subnet(&asked, "x", taken, 2));
    taken[3] = (struct plan_prefix){{192, 168, 0, 0}, 16};
    taken[4] = (struct plan_prefix){{172, 16, 0, 0}, 12};
    options = (struct network_options){0};
    assert_false(plan_subnet(&options, "nat", taken, 5));
}

static void test_addresses(void **state)
{
    for (unsigned bits = PLAN_BITS_MIN; bits <= PLAN_BITS_MAX; bits++) {
        struct network_options options = {.subnet = {10, 20, 0, 0}, .bits = bits};
        unsigned size = 1u << (32 - bits), nr = 0;
        struct plan_card *cards = calloc(512, sizeof(*cards));
        bool found = true;

        for (nr = 0; nr < 512 && found; nr += found) {
            struct plan_card *c = &cards[nr], twin;

            c->mac[4] = (uint8_t)(nr >> 8);
            c->mac[5] = (uint8_t)nr;
            found = plan_address(&options, c, cards, nr);
            twin = *c;
            if (found)
                assert_true(plan_address(&options, &twin, cards, nr));
            assert_memory_equal(twin.address, c->address, 4);
            for (unsigned i = 0; found && i < nr; i++)
                assert_memory_not_equal(cards[i].address, c->address, 4);
            if (found) {
                unsigned n = (unsigned)c->address[2] << 8 | c->address[3];
                assert_in_range(n, 2, size / 4 * 3 - 1);
                assert_memory_equal(c->address, "\x0a\x14", 2);
            }
        }
        assert_int_equal(nr, size / 4 * 3 - 2 < 512 ? size / 4 * 3 - 2 : 512);
        free(cards);
    }
}

/* What is written for dnsmasq and nft has the card, its name and the network, and each line is one
 * of ours. */
static void test_texts(void **state)
{
    struct network_options options = {.subnet = {10, 1, 2, 0}, .bits = 24, .bridge = "pv-a-b"};
    struct plan_card card = {
        .mac = {0, 0x16, 0x3e, 1, 2, 0xff}, .address = {10, 1, 2, 3}, .host = "demo"};
    char table[PLAN_TABLE], *text;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    plan_hosts(&card, 1, to);
    fclose(to);
    assert_string_equal(text, "00:16:3e:01:02:ff,10.1.2.3,demo\n");
    free(text);
    plan_table("a-b", table);
    assert_string_equal(table, "pavis_a_b");
    to = open_memstream(&text, &size);
    plan_rules("a-b", &options, to);
    fclose(to);
    assert_non_null(strstr(text, "delete table inet pavis_a_b\ntable inet pavis_a_b {"));
    assert_non_null(strstr(
        text, "ip saddr 10.1.2.0/24 ip daddr != 10.1.2.0/24 oifname != \"pv-a-b\" masquerade"));
    free(text);
    options.mode = NETWORK_ISOLATED;
    to = open_memstream(&text, &size);
    plan_rules("a-b", &options, to);
    plan_dnsmasq(&options, "/f", "nobody", to);
    fclose(to);
    assert_null(strstr(text, "masquerade"));
    assert_null(strstr(text, "established"));
    assert_non_null(strstr(text, "dhcp-range=10.1.2.192,10.1.2.254,255.255.255.0,1h\n"));
    assert_non_null(strstr(text, "dhcp-option=option:router\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),  cmocka_unit_test(test_config),
        cmocka_unit_test(test_subnet), cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
