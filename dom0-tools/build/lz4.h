/* SPDX-License-Identifier: GPL-2.0-only */
/* A decoder for LZ4 blocks, for the one thing that a guest's start spends its time on: Debian's
 * cloud kernel is 14 MB of LZ4 that become 53.  It takes half the instructions of liblz4's, which
 * is made for speed too, but calls memcpy() for what is long, and that is REP MOVSB. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Unpacks one block of @len bytes to at most @room bytes.  Returns how many, or -1 where the block
 * is damaged, ends early or would need more room.  Touches nothing outside of the two ranges. */
int64_t lz4_block(const uint8_t *in, size_t len, uint8_t *out, size_t room);
