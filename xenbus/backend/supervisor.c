// SPDX-License-Identifier: GPL-2.0-only
/* Processes for units, started and buried: see supervisor.h.  A process that is killed leaves its
 * notes and the guests' nodes as they are, and its successor goes on with them; guests notice a
 * pause.
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "backend/alone.h"
#include "backend/supervisor.h"

#define PAUSE_MS 100   /* before a process that has ended at once is started again */
#define END_MS   20000 /* for a broker that was told to end: a script may take half of it */
#define LOOK_MS  200   /* whether it has */
#define NR_ARGS  5     /* of a process, besides those that are passed on */

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- processes */

static void start_broker(struct supervisor *s, struct unit *unit)
{
    const char *args[NR_ARGS + sizeof(s->more) / sizeof(s->more[0]) + 1] = {
        s->driver->program, s->driver->option, unit->name, "-d", s->directory};
    memcpy(args + NR_ARGS, s->more, s->nr_more * sizeof(args[0]));
    unit->broker = fork();
    if (unit->broker < 0) {
        syslog(LOG_ERR, "cannot start a broker for %s %s: %m", s->driver->unit, unit->name);
        unit->broker = 0;
    }
    if (unit->broker > 0)
        setpgid(unit->group = unit->broker, 0); /* here too: it may be wanted at once */
    if (unit->broker != 0)
        return;
    sigset_t none;
    setpgid(0, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv("/proc/self/exe", (char **)(uintptr_t)args);
    _exit(127);
}

static void remove_files(const struct supervisor *s, const struct unit *unit)
{
    char *path;
    for (const char *const *file = s->driver->files; *file; file++) {
        if (asprintf(&path, "%s/%s%s", s->directory, unit->name, *file) < 0)
            continue;
        unlink(path);
        free(path);
    }
}

/* Forgets units whose processes have ended.  A worker that has just begun makes its files, broker
 * or not, so that they go when no process is left that could make them again. */
static void forget_ended(struct supervisor *s)
{
    for (struct unit **at = &s->units; *at;) {
        struct unit *u = *at;
        if (u->leaving && u->group && now_ms() >= u->end)
            kill(-u->group, SIGKILL);
        bool ended = u->leaving && (!u->group || (kill(-u->group, 0) != 0 && errno == ESRCH));
        if (ended)
            remove_files(s, u);
        if (ended && !u->seen) {
            *at = u->next;
            free(u);
            continue;
        }
        if (ended) { /* it has devices again */
            u->leaving = false;
            start_broker(s, u);
        }
        at = &u->next;
    }
}

struct unit *supervisor_find(const struct supervisor *s, const char *name)
{
    struct unit *u = s->units;
    while (u && strcmp(u->name, name) != 0)
        u = u->next;
    return u;
}

void supervisor_found(struct supervisor *s, const char *name)
{
    struct unit *u = supervisor_find(s, name);
    if (!u && (u = calloc(1, sizeof(*u) + strlen(name) + 1))) {
        memcpy(u->name, name, strlen(name) + 1);
        u->next = s->units;
        s->units = u;
    }
    if (u && !u->broker && !u->leaving)
        start_broker(s, u);
    if (u)
        u->seen = true;
}

static void survey(struct supervisor *s)
{
    for (struct unit *u = s->units; u; u = u->next)
        u->seen = false;
    if (!s->driver->survey(s))
        return; /* not known is not gone */
    for (struct unit *u = s->units; u; u = u->next) {
        if (u->seen || u->leaving)
            continue;
        u->leaving = true;
        u->end = now_ms() + END_MS;
        if (u->broker)
            kill(u->broker, SIGTERM);
    }
    forget_ended(s);
}

static void bury(struct supervisor *s)
{
    pid_t pid;
    int status;
    bool done = false;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct unit *u = s->units;
        while (u && u->broker != pid)
            u = u->next;
        if (!u)
            continue; /* a worker that has lost its broker */
        kill(-pid, SIGKILL);
        u->broker = 0;
        if (u->leaving)
            continue;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
            done = true; /* it had no devices any more; others may have come since */
            continue;
        }
        syslog(LOG_WARNING, "the broker of %s %s has ended (%s %d); another one goes on",
               s->driver->unit, u->name, WIFSIGNALED(status) ? "signal" : "status",
               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        if (WIFEXITED(status))
            usleep(PAUSE_MS * 1000); /* it will not get better at once */
        start_broker(s, u);
    }
    if (done)
        survey(s);
    else
        forget_ended(s);
}

