// SPDX-License-Identifier: GPL-2.0-only
// SOURCES: xenbus/wire.c xenbus/store/change.c xenbus/store/control.c xenbus/store/path.c
// SOURCES: xenbus/store/request.c xenbus/store/restore.c xenbus/store/snapshot.c
// SOURCES: xenbus/store/store.c xenbus/store/tree.c xenbus/store/txn.c xenbus/store/watch.c
/* No domain gets more out of the store than it may: each limit holds to the last unit and is given
 * back in full, memory that only old versions need is bounded, what a dead domain had is gone
 * before its number comes back, and requests with which other stores were brought down are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../xenbus/store/snapshot.h"
#include "../../xenbus/store/txn.h"
#include "../../xenbus/store/watch.h"

static struct store *store;
static char answer[XENSTORE_PAYLOAD_MAX + 1]; /* of the last request */
static uint32_t answer_len, answer_type;

static int hook_introduce(void *arg, uint16_t domid, uint64_t mfn, uint32_t port, int conn)
{
    return domid;
}

static void hook_release(void *arg, uint32_t conn)
{
}

static const struct store_hooks hooks = {hook_introduce, hook_release, NULL, NULL};

/* Sends a request of connection @c (dom0's socket, or the ring of that domain) and reads everything
 * that is there for it; the answer's text.
 */
static const char *ask_bytes(unsigned c, uint32_t type, uint32_t tx, const void *data, size_t len)
{
    struct xsd_sockmsg hdr = {type, 1, tx, (uint32_t)len};
    struct conn *conn = store->conn[c];
    assert_non_null(conn);
    assert_int_equal(store_request(store, conn, &hdr, data), 0);
    for (; conn->head < conn->tail; conn->head += sizeof(hdr) + hdr.len) {
        memcpy(&hdr, conn->out + conn->head, sizeof(hdr));
        if (hdr.type == XS_WATCH_EVENT)
            continue;
        answer_type = hdr.type;
        answer_len = hdr.len;
        memcpy(answer, conn->out + conn->head + sizeof(hdr), hdr.len);
        answer[hdr.len] = 0;
    }
    assert_int_equal(conn->reserved, 0);
    assert_int_equal(store_acked(store, conn, conn->produced), 0);
    return answer;
}

/* One string, its NUL included. */
static const char *ask(unsigned c, uint32_t type, uint32_t tx, const char *text)
{
    return ask_bytes(c, type, tx, text, strlen(text) + 1);
}

/* Two strings. */
static const char *ask2(unsigned c, uint32_t type, uint32_t tx, const char *a, const char *b)
{
    char payload[XENSTORE_PAYLOAD_MAX];
    size_t len = (size_t)snprintf(payload, sizeof(payload), "%s%c%s", a, 0, b) + 1;
    return ask_bytes(c, type, tx, payload, len);
}

static const char *write_value(unsigned c, uint32_t tx, const char *path, size_t len)
{
    char payload[XENSTORE_PAYLOAD_MAX];
    size_t at = strlen(path) + 1;
    memcpy(payload, path, at);
    memset(payload + at, 'v', len);
    return ask_bytes(c, XS_WRITE, tx, payload, at + len);
}

#define EXPECT(text, said) assert_string_equal(said, text)

static uint32_t transaction(unsigned c)
{
    ask(c, XS_TRANSACTION_START, 0, "");
    assert_int_equal(answer_type, XS_TRANSACTION_START);
    return (uint32_t)atoi(answer);
}

static void introduce(unsigned domid)
{
    char text[64], home[32], perm[16];
    size_t len = (size_t)snprintf(text, sizeof(text), "%u%c1%c5", domid, 0, 0) + 1;
    EXPECT("OK", ask_bytes(0, XS_INTRODUCE, 0, text, len));
    snprintf(home, sizeof(home), "/local/domain/%u", domid);
    snprintf(perm, sizeof(perm), "n%u", domid);
    EXPECT("OK", ask(0, XS_MKDIR, 0, home));
    EXPECT("OK", ask2(0, XS_SET_PERMS, 0, home, perm));
}

