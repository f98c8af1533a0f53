// SPDX-License-Identifier: GPL-2.0-only
/* What each command does for those that were killed: makers, and the supervisor. */
#include <stdio.h>

#include "guest/record.h"
#include "guest/supervise.h"
#include "guest/unmake.h"
#include "pavis/clean_up.h"

static bool connect_session(void *ctx, struct hypercalls **h, struct xs_handle **xs)
{
    struct session *s = ctx;

    *h = session_hypercalls(s);
    *xs = *h ? session_store(s) : NULL;
    return *xs;
}

void clean_up(struct session *s)
{
    int nr = guests_clean_up(connect_session, s);

    if (nr > 0)
        fprintf(stderr, "pavis: removed what was left of %d half-made guest%s\n", nr,
                nr == 1 ? "" : "s");
    if (records_any())
        supervisor_start(NULL); /* where it was killed; `create` says it if that fails */
}
