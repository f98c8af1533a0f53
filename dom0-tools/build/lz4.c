// SPDX-License-Identifier: GPL-2.0-only
/* A decoder for LZ4 blocks: see lz4.h.
 *
 * A block is a row of sequences: a token (two lengths of four bits), literals, and a match, which
 * is a distance back in the output and a length.  Lengths of 15 go on in further bytes.  The last
 * sequence ends behind its literals.  Copies go by sixteen bytes and may write beyond their end
 * where there is room: what is there will be written later.
 */
#include "build/lz4.h"

#include <emmintrin.h>
#include <stdbool.h>
#include <string.h>

#include "build/memory.h"

#define WIDE      16u
#define MORE      15u /* a length of so much goes on */
#define MATCH_MIN 4u
/* Far enough from both ends, a sequence without further bytes can be copied without a look: 14
 * literals and a match of 18 bytes, each by sixteen, and the distance between them. */
#define OUT_SAFE (MORE - 1 + 2 * WIDE)
#define IN_SAFE  (1 + MORE - 1 + WIDE)

static inline void copy16(uint8_t *to, const uint8_t *from)
{
    _mm_storeu_si128((__m128i *)to, _mm_loadu_si128((const __m128i *)from));
}

static bool longer(const uint8_t **in, const uint8_t *end, size_t *len)
{
    uint8_t more;

    do {
        if (*in == end)
            return false;
        more = *(*in)++;
        *len += more;
    } while (more == 255);
    return true;
}

/* @room bytes may be written at @to, no more. */
static void copy_match(uint8_t *to, size_t distance, size_t len, size_t room)
{
    size_t done = 0, step = distance;

    if (distance <
        WIDE) { /* the pattern repeats: go back by a multiple of it that is wide enough */
        step = distance * ((WIDE - 1) / distance + 1);
        for (; done < len && done < step; done++)
            to[done] = to[done - distance];
    }
    for (; done + 4 * WIDE <= len; done += 4 * WIDE) { /* zeros, by the megabyte */
        uint8_t *at = to + done;

        copy16(at, at - step);
        copy16(at + WIDE, at + WIDE - step);
        copy16(at + 2 * WIDE, at + 2 * WIDE - step);
        copy16(at + 3 * WIDE, at + 3 * WIDE - step);
    }
    for (; done < len && room - done >= WIDE; done += WIDE)
        copy16(to + done, to + done - step);
    for (; done < len; done++)
        to[done] = to[done - distance];
}

static void copy_literals(uint8_t *to, const uint8_t *from, size_t len, bool room_behind)
{
    if (room_behind)
        for (size_t done = 0; done < len; done += WIDE)
            copy16(to + done, from + done);
    else
        copy_wide(to, from, len);
}

/* As many ordinary sequences as come in a row.  Returns where the first other one begins. */
static const uint8_t *rush(const uint8_t *in, const uint8_t *in_safe, uint8_t **out,
                           const uint8_t *first, const uint8_t *out_safe)
{
    uint8_t *o = *out;

    while (in < in_safe && o < out_safe) {
        size_t token = *in, literals = token >> 4, match = token & MORE;
        const uint8_t *from;
        uint16_t distance;

        if (literals == MORE || match == MORE)
            break;
        memcpy(&distance, in + 1 + literals, sizeof(distance));
        from = o + literals - distance;
        if (distance < WIDE || from < first)
            break;
        copy16(o, in + 1);
        o += literals;
        in += 1 + literals + sizeof(distance);
        copy16(o, from);
        copy16(o + WIDE, from + WIDE);
        o += match + MATCH_MIN;
    }
    *out = o;
    return in;
}

int64_t lz4_block(const uint8_t *in, size_t len, uint8_t *out, size_t room)
{
    const uint8_t *end = in + len, *in_safe = len > IN_SAFE ? end - IN_SAFE : in;
    uint8_t *o = out, *limit = out + room, *out_safe = room > OUT_SAFE ? limit - OUT_SAFE : out;

    while ((in = rush(in, in_safe, &o, out, out_safe)) < end) {
        unsigned token = *in++;
        size_t literals = token >> 4, match = (token & MORE) + MATCH_MIN;
        uint16_t distance;

        if (literals == MORE && !longer(&in, end, &literals))
            return -1;
        if (literals > (size_t)(end - in) || literals > (size_t)(limit - o))
            return -1;
        copy_literals(o, in, literals,
                      end - in >= (ptrdiff_t)(literals + WIDE) &&
                          limit - o >= (ptrdiff_t)(literals + WIDE));
        in += literals;
        o += literals;
        if (in == end)
            return o - out;
        if (end - in < (ptrdiff_t)sizeof(distance))
            return -1;
        memcpy(&distance, in, sizeof(distance));
        in += sizeof(distance);
        if (match == MORE + MATCH_MIN && !longer(&in, end, &match))
            return -1;
        if (distance == 0 || distance > o - out || match > (size_t)(limit - o))
            return -1;
        copy_match(o, distance, match, (size_t)(limit - o));
        o += match;
    }
    return -1; /* no block ends behind a match */
}
