/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dispatch of hypercalls by number, from the table in hypercalls.def.
 *
 * The path of a single call is short on purpose, and in pv/entry.S: bounds, count, call, store the
 * result.  Whether a caller may do what it asks is the handler's business, since for most calls it
 * depends on the sub-operation; a call that only the control domain may make at all refuses in its
 * handler too, so that the reason can be a sentence.
 */
#include "hypercall/dispatch.h"

#include "abi/errno.h"
#include "cpu/cpu_info.h"
#include "hypercall/handlers.h"
#include "lib/types.h"

typedef long hypercall_fn(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

/* A handler with fewer or narrower arguments ignores what it does not name: the calling convention
 * passes all six in registers and leaves the upper parts undefined, which is the ABI's rule too. */
#define HYPERCALL(nr, name, nr_args, who, restart, doc) [nr] = (hypercall_fn *)(void *)do_##name,
extern hypercall_fn *const hypercall_handlers[NR_HYPERCALLS]; /* known to pv/entry.S */
hypercall_fn *const hypercall_handlers[NR_HYPERCALLS] = {
#include "hypercall/hypercalls.def"
};
#undef HYPERCALL

#define HYPERCALL(nr, name, nr_args, who, restart, doc) [nr] = #name,
static const char *const name_of[NR_HYPERCALLS] = {
#include "hypercall/hypercalls.def"
};
#undef HYPERCALL

/* Each CPU counts in lines of its own; readers add up and may be a few calls behind. */
uint64_t hypercall_counts[NR_CPUS][NR_HYPERCALLS] __attribute__((aligned(64)));

long hypercall_run(uint64_t nr, const uint64_t a[6])
{
    if (nr >= NR_HYPERCALLS || !hypercall_handlers[nr])
        return -ENOSYS;
    cpu_info()->calls[nr]++;
    return hypercall_handlers[nr](a[0], a[1], a[2], a[3], a[4], a[5]);
}

const char *hypercall_name(unsigned nr)
{
    return nr < NR_HYPERCALLS && name_of[nr] ? name_of[nr] : "?";
}

uint64_t hypercall_count(unsigned nr)
{
    uint64_t sum = 0;

    for (unsigned cpu = 0; nr < NR_HYPERCALLS && cpu < NR_CPUS; cpu++)
        sum += hypercall_counts[cpu][nr];
    return sum;
}
