// SPDX-License-Identifier: GPL-2.0-only
/* pavis domname, rename: what a domain is called, and what it shall be called from now on. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pavis/json.h"
#include "pavis/verb.h"

int verb_domname(struct session *s, int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
    struct xs_handle *store = session_store(s);
    char name[DOMAIN_NAME_MAX];
    struct problem why;
    bool as_json = false;
    int option, domid;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'j')
            return verb_usage(s, "unknown option");
        as_json = true;
    }
    if (optind != argc - 1)
        return verb_usage(s, "one domain is needed");
    domid = store ? session_domain(s, argv[optind]) : -1;
    if (domid < 0)
        return 1;
    if (!domains_name(store, (unsigned)domid, name, sizeof(name))) {
        problem_set(&why, ESRCH, "It is being made or unmade; `pavis list` shows its state",
                    "domain %d has no name", domid);
        return verb_failed(s, &why);
    }
    if (as_json) {
        json j = json_begin();

        json_object(j, NULL);
        json_string(j, "name", name);
        json_close_object(j);
        return json_end(j);
    }
    puts(name);
    return 0;
}

/* xl takes nearly everything for a name and is confused by numbers afterwards. */
static const char *wrong_name(const char *name)
{
    bool digits = *name != 0;

    if (!*name)
        return "is empty";
    if (strlen(name) >= DOMAIN_NAME_MAX)
        return "is too long";
    for (const char *at = name; *at; at++) {
        if (iscntrl((unsigned char)*at) || *at == '/')
            return "has a slash or a control character in it";
        digits = digits && isdigit((unsigned char)*at);
    }
    return digits ? "would be taken for a number" : NULL;
}

/* The name and, where another toolstack keeps it too, its copy below /vm, in one transaction. */
static bool write_name(struct xs_handle *store, unsigned domid, const char *name)
{
    char path[64], copy[128];

    snprintf(path, sizeof(path), "/local/domain/%u/vm", domid);
    for (;;) {
        xs_transaction_t t = xs_transaction_start(store);
        char *vm = t ? xs_read(store, t, path, NULL) : NULL;
        char home[64];
        bool ok;

        if (!t)
            return false;
        snprintf(copy, sizeof(copy), "%s/name", vm ? vm : "");
        snprintf(home, sizeof(home), "/local/domain/%u/name", domid);
        ok = xs_write(store, t, home, name, (unsigned)strlen(name)) &&
             (!vm || xs_write(store, t, copy, name, (unsigned)strlen(name)));
        free(vm);
        if (xs_transaction_end(store, t, !ok))
            return ok;
        if (errno != EAGAIN)
            return false;
    }
}

int verb_rename(struct session *s, int argc, char **argv)
{
    struct xs_handle *store = session_store(s);
    struct problem why;
    const char *wrong;
    int domid, other;

    if (argc != 3)
        return verb_usage(s, "a domain and its new name are needed");
    wrong = wrong_name(argv[2]);
    if (wrong)
        return verb_usage(s, "the new name %s", wrong);
    domid = store ? session_domain(s, argv[1]) : -1;
    if (domid < 0)
        return 1;
    other = domains_find(s->hypercalls, store, argv[2], NULL);
    if (other >= 0 && other != domid) {
        problem_set(&why, 0, "Choose another name, or rename that domain first",
                    "domain %d has the name \"%s\"", other, argv[2]);
        return verb_failed(s, &why);
    }
    if (!write_name(store, (unsigned)domid, argv[2])) {
        problem_set(&why, errno, NULL, "cannot write the name of domain %d", domid);
        return verb_failed(s, &why);
    }
    return 0;
}
