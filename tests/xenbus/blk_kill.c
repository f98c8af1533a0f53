// SPDX-License-Identifier: GPL-2.0-only
/* A guest that works a disk and knows what must be on it, and somebody who kills the back end: its
 * worker, or the broker with it.
 *
 * usage: blk_kill DIRECTORY KILLS [ORDER [SEED [raw|overlay|nbd]]]
 * With nbd, Debian's qemu-nbd has the disk, and it is killed, too, and comes back after a while.
 * Every block written has a number and a
 * sequence; a read must find the last acknowledged write.  Each request is answered once.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "blkfront.h"

#define BLOCKS     4096u /* of a page each: 16 MiB */
#define MAX_BLOCKS 32u   /* of one request */
#define DATA_FIRST 64u   /* pages in front are rings */
#define STUCK_S    30

static uint64_t content[BLOCKS]; /* sequence of the last write; 0: zeroes */
static bool busy[BLOCKS];
static uint64_t sequence;

struct shadow {
    bool open;
    uint8_t op; /* as the response must say */
    unsigned first;
    unsigned nr;
    uint64_t sequence;
};

static struct front front = {.id = 51712, .ring_ref = 0, .port = 1};
static struct shadow shadows[512];
static unsigned nr_open;
static uint64_t done;

static uint32_t data_ref(unsigned id, unsigned n)
{
    return DATA_FIRST + id * (MAX_BLOCKS + 1) + n;
}

static uint64_t *data_page(unsigned id, unsigned n)
{
    return (uint64_t *)(guest_memory + (size_t)data_ref(id, n) * PAGE);
}

static void fill(uint64_t *page, unsigned block, uint64_t seq)
{
    for (unsigned i = 0; i < PAGE / 8; i += 2) {
        page[i] = seq;
        page[i + 1] = seq ? block : 0;
    }
}

static void check(const uint64_t *page, unsigned block, const char *where)
{
    for (unsigned i = 0; i < PAGE / 8; i += 2) {
        uint64_t wanted = content[block];
        if (page[i] != wanted || page[i + 1] != (wanted ? block : 0))
            fatal("%s: block %u has sequence %lu (block %lu), not %lu", where, block, page[i],
                  page[i + 1], wanted);
    }
}

static bool range_free(unsigned first, unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        if (busy[first + i])
            return false;
    }
    return true;
}

static bool send_request(unsigned id, uint8_t op, unsigned first, unsigned nr);

/* Fills one request; false if its blocks are in use. */
static bool send_one(unsigned id)
{
    static const uint8_t ops[] = {BLKIF_OP_READ,    BLKIF_OP_READ,         BLKIF_OP_WRITE,
                                  BLKIF_OP_WRITE,   BLKIF_OP_WRITE,        BLKIF_OP_FLUSH_DISKCACHE,
                                  BLKIF_OP_DISCARD, BLKIF_OP_WRITE_BARRIER};
    uint8_t op = ops[any(sizeof(ops))];
    unsigned nr = op == BLKIF_OP_FLUSH_DISKCACHE ? 0 : 1 + (unsigned)any(any(4) ? 11 : MAX_BLOCKS);
    unsigned first = (unsigned)any(BLOCKS - nr);
    if (op == BLKIF_OP_WRITE_BARRIER && any(10))
        op = BLKIF_OP_WRITE; /* seldom */
    if (nr > 11 && op == BLKIF_OP_WRITE_BARRIER)
        nr = 11;
    return send_request(id, op, first, nr);
}

static bool send_request(unsigned id, uint8_t op, unsigned first, unsigned nr)
{
    struct shadow *s = &shadows[id];
    if (s->open || !range_free(first, nr))
        return false;
    *s = (struct shadow){true, op, first, nr, 0};
    memset(busy + first, 1, nr);
    nr_open++;
    struct blkif_request *req = front_slot(&front);
    struct blkif_request_segment *segments = req->seg;
    if (op == BLKIF_OP_DISCARD) {
        struct blkif_request_discard *d = (struct blkif_request_discard *)req;
        *d = (struct blkif_request_discard){
            .operation = op, .id = id, .sector_number = first * 8ull, .nr_sectors = nr * 8ull};
        return true;
    }
    req->operation = op;
    req->nr_segments = (uint8_t)nr;
    req->id = id;
    req->sector_number = first * 8ull;
    if (nr > 11) {
        struct blkif_request_indirect *x = (struct blkif_request_indirect *)req;
        *x = (struct blkif_request_indirect){.operation = BLKIF_OP_INDIRECT,
                                             .indirect_op = op,
                                             .nr_segments = (uint16_t)nr,
                                             .id = id,
                                             .sector_number = first * 8ull,
                                             .indirect_grefs = {data_ref(id, MAX_BLOCKS)}};
        segments = (struct blkif_request_segment *)data_page(id, MAX_BLOCKS);
    }
    s->sequence = op == BLKIF_OP_READ ? 0 : ++sequence;
    for (unsigned i = 0; i < nr; i++) {
        segments[i] = (struct blkif_request_segment){data_ref(id, i), 0, 7};
        if (op == BLKIF_OP_READ)
            memset(data_page(id, i), 0xee, PAGE);
        else
            fill(data_page(id, i), first + i, s->sequence);
    }
    return true;
}

