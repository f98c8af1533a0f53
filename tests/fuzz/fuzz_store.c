/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A whole store under whatever dom0 and three domains send, clients that come and go, domains that
 * die and come back, readers that read or not: each request has one answer of at most a message's
 * size, accounts are a recount's to the byte, no domain has more than its limits.  Beside it is a
 * second store that gets the same, but was written to a snapshot and read back when the input says:
 * it must say the same, byte for byte.
 */
// OPTIONS: -len_control=0 -max_len=1024
// SHORT: 800
// SOURCES: xenbus/wire.c xenbus/store/change.c xenbus/store/control.c xenbus/store/path.c
// SOURCES: xenbus/store/request.c xenbus/store/restore.c xenbus/store/snapshot.c
// SOURCES: xenbus/store/store.c xenbus/store/tree.c xenbus/store/txn.c xenbus/store/watch.c
#include <cmocka.h>

#include <errno.h>

#include "../../xenbus/store/snapshot.h"
#include "../../xenbus/store/txn.h"
#include "../../xenbus/store/watch.h"
#include "fuzz.h"

#define DOMAINS  4 /* of which 0 is dom0: its ring is connection 0 */
#define SOCKET   5 /* a client that comes and goes */
#define CONNS    6
#define MEMORY   20000
#define OUTPUT   3000
#define SNAPSHOT (1u << 20)

static struct store *stores[2];

static int hook_introduce(void *arg, uint16_t domid, uint64_t mfn, uint32_t port, int conn)
{
    return domid > 0 && domid < DOMAINS ? domid : -ENOENT;
}

static void hook_release(void *arg, uint32_t conn)
{
}

static const struct store_hooks hooks = {hook_introduce, hook_release, NULL, NULL};

static int ask(struct store *s, uint32_t conn, uint32_t type, uint32_t tx, const char *data,
               size_t len)
{
    struct xsd_sockmsg hdr = {type, 0x1234, tx, (uint32_t)len};
    return store_request(s, s->conn[conn], &hdr, data);
}

static void begin(void)
{
    for (int i = 0; i < 2; i++) {
        struct store *s = stores[i] = store_new(&hooks);
        s->quota = (struct quota){.nodes = 12,
                                  .node_size = 300,
                                  .perms = 4,
                                  .watches = 5,
                                  .transactions = 3,
                                  .txn_nodes = 8,
                                  .path_len = 100,
                                  .memory = MEMORY,
                                  .output = OUTPUT};
        store_connect_ring(s, 0, 0);
        for (char d = '1'; d < '0' + DOMAINS; d++) {
            const char introduce[] = {d, 0, '1', 0, '5', 0};
            char home[] = "/local/domain/1\0n1";
            home[14] = home[17] = d;
            ask(s, 0, XS_INTRODUCE, 0, introduce, sizeof(introduce));
            ask(s, 0, XS_MKDIR, 0, home, 16);
            ask(s, 0, XS_SET_PERMS, 0, home, sizeof(home));
        }
    }
}

/* ---- what must hold */

/* Messages are whole, of those types that may be. */
static void check_output(const struct conn *c)
{
    struct xsd_sockmsg hdr;
    size_t at = c->head;
    for (; at < c->tail; at += sizeof(hdr) + hdr.len) {
        assert_true(c->tail - at >= sizeof(hdr));
        memcpy(&hdr, c->out + at, sizeof(hdr));
        assert_true(hdr.len <= XENSTORE_PAYLOAD_MAX);
        assert_true(hdr.req_id == (hdr.type == XS_WATCH_EVENT ? 0u : 0x1234u));
    }
    assert_int_equal(at, c->tail);
    assert_int_equal(c->reserved, 0);
}

static int count_node(struct tree_walk *walk, struct node *n)
{
    *(uint64_t *)walk->arg += node_bytes(n);
    return 0;
}

static void check(struct store *s)
{
    uint64_t live = node_bytes(s->root), own = 0, kept = 0;
    struct tree_walk walk = {.enter = count_node, .arg = &live};
    tree_walk(&walk, s->root);
    for (const struct txn *t = s->youngest; t; t = t->older) {
        own += t->own;
        kept += t->kept;
    }
    assert_int_equal(s->live_bytes, live);
    assert_int_equal(s->pool.bytes, live + own + kept);
    for (unsigned i = 1; i < DOMAINS; i++) {
        const struct domain *d = s->domain[i];
        unsigned watches = 0;
        assert_true(d->txns <= s->quota.transactions && d->watches <= s->quota.watches);
        assert_true(d->kept <= s->quota.memory);
        for (const struct watch *w = d->conn ? d->conn->watches : NULL; w; w = w->next)
            watches++;
        assert_int_equal(watches, d->watches);
    }
    for (unsigned i = 0; i < CONNS; i++)
        if (s->conn[i])
            check_output(s->conn[i]);
}

/* Both say the same. */
static void compare(void)
{
    for (unsigned i = 0; i < CONNS; i++) {
        const struct conn *a = stores[0]->conn[i], *b = stores[1]->conn[i];
        assert_int_equal(!a, !b);
        if (!a)
            continue;
        assert_int_equal(a->produced, b->produced);
        assert_int_equal(a->tail - a->head, b->tail - b->head);
        if (a->tail > a->head)
            assert_memory_equal(a->out + a->head, b->out + b->head, a->tail - a->head);
    }
}

