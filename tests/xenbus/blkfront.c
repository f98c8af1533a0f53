// SPDX-License-Identifier: GPL-2.0-only
/* The front end's and the toolstack's side of a disk: see blkfront.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backend/node.h"
#include "blkback/counts.h"
#include "blkback/journal.h"
#include "blkback/ring.h"
#include "blkfront.h"

#define WAIT_MS 30000

uint8_t *guest_memory;
unsigned guest_pages;
pid_t broker;
static pid_t worker; /* in its jail; 0: not known */
struct xs_handle *store;
uint64_t seed = 1;
static const char *world;

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

void world_open(const char *directory, unsigned pages)
{
    char path[200];
    world = directory;
    setenv("FAKE_GUEST", directory, 1);
    snprintf(path, sizeof(path), "%s/memory", directory);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)pages * PAGE) != 0)
        fatal("%s: %m", path);
    guest_memory = mmap(NULL, (size_t)pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    guest_pages = pages;
    close(fd);
    store = xs_open(0);
    if (!store)
        fatal("no store: %m");
}

void image_create(const char *path, uint64_t bytes)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)bytes) != 0)
        fatal("%s: %m", path);
    close(fd);
}

void backend_start(bool copy)
{
    char runs[200];
    const char *program = getenv("BLKBACK");
    snprintf(runs, sizeof(runs), "%s/run", world);
    broker = fork();
    if (broker)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const char *strict = getenv("BLKBACK_STRICT") ? "-S" : "-v";
    execl(program, program, "-g", "7", "-f", "-d", runs, strict, copy ? "-c" : NULL, NULL);
    _exit(127);
}

/* Has it been started as one, and not only forked? */
static bool is_worker(int pid)
{
    char path[64];
    char words[64] = "";
    snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
    FILE *f = fopen(path, "r");
    size_t got = f ? fread(words, 1, sizeof(words) - 1, f) : 0;
    if (f)
        fclose(f);
    return got > 0 && strcmp(words + strlen(words) + 1, "-w") == 0;
}

/* The broker's child that is one; 0: it has none now. */
static pid_t child(void)
{
    char path[64];
    int pid = 0;
    bool found = false;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", broker, broker);
    FILE *f = fopen(path, "r");
    while (f && !found && fscanf(f, "%d", &pid) == 1)
        found = is_worker(pid);
    if (f)
        fclose(f);
    return found ? pid : 0;
}

/* Sends SIGKILL to one process and waits until the worker is gone, which may be another. */
static void end_worker(pid_t victim)
{
    struct pollfd end = {.events = POLLIN, .fd = worker ? pidfd_open(worker, 0) : -1};
    kill(victim, SIGKILL);
    if (end.fd >= 0 && poll(&end, 1, WAIT_MS) != 1)
        fatal("a killed worker does not end");
    close(end.fd);
    worker = 0;
}

void backend_kill(void)
{
    int status;
    worker = child();
    end_worker(broker);
    waitpid(broker, &status, 0);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        fatal("the broker had ended before the kill: %x", (unsigned)status);
}

void worker_kill(void)
{
    backend_alive("before a kill");
    if (worker)
        end_worker(worker);
}

unsigned requests_taken(void)
{
    static struct journal journal;
    char path[200];
    unsigned nr = 0;
    snprintf(path, sizeof(path), "%s/run/%u.journal", world, GUEST);
    FILE *f = fopen(path, "r");
    if (!f || fread(&journal, sizeof(journal), 1, f) != 1)
        fatal("%s: %m", path);
    fclose(f);
    for (unsigned q = 0; q < JOURNAL_QUEUES; q++) {
        const struct journal_queue *queue = &journal.queue[q];
        for (unsigned i = 0; queue->used && i < RING_MAX_SLOTS; i++)
            nr += queue->slot[i].state == JOURNAL_TAKEN &&
                  (int32_t)(queue->slot[i].req_index - queue->req_cons) < 0;
    }
    return nr;
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

/* ---- nodes */

static char *dir_of(const struct front *front, bool back)
{
    static char path[2][80];
    snprintf(path[back], sizeof(path[0]),
             back ? "/local/domain/0/backend/pvblk/%u/%u" : "/local/domain/%u/device/vbd/%u", GUEST,
             front->id);
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

void front_write(struct front *front, const char *name, const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    write_node(dir_of(front, false), name, "%s", text);
}

void disk_create(struct front *front, const char *image, bool writable)
{
    char name[200];
    const char *back = dir_of(front, true);
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof(name), "%s/port-%u-%s", world, front->port, i ? "back" : "front");
        if (mkfifo(name, 0600) != 0 && errno != EEXIST)
            fatal("%s: %m", name);
        int fd = open(name, O_RDWR | O_NONBLOCK);
        *(i ? &front->to_back : &front->from_back) = fd;
    }
    write_node(back, "frontend", "%s", dir_of(front, false));
    write_node(back, "frontend-id", "%u", GUEST);
    write_node(back, "params", "%s", image);
    write_node(back, "mode", writable ? "w" : "r");
    write_node(back, "online", "1");
    front_write(front, "backend", "%s", back);
    front_write(front, "backend-id", "0");
    front_state(front, XenbusStateInitialising);
    write_node(back, "state", "1");
}

