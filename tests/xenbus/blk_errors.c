// SPDX-License-Identifier: GPL-2.0-only
/* A guest whose disks cannot do what it asks for: their file system is full, or their file has
 * become shorter.  What must hold: such a request is answered by an error; what was acknowledged is
 * there, also for the successor of a killed worker; other disks and the worker go on; and where
 * there is space again everything is as before.
 *
 * usage: blk_errors DIRECTORY SMALL
 * SMALL is a file system of its own with less space than the disks say they have.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "blkback/overlay.h"
#include "blkfront.h"

#define BLOCKS       1024u /* of a page each: 4 MiB */
#define RUN          8u    /* blocks of a request */
#define BASE         1u    /* sequence of what is in the base */
#define DATA_FIRST   64u   /* pages in front are rings */
#define OVERLAY_DATA 65536 /* where data begins in an overlay of that size */
#define ROOM         (1024u << 10)
#define STUCK_S      30

struct disk {
    struct front front;
    char path[200];
    uint64_t content[BLOCKS]; /* acknowledged; 0: zeroes */
    uint64_t other[BLOCKS];   /* may be there as well: a write that was answered by an error */
};

static struct disk full = {.front = {.id = 51712, .ring_ref = 0, .port = 1}};
static struct disk over = {.front = {.id = 51728, .ring_ref = 1, .port = 2}};
static struct disk well = {.front = {.id = 51744, .ring_ref = 2, .port = 3}};
static struct disk holed = {.front = {.id = 51760, .ring_ref = 3, .port = 4}};
static uint64_t sequence = BASE;
static unsigned good; /* requests that were done */
static unsigned bad;

/* ---- requests, one after the other */

static uint64_t *data_page(unsigned n)
{
    return (uint64_t *)(guest_memory + (size_t)(DATA_FIRST + n) * PAGE);
}

static void fill(uint64_t *page, unsigned block, uint64_t seq)
{
    for (unsigned i = 0; i < PAGE / 8; i += 2) {
        page[i] = seq;
        page[i + 1] = seq ? block : 0;
    }
}

static bool is(const uint64_t *page, unsigned block, uint64_t seq)
{
    uint64_t wanted[PAGE / 8];
    fill(wanted, block, seq);
    return memcmp(page, wanted, PAGE) == 0;
}

/* Its status. */
static int answer(struct front *f)
{
    time_t end = time(NULL) + STUCK_S;
    while (__atomic_load_n(&f->ring->rsp_prod, __ATOMIC_ACQUIRE) == f->heard) {
        if (time(NULL) > end)
            fatal("disk %u does not answer", f->id);
        front_wait(f, 5);
    }
    struct blkif_response r = f->ring->ring[f->heard & (f->slots - 1)].rsp;
    f->ring->rsp_event = ++f->heard + 1;
    return r.status;
}

static int ask(struct front *f, uint8_t op, unsigned first, unsigned nr)
{
    struct blkif_request *req = front_slot(f);
    if (op == BLKIF_OP_DISCARD) {
        struct blkif_request_discard *d = (struct blkif_request_discard *)req;
        *d = (struct blkif_request_discard){
            .operation = op, .sector_number = first * 8ull, .nr_sectors = nr * 8ull};
    } else {
        req->operation = op;
        req->nr_segments = (uint8_t)nr;
        req->sector_number = first * 8ull;
        for (unsigned i = 0; i < nr; i++)
            req->seg[i] = (struct blkif_request_segment){DATA_FIRST + i, 0, 7};
    }
    front_push(f, 1);
    return answer(f);
}

static bool write_run(struct disk *disk, unsigned first)
{
    sequence++;
    for (unsigned i = 0; i < RUN; i++)
        fill(data_page(i), first + i, sequence);
    bool done = ask(&disk->front, BLKIF_OP_WRITE, first, RUN) == BLKIF_RSP_OKAY;
    for (unsigned i = 0; i < RUN; i++) {
        if (done)
            disk->content[first + i] = sequence;
        disk->other[first + i] = done ? disk->content[first + i] : sequence;
    }
    good += done;
    bad += !done;
    return done;
}

static bool discard_run(struct disk *disk, unsigned first)
{
    bool done = ask(&disk->front, BLKIF_OP_DISCARD, first, RUN) == BLKIF_RSP_OKAY;
    for (unsigned i = 0; i < RUN; i++) {
        if (done)
            disk->content[first + i] = 0;
        disk->other[first + i] = 0;
    }
    return done;
}

