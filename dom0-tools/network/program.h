/* SPDX-License-Identifier: GPL-2.0-only */
/* The two programs of others that a network needs: nft, which is given rules, and dnsmasq, which
 * stays. */
#pragma once

#include "network/state.h"

/* 0; -1: nft or dnsmasq is not installed. */
int programs_check(struct problem *why);

/* Gives @rules to nft, all or nothing of which takes effect. */
int nft_apply(const char *rules, struct problem *why);
/* Whether there is a table of the network. */
bool nft_has(const char *name);

/* Whether the network's dnsmasq runs. */
bool dnsmasq_runs(const char *name);
/* Starts it, or tells the one that runs of changed cards. */
int dnsmasq_start(const struct network_state *state, struct problem *why);
/* Ends it, if there is one, and waits until it is gone.  What it knows is on disk. */
void dnsmasq_stop(const char *name);
