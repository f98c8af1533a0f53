// SPDX-License-Identifier: GPL-2.0-only
/* pavis create: a guest from an xl.cfg file. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/guest_config.h"
#include "guest/identity.h"
#include "guest/make.h"
#include "guest/supervise.h"
#include "pavis/clean_up.h"
#include "pavis/verb.h"

struct create {
    struct session *session;
    bool paused, console, dry_run, quiet, timing;
    const char *again; /* the uuid of a guest whose record is there */
    struct config_syntax syntax;
    struct config_report report;
    struct guest_config config;
    char *text; /* all that makes the guest */
};

/* ---- the configuration */

/* A file's content in memory of its own. */
static char *read_file(const char *path, struct problem *why)
{
    static const char remedy[] = "Name a configuration file, as xl.cfg(5) describes";
    int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    char *text = calloc(1, CONFIG_MAX_BYTES + 2);
    size_t len = 0;
    ssize_t n = 1;

    while (fd >= 0 && text && len <= CONFIG_MAX_BYTES && n > 0) {
        n = read(fd, text + len, CONFIG_MAX_BYTES + 1 - len);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n > 0)
            len += (size_t)n;
    }
    if (fd < 0 || !text || n < 0 || len > CONFIG_MAX_BYTES || strlen(text) != len) {
        if (fd >= 0 && n >= 0)
            errno = EINVAL;
        problem_set(why, errno, remedy, "cannot read a configuration from %s", path);
        free(text);
        text = NULL;
    }
    if (fd >= 0)
        close(fd);
    return text;
}

/* The file (which may be missing), then the settings of the command line, which win. */
static int gather(struct create *c, int argc, char **argv, struct problem *why)
{
    const char *source = "command line";
    char *all = NULL;
    size_t size = 0;
    FILE *out;

    if (argc > 0 && !strchr(argv[0], '=')) {
        source = argv[0];
        if (!(c->text = read_file(argv[0], why)))
            return -1;
        argv++;
        argc--;
    }
    out = open_memstream(&all, &size);
    if (!out)
        return problem_set(why, errno, NULL, "no memory");
    fprintf(out, "%s\n", c->text ? c->text : "");
    for (int i = 0; i < argc; i++)
        fprintf(out, "%s\n", argv[i]);
    if (fclose(out) != 0)
        return problem_set(why, ENOMEM, NULL, "no memory");
    if (c->text && !config_parse(&c->syntax, source, c->text, strlen(c->text), &c->report))
        goto done;
    for (int i = 0; i < argc; i++)
        if (!config_parse(&c->syntax, argv[i], argv[i], strlen(argv[i]), &c->report))
            goto done;
    guest_config_make(&c->config, &c->syntax, &c->report);
done:
    free(c->text);
    c->text = all;
    return 0;
}

/* 0, or the exit status. */
static int read_config(struct create *c, int argc, char **argv)
{
    struct problem why;

    if (gather(c, argc, argv, &why) != 0)
        return verb_failed(c->session, &why);
    report_print(&c->report, stderr, !c->quiet);
    return c->report.nr_errors ? 1 : 0;
}

/* ---- making */

/* The record's text: with what would otherwise be different the next time. */
static int make_record(struct create *c, struct record *record, struct problem *why)
{
    char uuid[UUID_TEXT], *text = NULL;
    int status;

    if (!c->config.has_uuid)
        identity_make(c->config.uuid);
    c->config.has_uuid = true;
    uuid_text(c->config.uuid, uuid);
    if (asprintf(&text, "%s\nuuid=\"%s\"\n", c->text, uuid) < 0)
        return problem_set(why, ENOMEM, NULL, "no memory");
    status = record_make(record, c->config.uuid, text, why);
    free(text);
    return status;
}

static void print_times(const struct make_times *t)
{
    printf("devices opened %8.1f ms\ndomain built   %8.1f ms\nstore written  %8.1f ms\n"
           "back ends      %8.1f ms\nunpaused       %8.1f ms\n",
           (double)t->devices_opened / 1000, (double)t->built / 1000, (double)t->described / 1000,
           (double)t->connected / 1000, (double)t->started / 1000);
}

