// SPDX-License-Identifier: GPL-2.0-only
/* Writing and reading the store: see snapshot.h.
 *
 * The bytes are a list of objects (blobs, permissions, nodes) numbered from 1 in the order of
 * writing, each after those that it refers to, then the lists that refer to them.  Objects with one
 * reference are met once; those with more are looked up by address, so that each is written once.
 */
#include "snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "txn.h"
#include "watch.h"

#define MAGIC 0x31307273 /* "sr01" */

enum tag { TAG_END, TAG_BLOB, TAG_PERMS, TAG_NODE };

/* ---- writing */

struct seen {
    const void *object;
    uint32_t number;
};

struct writer {
    struct store *s;
    char *out;
    size_t len, room;
    bool failed;
    uint32_t nr;       /* objects so far */
    struct seen *seen; /* hash table of shared objects */
    size_t nr_seen, seen_room;
    struct step {
        const struct node *node;
        unsigned stage;
        uint32_t ref[3]; /* left, right, children */
    } * stack;
    size_t stack_room;
};

static void put(struct writer *w, const void *data, size_t len)
{
    if (w->failed || w->room - w->len < len) {
        w->failed = true;
        return;
    }
    if (len)
        memcpy(w->out + w->len, data, len);
    w->len += len;
}

static void put32(struct writer *w, uint32_t n)
{
    put(w, &n, sizeof(n));
}

static void put64(struct writer *w, uint64_t n)
{
    put(w, &n, sizeof(n));
}

static struct seen *seen_slot(struct seen *table, size_t room, const void *object)
{
    size_t i = ((uintptr_t)object >> 4) * 0x9e3779b97f4a7c15u >> 20;
    for (;; i++) {
        struct seen *e = &table[i & (room - 1)];
        if (!e->object || e->object == object)
            return e;
    }
}

static bool seen_grow(struct writer *w)
{
    if (2 * w->nr_seen < w->seen_room)
        return true;
    size_t room = w->seen_room ? 2 * w->seen_room : 1024;
    struct seen *table = calloc(room, sizeof(*table));
    if (!table)
        return false;
    for (size_t i = 0; i < w->seen_room; i++)
        if (w->seen[i].object)
            *seen_slot(table, room, w->seen[i].object) = w->seen[i];
    free(w->seen);
    w->seen = table;
    w->seen_room = room;
    return true;
}

/* The number of an object that was written already, or 0. */
static uint32_t seen_number(const struct writer *w, const void *object, uint32_t refs)
{
    return refs > 1 && w->seen_room ? seen_slot(w->seen, w->seen_room, object)->number : 0;
}

/* The number of an object that is written now. */
static uint32_t number(struct writer *w, const void *object, uint32_t refs)
{
    w->nr++;
    if (refs == 1)
        return w->nr;
    if (!seen_grow(w)) {
        w->failed = true;
        return w->nr;
    }
    *seen_slot(w->seen, w->seen_room, object) = (struct seen){object, w->nr};
    w->nr_seen++;
    return w->nr;
}

static uint32_t put_blob(struct writer *w, const struct blob *b)
{
    uint32_t ref = b ? seen_number(w, b, b->refs) : 0;
    if (!b || ref)
        return ref;
    put32(w, TAG_BLOB);
    put32(w, b->len);
    put(w, b->data, b->len);
    return number(w, b, b->refs);
}

static uint32_t put_perms(struct writer *w, const struct perms *p)
{
    uint32_t ref = p ? seen_number(w, p, p->refs) : 0;
    if (!p || ref)
        return ref;
    put32(w, TAG_PERMS);
    put32(w, p->nr);
    for (unsigned i = 0; i < p->nr; i++) {
        put32(w, p->entry[i].domid);
        put32(w, p->entry[i].bits);
        put32(w, p->entry[i].birth);
    }
    return number(w, p, p->refs);
}

static struct step *step_push(struct writer *w, size_t depth, const struct node *n)
{
    if (depth == w->stack_room) {
        size_t room = depth ? 2 * depth : 256;
        struct step *stack = realloc(w->stack, room * sizeof(*stack));
        if (!stack)
            return NULL;
        w->stack = stack;
        w->stack_room = room;
    }
    w->stack[depth] = (struct step){.node = n};
    return &w->stack[depth];
}

