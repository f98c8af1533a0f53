/* SPDX-License-Identifier: GPL-2.0-only */
/* What each disk has done since its guest began, in a file that the worker maps and others read: it
 * outlives workers, so the numbers only grow.  They are read while they are written; each by itself
 * is whole.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "blkback/request.h"

#define COUNTS_MAGIC  0x43424b42u /* changes with the layout */
#define COUNTS_DISKS  64u
#define COUNTS_SUFFIX ".counts" /* of the file, behind the guest's id */

struct counts {
    uint32_t used;
    uint32_t device;
    uint64_t requests[REQUEST_DISCARD + 1]; /* by kind, done or failed */
    uint64_t bytes_read;
    uint64_t bytes_written;
    uint64_t refused;   /* malformed, or not allowed */
    uint64_t failed;    /* the device said no */
    uint64_t throttled; /* times that something waited for its rate */
    uint64_t in_line;   /* times that something waited for its share */
    uint64_t ns;        /* from taking to answering, summed */
    uint64_t worst_ns;
};

struct counts_file {
    uint32_t magic;
    uint32_t size;
    struct counts disk[COUNTS_DISKS];
};

/* The entry of a disk, from before or new; NULL if there is none left. */
struct counts *counts_of(struct counts_file *file, uint32_t device);
/* The disk is gone. */
void counts_end(struct counts *counts);

/* A copy of a file in @directory, if it is one of this layout. */
bool counts_load(int directory, const char *name, struct counts_file *file);

/* Prints all disks of all guests in @directory as JSON; false with errno. */
bool counts_show(const char *directory, FILE *to);
