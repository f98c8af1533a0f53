/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hypercalls by number, for multicall and for those who count.  A single call finds its handler in
 * pv/entry_syscall.S, through the same table.
 */
#pragma once

#include "lib/types.h"

/* Runs one call by number with up to six arguments: -ENOSYS for an unknown number. */
long hypercall_run(uint64_t nr, const uint64_t args[6]);

/* The same without counting, checking and observing: a number that the table has. */
long hypercall_call_handler(uint64_t nr, const uint64_t args[6]);

/* Lets all further calls go through hypercall_observed(), or directly to their handlers. */
void hypercall_set_observed(bool on);
