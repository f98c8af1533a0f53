// SPDX-License-Identifier: GPL-2.0-only
/* xenconsoled: the consoles of all guests, and the hypervisor's log as a file.
 *
 * One thread and one poll().  The store tells which guests there are (their homes below
 * /local/domain, again at each
 * @introduceDomain and @releaseDomain) and where their consoles are; everything else is guest.c's.
 * Options are those of Xen's daemon, as scripts and units use them, and --log-limit and --replay.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "abi/xen.h"
#include "lib/control.h"
#include "xenconsoled/guest.h"
#include "xenconsoled/keeper.h"

#define DEFAULT_LOG_DIR  "/var/log/xen/console"
#define DEFAULT_PID_FILE "/var/run/xen/xenconsoled.pid"
#define DEFAULT_LIMIT    1024 /* KiB a log file may have */
#define DEFAULT_REPLAY   16   /* KiB shown to who attaches */
#define LOG_PIECE        4096
#define HYPERVISOR_MS    1000
#define KEEPER_MS        2000
#define FIXED_FDS        4 /* in front of the guests' two each */

struct daemon {
    struct settings settings;
    struct guest *guests;
    bool log_hypervisor;
    bool hypervisor_times;
    struct hypercalls *hypervisor; /* for its log */
    struct logfile hypervisor_log;
    uint32_t hypervisor_index;
    uint64_t hypervisor_read; /* ms, when its log was read last */
    struct event hypervisor_event;
    const char *pid_file;
    bool foreground;
    int keep; /* the process of a daemon that we are to be the keeper of, or 0 */
    struct keeping keeping;
};

static volatile sig_atomic_t ending;
static volatile sig_atomic_t reopening;

