/* SPDX-License-Identifier: GPL-2.0-only */
/* The pipe between `pavis run` and the first process of its guest: pages that the guest shares, a
 * ring of bytes for each direction, frames in them.  Both sides compile this file; neither trusts
 * the other, so each index is read once and each length is checked.  Pure.
 *
 * Who has put or taken something sends an event: the other may have waited for it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX     4096u /* bytes in one; as much as a pipe takes without blocking (PIPE_BUF) */
#define FRAME_HEADER  4u    /* kind, 0, length (two bytes, the low one first) */
#define TO_GUEST      8192u
#define FROM_GUEST    16384u
#define CHANNEL_PAGES 7u

struct channel_pages {
    uint32_t to_put, to_taken, from_put, from_taken; /* bytes since the beginning, modulo 2^32 */
    char unused[4096 - 16];
    char to_guest[TO_GUEST];
    char from_guest[FROM_GUEST];
};
_Static_assert(sizeof(struct channel_pages) == CHANNEL_PAGES * 4096, "whole pages");

enum frame_kind {
    FRAME_INPUT = 1, /* to the guest: standard input; without bytes: its end */
    FRAME_SIZE,      /* to the guest: rows and columns of the terminal, two bytes each */
    FRAME_SIGNAL,    /* to the guest: one byte, a signal for the command */
    FRAME_OUTPUT,    /* from the guest: standard output */
    FRAME_ERROR,     /* from the guest: standard error */
    FRAME_END,       /* from the guest: the command is over, and its end is in the store */
};

/* One end of one ring. */
struct pipe_end {
    uint32_t *put, *taken; /* of which one is ours to write */
    char *bytes;
    uint32_t size, own; /* own: our index, of which the shared one is a copy */
};

struct pipe_end pipe_to_guest(struct channel_pages *pages);
struct pipe_end pipe_from_guest(struct channel_pages *pages);

/* Whether the whole frame went in; also false where the other end lies about what it has taken. */
bool frame_put(struct pipe_end *p, enum frame_kind kind, const void *bytes, size_t len);
bool frame_fits(const struct pipe_end *p, size_t len);

#define FRAME_NONE   (-1) /* not yet */
#define FRAME_BROKEN (-2) /* what is there is no frame; nothing after it can be understood */
/* Takes a frame: its length, its kind in *kind and its bytes in @bytes. */
int frame_get(struct pipe_end *p, uint8_t *kind, char bytes[FRAME_MAX]);

/* Whether all that was put has been taken. */
bool pipe_empty(const struct pipe_end *p);
