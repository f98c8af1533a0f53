/* SPDX-License-Identifier: GPL-2.0-only */
/* The person's terminal while a guest's console is on it: raw, and as it was again on every way out
 * that a program can take (return, exit, the signals that end it).
 */
#pragma once

#include <stdbool.h>

/* Makes @fd raw if it is a terminal; false (with errno) if it is one and cannot be. */
bool terminal_raw(int fd);
/* As it was before; may be called at any time, any number of times. */
void terminal_restore(void);

/* "^]", "^a" or a single character as the byte that a keyboard sends; -1 for anything else. */
int escape_byte(const char *text);
