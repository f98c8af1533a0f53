// SPDX-License-Identifier: GPL-2.0-only
/* A decoder for LZ4 blocks: see lz4.h.
 *
 * A block is a row of sequences: a token (two lengths of four bits), literals, and a match, which
 * is a distance back in the output and a length.  Lengths of 15 go on in further bytes.  The last
 * sequence ends behind its literals.  Copies go by sixteen bytes and may write beyond their end
 * where there is room: what is there will be written later.
 *
 * Nearly all sequences are taken by rush(), which looks for its bounds once for several; what it
 * does not know is left to the loop of lz4_block(), which checks everything.
 */
#include "build/lz4.h"

#include <emmintrin.h>
#include <string.h>

#include "build/memory.h"

#define WIDE        16u
#define MORE        15u /* a length of so much goes on */
#define MATCH_MIN   4u
#define FAR         65535 /* no distance is longer */
#define unlikely(x) __builtin_expect(x, 0)
/* What rush() takes: lengths with one further byte, which is not 255, and no match at less than
 * HALF. */
#define HALF         8u
#define ONE_MORE     (MORE + 254)
#define BATCH        4 /* sequences between two looks at the bounds */
#define SEQUENCE_IN  (1 + 1 + ONE_MORE + WIDE + 2 + 1)
#define SEQUENCE_OUT (2 * ONE_MORE + MATCH_MIN + 2 * WIDE)
/* A match this long is looked at: of zeros, where there are zeros already, nothing is written. */
#define LONG_MATCH (4 * GUEST_PAGE)
#define OVERSHOOT  64u /* no copy writes farther beyond its end */

static inline void copy8(uint8_t *to, const uint8_t *from)
{
    memcpy(to, from, HALF);
}

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

/* The next sequence, which has SEQUENCE_IN bytes of input and SEQUENCE_OUT of room: false, with
 * nothing done that counts, where it is none of those that rush() knows.  @first: where output
 * began; NULL where no distance reaches so far. */
static inline __attribute__((always_inline)) bool sequence(const uint8_t **in, uint8_t **out,
                                                           const uint8_t *first)
{
    const uint8_t *i = *in, *from; /* i: one before the literals */
    size_t token = *i, literals = token >> 4, match = (token & MORE) + MATCH_MIN;
    uint8_t *o = *out;
    uint16_t distance;

    if (unlikely(literals == MORE)) {
        if (*++i == 255)
            return false;
        literals += *i;
        for (size_t done = WIDE; done < literals; done += WIDE)
            copy16(o + done, i + 1 + done);
    }
    copy16(o, i + 1);
    o += literals;
    i += literals + 1;
    memcpy(&distance, i, sizeof(distance));
    from = o - distance;
    if (first && from < first)
        return false;
    if (unlikely(distance < WIDE)) {
        if (distance < HALF || match == MORE + MATCH_MIN)
            return false;
        copy8(o, from);
        copy8(o + HALF, from + HALF);
        copy8(o + 2 * HALF, from + 2 * HALF);
    } else {
        copy16(o, from);
        copy16(o + WIDE, from + WIDE);
    }
    if (unlikely(match == MORE + MATCH_MIN)) {
        if (i[sizeof(distance)] == 255)
            return false;
        match += i++ [sizeof(distance)];
        for (size_t done = 2 * WIDE; done < match; done += WIDE)
            copy16(o + done, from + done);
    }
    *in = i + sizeof(distance);
    *out = o + match;
    return true;
}

/* As many as come in a row. */
static __attribute__((noinline)) const uint8_t *rush(const uint8_t *in, const uint8_t *in_safe,
                                                     uint8_t **out, const uint8_t *first,
                                                     const uint8_t *out_safe)
{
    uint8_t *o = *out;
    bool known = true;

    while (known && in < in_safe && o < out_safe && o - first < FAR)
        known = sequence(&in, &o, first);
    /* BATCH of them, written out: the compiler would not. */
    while (known && in < in_safe && o < out_safe && o - first >= FAR) {
        known = sequence(&in, &o, NULL);
        known = known && sequence(&in, &o, NULL);
        known = known && sequence(&in, &o, NULL);
        known = known && sequence(&in, &o, NULL);
    }
    *out = o;
    return in;
}

static bool all_zero(const uint8_t *p, size_t len)
{
    for (; len >= WIDE; len -= WIDE, p += WIDE)
        if (_mm_movemask_epi8(
                _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)p), _mm_setzero_si128())) != 0xffff)
            return false;
    while (len--)
        if (*p++)
            return false;
    return true;
}

/* Whether bytes up to @end may be written now. */
static inline bool ready_to(struct lz4_room *r, const uint8_t *end)
{
    return end <= r->ready || (r->more && r->more(r, end));
}

/* @len zeros at @o.  What is zero already and need not be ready is left alone, by whole pages. */
static bool write_zeros(struct lz4_room *r, uint8_t *o, size_t len)
{
    uint8_t *end = o + len, *to = end - ((uintptr_t)end & (GUEST_PAGE - 1));

    if (!ready_to(r, o + OVERSHOOT)) /* where earlier copies may have written */
        return false;
    if (r->ready < to && r->skip) {
        clear_wide(o, (size_t)(r->ready - o));
        if (r->skip(r, to))
            o = to;
        else
            o = r->ready;
    }
    if (!ready_to(r, end))
        return false;
    clear_wide(o, (size_t)(end - o));
    return true;
}

/* Where rush() has to end, so that what it does not look for is there. */
static const uint8_t *safe(const uint8_t *from, const uint8_t *end, size_t need)
{
    return (size_t)(end - from) > need ? end - need : from;
}

int64_t lz4_block(const uint8_t *in, size_t len, uint8_t *out, size_t size, struct lz4_room *r)
{
    const uint8_t *end = in + len, *in_safe = safe(in, end, BATCH * SEQUENCE_IN);
    uint8_t *o = out, *limit = out + size;
    struct lz4_room all = {.ready = limit};

    if (!r)
        r = &all;
    for (;;) {
        const uint8_t *usable = r->ready < limit ? r->ready : limit;
        unsigned token;
        size_t literals, match;
        uint16_t distance;

        if (usable > o)
            in = rush(in, in_safe, &o, out, safe(o, usable, BATCH * SEQUENCE_OUT));
        if (in == end)
            return -1; /* no block ends behind a match */
        token = *in++;
        literals = token >> 4;
        match = (token & MORE) + MATCH_MIN;
        if (literals == MORE && !longer(&in, end, &literals))
            return -1;
        if (literals > (size_t)(end - in) || literals > (size_t)(limit - o) ||
            !ready_to(r, o + literals))
            return -1;
        usable = r->ready < limit ? r->ready : limit;
        copy_literals(o, in, literals,
                      end - in >= (ptrdiff_t)(literals + WIDE) &&
                          usable - o >= (ptrdiff_t)(literals + WIDE));
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
        if (match >= LONG_MATCH && all_zero(o - distance, distance)) {
            if (!write_zeros(r, o, match))
                return -1;
        } else {
            if (!ready_to(r, o + match))
                return -1;
            usable = r->ready < limit ? r->ready : limit;
            copy_match(o, distance, match, (size_t)(usable - o));
        }
        o += match;
    }
}
