// SPDX-License-Identifier: GPL-2.0-only
/* What disks and network cards have done: blkback's file for each guest, and for the kernel's back
 * ends files in /sys.  They are read while they are written; each number by itself is whole. */
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blkback/counts.h"
#include "pavis/sample.h"

#define BLKBACK_FOLDER "/run/pavis/blkback"
#define KERNEL_DISKS   "/sys/bus/xen-backend/devices/vbd-*"
#define KERNEL_NICS    "/sys/class/net/vif*.*"
#define SECTOR_BYTES   512

/* ---- ours */

static void add_disk(struct sample *s, unsigned domid, const struct counts *c)
{
    struct disk_sample *d = sample_add_disk(s, domid, c->device, "blkback");

    if (!d)
        return;
    d->reads = c->requests[REQUEST_READ];
    d->writes = c->requests[REQUEST_WRITE];
    d->flushes = c->requests[REQUEST_FLUSH] + c->requests[REQUEST_BARRIER];
    d->discards = c->requests[REQUEST_DISCARD];
    d->bytes_read = c->bytes_read;
    d->bytes_written = c->bytes_written;
    d->refused = c->refused;
    d->failed = c->failed;
    d->throttled = c->throttled;
    d->in_line = c->in_line;
    d->ns = c->ns;
    d->worst_ns = c->worst_ns;
}

static void our_disks(struct sample *s)
{
    DIR *folder = opendir(BLKBACK_FOLDER);
    struct counts_file *file = malloc(sizeof(*file));
    const struct dirent *entry;

    while (folder && file && (entry = readdir(folder))) {
        char *end;
        unsigned long domid = strtoul(entry->d_name, &end, 10);

        if (end == entry->d_name || strcmp(end, COUNTS_SUFFIX) != 0 ||
            !counts_load(dirfd(folder), entry->d_name, file))
            continue;
        for (unsigned i = 0; i < COUNTS_DISKS; i++)
            if (file->disk[i].used)
                add_disk(s, (unsigned)domid, &file->disk[i]);
    }
    free(file);
    if (folder)
        closedir(folder);
}

/* ---- the kernel's */

static uint64_t number_in(const char *folder, const char *name)
{
    char path[160], text[32] = "";
    ssize_t n = 0;
    int fd;

    snprintf(path, sizeof(path), "%.100s/statistics/%s", folder, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        n = read(fd, text, sizeof(text) - 1);
        close(fd);
    }
    return n > 0 ? strtoull(text, NULL, 10) : 0;
}

static void kernel_disk(struct sample *s, const char *folder)
{
    unsigned domid, device;
    struct disk_sample *d;

    if (sscanf(strrchr(folder, '/'), "/vbd-%u-%u", &domid, &device) != 2)
        return;
    d = sample_add_disk(s, domid, device, "xen-blkback");
    if (!d)
        return;
    d->reads = number_in(folder, "rd_req");
    d->writes = number_in(folder, "wr_req");
    d->flushes = number_in(folder, "f_req");
    d->discards = number_in(folder, "ds_req");
    d->bytes_read = number_in(folder, "rd_sect") * SECTOR_BYTES;
    d->bytes_written = number_in(folder, "wr_sect") * SECTOR_BYTES;
}

/* What comes in there the guest has sent. */
static void kernel_nic(struct sample *s, const char *folder)
{
    unsigned domid, device;
    struct nic_sample *n;

    if (sscanf(strrchr(folder, '/'), "/vif%u.%u", &domid, &device) != 2)
        return;
    n = sample_add_nic(s, domid, device, "xen-netback");
    if (!n)
        return;
    n->tx_packets = number_in(folder, "rx_packets");
    n->tx_bytes = number_in(folder, "rx_bytes");
    n->tx_dropped = number_in(folder, "rx_dropped");
    n->rx_packets = number_in(folder, "tx_packets");
    n->rx_bytes = number_in(folder, "tx_bytes");
    n->rx_dropped = number_in(folder, "tx_dropped");
}

static void for_each(struct sample *s, const char *pattern,
                     void (*take)(struct sample *s, const char *folder))
{
    glob_t found;

    if (glob(pattern, 0, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++)
        take(s, found.gl_pathv[i]);
    globfree(&found);
}

void sample_devices(struct sample *s)
{
    our_disks(s);
    sample_cards(s);
    for_each(s, KERNEL_DISKS, kernel_disk);
    for_each(s, KERNEL_NICS, kernel_nic);
}
