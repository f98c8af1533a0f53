// SPDX-License-Identifier: GPL-2.0-only
/* Between the command's pipes and the link, and the one place that waits for processes. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/init.h"

#define STOP_MS 5000 /* from a request to end to the end by force */

struct relay {
    struct link *l;
    const struct job *job;
    struct streams s;
    int signals;
    char input[FRAME_MAX]; /* for the command, not taken yet */
    size_t nr_input;
    bool input_ends; /* behind those bytes */
    bool over, stopping;
    int status; /* of the command, once it is over */
};

static void close_input(struct relay *r)
{
    if (r->s.to >= 0 && r->s.to != r->s.from)
        close(r->s.to);
    else if (r->s.to >= 0 && write(r->s.to, "\4", 1) < 0) /* Ctrl-D ends a terminal's input */
        complain("input:");
    r->s.to = -1;
}

static void give_input(struct relay *r)
{
    ssize_t n = r->nr_input && r->s.to >= 0 ? write(r->s.to, r->input, r->nr_input) : 0;

    if (n > 0) {
        r->nr_input -= (size_t)n;
        memmove(r->input, r->input + n, r->nr_input);
    } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
        r->nr_input = 0; /* nobody reads any more */
        close_input(r);
    }
    if (r->input_ends && !r->nr_input)
        close_input(r);
    if (r->s.to < 0)
        r->nr_input = 0;
}

static void set_size(const struct relay *r, const char bytes[4])
{
    struct winsize size;
    uint16_t rows, columns;

    memcpy(&rows, bytes, 2);
    memcpy(&columns, bytes + 2, 2);
    size = (struct winsize){.ws_row = rows, .ws_col = columns};
    if (r->job->terminal && r->s.from >= 0)
        ioctl(r->s.from, TIOCSWINSZ, &size);
}

/* Frames are taken only while there is room for what they may bring. */
static void take_frames(struct relay *r)
{
    char bytes[FRAME_MAX];
    uint8_t kind;
    int len;

    while (!r->nr_input && (len = frame_get(&r->l->in, &kind, bytes)) >= 0) {
        link_notify(r->l);
        if (kind == FRAME_INPUT && len == 0)
            r->input_ends = true;
        else if (kind == FRAME_INPUT)
            memcpy(r->input, bytes, r->nr_input = (size_t)len);
        else if (kind == FRAME_SIZE && len == 4)
            set_size(r, bytes);
        else if (kind == FRAME_SIGNAL && len == 1 && !r->over)
            kill(-r->s.pid, bytes[0]);
        give_input(r);
    }
}

/* True: the stream has ended. */
static bool pass_output(struct relay *r, int fd, enum frame_kind kind)
{
    char bytes[FRAME_MAX];
    ssize_t n = read(fd, bytes, sizeof(bytes));

    if (n > 0) {
        frame_put(&r->l->out, kind, bytes, (size_t)n); /* there is room: it was asked before */
        link_notify(r->l);
        return false;
    }
    return n == 0 || (errno != EAGAIN && errno != EINTR); /* EIO: a terminal that nobody has */
}

/* Every process whose parent is gone is ours to bury; the command's end is noted. */
static void bury(struct relay *r)
{
    pid_t pid;
    int status;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == r->s.pid) {
            r->over = true;
            r->status = status;
            kill(-1, SIGKILL); /* what it left behind holds its output open */
        }
}

/* The kernel runs /sbin/poweroff when dom0 asks for a shutdown, and that tells us. */
static void take_signals(struct relay *r)
{
    struct signalfd_siginfo info;

    while (read(r->signals, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGCHLD) {
            bury(r);
        } else if (!r->over) {
            kill(-r->s.pid, r->stopping ? SIGKILL : SIGTERM);
            r->stopping = true;
        }
    }
}

static void relay(struct relay *r)
{
    bool errors_left = r->s.from_error >= 0, output_left = r->s.from >= 0;

    while (!r->over || output_left || errors_left) {
        bool room = r->l->pages && frame_fits(&r->l->out, FRAME_MAX);
        struct pollfd fds[] = {
            {.fd = r->signals, .events = POLLIN},
            {.fd = r->l->event, .events = POLLIN},
            {.fd = output_left && room ? r->s.from : -1, .events = POLLIN},
            {.fd = errors_left && room ? r->s.from_error : -1, .events = POLLIN},
            {.fd = r->nr_input && r->s.to >= 0 ? r->s.to : -1, .events = POLLOUT},
        };

        if (poll(fds, 5, r->stopping ? STOP_MS : -1) == 0 && r->stopping && !r->over)
            kill(-r->s.pid, SIGKILL);
        if (fds[0].revents)
            take_signals(r);
        if (fds[1].revents)
            link_attend(r->l);
        if (fds[2].revents && pass_output(r, r->s.from, FRAME_OUTPUT))
            output_left = false;
        room = r->l->pages && frame_fits(&r->l->out, FRAME_MAX);
        if (fds[3].revents && room && pass_output(r, r->s.from_error, FRAME_ERROR))
            errors_left = false;
        give_input(r);
        if (r->l->pages)
            take_frames(r);
    }
}

int run_command(struct link *l, const struct job *job)
{
    struct relay r = {.l = l, .job = job};
    sigset_t those;

    sigfillset(&those);
    sigprocmask(SIG_BLOCK, &those, NULL);
    sigemptyset(&those);
    sigaddset(&those, SIGCHLD);
    sigaddset(&those, SIGTERM);
    sigaddset(&those, SIGUSR1);
    sigaddset(&those, SIGUSR2);
    r.signals = signalfd(-1, &those, SFD_CLOEXEC | SFD_NONBLOCK);
    if (r.signals < 0 || !command_start(&r.s, job)) {
        complain("cannot start the command:");
        return 126 << 8;
    }
    relay(&r);
    return r.status;
}
