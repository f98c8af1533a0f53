// SPDX-License-Identifier: GPL-2.0-only
/* One request from its taking to its answer.
 *
 * Data whose pages are in dom0's memory goes the short way (direct.h), and other data one of two.
 * Where the front end keeps its grants, the pages are mapped once and the kernel reads and writes
 * them in place.  Everywhere else, and where a page cannot be mapped, it goes through a buffer of
 * ours by grant copies, and no page of the guest is ever mapped: there is nothing that must be
 * undone before the answer, and nothing that a killed process leaves behind.
 */
#include <errno.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>

#include "blkback/cow.h"
#include "blkback/disk.h"

/* The letters of a plan. */
#define DATA  'd'
#define SYNC  's'
#define PUNCH 'p'

static void submit(struct job *job);

/* ---- understanding it */

/* Copies the pages of segments of an indirect request, which the guest may change meanwhile. */
static bool fetch_segments(struct job *job, struct blkif_request_segment *segments)
{
    struct disk *disk = job->queue->disk;
    struct grant_piece pieces[BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST];
    unsigned left = job->request.nr_pieces;
    unsigned nr = job->request.nr_indirect;
    for (unsigned i = 0; i < nr; i++) {
        unsigned here = left < PIECES_PER_PAGE ? left : PIECES_PER_PAGE;
        pieces[i] = (struct grant_piece){.ref = job->request.indirect[i],
                                         .len = (uint16_t)(here * sizeof(*segments)),
                                         .local = segments + (size_t)i * PIECES_PER_PAGE};
        left -= here;
    }
    for (unsigned i = 0; disk->cache && i < nr; i++) {
        struct cached_page *page = cache_get(disk->cache, pieces[i].ref);
        if (!page)
            return grants_copy(disk->device->backend->guest, pieces, nr, false);
        memcpy(pieces[i].local, page->page, pieces[i].len);
        cache_put(disk->cache, page);
    }
    /* What was copied is what counts: the compiler must not look at the page again. */
    __asm__ volatile("" ::: "memory");
    return disk->cache || grants_copy(disk->device->backend->guest, pieces, nr, false);
}

/* One block for the two arrays that the data needs. */
static bool make_arrays(struct job *job)
{
    size_t nr = job->request.nr_pieces;
    job->pieces = job->few_pieces;
    job->iov = job->few_iov;
    if (nr <= BLKIF_MAX_SEGMENTS_PER_REQUEST)
        return true;
    job->pieces = malloc(nr * (sizeof(*job->pieces) + sizeof(*job->iov)));
    job->iov = (struct iovec *)(job->pieces + nr);
    return job->pieces;
}

static int understand(struct job *job, const union ring_request *raw, const char **reason)
{
    struct disk *disk = job->queue->disk;
    struct blkif_request_segment segments[REQUEST_MAX_PIECES];
    int status = request_parse(raw, &disk->limits, &job->request, reason);
    if (status || job->request.kind == REQUEST_DISCARD)
        return status;
    if (!make_arrays(job)) {
        *reason = "no memory";
        return BLKIF_RSP_ERROR;
    }
    if (!job->request.nr_indirect)
        memcpy(segments, raw->rw.seg, job->request.nr_pieces * sizeof(segments[0]));
    else if (!fetch_segments(job, segments)) {
        *reason = "the indirect pages cannot be read";
        return BLKIF_RSP_ERROR;
    }
    return request_pieces(&job->request, segments, &disk->limits, job->pieces, reason);
}

static void make_plan(struct job *job)
{
    switch (job->request.kind) {
    case REQUEST_READ:
    case REQUEST_WRITE: job->plan = "d"; break;
    case REQUEST_DISCARD: job->plan = "p"; break;
    /* What was acknowledged before, then the data, then the data on the medium. */
    default: job->plan = job->request.nr_sectors ? "sds" : "s";
    }
    job->cost = FAIR_REQUEST;
    if (*job->plan == SYNC)
        job->cost = FAIR_FLUSH;
    else if (*job->plan == DATA)
        job->cost += (uint32_t)job_bytes(job);
}

void job_begin(struct job *job, const union ring_request *raw, uint64_t now)
{
    const char *reason;
    job->pieces = NULL;
    job->buffer = NULL;
    job->nr_pages = 0;
    job->taken_at = now;
    int status = understand(job, raw, &reason);
    if (status) {
        job->queue->disk->counts->refused++;
        disk_complain(job->queue->disk, reason);
        job_drop(job);
        queue_answer(job->queue, job, (int16_t)status);
        return;
    }
    make_plan(job);
    disk_add(job->queue->disk, job);
}

