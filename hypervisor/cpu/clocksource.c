/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Choosing a reference clock and measuring the TSC and the APIC timer against it.
 *
 * A measurement takes 20 ms.  Each end is the tightest of a few (TSC, clock, TSC) readings, so that
 * an interruption of one of them (by a host, or by SMM) does not spoil it; the error is then some
 * microseconds in 20 ms.
 */
#include "cpu/clocksource.h"
#include "console/log.h"
#include "cpu/apic.h"
#include "cpu/hpet.h"
#include "cpu/insn.h"
#include "cpu/pit.h"
#include "cpu/pmtimer.h"
#include "debug/assert.h"
#include "lib/string.h"

#define MEASURE_MS 20
#define TRIES      5

uint32_t tsc_khz __read_mostly;
uint32_t apic_timer_khz __read_mostly;
const char *clocksource_name = "none";

static const struct clock *const clocks[] = {&hpet_clock, &pmtimer_clock, &pit_clock};

/* A count and the TSC at the same moment, as closely as TRIES readings show it. */
static uint64_t read_both(uint64_t (*read)(void), uint64_t *tsc)
{
    uint64_t best = UINT64_MAX;
    uint64_t count = 0;

    for (int i = 0; i < TRIES; i++) {
        uint64_t before = rdtsc_ordered();
        uint64_t now = read();
        uint64_t after = rdtsc_ordered();

        if (after - before < best) {
            best = after - before;
            count = now;
            *tsc = before + (after - before) / 2;
        }
    }
    return count;
}

static void measure(const struct clock *c, uint64_t hz)
{
    uint64_t ticks = hz * MEASURE_MS / 1000;
    uint64_t tsc_start, tsc_end, start, end, last;
    uint64_t apic_tsc_start, apic_tsc_end, apic_start, apic_end;
    uint64_t passed = 0;

    apic_timer_count_start();
    apic_start = read_both(apic_timer_count, &apic_tsc_start);
    start = read_both(c->read, &tsc_start);
    /* Summed up in small steps: the clock may wrap within the time. */
    for (last = start; passed < ticks; last = end) {
        end = c->read();
        passed += (end - last) & c->mask;
    }
    end = read_both(c->read, &tsc_end);
    passed += (end - last) & c->mask;
    apic_end = read_both(apic_timer_count, &apic_tsc_end);
    apic_timer_count_stop();
    tsc_khz = (uint32_t)((tsc_end - tsc_start) * hz / passed / 1000);
    apic_timer_khz =
        (uint32_t)max((apic_start - apic_end) * tsc_khz / (apic_tsc_end - apic_tsc_start), 1UL);
}

void clocksource_init(const char *prefer)
{
    const struct clock *chosen = NULL;
    uint64_t hz = 0;

    for (unsigned int i = 0; i < ARRAY_SIZE(clocks) && !chosen; i++) {
        if (prefer && strcmp(prefer, clocks[i]->name) != 0)
            continue;
        hz = clocks[i]->start();
        if (hz)
            chosen = clocks[i];
    }
    if (!chosen && prefer) {
        printk(XENLOG_WARNING "clocksource=%s: this machine has no such clock\n", prefer);
        clocksource_init(NULL);
        return;
    }
    if (!chosen)
        panic("No clock to measure the TSC with: no HPET, no ACPI PM timer, no PIT");
    measure(chosen, hz);
    clocksource_name = chosen->name;
    printk(XENLOG_INFO "Clock: %s at %lu.%03lu MHz; TSC %u.%03u MHz, APIC timer %u.%03u MHz\n",
           chosen->name, hz / 1000000, hz / 1000 % 1000, tsc_khz / 1000, tsc_khz % 1000,
           apic_timer_khz / 1000, apic_timer_khz % 1000);
}

void delay_us(unsigned int us)
{
    uint64_t start = rdtsc();

    if (!tsc_khz) {
        pit_delay_us(us);
        return;
    }
    while (rdtsc() - start < (uint64_t)us * tsc_khz / 1000)
        cpu_relax();
}
