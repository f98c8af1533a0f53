/* SPDX-License-Identifier: GPL-2.0-only */
/* What a block front end has published of its rings. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "blkback/ring.h"
#include "xs/xenstore.h"

#define FRONT_MAX_QUEUES 4u

struct front_queue {
    unsigned nr_pages; /* a power of two */
    uint32_t refs[RING_MAX_PAGES];
    uint32_t port;
};

struct front {
    unsigned nr_queues;
    bool persistent; /* it keeps its grants, so they may stay mapped */
    struct front_queue queue[FRONT_MAX_QUEUES];
};

/* Reads it; false if it is not what a front end may say, @why what is wrong. */
bool front_read(struct xs_handle *store, const char *dir, struct front *front, const char **why);
