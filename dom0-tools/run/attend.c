// SPDX-License-Identifier: GPL-2.0-only
/* Between this terminal, or files, and the first process of the guest (channel.h); with --boot, the
 * guest's console.  What comes from the guest is bounded and checked, and it is only ever shown, or
 * compared with what an exit code may be.
 */
#include "run/attend.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "abi/sched.h"
#include "backend/gate.h"
#include "guest/nodes.h"
#include "pavis/terminal.h"
#include "run/channel.h"

#define START_MS 300000 /* for the guest's kernel; an emulated machine is slow */
#define CLOSE_MS 5000   /* for the guest to close its devices */
#define ESCAPE   0x1d   /* Ctrl-], as with `pavis console` */
#define PATIENCE 3      /* signals to the command until the guest is ended */

struct attendance {
    struct hypercalls *h;
    struct xs_handle *xs;
    unsigned domid;
    const struct run_options *o;
    int signals, console;
    struct event event;
    struct channel_pages *pages;
    struct pipe_end to, from;
    bool input_over, over, guest_gone;
    unsigned nr_signals;
    int code;                            /* of the end; -1: still to be found */
    int told;                            /* what the guest said of the command; -1: nothing yet */
    long long start_end, end, close_end; /* on now_ms()'s clock; 0: none */
    char output[FRAME_MAX];              /* not written yet: to standard output, or error */
    size_t nr_output;
    int output_fd;
    char typed[FRAME_MAX]; /* for the console, not taken yet */
    size_t nr_typed;
};

static long long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void finish(struct attendance *a, int code, const char *why)
{
    if (a->over)
        return;
    a->over = true;
    a->code = code;
    if (why)
        fprintf(stderr, "%spavis run: %s\n", a->o->job.terminal ? "\r\n" : "", why);
}

/* ---- the store: where the channel is, how it ended */

static char *read_home(const struct attendance *a, const char *name, unsigned *len)
{
    char path[NODE_PATH];

    snprintf(path, sizeof(path), "/local/domain/%u/%s", a->domid, name);
    return xs_read(a->xs, XBT_NULL, path, len);
}

static void connect_channel(struct attendance *a)
{
    uint32_t port, refs[CHANNEL_PAGES];
    unsigned len = 0;
    char *text = a->pages || a->o->job.boot ? NULL : read_home(a, NODE_CHANNEL, &len);

    if (!text)
        return;
    if (!channel_parse(text, len, &port, refs, CHANNEL_PAGES)) {
        finish(a, RUN_NOT_STARTED, "the guest offers no channel that can be understood");
    } else if (!(a->pages = grants_map(a->domid, refs, CHANNEL_PAGES, true)) ||
               !event_bind(&a->event, a->domid, port)) {
        finish(a, RUN_NOT_STARTED,
               "cannot connect to the guest; are xen-gntdev and xen-evtchn "
               "loaded?");
    } else {
        a->to = pipe_to_guest(a->pages);
        a->from = pipe_from_guest(a->pages);
        if (a->o->job.terminal)
            terminal_raw(STDIN_FILENO); /* not before: until now Ctrl-C ends the guest */
    }
    free(text);
}

/* The command's code, or -1 if the guest has not told. */
static int told_code(const struct attendance *a)
{
    unsigned len = 0;
    char *text = read_home(a, NODE_EXIT, &len);
    int code = text ? exit_parse(text, len) : -1;

    free(text);
    return code;
}

