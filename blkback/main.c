// SPDX-License-Identifier: GPL-2.0-only
/* blkback: starts a broker for each guest that has disks of ours, and another one when it ends.
 *
 * All are one program.  The first process (xenbus/backend/supervisor.h) watches the store for
 * guests; a broker is told its guest by --guest, and starts the worker, which does the work in a
 * jail (xenbus/backend/broker.h).  A worker that is killed, alone or with its broker, leaves its
 * notes and the guest's nodes as they are, and its successor goes on with them; the guest notices a
 * pause.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/broker.h"
#include "backend/node.h"
#include "backend/supervisor.h"
#include "blkback/cow.h"
#include "blkback/disk.h"

#define DEFAULT_DIRECTORY "/run/pavis/blkback"
#define MAX_DOMID         0x7fefu /* the ids above mean something else */
#define DISK_PAGES        2048u   /* it keeps 1056, and has four rings of 16 */

static struct {
    struct supervisor supervisor; /* first */
    const char *overlay;          /* to make */
    bool copy;
    bool strict;
    bool jailed;
} self;

/* ---- guests */

/* By the directories in the store. */
static bool survey(struct supervisor *s)
{
    unsigned nr = 0;
    uint64_t domid;
    char **names = xs_directory(s->store, XBT_NULL, s->path, &nr);
    if (!names && errno != ENOENT)
        return false;
    for (unsigned i = 0; names && i < nr; i++) {
        char guest[16];
        if (!node_parse(names[i], MAX_DOMID, &domid))
            continue;
        snprintf(guest, sizeof(guest), "%u", (unsigned)domid);
        supervisor_found(s, guest);
    }
    free(names);
    return true;
}

/* Most events are about devices of guests that we know; who makes a node makes those above it
 * without an event of their own. */
static bool is_news(struct supervisor *s, const char *path)
{
    size_t len = strcspn(path, "/");
    char *name = strndup(path, len);
    const struct unit *guest = name ? supervisor_find(s, name) : NULL;
    free(name);
    return !guest || guest->leaving || path[len] != '/';
}

/* ---- beginning */

static int be_worker(unsigned guest)
{
    static struct worker worker;
    /* Buffers come and go with requests: keep their memory. */
    mallopt(M_MMAP_THRESHOLD, 64 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    if (!worker_open(&worker, guest, self.supervisor.directory))
        return 1;
    while (worker_round(&worker))
        ;
    _exit(0); /* what a library does at its end may be more than it may do here */
}

static int serve_guest(unsigned guest)
{
    static struct broker broker;
    char domid[16];
    const char *program[] = {"blkback", "-w", "-g", domid, "-d", self.supervisor.directory,
                             NULL,      NULL};
    if (self.supervisor.verbose)
        program[6] = "-v";
    snprintf(domid, sizeof(domid), "%u", guest);
    disk_offer_persistent = !self.copy;
    if (!broker_open(&broker, &disk_driver, guest, DISK_PAGES, program))
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

static const char *const files[] = {".journal", COUNTS_SUFFIX, NULL};
static const struct supervisor_driver driver = {.program = "blkback",
                                                .devices = &disk_driver,
                                                .directory = DEFAULT_DIRECTORY,
                                                .unit = "domain",
                                                .option = "-g",
                                                .files = files,
                                                .survey = survey,
                                                .is_news = is_news,
                                                .usage = usage,
                                                .show = counts_show};

static uint64_t parse(int argc, char *argv[])
{
    static const struct option options[] = {
        {"copy", no_argument, NULL, 'c'},
        {"guest", required_argument, NULL, 'g'},
        {"strict", no_argument, NULL, 'S'},
        {"make-overlay", required_argument, NULL, 'o'},
        SUPERVISOR_LONG_OPTIONS,
    };
    uint64_t guest = 0;
    int c;
    while ((c = getopt_long(argc, argv, SUPERVISOR_OPTIONS "cg:o:Sw", options, NULL)) != -1) {
        switch (c) {
        case 'c': self.copy = true; break;
        case 'S': self.strict = true; break;
        case 'w': self.jailed = true; break; /* only a broker says that */
        case 'o': self.overlay = optarg; break;
        case 'g':
            if (!node_parse(optarg, MAX_DOMID, &guest) || !guest)
                errx(1, "'%s' is no guest's domain id", optarg);
            break;
        default: supervisor_option(&self.supervisor, c, optarg);
        }
    }
    if (self.copy)
        supervisor_pass_on(&self.supervisor, "-c");
    if (self.strict)
        supervisor_pass_on(&self.supervisor, "-S");
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

int main(int argc, char *argv[])
{
    self.supervisor.driver = &driver;
    uint64_t guest = parse(argc, argv);
    if (self.overlay && !self.supervisor.show)
        return make_overlay(argv[optind], argv[optind + 1]);
    supervisor_begin(&self.supervisor);
    if (self.jailed && guest)
        return be_worker((unsigned)guest);
    if (guest)
        return serve_guest((unsigned)guest);
    return supervisor_run(&self.supervisor);
}