/* What is read must be, of each block, what was acknowledged last, or what failed after that. */
static void read_run(struct disk *disk, unsigned first, const char *when)
{
    if (ask(&disk->front, BLKIF_OP_READ, first, RUN) != BLKIF_RSP_OKAY)
        fatal("%s: blocks at %u of disk %u cannot be read", when, first, disk->front.id);
    for (unsigned i = 0; i < RUN; i++) {
        unsigned block = first + i;
        if (is(data_page(i), block, disk->content[block]))
            continue;
        if (!is(data_page(i), block, disk->other[block]))
            fatal("%s: block %u of disk %u has sequence %lu, not %lu or %lu", when, block,
                  disk->front.id, data_page(i)[0], disk->content[block], disk->other[block]);
        disk->content[block] = disk->other[block]; /* and that it must stay */
    }
}

static void read_all(struct disk *disk, const char *when)
{
    for (unsigned b = 0; b < BLOCKS; b += RUN)
        read_run(disk, b, when);
}

static void flush(struct disk *disk, int status, const char *when)
{
    if (ask(&disk->front, BLKIF_OP_FLUSH_DISKCACHE, 0, 0) != status)
        fatal("%s: a flush of disk %u is not answered by %d", when, disk->front.id, status);
}

/* The same guest's healthy disk. */
static void others_go_on(void)
{
    unsigned first = (unsigned)any(BLOCKS / RUN) * RUN;
    if (!write_run(&well, first))
        fatal("the healthy disk fails");
    read_run(&well, first, "the healthy disk");
    good--;
}

/* ---- the file system */

static char filler[200];

