/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * blkback without io_uring, store and hypervisor: a hostile front end fills two rings and the pages
 * that they name with anything, also between two looks; the device does what it was given in any
 * order, in parts, or fails.  No byte outside of the disk is asked for, nothing is written to a
 * read-only one, no page outside of what the guest has is touched, there are never more answers
 * than requests, and when the disk is let go nothing is kept mapped or allocated.  The disk is raw
 * or an overlay, whose base stays as it is.
 */
// SOURCES: blkback/ring.c blkback/request.c blkback/journal.c blkback/cache.c blkback/fair.c blkback/counts.c blkback/job.c blkback/queue.c blkback/disk.c blkback/direct.c blkback/cow.c blkback/overlay.c
// LIBS: -I. -Ixenbus -D_GNU_SOURCE
// OPTIONS: -len_control=0 -max_len=1024
// SHORT: 8000
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/ask.h"
#include "blkback/cow.h"
#include "blkback/disk.h"
#include "blkback/nbd.h"
#include "fuzz.h"

#define PAGES   24u
#define SECTORS 64u
#define QUEUES  2u
#define PENDING 1024u
#define BASE                                                                                       \
    (48u * SECTOR) /* bytes of an overlay's base: the disk is larger, and it ends in a block */
#define FILE_MAX (1u << 18)

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static uint8_t *pages[PAGES]; /* each by itself, so that a step outside of one is seen */
static uint8_t *image;        /* in a file, for the short way */
static int image_fd;
static int overlay_fd;
static int base_fd;
static unsigned mapped;
static struct worker *worker;
static uint64_t now;
static uint64_t chance;
static uint64_t sent[QUEUES];
static uint64_t heard[QUEUES];

static uint64_t any(uint64_t below)
{
    chance = chance * 6364136223846793005u + 1442695040888963407u;
    return (chance >> 24) % below;
}

/* ---- the gate: mapped pages are the guest's own memory */

void *grants_map(unsigned domid, const uint32_t *refs, unsigned nr, bool writable)
{
    CHECK(nr == 1);
    if (refs[0] >= PAGES)
        return NULL;
    mapped++;
    return pages[refs[0]];
}

void grants_unmap(void *at, unsigned nr)
{
    mapped -= nr;
}

bool ask_copies(void)
{
    return false;
}

bool grants_copy(unsigned domid, const struct grant_piece *pieces, unsigned nr, bool to_guest)
{
    for (unsigned i = 0; i < nr; i++) {
        const struct grant_piece *p = &pieces[i];
        CHECK(p->offset + p->len <= GATE_PAGE);
        if (p->ref >= PAGES)
            return false;
        uint8_t *theirs = pages[p->ref] + p->offset;
        memcpy(to_guest ? theirs : p->local, to_guest ? p->local : theirs, p->len);
    }
    return true;
}

bool event_bind(struct event *event, unsigned domid, uint32_t port)
{
    event->fd = 5;
    return true;
}
void event_close(struct event *event)
{
    event->fd = -1;
}
bool event_take(const struct event *event)
{
    return true;
}
void event_enable(const struct event *event)
{
}
void event_notify(const struct event *event)
{
}

/* ---- the kernel: requests of io_uring, done when it likes */

static struct io_uring_sqe pending[PENDING];
static unsigned nr_pending;

struct io_uring_sqe *engine_entry(struct engine *engine)
{
    CHECK(nr_pending < PENDING);
    return &pending[nr_pending++];
}

/* No disk here is a server's: tests/xenbus/test-blkback-nbd.py has those. */
struct nbd *nbd_open(struct disk *disk)
{
    abort();
}

void nbd_close(struct nbd *nbd)
{
    abort();
}

void nbd_submit(struct nbd *nbd, struct job *job)
{
    abort();
}

void nbd_patience(struct nbd *nbd, bool patient)
{
}

