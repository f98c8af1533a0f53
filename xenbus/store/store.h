/* SPDX-License-Identifier: GPL-2.0-only */
/* The store: domains, connections, the tree, watches and transactions, and what a request does to
 * them.
 *
 * It is a machine without a world.  It knows no sockets, rings or clocks; it is told of
 * connections, requests and deaths, one after the other, and puts the bytes of its answers and
 * watch events into each connection's output.  The same inputs in the same order give the same
 * outputs.  The daemon's restart rests on that: it keeps the inputs and plays them again
 * (xenstored/journal.h).  So nothing here may depend on time, addresses or chance, and whatever the
 * world answered (hooks) is an input too.
 *
 * Every request is executed whole or not at all.  -ENOMEM means not at all, and that the caller may
 * try again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../wire.h"
#include "path.h"
#include "tree.h"

#define STORE_DOMIDS 0x7ff0u /* ids of real domains: below DOMID_FIRST_RESERVED */
#define STORE_CONNS  8192u   /* connections at once */

struct watch;
struct txn;

/* Limits of an unprivileged domain; dom0 has none.  Defaults are those of Xen 4.17's C xenstored,
 * but for memory, which it enforces by no longer listening and we by ENOSPC.
 */
struct quota {
    uint32_t nodes;        /* owned */
    uint32_t node_size;    /* bytes of one value */
    uint32_t perms;        /* entries of one node */
    uint32_t watches;      /* set at once */
    uint32_t transactions; /* open at once */
    uint32_t txn_nodes;    /* paths that one transaction touches */
    uint32_t path_len;     /* below the domain's home */
    uint32_t memory;       /* bytes of nodes, watches, transactions; as many of old versions */
    uint32_t output; /* bytes that wait for it before events are merged; privileged ones too */
};

extern const struct quota store_default_quota;

/* One for each id that ever meant something here. */
struct domain {
    struct domain *next;
    uint16_t id;
    bool introduced;
    bool shutdown;   /* told so, and not resumed since */
    bool named;      /* in permissions or an introduction, since an earlier one of that id died */
    bool has_target; /* it acts for target, as a device model does */
    uint16_t target;
    uint32_t target_birth; /* of the one that was meant */
    uint32_t
        birth; /* raised when it dies: entries in permissions that name an earlier one are void */
    struct conn *conn;
    uint64_t mfn;
    uint32_t port;
    /* what it is charged with */
    uint32_t nodes, watches, txns;
    uint64_t bytes;
    uint64_t kept; /* old versions that its transactions keep; apart, since others make them */
};

struct conn {
    struct store *store;
    uint32_t id;
    bool ring;
    bool lost;             /* some watch has swallowed an event */
    struct domain *domain; /* whose rights it has; a socket's is dom0 */
    struct watch *watches, **watches_end;
    struct txn *txns;
    uint32_t next_tx_id;
    uint32_t conflicts; /* transactions that failed in a row */
    /* output: bytes out[head..tail) wait to be sent */
    char *out;
    size_t head, tail, room, reserved;
    bool dirty; /* on the list of those with new output */
    struct conn *dirty_next;
    uint64_t produced; /* bytes since the connection began */
    uint64_t acked;    /* of them known to be sent when it mattered */
};

/* What the world does for the store.  Their answers are inputs: a replay gives the same ones again.
 */
struct store_hooks {
    /* Maps a domain's ring: the number of the new connection, or -errno.  An introduced domain's
     * second time keeps the connection; @conn is its number then, else -1.
     */
    int (*introduce)(void *arg, uint16_t domid, uint64_t mfn, uint32_t port, int conn);
    /* The connection is no more; the ring goes. */
    void (*release)(void *arg, uint32_t conn);
    /* CONTROL's commands "log" (on, off), "logfile" (name) and "print" (text).  0 or -errno. */
    int (*log)(void *arg, const char *command, const char *value);
    void *arg;
};

struct watch_point;
struct event;

struct store {
    struct node *root;
    struct pool pool;
    uint64_t gen;        /* counts changes */
    uint64_t live_bytes; /* of the pool's those of the live tree */
    /* Transactions by age, youngest first, and what the pool has for them: see txn.h. */
    struct txn *youngest;
    uint64_t private_bytes, kept_bytes;
    bool overdrawn; /* some domain's transactions keep more than they may */
    struct blob *empty;
    struct perms *introduce_perms, *release_perms; /* of the two special watches */
    struct domain *domains;                        /* known ones, newest first */
    struct domain *domain[STORE_DOMIDS];
    struct conn *conn[STORE_CONNS];
    struct quota quota;
    struct store_hooks hooks;
    /* watches by path */
    struct watch_point **points;
    size_t nr_points, nr_buckets;
    /* events that the request under way will send */
    struct event *events;
    size_t nr_events, events_room;
    char *event_text;
    size_t text_len, text_room;
    /* progress: this connection's transaction goes first (txn.h) */
    struct conn *first;
    struct conn *dirty; /* connections with new output, for the caller to take off */
};

