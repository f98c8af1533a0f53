// SPDX-License-Identifier: LGPL-2.1-or-later
/* A request and its reply, and the thread that reads once there are watches.
 *
 * The daemon is trusted with the answers, not with memory: every length is checked, and a message
 * that does not fit the conversation (a reply that nobody waits for, with another number or of
 * another type, an event without a token) ends it, since what follows could be taken for anything.
 * A connection that is over stays over; its descriptor is closed by xs_close() only, so that its
 * number cannot meanwhile become somebody else's under the reading thread.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "handle.h"
#include "wire.h"

/* The thread needs little; the default of 8 MiB would hurt programs that lock their memory. */
#define READER_STACK (256 * 1024)

struct part part_string(const char *s)
{
    return (struct part){s, strlen(s) + 1};
}

/* No more is sent or read.  Takes `state`. */
static void give_up(struct xs_handle *h)
{
    pthread_mutex_lock(&h->state);
    h->broken = true;
    pthread_cond_broadcast(&h->replied);
    pthread_cond_broadcast(&h->fired);
    pthread_mutex_unlock(&h->state);
    /* The daemon should know, and a thread in poll() wakes.  A parent's connection is not ours to
     * end. */
    if (h->is_socket && !handle_is_inherited(h))
        shutdown(h->fd, SHUT_RDWR);
}

static bool send_all(const struct xs_handle *h, const char *data, size_t len)
{
    while (len > 0) {
        /* A daemon that is gone is an error of this call, not a signal for the program. */
        ssize_t done =
            h->is_socket ? send(h->fd, data, len, MSG_NOSIGNAL) : write(h->fd, data, len);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            if (done == 0)
                errno = EIO;
            return false;
        }
        data += done;
        len -= (size_t)done;
    }
    return true;
}

/* Waits for bytes and takes what has come; false with errno when the connection is over, EBADF for
 * its regular end.
 */
static bool receive_some(struct xs_handle *h)
{
    size_t room;
    char *space = inbox_space(&h->inbox, &room);
    ssize_t got;
    do {
        got = read(h->fd, space, room);
    } while (got < 0 && errno == EINTR);
    if (got > 0)
        inbox_added(&h->inbox, (size_t)got);
    else if (got == 0)
        errno = EBADF;
    return got > 0;
}

/* Puts a message where it belongs; false if it fits nowhere. */
static bool deliver(struct xs_handle *h, struct message *msg)
{
    bool ok;
    pthread_mutex_lock(&h->state);
    if (msg->hdr.type == XS_WATCH_EVENT) {
        ok = event_add(h, msg);
    } else {
        ok = h->awaiting && !h->reply;
        if (ok) {
            h->reply = msg;
            pthread_cond_signal(&h->replied);
        }
    }
    pthread_mutex_unlock(&h->state);
    if (!ok)
        free(msg);
    return ok;
}

static struct message *reply_taken(struct xs_handle *h)
{
    struct message *reply = h->reply;
    h->reply = NULL;
    if (!reply)
        errno = EBADF;
    return reply;
}

/* Waits for the reply, with `request` held; NULL with errno. */
static struct message *await_reply(struct xs_handle *h)
{
    if (!h->has_reader) {
        while (!h->reply) {
            int error;
            struct message *msg = inbox_take(&h->inbox, &error);
            if (msg) {
                error = deliver(h, msg) ? 0 : EBADF;
            } else if (!error) {
                error = receive_some(h) ? 0 : errno;
            }
            if (error) {
                errno = error;
                return NULL;
            }
        }
        return reply_taken(h);
    }
    pthread_mutex_lock(&h->state);
    while (!h->reply && !h->broken)
        pthread_cond_wait(&h->replied, &h->state);
    struct message *reply = reply_taken(h);
    pthread_mutex_unlock(&h->state);
    return reply;
}

/* May this handle be used, by this process?  With `request` held. */
static bool usable(struct xs_handle *h)
{
    pthread_mutex_lock(&h->state);
    bool ok = !h->broken && !(h->has_reader && handle_is_inherited(h));
    h->awaiting = ok;
    pthread_mutex_unlock(&h->state);
    return ok;
}

