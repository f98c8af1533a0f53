// SPDX-License-Identifier: GPL-2.0-only
/* The guest's keys, each believed only as far as it is checked here: see front.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/node.h"
#include "netback/front.h"

/* Absent is 0; anything but a number up to @max is an error. */
static bool number(struct xs_handle *store, const char *dir, const char *name, uint64_t max,
                   uint64_t *value)
{
    *value = 0;
    return node_number(store, dir, name, max, value) || errno == ENOENT;
}

static bool number32(struct xs_handle *store, const char *dir, const char *name, uint32_t *to,
                     const char **why)
{
    uint64_t value = 0;
    *why = name;
    bool good = node_number(store, dir, name, UINT32_MAX, &value);
    *to = (uint32_t)value;
    return good;
}

/* Two ports have names of their own; else one has the old name. */
static bool read_queue(struct xs_handle *store, const char *dir, struct front_queue *queue,
                       const char **why)
{
    if (!number32(store, dir, "tx-ring-ref", &queue->tx_ref, why) ||
        !number32(store, dir, "rx-ring-ref", &queue->rx_ref, why))
        return false;
    if (number32(store, dir, "event-channel-tx", &queue->tx_port, why))
        return number32(store, dir, "event-channel-rx", &queue->rx_port, why);
    if (errno != ENOENT || !number32(store, dir, "event-channel", &queue->tx_port, why))
        return false;
    queue->rx_port = queue->tx_port;
    return true;
}

static bool read_features(struct xs_handle *store, const char *dir, struct front *front,
                          const char **why)
{
    const struct {
        const char *name;
        bool *to;
        bool inverted; /* the node says that it is not there */
    } features[] = {
        {"feature-sg", &front->sg, false},
        {"feature-gso-tcpv4", &front->gso_v4, false},
        {"feature-gso-tcpv6", &front->gso_v6, false},
        {"feature-no-csum-offload", &front->csum_v4, true},
        {"feature-ipv6-csum-offload", &front->csum_v6, false},
    };
    uint64_t value;
    for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
        *why = features[i].name;
        if (!number(store, dir, features[i].name, 1, &value))
            return false;
        *features[i].to = value != features[i].inverted;
    }
    /* Segments need both. */
    front->gso_v4 = front->gso_v4 && front->sg && front->csum_v4;
    front->gso_v6 = front->gso_v6 && front->sg && front->csum_v6;
    return true;
}

bool front_read(struct xs_handle *store, const char *dir, struct front *front, const char **why)
{
    uint64_t value;
    uint64_t queues;
    memset(front, 0, sizeof(*front));
    *why = "request-rx-copy"; /* pages are not flipped */
    if (!number(store, dir, "request-rx-copy", 1, &value) || !value)
        return false;
    *why = "feature-rx-notify"; /* we would wait for ever */
    if (!number(store, dir, "feature-rx-notify", 1, &value) || !value)
        return false;
    *why = "multi-queue-num-queues";
    if (node_number(store, dir, "multi-queue-num-queues", FRONT_MAX_QUEUES, &queues)) {
        if (queues == 0)
            return false;
    } else if (errno == ENOENT) {
        queues = 1;
    } else {
        return false;
    }
    front->nr_queues = (unsigned)queues;
    if (!read_features(store, dir, front, why))
        return false;
    if (queues == 1)
        return read_queue(store, dir, &front->queue[0], why);
    for (unsigned i = 0; i < queues; i++) {
        char *below;
        *why = "memory";
        if (asprintf(&below, "%s/queue-%u", dir, i) < 0)
            return false;
        bool good = read_queue(store, below, &front->queue[i], why);
        free(below);
        if (!good)
            return false;
    }
    return true;
}
