// SPDX-License-Identifier: GPL-2.0-only
/* One disk as a device of the store, in the broker: its image, what the toolstack wants, what the
 * guest has published.  What is served is told to the worker (disk.c) with the image's descriptor.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "backend/broker.h"
#include "backend/node.h"
#include "blkback/fair.h"
#include "blkback/order.h"
#include "blkback/poll.h"

#define MAX_PAGE_ORDER 4

struct medium {
    struct image image;
    struct disk_order told; /* what the worker knows, while the device is attached */
};

bool disk_offer_persistent = true;

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

static void read_wishes(struct backend_device *device, struct disk_order *order)
{
    const struct medium *medium = device->driver;
    uint32_t weight = (uint32_t)wanted(device, "weight", UINT16_MAX, FAIR_WEIGHT);
    order->image = medium->image;
    order->limits = (struct disk_limits){
        .sectors = medium->image.sectors,
        .read_only = medium->image.read_only,
        .discard = medium->image.discard && wanted(device, "discard-enable", 1, 1),
    };
    order->weight = weight ? weight : 1;
    order->iops = wanted(device, "iops", UINT32_MAX, 0);
    order->bytes_per_second = wanted(device, "bytes-per-second", UINT64_MAX, 0);
    order->poll_us = (uint32_t)wanted(device, "poll", POLL_MOST_US, 0);
}

static bool same_wishes(const struct disk_order *a, const struct disk_order *b)
{
    return a->limits.sectors == b->limits.sectors && a->limits.discard == b->limits.discard &&
           a->weight == b->weight && a->poll_us == b->poll_us && a->iops == b->iops &&
           a->bytes_per_second == b->bytes_per_second;
}

static bool open_image(struct backend_device *device, struct image *image, const char *params,
                       bool read_only, bool again, const char **why)
{
    if (!again)
        return image_open(image, params, read_only, why);
    return image_resume(image, params, read_only, wanted(device, "sectors", UINT64_MAX, 0),
                        wanted(device, "feature-discard", 1, 0), why);
}

/* The device's image, opened when it is first asked for; NULL: it cannot be.  @again: it was open.
 */
static struct medium *medium_of(struct backend_device *device, bool again)
{
    struct xs_handle *store = device->backend->store;
    const char *why;
    if (device->driver)
        return device->driver;
    struct medium *medium = calloc(1, sizeof(*medium));
    char *params = node_read(store, device->path, "params");
    char *mode = node_read(store, device->path, "mode");
    bool good = medium && params && mode;
    if (!good)
        backend_error(device, "the nodes 'params' (a path) and 'mode' (r or w) are needed");
    else if (!(good =
                   open_image(device, &medium->image, params, strcmp(mode, "w") != 0, again, &why)))
        backend_error(device, "cannot %s %s: %m", why, params);
    free(params);
    free(mode);
    if (!good) {
        free(medium);
        return NULL;
    }
    return device->driver = medium;
}

static bool publish_size(struct backend_device *device, xs_transaction_t t)
{
    const struct medium *medium = device->driver;
    return node_write(device->backend->store, t, device->path, "sectors", "%llu",
                      (unsigned long long)medium->image.sectors);
}

static bool offer(struct backend_device *device, xs_transaction_t t)
{
    struct disk_order order = {0};
    if (!medium_of(device, false))
        return false;
    read_wishes(device, &order);
    const struct {
        const char *name;
        unsigned value;
    } keys[] = {
        {"info", order.limits.read_only ? VDISK_READONLY : 0},
        {"sector-size", SECTOR},
        {"physical-sector-size", order.image.physical_size},
        {"feature-flush-cache", 1},
        {"feature-barrier", 1},
        {"feature-persistent", disk_offer_persistent && wanted(device, "persistent-grants", 1, 0)},
        {"feature-max-indirect-segments", REQUEST_MAX_PIECES},
        {"max-ring-page-order", MAX_PAGE_ORDER},
        {"multi-queue-max-queues", FRONT_MAX_QUEUES},
        {"feature-discard", order.limits.discard},
        {"discard-granularity", order.image.physical_size},
        {"discard-alignment", 0},
        {"discard-secure", 0},
    };
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (!node_write(device->backend->store, t, device->path, keys[i].name, "%u", keys[i].value))
            return false;
    }
    return publish_size(device, t);
}

static void drop(struct backend_device *device)
{
    struct medium *medium = device->driver;
    if (!medium)
        return;
    image_close(&medium->image);
    free(medium);
    device->driver = NULL;
}

static bool attach(struct backend_device *device, bool again)
{
    struct medium *medium = device->driver;
    if (medium && !image_lives(&medium->image))
        drop(device);
    medium = medium_of(device, again);
    struct disk_order order = {.again = again};
    const char *why;
    if (!medium)
        return false;
    if (!front_read(device->backend->store, device->front, &order.front, &why)) {
        backend_error(device, "the guest's node '%s' is missing or makes no sense", why);
        return false;
    }
    /* What was offered may be more than what is wanted by now; both ends have to agree. */
    order.front.persistent &= wanted(device, "feature-persistent", 1, 0) != 0;
    read_wishes(device, &order);
    medium->told = order;
    const int fds[] = {medium->image.fd, medium->image.base};
    return broker_order(device, ORDER_ATTACH, &order, sizeof(order), fds,
                        medium->image.is_overlay ? 2 : 1);
}

static void detach(struct backend_device *device)
{
    broker_order(device, ORDER_DETACH, NULL, 0, NULL, 0);
}

/* Limits, and the size: a toolstack that has made the image larger writes any node to say so. */
static void changed(struct backend_device *device)
{
    struct medium *medium = device->driver;
    if (!medium)
        return;
    bool resized = image_resized(&medium->image);
    struct disk_order order = medium->told;
    read_wishes(device, &order);
    /* The worker first: the guest may use what it is told. */
    if (device->attached && !same_wishes(&order, &medium->told))
        broker_order(device, ORDER_CHANGE, &order, sizeof(order), NULL, 0);
    medium->told = order;
    if (!resized)
        return;
    if (publish_size(device, XBT_NULL))
        backend_nudge(device);
    syslog(LOG_INFO, "device %u of domain %u has %llu sectors now", device->id, device->guest,
           (unsigned long long)medium->image.sectors);
}

static void gone(struct backend_device *device)
{
    broker_order(device, ORDER_GONE, NULL, 0, NULL, 0);
    drop(device);
}

const struct backend_driver disk_driver = {
    .kind = "pvblk",
    .offer = offer,
    .attach = attach,
    .detach = detach,
    .changed = changed,
    .gone = gone,
};
