/* SPDX-License-Identifier: GPL-2.0-only */
/* That one daemon of a kind runs, and that others can see it: a lock on a file, which the kernel
 * takes back when its holder is gone, however it ended.
 */
#pragma once

#include <stdbool.h>

/* The file, in the daemon's directory. */
#define ALONE_FILE "daemon"

/* Takes the lock for the rest of the process's life, and goes into the background unless
 * @foreground: the process that was started ends, with status 0, when its child has the lock.
 * Ends the process with a message where another one of @program has it.  Descriptors above 2 stay.
 */
void backend_begin(const char *program, const char *directory, bool foreground);

/* Who has it: a process id, 0 for nobody. */
int backend_daemon(const char *directory);