static int attach_console(int domid)
{
    char text[12];

    snprintf(text, sizeof(text), "%d", domid);
    fflush(stdout);
    execl("/proc/self/exe", "pavis", "console", text, NULL);
    return 1;
}

static int make(struct create *c, struct record *record)
{
    struct make_request request = {.config = &c->config, .record = record, .paused = c->paused};
    struct hypercalls *h = session_hypercalls(c->session);
    struct xs_handle *xs = h ? session_store(c->session) : NULL;
    struct make_times times;
    struct problem why;
    int domid = -1;

    if (!xs) {
        record_remove(record);
        return 1;
    }
    if (supervisor_start(&why) == 0)
        domid = guest_make(h, xs, &request, &times, &why);
    else
        record_remove(record);
    if (domid < 0)
        return verb_failed(c->session, &why);
    if (c->timing)
        print_times(&times);
    if (!c->quiet)
        printf("%s is domain %d%s\n", c->config.name, domid, c->paused ? ", paused" : "");
    return c->console ? attach_console(domid) : 0;
}

/* For the supervisor: a guest that ended and is to be made again. */
static int create_again(struct create *c)
{
    struct record record;
    struct problem why;
    uint8_t uuid[UUID_BYTES];
    int opened;

    if (!uuid_parse(c->again, uuid))
        return verb_usage(c->session, "--again needs a uuid");
    opened = record_open(&record, uuid, RECORD_ACT, &why);
    if (opened == 0 || (opened > 0 && record.state != RECORD_AGAIN))
        problem_set(&why, ENOENT, NULL, "no guest %s is to be made again", c->again);
    if (opened != 1 || record.state != RECORD_AGAIN || !(c->text = record_text(&record, &why)) ||
        record_set_state(&record, RECORD_MAKING, &why) != 0)
        return verb_failed(c->session, &why);
    if (!config_parse(&c->syntax, c->again, c->text, strlen(c->text), &c->report) ||
        !guest_config_make(&c->config, &c->syntax, &c->report)) {
        report_print(&c->report, stderr, false);
        record_remove(&record);
        return 1;
    }
    return make(c, &record);
}

static int create(struct create *c, int argc, char **argv)
{
    struct record record;
    struct problem why;
    int status;

    if (c->again)
        return create_again(c);
    if (argc == 0)
        return verb_usage(c->session, "a configuration is needed");
    status = read_config(c, argc, argv);
    if (status)
        return status;
    if (c->dry_run)
        return guest_config_json(&c->config, stdout) ? 0 : 1;
    clean_up(c->session);
    if (make_record(c, &record, &why) != 0)
        return verb_failed(c->session, &why);
    return make(c, &record);
}

int verb_create(struct session *s, int argc, char **argv)
{
    static const struct option options[] = {
        {"paused", no_argument, NULL, 'p'},
        {"console", no_argument, NULL, 'c'},
        {"dryrun", no_argument, NULL, 'n'},
        {"quiet", no_argument, NULL, 'q'},
        {"timing", no_argument, NULL, 't'},
        {"again", required_argument, NULL, 'a'},
        {"defconfig", required_argument, NULL, 'f'},
        {"json", no_argument, NULL, 'j'},
        {0},
    };
    struct create c = {.session = s};
    char *file = NULL, **rest;
    int option, status, nr = 0;

    while ((option = getopt_long(argc, argv, "pcnqf:", options, NULL)) != -1) {
        switch (option) {
        case 'p': c.paused = true; break;
        case 'c': c.console = true; break;
        case 'n': c.dry_run = true; break;
        case 'q': c.quiet = true; break;
        case 't': c.timing = true; break;
        case 'a': c.again = optarg; break;
        case 'f': file = optarg; break;
        case 'j': break; /* a dry run's output is nothing else */
        default: return verb_usage(s, "unknown option, or its argument is missing");
        }
    }
    rest = calloc((size_t)argc + 2, sizeof(*rest));
    if (!rest)
        return 1;
    if (file)
        rest[nr++] = file;
    while (optind < argc)
        rest[nr++] = argv[optind++];
    status = create(&c, nr, rest);
    free(rest);
    free(c.text);
    config_syntax_free(&c.syntax);
    return status;
}