static uint32_t put_node(struct writer *w, const struct step *step)
{
    const struct node *n = step->node;
    uint32_t name = put_blob(w, n->name), value = put_blob(w, n->value);
    uint32_t perms = put_perms(w, n->perms);
    put32(w, TAG_NODE);
    put32(w, name);
    put32(w, value);
    put32(w, perms);
    for (int i = 0; i < 3; i++)
        put32(w, step->ref[i]);
    put64(w, n->list_gen);
    return number(w, n, n->refs);
}

/* A tree, its parts before itself, without recursion. */
static uint32_t put_tree(struct writer *w, const struct node *root)
{
    uint32_t last = seen_number(w, root, root->refs);
    size_t depth = 0;
    if (last)
        return last;
    if (!step_push(w, 0, root))
        w->failed = true;
    while (!w->failed) {
        struct step *step = &w->stack[depth];
        if (step->stage > 0 && step->stage <= 3)
            step->ref[step->stage - 1] = last;
        if (step->stage == 3) {
            last = put_node(w, step);
            if (depth-- == 0)
                break;
            continue;
        }
        const struct node *next[3] = {step->node->left, step->node->right, step->node->children};
        const struct node *n = next[step->stage++];
        last = n ? seen_number(w, n, n->refs) : 0;
        if (n && !last && !step_push(w, ++depth, n))
            w->failed = true;
    }
    return last;
}

static void put_string(struct writer *w, const struct blob *b)
{
    put32(w, b->len);
    put(w, b->data, b->len);
}

static void put_op(struct writer *w, const struct txn_op *op, bool last_write)
{
    uint32_t value = put_blob(w, op->value), perms = put_perms(w, op->perms);
    put32(w, TAG_END);
    put32(w, op->type);
    put32(w, op->era);
    put32(w, last_write);
    put32(w, value);
    put32(w, perms);
    put_string(w, op->path);
}

static void put_txn(struct writer *w, struct txn *t)
{
    uint32_t base = put_tree(w, t->base), root = put_tree(w, t->root), nr_ops = 0;
    for (const struct txn_op *op = t->ops; op; op = op->next)
        nr_ops++;
    put32(w, TAG_END);
    put32(w, t->id);
    put32(w, t->era);
    put32(w, base);
    put32(w, root);
    put64(w, (uint64_t)t->nodes);
    put64(w, t->bytes);
    put32(w, t->nr_paths);
    put32(w, nr_ops);
    for (uint32_t i = 0; i < t->room; i++) {
        if (t->paths[i].path) {
            put_string(w, t->paths[i].path);
            put32(w, t->paths[i].reads);
        }
    }
    for (const struct txn_op *op = t->ops; op && !w->failed; op = op->next)
        put_op(w, op, txn_path(t, op->path->data, op->path->len)->write == op);
}

static void put_watch(struct writer *w, const struct watch *watch)
{
    put_string(w, watch->point->path);
    put_string(w, watch->token);
    put32(w, (uint32_t)watch->base);
    put32(w, watch->lost);
}

static void put_conn(struct writer *w, const struct conn *c)
{
    uint32_t nr_watches = 0, nr_txns = 0;
    for (const struct watch *watch = c->watches; watch; watch = watch->next)
        nr_watches++;
    for (const struct txn *t = c->txns; t; t = t->next)
        nr_txns++;
    put32(w, c->id + 1); /* 0 ends the list */
    put32(w, c->domain->id);
    put32(w, c->ring);
    put32(w, c->lost);
    put32(w, c->next_tx_id);
    put64(w, c->produced);
    put64(w, c->acked);
    put64(w, c->tail - c->head);
    put(w, c->out + c->head, c->tail - c->head);
    put32(w, nr_watches);
    for (const struct watch *watch = c->watches; watch; watch = watch->next)
        put_watch(w, watch);
    put32(w, nr_txns);
    for (struct txn *t = c->txns; t; t = t->next)
        put_txn(w, t);
}

static void put_domain(struct writer *w, const struct domain *d)
{
    put32(w, d->id + 1u); /* 0 ends the list */
    put32(w, d->introduced | d->shutdown << 1 | d->has_target << 2 | d->named << 3);
    put32(w, d->target);
    put32(w, d->birth);
    put64(w, d->mfn);
    put32(w, d->port);
    put32(w, d->nodes);
    put32(w, d->watches);
    put32(w, d->txns);
    put64(w, d->bytes);
}

