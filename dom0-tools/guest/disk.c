// SPDX-License-Identifier: GPL-2.0-only
/* What disks stand for: files and block devices, and loop devices for the kernel's back end,
 * without a script or another program; for blkback overlays and NBD servers, too.
 *
 * A loop device is told to go away with its last user (autoclear) in the same call that gives it
 * its file, so whoever is killed at whatever moment leaves none behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "guest/device.h"
#include "guest/disk.h"

#define LOOP_TRIES 64 /* others may take the free one that we were told of */

static const char overlay[] = "overlay:"; /* with the overlay's file behind it */
static const char load_loop[] = "Load the kernel's module: modprobe loop";

/* Gives a loop device its file; direct I/O where the file system has it, so that data is not kept
 * in dom0's memory twice. */
static int configure(int loop, int file, const struct guest_disk *spec)
{
    struct loop_config config = {.fd = (unsigned)file};

    config.info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO;
    if (!spec->writable)
        config.info.lo_flags |= LO_FLAGS_READ_ONLY;
    snprintf((char *)config.info.lo_file_name, sizeof(config.info.lo_file_name), "%s", spec->path);
    if (ioctl(loop, LOOP_CONFIGURE, &config) == 0)
        return 0;
    if (errno == EBUSY)
        return -1;
    config.info.lo_flags &= ~(unsigned)LO_FLAGS_DIRECT_IO;
    return ioctl(loop, LOOP_CONFIGURE, &config);
}

static void close_loop(struct disk_device *d)
{
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
}

static int make_loop(struct disk_device *d, int file, struct problem *why)
{
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

    if (control < 0)
        return problem_set(why, errno, load_loop, "cannot make a loop device for %s",
                           d->spec->path);
    for (unsigned tries = 0; tries < LOOP_TRIES; tries++) {
        int nr = ioctl(control, LOOP_CTL_GET_FREE);

        if (nr < 0)
            break;
        snprintf(d->node, sizeof(d->node), "/dev/loop%d", nr);
        d->fd = open(d->node, O_RDWR | O_CLOEXEC);
        if (d->fd < 0)
            break;
        if (configure(d->fd, file, d->spec) == 0) {
            close(control);
            return 0;
        }
        if (errno != EBUSY)
            break;
        close_loop(d);
    }
    problem_set(why, errno, load_loop, "cannot make a loop device for %s", d->spec->path);
    close_loop(d);
    close(control);
    return -1;
}

static int refuse(const struct guest_disk *spec, struct problem *why)
{
    static const char *const formats[] = {"raw", "qcow", "qcow2", "vhd", "qed", "empty"};

    if (spec->format == DISK_EMPTY)
        return problem_set(why, ENOSYS, "Remove it, or name a target",
                           "an empty drive (%s) is not supported", spec->vdev);
    if (spec->format != DISK_RAW)
        return problem_set(why, ENOSYS, "Make a raw image of it: qemu-img convert -O raw OLD NEW",
                           "%s: the format %s is not supported", spec->path, formats[spec->format]);
    if (spec->backend_type == DISK_BACKEND_TAP || spec->backend_type == DISK_BACKEND_QDISK)
        return problem_set(why, ENOSYS, "Leave backendtype= out",
                           "%s: there are only the back ends pvblk and phy", spec->path);
    if (spec->script)
        return problem_set(why, ENOSYS, "Attach it in dom0 first and name the block device",
                           "%s: scripts for disks (%s) are not supported", spec->path,
                           spec->script);
    if (spec->backend && strcmp(spec->backend, "0") != 0 && strcmp(spec->backend, "Domain-0") != 0)
        return problem_set(why, ENOSYS, "Leave backend= out",
                           "%s: disks from other domains (%s) are not supported", spec->path,
                           spec->backend);
    return 0;
}

/* A device that is mounted, say, would be damaged by a second writer: opening it for oneself alone
 * tells. */
