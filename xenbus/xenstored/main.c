// SPDX-License-Identifier: GPL-2.0-only
/* xenstored: options, the socket, the keeper.
 *
 * Two processes share one table of descriptors and one piece of memory.  The daemon serves; the
 * keeper does nothing but wait for the daemon's end and start another one in its place, which goes
 * on where that one was.  If it is the keeper that dies, the daemon makes a new one.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon.h"
#include "keeper.h"
#include "log.h"

static const char usage[] =
    "usage: xenstored [options]\n"
    "\n"
    "The store of the Xen toolstack: answers clients at a socket and domains at their rings.\n"
    "\n"
    "  -s, --socket FILE       listen there ($XENSTORED_PATH, or socket in\n"
    "                          $XENSTORED_RUNDIR, /run/xenstored)\n"
    "  -F, --pid-file FILE     write the keeper's process id there\n"
    "  -P, --output-pid        print it\n"
    "  -N, --no-fork           stay in the foreground\n"
    "  -D, --no-domain-init    leave dom0's kernel alone\n"
    "  -T, --trace-file FILE   log to this file (xenstore-control log on: every request)\n"
    "  -V, --verbose           log every request from the start\n"
    "  -Q, --quota NAME=NUMBER set a limit: nodes, node-size, permissions, watches,\n"
    "                          transactions, transaction-nodes, path-max, memory, output\n"
    "  -E, -S, -W, -t, -A, -M NUMBER\n"
    "                          the same for nodes, node-size, watches, transactions,\n"
    "                          permissions, path-max (--entry-nb, --entry-size, --watch-nb,\n"
    "                          --transaction, --perm-nb, --path-max)\n"
    "  -J, --journal KIB       note so much before a snapshot replaces the notes (4096)\n"
    "  -1, --single            one process, without a keeper, in the foreground: for debuggers\n"
    "  -H, --help              this text\n"
    "\n"
    "SIGTERM ends it, and the store with it.  A daemon that is killed otherwise is replaced at "
    "once\n"
    "and nothing is lost.  See xenstored(8).\n";

static const struct option options[] = {
    {"socket", required_argument, NULL, 's'},   {"pid-file", required_argument, NULL, 'F'},
    {"output-pid", no_argument, NULL, 'P'},     {"no-fork", no_argument, NULL, 'N'},
    {"no-domain-init", no_argument, NULL, 'D'}, {"trace-file", required_argument, NULL, 'T'},
    {"verbose", no_argument, NULL, 'V'},        {"quota", required_argument, NULL, 'Q'},
    {"entry-nb", required_argument, NULL, 'E'}, {"entry-size", required_argument, NULL, 'S'},
    {"watch-nb", required_argument, NULL, 'W'}, {"transaction", required_argument, NULL, 't'},
    {"perm-nb", required_argument, NULL, 'A'},  {"path-max", required_argument, NULL, 'M'},
    {"journal", required_argument, NULL, 'J'},  {"single", no_argument, NULL, '1'},
    {"help", no_argument, NULL, 'H'},           {NULL, 0, NULL, 0},
};

struct settings {
    const char *socket, *pid_file;
    bool foreground, print_pid, no_dom0, single;
    uint64_t journal_min;
    struct quota quota;
};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "xenstored: %s: %s\n", what, why);
    exit(1);
}

static uint32_t number(const char *text)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (end == text || *end || n > INT32_MAX)
        fail(text, "is no number");
    return (uint32_t)n;
}

static void set_quota(struct quota *q, const char *name, const char *text)
{
    uint32_t *field = quota_named(q, name);
    if (!field)
        fail(name, "there is no such limit; --help names them");
    *field = number(text);
}

static void set_named_quota(struct quota *q, char *text)
{
    char *equals = strchr(text, '=');
    if (!equals)
        fail(text, "a limit is set by NAME=NUMBER");
    *equals = 0;
    set_quota(q, text, equals + 1);
}

static void parse(struct settings *set, int argc, char *argv[])
{
    static const char *const short_quota[128] = {
        ['E'] = "nodes",        ['S'] = "node-size",   ['W'] = "watches",
        ['t'] = "transactions", ['A'] = "permissions", ['M'] = "path-max",
    };
    int c;
    while ((c = getopt_long(argc, argv, "s:F:PNDT:VQ:E:S:W:t:A:M:J:1H", options, NULL)) != -1) {
        switch (c) {
        case 's': set->socket = optarg; break;
        case 'F': set->pid_file = optarg; break;
        case 'P': set->print_pid = true; break;
        case 'N': set->foreground = true; break;
        case 'D': set->no_dom0 = true; break;
        case 'V': log_requests = true; break;
        case 'T':
            if (log_file(optarg) != 0)
                fail(optarg, strerror(errno));
            break;
        case 'Q': set_named_quota(&set->quota, optarg); break;
        case 'J': set->journal_min = 1024ul * number(optarg); break;
        case '1': set->single = set->foreground = true; break;
        case 'H': fputs(usage, stdout); exit(0);
        case '?': fputs("Try xenstored --help.\n", stderr); exit(2);
        default: set_quota(&set->quota, short_quota[c], optarg); break;
        }
    }
    if (optind != argc)
        fail(argv[optind], "no arguments are expected; try --help");
}

/* ---- the socket */

