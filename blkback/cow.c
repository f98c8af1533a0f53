// SPDX-License-Identifier: GPL-2.0-only
/* Requests to an overlay, each a plan of small steps, a letter each.
 *
 * What a write does not cover of its first and last block is read before, so that only whole blocks
 * become part of the overlay; disk.c sees to it that no two requests are in one block at once if
 * one of them writes.  A bit is set in live before the answer, since a successor must see it, and
 * in a map by the next flush (overlay.h).
 */
#include <errno.h>
#include <linux/falloc.h>
#include <string.h>
#include <unistd.h>

#include "blkback/cow.h"
#include "blkback/disk.h"

#define READ      'r' /* the range into the buffer */
#define HEAD      'h' /* its first block, if the request begins within it */
#define TAIL      't' /* its last block, if the request ends within it */
#define FETCH     'c' /* the guest's data, over that */
#define WRITE     'w' /* the range */
#define PUNCH     'p'
#define MARK      'b' /* the bits of the range */
#define TAKE      'n' /* a flush: dirty bits, */
#define SYNC      's' /* data on the medium, */
#define MAPS      'm' /* the maps, */
#define SYNC_MAPS 'z' /* those too, */
#define TAKEN     'f' /* done */

enum act { WAIT, OVER };

static const char *plan_of(const struct request *request)
{
    switch (request->kind) {
    case REQUEST_READ: return "r";
    case REQUEST_WRITE: return "htcwb";
    case REQUEST_DISCARD: return "pb";
    default: return request->nr_sectors ? "nsmzfhtcwbnsmzf" : "nsmzf";
    }
}

/* What the request covers, in whole blocks: around it, or for a discard within it. */
static void set_range(struct job *job)
{
    uint64_t at = job->request.sector * SECTOR;
    uint64_t end = at + job->request.nr_sectors * SECTOR;
    uint64_t block = OVERLAY_BLOCK;
    if (job->request.kind == REQUEST_DISCARD) {
        at = (at + block - 1) / block * block;
        end = end / block * block;
    } else if (job->request.kind != REQUEST_READ) {
        at = at / block * block;
        end = (end + block - 1) / block * block;
    }
    job->range_at = at;
    job->range_len = end > at ? end - at : 0;
}

/* ---- steps */

static struct io_uring_sqe *entry(struct job *job)
{
    return engine_entry(&job->queue->disk->worker->engine);
}

static enum act sent(struct job *job, struct io_uring_sqe *sqe)
{
    io_uring_sqe_set_data(sqe, &job->operation);
    return WAIT;
}

/* @len bytes of the disk from @at on, of which moved are there already. */
static enum act read_step(struct job *job, uint64_t at, uint64_t len, uint8_t *to)
{
    struct image *image = &job->queue->disk->image;
    while (job->moved < len) {
        bool here;
        uint64_t now = at + job->moved;
        uint64_t extent = overlay_extent(image->overlay, now, len - job->moved, &here);
        if (!here && now >= image->base_bytes) {
            memset(to + job->moved, 0, extent);
            job->moved += extent;
            continue;
        }
        if (!here && extent > image->base_bytes - now)
            extent = image->base_bytes - now;
        struct io_uring_sqe *sqe = entry(job);
        io_uring_prep_read(sqe, here ? image->fd : image->base, to + job->moved, (unsigned)extent,
                           here ? overlay_data_at(image->overlay, now) : now);
        return sent(job, sqe);
    }
    return OVER;
}

static enum act write_step(struct job *job)
{
    const struct image *image = &job->queue->disk->image;
    if (job->moved == job->range_len)
        return OVER;
    struct io_uring_sqe *sqe = entry(job);
    io_uring_prep_write(sqe, image->fd, job->buffer + job->moved,
                        (unsigned)(job->range_len - job->moved),
                        overlay_data_at(image->overlay, job->range_at + job->moved));
    return sent(job, sqe);
}

static enum act punch_step(struct job *job)
{
    const struct image *image = &job->queue->disk->image;
    if (job->moved || job->range_len == 0)
        return OVER;
    struct io_uring_sqe *sqe = entry(job);
    io_uring_prep_fallocate(sqe, image->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                            overlay_data_at(image->overlay, job->range_at), job->range_len);
    return sent(job, sqe);
}

static enum act sync_step(struct job *job)
{
    if (job->moved)
        return OVER;
    struct io_uring_sqe *sqe = entry(job);
    io_uring_prep_fsync(sqe, job->queue->disk->image.fd, IORING_FSYNC_DATASYNC);
    return sent(job, sqe);
}

