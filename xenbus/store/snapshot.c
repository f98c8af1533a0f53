// SPDX-License-Identifier: GPL-2.0-only
/* Writing the store: see snapshot.h; restore.c reads it.
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
    uint32_t base = t->base ? put_tree(w, t->base) : 0, nr_ops = 0;
    uint32_t root = t->root ? put_tree(w, t->root) : 0;
    for (const struct txn_op *op = t->ops; op; op = op->next)
        nr_ops++;
    put32(w, TAG_END);
    put32(w, t->id);
    put32(w, t->era);
    put32(w, base);
    put32(w, root);
    put64(w, (uint64_t)t->nodes);
    put64(w, t->bytes);
    put64(w, t->own);
    put64(w, t->kept);
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
    put32(w, d->target_birth);
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
    put32(&w, SNAPSHOT_MAGIC);
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
    for (const struct txn *t = s->youngest; t; t = t->older) {
        put32(&w, t->conn->id + 1);
        put32(&w, t->id);
    }
    put32(&w, 0);
    free(w.seen);
    free(w.stack);
    return w.failed ? 0 : w.len;
}
