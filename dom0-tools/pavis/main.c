// SPDX-License-Identifier: GPL-2.0-only
/* pavis: the command line for a machine's domains.  This file finds the verb and answers for help;
 * what a verb does is in verb_<name>.c, which verbs there are in verbs.def.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pavis/clean_up.h"
#include "pavis/verb.h"

static struct verb verbs[] = {
#define VERB(name, arguments, summary, help) {#name, arguments, summary, help, verb_##name},
#include "pavis/verbs.def"
#undef VERB
};
#define NR_VERBS (sizeof(verbs) / sizeof(verbs[0]))

/* A verb of two words has an underscore in verbs.def and is typed with a hyphen. */
static void name_verbs(void)
{
    static char names[NR_VERBS][16];

    for (size_t i = 0; i < NR_VERBS; i++) {
        snprintf(names[i], sizeof(names[i]), "%s", verbs[i].name);
        for (char *at = names[i]; (at = strchr(at, '_'));)
            *at = '-';
        verbs[i].name = names[i];
    }
}

struct hypercalls *session_hypercalls(struct session *s)
{
    struct problem why;

    if (!s->hypercalls) {
        s->hypercalls = hypercalls_open(&why);
        if (!s->hypercalls)
            verb_failed(s, &why);
    }
    return s->hypercalls;
}

struct xs_handle *session_store(struct session *s)
{
    struct problem why;

    if (!s->store) {
        s->store = xs_open(0);
        if (!s->store) {
            problem_set(&why, errno, "Start xenstored", "the store does not answer");
            verb_failed(s, &why);
        }
    }
    return s->store;
}

int session_domain(struct session *s, const char *text)
{
    struct hypercalls *h = session_hypercalls(s);
    struct problem why;
    int domid;

    if (!h)
        return -1;
    if (!s->store)
        s->store = xs_open(0); /* without it numbers and uuids still work */
    domid = domains_find(h, s->store, text, &why);
    if (domid < 0)
        verb_failed(s, &why);
    return domid;
}

int verb_failed(const struct session *s, const struct problem *why)
{
    char program[64];

    snprintf(program, sizeof(program), "pavis%s%s", s->verb ? " " : "",
             s->verb ? s->verb->name : "");
    problem_print(why, program);
    return 1;
}

int verb_usage(const struct session *s, const char *wrong, ...)
{
    va_list args;

    fprintf(stderr, "pavis %s: ", s->verb->name);
    va_start(args, wrong);
    vfprintf(stderr, wrong, args);
    va_end(args);
    fprintf(stderr, ".\nusage: pavis %s %s   (pavis %s --help says more)\n", s->verb->name,
            s->verb->arguments, s->verb->name);
    return 2;
}

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < NR_VERBS; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

static int print_verb(const struct verb *verb)
{
    printf("usage: pavis %s %s\n%s.\n%s", verb->name, verb->arguments, verb->summary, verb->help);
    return 0;
}

static int print_help(void)
{
    printf("usage: pavis [-v] VERB [options] ...\n\n");
    for (size_t i = 0; i < NR_VERBS; i++)
        printf("  %-14s %s\n", verbs[i].name, verbs[i].summary);
    printf("\n`pavis VERB --help` says what a verb takes; pavis(1) says all.\n");
    return 0;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0)
            return true;
    return false;
}

static int run(struct session *s, int argc, char **argv)
{
    const char *name = argc ? argv[0] : "help";

    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0) {
        const struct verb *verb = argc > 1 ? find_verb(argv[1]) : NULL;

        return verb ? print_verb(verb) : print_help();
    }
    s->verb = find_verb(name);
    if (!s->verb) {
        fprintf(stderr, "pavis: there is no verb \"%s\".  `pavis help` lists them.\n", name);
        return 2;
    }
    if (wants_help(argc, argv))
        return print_verb(s->verb);
    if (s->verb->run != verb_supervise)
        look_after();
    opterr = 0; /* the verb says it in its own words */
    optind = 1;
    return s->verb->run(s, argc, argv);
}

int main(int argc, char **argv)
{
    struct session s = {0};
    int first = 1, status;

    while (first < argc && strcmp(argv[first], "-v") == 0) {
        s.verbose = true;
        first++;
    }
    name_verbs();
    /* Else the library would turn to the kernel's device where no daemon listens, and requests
     * there wait for one for ever. */
    setenv("XENSTORED_PATH", xs_daemon_socket(), 0);
    status = run(&s, argc - first, argv + first);
    if (s.store)
        xs_close(s.store);
    hypercalls_close(s.hypercalls);
    if (fflush(stdout) != 0 && status == 0)
        status = 1;
    return status;
}
