// SPDX-License-Identifier: GPL-2.0-only
/* The front end's and the toolstack's side of a network card: see netfront.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/node.h"
#include "netfront.h"

#define WAIT_MS    30000
#define FIRST      7
#define GUESTS     3
#define ALL_MEMORY ((size_t)GUESTS * PAGES * PAGE)
#define TEXT_(x)   #x
#define TEXT(x)    TEXT_(x)

struct xs_handle *store;
static pid_t broker;
static pid_t worker; /* in its jail; 0: not known */
uint64_t seed = 1;
static const char *world;
static uint8_t *all_memory;

void fatal(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("FAILED ");
    vprintf(format, args);
    putchar('\n');
    fflush(stdout);
    if (broker > 0)
        kill(broker, SIGKILL);
    exit(1);
}

uint64_t any(uint64_t below)
{
    uint64_t z = seed += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (z ^ z >> 31) % below;
}

void world_open(const char *directory)
{
    char path[200];
    world = directory;
    setenv("FAKE_GUEST", directory, 1);
    setenv("FAKE_PAGES", TEXT(PAGES), 1);
    setenv("FAKE_FIRST", TEXT(FIRST), 1);
    snprintf(path, sizeof(path), "%s/memory", directory);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)ALL_MEMORY) != 0)
        fatal("%s: %m", path);
    all_memory = mmap(NULL, ALL_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    signal(SIGPIPE, SIG_IGN);
    store = xs_open(0);
    if (!store)
        fatal("no store: %m");
}

void backend_start(void)
{
    char runs[200];
    const char *program = getenv("NETBACK");
    snprintf(runs, sizeof(runs), "%s/run", world);
    broker = fork();
    if (broker)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execl(program, program, "-n", NETWORK, "-f", "-v", "-d", runs, NULL);
    _exit(127);
}

/* The broker's only child; 0: it has none now. */
static pid_t child(void)
{
    char path[64];
    int pid = 0;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", broker, broker);
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, "%d", &pid) != 1)
        pid = 0;
    if (f)
        fclose(f);
    return pid;
}

void backend_kill(void)
{
    int status;
    kill(broker, SIGKILL);
    waitpid(broker, &status, 0);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        fatal("the broker had ended before the kill: %x", (unsigned)status);
    worker = 0;
}

void backend_end(void)
{
    char path[200];
    int status;
    snprintf(path, sizeof(path), "%s/uplink-back", world);
    kill(broker, SIGTERM);
    if (waitpid(broker, &status, 0) != broker || status != 0)
        fatal("the broker does not end well: %x", (unsigned)status);
    if (access(path, F_OK) == 0)
        fatal("the way out was not closed");
}

void worker_kill(void)
{
    backend_alive("before a kill");
    if (worker)
        kill(worker, SIGKILL);
    worker = 0;
}

void backend_alive(const char *what)
{
    int status;
    if (waitpid(broker, &status, WNOHANG) != 0)
        fatal("the broker has ended (%x) %s", (unsigned)status, what);
    pid_t now = child();
    if (worker && now != worker)
        fatal("the worker has ended %s", what);
    worker = now;
}

uint64_t worker_rss(void)
{
    char path[64];
    unsigned long all = 0;
    unsigned long resident = 0;
    backend_alive("before it was measured");
    snprintf(path, sizeof(path), "/proc/%d/statm", worker);
    FILE *f = fopen(path, "r");
    if (!f || fscanf(f, "%lu %lu", &all, &resident) != 2)
        fatal("%s", path);
    fclose(f);
    return (uint64_t)resident * PAGE;
}

int host_open(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    snprintf(at.sun_path, sizeof(at.sun_path), "%s/uplink-host", world);
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0)
        fatal("%s: %m", at.sun_path);
    return fd;
}

/* ---- nodes */

static char *dir_of(const struct front *front, bool back)
{
    static char path[2][80];
    snprintf(path[back], sizeof(path[0]),
             back ? "/local/domain/0/backend/pvnet/%u/0" : "/local/domain/%u/device/vif/0",
             front->guest);
    return path[back];
}

