/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who waits for which lock, who has it, and (in the flavour `make DEBUG=1`) what every CPU holds.
 */
#pragma once

#include "cpu/frame.h"
#include "lib/types.h"

/* What a stopped CPU was doing, for the panic of another.  Context: its NMI. */
void locks_note_stopped(const struct cpu_regs *regs);

/* Registers the debug key and the panic's report.  Once. */
void locks_init(void);

#ifdef PAVIS_LOCK_CHECK

#define LOCKS_CHECKED true
/* Between these a CPU's locks are those of an interrupt's handler. */
uint32_t locks_enter_irq(void);
void locks_leave_irq(uint32_t outer);
/* Stops the machine if this CPU holds a lock.  Also called by pv/entry.S, before each guest runs.
 */
void locks_none_held(void);

#else

#define LOCKS_CHECKED false
static inline uint32_t locks_enter_irq(void)
{
    return 0;
}
static inline void locks_leave_irq(uint32_t outer)
{
}
static inline void locks_none_held(void)
{
}

#endif