size_t snapshot_write(struct store *s, char *out, size_t room)
{
    struct writer w = {.s = s, .out = out, .room = room};
    put32(&w, MAGIC);
    put(&w, &s->quota, sizeof(s->quota));
    for (const struct domain *d = s->domains; d; d = d->next)
        put_domain(&w, d);
    put32(&w, 0);
    uint32_t empty = put_blob(&w, s->empty), root = put_tree(&w, s->root);
    uint32_t introduce = put_perms(&w, s->introduce_perms);
    uint32_t release = put_perms(&w, s->release_perms);
    put32(&w, TAG_END);
    put32(&w, empty);
    put32(&w, root);
    put32(&w, introduce);
    put32(&w, release);
    put64(&w, s->gen);
    for (uint32_t i = 0; i < STORE_CONNS; i++)
        if (s->conn[i])
            put_conn(&w, s->conn[i]);
    put32(&w, 0);
    free(w.seen);
    free(w.stack);
    return w.failed ? 0 : w.len;
}

/* ---- reading */

struct object {
    enum tag tag;
    bool used; /* somebody took the reference that it was made with */
    void *p;
};

struct reader {
    struct store *s;
    const char *in;
    size_t len;
    bool failed;
    struct object *objects; /* by number, from 1 */
    size_t nr, room;
};

static void get(struct reader *r, void *data, size_t len)
{
    memset(data, 0, len);
    if (r->failed || r->len < len) {
        r->failed = true;
        return;
    }
    memcpy(data, r->in, len);
    r->in += len;
    r->len -= len;
}

static uint32_t get32(struct reader *r)
{
    uint32_t n;
    get(r, &n, sizeof(n));
    return n;
}

static uint64_t get64(struct reader *r)
{
    uint64_t n;
    get(r, &n, sizeof(n));
    return n;
}

/* Bytes in place. */
static const char *get_bytes(struct reader *r, size_t len)
{
    const char *p = r->in;
    if (r->failed || r->len < len) {
        r->failed = true;
        return NULL;
    }
    r->in += len;
    r->len -= len;
    return p;
}

static const char *get_string(struct reader *r, size_t max, uint32_t *len)
{
    *len = get32(r);
    if (*len > max)
        r->failed = true;
    return get_bytes(r, *len);
}

/* A reference on object @number; the first one is that which it was made with. */
static void *object(struct reader *r, uint32_t number, enum tag tag)
{
    if (number == 0)
        return NULL;
    if (number > r->nr || r->objects[number].tag != tag) {
        r->failed = true;
        return NULL;
    }
    struct object *o = &r->objects[number];
    if (!o->used) {
        o->used = true;
        return o->p;
    }
    switch (tag) {
    case TAG_BLOB: return blob_get(o->p);
    case TAG_PERMS: return perms_get(o->p);
    default: return node_get(o->p);
    }
}

static void object_drop(struct reader *r, const struct object *o)
{
    switch (o->tag) {
    case TAG_BLOB: blob_put(o->p); break;
    case TAG_PERMS: perms_put(o->p); break;
    default: node_put(&r->s->pool, o->p);
    }
}

static struct blob *get_blob(struct reader *r)
{
    uint32_t len;
    const char *data = get_string(r, XENSTORE_PAYLOAD_MAX, &len);
    return data ? blob_new(data, len) : NULL;
}

static struct perms *get_perms(struct reader *r)
{
    uint32_t nr = get32(r);
    struct perms *p = nr && nr <= XENSTORE_PAYLOAD_MAX ? perms_new(nr) : NULL;
    for (uint32_t i = 0; p && i < nr; i++) {
        p->entry[i].domid = (uint16_t)get32(r);
        p->entry[i].bits = (uint8_t)get32(r);
        p->entry[i].birth = get32(r);
        if (p->entry[i].domid >= STORE_DOMIDS || !r->s->domain[p->entry[i].domid])
            r->failed = true;
    }
    return p;
}

