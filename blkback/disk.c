// SPDX-License-Identifier: GPL-2.0-only
/* One disk in the process that serves it: when its requests go to the device, and what the broker
 * wants of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "backend/ask.h"
#include "blkback/cow.h"
#include "blkback/disk.h"

#define MAX_COPIED (32ull << 20) /* bytes of buffers at once, of all disks of a guest */
#define BURST_NS   (NS_PER_S / 10)
#define COMPLAINTS 20 /* lines about one disk; who writes more fills a log */

/* ---- what waits and what runs */

void disk_add(struct disk *disk, struct job *job)
{
    job->next = NULL;
    *disk->ready_end = job;
    disk->ready_end = &job->next;
}

static struct job *take_ready(struct disk *disk)
{
    struct job *job = disk->ready;
    disk->ready = job->next;
    if (!disk->ready)
        disk->ready_end = &disk->ready;
    return job;
}

void disk_remove(struct disk *disk, struct job *job, uint64_t now)
{
    if (job->newer)
        job->newer->older = job->older;
    else
        disk->running = job->older;
    if (job->older)
        job->older->newer = job->newer;
    disk->nr_writing -= job->request.kind != REQUEST_READ;
    disk->exclusive = false; /* if it was set, this was the only one */
    disk->flushing = disk->flushing && job->request.kind != REQUEST_FLUSH;
    if (disk->flow)
        fair_done(disk->flow, now, job->cost);
}

/* Replaying a write after a kill must not undo a newer one; so no two that meet run at once, unless
 * both only read. */
static bool meets_running(const struct disk *disk, const struct job *job)
{
    const struct request *r = &job->request;
    if (disk->nr_writing == 0 || !(request_stripes(r) & disk->written))
        return false;
    /* What an overlay writes is whole blocks. */
    uint64_t unit = disk->image.overlay ? OVERLAY_BLOCK / SECTOR : 1;
    uint64_t first = r->sector / unit;
    uint64_t nr = (r->sector + r->nr_sectors - 1) / unit - first + 1;
    for (const struct job *j = disk->running; j; j = j->older) {
        const struct request *other = &j->request;
        uint64_t begin = other->sector / unit;
        uint64_t end = (other->sector + other->nr_sectors + unit - 1) / unit;
        if (other->kind != REQUEST_READ && sectors_meet(first, nr, begin, end - begin))
            return true;
    }
    return false;
}

/* Something in the device, or a buffer, has to come back first. */
static bool must_wait(const struct disk *disk, const struct job *job)
{
    if (disk->exclusive || (job->request.kind == REQUEST_BARRIER && disk->running))
        return true;
    if (disk->image.overlay && disk->flushing && job->request.kind == REQUEST_FLUSH)
        return true; /* one at a time, see overlay.h */
    if (disk->worker->copied > 0 && disk->worker->copied + job_bytes(job) > MAX_COPIED)
        return true;
    return meets_running(disk, job);
}

/* How long the next job must still wait for its rates; 0 if it may go. */
static uint64_t rates_wait(struct disk *disk, uint64_t now)
{
    uint64_t a = rate_wait(&disk->requests_rate, now);
    uint64_t b = rate_wait(&disk->bytes_rate, now);
    return a > b ? a : b;
}

static void give(struct disk *disk, uint64_t now)
{
    struct job *job = take_ready(disk);
    rate_spend(&disk->requests_rate, now, 1);
    rate_spend(&disk->bytes_rate, now, job_bytes(job));
    if (disk->flow)
        fair_begin(disk->worker->fair, disk->flow, now, job->cost);
    job->newer = NULL;
    job->older = disk->running;
    if (disk->running)
        disk->running->newer = job;
    disk->running = job;
    if (job->request.kind != REQUEST_READ) {
        disk->written = request_stripes(&job->request) | (disk->nr_writing > 0 ? disk->written : 0);
        disk->nr_writing++;
    }
    disk->exclusive = job->request.kind == REQUEST_BARRIER;
    disk->flushing |= job->request.kind == REQUEST_FLUSH;
    job_start(job);
}

bool disk_dispatch(struct disk *disk)
{
    bool any = false;
    bool in_line = false; /* for its share of the device */
    disk->wake_at = 0;
    uint64_t now = disk->ready ? clock_now() : 0;
    while (disk->ready) {
        if (must_wait(disk, disk->ready)) {
            if (jobs_copy(disk))
                continue; /* it may be for one of these that it waits */
            break;
        }
        uint64_t wait = rates_wait(disk, now);
        if (wait) {
            disk->counts->throttled++;
            disk->wake_at = now + wait;
            break;
        }
        if (disk->flow && !fair_may(disk->worker->fair, disk->flow, now, disk->ready->cost)) {
            disk->counts->in_line++;
            disk->wake_at = now + FAIR_RETRY_NS;
            in_line = true;
            break;
        }
        give(disk, now);
        any = true;
    }
    jobs_copy(disk);
    if (disk->flow && !in_line)
        fair_idle(disk->flow);
    return any;
}

