/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Faults taken by the hypervisor.  Four are expected: an instruction that touches guest memory or a
 * guest-named MSR and has an entry in the exception table; an NMI; a debug trap that a guest
 * carried in by a breakpoint on the stack it loaded (MOV SS holds the trap back until after the
 * entry instruction); and whatever UEFI firmware does wrong while it is called.  Everything else
 * means that the hypervisor is wrong, and stops the machine.
 */
#include "cpu/fault.h"
#include "console/log.h"
#include "cpu/ex_table.h"
#include "cpu/insn.h"
#include "cpu/mce.h"
#include "cpu/nmi.h"
#include "debug/panic.h"
#include "hooks.h"

extern const struct ex_entry ex_table_start[], ex_table_end[];

const char *const trap_names[32] = {"divide error",
                                    "debug",
                                    "NMI",
                                    "breakpoint",
                                    "overflow",
                                    "bound range",
                                    "invalid opcode",
                                    "device not available",
                                    "double fault",
                                    "coprocessor overrun",
                                    "invalid TSS",
                                    "segment not present",
                                    "stack fault",
                                    "general protection",
                                    "page fault",
                                    "reserved 15",
                                    "x87 error",
                                    "alignment check",
                                    "machine check",
                                    "SIMD error",
                                    "virtualization",
                                    "control protection"};

/* If the instruction at regs->rip is in the exception table, makes regs->rip its fixup and returns
 * true. */
static bool fault_fixup(struct cpu_regs *regs)
{
    for (const struct ex_entry *e = ex_table_start; (uint64_t)e < (uint64_t)ex_table_end; e++) {
        if ((uint64_t)&e->from + (uint64_t)(int64_t)e->from == regs->rip) {
            regs->rip = (uint64_t)&e->to + (uint64_t)(int64_t)e->to;
            return true;
        }
    }
    return false;
}

static __noreturn void fatal_trap(const struct cpu_regs *regs)
{
    uint32_t vector = regs->entry_vector;

    if (vector == TRAP_PF)
        panic_regs(regs, "Page fault in the hypervisor at %016lx (error code %x)", read_cr2(),
                   regs->error_code);
    panic_regs(regs, "%s in the hypervisor (error code %x)",
               vector < 32 && trap_names[vector] ? trap_names[vector] : "unknown trap",
               regs->error_code);
}

void trap_from_hypervisor(struct cpu_regs *regs)
{
    if (regs->entry_vector == TRAP_DB) {
        /* Not ours: we set no breakpoints.  RF lets a code breakpoint's instruction run. */
        write_dr6(0xffff0ff0);
        regs->rflags = (regs->rflags & ~RFLAGS_TF) | RFLAGS_RF;
        return;
    }
    if (!fault_fixup(regs) && !efi_fault(regs))
        fatal_trap(regs);
}

void trap_on_ist(struct cpu_regs *regs)
{
    switch (regs->entry_vector) {
    case TRAP_NMI: handle_nmi(regs); return;
    case TRAP_MC: handle_machine_check(regs); return;
    default: fatal_trap(regs); /* a double fault's state is not to be trusted: no fixup */
    }
}
