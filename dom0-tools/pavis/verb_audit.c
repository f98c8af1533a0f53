// SPDX-License-Identifier: GPL-2.0-only
/* pavis audit: asks the hypervisor to recount every reference to every frame, and reads its
 * findings in the log: lines with "audit: ", the last of which is the verdict.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "abi/version.h"
#include "pavis/hvlog.h"
#include "pavis/json.h"
#include "pavis/verb.h"

#define WAIT_S  120 /* every domain is stopped first, which may take a large machine seconds */
#define POLL_NS 50000000
#define NS      1000000000LL

static const char mark[] = "audit: ";

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * NS + t.tv_nsec;
}

/* The next finding at or after *at in complete lines, cut out of the text; NULL if there is none.
 * *at is moved behind it. */
static char *next_finding(char **at)
{
    char *end;

    while ((end = strchr(*at, '\n'))) {
        char *line = *at, *finding;

        *at = end + 1;
        *end = 0;
        finding = strstr(line, mark);
        if (finding) {
            finding[strcspn(finding, "\r")] = 0;
            return finding + strlen(mark);
        }
    }
    return NULL;
}

static bool is_verdict(const char *finding)
{
    return strcmp(finding, "clean") == 0 || strncmp(finding, "could not run", 13) == 0 ||
           (strspn(finding, "0123456789") && strstr(finding, " differences"));
}

static bool runs_on_pavis(struct hypercalls *h)
{
    xen_extraversion_t extra = {0};

    return host_version(h, XENVER_extraversion, extra, sizeof(extra), NULL) == 0 &&
           memchr(extra, 0, sizeof(extra)) && strcmp(extra, "-pavis") == 0;
}

/* Presses the key and reads until the verdict: 0 clean, 1 not, -1 with the reason in *why. */
static int await_verdict(struct hypercalls *h, struct hvlog *log, json j, struct problem *why)
{
    int64_t end = now_ns() + WAIT_S * NS;
    size_t read;
    char *at;

    /* What earlier audits said is not ours. */
    if (hvlog_read(log, h, false, why))
        return -1;
    read = log->len;
    if (host_debug_keys(h, "A", why))
        return -1;
    do {
        struct timespec pause = {.tv_nsec = POLL_NS};
        char *finding;

        if (hvlog_read(log, h, false, why))
            return -1;
        at = log->text + read;
        while ((finding = next_finding(&at))) {
            if (j)
                json_string(j, NULL, finding);
            else
                printf("%s\n", finding);
            if (is_verdict(finding))
                return strcmp(finding, "clean") != 0;
        }
        read = (size_t)(at - log->text);
        nanosleep(&pause, NULL);
    } while (now_ns() < end);
    return problem_set(why, ETIMEDOUT, "Look at `pavis dmesg`; a larger conring_size= keeps more",
                       "the hypervisor gave no verdict within %d seconds", WAIT_S);
}

int verb_audit(struct session *s, int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
    struct hvlog log = {0};
    struct problem why;
    json j = NULL;
    int option, verdict;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'j')
            return verb_usage(s, "unknown option");
        if (!j)
            j = json_begin();
    }
    if (optind != argc)
        return verb_usage(s, "it takes no domain: all are recounted");
    if (!session_hypercalls(s))
        return 1;
    if (!runs_on_pavis(s->hypercalls)) {
        problem_set(&why, EOPNOTSUPP, "Boot Pavis to have one",
                    "this machine's hypervisor is not Pavis, and only Pavis has an audit");
        return verb_failed(s, &why);
    }
    if (j) {
        json_object(j, NULL);
        json_array(j, "findings");
    }
    verdict = await_verdict(s->hypercalls, &log, j, &why);
    free(log.text);
    if (verdict < 0)
        return verb_failed(s, &why);
    if (j) {
        json_close_array(j);
        json_bool(j, "clean", verdict == 0);
        json_close_object(j);
        json_end(j);
    }
    return verdict;
}
