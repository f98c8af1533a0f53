// SPDX-License-Identifier: LGPL-2.1-or-later
/* Cuts the stream of bytes from the daemon into messages.  Relies on nothing; if it is wrong, a
 * reply is taken for another's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inbox.h"

char *inbox_space(struct inbox *inbox, size_t *room)
{
    *room = sizeof(inbox->bytes) - inbox->used;
    return inbox->bytes + inbox->used;
}

void inbox_added(struct inbox *inbox, size_t count)
{
    inbox->used += count;
}

struct message *inbox_take(struct inbox *inbox, int *error)
{
    struct xsd_sockmsg hdr;
    *error = 0;
    if (inbox->used < sizeof(hdr))
        return NULL;
    memcpy(&hdr, inbox->bytes, sizeof(hdr));
    if (hdr.len > XENSTORE_PAYLOAD_MAX) {
        *error = E2BIG;
        return NULL;
    }
    size_t size = sizeof(hdr) + hdr.len;
    if (inbox->used < size)
        return NULL;

    struct message *msg = malloc(sizeof(*msg) + hdr.len + 1);
    if (!msg) {
        *error = ENOMEM;
        return NULL;
    }
    msg->next = NULL;
    msg->hdr = hdr;
    memcpy(msg->body, inbox->bytes + sizeof(hdr), hdr.len);
    msg->body[hdr.len] = '\0';
    inbox->used -= size;
    memmove(inbox->bytes, inbox->bytes + size, inbox->used);
    return msg;
}
