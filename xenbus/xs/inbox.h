/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What has arrived on a connection and is not a whole message yet.  Pure: bytes in, messages out,
 * so that tests can cut a conversation at every byte.  A length is judged before anything is taken
 * by it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "abi/io/xs_wire.h"

/* A received message.  A NUL that hdr.len does not count follows the body, so it is a string
 * whatever the other end sent.
 */
struct message {
    struct message *next;
    struct xsd_sockmsg hdr;
    char body[];
};

/* Room for two messages of the greatest length: one read mostly brings all that waits. */
#define INBOX_ROOM (2 * (sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX))

struct inbox {
    size_t used;
    char bytes[INBOX_ROOM];
};

/* Where the next bytes go; at least one fits whenever inbox_take has returned NULL without error.
 * @room: how many.  Tell inbox_added how many came.
 */
char *inbox_space(struct inbox *inbox, size_t *room);
void inbox_added(struct inbox *inbox, size_t count);

/* The first whole message, the caller's to free.  NULL with *error 0: there is none yet; E2BIG: the
 * other end announces more than the protocol allows; ENOMEM.
 */
struct message *inbox_take(struct inbox *inbox, int *error);
