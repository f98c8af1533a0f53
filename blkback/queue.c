// SPDX-License-Identifier: GPL-2.0-only
/* One ring with its port: requests come in here and answers go out, in the order of steps that
 * journal.h asks for.
 */
#include <errno.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

#include "blkback/disk.h"

/* A predecessor's descriptors may be closed a moment after its death, and until then the guest's
 * port is still taken. */
#define BIND_TRIES   500
#define BIND_WAIT_US 10000

/* Events that bring nothing cost us, not who sends them; after a few they are taken more slowly. */
#define IDLE_EVENTS 16
#define IDLE_NS     2000000ull

static void event_ready(struct watcher *watcher)
{
    struct queue *queue = (struct queue *)((char *)watcher - offsetof(struct queue, watcher));
    if (!event_take(&queue->event))
        return;
    queue->look = true;
    if (++queue->idle_events > IDLE_EVENTS)
        queue->enable_at = clock_now() + IDLE_NS;
    else
        event_enable(&queue->event);
}

void queue_tick(struct queue *queue)
{
    if (!queue->enable_at)
        return;
    if (queue->enable_at <= clock_now()) {
        queue->enable_at = 0;
        event_enable(&queue->event);
    } else if (!queue->disk->wake_at || queue->disk->wake_at > queue->enable_at) {
        queue->disk->wake_at = queue->enable_at;
    }
}

/* ---- requests and answers */

bool queue_take(struct queue *queue)
{
    uint64_t now = 0; /* one time for all that a look finds */
    bool any = false;
    while (queue->look && queue->free) {
        union ring_request raw;
        struct job *job = queue->free;
        switch (ring_take(&queue->ring, &raw)) {
        case RING_REQUEST:
            now = any ? now : clock_now();
            journal_take(queue->journal, job->slot, &queue->ring, &raw);
            queue->free = job->next;
            queue->idle_events = 0;
            job_begin(job, &raw, now);
            any = true;
            break;
        case RING_EMPTY: return any;
        default:
            backend_error(queue->disk->device,
                          "the ring of queue %u says what cannot be; it is not served any more",
                          queue->number);
            queue->broken = true;
            queue->look = false;
        }
        queue->look = queue->look && !queue->broken;
    }
    return any;
}

bool queue_filled(struct queue *queue)
{
    return queue->look && queue->free && ring_filled(&queue->ring);
}

bool queue_wait(struct queue *queue)
{
    if (!queue->look || !queue->free)
        return false;
    return queue->look = ring_wait(&queue->ring);
}

void queue_answer(struct queue *queue, struct job *job, int16_t status)
{
    journal_answer(queue->journal, job->slot, &queue->ring, job->request.operation, status);
    ring_respond(&queue->ring, job->request.id, job->request.operation, status);
    job->next = queue->answered;
    queue->answered = job;
}

bool queue_publish(struct queue *queue)
{
    struct job *job = queue->answered;
    if (!job)
        return false;
    journal_publishing(queue->journal, &queue->ring);
    bool notify = ring_publish(&queue->ring);
    journal_published(queue->journal, &queue->ring);
    queue->answered = NULL;
    while (job) {
        struct job *next = job->next;
        journal_release(queue->journal, job->slot);
        job->next = queue->free;
        queue->free = job;
        job = next;
    }
    if (notify)
        event_notify(&queue->event);
    return true;
}

/* ---- beginning */

static bool complain(struct queue *queue, const char *what)
{
    backend_error(queue->disk->device, "queue %u: %s: %m", queue->number, what);
    return false;
}

static bool bind_port(struct queue *queue, uint32_t port, bool again)
{
    unsigned guest = queue->disk->device->backend->guest;
    for (int i = 0; i < BIND_TRIES; i++) {
        if (event_bind(&queue->event, guest, port))
            return true;
        if (!again)
            break;
        usleep(BIND_WAIT_US);
    }
    return complain(queue, "the event channel cannot be bound");
}

/* Requests that a predecessor has taken: those that it has answered are answered again where the
 * front end has not seen it, the others are begun again. */
