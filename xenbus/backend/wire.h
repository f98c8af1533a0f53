/* SPDX-License-Identifier: GPL-2.0-only */
/* Whole messages with descriptors over a socket pair (SOCK_SEQPACKET). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define WIRE_FDS 32u /* at most, with one message */

/* False with errno; EPIPE: the other end is gone. */
bool wire_send(int socket, const void *message, size_t size, const int *fds, unsigned nr);

/* Waits for a message; its size, which is more than @size if it does not fit, 0: the other end is
 * gone, -1 with errno.  @fds has room for WIRE_FDS; NULL: none are wanted, and what comes is
 * closed.
 */
ssize_t wire_receive(int socket, void *message, size_t size, int *fds, unsigned *nr);
