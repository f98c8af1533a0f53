/* SPDX-License-Identifier: GPL-2.0-only */
/* A decoder for LZ4 blocks, for the one thing that a guest's start spends its time on: Debian's
 * cloud kernel is 14 MB of LZ4 that become 53.  It takes half the instructions of liblz4's, which
 * is made for speed too, but calls memcpy() for what is long, and that is REP MOVSB. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Output that becomes writable as it is reached. */
struct lz4_room {
    uint8_t *ready; /* below this it is: the end, or the start of a page */
    /* Makes it so up to @upto or farther; false on failure. */
    bool (*more)(struct lz4_room *r, const uint8_t *upto);
    /* What is between ready and @to, the start of a page, is zero already and shall remain so:
     * ready becomes @to.  False where it has to be written nevertheless.  NULL: always. */
    bool (*skip)(struct lz4_room *r, uint8_t *to);
};

/* Unpacks one block of @len bytes to at most @size bytes.  Returns how many, or -1 where the block
 * is damaged, ends early or would need more room, or @room said no; that may be NULL: all of it is
 * there.  Writes to nothing outside of the range, nor reads from outside of both; what was skipped
 * is read as zeros. */
int64_t lz4_block(const uint8_t *in, size_t len, uint8_t *out, size_t size, struct lz4_room *room);
