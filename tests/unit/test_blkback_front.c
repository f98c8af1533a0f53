/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: blkback/front.c xenbus/backend/node.c
// LIBS: -I. -Ixenbus -D_GNU_SOURCE
/* Of a front end's keys only numbers within their limits are taken, a ring of one page by its old
 * name, several and those of further queues by theirs; anything else is refused by name.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backend/node.h"
#include "blkback/front.h"

/* ---- a store of a few nodes */

static struct {
    char path[40];
    char value[40];
    unsigned len;
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
    nodes[i].len = (unsigned)strlen(value);
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
            *len = nodes[i].len;
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
    (void)len;
    set(path, data);
    return true;
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

static void test_plain(void **state)
{
    static const char *const bad[] = {
        "", "-1", "+1", " 1", "1 ", "0x1", "4294967296", "x", "99999999999999999999999999999999"};
    (void)state;
    nr_nodes = 0;
    assert_false(read_it());
    set("f/ring-ref", "8");
    set("f/event-channel", "4294967295");
    assert_true(read_it()); /* the least that a front end may say */
    assert_int_equal(front.nr_queues, 1);
    assert_int_equal(front.queue[0].nr_pages, 1);
    assert_int_equal(front.queue[0].refs[0], 8);
    assert_int_equal(front.queue[0].port, UINT32_MAX);
    assert_false(front.persistent);
    set("f/protocol", "x86_64-abi");
    set("f/feature-persistent", "1");
    assert_true(read_it());
    assert_true(front.persistent);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refused("f/ring-ref", bad[i]);
        refused("f/event-channel", bad[i]);
        refused("f/ring-page-order", bad[i]);
        refused("f/multi-queue-num-queues", bad[i]);
        refused("f/feature-persistent", bad[i]);
    }
    refused("f/protocol", "x86_32-abi");
    refused("f/feature-persistent", "2");
    refused("f/ring-page-order", "5");
    refused("f/multi-queue-num-queues", "0"); /* CVE of 2026: no queue at all */
    refused("f/multi-queue-num-queues", "5");
}

static void test_pages(void **state)
{
    char name[40];
    char value[12];
    (void)state;
    nr_nodes = 0;
    set("f/event-channel", "3");
    set("f/ring-page-order", "4");
    set("f/ring-ref", "1000");
    for (unsigned i = 0; i < 16; i++) {
        assert_false(read_it());
        snprintf(name, sizeof(name), "f/ring-ref%u", i);
        snprintf(value, sizeof(value), "%u", 100 + i);
        set(name, value);
    }
    assert_true(read_it());
    assert_int_equal(front.queue[0].nr_pages, 16);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(front.queue[0].refs[i], 100 + i);
}

static void test_queues(void **state)
{
    (void)state;
    nr_nodes = 0;
    set("f/multi-queue-num-queues", "2");
    set("f/queue-0/ring-ref", "5");
    set("f/queue-0/event-channel", "6");
    set("f/ring-ref", "5");
    set("f/event-channel", "6");
    assert_false(read_it());
    set("f/queue-1/ring-ref", "7");
    set("f/queue-1/event-channel", "8");
    assert_true(read_it());
    assert_int_equal(front.nr_queues, 2);
    assert_int_equal(front.queue[1].refs[0], 7);
    assert_int_equal(front.queue[1].port, 8);
}

static void test_values(void **state)
{
    uint64_t value = 0;
    (void)state;
    nr_nodes = 0;
    assert_true(node_parse("18446744073709551615", UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
    assert_false(node_parse("18446744073709551616", UINT64_MAX, &value));
    assert_true(node_parse("255", 255, &value));
    assert_false(node_parse("256", 255, &value));
    assert_true(node_parse("0007", 7, &value));
    assert_true(node_write(NULL, 0, "d", "n", "%d-%s", 4, "x"));
    char *text = node_read(NULL, "d", "n");
    assert_string_equal(text, "4-x");
    free(text);
    nodes[0].len = 9; /* a NUL in the middle */
    assert_null(node_read(NULL, "d", "n"));
    assert_int_equal(errno, EINVAL);
    assert_false(node_number(NULL, "d", "other", 1, &value));
    assert_int_equal(errno, ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_queues),
        cmocka_unit_test(test_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
