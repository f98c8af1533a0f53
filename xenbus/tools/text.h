/* SPDX-License-Identifier: GPL-2.0-only */
/* Values as text that a terminal and a shell survive: what is not printable ASCII becomes an
 * escape. Pure.
 */
#pragma once

#include <stddef.h>

/* At most four characters for each byte, and the NUL. */
#define TEXT_ESCAPED_SIZE(len) (4 * (size_t)(len) + 1)

/* Writes the @len bytes at @value to @text as `\t`, `\n`, `\r`, `\\`, octal `\007` below 8, else
 * `\x1b`.  The length without the NUL.
 */
size_t text_escape(char *text, const char *value, size_t len);

/* The other way; @value takes no more than @text has, its NUL included.  The length of the value,
 * which may hold NULs.  Digits: at most two hexadecimal, at most three octal.  Any other escaped
 * character stands for itself, and a backslash at the very end for a NUL.
 */
size_t text_unescape(char *value, const char *text);