uint64_t job_bytes(const struct job *job)
{
    return job->request.kind == REQUEST_DISCARD ? 0 : job->request.nr_sectors * SECTOR;
}

/* ---- its data */

static void release_pages(struct job *job)
{
    while (job->nr_pages > 0)
        cache_put(job->queue->disk->cache, job->pieces[--job->nr_pages].local);
}

void job_drop(struct job *job)
{
    release_pages(job);
    if (job->buffer)
        job->queue->disk->worker->copied -= job->buffer_size;
    free(job->buffer);
    if (job->pieces != job->few_pieces)
        free(job->pieces);
    job->buffer = NULL;
    job->pieces = NULL;
}

/* Straight to kept grants; false if one of them cannot be. */
static bool use_pages(struct job *job)
{
    struct cache *cache = job->queue->disk->cache;
    if (!cache)
        return false;
    for (unsigned i = 0; i < job->request.nr_pieces; i++) {
        struct grant_piece *piece = &job->pieces[i];
        struct cached_page *page = cache_get(cache, piece->ref);
        if (!page) {
            release_pages(job);
            return false;
        }
        piece->local = page;
        job->nr_pages++;
        job->iov[i] = (struct iovec){(uint8_t *)page->page + piece->offset, piece->len};
    }
    job->nr_iov = job->request.nr_pieces;
    return true;
}

static bool copy(struct job *job, bool to_guest)
{
    return grants_copy(job->queue->disk->device->backend->guest, job->pieces,
                       job->request.nr_pieces, to_guest);
}

bool job_fetch(struct job *job)
{
    return copy(job, false);
}

bool job_buffer(struct job *job, uint64_t bytes, uint64_t skip)
{
    uint8_t *at;
    job->buffer_size = (bytes + GATE_PAGE - 1) & ~(uint64_t)(GATE_PAGE - 1);
    job->buffer = at = aligned_alloc(GATE_PAGE, job->buffer_size);
    if (!at)
        return false;
    job->queue->disk->worker->copied += job->buffer_size;
    at += skip;
    for (unsigned i = 0; i < job->request.nr_pieces; i++) {
        job->pieces[i].local = at;
        at += job->pieces[i].len;
    }
    return true;
}

static bool use_buffer(struct job *job)
{
    if (!job_buffer(job, job_bytes(job), 0))
        return false;
    job->iov[0] = (struct iovec){job->buffer, job_bytes(job)};
    job->nr_iov = 1;
    return job->request.kind == REQUEST_READ || job_fetch(job);
}

/* ---- stages */

void job_finish(struct job *job, int status, uint64_t now)
{
    struct queue *queue = job->queue;
    struct counts *counts = queue->disk->counts;
    uint64_t took = now - job->taken_at;
    if (!status && job->buffer && job->request.kind == REQUEST_READ && !copy(job, true)) {
        disk_complain(queue->disk, "a page to read into cannot be written");
        status = BLKIF_RSP_ERROR;
    }
    if (!status && job->request.kind != REQUEST_READ && queue->journal->stopped)
        status = BLKIF_RSP_ERROR;
    counts->requests[job->request.kind]++;
    counts->ns += took;
    counts->worst_ns = took > counts->worst_ns ? took : counts->worst_ns;
    if (!status && job->request.kind == REQUEST_READ)
        counts->bytes_read += job_bytes(job);
    else if (!status)
        counts->bytes_written += job_bytes(job);
    disk_remove(queue->disk, job, now);
    job_drop(job);
    queue_answer(queue, job, (int16_t)status);
}

/* What was acknowledged may be lost, and Linux' blkfront takes a flush that failed for one that is
 * not known: it calls it done and never flushes again.  So nothing that is written is acknowledged
 * from here on, also by a successor, until the guest connects anew. */
static void stop(struct disk *disk)
{
    disk_complain(disk, "a flush has failed: no write succeeds any more until the disk is "
                        "attached again");
    for (unsigned i = 0; i < disk->nr_queues; i++)
        disk->queue[i]->journal->stopped = 1;
}

void job_fail(struct job *job, int error)
{
    struct disk *disk = job->queue->disk;
    bool sync = job->request.kind == REQUEST_FLUSH || job->request.kind == REQUEST_BARRIER;
    disk->counts->failed++;
    disk_complain(disk, strerror(error));
    if (sync && error != EOPNOTSUPP)
        stop(disk);
    job_finish(job, error == EOPNOTSUPP ? BLKIF_RSP_EOPNOTSUPP : BLKIF_RSP_ERROR, clock_now());
}

