// SPDX-License-Identifier: GPL-2.0-only
/* netback: starts a worker for each network in which guests have cards of ours, and another one
 * when it ends.
 *
 * The two are one program.  The first process watches the store for cards; a worker is told its
 * network by --network.  A worker that is killed leaves its notes and the guests' nodes as they
 * are, and its successor goes on with them; guests notice a pause.  Nothing depends on the first
 * process staying: workers go on without it, and a new one starts only what is missing, since a
 * second worker of a network waits until the first has ended.
 */
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "backend/alone.h"
#include "backend/node.h"
#include "netback/card.h"

#define DEFAULT_DIRECTORY "/run/pavis/netback"
#define MAX_NAME          48u /* of a network */
#define PAUSE_MS          100 /* before a worker that has ended at once is started again */

struct network {
    struct network *next;
    pid_t worker; /* 0: none */
    bool seen;    /* it has cards */
    bool leaving; /* its worker is to end, and then its files go */
    char name[MAX_NAME + 1];
};

static struct {
    const char *directory;
    const char *pid_file;
    const char *network;
    bool foreground;
    bool verbose;
    bool show;
    struct xs_handle *store;
    char path[64]; /* where guests' directories are */
    struct network *networks;
} self = {.directory = DEFAULT_DIRECTORY};

/* It becomes part of file names. */
static bool is_name(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len > MAX_NAME || !isalnum((unsigned char)*name))
        return false;
    for (; *name; name++) {
        if (!isalnum((unsigned char)*name) && !strchr("._-", *name))
            return false;
    }
    return true;
}

/* ---- workers */

static void start_worker(struct network *network)
{
    const char *args[] = {"netback", "-n", network->name, "-d", self.directory, NULL, NULL, NULL};
    size_t nr = 5;
    if (self.foreground)
        args[nr++] = "-f";
    if (self.verbose)
        args[nr++] = "-v";
    network->worker = fork();
    if (network->worker < 0) {
        syslog(LOG_ERR, "cannot start a worker for network %s: %m", network->name);
        network->worker = 0;
    }
    if (network->worker != 0)
        return;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv("/proc/self/exe", (char **)(uintptr_t)args);
    _exit(127);
}

/* Files that successors need. */
static void remove_files(const struct network *network)
{
    static const char *const files[] = {".journal", COUNTS_SUFFIX};
    char *path;
    for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (asprintf(&path, "%s/%s%s", self.directory, network->name, files[i]) < 0)
            continue;
        unlink(path);
        free(path);
    }
}

/* Forgets networks whose workers have ended: one that has just begun would make its files again. */
static void forget_ended(void)
{
    for (struct network **at = &self.networks; *at;) {
        struct network *n = *at;
        bool ended = n->leaving && !n->worker;
        if (ended)
            remove_files(n);
        if (ended && !n->seen) {
            *at = n->next;
            free(n);
            continue;
        }
        if (ended) { /* it has cards again */
            n->leaving = false;
            start_worker(n);
        }
        at = &n->next;
    }
}

static void found(const char *name)
{
    struct network *n = self.networks;
    while (n && strcmp(n->name, name) != 0)
        n = n->next;
    if (!n && (n = calloc(1, sizeof(*n)))) {
        memcpy(n->name, name, strlen(name) + 1);
        n->next = self.networks;
        self.networks = n;
    }
    if (n && !n->worker && !n->leaving)
        start_worker(n);
    if (n)
        n->seen = true;
}

/* The networks of one guest's cards: false if the store does not say. */
static bool survey_guest(const char *guest)
{
    char *path;
    unsigned nr = 0;
    if (asprintf(&path, "%s/%s", self.path, guest) < 0)
        return false;
    char **names = xs_directory(self.store, XBT_NULL, path, &nr);
    bool good = names || errno == ENOENT;
    for (unsigned i = 0; names && i < nr; i++) {
        char *card;
        if (asprintf(&card, "%s/%s", path, names[i]) < 0)
            continue;
        char *network = node_read(self.store, card, "network");
        if (!network)
            network = node_read(self.store, card, "bridge");
        if (network && is_name(network))
            found(network);
        else if (network)
            syslog(LOG_ERR, "%s: '%s' is no name of a network", card, network);
        free(network);
        free(card);
    }
    free(names);
    free(path);
    return good;
}

/* Which networks have cards. */
static void survey(void)
{
    unsigned nr = 0;
    char **names = xs_directory(self.store, XBT_NULL, self.path, &nr);
    bool known = names || errno == ENOENT;
    for (struct network *n = self.networks; n; n = n->next)
        n->seen = false;
    for (unsigned i = 0; names && i < nr; i++)
        known &= survey_guest(names[i]);
    free(names);
    if (!known)
        return; /* not known is not gone */
    for (struct network *n = self.networks; n; n = n->next) {
        if (n->seen || n->leaving)
            continue;
        n->leaving = true;
        if (n->worker)
            kill(n->worker, SIGKILL);
    }
    forget_ended();
}