static void hear(void)
{
    uint32_t prod = __atomic_load_n(&front.ring->rsp_prod, __ATOMIC_ACQUIRE);
    if (prod - front.heard > nr_open)
        fatal("%u answers to %u requests", prod - front.heard, nr_open);
    for (; front.heard != prod; front.heard++) {
        struct blkif_response r = front.ring->ring[front.heard & (front.slots - 1)].rsp;
        struct shadow *s = r.id < 512 ? &shadows[r.id] : NULL;
        if (!s || !s->open)
            fatal("an answer to %lu, which is not open", (unsigned long)r.id);
        if (r.operation != s->op || r.status != BLKIF_RSP_OKAY)
            fatal("operation %u of %u blocks at %u: answer %u, status %d", s->op, s->nr, s->first,
                  r.operation, r.status);
        for (unsigned i = 0; i < s->nr; i++) {
            if (s->op == BLKIF_OP_READ)
                check(data_page((unsigned)r.id, i), s->first + i, "read");
            else
                content[s->first + i] = s->op == BLKIF_OP_DISCARD ? 0 : s->sequence;
        }
        memset(busy + s->first, 0, s->nr);
        s->open = false;
        nr_open--;
        done++;
    }
    front.ring->rsp_event = front.heard + 1;
}

static void work(unsigned depth)
{
    unsigned nr = 0;
    for (unsigned id = 0; id < depth; id++) {
        if (!shadows[id].open && any(3) && send_one(id))
            nr++;
    }
    front_push(&front, nr);
    front_wait(&front, 5);
    hear();
}

static void drain(void)
{
    time_t end = time(NULL) + STUCK_S;
    while (nr_open > 0) {
        if (time(NULL) > end)
            fatal("%u requests have no answer", nr_open);
        front_wait(&front, 5);
        hear();
    }
}

/* ---- a server */

static pid_t server; /* 0: none is needed */

