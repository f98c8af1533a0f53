/* SPDX-License-Identifier: GPL-2.0-only */
/* What a disk is made of: a raw file, which may be sparse, or a block device. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct image {
    int fd; /* -1: not open */
    bool read_only;
    bool block;
    bool discard;           /* holes can be punched */
    uint32_t physical_size; /* bytes that are written at once */
    uint64_t sectors;
    uint64_t device; /* which physical device it competes for */
};

/* False with errno, and @why says what could not be done. */
bool image_open(struct image *image, const char *path, bool read_only, const char **why);
void image_close(struct image *image);

/* Looks how large it is now; has it changed? */
bool image_resized(struct image *image);
