// SPDX-License-Identifier: GPL-2.0-only
/* A guest that means harm: malformed requests, references that lead nowhere, pages that change
 * while they are looked at, indices that cannot be, states in any order.
 *
 * usage: blk_hostile DIRECTORY REQUESTS [SEED]
 * Three disks: one for the harm, one read-only, and one that an honest guest of the same worker
 * uses meanwhile.  In the end the worker is the process that it was and has grown little, the
 * honest disk is right, the read-only one as before, no file larger, and a new connection works.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blkfront.h"

#define PAGES      256u
#define DISK_BYTES (1u << 20)
#define RACED_PAGES                                                                                \
    16u                  /* data and segments that change all the time, and the two hostile rings  \
                          */
#define RINGS       230u /* no page from here on is named by accident: small numbers are everywhere */
#define HONEST_PAGE 250u
#define GROWTH                                                                                     \
    (8u << 20) /* of the worker under the sanitizer, whose quarantine is set to 1 MiB              \
                */

static struct front disks[3] = {
    {.id = 51712, .ring_ref = RINGS, .port = 1, .persistent = true},
    {.id = 51728, .ring_ref = RINGS + 1, .port = 2},
    {.id = 51744, .ring_ref = RINGS + 10, .port = 3, .order = 1},
};
static uint64_t answered;
static uint64_t broken;
static uint64_t toggled;

/* ---- somebody else on another processor */

static bool racing = true;

static void *race(void *arg)
{
    uint64_t s = 12345;
    (void)arg;
    for (unsigned n = 0; __atomic_load_n(&racing, __ATOMIC_RELAXED); n++) {
        if (n % 4096 == 0)
            usleep(50); /* the others want a processor, too */
        s = s * 6364136223846793005u + 1442695040888963407u;
        unsigned page = (unsigned)(s >> 33) % RACED_PAGES;
        unsigned word = (unsigned)(s >> 41) % (PAGE / 8);
        /* Requests and segments, but seldom an index: a broken ring ends the fun. */
        if (page < 2 && word < 8 && (s >> 20) % 1000000)
            continue;
        /* Anything; a reference to a page that is of no use; an operation and a number of segments.
         */
        uint64_t value = s >> 11;
        if ((s >> 60) % 3 == 1)
            value = 60 + (s >> 20) % 150;
        else if ((s >> 60) % 3 == 2)
            value = (s >> 20) % 8 | (1 + (s >> 24) % 11) << 8;
        page = page < 2 ? RINGS + page : page;
        ((volatile uint64_t *)(guest_memory + (size_t)page * PAGE))[word] = value;
    }
    return NULL;
}

/* ---- malformed requests */

/* What a guest does to the pages of its own honest disk is no matter of ours; to read into a ring
 * breaks that, which is worth a try now and then. */
static uint32_t bad_ref(void)
{
    uint32_t ref = (uint32_t)any(any(2) ? RACED_PAGES : PAGES);
    switch (any(8)) {
    case 0: return (uint32_t)any(1ull << 32) | PAGES;
    case 1: return PAGES - 2 + (uint32_t)any(4); /* the last ones, and those behind it */
    default: break;
    }
    return ref < RINGS || (ref < RINGS + 2 && any(5000) == 0) ? ref : ref % RINGS;
}

static void bad_segments(struct blkif_request_segment *s, unsigned nr)
{
    for (unsigned i = 0; i < nr; i++)
        s[i] = (struct blkif_request_segment){bad_ref(), (uint8_t)any(any(20) ? 8 : 256),
                                              (uint8_t)any(any(20) ? 9 : 256)};
}