/* A store with the nodes that xenstored makes; NULL: no memory. */
struct store *store_new(const struct store_hooks *hooks);
void store_free(struct store *s);

/* A socket's connection, number @id, with dom0's rights.  NULL: no memory. */
struct conn *store_connect(struct store *s, uint32_t id);
/* Domain @domid's own ring, without a request that introduces it: dom0's kernel.  NULL: no memory.
 */
struct conn *store_connect_ring(struct store *s, uint32_t id, uint16_t domid);
/* The next connection with new output, which is off the list then; NULL: there is none. */
struct conn *store_next_dirty(struct store *s);
/* Nothing of the connection's past remains, unsent output included: its ring begins anew. */
void store_reset(struct store *s, struct conn *c);
/* Ends a connection with its watches and transactions. */
void store_disconnect(struct store *s, struct conn *c);

/* Executes one request, answer included.  @payload has hdr->len bytes, at most
 * XENSTORE_PAYLOAD_MAX. 0 or -ENOMEM.
 */
int store_request(struct store *s, struct conn *c, const struct xsd_sockmsg *hdr,
                  const char *payload);
/* Answers a request with an error instead.  0 or -ENOMEM. */
int store_refuse(struct conn *c, const struct xsd_sockmsg *hdr, int error);

/* The hypervisor says that a domain shut down, or that it is gone.  0 or -ENOMEM. */
int store_domain_shutdown(struct store *s, uint16_t domid);
int store_domain_dead(struct store *s, uint16_t domid);

/* In all, @sent bytes of the connection's output have gone out.  0 or -ENOMEM. */
int store_acked(struct store *s, struct conn *c, uint64_t sent);
/* The caller should say store_acked now, since the store thinks that much is waiting. */
bool conn_wants_ack(const struct store *s, const struct conn *c);

/* True if this request of @c has to wait, because another connection's transaction goes first. */
bool store_must_wait(const struct store *s, const struct conn *c, const struct xsd_sockmsg *hdr);
/* The one that goes first has taken too long. */
void store_end_priority(struct store *s);

/* ---- between the files of this folder */

struct domain *domain_lookup(struct store *s, uint16_t domid); /* makes it known; NULL: no memory */
bool domain_may_charge(const struct store *s, const struct conn *c, uint64_t bytes);

static inline bool conn_privileged(const struct conn *c)
{
    return c->domain->id == 0;
}

/* Rights of @c by @perms: WIRE_PERM_* bits, and PERM_OWNER. */
#define PERM_OWNER 4u
unsigned perms_of(const struct store *s, const struct perms *perms, const struct conn *c);

struct conn *conn_new(struct store *s, uint32_t id, struct domain *d, bool ring);
/* Room for @len more bytes of output, which no other reservation uses. */
bool conn_reserve(struct conn *c, size_t len);
/* A message into the output; its room must be reserved, and is not reserved any more. */
void conn_put(struct conn *c, const struct xsd_sockmsg *hdr, const char *a, size_t a_len,
              const char *b, size_t b_len);

/* Where a request looks and changes: the live tree, or a transaction's. */
struct view {
    struct store *s;
    struct conn *c;
    struct node **root;
    struct txn *txn;      /* NULL: the live tree */
    struct charges *undo; /* where a commit notes what it charged; NULL: no need */
    bool quiet;           /* fires no watches (a transaction's own tree) */
};

/* Changes of the tree: check all, then commit.  0 or -errno; on an error nothing has changed. */
int change_write(struct view *v, const struct path *p, struct blob *value);
int change_mkdir(struct view *v, const struct path *p);
int change_remove(struct view *v, const struct path *p);
int change_perms(struct view *v, const struct path *p, struct perms *perms);
/* The node, if @c may do @bits with it; NULL and *error if not. */
struct node *view_node(const struct view *v, const char *path, unsigned bits, int *error);

/* CONTROL's commands.  0 or -errno; on 0 the answer is in @out, *out_len bytes of at most
 * XENSTORE_PAYLOAD_MAX.
 */
int control_command(struct store *s, const char *payload, size_t len, char *out, size_t *out_len);
/* The limit of that name, or NULL. */
uint32_t *quota_named(struct quota *q, const char *name);

/* Removes what a dead domain owns.  0 or -ENOMEM, and then some of it is left. */
int store_purge(struct store *s, const struct domain *d);
