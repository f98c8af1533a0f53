/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The flush clock.  Pure; see mem/tlb.h for what it promises.
 */
#include "mem/tlb.h"

/* Odd at all times, so that its low half is never 0, which stands for "no stamp". */
uint64_t tlb_clock_now = 1;
uint64_t tlb_flush_time[NR_CPUS];
cpumask_t tlb_online;
#ifdef PAVIS_HOST_TEST
void (*host_after_stamp)(void);
#endif

void tlb_filter(cpumask_t *mask, uint32_t stamp)
{
    uint64_t now = load_once(&tlb_clock_now), when;
    unsigned cpu;

    if (!stamp) {
        *mask = 0;
        return;
    }
    /* The latest time with this low half that is not in the future: never before the true one. */
    when = (now & ~0xffffffffUL) | stamp;
    if (when > now)
        when -= 1UL << 32;
    for_each_cpu (cpu, *mask)
        if ((int64_t)(load_once(&tlb_flush_time[cpu]) - when) > 0)
            *mask &= ~cpumask_of(cpu);
}

uint64_t tlb_flush_begin(void)
{
    /* Before the flush: a mapping removed after this has a stamp that is not below the result. */
    return atomic_add_get(&tlb_clock_now, 2);
}

void tlb_flush_end(unsigned cpu, uint64_t t)
{
    store_release(&tlb_flush_time[cpu], t);
}