static struct node *get_node(struct reader *r)
{
    if (!tree_reserve(&r->s->pool, NULL, "/", 1))
        return NULL;
    struct node *n = node_new(&r->s->pool, object(r, get32(r), TAG_BLOB), NULL, NULL);
    n->value = object(r, get32(r), TAG_BLOB);
    n->perms = object(r, get32(r), TAG_PERMS);
    n->left = object(r, get32(r), TAG_NODE);
    n->right = object(r, get32(r), TAG_NODE);
    n->children = object(r, get32(r), TAG_NODE);
    n->list_gen = get64(r);
    n->size = 1 + node_size(n->left) + node_size(n->right);
    if (!n->name || !n->value || !n->perms)
        r->failed = true;
    return n;
}

/* The objects up to TAG_END. */
static void get_objects(struct reader *r)
{
    uint32_t tag;
    while ((tag = get32(r)) != TAG_END && !r->failed) {
        if (r->nr + 1 >= r->room) {
            size_t room = r->room ? 2 * r->room : 1024;
            struct object *objects = realloc(r->objects, room * sizeof(*objects));
            if (!objects) {
                r->failed = true;
                return;
            }
            r->objects = objects;
            r->room = room;
        }
        struct object o = {.tag = (enum tag)tag};
        switch (tag) {
        case TAG_BLOB: o.p = get_blob(r); break;
        case TAG_PERMS: o.p = get_perms(r); break;
        case TAG_NODE: o.p = get_node(r); break;
        default: break;
        }
        if (!o.p)
            r->failed = true;
        else
            r->objects[++r->nr] = o;
    }
}

static void get_op(struct reader *r, struct txn *t)
{
    uint32_t len;
    struct txn_op *op = calloc(1, sizeof(*op));
    get_objects(r);
    if (!op) {
        r->failed = true;
        return;
    }
    op->type = get32(r);
    op->era = get32(r);
    bool last_write = get32(r);
    op->value = object(r, get32(r), TAG_BLOB);
    op->perms = object(r, get32(r), TAG_PERMS);
    const char *path = get_string(r, XENSTORE_ABS_PATH_MAX, &len);
    struct txn_path *e = path ? txn_path(t, path, len) : NULL;
    if (e) {
        op->path = blob_get(e->path);
        if (last_write)
            e->write = op;
    } else {
        r->failed = true;
    }
    *t->ops_end = op;
    t->ops_end = &op->next;
}

static void get_txn(struct reader *r, struct conn *c, struct txn **link)
{
    struct txn *t = calloc(1, sizeof(*t));
    get_objects(r);
    if (!t) {
        r->failed = true;
        return;
    }
    t->conn = c;
    t->ops_end = &t->ops;
    *link = t;
    t->id = get32(r);
    t->era = get32(r);
    t->base = object(r, get32(r), TAG_NODE);
    t->root = object(r, get32(r), TAG_NODE);
    t->nodes = (int64_t)get64(r);
    t->bytes = get64(r);
    uint32_t nr_paths = get32(r), nr_ops = get32(r);
    c->domain->txns++;
    c->domain->bytes += t->bytes;
    for (uint32_t i = 0; i < nr_paths && !r->failed; i++) {
        uint32_t len;
        const char *path = get_string(r, XENSTORE_ABS_PATH_MAX, &len);
        struct txn_path *e = path ? txn_path(t, path, len) : NULL;
        if (!e)
            r->failed = true;
        else
            e->reads = get32(r);
    }
    for (uint32_t i = 0; i < nr_ops && !r->failed; i++)
        get_op(r, t);
    if (!t->base || !t->root)
        r->failed = true;
}

static void get_watch(struct reader *r, struct conn *c)
{
    uint32_t len, token_len;
    const char *path = get_string(r, XENSTORE_ABS_PATH_MAX, &len);
    const char *token = get_string(r, XENSTORE_PAYLOAD_MAX, &token_len);
    uint32_t base = get32(r);
    bool lost = get32(r);
    if (r->failed || base > len ||
        watch_restore(r->s, c, path, len, base, token, token_len, lost) != 0)
        r->failed = true;
}

