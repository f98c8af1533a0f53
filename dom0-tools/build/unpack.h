/* SPDX-License-Identifier: GPL-2.0-only */
/* Unpacking on a host: the hypervisor's four formats, and bzip2 and LZMA, which it leaves out. */
#pragma once

#include <stddef.h>

#include "build/lz4.h"
#include "dom0/unpack.h"

/* How many bytes it unpacks to; the sentence says what is wrong.  Bounded by UNPACK_MAX_SIZE. */
const char *build_unpack_size(const struct packed_image *p, uint64_t *size);

/* Unpacks to exactly @size bytes, as the other function gave it.  If that fails, what is in the
 * buffer is any bytes.  @room may be other than NULL where build_unpack_by_room() is true: then the
 * buffer becomes writable as it fills. */
const char *build_unpack(const struct packed_image *p, void *to, size_t size,
                         struct lz4_room *room);
bool build_unpack_by_room(const struct packed_image *p);

/* Unpacks the first @len bytes or fewer; returns how many, 0 where that cannot be done without the
 * rest (bzip2) or the data is damaged. */
size_t build_unpack_head(const struct packed_image *p, void *to, size_t len);
