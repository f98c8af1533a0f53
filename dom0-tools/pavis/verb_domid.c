// SPDX-License-Identifier: GPL-2.0-only
/* pavis domid: the number of a domain that is known by name or uuid. */
#include <getopt.h>
#include <stdio.h>

#include "pavis/verb.h"

int verb_domid(struct session *s, int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
    bool json = false;
    int option, domid;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'j')
            return verb_usage(s, "unknown option");
        json = true;
    }
    if (optind != argc - 1)
        return verb_usage(s, "one domain is needed");
    domid = session_domain(s, argv[optind]);
    if (domid < 0)
        return 1;
    printf(json ? "{\"domid\": %d}\n" : "%d\n", domid);
    return 0;
}
