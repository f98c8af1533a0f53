// SPDX-License-Identifier: GPL-2.0-only
/* The worker's part of an NBD disk: requests go out over one connection in the order in which they
 * came, several in one call, and replies come back in any order.
 *
 * When the connection is lost, everything that has no reply yet is kept, and goes out again over
 * the next one; the guest sees a pause.  A job's memory is not touched while the kernel may be
 * sending or receiving it, so that only a job that was sent whole can be answered.
 */
#include <endian.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "backend/wire.h"
#include "blkback/disk.h"
#include "blkback/nbd.h"

#define REQUEST_MAGIC 0x25609513u
#define REPLY_MAGIC   0x67446698u
#define MAX_ERRNO     133u
#define MAX_TRIM      (1u << 30) /* bytes of one request, whose length has 32 bits */

#define BATCH    32u                              /* requests of one call */
#define VECTORS  (BATCH + 2 * REQUEST_MAX_PIECES) /* of memory */
#define IN_BYTES 65536u

/* A direction of the connection. */
struct stream {
    struct operation operation; /* first */
    struct nbd *nbd;
    bool busy; /* the kernel has it */
    struct iovec iov[VECTORS];
    unsigned nr;
    unsigned at; /* of them, the first that is not done */
};

struct nbd {
    struct disk *disk;
    struct watcher link; /* first what has a watcher: link_ready() */
    int socket;          /* -1: not connected yet */
    int next;            /* the connection that will be used; -1 */
    uint32_t asked;      /* the number of the latest question */
    bool lost;
    bool impatient;
    bool ending;
    struct job *first; /* all that is under way, by its arrival */
    struct job **end;
    struct job *to_send; /* of those, the first that was not sent whole */
    struct stream out;
    struct stream in;
    struct nbd_request header[BATCH];
    unsigned ends[BATCH]; /* where each request of the batch ends, in out.iov */
    unsigned nr_batch;
    unsigned nr_sent; /* of it, whole */
    bool held;        /* a reply has overtaken the news that its request was sent */
    uint8_t bytes[IN_BYTES];
    size_t have;
    struct job *current; /* whose data comes next */
    uint64_t got;        /* bytes of it */
};

static void carry_on(struct nbd *nbd);
static void lose(struct nbd *nbd, const char *what);
static void take_in(struct nbd *nbd);

static struct io_uring_sqe *entry(struct stream *stream)
{
    struct io_uring_sqe *sqe = engine_entry(&stream->nbd->disk->worker->engine);
    stream->busy = true;
    return sqe;
}

/* Forgets the first @bytes of what is under way; is there more? */
static bool advance(struct stream *stream, size_t bytes)
{
    struct iovec *iov = stream->iov + stream->at;
    for (; stream->at < stream->nr && bytes >= iov->iov_len; iov++, stream->at++)
        bytes -= iov->iov_len;
    if (stream->at == stream->nr)
        return false;
    iov->iov_base = (uint8_t *)iov->iov_base + bytes;
    iov->iov_len -= bytes;
    return true;
}

/* ---- jobs */

/* It leaves the list before it is told of. */
static void finish(struct nbd *nbd, struct job **at, int result)
{
    struct job *job = *at;
    *at = job->next;
    if (!*at)
        nbd->end = at;
    job->operation.done(&job->operation, result);
}

/* Of those that were sent, or of all. */
static struct job **find(struct nbd *nbd, uint64_t cookie, bool all)
{
    for (struct job **at = &nbd->first; *at && (all || *at != nbd->to_send); at = &(*at)->next) {
        if (((uint64_t)(*at)->queue->number << 32 | (*at)->slot) == cookie)
            return at;
    }
    return NULL;
}

static enum nbd_command command_of(const struct job *job)
{
    if (*job->plan == 's')
        return NBD_FLUSH;
    if (*job->plan == 'p')
        return NBD_TRIM;
    return job->request.kind == REQUEST_READ ? NBD_READ : NBD_WRITE;
}

