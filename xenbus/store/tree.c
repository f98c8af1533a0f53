// SPDX-License-Identifier: GPL-2.0-only
/* Nodes, their search trees and copy on write: see tree.h.
 *
 * A "slot" is the place that points at a node: the root, or left, right or children of another
 * node.  A slot is ours if every node on the way to it has one reference; then what it points at
 * may be replaced.
 */
#include "tree.h"

#include <stdlib.h>
#include <string.h>

/* Search trees: a side is at most DELTA times as heavy as the other, weights being sizes plus one;
 * a single rotation suffices if the inner part is lighter than GAMMA times the outer.  The pair (3,
 * 2) is proved to keep the balance through insertion and removal (Hirai and Yamamoto, 2011).
 */
#define DELTA 3
#define GAMMA 2

#define SLAB_NODES 64
#define POOL_MIN   2048 /* spare nodes, so that the usual change need not be looked at first */

struct slab {
    struct slab *next;
    struct node nodes[SLAB_NODES];
};

struct blob *blob_new(const char *data, size_t len)
{
    struct blob *b = malloc(sizeof(*b) + len + 1);
    if (!b)
        return NULL;
    b->refs = 1;
    b->nodes = 0;
    b->len = (uint32_t)len;
    if (len)
        memcpy(b->data, data, len);
    b->data[len] = 0;
    return b;
}

struct blob *blob_get(struct blob *b)
{
    b->refs++;
    return b;
}

void blob_put(struct blob *b)
{
    if (b && --b->refs == 0)
        free(b);
}

struct perms *perms_new(unsigned nr)
{
    struct perms *p = calloc(1, sizeof(*p) + nr * sizeof(p->entry[0]));
    if (!p)
        return NULL;
    p->refs = 1;
    p->nr = nr;
    return p;
}

struct perms *perms_get(struct perms *p)
{
    p->refs++;
    return p;
}

void perms_put(struct perms *p)
{
    if (p && --p->refs == 0)
        free(p);
}

/* ---- the pool */

static bool pool_fill(struct pool *pool, size_t nr)
{
    while (pool->nr < nr) {
        struct slab *slab = malloc(sizeof(*slab));
        if (!slab)
            return false;
        slab->next = pool->slabs;
        pool->slabs = slab;
        for (int i = 0; i < SLAB_NODES; i++) {
            slab->nodes[i].next = pool->free;
            pool->free = &slab->nodes[i];
        }
        pool->nr += SLAB_NODES;
    }
    return true;
}

void pool_destroy(struct pool *pool)
{
    struct slab *slab = pool->slabs;
    while (slab) {
        struct slab *next = slab->next;
        free(slab);
        slab = next;
    }
    memset(pool, 0, sizeof(*pool));
}

static struct node *pool_take(struct pool *pool)
{
    struct node *n = pool->free;
    pool->free = n->next;
    pool->nr--;
    return n;
}

#define KEY_BYTES sizeof(uint64_t)

static uint64_t name_key(const char *text, size_t len)
{
    uint64_t key = 0;
    for (size_t i = 0; i < KEY_BYTES; i++)
        key = key << 8 | (i < len ? (uint8_t)text[i] : 0);
    return key;
}

static uint64_t perms_bytes(const struct perms *perms)
{
    return perms->nr * sizeof(struct perm);
}

/* One more node has the text, or one less and its reference is gone. */
static void text_counts(struct pool *pool, struct blob *b)
{
    if (b->nodes++ == 0)
        pool->bytes += b->len;
}

static void text_drop(struct pool *pool, struct blob *b)
{
    if (--b->nodes == 0)
        pool->bytes -= b->len;
    blob_put(b);
}

static void node_counts(struct pool *pool, const struct node *n)
{
    pool->bytes += sizeof(*n) + perms_bytes(n->perms);
    text_counts(pool, n->name);
    text_counts(pool, n->value);
}

