// SPDX-License-Identifier: GPL-2.0-only
/* One disk as a device of the store, and when its requests go to the device. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "backend/node.h"
#include "blkback/disk.h"

#define MAX_COPIED     (32ull << 20) /* bytes of buffers at once, of all disks of a guest */
#define BURST_NS       (NS_PER_S / 10)
#define COMPLAINTS     20 /* lines about one disk; who writes more fills a log */
#define MAX_PAGE_ORDER 4

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

void disk_remove(struct disk *disk, struct job *job)
{
    if (job->newer)
        job->newer->older = job->older;
    else
        disk->running = job->older;
    if (job->older)
        job->older->newer = job->newer;
    disk->nr_running--;
    disk->exclusive = false; /* if it was set, this was the only one */
    if (disk->flow)
        fair_done(disk->flow, clock_now(), job->cost);
}

/* Replaying a write after a kill must not undo a newer one; so no two that meet run at once, unless
 * both only read. */
static bool meets_running(const struct disk *disk, const struct job *job)
{
    const struct request *r = &job->request;
    for (const struct job *j = disk->running; j; j = j->older) {
        const struct request *other = &j->request;
        if (other->kind != REQUEST_READ &&
            sectors_meet(r->sector, r->nr_sectors, other->sector, other->nr_sectors))
            return true;
    }
    return false;
}

/* Something in the device, or a buffer, has to come back first. */
static bool must_wait(const struct disk *disk, const struct job *job)
{
    if (disk->exclusive || (job->request.kind == REQUEST_BARRIER && disk->running))
        return true;
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
    disk->nr_running++;
    disk->exclusive = job->request.kind == REQUEST_BARRIER;
    job_start(job);
}

bool disk_dispatch(struct disk *disk)
{
    bool any = false;
    bool in_line = false; /* for its share of the device */
    disk->wake_at = 0;
    while (disk->ready && !must_wait(disk, disk->ready)) {
        uint64_t now = clock_now();
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
    if (disk->flow && !in_line)
        fair_idle(disk->flow);
    return any;
}

void disk_complain(struct disk *disk, const char *what)
{
    if (disk->complaints >= COMPLAINTS)
        return;
    disk->complaints++;
    syslog(LOG_WARNING, "device %u of domain %u: %s%s", disk->device->id,
           disk->device->backend->guest, what,
           disk->complaints == COMPLAINTS ? " (and no more about this device)" : "");
}

/* ---- what the toolstack wants */

static uint64_t wanted(struct backend_device *device, const char *name, uint64_t max,
                       uint64_t otherwise)
{
    uint64_t value;
    bool there = node_number(device->backend->store, device->path, name, max, &value);
    if (!there && errno == EINVAL)
        syslog(LOG_WARNING, "%s/%s is no number up to %llu and means nothing", device->path, name,
               (unsigned long long)max);
    return there ? value : otherwise;
}

static void set_rate(struct rate *rate, uint64_t per_second)
{
    if (rate->per_second == per_second)
        return;
    *rate = (struct rate){.per_second = per_second, .burst_ns = BURST_NS};
}

static void set_shares(struct disk *disk)
{
    uint32_t weight = (uint32_t)wanted(disk->device, "weight", UINT16_MAX, FAIR_WEIGHT);
    set_rate(&disk->requests_rate, wanted(disk->device, "iops", UINT32_MAX, 0));
    set_rate(&disk->bytes_rate, wanted(disk->device, "bytes-per-second", UINT64_MAX, 0));
    if (disk->flow)
        disk->flow->weight = weight ? weight : 1;
    else if (disk->worker->fair)
        disk->flow = fair_join(disk->worker->fair, (uint32_t)getpid(), disk->image.device, weight);
}

static bool open_image(struct disk *disk)
{
    struct backend_device *device = disk->device;
    struct xs_handle *store = device->backend->store;
    const char *why;
    if (disk->image.fd >= 0)
        return true;
    char *params = node_read(store, device->path, "params");
    char *mode = node_read(store, device->path, "mode");
    bool good = params && mode;
    if (!good)
        backend_error(device, "the nodes 'params' (a path) and 'mode' (r or w) are needed");
    else if (!(good = image_open(&disk->image, params, strcmp(mode, "w") != 0, &why)))
        backend_error(device, "cannot %s %s: %m", why, params);
    free(params);
    free(mode);
    if (!good)
        return false;
    disk->limits = (struct disk_limits){
        .sectors = disk->image.sectors,
        .read_only = disk->image.read_only,
        .discard = disk->image.discard && wanted(device, "discard-enable", 1, 1),
    };
    set_shares(disk);
    return true;
}

/* ---- the driver */

static struct disk *disk_of(struct backend_device *device)
{
    if (device->driver)
        return device->driver;
    struct disk *disk = calloc(1, sizeof(*disk));
    if (!disk)
        return NULL;
    disk->device = device;
    disk->worker = (struct worker *)((char *)device->backend - offsetof(struct worker, backend));
    disk->image.fd = -1;
    disk->ready_end = &disk->ready;
    disk->counts = counts_of(disk->worker->counts, device->id);
    if (!disk->counts)
        disk->counts = &disk->spare;
    device->driver = disk;
    return disk;
}

static bool publish_size(const struct disk *disk, xs_transaction_t t)
{
    return node_write(disk->device->backend->store, t, disk->device->path, "sectors", "%llu",
                      (unsigned long long)disk->limits.sectors);
}

static bool offer(struct backend_device *device, xs_transaction_t t)
{
    struct disk *disk = disk_of(device);
    if (!disk || !open_image(disk))
        return false;
    const struct {
        const char *name;
        unsigned value;
    } keys[] = {
        {"info", disk->limits.read_only ? VDISK_READONLY : 0},
        {"sector-size", SECTOR},
        {"physical-sector-size", disk->image.physical_size},
        {"feature-flush-cache", 1},
        {"feature-barrier", 1},
        {"feature-persistent",
         disk->worker->persistent && wanted(device, "persistent-grants", 1, 1)},
        {"feature-max-indirect-segments", REQUEST_MAX_PIECES},
        {"max-ring-page-order", MAX_PAGE_ORDER},
        {"multi-queue-max-queues", FRONT_MAX_QUEUES},
        {"feature-discard", disk->limits.discard},
        {"discard-granularity", disk->image.physical_size},
        {"discard-alignment", 0},
        {"discard-secure", 0},
    };
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (!node_write(device->backend->store, t, device->path, keys[i].name, "%u", keys[i].value))
            return false;
    }
    return publish_size(disk, t);
}

