// SPDX-License-Identifier: GPL-2.0-only
/* Transactions: see txn.h. */
#include "txn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "watch.h"

#define FIRST_PATHS           16 /* entries of the table, a power of two */
#define CONFLICTS_UNTIL_FIRST 3

struct txn *txn_find(const struct conn *c, uint32_t id)
{
    struct txn *t = c->txns;
    while (t && t->id != id)
        t = t->next;
    return t;
}

/* Memory is charged to the domain while the transaction lasts. */
static bool txn_charge(struct store *s, struct txn *t, uint64_t bytes)
{
    if (!domain_may_charge(s, t->conn, bytes))
        return false;
    t->conn->domain->bytes += bytes;
    t->bytes += bytes;
    return true;
}

int txn_start(struct store *s, struct conn *c, struct txn **out)
{
    if (!conn_privileged(c) && c->domain->txns >= s->quota.transactions)
        return -ENOSPC;
    struct txn *t = calloc(1, sizeof(*t));
    if (!t)
        return -ENOMEM;
    do
        t->id = ++c->next_tx_id;
    while (t->id == 0 || txn_find(c, t->id));
    t->conn = c;
    t->ops_end = &t->ops;
    if (!txn_charge(s, t, sizeof(*t))) {
        free(t);
        return -ENOSPC;
    }
    t->base = node_get(&s->pool, s->root);
    t->root = node_get(&s->pool, s->root);
    t->older = s->youngest;
    if (t->older)
        t->older->younger = t;
    s->youngest = t;
    t->next = c->txns;
    c->txns = t;
    c->domain->txns++;
    if (c->conflicts >= CONFLICTS_UNTIL_FIRST && !s->first)
        s->first = c;
    *out = t;
    return 0;
}

/* ---- what it keeps */

/* Its tree takes so much more, or less: as a difference, modulo 2^64. */
static void txn_owns(struct store *s, struct txn *t, uint64_t more)
{
    t->own += more;
    t->bytes += more;
    t->conn->domain->bytes += more;
    s->private_bytes += more;
}

static void txn_keeps(struct store *s, struct txn *t, uint64_t bytes)
{
    struct domain *d = t->conn->domain;
    t->kept += bytes;
    d->kept += bytes;
    s->kept_bytes += bytes;
    if (d->kept > s->quota.memory && !conn_privileged(t->conn))
        s->overdrawn = true;
}

static void txn_keeps_no_more(struct store *s, struct txn *t)
{
    t->conn->domain->kept -= t->kept;
    s->kept_bytes -= t->kept;
    t->kept = 0;
}

/* What the pool has beyond the live tree and transactions' changes, and nobody's account has yet,
 * was superseded just now. */
static void account(struct store *s)
{
    uint64_t news = s->pool.bytes - s->live_bytes - s->private_bytes - s->kept_bytes;
    if (s->youngest && news)
        txn_keeps(s, s->youngest, news);
}

/* Lets go of its trees.  What others keep too goes to the next older one's account. */
static void txn_drop_trees(struct store *s, struct txn *t)
{
    if (!t->base)
        return;
    node_put(&s->pool, t->root);
    txn_owns(s, t, -t->own);
    account(s); /* now that what was committed is no longer here and in the live tree */
    uint64_t before = s->pool.bytes;
    node_put(&s->pool, t->base);
    uint64_t rest = t->kept - (before - s->pool.bytes);
    t->base = t->root = NULL;
    t->nodes = 0;
    txn_keeps_no_more(s, t);
    if (t->older)
        txn_keeps(s, t->older, rest);
    if (t->younger)
        t->younger->older = t->older;
    else
        s->youngest = t->older;
    if (t->older)
        t->older->younger = t->younger;
    t->older = t->younger = NULL;
}

void txns_settle(struct store *s)
{
    account(s);
    while (s->overdrawn) {
        s->overdrawn = false; /* what is handed on may overdraw another one's account */
        for (struct txn *t = s->youngest, *older; t; t = older) {
            older = t->older;
            if (!conn_privileged(t->conn) && t->conn->domain->kept > s->quota.memory)
                txn_drop_trees(s, t);
        }
    }
}

