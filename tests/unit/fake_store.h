/* SPDX-License-Identifier: GPL-2.0-only */
/* A store daemon for tests of the client library: a thread that accepts one connection after the
 * other and gives every request to a function of the test, which may answer whatever it likes.
 */
#pragma once

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "abi/io/xs_wire.h"

struct fake_store {
    char folder[32];
    int listener;
    pthread_t thread;
    /* Called for each request, its @payload with a NUL behind it; false ends the connection. */
    bool (*answer)(struct fake_store *store, int fd, const struct xsd_sockmsg *hdr, char *payload);
    void *arg;
};

static inline void fake_send(int fd, uint32_t type, uint32_t id, const void *payload, uint32_t len)
{
    char text[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
    struct xsd_sockmsg hdr = {.type = type, .req_id = id, .len = len};
    memcpy(text, &hdr, sizeof(hdr));
    memcpy(text + sizeof(hdr), payload, len);
    (void)!send(fd, text, sizeof(hdr) + len, MSG_NOSIGNAL);
}

static inline bool fake_receive(int fd, void *to, size_t len)
{
    char *next = to;
    while (len > 0) {
        ssize_t got = read(fd, next, len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        next += got;
        len -= (size_t)got;
    }
    return true;
}

/* Serves one connection to its end. */
static inline void fake_serve(struct fake_store *store, int fd)
{
    struct xsd_sockmsg hdr;
    char payload[XENSTORE_PAYLOAD_MAX + 1];
    while (fake_receive(fd, &hdr, sizeof(hdr))) {
        assert(hdr.len <= XENSTORE_PAYLOAD_MAX);
        if (!fake_receive(fd, payload, hdr.len))
            break;
        payload[hdr.len] = '\0';
        if (!store->answer(store, fd, &hdr, payload))
            break;
    }
}

static inline void *fake_main(void *arg)
{
    struct fake_store *store = arg;
    for (;;) {
        int fd = accept(store->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        fake_serve(store, fd);
        close(fd);
    }
}

/* Starts it and points XENSTORED_RUNDIR at it. */
static inline void fake_start(struct fake_store *store)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(store->folder, "/tmp/fake-store.XXXXXX");
    assert(mkdtemp(store->folder));
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", store->folder);
    store->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert(bind(store->listener, (struct sockaddr *)&address, sizeof(address)) == 0);
    assert(listen(store->listener, 8) == 0);
    setenv("XENSTORED_RUNDIR", store->folder, 1);
    unsetenv("XENSTORED_PATH");
    assert(pthread_create(&store->thread, NULL, fake_main, store) == 0);
}

/* No client may be connected any more. */
static inline void fake_stop(struct fake_store *store)
{
    char path[64];
    shutdown(store->listener, SHUT_RDWR);
    pthread_join(store->thread, NULL);
    close(store->listener);
    snprintf(path, sizeof(path), "%s/socket", store->folder);
    unlink(path);
    rmdir(store->folder);
}
