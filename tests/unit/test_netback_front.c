/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: netback/front.c xenbus/backend/node.c
// LIBS: -I. -Ixenbus -D_GNU_SOURCE
/* Of a network front end's keys only numbers within their limits are taken; one port may serve both
 * rings, several queues have folders; without copies and notifications it is refused, by name; and
 * segments are believed only with what they need.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "netback/front.h"

static struct {
    char path[40];
    char value[40];
} nodes[64];
static unsigned nr_nodes;

static void set(const char *path, const char *value)
{
    unsigned i = 0;
    while (i < nr_nodes && strcmp(nodes[i].path, path) != 0)
        i++;
    if (i == nr_nodes)
        nr_nodes++;
    snprintf(nodes[i].path, sizeof(nodes[i].path), "%s", path);
    snprintf(nodes[i].value, sizeof(nodes[i].value), "%s", value);
}

char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned *nr)
{
    return NULL; /* nobody asks */
}

void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned *len)
{
    (void)h;
    (void)t;
    for (unsigned i = 0; i < nr_nodes; i++) {
        if (strcmp(nodes[i].path, path) == 0) {
            *len = (unsigned)strlen(nodes[i].value);
            return strdup(nodes[i].value);
        }
    }
    errno = ENOENT;
    return NULL;
}

bool xs_write(struct xs_handle *h, xs_transaction_t t, const char *path, const void *data,
              unsigned len)
{
    (void)h;
    (void)t;
    (void)path;
    (void)data;
    (void)len;
    return false;
}

static struct front front;
static const char *why;

static bool read_it(void)
{
    return front_read(NULL, "f", &front, &why);
}

static void refused(const char *path, const char *value)
{
    char old[40] = "";
    unsigned before = nr_nodes;
    for (unsigned i = 0; i < nr_nodes; i++) {
        if (strcmp(nodes[i].path, path) == 0)
            memcpy(old, nodes[i].value, sizeof(old));
    }
    set(path, value);
    if (read_it())
        fail_msg("%s may be '%s'", path, value);
    assert_non_null(strstr(path, why));
    nr_nodes = before;
    if (*old)
        set(path, old);
    assert_true(read_it());
}

static void least(void)
{
    nr_nodes = 0;
    set("f/request-rx-copy", "1");
    set("f/feature-rx-notify", "1");
    set("f/tx-ring-ref", "8");
    set("f/rx-ring-ref", "9");
    set("f/event-channel", "4294967295");
}

static void test_plain(void **state)
{
    static const char *const bad[] = {"", "-1", " 1", "1 ", "0x1", "4294967296", "x"};
    (void)state;
    nr_nodes = 0;
    assert_false(read_it());
    least();
    assert_true(read_it()); /* the least that a front end may say */
    assert_int_equal(front.nr_queues, 1);
    assert_int_equal(front.queue[0].tx_ref, 8);
    assert_int_equal(front.queue[0].rx_ref, 9);
    assert_int_equal(front.queue[0].tx_port, UINT32_MAX);
    assert_int_equal(front.queue[0].rx_port, UINT32_MAX);
    assert_true(front.csum_v4 && !front.csum_v6 && !front.sg && !front.gso_v4 && !front.gso_v6);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refused("f/tx-ring-ref", bad[i]);
        refused("f/rx-ring-ref", bad[i]);
        refused("f/event-channel", bad[i]);
        refused("f/event-channel-tx", bad[i]);
        refused("f/multi-queue-num-queues", bad[i]);
        refused("f/feature-sg", bad[i]);
        refused("f/request-rx-copy", bad[i]);
    }
    refused("f/request-rx-copy", "0");
    refused("f/feature-rx-notify", "0");
    refused("f/multi-queue-num-queues", "0");
    refused("f/multi-queue-num-queues", "5");
    refused("f/feature-gso-tcpv4", "2");
}

static void test_features(void **state)
{
    (void)state;
    least();
    set("f/feature-gso-tcpv4", "1");
    set("f/feature-gso-tcpv6", "1");
    assert_true(read_it());
    assert_true(!front.gso_v4 && !front.gso_v6); /* one page is too little */
    set("f/feature-sg", "1");
    assert_true(read_it());
    assert_true(front.gso_v4 && !front.gso_v6);
    set("f/feature-ipv6-csum-offload", "1");
    assert_true(read_it());
    assert_true(front.gso_v6 && front.csum_v6);
    set("f/feature-no-csum-offload", "1");
    assert_true(read_it());
    assert_true(!front.csum_v4 && !front.gso_v4 && front.gso_v6);
}

static void test_ports_and_queues(void **state)
{
    (void)state;
    least();
    set("f/event-channel-tx", "5");
    assert_false(read_it());
    assert_string_equal(why, "event-channel-rx");
    set("f/event-channel-rx", "6");
    assert_true(read_it());
    assert_int_equal(front.queue[0].tx_port, 5);
    assert_int_equal(front.queue[0].rx_port, 6);
    set("f/multi-queue-num-queues", "2");
    assert_false(read_it()); /* those of one queue mean nothing now */
    set("f/queue-0/tx-ring-ref", "20");
    set("f/queue-0/rx-ring-ref", "21");
    set("f/queue-0/event-channel", "22");
    assert_false(read_it());
    set("f/queue-1/tx-ring-ref", "30");
    set("f/queue-1/rx-ring-ref", "31");
    set("f/queue-1/event-channel-tx", "32");
    set("f/queue-1/event-channel-rx", "33");
    assert_true(read_it());
    assert_int_equal(front.nr_queues, 2);
    assert_int_equal(front.queue[0].rx_port, 22);
    assert_int_equal(front.queue[1].tx_ref, 30);
    assert_int_equal(front.queue[1].rx_port, 33);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_features),
        cmocka_unit_test(test_ports_and_queues),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
