// SPDX-License-Identifier: GPL-2.0-only
/* pavis wait: until guests have ended; how the command of each did. */
#include <errno.h>
#include <stdio.h>

#include "guest/ended.h"
#include "pavis/verb.h"
#include "run/attend.h"

/* The exit code, or -1 after having printed why there is none. */
static int wait_for(struct session *s, const char *name)
{
    int domid = domains_find(s->hypercalls, s->store, name, NULL), code;
    char known[DOMAIN_NAME_MAX];
    struct domain_info info;
    struct problem why;

    if (domid == 0) {
        problem_set(&why, EPERM, NULL, "domain 0 is this one");
        return verb_failed(s, &why), -1;
    }
    if (domid > 0 && domains_name(s->store, (unsigned)domid, known, sizeof(known)))
        name = known; /* it may have been said by its number */
    if (domid > 0 && domains_get(s->hypercalls, (unsigned)domid, &info, NULL) == 0)
        ended_wait(s->hypercalls, s->store, &info);
    code = ended_code(name);
    if (code >= 0)
        return code;
    if (domid > 0)
        return RUN_GUEST_ENDED; /* destroyed, or crashed, or it ran no command */
    problem_set(&why, ENOENT, "`pavis list` shows those that run",
                "there is no guest %s, and none that has said how it ended", name);
    return verb_failed(s, &why), -1;
}

int verb_wait(struct session *s, int argc, char **argv)
{
    int status = 0;

    if (argc < 2)
        return verb_usage(s, "name guests");
    if (!session_hypercalls(s) || !session_store(s) || !xs_watch(s->store, "@releaseDomain", "end"))
        return 1;
    for (int i = 1; i < argc; i++) {
        int code = wait_for(s, argv[i]);

        if (code >= 0)
            printf("%d\n", code);
        else
            status = 1;
    }
    return status;
}