static void write_node(const char *dir, const char *name, const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (!node_write(store, XBT_NULL, dir, name, "%s", text))
        fatal("cannot write %s/%s: %m", dir, name);
}

void back_write(struct front *front, const char *name, const char *value)
{
    write_node(dir_of(front, true), name, "%s", value);
}

void front_write(struct front *front, const char *name, const char *value)
{
    write_node(dir_of(front, false), name, "%s", value);
}

void front_state(struct front *front, enum xenbus_state state)
{
    write_node(dir_of(front, false), "state", "%d", state);
}

enum xenbus_state back_state(struct front *front)
{
    uint64_t value = 0;
    node_number(store, dir_of(front, true), "state", 99, &value);
    return (enum xenbus_state)value;
}

void back_wait(struct front *front, enum xenbus_state state)
{
    for (int i = 0; i < WAIT_MS && back_state(front) != state; i++) {
        backend_alive("while a state was waited for");
        usleep(1000);
    }
    if (back_state(front) != state)
        fatal("the card of guest %u is in state %d, not %d: %s", front->guest, back_state(front),
              state, node_read(store, dir_of(front, true), "error"));
}

static unsigned port_of(const struct front *front, unsigned which)
{
    return front->guest * 10 + (front->split ? which : 0);
}

void card_create(struct front *front)
{
    char name[200];
    const char *back = dir_of(front, true);
    front->memory = all_memory + (size_t)(front->guest - FIRST) * PAGES * PAGE;
    for (unsigned i = 0; i < 4; i++) {
        snprintf(name, sizeof(name), "%s/port-%u-%s", world, front->guest * 10 + i / 2,
                 i % 2 ? "back" : "front");
        if (mkfifo(name, 0600) != 0 && errno != EEXIST)
            fatal("%s: %m", name);
        *(i % 2 ? &front->to_back[i / 2] : &front->from_back[i / 2]) =
            open(name, O_RDWR | O_NONBLOCK);
    }
    write_node(back, "frontend", "%s", dir_of(front, false));
    write_node(back, "frontend-id", "%u", front->guest);
    write_node(back, "mac", "00:16:3e:00:00:%02x", front->guest);
    if (front->with_uplink)
        write_node(back, "bridge", "br0");
    write_node(back, "online", "1");
    write_node(dir_of(front, false), "backend", "%s", back);
    front_state(front, XenbusStateInitialising);
    write_node(back, "state", "1");
    write_node(back, "network", NETWORK);
    memcpy(front->mac, "\x00\x16\x3e\x00\x00", 5);
    front->mac[5] = (uint8_t)front->guest;
}

void front_connect(struct front *front)
{
    const char *dir = dir_of(front, false);
    static const char *const ones[] = {"request-rx-copy",   "feature-rx-notify",
                                       "feature-sg",        "feature-gso-tcpv4",
                                       "feature-gso-tcpv6", "feature-ipv6-csum-offload"};
    back_wait(front, XenbusStateInitWait);
    front->tx = (struct netif_tx_sring *)(front->memory + (size_t)TX_RING * PAGE);
    front->rx = (struct netif_rx_sring *)(front->memory + (size_t)RX_RING * PAGE);
    memset(front->memory, 0, 2 * PAGE);
    memset(front->open, 0, sizeof(front->open));
    front->tx->req_event = front->tx->rsp_event = 1;
    front->rx->req_event = front->rx->rsp_event = 1;
    front->tx_sent = front->tx_heard = front->rx_sent = front->rx_heard = front->nr_open = 0;
    for (unsigned i = 0; i < sizeof(ones) / sizeof(ones[0]); i++)
        write_node(dir, ones[i], front->poor && i > 2 ? "0" : "1");
    write_node(dir, "feature-no-csum-offload", front->poor ? "1" : "0");
    write_node(dir, "tx-ring-ref", "%u", TX_RING);
    write_node(dir, "rx-ring-ref", "%u", RX_RING);
    if (front->split) {
        write_node(dir, "event-channel-tx", "%u", port_of(front, 0));
        write_node(dir, "event-channel-rx", "%u", port_of(front, 1));
    } else {
        write_node(dir, "event-channel", "%u", port_of(front, 0));
    }
    front_state(front, XenbusStateConnected);
    back_wait(front, XenbusStateConnected);
    rx_fill(front);
}

