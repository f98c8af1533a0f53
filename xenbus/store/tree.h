/* SPDX-License-Identifier: GPL-2.0-only */
/* The tree of nodes: immutable where it is shared, so that a snapshot is one more reference on a
 * root.
 *
 * A node's children are a weight-balanced search tree, linked through left and right of the
 * children themselves.  Whoever changes a tree walks down from its root and makes every node on the
 * way its own: a node with one reference is changed in place, one that somebody else can see too is
 * copied first. So a store without open transactions copies nothing, and one with copies a path.
 *
 * Changes cannot fail: they take nodes from a pool that was filled before (tree_reserve).  Paths
 * are canonical (path.h).  Nothing here recurses on the depth of a path; balancing recurses on the
 * height of one level's search tree, at most twice the logarithm of the number of siblings.
 *
 * If it is wrong, transactions see each other's changes, or memory is used after it was freed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/io/xs_wire.h"

/* Bytes that never change once they are shared. */
struct blob {
    uint32_t refs;
    uint32_t nodes; /* of the references those of nodes */
    uint32_t len;
    char data[]; /* a NUL follows, not counted */
};

struct blob *blob_new(const char *data, size_t len); /* NULL: no memory */
struct blob *blob_get(struct blob *b);
void blob_put(struct blob *b);

/* Who may do what with a node.  The first entry is the owner, its bits are everybody else's rights.
 */
struct perm {
    uint16_t domid;
    uint8_t bits; /* WIRE_PERM_* */
    uint32_t
        birth; /* of the domain that is meant: a later one with the same id has another number */
};

struct perms {
    uint32_t refs;
    uint32_t nr;
    struct perm entry[];
};

struct perms *
perms_new(unsigned nr); /* entries to be filled in before it is shared; NULL: no memory */
struct perms *perms_get(struct perms *p);
void perms_put(struct perms *p);

struct node {
    uint32_t refs;
    uint32_t size; /* of the search tree below left and right, this node included */
    struct node *left, *right;
    struct node *children; /* root of their search tree */
    struct blob *name, *value;
    uint64_t key; /* the first eight bytes of the name, as a number in their order */
    struct perms *perms;
    union {
        uint64_t list_gen; /* store-wide generation in which a child came or went */
        struct node *next; /* in the pool */
    };
};

struct pool {
    struct node *free;
    size_t nr;
    void *slabs;   /* of nodes, linked, for pool_destroy */
    size_t shared; /* nodes in use with more than one reference */
    /* What nodes in use take in all, of whatever tree: node_bytes() of each, but a name or a value
     * that several have counts once. */
    uint64_t bytes;
};

static inline uint32_t node_size(const struct node *n)
{
    return n ? n->size : 0;
}

/* A node without children or siblings, from the pool, which must have one.  Takes over the
 * references. */
struct node *node_new(struct pool *pool, struct blob *name, struct blob *value,
                      struct perms *perms);
struct node *node_get(struct pool *pool, struct node *n);
void node_put(struct pool *pool, struct node *n);
void pool_destroy(struct pool *pool);
/* Of a node that is its tree's alone.  The new one's reference is taken over. */
void node_set_value(struct pool *pool, struct node *n, struct blob *value);
void node_set_perms(struct pool *pool, struct node *n, struct perms *perms);

static inline uint64_t node_bytes(const struct node *n)
{
    return sizeof(*n) + n->name->len + n->value->len + n->perms->nr * sizeof(struct perm);
}

/* Fills the pool so that any one change of the node @path below @root, which adds up to @more
 * levels, succeeds.  False: no memory.
 */
bool tree_reserve(struct pool *pool, const struct node *root, const char *path, unsigned more);

/* The node, and in *@above its parent (if @above is not NULL; untouched for the root itself).  Or
 * NULL; then *@above is the deepest node that exists on the way, and *@rest what of @path is
 * missing below it, without a leading slash.
 */
struct node *tree_find(struct node *root, const char *path, struct node **above, const char **rest);

/* The node @path, which is @found, for changing it: everything from *@root to it belongs to this
 * tree alone then.  Costs nothing while no tree shares anything with another. */
struct node *tree_own(struct pool *pool, struct node **root, const char *path, struct node *found);

/* Hangs @child below @parent (which tree_own gave), where no node of that name is. */
void tree_insert(struct pool *pool, struct node *parent, struct node *child);

/* Takes the node @path, a child of @above, out of the tree; it must not be the root. */
void tree_remove(struct pool *pool, struct node **root, const char *path, struct node *above,
                 uint64_t gen);

/* Children one after the other, in the order below.  The tree must not change meanwhile. */
#define CHILD_STACK 96 /* a search tree of 2^32 nodes is at most 77 high: log(2^32) / log(4/3) */
struct child_iter {
    const struct node *stack[CHILD_STACK];
    unsigned depth;
};
const struct node *child_first(struct child_iter *it, const struct node *parent);
const struct node *child_next(struct child_iter *it);

/* Children in order (shorter names first, equal lengths by bytes, so that numbers are in order):
 * the first one that comes after @before, or the very first if that is NULL; NULL behind the last.
 */
struct node *node_child_after(const struct node *parent, const struct node *before);

/* Walks a subtree without recursion: @enter before a node's children, @leave after them, for all
 * nodes below @top but not for @top.  The path of the current node is in @path while they run;
 * @path begins as the path of @top ("" for the root).  @enter may say TREE_WALK_SKIP to leave out a
 * subtree (and its @leave).  Any other value but 0 ends the walk and is returned.  Either may be
 * NULL. The tree must not change meanwhile.
 */
#define TREE_WALK_SKIP 1
struct tree_walk {
    int (*enter)(struct tree_walk *walk, struct node *n);
    int (*leave)(struct tree_walk *walk, struct node *n);
    void *arg;
    const struct node *parent; /* of the current node */
    size_t len;                /* of path */
    char path[XENSTORE_ABS_PATH_MAX + 1];
};
int tree_walk(struct tree_walk *walk, struct node *top);