struct node *node_new(struct pool *pool, struct blob *name, struct blob *value, struct perms *perms)
{
    struct node *n = pool_take(pool);
    *n = (struct node){.refs = 1, .size = 1, .name = name, .value = value, .perms = perms};
    n->key = name_key(name->data, name->len);
    node_counts(pool, n);
    return n;
}

struct node *node_get(struct pool *pool, struct node *n)
{
    if (n && n->refs++ == 1)
        pool->shared++;
    return n;
}

/* Drops a reference; a node that loses its last one goes on the list of the dead. */
static void node_drop(struct pool *pool, struct node *n, struct node **dead)
{
    if (!n)
        return;
    n->refs--;
    if (n->refs == 1)
        pool->shared--;
    if (n->refs == 0) {
        n->next = *dead;
        *dead = n;
    }
}

void node_put(struct pool *pool, struct node *n)
{
    struct node *dead = NULL;
    node_drop(pool, n, &dead);
    while (dead) {
        n = dead;
        dead = n->next;
        node_drop(pool, n->left, &dead);
        node_drop(pool, n->right, &dead);
        node_drop(pool, n->children, &dead);
        pool->bytes -= sizeof(*n) + perms_bytes(n->perms);
        text_drop(pool, n->name);
        text_drop(pool, n->value);
        perms_put(n->perms);
        n->next = pool->free;
        pool->free = n;
        pool->nr++;
    }
}

/* Makes the node in a slot of ours a node of ours. */
static struct node *slot_own(struct pool *pool, struct node **slot)
{
    struct node *old = *slot;
    if (!old)
        __builtin_unreachable(); /* whoever changes a tree has found the place in it before */
    if (old->refs == 1)
        return old;
    struct node *n = pool_take(pool);
    *n = *old;
    n->refs = 1;
    node_get(pool, n->left);
    node_get(pool, n->right);
    node_get(pool, n->children);
    blob_get(n->name);
    blob_get(n->value);
    /* The analyzer does not follow counts: these permissions have a reference of this node's still.
     */
    perms_get(n->perms); // NOLINT(clang-analyzer-unix.Malloc)
    node_counts(pool, n);
    if (--old->refs == 1) /* somebody else holds it still */
        pool->shared--;
    *slot = n;
    return n;
}

void node_set_value(struct pool *pool, struct node *n, struct blob *value)
{
    text_drop(pool, n->value);
    n->value = value;
    text_counts(pool, value);
}

void node_set_perms(struct pool *pool, struct node *n, struct perms *perms)
{
    pool->bytes += perms_bytes(perms) - perms_bytes(n->perms);
    perms_put(n->perms);
    n->perms = perms;
}

/* ---- names and paths */

/* A component of a path, or a node's name. */
struct name {
    const char *text;
    size_t len;
    uint64_t key;
};

static struct name name_of(const struct node *n)
{
    return (struct name){n->name->data, n->name->len, n->key};
}

/* Shorter first, then by bytes. */
static inline int name_compare(const struct name *a, const struct node *n)
{
    if (a->len != n->name->len)
        return a->len < n->name->len ? -1 : 1;
    if (a->key != n->key)
        return a->key < n->key ? -1 : 1;
    if (a->len <= KEY_BYTES)
        return 0;
    return memcmp(a->text + KEY_BYTES, n->name->data + KEY_BYTES, a->len - KEY_BYTES);
}

/* The next component of a canonical path: *@path moves behind it.  False at the end. */
static inline bool path_next(const char **path, struct name *name)
{
    const char *p = *path;
    uint64_t key = 0;
    unsigned left = KEY_BYTES;
    if (*p == '/')
        p++;
    name->text = p;
    for (; *p && *p != '/'; p++) {
        if (left) {
            key = key << 8 | (uint8_t)*p;
            left--;
        }
    }
    *path = p;
    name->len = (size_t)(p - name->text);
    name->key = left < KEY_BYTES ? key << 8 * left : 0;
    return name->len != 0;
}

