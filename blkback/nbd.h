/* SPDX-License-Identifier: GPL-2.0-only */
/* Disks that another program serves, by NBD: what goes over the wire, and the three who have to do
 * with it.
 *
 *   connector   a child of the broker, outside the jail (nbd_connect.c): it connects and agrees
 * with the server, each time that it is asked to, and hands the connection to who has asked broker
 * asks it once, for the size (image.c) worker      speaks with the server over the connection that
 * it was given (nbd.c)
 *
 * Between them is a socket pair, the link, which the broker keeps for a worker's successor.  When a
 * connection is lost, or its worker, the connector first sees the old one to its end: until the
 * server has closed it, what was sent over it may still be done, and must not be done after what
 * comes over the new one.
 *
 * Integers on the wire are big-endian.  TLS, structured replies and more than one connection are
 * not used.  Numbers are the protocol's (doc/proto.md of the NBD project).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "blkback/nbd_uri.h"

/* What a server says of an export. */
#define NBD_FLAG_READ_ONLY  (1u << 1)
#define NBD_FLAG_SEND_FLUSH (1u << 2)
#define NBD_FLAG_SEND_TRIM  (1u << 5)

struct nbd_export {
    uint64_t bytes;
    uint32_t flags;
    uint32_t preferred; /* bytes of a good request; 0: not said */
};

enum nbd_command { NBD_READ, NBD_WRITE, NBD_DISCONNECT, NBD_FLUSH, NBD_TRIM };

struct __attribute__((packed)) nbd_request {
    uint32_t magic;
    uint16_t flags;
    uint16_t command;
    uint64_t cookie; /* comes back with the reply */
    uint64_t offset;
    uint32_t len;
};

struct __attribute__((packed)) nbd_reply {
    uint32_t magic;
    uint32_t error; /* 0, or one of a few errnos, with Linux' numbers */
    uint64_t cookie;
};

/* Over the link, from who wants a connection.  Each asks by numbers of its own, so that a worker
 * does not take what its predecessor has asked for. */
struct nbd_question {
    uint32_t number;
    uint32_t once; /* else it is tried until there is one */
};

struct nbd_answer {
    uint32_t number;
    int32_t error; /* 0: a descriptor comes with it */
    char why[100]; /* else what could not be done, as for image_open() */
    struct nbd_export export;
};

/* ---- connector */

/* Starts one, as a child; the link, or -1 with errno. */
int nbd_connector(const struct nbd_uri *uri, pid_t *child);

/* ---- worker */

struct nbd;
struct disk;
struct job;

/* Over the link that is disk->image.fd, which it takes over; NULL: no memory. */
struct nbd *nbd_open(struct disk *disk);
/* No request is under way. */
void nbd_close(struct nbd *nbd);
/* Does what the job's plan says next, and calls done() of its operation, as io_uring would. */
void nbd_submit(struct nbd *nbd, struct job *job);
/* Nobody waits any more (@patient false): without a connection, what is under way fails. */
void nbd_patience(struct nbd *nbd, bool patient);