void front_disconnect(struct front *front)
{
    front_state(front, XenbusStateClosing);
    back_wait(front, XenbusStateClosing);
    front_state(front, XenbusStateClosed);
    back_wait(front, XenbusStateClosed);
}

/* ---- the rings */

void *tx_slot(struct front *front)
{
    union netif_tx_sring_entry *slots = front->tx->ring;
    union netif_tx_sring_entry *slot = &slots[front->tx_sent++ & (SLOTS - 1)];
    memset(slot, 0, sizeof(*slot));
    return slot;
}

int tx_id(struct front *front)
{
    unsigned first = (unsigned)any(SLOTS);
    for (unsigned i = 0; i < SLOTS; i++) {
        unsigned id = (first + i) % SLOTS;
        if (front->open[id])
            continue;
        front->open[id] = true;
        front->nr_open++;
        return (int)id;
    }
    return -1;
}

static void notify(struct front *front, unsigned which)
{
    if (write(front->to_back[front->split ? which : 0], "", 1) < 0 && errno != EAGAIN)
        fatal("pipe: %m");
}

void front_kick(struct front *front)
{
    notify(front, 0);
    notify(front, 1);
}

static void push(struct front *front, uint32_t *prod, const uint32_t *event, uint32_t old,
                 uint32_t new, unsigned which)
{
    __atomic_store_n(prod, new, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (new - __atomic_load_n(event, __ATOMIC_ACQUIRE) < new - old)
        notify(front, which);
}

void front_push(struct front *front, uint32_t tx_before)
{
    push(front, &front->tx->req_prod, &front->tx->req_event, tx_before, front->tx_sent, 0);
}

void rx_fill(struct front *front)
{
    union netif_rx_sring_entry *slots = front->rx->ring;
    uint32_t old = front->rx_sent;
    while (front->rx_sent - front->rx_heard < SLOTS) {
        unsigned i = front->rx_sent & (SLOTS - 1);
        slots[i].req = (struct netif_rx_request){.id = (uint16_t)i, .gref = RX_PAGES + i};
        front->rx_sent++;
    }
    push(front, &front->rx->req_prod, &front->rx->req_event, old, front->rx_sent, 1);
}

void tx_hear(struct front *front)
{
    const union netif_tx_sring_entry *slots = front->tx->ring;
    uint32_t prod = __atomic_load_n(&front->tx->rsp_prod, __ATOMIC_ACQUIRE);
    if (prod - front->tx_heard > front->tx_sent - front->tx_heard)
        fatal("guest %u: more answers than requests", front->guest);
    for (; front->tx_heard != prod; front->tx_heard++) {
        struct netif_tx_response r = slots[front->tx_heard & (SLOTS - 1)].rsp;
        if (r.status == NETIF_RSP_NULL)
            continue;
        if (r.id >= SLOTS || !front->open[r.id])
            fatal("guest %u: an answer to %u, which is not open", front->guest, r.id);
        front->open[r.id] = false;
        front->nr_open--;
    }
    front->tx->rsp_event = front->tx_heard + 1;
}

void fronts_wait(struct front *fronts, unsigned nr, int host, int ms)
{
    struct pollfd fds[9];
    unsigned n = 0;
    char bytes[256];
    for (unsigned i = 0; i < nr; i++) {
        fds[n++] = (struct pollfd){fronts[i].from_back[0], POLLIN, 0};
        fds[n++] = (struct pollfd){fronts[i].from_back[1], POLLIN, 0};
    }
    fds[n++] = (struct pollfd){host, POLLIN, 0};
    poll(fds, n, ms);
    for (unsigned i = 0; i + 1 < n; i++) {
        if (fds[i].revents && read(fds[i].fd, bytes, sizeof(bytes)) < 0 && errno != EAGAIN)
            fatal("pipe: %m");
    }
}
