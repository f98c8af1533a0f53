/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The end of the machine: one CPU takes it over, stops the others, and restarts by the way that was
 * asked for and then by every other one, or halts.
 *
 * It is called in a panic, so it takes no lock but the log's, which a panic ignores, and allocates
 * nothing.  Two CPUs that end the machine at once must not stop each other: the first one wins.
 */
#include "cpu/machine.h"
#include "console/log.h"
#include "cpu/acpi.h"
#include "cpu/clocksource.h"
#include "cpu/cpu_info.h"
#include "cpu/ex_table.h"
#include "cpu/insn.h"
#include "cpu/smp.h"
#include "cpu/watchdog.h"
#include "hooks.h"
#include "lib/address.h"
#include "lib/atomic.h"
#include "lib/irqflags.h"

/* The PC's: keyboard controller's reset pulse, and the chipset's reset control register. */
#define KBC_COMMAND   0x64
#define KBC_RESET     0xfe
#define RESET_CONTROL 0xcf9
#define RESET_PREPARE 0x02 /* a hard reset, when bit 2 then rises */
#define RESET_HARD    0x06
#define RESET_POWER   0x0e /* the same with the power taken away for a moment */
#define SETTLE_US     50000

/* The BIOS data area's word that says whether the memory test is to be skipped. */
#define BDA_RESET_FLAG 0x472
#define RESET_WARM     0x1234

#define CRASH_DELAY_US 5000000 /* Xen's: time to read what was printed */
#define NOBODY         (-1)

static enum reboot_way first_way;
static bool warm_restart, stop_after_crash;
static int ending_cpu = NOBODY;
static cpumask_t unstopped;

void machine_set_policy(enum reboot_way way, bool warm, bool stop)
{
    first_way = way;
    warm_restart = warm;
    stop_after_crash = stop || way == REBOOT_NO;
}

bool machine_is_ending(void)
{
    return load_once(&ending_cpu) != NOBODY;
}

bool machine_ended_by_other(void)
{
    int cpu = load_once(&ending_cpu);

    return cpu != NOBODY && cpu != (int)smp_cpu_id();
}

cpumask_t machine_take_over(void)
{
    int found = NOBODY;

    local_irq_disable();
    if (atomic_cmpxchg(&ending_cpu, &found, (int)smp_cpu_id())) {
        watchdog_stop();
        unstopped = smp_stop_others();
        log_panic_mode(); /* one of them may have had the log's lock */
    } else if (found != (int)smp_cpu_id()) {
        smp_stop_self();
    }
    return unstopped;
}

static void triple_fault(void)
{
    struct table_register no_idt = {0, 0};

    /* A fault without a handler for it or for the double fault resets the processor. */
    lidt(&no_idt);
    __asm__ volatile("int3");
}

static void pulse_keyboard_controller(void)
{
    outb(KBC_RESET, KBC_COMMAND);
}

static void reset_by_chipset(void)
{
    outb(RESET_PREPARE, RESET_CONTROL);
    outb(RESET_HARD, RESET_CONTROL);
}

static void cycle_power(void)
{
    outb(RESET_PREPARE, RESET_CONTROL);
    outb(RESET_POWER, RESET_CONTROL);
}

static void reset_by_efi(void)
{
    efi_reset(warm_restart ? EFI_RESET_WARM : EFI_RESET_COLD);
}

/* The politest first; the last one does not come back. */
static const struct {
    enum reboot_way way;
    const char *name;
    void (*reset)(void);
} ways[] = {
    {REBOOT_EFI, "EFI", reset_by_efi},
    {REBOOT_ACPI, "ACPI", acpi_reset},
    {REBOOT_KEYBOARD, "the keyboard controller", pulse_keyboard_controller},
    {REBOOT_PCI, "the chipset", reset_by_chipset},
    {REBOOT_POWER, "a power cycle", cycle_power},
    {REBOOT_TRIPLE, "a triple fault", triple_fault},
};

static void try_reset(unsigned int i)
{
    if ((ways[i].way == REBOOT_EFI && !efi_can_reset()) ||
        (ways[i].way == REBOOT_ACPI && !acpi_can_reset())) {
        if (ways[i].way == first_way)
            printk("This machine cannot be reset by %s\n", ways[i].name);
        return;
    }
    printk("Resetting by %s\n", ways[i].name);
    ways[i].reset();
    delay_us(SETTLE_US);
}

/* With UEFI there may be no memory at this place; it is no loss then. */
static void set_warm_flag(void)
{
    uint16_t flag = warm_restart ? RESET_WARM : 0;

    __asm__ volatile("1: movw %0, (%1)\n"
                     "2:\n" EX_TABLE("1b", "2b")
                     :
                     : "r"(flag), "r"(paddr_to_virt(BDA_RESET_FLAG))
                     : "memory");
}

__noreturn void machine_reboot(void)
{
    machine_take_over();
    set_warm_flag();
    for (unsigned int i = 0; i < ARRAY_SIZE(ways); i++) {
        if (ways[i].way == first_way)
            try_reset(i);
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(ways); i++)
        try_reset(i);
    machine_halt();
}

__noreturn void machine_halt(void)
{
    machine_take_over();
    for (;;)
        hlt();
}

/*
 * The sleep type that S5 needs is in dom0's hands (AML): it powers off by XENPF_enter_acpi_sleep.
 * Whoever comes here has not, or it did nothing.
 */
__noreturn void machine_power_off(void)
{
    machine_take_over();
    efi_reset(EFI_RESET_SHUTDOWN);
    printk("Powered down as far as the hypervisor can: the machine may be switched off.\n");
    machine_halt();
}

__noreturn void machine_end_after_crash(void)
{
    machine_take_over();
    if (stop_after_crash) {
        printk(XENLOG_ERR "Stopped, not restarting: 'noreboot' or 'reboot=no' was given. "
                          "Reset the machine by hand.\n");
        machine_halt();
    }
    printk(XENLOG_ERR "Restarting in five seconds...\n");
    delay_us(CRASH_DELAY_US);
    machine_reboot();
}
