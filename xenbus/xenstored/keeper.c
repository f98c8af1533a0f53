// SPDX-License-Identifier: GPL-2.0-only
/* The keeper: see main.c and keep.h. */
#include "keeper.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon.h"
#include "log.h"

#define HASTY_S      2  /* a daemon that lives shorter is not replaced at once */
#define PAUSE_MS     10 /* but after this, and twice that the next time */
#define PAUSE_MAX_MS 2000

static struct keep *keep;
static const char *pid_file;
static volatile sig_atomic_t stopped;

/* A process that shares the table of descriptors: none of them is closed while one of the two
 * lives. */
static pid_t fork_sharing(void)
{
    return (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
}

static void name_process(const char *name)
{
    prctl(PR_SET_NAME, name);
}

static void write_pid(void)
{
    FILE *f = pid_file ? fopen(pid_file, "we") : NULL;
    if (!f)
        return;
    fprintf(f, "%d\n", keep->keeper);
    fclose(f);
}

static void pass_on(int signal)
{
    stopped = 1;
    kill(keep->daemon, signal);
}

static void serve(void)
{
    pid_t keeper = keep->keeper;
    name_process("xenstored");
    keep->daemon = getpid();
    daemon_signals();
    prctl(PR_SET_PDEATHSIG, SIGUSR1);
    if (getppid() != keeper)
        raise(SIGUSR1);
    struct daemon *d = daemon_new(keep);
    if (!d)
        _exit(keep->starts ? 1 : 3);
    if (keep->ready_fd >= 0 && write(keep->ready_fd, "", 1) == 1)
        close(keep->ready_fd);
    keep->ready_fd = -1;
    daemon_run(d);
    keep->done = 1;
    _exit(0);
}

static void start_daemon(void)
{
    pid_t pid = fork_sharing();
    if (pid == 0)
        serve();
    if (pid > 0)
        keep->daemon = pid;
}

static void pause_ms(unsigned ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

/* Waits for a daemon that is not our child. */
static void wait_for_stranger(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (fd < 0)
        return;
    while (poll(&p, 1, -1) < 0 && errno == EINTR)
        ;
    close(fd);
}

/* Until a daemon ends by itself; the first one may fail for good. */
static int watch_daemons(void)
{
    unsigned pause = PAUSE_MS;
    for (;;) {
        int status = 0;
        time_t begin = time(NULL);
        while (waitpid(keep->daemon, &status, 0) < 0 && errno == EINTR)
            ;
        if (stopped || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
            return 0;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 3)
            return 1;
        log_say("the daemon ended (%s %d); another one takes over",
                WIFSIGNALED(status) ? "signal" : "status",
                WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        if (time(NULL) - begin < HASTY_S) {
            pause_ms(pause);
            pause = pause < PAUSE_MAX_MS ? 2 * pause : pause;
        } else {
            pause = PAUSE_MS;
        }
        start_daemon();
    }
}

static void become_keeper(void)
{
    struct sigaction act = {.sa_handler = pass_on};
    name_process("xenstore-keeper");
    keep->keeper = getpid();
    sigset_t none;
    sigemptyset(&none);
    signal(SIGUSR1, SIG_IGN);
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGINT, &act, NULL);
    sigprocmask(SIG_SETMASK, &none, NULL); /* a daemon's child has its mask */
    write_pid();
}

int keeper_run(struct keep *k, const char *file)
{
    keep = k;
    pid_file = file;
    become_keeper();
    start_daemon();
    return watch_daemons();
}

void keeper_replace(void)
{
    pid_t daemon = getpid(), pid = fork_sharing();
    if (pid != 0)
        return; /* or there is none, for now: the daemon can do without */
    prctl(PR_SET_PDEATHSIG, 0);
    become_keeper();
    log_say("the keeper was killed; this is another one");
    wait_for_stranger(daemon);
    if (stopped || keep->done)
        _exit(0);
    start_daemon();
    _exit(watch_daemons());
}
