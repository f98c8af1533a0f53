// SPDX-License-Identifier: GPL-2.0-only
/* The hypervisor's log: see hvlog.h. */
#include "pavis/hvlog.h"

#include <errno.h>
#include <stdlib.h>

#define AT_ONCE 16384

static int read_some(struct hvlog *log, struct hypercalls *h, bool clear, struct problem *why)
{
    char *more = realloc(log->text, log->len + AT_ONCE + 1);
    int got;

    if (!more)
        return problem_set(why, ENOMEM, NULL, "no memory");
    log->text = more;
    got = host_console(h, log->text + log->len, AT_ONCE, &log->index, clear, why);
    if (got > 0)
        log->len += (size_t)got;
    log->text[log->len] = 0;
    return got;
}

int hvlog_read(struct hvlog *log, struct hypercalls *h, bool clear, struct problem *why)
{
    int got;

    do {
        got = read_some(log, h, false, why);
    } while (got > 0);
    /* What was said between the last reading and the clearing is read by the same call. */
    if (got == 0 && clear)
        got = read_some(log, h, true, why);
    return got < 0 ? -1 : 0;
}
