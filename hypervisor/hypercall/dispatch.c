/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dispatch of hypercalls by number, from the table in hypercalls.def.
 *
 * The path of a single call is short on purpose: bounds, count, call, store the result.  Whether
 * a caller may do what it asks is the handler's business, since for most calls it depends on the
 * sub-operation; a call that only the control domain may make at all refuses in its handler too, so
 * that the reason can be a sentence.
 */
#include "hypercall/dispatch.h"

#include "abi/errno.h"
#include "cpu/cpu_info.h"
#include "domain/continuation.h"
#include "hypercall/handlers.h"
#include "lib/types.h"

typedef long hypercall_fn(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

/* A handler with fewer or narrower arguments ignores what it does not name: the calling convention
 * passes all six in registers and leaves the upper parts undefined, which is the ABI's rule too. */
#define HYPERCALL(nr, name, nr_args, who, restart, doc)                                            \
    [nr] = (hypercall_fn *)(void *)do_##name,
static hypercall_fn *const handler[NR_HYPERCALLS] = {
#include "hypercall/hypercalls.def"
};
#undef HYPERCALL

#define HYPERCALL(nr, name, nr_args, who, restart, doc) [nr] = #name,
static const char *const name_of[NR_HYPERCALLS] = {
#include "hypercall/hypercalls.def"
};
#undef HYPERCALL

/* Each CPU counts in lines of its own; readers add up and may be a few calls behind. */
static struct {
    uint64_t calls[NR_HYPERCALLS];
} __attribute__((aligned(64))) counts[NR_CPUS];

long hypercall_run(uint64_t nr, const uint64_t a[6])
{
    if (nr >= NR_HYPERCALLS || !handler[nr])
        return -ENOSYS;
    counts[smp_cpu_id()].calls[nr]++;
    return handler[nr](a[0], a[1], a[2], a[3], a[4], a[5]);
}

void hypercall_dispatch(struct cpu_regs *regs)
{
    uint64_t nr = regs->rax;
    long ret;

    if (nr >= NR_HYPERCALLS || !handler[nr]) {
        regs->rax = -ENOSYS;
        return;
    }
    counts[smp_cpu_id()].calls[nr]++;
    ret = handler[nr](regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9);
    if (continuation_taken()) /* rax holds the number again; nothing to store */
        return;
    regs->rax = ret;
}

const char *hypercall_name(unsigned nr)
{
    return nr < NR_HYPERCALLS && name_of[nr] ? name_of[nr] : "?";
}

uint64_t hypercall_count(unsigned nr)
{
    uint64_t sum = 0;

    for (unsigned cpu = 0; nr < NR_HYPERCALLS && cpu < NR_CPUS; cpu++)
        sum += counts[cpu].calls[nr];
    return sum;
}