/* What a discard has not done yet, in parts. */
static uint32_t trim_now(const struct job *job)
{
    uint64_t left = job->request.nr_sectors * SECTOR - job->moved;
    return (uint32_t)(left < MAX_TRIM ? left : MAX_TRIM);
}

static void answered(struct nbd *nbd, struct job **at, uint32_t error)
{
    struct job *job = *at;
    enum nbd_command command = command_of(job);
    if (error == ESHUTDOWN) { /* another server may come */
        lose(nbd, "the server is about to end");
        return;
    }
    if (error) {
        finish(nbd, at, error <= MAX_ERRNO ? -(int)error : -EIO);
        return;
    }
    if (command == NBD_TRIM && (job->moved += trim_now(job)) < job->request.nr_sectors * SECTOR) {
        *at = job->next; /* behind the others */
        if (!*at)
            nbd->end = at;
        nbd_submit(nbd, job);
        return;
    }
    if (command != NBD_READ) {
        finish(nbd, at, command == NBD_WRITE ? (int)job_bytes(job) : 0);
        return;
    }
    nbd->current = job;
    nbd->got = 0;
}

/* ---- out */

static void make_header(struct nbd_request *header, const struct job *job)
{
    enum nbd_command command = command_of(job);
    uint64_t at = job->request.sector * SECTOR + (command == NBD_TRIM ? job->moved : 0);
    uint64_t len = command == NBD_TRIM ? trim_now(job) : job_bytes(job);
    bool flush = command == NBD_FLUSH;
    *header = (struct nbd_request){
        .magic = htobe32(REQUEST_MAGIC),
        .command = htobe16((uint16_t)command),
        .cookie = (uint64_t)job->queue->number << 32 | job->slot,
        .offset = htobe64(flush ? 0 : at),
        .len = htobe32(flush ? 0 : (uint32_t)len),
    };
}

static void write_out(struct nbd *nbd)
{
    struct stream *out = &nbd->out;
    struct io_uring_sqe *sqe = entry(out);
    io_uring_prep_writev(sqe, nbd->socket, out->iov + out->at, out->nr - out->at, 0);
    io_uring_sqe_set_data(sqe, &out->operation);
}

static void send_more(struct nbd *nbd)
{
    struct stream *out = &nbd->out;
    unsigned nr = 0;
    if (out->busy || nbd->lost || !nbd->to_send)
        return;
    out->nr = out->at = 0;
    for (struct job *job = nbd->to_send; job && nr < BATCH; job = job->next) {
        unsigned data = command_of(job) == NBD_WRITE ? job->nr_iov : 0;
        if (out->nr + 1 + data > VECTORS)
            break;
        make_header(&nbd->header[nr], job);
        out->iov[out->nr++] = (struct iovec){&nbd->header[nr], sizeof(nbd->header[0])};
        for (unsigned i = 0; i < data; i++)
            out->iov[out->nr++] = job->iov[i];
        nbd->ends[nr++] = out->nr;
    }
    nbd->nr_batch = nr;
    nbd->nr_sent = 0;
    write_out(nbd);
}

static void sent(struct operation *operation, int result)
{
    struct nbd *nbd = ((struct stream *)operation)->nbd;
    nbd->out.busy = false;
    if (nbd->lost) {
        carry_on(nbd);
        return;
    }
    if (result <= 0 && result != -EINTR && result != -EAGAIN) {
        lose(nbd, "it cannot be written to");
        return;
    }
    bool more = advance(&nbd->out, result > 0 ? (size_t)result : 0);
    for (; nbd->nr_sent < nbd->nr_batch && nbd->ends[nbd->nr_sent] <= nbd->out.at; nbd->nr_sent++)
        nbd->to_send = nbd->to_send->next;
    if (more)
        write_out(nbd);
    else
        send_more(nbd);
    if (nbd->held)
        take_in(nbd);
}

/* ---- in */