static enum act maps_step(struct job *job)
{
    const struct image *image = &job->queue->disk->image;
    uint64_t at;
    const struct overlay_map *map = overlay_next(image->overlay, &at);
    if (!map)
        return OVER;
    struct io_uring_sqe *sqe = entry(job);
    io_uring_prep_write(sqe, image->fd, map, sizeof(*map), at);
    return sent(job, sqe);
}

/* 0 or -errno.  First the file and then our bits: a block that is here for us only would be lost
 * with this process, and the next write to it would not come here again. */
static int mark(struct job *job)
{
    const struct image *image = &job->queue->disk->image;
    struct overlay *overlay = image->overlay;
    uint8_t bytes[512]; /* 16 MiB of a discard at once */
    uint64_t block = job->range_at / OVERLAY_BLOCK;
    uint64_t nr = job->range_len / OVERLAY_BLOCK;
    bool here;
    if (nr == 0 ||
        (overlay_extent(overlay, job->range_at, job->range_len, &here) == job->range_len && here))
        return 0;
    for (uint64_t at = block / 8, end = (block + nr - 1) / 8 + 1; at < end;) {
        uint64_t now = end - at < sizeof(bytes) ? end - at : sizeof(bytes);
        for (uint64_t i = 0; i < now; i++)
            bytes[i] = overlay_live_byte(overlay, at + i, block, nr);
        ssize_t put = pwrite(image->fd, bytes, now, (off_t)overlay_live_bits_at(overlay, at));
        if (put <= 0)
            return put < 0 ? -errno : -ENOSPC;
        at += (uint64_t)put;
    }
    overlay_set(overlay, block, nr);
    return 0;
}

/* OVER, WAIT, or -errno. */
static int act(struct job *job)
{
    struct overlay *overlay = job->queue->disk->image.overlay;
    uint64_t begin = job->request.sector * SECTOR;
    uint64_t end = begin + job->request.nr_sectors * SECTOR;
    uint64_t last = job->range_at + job->range_len - OVERLAY_BLOCK;
    int status;
    switch (*job->plan) {
    case READ: return read_step(job, job->range_at, job->range_len, job->buffer);
    case HEAD:
        return begin == job->range_at ? OVER
                                      : read_step(job, job->range_at, OVERLAY_BLOCK, job->buffer);
    case TAIL:
        if (end % OVERLAY_BLOCK == 0 || (begin != job->range_at && last == job->range_at))
            return OVER;
        return read_step(job, last, OVERLAY_BLOCK, job->buffer + (last - job->range_at));
    case FETCH: return job_fetch(job) ? OVER : -EFAULT;
    case WRITE: return write_step(job);
    case PUNCH: return punch_step(job);
    case MARK: status = mark(job); return status ? status : OVER;
    case TAKE:
        if (job->queue->disk->image.read_only)
            return OVER; /* who wrote it before may have left bits for the next flush */
        status = overlay_take(overlay);
        job->maps = status > 0;
        return status < 0 ? -ENOMEM : OVER;
    case MAPS: return maps_step(job);
    case SYNC_MAPS: return job->maps ? sync_step(job) : OVER;
    case TAKEN: overlay_taken(overlay); return OVER;
    default: return sync_step(job);
    }
}

static void fail(struct job *job, int error)
{
    if (job->request.kind == REQUEST_FLUSH || job->request.kind == REQUEST_BARRIER)
        overlay_failed(job->queue->disk->image.overlay);
    job_fail(job, error);
}

static void run(struct job *job)
{
    while (*job->plan) {
        int status = act(job);
        if (status < 0) {
            fail(job, -status);
            return;
        }
        if (status == WAIT)
            return;
        job->plan++;
        job->moved = 0;
    }
    job_finish(job, BLKIF_RSP_OKAY, clock_now());
}

static void done(struct operation *operation, int result)
{
    struct job *job = (struct job *)operation;
    bool moves = *job->plan != SYNC && *job->plan != SYNC_MAPS && *job->plan != PUNCH;
    if ((result == -EINTR || result == -EAGAIN) && *job->plan != MAPS) {
        run(job); /* the same step again */
        return;
    }
    if ((result == 0 && moves) || (*job->plan == MAPS && result != (int)OVERLAY_BLOCK))
        result = result < 0 ? result : -EIO; /* somebody has made a file shorter */
    if (result < 0) {
        fail(job, -result);
        return;
    }
    if (*job->plan != MAPS)
        job->moved += moves ? (uint64_t)result : 1;
    run(job);
}

void cow_start(struct job *job)
{
    job->operation.done = done;
    job->plan = plan_of(&job->request);
    job->moved = 0;
    set_range(job);
    if (job->request.nr_pieces > 0 &&
        !job_buffer(job, job->range_len, job->request.sector * SECTOR - job->range_at)) {
        fail(job, ENOMEM);
        return;
    }
    run(job);
}
