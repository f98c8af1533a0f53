/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace points write to the ring of their CPU.  A ring has one writer, its CPU with interrupts off,
 * and so needs no lock; an NMI could come in the middle, so its handler writes nothing.
 */
#include "debug/trace.h"
#include "cpu/cpu_info.h"
#include "cpu/insn.h"
#include "lib/irqflags.h"
#include "lib/atomic.h"
#include "lib/cpumask.h"

bool trace_running __read_mostly;
uint32_t trace_events __read_mostly = TRC_ALL;
cpumask_t trace_cpus __read_mostly = CPUMASK_ALL;
void (*trace_half_full)(void) __read_mostly;

static struct trace_ring rings[NR_CPUS];

static bool wanted(uint32_t event)
{
    uint32_t both = trace_events & event;

    return both >> TRC_CLS_SHIFT && (both >> TRC_SUBCLS_SHIFT & 0xf) &&
           cpumask_test(trace_cpus, smp_cpu_id());
}

void trace_put(uint32_t event, const uint32_t *words, unsigned n)
{
    struct trace_rec rec = {.event = event, .n = n};
    struct trace_ring *r = &rings[smp_cpu_id()];
    uint64_t flags;
    bool half;

    if (!wanted(event) || !r->buf || n > TRACE_EXTRA_MAX || on_exception_stack())
        return;
    for (unsigned i = 0; i < n; i++)
        rec.word[i] = words[i];
    flags = local_irq_save();
    rec.tsc = rdtsc();
    trace_ring_put(r, &rec, &half);
    local_irq_restore(flags);
    if (half && trace_half_full)
        trace_half_full();
}

void trace_set_buffer(unsigned cpu, struct t_buf *buf, uint32_t bytes)
{
    trace_ring_init(&rings[cpu], buf, bytes - (uint32_t)sizeof(*buf));
}

void trace_stop(void)
{
    store_once(&trace_running, false);
}

/* Whoever is in trace_put() on another CPU is done with the old positions or overwrites them once:
 * that loses records, nothing else. */
void trace_start(bool with_reader)
{
    for (unsigned cpu = 0; cpu < NR_CPUS && !trace_running; cpu++)
        if (rings[cpu].buf)
            trace_ring_reset(&rings[cpu], with_reader);
    store_once(&trace_running, true);
}

const struct trace_ring *trace_ring_of(unsigned cpu)
{
    return &rings[cpu];
}
