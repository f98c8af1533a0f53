/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between unpack.c and unpack_xz.c only: the XZ format, and what both share.  The functions answer
 * like those of unpack.h.
 */
#pragma once
#include "dom0/unpack.h"

#define UNPACK_ARENA_ALIGN 64u
#define XZ_SLACK           (64u << 10) /* alignment of a dozen allocations over liblzma's estimate */

/* Memory from the arena, aligned to UNPACK_ARENA_ALIGN; NULL when it has not that much left. */
void *unpack_arena_alloc(struct unpack_arena *arena, size_t size);

/* Length of the compressed stream: p->len without what Linux' build put behind it. */
uint64_t unpack_stream_len(const struct packed_image *p);

/* How much memory decoding takes by liblzma's estimate, without XZ_SLACK. */
const char *xz_needs(const struct packed_image *p, uint64_t *needs);

/* The unpacked size that the file itself states at its end. */
const char *xz_lone_size(const struct packed_image *p, uint64_t *out_size);

const char *xz_unpack(const struct packed_image *p, void *dst, size_t dst_size,
                      struct unpack_arena *arena, size_t *got);
