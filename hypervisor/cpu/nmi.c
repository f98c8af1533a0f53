/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a non-maskable interrupt means: that another CPU ends the machine, that the watchdog ticks
 * or has found us hanging, or that the board reports something (a bus or memory error, a button).
 *
 * It may hit between any two instructions, with any lock held by the very code it interrupts: so
 * nothing here waits for a lock, and what takes one is left to a softirq.  A second NMI is held
 * back by the processor until the IRET of the first.
 */
#include "cpu/nmi.h"
#include "abi/nmi.h"
#include "console/log.h"
#include "cpu/insn.h"
#include "cpu/machine.h"
#include "cpu/smp.h"
#include "cpu/watchdog.h"
#include "debug/locks.h"
#include "debug/panic.h"
#include "hooks.h"

/* The PC's system control port B: bits 7 and 6 say why, 2 and 3 switch the source off. */
#define CONTROL_PORT  0x61
#define PORT_SERR     0x80
#define PORT_IOCHK    0x40
#define PORT_WRITABLE 0x0f
#define SERR_OFF      0x04
#define IOCHK_OFF     0x08

static enum nmi_policy policy;

void nmi_set_policy(enum nmi_policy p)
{
    policy = p;
}

/* A source that has spoken stays off: nobody repairs it, and it would not stop. */
static uint64_t read_reason(void)
{
    uint8_t port = inb(CONTROL_PORT);
    uint64_t reason = 0;

    if (port & PORT_SERR)
        reason |= XEN_NMIREASON_pci_serr;
    if (port & PORT_IOCHK)
        reason |= XEN_NMIREASON_io_error;
    if (reason)
        outb((uint8_t)((port & PORT_WRITABLE) | (port & PORT_SERR ? SERR_OFF : 0) |
                       (port & PORT_IOCHK ? IOCHK_OFF : 0)),
             CONTROL_PORT);
    return reason;
}

static const char *reason_name(uint64_t reason)
{
    if (reason & XEN_NMIREASON_pci_serr)
        return "PCI system error";
    return reason & XEN_NMIREASON_io_error ? "I/O check error" : "no reason given";
}

static void nmi_from_board(const struct cpu_regs *regs, uint64_t reason)
{
    static struct rate_limit rate;

    if (policy == NMI_FATAL)
        panic_regs(regs, "NMI: %s", reason_name(reason));
    if (rate_limit_ok(&rate, 1000, 1))
        printk(XENLOG_WARNING "NMI: %s, %s\n", reason_name(reason),
               policy == NMI_IGNORE ? "ignored" : "passed to dom0");
    if (policy == NMI_TO_DOM0)
        nmi_upcall(reason ? reason : XEN_NMIREASON_unknown);
}

void handle_nmi(struct cpu_regs *regs)
{
    bool expected;
    uint64_t reason;

    if (machine_ended_by_other()) {
        locks_note_stopped(regs);
        smp_stop_self();
    }
    if (machine_is_ending())
        return; /* this CPU has that to do */
    expected = watchdog_nmi(regs);
    reason = smp_cpu_id() == 0 ? read_reason() : 0;
    if (!expected || reason)
        nmi_from_board(regs, reason);
}
