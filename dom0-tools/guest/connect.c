// SPDX-License-Identifier: GPL-2.0-only
/* The last step of making devices: until the back ends have them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guest/backend.h"
#include "guest/device.h"
#include "guest/nic.h"

/* The kernel's back end has seen its device when its state says so; it opens a disk a moment later,
 * and until then a loop device needs somebody who has it open. */
static int wait_for_disk(struct xs_handle *xs, unsigned domid, const struct disk_device *disk,
                         struct problem *why)
{
    struct timespec pause = {.tv_nsec = 1000000};
    char path[NODE_PATH];
    char *paths[] = {path};
    long long end = backend_clock() + BACKEND_START_S * 1000LL;

    backend_path(path, disk->kind->back, domid, disk->spec->number);
    while (!disk_device_taken(disk, domid)) {
        if (backends_wait(xs, paths, 1, DEVICE_INIT_WAIT, BACKEND_START_S, why) != 0)
            return -1;
        if (backend_clock() > end)
            return problem_set(why, ETIMEDOUT, "See `dmesg` in dom0",
                               "the back end does not open %s", disk->spec->path);
        nanosleep(&pause, NULL);
    }
    return 0;
}

static int plug_nic(struct xs_handle *xs, unsigned domid, const struct nic_device *nic,
                    struct problem *why)
{
    char backend[NODE_PATH], path[NODE_PATH + 16];

    if (nic_plug(nic->spec, domid, why) != 0)
        return -1;
    backend_path(backend, nic->kind->back, domid, nic->spec->devid);
    snprintf(path, sizeof(path), "%s/hotplug-status", backend);
    if (!xs_write(xs, XBT_NULL, path, "connected", 9))
        return problem_set(why, errno, NULL, "the store does not take %s", path);
    return 0;
}

/* All back ends start at once; only then each is looked at. */
int devices_connect(struct xs_handle *xs, unsigned domid, const struct device_set *set,
                    struct problem *why)
{
    unsigned nr = set->nr_disks + set->nr_nics;
    char(*texts)[NODE_PATH] = calloc(nr + 1, sizeof(*texts));
    char **paths = calloc(nr + 1, sizeof(*paths));
    int status = -1;

    if (!texts || !paths) {
        problem_set(why, ENOMEM, NULL, "no memory");
        goto out;
    }
    for (unsigned i = 0; i < nr; i++) {
        if (i < set->nr_disks)
            backend_path(texts[i], set->disks[i].kind->back, domid, set->disks[i].spec->number);
        else
            backend_path(texts[i], set->nics[i - set->nr_disks].kind->back, domid,
                         set->nics[i - set->nr_disks].spec->devid);
        paths[i] = texts[i];
    }
    if (nr && backends_wait(xs, paths, nr, DEVICE_INIT_WAIT, BACKEND_START_S, why) != 0)
        goto out;
    status = 0;
    for (unsigned i = 0; i < set->nr_nics && status == 0; i++)
        if (set->nics[i].kind->kernel)
            status = plug_nic(xs, domid, &set->nics[i], why);
    for (unsigned i = 0; i < set->nr_disks && status == 0; i++)
        if (set->disks[i].kind->kernel)
            status = wait_for_disk(xs, domid, &set->disks[i], why);
out:
    free(texts);
    free(paths);
    return status;
}
