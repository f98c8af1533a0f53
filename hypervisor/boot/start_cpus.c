/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Starting the other processors, one after the other, each from the trampoline of ap.S to its idle
 * vCPU.
 */
#include "boot/start_cpus.h"
#include "boot/ap.h"
#include "console/log.h"
#include "cpu/acpi.h"
#include "cpu/apic.h"
#include "cpu/clocksource.h"
#include "cpu/cpu.h"
#include "cpu/cpu_info.h"
#include "cpu/desc.h"
#include "cpu/insn.h"
#include "cpu/mce.h"
#include "cpu/smp.h"
#include "debug/assert.h"
#include "hooks.h"
#include "lib/atomic.h"
#include "mem/boot_alloc.h"
#include "mem/map.h"
#include "sched/sched.h"

/* Intel SDM volume 3, 8.4.4.1: INIT, 10 ms, startup, 200 us, startup. */
#define INIT_WAIT_US    10000
#define STARTUP_WAIT_US 200
#define ALIVE_WAIT_MS   1000
#define READY_WAIT_MS   10000 /* an emulator on a busy host takes its time */

/* Where a new CPU's C code begins: on its own stack, interrupts off, on the boot's tables. */
static void ap_main(void)
{
    unsigned int cpu = smp_cpu_id();

    map_load_root();
    cpu_init();
    desc_init_cpu(cpu, HV_STACKS_BASE + (uint64_t)cpu * STACK_STRIDE);
    syscall_init_cpu(cpu);
    apic_init_cpu();
    mce_init_cpu();
    atomic_get_or(&cpu_online_map, cpumask_of(cpu));
    cpu_idle_entry();
}

static struct cpu_info *stack_cpu_info(uint64_t stack)
{
    return (struct cpu_info *)(stack + STACK_SIZE - CPU_INFO_SIZE);
}

static bool __boot_text wait_until_online(unsigned int cpu, unsigned int us)
{
    uint64_t start = rdtsc();

    while (!cpumask_test(load_once(&cpu_online_map), cpu)) {
        if (rdtsc() - start > (uint64_t)us * tsc_khz / 1000)
            return false;
        cpu_relax();
    }
    return true;
}

static bool __boot_text start_cpu(unsigned int cpu, uint32_t apic_id, mfn_t trampoline)
{
    uint64_t stack = map_cpu_stack(cpu);

    if (!stack)
        panic("Out of memory for the stack of CPU %u", cpu);
    cpu_apic_id[cpu] = apic_id;
    stack_cpu_info(stack)->cpu = cpu;
    ap_trampoline_set((uint64_t)stack_cpu_info(stack), ap_main);
    for (int i = 0; i < 2; i++) {
        apic_send_startup(apic_id, (uint8_t)trampoline.n);
        if (wait_until_online(cpu, STARTUP_WAIT_US))
            return true;
    }
    return wait_until_online(cpu, ALIVE_WAIT_MS * 1000);
}

/* Only these are sent anything: a longer id, cut to 8 bits, would be somebody else's. */
static bool __boot_text may_start(const struct acpi_cpu *c)
{
    return c->apic_id != cpu_apic_id[0] && apic_id_usable(c->apic_id);
}

static void __boot_text say_what_is_not_used(void)
{
    unsigned int too_long = 0;

    for (unsigned int i = 0; i < acpi_info.nr_cpus; i++)
        too_long += !apic_id_usable(acpi_info.cpu[i].apic_id);
    if (too_long)
        printk(XENLOG_WARNING "%u CPUs are not used: their APIC ids are above 254, where no device "
                              "interrupt reaches without remapping\n",
               too_long);
    if (acpi_info.nr_cpus_ignored)
        printk(XENLOG_WARNING "%u CPUs are not used: there are more than %u\n",
               acpi_info.nr_cpus_ignored, NR_CPUS);
}

/*
 * A processor is online, so that it can be called, a while before it is the scheduler's.  dom0's
 * vCPUs are counted and placed by the latter: one that was late, since it has to set up its clock
 * and its idle vCPU first, would be left out of all that.
 */
static void __boot_text wait_for_schedulers(void)
{
    for (unsigned int ms = 0; load_once(&sched_online) != cpu_online_map; ms++) {
        if (ms == READY_WAIT_MS)
            panic("CPUs %#lx do not reach their idle loop",
                  cpu_online_map & ~load_once(&sched_online));
        delay_us(1000);
    }
}

void __boot_text start_cpus(unsigned int max)
{
    mfn_t trampoline = boot_alloc_low_page();

    say_what_is_not_used();
    if (max <= 1 || acpi_info.nr_cpus <= 1)
        return;
    if (!mfn_valid_number(trampoline)) {
        printk(XENLOG_WARNING "No memory below 640 KiB: other processors stay off\n");
        return;
    }
    ap_trampoline_install(trampoline);
    for (unsigned int i = 0; i < acpi_info.nr_cpus; i++) {
        if (may_start(&acpi_info.cpu[i]))
            apic_send_init(acpi_info.cpu[i].apic_id);
    }
    delay_us(INIT_WAIT_US);
    for (unsigned int i = 0; i < acpi_info.nr_cpus && nr_cpus < min(max, (unsigned int)NR_CPUS);
         i++) {
        const struct acpi_cpu *c = &acpi_info.cpu[i];

        if (!may_start(c))
            continue;
        if (start_cpu(nr_cpus, c->apic_id, trampoline)) {
            nr_cpus++;
        } else {
            /* It may still wake up late, on a stack that must then be nobody else's. */
            printk(XENLOG_ERR "The processor with APIC id %u does not start\n", c->apic_id);
            apic_send_init(c->apic_id);
            break;
        }
    }
    ap_trampoline_remove();
    wait_for_schedulers();
    printk(XENLOG_INFO "%u CPUs online\n", nr_cpus);
}
