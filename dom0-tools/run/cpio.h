/* SPDX-License-Identifier: GPL-2.0-only */
/* A newc archive, the form that Linux unpacks its first file system from (Linux:
 * Documentation/driver-api/early-userspace/buffer-format.rst).  Pure: it writes to a stream.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

struct cpio {
    FILE *out;
    unsigned number; /* of the next inode */
    char last[512];  /* path before, whose folders are there already */
};

/* Whatever fails shows in ferror(out).  Paths have no slash in front; folders above are made. */
void cpio_folder(struct cpio *c, const char *path);
void cpio_link(struct cpio *c, const char *path, const char *target);
void cpio_file(struct cpio *c, const char *path, unsigned mode, const void *data, size_t len);
void cpio_end(struct cpio *c);
