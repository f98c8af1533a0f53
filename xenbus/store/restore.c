// SPDX-License-Identifier: GPL-2.0-only
/* Reading the store back from the bytes that snapshot.c wrote.  They come from memory that only a
 * daemon writes, so what does not fit is a mistake of ours and ends in NULL: sums are compared with
 * what accounts said, references with the objects that there are.
 */
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "snapshot.h"
#include "txn.h"
#include "watch.h"

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
    default: return node_get(&r->s->pool, o->p);
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
    struct blob *name = object(r, get32(r), TAG_BLOB), *value = object(r, get32(r), TAG_BLOB);
    struct perms *perms = object(r, get32(r), TAG_PERMS);
    if (!name || !value || !perms) {
        blob_put(name);
        blob_put(value);
        perms_put(perms);
        return NULL;
    }
    struct node *n = node_new(&r->s->pool, name, value, perms);
    n->left = object(r, get32(r), TAG_NODE);
    n->right = object(r, get32(r), TAG_NODE);
    n->children = object(r, get32(r), TAG_NODE);
    n->list_gen = get64(r);
    n->size = 1 + node_size(n->left) + node_size(n->right);
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
    t->own = get64(r);
    t->kept = get64(r);
    uint32_t nr_paths = get32(r), nr_ops = get32(r);
    c->domain->txns++;
    c->domain->bytes += t->bytes;
    c->domain->kept += t->kept;
    r->s->private_bytes += t->own;
    r->s->kept_bytes += t->kept;
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
    if (!t->base != !t->root)
        r->failed = true;
}

/* Which transaction is how old, youngest first.  What they keep must be what there is. */
static void get_ages(struct reader *r)
{
    struct txn *last = NULL;
    uint32_t id;
    while ((id = get32(r)) != 0 && !r->failed) {
        const struct conn *c = id <= STORE_CONNS ? r->s->conn[id - 1] : NULL;
        struct txn *t = c ? txn_find(c, get32(r)) : NULL;
        if (!t || !t->base || t == last || t->younger) {
            r->failed = true;
            return;
        }
        t->younger = last;
        if (last)
            last->older = t;
        else
            r->s->youngest = t;
        last = t;
    }
    const struct store *s = r->s;
    if (s->pool.bytes != s->live_bytes + s->private_bytes + s->kept_bytes)
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
    d->target_birth = get32(r);
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
    if (get32(r) != SNAPSHOT_MAGIC)
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
    if (!r->failed)
        get_ages(r);
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
