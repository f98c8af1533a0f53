/* SPDX-License-Identifier: GPL-2.0-only */
/* What a disk is made of: a raw file, which may be sparse, a block device, or an overlay, which is
 * named overlay:FILE (cow.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct overlay;

struct image {
    int fd; /* -1: not open */
    bool read_only;
    bool block;
    bool discard;           /* holes can be punched */
    uint32_t physical_size; /* bytes that are written at once */
    uint64_t sectors;
    uint64_t device;  /* which physical device it competes for */
    bool page_writes; /* its pages may be written without asking a file system (direct.h) */
    bool no_holes;
    bool is_overlay;
    bool live;               /* the live bits are of this boot */
    struct overlay *overlay; /* in the process that serves it: cow_load() */
    int base;                /* of an overlay */
    uint64_t base_bytes;
};

/* False with errno, and @why says what could not be done. */
bool image_open(struct image *image, const char *path, bool read_only, const char **why);
void image_close(struct image *image);

/* Looks how large it is now; has it changed? */
bool image_resized(struct image *image);
