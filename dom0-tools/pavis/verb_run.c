// SPDX-License-Identifier: GPL-2.0-only
/* pavis run: a guest for one command, from one line.
 *
 * The guest's record stays with this process, in the state of one that is half made.  So whatever
 * ends this process, its supervisor finds the record free and removes the guest; the guest's own
 * end is seen here.  Exit codes are those that the shell would have for the command; others are in
 * run/attend.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/guest_config.h"
#include "guest/identity.h"
#include "guest/make.h"
#include "guest/supervise.h"
#include "guest/unmake.h"
#include "pavis/clean_up.h"
#include "pavis/verb.h"
#include "run/attend.h"
#include "run/keep.h"
#include "run/ramdisk.h"

struct run {
    struct session *s;
    struct run_options options;
    struct config_syntax syntax;
    struct guest_config config;
    struct record record;
};

/* By way of xl.cfg, so that devices and errors are as with `pavis create`. */
static int configure(struct run *r, const char *ramdisk, struct problem *why)
{
    struct config_report report = {0};
    char *text = run_config(&r->options, ramdisk, why);
    char uuid[UUID_TEXT], *whole = NULL;
    int status = -1;

    if (!text)
        return -1;
    if (!config_parse(&r->syntax, "pavis run", text, strlen(text), &report) ||
        !guest_config_make(&r->config, &r->syntax, &report)) {
        report_print(&report, stderr, true);
        problem_set(why, EINVAL, NULL, "the guest cannot be like this");
        free(text);
        return -1;
    }
    identity_make(r->config.uuid);
    r->config.has_uuid = true;
    uuid_text(r->config.uuid, uuid);
    if (asprintf(&whole, "%s\nuuid=\"%s\"\n", text, uuid) < 0)
        problem_set(why, ENOMEM, NULL, "no memory");
    else
        status = record_make(&r->record, r->config.uuid, whole, why);
    free(whole);
    free(text);
    return status;
}

static int make(struct run *r, struct problem *why)
{
    struct make_request request = {
        .config = &r->config, .record = &r->record, .bound = !r->options.detach};
    char ramdisk[128];
    struct make_times times;
    int fd = ramdisk_make(&r->options, why), domid = -1;

    if (fd < 0)
        return -1;
    snprintf(ramdisk, sizeof(ramdisk), "/proc/self/fd/%d", fd);
    if ((r->options.detach && ramdisk_keep(fd, ramdisk, sizeof(ramdisk), why) != 0) ||
        configure(r, ramdisk, why) != 0) {
        close(fd);
        return -1;
    }
    if (supervisor_start(why) == 0) {
        if (!r->options.detach)
            run_hold_signals();
        domid = guest_make(r->s->hypercalls, r->s->store, &request, &times, why);
    } else {
        record_remove(&r->record);
    }
    close(fd);
    return domid;
}

static int run(struct run *r)
{
    struct problem why;
    int domid, code;

    clean_up(r->s);
    if (!session_hypercalls(r->s) || !session_store(r->s))
        return RUN_NOT_STARTED;
    domid = make(r, &why);
    if (domid < 0) {
        verb_failed(r->s, &why);
        return RUN_NOT_STARTED;
    }
    if (r->options.detach) {
        printf("%s is domain %d\n", r->config.name, domid);
        return 0;
    }
    code = run_attend(r->s->hypercalls, r->s->store, (unsigned)domid, &r->options);
    if (guest_unmake(r->s->hypercalls, r->s->store, (unsigned)domid, r->record.uuid, &why) == 0) {
        record_remove(&r->record);
    } else {
        verb_failed(r->s, &why);
        record_close(&r->record); /* the supervisor tries again */
    }
    return code;
}

int verb_run(struct session *s, int argc, char **argv)
{
    struct run r = {.s = s, .record = {.fd = -1}};
    struct problem why;
    int code = RUN_NOT_STARTED;

    if (run_options_read(&r.options, argc, argv, &why) == 0)
        code = run(&r);
    else
        verb_failed(s, &why);
    config_syntax_free(&r.syntax);
    return code;
}
