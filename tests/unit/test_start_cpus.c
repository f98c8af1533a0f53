/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: when start_cpus() returns, every processor that is online is the scheduler's too, however
 * long it takes on a busy host, so that dom0 is given a vCPU for each; one that never gets there
 * stops the machine; one that does not start at all is left out, and those that must not be sent
 * anything are not.
 */
// SOURCES: hypervisor/boot/start_cpus.c
// LIBS: -include tests/unit/fake_insn.h
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/ap.h"
#include "boot/start_cpus.h"
#include "console/log.h"
#include "cpu/acpi.h"
#include "cpu/apic.h"
#include "cpu/clocksource.h"
#include "cpu/cpu.h"
#include "cpu/cpu_info.h"
#include "cpu/desc.h"
#include "cpu/mce.h"
#include "cpu/smp.h"
#include "debug/assert.h"
#include "hooks.h"
#include "mem/boot_alloc.h"
#include "mem/map.h"
#include "sched/sched.h"

/* --- processors: online at the second startup message, the scheduler's some milliseconds later ---
 */

#define NEVER ~0u

static unsigned late_ms[NR_CPUS]; /* by APIC id; NEVER */
static unsigned nr_startups[256], nr_inits[256];
static unsigned waited_ms;
static bool dead[256], trampoline_there;
static uint64_t now;
static jmp_buf stopped;
static char said[500];
static uint8_t stacks[4][STACK_SIZE];
static unsigned nr_stacks;

struct cpu_info host_cpu_info;
struct acpi_info acpi_info;
uint32_t tsc_khz = 1000;
uint32_t cpu_apic_id[NR_CPUS];
cpumask_t cpu_online_map, sched_online;
unsigned int nr_cpus;

uint64_t fake_rdmsr(uint32_t msr)
{
    return 0;
}

void fake_wrmsr(uint32_t msr, uint64_t v)
{
}

uint64_t fake_rdtsc(void)
{
    return now += 50; /* microseconds, at this frequency */
}

void apic_send_init(uint32_t apic_id)
{
    nr_inits[apic_id]++;
}

void apic_send_startup(uint32_t apic_id, uint8_t page)
{
    assert_true(trampoline_there && page == 0x9e && nr_inits[apic_id] == 1);
    if (++nr_startups[apic_id] == 2 && !dead[apic_id])
        cpu_online_map |= cpumask_of(nr_cpus);
}

bool apic_id_usable(uint32_t apic_id)
{
    return apic_id < 255;
}

void delay_us(uint32_t us)
{
    now += us;
    waited_ms += us / 1000;
    for (unsigned cpu = 0; cpu < NR_CPUS; cpu++)
        if (cpumask_test(cpu_online_map, cpu) && late_ms[cpu] <= waited_ms)
            sched_online |= cpumask_of(cpu);
}

/* --- what start_cpus.c calls besides ------------------------------------------------------------
 */

mfn_t boot_alloc_low_page(void)
{
    return MFN(0x9e);
}

void ap_trampoline_install(mfn_t page)
{
    trampoline_there = true;
}

void ap_trampoline_set(uint64_t stack, void (*entry)(void))
{
    assert_non_null(entry);
}

void ap_trampoline_remove(void)
{
    trampoline_there = false;
}

uint64_t map_cpu_stack(unsigned int cpu)
{
    return (uint64_t)stacks[nr_stacks++ % 4];
}

void printk(const char *fmt, ...)
{
    size_t n = strlen(said);
    va_list args;

    va_start(args, fmt);
    vsnprintf(said + n, sizeof(said) - n, fmt, args);
    va_end(args);
}

__noreturn void panic(const char *fmt, ...)
{
    longjmp(stopped, 1);
}

/* The first C code of a processor, which never runs here. */
void map_load_root(void)
{
}

void cpu_init(void)
{
}

void desc_init_cpu(unsigned int cpu, uint64_t stack)
{
}

void syscall_init_cpu(unsigned int cpu)
{
}

void apic_init_cpu(void)
{
}

void mce_init_cpu(void)
{
}

__noreturn void cpu_idle_entry(void)
{
    abort();
}

/* --- the tests -----------------------------------------------------------------------------------
 */

/* A machine whose processors have the APIC ids 0, 2, 4, ... */
static int machine(void **state)
{
    memset(&acpi_info, 0, sizeof(acpi_info));
    acpi_info.nr_cpus = 4;
    for (unsigned i = 0; i < NR_CPUS; i++)
        acpi_info.cpu[i].apic_id = 2 * i;
    memset(late_ms, 0, sizeof(late_ms));
    memset(nr_startups, 0, sizeof(nr_startups));
    memset(nr_inits, 0, sizeof(nr_inits));
    memset(dead, 0, sizeof(dead));
    cpu_online_map = sched_online = 1;
    nr_cpus = 1;
    waited_ms = 0;
    cpu_apic_id[0] = 0;
    said[0] = 0;
    return 0;
}

static void late_for_the_scheduler(void **state)
{
    late_ms[2] = 3000;
    start_cpus(64);
    assert_int_equal(nr_cpus, 4);
    assert_int_equal(cpu_online_map, 0xf);
    assert_int_equal(sched_online, 0xf);
    assert_in_range(waited_ms, 3000, 3100);
    assert_false(trampoline_there);
    for (unsigned cpu = 1; cpu < 4; cpu++)
        assert_int_equal(cpu_apic_id[cpu], 2 * cpu);
}

static void never_the_schedulers(void **state)
{
    late_ms[3] = NEVER;
    if (!setjmp(stopped)) {
        start_cpus(64);
        fail_msg("the boot goes on with a processor that nothing can be placed on");
    }
    assert_in_range(waited_ms, 10000, 10100);
}

/* It may still wake up late, so none is started after it on what could be its stack. */
static void one_that_does_not_start(void **state)
{
    dead[4] = true;
    start_cpus(64);
    assert_int_equal(nr_cpus, 2);
    assert_int_equal(sched_online, 3);
    assert_int_equal(nr_inits[4], 2);
    assert_int_equal(nr_startups[6], 0);
    assert_non_null(strstr(said, "APIC id 4 does not start"));
}

static void as_many_as_asked_for(void **state)
{
    start_cpus(1);
    assert_int_equal(cpu_online_map, 1);
    assert_int_equal(nr_inits[2], 0);
    start_cpus(3);
    assert_int_equal(cpu_online_map, 7);
    assert_int_equal(nr_startups[6], 0);
}

/* Not the one that runs this, and none whose id is too long to be sent to. */
static void whom_nothing_is_sent(void **state)
{
    acpi_info.cpu[1].apic_id = 0x102; /* cut to 8 bits, that of the next */
    acpi_info.cpu[2].apic_id = 2;
    start_cpus(64);
    assert_int_equal(cpu_online_map, 7);
    assert_int_equal(nr_inits[0], 0);
    assert_int_equal(nr_startups[0], 0);
    assert_int_equal(nr_startups[2], 2);
    assert_int_equal(cpu_apic_id[1], 2);
    assert_non_null(strstr(said, "1 CPUs are not used: their APIC ids"));
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup(fn, machine)
    const struct CMUnitTest tests[] = {
        T(late_for_the_scheduler), T(never_the_schedulers), T(one_that_does_not_start),
        T(as_many_as_asked_for),   T(whom_nothing_is_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
