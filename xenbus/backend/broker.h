/* SPDX-License-Identifier: GPL-2.0-only */
/* Who holds the privileges of a back end: it has the store, opens files, maps grants and binds
 * event channels, and reads nothing that a guest has written but nodes, which are checked as they
 * are read.  Rings and data are a worker's, a process in a jail (ward.h) that the broker starts
 * and, when it ends, starts again.
 *
 * The driver of the broker's devices (device.h) has orders carried out by the worker.  While it
 * waits for that, and at any other time, the broker answers what the worker asks (ask.h): for
 * guests only whose devices it has given to it.
 */
#pragma once

#include <poll.h>
#include <sys/types.h>

#include "backend/device.h"
#include "backend/ward.h"

struct broker {
    struct backend backend;     /* first */
    const char *const *program; /* arguments of the worker's program, which is this one */
    uint8_t *window; /* shared with the worker for its copies; NULL: it makes them itself */
    int window_fd;
    pid_t worker; /* 0: none */
    int pidfd;
    int orders;
    int asks;
    int device;       /* shared with the worker: where grants are mapped */
    uint64_t offered; /* and not withdrawn yet: offset, and how many pages */
    unsigned nr_offered;
    unsigned mapped;      /* pages that the worker has mapped at most */
    unsigned pages;       /* that it may, for each device */
    unsigned patience_ms; /* for its answer to an order; then it is replaced */
    uint64_t started;     /* ms; the worker */
    uint64_t second;      /* of the clock, and how many lines of the worker's were taken in it */
    unsigned lines;
    bool lost;     /* a worker has ended, and its devices are to be looked at */
    bool begun;    /* the worker, with all devices */
    bool at_fault; /* it was not killed by somebody else */
};

/* Begins to watch the devices of domain @guest, or of BACKEND_ALL_GUESTS, for each of which the
 * worker maps at most @pages.  False with errno. */
bool broker_open(struct broker *broker, const struct backend_driver *driver, unsigned guest,
                 unsigned pages, const char *const *program);

/* From now on the worker's copies are made here, so that it reaches no grants but its guests'.
 * False with errno. */
bool broker_copies(struct broker *broker);

/* Serves until the guest's devices are gone or a SIGTERM has come, true, or the store is gone,
 * false. No worker is left. */
bool broker_run(struct broker *broker);

/* Has the worker do it; was it done?  An ORDER_ATTACH has a worker started if there is none, and is
 * given to the next one if it ends over it; with several guests, who all wait meanwhile, only until
 * it is seen to be the device's fault.  To any other order the end of the worker is an answer: what
 * it served it serves no more, and nothing of the guest's is mapped. */
bool broker_order(struct backend_device *device, enum order_kind kind, const void *payload,
                  size_t size, const int *fds, unsigned nr);