static void op_free(struct txn_op *op)
{
    blob_put(op->path);
    blob_put(op->value);
    perms_put(op->perms);
    free(op);
}

void txn_abort(struct store *s, struct txn *t)
{
    struct conn *c = t->conn;
    struct txn **link = &c->txns;
    while (*link != t)
        link = &(*link)->next;
    *link = t->next;
    txn_drop_trees(s, t);
    c->domain->txns--;
    c->domain->bytes -= t->bytes;
    if (s->first == c)
        s->first = NULL;
    for (struct txn_op *op = t->ops, *next; op; op = next) {
        next = op->next;
        op_free(op);
    }
    for (uint32_t i = 0; i < t->room; i++)
        blob_put(t->paths[i].path);
    free(t->paths);
    free(t);
}

/* ---- what it touched */

/* Where the path is in the table or, with an empty entry, would be. */
static struct txn_path *path_slot(struct txn_path *table, uint32_t room, uint64_t hash,
                                  const char *path, size_t len)
{
    for (uint32_t i = (uint32_t)hash & (room - 1);; i = (i + 1) & (room - 1)) {
        struct txn_path *e = &table[i];
        if (!e->path ||
            (e->hash == hash && e->path->len == len && memcmp(e->path->data, path, len) == 0))
            return e;
    }
}

static bool paths_room(struct txn *t)
{
    if (4 * t->nr_paths < 3 * t->room)
        return true;
    uint32_t room = t->room ? 2 * t->room : FIRST_PATHS;
    struct txn_path *table = calloc(room, sizeof(*table));
    if (!table)
        return false;
    for (uint32_t i = 0; i < t->room; i++) {
        const struct txn_path *e = &t->paths[i];
        if (e->path)
            *path_slot(table, room, e->hash, e->path->data, e->path->len) = *e;
    }
    free(t->paths);
    t->paths = table;
    t->room = room;
    return true;
}

struct txn_path *txn_path(struct txn *t, const char *path, size_t len)
{
    uint64_t hash = path_hash(path, len);
    if (!paths_room(t))
        return NULL;
    struct txn_path *e = path_slot(t->paths, t->room, hash, path, len);
    if (e->path)
        return e;
    struct blob *blob = blob_new(path, len);
    if (!blob)
        return NULL;
    *e = (struct txn_path){.path = blob, .hash = hash};
    t->nr_paths++;
    return e;
}

static bool path_known(const struct txn *t, const char *path, size_t len)
{
    return t->room && path_slot(t->paths, t->room, path_hash(path, len), path, len)->path;
}

/* The entry of a path, within the limits of the domain. */
static int txn_touch(struct store *s, struct txn *t, const char *path, size_t len,
                     struct txn_path **out)
{
    uint32_t before = t->nr_paths;
    if (!conn_privileged(t->conn) && before >= s->quota.txn_nodes && !path_known(t, path, len))
        return -ENOSPC;
    *out = txn_path(t, path, len);
    if (!*out)
        return -ENOMEM;
    /* An entry that could not be paid for stays, unused, until the transaction ends. */
    if (t->nr_paths != before && !txn_charge(s, t, 2 * sizeof(**out) + len))
        return -ENOSPC;
    return 0;
}

int txn_note_read(struct store *s, struct txn *t, const char *path, size_t len, uint32_t reads)
{
    struct txn_path *e;
    int status = txn_touch(s, t, path, len, &e);
    if (!status)
        e->reads |= reads;
    return status;
}

/* ---- changes */

static int change(struct view *v, uint32_t type, const struct path *p, struct blob *value,
                  struct perms *perms)
{
    switch (type) {
    case XS_WRITE: return change_write(v, p, value);
    case XS_MKDIR: return change_mkdir(v, p);
    case XS_RM: return change_remove(v, p);
    default: return change_perms(v, p, perms);
    }
}

/* The same node written again: only the last value counts, unless something was removed in between.
 */
