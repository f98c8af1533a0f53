// SPDX-License-Identifier: GPL-2.0-only
/* pavis console: a guest's console on this terminal.
 *
 * xenconsoled keeps a pseudo terminal per guest and writes its path into the store.  The number of
 * such a terminal is used again by anybody once it is closed, so a path is believed only while it
 * is fresh: after an end the next one is taken when the daemon has written it anew, which it does
 * when it was killed and started again.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "pavis/terminal.h"
#include "pavis/verb.h"

#define PIECE    4096
#define ESCAPE   0x1d        /* Ctrl-] */
#define WAIT_MS  10000       /* for the daemon to offer a terminal */
#define LOCK_DIR "/run/lock" /* with Xen's own console client on the same guest */

struct view {
    struct xs_handle *store;
    unsigned domid;
    char path[80]; /* of the node that has the terminal's path */
    int escape;
    bool forced;      /* without the lock */
    bool input;       /* standard input has not ended */
    bool input_waits; /* it is a file or a pipe */
    char typed[16 * PIECE];
    size_t nr_typed; /* bytes that the guest has not taken yet */
};

enum outcome { LEFT, CLOSED, FAILED };

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- bytes */

static bool write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t done = write(fd, data, len);

        if (done < 0 && errno != EINTR)
            return false;
        if (done > 0) {
            data += done;
            len -= (size_t)done;
        }
    }
    return true;
}

/* Takes what is typed; true if that is the wish to leave.  From a terminal everything is read, also
 * when the guest takes nothing more: else Ctrl-] would wait behind it.  A pipe waits.
 */
static bool typed(struct view *v)
{
    size_t room = sizeof(v->typed) - v->nr_typed;
    char buffer[PIECE];
    ssize_t got = read(STDIN_FILENO, buffer, v->input_waits && room < PIECE ? room : PIECE);
    char *escape;

    if (got < 0 && errno == EINTR)
        return false;
    if (got <= 0) {
        v->input = false; /* a file is over: go on showing; a terminal that is gone is the end */
        return !v->input_waits;
    }
    escape = memchr(buffer, v->escape, (size_t)got);
    if (escape)
        got = escape - buffer;
    if ((size_t)got > room)
        got = (ssize_t)room;
    memcpy(v->typed + v->nr_typed, buffer, (size_t)got);
    v->nr_typed += (size_t)got;
    return escape != NULL;
}

/* What was typed goes to the guest as far as it takes it. */
static void pass_on(struct view *v, int console)
{
    ssize_t done = write(console, v->typed, v->nr_typed);

    if (done <= 0)
        return; /* what is wrong with it, if anything is, reading will say */
    v->nr_typed -= (size_t)done;
    memmove(v->typed, v->typed + done, v->nr_typed);
}

/* Until the person leaves or the terminal is closed at the other end. */
static enum outcome attend(struct view *v, int console)
{
    for (;;) {
        bool listen = v->input && !(v->input_waits && v->nr_typed == sizeof(v->typed));
        struct pollfd fds[] = {
            {.fd = console, .events = (short)(POLLIN | (v->nr_typed ? POLLOUT : 0))},
            {.fd = listen ? STDIN_FILENO : -1, .events = POLLIN}};
        char buffer[PIECE];
        ssize_t got;

        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return FAILED;
        if (fds[1].revents && typed(v))
            return LEFT;
        if (v->nr_typed)
            pass_on(v, console);
        if (!(fds[0].revents & ~POLLOUT))
            continue;
        got = read(console, buffer, sizeof(buffer));
        if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
            return CLOSED;
        if (got > 0 && !write_all(STDOUT_FILENO, buffer, (size_t)got))
            return FAILED;
    }
}

/* ---- terminals */

static bool guest_is_there(const struct view *v)
{
    return xs_is_domain_introduced(v->store, v->domid);
}

/* Waits for an event of our watch; false when the time is over or the guest is gone. */
static bool await_event(const struct view *v, int64_t end)
{
    while (guest_is_there(v)) {
        struct pollfd p = {.fd = xs_fileno(v->store), .events = POLLIN};
        int64_t left = end - now_ms();
        char **event = xs_check_watch(v->store);

        if (event) {
            free(event);
            return true;
        }
        if (left <= 0 || errno != EAGAIN)
            return false;
        poll(&p, 1, left > 1000 ? 1000 : (int)left); /* the guest may go meanwhile */
    }
    return false;
}

