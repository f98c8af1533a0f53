/* SPDX-License-Identifier: GPL-2.0-only */
/* Values of nodes, where those who wrote them may be hostile. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "xs/xenstore.h"

/* Decimal digits and nothing else, at most @max. */
bool node_parse(const char *text, uint64_t max, uint64_t *value);

/* The value of @dir/@name; free() it.  NULL with errno: there is none, or no memory. */
char *node_read(struct xs_handle *store, const char *dir, const char *name);

/* The number in @dir/@name, at most @max.  False with ENOENT if there is no such node, EINVAL if it
 * holds no such number. */
bool node_number(struct xs_handle *store, const char *dir, const char *name, uint64_t max,
                 uint64_t *value);

/* Whether there is a node @path; true also if the store does not answer. */
bool node_exists(struct xs_handle *store, const char *path);

/* Writes @dir/@name; false with errno. */
bool node_write(struct xs_handle *store, xs_transaction_t t, const char *dir, const char *name,
                const char *format, ...) __attribute__((format(printf, 5, 6)));