static void server_start(const char *directory, const char *image)
{
    char path[200];
    const char *name = getenv("NBD_SOCKET"); /* where somebody stands in between */
    snprintf(path, sizeof(path), "%s/%s", directory, name ? name : "nbd");
    unlink(path);
    server = fork();
    if (server > 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execlp("qemu-nbd", "qemu-nbd", "-t", "-f", "raw", "-x", "a disk", "--discard=unmap", "-k", path,
           image, NULL);
    _exit(127);
}

static void server_kill(void)
{
    int status;
    kill(server, SIGKILL);
    waitpid(server, &status, 0);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        fatal("the server had ended before the kill: %x", (unsigned)status);
}

static double seconds_of(unsigned requests)
{
    struct timespec a;
    struct timespec b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (uint64_t end = done + requests; done < end;)
        work(16);
    drain();
    clock_gettime(CLOCK_MONOTONIC, &b);
    return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
}

/* Limits are kept from the moment that they are written, and only until they are taken back. */
static void check_limits(void)
{
    back_write(&front, "iops", "200");
    usleep(100000);
    double took = seconds_of(200);
    if (took < 0.8) /* a tenth of a second may be spent ahead */
        fatal("200 requests at 200 a second took %.2f s", took);
    back_write(&front, "iops", "0");
    back_write(&front, "bytes-per-second", "4194304");
    usleep(100000);
    uint64_t before = back_bytes(&front);
    took = seconds_of(400);
    double least = (double)(back_bytes(&front) - before) / 4194304 - 0.3;
    if (took < least)
        fatal("%.2f s instead of %.2f", took, least);
    back_write(&front, "bytes-per-second", "0");
}

/* A base that is full, and a disk over it. */
static void make_overlay(const char *base, const char *image)
{
    uint64_t page[PAGE / 8];
    char command[1000];
    sequence = 1;
    FILE *f = fopen(base, "w");
    for (unsigned b = 0; b < BLOCKS; b++) {
        content[b] = sequence;
        fill(page, b, sequence);
        if (!f || fwrite(page, PAGE, 1, f) != 1)
            fatal("%s: %m", base);
    }
    fclose(f);
    snprintf(command, sizeof(command), "%s -o %s %s", getenv("BLKBACK"), image, base);
    if (system(command) != 0)
        fatal("%s", command);
}

/* All of it, by the ring. */
static void read_all(void)
{
    for (unsigned b = 0; b < BLOCKS; b += MAX_BLOCKS) {
        while (!send_request(b / MAX_BLOCKS % 16, BLKIF_OP_READ, b, MAX_BLOCKS)) {
            front_wait(&front, 5);
            hear();
        }
        front_push(&front, 1);
    }
}

static void check_image(const char *path)
{
    uint64_t page[PAGE / 8];
    FILE *f = fopen(path, "r");
    for (unsigned b = 0; b < BLOCKS; b++) {
        if (!f || fread(page, PAGE, 1, f) != 1)
            fatal("%s is too short", path);
        check(page, b, "the file");
    }
    if (fgetc(f) != EOF)
        fatal("%s has grown", path);
    fclose(f);
}

static bool nbd; /* the image is an NBD server's */
static const char *directory;
static char image[200];
static unsigned depth;
static unsigned kills, server_kills, with_work; /* the last: with requests under way, ... */
static uint64_t taken;                          /* ... so many */

static void begin(bool overlay, char *base)
{
    char params[420];
    snprintf(params, sizeof(params), "%s%s", overlay ? "overlay:" : "", image);
    if (overlay)
        make_overlay(base, image);
    else
        image_create(image, BLOCKS * PAGE);
    if (nbd) {
        snprintf(params, sizeof(params), "nbd+unix:///a%%20disk?socket=%s/nbd", directory);
        server_start(directory, image);
        usleep(500000); /* only the first time has it to be there */
    }
    depth = front.order ? 100 : 32;
    front.persistent = any(2);
    backend_start(false);
    disk_create(&front, params, true);
    back_write(&front, "persistent-grants", "1");
    back_write(&front, "poll", front.order ? "200" : "0");
    front_connect(&front);
}

/* Some that end, and as many as there is room for that are under way. */
static void load(void)
{
    unsigned nr = 0;
    for (uint64_t n = any(20); n > 0; n--)
        work(depth);
    for (unsigned id = 0; id < depth; id++)
        nr += !shadows[id].open && send_one(id);
    front_push(&front, nr);
    usleep((unsigned)any(4) * (unsigned)any(1000));
}

static void kill_some(void)
{
    bool both = any(2);
    bool again = nbd && any(2);
    if (again)
        server_kill();
    server_kills += again;
    if (both)
        backend_kill();
    else if (!again || any(2))
        worker_kill();
    unsigned now = requests_taken();
    taken += now;
    with_work += now > 0;
    hear();
    if (again) {
        usleep((unsigned)any(100000));
        server_start(directory, image);
    }
    if (both)
        backend_start(false);
}

static void connect_again(void)
{
    front_state(&front, XenbusStateInitialising);
    front_connect(&front);
}

static void look_at_all(void)
{
    for (int i = 0; i < 100; i++)
        work(depth);
    drain();
    read_all();
    drain();
    check_limits();
}

int main(int argc, char *argv[])
{
    char base[200];
    bool overlay = argc > 5 && strcmp(argv[5], "overlay") == 0;
    if (argc < 3)
        return 2;
    nbd = argc > 5 && strcmp(argv[5], "nbd") == 0;
    directory = argv[1];
    kills = (unsigned)atoi(argv[2]);
    seed = kills + (argc > 4 ? (uint64_t)atoi(argv[4]) : 0);
    front.order = argc > 3 ? (unsigned)atoi(argv[3]) : 0;
    world_open(directory, DATA_FIRST + 512 * (MAX_BLOCKS + 1));
    snprintf(image, sizeof(image), "%s/disk", directory);
    snprintf(base, sizeof(base), "%s/base", directory);
    begin(overlay, base);
    for (unsigned i = 0; i < kills; i++) {
        load();
        kill_some();
        if (i % 10 == 9) { /* another connection, other ways */
            drain();
            front_disconnect(&front);
            front.persistent = !front.persistent;
            connect_again();
        }
    }
    look_at_all();
    if (overlay) { /* in the file, not only in memory: a flush was due when the guest let go */
        front_disconnect(&front);
        backend_kill();
        backend_start(false);
        connect_again();
        read_all();
        drain();
    }
    front_disconnect(&front);
    backend_alive("at the end");
    backend_kill();
    for (unsigned b = 0; overlay && b < BLOCKS; b++)
        content[b] = 1; /* of the base, nothing has changed */
    check_image(overlay ? base : image);
    printf("%u kills, %u of them with requests in flight, %lu in all; %lu requests answered, %lu "
           "written\n",
           kills, with_work, (unsigned long)taken, (unsigned long)done, (unsigned long)sequence);
    if (nbd)
        printf("%u kills of the server\n", server_kills);
    if (kills > 10 && with_work * 2 < kills)
        fatal("too few kills met work");
    return 0;
}