static void bury(void)
{
    pid_t pid;
    int status;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct network *n = self.networks;
        while (n && n->worker != pid)
            n = n->next;
        if (!n)
            continue;
        n->worker = 0;
        if (n->leaving)
            continue;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            syslog(LOG_WARNING, "the worker of network %s has ended (%s %d); another one goes on",
                   n->name, WIFSIGNALED(status) ? "signal" : "status",
                   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        if (WIFEXITED(status))
            usleep(PAUSE_MS * 1000); /* it will not get better at once */
        /* Cards may have come after it had decided to end. */
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            survey();
        else
            start_worker(n);
    }
    forget_ended();
}

/* Of what happens to a card only its coming, its going and its network matter here. */
static bool may_be_news(const char *path)
{
    size_t len = strlen(self.path);
    const char *rest = strlen(path) > len ? path + len + 1 : "";
    unsigned slashes = 0;
    for (const char *at = rest; *at; at++)
        slashes += *at == '/';
    const char *last = strrchr(path, '/');
    return slashes < 2 || strcmp(last, "/network") == 0 || strcmp(last, "/bridge") == 0;
}

static int watch_cards(void)
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
    for (;;) {
        struct pollfd fds[] = {{xs_fileno(self.store), POLLIN, 0}, {fd, POLLIN, 0}};
        struct signalfd_siginfo info;
        poll(fds, 2, -1);
        while (read(fd, &info, sizeof(info)) == sizeof(info)) {
            if (info.ssi_signo != SIGCHLD)
                return 0; /* the workers go on */
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

static int serve_network(const char *network)
{
    static struct worker worker;
    if (!worker_open(&worker, network, self.directory))
        return 1;
    while (worker_round(&worker))
        ;
    return worker.backend.gone ? 0 : 1;
}

static void usage(FILE *to)
{
    fputs("Usage: netback [-f] [-d DIR] [-p FILE] [-v]\n"
          "       netback -n NETWORK [-f] [-d DIR] [-v]\n"
          "       netback -s [-d DIR]\n"
          "Serves the network cards of kind pvnet that guests have, a process for each network.\n"
          "  -f, --foreground      stay in the foreground, messages on standard error too\n"
          "  -d, --directory DIR   for what successors need (" DEFAULT_DIRECTORY ", a tmpfs)\n"
          "  -p, --pid-file FILE   the process id of the first process\n"
          "  -n, --network NAME    be the worker of one network\n"
          "  -s, --show            print what the cards have done, as JSON\n"
          "  -v, --verbose         log connections too\n"
          "  -h, --help; -V, --version\n",
          to);
}

static void parse(int argc, char *argv[])
{
    static const struct option options[] = {
        {"foreground", no_argument, NULL, 'f'},
        {"directory", required_argument, NULL, 'd'},
        {"pid-file", required_argument, NULL, 'p'},
        {"network", required_argument, NULL, 'n'},
        {"verbose", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {"show", no_argument, NULL, 's'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    int c;
    while ((c = getopt_long(argc, argv, "fd:p:n:svhV", options, NULL)) != -1) {
        switch (c) {
        case 'f': self.foreground = true; break;
        case 'd': self.directory = optarg; break;
        case 'p': self.pid_file = optarg; break;
        case 's': self.show = true; break;
        case 'v': self.verbose = true; break;
        case 'n':
            self.network = optarg;
            if (!is_name(optarg))
                errx(1, "'%s' is no name of a network: letters, digits, '.', '_', '-'", optarg);
            break;
        case 'h': usage(stdout); exit(0);
        case 'V': puts("netback of Pavis"); exit(0);
        default: usage(stderr); exit(1);
        }
    }
    if (optind != argc) {
        usage(stderr);
        exit(1);
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

int main(int argc, char *argv[])
{
    parse(argc, argv);
    if (self.show)
        return counts_show(self.directory, stdout) ? 0 : 1;
    openlog("netback", LOG_PID | (self.foreground ? LOG_PERROR : 0), LOG_DAEMON);
    setlogmask(LOG_UPTO(self.verbose ? LOG_INFO : LOG_WARNING));
    make_directory(self.directory);
    if (self.network)
        return serve_network(self.network);
    snprintf(self.path, sizeof(self.path), "/local/domain/0/backend/%s", card_driver.kind);
    self.store = xs_open(0);
    if (!self.store)
        err(1, "cannot reach the store; is xenstored running?");
    xs_close(self.store);
    backend_begin("netback", self.directory, self.foreground);
    /* Again, since a connection does not survive the fork. */
    self.store = xs_open(0);
    if (!self.store || !xs_watch(self.store, self.path, "cards"))
        err(1, "cannot watch the store");
    FILE *f = self.pid_file ? fopen(self.pid_file, "we") : NULL;
    if (self.pid_file && (!f || fprintf(f, "%d\n", getpid()) < 0 || fclose(f) != 0))
        warn("cannot write %s", self.pid_file);
    return watch_cards();
}