static int move(const struct io_uring_sqe *sqe, uint64_t part)
{
    const struct iovec *iov = (const struct iovec *)(uintptr_t)sqe->addr;
    uint64_t at = sqe->off;
    uint64_t moved = 0;
    for (unsigned i = 0; i < sqe->len; i++) {
        CHECK(at + iov[i].iov_len <= SECTORS * SECTOR);
        CHECK(iov[i].iov_len > 0);
        size_t len = iov[i].iov_len;
        if (moved + len > part)
            len = part - moved;
        if (sqe->opcode == IORING_OP_READV)
            memcpy(iov[i].iov_base, image + at, len);
        else
            memcpy(image + at, iov[i].iov_base, len);
        at += iov[i].iov_len;
        moved += len;
    }
    return (int)moved;
}

static uint64_t data_begin; /* of the overlay's file */
static uint64_t data_end;

static int move_of_overlay(const struct io_uring_sqe *sqe, uint64_t part)
{
    void *at = (void *)(uintptr_t)sqe->addr;
    size_t len = sqe->len < part ? sqe->len : part;
    CHECK(sqe->len > 0);
    if (sqe->fd == base_fd) {
        CHECK(sqe->opcode == IORING_OP_READ && sqe->off + sqe->len <= BASE);
        return (int)pread(base_fd, at, len, (off_t)sqe->off);
    }
    CHECK(sqe->fd == overlay_fd);
    bool is_map = sqe->off >= OVERLAY_BLOCK && sqe->off < 3 * OVERLAY_BLOCK;
    CHECK((is_map && sqe->len == OVERLAY_BLOCK && sqe->off % OVERLAY_BLOCK == 0) ||
          (sqe->off >= data_begin && sqe->off + sqe->len <= data_end));
    if (sqe->opcode == IORING_OP_READ)
        return (int)pread(overlay_fd, at, len, (off_t)sqe->off);
    return (int)pwrite(overlay_fd, at, len, (off_t)sqe->off);
}

static int carry_out(const struct io_uring_sqe *sqe)
{
    switch (any(12)) {
    case 0: return -EIO;
    case 1: return -EAGAIN;
    case 2: return -EOPNOTSUPP;
    default: break;
    }
    switch (sqe->opcode) {
    case IORING_OP_READ:
    case IORING_OP_WRITE: return move_of_overlay(sqe, any(3) ? UINT64_MAX : 1 + any(5000));
    case IORING_OP_READV:
    case IORING_OP_WRITEV: return move(sqe, any(3) ? UINT64_MAX : any(5000));
    case IORING_OP_FALLOCATE:
        if (sqe->fd == overlay_fd) {
            CHECK(sqe->off >= data_begin && sqe->off + sqe->addr <= data_end);
            return fallocate(overlay_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                             (off_t)sqe->off, (off_t)sqe->addr);
        }
        CHECK(sqe->off + sqe->addr <= SECTORS * SECTOR);
        memset(image + sqe->off, 0, sqe->addr);
        return 0;
    default: CHECK(sqe->opcode == IORING_OP_FSYNC); return 0;
    }
}

static void complete_one(void)
{
    unsigned n = (unsigned)any(nr_pending);
    struct io_uring_sqe sqe = pending[n];
    pending[n] = pending[--nr_pending];
    struct operation *operation = (struct operation *)(uintptr_t)sqe.user_data;
    operation->done(operation, carry_out(&sqe));
}

void worker_wait(struct worker *w, uint64_t ns)
{
    CHECK(nr_pending > 0); /* else it would wait for ever */
    complete_one();
}

void watcher_start(struct watcher *watcher, struct engine *engine, int fd,
                   void (*ready)(struct watcher *watcher))
{
    watcher->ready = ready;
}
void watcher_end(struct watcher *watcher)
{
}

uint64_t clock_now(void)
{
    return now += 1000;
}

/* ---- the broker: it says what is to be served */

static struct disk_order order;

static void choose_front(void)
{
    order.front = (struct front){.nr_queues = 1 + (unsigned)any(2)};
    order.front.persistent = any(2);
    for (unsigned i = 0; i < QUEUES; i++)
        order.front.queue[i] = (struct front_queue){.nr_pages = 1, .refs = {i}, .port = 3 + i};
}