static bool replace_write(struct txn *t, struct txn_path *e, struct blob *value)
{
    if (!value || !e->write || e->write->era != t->era)
        return false;
    t->bytes += value->len;
    t->bytes -= e->write->value->len;
    t->conn->domain->bytes += value->len;
    t->conn->domain->bytes -= e->write->value->len;
    blob_put(e->write->value);
    e->write->value = blob_get(value);
    return true;
}

int txn_change(struct view *v, uint32_t type, const struct path *p, struct blob *value,
               struct perms *perms)
{
    struct txn *t = v->txn;
    struct txn_path *e;
    size_t bytes = sizeof(struct txn_op) + p->len + (value ? value->len : 0);
    int status = txn_touch(v->s, t, p->text, p->len, &e);
    if (status || !t->base)
        return status;
    if (!domain_may_charge(v->s, t->conn, bytes))
        return -ENOSPC;
    struct txn_op *op = calloc(1, sizeof(*op));
    if (!op)
        return -ENOMEM;
    uint64_t before = v->s->pool.bytes;
    status = change(v, type, p, value, perms);
    txn_owns(v->s, t, v->s->pool.bytes - before);
    if (status) {
        if (status != -ENOMEM)
            e->reads |= READ_EXISTS | READ_PERMS; /* that it was refused is something read */
        free(op);
        return status;
    }
    if (replace_write(t, e, value)) {
        free(op);
        return 0;
    }
    *op = (struct txn_op){.type = type, .path = blob_get(e->path)};
    if (type == XS_RM)
        t->era++;
    op->era = t->era;
    if (type == XS_WRITE) {
        op->value = blob_get(value);
        e->write = op;
    }
    if (type == XS_SET_PERMS)
        op->perms = perms_get(perms);
    *t->ops_end = op;
    t->ops_end = &op->next;
    t->bytes += bytes;
    t->conn->domain->bytes += bytes;
    return 0;
}

/* ---- the end */

static bool still_same(const struct txn_path *e, struct node *then, struct node *now)
{
    then = tree_find(then, e->path->data, NULL, NULL);
    now = tree_find(now, e->path->data, NULL, NULL);
    if (then == now)
        return true;
    if (!then || !now)
        return false;
    return !((e->reads & READ_VALUE) && then->value != now->value) &&
           !((e->reads & READ_PERMS) && then->perms != now->perms) &&
           !((e->reads & READ_LIST) && then->list_gen != now->list_gen);
}

static bool reads_hold(const struct store *s, const struct txn *t)
{
    if (s->root == t->base)
        return true;
    for (uint32_t i = 0; i < t->room; i++)
        if (t->paths[i].reads && !still_same(&t->paths[i], t->base, s->root))
            return false;
    return true;
}

/* Makes the changes again on a version of the live tree, and puts it in the live one's place. */
static int apply(struct store *s, struct txn *t)
{
    struct charges undo = {0};
    struct node *root = node_get(&s->pool, s->root);
    struct view v = {.s = s, .c = t->conn, .root = &root, .undo = &undo};
    uint64_t gen = s->gen;
    int status = 0;
    for (struct txn_op *op = t->ops; op && !status; op = op->next) {
        struct path p = {.len = op->path->len};
        memcpy(p.text, op->path->data, p.len + 1);
        status = change(&v, op->type, &p, op->value, op->perms);
    }
    if (status) {
        charges_undo(s, &undo);
        watch_forget(s);
        s->gen = gen;
        node_put(&s->pool, root);
    } else {
        node_put(&s->pool, s->root);
        s->root = root;
    }
    free(undo.charge);
    return status;
}

int txn_commit(struct store *s, struct txn *t)
{
    struct conn *c = t->conn;
    /* What the transaction was charged with makes room for what it changes. */
    c->domain->bytes -= t->bytes;
    int status = t->base && reads_hold(s, t) ? 0 : -EAGAIN;
    if (!status && t->ops)
        status = apply(s, t);
    c->domain->bytes += t->bytes;
    if (status == -ENOMEM)
        return status;
    txn_abort(s, t); /* what is left of it */
    c->conflicts = status ? c->conflicts + 1 : 0;
    return status ? -EAGAIN : 0;
}