/* Until only @room bytes are left. */
static void take_space(const char *small, uint64_t room)
{
    struct statvfs fs;
    int fd = open(filler, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    off_t at = lseek(fd, 0, SEEK_END);
    if (fd < 0 || statvfs(small, &fs) != 0)
        fatal("%s: %m", filler);
    uint64_t left = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (left < room || posix_fallocate(fd, at, (off_t)(left - room)) != 0)
        fatal("%s: cannot leave %lu of %lu bytes: %m", filler, room, left);
    close(fd);
}

static void give_space(void)
{
    if (unlink(filler) != 0)
        fatal("%s: %m", filler);
}

static void make_base(const char *path)
{
    uint64_t page[PAGE / 8];
    FILE *f = fopen(path, "w");
    for (unsigned b = 0; b < BLOCKS; b++) {
        fill(page, b, BASE);
        over.content[b] = over.other[b] = holed.content[b] = holed.other[b] = BASE;
        if (!f || fwrite(page, PAGE, 1, f) != 1)
            fatal("%s: %m", path);
    }
    fclose(f);
}

static void check_base(const char *path)
{
    uint64_t page[PAGE / 8];
    FILE *f = fopen(path, "r");
    for (unsigned b = 0; b < BLOCKS; b++) {
        if (!f || fread(page, PAGE, 1, f) != 1 || !is(page, b, BASE))
            fatal("the base has changed at block %u", b);
    }
    fclose(f);
}

/* ---- what happens */

/* Writes all of a disk that there is not space for. */
static void fill_up(struct disk *disk, const char *small)
{
    take_space(small, ROOM);
    good = bad = 0;
    for (unsigned b = 0; b < BLOCKS; b += RUN) {
        write_run(disk, b);
        if (b % 256 == 0)
            others_go_on();
    }
    if (good == 0 || bad == 0 || good * RUN * PAGE > ROOM)
        fatal("disk %u: %u writes done, %u not, with %u KiB of space", disk->front.id, good, bad,
              ROOM >> 10);
    backend_alive("with a full file system");
    read_all(disk, "full");
    printf("disk %u: %u writes done, %u answered by an error\n", disk->front.id, good, bad);
}

static void refill(struct disk *disk)
{
    give_space();
    bad = 0;
    for (unsigned b = 0; b < BLOCKS; b += RUN)
        write_run(disk, b);
    if (bad)
        fatal("disk %u: %u writes fail with space again", disk->front.id, bad);
    flush(disk, BLKIF_RSP_OKAY, "with space again");
    read_all(disk, "with space again");
}

static void kill_and_read(struct disk *disk, const char *when)
{
    worker_kill();
    read_all(disk, when);
}

static void reconnect(struct disk *disk)
{
    front_disconnect(&disk->front);
    front_state(&disk->front, XenbusStateInitialising);
    front_connect(&disk->front);
}

/* Not even the bits have a place, nor have the maps: a copy that has lost what was reserved. */
static void overlay_without_bits(const char *small)
{
    int fd = open(holed.path, O_RDWR | O_CLOEXEC);
    /* All but the name of the boot, which stands behind the two copies of the map. */
    int how = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    if (fd < 0 || fallocate(fd, how, OVERLAY_BLOCK, 2 * OVERLAY_BLOCK) != 0 ||
        fallocate(fd, how, 4 * OVERLAY_BLOCK, OVERLAY_DATA - 4 * OVERLAY_BLOCK) != 0)
        fatal("%s: %m", holed.path);
    close(fd);
    take_space(small, 0);
    for (unsigned b = 0; b < BLOCKS; b += BLOCKS / 4) {
        if (discard_run(&holed, b))
            fatal("a discard succeeds without a place for its bits");
        if (write_run(&holed, b + RUN))
            fatal("a write succeeds without space");
    }
    others_go_on();
    read_all(&holed, "without space");
    give_space();
    for (unsigned b = 0; b < BLOCKS; b += BLOCKS / 4) {
        if (!discard_run(&holed, b) || !write_run(&holed, b + RUN))
            fatal("no discard with space again");
    }
    kill_and_read(&holed, "a killed worker's overlay, with space again");
    take_space(small, 0);
    flush(&holed, BLKIF_RSP_ERROR, "without space for the maps");
    kill_and_read(&holed, "a killed worker's overlay, its flush failed");
    give_space();
    /* Linux' front end does not flush again after that, so that nothing else may succeed. */
    if (write_run(&holed, 2 * RUN) || write_run(&holed, BLOCKS / 2 + RUN))
        fatal("a write succeeds after a flush has failed");
    flush(&holed, BLKIF_RSP_ERROR, "after one that failed");
    reconnect(&holed);
    flush(&holed, BLKIF_RSP_OKAY, "with space for the maps, connected anew");
    if (!write_run(&holed, 2 * RUN))
        fatal("no write with space again, connected anew");
    read_all(&holed, "connected anew");
}

static void connect(struct disk *disk, const char *directory, const char *name, const char *base)
{
    char params[220];
    char command[1000];
    snprintf(disk->path, sizeof(disk->path), "%s/%s", directory, name);
    snprintf(params, sizeof(params), "%s%s", base ? "overlay:" : "", disk->path);
    snprintf(command, sizeof(command), "%s -o %s %s", getenv("BLKBACK"), disk->path,
             base ? base : "");
    if (!base)
        image_create(disk->path, BLOCKS * PAGE);
    else if (system(command) != 0)
        fatal("%s", command);
    disk_create(&disk->front, params, true);
    front_connect(&disk->front);
}

/* As another disk of the guest, which has just written it. */
static void overlay_read_only(void)
{
    static struct disk only = {.front = {.id = 51776, .ring_ref = 4, .port = 5}};
    char params[220];
    snprintf(params, sizeof(params), "overlay:%s", holed.path);
    write_run(&holed, 5 * RUN); /* so that there is something that was not flushed */
    memcpy(only.content, holed.content, sizeof(only.content));
    memcpy(only.other, holed.other, sizeof(only.other));
    disk_create(&only.front, params, false);
    front_connect(&only.front);
    read_all(&only, "read-only");
    flush(&only, BLKIF_RSP_OKAY, "read-only");
    if (write_run(&only, 0))
        fatal("a read-only disk was written");
}

static void short_file(void)
{
    uint64_t half = BLOCKS / 2;
    if (truncate(full.path, (off_t)(half * PAGE)) != 0)
        fatal("truncate: %m");
    for (unsigned b = 0; b < BLOCKS; b += RUN * 8) {
        if (b < half)
            read_run(&full, b, "a shorter file");
        else if (ask(&full.front, BLKIF_OP_READ, b, RUN) != BLKIF_RSP_ERROR)
            fatal("what is not there can be read");
        others_go_on();
    }
    backend_alive("with a shorter file");
    if (truncate(full.path, BLOCKS * PAGE) != 0)
        fatal("truncate: %m");
    memset(full.content + half, 0, half * sizeof(full.content[0]));
    memset(full.other + half, 0, half * sizeof(full.other[0]));
    read_all(&full, "a file that is as long as before");
}

int main(int argc, char *argv[])
{
    char base[200];
    if (argc < 3)
        return 2;
    world_open(argv[1], DATA_FIRST + RUN);
    snprintf(filler, sizeof(filler), "%s/filler", argv[2]);
    snprintf(base, sizeof(base), "%s/base", argv[1]);
    make_base(base);
    backend_start(false);
    connect(&full, argv[2], "full", NULL);
    connect(&over, argv[2], "over", base);
    connect(&holed, argv[2], "holed", base);
    connect(&well, argv[1], "well", NULL);
    fill_up(&full, argv[2]);
    flush(&full, BLKIF_RSP_OKAY, "what was acknowledged, with a full file system");
    kill_and_read(&full, "a killed worker's disk, full");
    refill(&full);
    short_file();
    overlay_without_bits(argv[2]);
    fill_up(&over, argv[2]);
    flush(&over, BLKIF_RSP_OKAY, "what was acknowledged, with a full file system");
    kill_and_read(&over, "a killed worker's overlay, full");
    reconnect(&over);
    read_all(&over, "another connection, full");
    refill(&over);
    kill_and_read(&over, "a killed worker's overlay");
    read_all(&well, "at the end");
    overlay_read_only();
    backend_kill();
    check_base(base);
    return 0;
}
