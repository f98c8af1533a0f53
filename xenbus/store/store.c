// SPDX-License-Identifier: GPL-2.0-only
/* Domains, connections and their accounts: see store.h.  What requests do is in request.c. */
#include "store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "txn.h"
#include "watch.h"

/* Xen 4.17's limits, but for output, which it bounds by time. */
const struct quota store_default_quota = {
    .nodes = 1000,
    .node_size = 2048,
    .perms = 5,
    .watches = 128,
    .transactions = 10,
    .txn_nodes = 1024,
    .path_len = XENSTORE_REL_PATH_MAX,
    .memory = 2560u * 1024,
    .output = 1024u * 1024,
};

#define FIRST_OUTPUT 8192

/* ---- domains */

struct domain *domain_lookup(struct store *s, uint16_t domid)
{
    struct domain *d = s->domain[domid];
    if (d)
        return d;
    d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    d->id = domid;
    d->next = s->domains;
    s->domains = d;
    s->domain[domid] = d;
    return d;
}

bool domain_may_charge(const struct store *s, const struct conn *c, uint64_t bytes)
{
    return conn_privileged(c) || c->domain->bytes + bytes <= s->quota.memory;
}

static bool stands_for(const struct perm *entry, const struct domain *d)
{
    return entry->domid == d->id && entry->birth == d->birth;
}

unsigned perms_of(const struct store *s, const struct perms *perms, const struct conn *c)
{
    const struct domain *d = c->domain, *target = NULL;
    if (conn_privileged(c))
        return WIRE_PERM_READ | WIRE_PERM_WRITE | PERM_OWNER;
    if (d->has_target && s->domain[d->target]->birth == d->target_birth)
        target = s->domain[d->target];
    for (unsigned i = 0; i < perms->nr; i++) {
        const struct perm *entry = &perms->entry[i];
        if (stands_for(entry, d) || (target && stands_for(entry, target)))
            return i ? entry->bits : WIRE_PERM_READ | WIRE_PERM_WRITE | PERM_OWNER;
    }
    return perms->entry[0].bits;
}

/* ---- connections */

struct conn *conn_new(struct store *s, uint32_t id, struct domain *d, bool ring)
{
    struct conn *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    *c = (struct conn){.store = s, .id = id, .ring = ring, .domain = d, .watches_end = &c->watches};
    s->conn[id] = c;
    if (ring)
        d->conn = c;
    return c;
}

struct conn *store_connect(struct store *s, uint32_t id)
{
    return conn_new(s, id, s->domain[0], false);
}

struct conn *store_connect_ring(struct store *s, uint32_t id, uint16_t domid)
{
    struct domain *d = domain_lookup(s, domid);
    if (!d)
        return NULL;
    d->introduced = d->named = true;
    return conn_new(s, id, d, true);
}

struct conn *store_next_dirty(struct store *s)
{
    struct conn *c = s->dirty;
    if (c) {
        s->dirty = c->dirty_next;
        c->dirty = false;
    }
    return c;
}

static void dirty_remove(struct store *s, const struct conn *c)
{
    struct conn **link = &s->dirty;
    while (*link && *link != c)
        link = &(*link)->dirty_next;
    if (*link)
        *link = c->dirty_next;
}

void store_disconnect(struct store *s, struct conn *c)
{
    watch_remove_all(s, c);
    while (c->txns)
        txn_abort(s, c->txns);
    if (s->first == c)
        s->first = NULL;
    if (c->ring)
        c->domain->conn = NULL;
    if (c->dirty)
        dirty_remove(s, c);
    s->conn[c->id] = NULL;
    free(c->out);
    free(c);
    txns_settle(s);
}

void store_reset(struct store *s, struct conn *c)
{
    watch_remove_all(s, c);
    while (c->txns)
        txn_abort(s, c->txns);
    c->head = c->tail = 0;
    c->acked = c->produced;
    txns_settle(s);
}

bool conn_reserve(struct conn *c, size_t len)
{
    size_t used = c->tail - c->head, need = used + c->reserved + len;
    if (c->tail + c->reserved + len > c->room) {
        if (need > c->room / 2) {
            size_t room = c->room ? c->room : FIRST_OUTPUT;
            while (room / 2 < need)
                room *= 2;
            char *out = malloc(room);
            if (!out)
                return false;
            if (used)
                memcpy(out, c->out + c->head, used);
            free(c->out);
            c->out = out;
            c->room = room;
        } else {
            memmove(c->out, c->out + c->head, used);
        }
        c->head = 0;
        c->tail = used;
    }
    c->reserved += len;
    return true;
}

void conn_put(struct conn *c, const struct xsd_sockmsg *hdr, const char *a, size_t a_len,
              const char *b, size_t b_len)
{
    struct xsd_sockmsg h = *hdr;
    char *p = c->out + c->tail;
    h.len = (uint32_t)(a_len + b_len);
    memcpy(p, &h, sizeof(h));
    if (a_len)
        memcpy(p + sizeof(h), a, a_len);
    if (b_len)
        memcpy(p + sizeof(h) + a_len, b, b_len);
    c->tail += sizeof(h) + h.len;
    c->produced += sizeof(h) + h.len;
    c->reserved -= sizeof(h) + h.len;
    if (!c->dirty) {
        c->dirty = true;
        c->dirty_next = c->store->dirty;
        c->store->dirty = c;
    }
}

bool conn_wants_ack(const struct store *s, const struct conn *c)
{
    return c->lost || c->produced - c->acked > s->quota.output / 2;
}

int store_acked(struct store *s, struct conn *c, uint64_t sent)
{
    c->acked = sent;
    return watch_make_good(s, c);
}

/* ---- domains come and go */

struct purge {
    const struct domain *d;
    struct blob **paths;
    size_t nr, room;
};

