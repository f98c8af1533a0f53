// SPDX-License-Identifier: GPL-2.0-only
/* A ring that is never full: see history.h. */
#include <string.h>

#include "xenconsoled/history.h"

void history_add(struct history *history, const char *text, size_t len)
{
    while (len > 0) {
        size_t at = history->end % HISTORY_SIZE;
        size_t piece = len < HISTORY_SIZE - at ? len : HISTORY_SIZE - at;
        memcpy(history->text + at, text, piece);
        history->end += piece;
        text += piece;
        len -= piece;
    }
}

static uint64_t oldest(const struct history *history)
{
    return history->end > HISTORY_SIZE ? history->end - HISTORY_SIZE : 0;
}

uint64_t history_last(const struct history *history, size_t len)
{
    uint64_t from = history->end > len ? history->end - len : 0;
    if (from <= oldest(history))
        from = oldest(history);
    if (from == 0)
        return 0;
    for (uint64_t at = from; at < history->end; at++) {
        if (history->text[at % HISTORY_SIZE] == '\n')
            return at + 1;
    }
    return from;
}

size_t history_get(const struct history *history, uint64_t *position, const char **text)
{
    if (*position < oldest(history))
        *position = oldest(history);
    size_t at = *position % HISTORY_SIZE;
    size_t left = history->end - *position;
    *text = history->text + at;
    return left < HISTORY_SIZE - at ? left : HISTORY_SIZE - at;
}