void disk_complain(struct disk *disk, const char *what)
{
    if (disk->complaints >= COMPLAINTS)
        return;
    disk->complaints++;
    backend_log(LOG_WARNING, "device %u of domain %u: %s%s", disk->device->id,
                disk->device->backend->guest, what,
                disk->complaints == COMPLAINTS ? " (and no more about this device)" : "");
}

/* ---- orders */

static void set_rate(struct rate *rate, uint64_t per_second)
{
    if (rate->per_second == per_second)
        return;
    *rate = (struct rate){.per_second = per_second, .burst_ns = BURST_NS};
}

/* A broker's copies are from and to memory that it shares, which a page cache is not. */
static void open_direct(struct disk *disk)
{
    if (!ask_copies())
        direct_open(&disk->direct, &disk->image);
}

static void change(struct backend_device *device, const void *payload)
{
    struct disk *disk = device->driver;
    const struct disk_order *order = payload;
    disk->limits = order->limits;
    if (disk->image.sectors != order->image.sectors || !disk->direct.map) {
        disk->image.sectors = order->image.sectors;
        direct_close(&disk->direct);
        open_direct(disk);
    }
    set_rate(&disk->requests_rate, order->iops);
    set_rate(&disk->bytes_rate, order->bytes_per_second);
    disk->poll_ns = order->poll_us * (NS_PER_S / 1000000);
    if (disk->flow)
        disk->flow->weight = order->weight;
    else if (disk->worker->fair)
        disk->flow =
            fair_join(disk->worker->fair, (uint32_t)getpid(), order->image.device, order->weight);
}

static struct disk *disk_of(struct backend_device *device)
{
    if (device->driver)
        return device->driver;
    struct disk *disk = calloc(1, sizeof(*disk));
    if (!disk)
        return NULL;
    disk->device = device;
    disk->worker = (struct worker *)((char *)device->backend - offsetof(struct worker, backend));
    disk->image.fd = disk->image.base = -1;
    disk->ready_end = &disk->ready;
    disk->counts = counts_of(disk->worker->counts, device->id);
    if (!disk->counts)
        disk->counts = &disk->spare;
    device->driver = disk;
    return disk;
}

static void close_queues(struct disk *disk)
{
    while (disk->ready) { /* nobody waits for their answers any more */
        struct job *job = take_ready(disk);
        job_drop(job);
    }
    if (disk->nbd)
        nbd_patience(disk->nbd, false);
    while (disk->running)
        worker_wait(disk->worker, ENGINE_FOREVER);
    while (disk->nr_queues > 0)
        queue_close(disk->queue[--disk->nr_queues]);
    if (disk->image.overlay && !cow_settle(&disk->image))
        disk_complain(disk, "a flush at the end failed");
    if (disk->cache)
        cache_empty(disk->cache);
    free(disk->cache);
    disk->cache = NULL;
    disk->wake_at = 0;
}

/* The link of a disk that was attached before is the one that is there. */
static bool take_link(struct disk *disk)
{
    if (disk->nbd)
        image_close(&disk->image);
    else
        disk->nbd = nbd_open(disk);
    if (disk->nbd)
        nbd_patience(disk->nbd, true);
    return disk->nbd;
}

static bool attach(struct backend_device *device, const void *payload, const int *fds, unsigned nr)
{
    struct disk *disk = disk_of(device);
    const struct disk_order *order = payload;
    const struct front *front = &order->front;
    const char *why;
    if (!disk) {
        for (unsigned i = 0; i < nr; i++)
            close(fds[i]);
        return false;
    }
    direct_close(&disk->direct);
    image_close(&disk->image);
    disk->image = order->image;
    disk->image.fd = fds[0];
    disk->image.base = nr > 1 ? fds[1] : -1;
    disk->image.overlay = NULL;
    disk->image.connector = 0; /* the broker's */
    if (disk->image.is_nbd && !take_link(disk))
        return false;
    if (!cow_load(&disk->image, &why)) {
        disk_complain(disk, why);
        return false;
    }
    change(device, payload);
    if (!order->again)
        journal_forget(disk->worker->journal, device->id);
    if (front->persistent && (disk->cache = malloc(sizeof(*disk->cache))))
        cache_init(disk->cache, device->backend->guest, CACHE_LIMIT);
    for (unsigned i = 0; i < front->nr_queues; i++) {
        if (!queue_open(disk, i, &front->queue[i], order->again)) {
            close_queues(disk);
            return false;
        }
    }
    backend_log(LOG_INFO, "device %u of domain %u: %u queues of %u pages, %s grants", device->id,
                device->backend->guest, front->nr_queues, front->queue[0].nr_pages,
                disk->cache ? "persistent" : "copied");
    return true;
}

static void detach(struct backend_device *device)
{
    close_queues(device->driver);
}

static void gone(struct backend_device *device)
{
    struct disk *disk = device->driver;
    if (!disk)
        return;
    if (disk->nbd)
        nbd_close(disk->nbd);
    direct_close(&disk->direct);
    image_close(&disk->image);
    counts_end(disk->counts);
    if (disk->flow)
        fair_leave(disk->flow);
    free(disk);
    device->driver = NULL;
}

const struct ward_driver disk_ward = {
    .attach = attach, .change = change, .detach = detach, .gone = gone};
