/* SPDX-License-Identifier: GPL-2.0-only */
/* The whole store as bytes, and back: nodes with what they share, domains, connections with their
 * unsent output, watches, open transactions.  A store that was read back behaves exactly as the
 * written one: also what only identity tells (that a transaction's node is the live one) survives.
 */
#pragma once

#include "store.h"

/* Bytes written to @out, or 0 if they would be more than @room or memory was short. */
size_t snapshot_write(struct store *s, char *out, size_t room);
/* NULL if the bytes make no sense, or no memory. */
struct store *snapshot_read(const char *in, size_t len, const struct store_hooks *hooks);

/* ---- between the two files */

#define SNAPSHOT_MAGIC 0x32307273 /* "sr02" */

enum tag { TAG_END, TAG_BLOB, TAG_PERMS, TAG_NODE };