/* ---- the loop */

static int watch_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        err(1, "signalfd");
    return fd;
}

/* Takes all that the store has to say; was any of it news?  errno is not EAGAIN afterwards if the
 * store is gone. */
static bool take_news(struct supervisor *s)
{
    size_t len = strlen(s->path);
    bool any = false;
    char **event;
    while ((event = xs_check_watch(s->store))) {
        const char *path = event[XS_WATCH_PATH];
        any |= s->driver->is_news(s, strlen(path) > len ? path + len + 1 : "");
        free(event);
    }
    return any;
}

static bool anybody_leaves(const struct supervisor *s)
{
    const struct unit *u = s->units;
    while (u && !u->leaving)
        u = u->next;
    return u;
}

static int watch_store(struct supervisor *s)
{
    int fd = watch_signals();
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* the end of a worker without a broker is told to us */
    for (;;) {
        struct pollfd fds[] = {{xs_fileno(s->store), POLLIN, 0}, {fd, POLLIN, 0}};
        struct signalfd_siginfo info;
        poll(fds, 2, anybody_leaves(s) ? LOOK_MS : -1);
        while (read(fd, &info, sizeof(info)) == sizeof(info)) {
            if (info.ssi_signo != SIGCHLD)
                return 0; /* the brokers go on */
        }
        bury(s);
        bool any = take_news(s);
        if (errno != EAGAIN) {
            syslog(LOG_ERR, "the connection to the store is gone: %m");
            return 1;
        }
        if (any)
            survey(s);
    }
}

/* ---- beginning */

void supervisor_pass_on(struct supervisor *s, const char *option)
{
    if (s->nr_more == sizeof(s->more) / sizeof(s->more[0]))
        errx(1, "too many options");
    s->more[s->nr_more++] = option;
}

void supervisor_option(struct supervisor *s, int option, const char *argument)
{
    switch (option) {
    case 'f':
        if (!s->foreground)
            supervisor_pass_on(s, "-f");
        s->foreground = true;
        break;
    case 'v':
        if (!s->verbose)
            supervisor_pass_on(s, "-v");
        s->verbose = true;
        break;
    case 'd': s->directory = argument; break;
    case 'p': s->pid_file = argument; break;
    case 's': s->show = true; break;
    case 'h': s->driver->usage(stdout); exit(0);
    case 'V': printf("%s of Pavis\n", s->driver->program); exit(0);
    default: s->driver->usage(stderr); exit(1);
    }
}

/* Each part of the path; only root may look into the last. */
static void make_directory(const char *directory)
{
    char *path = strdup(directory);
    if (!path)
        err(1, "memory");
    for (char *at = path + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        mkdir(path, 0755);
        *at = '/';
    }
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        err(1, "cannot make the directory %s", path);
    free(path);
}

void supervisor_begin(struct supervisor *s)
{
    if (!s->directory)
        s->directory = s->driver->directory;
    if (s->show)
        exit(s->driver->show(s->directory, stdout) ? 0 : 1);
    openlog(s->driver->program, LOG_PID | (s->foreground ? LOG_PERROR : 0), LOG_DAEMON);
    setlogmask(LOG_UPTO(s->verbose ? LOG_INFO : LOG_WARNING));
    make_directory(s->directory);
}

int supervisor_run(struct supervisor *s)
{
    snprintf(s->path, sizeof(s->path), "/local/domain/0/backend/%s", s->driver->devices->kind);
    s->store = xs_open(0);
    if (!s->store)
        err(1, "cannot reach the store; is xenstored running?");
    xs_close(s->store);
    backend_begin(s->driver->program, s->directory, s->foreground);
    /* Again, since a connection does not survive the fork. */
    s->store = xs_open(0);
    if (!s->store || !xs_watch(s->store, s->path, "units"))
        err(1, "cannot watch the store");
    FILE *f = s->pid_file ? fopen(s->pid_file, "we") : NULL;
    if (s->pid_file && (!f || fprintf(f, "%d\n", getpid()) < 0 || fclose(f) != 0))
        warn("cannot write %s", s->pid_file);
    return watch_store(s);
}
