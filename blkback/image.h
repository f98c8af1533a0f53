/* SPDX-License-Identifier: GPL-2.0-only */
/* What a disk is made of: a raw file, which may be sparse, a block device, an overlay, which is
 * named overlay:FILE (cow.h), or what a server has (nbd_uri.h, nbd.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

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
    bool is_nbd;
    pid_t connector; /* of a server's disk, whose link is fd; 0: not this process's child */
};

/* False with errno, and @why says what could not be done. */
bool image_open(struct image *image, const char *path, bool read_only, const char **why);
/* What was open before, in a process that is gone: a server's disk is what it was, so that the
 * server may be away at this moment. */
bool image_resume(struct image *image, const char *path, bool read_only, uint64_t sectors,
                  bool discard, const char **why);
void image_close(struct image *image);
/* False: what this process needs for it has ended, so that it must be opened again. */
bool image_lives(struct image *image);

/* Looks how large it is now; has it changed? */
bool image_resized(struct image *image);
