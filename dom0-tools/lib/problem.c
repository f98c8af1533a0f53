// SPDX-License-Identifier: GPL-2.0-only
/* Failures as sentences: see problem.h. */
#include "lib/problem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Behind what is in @to, cut where the room ends. */
static void append(char *to, size_t size, const char *text)
{
    size_t used = strlen(to), len = strlen(text);

    if (len > size - 1 - used)
        len = size - 1 - used;
    memcpy(to + used, text, len);
    to[used + len] = 0;
}

int problem_set(struct problem *p, int error, const char *remedy, const char *cause, ...)
{
    va_list args;

    if (!p)
        return -1;
    p->error = error ? error : EIO;
    va_start(args, cause);
    vsnprintf(p->cause, sizeof(p->cause), cause, args);
    va_end(args);
    if (error && error != ESRCH) { /* "no such process": a domain is none */
        append(p->cause, sizeof(p->cause), " (");
        append(p->cause, sizeof(p->cause), strerror(error));
        append(p->cause, sizeof(p->cause), ")");
    }
    p->remedy[0] = 0;
    append(p->remedy, sizeof(p->remedy), remedy ? remedy : "");
    return -1;
}

int problem_in(struct problem *p, const char *context, ...)
{
    char old[sizeof(p->cause)];
    va_list args;

    if (!p)
        return -1;
    memcpy(old, p->cause, sizeof(old));
    va_start(args, context);
    vsnprintf(p->cause, sizeof(p->cause), context, args);
    va_end(args);
    append(p->cause, sizeof(p->cause), ": ");
    append(p->cause, sizeof(p->cause), old);
    return -1;
}

void problem_print(const struct problem *p, const char *program)
{
    fprintf(stderr, "%s: %s.%s%s\n", program, p->cause, p->remedy[0] ? "  " : "", p->remedy);
}
