// SPDX-License-Identifier: GPL-2.0-only
/* The process that acts when a guest ends. */
#pragma once

#include <stdbool.h>

#include "lib/problem.h"

/* Sees to it that one runs: 0, or -1.  Cheap if it does. */
int supervisor_start(struct problem *why);

/* Is it.  Returns only on an error or when told to end; @lock is the descriptor of its lock. */
int supervisor_run(int lock, bool verbose);

/* Takes the lock that only one supervisor has, or @wait-s for it: a descriptor, or -1 where one
 * runs.
 */
int supervisor_lock(bool wait);
