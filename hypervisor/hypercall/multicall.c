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
    struct multicall_entry call __uninitialized; /* read whole, or not used */
    uint64_t i, va = calls;
    uint32_t nr = nr_calls;
    long rc = 0;

    if (hypercall_in_multicall())
        return guest_error(-EINVAL, "multicall inside a multicall");
    if (!guest_array_okay(calls, nr, sizeof(struct multicall_entry)))
        return guest_error(-EFAULT, "multicall list is not in guest memory");

    continuation_in_multicall(&call);
    for (i = 0; i < nr; i++, va += sizeof call) {
        if (i && hypercall_preempt_check())
            break;
        if (read_guest_words_okay(&call, va, sizeof call / 8)) {
            rc = guest_error(-EFAULT, "multicall entry cannot be read");
            break;
        }
        call.result = hypercall_run(call.op, call.args);
        if (!current->in_kernel) {  /* iret left the tables that map the list; */
            rc = (long)call.result; /* rax is the program's */
            break;
        }
        if (unlikely(continuation_taken())) {
            /* The entry goes back with its rewritten arguments and is run again. */
            if (copy_to_guest(va, &call, sizeof call))
                rc = guest_error(-EFAULT, "multicall entry cannot be written");
            break;
        }
        if (write_guest_words(va + offsetof(struct multicall_entry, result), &call.result, 1)) {
            rc = guest_error(-EFAULT, "multicall result cannot be written");
            break;
        }
    }
    continuation_in_multicall(NULL);
    if (rc || i == nr || !current->in_kernel)
        return rc;
    return HYPERCALL_CONTINUE(__HYPERVISOR_multicall, va, nr - i);
}
