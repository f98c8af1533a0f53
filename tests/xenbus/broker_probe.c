// SPDX-License-Identifier: GPL-2.0-only
/* A broker whose workers were taken over: each life of the worker does another harm, and the broker
 * must end it, start the next, and have the device attached in the end as if nothing had been.
 *
 * usage: broker_probe DIRECTORY, where a store listens; "-w DIRECTORY" is the worker
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

#define GUEST   7u
#define STRANGE 8u /* another guest */
#define PAGES   4096u
#define MAPPED  2048u /* what a broker allows for one device */
#define BACK    "/local/domain/0/backend/pvtest/7/1"
#define FRONT   "/local/domain/7/device/test/1"
#define WAIT_MS 30000

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

static void (*const harms[])(void) = {
    map_strangers, bind_strangers, copy_strangers, map_of_dom0, say_little, say_nothing, say_much,
    count_wrongly, never_listen,   answer_wrongly, end_itself,  hang_up,    flood_log,
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

static int live(const char *directory)
{
    static const struct ward_driver driver = {attached, ignore_change, ignore, ignore};
    struct backend backend;
    struct order order;
    char path[200];
    snprintf(path, sizeof(path), "%s/lives", directory);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
    long life = write(fd, "x", 1) == 1 ? lseek(fd, 0, SEEK_END) - 1 : fail("lives");
    close(fd);
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

static int serve(const char *directory)
{
    static const struct backend_driver driver = {.kind = "pvtest",
                                                 .offer = offer,
                                                 .attach = attach,
                                                 .detach = detach,
                                                 .changed = nothing,
                                                 .gone = nothing};
    static struct broker broker;
    const char *program[] = {"broker_probe", "-w", directory, NULL};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    openlog("broker", LOG_PERROR, LOG_DAEMON);
    if (!broker_open(&broker, &driver, GUEST, program))
        fail("broker");
    return broker_run(&broker) ? 0 : 1;
}

/* ---- the test */

static struct xs_handle *store;

static void await(const char *directory, const char *dir, uint64_t wanted, long lives)
{
    char path[200];
    uint64_t state = 0;
    struct stat st = {0};
    snprintf(path, sizeof(path), "%s/lives", directory);
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

int main(int argc, char *argv[])
{
    char path[200];
    int status;
    if (argc == 3 && !strcmp(argv[1], "-w"))
        return live(argv[2]);
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
    if (!store || !node_write(store, XBT_NULL, BACK, "frontend", FRONT) ||
        !node_write(store, XBT_NULL, BACK, "online", "1") ||
        !node_write(store, XBT_NULL, FRONT, "state", "1") ||
        !node_write(store, XBT_NULL, BACK, "state", "1"))
        fail("store");
    fflush(stdout);
    pid_t broker = fork();
    if (broker == 0)
        _exit(serve(argv[1]));
    await(argv[1], BACK, 2, 0);
    node_write(store, XBT_NULL, FRONT, "state", "3");
    await(argv[1], BACK, 4, HARMS + 2);
    node_write(store, XBT_NULL, FRONT, "state", "4");
    unsigned descriptors = count_descriptors(broker);
    if (descriptors > 20)
        fail("the broker has kept descriptors");
    xs_rm(store, XBT_NULL, "/local/domain/0/backend/pvtest/7");
    if (waitpid(broker, &status, 0) != broker || status != 0)
        fail("the broker does not end with its guest");
    printf("%zu harms, each ended; %u descriptors\n", HARMS, descriptors);
    return 0;
}
