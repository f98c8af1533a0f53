/* SPDX-License-Identifier: GPL-2.0-only */
/* What the first process of the guest of a `pavis run` is to do: a file in its first file system,
 * strings with a NUL behind each, of which the first byte says what it is.  And how the command
 * ended, which the guest says in the store.  Both sides compile this file.  Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define JOB_FILE "pavis/job"

/* Where both meet, below the guest's home in the store; the guest may write there what it likes. */
#define NODE_CHANNEL "data/run-channel" /* see channel_text() */
#define NODE_EXIT    "data/run-exit"    /* see exit_text() */

enum root_kind {
    ROOT_MEMORY = 'm',    /* the first file system, nothing else */
    ROOT_WRITABLE = 'w',  /* the disk */
    ROOT_READ_ONLY = 'r', /* the disk, which nobody can write to */
    ROOT_OVERLAY = 'o',   /* the disk, read-only, with what is written in the guest's memory */
};

struct job {
    enum root_kind root;
    bool terminal, boot, dhcp;
    bool console; /* the command is on the guest's console, and nobody attends it in dom0 */
    uint16_t rows, columns;
    const char *root_device; /* xvda */
    const char *name;        /* the guest's */
    const char *address;     /* 10.0.0.2/24 or 10.0.0.2/24,10.0.0.1; NULL: none */
    unsigned nr_disks;       /* xvda and so on, which the guest waits for */
    unsigned nr_modules, nr_args, nr_env;
    const char **modules, **args, **env; /* with a NULL behind the last */
};

void job_write(const struct job *job, FILE *out);
/* The strings are those at @text, which ends with a NUL.  False: out of memory. */
bool job_read(struct job *job, const char *text, size_t len);

#define EXIT_SIGNAL  128 /* and the signal's number, as a shell says it */
#define EXIT_LONGEST 16  /* of the text, with its NUL */

/* "exit 3", "signal 9": what waitpid() said. */
void exit_text(char text[EXIT_LONGEST], int status);
/* The shell's number for it, or -1 if that is no such text: it is whatever a guest has written. */
int exit_parse(const char *text, size_t len);

/* "PORT REFERENCE...": the event channel and the grants of the pages. */
#define CHANNEL_LONGEST 128
bool channel_parse(const char *text, size_t len, uint32_t *port, uint32_t *refs, unsigned nr);