static void bad_request(struct blkif_request *req)
{
    uint64_t *words = (uint64_t *)req;
    for (unsigned i = 0; i < sizeof(union blkif_sring_entry) / 8; i++)
        words[i] = any(UINT64_MAX);
    if (any(8) == 0)
        return; /* anything at all */
    req->operation = (uint8_t)any(8);
    req->id = any(any(2) ? 64 : UINT64_MAX);
    req->sector_number = any(any(3) ? DISK_BYTES / 512 + 16 : UINT64_MAX);
    if (req->operation == BLKIF_OP_INDIRECT) {
        struct blkif_request_indirect *x = (struct blkif_request_indirect *)req;
        x->indirect_op = (uint8_t)any(any(4) ? 2 : 256);
        x->nr_segments = (uint16_t)any(any(4) ? 300 : 65536);
        for (unsigned i = 0; i < 8; i++)
            x->indirect_grefs[i] = bad_ref();
        bad_segments((struct blkif_request_segment *)(guest_memory + 8 * PAGE), 64);
        return;
    }
    if (req->operation == BLKIF_OP_DISCARD) {
        struct blkif_request_discard *d = (struct blkif_request_discard *)req;
        d->flag = (uint8_t)(any(4) ? 0 : any(256));
        d->nr_sectors = any(any(3) ? 64 : UINT64_MAX);
        return;
    }
    req->nr_segments = (uint8_t)any(any(8) ? 12 : 256);
    bad_segments(req->seg, BLKIF_MAX_SEGMENTS_PER_REQUEST);
}

/* ---- the honest one */

static uint32_t honest_sequence;

static void honest_round(void)
{
    struct front *f = &disks[2];
    uint32_t *page = (uint32_t *)(guest_memory + HONEST_PAGE * PAGE);
    uint8_t op = any(2) ? BLKIF_OP_WRITE : BLKIF_OP_READ;
    if (op == BLKIF_OP_WRITE)
        honest_sequence++;
    for (unsigned i = 0; i < PAGE / 4; i++)
        page[i] = op == BLKIF_OP_WRITE ? honest_sequence : 0;
    struct blkif_request *req = front_slot(f);
    *req = (struct blkif_request){.operation = op,
                                  .nr_segments = 1,
                                  .id = f->sent,
                                  .sector_number = 16,
                                  .seg = {{HONEST_PAGE, 0, 7}}};
    front_push(f, 1);
    for (int i = 0; __atomic_load_n(&f->ring->rsp_prod, __ATOMIC_ACQUIRE) == f->heard; i++) {
        if (i == 3000)
            fatal("the honest disk is not served");
        backend_alive("under hostile requests");
        front_wait(f, 10);
    }
    struct blkif_response r = f->ring->ring[f->heard++ & (f->slots - 1)].rsp;
    f->ring->rsp_event = f->heard + 1;
    if (r.id != f->sent || r.operation != op || r.status != BLKIF_RSP_OKAY)
        fatal("the honest disk answers %lu %u %d", (unsigned long)r.id, r.operation, r.status);
    for (unsigned i = 0; i < PAGE / 4; i++) {
        if (page[i] != honest_sequence)
            fatal("the honest disk has %u instead of %u", page[i], honest_sequence);
    }
}

/* ---- rings */

static void connect_again(struct front *f)
{
    front_state(f, XenbusStateClosing);
    back_wait(f, XenbusStateClosing);
    front_state(f, XenbusStateClosed);
    back_wait(f, XenbusStateClosed);
    front_state(f, XenbusStateInitialising);
    front_connect(f);
}

static void hostile_round(struct front *f)
{
    unsigned nr = 1 + (unsigned)any(f->slots);
    for (unsigned i = 0; i < nr; i++)
        bad_request(front_slot(f));
    front_push(f, nr);
    for (int i = 0; i < 40; i++) {
        uint32_t prod = __atomic_load_n(&f->ring->rsp_prod, __ATOMIC_ACQUIRE);
        if (prod - f->heard <= f->slots) {
            answered += prod - f->heard;
            f->heard = prod;
        }
        if (f->heard == f->sent)
            return;
        f->ring->rsp_event = f->heard + 1;
        front_wait(f, 5);
    }
    backend_alive("under hostile requests");
    broken++; /* the racer hit an index */
    connect_again(f);
}

