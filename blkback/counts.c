// SPDX-License-Identifier: GPL-2.0-only
/* Numbers of disks, kept and shown: see counts.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blkback/counts.h"

struct counts *counts_of(struct counts_file *file, uint32_t device)
{
    struct counts *none = NULL;
    if (file->magic != COUNTS_MAGIC || file->size != sizeof(*file)) {
        memset(file, 0, sizeof(*file));
        file->size = sizeof(*file);
        file->magic = COUNTS_MAGIC;
    }
    for (unsigned i = 0; i < COUNTS_DISKS; i++) {
        struct counts *c = &file->disk[i];
        if (c->used && c->device == device)
            return c;
        if (!c->used && !none)
            none = c;
    }
    if (none)
        *none = (struct counts){.used = 1, .device = device};
    return none;
}

void counts_end(struct counts *counts)
{
    counts->used = 0;
}

static void show_disk(unsigned long domid, const struct counts *c, FILE *to)
{
    fprintf(to,
            "{\"domid\": %lu, \"device\": %u, \"reads\": %lu, \"writes\": %lu, \"flushes\": %lu, "
            "\"barriers\": %lu, \"discards\": %lu, \"bytes_read\": %lu, \"bytes_written\": %lu, "
            "\"refused\": %lu, \"failed\": %lu, \"throttled\": %lu, \"in_line\": %lu, "
            "\"ns\": %lu, \"worst_ns\": %lu}",
            domid, c->device, c->requests[REQUEST_READ], c->requests[REQUEST_WRITE],
            c->requests[REQUEST_FLUSH], c->requests[REQUEST_BARRIER], c->requests[REQUEST_DISCARD],
            c->bytes_read, c->bytes_written, c->refused, c->failed, c->throttled, c->in_line, c->ns,
            c->worst_ns);
}

bool counts_load(int directory, const char *name, struct counts_file *file)
{
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool good = fd >= 0 && read(fd, file, sizeof(*file)) == sizeof(*file) &&
                file->magic == COUNTS_MAGIC && file->size == sizeof(*file);
    if (fd >= 0)
        close(fd);
    return good;
}

bool counts_show(const char *directory, FILE *to)
{
    struct counts_file *file = malloc(sizeof(*file));
    DIR *dir = opendir(directory);
    const char *between = "";
    struct dirent *entry;
    fputc('[', to);
    while (file && dir && (entry = readdir(dir))) {
        char *end;
        unsigned long domid = strtoul(entry->d_name, &end, 10);
        if (end == entry->d_name || strcmp(end, COUNTS_SUFFIX) != 0 ||
            !counts_load(dirfd(dir), entry->d_name, file))
            continue;
        for (unsigned i = 0; i < COUNTS_DISKS; i++) {
            if (!file->disk[i].used)
                continue;
            fprintf(to, "%s\n  ", between);
            show_disk(domid, &file->disk[i], to);
            between = ",";
        }
    }
    fputs("\n]\n", to);
    /* No directory: no disks. */
    bool good = file && (dir || errno == ENOENT);
    free(file);
    if (dir)
        closedir(dir);
    return good;
}