/* The memory for the rest of a job's data. */
static void rest_of(struct nbd *nbd)
{
    const struct job *job = nbd->current;
    memcpy(nbd->in.iov, job->iov, job->nr_iov * sizeof(job->iov[0]));
    nbd->in.nr = job->nr_iov;
    nbd->in.at = 0;
    advance(&nbd->in, nbd->got);
}

/* What has come already of the data of a read; false: it is all there. */
static bool fill_current(struct nbd *nbd, size_t *used)
{
    rest_of(nbd);
    while (*used < nbd->have && nbd->in.at < nbd->in.nr) {
        const struct iovec *iov = &nbd->in.iov[nbd->in.at];
        size_t now = nbd->have - *used < iov->iov_len ? nbd->have - *used : iov->iov_len;
        memcpy(iov->iov_base, nbd->bytes + *used, now);
        *used += now;
        nbd->got += now;
        advance(&nbd->in, now);
    }
    if (nbd->got < job_bytes(nbd->current))
        return true;
    struct job **at = &nbd->first;
    while (*at != nbd->current)
        at = &(*at)->next;
    nbd->current = NULL;
    finish(nbd, at, (int)job_bytes(*at));
    return false;
}

/* All that is in the buffer; false: the server says what cannot be. */
static bool understand(struct nbd *nbd)
{
    size_t used = 0;
    struct nbd_reply reply;
    while (!nbd->lost) {
        if (nbd->current && fill_current(nbd, &used))
            break;
        if (nbd->have - used < sizeof(reply))
            break;
        memcpy(&reply, nbd->bytes + used, sizeof(reply));
        struct job **at = find(nbd, reply.cookie, false);
        /* The kernel has taken it, or the server could not know of it, and is about to say so. */
        nbd->held = !at && nbd->out.busy && find(nbd, reply.cookie, true);
        if (nbd->held)
            break;
        if (be32toh(reply.magic) != REPLY_MAGIC || !at)
            return false;
        used += sizeof(reply);
        answered(nbd, at, be32toh(reply.error));
    }
    memmove(nbd->bytes, nbd->bytes + used, nbd->have - used);
    nbd->have -= used;
    return true;
}

static void read_in(struct nbd *nbd)
{
    struct stream *in = &nbd->in;
    struct io_uring_sqe *sqe = entry(in);
    if (nbd->current) {
        rest_of(nbd);
    } else {
        in->iov[0] = (struct iovec){nbd->bytes + nbd->have, IN_BYTES - nbd->have};
        in->nr = 1;
        in->at = 0;
    }
    io_uring_prep_readv(sqe, nbd->socket, in->iov + in->at, in->nr - in->at, 0);
    io_uring_sqe_set_data(sqe, &in->operation);
}

static void take_in(struct nbd *nbd)
{
    nbd->held = false;
    if (!understand(nbd))
        lose(nbd, "the server says what cannot be");
    else if (!nbd->lost && !nbd->held)
        read_in(nbd);
}

static void received(struct operation *operation, int result)
{
    struct nbd *nbd = ((struct stream *)operation)->nbd;
    nbd->in.busy = false;
    if (nbd->lost) {
        carry_on(nbd);
    } else if (result == -EINTR || result == -EAGAIN) {
        read_in(nbd);
    } else if (result <= 0) {
        lose(nbd, result ? strerror(-result) : "the server has closed it");
    } else {
        if (nbd->current)
            nbd->got += (uint64_t)result;
        else
            nbd->have += (size_t)result;
        take_in(nbd);
    }
}

/* ---- connections */

static void ask(struct nbd *nbd)
{
    const struct nbd_question question = {.number = ++nbd->asked};
    if (!wire_send(nbd->link.fd, &question, sizeof(question), NULL, 0))
        _exit(1); /* its broker starts another one with a successor */
}

static void lose(struct nbd *nbd, const char *what)
{
    if (!nbd->lost && !nbd->ending) {
        backend_log(LOG_WARNING, "device %u of domain %u: the connection to its server is lost: %s",
                    nbd->disk->device->id, nbd->disk->device->backend->guest, what);
        ask(nbd);
    }
    nbd->lost = true;
    carry_on(nbd);
}