struct node *tree_find(struct node *root, const char *path, struct node **above, const char **rest)
{
    struct node *at = root;
    struct name name;
    while (path_next(&path, &name)) {
        struct node *n = at->children;
        int order;
        while (n && (order = name_compare(&name, n)) != 0)
            n = order < 0 ? n->left : n->right;
        if (!n) {
            if (above)
                *above = at;
            if (rest)
                *rest = name.text;
            return NULL;
        }
        if (above)
            *above = at;
        at = n;
    }
    return at;
}

/* A level costs the nodes on its search path, and where it is balanced up to three beside each of
 * them. */
bool tree_reserve(struct pool *pool, const struct node *root, const char *path, unsigned more)
{
    const struct node *at = root;
    size_t visited = 1, last = 0, levels = 4;
    struct name name;
    for (const char *p = path; *p; p++)
        levels += *p == '/';
    if (pool->nr >= levels * CHILD_STACK + more)
        return true; /* whatever the tree looks like */
    while (at && path_next(&path, &name)) {
        const struct node *n = at->children;
        int order = 1;
        for (last = 1; n && (order = name_compare(&name, n)) != 0; last++)
            n = order < 0 ? n->left : n->right;
        for (const struct node *down = n; down; last++) /* removal brings up a neighbour */
            down = down == n ? n->right : down->left;
        visited += last;
        at = n;
    }
    visited += 3 * last + more;
    return pool_fill(pool, visited < POOL_MIN ? POOL_MIN : visited) || pool->nr >= visited;
}

struct node *tree_own(struct pool *pool, struct node **root, const char *path, struct node *found)
{
    struct node *at = found;
    struct name name;
    if (!pool->shared)
        return at;
    at = slot_own(pool, root);
    while (path_next(&path, &name)) {
        struct node **slot = &at->children;
        for (;;) {
            struct node *n = slot_own(pool, slot);
            int order = name_compare(&name, n);
            if (order == 0)
                break;
            slot = order < 0 ? &n->left : &n->right;
        }
        at = *slot;
    }
    return at;
}

/* ---- balanced search trees */

static void resize(struct node *n)
{
    n->size = 1 + node_size(n->left) + node_size(n->right);
}

static void rotate_left(struct node **slot)
{
    struct node *n = *slot, *r = n->right;
    n->right = r->left;
    r->left = n;
    *slot = r;
    resize(n);
    resize(r);
}

static void rotate_right(struct node **slot)
{
    struct node *n = *slot, *l = n->left;
    n->left = l->right;
    l->right = n;
    *slot = l;
    resize(n);
    resize(l);
}

static uint32_t weight(const struct node *n)
{
    return node_size(n) + 1;
}

/* After one insertion or removal below the node in a slot of ours. */
static void balance(struct pool *pool, struct node **slot)
{
    struct node *n = *slot;
    if (weight(n->right) > DELTA * weight(n->left)) {
        struct node *r = slot_own(pool, &n->right);
        if (weight(r->left) >= GAMMA * weight(r->right)) {
            slot_own(pool, &r->left);
            rotate_right(&n->right);
        }
        rotate_left(slot);
    } else if (weight(n->left) > DELTA * weight(n->right)) {
        struct node *l = slot_own(pool, &n->left);
        if (weight(l->right) >= GAMMA * weight(l->left)) {
            slot_own(pool, &l->right);
            rotate_left(&n->left);
        }
        rotate_right(slot);
    } else {
        resize(n);
    }
}

static void insert(struct pool *pool, struct node **slot, struct node *child)
{
    if (!*slot) {
        *slot = child;
        return;
    }
    struct node *n = slot_own(pool, slot);
    struct name name = name_of(child);
    int order = name_compare(&name, n);
    insert(pool, order < 0 ? &n->left : &n->right, child);
    balance(pool, slot);
}

