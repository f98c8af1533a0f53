/* SPDX-License-Identifier: GPL-2.0-only */
/* A store that is simple enough to be believed, for test_store.c: an array of nodes, transactions
 * as copies of it, watches as a list.
 */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../xenbus/store/txn.h"

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
