// SPDX-License-Identifier: LGPL-2.1-or-later
/* Watches and their events: a queue that the reading thread fills and callers empty, and a
 * descriptor that is readable exactly while the queue is not empty.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "handle.h"

bool event_add(struct xs_handle *h, struct message *msg)
{
    /* Path and token; later protocols may add more. */
    const char *end = memchr(msg->body, '\0', msg->hdr.len);
    if (!end || end + 1 >= msg->body + msg->hdr.len)
        return false;
    if (!h->first_event && h->signal >= 0)
        eventfd_write(h->signal, 1);
    *h->last_event = msg;
    h->last_event = &msg->next;
    pthread_cond_signal(&h->fired);
    return true;
}

/* With `state` held: the descriptor says what the queue says. */
static void events_removed(struct xs_handle *h)
{
    eventfd_t value;
    if (!h->first_event && h->signal >= 0)
        eventfd_read(h->signal, &value);
}

int xs_fileno(struct xs_handle *h)
{
    pthread_mutex_lock(&h->state);
    if (h->signal < 0) {
        h->signal = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (h->first_event && h->signal >= 0)
            eventfd_write(h->signal, 1);
    }
    int fd = h->signal;
    pthread_mutex_unlock(&h->state);
    return fd;
}

static void unlock(void *mutex)
{
    pthread_mutex_unlock(mutex);
}

/* Takes the first event off the queue; NULL with errno. */
static struct message *event_take(struct xs_handle *h, bool wait)
{
    struct message *msg;
    pthread_mutex_lock(&h->state);
    /* A program may cancel a thread that waits here. */
    pthread_cleanup_push(unlock, &h->state);
    while (wait && !h->first_event && !h->broken)
        pthread_cond_wait(&h->fired, &h->state);
    msg = h->first_event;
    if (msg) {
        h->first_event = msg->next;
        if (!h->first_event)
            h->last_event = &h->first_event;
        events_removed(h);
    } else {
        errno = h->broken ? EINVAL : EAGAIN;
    }
    pthread_cleanup_pop(1);
    return msg;
}

static char **next_event(struct xs_handle *h, bool wait, unsigned *num)
{
    struct message *msg = event_take(h, wait);
    if (!msg)
        return NULL;
    char **strings = strings_split(msg->body, msg->hdr.len, num);
    free(msg);
    return strings;
}

char **xs_check_watch(struct xs_handle *h)
{
    unsigned num;
    return next_event(h, false, &num);
}

char **xs_read_watch(struct xs_handle *h, unsigned int *num)
{
    return next_event(h, true, num);
}

bool xs_watch(struct xs_handle *h, const char *path, const char *token)
{
    if (!reader_start(h))
        return false;
    struct part parts[] = {part_string(path), part_string(token)};
    return talk_done(talk(h, XBT_NULL, XS_WATCH, parts, 2, NULL));
}

/* Forgets what the watch had fired and nobody has taken. */
static void events_forget(struct xs_handle *h, const char *path, const char *token)
{
    pthread_mutex_lock(&h->state);
    struct message **at = &h->first_event;
    while (*at) {
        struct message *msg = *at;
        const char *event_path = msg->body;
        const char *event_token = event_path + strlen(event_path) + 1;
        if (strcmp(event_token, token) == 0 && xs_path_is_subpath(path, event_path)) {
            *at = msg->next;
            free(msg);
        } else {
            at = &msg->next;
        }
    }
    h->last_event = at;
    events_removed(h);
    pthread_mutex_unlock(&h->state);
}

bool xs_unwatch(struct xs_handle *h, const char *path, const char *token)
{
    struct part parts[] = {part_string(path), part_string(token)};
    char *reply = talk(h, XBT_NULL, XS_UNWATCH, parts, 2, NULL);
    if (h->unwatch_filter) {
        int saved = errno;
        events_forget(h, path, token);
        errno = saved;
    }
    return talk_done(reply);
}
