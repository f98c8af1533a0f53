// SPDX-License-Identifier: GPL-2.0-only
/* Starts the command: with pipes, or on a terminal of its own. */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "init/init.h"

#define NOT_RUNNABLE 126 /* as shells say it */
#define NOT_FOUND    127

static void become_command(const struct job *job)
{
    static char *const shell[] = {"/bin/sh", NULL};
    char **args = job->nr_args ? (char **)job->args : (char **)shell;
    sigset_t none;
    int error;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (job->root != ROOT_MEMORY && chroot(ROOT) != 0)
        _exit(NOT_RUNNABLE);
    if (chdir("/root") != 0 && chdir("/") != 0)
        _exit(NOT_RUNNABLE);
    clearenv();
    for (unsigned i = 0; i < job->nr_env; i++)
        putenv((char *)job->env[i]);
    execvp(args[0], args);
    error = errno;
    dprintf(STDERR_FILENO, "pavis run: cannot run %s in the guest: %s\n", args[0], strerror(error));
    _exit(error == ENOENT ? NOT_FOUND : NOT_RUNNABLE);
}

static bool start_on_terminal(struct streams *s, const struct job *job)
{
    struct winsize size = {.ws_row = job->rows, .ws_col = job->columns};

    s->pid = forkpty(&s->from, NULL, NULL, &size);
    if (s->pid == 0)
        become_command(job);
    if (s->pid < 0)
        return false;
    fcntl(s->from, F_SETFD, FD_CLOEXEC);
    s->to = s->from;
    s->from_error = -1;
    return true;
}

/* Without anybody in dom0, but for who looks at the guest's console. */
static bool start_on_console(struct streams *s, const struct job *job)
{
    s->to = s->from = s->from_error = -1;
    s->pid = fork();
    if (s->pid == 0) {
        int console;

        setsid();
        console = open("/dev/hvc0", O_RDWR); /* as the first terminal that it opens, its own */
        for (int fd = 0; console >= 0 && fd < 3; fd++)
            dup2(console, fd);
        if (console > 2)
            close(console);
        become_command(job);
    }
    return s->pid > 0;
}

static bool start_with_pipes(struct streams *s, const struct job *job)
{
    int in[2], out[2], err[2];

    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0)
        return false;
    s->pid = fork();
    if (s->pid == 0) {
        setsid();
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(err[1], 2);
        become_command(job);
    }
    close(in[0]);
    close(out[1]);
    close(err[1]);
    s->to = in[1];
    s->from = out[0];
    s->from_error = err[0];
    return s->pid > 0;
}

bool command_start(struct streams *s, const struct job *job)
{
    if (job->console)
        return start_on_console(s, job);
    if (!(job->terminal ? start_on_terminal(s, job) : start_with_pipes(s, job)))
        return false;
    fcntl(s->to, F_SETFL, O_NONBLOCK);
    fcntl(s->from, F_SETFL, O_NONBLOCK);
    if (s->from_error >= 0)
        fcntl(s->from_error, F_SETFL, O_NONBLOCK);
    return true;
}
