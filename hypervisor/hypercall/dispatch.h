/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hypercalls by number, for multicall and for those who count.  A single call finds its handler in
 * pv/entry.S, through the same table.
 */
#pragma once

#include "lib/types.h"

/* Runs one call by number with up to six arguments: -ENOSYS for an unknown number. */
long hypercall_run(uint64_t nr, const uint64_t args[6]);

/* Name of a hypercall number, or "?" */
const char *hypercall_name(unsigned nr);

/* Calls of number nr so far, summed over all CPUs. */
uint64_t hypercall_count(unsigned nr);
