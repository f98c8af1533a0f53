/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Weak stand-ins for the upward calls of hooks.h, so that the machine layers can be built and
 * booted alone.  A definition elsewhere replaces each; when all exist this file goes away.
 */
#include "hooks.h"
#include "cpu/insn.h"

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