static void socket_name(const struct settings *set, struct sockaddr_un *name)
{
    const char *dir = getenv("XENSTORED_RUNDIR"), *path = set->socket;
    int n;
    if (!path)
        path = getenv("XENSTORED_PATH");
    if (!dir)
        dir = "/run/xenstored";
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (path) {
        n = snprintf(name->sun_path, sizeof(name->sun_path), "%s", path);
    } else {
        mkdir(dir, 0755);
        n = snprintf(name->sun_path, sizeof(name->sun_path), "%s/socket", dir);
    }
    if (n >= (int)sizeof(name->sun_path))
        fail("socket", "the name is too long");
}

static int listen_at(const struct sockaddr_un *name)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        fail("socket", strerror(errno));
    if (connect(fd, (const struct sockaddr *)name, sizeof(*name)) == 0)
        fail(name->sun_path, "another xenstored answers there");
    close(fd);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(name->sun_path);
    umask(0177);
    if (fd < 0 || bind(fd, (const struct sockaddr *)name, sizeof(*name)) < 0 || listen(fd, 128) < 0)
        fail(name->sun_path, strerror(errno));
    umask(022);
    return fd;
}

/* ---- into the background */

/* The caller's process ends, with status 0 if the store is ready, when that is known. */
static void detach(int ready[2])
{
    char byte;
    pid_t pid = fork();
    if (pid < 0)
        fail("fork", strerror(errno));
    if (pid > 0) {
        close(ready[1]);
        _exit(read(ready[0], &byte, 1) == 1 ? 0 : 1);
    }
    close(ready[0]);
    setsid();
}

int main(int argc, char *argv[])
{
    struct settings set = {.quota = store_default_quota, .journal_min = KEEP_JOURNAL_MIN};
    struct sockaddr_un name;
    int ready[2] = {-1, -1};
    parse(&set, argc, argv);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    socket_name(&set, &name);
    int fd = listen_at(&name);
    if (!set.foreground) {
        if (pipe2(ready, O_CLOEXEC) < 0)
            fail("pipe", strerror(errno));
        detach(ready);
    }
    struct keep *k = keep_new();
    if (!k)
        fail("shared memory", strerror(errno));
    k->listen_fd = fd;
    k->ready_fd = ready[1];
    k->quota = set.quota;
    k->journal_min = set.journal_min;
    k->background = !set.foreground;
    k->single = set.single;
    k->no_dom0 = set.no_dom0;
    k->log_fd = log_descriptor();
    if (set.print_pid) {
        printf("%d\n", getpid());
        fflush(stdout);
    }
    int status = keeper_run(k, set.pid_file);
    unlink(name.sun_path);
    return status;
}
