/* SPDX-License-Identifier: GPL-2.0-only */
/* A pseudo terminal whose slave people open (`xl console`), and whether one does now.
 *
 * The slave is never held open here, so "nobody is there" can be told; the kernel says so by
 * POLLHUP on the master, and inotify tells when somebody comes or goes.
 */
#pragma once

#include <stdbool.h>

#define TERMINAL_NAME 64

struct terminal {
    int master; /* -1: there is none */
    int watch;  /* of inotify */
    char name[TERMINAL_NAME];
};

/* @inotify: the descriptor that gets IN_OPEN and IN_CLOSE of all terminals.  False with errno. */
bool terminal_open(struct terminal *terminal, int inotify);
void terminal_close(struct terminal *terminal, int inotify);

/* Has somebody opened it?  To be asked after an event of inotify: before the first, nobody has. */
bool terminal_attended(const struct terminal *terminal);
