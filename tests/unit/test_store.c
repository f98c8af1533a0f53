// SPDX-License-Identifier: GPL-2.0-only
// SOURCES: xenbus/wire.c xenbus/store/change.c xenbus/store/control.c xenbus/store/path.c
// SOURCES: xenbus/store/request.c xenbus/store/restore.c xenbus/store/snapshot.c
// SOURCES: xenbus/store/store.c xenbus/store/tree.c xenbus/store/txn.c xenbus/store/watch.c
// LIBS: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc
/* The store does what a model says that is simple enough to be believed: an array of nodes,
 * transactions as copies of it, watches as a list.  Random requests of dom0 and of three domains go
 * to both; answers, watch events and trees are compared after each, accounts are counted anew, now
 * and then the store is written to a snapshot and read back, and in one test any allocation may
 * fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../xenbus/store/change.h"
#include "../../xenbus/store/snapshot.h"
#include "../../xenbus/store/txn.h"
#include "../../xenbus/store/watch.h"
#include "store_model.h"

/* ---- allocations that fail on demand */

static long allocations_left = -1; /* until all fail; -1: none does */

static int allocation_fails(void)
{
    if (allocations_left < 0)
        return 0;
    if (allocations_left == 0)
        return 1;
    allocations_left--;
    return 0;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t m);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t m);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
    return allocation_fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t m)
{
    return allocation_fails() ? NULL : __real_calloc(n, m);
}

void *__wrap_realloc(void *p, size_t n)
{
    return allocation_fails() ? NULL : __real_realloc(p, n);
}

/* ---- chance */

static uint64_t seed;

