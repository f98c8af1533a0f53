/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dispatch of hypercalls by number, from the table in hypercalls.def.
 *
 * The path of a single call is short on purpose, and in pv/entry_syscall.S: bounds, count, call,
 * store the result.  Whether a caller may do what it asks is the handler's business, since for most
 * calls it depends on the sub-operation; a call that only the control domain may make at all
 * refuses in its handler too, so that the reason can be a sentence.
 *
 * Observing calls (observe.c) costs nothing while nobody does: entry_syscall.S finds the handlers
 * through hypercall_table, which then leads to the other table.
 */
#include "hypercall/dispatch.h"

#include "abi/errno.h"
#include "cpu/cpu_info.h"
#include "debug/assert.h"
#include "hypercall/handlers.h"
#include "hypercall/observe.h"
#include "lib/atomic.h"
#include "lib/types.h"

/* A handler with fewer or narrower arguments ignores what it does not name: the calling convention
 * passes all six in registers and leaves the upper parts undefined, which is the ABI's rule too. */
#define HYPERCALL(nr, name, nr_args, who, restart, args, doc)                                      \
    [nr] = (hypercall_fn *)(void *)do_##name,
static hypercall_fn *const handlers[NR_HYPERCALLS] = {
#include "hypercall/hypercalls.def"
};
#undef HYPERCALL

#define HYPERCALL(nr, name, nr_args, who, restart, args, doc) [nr] = hypercall_observed,
static hypercall_fn *const observed[NR_HYPERCALLS] = {
#include "hypercall/hypercalls.def"
};
#undef HYPERCALL

extern hypercall_fn *const *hypercall_table; /* known to pv/entry_syscall.S */
hypercall_fn *const *hypercall_table __read_mostly = handlers;

/* Each CPU counts in lines of its own; readers add up and may be a few calls behind. */
uint64_t hypercall_counts[NR_CPUS][NR_HYPERCALLS] __attribute__((aligned(64)));

long hypercall_unknown(void); /* for pv/entry_syscall.S */
long hypercall_unknown(void)
{
    return guest_error(-ENOSYS, "no such hypercall");
}

long hypercall_run(uint64_t nr, const uint64_t a[6])
{
    if (nr >= NR_HYPERCALLS || !handlers[nr])
        return hypercall_unknown();
    cpu_info()->calls[nr]++;
    if (unlikely(hypercall_table != handlers))
        return hypercall_observe(nr, a);
    return handlers[nr](a[0], a[1], a[2], a[3], a[4], a[5]);
}

long hypercall_call_handler(uint64_t nr, const uint64_t a[6])
{
    return handlers[nr](a[0], a[1], a[2], a[3], a[4], a[5]);
}

void hypercall_set_observed(bool on)
{
    store_once(&hypercall_table, on ? observed : handlers);
}
