// SPDX-License-Identifier: GPL-2.0-only
/* The process that serves one guest's disks: its files and its one loop. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "blkback/disk.h"
#include "blkback/jail.h"

/* A guest that fills a ring as fast as it is emptied must not keep us from all else. */
#define ROUNDS 16

uint64_t clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* ---- the loop */

static struct disk *disk_at(struct backend_device *device)
{
    return device->attached ? device->driver : NULL;
}

/* Does what can be done without waiting.  True if there was anything.  @wake: the time at which
 * more becomes possible by itself, or ENGINE_FOREVER. */
static bool serve(struct worker *worker, uint64_t *wake)
{
    bool any = false;
    *wake = ENGINE_FOREVER;
    worker->poll.most_ns = 0;
    for (struct backend_device *d = worker->backend.devices; d; d = d->next) {
        struct disk *disk = disk_at(d);
        if (!disk)
            continue;
        for (unsigned i = 0; i < disk->nr_queues; i++)
            any |= queue_take(disk->queue[i]);
        any |= disk_dispatch(disk);
        for (unsigned i = 0; i < disk->nr_queues; i++) {
            any |= queue_publish(disk->queue[i]);
            queue_tick(disk->queue[i]);
        }
        if (disk->wake_at && disk->wake_at < *wake)
            *wake = disk->wake_at;
        if (disk->poll_ns > worker->poll.most_ns)
            worker->poll.most_ns = disk->poll_ns;
    }
    return any;
}

/* Is @what true of any queue?  It is asked of all. */
static bool any_queue(struct worker *worker, bool (*what)(struct queue *queue))
{
    bool any = false;
    for (struct backend_device *d = worker->backend.devices; d; d = d->next) {
        struct disk *disk = disk_at(d);
        for (unsigned i = 0; disk && i < disk->nr_queues; i++)
            any |= what(disk->queue[i]);
    }
    return any;
}

/* Looks at the rings for a while; true: something has come. */
static bool look_on(struct worker *worker)
{
    bool found = false;
    bool done = false;
    poll_begin(&worker->poll, clock_now());
    while (!found && !done && poll_look(&worker->poll, clock_now())) {
        found = any_queue(worker, queue_filled);
        done = io_uring_cq_ready(&worker->engine.ring) > 0;
        if (!found && !done)
            sched_yield();
    }
    if (found || done)
        poll_paid(&worker->poll);
    return found;
}

/* Works until there is nothing to do, or there was enough; the time at which to go on, or
 * ENGINE_FOREVER.  Events of the guest's are wanted only when there is nothing left to look for. */
static uint64_t work(struct worker *worker)
{
    uint64_t wake;
    bool any = false; /* since it was looked for more */
    for (unsigned round = 0; round < ROUNDS; round++) {
        if (serve(worker, &wake)) {
            any = true;
            continue;
        }
        if (any && worker->poll.most_ns > 0 && look_on(worker))
            continue;
        any = false;
        if (!any_queue(worker, queue_wait))
            return wake;
    }
    return 0;
}

void worker_wait(struct worker *worker, uint64_t ns)
{
    int result = engine_wait(&worker->engine, ns);
    if (result < 0) {
        backend_log(LOG_ERR, "io_uring: %s", strerror(-result));
        _exit(1); /* a successor goes on */
    }
}

bool worker_round(struct worker *worker)
{
    uint64_t wake = work(worker);
    if (wake != ENGINE_FOREVER) {
        uint64_t now = clock_now();
        wake = wake > now ? wake - now : 0;
    }
    worker_wait(worker, wake);
    if (!worker->ordered)
        return true;
    worker->ordered = false;
    return ward_order(&worker->backend, &disk_ward);
}

/* ---- beginning */

static void order_ready(struct watcher *watcher)
{
    struct worker *worker = (struct worker *)((char *)watcher - offsetof(struct worker, orders));
    worker->ordered = true;
}

/* A file that this process shares with others, or with those after it.  With @alone it waits until
 * no other process has it. */
static void *share(const char *directory, const char *name, size_t size, bool alone)
{
    char *path;
    if (asprintf(&path, "%s/%s", directory, name) < 0)
        return NULL;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    void *memory = MAP_FAILED;
    if (fd >= 0 && (!alone || flock(fd, LOCK_EX) == 0) && ftruncate(fd, (off_t)size) == 0)
        memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        backend_log(LOG_ERR, "cannot share %s: %m", path);
    if (fd >= 0 && (!alone || memory == MAP_FAILED))
        close(fd); /* else it stays open, and with it the lock */
    free(path);
    return memory == MAP_FAILED ? NULL : memory;
}

/* Entries of processes that were killed; nobody else gives them back. */
static void bury_dead(struct fair *fair)
{
    for (unsigned i = 0; i < FAIR_FLOWS; i++) {
        uint32_t owner = fair->flow[i].owner;
        if (owner && kill((pid_t)owner, 0) != 0 && errno == ESRCH)
            fair_bury(fair, owner);
    }
}

bool worker_open(struct worker *worker, unsigned guest, const char *directory)
{
    char name[32];
    const char *what;
    ward_open(&worker->backend, guest);
    snprintf(name, sizeof(name), "%u.journal", guest);
    worker->journal = share(directory, name, sizeof(struct journal), true);
    worker->fair = share(directory, "shares", sizeof(struct fair), false);
    snprintf(name, sizeof(name), "%u" COUNTS_SUFFIX, guest);
    worker->counts = share(directory, name, sizeof(struct counts_file), false);
    if (!worker->journal || !worker->fair || !worker->counts)
        return false;
    journal_open(worker->journal);
    fair_open(worker->fair);
    bury_dead(worker->fair);
    int result = engine_open(&worker->engine);
    if (result < 0) {
        backend_log(LOG_ERR, "io_uring: %s", strerror(-result));
        return false;
    }
    const struct jail jail = disk_jail(guest, directory);
    if (!jail_enter(&jail, &what)) {
        backend_log(LOG_ERR, "cannot give up %s: %m", what);
        return false;
    }
    watcher_start(&worker->orders, &worker->engine, WARD_ORDERS, order_ready);
    return true;
}
