/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The watchdog: NMIs at a steady rate look whether every CPU still gets round to its softirqs, and
 * stop the machine with the registers of the one that does not.
 *
 * Two sources.  With an architectural performance counter each CPU counts its own cycles and
 * watches itself; while it sleeps nothing is counted, and nothing need be.  Else the interval
 * timer's line, routed as NMI to CPU 0, which watches all; a CPU found hanging is sent an NMI, so
 * that it is the one that prints.  That line does not say whether an NMI came from it: so while it
 * is used an NMI of the board without a reason in the control port passes for a tick.
 *
 * Either is tried for a while before it is believed in.
 */
#include "cpu/watchdog.h"
#include "console/log.h"
#include "cpu/apic.h"
#include "cpu/clocksource.h"
#include "cpu/insn.h"
#include "cpu/ioapic.h"
#include "cpu/pit.h"
#include "cpu/smp.h"
#include "debug/panic.h"
#include "lib/atomic.h"

/* Architectural performance monitoring: Intel SDM volume 3, chapter 20. */
#define LEAF_PERFMON        0xa
#define MSR_PMC0            0x0c1
#define MSR_PERFEVTSEL0     0x186
#define MSR_PERF_STATUS     0x38e
#define MSR_PERF_CTRL       0x38f
#define MSR_PERF_OVF_CTRL   0x390
#define COUNT_CYCLES        0x53003c     /* core cycles, all rings, interrupt at overflow, on */
#define COUNTER_WRITE_MAX   0x7fffffffUL /* what is written is extended from bit 31 */
#define COUNTER_TICKS       2            /* per second, of a busy CPU */
#define VERSION_WITH_STATUS 2            /* the first that says which counter has overflowed */
#define EBX_NO_CYCLES       1

#define TRY_US      2000000 /* two ticks of the timer take 110 ms, if nobody holds us up */
#define TRY_STEP_US 10000
#define TRY_PERIOD  10000000UL /* cycles */
#define GRACE       3 /* ticks for a CPU to answer our NMI, times the timer's rate: some seconds */

static enum { SOURCE_NONE, SOURCE_COUNTER, SOURCE_TIMER } source;

uint32_t watchdog_beats[NR_CPUS];
static struct watch watches[NR_CPUS];
static uint32_t tried[NR_CPUS]; /* ticks seen */
static uint32_t limit;          /* ticks; 0: does not watch yet */
static unsigned int timeout;    /* seconds */
static uint64_t counter_period;
static uint32_t held;
static cpumask_t accused; /* were sent an NMI for hanging */

void watchdog_hold(bool on)
{
    atomic_add_get(&held, on ? 1 : -1U);
}

static __noreturn void report_self(const struct cpu_regs *regs)
{
    panic_regs(regs, "Watchdog: CPU %u has hung for %u seconds", smp_cpu_id(), timeout);
}

/* Lets `cpu` speak for itself; if it does not, we do. */
static void report_other(unsigned int cpu, const struct cpu_regs *regs)
{
    if (!(atomic_get_or(&accused, cpumask_of(cpu)) & cpumask_of(cpu)))
        apic_send_nmi(cpu);
    else if (watches[cpu].ticks >= limit + GRACE * PIT_SLOWEST_HZ)
        panic_regs(regs, "Watchdog: CPU %u has hung for %u seconds and does not take an NMI", cpu,
                   timeout);
}

static void check(unsigned int cpu, const struct cpu_regs *regs)
{
    tried[cpu]++;
    if (!limit)
        return;
    if (load_once(&held)) {
        watches[cpu].ticks = 0;
        return;
    }
    if (!watch_tick(&watches[cpu], load_once(&watchdog_beats[cpu]), limit))
        return;
    if (cpu == smp_cpu_id())
        report_self(regs);
    report_other(cpu, regs);
}

static void arm_counter(void)
{
    wrmsr(MSR_PMC0, -counter_period);
    apic_arm_counter_nmi();
}

