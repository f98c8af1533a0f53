// SPDX-License-Identifier: GPL-2.0-only
/* Watches: see watch.h. */
#include "watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS 64
#define FIRST_EVENTS  64
#define FIRST_TEXT    4096

/* What the connection will be told: the path is a piece of store.event_text. */
struct event {
    struct watch *watch;
    size_t offset, len;
};

size_t watch_bytes(size_t path_len, size_t token_len)
{
    return sizeof(struct watch) + sizeof(struct watch_point) + path_len + token_len;
}

/* ---- the table */

static struct watch_point *point_find(const struct store *s, uint64_t hash, const char *path,
                                      size_t len)
{
    if (!s->nr_buckets)
        return NULL;
    struct watch_point *p = s->points[hash & (s->nr_buckets - 1)];
    while (p && (p->hash != hash || p->path->len != len || memcmp(p->path->data, path, len) != 0))
        p = p->next;
    return p;
}

/* Doubles the table when it is full.  No memory only makes it slow, unless there is none yet. */
static bool points_room(struct store *s)
{
    if (s->nr_points < s->nr_buckets)
        return true;
    size_t nr = s->nr_buckets ? 2 * s->nr_buckets : FIRST_BUCKETS;
    struct watch_point **table = calloc(nr, sizeof(void *));
    if (!table)
        return s->nr_buckets != 0;
    for (size_t i = 0; i < s->nr_buckets; i++) {
        struct watch_point *p = s->points[i], *next;
        for (; p; p = next) {
            next = p->next;
            p->next = table[p->hash & (nr - 1)];
            table[p->hash & (nr - 1)] = p;
        }
    }
    free(s->points);
    s->points = table;
    s->nr_buckets = nr;
    return true;
}

static struct watch_point *point_new(struct store *s, uint64_t hash, const char *path, size_t len)
{
    struct watch_point *p = points_room(s) ? malloc(sizeof(*p)) : NULL;
    if (!p)
        return NULL;
    *p = (struct watch_point){.hash = hash, .end = &p->first, .path = blob_new(path, len)};
    if (!p->path) {
        free(p);
        return NULL;
    }
    p->next = s->points[hash & (s->nr_buckets - 1)];
    s->points[hash & (s->nr_buckets - 1)] = p;
    s->nr_points++;
    return p;
}

static void point_free(struct store *s, struct watch_point *p)
{
    struct watch_point **link = &s->points[p->hash & (s->nr_buckets - 1)];
    while (*link != p)
        link = &(*link)->next;
    *link = p->next;
    s->nr_points--;
    blob_put(p->path);
    free(p);
}

static int watch_new(struct store *s, struct conn *c, const char *path, size_t len,
                     const char *token, size_t token_len, struct watch **out)
{
    uint64_t hash = path_hash(path, len);
    struct watch *w = calloc(1, sizeof(*w));
    struct watch_point *p = point_find(s, hash, path, len);
    if (!w)
        return -ENOMEM;
    w->token = blob_new(token, token_len);
    if (w->token && !p)
        p = point_new(s, hash, path, len);
    if (!w->token || !p) {
        blob_put(w->token);
        free(w);
        return -ENOMEM;
    }
    w->conn = c;
    w->point = p;
    w->prev_here = p->end;
    *p->end = w;
    p->end = &w->next_here;
    w->prev = c->watches_end;
    *c->watches_end = w;
    c->watches_end = &w->next;
    c->domain->watches++;
    c->domain->bytes += watch_bytes(len, token_len);
    *out = w;
    return 0;
}

static void watch_free(struct store *s, struct watch *w)
{
    struct watch_point *p = w->point;
    *w->prev = w->next;
    if (w->next)
        w->next->prev = w->prev;
    else
        w->conn->watches_end = w->prev;
    *w->prev_here = w->next_here;
    if (w->next_here)
        w->next_here->prev_here = w->prev_here;
    else
        p->end = w->prev_here;
    w->conn->domain->watches--;
    w->conn->domain->bytes -= watch_bytes(p->path->len, w->token->len);
    if (!p->first)
        point_free(s, p);
    blob_put(w->token);
    free(w);
}

/* ---- events */

