// SPDX-License-Identifier: GPL-2.0-only
/* Changes of a tree, the live one or a transaction's: see store.h.
 *
 * Each checks rights, quotas, memory and who is to be told first, and commits when nothing can fail
 * any more.  So an error leaves the tree, the accounts and every connection's output as they were.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "txn.h"
#include "watch.h"

/* ---- accounts */

static bool charges_reserve(struct charges *u, size_t more)
{
    if (!u || u->room - u->nr >= more)
        return true;
    size_t room = u->nr + more + 64;
    struct charge *charge = realloc(u->charge, room * sizeof(*charge));
    if (!charge)
        return false;
    u->charge = charge;
    u->room = room;
    return true;
}

/* The owner has @sign (1 or -1) more of such a node.  Owners are known domains: whoever set the
 * permissions made them so.
 */
static void node_charge(struct view *v, const struct node *n, int sign)
{
    struct domain *d = v->s->domain[n->perms->entry[0].domid];
    int64_t bytes = sign * (int64_t)node_bytes(n);
    if (v->txn) {
        if (d == v->c->domain)
            v->txn->nodes += sign;
        return;
    }
    d->nodes += (uint32_t)sign;
    d->bytes += (uint64_t)bytes;
    v->s->live_bytes += (uint64_t)bytes;
    if (v->undo)
        v->undo->charge[v->undo->nr++] = (struct charge){d, sign, bytes};
}

void charges_undo(struct store *s, struct charges *u)
{
    for (size_t i = 0; i < u->nr; i++) {
        u->charge[i].domain->nodes -= (uint32_t)u->charge[i].nodes;
        u->charge[i].domain->bytes -= (uint64_t)u->charge[i].bytes;
        s->live_bytes -= (uint64_t)u->charge[i].bytes;
    }
    u->nr = 0;
}

void tree_charge(struct store *s, const struct node *n)
{
    struct domain *d = s->domain[n->perms->entry[0].domid];
    d->nodes++;
    d->bytes += node_bytes(n);
    s->live_bytes += node_bytes(n);
}

static bool may_add_nodes(const struct view *v, uint32_t nr)
{
    if (conn_privileged(v->c))
        return true;
    int64_t have = (int64_t)v->c->domain->nodes + (v->txn ? v->txn->nodes : 0);
    return have + nr <= v->s->quota.nodes;
}

/* ---- looking */

struct place {
    struct node *node; /* or NULL; then */
    const char *rest;  /* this is missing below */
    struct node
        *above; /* the deepest ancestor that exists; of a node its parent, of the root itself */
};

/* A node that may not be seen, or not as asked, is told from one that is absent only to those who
 * have that right on the deepest ancestor that exists.
 */
static int view_place(const struct view *v, const char *path, unsigned bits, struct place *at)
{
    *at = (struct place){.above = *v->root};
    at->node = tree_find(*v->root, path, &at->above, &at->rest);
    if (at->node)
        return (perms_of(v->s, at->node->perms, v->c) & bits) == bits ? 0 : -EACCES;
    return (perms_of(v->s, at->above->perms, v->c) & bits) ? -ENOENT : -EACCES;
}

struct node *view_node(const struct view *v, const char *path, unsigned bits, int *error)
{
    struct place at;
    *error = view_place(v, path, bits, &at);
    return *error ? NULL : at.node;
}

static int gather(const struct view *v, const struct path *p, bool exact, const struct perms *a,
                  const struct perms *b, const struct perms *c)
{
    if (v->quiet)
        return 0;
    return watch_gather(v->s, p->text, p->len, exact, (const struct perms *const[3]){a, b, c});
}

/* ---- making nodes */

/* Nodes on their way into the tree, from the highest; children hang on each other already. */
struct branch {
    struct node *top;
    unsigned nr;
};

/* What new nodes below @above get: its permissions, owned by the domain that makes them. */
static struct perms *inherited(const struct view *v, const struct node *above)
{
    const struct perms *from = above->perms;
    if (conn_privileged(v->c) || from->entry[0].domid == v->c->domain->id)
        return perms_get(above->perms);
    struct perms *perms = perms_new(from->nr);
    if (!perms)
        return NULL;
    memcpy(perms->entry, from->entry, from->nr * sizeof(from->entry[0]));
    perms->entry[0].domid = v->c->domain->id;
    perms->entry[0].birth = v->c->domain->birth;
    return perms;
}

/* Makes the nodes of "a/b/c"; the pool has enough.  False: no memory. */
static bool branch_make(struct view *v, const char *rest, struct blob *value, struct perms *perms,
                        struct branch *branch)
{
    struct node **slot = &branch->top;
    while (*rest) {
        size_t len = strcspn(rest, "/");
        const char *next = rest + len + (rest[len] == '/');
        struct blob *name = blob_new(rest, len);
        if (!name) {
            node_put(&v->s->pool, branch->top);
            return false;
        }
        *slot =
            node_new(&v->s->pool, name, blob_get(*next ? v->s->empty : value), perms_get(perms));
        (*slot)->list_gen = v->s->gen + 1;
        slot = &(*slot)->children;
        branch->nr++;
        rest = next;
    }
    return true;
}

static unsigned nr_names(const char *rest)
{
    unsigned nr = 1;
    for (; *rest; rest++)
        nr += *rest == '/';
    return nr;
}

