/* SPDX-License-Identifier: GPL-2.0-only */
/* Transactions: a snapshot to read from, a copy to change, and a note of both.
 *
 * A transaction reads the tree of the moment when it began and changes its own version of it.  It
 * ends well if all that it read still is as it was: then its changes are made once more, on the
 * live tree. What it only wrote needs no comparison.  Otherwise it says EAGAIN and nothing has
 * happened.
 *
 * What is superseded while a transaction is open stays in memory for it.  Each such byte is on the
 * account of one transaction, the youngest of those that keep it; when that one ends, what it alone
 * kept is freed and the rest goes to the next older one.  So the sum of these accounts is what the
 * pool has beyond the live tree and the transactions' own changes, to the byte.  A domain whose
 * transactions keep more than quota.memory has them ended: they see the live tree from then on,
 * change nothing, and their end says EAGAIN.
 *
 * A client whose transactions failed three times in a row goes first the next time: until that
 * transaction ends, others that would change something wait (store_must_wait); for how long at
 * most, the caller decides with a clock (store_end_priority).
 */
#pragma once

#include "store.h"

/* What was read of a path, and is compared at the end. */
#define READ_EXISTS 1u
#define READ_VALUE  2u
#define READ_LIST   4u /* names of its children */
#define READ_PERMS  8u

struct txn_op {
    struct txn_op *next;
    uint32_t type; /* XS_WRITE, XS_MKDIR, XS_RM, XS_SET_PERMS */
    uint32_t era;  /* of the transaction when it was noted */
    struct blob *path;
    struct blob *value;  /* of XS_WRITE */
    struct perms *perms; /* of XS_SET_PERMS */
};

/* A path that the transaction touched. */
struct txn_path {
    struct blob *path;
    uint64_t hash;
    uint32_t reads;
    struct txn_op *write; /* the last XS_WRITE to it, for another one to replace */
};

struct txn {
    struct txn *next; /* of the connection */
    struct txn *older, *younger;
    struct conn *conn;
    uint32_t id;
    uint32_t era;      /* raised by each removal: writes before and after it are not one */
    struct node *base; /* the tree as it was; NULL: the transaction can only fail */
    struct node *root; /* with our changes */
    struct txn_op *ops, **ops_end;
    struct txn_path *paths; /* hash table */
    uint32_t nr_paths, room;
    int64_t nodes;  /* that it makes its own domain own, less those that it removes */
    uint64_t bytes; /* charged to the domain for this transaction */
    uint64_t own;   /* of them, what its tree takes beyond base's */
    uint64_t kept;  /* superseded and kept for it: see above */
};

struct txn *txn_find(const struct conn *c, uint32_t id);
/* 0, -ENOSPC (quota), -ENOMEM. */
int txn_start(struct store *s, struct conn *c, struct txn **out);
/* 0, -EAGAIN, -ENOMEM (then the transaction goes on). */
int txn_commit(struct store *s, struct txn *t);
void txn_abort(struct store *s, struct txn *t);
/* After each input: accounts for what has been superseded, ends what keeps too much. */
void txns_settle(struct store *s);

/* Notes that @reads of the path were read.  0, -ENOSPC (quota), -ENOMEM. */
int txn_note_read(struct store *s, struct txn *t, const char *path, size_t len, uint32_t reads);

/* Makes a change to the transaction's tree and notes it. */
int txn_change(struct view *v, uint32_t type, const struct path *p, struct blob *value,
               struct perms *perms);

/* For snapshots: a table entry, or an operation, as it was. */
struct txn_path *txn_path(struct txn *t, const char *path, size_t len);
