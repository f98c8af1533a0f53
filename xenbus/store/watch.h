/* SPDX-License-Identifier: GPL-2.0-only */
/* Watches, found by the path that they are set on.
 *
 * A change looks up each ancestor of the changed path in a hash table, so it costs the depth of the
 * path and the watches that fire, however many others there are.  Events are gathered before a
 * change is committed (gathering may fail for want of memory) and sent after it (which cannot
 * fail).
 *
 * A connection that does not read gets no endless queue: beyond quota.output a watch swallows its
 * events and sends one, for its own path, when the connection has read again.
 */
#pragma once

#include "store.h"

struct watch {
    struct watch *next, **prev; /* of the connection, oldest first */
    struct watch *next_here, **prev_here;
    struct watch_point *point;
    struct conn *conn;
    struct blob *token;
    size_t base; /* bytes of the path that its owner does not see: it gave a relative path */
    bool lost;
};

/* The path's watches; the last one that goes takes the point with it. */
struct watch_point {
    struct watch_point *next; /* in the bucket */
    uint64_t hash;
    struct watch *first, **end;
    struct blob *path;
};

/* Sets a watch; watch_fire_first is to follow, and cannot fail.  0, -EEXIST, -E2BIG (quota),
 * -ENOMEM. */
int watch_add(struct store *s, struct conn *c, const char *path, size_t len, size_t base,
              const char *token, struct watch **out);
void watch_fire_first(struct watch *w);
/* As a snapshot was: no quota, no event.  -ENOMEM or 0. */
int watch_restore(struct store *s, struct conn *c, const char *path, size_t len, size_t base,
                  const char *token, size_t token_len, bool lost);
/* -ENOENT if there is none such. */
int watch_remove(struct store *s, struct conn *c, const char *path, const char *token);
void watch_remove_all(struct store *s, struct conn *c);

/* Gathers the events of a change at @path.  A watcher is told if one of the (up to three)
 * permissions lets him read.  With @exact only watches on the path itself fire.  0 or -ENOMEM.
 */
int watch_gather(struct store *s, const char *path, size_t len, bool exact,
                 const struct perms *const perms[3]);
/* The same for the two special names. */
int watch_gather_special(struct store *s, const char *name, const struct perms *perms);
void watch_send(struct store *s);
void watch_forget(struct store *s); /* gathered events, reservations included */

/* The connection has read: what its watches swallowed is made good.  -ENOMEM or 0. */
int watch_make_good(struct store *s, struct conn *c);

/* Bytes that a watch is charged with. */
size_t watch_bytes(size_t path_len, size_t token_len);
