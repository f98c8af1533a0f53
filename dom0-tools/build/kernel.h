/* SPDX-License-Identifier: GPL-2.0-only */
/* A kernel file into a domain's memory: unwrapped, understood, loaded.
 *
 * The parsers are the hypervisor's own (hypervisor/dom0/image.h, unpack.h), which this adds bzip2
 * and LZMA to.  Pure: the file is bytes, the domain is a struct guest_memory.  The bytes are
 * hostile: whatever they are, the result is a loaded kernel or a sentence.
 *
 * A packed kernel of the usual kind is unpacked where it will run: its program headers, which come
 * first, say which page of the unpacked file belongs to which frame, and the frames are mapped in
 * the order of the file.  So it is written once, no buffer of its size is needed, and what a
 * hostile file may take is the domain's own memory.  Other kernels are unpacked into a buffer and
 * copied.  Where the domain's memory is zero already, as much as can be of what a file has of zeros
 * (40 % of Debian's) is neither mapped nor written.
 */
#pragma once

#include "build/memory.h"
#include "dom0/image.h"

/* Bytes [start, end) of a file. */
struct extent {
    uint64_t start, end;
};

struct kernel_source {
    const void *file;
    uint64_t len;
    const struct extent *data; /* outside of these, in order, it is zero; NULL: not known */
    unsigned nr_data;
    /* Called with an ELF file that loads as this one, if it was packed and all is well; may be
     * NULL. */
    void (*unpacked)(void *ctx, const void *elf, uint64_t len);
    void *ctx;
};

/* Loads the kernel into frames from 0 (at VIRT_BASE) on and describes it in *img, whose pointer
 * into the file is not to be used any more.  Frames outside of the kernel stay zero. */
int kernel_load(struct kernel_image *img, const struct kernel_source *source,
                struct guest_memory *m, struct problem *why);
