/* SPDX-License-Identifier: GPL-2.0-only */
/* The back end's half of a device's life, as a table: what to do next, given the two states in the
 * store.  Pure.
 *
 * The front end writes its state as it pleases and as fast as it can; whatever it says, a row of
 * the table answers, and no answer needs more than what the back end knows of itself.
 */
#pragma once

#include <stdbool.h>

#include "abi/io/xenbus.h"

enum backend_step {
    BACKEND_NOTHING,
    BACKEND_OFFER, /* let go of the rings if attached; publish what we can do, wait for the guest */
    BACKEND_ATTACH, /* map the rings that the front end has published, serve them */
    BACKEND_CLOSE,  /* let go of the rings, the guest is about to end */
    BACKEND_FINISH, /* let go of the rings, the guest has ended */
    NR_BACKEND_STEPS
};

/* @own is the state that the back end's node shows, @front the other's (Unknown: no such node).
 * @online: the toolstack wants the device to exist.  @attached: this process has the rings mapped,
 * which a state of 4 does not imply: a process that takes over from a dead one finds 4 and
 * attaches.
 */
enum backend_step backend_step(enum xenbus_state own, enum xenbus_state front, bool online,
                               bool attached);

/* The state to write after @step was done, which may be @own. */
enum xenbus_state backend_state_after(enum backend_step step, enum xenbus_state own);
