/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The front door: what pv/entry.S calls for a SYSCALL from a guest kernel, and what multicall
 * calls for each of its entries.
 */
#pragma once

#include "cpu/frame.h"
#include "lib/types.h"

#define NR_HYPERCALLS 64 /* numbers the table has room for; the ABI ends at 55 */

/* Runs the hypercall that the frame names and stores its result, or a rewound call, in it. */
void hypercall_dispatch(struct cpu_regs *regs);

/* Runs one call by number with up to six arguments: -ENOSYS for an unknown number. */
long hypercall_run(uint64_t nr, const uint64_t args[6]);

/* Name of a hypercall number, or "?" */
const char *hypercall_name(unsigned nr);

/* Calls of number nr so far, summed over all CPUs. */
uint64_t hypercall_count(unsigned nr);