static void bad_index(struct front *f)
{
    front_state(f, XenbusStateConnected);
    __atomic_store_n(&f->ring->req_prod, f->sent + 33 + (uint32_t)any(1u << 31), __ATOMIC_SEQ_CST);
    if (write(f->to_back, "", 1) < 0)
        fatal("pipe");
    usleep(2000);
    broken++;
    connect_again(f);
}

/* Any state after any other, and keys that make no sense. */
static void toggle(struct front *f)
{
    static const char *const keys[] = {
        "ring-ref",        "event-channel",          "protocol",
        "ring-page-order", "multi-queue-num-queues", "feature-persistent",
        "ring-ref0"};
    static const char *const values[] = {
        "",   "0",          "1",  "2", "4", "5", "-1", "x", "4294967295", "99999999999999999999",
        "1 ", "x86_64-abi", "255"};
    for (uint64_t n = any(8); n > 0; n--) {
        if (any(3) == 0)
            front_write(f, keys[any(7)], "%s", values[any(13)]);
        front_state(f, (enum xenbus_state)any(9));
        toggled++;
        if (any(3) == 0)
            usleep((unsigned)any(3000));
    }
    front_write(f, "ring-page-order", "0");
    front_write(f, "multi-queue-num-queues", "1");
    /* Wherever it is now, this brings it back. */
    front_state(f, XenbusStateClosing);
    usleep(1000);
    front_state(f, XenbusStateClosed);
    back_wait(f, XenbusStateClosed);
    front_state(f, XenbusStateInitialising);
    front_connect(f);
}

/* ---- the files */

static uint8_t *read_file(const char *path)
{
    uint8_t *bytes = malloc(DISK_BYTES);
    FILE *f = fopen(path, "r");
    if (!f || fread(bytes, DISK_BYTES, 1, f) != 1 || fgetc(f) != EOF)
        fatal("%s has not the size that it had", path);
    fclose(f);
    return bytes;
}

int main(int argc, char *argv[])
{
    char image[3][200];
    pthread_t racer;
    if (argc < 3)
        return 2;
    uint64_t requests = strtoull(argv[2], NULL, 10);
    seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    world_open(argv[1], PAGES);
    for (int i = 0; i < 3; i++) {
        snprintf(image[i], sizeof(image[i]), "%s/disk%d", argv[1], i);
        image_create(image[i], DISK_BYTES);
    }
    backend_start(false);
    for (int i = 0; i < 3; i++) {
        disk_create(&disks[i], image[i], i != 1);
        front_connect(&disks[i]);
    }
    pthread_create(&racer, NULL, race, NULL);
    uint64_t rss = 0;
    for (uint64_t round = 0; answered < requests; round++) {
        hostile_round(&disks[any(2)]);
        if (round % 8 == 0)
            honest_round();
        if (round % 400 == 0)
            bad_index(&disks[any(2)]);
        if (round % 200 == 100)
            toggle(&disks[any(2)]);
        if (!rss && answered > requests / 4)
            rss = worker_rss();
    }
    uint64_t grown = worker_rss();
    __atomic_store_n(&racing, false, __ATOMIC_RELAXED);
    pthread_join(racer, NULL);
    for (int i = 0; i < 3; i++)
        front_disconnect(&disks[i]);
    backend_alive("at the end");
    backend_kill();
    free(read_file(image[0]));
    uint8_t *read_only = read_file(image[1]);
    for (unsigned i = 0; i < DISK_BYTES; i++) {
        if (read_only[i])
            fatal("the read-only disk was written at %u", i);
    }
    free(read_only);
    uint8_t *honest = read_file(image[2]);
    for (unsigned i = 0; i < DISK_BYTES; i += 4) {
        uint32_t value;
        memcpy(&value, honest + i, 4);
        if (value != (i / PAGE == 2 ? honest_sequence : 0))
            fatal("the honest disk is wrong at %u", i);
    }
    free(honest);
    printf("%lu hostile requests answered, %lu broken rings, %lu states; grown by %ld KiB\n",
           (unsigned long)answered, (unsigned long)broken, (unsigned long)toggled,
           (long)(grown - rss) / 1024);
    if (grown > rss + GROWTH)
        fatal("the worker has grown");
    return 0;
}
