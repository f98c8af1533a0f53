// SPDX-License-Identifier: GPL-2.0-only
/* `xenstore-control`: commands to the store daemon itself.
 *
 * All but one are passed on as they are.  `live-update` is several requests: the new program, its
 * command line, then the start, asked for again and again while the daemon is busy.
 *
 * Status: 0 done, 1 no connection or no memory, 2 wrong usage, 3 the daemon refused.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "xs/xenstore.h"

enum { DONE, FAILED, USAGE, REFUSED };

#define DEFAULT_TIMEOUT 60 /* s that live-update waits for transactions to end */

/* A command's arguments as the daemon wants them: strings one behind the other. */
struct request {
    char text[XENSTORE_PAYLOAD_MAX];
    unsigned len;
    bool too_long;
};

static void add(struct request *req, const char *arg)
{
    size_t size = strlen(arg) + 1;
    if (size > sizeof(req->text) - req->len) {
        req->too_long = true;
        return;
    }
    memcpy(req->text + req->len, arg, size);
    req->len += (unsigned)size;
}

/* The answer, or NULL with errno. */
static char *ask(struct xs_handle *h, const char *command, struct request *req)
{
    if (req->too_long) {
        errno = E2BIG;
        return NULL;
    }
    return xs_control_command(h, command, req->len ? req->text : NULL, req->len);
}

static int command(struct xs_handle *h, const char *name, char *args[])
{
    struct request req = {.len = 0};
    struct request nothing = {.len = 0};
    for (; *args; args++)
        add(&req, *args);
    char *answer = ask(h, name, &req);
    if (answer) {
        if (*answer)
            puts(answer);
        free(answer);
        return DONE;
    }
    if (errno != EINVAL) {
        fprintf(stderr, "Error %d when trying to execute command.\n", errno);
        return REFUSED;
    }
    answer = ask(h, "help", &nothing);
    if (answer)
        fprintf(stderr, "Command not supported. Valid commands are:\n%s\n", answer);
    else
        fputs("Error when executing command.\n", stderr);
    free(answer);
    return REFUSED;
}

/* ---- live update */

struct update {
    const char *binary;
    const char *cmdline;
    const char *timeout;
    bool force;
};

/* Sends one step and judges its answer; @what for the message. */
static int judge(char *answer, const char *what)
{
    int status = DONE;
    if (!answer || strcmp(answer, "OK") != 0) {
        fprintf(stderr, "%s failed:\n%s\n", what, answer ? answer : strerror(errno));
        status = REFUSED;
    }
    free(answer);
    return status;
}

static int update_step(struct xs_handle *h, const char *flag, const char *value, const char *what)
{
    struct request req = {.len = 0};
    add(&req, flag);
    add(&req, value);
    return judge(ask(h, "live-update", &req), what);
}

static int update_start(struct xs_handle *h, const struct update *update)
{
    long seconds = update->timeout ? strtol(update->timeout, NULL, 10) : DEFAULT_TIMEOUT;
    char number[MAX_STRLEN(long)];
    struct request req = {.len = 0};
    snprintf(number, sizeof(number), "%ld", seconds);
    add(&req, "-s");
    add(&req, "-t");
    add(&req, number);
    if (update->force)
        add(&req, "-F");
    time_t end = time(NULL) + seconds;
    char *answer = ask(h, "live-update", &req);
    while (answer && strcmp(answer, "BUSY") == 0 && time(NULL) < end) {
        free(answer);
        sleep(1);
        answer = ask(h, "live-update", &req);
    }
    return judge(answer, "Starting live update");
}

static int update_usage(const char *missing)
{
    fprintf(stderr, "Missing %s\n", missing);
    return USAGE;
}

static int live_update(struct xs_handle *h, char *args[])
{
    struct update update = {0};
    for (; *args; args++) {
        if (strcmp(*args, "-c") == 0) {
            update.cmdline = *++args;
            if (!*args)
                return update_usage("command line value");
        } else if (strcmp(*args, "-t") == 0) {
            update.timeout = *++args;
            if (!*args)
                return update_usage("timeout value");
        } else if (strcmp(*args, "-F") == 0) {
            update.force = true;
        } else {
            update.binary = *args;
        }
    }
    if (!update.binary)
        return update_usage("binary specification");

    /* A store in a domain of its own would need the program's pages; Pavis's is a process of dom0.
     */
    char *domain = xs_read(h, XBT_NULL, "/tool/xenstored/domid", NULL);
    if (domain) {
        free(domain);
        fputs("The store runs in a domain of its own, which cannot be updated from here.\n",
              stderr);
        return FAILED;
    }
    int status = update_step(h, "-f", update.binary, "Setting update binary");
    if (status)
        return status;
    if (update.cmdline)
        status = update_step(h, "-c", update.cmdline, "Setting update command line");
    if (!status)
        status = update_start(h, &update);
    if (status) { /* the daemon forgets what it was told */
        struct request req = {.len = 0};
        add(&req, "-a");
        free(ask(h, "live-update", &req));
    }
    return status;
}

int main(int argc, char *argv[])
{
    if (argc < 2) {
        fprintf(stderr, "Usage:\n%s <command> [<arg>...]\n", argv[0]);
        return USAGE;
    }
    struct xs_handle *h = xs_open(0);
    if (!h) {
        fputs("Failed to contact Xenstored.\n", stderr);
        return FAILED;
    }
    int status = strcmp(argv[1], "live-update") == 0 ? live_update(h, argv + 2)
                                                     : command(h, argv[1], argv + 2);
    xs_close(h);
    return status;
}