/* Forgets the first @bytes of the vector. */
static void advance(struct job *job, size_t bytes)
{
    job->moved += bytes;
    while (bytes > 0 && bytes >= job->iov->iov_len) {
        bytes -= job->iov->iov_len;
        job->iov++;
        job->nr_iov--;
    }
    if (bytes > 0) {
        job->iov->iov_base = (uint8_t *)job->iov->iov_base + bytes;
        job->iov->iov_len -= bytes;
    }
}

static void done(struct operation *operation, int result)
{
    struct job *job = (struct job *)operation;
    if (result == -EINTR || result == -EAGAIN) {
        submit(job);
        return;
    }
    if (result < 0) {
        job_fail(job, -result);
        return;
    }
    if (*job->plan == DATA) {
        if (result == 0) { /* somebody has made the file shorter */
            job_fail(job, EIO);
            return;
        }
        advance(job, (size_t)result);
        if (job->moved < job_bytes(job)) {
            submit(job);
            return;
        }
    }
    if (*job->plan == DATA)
        direct_learn(&job->queue->disk->direct, job->request.sector * SECTOR, job_bytes(job),
                     job->request.kind != REQUEST_READ);
    if (*++job->plan)
        submit(job);
    else
        job_finish(job, BLKIF_RSP_OKAY, clock_now());
}

static void submit(struct job *job)
{
    struct disk *disk = job->queue->disk;
    if (disk->nbd) {
        nbd_submit(disk->nbd, job);
        return;
    }
    int fd = disk->image.fd;
    uint64_t offset = job->request.sector * SECTOR + job->moved;
    struct io_uring_sqe *sqe = engine_entry(&disk->worker->engine);
    switch (*job->plan) {
    case SYNC: io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC); break;
    case PUNCH:
        direct_punched(&disk->direct, job->request.sector * SECTOR,
                       job->request.nr_sectors * SECTOR);
        io_uring_prep_fallocate(sqe, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                job->request.sector * SECTOR, job->request.nr_sectors * SECTOR);
        break;
    default:
        if (job->request.kind == REQUEST_READ)
            io_uring_prep_readv(sqe, fd, job->iov, job->nr_iov, offset);
        else
            io_uring_prep_writev(sqe, fd, job->iov, job->nr_iov, offset);
    }
    io_uring_sqe_set_data(sqe, &job->operation);
}

static void start(struct job *job)
{
    job->operation.done = done;
    job->moved = 0;
    if (job_bytes(job) > 0 && !use_pages(job) && !use_buffer(job)) {
        job_fail(job, EFAULT);
        return;
    }
    submit(job);
}

/* ---- the short way */

static bool is_write(const struct job *job)
{
    return job->request.kind == REQUEST_WRITE;
}

bool jobs_copy(struct disk *disk)
{
    struct grant_piece all[DIRECT_PIECES];
    struct job *first = disk->copies;
    unsigned nr = 0;
    if (!first)
        return false;
    disk->copies = NULL;
    for (struct job *job = first; job; job = job->next) {
        memcpy(all + nr, job->pieces, job->request.nr_pieces * sizeof(all[0]));
        nr += job->request.nr_pieces;
    }
    uint64_t before = clock_now();
    bool good = grants_copy(disk->device->backend->guest, all, nr, !is_write(first));
    uint64_t now = clock_now();
    direct_took(&disk->direct, now - before);
    while (first) {
        struct job *next = first->next;
        if (good)
            job_finish(first, BLKIF_RSP_OKAY, now);
        else
            start(first); /* it finds out what is wrong */
        first = next;
    }
    return true;
}

static bool use_direct(struct job *job)
{
    struct disk *disk = job->queue->disk;
    uint64_t at = job->request.sector * SECTOR;
    bool data = is_write(job) || job->request.kind == REQUEST_READ;
    if (!data || job->request.nr_pieces > DIRECT_PIECES ||
        !direct_may(&disk->direct, at, job_bytes(job), is_write(job)))
        return false;
    if (disk->copies && (is_write(disk->copies) != is_write(job) ||
                         disk->copies_pieces + job->request.nr_pieces > DIRECT_PIECES))
        jobs_copy(disk);
    if (!disk->copies)
        disk->copies_pieces = 0;
    for (unsigned i = 0; i < job->request.nr_pieces; i++) {
        job->pieces[i].local = disk->direct.map + at;
        at += job->pieces[i].len;
    }
    disk->copies_pieces += job->request.nr_pieces;
    job->next = disk->copies;
    disk->copies = job;
    return true;
}

void job_start(struct job *job)
{
    if (job->queue->disk->image.overlay)
        cow_start(job);
    else if (!use_direct(job))
        start(job);
}
