/* SPDX-License-Identifier: GPL-2.0-only */
/* The hypervisor's log as a text that grows. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/control.h"

struct hvlog {
    char *text; /* ends with a NUL; for the caller to free() */
    size_t len;
    uint32_t index; /* of the hypervisor's ring: where reading goes on */
};

/* Adds what the hypervisor has said since; -1 with the reason in *why.  @clear: it forgets what was
 * read here. */
int hvlog_read(struct hvlog *log, struct hypercalls *h, bool clear, struct problem *why);