static void on_signal(int number)
{
    if (number == SIGHUP)
        reopening = 1;
    else
        ending = 1;
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- which guests there are */

static struct guest *find(const struct daemon *d, unsigned domid)
{
    struct guest *guest = d->guests;
    while (guest && guest->domid != domid)
        guest = guest->next;
    return guest;
}

/* Compares our guests with the store's; whether those that we know still live only where @deaths
 * says so. */
static void survey(struct daemon *d, bool deaths)
{
    unsigned nr = 0;
    char **names = xs_directory(d->settings.store, XBT_NULL, "/local/domain", &nr);
    if (!names)
        return; /* not known is not dead */
    for (struct guest *guest = d->guests; guest; guest = guest->next)
        guest->seen = false;
    for (unsigned i = 0; i < nr; i++) {
        unsigned domid = (unsigned)strtoul(names[i], NULL, 10);
        struct guest *guest = find(d, domid);
        if (domid == 0 ||
            ((!guest || deaths) && !xs_is_domain_introduced(d->settings.store, domid)))
            continue;
        if (!guest) {
            guest = guest_new(&d->settings, domid);
            if (!guest)
                continue;
            guest->next = d->guests;
            d->guests = guest;
        }
        guest->seen = true;
    }
    free(names);
    for (struct guest **at = &d->guests; *at;) {
        struct guest *guest = *at;
        if (guest->seen) {
            at = &guest->next;
        } else {
            *at = guest->next;
            guest_free(&d->settings, guest);
        }
    }
}

static void store_events(struct daemon *d)
{
    char **event;
    bool births = false;
    bool deaths = false;
    while ((event = xs_check_watch(d->settings.store))) {
        unsigned domid;
        if (strcmp(event[XS_WATCH_TOKEN], "@introduceDomain") == 0) {
            births = true;
        } else if (strcmp(event[XS_WATCH_TOKEN], "@releaseDomain") == 0) {
            deaths = true;
        } else if (sscanf(event[XS_WATCH_TOKEN], "/local/domain/%u/console", &domid) == 1) {
            struct guest *guest = find(d, domid);
            if (guest)
                guest_look(&d->settings, guest);
        }
        free(event);
    }
    if (errno != EAGAIN) {
        syslog(LOG_ERR, "the connection to the store is gone: %m");
        ending = 1;
    }
    if (births || deaths)
        survey(d, deaths);
}

/* ---- the rest of what happens */

static void terminal_visits(struct daemon *d)
{
    char buffer[LOG_PIECE] __attribute__((aligned(__alignof__(struct inotify_event))));
    /* Which terminal does not matter: there are few, and asking is cheap. */
    if (read(d->settings.inotify, buffer, sizeof(buffer)) <= 0)
        return;
    for (struct guest *guest = d->guests; guest; guest = guest->next)
        guest_visit(&d->settings, guest);
}

/* By its event, and once a second in any case: Pavis raises none for its log. */
static void read_hypervisor_log(struct daemon *d, uint64_t now)
{
    char text[LOG_PIECE];
    int len;
    if (event_take(&d->hypervisor_event))
        event_enable(&d->hypervisor_event); /* before the reading, so that nothing is missed */
    else if (now - d->hypervisor_read < HYPERVISOR_MS)
        return;
    d->hypervisor_read = now;
    while ((len = host_console(d->hypervisor, text, sizeof(text), &d->hypervisor_index, false,
                               NULL)) > 0)
        logfile_write(&d->hypervisor_log, text, (size_t)len);
}

static void reopen_logs(struct daemon *d)
{
    reopening = 0;
    logfile_reopen(&d->hypervisor_log);
    for (struct guest *guest = d->guests; guest; guest = guest->next)
        logfile_reopen(&guest->log);
}

static size_t count(const struct guest *guest)
{
    size_t nr = 0;
    for (; guest; guest = guest->next)
        nr++;
    return nr;
}

/* Fills the descriptors; the time that poll() may take. */
static int prepare(struct daemon *d, struct pollfd *fds, uint64_t now)
{
    int timeout = d->log_hypervisor ? HYPERVISOR_MS : -1;
    fds[0] = (struct pollfd){.fd = xs_fileno(d->settings.store), .events = POLLIN};
    fds[1] = (struct pollfd){.fd = d->settings.inotify, .events = POLLIN};
    fds[2] = (struct pollfd){.fd = d->hypervisor_event.fd, .events = POLLIN};
    fds[3] = (struct pollfd){.fd = d->keeping.pidfd, .events = POLLIN};
    if (!d->foreground && d->keeping.pidfd < 0 && (timeout < 0 || timeout > KEEPER_MS))
        timeout = KEEPER_MS;
    fds += FIXED_FDS;
    for (struct guest *guest = d->guests; guest; guest = guest->next, fds += 2) {
        int wait = guest_wait(guest, now);
        if (wait >= 0 && (timeout < 0 || wait < timeout))
            timeout = wait;
        short events = guest_terminal_events(guest);
        fds[0] = (struct pollfd){.fd = guest->event.fd, .events = POLLIN};
        /* A negative descriptor is skipped: without one who attends, the master would say POLLHUP
         * all the time. */
        fds[1] =
            (struct pollfd){.fd = guest->attended ? guest->terminal.master : -1, .events = events};
    }
    return timeout;
}

static void serve(struct daemon *d, const struct pollfd *fds)
{
    uint64_t now = now_ms();
    const struct pollfd *of_guest = fds + FIXED_FDS;
    /* The guests first: what else happens may change their list. */
    for (struct guest *guest = d->guests; guest; guest = guest->next, of_guest += 2) {
        if (guest_wait(guest, now) == 0)
            guest_period_over(guest);
        if (of_guest[0].revents)
            guest_event(guest, now);
        if (of_guest[1].revents)
            guest_terminal_ready(guest, of_guest[1].revents);
    }
    if (fds[1].revents)
        terminal_visits(d);
    if (d->log_hypervisor)
        read_hypervisor_log(d, now);
    if (fds[0].revents)
        store_events(d);
    if (!d->foreground && (d->keeping.pidfd < 0 || fds[3].revents))
        keeper_renew(&d->keeping);
}

static void loop(struct daemon *d)
{
    struct pollfd *fds = NULL;
    while (!ending) {
        struct pollfd *more = realloc(fds, (FIXED_FDS + 2 * count(d->guests)) * sizeof(*fds));
        if (!more) {
            syslog(LOG_ERR, "out of memory");
            break;
        }
        fds = more;
        int timeout = prepare(d, fds, now_ms());
        int ready = poll(fds, FIXED_FDS + 2 * count(d->guests), timeout);
        if (reopening)
            reopen_logs(d);
        if (ready >= 0)
            serve(d, fds);
    }
    free(fds);
}

/* ---- beginning and end */

static void start(struct daemon *d)
{
    struct sigaction action = {.sa_handler = on_signal};
    static const int signals[] = {SIGHUP, SIGTERM, SIGINT};
    struct problem why;
    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
        sigaction(signals[i], &action, NULL);
    signal(SIGPIPE, SIG_IGN);

    d->settings.store = xs_open(0);
    if (!d->settings.store)
        err(1, "cannot reach the store; is xenstored running?");
    d->settings.inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (d->settings.inotify < 0)
        err(1, "inotify");
    mkdir(d->settings.log_dir, 0755);
    d->hypervisor_log = d->settings.log;
    d->hypervisor_log.times = d->hypervisor_times;
    if (d->log_hypervisor) {
        if (!logfile_open(&d->hypervisor_log, d->settings.log_dir, "hypervisor"))
            err(1, "cannot write logs in %s", d->settings.log_dir);
        d->hypervisor = hypercalls_open(&why);
        if (!d->hypervisor)
            errx(1, "%s", why.cause);
        if (!event_bind_virq(&d->hypervisor_event, VIRQ_CON_RING))
            err(1, "cannot ask for the hypervisor's log");
    }
    if (!xs_watch(d->settings.store, "@introduceDomain", "@introduceDomain") ||
        !xs_watch(d->settings.store, "@releaseDomain", "@releaseDomain"))
        err(1, "cannot watch the store");
}

static void write_pid(const struct daemon *d)
{
    FILE *f = fopen(d->pid_file, "we");
    if (!f || fprintf(f, "%d\n", getpid()) < 0 || fclose(f) != 0)
        warn("cannot write %s", d->pid_file);
}

static void leave_terminal(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (chdir("/") != 0 || null < 0)
        err(1, "/dev/null");
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    close(null);
}

/* The parent goes when the daemon works, with its status. */
static void detach(struct daemon *d, char *argv[])
{
    int fds[2];
    char byte;
    if (pipe2(fds, O_CLOEXEC) != 0)
        err(1, "pipe");
    pid_t child = fork();
    if (child < 0)
        err(1, "fork");
    if (child > 0) {
        close(fds[1]);
        _exit(read(fds[0], &byte, 1) == 1 ? 0 : 1);
    }
    setsid();
    close(fds[0]);
    bool first = keeper_begin(&d->keeping, argv, fds[1]);
    start(d);
    write_pid(d);
    if (!first)
        return;
    leave_terminal();
    if (write(fds[1], "", 1) != 1)
        exit(1);
    close(fds[1]);
}

static void usage(FILE *to)
{
    fputs("Usage: xenconsoled [-h] [-V] [-v] [-i] [--log=none|guest|hv|all] [--log-dir=DIR] "
          "[--log-limit=KIB]\n"
          "           [--replay=KIB] [--pid-file=FILE] [-t|--timestamp=none|guest|hv|all] "
          "[--replace-escape]\n"
          "  -i            stay in the foreground\n"
          "  --log-limit   a log file's greatest size, then it becomes FILE.1; 0: none (1024)\n"
          "  --replay      how much of the past `xl console` shows (16, at most 64)\n"
          "  -v, -o, --overflow-data=discard|keep  are accepted; output that nobody reads is "
          "always bounded\n",
          to);
}

enum {
    OPTION_LOG = 256,
    OPTION_DIR,
    OPTION_LIMIT,
    OPTION_REPLAY,
    OPTION_PID,
    OPTION_ESCAPE,
    OPTION_KEEP
};

/* "guest", "hv", "all" or "none". */
static void choose(const char *text, bool *guests, bool *hypervisor)
{
    *guests = strcmp(text, "guest") == 0 || strcmp(text, "all") == 0;
    *hypervisor = strcmp(text, "hv") == 0 || strcmp(text, "all") == 0;
    if (!*guests && !*hypervisor && strcmp(text, "none") != 0)
        errx(1, "'%s' is none of none, guest, hv, all", text);
}

static unsigned long number(const char *text)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno || end == text || *end)
        errx(1, "'%s' is not a number of KiB", text);
    return value * 1024;
}