void disk_remove_nodes(struct front *front)
{
    xs_rm(store, XBT_NULL, dir_of(front, true));
    xs_rm(store, XBT_NULL, dir_of(front, false));
}

void front_state(struct front *front, enum xenbus_state state)
{
    front_write(front, "state", "%d", state);
}

uint64_t back_number(struct front *front, const char *name)
{
    uint64_t value;
    return node_number(store, dir_of(front, true), name, UINT64_MAX, &value) ? value : UINT64_MAX;
}

void back_write(struct front *front, const char *name, const char *value)
{
    write_node(dir_of(front, true), name, "%s", value);
}

uint64_t back_bytes(struct front *front)
{
    struct counts_file file;
    char path[200];
    snprintf(path, sizeof(path), "%s/run/%u" COUNTS_SUFFIX, world, GUEST);
    FILE *f = fopen(path, "r");
    if (!f || fread(&file, sizeof(file), 1, f) != 1)
        fatal("%s: %m", path);
    fclose(f);
    for (unsigned i = 0; i < COUNTS_DISKS; i++) {
        if (file.disk[i].used && file.disk[i].device == front->id)
            return file.disk[i].bytes_read + file.disk[i].bytes_written;
    }
    fatal("disk %u has no numbers", front->id);
}

enum xenbus_state back_state(struct front *front)
{
    return (enum xenbus_state)back_number(front, "state");
}

void back_wait(struct front *front, enum xenbus_state state)
{
    for (int i = 0; i < WAIT_MS && back_state(front) != state; i++) {
        backend_alive("while a state was waited for");
        usleep(1000);
    }
    if (back_state(front) != state)
        fatal("disk %u is in state %d, not %d: %s", front->id, back_state(front), state,
              node_read(store, dir_of(front, true), "error"));
}

/* ---- the ring */

void front_connect(struct front *front)
{
    unsigned pages = 1u << front->order;
    back_wait(front, XenbusStateInitWait);
    front->ring = (struct blkif_sring *)(guest_memory + (size_t)front->ring_ref * PAGE);
    memset(front->ring, 0, (size_t)pages * PAGE);
    front->ring->req_event = front->ring->rsp_event = 1;
    front->slots = ring_slots(pages);
    front->sent = front->heard = 0;
    if (front->order > 0)
        front_write(front, "ring-page-order", "%u", front->order);
    for (unsigned i = 0; i < pages; i++) {
        char name[32];
        snprintf(name, sizeof(name), front->order ? "ring-ref%u" : "ring-ref", i);
        front_write(front, name, "%u", front->ring_ref + i);
    }
    front_write(front, "event-channel", "%u", front->port);
    front_write(front, "protocol", "x86_64-abi");
    front_write(front, "feature-persistent", "%d", front->persistent);
    front_state(front, XenbusStateInitialised);
    back_wait(front, XenbusStateConnected);
    front_state(front, XenbusStateConnected);
}

void front_disconnect(struct front *front)
{
    front_state(front, XenbusStateClosing);
    back_wait(front, XenbusStateClosing);
    front_state(front, XenbusStateClosed);
    back_wait(front, XenbusStateClosed);
}

struct blkif_request *front_slot(struct front *front)
{
    struct blkif_request *req = &front->ring->ring[front->sent++ & (front->slots - 1)].req;
    memset(req, 0, sizeof(union blkif_sring_entry));
    return req;
}

void front_push(struct front *front, unsigned nr)
{
    if (nr == 0)
        return;
    __atomic_store_n(&front->ring->req_prod, front->sent, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (front->sent - __atomic_load_n(&front->ring->req_event, __ATOMIC_ACQUIRE) < nr)
        if (write(front->to_back, "", 1) < 0 && errno != EAGAIN)
            fatal("pipe: %m");
}

void front_wait(struct front *front, int ms)
{
    char bytes[256];
    struct pollfd fd = {front->from_back, POLLIN, 0};
    if (poll(&fd, 1, ms) > 0 && read(front->from_back, bytes, sizeof(bytes)) < 0)
        fatal("pipe: %m");
}
