/* SPDX-License-Identifier: GPL-2.0-only */
/* Input and output that does not wait: io_uring, and the one loop that a worker sleeps in.
 *
 * An operation is embedded in what it is part of; its memory must stay until done() was called.
 */
#pragma once

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

struct operation {
    void (*done)(struct operation *operation, int result); /* as the system call, or -errno */
};

struct engine {
    struct io_uring ring;
};

#define ENGINE_FOREVER UINT64_MAX

/* 0 or -errno. */
int engine_open(struct engine *engine);

/* An entry to fill with io_uring_prep_*() and io_uring_sqe_set_data(), an operation or NULL; it
 * goes to the kernel with the next engine_wait(). */
struct io_uring_sqe *engine_entry(struct engine *engine);

/* Starts what was prepared, waits until something is done or @ns are over, and calls done() of all
 * that is.  -errno only when nothing more will ever come. */
int engine_wait(struct engine *engine, uint64_t ns);

/* Calls ready() whenever a descriptor has something to read. */
struct watcher {
    struct operation operation;
    struct engine *engine;
    int fd;
    bool armed;
    bool ending;
    void (*ready)(struct watcher *watcher);
};

void watcher_start(struct watcher *watcher, struct engine *engine, int fd,
                   void (*ready)(struct watcher *watcher));
/* Ends it; the kernel has let go of the descriptor when armed has become false. */
void watcher_end(struct watcher *watcher);