/* The payload of an event, or 0 if it does not fit into a message. */
static size_t event_size(const struct watch *w, size_t path_len)
{
    size_t size = path_len - w->base + 1 + w->token->len + 1;
    return size <= XENSTORE_PAYLOAD_MAX ? size : 0;
}

static bool output_full(const struct store *s, const struct conn *c)
{
    return c->produced + c->reserved - c->acked > s->quota.output;
}

static int event_gather(struct store *s, struct watch *w, size_t offset, size_t len)
{
    if (s->nr_events == s->events_room) {
        size_t room = s->events_room ? 2 * s->events_room : FIRST_EVENTS;
        struct event *events = realloc(s->events, room * sizeof(*events));
        if (!events)
            return -ENOMEM;
        s->events = events;
        s->events_room = room;
    }
    if (!conn_reserve(w->conn, sizeof(struct xsd_sockmsg) + event_size(w, len)))
        return -ENOMEM;
    s->events[s->nr_events++] = (struct event){.watch = w, .offset = offset, .len = len};
    return 0;
}

/* Keeps the path until the events are sent; its offset. */
static int event_text(struct store *s, const char *path, size_t len, size_t *offset)
{
    if (s->text_room - s->text_len < len) {
        size_t room = s->text_room ? 2 * s->text_room : FIRST_TEXT;
        while (room - s->text_len < len)
            room *= 2;
        char *text = realloc(s->event_text, room);
        if (!text)
            return -ENOMEM;
        s->event_text = text;
        s->text_room = room;
    }
    memcpy(s->event_text + s->text_len, path, len);
    *offset = s->text_len;
    s->text_len += len;
    return 0;
}

static bool may_see(const struct store *s, const struct conn *c, const struct perms *const perms[3])
{
    for (int i = 0; i < 3; i++)
        if (perms[i] && (perms_of(s, perms[i], c) & WIRE_PERM_READ))
            return true;
    return false;
}

static int point_gather(struct store *s, const struct watch_point *p, const char *path, size_t len,
                        const struct perms *const perms[3], size_t *offset)
{
    for (struct watch *w = p->first; w; w = w->next_here) {
        int status;
        if (!may_see(s, w->conn, perms))
            continue;
        if (*offset == SIZE_MAX && (status = event_text(s, path, len, offset)) != 0)
            return status;
        if ((status = event_gather(s, w, *offset, len)) != 0)
            return status;
    }
    return 0;
}

int watch_gather(struct store *s, const char *path, size_t len, bool exact,
                 const struct perms *const perms[3])
{
    size_t offset = SIZE_MAX;
    uint64_t hash = PATH_HASH_START;
    if (!s->nr_points)
        return 0;
    for (size_t i = 0; i <= len; i++) {
        /* A name ends here; "/" is an ancestor of all, and the hash of "/" is that of one byte. */
        bool ends = i == len || (path[i] == '/' && i > 0);
        if (ends && (!exact || i == len)) {
            struct watch_point *p = point_find(s, hash, path, i);
            int status = p ? point_gather(s, p, path, len, perms, &offset) : 0;
            if (status)
                return status;
        }
        if (i < len)
            hash = path_hash_byte(hash, path[i]);
        if (i == 0 && len > 1 && path[0] == '/' && !exact) {
            struct watch_point *p = point_find(s, hash, "/", 1);
            int status = p ? point_gather(s, p, path, len, perms, &offset) : 0;
            if (status)
                return status;
        }
    }
    return 0;
}

int watch_gather_special(struct store *s, const char *name, const struct perms *perms)
{
    return watch_gather(s, name, strlen(name), true, (const struct perms *const[3]){perms});
}

/* The path as @w's owner shall see it. */
static void event_put(struct watch *w, const char *path, size_t len)
{
    struct xsd_sockmsg hdr = {.type = XS_WATCH_EVENT};
    char text[XENSTORE_ABS_PATH_MAX + 1];
    memcpy(text, path + w->base, len - w->base);
    text[len - w->base] = 0;
    conn_put(w->conn, &hdr, text, len - w->base + 1, w->token->data, w->token->len + 1);
}

