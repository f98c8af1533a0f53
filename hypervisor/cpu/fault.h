/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Traps taken while the hypervisor itself was running: see fault.c.
 */
#pragma once

#include "cpu/frame.h"
#include "lib/types.h"

/*
 * An exception (vector < 32) with CPL 0 in the frame: NMIs and debug traps are handled, a faulting
 * instruction with a fixup goes on there, anything else stops the machine.
 */
void trap_from_hypervisor(struct cpu_regs *regs);

/* #DF, NMI or #MC, on their own stacks, whoever was running. */
void trap_on_ist(struct cpu_regs *regs);

extern const char *const trap_names[32];
