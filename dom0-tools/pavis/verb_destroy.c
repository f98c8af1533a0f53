// SPDX-License-Identifier: GPL-2.0-only
/* pavis destroy: ends domains at once. */
#include <getopt.h>

#include "guest/unmake.h"
#include "pavis/clean_up.h"
#include "pavis/verb.h"

int verb_destroy(struct session *s, int argc, char **argv)
{
    static const struct option options[] = {{0}};
    struct problem why;
    int status = 0;

    /* -f of xl is for domain 0, which nobody should end. */
    if (getopt_long(argc, argv, "f", options, NULL) == '?')
        return verb_usage(s, "unknown option");
    if (optind == argc)
        return verb_usage(s, "a domain is needed");
    clean_up(s);
    for (; optind < argc; optind++) {
        int domid = session_domain(s, argv[optind]);

        if (domid < 0 || !session_store(s))
            status = 1;
        else if (guest_destroy(s->hypercalls, s->store, (unsigned)domid, &why) != 0)
            status = verb_failed(s, &why);
    }
    return status;
}
