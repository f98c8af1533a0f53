// SPDX-License-Identifier: GPL-2.0-only
/* The guest's keys, each believed only as far as it is checked here: see front.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/node.h"
#include "blkback/front.h"

#define MAX_ORDER 4 /* RING_MAX_PAGES */
_Static_assert(1u << MAX_ORDER == RING_MAX_PAGES, "order");

/* Absent is @otherwise; anything but a number up to @max is an error. */
static bool number_or(struct xs_handle *store, const char *dir, const char *name, uint64_t max,
                      uint64_t otherwise, uint64_t *value)
{
    *value = otherwise;
    return node_number(store, dir, name, max, value) || errno == ENOENT;
}

/* One page has the old name "ring-ref", several are numbered. */
static bool read_queue(struct xs_handle *store, const char *dir, unsigned order, bool numbered,
                       struct front_queue *queue, const char **why)
{
    uint64_t value;
    *why = "event-channel";
    if (!node_number(store, dir, "event-channel", UINT32_MAX, &value))
        return false;
    queue->port = (uint32_t)value;
    queue->nr_pages = 1u << order;
    *why = "ring-ref";
    for (unsigned i = 0; i < queue->nr_pages; i++) {
        char name[16];
        snprintf(name, sizeof(name), numbered ? "ring-ref%u" : "ring-ref", i);
        if (!node_number(store, dir, name, UINT32_MAX, &value))
            return false;
        queue->refs[i] = (uint32_t)value;
    }
    return true;
}

bool front_read(struct xs_handle *store, const char *dir, struct front *front, const char **why)
{
    uint64_t order;
    uint64_t queues;
    uint64_t persistent;
    memset(front, 0, sizeof(*front));
    char *protocol = node_read(store, dir, "protocol");
    bool known =
        !protocol || strcmp(protocol, "x86_64-abi") == 0; /* none: that of the guest's kernel */
    free(protocol);
    *why = "protocol";
    if (!known)
        return false;
    *why = "ring-page-order";
    if (!number_or(store, dir, "ring-page-order", MAX_ORDER, 0, &order))
        return false;
    *why = "multi-queue-num-queues";
    if (!number_or(store, dir, "multi-queue-num-queues", FRONT_MAX_QUEUES, 1, &queues) || !queues)
        return false;
    *why = "feature-persistent";
    if (!number_or(store, dir, "feature-persistent", 1, 0, &persistent))
        return false;
    front->persistent = persistent;
    front->nr_queues = (unsigned)queues;
    bool numbered = order > 0;
    if (queues == 1)
        return read_queue(store, dir, (unsigned)order, numbered, &front->queue[0], why);
    for (unsigned i = 0; i < queues; i++) {
        char *below;
        *why = "memory";
        if (asprintf(&below, "%s/queue-%u", dir, i) < 0)
            return false;
        bool good = read_queue(store, below, (unsigned)order, numbered, &front->queue[i], why);
        free(below);
        if (!good)
            return false;
    }
    return true;
}
