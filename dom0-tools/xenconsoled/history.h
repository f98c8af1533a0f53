/* SPDX-License-Identifier: GPL-2.0-only */
/* The end of all that a guest has ever said: what is shown to who attaches.  Positions count bytes
 * from the guest's first on, so a reader is a number; one that is too slow loses the oldest.  Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HISTORY_SIZE (64 * 1024)

struct history {
    uint64_t end;
    char text[HISTORY_SIZE];
};

void history_add(struct history *history, const char *text, size_t len);

/* Where a reader that wants the last @len bytes begins: behind a newline where there is one. */
uint64_t history_last(const struct history *history, size_t len);

/* What can be had at *position in one piece, and how much; moves *position to what is still there.
 * 0: it is all read. */
size_t history_get(const struct history *history, uint64_t *position, const char **text);
