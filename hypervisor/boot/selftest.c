/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Debug key 't': the machine layers test themselves on the running system.  What unit tests on a
 * host cannot: calls between CPUs, mappings and their flushes, the exception table, extended state,
 * and whether the CPUs' time stamps agree.  Harmless to guests; takes some milliseconds.
 */
#include "boot/selftest.h"
#include "console/keys.h"
#include "console/log.h"
#include "cpu/cpu.h"
#include "cpu/apic.h"
#include "cpu/clocksource.h"
#include "cpu/cpu_info.h"
#include "cpu/fpu.h"
#include "cpu/insn.h"
#include "cpu/smp.h"
#include "debug/panic.h"
#include "lib/atomic.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mem/map.h"
#include "sched/softirq.h"
#include "time/clock.h"
#include "time/timer.h"

#define CALL_ROUNDS    50
#define WARP_ROUNDS    100
#define BREAK_AFTER_NS 1000000000UL
#define BREAK_DELAY_US 100000

static unsigned int failures;

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            printk("selftest: FAILED: %s (%s:%d)\n", #x, __FILE__, __LINE__);                      \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

static uint64_t calls;

static void count_call(void *arg)
{
    atomic_inc((uint64_t *)arg);
}

static void test_calls(void)
{
    cpumask_t others = cpu_online_map & ~cpumask_of(smp_cpu_id());

    calls = 0;
    for (unsigned int i = 0; i < CALL_ROUNDS; i++)
        smp_call(CPUMASK_ALL, count_call, &calls, true);
    CHECK(calls == CALL_ROUNDS * (uint64_t)nr_cpus);
    calls = 0;
    for (unsigned int i = 0; i < CALL_ROUNDS; i++)
        smp_call(others, count_call, &calls, false);
    /* The next call is a barrier: each CPU has left the one before. */
    smp_call(others, count_call, &calls, true);
    CHECK(calls == (CALL_ROUNDS + 1) * (uint64_t)(nr_cpus - 1));
}

/* Reads a word where there may be no mapping. */
static bool read_word(const uint64_t *p, uint64_t *value)
{
    bool ok = false;

    __asm__ volatile("1: movq (%2), %0\n\t"
                     "movb $1, %1\n"
                     "2:\n" EX_TABLE("1b", "2b")
                     : "=&r"(*value), "+r"(ok)
                     : "r"(p)
                     : "memory");
    return ok;
}

static struct {
    const uint64_t *at;
    uint64_t readers;
} probe;

static void probe_mapping(void *unused)
{
    uint64_t value;

    if (read_word(probe.at, &value))
        atomic_inc(&probe.readers);
}

static void test_mappings(void)
{
    uint64_t va = HV_IOREMAP_BASE + HV_IOREMAP_SIZE - PAGE_SIZE;
    mfn_t page = image_to_mfn(&failures);

    probe.at = (const uint64_t *)va;
    CHECK(map_pages(va, page, 1, MAP_RO));
    CHECK(map_lookup(va) >> PAGE_SHIFT << PAGE_SHIFT == (mfn_to_paddr(page) | PTE_NX));
    probe.readers = 0;
    smp_call(CPUMASK_ALL, probe_mapping, NULL, true);
    CHECK(probe.readers == nr_cpus);
    unmap_pages(va, 1);
    probe.readers = 0;
    smp_call(CPUMASK_ALL, probe_mapping, NULL, true);
    CHECK(probe.readers == 0);
    CHECK(map_lookup(va) == 0);
    CHECK(map_lookup((uint64_t)&failures) & PTE_NX);
    CHECK(!(map_lookup((uint64_t)test_mappings) & (PTE_NX | PTE_RW)));
}

static void test_faults(void)
{
    uint64_t value = 1;

    CHECK(rdmsr_safe(MSR_EFER, &value) && (value & EFER_SCE));
    CHECK(!read_word((const uint64_t *)0x0000800000000000, &value)); /* not canonical */
}

/* The calling vCPU's state is saved around it, and must come back unharmed. */
static void test_extended_state(void)
{
    static uint8_t saved[4096] __aligned(64), area[4096] __aligned(64), again[4096] __aligned(64);
    uint64_t xcr0 = fpu_xcr0_supported() ? xgetbv(0) : 0;

    if (fpu_area_size() > sizeof(area))
        return;
    memset(saved, 0, sizeof(saved));
    fpu_save(saved);
    fpu_area_init(area);
    CHECK(fpu_area_valid(area, fpu_xcr0_supported()));
    for (unsigned int i = 160; i < 416; i++) /* XMM0 to XMM15 */
        area[i] = (uint8_t)i;
    area[512] = 3; /* XSTATE_BV: x87 and SSE */
    CHECK(fpu_restore(area, fpu_xcr0_supported()));
    memset(again, 0, sizeof(again));
    fpu_save(again);
    CHECK(!memcmp(area + 160, again + 160, 256));
    if (fpu_xcr0_supported()) {
        area[520] = 1; /* a reserved byte of the header: XRSTOR refuses */
        CHECK(!fpu_area_valid(area, fpu_xcr0_supported()));
        CHECK(!fpu_restore(area, fpu_xcr0_supported()));
    }
    CHECK(fpu_restore(saved, xcr0));
}

static struct {
    spinlock_t lock;
    uint64_t last;
    uint64_t warp; /* the most by which a time stamp was behind an earlier one */
} stamps;

static void compare_stamps(void *unused)
{
    for (unsigned int i = 0; i < WARP_ROUNDS; i++) {
        uint64_t now;

        spin_lock(&stamps.lock);
        now = rdtsc_ordered();
        if (now < stamps.last)
            stamps.warp = max(stamps.warp, stamps.last - now);
        stamps.last = now;
        spin_unlock(&stamps.lock);
    }
}

/* How far one CPU's TSC was seen behind another's, in ticks; 0: they agree.  Every CPU is busy with
 * it for some 100 us. */
static uint64_t tsc_warp(void)
{
    stamps.last = 0;
    stamps.warp = 0;
    smp_call(CPUMASK_ALL, compare_stamps, NULL, true);
    return stamps.warp;
}

static void run_selftest(void *unused)
{
    failures = 0;
    test_calls();
    test_mappings();
    test_faults();
    test_extended_state();
    printk("selftest: time stamps of the CPUs differ by at most %lu\n", tsc_warp());
    printk("selftest: %s, %u CPUs\n", failures ? "FAILED" : "passed", nr_cpus);
}

/* A key may be an interrupt, and mappings take the heap's lock: a moment later, on this CPU. */
static struct work selftest_work;

static void key_selftest(char key)
{
    work_schedule(&selftest_work);
}

/* --- breaking on purpose, for the tests of the machine's ends: boot option selftest= ------------
 */

static void hang(void *unused)
{
    local_irq_disable();
    for (;;)
        cpu_relax();
}

static void hang_in_log(void *unused)
{
    log_with_lock_held(hang);
}

static void nmi_to_self(void *unused)
{
    apic_send_nmi(smp_cpu_id());
    delay_us(BREAK_DELAY_US); /* it arrives in here */
}

static void panic_here(void *unused)
{
    panic("Asked to, by selftest=");
}

static void panic_in_report(void)
{
    __asm__ volatile("ud2");
}

static struct timer break_timer;

static void break_now(void *way)
{
    cpumask_t last = cpumask_of(nr_cpus - 1);

    printk("selftest=%s\n", (const char *)way);
    if (!strcmp(way, "hang"))
        smp_call(last, hang, NULL, false);
    else if (!strcmp(way, "hang0"))
        hang(NULL);
    else if (!strcmp(way, "ap"))
        smp_call(last, panic_here, NULL, false);
    else if (!strcmp(way, "console") || !strcmp(way, "lock"))
        smp_call(last, hang_in_log, NULL, false);
    else if (!strcmp(way, "nmi"))
        log_with_lock_held(nmi_to_self);
    if (!strcmp(way, "nested"))
        panic_add_report("A report that faults", panic_in_report);
    if (!strcmp(way, "nested") || !strcmp(way, "console") || !strcmp(way, "lock"))
        delay_us(BREAK_DELAY_US); /* until the other CPU has the lock */
    if (!strcmp(way, "nested") || !strcmp(way, "console"))
        panic_here(NULL);
    if (!strcmp(way, "lock"))
        printk("Waits for ever\n");
}

void selftest_break(char *way)
{
    timer_init(&break_timer, break_now, way, 0);
    timer_set(&break_timer, now_ns() + BREAK_AFTER_NS);
}

void selftest_init(void)
{
    work_init(&selftest_work, run_selftest, NULL);
    keys_register('t', key_selftest, "self-test of the machine layers", false);
}