/* The terminal at the path that the store has now; -1 if there is none. */
static int open_terminal(const struct view *v)
{
    char *tty = xs_read(v->store, XBT_NULL, v->path, NULL);
    int fd = -1;

    if (tty && strncmp(tty, "/dev/pts/", 9) == 0)
        fd = open(tty, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    free(tty);
    return fd;
}

/* The next terminal that the daemon offers; -1 with errno ETIMEDOUT, ESRCH when the guest is gone.
 */
static int await_terminal(const struct view *v)
{
    int64_t end = now_ms() + WAIT_MS;

    while (await_event(v, end)) {
        int fd = open_terminal(v);

        if (fd >= 0)
            return fd;
    }
    errno = guest_is_there(v) ? ETIMEDOUT : ESRCH;
    return -1;
}

/* Two readers would each get half.  The descriptor stays open until the end of the program. */
static bool lock(const struct view *v, struct problem *why)
{
    char path[64];
    int fd;

    snprintf(path, sizeof(path), LOCK_DIR "/xenconsole.%u", v->domid);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return true; /* no folder for locks: go on as before there was one */
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    problem_set(why, errno, "Leave it there, or take part with `pavis console --force`",
                "somebody is at the console of domain %u", v->domid);
    close(fd);
    return false;
}

static int show(struct session *s, struct view *v)
{
    struct problem why;
    enum outcome outcome = CLOSED;
    int error, console = await_terminal(v);

    if (console < 0) {
        problem_set(&why, errno,
                    errno == ESRCH ? "" : "Is xenconsoled running?  `pavis doctor` says",
                    "there is no terminal for the console of domain %u", v->domid);
        return verb_failed(s, &why);
    }
    v->input_waits = !isatty(STDIN_FILENO);
    if (!terminal_raw(STDIN_FILENO))
        err(1, "pavis console: cannot set up this terminal");
    while (console >= 0) {
        outcome = attend(v, console);
        close(console);
        console = outcome == CLOSED ? await_terminal(v) : -1;
    }
    error = errno;
    terminal_restore();
    if (outcome == LEFT) {
        if (isatty(STDOUT_FILENO))
            puts("");
        return 0;
    }
    if (outcome == CLOSED && error == ESRCH)
        return 0; /* the guest is gone */
    problem_set(&why, error, "Start xenconsoled, then attach again",
                "the console of domain %u ended", v->domid);
    return verb_failed(s, &why);
}

int verb_console(struct session *s, int argc, char **argv)
{
    static const struct option options[] = {
        {"escape", required_argument, NULL, 'e'}, {"force", no_argument, NULL, 'f'}, {0}};
    static struct view v = {.escape = ESCAPE, .input = true};
    struct problem why;
    unsigned number = 0;
    int option, domid;

    while ((option = getopt_long(argc, argv, "e:n:t:f", options, NULL)) != -1) {
        switch (option) {
        case 'e': v.escape = escape_byte(optarg); break;
        case 'n': number = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'f': v.forced = true; break;
        case 't':
            if (strcmp(optarg, "pv") != 0)
                return verb_usage(s, "consoles are of type pv");
            break;
        default: return verb_usage(s, "unknown option");
        }
    }
    if (v.escape < 0)
        return verb_usage(s, "-e takes a character, or ^ and a letter");
    if (optind != argc - 1)
        return verb_usage(s, "one domain is needed");
    v.store = session_store(s);
    domid = v.store ? session_domain(s, argv[optind]) : -1;
    if (domid < 0)
        return 1;
    v.domid = (unsigned)domid;
    if (number == 0)
        snprintf(v.path, sizeof(v.path), "/local/domain/%u/console/tty", v.domid);
    else
        snprintf(v.path, sizeof(v.path), "/local/domain/%u/device/console/%u/tty", v.domid, number);
    if (domid == 0) {
        problem_set(&why, 0, "It is this machine's own terminal or serial port",
                    "the control domain's console is not a guest's");
        return verb_failed(s, &why);
    }
    if (!v.forced && !lock(&v, &why))
        return verb_failed(s, &why);
    if (!xs_watch(v.store, v.path, "tty")) {
        problem_set(&why, errno, NULL, "cannot watch the store");
        return verb_failed(s, &why);
    }
    return show(s, &v);
}