static void connect_console(struct attendance *a)
{
    char *tty = a->o->job.boot && a->console < 0 ? read_home(a, "console/tty", NULL) : NULL;

    if (tty && strncmp(tty, "/dev/pts/", 9) == 0)
        a->console = open(tty, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    free(tty);
}

/* Whether it runs no more; what it has said before can still be read. */
static void look_at_guest(struct attendance *a)
{
    struct domain_info info;
    struct problem why = {0};
    int reason;

    if (domains_get(a->h, a->domid, &info, &why) != 0)
        a->guest_gone = why.error == ESRCH;
    else
        a->guest_gone = domain_is_dying(&info) || domain_shutdown_reason(&info) >= 0;
    if (!a->guest_gone)
        return;
    reason = why.error ? -1 : domain_shutdown_reason(&info);
    if (a->o->job.boot && (reason == SHUTDOWN_poweroff || reason == SHUTDOWN_reboot))
        a->code = 0;
    else if (reason == SHUTDOWN_crash)
        a->code = -2;
}

static void read_store(struct attendance *a)
{
    char **event;
    bool any = false;

    while ((event = xs_check_watch(a->xs))) {
        any = true;
        free(event);
    }
    if (!any && errno != EAGAIN)
        finish(a, RUN_GUEST_ENDED, "the store is gone; is xenstored running?");
    connect_channel(a);
    connect_console(a);
    look_at_guest(a);
}

/* ---- to the guest */

static void send_size(struct attendance *a)
{
    struct winsize size;
    uint16_t both[2];

    if (!a->pages || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        return;
    both[0] = size.ws_row;
    both[1] = size.ws_col;
    if (frame_put(&a->to, FRAME_SIZE, both, sizeof(both)))
        event_notify(&a->event);
}

static void take_signal(struct attendance *a)
{
    struct signalfd_siginfo info;
    uint8_t number;

    if (read(a->signals, &info, sizeof(info)) != sizeof(info))
        return;
    number = (uint8_t)info.ssi_signo;
    if (number == SIGWINCH) {
        send_size(a);
    } else if (!a->pages || number == SIGHUP || ++a->nr_signals >= PATIENCE ||
               !frame_put(&a->to, FRAME_SIGNAL, &number, 1)) {
        finish(a, EXIT_SIGNAL + number, NULL);
    } else {
        event_notify(&a->event);
    }
}

static void take_input(struct attendance *a)
{
    char bytes[FRAME_MAX];
    ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));
    bool ends = n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN);

    if (n < 0 && !ends)
        return;
    if (n > 0 && isatty(STDIN_FILENO) && memchr(bytes, ESCAPE, (size_t)n)) {
        finish(a, RUN_GUEST_ENDED, "the guest is ended, as Ctrl-] asks for");
    } else if (a->pages) {
        frame_put(&a->to, FRAME_INPUT, bytes, ends ? 0 : (size_t)n); /* room was asked for */
        event_notify(&a->event);
    } else if (n > 0) {
        memcpy(a->typed, bytes, a->nr_typed = (size_t)n);
    }
    a->input_over = ends;
}

static bool wants_input(const struct attendance *a)
{
    if (a->input_over)
        return false;
    if (a->pages)
        return frame_fits(&a->to, FRAME_MAX);
    /* With --boot also before there is a console, or Ctrl-] would not be seen. */
    return isatty(STDIN_FILENO) ? a->o->job.boot && !a->nr_typed : a->console >= 0 && !a->nr_typed;
}

/* ---- from the guest */

static void write_output(struct attendance *a)
{
    ssize_t n = write(a->output_fd, a->output, a->nr_output);

    if (n > 0) {
        a->nr_output -= (size_t)n;
        memmove(a->output, a->output + n, a->nr_output);
    } else if (n < 0 && errno != EINTR && errno != EAGAIN) {
        a->nr_output = 0;
        finish(a, RUN_GUEST_ENDED, "cannot write what the command says");
    }
}

/* A guest with disks closes them itself, which back ends like better than its sudden end. */
static void command_over(struct attendance *a)
{
    int code = told_code(a);

    if (code < 0)
        finish(a, RUN_GUEST_ENDED, "the guest does not say how the command ended");
    else if (!a->o->nr_disks)
        finish(a, code, NULL);
    a->told = code;
    a->close_end = now_ms() + CLOSE_MS;
}

/* One at a time, so that a guest is not faster than who reads. */
static void take_frames(struct attendance *a)
{
    uint8_t kind;
    int len;

    while (a->pages && !a->nr_output && !a->over &&
           (len = frame_get(&a->from, &kind, a->output)) != FRAME_NONE) {
        if (len == FRAME_BROKEN) {
            finish(a, RUN_GUEST_ENDED, "the guest breaks the channel's rules");
            return;
        }
        event_notify(&a->event);
        if (kind == FRAME_END && a->told < 0) {
            command_over(a);
        } else if ((kind == FRAME_OUTPUT || kind == FRAME_ERROR) && len > 0) {
            a->output_fd = kind == FRAME_OUTPUT ? STDOUT_FILENO : STDERR_FILENO;
            a->nr_output = (size_t)len;
        } else {
            /* pavis-init sends nothing else; frames without an effect could keep us here. */
            finish(a, RUN_GUEST_ENDED, "the guest breaks the channel's rules");
        }
    }
}

static void serve_console(struct attendance *a, short events)
{
    ssize_t n;

    if (a->nr_typed && (events & POLLOUT) && (n = write(a->console, a->typed, a->nr_typed)) > 0) {
        a->nr_typed -= (size_t)n;
        memmove(a->typed, a->typed + n, a->nr_typed);
    }
    if (!(events & ~POLLOUT) || a->nr_output)
        return;
    n = read(a->console, a->output, sizeof(a->output));
    if (n > 0) {
        a->output_fd = STDOUT_FILENO;
        a->nr_output = (size_t)n;
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        close(a->console); /* its daemon makes another one when it is started again */
        a->console = -1;
    }
}

/* ---- the loop */

