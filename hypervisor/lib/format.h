/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one formatted-print engine.  Understands d i u x X o c s p %, flags "-0+ #", width,
 * precision, * for both, and the lengths hh h l ll z j t.  Beyond the C library's: "%pS" prints a
 * code address as symbol+offset/size, through a hook, so that this file needs no symbol table.
 */
#pragma once

#include <stdarg.h>

#include "lib/types.h"

#ifdef PAVIS_HOST_TEST
#define FORMAT_FN(name) hv_##name
#else
#define FORMAT_FN(name) name
#endif

/*
 * As in C99: writes at most size bytes with the final NUL (size may be 0) and returns the length
 * the whole text has.
 */
int FORMAT_FN(vsnprintf)(char *buf, size_t size, const char *fmt, va_list args);
int FORMAT_FN(snprintf)(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

/* As snprintf, but returns the length actually stored (< size), for chained appends. */
int format_append(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

/*
 * What "%pS" calls: writes a terminated text for `addr` into buf.  NULL (the default): such
 * addresses print as plain numbers.
 */
extern void (*format_symbol_hook)(char *buf, size_t size, uint64_t addr);