void tree_insert(struct pool *pool, struct node *parent, struct node *child)
{
    insert(pool, &parent->children, child);
}

/* Unlinks the leftmost node of a search tree and returns it, ours and without relatives. */
static struct node *take_first(struct pool *pool, struct node **slot)
{
    struct node *n = slot_own(pool, slot);
    if (!n->left) {
        *slot = n->right;
        n->right = NULL;
        return n;
    }
    struct node *first = take_first(pool, &n->left);
    balance(pool, slot);
    return first;
}

static void take(struct pool *pool, struct node **slot, const struct name *name)
{
    struct node *n = slot_own(pool, slot);
    int order = name_compare(name, n);
    if (order != 0) {
        take(pool, order < 0 ? &n->left : &n->right, name);
        balance(pool, slot);
        return;
    }
    if (!n->left || !n->right) {
        *slot = n->left ? n->left : n->right;
    } else {
        struct node *first = take_first(pool, &n->right);
        first->left = n->left;
        first->right = n->right;
        *slot = first;
        balance(pool, slot);
    }
    n->left = n->right = NULL;
    node_put(pool, n);
}

void tree_remove(struct pool *pool, struct node **root, const char *path, struct node *above,
                 uint64_t gen)
{
    char up[XENSTORE_ABS_PATH_MAX + 1];
    const char *slash = strrchr(path, '/');
    size_t len = (size_t)(slash - path);
    memcpy(up, path, len);
    up[len] = 0;
    struct node *parent = tree_own(pool, root, up, above);
    const struct name name = {slash + 1, strlen(slash + 1), name_key(slash + 1, strlen(slash + 1))};
    take(pool, &parent->children, &name);
    parent->list_gen = gen;
}

static const struct node *child_down(struct child_iter *it, const struct node *n)
{
    for (; n; n = n->left)
        it->stack[it->depth++] = n;
    return it->depth ? it->stack[it->depth - 1] : NULL;
}

const struct node *child_first(struct child_iter *it, const struct node *parent)
{
    it->depth = 0;
    return child_down(it, parent->children);
}

const struct node *child_next(struct child_iter *it)
{
    const struct node *n = it->stack[--it->depth];
    return child_down(it, n->right);
}

struct node *node_child_after(const struct node *parent, const struct node *before)
{
    struct node *n = parent->children, *after = NULL;
    struct name last = {0};
    if (before)
        last = name_of(before);
    while (n) {
        if (!before || name_compare(&last, n) < 0) {
            after = n;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    return after;
}

/* ---- walking */

/* Every level takes two bytes of a path at least. */
#define DEPTH_MAX (XENSTORE_ABS_PATH_MAX / 2 + 1)

int tree_walk(struct tree_walk *walk, struct node *top)
{
    struct node *stack[DEPTH_MAX];
    unsigned depth = 0;
    const struct node *last = NULL; /* the child of stack[depth] that was left */
    stack[0] = top;
    for (;;) {
        struct node *n = node_child_after(stack[depth], last);
        int status = 0;
        if (n) {
            walk->path[walk->len++] = '/';
            memcpy(walk->path + walk->len, n->name->data, n->name->len + 1);
            walk->len += n->name->len;
            stack[++depth] = n;
            last = NULL;
            walk->parent = stack[depth - 1];
            status = walk->enter ? walk->enter(walk, n) : 0;
            if (status == TREE_WALK_SKIP) {
                depth--;
                walk->len -= n->name->len + 1;
                walk->path[walk->len] = 0;
                last = n;
                status = 0;
            }
        } else {
            if (depth == 0)
                return 0;
            n = stack[depth--];
            walk->parent = stack[depth];
            status = walk->leave ? walk->leave(walk, n) : 0;
            walk->len -= n->name->len + 1;
            walk->path[walk->len] = 0;
            last = n;
        }
        if (status)
            return status;
    }
}