static int begin(void **state)
{
    store = store_new(&hooks);
    assert_non_null(store_connect(store, 0));
    introduce(1);
    introduce(2);
    return 0;
}

/* Accounts are a recount's, and a store that is read back has the same. */
static int end(void **state)
{
    size_t room = 64u << 20;
    char *bytes = malloc(room);
    assert_string_equal(ask(0, XS_CONTROL, 0, "check"), "OK");
    size_t len = snapshot_write(store, bytes, room);
    assert_true(len > 0);
    store_free(store);
    store = snapshot_read(bytes, len, &hooks);
    assert_non_null(store);
    store_free(store);
    free(bytes);
    return 0;
}

/* ---- limits */

/* The 1001st node is refused, also one that a branch would make, until another one goes. */
static void test_nodes(void **state)
{
    char path[64];
    for (unsigned i = 1; i < store_default_quota.nodes; i++) {
        snprintf(path, sizeof(path), "n%u", i);
        EXPECT("OK", write_value(1, 0, path, 1));
    }
    assert_int_equal(store->domain[1]->nodes, store_default_quota.nodes);
    EXPECT("ENOSPC", write_value(1, 0, "more", 1));
    EXPECT("ENOSPC", ask(1, XS_MKDIR, 0, "more"));
    uint32_t tx = transaction(1);
    EXPECT("ENOSPC", write_value(1, tx, "more", 1));
    EXPECT("OK", ask(1, XS_RM, tx, "n1"));
    EXPECT("ENOSPC", write_value(1, tx, "a/b", 1));
    EXPECT("OK", write_value(1, tx, "a", 1));
    EXPECT("OK", ask(1, XS_TRANSACTION_END, tx, "T"));
    assert_int_equal(store->domain[1]->nodes, store_default_quota.nodes);
    EXPECT("OK", write_value(2, 0, "mine", 1)); /* nobody else is touched */
}

static void test_node_size(void **state)
{
    EXPECT("OK", write_value(1, 0, "a", store_default_quota.node_size - 1));
    EXPECT("ENOSPC", write_value(1, 0, "a", store_default_quota.node_size));
    EXPECT("ENOSPC", write_value(1, 0, "b", store_default_quota.node_size));
    EXPECT("OK", write_value(0, 0, "/dom0", store_default_quota.node_size));
}

static void test_perms(void **state)
{
    char five[] = "a\0n1\0r0\0r2\0r3\0r4", six[] = "a\0n1\0r0\0r2\0r3\0r4\0r5";
    EXPECT("OK", write_value(1, 0, "a", 1));
    EXPECT("OK", ask_bytes(1, XS_SET_PERMS, 0, five, sizeof(five)));
    EXPECT("ENOSPC", ask_bytes(1, XS_SET_PERMS, 0, six, sizeof(six)));
}

static void test_watches(void **state)
{
    char token[16];
    for (unsigned i = 0; i < store_default_quota.watches; i++) {
        snprintf(token, sizeof(token), "%u", i);
        EXPECT("OK", ask2(1, XS_WATCH, 0, "a", token));
    }
    EXPECT("E2BIG", ask2(1, XS_WATCH, 0, "a", "more"));
    EXPECT("OK", ask2(1, XS_UNWATCH, 0, "a", "0"));
    EXPECT("OK", ask2(1, XS_WATCH, 0, "a", "more"));
    EXPECT("OK", ask(1, XS_RESET_WATCHES, 0, ""));
    assert_int_equal(store->domain[1]->watches, 0);
    assert_int_equal(store->nr_points, 0);
}

