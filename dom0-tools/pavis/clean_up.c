// SPDX-License-Identifier: GPL-2.0-only
/* What each command does for those that were killed: makers, and the supervisor. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/record.h"
#include "guest/supervise.h"
#include "guest/unmake.h"
#include "network/network.h"
#include "pavis/clean_up.h"

static bool connect_session(void *ctx, struct hypercalls **h, struct xs_handle **xs)
{
    struct session *s = ctx;

    *h = session_hypercalls(s);
    *xs = *h ? session_store(s) : NULL;
    return *xs;
}

/* Whose network cards stay: guests that we know of, and such as xl made.  Where that cannot be
 * known, all. */
static bool guest_lives(void *ctx, const uint8_t uuid[16])
{
    struct hypercalls *h = record_find(uuid) >= 0 ? NULL : session_hypercalls(ctx);
    struct domain_info *list = NULL;
    int nr = h ? domains_list(h, &list, NULL) : -1;
    bool lives = nr < 0; /* it has a record, or cannot be looked for */

    for (int i = 0; i < nr; i++)
        lives = lives || memcmp(list[i].handle, uuid, sizeof(list[i].handle)) == 0;
    free(list);
    return lives;
}

void clean_up(struct session *s)
{
    int nr = guests_clean_up(connect_session, s);

    if (nr > 0)
        fprintf(stderr, "pavis: removed what was left of %d half-made guest%s\n", nr,
                nr == 1 ? "" : "s");
    networks_clean_up(guest_lives, s, NULL); /* tried again by the next command */
    look_after();
}

void look_after(void)
{
    if (records_any())
        supervisor_start(NULL); /* where it was killed; `create` says it if that fails */
}
