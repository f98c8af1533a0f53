/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of a worker: a process that serves one guest's disks, and what it consists of.
 *
 *   worker  ->  disks  ->  queues (a ring and its port each)  ->  jobs (a request each)
 *
 * One thread does everything, so nothing here has a lock.  What other processes share, the journal
 * and the table of fair shares, says so in its own header.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "backend/device.h"
#include "backend/gate.h"
#include "backend/limit.h"
#include "backend/ward.h"
#include "blkback/cache.h"
#include "blkback/counts.h"
#include "blkback/direct.h"
#include "blkback/engine.h"
#include "blkback/fair.h"
#include "blkback/front.h"
#include "blkback/image.h"
#include "blkback/journal.h"
#include "blkback/nbd.h"
#include "blkback/order.h"
#include "blkback/poll.h"
#include "blkback/request.h"
#include "blkback/ring.h"

struct disk;

struct worker {
    struct engine engine;
    struct backend backend;
    struct watcher orders;
    bool ordered; /* an order has come */
    struct journal *journal;
    struct fair *fair; /* NULL: shares are not kept */
    struct counts_file *counts;
    uint64_t copied; /* bytes of buffers in use */
    struct poll poll;
};

/* ---- one request ---- */

struct job {
    struct operation operation; /* first: done() finds the job by it */
    struct queue *queue;
    struct job *next;  /* on the list that it is on: free, ready or answered */
    struct job *older; /* among those in the device */
    struct job *newer;
    unsigned slot; /* of the journal; also its place in queue->jobs */
    struct request request;
    const char *plan; /* what is left to do, a letter each */
    uint32_t cost;    /* as told to the fair queueing */
    uint64_t taken_at;
    uint64_t moved;    /* bytes of this stage */
    uint64_t range_at; /* of an overlay: what is read or written */
    uint64_t range_len;
    bool maps; /* its flush has maps to write */
    /* its data */
    struct grant_piece *pieces; /* of nr_pieces; one block with iov.  local: where it is in the
                                 * buffer, or the kept page */
    struct iovec *iov;
    struct grant_piece few_pieces[BLKIF_MAX_SEGMENTS_PER_REQUEST]; /* instead of a block */
    struct iovec few_iov[BLKIF_MAX_SEGMENTS_PER_REQUEST];
    unsigned nr_pages; /* kept pages in use */
    unsigned nr_iov;
    uint8_t *buffer; /* NULL: straight to and from kept grants */
    uint64_t buffer_size;
};

/* Understands a request that was taken at @now and puts it on its disk's list, or answers it. */
void job_begin(struct job *job, const union ring_request *raw, uint64_t now);
/* Gives it to the device, or puts it on its disk's list for the short way. */
void job_start(struct job *job);
/* Does what is on that list, with one call; was there anything? */
bool jobs_copy(struct disk *disk);
/* Lets go of what it holds, without an answer. */
void job_drop(struct job *job);
/* The buffer that it may need. */
uint64_t job_bytes(const struct job *job);
/* A buffer of so many bytes, in which the data begins behind @skip; false: no memory. */
bool job_buffer(struct job *job, uint64_t bytes, uint64_t skip);
/* The guest's data into the buffer. */
bool job_fetch(struct job *job);
/* It has left the device: the answer, which for a failure says so in the log too. */
void job_finish(struct job *job, int status, uint64_t now);
void job_fail(struct job *job, int error);

/* ---- one ring ---- */

struct queue {
    struct disk *disk;
    unsigned number;
    struct ring ring;
    void *pages;
    unsigned nr_pages;
    struct event event;
    struct watcher watcher;
    struct journal_queue *journal;
    struct job *jobs; /* ring.slots of them */
    struct job *free;
    struct job *answered; /* not published yet */
    bool look;            /* there may be requests, and none makes an event */
    bool broken;          /* the front end has written what cannot be */
    unsigned idle_events; /* one after the other that brought nothing */
    uint64_t enable_at;   /* 0: its event is enabled; else when it will be */
};

/* Maps the ring and binds the port.  @again: a predecessor may have left requests half done. */
struct queue *queue_open(struct disk *disk, unsigned number, const struct front_queue *front,
                         bool again);
/* Nothing of it may be in the device any more, except its watcher, which this ends. */
void queue_close(struct queue *queue);
/* Takes requests while there are any and there is room; were there? */
bool queue_take(struct queue *queue);
/* Would it take any?  Costs next to nothing. */
bool queue_filled(struct queue *queue);
/* Wants an event with the next request; true: one has come meanwhile. */
bool queue_wait(struct queue *queue);
void queue_answer(struct queue *queue, struct job *job, int16_t status);
/* Shows the answers; were there any? */
bool queue_publish(struct queue *queue);
/* Enables the event when its time has come. */
void queue_tick(struct queue *queue);

/* ---- one disk ---- */

struct disk {
    struct backend_device *device;
    struct worker *worker;
    struct image image;
    struct nbd *nbd; /* NULL: the image is none of a server's */
    struct direct direct;
    struct disk_limits limits;
    struct cache *cache; /* NULL: grants are copied */
    unsigned nr_queues;
    struct queue *queue[FRONT_MAX_QUEUES];
    struct job *ready; /* in order of arrival */
    struct job **ready_end;
    struct job *running; /* in the device, the newest first */
    unsigned nr_writing; /* of those that run, not only reading */
    uint64_t written;    /* stripes that these may touch, and perhaps others */
    struct job *copies;  /* running, and done by the next jobs_copy(): all reads or all writes */
    unsigned copies_pieces;
    bool exclusive; /* a barrier is in the device, and nothing else may be */
    bool flushing;  /* so is a flush; of an overlay, only one may be */
    struct rate requests_rate;
    struct rate bytes_rate;
    struct fair_flow *flow;
    uint64_t poll_ns;      /* as poll->most_ns */
    uint64_t wake_at;      /* when to try again; 0: when something happens */
    struct counts *counts; /* in the shared file, or spare */
    struct counts spare;
    unsigned complaints;
};

/* The ready list and the device. */
void disk_add(struct disk *disk, struct job *job);
/* Gives to the device what may go; did anything? */
bool disk_dispatch(struct disk *disk);
/* A job has left the device. */
void disk_remove(struct disk *disk, struct job *job, uint64_t now);
/* A line in the log about what a guest did, but not for ever. */
void disk_complain(struct disk *disk, const char *what);

/* ---- the process ---- */

/* Nanoseconds of a clock that only goes forward. */
uint64_t clock_now(void);

/* One round: everything that can be done now, then a wait. */
bool worker_round(struct worker *worker);
/* What worker_round() does before it waits, without orders: used while a disk is let go. */
void worker_wait(struct worker *worker, uint64_t ns);

/* Makes this process the worker of domain @guest, started by its broker, and locks it in.  Files
 * for successors and neighbours are in @directory. */
bool worker_open(struct worker *worker, unsigned guest, const char *directory);
