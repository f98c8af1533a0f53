/* SPDX-License-Identifier: GPL-2.0-only */
/* The devices of one kind that one guest has, or all guests have, as the store tells: their nodes
 * appear, change state and vanish; a driver does what the table of states (step.h) asks for.
 *
 * The kind's name is one that no kernel driver knows, so that nobody else takes the devices.  Nodes
 * below the back end's path are written by dom0 only and are believed; those of the front end are
 * the guest's.
 */
#pragma once

#include <stdbool.h>

#include "xs/xenstore.h"

struct backend;

struct backend_device {
    struct backend_device *next;
    struct backend *backend;
    unsigned guest;
    unsigned id;
    char *path;    /* /local/domain/0/backend/KIND/GUEST/ID */
    char *front;   /* the guest's directory of the device; NULL: not known yet */
    bool mine;     /* the driver has said that it serves it */
    bool attached; /* the driver has its rings */
    bool refused;  /* could not be attached: not tried again for the same offer of the guest's */
    bool touched;  /* something of it has changed in the store since it was looked at */
    unsigned harm; /* workers that have ended over its orders (broker.h) */
    void *driver;
};

/* What a driver does.  Where something fails it says why with backend_error(). */
struct backend_driver {
    const char *kind;
    /* Asked until it says yes: is this a device that this process serves?  NULL: each is. */
    bool (*mine)(struct backend_device *device);
    /* Publishes what the device can do, in a transaction that ends after it. */
    bool (*offer)(struct backend_device *device, xs_transaction_t t);
    /* Serves the rings that the front end has published.  @again: the store says that they were
     * served before, by a process that is gone. */
    bool (*attach)(struct backend_device *device, bool again);
    /* Ends what is under way and lets go of the guest's pages and ports. */
    void (*detach)(struct backend_device *device);
    /* A node of the back end may have changed. */
    void (*changed)(struct backend_device *device);
    /* The device is gone from the store; detached before. */
    void (*gone)(struct backend_device *device);
};

struct backend {
    struct xs_handle *store;
    const struct backend_driver *driver;
    unsigned guest;
    char *path; /* /local/domain/0/backend/KIND/GUEST, or without GUEST */
    struct backend_device *devices;
    bool gone; /* all devices were removed, and with one guest its directory */
};

#define BACKEND_ALL_GUESTS 0u /* dom0 has no devices of its own */

/* Begins to watch; what is there already comes with backend_events().  False with errno. */
bool backend_open(struct backend *backend, const struct backend_driver *driver, unsigned guest);

/* Readable when backend_events() has something to do. */
int backend_fd(const struct backend *backend);

/* Does what has become necessary; false: nothing will come any more, since the store or the guest
 * is gone. */
bool backend_events(struct backend *backend);

/* Writes the state again, for a front end that looks at the other nodes when it changes. */
void backend_nudge(struct backend_device *device);

/* A line in the log, at a priority of syslog(3). */
void backend_log(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* To the log, and into the node "error" of the device. */
void backend_error(struct backend_device *device, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