static void test_transactions(void **state)
{
    uint32_t tx[11], base = (uint32_t)store->domain[1]->bytes;
    for (unsigned i = 0; i < store_default_quota.transactions; i++)
        tx[i] = transaction(1);
    EXPECT("ENOSPC", ask(1, XS_TRANSACTION_START, 0, ""));
    EXPECT("OK", ask(1, XS_TRANSACTION_END, tx[3], "F"));
    tx[3] = transaction(1);
    EXPECT("OK", ask(1, XS_RESET_WATCHES, 0, ""));
    assert_int_equal(store->domain[1]->txns, 0);
    assert_int_equal(store->domain[1]->bytes, base);
    EXPECT("ENOENT", ask(1, XS_TRANSACTION_END, tx[3], "T"));
}

static void test_transaction_nodes(void **state)
{
    char path[32];
    uint32_t tx = transaction(1);
    for (unsigned i = 0; i < store_default_quota.txn_nodes; i++) {
        snprintf(path, sizeof(path), "n%u", i);
        EXPECT("ENOENT", ask(1, XS_READ, tx, path));
    }
    EXPECT("ENOENT", ask(1, XS_READ, tx, "n7"));
    EXPECT("ENOSPC", ask(1, XS_READ, tx, "more"));
    EXPECT("ENOSPC", write_value(1, tx, "more", 1));
    EXPECT("OK", ask(1, XS_TRANSACTION_END, tx, "T"));
}

static void test_path(void **state)
{
    char path[XENSTORE_ABS_PATH_MAX];
    store->quota.path_len = 10;
    memset(path, 'x', sizeof(path));
    path[10] = 0;
    EXPECT("OK", write_value(1, 0, path, 1));
    path[10] = 'x';
    path[11] = 0;
    EXPECT("EINVAL", write_value(1, 0, path, 1));
}

/* Nodes, watches and what transactions note count together; all of it comes back. */
static void test_memory(void **state)
{
    char path[32];
    unsigned nr = 0;
    uint64_t begin_with = store->domain[1]->bytes;
    store->quota.memory = 64 * 1024;
    uint32_t tx = transaction(1);
    do
        snprintf(path, sizeof(path), "n%u", nr++);
    while (strcmp(write_value(1, nr % 2 ? tx : 0, path, 1000), "OK") == 0);
    EXPECT("ENOSPC", answer);
    assert_true(nr > 20 && nr < 64);
    assert_true(store->domain[1]->bytes <= store->quota.memory + 4096);
    EXPECT("E2BIG", ask2(1, XS_WATCH, 0, "a",
                         "a token that is somewhat longer than what a refused value left free: "
                         "1234567890123456789012345678901234567890123456789012345678901234567890"));
    EXPECT("OK", ask(1, XS_TRANSACTION_END, tx, "F"));
    for (unsigned i = 0; i < nr; i++) {
        snprintf(path, sizeof(path), "n%u", i);
        ask(1, XS_RM, 0, path);
    }
    assert_int_equal(store->domain[1]->bytes, begin_with);
}

/* ---- old versions */

#define VALUE 2000

static void write_all(unsigned c, unsigned nr)
{
    char path[32];
    for (unsigned i = 0; i < nr; i++) {
        snprintf(path, sizeof(path), "n%u", i);
        EXPECT("OK", write_value(c, 0, path, VALUE));
    }
}

/* A domain that holds on to one version of its nodes after the other gets no more than its memory's
 * worth of them; the transactions that kept too much fail, and nobody else's. */
