/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One CPU's ring of trace records: see trace_ring.c.
 */
#pragma once

#include "abi/trace.h"
#include "lib/types.h"

#define TRACE_DATA_MIN 256 /* bytes: a few of the largest records */

struct trace_ring {
    struct t_buf *buf; /* the data follows; whoever maps it may write anything to all of it */
    uint32_t size;     /* bytes of data, a multiple of 4, at least TRACE_DATA_MIN */
    uint32_t prod;     /* what buf->prod should be; modulo 2 * size, as all positions */
    uint32_t oldest;   /* the oldest record that has not been overwritten */
    bool with_reader;  /* buf->cons is heeded; else the oldest records make room */
    uint32_t lost;     /* records that found no room since the last that did */
    uint64_t lost_since;
};

struct trace_rec {
    uint32_t event;
    uint64_t tsc;
    unsigned n;
    uint32_t word[TRACE_EXTRA_MAX];
};

void trace_ring_init(struct trace_ring *r, struct t_buf *buf, uint32_t size);
/* Empties it, on both sides. */
void trace_ring_reset(struct trace_ring *r, bool with_reader);

/* Appends; false: there was no room.  *half: this record made it half full or more. */
bool trace_ring_put(struct trace_ring *r, const struct trace_rec *rec, bool *half);

/*
 * The record at *at (begin with r->oldest), and *at behind it; false at the end, or where the ring
 * holds nonsense.  May be called while the ring's CPU goes on: then some records may be nonsense.
 */
bool trace_ring_next(const struct trace_ring *r, uint32_t *at, struct trace_rec *rec);
