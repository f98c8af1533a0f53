// SPDX-License-Identifier: GPL-2.0-only
/* blkback: starts a broker for each guest that has disks of ours, and another one when it ends.
 *
 * All are one program.  The first process watches the store for guests; a broker is told its guest
 * by --guest, and starts the worker, which does the work in a jail (xenbus/backend/broker.h).  A
 * worker that is killed, alone or with its broker, leaves its notes and the guest's nodes as they
 * are, and its successor goes on with them; the guest notices a pause.  Nothing depends on the
 * first process staying: brokers go on without it, and a new one starts only what is missing, since
 * a second worker of a guest waits until the first has ended.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "backend/alone.h"
#include "backend/broker.h"
#include "backend/node.h"
#include "blkback/cow.h"
#include "blkback/disk.h"

#define DEFAULT_DIRECTORY "/run/pavis/blkback"
#define MAX_DOMID         0x7fefu /* the ids above mean something else */
#define PAUSE_MS          100     /* before a worker that has ended at once is started again */

struct guest {
    struct guest *next;
    unsigned domid;
    pid_t broker; /* 0: none */
    pid_t group;  /* of it and its worker: the latest */
    bool seen;    /* it has disks */
    bool leaving; /* its processes are to end, and then its files go */
};

static struct {
    const char *directory;
    const char *pid_file;
    const char *overlay; /* to make */
    bool foreground;
    bool copy;
    bool strict;
    bool verbose;
    bool show;
    bool jailed;
    struct xs_handle *store;
    char path[64]; /* where guests' directories are */
    struct guest *guests;
} self = {.directory = DEFAULT_DIRECTORY};

/* ---- brokers */

static void start_broker(struct guest *guest)
{
    char domid[16];
    const char *args[] = {"blkback", "-g", domid, "-d", self.directory,
                          NULL,      NULL, NULL,  NULL, NULL};
    size_t nr = 5;
    snprintf(domid, sizeof(domid), "%u", guest->domid);
    if (self.foreground)
        args[nr++] = "-f";
    if (self.copy)
        args[nr++] = "-c";
    if (self.strict)
        args[nr++] = "-S";
    if (self.verbose)
        args[nr++] = "-v";
    guest->broker = fork();
    if (guest->broker < 0) {
        syslog(LOG_ERR, "cannot start a broker for domain %u: %m", guest->domid);
        guest->broker = 0;
    }
    if (guest->broker > 0)
        setpgid(guest->group = guest->broker, 0); /* here too: it may be wanted at once */
    if (guest->broker != 0)
        return;
    sigset_t none;
    setpgid(0, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv("/proc/self/exe", (char **)(uintptr_t)args);
    _exit(127);
}

/* Files that successors need. */
static void remove_files(const struct guest *guest)
{
    static const char *const files[] = {".journal", COUNTS_SUFFIX};
    char *path;
    for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (asprintf(&path, "%s/%u%s", self.directory, guest->domid, files[i]) < 0)
            continue;
        unlink(path);
        free(path);
    }
}

/* Forgets guests whose processes have ended.  A worker that has just begun makes its files, broker
 * or not, so that they go when no process is left that could make them again. */
static void forget_ended(void)
{
    for (struct guest **at = &self.guests; *at;) {
        struct guest *g = *at;
        bool ended = g->leaving && (!g->group || (kill(-g->group, 0) != 0 && errno == ESRCH));
        if (ended)
            remove_files(g);
        if (ended && !g->seen) {
            *at = g->next;
            free(g);
            continue;
        }
        if (ended) { /* it has disks again */
            g->leaving = false;
            start_broker(g);
        }
        at = &g->next;
    }
}

static struct guest *find(uint64_t domid)
{
    struct guest *g = self.guests;
    while (g && g->domid != domid)
        g = g->next;
    return g;
}

