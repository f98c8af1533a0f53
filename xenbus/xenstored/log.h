/* SPDX-License-Identifier: GPL-2.0-only */
/* What the daemon says: mishaps to standard error, the system's log or a file, and every request on
 * demand. */
#pragma once

#include <stdbool.h>

#include "../store/store.h"

extern bool log_requests;
extern bool log_to_syslog; /* mishaps, where there is no file: nobody sees standard error */

void log_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_request(const struct conn *c, const struct xsd_sockmsg *hdr, const char *payload);
/* Appends to this file from now on.  0 or -errno. */
int log_file(const char *name);
/* The file's descriptor, or -1. */
int log_descriptor(void);
