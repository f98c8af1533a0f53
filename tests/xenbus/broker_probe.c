// SPDX-License-Identifier: GPL-2.0-only
/* A broker whose workers were taken over: each life of the worker does another harm, and the broker
 * must end it, start the next, and have the device attached in the end as if nothing had been.
 * Then a broker of two guests, one of which ends each worker that attaches its device: the other is
 * served all the same.
 *
 * usage: broker_probe DIRECTORY, where a store listens; "-w DIRECTORY" is the worker, "-m
 * DIRECTORY" that of two guests
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "backend/broker.h"
#include "backend/gate.h"
#include "backend/node.h"
#include "backend/wire.h"

#define GUEST       7u
#define STRANGE     8u /* another guest */
#define PAGES       4096u
#define MAPPED      2048u /* what a broker allows for one device */
#define BACK        "/local/domain/0/backend/pvtest/7/1"
#define MANY        "/local/domain/0/backend/pvmany"
#define FRONT       "/local/domain/7/device/test/1"
#define WAIT_MS     30000
#define PATIENCE_MS 4000 /* of the broker with a worker that does not answer */
#define MOST_HARM   3    /* workers that it gives for a device where another guest waits */

static int fail(const char *what)
{
    printf("FAILED %s: %m\n", what);
    exit(1);
}

/* ---- the harms: each leaves the broker no choice but to end the worker */

static void say(const void *message, size_t size)
{
    send(WARD_ASKS, message, size, MSG_NOSIGNAL);
}

static void ask_strangely(enum ask_kind kind)
{
    struct ask ask = {.kind = kind, .nr = 1, .guest = STRANGE, .pieces = {{1, 0, 1}}};
    say(&ask, ask_size(&ask));
}

static void map_strangers(void)
{
    ask_strangely(ASK_MAP);
}

static void bind_strangers(void)
{
    ask_strangely(ASK_BIND);
}

static void copy_strangers(void)
{
    ask_strangely(ASK_COPY);
}

static void map_of_dom0(void)
{
    struct ask ask = {.kind = ASK_MAP, .nr = 1};
    say(&ask, ask_size(&ask));
}

static void say_little(void)
{
    say("x", 1);
}

static void say_nothing(void)
{
    say("", 0);
}

static void say_much(void)
{
    static const char bytes[60000] = {ASK_LOG};
    say(bytes, sizeof(bytes));
}

static void count_wrongly(void)
{
    struct ask ask = {.kind = ASK_MAP, .nr = 0x40000001, .guest = GUEST};
    say(&ask, offsetof(struct ask, refs) + 4);
}

static void never_listen(void)
{
    struct ask ask = {.kind = ASK_MAP, .nr = 1, .guest = GUEST};
    for (;;)
        say(&ask, ask_size(&ask));
}

static void answer_wrongly(void)
{
    wire_send(WARD_ORDERS, "12345678", 8, NULL, 0);
}

static void end_itself(void)
{
    abort();
}

static void hang_up(void)
{
    close(WARD_ASKS);
}

/* Lines without end, with what a terminal would obey, and descriptors that nobody has asked for. */
static void flood_log(void)
{
    struct ask ask = {.kind = ASK_LOG, .nr = 20, .text = "\033]0;flood\nflood\007"};
    int fds[] = {0, 1, 0, 1, 0, 1, 0, 1};
    for (int i = 0; i < 3000; i++)
        wire_send(WARD_ASKS, &ask, ask_size(&ask), fds, 8);
    abort();
}

static void never_answer(void)
{
}

static void (*const harms[])(void) = {
    never_answer,   map_strangers, bind_strangers, copy_strangers, map_of_dom0,
    say_little,     say_nothing,   say_much,       count_wrongly,  never_listen,
    answer_wrongly, end_itself,    hang_up,        flood_log,
};
#define HARMS (sizeof(harms) / sizeof(harms[0]))

/* ---- the worker */

/* Maps as long as it is let, of what may be mapped; how many pages. */
static unsigned map_all(uint8_t **pages)
{
    unsigned nr = 0;
    for (uint32_t ref = 0; nr < PAGES && (pages[nr] = grants_map(GUEST, &ref, 1, true)); ref++)
        nr++;
    return nr;
}