/* All that it said before has been read. */
static void end_without_word(struct attendance *a)
{
    int code = a->told >= 0 || a->o->job.boot ? a->told : told_code(a);

    if (code >= 0 || a->code == 0)
        finish(a, code >= 0 ? code : 0, NULL);
    else if (a->code == -2)
        finish(a, RUN_GUEST_ENDED,
               "the guest crashed; its last words are in the log of xenconsoled");
    else
        finish(a, a->pages || a->o->job.boot ? RUN_GUEST_ENDED : RUN_NOT_STARTED,
               "the guest ended; its last words are in the log of xenconsoled");
}

static int wait_ms(const struct attendance *a)
{
    long long end = a->pages || a->o->job.boot ? a->end : a->start_end, now = now_ms();

    if (a->close_end)
        end = a->close_end;
    if (!end)
        return -1;
    return end <= now ? 0 : end - now > 1 << 30 ? 1 << 30 : (int)(end - now);
}

static void look_at_clock(struct attendance *a)
{
    long long now = now_ms();

    if (a->close_end && now >= a->close_end)
        finish(a, a->told, NULL);
    else if (a->end && now >= a->end)
        finish(a, RUN_TIME_OVER,
               a->pages || a->o->job.boot ? "the time is over"
                                          : "the time is over, and the guest is not up yet");
    else if (!a->pages && !a->o->job.boot && now >= a->start_end)
        finish(a, RUN_NOT_STARTED, "the guest does not come up; see the log of xenconsoled");
}

static void step(struct attendance *a)
{
    bool listens = wants_input(a);
    struct pollfd fds[] = {
        {.fd = a->signals, .events = POLLIN},
        {.fd = xs_fileno(a->xs), .events = POLLIN},
        {.fd = a->event.fd, .events = POLLIN},
        {.fd = listens ? STDIN_FILENO : -1, .events = POLLIN},
        {.fd = a->nr_output ? a->output_fd : -1, .events = POLLOUT},
        {.fd = a->nr_output && !a->nr_typed ? -1 : a->console,
         .events = (short)((a->nr_output ? 0 : POLLIN) | (a->nr_typed ? POLLOUT : 0))},
    };

    if (poll(fds, sizeof(fds) / sizeof(*fds), a->guest_gone && !a->nr_output ? 0 : wait_ms(a)) <
            0 &&
        errno != EINTR)
        finish(a, RUN_GUEST_ENDED, "cannot wait for the guest");
    look_at_clock(a);
    if (fds[0].revents)
        take_signal(a);
    if (fds[4].revents)
        write_output(a);
    if (fds[5].revents)
        serve_console(a, fds[5].revents);
    if (fds[3].revents)
        take_input(a);
    if (fds[2].revents && event_take(&a->event))
        event_enable(&a->event);
    take_frames(a);
    if (a->guest_gone && !a->nr_output && !fds[5].revents)
        end_without_word(a);
    if (fds[1].revents)
        read_store(a);
}

static void wanted_signals(sigset_t *those)
{
    sigemptyset(those);
    sigaddset(those, SIGINT);
    sigaddset(those, SIGTERM);
    sigaddset(those, SIGHUP);
    sigaddset(those, SIGQUIT);
    sigaddset(those, SIGWINCH);
}

void run_hold_signals(void)
{
    sigset_t those;

    wanted_signals(&those);
    sigprocmask(SIG_BLOCK, &those, NULL);
}

static bool set_up(struct attendance *a)
{
    char path[NODE_PATH];
    sigset_t those;

    wanted_signals(&those);
    a->signals = signalfd(-1, &those, SFD_CLOEXEC | SFD_NONBLOCK);
    snprintf(path, sizeof(path), "/local/domain/%u/%s", a->domid,
             a->o->job.boot ? "console/tty" : NODE_CHANNEL);
    return a->signals >= 0 && xs_watch(a->xs, path, "guest") &&
           xs_watch(a->xs, "@releaseDomain", "end");
}

int run_attend(struct hypercalls *h, struct xs_handle *xs, unsigned domid,
               const struct run_options *o)
{
    static struct attendance a;

    a = (struct attendance){.h = h,
                            .xs = xs,
                            .domid = domid,
                            .o = o,
                            .signals = -1,
                            .console = -1,
                            .event = {.fd = -1},
                            .code = -1,
                            .told = -1,
                            .start_end = now_ms() + START_MS,
                            .end = o->timeout_s ? now_ms() + o->timeout_s * 1000LL : 0};
    if (a.end && a.end < a.start_end)
        a.start_end = a.end;
    if (!set_up(&a))
        finish(&a, RUN_NOT_STARTED, "cannot watch the guest in the store");
    if (!a.over && o->job.boot && isatty(STDIN_FILENO))
        terminal_raw(STDIN_FILENO);
    while (!a.over)
        step(&a);
    terminal_restore();
    if (a.pages)
        grants_unmap(a.pages, CHANNEL_PAGES);
    event_close(&a.event);
    if (a.console >= 0)
        close(a.console);
    close(a.signals);
    return a.code;
}
