/* SPDX-License-Identifier: GPL-2.0-only */
/* The first file system of a guest that `pavis run` makes. */
#pragma once

#include "run/options.h"

/* Writes it to a file in memory: its descriptor, or -1.  Fills o->job's modules. */
int ramdisk_make(struct run_options *o, struct problem *why);
