/* SPDX-License-Identifier: GPL-2.0-only */
/* What there is of networks, as files: NETWORK_FOLDER/<name>/ with
 *     network   its plan, as in its configuration
 *     cards     a line for each: uuid, MAC address, address, name
 *     hosts, dnsmasq.conf, leases, pid   dnsmasq's
 * The folder is made before anything of the network and removed after all of it, so that a network
 * whose maker was killed is found.  Each file is replaced whole.  All of this with state_lock().
 */
#pragma once

#include "network/plan.h"

struct network_state {
    char name[NETWORK_NAME];
    struct network_plan plan;
    struct plan_card *cards;
    unsigned nr;
};

/* The lock of all networks; close() gives it back, as a kill does. -1: failed. */
int state_lock(struct problem *why);

/* 1: there is one of this name, in *state, to be freed with state_free(); 0: none, and only its
 * name is filled in; -1: failed.  One without a plan was not begun or has ended, since that file is
 * the first and the last: what is left of it is removed. */
int state_load(struct network_state *state, const char *name, struct problem *why);
int state_save(const struct network_state *state, struct problem *why);
void state_free(struct network_state *state);
/* Its files.  The last thing that is done to a network. */
void state_remove(const char *name);

/* The names of all, in *names, which is to be freed; their number, or -1. */
int state_names(char (**names)[NETWORK_NAME], struct problem *why);

#define STATE_PATH (sizeof(NETWORK_FOLDER) + NETWORK_NAME + 20)
/* The path of a file of a network; with @file "" its folder. */
void state_path(char path[STATE_PATH], const char *name, const char *file);
/* A file with what is written to it by @fill, in place of the old one. */
int state_write(const char *path, void (*fill)(void *ctx, FILE *to), void *ctx,
                struct problem *why);
/* A file of at most 1 MiB as text, to be freed; NULL with errno. */
char *state_read(const char *path);
