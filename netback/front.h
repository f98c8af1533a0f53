/* SPDX-License-Identifier: GPL-2.0-only */
/* What the guest has written about its network card.  All of it is the guest's word; what is here
 * has been checked to be numbers within limits.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "xs/xenstore.h"

#define FRONT_MAX_QUEUES 4u

struct front_queue {
    uint32_t tx_ref, rx_ref;
    uint32_t tx_port, rx_port; /* the same: one event channel for both */
};

struct front {
    /* what it takes of a packet that we give it */
    bool sg; /* more than one slot */
    bool gso_v4, gso_v6;
    bool csum_v4, csum_v6; /* a checksum that is left to it */
    unsigned nr_queues;
    struct front_queue queue[FRONT_MAX_QUEUES];
};

/* Reads it from @dir.  False: something is missing or makes no sense, @why names the node. */
bool front_read(struct xs_handle *store, const char *dir, struct front *front, const char **why);
