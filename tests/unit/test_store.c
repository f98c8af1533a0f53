// SPDX-License-Identifier: GPL-2.0-only
// SOURCES: xenbus/wire.c xenbus/store/change.c xenbus/store/control.c xenbus/store/path.c
// SOURCES: xenbus/store/request.c xenbus/store/snapshot.c xenbus/store/store.c xenbus/store/tree.c
// SOURCES: xenbus/store/txn.c xenbus/store/watch.c
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

/* ---- the model */

#define NODES  400
#define PERMS  3
#define PATH   128
#define CONNS  4 /* dom0's socket, rings of domains 1 to 3: the number is the domain's */
#define QUOTA  14
#define EVENTS 4000

struct mperm {
    unsigned domid, bits;
};

struct mnode {
    char path[PATH];
    char value[8];
    struct mperm perm[PERMS];
    unsigned nr_perms;
    unsigned value_version, perms_version, list_version;
};

struct mtree {
    unsigned nr;
    struct mnode node[NODES];
};

struct mop {
    unsigned type;
    char path[PATH], value[8];
    struct mperm perm[PERMS];
    unsigned nr_perms;
};

struct mread {
    char path[PATH];
    unsigned what;
};

struct mtxn {
    bool open;
    uint32_t id;
    struct mtree base, tree;
    struct mop op[200];
    struct mread read[400];
    unsigned nr_ops, nr_reads;
};

struct mwatch {
    unsigned conn;
    char path[PATH], token[8];
    unsigned base;
};

static struct mtree live;
static struct mtxn txns[CONNS][2];
static struct mwatch watches[200];
static unsigned nr_watches, version;
static char events[EVENTS][PATH + 16]; /* "conn path token", those that the model expects */
static unsigned nr_events;

static struct mnode *mfind(struct mtree *t, const char *path)
{
    for (unsigned i = 0; i < t->nr; i++)
        if (strcmp(t->node[i].path, path) == 0)
            return &t->node[i];
    return NULL;
}

static void mparent(const char *path, char *out)
{
    char *slash;
    memmove(out, path, strlen(path) + 1);
    slash = strrchr(out, '/');
    if (slash == out)
        out[1] = 0;
    else
        *slash = 0;
}

static unsigned mperms(const struct mnode *n, unsigned dom)
{
    if (dom == 0 || n->perm[0].domid == dom)
        return 7;
    for (unsigned i = 1; i < n->nr_perms; i++)
        if (n->perm[i].domid == dom)
            return n->perm[i].bits;
    return n->perm[0].bits;
}

static struct mnode *mabove(struct mtree *t, const char *path)
{
    char up[PATH];
    strcpy(up, path);
    do
        mparent(up, up);
    while (!mfind(t, up));
    return mfind(t, up);
}

static int mcheck(struct mtree *t, unsigned dom, const char *path, unsigned bits)
{
    struct mnode *n = mfind(t, path);
    if (n)
        return (mperms(n, dom) & bits) == bits ? 0 : EACCES;
    return mperms(mabove(t, path), dom) & bits ? ENOENT : EACCES;
}

static void mfire_one(const struct mwatch *w, const char *path)
{
    snprintf(events[nr_events++], sizeof(events[0]), "%u %s %s", w->conn, path + w->base, w->token);
    assert_true(nr_events < EVENTS);
}

/* A change at @path, before it happens if it is a removal, after it otherwise. */
static void mfire(struct mtree *t, const char *path, bool exact, const struct mnode *old)
{
    char up[PATH];
    struct mnode *n = mfind(t, path), *parent;
    if (t != &live)
        return;
    mparent(path, up);
    parent = mfind(t, up);
    for (unsigned i = 0; i < nr_watches; i++) {
        const struct mwatch *w = &watches[i];
        size_t len = strlen(w->path);
        bool same = strcmp(w->path, path) == 0;
        bool below =
            strcmp(w->path, "/") == 0 || (strncmp(w->path, path, len) == 0 && path[len] == '/');
        bool sees = (mperms(n, w->conn) & 1) || (mperms(parent, w->conn) & 1) ||
                    (old && (mperms(old, w->conn) & 1));
        if ((same || (below && !exact)) && sees)
            mfire_one(w, path);
    }
}

static unsigned mowned(struct mtree *t, unsigned dom)
{
    unsigned nr = 0;
    for (unsigned i = 0; i < t->nr; i++)
        nr += t->node[i].perm[0].domid == dom;
    return nr;
}

/* @have: nodes that the domain owns as quotas see it. */
static int mcreate(struct mtree *t, unsigned dom, const char *path, const char *value,
                   unsigned have)
{
    struct mnode *above = mabove(t, path);
    const char *rest = path + (strcmp(above->path, "/") ? strlen(above->path) : 0);
    unsigned nr = 0;
    for (const char *p = rest; *p; p++)
        nr += *p == '/';
    if (dom && have + nr > QUOTA)
        return ENOSPC;
    above->list_version = ++version;
    struct mnode from = *above;
    for (const char *end = rest; *end;) {
        struct mnode *n = &t->node[t->nr++];
        assert_true(t->nr < NODES);
        end = strchr(end + 1, '/') ? strchr(end + 1, '/') : end + strlen(end);
        *n = from;
        memcpy(n->path, path, (size_t)(end - path));
        n->path[end - path] = 0;
        strcpy(n->value, *end ? "" : value);
        if (dom)
            n->perm[0].domid = dom;
        n->value_version = ++version;
        n->perms_version = ++version;
        n->list_version = ++version;
    }
    mfire(t, path, false, NULL);
    return 0;
}

