/* SPDX-License-Identifier: GPL-2.0-only */
/* Overlays in files (the format is overlay.h's), and requests to a disk that is one. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "blkback/overlay.h"

struct image;
struct job;

/* Makes an overlay of @base in a new file; @bytes 0: as large as the base.  False with @why, and
 * errno where a call failed (else 0). */
bool overlay_create(const char *path, const char *base, uint64_t bytes, const char **why);

/* Turns the open file of @image into an overlay, with its base: the half that needs privileges. */
bool cow_open(struct image *image, const char **why);
/* The other half: reads what is in it.  True as well if @image is no overlay. */
bool cow_load(struct image *image, const char **why);
/* What was acknowledged is on the medium afterwards, and the file is let go. */
void cow_close(struct image *image);
/* The first half alone: a guest has let the disk go. */
bool cow_settle(struct image *image);

/* A request of such a disk, from its start to its end. */
void cow_start(struct job *job);
