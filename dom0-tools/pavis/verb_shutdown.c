// SPDX-License-Identifier: GPL-2.0-only
/* pavis shutdown, pavis reboot: asks guests to end by themselves. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/ended.h"
#include "guest/nodes.h"
#include "pavis/clean_up.h"
#include "pavis/verb.h"

struct ask {
    struct session *session;
    const char *word; /* poweroff, reboot */
    struct domain_info *domains;
    unsigned nr;
};

static int ask_one(struct ask *a, unsigned domid)
{
    char path[NODE_PATH];
    struct problem why;

    snprintf(path, sizeof(path), "/local/domain/%u/control/shutdown", domid);
    if (xs_write(a->session->store, XBT_NULL, path, a->word, (unsigned)strlen(a->word)))
        return 0;
    problem_set(&why, errno, "End it with pavis destroy", "cannot ask domain %u", domid);
    return verb_failed(a->session, &why);
}

/* Until all have ended. */
static int wait_for_all(struct ask *a)
{
    for (unsigned i = 0; i < a->nr; i++)
        ended_wait(a->session->hypercalls, a->session->store, &a->domains[i]);
    return 0;
}

static int choose_all(struct ask *a, struct problem *why)
{
    struct domain_info *list;
    int nr = domains_list(a->session->hypercalls, &list, why);

    if (nr < 0)
        return -1;
    a->domains = list;
    for (int i = 0; i < nr; i++)
        if (list[i].domid != 0)
            list[a->nr++] = list[i];
    return 0;
}

static int choose(struct ask *a, int argc, char **argv)
{
    struct problem why;

    a->domains = calloc((size_t)argc + 1, sizeof(*a->domains));
    for (int i = 0; i < argc && a->domains; i++) {
        int domid = session_domain(a->session, argv[i]);

        if (domid < 0)
            return 1;
        if (domid == 0) {
            problem_set(&why, EPERM, "`poweroff` ends the machine", "domain 0 is this one");
            return verb_failed(a->session, &why);
        }
        if (domains_get(a->session->hypercalls, (unsigned)domid, &a->domains[a->nr++], &why) != 0)
            return verb_failed(a->session, &why);
    }
    return a->domains ? 0 : 1;
}

static int ask(struct ask *a, int argc, char **argv)
{
    static const struct option options[] = {
        {"all", no_argument, NULL, 'a'}, {"wait", no_argument, NULL, 'w'}, {0}};
    bool all = false, wait = false;
    struct problem why;
    int option, status = 0;

    while ((option = getopt_long(argc, argv, "awF", options, NULL)) != -1) {
        if (option == '?')
            return verb_usage(a->session, "unknown option");
        all |= option == 'a';
        wait |= option == 'w'; /* -F of xl is for guests without PV drivers */
    }
    if (all == (optind < argc))
        return verb_usage(a->session, "name domains, or all by -a");
    clean_up(a->session);
    if (!session_hypercalls(a->session) || !session_store(a->session))
        return 1;
    if (wait && !xs_watch(a->session->store, "@releaseDomain", "end"))
        return 1;
    if (all && choose_all(a, &why) != 0)
        return verb_failed(a->session, &why);
    if (!all)
        status = choose(a, argc - optind, argv + optind);
    for (unsigned i = 0; i < a->nr && status == 0; i++)
        status |= ask_one(a, a->domains[i].domid);
    return status ? status : wait ? wait_for_all(a) : 0;
}

static int run(struct session *s, const char *word, int argc, char **argv)
{
    struct ask a = {.session = s, .word = word};
    int status = ask(&a, argc, argv);

    free(a.domains);
    return status;
}

int verb_shutdown(struct session *s, int argc, char **argv)
{
    return run(s, "poweroff", argc, argv);
}

int verb_reboot(struct session *s, int argc, char **argv)
{
    return run(s, "reboot", argc, argv);
}