/* Which guests have disks, by the directories in the store. */
static void survey(void)
{
    unsigned nr = 0;
    uint64_t domid;
    char **names = xs_directory(self.store, XBT_NULL, self.path, &nr);
    if (!names && errno != ENOENT)
        return; /* not known is not gone */
    for (struct guest *g = self.guests; g; g = g->next)
        g->seen = false;
    for (unsigned i = 0; names && i < nr; i++) {
        if (!node_parse(names[i], MAX_DOMID, &domid))
            continue;
        struct guest *g = find(domid);
        if (!g && (g = calloc(1, sizeof(*g)))) {
            g->domid = (unsigned)domid;
            g->next = self.guests;
            self.guests = g;
        }
        if (g && !g->broker && !g->leaving)
            start_broker(g);
        if (g)
            g->seen = true;
    }
    free(names);
    for (struct guest *g = self.guests; g; g = g->next) {
        if (g->seen || g->leaving)
            continue;
        g->leaving = true;
        if (g->broker)
            kill(-g->broker, SIGKILL);
    }
    forget_ended();
}

static void bury(void)
{
    pid_t pid;
    int status;
    bool done = false;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct guest *g = self.guests;
        while (g && g->broker != pid)
            g = g->next;
        if (!g)
            continue; /* a worker that has lost its broker */
        kill(-pid, SIGKILL);
        g->broker = 0;
        if (g->leaving)
            continue;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
            done = true; /* its guest had no disks any more */
            continue;
        }
        syslog(LOG_WARNING, "the broker of domain %u has ended (%s %d); another one goes on",
               g->domid, WIFSIGNALED(status) ? "signal" : "status",
               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        if (WIFEXITED(status))
            usleep(PAUSE_MS * 1000); /* it will not get better at once */
        start_broker(g);
    }
    if (done)
        survey();
    else
        forget_ended();
}

/* Most events are about devices of guests that we know; who makes a node makes those above it
 * without an event of their own. */
static bool may_be_news(const char *path)
{
    uint64_t domid = 0;
    size_t len = strlen(self.path);
    if (strlen(path) <= len + 1)
        return true;
    char *name = strndup(path + len + 1, strcspn(path + len + 1, "/"));
    const struct guest *g = name && node_parse(name, MAX_DOMID, &domid) ? find(domid) : NULL;
    free(name);
    return !g || g->leaving || !strchr(path + len + 1, '/');
}

static int watch_guests(void)
{
    sigset_t signals;
    char **event;
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        err(1, "signalfd");
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* the end of a worker without a broker is told to us */
    for (;;) {
        struct pollfd fds[] = {{xs_fileno(self.store), POLLIN, 0}, {fd, POLLIN, 0}};
        struct signalfd_siginfo info;
        poll(fds, 2, -1);
        while (read(fd, &info, sizeof(info)) == sizeof(info)) {
            if (info.ssi_signo != SIGCHLD)
                return 0; /* the brokers go on */
        }
        bury();
        bool any = false;
        while ((event = xs_check_watch(self.store))) {
            any |= may_be_news(event[XS_WATCH_PATH]);
            free(event);
        }
        if (errno != EAGAIN) {
            syslog(LOG_ERR, "the connection to the store is gone: %m");
            return 1;
        }
        if (any)
            survey();
    }
}

/* ---- beginning */

