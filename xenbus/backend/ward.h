/* SPDX-License-Identifier: GPL-2.0-only */
/* The worker's half of a device: rings and data, without the store and without a name of anything.
 * Its broker (broker.h) tells it by orders what to serve, with the descriptors that it takes.
 *
 * The devices are those of device.h, known by their number only: backend->store, path and front are
 * not there.
 */
#pragma once

#include "backend/ask.h"
#include "backend/device.h"

#define ORDER_SIZE 2048u

enum order_kind {
    ORDER_ATTACH = 1,
    ORDER_CHANGE,
    ORDER_DETACH,
    ORDER_GONE,
    ORDER_BEGIN /* all that there was when the worker began is attached; of no device */
};

/* Each is answered by a number: has it been done? */
struct order {
    uint32_t kind;
    uint32_t guest;
    uint64_t device;
    uint64_t payload[ORDER_SIZE / 8]; /* the driver's */
};

/* What the two processes have as descriptors of the same numbers. */
enum ward_fd {
    WARD_ORDERS = 3,
    WARD_ASKS,
    WARD_DEVICE,
    WARD_WINDOW, /* memory for copies by the broker, or /dev/null */
    WARD_FDS
};
#define WARD_WINDOW_SIZE ((size_t)ASK_PIECES * GATE_PAGE)

/* A driver's; payloads are of the size that its other half sent, and that is the driver's to know.
 */
struct ward_driver {
    /* The descriptors are the driver's from here on, whatever it answers. */
    bool (*attach)(struct backend_device *device, const void *payload, const int *fds, unsigned nr);
    void (*change)(struct backend_device *device, const void *payload);
    void (*detach)(struct backend_device *device);
    void (*gone)(struct backend_device *device);
};

/* In a process that a broker has started: from here on grants and ports come from the broker, and
 * what is logged goes to it.  @guest: whose devices; or BACKEND_ALL_GUESTS. */
void ward_open(struct backend *backend, unsigned guest);

/* Carries out the next order, for which it waits; false: the broker is gone. */
bool ward_order(struct backend *backend, const struct ward_driver *driver);

/* The same until the first devices are all there, for who must not serve one without the others. */
bool ward_begin(struct backend *backend, const struct ward_driver *driver);