static unsigned rnd(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

/* ---- the store beside it */

static struct store *store;
static uint32_t req_id;

static int hook_introduce(void *arg, uint16_t domid, uint64_t mfn, uint32_t port, int conn)
{
    return domid;
}

static void hook_release(void *arg, uint32_t conn)
{
}

static const struct store_hooks hooks = {hook_introduce, hook_release, NULL, NULL};

struct answer {
    uint32_t type, len;
    char data[XENSTORE_PAYLOAD_MAX + 1];
};

/* Takes the output of all connections apart: one answer, of @c; events must be those that are
 * expected. */
static void take_output(unsigned c, struct answer *a)
{
    static char got[EVENTS][PATH + 16];
    unsigned nr_got = 0;
    bool answered = false;
    while (store_next_dirty(store))
        ;
    for (unsigned i = 0; i < CONNS; i++) {
        struct conn *conn = store->conn[i];
        assert_int_equal(conn->reserved, 0);
        while (conn->head < conn->tail) {
            struct xsd_sockmsg h;
            memcpy(&h, conn->out + conn->head, sizeof(h));
            const char *data = conn->out + conn->head + sizeof(h);
            conn->head += sizeof(h) + h.len;
            if (h.type == XS_WATCH_EVENT) {
                snprintf(got[nr_got++], sizeof(got[0]), "%u %s %s", i, data,
                         data + strlen(data) + 1);
                continue;
            }
            assert_int_equal(i, c);
            assert_int_equal(h.req_id, req_id);
            assert_false(answered);
            answered = true;
            a->type = h.type;
            a->len = h.len;
            memcpy(a->data, data, h.len);
            a->data[h.len] = 0;
        }
    }
    assert_true(answered);
    /* As sets: several writes to a node in one transaction are one event here, several in the
     * model. */
    for (unsigned i = 0; i < nr_got; i++) {
        bool found = false;
        for (unsigned j = 0; j < nr_events; j++)
            found |= strcmp(got[i], events[j]) == 0;
        if (!found)
            fail_msg("event '%s' was not expected", got[i]);
    }
    for (unsigned j = 0; j < nr_events; j++) {
        bool found = false;
        for (unsigned i = 0; i < nr_got; i++)
            found |= strcmp(got[i], events[j]) == 0;
        if (!found)
            fail_msg("event '%s' did not come", events[j]);
    }
    nr_events = 0;
}

struct count {
    uint64_t nodes[CONNS], bytes[CONNS];
    unsigned all;
};

static void count_one(struct count *n, const struct node *node)
{
    unsigned owner = node->perms->entry[0].domid;
    n->all++;
    n->nodes[owner]++;
    n->bytes[owner] +=
        sizeof(*node) + node->name->len + node->value->len + node->perms->nr * sizeof(struct perm);
}

static int count_node(struct tree_walk *walk, struct node *node)
{
    const struct mnode *m = mfind(&live, walk->path);
    count_one(walk->arg, node);
    assert_non_null(m);
    assert_string_equal(m->value, node->value->data);
    assert_int_equal(m->nr_perms, node->perms->nr);
    for (unsigned i = 0; i < m->nr_perms; i++) {
        assert_int_equal(m->perm[i].domid, node->perms->entry[i].domid);
        assert_int_equal(m->perm[i].bits, node->perms->entry[i].bits);
    }
    return 0;
}

/* What nodes take is the live tree's, or some transaction's own, or kept for one. */
static void check_kept(uint64_t live)
{
    uint64_t own = 0, kept = 0;
    for (const struct txn *t = store->youngest; t; t = t->older) {
        own += t->own;
        kept += t->kept;
    }
    assert_int_equal(store->live_bytes, live);
    assert_int_equal(store->private_bytes, own);
    assert_int_equal(store->kept_bytes, kept);
    assert_int_equal(store->pool.bytes, live + own + kept);
    if (!store->youngest)
        assert_int_equal(store->pool.shared, 0);
}

/* The trees are equal, and what domains are charged with is what a recount gives. */
static void check_state(void)
{
    struct count n = {0};
    struct tree_walk walk = {.enter = count_node, .arg = &n};
    uint64_t all = 0;
    count_one(&n, store->root);
    tree_walk(&walk, store->root);
    assert_int_equal(n.all, live.nr);
    for (unsigned i = 0; i < CONNS; i++) {
        const struct domain *d = store->domain[i];
        unsigned set = 0, open = 0;
        uint64_t bytes = n.bytes[i];
        for (const struct watch *w = store->conn[i]->watches; w; w = w->next, set++)
            bytes += watch_bytes(w->point->path->len, w->token->len);
        for (const struct txn *t = store->conn[i]->txns; t; t = t->next, open++)
            bytes += t->bytes;
        assert_int_equal(d->nodes, n.nodes[i]);
        assert_int_equal(d->watches, set);
        assert_int_equal(d->txns, open);
        assert_int_equal(d->bytes, bytes);
        all += n.bytes[i];
    }
    check_kept(all);
}

static bool failing; /* allocations do, now and then */

static void request(unsigned c, uint32_t type, uint32_t tx, const char *data, size_t len,
                    struct answer *a)
{
    struct xsd_sockmsg hdr = {type, ++req_id, tx, (uint32_t)len};
    int status;
    allocations_left = failing && rnd(2) ? (long)rnd(12) : -1;
    while ((status = store_request(store, store->conn[c], &hdr, data)) != 0) {
        assert_int_equal(status, -ENOMEM);
        assert_true(allocations_left >= 0);
        for (unsigned i = 0; i < CONNS; i++) {
            assert_int_equal(store->conn[i]->head, store->conn[i]->tail);
            assert_int_equal(store->conn[i]->reserved, 0);
        }
        allocations_left = rnd(4) ? (long)rnd(30) : -1;
    }
    allocations_left = -1;
    take_output(c, a);
}

static void expect_status(const struct answer *a, int error, const char *what, const char *path)
{
    const char *name = error ? wire_error_name(error) : "OK";
    if (strcmp(a->data, name) != 0)
        fail_msg("%s %s: '%s', expected '%s'", what, path, a->data, name);
    assert_int_equal(a->type == XS_ERROR, error != 0);
}

/* ---- random requests */

/* A path, absolute; now and then below a domain's home. */
static void random_path(char *path)
{
    static const char *const names[] = {"a", "b", "cc", "d9"};
    unsigned depth = rnd(5);
    path[0] = 0;
    if (rnd(2))
        sprintf(path, "/local/domain/%u", 1 + rnd(3));
    else if (depth == 0)
        strcpy(path, "/");
    for (unsigned i = 0; i < depth; i++)
        sprintf(path + strlen(path), "/%s", names[rnd(4)]);
}

/* How the domain writes it: relative to its home, if it is below. */
static const char *as_written(unsigned c, const char *path, unsigned *base)
{
    char home[32];
    size_t len = (size_t)sprintf(home, "/local/domain/%u/", c);
    bool relative = strncmp(path, home, len) == 0 && path[len] && rnd(2);
    *base = relative ? (unsigned)len : 0;
    return path + *base;
}

static struct mtxn *random_txn(unsigned c)
{
    struct mtxn *t = &txns[c][rnd(2)];
    return t->open && rnd(2) ? t : NULL;
}

static unsigned owned_in(unsigned c, struct mtxn *t)
{
    /* In a transaction the quota sees what is owned now, and what the transaction adds or takes. */
    return t ? mowned(&live, c) + mowned(&t->tree, c) - mowned(&t->base, c) : mowned(&live, c);
}

static void random_change(unsigned c)
{
    static const uint32_t types[] = {XS_WRITE, XS_WRITE, XS_MKDIR, XS_RM, XS_SET_PERMS};
    struct mop op = {.type = types[rnd(5)]};
    struct mtxn *t = random_txn(c);
    struct answer a;
    char payload[300];
    unsigned base;
    random_path(op.path);
    size_t len = (size_t)sprintf(payload, "%s", as_written(c, op.path, &base)) + 1;
    if (op.type == XS_WRITE) {
        sprintf(op.value, "%u", rnd(1000));
        memcpy(payload + len, op.value, strlen(op.value));
        len += strlen(op.value);
    } else if (op.type == XS_SET_PERMS) {
        op.nr_perms = 1 + rnd(PERMS);
        for (unsigned i = 0; i < op.nr_perms; i++) {
            op.perm[i] = (struct mperm){i || rnd(2) ? rnd(CONNS) : c, rnd(4)};
            len += wire_perm_print(payload + len, op.perm[i].bits, op.perm[i].domid) + 1;
        }
    }
    int error = mapply(t ? &t->tree : &live, c, &op, owned_in(c, t));
    if (t && error)
        mnote(t, op.path, READ_EXISTS | READ_PERMS);
    if (t && !error)
        t->op[t->nr_ops++] = op;
    request(c, op.type, t ? t->id : 0, payload, len, &a);
    expect_status(&a, error, wire_type_name(op.type), op.path);
}

static void random_read(unsigned c)
{
    static const uint32_t types[] = {XS_READ, XS_DIRECTORY, XS_GET_PERMS};
    static const unsigned notes[] = {READ_VALUE, READ_LIST, 0};
    unsigned kind = rnd(3), base;
    struct mtxn *t = random_txn(c);
    struct mtree *tree = t ? &t->tree : &live;
    struct answer a;
    char path[PATH], payload[PATH];
    random_path(path);
    strcpy(payload, as_written(c, path, &base));
    if (t)
        mnote(t, path, notes[kind] | READ_PERMS);
    int error = mcheck(tree, c, path, 1);
    request(c, types[kind], t ? t->id : 0, payload, strlen(payload) + 1, &a);
    if (error) {
        expect_status(&a, error, "read", path);
        return;
    }
    const struct mnode *n = mfind(tree, path);
    assert_int_equal(a.type, types[kind]);
    if (kind == 0) {
        assert_int_equal(a.len, strlen(n->value));
        assert_string_equal(a.data, n->value);
    } else if (kind == 1) {
        unsigned nr = 0, children = 0;
        char up[PATH];
        for (unsigned i = 0; i < tree->nr; i++) {
            mparent(tree->node[i].path, up);
            children += strcmp(up, path) == 0 && strcmp(tree->node[i].path, "/") != 0;
        }
        for (uint32_t at = 0; at < a.len; at += (uint32_t)strlen(a.data + at) + 1, nr++) {
            char child[2 * PATH];
            snprintf(child, sizeof(child), "%s/%s", strcmp(path, "/") ? path : "", a.data + at);
            assert_non_null(mfind(tree, child));
        }
        assert_int_equal(nr, children);
    } else {
        uint32_t at = 0;
        for (unsigned i = 0; i < n->nr_perms; i++) {
            char text[WIRE_PERM_TEXT];
            size_t len = wire_perm_print(text, n->perm[i].bits, n->perm[i].domid) + 1;
            assert_memory_equal(a.data + at, text, len);
            at += (uint32_t)len;
        }
        assert_int_equal(at, a.len);
    }
}

static void random_watch(unsigned c)
{
    struct mwatch w = {.conn = c};
    struct answer a;
    char payload[300];
    unsigned found = nr_watches;
    random_path(w.path);
    sprintf(w.token, "t%u", rnd(3));
    size_t len = (size_t)sprintf(payload, "%s", as_written(c, w.path, &w.base)) + 1;
    len += (size_t)sprintf(payload + len, "%s", w.token) + 1;
    for (unsigned i = 0; i < nr_watches; i++)
        if (watches[i].conn == c && !strcmp(watches[i].path, w.path) &&
            !strcmp(watches[i].token, w.token))
            found = i;
    if (rnd(3) || nr_watches < 5) {
        if (found == nr_watches && nr_watches < 200) {
            watches[nr_watches++] = w;
            mfire_one(&w, w.path);
            request(c, XS_WATCH, 0, payload, len, &a);
            expect_status(&a, 0, "watch", w.path);
        } else {
            request(c, XS_WATCH, 0, payload, len, &a);
            expect_status(&a, EEXIST, "watch", w.path);
        }
    } else {
        request(c, XS_UNWATCH, 0, payload, len, &a);
        expect_status(&a, found == nr_watches ? ENOENT : 0, "unwatch", w.path);
        if (found != nr_watches)
            watches[found] = watches[--nr_watches];
    }
}

static void random_transaction(unsigned c)
{
    struct mtxn *t = &txns[c][rnd(2)];
    struct answer a;
    if (!t->open) {
        request(c, XS_TRANSACTION_START, 0, "", 1, &a);
        assert_int_equal(a.type, XS_TRANSACTION_START);
        t->open = true;
        t->id = (uint32_t)atoi(a.data);
        t->base = t->tree = live;
        t->nr_ops = t->nr_reads = 0;
    } else if (rnd(4) == 0 || t->nr_ops > 150 || t->nr_reads > 300) {
        request(c, XS_TRANSACTION_END, t->id, "F", 2, &a);
        expect_status(&a, 0, "abort", "");
        t->open = false;
    } else {
        int error = mcommit(t, c);
        request(c, XS_TRANSACTION_END, t->id, "T", 2, &a);
        expect_status(&a, error, "commit", "");
    }
}

/* The store goes through a snapshot, and goes on as if nothing had been. */
static void through_snapshot(void)
{
    size_t room = 1 << 20;
    char *one = malloc(room), *two = malloc(room);
    size_t len = snapshot_write(store, one, room);
    assert_true(len > 0);
    assert_int_equal(snapshot_write(store, two, len - 1), 0);
    store_free(store);
    store = snapshot_read(one, len, &hooks);
    assert_non_null(store);
    assert_int_equal(snapshot_write(store, two, room), len);
    free(one);
    free(two);
}

static void begin(uint64_t with_seed)
{
    struct answer a;
    seed = with_seed;
    req_id = nr_watches = nr_events = version = 0;
    memset(txns, 0, sizeof(txns));
    memset(&live, 0, sizeof(live));
    store = store_new(&hooks);
    store->quota.nodes = QUOTA;
    store->quota.watches = 1000;
    store->quota.perms = PERMS;
    assert_non_null(store_connect(store, 0));
    for (unsigned c = 1; c < CONNS; c++) {
        char text[32];
        struct xsd_sockmsg hdr = {XS_INTRODUCE, 0, 0, 0};
        size_t len = (size_t)snprintf(text, sizeof(text), "%u", c) + 1;
        len += (size_t)snprintf(text + len, sizeof(text) - len, "1") + 1;
        len += (size_t)snprintf(text + len, sizeof(text) - len, "5") + 1;
        hdr.len = (uint32_t)len;
        assert_int_equal(store_request(store, store->conn[0], &hdr, text), 0);
        store->conn[0]->head = store->conn[0]->tail;
    }
    live.nr = 1;
    live.node[0] = (struct mnode){.path = "/", .nr_perms = 1};
    mwrite(&live, 0, "/tool/xenstored", "", 0);
    for (unsigned c = 1; c < CONNS; c++) {
        char payload[64];
        struct mperm perm = {c, 0};
        size_t len = (size_t)sprintf(payload, "/local/domain/%u", c) + 1;
        mmkdir(&live, 0, payload, 0);
        request(0, XS_MKDIR, 0, payload, len, &a);
        mset_perms(&live, 0, payload, &perm, 1);
        len += (size_t)sprintf(payload + len, "n%u", c) + 1;
        request(0, XS_SET_PERMS, 0, payload, len, &a);
    }
}

static void one_operation(void)
{
    unsigned c = rnd(CONNS), what = rnd(16);
    if (what < 8)
        random_change(c);
    else if (what < 12)
        random_read(c);
    else if (what < 14)
        random_transaction(c);
    else
        random_watch(c);
}

static void run(uint64_t with_seed, unsigned steps)
{
    begin(with_seed);
    for (unsigned i = 0; i < steps; i++) {
        one_operation();
        check_state();
        if (rnd(100) == 0)
            through_snapshot();
    }
    store_free(store);
}

/* The store and the model agree on everything that four clients do at random. */
static void test_model(void **state)
{
    for (uint64_t s = 1; s <= 20; s++)
        run(s, 1500);
}

/* Nor does it matter where an allocation fails: a request is done whole, or not at all. */
static void test_no_memory(void **state)
{
    failing = true;
    for (uint64_t s = 100; s < 112; s++)
        run(s, 1000);
    failing = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
