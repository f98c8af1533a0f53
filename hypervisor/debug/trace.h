/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace points.  Where nothing is traced each costs a compare of a byte and a jump; those of
 * hypercalls, not even that (hypercall/observe.c).  What they write is read by Xen's own xentrace
 * (abi/trace.h), by debug key T, by gdb, and by dom0-tools/pavis-trace.
 */
#pragma once

#include "abi/trace.h"
#include "debug/trace_ring.h"
#include "lib/types.h"
#include "mem/layout.h"

/* Events that Xen does not have, in a subclass of its hardware class that it does not use. */
#define TRC_PAVIS_RETURN  0x00804001 /* call, whose, result (64 bits), ns (0: to be made again) */
#define TRC_PAVIS_REFUSED 0x00804002 /* whose, errno, reason, file, line */
#define TRC_PAVIS_EVENT   0x00804003 /* for whom, port */
#define TRC_PAVIS_CRASH   0x00804004 /* whose domain, reason */

/* "Whose" is a word: domain << 16 | vCPU.  A reason and a file are offsets in the image. */
#define TRACE_WHO(domid, vcpu) ((uint32_t)(domid) << 16 | (uint32_t)(vcpu))
#define TRACE_TEXT(s)          ((uint32_t)((uint64_t)(s)-HV_IMAGE_BASE))
#define TRACE_64(x)            (uint32_t)(x), (uint32_t)((uint64_t)(x) >> 32)

#ifdef PAVIS_HOST_TEST
#define trace_running false /* a unit test traces nothing */
#else
extern bool trace_running;
#endif

/* Up to seven words behind the event. */
#define TRACE(event, ...)                                                                          \
    do {                                                                                           \
        if (unlikely(trace_running)) {                                                             \
            const uint32_t trace_words[] = {__VA_ARGS__};                                          \
            trace_put((event), trace_words, sizeof(trace_words) / sizeof(trace_words[0]));         \
        }                                                                                          \
    } while (0)

/* Any context; NMIs leave nothing. */
void trace_put(uint32_t event, const uint32_t *words, unsigned n);
#ifdef PAVIS_HOST_TEST
#define trace_put(event, words, n) ((void)(words))
#endif

/* What to trace: classes and subclasses as xentrace -e has them, and on which CPUs. */
extern uint32_t trace_events;
extern cpumask_t trace_cpus;

/* Called, in any context, when a ring that somebody reads becomes half full. */
extern void (*trace_half_full)(void);

/* Gives a CPU its ring: `bytes` from the t_buf on.  Once for each. */
void trace_set_buffer(unsigned cpu, struct t_buf *buf, uint32_t bytes);

/* Starts: with a reader, records that find no room are counted and lost; without, the oldest go. */
void trace_start(bool with_reader);
void trace_stop(void);
/* A CPU's ring, for reading; its buf is NULL when there is none. */
const struct trace_ring *trace_ring_of(unsigned cpu);
