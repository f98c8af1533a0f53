/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The watchdog of the hypervisor against its own hanging: see watchdog.c.
 */
#pragma once

#include "cpu/cpu_info.h"
#include "cpu/frame.h"

/* Grows as long as that CPU gets round to its softirqs. */
extern uint32_t watchdog_beats[NR_CPUS];

/* The calling CPU is alive: from a timer each second, and from whatever is slow for good reason. */
static inline void watchdog_touch(void)
{
    watchdog_beats[smp_cpu_id()]++;
}

/* One watched CPU: how long, in ticks of the watching NMI, nothing has moved.  Zeroed at first. */
struct watch {
    uint32_t beats, ticks;
};

/* At each tick: whether the beats have stood still for `limit` ticks.  Pure. */
static inline bool watch_tick(struct watch *w, uint32_t beats, uint32_t limit)
{
    if (beats != w->beats) {
        w->beats = beats;
        w->ticks = 0;
        return false;
    }
    return ++w->ticks >= limit;
}

/*
 * Finds a source of NMIs, tries it, and begins to watch: a CPU that does not beat for `seconds`
 * stops the machine.  False, with a message: this machine has no source.  When all CPUs are up.
 */
bool watchdog_start(unsigned int seconds);

/* At the end of the machine: no more NMIs on this CPU.  Takes no lock. */
void watchdog_stop(void);

/* Suspends the watching (true) for work that holds up all CPUs, such as the audit; and resumes. */
void watchdog_hold(bool on);

/* In each NMI: whether it was the watchdog's.  Does not return when a CPU hangs. */
bool watchdog_nmi(const struct cpu_regs *regs);