static bool attach(struct backend_device *device)
{
    int fds[] = {order.image.is_overlay ? overlay_fd : image_fd, base_fd};
    order.image.sectors = SECTORS;
    order.image.page_writes = order.image.no_holes = any(2);
    order.image.base_bytes = BASE;
    order.image.read_only = order.limits.read_only;
    return device->attached = disk_ward.attach(device, &order, fds, order.image.is_overlay ? 2 : 1);
}

void backend_error(struct backend_device *device, const char *format, ...)
{
}
static void open_overlay(struct image *image)
{
    const struct overlay_base base = {.bytes = BASE};
    static struct overlay_header header;
    const char *why;
    image->overlay = calloc(1, sizeof(*image->overlay));
    CHECK(overlay_make(&header, SECTORS * SECTOR, &base, "/", &why));
    CHECK(overlay_begin(image->overlay, &header, &why));
    data_begin = overlay_data_at(image->overlay, 0);
    data_end = data_begin + SECTORS * SECTOR;
    CHECK(data_end <= FILE_MAX);
}
bool cow_load(struct image *image, const char **why)
{
    if (image->is_overlay)
        open_overlay(image);
    return true;
}
bool cow_settle(struct image *image)
{
    for (unsigned i = 0; i < image->overlay->nr_maps; i++)
        CHECK(!image->overlay->part[i].taken);
    return true;
}
void image_close(struct image *image)
{
    if (image->overlay)
        overlay_end(image->overlay);
    free(image->overlay);
    image->overlay = NULL;
}

void backend_log(int priority, const char *format, ...)
{
}

/* ---- the front end */

static uint32_t ref(void)
{
    return (uint32_t)any(any(8) ? PAGES : PAGES + 3);
}

static void fill_request(union ring_request *r)
{
    for (unsigned i = 0; i < 14; i++)
        r->words[i] = any(UINT64_MAX);
    if (any(16) == 0)
        return;
    r->rw.operation = (uint8_t)any(7);
    r->rw.sector_number = any(any(4) ? SECTORS : SECTORS + 9);
    if (r->rw.operation == BLKIF_OP_DISCARD) {
        r->discard.flag = any(8) == 0;
        r->discard.nr_sectors = any(any(4) ? 16 : UINT64_MAX);
    } else if (r->rw.operation == BLKIF_OP_INDIRECT) {
        r->indirect.indirect_op = (uint8_t)any(any(8) ? 2 : 7);
        r->indirect.nr_segments = (uint16_t)any(any(8) ? 12 : 700);
        for (unsigned i = 0; i < 8; i++)
            r->indirect.indirect_grefs[i] = ref();
    } else {
        r->rw.nr_segments = (uint8_t)any(any(8) ? 4 : 14);
        for (unsigned i = 0; i < 11; i++)
            r->rw.seg[i] = (struct blkif_request_segment){ref(), (uint8_t)any(4),
                                                          (uint8_t)(3 + any(any(8) ? 5 : 7))};
    }
}

static void front_acts(struct disk *disk)
{
    unsigned q = (unsigned)any(disk->nr_queues);
    struct ring *ring = &disk->queue[q]->ring;
    struct blkif_sring *shared = ring->shared;
    switch (any(10)) {
    default: /* some requests */
        for (uint64_t n = any(6); n > 0; n--) {
            fill_request((union ring_request *)&shared->ring[shared->req_prod & 31]);
            shared->req_prod++;
        }
        break;
    case 0: /* segments, somewhere */
        for (unsigned i = 0; i < 12; i++)
            ((struct blkif_request_segment *)pages[any(PAGES)])[i] =
                (struct blkif_request_segment){ref(), (uint8_t)any(4), (uint8_t)(3 + any(6))};
        break;
    case 1: *(uint64_t *)(pages[any(PAGES)] + any(512) * 8) = any(any(2) ? 100 : UINT64_MAX); break;
    case 2: shared->req_prod = any(3) ? ring->req_cons : (uint32_t)any(UINT32_MAX); break;
    }
    disk->queue[q]->watcher.ready(&disk->queue[q]->watcher);
}

