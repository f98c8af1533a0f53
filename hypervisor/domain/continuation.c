/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Continuations of hypercalls: see continuation.h for the idea.
 *
 * The state is per physical CPU and lives only while one hypercall runs: a CPU leaves the
 * hypervisor only through the exit path, so no other vCPU can come in between.
 */
#include "domain/continuation.h"

#include "abi/xen.h"
#include "cpu/cpu_info.h"
#include "debug/assert.h"

/* The rest of the state is cpu_info.call_continued, which pv/entry_syscall.S looks at after each
 * call. */
static struct {
    struct multicall_entry *entry;
} __attribute__((aligned(64))) state[NR_CPUS];

long hypercall_continue(unsigned op, unsigned nr, const uint64_t *args)
{
    struct cpu_regs *regs = &cpu_info()->regs;
    unsigned cpu = smp_cpu_id();

    BUG_ON(nr > 6);
    cpu_info()->call_continued = true;
    if (state[cpu].entry) {
        for (unsigned i = 0; i < nr; i++)
            state[cpu].entry->args[i] = args[i];
        return 0;
    }
    uint64_t *const reg[6] = {&regs->rdi, &regs->rsi, &regs->rdx, &regs->r10, &regs->r8, &regs->r9};
    for (unsigned i = 0; i < nr; i++)
        *reg[i] = args[i];
    regs->rax = op;
    regs->rip -= 2; /* 0f 05: the SYSCALL that brought us here */
    return op;
}

bool continuation_taken(void)
{
    bool taken = cpu_info()->call_continued;

    cpu_info()->call_continued = false;
    return taken;
}

void continuation_in_multicall(struct multicall_entry *entry)
{
    state[smp_cpu_id()].entry = entry;
}

bool hypercall_in_multicall(void)
{
    return state[smp_cpu_id()].entry != NULL;
}
