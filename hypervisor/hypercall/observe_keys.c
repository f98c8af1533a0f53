/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters, latencies and traces on the console: four debug keys and a panic's last records.
 *
 * A key may be an interrupt, and printing a lot or allocating is not for interrupts: all four run
 * as a work a moment later.  A panic prints what the rings hold as it is.
 */
#include "console/keys.h"
#include "console/log.h"
#include "cpu/clocksource.h"
#include "cpu/cpu_info.h"
#include "cpu/insn.h"
#include "cpu/smp.h"
#include "debug/assert.h"
#include "debug/panic.h"
#include "debug/trace.h"
#include "hypercall/call_names.h"
#include "hypercall/observe.h"
#include "hypercall/trace_text.h"
#include "sched/softirq.h"

#define TRACE_LINE       400 /* the longest description */
#define RECORDS_BY_KEY   40  /* of each CPU */
#define RECORDS_IN_PANIC 12
#define TRACE_PAGES      4 /* of a ring that key O allocates */

extern const char rodata_start[], rodata_end[];

static struct trace_decoder decoder[NR_CPUS];

/* A sentence of ours; the offset comes from memory that dom0 can write to. */
static const char *text_of_image(uint32_t offset)
{
    const char *s = (const char *)(HV_IMAGE_BASE + offset);

    return s >= rodata_start && s < rodata_end ? s : NULL;
}

static void print_record(unsigned cpu, const struct trace_rec *rec, uint64_t now)
{
    static char line[TRACE_LINE]; /* one work, or one panic, at a time */

    if (trace_text(&decoder[cpu], rec, line, sizeof(line)) > 0)
        printk(XENLOG_ERR " cpu%u -%lu us %s\n", cpu,
               tsc_khz ? (now - rec->tsc) * 1000 / tsc_khz : 0, line);
}

static void print_last(unsigned wanted)
{
    uint64_t now = rdtsc();

    for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
        const struct trace_ring *r = trace_ring_of(cpu);
        uint32_t at = r->oldest, count = 0;
        struct trace_rec rec;

        if (!r->buf)
            continue;
        while (trace_ring_next(r, &at, &rec))
            count++;
        decoder[cpu] = (struct trace_decoder){.text = text_of_image, .who = TRACE_NOBODY};
        for (at = r->oldest; trace_ring_next(r, &at, &rec); count--)
            if (count <= wanted)
                print_record(cpu, &rec, now);
    }
}

static void key_trace(void)
{
    if (!tbuf_allocated())
        printk("nothing has been traced: key O, boot option tbuf_size=, or xentrace\n");
    print_last(RECORDS_BY_KEY);
}

static void key_trace_switch(void)
{
    if (trace_running) {
        trace_stop();
    } else if (tbuf_allocated() || !tbuf_allocate(TRACE_PAGES)) {
        trace_start(false);
    }
    observe_update();
    printk("tracing is %s\n", trace_running ? "on" : "off");
}

static void print_latencies(unsigned nr)
{
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        uint64_t n = observe_latency_count(nr, i);

        if (n)
            printk("        < %lu ns: %lu\n", 2UL << i, n);
    }
}

static void key_calls(void)
{
    for (unsigned nr = 0; nr < NR_HYPERCALLS; nr++) {
        if (!hypercall_name(nr) || !observe_calls(nr))
            continue;
        printk(" %2u %-28s %10lu calls %8lu refused\n", nr, hypercall_name(nr), observe_calls(nr),
               refusals_of_call(nr));
        print_latencies(nr);
    }
}

static void key_latency_switch(void)
{
    static bool on;

    on = !on && !observe_latency(true);
    if (!on)
        observe_latency(false);
    printk("latencies are %s\n", on ? "measured" : "not measured");
}

static const struct {
    char key;
    void (*fn)(void);
    const char *help;
} dumps[] = {
    {'c', key_calls, "hypercalls: calls, refusals, latencies"},
    {'L', key_latency_switch, "measure hypercall latencies, or stop"},
    {'T', key_trace, "the last trace records of each CPU"},
    {'O', key_trace_switch, "tracing on or off"},
};
static uint64_t wanted_keys; /* bit per row */
static struct work work;

static void turn(void *unused)
{
    uint64_t wanted = atomic_xchg(&wanted_keys, 0);

    for (unsigned i = 0; i < ARRAY_SIZE(dumps); i++)
        if (wanted >> i & 1)
            dumps[i].fn();
}

static void key_pressed(char key)
{
    for (unsigned i = 0; i < ARRAY_SIZE(dumps); i++)
        if (dumps[i].key == key)
            atomic_get_or(&wanted_keys, BIT(i));
    work_schedule(&work);
}

static void report_trace(void)
{
    if (tbuf_allocated())
        print_last(RECORDS_IN_PANIC);
    else
        printk(XENLOG_ERR "   tracing was never on\n");
}

void observe_init(bool latency, uint32_t trace_pages, uint32_t trace_mask)
{
    work_init(&work, turn, NULL);
    panic_add_report("Last trace records", report_trace);
    for (unsigned i = 0; i < ARRAY_SIZE(dumps); i++)
        keys_register(dumps[i].key, key_pressed, dumps[i].help, false);
    if (trace_mask)
        trace_events = trace_mask;
    if (trace_pages && !tbuf_allocate(trace_pages))
        trace_start(false);
    if (latency)
        observe_latency(true);
    observe_update();
}