static int be_worker(unsigned guest)
{
    static struct worker worker;
    /* Buffers come and go with requests: keep their memory. */
    mallopt(M_MMAP_THRESHOLD, 64 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    if (!worker_open(&worker, guest, self.directory))
        return 1;
    while (worker_round(&worker))
        ;
    _exit(0); /* what a library does at its end may be more than it may do here */
}

static int serve_guest(unsigned guest)
{
    static struct broker broker;
    char domid[16];
    const char *program[] = {"blkback", "-w", "-g", domid, "-d", self.directory, NULL, NULL};
    if (self.verbose)
        program[6] = "-v";
    snprintf(domid, sizeof(domid), "%u", guest);
    disk_offer_persistent = !self.copy;
    if (!broker_open(&broker, &disk_driver, guest, program))
        err(1, "cannot watch the devices of domain %u; is xenstored running?", guest);
    if (self.strict && !broker_copies(&broker))
        err(1, "no memory for copies");
    return broker_run(&broker) ? 0 : 1;
}

static void usage(FILE *to)
{
    fputs(
        "Usage: blkback [-f] [-d DIR] [-p FILE] [-c] [-S] [-v]\n"
        "       blkback -g DOMID [-f] [-d DIR] [-c] [-S] [-v]\n"
        "       blkback -s [-d DIR]\n"
        "       blkback -o FILE BASE [BYTES]\n"
        "Serves the disks of kind pvblk that guests have, a process for each guest.\n"
        "  -f, --foreground      stay in the foreground, messages on standard error too\n"
        "  -d, --directory DIR   for what successors need (" DEFAULT_DIRECTORY ", a tmpfs)\n"
        "  -p, --pid-file FILE   the process id of the first process\n"
        "  -c, --copy            do not offer to keep grants mapped\n"
        "  -S, --strict          a broker makes the copies, so that workers reach no other guest\n"
        "  -o, --make-overlay FILE  make a disk that begins as BASE and does not change it\n"
        "  -g, --guest DOMID     serve one guest only\n"
        "  -s, --show            print what the disks have done, as JSON\n"
        "  -v, --verbose         log connections too\n"
        "  -h, --help; -V, --version\n",
        to);
}

static uint64_t parse(int argc, char *argv[])
{
    static const struct option options[] = {
        {"foreground", no_argument, NULL, 'f'},
        {"directory", required_argument, NULL, 'd'},
        {"pid-file", required_argument, NULL, 'p'},
        {"copy", no_argument, NULL, 'c'},
        {"guest", required_argument, NULL, 'g'},
        {"verbose", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {"show", no_argument, NULL, 's'},
        {"version", no_argument, NULL, 'V'},
        {"strict", no_argument, NULL, 'S'},
        {"make-overlay", required_argument, NULL, 'o'},
        {NULL, 0, NULL, 0},
    };
    uint64_t guest = 0;
    int c;
    while ((c = getopt_long(argc, argv, "fd:p:cg:o:sSwvhV", options, NULL)) != -1) {
        switch (c) {
        case 'f': self.foreground = true; break;
        case 'd': self.directory = optarg; break;
        case 'p': self.pid_file = optarg; break;
        case 'c': self.copy = true; break;
        case 'S': self.strict = true; break;
        case 's': self.show = true; break;
        case 'w': self.jailed = true; break; /* only a broker says that */
        case 'o': self.overlay = optarg; break;
        case 'v': self.verbose = true; break;
        case 'g':
            if (!node_parse(optarg, MAX_DOMID, &guest) || !guest)
                errx(1, "'%s' is no guest's domain id", optarg);
            break;
        case 'h': usage(stdout); exit(0);
        case 'V': puts("blkback of Pavis"); exit(0);
        default: usage(stderr); exit(1);
        }
    }
    if (self.overlay ? optind == argc || argc - optind > 2 : optind != argc) {
        usage(stderr);
        exit(1);
    }
    return guest;
}

static int make_overlay(const char *base, const char *size)
{
    const char *why;
    uint64_t bytes = 0;
    if (size && !node_parse(size, UINT64_MAX, &bytes))
        errx(1, "'%s' is no size in bytes", size);
    if (overlay_create(self.overlay, base, bytes, &why))
        return 0;
    if (errno)
        err(1, "%s over %s: %s", self.overlay, base, why);
    errx(1, "%s over %s: %s", self.overlay, base, why);
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

int main(int argc, char *argv[])
{
    uint64_t guest = parse(argc, argv);
    if (self.show)
        return counts_show(self.directory, stdout) ? 0 : 1;
    if (self.overlay)
        return make_overlay(argv[optind], argv[optind + 1]);
    openlog("blkback", LOG_PID | (self.foreground ? LOG_PERROR : 0), LOG_DAEMON);
    setlogmask(LOG_UPTO(self.verbose ? LOG_INFO : LOG_WARNING));
    make_directory(self.directory);
    if (self.jailed && guest)
        return be_worker((unsigned)guest);
    if (guest)
        return serve_guest((unsigned)guest);
    snprintf(self.path, sizeof(self.path), "/local/domain/0/backend/%s", disk_driver.kind);
    self.store = xs_open(0);
    if (!self.store)
        err(1, "cannot reach the store; is xenstored running?");
    xs_close(self.store);
    backend_begin("blkback", self.directory, self.foreground);
    /* Again, since a connection does not survive the fork. */
    self.store = xs_open(0);
    if (!self.store || !xs_watch(self.store, self.path, "guests"))
        err(1, "cannot watch the store");
    FILE *f = self.pid_file ? fopen(self.pid_file, "we") : NULL;
    if (self.pid_file && (!f || fprintf(f, "%d\n", getpid()) < 0 || fclose(f) != 0))
        warn("cannot write %s", self.pid_file);
    return watch_guests();
}