static void test_kept(void **state)
{
    uint32_t old[5], theirs = transaction(2);
    EXPECT("ENOENT", ask(2, XS_READ, theirs, "nothing"));
    for (unsigned round = 0; round < 5; round++) {
        write_all(1, 800);
        old[round] = transaction(1);
        EXPECT("ENOENT", ask(1, XS_READ, old[round], "nothing"));
        uint64_t more = store->pool.bytes - store->live_bytes;
        assert_int_equal(more, store->private_bytes + store->kept_bytes);
        assert_true(more <= 2 * (uint64_t)store->quota.memory);
    }
    write_all(1, 800);
    assert_true(store->kept_bytes <= 2 * (uint64_t)store->quota.memory);
    unsigned failed = 0;
    for (unsigned round = 0; round < 5; round++)
        failed += strcmp(ask(1, XS_TRANSACTION_END, old[round], "T"), "EAGAIN") == 0;
    assert_in_range(failed, 3, 5);
    EXPECT("OK", ask(2, XS_TRANSACTION_END, theirs, "T"));
    assert_int_equal(store->kept_bytes, 0);
    assert_int_equal(store->pool.bytes, store->live_bytes);
}

/* One that was ended behaves: it answers, what it says is of today, its end says EAGAIN. */
static void test_kept_too_much(void **state)
{
    store->quota.memory = 4u << 20;
    write_all(1, 900);
    uint32_t tx = transaction(2);
    EXPECT("OK", write_value(2, tx, "mine", 10));
    store->quota.memory = 1u << 20;
    uint32_t dom0 = transaction(0);
    EXPECT("OK", ask(0, XS_RM, 0, "/local/domain/1/n0"));
    EXPECT("OK", ask(0, XS_RM, 0, "/local/domain/1"));
    assert_int_equal(store->domain[2]->kept, 0); /* so far it is on the younger one's account */
    EXPECT("OK", ask(0, XS_TRANSACTION_END, dom0, "F"));
    assert_int_equal(store->domain[2]->kept, 0); /* and of that one it was too much */
    assert_int_equal(store->pool.bytes, store->live_bytes);
    EXPECT("ENOENT", ask(2, XS_READ, tx, "mine"));
    EXPECT("OK", write_value(2, tx, "mine", 10));
    EXPECT("ENOENT", ask(2, XS_READ, 0, "mine"));
    EXPECT("EAGAIN", ask(2, XS_TRANSACTION_END, tx, "T"));
    tx = transaction(2);
    EXPECT("OK", write_value(2, tx, "mine", 10));
    EXPECT("OK", ask(2, XS_TRANSACTION_END, tx, "T"));
}

/* dom0's transactions are never ended. */
static void test_kept_dom0(void **state)
{
    uint32_t tx;
    write_all(1, 800);
    tx = transaction(0);
    write_all(1, 800);
    EXPECT("OK", ask(0, XS_RM, 0, "/local/domain/1"));
    store->quota.memory = 1000;
    EXPECT("OK", write_value(0, 0, "/a", 1));
    ask(0, XS_READ, tx, "/local/domain/1/n7");
    assert_int_equal(answer_len, VALUE);
    EXPECT("OK", ask(0, XS_TRANSACTION_END, tx, "F"));
}

/* ---- numbers of domains come back */

/* Nothing that a dead domain had or was given is its successor's: nodes, rights, watches,
 * transactions, accounts, the domain that acted for it. */