static bool counter_nmi(const struct cpu_regs *regs)
{
    if (!(rdmsr(MSR_PERF_STATUS) & 1))
        return false;
    wrmsr(MSR_PERF_OVF_CTRL, 1);
    arm_counter();
    check(smp_cpu_id(), regs);
    return true;
}

bool watchdog_nmi(const struct cpu_regs *regs)
{
    unsigned int cpu;

    if (load_once(&accused) & cpumask_of(smp_cpu_id()))
        report_self(regs);
    if (source == SOURCE_COUNTER)
        return counter_nmi(regs);
    if (source != SOURCE_TIMER || smp_cpu_id() != 0)
        return false;
    for_each_cpu (cpu, cpu_online_map)
        check(cpu, regs);
    return true;
}

static void start_counter(void *unused)
{
    wrmsr(MSR_PERF_CTRL, 0);
    wrmsr(MSR_PERFEVTSEL0, COUNT_CYCLES);
    arm_counter();
    wrmsr(MSR_PERF_CTRL, 1);
}

static void stop_counter(void *unused)
{
    wrmsr(MSR_PERF_CTRL, 0);
    wrmsr(MSR_PERFEVTSEL0, 0);
}

void watchdog_stop(void)
{
    if (source == SOURCE_COUNTER)
        stop_counter(NULL);
    else if (source == SOURCE_TIMER)
        pit_stop_interrupts();
}

static bool have_counter(void)
{
    struct cpuid_regs r = cpuid(0, 0);

    if (r.eax < LEAF_PERFMON)
        return false;
    r = cpuid(LEAF_PERFMON, 0);
    return (r.eax & 0xff) >= VERSION_WITH_STATUS && (r.eax >> 8 & 0xff) && !(r.ebx & EBX_NO_CYCLES);
}

/* Whether NMIs come, on this CPU: the others are no different. */
static bool try_source(void)
{
    uint32_t *ticks = &tried[smp_cpu_id()];

    *ticks = 0;
    for (unsigned int us = 0; us < TRY_US && load_once(ticks) < 2; us += TRY_STEP_US)
        delay_us(TRY_STEP_US);
    return load_once(ticks) >= 2;
}

static bool start_with_counter(void)
{
    if (!have_counter())
        return false;
    counter_period = TRY_PERIOD;
    source = SOURCE_COUNTER;
    smp_call(CPUMASK_ALL, start_counter, NULL, true);
    if (!try_source()) {
        smp_call(CPUMASK_ALL, stop_counter, NULL, true);
        source = SOURCE_NONE;
        return false;
    }
    counter_period = min((uint64_t)tsc_khz * 1000 / COUNTER_TICKS, COUNTER_WRITE_MAX);
    limit = timeout * COUNTER_TICKS + 1;
    return true;
}

static bool start_with_timer(void)
{
    bool level, active_low;
    uint32_t gsi = ioapic_isa_gsi(0, &level, &active_low);

    if (ioapic_vector(gsi) || !ioapic_route_nmi(gsi, 0, true))
        return false;
    source = SOURCE_TIMER;
    pit_start_interrupts();
    if (!try_source()) {
        ioapic_route_nmi(gsi, 0, false);
        source = SOURCE_NONE;
        return false;
    }
    limit = timeout * PIT_SLOWEST_HZ + 1;
    return true;
}

bool watchdog_start(unsigned int seconds)
{
    timeout = seconds;
    if (!start_with_counter() && !start_with_timer()) {
        printk(XENLOG_WARNING "Watchdog: this machine has no source of NMIs for it: off\n");
        return false;
    }
    printk(XENLOG_INFO "Watchdog: a CPU that hangs for %u seconds stops the machine; NMIs by %s\n",
           seconds, source == SOURCE_COUNTER ? "performance counter" : "interval timer");
    return true;
}