static void event_send(struct store *s, const struct event *e)
{
    struct watch *w = e->watch;
    size_t size = event_size(w, e->len);
    w->conn->reserved -= sizeof(struct xsd_sockmsg) + size;
    if (w->lost)
        return; /* what it will be told covers this too */
    if (!size || output_full(s, w->conn)) {
        w->lost = w->conn->lost = true;
        return;
    }
    w->conn->reserved += sizeof(struct xsd_sockmsg) + size;
    event_put(w, s->event_text + e->offset, e->len);
}

void watch_send(struct store *s)
{
    for (size_t i = 0; i < s->nr_events; i++)
        event_send(s, &s->events[i]);
    s->nr_events = s->text_len = 0;
}

void watch_forget(struct store *s)
{
    for (size_t i = 0; i < s->nr_events; i++) {
        struct event *e = &s->events[i];
        e->watch->conn->reserved -= sizeof(struct xsd_sockmsg) + event_size(e->watch, e->len);
    }
    s->nr_events = s->text_len = 0;
}

/* An event for the watch's own path always fits: path and token came in one message. */
static int event_own(struct watch *w)
{
    const struct blob *path = w->point->path;
    if (!conn_reserve(w->conn, sizeof(struct xsd_sockmsg) + event_size(w, path->len)))
        return -ENOMEM;
    event_put(w, path->data, path->len);
    return 0;
}

int watch_make_good(struct store *s, struct conn *c)
{
    if (!c->lost)
        return 0;
    for (struct watch *w = c->watches; w; w = w->next) {
        if (!w->lost)
            continue;
        if (output_full(s, c))
            return 0; /* the rest when it has read these */
        int status = event_own(w);
        if (status)
            return status;
        w->lost = false;
    }
    c->lost = false;
    return 0;
}

/* ---- what requests do */

static bool watch_is(const struct watch *w, const char *path, size_t len, const char *token)
{
    return w->point->path->len == len && memcmp(w->point->path->data, path, len) == 0 &&
           strcmp(w->token->data, token) == 0;
}

/* On the path, of the connection: the list of the path is the shorter one as a rule. */
static struct watch *watch_find(const struct store *s, const struct conn *c, const char *path,
                                size_t len, const char *token)
{
    const struct watch_point *p = point_find(s, path_hash(path, len), path, len);
    for (struct watch *w = p ? p->first : NULL; w; w = w->next_here)
        if (w->conn == c && watch_is(w, path, len, token))
            return w;
    return NULL;
}

int watch_add(struct store *s, struct conn *c, const char *path, size_t len, size_t base,
              const char *token, struct watch **out)
{
    const struct quota *q = &s->quota;
    size_t token_len = strlen(token);
    if (watch_find(s, c, path, len, token))
        return -EEXIST;
    if (!conn_privileged(c) &&
        (c->domain->watches >= q->watches || !domain_may_charge(s, c, watch_bytes(len, token_len))))
        return -E2BIG;
    if (!conn_reserve(c, sizeof(struct xsd_sockmsg) + len - base + token_len + 2))
        return -ENOMEM;
    int status = watch_new(s, c, path, len, token, token_len, out);
    if (status) {
        c->reserved -= sizeof(struct xsd_sockmsg) + len - base + token_len + 2;
        return status;
    }
    (*out)->base = base;
    return 0;
}

void watch_fire_first(struct watch *w)
{
    event_put(w, w->point->path->data, w->point->path->len);
}

int watch_restore(struct store *s, struct conn *c, const char *path, size_t len, size_t base,
                  const char *token, size_t token_len, bool lost)
{
    struct watch *w;
    int status = watch_new(s, c, path, len, token, token_len, &w);
    if (status)
        return status;
    w->base = base;
    w->lost = lost;
    return 0;
}

int watch_remove(struct store *s, struct conn *c, const char *path, const char *token)
{
    struct watch *w = watch_find(s, c, path, strlen(path), token);
    if (!w)
        return -ENOENT;
    watch_free(s, w);
    return 0;
}

void watch_remove_all(struct store *s, struct conn *c)
{
    for (struct watch *w = c->watches, *next; w; w = next) {
        next = w->next;
        watch_free(s, w);
    }
    c->lost = false;
}
