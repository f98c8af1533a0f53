/* SPDX-License-Identifier: GPL-2.0-only */
/* Daemons for tests of the client library, with the connection that a test opens: one that answers
 * by the book, one whose answer is cut or garbled, and how each test begins and ends.
 */
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_store.h"
#include "xs/handle.h"

#define LIMIT 60 /* s after which a test that hangs is ended */

/* Values are their paths; a write or a watch fires what is watched. */
static inline bool answer_echo(struct fake_store *store, int fd, const struct xsd_sockmsg *hdr,
                               char *payload)
{
    (void)store;
    switch (hdr->type) {
    case XS_READ: fake_send(fd, XS_READ, hdr->req_id, payload, (uint32_t)strlen(payload)); break;
    case XS_WATCH:
    case XS_WRITE: {
        bool watch = hdr->type == XS_WATCH;
        fake_send(fd, hdr->type, hdr->req_id, "OK", 3);
        char event[256];
        const char *token = watch ? payload + strlen(payload) + 1 : "token";
        int len = snprintf(event, sizeof(event), "%s%c%s", payload, 0, token) + 1;
        fake_send(fd, XS_WATCH_EVENT, 0, event, (uint32_t)len);
        break;
    }
    default: fake_send(fd, hdr->type, hdr->req_id, "OK", 3); break;
    }
    return true;
}

static struct fake_store store;

static inline void
begin(bool (*answer)(struct fake_store *, int, const struct xsd_sockmsg *, char *), void *arg)
{
    store.answer = answer;
    store.arg = arg;
    fake_start(&store);
    alarm(LIMIT);
}

static inline void end(void)
{
    alarm(0);
    fake_stop(&store);
}

static inline struct xs_handle *opened(bool watching)
{
    struct xs_handle *h = xs_open(0);
    assert_non_null(h);
    if (watching)
        assert_true(xs_watch(h, "/w", "token"));
    return h;
}