static void release(struct nbd *nbd)
{
    if (nbd->out.busy || nbd->in.busy)
        return;
    close(nbd->link.fd);
    if (nbd->socket >= 0)
        close(nbd->socket);
    if (nbd->next >= 0)
        close(nbd->next);
    free(nbd);
}

/* After a loss, when the kernel has let go of everything: the next connection. */
static void carry_on(struct nbd *nbd)
{
    if (nbd->out.busy || nbd->in.busy)
        return;
    if (nbd->ending) {
        release(nbd);
        return;
    }
    nbd->current = NULL;
    nbd->held = false;
    nbd->to_send = nbd->first;
    while (nbd->impatient && nbd->next < 0 && nbd->first) {
        nbd->to_send = nbd->first->next;
        finish(nbd, &nbd->first, -ENOTCONN);
    }
    if (nbd->next < 0)
        return;
    if (nbd->socket >= 0)
        close(nbd->socket);
    nbd->socket = nbd->next;
    nbd->next = -1;
    nbd->have = 0;
    nbd->lost = false;
    read_in(nbd);
    send_more(nbd);
}

static void link_ready(struct watcher *watcher)
{
    struct nbd *nbd = (struct nbd *)((char *)watcher - offsetof(struct nbd, link));
    struct nbd_answer answer;
    int fds[WIRE_FDS];
    unsigned nr = 0;
    if (wire_receive(watcher->fd, &answer, sizeof(answer), fds, &nr) != sizeof(answer))
        _exit(1); /* as above */
    bool mine = answer.number == nbd->asked && nr == 1 && nbd->lost && nbd->next < 0;
    if (mine)
        nbd->next = fds[0];
    for (unsigned i = mine; i < nr; i++)
        close(fds[i]);
    if (mine && answer.export.bytes / SECTOR < nbd->disk->image.sectors)
        backend_log(LOG_WARNING, "device %u of domain %u: its server's disk is smaller than it was",
                    nbd->disk->device->id, nbd->disk->device->backend->guest);
    if (mine)
        carry_on(nbd);
}

/* ---- */

struct nbd *nbd_open(struct disk *disk)
{
    struct nbd *nbd = calloc(1, sizeof(*nbd));
    if (!nbd)
        return NULL;
    signal(SIGPIPE, SIG_IGN); /* io_uring writes to a socket as write() does */
    nbd->disk = disk;
    nbd->socket = nbd->next = -1;
    nbd->asked = (uint32_t)getpid() << 10; /* its predecessors' are others */
    nbd->lost = true;
    nbd->end = &nbd->first;
    nbd->out.nbd = nbd->in.nbd = nbd;
    nbd->out.operation.done = sent;
    nbd->in.operation.done = received;
    watcher_start(&nbd->link, &disk->worker->engine, disk->image.fd, link_ready);
    disk->image.fd = -1;
    ask(nbd);
    return nbd;
}

void nbd_close(struct nbd *nbd)
{
    const struct nbd_request bye = {.magic = htobe32(REQUEST_MAGIC),
                                    .command = htobe16(NBD_DISCONNECT)};
    watcher_end(&nbd->link);
    while (nbd->link.armed)
        worker_wait(nbd->disk->worker, ENGINE_FOREVER);
    nbd->ending = true;
    if (!nbd->lost && !nbd->out.busy &&
        send(nbd->socket, &bye, sizeof(bye), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        backend_log(LOG_INFO, "an NBD server was not told of the end: %m");
    release(nbd); /* or when the server has closed the connection */
}

void nbd_submit(struct nbd *nbd, struct job *job)
{
    job->next = NULL;
    *nbd->end = job;
    nbd->end = &job->next;
    if (!nbd->to_send)
        nbd->to_send = job;
    if (nbd->lost)
        carry_on(nbd);
    else
        send_more(nbd);
}

void nbd_patience(struct nbd *nbd, bool patient)
{
    nbd->impatient = !patient;
    if (nbd->lost)
        carry_on(nbd);
}
