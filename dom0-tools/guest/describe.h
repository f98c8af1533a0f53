// SPDX-License-Identifier: GPL-2.0-only
/* What the store says of a guest, in the places and words of Xen's tools, so that kernels, back
 * ends and those tools find it.
 */
#pragma once

#include "build/build.h"
#include "config/guest_config.h"
#include "guest/device.h"
#include "guest/nodes.h"

struct guest_facts {
    const struct guest_config *config;
    uint8_t uuid[UUID_BYTES];
    const struct built_domain *built;
    const struct device_set *devices;
};

/* Writes all of it, devices included, in one transaction; -1 also where another guest has the name.
 */
int guest_describe(struct xs_handle *xs, const struct guest_facts *facts, struct problem *why);

/* Whether a domain has this name: 1 yes, 0 no, -1 the store does not answer.  @t may be XBT_NULL.
 */
int guest_name_taken(struct xs_handle *xs, xs_transaction_t t, const char *name,
                     struct problem *why);
