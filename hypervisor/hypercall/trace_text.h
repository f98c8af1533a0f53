/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace records in words: see trace_text.c.  Pure, and compiled into a program of dom0 too.
 */
#pragma once

#include "debug/trace_ring.h"
#include "lib/types.h"

/* One CPU's stream of records. */
struct trace_decoder {
    /* The sentence at that offset in the hypervisor's image, or NULL. */
    const char *(*text)(uint32_t offset);
    uint32_t who;          /* runs on this CPU, as far as the records say; TRACE_NOBODY */
    struct trace_rec call; /* begun and not yet printed; event 0: none */
};

#define TRACE_NOBODY 0xffffffffu
/* The ABI's number for the idle domain, in what is recorded of switches. */
#define TRACE_IDLE 0x7fffu

/* A hypercall's record, taken apart: the arguments that it has, as a set of bits in *present. */
unsigned trace_call_args(const struct trace_rec *rec, uint64_t args[6], unsigned *present);

/*
 * Describes a record, without a line's end.  A call waits for its result, so that both are one
 * line: then nothing is written, and the length is 0.  Something that happens in between prints the
 * call first, as a line of its own.
 */
int trace_text(struct trace_decoder *d, const struct trace_rec *rec, char *buf, size_t size);
