/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What goes on in hypercalls, for whoever wants to see it: how long each takes, as a histogram per
 * call and CPU, and a trace of arguments and results.
 *
 * While neither is asked for, calls do not pass here at all.  A call that is to be made again
 * (domain/continuation.h) counts once for each time it was begun.  The short way of the iret call
 * in pv/entry_syscall.S passes by: it is counted, and neither measured nor traced.
 */
#include "hypercall/observe.h"

#include "abi/errno.h"
#include "cpu/cpu_info.h"
#include "cpu/smp.h"
#include "debug/assert.h"
#include "debug/trace.h"
#include "domain/continuation.h"
#include "domain/domain.h"
#include "hypercall/call_names.h"
#include "hypercall/dispatch.h"
#include "lib/string.h"
#include "mem/heap.h"
#include "time/clock.h"

typedef uint32_t histogram[NR_HYPERCALLS][LATENCY_BUCKETS];

static histogram *latencies[NR_CPUS]; /* never freed; each written by its CPU alone */
static bool measuring __read_mostly;

/* Those arguments that the table names, as far as there is room: the first word says which. */
static void trace_call(uint64_t nr, const uint64_t *a)
{
    uint32_t words[TRACE_EXTRA_MAX] = {(uint32_t)nr};
    unsigned n = 1;

    for (unsigned i = 0; i < hypercall_nr_args((unsigned)nr) && n < TRACE_EXTRA_MAX; i++) {
        bool wide = a[i] > UINT32_MAX;

        if (n + wide >= TRACE_EXTRA_MAX)
            break;
        words[0] |=
            (uint32_t)(wide ? TRC_PV_HYPERCALL_V2_ARG_64(i) : TRC_PV_HYPERCALL_V2_ARG_32(i));
        words[n++] = (uint32_t)a[i];
        if (wide)
            words[n++] = (uint32_t)(a[i] >> 32);
    }
    trace_put(hypercall_in_multicall() ? TRC_PV_HYPERCALL_SUBCALL : TRC_PV_HYPERCALL_V2, words, n);
}

long hypercall_observe(uint64_t nr, const uint64_t args[6])
{
    const struct vcpu *v = current;
    uint64_t start = now_ns(), ns;
    histogram *h;
    bool again;
    long rc;

    if (trace_running)
        trace_call(nr, args);
    rc = hypercall_call_handler(nr, args);
    again = cpu_info()->call_continued;
    ns = now_ns() - start;
    h = latencies[smp_cpu_id()];
    if (measuring && h)
        (*h)[nr][latency_bucket(ns)]++;
    TRACE(TRC_PAVIS_RETURN, (uint32_t)nr, TRACE_WHO(v->domain->mem.id, v->id), TRACE_64(rc),
          again ? 0 : max((uint32_t)min(ns, (uint64_t)UINT32_MAX), 1u));
    return rc;
}

/* The number is still where pv/entry_syscall.S left the guest's RAX, and it has looked at its
 * bounds. */
long hypercall_observed(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
    const uint64_t args[6] = {a, b, c, d, e, f};

    return hypercall_observe(guest_regs()->rax, args);
}

void observe_update(void)
{
    hypercall_set_observed(load_once(&trace_running) || load_once(&measuring));
}

int observe_latency(bool on)
{
    unsigned cpu;

    for_each_cpu (cpu, on ? cpu_online_map : 0) {
        if (!latencies[cpu])
            latencies[cpu] = hv_zalloc(sizeof(histogram));
        if (!latencies[cpu])
            return guest_error(-ENOMEM, "no memory for histograms");
    }
    store_once(&measuring, on);
    observe_update();
    return 0;
}

uint64_t observe_calls(unsigned nr)
{
    uint64_t sum = 0;

    for (unsigned cpu = 0; cpu < nr_cpus; cpu++)
        sum += hypercall_counts[cpu][nr];
    return sum;
}

uint64_t observe_latency_count(unsigned nr, unsigned bucket)
{
    uint64_t sum = 0;

    for (unsigned cpu = 0; cpu < nr_cpus; cpu++)
        if (latencies[cpu])
            sum += (*latencies[cpu])[nr][bucket];
    return sum;
}

void observe_reset(void)
{
    memset(hypercall_counts, 0, sizeof(hypercall_counts));
    for (unsigned cpu = 0; cpu < nr_cpus; cpu++)
        if (latencies[cpu])
            memset(latencies[cpu], 0, sizeof(histogram));
}
