/* SPDX-License-Identifier: GPL-2.0-only */
/* The first process of a back end: it watches the store and starts a process for each unit that has
 * devices, a guest or a network, and another one when that ends.
 *
 * Nothing depends on the first process staying: the others go on without it, and a new one starts
 * only what is missing, since a second process of a unit waits until the first has ended.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "backend/device.h"

struct supervisor;

/* Whose devices one process serves. */
struct unit {
    struct unit *next;
    pid_t broker; /* 0: none */
    pid_t group;  /* of it and its worker: the latest */
    bool seen;    /* it has devices */
    bool leaving; /* its processes are to end, and then its files go */
    uint64_t end; /* ms: when they are made to, if they do not by themselves */
    char name[];
};

/* What back ends differ in. */
struct supervisor_driver {
    const char *program;
    const struct backend_driver *devices;
    const char *directory;    /* by default */
    const char *unit;         /* what it is, for people */
    const char *option;       /* by which a process is told its unit's name */
    const char *const *files; /* that successors need, in the directory: what comes behind the
                                 unit's name; ended by NULL */
    /* Calls supervisor_found() for each unit that has devices; false: the store does not say. */
    bool (*survey)(struct supervisor *supervisor);
    /* May a change at @path mean that a unit comes or goes?  @path is what is behind the kind's
     * directory, "" for that itself. */
    bool (*is_news)(struct supervisor *supervisor, const char *path);
    void (*usage)(FILE *to);
    bool (*show)(const char *directory, FILE *to); /* prints counts; false with errno */
};

struct supervisor {
    const struct supervisor_driver *driver;
    const char *directory;
    const char *pid_file; /* NULL: none */
    bool foreground;
    bool verbose;
    bool show;
    const char *more[8]; /* options that the units' processes are given, too */
    unsigned nr_more;
    struct xs_handle *store;
    char path[64]; /* of the kind */
    struct unit *units;
};

/* The options that all back ends have, for getopt_long(). */
#define SUPERVISOR_OPTIONS "fd:p:svhV"
#define SUPERVISOR_LONG_OPTIONS                                                                    \
    {"foreground", no_argument, NULL, 'f'}, {"directory", required_argument, NULL, 'd'},           \
        {"pid-file", required_argument, NULL, 'p'}, {"show", no_argument, NULL, 's'},              \
        {"verbose", no_argument, NULL, 'v'}, {"help", no_argument, NULL, 'h'},                     \
        {"version", no_argument, NULL, 'V'},                                                       \
    {                                                                                              \
        NULL, 0, NULL, 0                                                                           \
    }

/* Takes one of them, or ends the process with the usage. */
void supervisor_option(struct supervisor *supervisor, int option, const char *argument);
/* @option is for the units' processes, too. */
void supervisor_pass_on(struct supervisor *supervisor, const char *option);

/* The log and the directory, in any process of the program.  Ends it where --show was asked for. */
void supervisor_begin(struct supervisor *supervisor);

/* Supervises until it is told to end; the status of the process. */
int supervisor_run(struct supervisor *supervisor);

/* For a driver's survey. */
void supervisor_found(struct supervisor *supervisor, const char *name);
/* The unit of this name, or NULL. */
struct unit *supervisor_find(const struct supervisor *supervisor, const char *name);
