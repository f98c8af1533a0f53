// SPDX-License-Identifier: GPL-2.0-only
/* Waiting for what back ends say in the store, by watches. */
#pragma once

#include "lib/problem.h"
#include "xs/xenstore.h"

#define BACKEND_START_S 30 /* the kernel may have to load its driver first */
#define BACKEND_END_S   10 /* then they are removed by force */

/* States of the two ends of a device, as all drivers have them. */
enum device_state {
    DEVICE_INITIALISING = 1,
    DEVICE_INIT_WAIT = 2,
    DEVICE_CONNECTED = 4,
    DEVICE_CLOSING = 5,
    DEVICE_CLOSED = 6,
};

/* Waits until all @nr back ends, each a path of the store without /state, have this state or have
 * gone (which DEVICE_CLOSED means too).  -1: one failed or the time is over. */
int backends_wait(struct xs_handle *xs, char *const *paths, unsigned nr, enum device_state state,
                  unsigned seconds, struct problem *why);

/* Waits for the next event of a watch until @deadline_ms of backend_clock(): true, and the event is
 * read; false: the time is over or the connection is gone. */
bool backend_event(struct xs_handle *xs, long long deadline_ms);
long long backend_clock(void);
