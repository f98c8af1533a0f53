// SPDX-License-Identifier: GPL-2.0-only
/* netback: starts a broker for each network in which guests have cards of ours, and another one
 * when it ends.
 *
 * All are one program.  The first process (xenbus/backend/supervisor.h) watches the store for
 * cards; a broker is told its network by --network, and starts the worker, which does the work in a
 * jail (xenbus/backend/broker.h).  A worker that is killed, alone or with its broker, leaves its
 * notes and the guests' nodes as they are, and its successor goes on with them; guests notice a
 * pause.
 */
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "backend/node.h"
#include "backend/supervisor.h"
#include "netback/card.h"

#define DEFAULT_DIRECTORY "/run/pavis/netback"
#define MAX_NAME          48u                    /* of a network */
#define CARD_PAGES        (FRONT_MAX_QUEUES * 2) /* its rings */

static struct supervisor self;
static const char *own_network; /* what this process is to serve; NULL: all, by others */
static bool jailed;             /* as its worker */

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

/* ---- networks */

/* The networks of one guest's cards: false if the store does not say. */
static bool survey_guest(struct supervisor *s, const char *guest)
{
    char *path;
    unsigned nr = 0;
    if (asprintf(&path, "%s/%s", s->path, guest) < 0)
        return false;
    char **names = xs_directory(s->store, XBT_NULL, path, &nr);
    bool good = names || errno == ENOENT;
    for (unsigned i = 0; names && i < nr; i++) {
        char *card;
        if (asprintf(&card, "%s/%s", path, names[i]) < 0)
            continue;
        char *network = node_read(s->store, card, "network");
        if (!network)
            network = node_read(s->store, card, "bridge");
        if (network && is_name(network))
            supervisor_found(s, network);
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
static bool survey(struct supervisor *s)
{
    unsigned nr = 0;
    char **names = xs_directory(s->store, XBT_NULL, s->path, &nr);
    bool known = names || errno == ENOENT;
    for (unsigned i = 0; names && i < nr; i++)
        known &= survey_guest(s, names[i]);
    free(names);
    return known;
}

/* Of what happens to a card only its coming, its going and its network matter here. */
static bool is_news(struct supervisor *s, const char *path)
{
    unsigned slashes = 0;
    const char *last = path;
    for (const char *at = path; *at; at++) {
        if (*at == '/') {
            slashes++;
            last = at;
        }
    }
    return slashes < 2 || strcmp(last, "/network") == 0 || strcmp(last, "/bridge") == 0;
}

/* ---- beginning */

static int be_worker(void)
{
    static struct worker worker;
    if (!worker_open(&worker, own_network, self.directory))
        return 1;
    while (worker_round(&worker))
        ;
    _exit(0); /* what a library does at its end may be more than it may do here */
}

static int serve_network(void)
{
    static struct network network;
    const char *program[] = {"netback", "-w", "-n", own_network, "-d", self.directory, NULL, NULL};
    if (self.verbose)
        program[6] = "-v";
    network.name = own_network;
    if (!broker_open(&network.broker, &card_driver, BACKEND_ALL_GUESTS, CARD_PAGES, program))
        err(1, "cannot watch the cards of network %s; is xenstored running?", own_network);
    bool good = broker_run(&network.broker);
    network_end(&network);
    return good ? 0 : 1;
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
          "  -n, --network NAME    serve one network only\n"
          "  -s, --show            print what the cards have done, as JSON\n"
          "  -v, --verbose         log connections too\n"
          "  -h, --help; -V, --version\n",
          to);
}

static const char *const files[] = {".journal", COUNTS_SUFFIX, NULL};
static const struct supervisor_driver driver = {.program = "netback",
                                                .devices = &card_driver,
                                                .directory = DEFAULT_DIRECTORY,
                                                .unit = "network",
                                                .option = "-n",
                                                .files = files,
                                                .survey = survey,
                                                .is_news = is_news,
                                                .usage = usage,
                                                .show = counts_show};

static void parse(int argc, char *argv[])
{
    static const struct option options[] = {
        {"network", required_argument, NULL, 'n'},
        {"strict", no_argument, NULL, 'S'},
        SUPERVISOR_LONG_OPTIONS,
    };
    int c;
    while ((c = getopt_long(argc, argv, SUPERVISOR_OPTIONS "n:Sw", options, NULL)) != -1) {
        switch (c) {
        case 'n':
            if (!is_name(own_network = optarg))
                errx(1, "'%s' is no name of a network: letters, digits, '.', '_', '-'", optarg);
            break;
        case 'S':
            errx(1, "there is no --strict here: a broker cannot make the copies of packets that "
                    "go from guest to guest");
        case 'w': jailed = true; break; /* only a broker says that */
        default: supervisor_option(&self, c, optarg);
        }
    }
    if (optind != argc) {
        usage(stderr);
        exit(1);
    }
}

int main(int argc, char *argv[])
{
    self.driver = &driver;
    parse(argc, argv);
    supervisor_begin(&self);
    if (!own_network)
        return supervisor_run(&self);
    return jailed ? be_worker() : serve_network();
}
