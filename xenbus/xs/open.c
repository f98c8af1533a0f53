// SPDX-License-Identifier: LGPL-2.1-or-later
/* Where the store is, and how a connection to it begins and ends. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "handle.h"

/* libxentoolcore is used where the program has it: who never loads it cannot ask to restrict
 * either. */
void xentoolcore__register_active_handle(struct active_handle *ah) __attribute__((weak));
void xentoolcore__deregister_active_handle(struct active_handle *ah) __attribute__((weak));
int xentoolcore__restrict_by_dup2_null(int fd) __attribute__((weak));

/* How often this process is a child of the one that loaded the library. */
static atomic_uint forks;
static pthread_once_t forks_counted = PTHREAD_ONCE_INIT;

static void fork_happened(void)
{
    atomic_fetch_add(&forks, 1);
}

static void count_forks(void)
{
    pthread_atfork(NULL, NULL, fork_happened);
}

bool handle_is_inherited(const struct xs_handle *h)
{
    return atomic_load(&forks) != h->forks;
}

void handle_adopt(struct xs_handle *h)
{
    h->forks = atomic_load(&forks);
}

const char *xs_daemon_rundir(void)
{
    const char *dir = getenv("XENSTORED_RUNDIR");
    return dir ? dir : "/var/run/xenstored";
}

const char *xs_daemon_socket(void)
{
    static char path[PATH_MAX];
    const char *given = getenv("XENSTORED_PATH");
    if (given)
        return given;
    int len = snprintf(path, sizeof(path), "%s/socket", xs_daemon_rundir());
    return len > 0 && (size_t)len < sizeof(path) ? path : NULL;
}

const char *xs_daemon_socket_ro(void)
{
    return xs_daemon_socket();
}

/* The kernel's own connection to the store, for guests and for a dom0 whose store is elsewhere. */
static const char *device_path(void)
{
    const char *given = getenv("XENSTORED_PATH");
    if (given)
        return given;
    return access("/dev/xen/xenbus", F_OK) == 0 ? "/dev/xen/xenbus" : "/proc/xen/xenbus";
}

static int connect_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len >= sizeof(address.sun_path)) {
        errno = EINVAL;
        return -1;
    }
    memcpy(address.sun_path, path, len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static int restrict_handle(struct active_handle *ah, uint32_t domid)
{
    struct xs_handle *h = (struct xs_handle *)((char *)ah - offsetof(struct xs_handle, active));
    return xentoolcore__restrict_by_dup2_null(h->fd);
}

/* A connection to the socket or the device at @path; NULL with errno. */
static struct xs_handle *handle_open(const char *path)
{
    struct stat status;
    if (!path || stat(path, &status) != 0)
        return NULL;
    struct xs_handle *h = calloc(1, sizeof(*h));
    if (!h)
        return NULL;
    h->active.restrict_callback = restrict_handle;
    if (xentoolcore__register_active_handle)
        xentoolcore__register_active_handle(&h->active);
    h->is_socket = S_ISSOCK(status.st_mode);
    h->fd = h->is_socket ? connect_socket(path) : open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (h->fd < 0) {
        int saved = errno;
        if (xentoolcore__deregister_active_handle)
            xentoolcore__deregister_active_handle(&h->active);
        free(h);
        errno = saved;
        return NULL;
    }
    pthread_once(&forks_counted, count_forks);
    handle_adopt(h);
    pthread_mutex_init(&h->request, NULL);
    pthread_mutex_init(&h->state, NULL);
    pthread_cond_init(&h->replied, NULL);
    pthread_cond_init(&h->fired, NULL);
    h->last_event = &h->first_event;
    h->signal = -1;
    h->stop = -1;
    return h;
}

struct xs_handle *xs_open(unsigned long flags)
{
    struct xs_handle *h = handle_open(xs_daemon_socket());
    if (!h)
        h = handle_open(device_path());
    if (h)
        h->unwatch_filter = flags & XS_UNWATCH_FILTER;
    return h;
}

struct xs_handle *xs_daemon_open(void)
{
    return xs_open(0);
}

struct xs_handle *xs_domain_open(void)
{
    return xs_open(0);
}

struct xs_handle *xs_daemon_open_readonly(void)
{
    return xs_open(0);
}

/* Closes this process's descriptors and forgets the handle, whatever state it is in. */
static void handle_free(struct xs_handle *h)
{
    if (xentoolcore__deregister_active_handle)
        xentoolcore__deregister_active_handle(&h->active);
    close(h->fd);
    if (h->signal >= 0)
        close(h->signal);
    if (h->stop >= 0)
        close(h->stop);
    free(h);
}

void xs_close(struct xs_handle *h)
{
    if (!h)
        return;
    if (!handle_is_inherited(h)) {
        reader_stop(h);
        free(h->reply);
        while (h->first_event) {
            struct message *event = h->first_event;
            h->first_event = event->next;
            free(event);
        }
        pthread_mutex_destroy(&h->request);
        pthread_mutex_destroy(&h->state);
        pthread_cond_destroy(&h->replied);
        pthread_cond_destroy(&h->fired);
    }
    handle_free(h);
}

void xs_daemon_close(struct xs_handle *h)
{
    xs_close(h);
}

/* The thread may have been anywhere when the process forked, so its locks and lists are not
 * touched: a few messages may be lost with them.
 */
void xs_daemon_destroy_postfork(struct xs_handle *h)
{
    handle_free(h);
}

bool xs_restrict(struct xs_handle *h, unsigned domid)
{
    (void)h;
    (void)domid;
    return false;
}
