/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Machine checks: what the processor's banks of error registers say, printed for a person.
 *
 * Errors that the hardware corrected are polled and logged.  The exception means that one was not
 * corrected: the machine stops with the report, since nothing here can tell whose data is lost.  No
 * bank is shown to any guest.
 */
#include "cpu/mce.h"
#include "console/log.h"
#include "cpu/clocksource.h"
#include "cpu/cpu_info.h"
#include "cpu/insn.h"
#include "debug/panic.h"
#include "lib/irqflags.h"

#define CPUID_MCE (1u << 7) /* leaf 1, EDX: the exception; and the banks */
#define CPUID_MCA (1u << 14)

#define MSR_MCG_CAP             0x179 /* bits 0 to 7: how many banks */
#define MSR_MCG_STATUS          0x17a
#define MSR_MCG_CTL             0x17b
#define MSR_MC0_CTL             0x400 /* then STATUS, ADDR, MISC; four registers per bank */
#define MCG_CTL_PRESENT         (1UL << 8)
#define MCG_STATUS_RIPV         (1UL << 0) /* the program could go on where it was */
#define MCG_STATUS_EIPV         (1UL << 1) /* and is what the error belongs to */
#define CORRECTED_COUNT(status) ((status) >> 38 & 0x7fff)

/* On a machine check of all CPUs, who has no bank with the error leaves it to the one that has. */
#define WAIT_FOR_CULPRIT_US 1000000

static unsigned int nr_banks(void)
{
    uint64_t cap;

    if ((cpuid(1, 0).edx & (CPUID_MCE | CPUID_MCA)) != (CPUID_MCE | CPUID_MCA))
        return 0;
    return rdmsr_safe(MSR_MCG_CAP, &cap) ? cap & 0xff : 0;
}

static void print_bank(unsigned int bank, uint64_t status, const char *when)
{
    uint64_t address = 0, misc = 0;

    printk(XENLOG_ERR "Machine check%s: CPU %u bank %u: %s %s, status %016lx%s%s\n", when,
           smp_cpu_id(), bank, status & MC_STATUS_UC ? "uncorrected" : "corrected",
           mce_kind((uint16_t)status), status,
           status & MC_STATUS_PCC ? ", processor state corrupt" : "",
           status & MC_STATUS_OVERFLOW ? ", earlier errors overwritten" : "");
    if (!(status & MC_STATUS_UC) && CORRECTED_COUNT(status))
        printk(XENLOG_ERR "   %lu times\n", CORRECTED_COUNT(status));
    if (status & MC_STATUS_ADDRV && rdmsr_safe(MSR_MC0_CTL + 4 * bank + 2, &address))
        printk(XENLOG_ERR "   address %016lx\n", address);
    if (status & MC_STATUS_MISCV && rdmsr_safe(MSR_MC0_CTL + 4 * bank + 3, &misc))
        printk(XENLOG_ERR "   misc %016lx\n", misc);
}

/* Prints the banks that hold an error, and clears them if asked to.  Whether one is uncorrected. */
static bool report_banks(const char *when, bool clear)
{
    unsigned int banks = nr_banks();
    bool uncorrected = false;
    uint64_t status;

    for (unsigned int bank = 0; bank < banks; bank++) {
        uint32_t msr = MSR_MC0_CTL + 4 * bank + 1;

        if (!rdmsr_safe(msr, &status) || !(status & MC_STATUS_VALID))
            continue;
        print_bank(bank, status, when);
        uncorrected |= !!(status & MC_STATUS_UC);
        if (clear && !wrmsr_safe(msr, 0))
            printk(XENLOG_ERR "   cannot be cleared\n");
    }
    return uncorrected;
}

void mce_init_cpu(void)
{
    unsigned int banks = nr_banks();
    uint64_t cap;

    report_banks(" before this start", true);
    if (!banks || !rdmsr_safe(MSR_MCG_CAP, &cap))
        return;
    if (cap & MCG_CTL_PRESENT && !wrmsr_safe(MSR_MCG_CTL, ~0UL))
        printk(XENLOG_WARNING "CPU %u: machine checks cannot be turned on\n", smp_cpu_id());
    /* A bank whose control register refuses is the firmware's: as it is. */
    for (unsigned int bank = 0; bank < banks; bank++)
        (void)!wrmsr_safe(MSR_MC0_CTL + 4 * bank, ~0UL);
}

void mce_poll(void)
{
    report_banks("", true);
}

void handle_machine_check(struct cpu_regs *regs)
{
    uint64_t global = 0;

    if (!report_banks("", false))
        delay_us(WAIT_FOR_CULPRIT_US); /* the CPU that knows more stops us meanwhile */
    if (!rdmsr_safe(MSR_MCG_STATUS, &global))
        global = 0;
    panic_regs(regs, "Machine check (MCG_STATUS %lx: what ran %s, and the error %s)", global,
               global & MCG_STATUS_RIPV ? "could go on" : "cannot go on",
               global & MCG_STATUS_EIPV ? "belongs to it" : "need not be its own");
}
