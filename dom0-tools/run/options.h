/* SPDX-License-Identifier: GPL-2.0-only */
/* What the command line of `pavis run` asks for, and the xl.cfg that says the same. */
#pragma once

#include "lib/problem.h"
#include "run/job.h"

#define RUN_MAX_DISKS 16

struct run_disk {
    const char *path;
    bool read_only, overlay, data; /* data: the root is elsewhere */
};

struct run_options {
    unsigned memory_mib, vcpus, timeout_s; /* timeout 0: none */
    const char *name, *kernel, *ramdisk, *network, *append;
    struct run_disk disks[RUN_MAX_DISKS];
    unsigned nr_disks;
    bool no_terminal, detach;
    struct job job;
};

/* Fills *o with defaults and what @argv says; 0; 1: "--help" and the like were asked for, or -1.
 * Texts are the command line's; job.args and job.env are put together here.  Kept until the end of
 * the program. */
int run_options_read(struct run_options *o, int argc, char **argv, struct problem *why);

/* The configuration, with a ramdisk at @ramdisk; to be freed.  NULL: a text has what cannot be said
 * in one. */
char *run_config(const struct run_options *o, const char *ramdisk, struct problem *why);
