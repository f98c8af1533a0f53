/* SPDX-License-Identifier: GPL-2.0-only */
/* How guests that nobody waited for have ended: `pavis run --detach`, then `pavis wait`.  Their
 * exit codes are files below /run/pavis/ended, by name, until another guest of that name is made or
 * dom0 starts again.
 */
#pragma once

#include "lib/domains.h"
#include "xs/xenstore.h"

/* Until this very domain has ended and is removed, unless it is kept, or is somebody's who does not
 * remove it.  The caller has watched @releaseDomain. */
void ended_wait(struct hypercalls *h, struct xs_handle *xs, const struct domain_info *domain);

/* Keeps what the command in the guest said of its end (run/job.h), if it did. */
void ended_note(struct xs_handle *xs, unsigned domid, const char *name);

/* The exit code that is kept; -1: none. */
int ended_code(const char *name);
void ended_forget(const char *name);
