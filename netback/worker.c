// SPDX-License-Identifier: GPL-2.0-only
/* The process that serves one network: its files, its jail and its one loop. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "netback/card.h"
#include "netback/jail.h"

#define EVENTS_AT_ONCE 64
#define NS_PER_MS      1000000ull
#define BIND_TRIES     100 /* of 10 ms each: for what a predecessor still has */

uint64_t clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* ---- descriptors */

void watcher_start(struct worker *worker, struct watcher *watcher, int fd,
                   void (*ready)(struct watcher *watcher))
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = watcher};
    *watcher = (struct watcher){fd, ready};
    if (watcher == &worker->tap) /* it may stay readable while there is no room */
        event.events |= EPOLLET;
    if (fd >= 0 && epoll_ctl(worker->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        backend_log(LOG_ERR, "epoll: %m");
}

void watcher_end(struct worker *worker, struct watcher *watcher)
{
    if (watcher->fd >= 0)
        epoll_ctl(worker->epoll, EPOLL_CTL_DEL, watcher->fd, NULL);
    watcher->fd = -1;
}

static void order_ready(struct watcher *watcher)
{
    ((struct worker *)((char *)watcher - offsetof(struct worker, orders)))->ordered = true;
}

static void tap_ready(struct watcher *watcher)
{
    ((struct worker *)((char *)watcher - offsetof(struct worker, tap)))->uplink_ready = true;
}

bool worker_uplink(struct worker *worker, int fd)
{
    if (worker->uplink >= 0)
        return false;
    worker->uplink = fd;
    switch_add_uplink(worker->net, 0);
    worker->uplink_counts = counts_of(worker->counts, 0, 0);
    if (!worker->uplink_counts)
        worker->uplink_counts = &worker->spare;
    watcher_start(worker, &worker->tap, fd, tap_ready);
    worker->uplink_ready = true;
    return true;
}

/* ---- the loop */

/* What time has made possible. */
static void sweep(struct worker *worker)
{
    worker->wake_at = UINT64_MAX;
    for (unsigned port = 0; port < SWITCH_PORTS; port++) {
        for (unsigned i = 0; worker->cards[port] && i < worker->cards[port]->nr_queues; i++) {
            struct queue *queue = worker->cards[port]->queue[i];
            uint64_t tick = queue_tick(queue, worker->now);
            if (worker->wake_at > tick)
                worker->wake_at = tick;
            forward_expire(worker, queue);
            if (queue->look)
                queue_activate(queue);
        }
    }
}

static int timeout_of(const struct worker *worker)
{
    if (worker->active || worker->fresh_answers ||
        (worker->uplink_ready && worker->buffers < MOST_BUFFERS))
        return 0;
    if (worker->wake_at == UINT64_MAX)
        return -1;
    uint64_t now = clock_now();
    return worker->wake_at > now ? (int)((worker->wake_at - now + NS_PER_MS - 1) / NS_PER_MS) : 0;
}

bool worker_round(struct worker *worker)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int nr = epoll_wait(worker->epoll, events, EVENTS_AT_ONCE, timeout_of(worker));
    for (int i = 0; i < nr; i++) {
        struct watcher *watcher = events[i].data.ptr;
        watcher->ready(watcher);
    }
    worker->now = clock_now();
    if (worker->now >= worker->wake_at)
        sweep(worker);
    forward_round(worker);
    /* Here nothing is half done, and no event is left that names a queue which goes now. */
    if (!worker->ordered)
        return true;
    worker->ordered = false;
    return ward_order(&worker->backend, &card_ward);
}

/* ---- beginning */

/* A file in memory that successors map, too.  With @alone true it waits until no predecessor is
 * left; the lock is on a descriptor that stays open as long as we live, and by which nothing can be
 * written, so that nobody fills the file system from inside the jail. */
static void *share(const char *directory, const char *name, size_t size, bool alone)
{
    char *path;
    char again[32];
    struct stat st;
    if (asprintf(&path, "%s/%s", directory, name) < 0)
        return NULL;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    snprintf(again, sizeof(again), "/proc/self/fd/%d", fd);
    int lock = alone ? open(again, O_RDONLY | O_CLOEXEC) : -1;
    void *at = MAP_FAILED;
    if (fd >= 0 && (!alone || (lock >= 0 && flock(lock, LOCK_EX) == 0)) && fstat(fd, &st) == 0 &&
        (st.st_size == (off_t)size || ftruncate(fd, (off_t)size) == 0))
        at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        backend_log(LOG_ERR, "cannot use %s: %m", path);
    if (fd >= 0)
        close(fd);
    free(path);
    return at == MAP_FAILED ? NULL : at;
}

static bool enter_jail(const char *directory)
{
    const struct jail jail = net_jail(directory);
    const char *what;
    if (jail_enter(&jail, &what))
        return true;
    backend_log(LOG_ERR, "cannot give up %s: %m", what);
    return false;
}

bool worker_open(struct worker *worker, const char *network, const char *directory)
{
    char name[80];
    uint64_t secret;
    ward_open(&worker->backend, BACKEND_ALL_GUESTS);
    worker->network = network;
    worker->patience = BIND_TRIES;
    worker->uplink = -1;
    worker->uplink_counts = &worker->spare;
    worker->wake_at = UINT64_MAX;
    parcels_init(&worker->taken);
    parcels_open(worker);
    /* Who writes to the TAP goes on until it has to wait or its time is over: what it has to send
     * comes in one round then, and the guest is woken once.  A program that waits for its answer
     * waits no longer for that; beside one that only computes we may wait for a tick. */
    if (sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0}) != 0)
        backend_log(LOG_WARNING, "cannot be scheduled in batches, which costs rounds: %m");
    snprintf(name, sizeof(name), "%s.journal", network);
    worker->journal = share(directory, name, sizeof(struct journal), true);
    snprintf(name, sizeof(name), "%s" COUNTS_SUFFIX, network);
    worker->counts = share(directory, name, sizeof(struct counts_file), false);
    if (!worker->journal || !worker->counts)
        return false;
    journal_open(worker->journal);
    counts_open(worker->counts);
    if (getrandom(&secret, sizeof(secret), 0) != sizeof(secret) ||
        !(worker->net = switch_make(secret))) {
        backend_log(LOG_ERR, "no memory for the switch of network %s", network);
        return false;
    }
    worker->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (worker->epoll < 0) {
        backend_log(LOG_ERR, "epoll: %m");
        return false;
    }
    if (!enter_jail(directory))
        return false;
    watcher_start(worker, &worker->orders, WARD_ORDERS, order_ready);
    /* With some cards only, frames for the others would go out, or be lost. */
    return ward_begin(&worker->backend, &card_ward);
}
