// SPDX-License-Identifier: GPL-2.0-only
/* pavis pause, unpause: one domctl each, for any number of domains. */
#include <stdio.h>

#include "pavis/verb.h"

static int on_each(struct session *s, int argc, char **argv,
                   int (*act)(struct hypercalls *, unsigned, struct problem *))
{
    int status = 0;

    if (argc < 2)
        return verb_usage(s, "a domain is needed");
    for (int i = 1; i < argc; i++) {
        struct problem why;
        int domid = session_domain(s, argv[i]);

        if (domid == 0)
            problem_set(&why, 0, "Name a guest: `pavis list` shows them",
                        "this would stop the control domain, and with it this command");
        if (domid < 0 || (domid > 0 && act(s->hypercalls, (unsigned)domid, &why) == 0)) {
            status |= domid < 0;
            continue;
        }
        status = verb_failed(s, &why);
    }
    return status;
}

int verb_pause(struct session *s, int argc, char **argv)
{
    return on_each(s, argc, argv, domain_pause);
}

int verb_unpause(struct session *s, int argc, char **argv)
{
    return on_each(s, argc, argv, domain_unpause);
}
