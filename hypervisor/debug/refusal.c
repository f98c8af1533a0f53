/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reason behind each error a guest gets: the last one per CPU, how many there were for each
 * hypercall, a trace record, and a line in the log for those who ask for it (guest_loglvl=all).  A
 * guest can cause these at will, so the line is rate-limited and the rest costs a few stores.
 */
#include "console/log.h"
#include "cpu/cpu_info.h"
#include "cpu/smp.h"
#include "debug/assert.h"
#include "debug/trace.h"
#include "hooks.h"
#include "lib/string.h"

#define LINE_INTERVAL_MS 1000
#define LINE_BURST       50
#define GUEST_DEBUG      3

static struct refusal refusals[NR_CPUS];
static uint32_t counts[NR_CPUS][NR_HYPERCALLS];

/* Each CPU counts for itself.  The guest's RAX has the number as long as its SYSCALL is not
 * answered; for the calls of a batch it is the multicall's. */
static void count(void)
{
    const struct cpu_regs *regs = guest_regs();

    if (regs->entry_vector == FRAME_VEC_SYSCALL && regs->rax < NR_HYPERCALLS)
        counts[smp_cpu_id()][regs->rax]++;
}

int64_t guest_refused(int64_t error, const char *why, const char *file, int line)
{
    static struct rate_limit rate;
    struct refusal *r = &refusals[smp_cpu_id()];

    r->error = error;
    r->why = why;
    r->file = file;
    r->line = line;
    count();
    TRACE(TRC_PAVIS_REFUSED, number_of_current(), (uint32_t)error, TRACE_TEXT(why),
          TRACE_TEXT(file), (uint32_t)line);
    if (unlikely(log_guest_level_on(GUEST_DEBUG)) &&
        rate_limit_ok(&rate, LINE_INTERVAL_MS, LINE_BURST)) {
        char who[24] = "";

        describe_current(who, sizeof(who));
        printk(XENLOG_G_DEBUG "%s: refused (%ld): %s [%s:%d]\n", who, (long)error, why, file, line);
    }
    return error;
}

const struct refusal *last_refusal(void)
{
    return &refusals[smp_cpu_id()];
}

uint64_t refusals_of_call(unsigned nr)
{
    uint64_t sum = 0;

    for (unsigned cpu = 0; nr < NR_HYPERCALLS && cpu < nr_cpus; cpu++)
        sum += counts[cpu][nr];
    return sum;
}

void refusals_reset(void)
{
    memset(counts, 0, sizeof(counts));
}