static void resume(struct queue *queue)
{
    uint64_t now = clock_now();
    unsigned begun = 0;
    unsigned answered = 0;
    for (unsigned i = 0; i < queue->ring.slots; i++) {
        struct journal_slot *slot = &queue->journal->slot[i];
        struct job *job = &queue->jobs[i];
        const char *reason;
        if (slot->state == JOURNAL_TAKEN) {
            begun++;
            job_begin(job, &slot->request, now);
        } else if (slot->state == JOURNAL_ANSWERED) {
            answered++;
            request_parse(&slot->request, &queue->disk->limits, &job->request, &reason);
            queue_answer(queue, job, slot->status);
        }
    }
    backend_log(
        LOG_INFO,
        "device %u of domain %u, queue %u: taken over with %u requests to do and %u answers to "
        "give",
        queue->disk->device->id, queue->disk->device->backend->guest, queue->number, begun,
        answered);
}

static bool make_jobs(struct queue *queue)
{
    queue->jobs = calloc(queue->ring.slots, sizeof(*queue->jobs));
    if (!queue->jobs)
        return complain(queue, "no memory for requests");
    for (unsigned i = queue->ring.slots; i-- > 0;) {
        queue->jobs[i].queue = queue;
        queue->jobs[i].slot = i;
        if (queue->journal->slot[i].state != JOURNAL_FREE)
            continue;
        queue->jobs[i].next = queue->free;
        queue->free = &queue->jobs[i];
    }
    return true;
}

/* The indices of a ring that we begin to serve: those that the page shows, if nothing is under way.
 */
static bool begin_journal(struct queue *queue, const struct journal_key *key, bool again)
{
    struct journal *journal = queue->disk->worker->journal;
    queue->journal = again ? journal_find(journal, key) : NULL;
    if (queue->journal) {
        if (journal_recover(queue->journal, &queue->ring))
            return true;
        errno = EBADMSG;
        return complain(queue, "the notes of the process that is gone do not go with the ring");
    }
    uint32_t shown = ring_seen_responses(&queue->ring);
    queue->ring.req_cons = queue->ring.rsp_prod = queue->ring.rsp_published = shown;
    if (again && ring_wait(&queue->ring)) {
        errno = ENOENT;
        return complain(queue,
                        "requests are under way, and the process that is gone left no notes");
    }
    queue->journal = journal_begin(journal, key, &queue->ring);
    errno = ENOSPC;
    return queue->journal || complain(queue, "too many queues");
}

struct queue *queue_open(struct disk *disk, unsigned number, const struct front_queue *front,
                         bool again)
{
    unsigned guest = disk->device->backend->guest;
    struct journal_key key = {.device = disk->device->id,
                              .number = number,
                              .port = front->port,
                              .nr_pages = front->nr_pages};
    struct queue *queue = calloc(1, sizeof(*queue));
    if (!queue)
        return NULL;
    queue->disk = disk;
    queue->number = number;
    queue->event.fd = -1;
    queue->nr_pages = front->nr_pages;
    for (unsigned i = 0; i < front->nr_pages; i++)
        key.refs[i] = front->refs[i];
    queue->pages = grants_map(guest, front->refs, front->nr_pages, true);
    if (!queue->pages) {
        complain(queue, "the ring cannot be mapped");
        goto fail;
    }
    ring_init(&queue->ring, queue->pages, front->nr_pages);
    if (!bind_port(queue, front->port, again) || !begin_journal(queue, &key, again) ||
        !make_jobs(queue))
        goto fail;
    disk->queue[disk->nr_queues++] = queue;
    watcher_start(&queue->watcher, &disk->worker->engine, queue->event.fd, event_ready);
    resume(queue);
    /* Whatever happened before: both ends look once. */
    queue->look = true;
    event_notify(&queue->event);
    return queue;
fail:
    event_close(&queue->event);
    if (queue->pages)
        grants_unmap(queue->pages, queue->nr_pages);
    free(queue->jobs);
    free(queue);
    return NULL;
}

void queue_close(struct queue *queue)
{
    queue_publish(queue);
    watcher_end(&queue->watcher);
    while (queue->watcher.armed)
        worker_wait(queue->disk->worker, ENGINE_FOREVER);
    journal_end(queue->journal);
    event_close(&queue->event);
    grants_unmap(queue->pages, queue->nr_pages);
    free(queue->jobs);
    free(queue);
}
