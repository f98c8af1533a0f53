// SPDX-License-Identifier: GPL-2.0-only
/* The broker: see broker.h.  Whatever it does for one guest has an end: the store answers, a worker
 * that does not is replaced, and a device over which workers end is given up.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "backend/ask.h"
#include "backend/broker.h"
#include "backend/gate.h"
#include "backend/wire.h"

#define PAUSE_MS    100 /* before a worker that has ended at once is started again */
#define START_TRIES 100 /* of starting one, ten seconds in all */
#define LINES       20  /* of a worker's, in a second: who writes more fills a log */
/* A disk's worker answers when what is under way is done, which may be a flush of all memory. */
#define PATIENCE_MS      300000
#define PATIENCE_MANY_MS 20000 /* where other guests wait, too */
#define MOST_HARM        3     /* workers that end over a device's orders, where others wait */
#define END_MS           1000  /* from the closing of a killed process's files to its end */
#define FREE_FD          16    /* above the numbers that a worker knows */

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Readable when the broker is to end. */
static int stop = -1;

static void end(int signal)
{
    int saved = errno;
    if (eventfd_write(stop, 1) != 0)
        _exit(1);
    errno = saved;
}

static bool is_to_end(void)
{
    struct pollfd fd = {stop, POLLIN, 0};
    return poll(&fd, 1, 0) > 0;
}

/* ---- the worker's process */

static void give_up(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void forget_worker(struct broker *b)
{
    give_up(&b->pidfd);
    give_up(&b->orders);
    give_up(&b->asks);
    give_up(&b->device);
    b->worker = 0;
    b->nr_offered = b->mapped = 0;
}

/* The worker's program finds its three descriptors, standard error, and nothing else. */
static void become_worker(const struct broker *b, int orders, int asks)
{
    sigset_t none;
    int null = fcntl(open("/dev/null", O_RDWR), F_DUPFD, FREE_FD);
    int from[WARD_FDS] = {
        null, null, STDERR_FILENO, orders, asks, b->device, b->window ? b->window_fd : null};
    for (int fd = WARD_ORDERS; fd < WARD_FDS; fd++)
        from[fd] = fcntl(from[fd], F_DUPFD, FREE_FD);
    for (int fd = 0; fd < WARD_FDS; fd++) {
        if (fd != STDERR_FILENO && dup2(from[fd], fd) < 0)
            _exit(126);
    }
    close_range(WARD_FDS, ~0u, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv("/proc/self/exe", (char *const *)(uintptr_t)b->program);
    _exit(127);
}

static bool start_worker(struct broker *b)
{
    int orders[2] = {-1, -1};
    int asks[2] = {-1, -1};
    if (now_ms() < b->started + PAUSE_MS)
        usleep(PAUSE_MS * 1000); /* it will not get better at once */
    b->started = now_ms();
    b->at_fault = b->begun = false;
    b->device = gate_device();
    if (b->device < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, orders) != 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, asks) != 0)
        goto fail;
    b->worker = fork();
    if (b->worker == 0)
        become_worker(b, orders[1], asks[1]);
    if (b->worker < 0)
        goto fail;
    /* Who does not read what it has asked for shall not hold us. */
    fcntl(b->orders = orders[0], F_SETFL, O_NONBLOCK);
    fcntl(b->asks = asks[0], F_SETFL, O_NONBLOCK);
    close(orders[1]);
    close(asks[1]);
    b->pidfd = pidfd_open(b->worker, 0);
    if (b->pidfd >= 0)
        return true;
    kill(b->worker, SIGKILL);
    waitpid(b->worker, NULL, 0);
    orders[0] = orders[1] = asks[0] = asks[1] = -1;
fail:
    syslog(LOG_ERR, "%s: cannot start a worker: %m", b->backend.path);
    for (int i = 0; i < 2; i++) {
        give_up(&orders[i]);
        give_up(&asks[i]);
    }
    forget_worker(b);
    return false;
}