static void test_reused(void **state)
{
    char perms[] = "/shared\0n0\0b1", target[] = "2\0001";
    EXPECT("OK", write_value(0, 0, "/shared", 3));
    EXPECT("OK", ask_bytes(0, XS_SET_PERMS, 0, perms, sizeof(perms)));
    EXPECT("OK", ask_bytes(0, XS_SET_TARGET, 0, target, sizeof(target)));
    EXPECT("OK", write_value(1, 0, "a/b", 3));
    EXPECT("OK", write_value(1, 0, "/shared/mine", 3));
    EXPECT("vvv", ask(2, XS_READ, 0, "/local/domain/1/a/b")); /* as the one that acts for it */
    EXPECT("OK", ask2(1, XS_WATCH, 0, "/shared", "t"));
    uint32_t tx = transaction(1);
    EXPECT("OK", write_value(1, tx, "c", 3));

    assert_int_equal(store_domain_dead(store, 1), 0);
    assert_null(store->conn[1]);
    EXPECT("ENOENT", ask(0, XS_READ, 0, "/local/domain/1"));
    EXPECT("ENOENT", ask(0, XS_READ, 0, "/shared/mine"));
    assert_int_equal(store->nr_points, 0);
    introduce(1);
    assert_int_equal(store->domain[1]->nodes, 1);
    assert_int_equal(store->domain[1]->watches, 0);
    assert_int_equal(store->domain[1]->txns, 0);
    EXPECT("EACCES", ask(1, XS_READ, 0, "/shared"));
    EXPECT("EACCES", write_value(1, 0, "/shared", 1));
    EXPECT("ENOENT", ask(1, XS_TRANSACTION_END, tx, "T"));
    EXPECT("OK", write_value(1, 0, "a", 3));
    EXPECT("EACCES", ask(2, XS_READ, 0, "/local/domain/1/a"));
    EXPECT("OK", write_value(0, 0, "/shared", 1));
    assert_int_equal(store->conn[1]->head, store->conn[1]->tail);
}

/* Rights that were given before a domain of that number existed are for the one that comes. */
static void test_rights_before(void **state)
{
    char perms[] = "/for3\0n0\0r3";
    EXPECT("OK", write_value(0, 0, "/for3", 3));
    EXPECT("OK", ask_bytes(0, XS_SET_PERMS, 0, perms, sizeof(perms)));
    introduce(3);
    EXPECT("vvv", ask(3, XS_READ, 0, "/for3"));
    assert_int_equal(store_domain_dead(store, 3), 0);
    introduce(3);
    EXPECT("EACCES", ask(3, XS_READ, 0, "/for3"));
}

/* ---- who goes first */

static bool waits(unsigned c, uint32_t type, uint32_t tx)
{
    struct xsd_sockmsg hdr = {.type = type, .tx_id = tx};
    return store_must_wait(store, store->conn[c], &hdr);
}

/* A transaction that fails three times goes first the fourth time, and only changes wait for it. */
static void test_first(void **state)
{
    uint32_t tx;
    for (unsigned i = 0; i < 3; i++) {
        tx = transaction(1);
        EXPECT("ENOENT", ask(1, XS_READ, tx, "/local/domain/1/x"));
        EXPECT("OK", write_value(0, 0, "/local/domain/1/x", i + 1));
        assert_false(waits(2, XS_WRITE, 0));
        EXPECT("EAGAIN", ask(1, XS_TRANSACTION_END, tx, "T"));
        EXPECT("OK", ask(0, XS_RM, 0, "/local/domain/1/x"));
    }
    tx = transaction(1);
    assert_true(waits(2, XS_WRITE, 0) && waits(0, XS_RM, 0) && waits(2, XS_TRANSACTION_END, 7));
    assert_false(waits(1, XS_WRITE, 0) || waits(2, XS_READ, 0) || waits(2, XS_WRITE, 7));
    EXPECT("OK", write_value(1, tx, "x", 1));
    EXPECT("OK", ask(1, XS_TRANSACTION_END, tx, "T"));
    assert_false(waits(2, XS_WRITE, 0));
    assert_int_equal(store->conn[1]->conflicts, 0);
}

/* ---- requests that other stores fell over */

