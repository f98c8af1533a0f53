/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The end of the world, and the pieces of it that are useful before: see panic.c.
 */
#pragma once

#include "cpu/frame.h"
#include "debug/assert.h"

/* As panic(), with the registers of the trap that ends it all. */
__noreturn void panic_regs(const struct cpu_regs *regs, const char *fmt, ...) __printf(2, 3);

/*
 * Something an upper layer can say about the moment: who was running, the last trace records.
 * Called in order of registration with interrupts off and other CPUs stopped; must not take locks.
 */
void panic_add_report(const char *title, void (*report)(void));

void show_registers(const struct cpu_regs *regs);
/* The call chain that a stack from `rsp` on shows.  `rip` is printed first unless 0. */
void show_backtrace(uint64_t rip, uint64_t rsp);