static int look_for_users(const struct guest_disk *spec, struct problem *why)
{
    int fd = open(spec->path, O_RDONLY | O_EXCL | O_CLOEXEC);

    if (fd < 0 && errno == EBUSY)
        return problem_set(why, EBUSY, "Unmount it, or give it to the guest read-only (access r)",
                           "%s is in use in dom0", spec->path);
    if (fd >= 0)
        close(fd);
    return 0;
}

/* ---- what only blkback serves: other programs' disks, and its overlays */

static bool is_server(const char *target)
{
    return strncmp(target, "nbd://", 6) == 0 || strncmp(target, "nbd+unix://", 11) == 0;
}

static bool is_overlay(const char *target)
{
    return strncmp(target, overlay, strlen(overlay)) == 0;
}

/* Whether a server answers is found out by who speaks with it. */
static int open_server(struct disk_device *d, struct problem *why)
{
    d->path = strdup(d->spec->path);
    return d->path ? 0 : problem_set(why, ENOMEM, NULL, "no memory");
}

static int open_overlay(struct disk_device *d, struct problem *why)
{
    const char *name = d->spec->path + strlen(overlay);
    char *real = realpath(name, NULL);
    struct stat st;
    int status = 0;

    if (!real || stat(real, &st) != 0)
        status = problem_set(why, errno, "Make it: blkback -o FILE BASE",
                             "cannot open the overlay %s", name);
    else if (!S_ISREG(st.st_mode))
        status = problem_set(why, EINVAL, "Make one: blkback -o FILE BASE",
                             "%s is no file, so it is no overlay", name);
    else if (asprintf(&d->path, "%s%s", overlay, real) < 0)
        status = problem_set(why, ENOMEM, NULL, "no memory");
    free(real);
    return status;
}

int disk_device_open(struct disk_device *d, const struct guest_disk *spec,
                     const struct device_kind *kind, struct problem *why)
{
    struct stat st;
    int file, status = 0;

    *d = (struct disk_device){.spec = spec, .kind = kind, .fd = -1};
    if (refuse(spec, why) != 0)
        return -1;
    if ((is_server(spec->path) || is_overlay(spec->path)) && kind->kernel)
        return problem_set(why, ENOSYS, "Start the daemon: blkback; and leave backendtype= out",
                           "%s: only blkback serves this", spec->path);
    if (is_server(spec->path))
        return open_server(d, why);
    if (is_overlay(spec->path))
        return open_overlay(d, why);
    file = open(spec->path, (spec->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK);
    if (file < 0 || fstat(file, &st) != 0) {
        problem_set(why, errno, "See whether the path in disk= is right", "cannot open %s",
                    spec->path);
        if (file >= 0)
            close(file);
        return -1;
    }
    d->path = realpath(spec->path, NULL);
    if (!d->path)
        status = problem_set(why, errno, NULL, "cannot follow %s", spec->path);
    else if (S_ISREG(st.st_mode))
        status = kind->kernel ? make_loop(d, file, why) : 0;
    else if (!S_ISBLK(st.st_mode))
        status = problem_set(why, ENOTBLK, "Name a block device or an image file",
                             "%s is neither a block device nor a file", spec->path);
    else if (spec->writable)
        status = look_for_users(spec, why);
    close(file);
    if (status == 0 && d->fd >= 0 && fstat(d->fd, &st) != 0)
        status = problem_set(why, errno, NULL, "cannot look at %s", d->node);
    if (status != 0) {
        disk_device_close(d);
        return -1;
    }
    d->major = S_ISBLK(st.st_mode) ? major(st.st_rdev) : 0;
    d->minor = S_ISBLK(st.st_mode) ? minor(st.st_rdev) : 0;
    return 0;
}

void disk_device_close(struct disk_device *d)
{
    close_loop(d);
    free(d->path);
    d->path = NULL;
}

bool disk_device_taken(const struct disk_device *d, unsigned domid)
{
    char path[96];

    snprintf(path, sizeof(path), "/sys/bus/xen-backend/devices/vbd-%u-%u/physical_device", domid,
             d->spec->number);
    return access(path, F_OK) == 0;
}