static void parse(struct daemon *d, int argc, char *argv[])
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {"verbose", no_argument, NULL, 'v'},
        {"interactive", no_argument, NULL, 'i'},
        {"timestamp", required_argument, NULL, 't'},
        {"overflow-data", required_argument, NULL, 'o'},
        {"log", required_argument, NULL, OPTION_LOG},
        {"log-dir", required_argument, NULL, OPTION_DIR},
        {"log-limit", required_argument, NULL, OPTION_LIMIT},
        {"replay", required_argument, NULL, OPTION_REPLAY},
        {"pid-file", required_argument, NULL, OPTION_PID},
        {"replace-escape", no_argument, NULL, OPTION_ESCAPE},
        {"keep", required_argument, NULL, OPTION_KEEP}, /* keeper.c's own */
        {NULL, 0, NULL, 0},
    };
    int c;
    while ((c = getopt_long(argc, argv, "hVvit:o:", options, NULL)) != -1) {
        switch (c) {
        case 'h': usage(stdout); exit(0);
        case 'V': puts("xenconsoled of Pavis"); exit(0);
        case 'i': d->foreground = true; break;
        case 't': choose(optarg, &d->settings.log.times, &d->hypervisor_times); break;
        case 'v':
        case 'o': break;
        case OPTION_LOG: choose(optarg, &d->settings.log_guests, &d->log_hypervisor); break;
        case OPTION_DIR: d->settings.log_dir = optarg; break;
        case OPTION_LIMIT: d->settings.log.limit = number(optarg); break;
        case OPTION_REPLAY: d->settings.replay = number(optarg); break;
        case OPTION_PID: d->pid_file = optarg; break;
        case OPTION_KEEP: d->keep = atoi(optarg); break;
        case OPTION_ESCAPE: d->settings.log.replace_escape = true; break;
        default: usage(stderr); exit(1);
        }
    }
    if (optind != argc) {
        usage(stderr);
        exit(1);
    }
}

int main(int argc, char *argv[])
{
    static struct daemon d = {
        .settings = {.log_dir = DEFAULT_LOG_DIR,
                     .log = {.fd = -1, .limit = DEFAULT_LIMIT * 1024},
                     .replay = DEFAULT_REPLAY * 1024},
        .hypervisor_event = {.fd = -1},
        .keeping = {.pidfd = -1},
        .pid_file = DEFAULT_PID_FILE,
    };
    parse(&d, argc, argv);
    openlog("xenconsoled", LOG_PID | (d.foreground ? LOG_PERROR : 0), LOG_DAEMON);
    if (d.foreground) {
        start(&d);
        write_pid(&d);
    } else if (d.keep) {
        keeper_of(&d.keeping, d.keep, argv);
        start(&d);
        write_pid(&d);
    } else {
        detach(&d, argv);
    }
    loop(&d);
    keeper_dismiss(&d.keeping);
    while (d.guests) {
        struct guest *guest = d.guests;
        d.guests = guest->next;
        guest_free(&d.settings, guest);
    }
    logfile_close(&d.hypervisor_log);
    hypercalls_close(d.hypervisor);
    xs_close(d.settings.store);
    unlink(d.pid_file);
    return 0;
}