/* Sends @text and waits; NULL with errno when the connection is over. */
static struct message *exchange(struct xs_handle *h, char *text, struct xsd_sockmsg *hdr)
{
    struct message *reply = NULL;
    pthread_mutex_lock(&h->request);
    if (usable(h)) {
        hdr->req_id = ++h->last_id;
        memcpy(text, hdr, sizeof(*hdr));
        if (send_all(h, text, sizeof(*hdr) + hdr->len))
            reply = await_reply(h);
        int saved = errno;
        if (reply && (reply->hdr.req_id != hdr->req_id ||
                      (reply->hdr.type != hdr->type && reply->hdr.type != XS_ERROR))) {
            free(reply);
            reply = NULL;
            saved = EBADF;
        }
        if (!reply)
            give_up(h);
        pthread_mutex_lock(&h->state);
        h->awaiting = false;
        pthread_mutex_unlock(&h->state);
        errno = saved;
    } else {
        errno = EBADF;
    }
    pthread_mutex_unlock(&h->request);
    return reply;
}

char *talk(struct xs_handle *h, xs_transaction_t t, enum xsd_sockmsg_type type,
           const struct part *parts, unsigned nr, unsigned *len)
{
    char text[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
    struct xsd_sockmsg hdr = {.type = type, .tx_id = t};
    for (unsigned i = 0; i < nr; i++) {
        if (parts[i].len > XENSTORE_PAYLOAD_MAX - hdr.len) {
            errno = E2BIG;
            return NULL;
        }
        if (parts[i].len)
            memcpy(text + sizeof(hdr) + hdr.len, parts[i].data, parts[i].len);
        hdr.len += (uint32_t)parts[i].len;
    }

    /* A thread that is cancelled halfway would leave its reply to the next one. */
    int cancel;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    struct message *reply = exchange(h, text, &hdr);
    pthread_setcancelstate(cancel, NULL);
    if (!reply)
        return NULL;
    if (reply->hdr.type == XS_ERROR) {
        int error = wire_error_number(reply->body, strlen(reply->body));
        free(reply);
        errno = error ? error : EINVAL;
        return NULL;
    }
    if (len)
        *len = reply->hdr.len;
    /* The caller frees the body by itself, so move it to where the block begins. */
    size_t size = (size_t)reply->hdr.len + 1;
    memmove(reply, reply->body, size);
    return (char *)reply;
}

bool talk_done(char *reply)
{
    bool ok = reply != NULL;
    int saved = errno;
    free(reply);
    errno = saved;
    return ok;
}

static void *reader_main(void *arg)
{
    struct xs_handle *h = arg;
    struct pollfd fds[2] = {{.fd = h->fd, .events = POLLIN}, {.fd = h->stop, .events = POLLIN}};
    for (;;) {
        /* What came with an earlier read first: poll() knows nothing of it. */
        int error;
        struct message *msg = inbox_take(&h->inbox, &error);
        if (error || (msg && !deliver(h, msg)))
            break;
        if (msg)
            continue;
        if (poll(fds, 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            break;
        }
        if (fds[1].revents || (fds[0].revents && !receive_some(h)))
            break;
    }
    give_up(h);
    return NULL;
}

static bool reader_create(struct xs_handle *h)
{
    pthread_attr_t attr;
    int error = pthread_attr_init(&attr);
    if (!error) {
        pthread_attr_setstacksize(&attr, READER_STACK);
        error = pthread_create(&h->reader, &attr, reader_main, h);
        pthread_attr_destroy(&attr);
    }
    /* A program with much thread-local data needs a larger stack. */
    if (error)
        error = pthread_create(&h->reader, NULL, reader_main, h);
    errno = error;
    return !error;
}

bool reader_start(struct xs_handle *h)
{
    bool ok = true;
    pthread_mutex_lock(&h->request);
    if (!h->has_reader) {
        sigset_t all;
        sigset_t old;
        sigfillset(&all);
        h->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        /* Who opens a handle may become a daemon before it watches anything, as xl does: the
         * connection belongs to the process that reads it. */
        handle_adopt(h);
        /* Signals are the program's own threads' business. */
        pthread_sigmask(SIG_SETMASK, &all, &old);
        ok = h->stop >= 0 && reader_create(h);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        h->has_reader = ok;
        if (!ok && h->stop >= 0) {
            int saved = errno;
            close(h->stop);
            h->stop = -1;
            errno = saved;
        }
    }
    pthread_mutex_unlock(&h->request);
    return ok;
}

void reader_stop(struct xs_handle *h)
{
    if (!h->has_reader)
        return;
    eventfd_write(h->stop, 1);
    pthread_join(h->reader, NULL);
    h->has_reader = false;
}