/* XSA-481 and 484, XSA-323, XSA-418. */
static void test_odd_requests(void **state)
{
    char path[XENSTORE_ABS_PATH_MAX + 1];
    EXPECT("EINVAL", write_value(1, 0, "/local/domain/", 1));
    EXPECT("EINVAL", ask(0, XS_READ, 0, "/local/domain/"));
    uint32_t tx = transaction(1);
    EXPECT("OK", write_value(1, tx, "a", 1));
    EXPECT("OK", ask(1, XS_RESET_WATCHES, tx, ""));
    EXPECT("ENOENT", ask(1, XS_TRANSACTION_END, tx, "T"));
    /* As long as a relative path may be, and too long with what is put in front. */
    memset(path, 'x', sizeof(path));
    path[XENSTORE_REL_PATH_MAX] = 0;
    EXPECT("OK", write_value(1, 0, path, 1));
    path[XENSTORE_REL_PATH_MAX] = 'x';
    path[XENSTORE_REL_PATH_MAX + 1] = 0;
    EXPECT("EINVAL", write_value(1, 0, path, 1));
    /* As deep as can be. */
    for (unsigned i = 0; i < XENSTORE_REL_PATH_MAX; i += 2)
        memcpy(path + i, "/d", 2);
    path[XENSTORE_REL_PATH_MAX] = 0;
    EXPECT("OK", ask(0, XS_MKDIR, 0, path));
    EXPECT("OK", ask(0, XS_RM, 0, "/d"));
    EXPECT("EINVAL", ask(0, XS_RM, 0, "/"));
}

/* An answer that does not fit is E2BIG, a watch event that cannot is the watch's own path (XSA-72,
 * XSA-324). */
static void test_long_answers(void **state)
{
    char path[300], token[XENSTORE_PAYLOAD_MAX];
    for (unsigned i = 0; i < 30; i++) {
        int at = snprintf(path, sizeof(path), "/many/%02u", i);
        memset(path + at, 'y', 200);
        path[at + 200] = 0;
        EXPECT("OK", ask(0, XS_MKDIR, 0, path));
    }
    EXPECT("E2BIG", ask(0, XS_DIRECTORY, 0, "/many"));
    ask2(0, XS_DIRECTORY_PART, 0, "/many", "0");
    assert_int_equal(answer_type, XS_DIRECTORY_PART);
    memset(token, 't', sizeof(token));
    token[XENSTORE_PAYLOAD_MAX - 10] = 0;
    EXPECT("OK", ask2(0, XS_WATCH, 0, "/many", token));
    struct conn *c = store->conn[0];
    EXPECT("OK", ask(0, XS_RM, 0, path));
    assert_int_equal(c->tail - c->head,
                     sizeof(struct xsd_sockmsg) + sizeof("/many") + strlen(token) + 1);
    assert_string_equal(c->out + c->head + sizeof(struct xsd_sockmsg), "/many");
}

/* Who does not read gets no endless queue: then one event per watch, and nothing is lost for good.
 */
static void test_unread(void **state)
{
    EXPECT("OK", ask2(1, XS_WATCH, 0, "/noise", "a"));
    EXPECT("OK", ask2(1, XS_WATCH, 0, "/noise", "b"));
    EXPECT("OK", write_value(0, 0, "/noise", 1));
    char perms[] = "/noise\0r0";
    EXPECT("OK", ask_bytes(0, XS_SET_PERMS, 0, perms, sizeof(perms)));
    store->quota.output = 10000;
    struct conn *c = store->conn[1];
    for (unsigned i = 0; i < 2000; i++)
        EXPECT("OK", write_value(0, 0, "/noise", 1));
    assert_true(c->tail - c->head <= store->quota.output + 4096 && c->room <= 64 * 1024);
    assert_true(c->lost);
    c->head = c->tail;
    uint64_t before = c->produced;
    assert_int_equal(store_acked(store, c, c->produced), 0);
    assert_false(c->lost);
    assert_int_equal(c->produced - before, 2 * (sizeof(struct xsd_sockmsg) + sizeof("/noise\0a")));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(test_nodes),         CASE(test_node_size),    CASE(test_perms),
        CASE(test_watches),       CASE(test_transactions), CASE(test_transaction_nodes),
        CASE(test_path),          CASE(test_memory),       CASE(test_kept),
        CASE(test_kept_too_much), CASE(test_kept_dom0),    CASE(test_reused),
        CASE(test_rights_before), CASE(test_first),        CASE(test_odd_requests),
        CASE(test_long_answers),  CASE(test_unread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