static int find_owned(struct tree_walk *walk, struct node *n)
{
    struct purge *p = walk->arg;
    if (n->perms->entry[0].domid != p->d->id)
        return 0;
    if (p->nr == p->room) {
        size_t room = p->room ? 2 * p->room : 16;
        struct blob **paths = realloc(p->paths, room * sizeof(void *));
        if (!paths)
            return -ENOMEM;
        p->paths = paths;
        p->room = room;
    }
    struct blob *path = blob_new(walk->path, walk->len);
    if (!path)
        return -ENOMEM;
    p->paths[p->nr++] = path;
    return TREE_WALK_SKIP;
}

static struct perms *perms_dom0(void)
{
    return perms_new(1); /* all zero: owned by dom0, others have no rights */
}

/* The root cannot go with its owner. */
static int root_to_dom0(struct store *s, struct view *v, const struct domain *d)
{
    struct path p = {.len = 1, .text = "/"};
    struct perms *perms;
    if (s->root->perms->entry[0].domid != d->id)
        return 0;
    perms = perms_dom0();
    int status = perms ? change_perms(v, &p, perms) : -ENOMEM;
    perms_put(perms);
    return status;
}

int store_purge(struct store *s, const struct domain *d)
{
    struct purge purge = {.d = d};
    struct tree_walk walk = {.enter = find_owned, .arg = &purge};
    struct conn self = {.domain = s->domain[0]};
    struct view v = {.s = s, .c = &self, .root = &s->root};
    if (!d->nodes)
        return 0; /* the tools have removed all as a rule: no walk */
    int status = root_to_dom0(s, &v, d);
    if (!status)
        status = tree_walk(&walk, s->root);
    for (size_t i = 0; i < purge.nr; i++) {
        struct path p = {.len = purge.paths[i]->len};
        memcpy(p.text, purge.paths[i]->data, p.len + 1);
        if (!status)
            status = change_remove(&v, &p);
        if (status)
            watch_forget(s);
        else
            watch_send(s);
        blob_put(purge.paths[i]);
    }
    free(purge.paths);
    txns_settle(s);
    return status;
}

int store_domain_shutdown(struct store *s, uint16_t domid)
{
    struct domain *d = s->domain[domid];
    if (!d || !d->introduced || d->shutdown)
        return 0;
    int status = watch_gather_special(s, "@releaseDomain", s->release_perms);
    if (status) {
        watch_forget(s);
        return status;
    }
    d->shutdown = true;
    watch_send(s);
    return 0;
}

/* Each step may be done already, by an attempt that ran out of memory later. */
int store_domain_dead(struct store *s, uint16_t domid)
{
    struct domain *d = s->domain[domid];
    if (!d || domid == 0 || !d->named)
        return 0;
    if (d->conn) {
        uint32_t id = d->conn->id;
        store_disconnect(s, d->conn);
        s->hooks.release(s->hooks.arg, id);
    }
    int status = store_purge(s, d);
    if (!status && d->introduced)
        status = watch_gather_special(s, "@releaseDomain", s->release_perms);
    if (status) {
        watch_forget(s);
        return status;
    }
    d->introduced = d->shutdown = d->has_target = d->named = false;
    d->birth++;
    watch_send(s);
    return 0;
}

bool store_must_wait(const struct store *s, const struct conn *c, const struct xsd_sockmsg *hdr)
{
    if (!s->first || s->first == c)
        return false;
    switch (hdr->type) {
    case XS_WRITE:
    case XS_MKDIR:
    case XS_RM:
    case XS_SET_PERMS: return hdr->tx_id == 0;
    case XS_TRANSACTION_END: return true;
    default: return false;
    }
}

void store_end_priority(struct store *s)
{
    if (s->first)
        s->first->conflicts = 0;
    s->first = NULL;
}

/* ---- the beginning and the end */

static bool first_nodes(struct store *s)
{
    static const char *const paths[] = {"/tool/xenstored"};
    struct conn self = {.domain = s->domain[0]};
    struct view v = {.s = s, .c = &self, .root = &s->root, .quiet = true};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct path p;
        if (!path_canonical(&p, paths[i], 0, 0) || change_mkdir(&v, &p) != 0)
            return false;
    }
    return true;
}

struct store *store_new(const struct store_hooks *hooks)
{
    struct store *s = calloc(1, sizeof(*s));
    struct blob *name = blob_new("", 0);
    struct perms *perms = perms_dom0();
    if (!s || !name || !perms)
        goto no_memory;
    s->hooks = *hooks;
    s->quota = store_default_quota;
    s->empty = blob_new("", 0);
    s->introduce_perms = perms_dom0();
    s->release_perms = perms_dom0();
    if (!s->empty || !s->introduce_perms || !s->release_perms || !domain_lookup(s, 0) ||
        !tree_reserve(&s->pool, NULL, "/", 1))
        goto no_memory;
    s->domain[0]->introduced = true;
    s->root = node_new(&s->pool, name, blob_get(s->empty), perms);
    tree_charge(s, s->root);
    if (first_nodes(s))
        return s;
    store_free(s);
    return NULL;
no_memory:
    blob_put(name);
    perms_put(perms);
    if (s)
        store_free(s);
    return NULL;
}

void store_free(struct store *s)
{
    for (unsigned i = 0; i < STORE_CONNS; i++)
        if (s->conn[i])
            store_disconnect(s, s->conn[i]);
    node_put(&s->pool, s->root);
    for (struct domain *d = s->domains, *next; d; d = next) {
        next = d->next;
        free(d);
    }
    blob_put(s->empty);
    perms_put(s->introduce_perms);
    perms_put(s->release_perms);
    free(s->points);
    free(s->events);
    free(s->event_text);
    pool_destroy(&s->pool);
    free(s);
}
