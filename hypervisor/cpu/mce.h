/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Machine checks: see mce.c.  Layouts: Intel SDM volume 3, chapter 16.
 */
#pragma once

#include "cpu/frame.h"
#include "lib/types.h"

#define MC_STATUS_VALID    (1UL << 63)
#define MC_STATUS_OVERFLOW (1UL << 62)
#define MC_STATUS_UC       (1UL << 61) /* not corrected by the hardware */
#define MC_STATUS_MISCV    (1UL << 59)
#define MC_STATUS_ADDRV    (1UL << 58)
#define MC_STATUS_PCC      (1UL << 57) /* the processor's state cannot be trusted */

/* What kind of error the architectural code in the low 16 bits of a bank's status names.  Pure. */
const char *mce_kind(uint16_t code);

/* Each CPU, once it can print: reports what is left from before the start, and turns reports on. */
void mce_init_cpu(void);

/* The calling CPU's corrected errors: reports and clears them.  Raises no exception, so asked for
 * now and then. */
void mce_poll(void);

/* The exception, from anywhere.  Stops the machine with the banks' contents. */
void handle_machine_check(struct cpu_regs *regs);
