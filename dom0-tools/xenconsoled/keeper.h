/* SPDX-License-Identifier: GPL-2.0-only */
/* The daemon in the background is two processes: one serves the consoles, the keeper waits for its
 * end.  A daemon that was killed is started anew, with the same options and nothing else: all that
 * it has to know is in the store and in the guests' pages.  A keeper that was killed is replaced by
 * the daemon.  Only both at once, or SIGTERM to the daemon, is the end.
 */
#pragma once

#include <stdbool.h>

struct keeping {
    int pidfd; /* readable when the other is gone; -1: there is none */
};

/* Makes the keeper and returns in the daemon, the first one and each later one: true if it is the
 * first, whose failure to start is the keeper's end too.  @ready is what tells whoever started us
 * that the first one works: no descriptor of the keeper's. */
bool keeper_begin(struct keeping *k, char *const argv[], int ready);

/* For a daemon whose keeper is gone: starts another, but no two within two seconds. */
void keeper_renew(struct keeping *k);

/* With an option that only keeper_renew() uses, a program that keeps @daemon; returns as
 * keeper_begin() does, when there has to be another daemon. */
void keeper_of(struct keeping *k, int daemon, char *const argv[]);

/* A daemon that ends because it was asked to: its keeper has nothing to do. */
void keeper_dismiss(struct keeping *k);
