// SPDX-License-Identifier: GPL-2.0-only
/* A guest from its configuration to its first instruction. */
#pragma once

#include "config/guest_config.h"
#include "guest/record.h"

/* How long each step took, in microseconds of wall-clock time. */
struct make_times {
    long long devices_opened, built, described, connected, started;
};

struct make_request {
    const struct guest_config *config;
    struct record *record; /* held by the caller, in state making; closed or removed afterwards */
    bool paused;           /* leave it paused */
    bool bound;            /* it lives no longer than its maker, who keeps the record held */
};

/* Makes the guest and returns its domain's number.  -1: nothing is left of it; and if this program
 * is killed meanwhile, guests_clean_up() of another removes what there was.
 */
int guest_make(struct hypercalls *h, struct xs_handle *xs, const struct make_request *request,
               struct make_times *times, struct problem *why);
