// SPDX-License-Identifier: GPL-2.0-only
/* What stands behind a guest's disk.  Ours serves files and block devices; the kernel's back end
 * needs a block device: one that is there, or a loop device that is made for a file and ends by
 * itself when nobody has it open any more.
 */
#pragma once

#include "config/guest_config.h"
#include "lib/problem.h"

struct device_kind;

struct disk_device {
    const struct guest_disk *spec;
    const struct device_kind *kind;
    char *path;            /* with no link in it */
    int fd;                /* holds a loop device until the back end does; -1: nothing to hold */
    char node[32];         /* of a loop device; else empty */
    unsigned major, minor; /* 0, 0: a file */
};

/* Opens what @spec names, for a back end of this kind; -1 with nothing left open. */
int disk_device_open(struct disk_device *d, const struct guest_disk *spec,
                     const struct device_kind *kind, struct problem *why);
void disk_device_close(struct disk_device *d);

/* Whether the kernel's back end has opened it for the guest. */
bool disk_device_taken(const struct disk_device *d, unsigned domid);
