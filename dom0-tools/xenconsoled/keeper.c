// SPDX-License-Identifier: GPL-2.0-only
/* The keeper: see keeper.h.
 *
 * Each of the two has a pidfd of the other, so it does not matter which is whose child.  A keeper
 * knows nothing but the options: one that a daemon starts executes the program afresh, and each
 * later daemon is a fork of a keeper.
 */
#include "xenconsoled/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define NAME         "consoled-keeper"
#define SHORT_LIFE_S 2 /* who lives no longer is started again only after so long */
#define MAX_ARGS     64
#define OPTION       "--keep="

static char *const *arguments;

static int open_pid(int pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

static void wait_for_end(int pidfd)
{
    struct pollfd fd = {.fd = pidfd, .events = POLLIN};

    while (pidfd >= 0 && poll(&fd, 1, -1) < 0 && errno == EINTR)
        ;
}

/* The next daemon; returns in it. */
static void make_daemon(struct keeping *k)
{
    int keeper = getpid(), child;

    while ((child = fork()) < 0)
        sleep(SHORT_LIFE_S);
    if (child > 0) {
        k->pidfd = open_pid(child);
        return;
    }
    prctl(PR_SET_NAME, "xenconsoled");
    k->pidfd = open_pid(keeper);
}

/* Keeps daemons alive until it finds itself in one. */
static void keep(struct keeping *k, bool first)
{
    int self = getpid();

    prctl(PR_SET_NAME, NAME);
    for (;;) {
        time_t start = time(NULL);
        int status = 0;

        wait_for_end(k->pidfd);
        if (waitpid(-1, &status, WNOHANG) > 0 && WIFEXITED(status) && first)
            _exit(WEXITSTATUS(status)); /* it could not begin, and has said why */
        first = false;
        if (k->pidfd >= 0)
            close(k->pidfd);
        syslog(LOG_ERR, "the daemon was killed; it is started again");
        if (time(NULL) - start < SHORT_LIFE_S)
            sleep(SHORT_LIFE_S);
        make_daemon(k);
        if (getpid() != self)
            return;
    }
}

/* Whoever started us must not be held by a keeper that has his terminal or pipe. */
static void let_go(int ready)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    close(ready);
    for (int fd = 0; fd <= STDERR_FILENO && null >= 0; fd++)
        dup2(null, fd);
    close(null);
}

bool keeper_begin(struct keeping *k, char *const argv[], int ready)
{
    int self = getpid();

    arguments = argv;
    make_daemon(k);
    if (getpid() != self)
        return true;
    let_go(ready);
    keep(k, true);
    return false;
}

void keeper_of(struct keeping *k, int daemon, char *const argv[])
{
    arguments = argv;
    k->pidfd = open_pid(daemon);
    if (k->pidfd < 0 && errno != ESRCH)
        _exit(1);
    keep(k, false);
}

void keeper_renew(struct keeping *k)
{
    static time_t last;
    char option[32], *args[MAX_ARGS + 2];
    int nr = 0, child;

    if (k->pidfd >= 0)
        close(k->pidfd);
    k->pidfd = -1;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    if (time(NULL) - last < SHORT_LIFE_S)
        return;
    last = time(NULL);
    syslog(LOG_WARNING, "the keeper was killed; another is started");
    snprintf(option, sizeof(option), OPTION "%d", (int)getpid());
    for (int i = 0; arguments[i] && nr < MAX_ARGS; i++)
        if (strncmp(arguments[i], OPTION, strlen(OPTION)) != 0)
            args[nr++] = arguments[i];
    args[nr++] = option;
    args[nr] = NULL;
    child = fork();
    if (child == 0) {
        execv("/proc/self/exe", args);
        _exit(1);
    }
    if (child > 0)
        k->pidfd = open_pid(child);
}

void keeper_dismiss(struct keeping *k)
{
    if (k->pidfd >= 0)
        syscall(SYS_pidfd_send_signal, k->pidfd, SIGTERM, NULL, 0);
}
