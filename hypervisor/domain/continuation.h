/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a long hypercall stops and goes on.
 *
 * The handler has done a part, finds hypercall_preempt_check() true, and calls
 * hypercall_continue() with the arguments that describe the rest.  Outside a multicall the guest's
 * registers are rewritten and its RIP goes back over the two-byte SYSCALL, so that the call is made
 * again as soon as the guest runs; pending events and other vCPUs get their turn in between. Inside
 * a multicall the entry under way is rewritten instead, and the multicall itself continues at
 * that entry.  Nothing is remembered in the hypervisor, so a domain that dies in between leaves
 * nothing behind.
 */
#pragma once

#include "lib/types.h"

/*
 * Arranges for hypercall `op` to run again with the given arguments (count `nr`, at most 6).
 * Returns the value that the handler is to return at once.
 */
long hypercall_continue(unsigned op, unsigned nr, const uint64_t *args);

#define HYPERCALL_CONTINUE(op, ...)                                                                \
    hypercall_continue(op, sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t),             \
                       (const uint64_t[]){__VA_ARGS__})

/* For multicall: was the call that just returned continued?  Clears the mark. */
bool continuation_taken(void);

/* For multicall: entries run on this CPU from here on rewrite *entry (NULL: back to registers). */
struct multicall_entry;
void continuation_in_multicall(struct multicall_entry *entry);
bool hypercall_in_multicall(void);
