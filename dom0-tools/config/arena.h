// SPDX-License-Identifier: GPL-2.0-only
/* Memory that is given back at once: what a configuration consists of lives and dies together. */
#pragma once

#include <stddef.h>

struct arena_block;
struct arena {
    struct arena_block *blocks; /* NULL at first */
};

/* @size bytes of zeros, aligned for anything; NULL if there is no memory. */
void *arena_alloc(struct arena *arena, size_t size);

/* The @len bytes at @text as a string of their own; NULL if there is no memory. */
char *arena_text(struct arena *arena, const char *text, size_t len);

/* A string put together as printf() does; NULL if there is no memory. */
char *arena_format(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void arena_free(struct arena *arena);
