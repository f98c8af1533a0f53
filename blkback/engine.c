// SPDX-License-Identifier: GPL-2.0-only
/* io_uring: see engine.h. */
#include <errno.h>
#include <poll.h>

#include "blkback/engine.h"
#include "backend/limit.h"

#define ENTRIES 256u /* that one call can start; more are started in several */

/* All that the ring will ever do, so that it is no way round a filter of system calls. */
static const uint8_t operations[] = {IORING_OP_READ,     IORING_OP_WRITE,      IORING_OP_READV,
                                     IORING_OP_WRITEV,   IORING_OP_FSYNC,      IORING_OP_FALLOCATE,
                                     IORING_OP_POLL_ADD, IORING_OP_POLL_REMOVE};
#define NR_OPERATIONS (sizeof(operations) / sizeof(operations[0]))

int engine_open(struct engine *engine)
{
    struct io_uring_restriction only[NR_OPERATIONS] = {0};
    int result =
        io_uring_queue_init(ENTRIES, &engine->ring, IORING_SETUP_CLAMP | IORING_SETUP_R_DISABLED);
    if (result < 0)
        return result;
    for (unsigned i = 0; i < NR_OPERATIONS; i++)
        only[i] = (struct io_uring_restriction){.opcode = IORING_RESTRICTION_SQE_OP,
                                                .sqe_op = operations[i]};
    result = io_uring_register_restrictions(&engine->ring, only, NR_OPERATIONS);
    return result < 0 ? result : io_uring_enable_rings(&engine->ring);
}

struct io_uring_sqe *engine_entry(struct engine *engine)
{
    struct io_uring_sqe *sqe;
    while (!(sqe = io_uring_get_sqe(&engine->ring)))
        io_uring_submit(&engine->ring); /* the queue is full: hand it over */
    return sqe;
}

int engine_wait(struct engine *engine, uint64_t ns)
{
    struct __kernel_timespec time = {.tv_sec = (int64_t)(ns / NS_PER_S),
                                     .tv_nsec = (long long)(ns % NS_PER_S)};
    struct io_uring_cqe *cqe;
    int result = io_uring_submit_and_wait_timeout(&engine->ring, &cqe, 1,
                                                  ns == ENGINE_FOREVER ? NULL : &time, NULL);
    /* EBUSY and EAGAIN: the kernel wants us to take what is done first. */
    if (result < 0 && result != -ETIME && result != -EINTR && result != -EBUSY && result != -EAGAIN)
        return result;
    while (io_uring_peek_cqe(&engine->ring, &cqe) == 0) {
        struct operation *operation = io_uring_cqe_get_data(cqe);
        int value = cqe->res;
        io_uring_cqe_seen(&engine->ring, cqe);
        if (operation)
            operation->done(operation, value);
    }
    return 0;
}

/* ---- descriptors */

static void arm(struct watcher *watcher)
{
    struct io_uring_sqe *sqe = engine_entry(watcher->engine);
    io_uring_prep_poll_add(sqe, watcher->fd, POLLIN);
    io_uring_sqe_set_data(sqe, &watcher->operation);
    watcher->armed = true;
}

static void polled(struct operation *operation, int result)
{
    struct watcher *watcher = (struct watcher *)operation;
    watcher->armed = false;
    if (watcher->ending)
        return;
    if (result > 0)
        watcher->ready(watcher);
    if (!watcher->ending)
        arm(watcher);
}

void watcher_start(struct watcher *watcher, struct engine *engine, int fd,
                   void (*ready)(struct watcher *watcher))
{
    *watcher = (struct watcher){{polled}, engine, fd, false, false, ready};
    arm(watcher);
}

void watcher_end(struct watcher *watcher)
{
    watcher->ending = true;
    if (!watcher->armed)
        return;
    struct io_uring_sqe *sqe = engine_entry(watcher->engine);
    io_uring_prep_poll_remove(sqe, (uintptr_t)&watcher->operation);
    io_uring_sqe_set_data(sqe, NULL);
}
