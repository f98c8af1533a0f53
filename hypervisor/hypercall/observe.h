/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Watching hypercalls: latencies and traces, on demand.  See observe.c.
 */
#pragma once

#include "lib/types.h"

typedef long hypercall_fn(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

#define LATENCY_BUCKETS 32 /* bucket n: [2^n, 2^(n+1)) ns, the first from 0 on, the last open */

static inline unsigned latency_bucket(uint64_t ns)
{
    unsigned n = ns ? 63 - (unsigned)__builtin_clzl(ns) : 0;

    return n < LATENCY_BUCKETS ? n : LATENCY_BUCKETS - 1;
}

/* Stands for every handler while calls are observed. */
hypercall_fn hypercall_observed;
/* Makes call `nr`, which the table has, and keeps what is asked for. */
long hypercall_observe(uint64_t nr, const uint64_t args[6]);

/* Measures latencies or stops to; what was counted stays.  -ENOMEM: no room for the histograms.
 * Not from an interrupt. */
int observe_latency(bool on);
/* After a change of trace_running. */
void observe_update(void);

/* Sums over all CPUs. */
uint64_t observe_calls(unsigned nr);
uint64_t observe_latency_count(unsigned nr, unsigned bucket);
/* Calls and latencies start from 0 again; calls that end meanwhile may be lost. */
void observe_reset(void);

/* The debug keys c, L, T, O, the panic's report, and what the boot options ask for. */
void observe_init(bool latency, uint32_t trace_pages, uint32_t trace_mask);

/* hypercall/tbuf.c: allocates rings of so many pages once, and the list of them.  -EINVAL: there
 * are others, or the number is not possible; -ENOMEM. */
int tbuf_allocate(uint32_t pages);
bool tbuf_allocated(void);