static void get_conn(struct reader *r, uint32_t id)
{
    uint32_t domid = get32(r);
    bool ring = get32(r);
    struct domain *d = domid < STORE_DOMIDS ? r->s->domain[domid] : NULL;
    struct conn *c = d && id < STORE_CONNS && !r->s->conn[id] ? conn_new(r->s, id, d, ring) : NULL;
    if (!c) {
        r->failed = true;
        return;
    }
    c->lost = get32(r);
    c->next_tx_id = get32(r);
    c->produced = get64(r);
    c->acked = get64(r);
    uint64_t waiting = get64(r);
    const char *out = get_bytes(r, waiting);
    if (!out || !conn_reserve(c, waiting)) {
        r->failed = true;
        return;
    }
    c->reserved -= waiting;
    if (waiting)
        memcpy(c->out + c->tail, out, waiting);
    c->tail += waiting;
    bool lost = c->lost;
    for (uint32_t nr = get32(r); nr && !r->failed; nr--)
        get_watch(r, c);
    c->lost = lost;
    struct txn **link = &c->txns;
    for (uint32_t nr = get32(r); nr && !r->failed; nr--) {
        get_txn(r, c, link);
        if (*link)
            link = &(*link)->next;
    }
}

/* What accounts said when the store was written: reading it back must come to the same. */
struct account {
    struct domain *d;
    uint32_t nodes, watches, txns;
    uint64_t bytes;
};

struct accounts {
    struct account *account;
    size_t nr, room;
};

static void get_domain(struct reader *r, uint16_t id, struct accounts *all)
{
    if (all->nr == all->room) {
        size_t room = all->room ? 2 * all->room : 64;
        struct account *account = realloc(all->account, room * sizeof(*account));
        if (!account) {
            r->failed = true;
            return;
        }
        all->account = account;
        all->room = room;
    }
    struct domain *d = domain_lookup(r->s, id);
    if (!d) {
        r->failed = true;
        return;
    }
    uint32_t flags = get32(r);
    d->introduced = flags & 1;
    d->shutdown = flags & 2;
    d->has_target = flags & 4;
    d->named = flags & 8;
    d->target = (uint16_t)get32(r);
    d->birth = get32(r);
    d->mfn = get64(r);
    d->port = get32(r);
    struct account *a = &all->account[all->nr++];
    a->d = d;
    a->nodes = get32(r);
    a->watches = get32(r);
    a->txns = get32(r);
    a->bytes = get64(r);
}

static int charge(struct tree_walk *walk, struct node *n)
{
    tree_charge(walk->arg, n);
    return 0;
}

static void get_tree(struct reader *r)
{
    struct tree_walk walk = {.enter = charge, .arg = r->s};
    get_objects(r);
    r->s->empty = object(r, get32(r), TAG_BLOB);
    r->s->root = object(r, get32(r), TAG_NODE);
    r->s->introduce_perms = object(r, get32(r), TAG_PERMS);
    r->s->release_perms = object(r, get32(r), TAG_PERMS);
    r->s->gen = get64(r);
    if (!r->s->empty || !r->s->root || !r->s->introduce_perms || !r->s->release_perms) {
        r->failed = true;
        return;
    }
    tree_charge(r->s, r->s->root);
    tree_walk(&walk, r->s->root);
}

static void get_all(struct reader *r)
{
    struct accounts all = {0};
    uint32_t id;
    if (get32(r) != MAGIC)
        r->failed = true;
    get(r, &r->s->quota, sizeof(r->s->quota));
    while ((id = get32(r)) != 0 && !r->failed) {
        if (id > STORE_DOMIDS)
            r->failed = true;
        else
            get_domain(r, (uint16_t)(id - 1), &all);
    }
    if (!r->s->domain[0])
        r->failed = true;
    if (!r->failed)
        get_tree(r);
    while (!r->failed && (id = get32(r)) != 0)
        get_conn(r, id - 1);
    for (size_t i = 0; i < all.nr; i++) {
        const struct account *a = &all.account[i];
        if (a->nodes != a->d->nodes || a->watches != a->d->watches || a->txns != a->d->txns ||
            a->bytes != a->d->bytes)
            r->failed = true;
    }
    free(all.account);
}

struct store *snapshot_read(const char *in, size_t len, const struct store_hooks *hooks)
{
    struct reader r = {.in = in, .len = len, .s = calloc(1, sizeof(struct store))};
    if (!r.s)
        return NULL;
    r.s->hooks = *hooks;
    get_all(&r);
    for (size_t i = 1; i <= r.nr; i++)
        if (!r.objects[i].used)
            object_drop(&r, &r.objects[i]);
    free(r.objects);
    if (!r.failed)
        return r.s;
    store_free(r.s);
    return NULL;
}
