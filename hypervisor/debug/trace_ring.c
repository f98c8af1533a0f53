/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ring of abi/trace.h, written and read.  Pure.
 *
 * Two modes.  With a reader nothing is overwritten that it has not consumed; what finds no room is
 * counted, and a record says how many as soon as there is room again.  Without one the ring keeps
 * the newest: that is what a panic wants to print.
 *
 * The reader is a domain's program.  It writes `cons`, and can write all else: so positions are our
 * own copies, `cons` is read once and judged, and who reads records expects any bytes.  If this is
 * wrong, a program of dom0 lets the hypervisor write outside of the ring.
 */
#include "debug/trace_ring.h"
#include "lib/atomic.h"
#include "lib/string.h"

#define HEAD_BYTES 4
#define TSC_BYTES  8

static uint32_t *word_at(const struct trace_ring *r, uint32_t at)
{
    uint32_t offset = at >= r->size ? at - r->size : at;

    return (uint32_t *)((uint8_t *)(r->buf + 1) + offset);
}

static uint32_t advance(const struct trace_ring *r, uint32_t at, uint32_t bytes)
{
    at += bytes;
    return at >= 2 * r->size ? at - 2 * r->size : at;
}

static uint32_t distance(const struct trace_ring *r, uint32_t from, uint32_t to)
{
    return to >= from ? to - from : to + 2 * r->size - from;
}

static uint32_t to_wrap(const struct trace_ring *r, uint32_t at)
{
    return at >= r->size ? 2 * r->size - at : r->size - at;
}

static uint32_t head_of(uint32_t event, unsigned n, bool stamped)
{
    return event | n << TRACE_EXTRA_SHIFT | (stamped ? (uint32_t)TRC_HD_CYCLE_FLAG : 0);
}

static uint32_t bytes_of(uint32_t head)
{
    return HEAD_BYTES + (head & TRC_HD_CYCLE_FLAG ? TSC_BYTES : 0) +
           4 * (head >> TRACE_EXTRA_SHIFT & TRACE_EXTRA_MAX);
}

void trace_ring_init(struct trace_ring *r, struct t_buf *buf, uint32_t size)
{
    *r = (struct trace_ring){.buf = buf, .size = size & ~3u};
}

void trace_ring_reset(struct trace_ring *r, bool with_reader)
{
    r->prod = r->oldest = r->lost = 0;
    r->with_reader = with_reader;
    store_once(&r->buf->cons, 0);
    store_once(&r->buf->prod, 0);
}

/* Bytes that the reader has left; `size` (no room) when what it says is nonsense. */
static uint32_t unconsumed(const struct trace_ring *r)
{
    uint32_t cons = load_once(&r->buf->cons), left;

    if (!r->with_reader)
        return 0;
    if (cons >= 2 * r->size || cons & 3)
        return r->size;
    left = distance(r, cons, r->prod);
    return left > r->size ? r->size : left;
}

/* Lets the oldest records go until there are `bytes` free.  One that is nonsense takes all along.
 */
static void make_room(struct trace_ring *r, uint32_t bytes)
{
    while (r->size - distance(r, r->oldest, r->prod) < bytes) {
        uint32_t size = bytes_of(load_once(word_at(r, r->oldest)));

        if (size > distance(r, r->oldest, r->prod) || size > to_wrap(r, r->oldest))
            r->oldest = r->prod;
        else
            r->oldest = advance(r, r->oldest, size);
    }
    if (!r->with_reader)
        store_once(&r->buf->cons, r->oldest);
}

static void append(struct trace_ring *r, uint32_t head, uint64_t tsc, const uint32_t *words)
{
    uint32_t bytes = bytes_of(head), *to = word_at(r, r->prod);

    *to++ = head;
    if (head & TRC_HD_CYCLE_FLAG) {
        *to++ = (uint32_t)tsc;
        *to++ = (uint32_t)(tsc >> 32);
    }
    for (unsigned i = 0; i < (head >> TRACE_EXTRA_SHIFT & TRACE_EXTRA_MAX); i++)
        *to++ = words ? words[i] : 0;
    r->prod = advance(r, r->prod, bytes);
}

/* With what is needed to fill up to the end if the record does not fit before it. */
static uint32_t bytes_needed(const struct trace_ring *r, uint32_t at, uint32_t head)
{
    uint32_t bytes = bytes_of(head), wrap = to_wrap(r, at);

    return bytes > wrap ? bytes + wrap : bytes;
}

static void append_wrapping(struct trace_ring *r, uint32_t head, uint64_t tsc,
                            const uint32_t *words)
{
    uint32_t wrap = to_wrap(r, r->prod), rest = wrap / 4 - 1;

    if (bytes_of(head) > wrap) {
        /* At most 9 words are left over, and a record without stamp has 8: then it has one. */
        bool stamped = rest > TRACE_EXTRA_MAX;

        append(r, head_of(TRC_TRACE_WRAP_BUFFER, stamped ? rest - 2 : rest, stamped), 0, NULL);
    }
    append(r, head, tsc, words);
}

bool trace_ring_put(struct trace_ring *r, const struct trace_rec *rec, bool *half)
{
    uint32_t head = head_of(rec->event, rec->n, true);
    uint32_t lost_head = head_of(TRC_LOST_RECORDS, 4, true);
    uint32_t need = bytes_needed(r, r->prod, head), left = unconsumed(r), old = left;
    uint32_t lost_words[4] = {r->lost, 0, (uint32_t)r->lost_since, (uint32_t)(r->lost_since >> 32)};

    *half = false;
    if (r->lost) /* both, and the end of the ring may come with either */
        need += bytes_of(lost_head) + bytes_of(head);
    if (need > r->size - left) {
        if (!r->lost++)
            r->lost_since = rec->tsc;
        return false;
    }
    make_room(r, need);
    if (r->lost)
        append_wrapping(r, lost_head, rec->tsc, lost_words);
    r->lost = 0;
    append_wrapping(r, head, rec->tsc, rec->word);
    barrier(); /* the reader sees the record before the position */
    store_once(&r->buf->prod, r->prod);
    *half = r->with_reader && old < r->size / 2 && old + need >= r->size / 2;
    return true;
}

bool trace_ring_next(const struct trace_ring *r, uint32_t *at, struct trace_rec *rec)
{
    uint32_t prod = load_once(&r->prod);

    while (*at != prod) {
        uint32_t head = load_once(word_at(r, *at)), bytes = bytes_of(head);
        const uint32_t *from = word_at(r, *at) + 1;

        if (bytes > distance(r, *at, prod) || bytes > to_wrap(r, *at))
            return false;
        *at = advance(r, *at, bytes);
        *rec = (struct trace_rec){.event = head & ((1u << TRACE_EXTRA_SHIFT) - 1),
                                  .n = head >> TRACE_EXTRA_SHIFT & TRACE_EXTRA_MAX};
        if (rec->event == TRC_TRACE_WRAP_BUFFER)
            continue;
        if (head & TRC_HD_CYCLE_FLAG) {
            rec->tsc = from[0] | (uint64_t)from[1] << 32;
            from += 2;
        }
        for (unsigned i = 0; i < rec->n; i++)
            rec->word[i] = load_once(&from[i]);
        return true;
    }
    return false;
}
