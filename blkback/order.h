/* SPDX-License-Identifier: GPL-2.0-only */
/* What a broker tells its worker of a disk, with the descriptor of the image: the two halves of the
 * driver, and what goes between them (xenbus/backend/ward.h).
 */
#pragma once

#include "backend/ward.h"
#include "blkback/front.h"
#include "blkback/image.h"
#include "blkback/request.h"

struct disk_order {
    struct image image; /* as it was opened; its descriptors are those that come with the order */
    struct disk_limits limits;
    struct front front;
    uint64_t iops; /* 0: no limit */
    uint64_t bytes_per_second;
    uint32_t weight;
    uint32_t poll_us; /* how long to look for more before sleeping */
    bool again;       /* it was served before, by a process that is gone */
};
_Static_assert(sizeof(struct disk_order) <= ORDER_SIZE, "fits into an order");

extern const struct backend_driver disk_driver; /* the broker's half */
extern const struct ward_driver disk_ward;      /* the worker's */

extern bool disk_offer_persistent; /* that grants stay mapped */
