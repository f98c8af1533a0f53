/* SPDX-License-Identifier: GPL-2.0-only */
/* What a verb of `pavis` is: a row of verbs.def and a function in a file verb_<name>.c.
 *
 * main.c has already handled --help and unknown options of pavis itself; the verb parses its own
 * with getopt.  What it needs of the world it gets from the session below, which opens things only
 * when they are asked for: most verbs need one or two.
 */
#pragma once

#include <stdbool.h>

#include "lib/domains.h"
#include "lib/problem.h"

struct session {
    const struct verb *verb;
    bool verbose; /* -v in front of the verb */
    struct hypercalls *hypercalls;
    struct xs_handle *store;
};

struct verb {
    const char *name;
    const char *arguments; /* for the usage line */
    const char *summary;   /* one line */
    const char *help;      /* options and what they mean, a line each; may be empty */
    /* argv[0] is the verb.  Returns the exit status: 0, 1 for a failure, 2 for wrong usage. */
    int (*run)(struct session *s, int argc, char **argv);
};

#define VERB(name, arguments, summary, help)                                                       \
    int verb_##name(struct session *s, int argc, char **argv);
#include "pavis/verbs.def"
#undef VERB

/* Opened at the first call, closed by main.c.  NULL after having printed why. */
struct hypercalls *session_hypercalls(struct session *s);
struct xs_handle *session_store(struct session *s);

/* The number of the domain that a person named, or -1 after having printed why. */
int session_domain(struct session *s, const char *text);

/* Prints the problem; returns 1, for `return verb_failed(...)`. */
int verb_failed(const struct session *s, const struct problem *why);
/* Prints what is wrong with the command line and the usage; returns 2. */
int verb_usage(const struct session *s, const char *wrong, ...)
    __attribute__((format(printf, 2, 3)));
