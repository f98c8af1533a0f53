/* SPDX-License-Identifier: GPL-2.0-only */
/* First file systems of guests that outlive `pavis run`. */
#pragma once

#include <stddef.h>

#include "lib/problem.h"

/* Copies the file to the cache, under a name made of its content, so that the guest can be made
 * again; the path in @path. */
int ramdisk_keep(int fd, char *path, size_t size, struct problem *why);
