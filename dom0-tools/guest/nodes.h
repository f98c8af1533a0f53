// SPDX-License-Identifier: GPL-2.0-only
/* Writing to the store in one transaction that either happens as a whole or not at all. */
#pragma once

#include <stdbool.h>

#include "lib/problem.h"
#include "xs/xenstore.h"

#define NODE_PATH  192
#define NODE_VALUE 4096

/* Requests of a transaction; the first that fails is kept, and the others are not sent. */
struct nodes {
    struct xs_handle *xs;
    xs_transaction_t t;
    int error;              /* errno; 0: all is well */
    char base[NODE_PATH];   /* what relative paths are below */
    char failed[NODE_PATH]; /* the path that @error is of */
};

/* Runs @body(n, ctx), and again as often as others interfere.  @body returns 0, or -1 with *why
 * set, and then nothing is written. */
int nodes_transaction(struct xs_handle *xs,
                      int (*body)(struct nodes *n, void *ctx, struct problem *why), void *ctx,
                      struct problem *why);

/* What relative paths of the next requests are below. */
void nodes_base(struct nodes *n, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A node's value.  A path that begins with / is whole, else below the base. */
void nodes_write(struct nodes *n, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Makes a node and sets its owner, who may do all, and who else may read it.  Nodes that are made
 * below inherit both.  @reader == @owner: nobody else. */
void nodes_own(struct nodes *n, const char *path, unsigned owner, unsigned reader);

/* Removes a node and all below it; one that is not there is as good. */
void nodes_remove(struct nodes *n, const char *path);

/* The node's value or NULL, for the caller to free(); not being there is no error. */
char *nodes_read(struct nodes *n, const char *path);