static int mwrite(struct mtree *t, unsigned dom, const char *path, const char *value, unsigned have)
{
    int error = mcheck(t, dom, path, 2);
    if (error == ENOENT)
        return mcreate(t, dom, path, value, have);
    if (error)
        return error;
    struct mnode *n = mfind(t, path);
    strcpy(n->value, value);
    n->value_version = ++version;
    mfire(t, path, false, NULL);
    return 0;
}

static int mmkdir(struct mtree *t, unsigned dom, const char *path, unsigned have)
{
    int error = mcheck(t, dom, path, 2);
    return error == ENOENT ? mcreate(t, dom, path, "", have) : error;
}

static int mremove(struct mtree *t, unsigned dom, const char *path)
{
    char up[PATH];
    int error = mcheck(t, dom, path, 2);
    mparent(path, up);
    if (error == ENOENT)
        return mfind(t, up) ? 0 : ENOENT;
    if (error)
        return error;
    if (strcmp(path, "/") == 0)
        return EINVAL;
    size_t len = strlen(path);
    for (unsigned i = 0; i < t->nr; i++)
        if (strncmp(t->node[i].path, path, len) == 0 && t->node[i].path[len] == '/')
            mfire(t, t->node[i].path, true, NULL);
    mfire(t, path, false, NULL);
    for (unsigned i = 0; i < t->nr;) {
        if (strncmp(t->node[i].path, path, len) == 0 &&
            (t->node[i].path[len] == '/' || !t->node[i].path[len]))
            t->node[i] = t->node[--t->nr];
        else
            i++;
    }
    mfind(t, up)->list_version = ++version;
    return 0;
}

static int mset_perms(struct mtree *t, unsigned dom, const char *path, const struct mperm *perm,
                      unsigned nr)
{
    int error = mcheck(t, dom, path, 6);
    struct mnode *n = mfind(t, path);
    if (error)
        return error;
    if (dom && perm[0].domid != n->perm[0].domid)
        return EPERM;
    struct mnode old = *n;
    memcpy(n->perm, perm, nr * sizeof(*perm));
    n->nr_perms = nr;
    n->perms_version = ++version;
    mfire(t, path, false, &old);
    return 0;
}

static int mapply(struct mtree *t, unsigned dom, const struct mop *op, unsigned have)
{
    switch (op->type) {
    case XS_WRITE: return mwrite(t, dom, op->path, op->value, have);
    case XS_MKDIR: return mmkdir(t, dom, op->path, have);
    case XS_RM: return mremove(t, dom, op->path);
    default: return mset_perms(t, dom, op->path, op->perm, op->nr_perms);
    }
}

static void mnote(struct mtxn *t, const char *path, unsigned what)
{
    assert_true(t->nr_reads < 400);
    strcpy(t->read[t->nr_reads].path, path);
    t->read[t->nr_reads++].what = what;
}

static bool mreads_hold(struct mtxn *t)
{
    for (unsigned i = 0; i < t->nr_reads; i++) {
        const struct mread *r = &t->read[i];
        const struct mnode *a = mfind(&t->base, r->path), *b = mfind(&live, r->path);
        if (!a != !b)
            return false;
        if (a && (((r->what & READ_VALUE) && a->value_version != b->value_version) ||
                  ((r->what & READ_PERMS) && a->perms_version != b->perms_version) ||
                  ((r->what & READ_LIST) && a->list_version != b->list_version)))
            return false;
    }
    return true;
}

static int mcommit(struct mtxn *t, unsigned dom)
{
    static struct mtree before;
    before = live;
    t->open = false;
    if (!mreads_hold(t))
        return EAGAIN;
    for (unsigned i = 0; i < t->nr_ops; i++) {
        if (mapply(&live, dom, &t->op[i], mowned(&live, dom))) {
            live = before;
            nr_events = 0;
            return EAGAIN;
        }
    }
    return 0;
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

/* The trees are equal, and what domains are charged with is what a recount gives. */
static void check_state(void)
{
    struct count n = {0};
    struct tree_walk walk = {.enter = count_node, .arg = &n};
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
    }
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

static void run(uint64_t with_seed, unsigned steps)
{
    begin(with_seed);
    for (unsigned i = 0; i < steps; i++) {
        unsigned c = rnd(CONNS), what = rnd(16);
        if (what < 8)
            random_change(c);
        else if (what < 12)
            random_read(c);
        else if (what < 14)
            random_transaction(c);
        else
            random_watch(c);
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
