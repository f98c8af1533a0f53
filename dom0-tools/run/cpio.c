// SPDX-License-Identifier: GPL-2.0-only
/* Archives in newc form: see cpio.h. */
#include "run/cpio.h"

#include <string.h>

#define FORMAT_FOLDER 040000u
#define FORMAT_FILE   0100000u
#define FORMAT_LINK   0120000u

static void pad(struct cpio *c, size_t len)
{
    static const char zeros[3];

    fwrite(zeros, 1, -len & 3, c->out);
}

static void entry(struct cpio *c, const char *path, unsigned mode, const void *data, size_t len)
{
    size_t name = strlen(path) + 1;

    /* Magic, inode, mode, owner, group, links, time, size, device, device of the node, length of
     * the name, checksum. */
    fprintf(c->out, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", c->number++,
            mode, 0, 0, 1, 0, len, 0, 0, 0, 0, name, 0);
    fwrite(path, 1, name, c->out);
    pad(c, 110 + name); /* 6 + 13 * 8 bytes of header */
    fwrite(data, 1, len, c->out);
    pad(c, len);
}

/* The folders above @path but for those that the path before had above it. */
static void parents(struct cpio *c, const char *path)
{
    char folder[sizeof(c->last)];

    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        size_t len = (size_t)(slash - path);

        if (len >= sizeof(folder) || strncmp(c->last, path, len + 1) == 0)
            continue;
        memcpy(folder, path, len);
        folder[len] = 0;
        entry(c, folder, FORMAT_FOLDER | 0755, "", 0);
    }
    snprintf(c->last, sizeof(c->last), "%s", path);
}

void cpio_folder(struct cpio *c, const char *path)
{
    parents(c, path);
    entry(c, path, FORMAT_FOLDER | 0755, "", 0);
}

void cpio_link(struct cpio *c, const char *path, const char *target)
{
    parents(c, path);
    entry(c, path, FORMAT_LINK | 0777, target, strlen(target));
}

void cpio_file(struct cpio *c, const char *path, unsigned mode, const void *data, size_t len)
{
    parents(c, path);
    entry(c, path, FORMAT_FILE | mode, data, len);
}

void cpio_end(struct cpio *c)
{
    entry(c, "TRAILER!!!", 0, "", 0);
}
