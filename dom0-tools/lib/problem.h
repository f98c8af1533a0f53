/* SPDX-License-Identifier: GPL-2.0-only */
/* How a failure travels from a library function to the person at the terminal: what went wrong and
 * what to do about it, as two sentences, and the errno for programs.
 *
 * Functions that can fail take a struct problem as their last parameter, fill it and return -1 (or
 * NULL).  None of them prints or exits.  Who adds knowledge on the way up (which domain, which
 * file) puts it in front of the cause with problem_in().
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>

struct problem {
    int error;       /* an errno, never 0 once something failed */
    char cause[400]; /* without a full stop; begins in lower case unless it begins with a name */
    char
        remedy[300]; /* an imperative sentence, or empty: nothing that a person could do is known */
};

/* Fills *p (which may be NULL) and returns -1.  @remedy may be NULL; @cause is a format.  The
 * text of the error number is put behind it, but for 0 (taken for EIO) and ESRCH. */
int problem_set(struct problem *p, int error, const char *remedy, const char *cause, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts "<context>: " in front of the cause.  Returns -1, for `return problem_in(...)`. */
int problem_in(struct problem *p, const char *context, ...) __attribute__((format(printf, 2, 3)));

/* "pavis: <cause>.  <remedy>" on standard error. */
void problem_print(const struct problem *p, const char *program);
