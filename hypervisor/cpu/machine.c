/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Restarting the machine by every way it may have, the politest first.
 */
#include "cpu/machine.h"
#include "console/log.h"
#include "cpu/acpi.h"
#include "cpu/clocksource.h"
#include "cpu/insn.h"
#include "debug/panic.h"
#include "hooks.h"
#include "lib/irqflags.h"

/* The PC's: keyboard controller's reset pulse, and the chipset's reset control register. */
#define KBC_COMMAND   0x64
#define KBC_RESET     0xfe
#define RESET_CONTROL 0xcf9
#define RESET_FULL    0x0e
#define SETTLE_US     50000

__noreturn void machine_reboot(void)
{
    struct table_register no_idt = {0, 0};

    local_irq_disable();
    if (panic_stop_other_cpus && !panic_in_progress())
        panic_stop_other_cpus();
    efi_reset(false);
    acpi_reset();
    delay_us(SETTLE_US);
    outb(KBC_RESET, KBC_COMMAND);
    delay_us(SETTLE_US);
    outb(RESET_FULL, RESET_CONTROL);
    delay_us(SETTLE_US);
    /* A fault without a handler for it or for the double fault resets the processor. */
    lidt(&no_idt);
    __asm__ volatile("int3");
    machine_halt();
}

__noreturn void machine_halt(void)
{
    local_irq_disable();
    if (panic_stop_other_cpus && !panic_in_progress())
        panic_stop_other_cpus();
    for (;;)
        hlt();
}

/*
 * The sleep type that S5 needs is in dom0's hands (AML): it powers off by XENPF_enter_acpi_sleep.
 * Whoever comes here has not, or it did nothing.
 */
__noreturn void machine_power_off(void)
{
    local_irq_disable();
    if (panic_stop_other_cpus && !panic_in_progress())
        panic_stop_other_cpus();
    efi_reset(true);
    printk("Powered down as far as the hypervisor can: the machine may be switched off.\n");
    machine_halt();
}
