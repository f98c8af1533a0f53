/* SPDX-License-Identifier: GPL-2.0-only */
/* What a worker in a jail asks its broker for.  The worker may have been taken over by its guest,
 * so a message is believed only as far as ask_check() has looked at it: kinds, counts and sizes are
 * bounded here, and nothing in a message names a file or an address; a domain it names must be one
 * that the broker serves.  The codec is pure; the functions behind it are the worker's, over a
 * socket.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/gate.h"

#define ASK_REFS   16u  /* of one mapping: the pages of a ring */
#define ASK_PIECES 256u /* of one copy */
#define ASK_TEXT   240u
#define ASK_PORTS  (1u << 17) /* more than any kind of event channel has */

enum ask_kind {
    ASK_MAP = 1, /* offers grants for an mmap() of the descriptor that both share */
    ASK_BIND,    /* an event channel to the guest's port */
    ASK_COPY,    /* between grants and the window, where each piece has a page */
    ASK_LOG,     /* a line; about: its priority.  No answer */
    ASK_ERROR,   /* what is wrong with a device; about: its number.  No answer */
};

struct ask_piece {
    uint32_t ref;
    uint16_t offset;
    uint16_t len;
};

struct ask {
    uint32_t kind;
    uint32_t nr;    /* of refs, of pieces, of bytes of text; the port to bind */
    uint32_t about; /* of a copy: is it to the guest? */
    uint32_t guest; /* of which domain; 0 in a line for the log */
    union {
        uint32_t refs[ASK_REFS];
        struct ask_piece pieces[ASK_PIECES];
        char text[ASK_TEXT];
    };
};

/* To a mapping or a copy; a port comes with a descriptor. */
struct ask_answer {
    int32_t error; /* 0, or an errno */
    uint32_t pad;
    uint64_t value; /* where to mmap() the grants */
};

/* Bytes of a message, by its kind and nr, which must be right. */
size_t ask_size(const struct ask *ask);

/* Takes over @size bytes as they came; false if they are no message that a worker may send.  What
 * is in @ask afterwards is within all bounds, a text is printable and ends. */
bool ask_check(const void *message, size_t size, struct ask *ask);

/* From now on this process asks, by @socket, in place of going to the hypervisor itself. */
void ask_over(int socket);
bool ask_is_needed(void);

/* Copies go by the broker, too, through memory that it @shared: ASK_PIECES pages. */
void ask_for_copies(void *shared);
bool ask_copies(void);
/* As grants_copy(). */
bool ask_copy(unsigned domid, const struct grant_piece *pieces, unsigned nr, bool to_guest);

/* Sends it and waits; false with errno.  @fd: the descriptor that came with the answer; NULL where
 * none is expected.  Without a broker the process ends. */
bool ask_for(const struct ask *ask, uint64_t *value, int *fd);
/* Sends it; it is dropped when the broker is too slow. */
void ask_tell(enum ask_kind kind, unsigned guest, uint32_t about, const char *text);