/* What worker.c does in one round. */
static void serve(struct disk *disk)
{
    bool again;
    unsigned rounds = 0;
    do {
        again = false;
        for (unsigned i = 0; i < disk->nr_queues; i++)
            again |= queue_take(disk->queue[i]);
        again |= disk_dispatch(disk);
        for (unsigned i = 0; i < disk->nr_queues; i++) {
            again |= queue_publish(disk->queue[i]);
            queue_tick(disk->queue[i]);
        }
        for (unsigned i = 0; !again && i < disk->nr_queues; i++)
            again |= queue_wait(disk->queue[i]);
        CHECK(rounds++ < 1000);
    } while (again);
    for (unsigned i = 0; i < disk->nr_queues; i++) {
        const struct ring *ring = &disk->queue[i]->ring;
        CHECK(ring->req_cons - ring->rsp_prod <= ring->slots);
        CHECK(ring->rsp_published == ring->rsp_prod);
    }
}

static void one_gene(struct backend_device *device)
{
    struct disk *disk = device->driver;
    switch (any(8)) {
    case 0:
    case 1:
    case 2: front_acts(disk); break;
    case 3: now += any(5000000); break;
    case 4:
        if (any(8) == 0) { /* the end of a connection, and another one */
            disk_ward.detach(device);
            CHECK(mapped == 0 && worker->copied == 0 && nr_pending == 0);
            memset(pages[0], 0, 64);
            memset(pages[1], 0, 64);
            choose_front();
            CHECK(attach(device));
        }
        break;
    default:
        if (nr_pending > 0)
            complete_one();
    }
    serve(disk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct backend_device device = {.id = 51712};
    if (!worker) {
        worker = calloc(1, sizeof(*worker));
        worker->journal = calloc(1, sizeof(*worker->journal));
        worker->fair = calloc(1, sizeof(*worker->fair));
        worker->counts = calloc(1, sizeof(*worker->counts));
        for (unsigned i = 0; i < PAGES; i++)
            pages[i] = aligned_alloc(GATE_PAGE, GATE_PAGE);
        image_fd = memfd_create("image", MFD_CLOEXEC);
        overlay_fd = memfd_create("overlay", MFD_CLOEXEC);
        base_fd = memfd_create("base", MFD_CLOEXEC);
        CHECK(!ftruncate(image_fd, SECTORS * SECTOR) && !ftruncate(overlay_fd, FILE_MAX) &&
              !ftruncate(base_fd, BASE));
        image = mmap(NULL, SECTORS * SECTOR, PROT_READ | PROT_WRITE, MAP_SHARED, image_fd, 0);
    }
    if (size < GENE_SIZE)
        return 0;
    device.backend = &worker->backend;
    for (unsigned i = 0; i < PAGES; i++)
        memset(pages[i], 0, GATE_PAGE);
    memset(image, 0x5a, SECTORS * SECTOR);
    memset(worker->fair, 0, sizeof(*worker->fair));
    journal_open(worker->journal);
    fair_open(worker->fair);
    now = NS_PER_S;
    chance = fuzz_gene(data, 0);
    choose_front();
    order.limits = (struct disk_limits){SECTORS, any(4) == 0, true};
    order.image.is_overlay = any(3) == 0;
    order.weight = FAIR_WEIGHT;
    CHECK(attach(&device));
    for (size_t i = 1; i < size / GENE_SIZE; i++) {
        chance = fuzz_gene(data, i);
        one_gene(&device);
    }
    disk_ward.detach(&device);
    disk_ward.gone(&device);
    CHECK(mapped == 0 && worker->copied == 0 && nr_pending == 0);
    for (unsigned i = 0; order.limits.read_only && i < SECTORS * SECTOR; i++)
        CHECK(image[i] == 0x5a);
    return 0;
}
