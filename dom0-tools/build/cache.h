/* SPDX-License-Identifier: GPL-2.0-only */
/* Unpacked kernels kept on disk, since unpacking is most of what a guest's start costs.
 *
 * A kernel is known by its file's device, inode, size and times of change (to the nanosecond), so a
 * file that was touched in any way is another kernel.  It is kept from its second use on.  The
 * folder belongs to root alone; a folder or file that somebody else could have written is not used.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "build/kernel.h"

struct kernel_cache {
    int dir; /* -1: none */
    char name[120];
};

/* Opens the folder, which is made where it is missing.  Never fails: without a folder nothing is
 * found and nothing kept. */
void cache_open(struct kernel_cache *c, const char *folder, const struct stat *kernel);
void cache_close(struct kernel_cache *c);

/* A descriptor of the unpacked kernel, or -1. */
int cache_find(const struct kernel_cache *c);

/* Where the file has anything else than zeros, for all that its file system knows: at most @max
 * extents, in order; their number. */
unsigned cache_data(int fd, struct extent *data, unsigned max);

/* Tells of a use that found nothing; true where it was not the first. */
bool cache_wanted(const struct kernel_cache *c);

/* Keeps it, if there is room; older ones go. */
void cache_keep(const struct kernel_cache *c, const void *elf, uint64_t len);
