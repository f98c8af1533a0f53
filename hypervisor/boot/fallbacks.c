/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Weak stand-ins for the upward calls of hooks.h, so that the machine layers can be built and
 * booted alone.  A definition elsewhere replaces each; when all exist this file goes away.
 */
#include "hooks.h"
#include "cpu/fault.h"
#include "cpu/insn.h"
#include "cpu/irq.h"

__weak void tlb_flush_ipi(void)
{
    write_cr3(read_cr3());
}

__weak void event_check_ipi(void)
{
}

__weak void timer_interrupt(void)
{
}

__weak void describe_current(char *buf, size_t size)
{
    if (size)
        buf[0] = '\0';
}

__weak __noreturn void cpu_idle_entry(void)
{
    for (;;)
        sti_hlt();
}

__weak void guest_console_input(char c)
{
}

__weak bool nmi_upcall(const struct cpu_regs *regs)
{
    return false;
}

/* What fallback_stubs.S calls. */
void fallback_trap(struct cpu_regs *regs);

void fallback_trap(struct cpu_regs *regs)
{
    uint32_t vector = regs->entry_vector;

    if (vector >= 32)
        handle_irq(vector);
    else if (vector == TRAP_NMI || vector == TRAP_DF || vector == TRAP_MC)
        trap_on_ist(regs);
    else
        trap_from_hypervisor(regs);
}
