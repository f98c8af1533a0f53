/* SPDX-License-Identifier: GPL-2.0-only */
/* What a broker tells its worker of a card, with the descriptor of the way out: the two halves of
 * the driver, and what goes between them (xenbus/backend/ward.h).
 */
#pragma once

#include "backend/broker.h"
#include "backend/limit.h"
#include "netback/front.h"
#include "netback/guard.h"
#include "netback/uplink.h"

struct card_order {
    struct front front;
    struct guard guard;
    struct rate rate;
    uint64_t groups; /* broadcasts and multicasts a second; 0: no limit */
    uint16_t vlan;
    bool again; /* it was served before, by a process that is gone */
};
_Static_assert(sizeof(struct card_order) <= ORDER_SIZE, "fits into an order");

/* The broker of a network's cards, and their way out, which outlives workers. */
struct network {
    struct broker broker; /* first */
    const char *name;
    char tap[UPLINK_NAME];
    struct uplink_config config;
    struct uplink uplink; /* without descriptors: there is none */
    char why[UPLINK_WHY]; /* it could not be had, or mended */
    uint64_t next_try;    /* ms; not before this time */
};

/* The last card is gone, or the broker is to end. */
void network_end(struct network *network);

extern const struct backend_driver card_driver; /* the broker's half */
extern const struct ward_driver card_ward;      /* the worker's */