/* ---- what happens */

/* A payload: the input's bytes, where some stand for words that chance would not find. */
static size_t payload(struct fuzz_input *in, char *out, size_t room)
{
    static const char *const words[] = {
        "/local/domain/1",
        "/local/domain/2",
        "/local/domain/3",
        "/tool",
        "/",
        "a",
        "b",
        "/a",
        "n1",
        "r2",
        "b3",
        "w0",
        "T",
        "@releaseDomain",
        "@introduceDomain",
        "token",
        "quota",
        "check",
        "memreport",
        "set",
        "1",
        "2",
        "3",
        "0",
        "/local/domain/1/a",
        "/local/domain/2/a/b",
    };
    size_t pieces = fuzz_take(in, 1) % 7, len = 0;
    while (pieces--) {
        unsigned what = (unsigned)fuzz_take(in, 1);
        const char *word = words[what % (sizeof(words) / sizeof(words[0]))];
        size_t n = strlen(word) + (what & 128 ? 0 : 1);
        if ((what & 96) == 96) { /* so many times one byte */
            n = fuzz_take(in, 2) % room;
            n = n > room - len ? room - len : n;
            memset(out + len, (int)fuzz_take(in, 1), n);
        } else if (n <= room - len) {
            memcpy(out + len, word, n);
        } else {
            n = 0;
        }
        len += n;
    }
    return len;
}

/* Reads a part of what waits, or all; says so to the store, or not. */
static void read_some(struct store *s, unsigned i, unsigned how)
{
    struct conn *c = s->conn[i];
    struct xsd_sockmsg hdr;
    for (unsigned n = how & 4 ? ~0u : 1; n && c->head < c->tail; n--) {
        memcpy(&hdr, c->out + c->head, sizeof(hdr));
        c->head += sizeof(hdr) + hdr.len;
    }
    if (how & 8)
        assert_int_equal(store_acked(s, c, c->produced - (c->tail - c->head)), 0);
}

static void through_snapshot(void)
{
    static char one[SNAPSHOT], two[SNAPSHOT];
    size_t len = snapshot_write(stores[1], one, sizeof(one));
    if (!len)
        return; /* dom0 has made it large */
    store_free(stores[1]);
    stores[1] = snapshot_read(one, len, &hooks);
    assert_non_null(stores[1]);
    assert_int_equal(snapshot_write(stores[1], two, sizeof(two)), len);
}

static void request(struct fuzz_input *in, unsigned conn)
{
    static char data[XENSTORE_PAYLOAD_MAX];
    uint32_t type = (uint32_t)fuzz_take(in, 1), tx = (uint32_t)fuzz_take(in, 1);
    size_t len = payload(in, data, sizeof(data));
    char *copy = fuzz_copy(data, len);
    for (int i = 0; i < 2; i++) {
        struct store *s = stores[i];
        uint64_t before = s->conn[conn]->produced;
        const struct domain *d = s->conn[conn]->domain;
        uint64_t bytes = d->bytes;
        uint32_t nodes = d->nodes;
        assert_int_equal(ask(s, conn, type & 128 ? type : type % 24, tx % 8, copy, len), 0);
        if (s->conn[conn])
            assert_true(s->conn[conn]->produced > before);
        if (d->id == 0)
            continue;
        /* Nobody gets beyond a limit by what he asks himself. */
        assert_true(d->nodes <= nodes || d->nodes <= s->quota.nodes);
        assert_true(d->bytes <= bytes || d->bytes <= s->quota.memory + SNAPSHOT / 64);
    }
    free(copy);
}

static void one_step(struct fuzz_input *in)
{
    unsigned what = (unsigned)fuzz_take(in, 1), conn = what % CONNS, how = what / CONNS;
    for (int i = 0; i < 2; i++) {
        struct store *s = stores[i];
        if (how == 0 && conn > 0 && conn < DOMAINS)
            assert_int_equal(store_domain_dead(s, (uint16_t)conn), 0);
        else if (how == 1 && conn < DOMAINS)
            assert_int_equal(store_domain_shutdown(s, (uint16_t)conn), 0);
        else if (how == 2 && s->conn[conn])
            store_reset(s, s->conn[conn]);
        else if (how == 3 && conn == SOCKET && !s->conn[conn])
            store_connect(s, conn);
        else if (how == 4 && conn == SOCKET && s->conn[conn])
            store_disconnect(s, s->conn[conn]);
        else if (how >= 5 && how < 14 && s->conn[conn])
            read_some(s, conn, how);
    }
    if (how == 14)
        through_snapshot();
    if (how > 14 && stores[0]->conn[conn])
        request(in, conn);
}

/* A store is large and short-lived here: freed memory is used again sooner than by default. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=8";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    begin();
    for (unsigned i = 1; in.left; i++) {
        one_step(&in);
        compare();
        if (i % 8 == 0)
            check(stores[0]);
    }
    check(stores[0]);
    check(stores[1]);
    store_free(stores[0]);
    store_free(stores[1]);
    return 0;
}