static void branch_commit(struct view *v, const struct path *p, const struct place *at,
                          const struct branch *branch)
{
    char above[XENSTORE_ABS_PATH_MAX + 1];
    size_t len = (size_t)(at->rest - p->text);
    memcpy(above, p->text, len);
    above[len - 1] = 0; /* the slash; the root's path is empty then */
    for (struct node *n = branch->top; n; n = n->children)
        node_charge(v, n, 1);
    struct node *parent = tree_own(&v->s->pool, v->root, above, at->above);
    parent->list_gen = ++v->s->gen;
    tree_insert(&v->s->pool, parent, branch->top);
}

static int create(struct view *v, const struct path *p, const struct place *at, struct blob *value)
{
    struct branch branch = {0};
    unsigned nr = nr_names(at->rest);
    if (!may_add_nodes(v, nr) ||
        !domain_may_charge(v->s, v->c, nr * sizeof(struct node) + strlen(at->rest) + value->len))
        return -ENOSPC;
    if (!tree_reserve(&v->s->pool, *v->root, p->text, nr) || !charges_reserve(v->undo, nr))
        return -ENOMEM;
    struct perms *perms = inherited(v, at->above);
    if (!perms)
        return -ENOMEM;
    int status = gather(v, p, false, perms, nr == 1 ? at->above->perms : NULL, NULL);
    if (!status && !branch_make(v, at->rest, value, perms, &branch))
        status = -ENOMEM;
    if (!status)
        branch_commit(v, p, at, &branch);
    perms_put(perms);
    return status;
}

/* ---- the four changes */

int change_write(struct view *v, const struct path *p, struct blob *value)
{
    struct place at;
    int status = view_place(v, p->text, WIRE_PERM_WRITE, &at);
    if (status && status != -ENOENT)
        return status;
    if (!conn_privileged(v->c) && value->len >= v->s->quota.node_size)
        return -ENOSPC;
    if (status)
        return create(v, p, &at, value);
    if (value->len > at.node->value->len &&
        !domain_may_charge(v->s, v->c, value->len - at.node->value->len))
        return -ENOSPC;
    if (!tree_reserve(&v->s->pool, *v->root, p->text, 0) || !charges_reserve(v->undo, 2))
        return -ENOMEM;
    if ((status = gather(v, p, false, at.node->perms, at.above->perms, NULL)) != 0)
        return status;

    struct node *n = tree_own(&v->s->pool, v->root, p->text, at.node);
    node_charge(v, n, -1);
    node_set_value(&v->s->pool, n, blob_get(value));
    node_charge(v, n, 1);
    v->s->gen++;
    return 0;
}

int change_mkdir(struct view *v, const struct path *p)
{
    struct place at;
    int status = view_place(v, p->text, WIRE_PERM_WRITE, &at);
    return status == -ENOENT ? create(v, p, &at, v->s->empty) : status;
}

struct removal {
    struct view *view;
    size_t nr; /* nodes below the removed one */
};

/* Every node below a removed one fires the watches that are set on it. */
static int leave_removed(struct tree_walk *walk, struct node *n)
{
    struct removal *r = walk->arg;
    const struct perms *const perms[3] = {n->perms, walk->parent->perms};
    r->nr++;
    return r->view->quiet ? 0 : watch_gather(r->view->s, walk->path, walk->len, true, perms);
}

static int uncharge_removed(struct tree_walk *walk, struct node *n)
{
    struct removal *r = walk->arg;
    node_charge(r->view, n, -1);
    return 0;
}

int change_remove(struct view *v, const struct path *p)
{
    struct place at;
    struct removal removal = {.view = v};
    struct tree_walk walk = {.leave = leave_removed, .arg = &removal, .len = p->len};
    int status = view_place(v, p->text, WIRE_PERM_WRITE, &at);
    if (status == -ENOENT && !strchr(at.rest, '/'))
        return 0; /* its parent is there */
    if (status)
        return status;
    if (p->len == 1)
        return -EINVAL;
    memcpy(walk.path, p->text, p->len + 1);
    if ((status = tree_walk(&walk, at.node)) != 0 ||
        (status = gather(v, p, false, at.node->perms, at.above->perms, NULL)) != 0)
        return status;
    if (!charges_reserve(v->undo, removal.nr + 1) ||
        !tree_reserve(&v->s->pool, *v->root, p->text, 0))
        return -ENOMEM;

    walk.leave = uncharge_removed;
    tree_walk(&walk, at.node);
    node_charge(v, at.node, -1);
    tree_remove(&v->s->pool, v->root, p->text, at.above, ++v->s->gen);
    return 0;
}

int change_perms(struct view *v, const struct path *p, struct perms *perms)
{
    struct place at;
    int status = view_place(v, p->text, WIRE_PERM_WRITE | PERM_OWNER, &at);
    if (status)
        return status;
    if (!conn_privileged(v->c) && perms->entry[0].domid != at.node->perms->entry[0].domid)
        return -EPERM;
    if (!tree_reserve(&v->s->pool, *v->root, p->text, 0) || !charges_reserve(v->undo, 2))
        return -ENOMEM;
    status = gather(v, p, false, perms, at.above->perms, at.node->perms);
    if (status)
        return status;

    struct node *n = tree_own(&v->s->pool, v->root, p->text, at.node);
    node_charge(v, n, -1);
    node_set_perms(&v->s->pool, n, perms_get(perms));
    node_charge(v, n, 1);
    v->s->gen++;
    return 0;
}