static void close_queues(struct disk *disk)
{
    while (disk->ready) { /* nobody waits for their answers any more */
        struct job *job = take_ready(disk);
        job_drop(job);
    }
    while (disk->running)
        worker_wait(disk->worker, ENGINE_FOREVER);
    while (disk->nr_queues > 0)
        queue_close(disk->queue[--disk->nr_queues]);
    if (disk->cache)
        cache_empty(disk->cache);
    free(disk->cache);
    disk->cache = NULL;
    disk->wake_at = 0;
}

static bool attach(struct backend_device *device, bool again)
{
    struct disk *disk = disk_of(device);
    struct front front;
    const char *why;
    if (!disk || !open_image(disk))
        return false;
    if (!front_read(device->backend->store, device->front, &front, &why)) {
        backend_error(device, "the guest's node '%s' is missing or makes no sense", why);
        return false;
    }
    if (!again)
        journal_forget(disk->worker->journal, device->id);
    /* What was offered may be more than what is wanted by now; both ends have to agree. */
    uint64_t offered = wanted(device, "feature-persistent", 1, 0);
    if (front.persistent && offered && (disk->cache = malloc(sizeof(*disk->cache))))
        cache_init(disk->cache, device->backend->guest, CACHE_LIMIT);
    for (unsigned i = 0; i < front.nr_queues; i++) {
        if (!queue_open(disk, i, &front.queue[i], again)) {
            close_queues(disk);
            return false;
        }
    }
    syslog(LOG_INFO, "device %u of domain %u: %u queues of %u pages, %s grants", device->id,
           device->backend->guest, front.nr_queues, front.queue[0].nr_pages,
           disk->cache ? "persistent" : "copied");
    return true;
}

static void detach(struct backend_device *device)
{
    close_queues(device->driver);
}

/* Limits, and the size: a toolstack that has made the image larger writes any node to say so. */
static void changed(struct backend_device *device)
{
    struct disk *disk = device->driver;
    if (!disk || disk->image.fd < 0)
        return;
    set_shares(disk);
    if (!image_resized(&disk->image))
        return;
    disk->limits.sectors = disk->image.sectors;
    if (publish_size(disk, XBT_NULL))
        backend_nudge(device);
    syslog(LOG_INFO, "device %u of domain %u has %llu sectors now", device->id,
           device->backend->guest, (unsigned long long)disk->limits.sectors);
}

static void gone(struct backend_device *device)
{
    struct disk *disk = device->driver;
    if (!disk)
        return;
    image_close(&disk->image);
    counts_end(disk->counts);
    if (disk->flow)
        fair_leave(disk->flow);
    free(disk);
    device->driver = NULL;
}

const struct backend_driver disk_driver = {
    .kind = "pvblk",
    .offer = offer,
    .attach = attach,
    .detach = detach,
    .changed = changed,
    .gone = gone,
};
