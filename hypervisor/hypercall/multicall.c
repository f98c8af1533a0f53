/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * multicall: a guest's batch of hypercalls.
 *
 * Each entry is copied in once, run, and its result copied back.  Three things end the batch
 * early: an entry that put the guest into user mode (the rest would run with a user's page tables:
 * XSA-213), an entry that was preempted, and pending work.  In the latter two the batch itself
 * continues at the first entry that is not done.
 */
#include "abi/errno.h"
#include "abi/xen.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "domain/continuation.h"
#include "hypercall/dispatch.h"
#include "hypercall/handlers.h"
#include "mem/guest_access.h"
#include "sched/softirq.h"

long do_multicall(uint64_t calls, uint64_t nr_calls)
{
    uint64_t i, va = calls;
    uint32_t nr = nr_calls;

    if (hypercall_in_multicall())
        return guest_error(-EINVAL, "multicall inside a multicall");
    if (!guest_array_okay(calls, nr, sizeof(struct multicall_entry)))
        return guest_error(-EFAULT, "multicall list is not in guest memory");

    for (i = 0; i < nr; i++, va += sizeof(struct multicall_entry)) {
        struct multicall_entry call;
        bool preempted;

        if (i && hypercall_preempt_check())
            break;
        if (copy_from_guest(&call, va, sizeof call))
            return guest_error(-EFAULT, "multicall entry cannot be read");

        continuation_in_multicall(&call);
        call.result = hypercall_run(call.op, call.args);
        continuation_in_multicall(NULL);
        preempted = continuation_taken();

        if (!current->in_kernel) /* iret left the tables that map the list; rax is the program's */
            return (long)call.result;
        if (preempted) {
            /* The entry goes back with its rewritten arguments and is run again. */
            if (copy_to_guest(va, &call, sizeof call))
                return guest_error(-EFAULT, "multicall entry cannot be written");
            break;
        }
        if (copy_to_guest(va + offsetof(struct multicall_entry, result), &call.result,
                          sizeof call.result))
            return guest_error(-EFAULT, "multicall result cannot be written");
    }
    if (i == nr)
        return 0;
    return HYPERCALL_CONTINUE(__HYPERVISOR_multicall, va, nr - i);
}
