/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Non-maskable interrupts: see nmi.c.
 */
#pragma once

#include "cpu/frame.h"
#include "lib/types.h"

/* Boot option nmi=: what happens to an NMI that comes from the board. */
enum nmi_policy { NMI_TO_DOM0, NMI_IGNORE, NMI_FATAL };
void nmi_set_policy(enum nmi_policy policy);

/* An NMI from anywhere, hypervisor or guest, on the stack of its own. */
void handle_nmi(struct cpu_regs *regs);