/* What an honest one may do, and what it may not; NULL: all is as it should be. */
static const char *try_limits(void)
{
    static uint8_t *pages[PAGES + 1];
    struct event event;
    uint32_t behind = PAGES;
    struct ask copy = {.kind = ASK_COPY, .nr = 1, .guest = GUEST, .pieces = {{0, 0, 1}}};
    if (grants_map(GUEST, &behind, 1, true))
        return "a grant that is none can be mapped";
    if (map_all(pages) != MAPPED || errno != ENOSPC)
        return "not just as many pages as there may be can be mapped";
    for (unsigned i = 0; i < MAPPED / 2; i++)
        grants_unmap(pages[i], 1);
    if (map_all(pages) != MAPPED / 2)
        return "what was given back cannot be mapped again";
    if (event_bind(&event, GUEST, 0) || event_bind(&event, GUEST, ASK_PORTS))
        return "a port that cannot be can be bound";
    if (event_bind(&event, GUEST, 99))
        return "a port that is none can be bound";
    if (!event_bind(&event, GUEST, 1))
        return "the port cannot be bound";
    if (ask_for(&copy, NULL, NULL) || errno != EPERM)
        return "the broker copies unasked";
    return NULL;
}

static bool attached(struct backend_device *device, const void *payload, const int *fds,
                     unsigned nr)
{
    const char *wrong = nr == 1 && *(const int *)payload == 4711 ? try_limits() : "the order";
    if (wrong)
        backend_error(device, "%s", wrong);
    return !wrong;
}

static void ignore(struct backend_device *device)
{
}

static void ignore_change(struct backend_device *device, const void *payload)
{
}

/* How many there were before this one. */
static long begin_life(const char *directory, const char *name)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
    long life = write(fd, "x", 1) == 1 ? lseek(fd, 0, SEEK_END) - 1 : fail(name);
    close(fd);
    return life;
}

static bool attach_or_die(struct backend_device *device, const void *payload, const int *fds,
                          unsigned nr)
{
    if (device->guest == GUEST)
        abort();
    return true;
}

static int live_with_many(const char *directory)
{
    static const struct ward_driver driver = {attach_or_die, ignore_change, ignore, ignore};
    struct backend backend;
    begin_life(directory, "many");
    ward_open(&backend, BACKEND_ALL_GUESTS);
    if (!ward_begin(&backend, &driver))
        return 1;
    while (ward_order(&backend, &driver))
        ;
    return 0;
}

static int live(const char *directory)
{
    static const struct ward_driver driver = {attached, ignore_change, ignore, ignore};
    struct backend backend;
    struct order order;
    long life = begin_life(directory, "lives");
    ward_open(&backend, GUEST);
    if (life < (long)HARMS) {
        wire_receive(WARD_ORDERS, &order, sizeof(order), NULL, NULL);
        harms[life]();
        for (;;)
            pause();
    }
    if (!ward_order(&backend, &driver))
        return 1;
    if (life == HARMS) /* an answer to nothing */
        answer_wrongly();
    while (ward_order(&backend, &driver))
        ;
    return 0;
}

/* ---- the broker */

static bool offer(struct backend_device *device, xs_transaction_t t)
{
    return true;
}

static bool attach(struct backend_device *device, bool again)
{
    int magic = 4711;
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    bool good = broker_order(device, ORDER_ATTACH, &magic, sizeof(magic), &fd, 1);
    close(fd);
    return good;
}

static void detach(struct backend_device *device)
{
    broker_order(device, ORDER_DETACH, NULL, 0, NULL, 0);
}

static void nothing(struct backend_device *device)
{
}

static int serve(const char *directory, const char *kind, unsigned guest, const char *option)
{
    const struct backend_driver driver = {.kind = kind,
                                          .offer = offer,
                                          .attach = attach,
                                          .detach = detach,
                                          .changed = nothing,
                                          .gone = nothing};
    static struct broker broker;
    const char *program[] = {"broker_probe", option, directory, NULL};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    openlog("broker", LOG_PERROR, LOG_DAEMON);
    if (!broker_open(&broker, &driver, guest, MAPPED, program))
        fail("broker");
    broker.patience_ms = PATIENCE_MS;
    return broker_run(&broker) ? 0 : 1;
}

/* ---- the test */

static struct xs_handle *store;

static void make_device(const char *back, const char *front)
{
    if (!node_write(store, XBT_NULL, back, "frontend", "%s", front) ||
        !node_write(store, XBT_NULL, back, "online", "1") ||
        !node_write(store, XBT_NULL, front, "state", "1") ||
        !node_write(store, XBT_NULL, back, "state", "1"))
        fail("store");
}

