/* SPDX-License-Identifier: GPL-2.0-only */
/* A log file that does not grow without end: at its limit FILE becomes FILE.1, the former FILE.1 is
 * gone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct logfile {
    char *path;
    int fd; /* -1: could not be opened */
    uint64_t size;
    uint64_t limit;      /* bytes; 0: none */
    bool times;          /* each line begins with the time */
    bool replace_escape; /* ESC is written as a dot */
    bool in_line;
};

/* Opens or makes DIR/NAME.log, to be written at its end.  What of @name is no part of a file's name
 * becomes `_`.  False: said in syslog, and what is logged is lost.
 */
bool logfile_open(struct logfile *log, const char *dir, const char *name);
void logfile_write(struct logfile *log, const char *text, size_t len);
/* Opens the path again: somebody may have moved the file. */
void logfile_reopen(struct logfile *log);
void logfile_close(struct logfile *log);