static void bury_worker(struct broker *b)
{
    int status = 0;
    struct pollfd end = {b->pidfd, POLLIN, 0};
    if (!b->worker)
        return;
    /* Who was killed is about to end; who lives on without its sockets is not honest. */
    b->at_fault |= poll(&end, 1, b->at_fault ? 0 : END_MS) == 0;
    kill(b->worker, SIGKILL);
    /* All its memory and files are gone after this, and what it had in a device is done. */
    waitpid(b->worker, &status, 0);
    forget_worker(b);
    b->at_fault |= !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL;
    syslog(LOG_WARNING, "%s: the worker has ended (%s %d); another one goes on", b->backend.path,
           WIFSIGNALED(status) ? "signal" : "status",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    for (struct backend_device *d = b->backend.devices; d; d = d->next) {
        if (d->attached)
            d->touched = b->lost = true;
        d->attached = false;
    }
}

/* ---- what it asks for */

/* Only a guest with a device of ours; what a worker says of others is a lie. */
static bool serves(const struct broker *b, uint32_t guest)
{
    const struct backend_device *d = b->backend.devices;
    while (d && !(d->guest == guest && d->mine))
        d = d->next;
    return d;
}

/* One offer at a time: the one before was mapped long ago, or never will be. */
static void withdraw(struct broker *b)
{
    if (b->nr_offered > 0)
        gate_withdraw(b->device, b->offered, b->nr_offered);
    b->nr_offered = 0;
}

/* Pages that the worker has mapped, as the kernel sees it: mappings of the descriptor's file. */
static uint64_t count_mapped(const struct broker *b)
{
    char line[512];
    struct stat st;
    uint64_t pages = 0;
    snprintf(line, sizeof(line), "/proc/%d/maps", b->worker);
    FILE *f = fopen(line, "re");
    if (!f || fstat(b->device, &st) != 0)
        pages = INT32_MAX; /* not known is too many, and a sum with it does not wrap */
    while (f && fgets(line, sizeof(line), f)) {
        unsigned long start;
        unsigned long end;
        unsigned major;
        unsigned minor;
        unsigned long inode;
        if (sscanf(line, "%lx-%lx %*s %*x %x:%x %lu", &start, &end, &major, &minor, &inode) == 5 &&
            inode == st.st_ino && makedev(major, minor) == st.st_dev)
            pages += (end - start) / GATE_PAGE;
    }
    if (f)
        fclose(f);
    return pages;
}

static int offer(struct broker *b, const struct ask *ask)
{
    uint64_t most = 0;
    withdraw(b);
    for (const struct backend_device *d = b->backend.devices; d; d = d->next)
        most += d->mine ? b->pages : 0;
    /* What it gives back it does not say, so that has to be looked up now and then. */
    if (b->mapped + ask->nr > most)
        b->mapped = count_mapped(b);
    if (b->mapped + ask->nr > most)
        return ENOSPC;
    if (!gate_offer(b->device, ask->guest, ask->refs, ask->nr, &b->offered))
        return errno;
    b->nr_offered = ask->nr;
    b->mapped += ask->nr;
    return 0;
}

static int copy(const struct broker *b, const struct ask *ask)
{
    struct grant_piece pieces[ASK_PIECES];
    if (!b->window)
        return EPERM;
    for (unsigned i = 0; i < ask->nr; i++)
        pieces[i] = (struct grant_piece){ask->pieces[i].ref, ask->pieces[i].offset,
                                         ask->pieces[i].len, b->window + (size_t)i * GATE_PAGE};
    return grants_copy(ask->guest, pieces, ask->nr, ask->about) ? 0 : errno;
}

static void take_line(struct broker *b, const struct ask *ask)
{
    struct backend_device *d = b->backend.devices;
    uint64_t second = now_ms() / 1000;
    if (b->second != second)
        b->lines = 0;
    b->second = second;
    if (b->lines++ >= LINES)
        return;
    if (ask->kind == ASK_LOG) {
        syslog((int)ask->about, "%s", ask->text);
        return;
    }
    while (d && (d->id != ask->about || d->guest != ask->guest || !d->mine))
        d = d->next;
    if (d)
        backend_error(d, "%s", ask->text);
}

/* False if it is not what a worker of ours would send. */
static bool answer(struct broker *b)
{
    char message[sizeof(struct ask)];
    struct ask ask;
    struct ask_answer reply = {0};
    struct event event = {.fd = -1};
    ssize_t size = wire_receive(b->asks, message, sizeof(message), NULL, NULL);
    if (size <= 0)
        return false;
    if (!ask_check(message, (size_t)size, &ask) || (ask.kind < ASK_LOG && !serves(b, ask.guest))) {
        syslog(LOG_ERR, "%s: the worker asks for what cannot be, and is ended", b->backend.path);
        b->at_fault = true;
        return false;
    }
    switch (ask.kind) {
    case ASK_MAP:
        reply.error = offer(b, &ask);
        reply.value = b->offered;
        break;
    case ASK_BIND:
        reply.error = event_bind(&event, ask.guest, ask.nr) ? 0 : errno;
        reply.value = event.port;
        break;
    case ASK_COPY: reply.error = copy(b, &ask); break;
    default: take_line(b, &ask); return true;
    }
    bool sent = wire_send(b->asks, &reply, sizeof(reply), &event.fd, event.fd >= 0);
    event_close(&event);
    return sent;
}

/* Waits for what the worker says, or @store has, for @ms or for ever (-1).  False: the worker is
 * not there any more, or is to be ended. */
static bool listen_to_worker(struct broker *b, int store, int ms, short *order)
{
    struct pollfd fds[] = {{store, POLLIN, 0},
                           {b->asks, POLLIN, 0},
                           {b->orders, POLLIN, 0},
                           {b->pidfd, POLLIN, 0},
                           {stop, POLLIN, 0}};
    if (poll(fds, sizeof(fds) / sizeof(fds[0]), ms) < 0)
        return true;
    *order = fds[2].revents;
    if (fds[4].revents || (fds[1].revents && !answer(b)))
        return false;
    return !(fds[3].revents && !fds[2].revents);
}

/* ---- what it is told */

/* False: the worker has ended. */
static bool send_order(struct broker *b, const struct order *order, const int *fds, unsigned nr,
                       int32_t *done)
{
    short answered = 0;
    uint64_t end = now_ms() + b->patience_ms;
    if (!wire_send(b->orders, order, sizeof(*order), fds, nr))
        return false;
    while (!answered) {
        uint64_t now = now_ms();
        if (now >= end) {
            syslog(LOG_ERR, "%s: the worker does not answer, and is ended", b->backend.path);
            b->at_fault = true;
            return false;
        }
        if (!listen_to_worker(b, -1, (int)(end - now), &answered))
            return false;
    }
    return wire_receive(b->orders, done, sizeof(*done), NULL, NULL) == sizeof(*done);
}

/* With one guest nobody else waits while it is tried again. */
static bool is_given_up(struct backend_device *device)
{
    if (device->backend->guest != BACKEND_ALL_GUESTS || device->harm < MOST_HARM)
        return false;
    backend_error(device, "it is given up, since %u workers have ended over it", device->harm);
    return true;
}

bool broker_order(struct backend_device *device, enum order_kind kind, const void *payload,
                  size_t size, const int *fds, unsigned nr)
{
    struct broker *b = (struct broker *)device->backend;
    struct order order = {.kind = kind, .guest = device->guest, .device = device->id};
    int32_t done = 0;
    unsigned tries = 0; /* each with a pause: for want of memory no guest loses its disk at once */
    if (size > 0)
        memcpy(order.payload, payload, size);
    for (;;) {
        if (kind == ORDER_ATTACH && is_given_up(device))
            return false;
        if (is_to_end() || (!b->worker && kind != ORDER_ATTACH))
            return false;
        if (!b->worker && !start_worker(b)) {
            if (++tries == START_TRIES)
                return false;
            continue;
        }
        if (send_order(b, &order, fds, nr, &done))
            return done == 1;
        bury_worker(b);
        device->harm += b->at_fault;
    }
}

/* ---- all of it */

bool broker_open(struct broker *broker, const struct backend_driver *driver, unsigned guest,
                 unsigned pages, const char *const *program)
{
    *broker =
        (struct broker){.program = program,
                        .pages = pages,
                        .patience_ms = guest == BACKEND_ALL_GUESTS ? PATIENCE_MANY_MS : PATIENCE_MS,
                        .pidfd = -1,
                        .orders = -1,
                        .asks = -1,
                        .device = -1};
    return backend_open(&broker->backend, driver, guest);
}

bool broker_copies(struct broker *b)
{
    void *window;
    b->window_fd = memfd_create("copies", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    /* The worker could make it smaller, and us trip over that. */
    if (b->window_fd < 0 || ftruncate(b->window_fd, WARD_WINDOW_SIZE) != 0 ||
        fcntl(b->window_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return false;
    window = mmap(NULL, WARD_WINDOW_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, b->window_fd, 0);
    if (window == MAP_FAILED)
        return false;
    b->window = window;
    return true;
}

/* What the worker waits for before it serves any; false: it has ended. */
static bool begin(struct broker *b)
{
    const struct order order = {.kind = ORDER_BEGIN};
    int32_t done;
    if (!b->worker || b->begun)
        return true;
    b->begun = true;
    return send_order(b, &order, NULL, 0, &done);
}

bool broker_run(struct broker *b)
{
    struct sigaction action = {.sa_handler = end, .sa_flags = SA_RESTART};
    stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (stop < 0 || sigaction(SIGTERM, &action, NULL) != 0)
        return false;
    while (!is_to_end()) {
        short spoke = 0;
        b->lost = false;
        if (!backend_events(&b->backend))
            break;
        if (b->lost)
            continue;
        bool good = begin(b) && listen_to_worker(b, backend_fd(&b->backend), -1, &spoke);
        if (is_to_end())
            break;
        /* An answer without an order is none of ours. */
        b->at_fault |= spoke != 0;
        if (!good || spoke)
            bury_worker(b);
    }
    if (b->worker) {
        kill(b->worker, SIGKILL);
        waitpid(b->worker, NULL, 0);
    }
    return b->backend.gone || is_to_end();
}