static void await(const char *directory, const char *name, const char *dir, uint64_t wanted,
                  long lives)
{
    char path[200];
    uint64_t state = 0;
    struct stat st = {0};
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    for (int i = 0; i < WAIT_MS; i++) {
        node_number(store, dir, "state", 8, &state);
        stat(path, &st);
        if (state == wanted && st.st_size >= lives)
            return;
        if (state > wanted)
            break;
        usleep(1000);
    }
    printf("FAILED: state %lu after %ld lives: %s\n", (unsigned long)state, (long)st.st_size,
           node_read(store, dir, "error"));
    exit(1);
}

static unsigned count_descriptors(pid_t pid)
{
    char command[64];
    unsigned nr = 0;
    snprintf(command, sizeof(command), "ls /proc/%d/fd | wc -l", pid);
    FILE *f = popen(command, "r");
    if (!f || fscanf(f, "%u", &nr) != 1)
        fail("descriptors");
    pclose(f);
    return nr;
}

static void must_end(pid_t broker, const char *devices)
{
    int status;
    xs_rm(store, XBT_NULL, devices);
    if (waitpid(broker, &status, 0) != broker || status != 0)
        fail("the broker does not end with its guest");
}

/* Guest 7's device ends workers; after a few of them it is given up, for good, and guest 8's is
 * attached. */
static void try_many(const char *directory)
{
    static const char *const back[] = {MANY "/7/1", MANY "/8/1"};
    static const char *const front[] = {"/local/domain/7/device/many/1",
                                        "/local/domain/8/device/many/1"};
    for (int i = 0; i < 2; i++)
        make_device(back[i], front[i]);
    pid_t broker = fork();
    if (broker == 0)
        _exit(serve(directory, "pvmany", BACKEND_ALL_GUESTS, "-m"));
    for (int i = 0; i < 2; i++)
        await(directory, "many", back[i], 2, 0);
    for (int i = 0; i < 2; i++)
        node_write(store, XBT_NULL, front[i], "state", "3");
    await(directory, "many", back[1], 4, MOST_HARM + 1);
    await(directory, "many", back[0], 5, MOST_HARM + 1);
    node_write(store, XBT_NULL, front[0], "state", "6");
    await(directory, "many", back[0], 6, 0);
    node_write(store, XBT_NULL, front[0], "state", "1");
    while (node_number(store, back[0], "state", 2, &(uint64_t){0}) == false)
        usleep(1000);
    node_write(store, XBT_NULL, front[0], "state", "3");
    await(directory, "many", back[0], 5, 0);
    char *error = node_read(store, back[0], "error");
    if (!error || !strstr(error, "given up"))
        fail("the guest is not told that its device is given up");
    free(error);
    char path[200];
    struct stat st;
    snprintf(path, sizeof(path), "%s/many", directory);
    if (stat(path, &st) != 0 || st.st_size != MOST_HARM + 1)
        fail("workers are ended by who was given up");
    must_end(broker, MANY);
}

int main(int argc, char *argv[])
{
    char path[200];
    if (argc == 3 && !strcmp(argv[1], "-w"))
        return live(argv[2]);
    if (argc == 3 && !strcmp(argv[1], "-m"))
        return live_with_many(argv[2]);
    if (argc != 2)
        return 2;
    setenv("FAKE_GUEST", argv[1], 1);
    snprintf(path, sizeof(path), "%s/memory", argv[1]);
    int memory = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (memory < 0 || ftruncate(memory, (off_t)PAGES * GATE_PAGE) != 0)
        fail(path);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/port-1-%s", argv[1], i ? "back" : "front");
        if (mkfifo(path, 0600) != 0)
            fail(path);
    }
    store = xs_open(0);
    if (!store)
        fail("store");
    make_device(BACK, FRONT);
    fflush(stdout);
    pid_t broker = fork();
    if (broker == 0)
        _exit(serve(argv[1], "pvtest", GUEST, "-w"));
    await(argv[1], "lives", BACK, 2, 0);
    node_write(store, XBT_NULL, FRONT, "state", "3");
    await(argv[1], "lives", BACK, 4, HARMS + 2);
    node_write(store, XBT_NULL, FRONT, "state", "4");
    unsigned descriptors = count_descriptors(broker);
    if (descriptors > 20)
        fail("the broker has kept descriptors");
    must_end(broker, "/local/domain/0/backend/pvtest/7");
    try_many(argv[1]);
    printf("%zu harms, each ended; %u descriptors\n", HARMS, descriptors);
    return 0;
}
