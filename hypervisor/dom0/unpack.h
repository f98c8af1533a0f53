/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Decompression of kernels: which library takes which format, how much memory it needs, and the
 * one place where each library's answers become sentences.
 *
 * unpack.c is compiled twice: for host programs and tests, where it is called directly, and into
 * the boot-only part of the hypervisor together with the libraries.  There it must be called
 * through unpack_env.h, since the libraries are user-space objects.
 */
#pragma once
#include "dom0/image.h"

/* No kernel unpacks to more than this (a Debian 6.1 kernel: 63 MiB). */
#define UNPACK_MAX_SIZE (512ULL << 20)
/* Nor may its decompressor want more (XZ dictionary of 6.1: 32 MiB, from 6.12 on: 128 MiB). */
#define UNPACK_MAX_ARENA (320ULL << 20)

/* Memory that the libraries allocate from; nothing is freed but by the caller, all at once. */
struct unpack_arena {
    uint8_t *base; /* 64-byte aligned */
    size_t size;
    size_t used; /* set to 0 by the caller */
};

/*
 * States how many bytes p unpacks to and how many the arena must have.  Both come from the file
 * and are within the limits above; the file may still turn out to be damaged later.
 */
const char *unpack_size(const struct packed_image *p, uint64_t *out_size, uint64_t *arena_size);

/*
 * Unpacks p to exactly dst_size bytes at dst, dst_size as unpack_size() stated it.  Fewer bytes,
 * more bytes, a wrong checksum or bytes left over in p are failures; dst then holds rubbish.
 */
const char *unpack(const struct packed_image *p, void *dst, size_t dst_size,
                   struct unpack_arena *arena);
