/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reason behind each error a guest gets: the last one per CPU, and a line in the log for those
 * who ask for it (guest_loglvl=all).  A guest can cause these at will, so the line is rate-limited
 * and the record costs four stores.
 */
#include "console/log.h"
#include "cpu/cpu_info.h"
#include "debug/assert.h"
#include "hooks.h"

#define LINE_INTERVAL_MS 1000
#define LINE_BURST       50
#define GUEST_DEBUG      3

static struct refusal refusals[NR_CPUS];

int64_t guest_refused(int64_t error, const char *why, const char *file, int line)
{
    static struct rate_limit rate;
    struct refusal *r = &refusals[smp_cpu_id()];

    r->error = error;
    r->why = why;
    r->file = file;
    r->line = line;
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
