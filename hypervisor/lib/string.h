/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory and string routines with the names and meanings of the C library; only what is used.
 * In host tests the C library's own are taken (string.c then defines hv_* names, for its own test).
 */
#pragma once

#include "lib/types.h"

#ifdef PAVIS_HOST_TEST
#include <string.h>
#define STRING_FN(name) hv_##name
#else
#define STRING_FN(name) name
#endif

void *STRING_FN(memcpy)(void *dst, const void *src, size_t n);
void *STRING_FN(memmove)(void *dst, const void *src, size_t n);
void *STRING_FN(memset)(void *dst, int c, size_t n);
int STRING_FN(memcmp)(const void *a, const void *b, size_t n);
void *STRING_FN(memchr)(const void *s, int c, size_t n);
size_t STRING_FN(strlen)(const char *s);
size_t STRING_FN(strnlen)(const char *s, size_t n);
int STRING_FN(strcmp)(const char *a, const char *b);
int STRING_FN(strncmp)(const char *a, const char *b, size_t n);
char *STRING_FN(strchr)(const char *s, int c);

#ifndef PAVIS_HOST_TEST
/* -ffreestanding turns the built-in forms off; with them small constant sizes become plain moves.
 */
#define memcpy(d, s, n) __builtin_memcpy(d, s, n)
#define memset(d, c, n) __builtin_memset(d, c, n)
#define strlen(s)       __builtin_strlen(s)
#endif

/*
 * Copies at most size - 1 bytes of src and always terminates (size > 0).  Returns strlen(src), so a
 * result >= size says that it was cut.
 */
size_t str_copy(char *dst, const char *src, size_t size);

/*
 * Parses an unsigned number: decimal, 0x hexadecimal or 0 octal like strtoul with base 0.
 * `*end` is the first byte not taken (== s when there was no digit).  Saturates at UINT64_MAX.
 */
uint64_t str_to_u64(const char *s, const char **end);
