// SPDX-License-Identifier: GPL-2.0-only
/* The keeper: see main.c and keep.h. */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
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

#define PAUSE_MS        10
#define PAUSE_MAX_MS    1000
#define STATUS_HOPELESS 3 /* the first daemon found no hypervisor, or no memory */

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

/* The store is there: whoever started it may go on, and his terminal or pipe is not held any more.
 */
static void leave_caller(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    log_to_syslog = true;
    if (write(keep->ready_fd, "", 1) != 1)
        log_say("nobody waits for the start any more");
    for (int fd = 0; fd <= STDERR_FILENO && null >= 0; fd++)
        dup2(null, fd);
    close(null);
    close(keep->ready_fd);
    keep->ready_fd = -1;
}

static void serve(void)
{
    pid_t keeper = keep->keeper;
    name_process("xenstored");
    keep->daemon = getpid();
    log_to_syslog = keep->background && keep->starts; /* the first one's mishaps are the caller's */
    daemon_signals();
    if (!keep->single)
        prctl(PR_SET_PDEATHSIG, SIGUSR1);
    if (getppid() != keeper)
        raise(SIGUSR1);
    struct daemon *d = daemon_new(keep);
    if (!d)
        _exit(keep->starts ? 1 : STATUS_HOPELESS);
    if (keep->ready_fd >= 0)
        leave_caller();
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

/* Until a daemon ends by itself; the first one may fail for good.  One that got on with the journal
 * is replaced at once; where they die without getting on, the next one comes later and later.
 */
static int watch_daemons(void)
{
    unsigned pause = 0;
    for (;;) {
        int status = 0;
        uint64_t before = keep_progress(keep);
        while (waitpid(keep->daemon, &status, 0) < 0 && errno == EINTR)
            ;
        if (stopped || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
            return 0;
        if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_HOPELESS)
            return 1;
        log_say("the daemon ended (%s %d); another one takes over",
                WIFSIGNALED(status) ? "signal" : "status",
                WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        if (keep_progress(keep) != before)
            pause = 0;
        else if (pause < PAUSE_MAX_MS)
            pause = pause ? 2 * pause : PAUSE_MS;
        pause_ms(pause);
        start_daemon();
    }
}

static void become_keeper(void)
{
    struct sigaction act = {.sa_handler = pass_on};
    name_process("xenstore-keeper");
    keep->keeper = getpid();
    sigset_t none;
    log_to_syslog = keep->background;
    sigemptyset(&none);
    signal(SIGUSR1, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGINT, &act, NULL);
    sigprocmask(SIG_SETMASK, &none, NULL); /* a daemon's child has its mask */
    write_pid();
}

int keeper_run(struct keep *k, const char *file)
{
    keep = k;
    pid_file = file;
    if (k->single) {
        k->keeper = getppid();
        serve();
    }
    become_keeper();
    start_daemon();
    return watch_daemons();
}

/* It is our parent, or a child of ours that is not a zombie.  The signals that bring the daemon
 * here say less: a keeper that was merely stopped, or one that was replaced already, sends them
 * too.
 */
static bool keeper_lives(void)
{
    return getppid() == keep->keeper || waitpid(keep->keeper, NULL, WNOHANG) == 0;
}

void keeper_replace(void)
{
    pid_t daemon = getpid(), pid;
    if (keeper_lives())
        return;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    pid = fork_sharing();
    if (pid > 0)
        keep->keeper = pid; /* as it says itself, but perhaps later */
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
