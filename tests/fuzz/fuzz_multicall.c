/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Multicall and continuations: a batch of calls, some of which stop in the middle, rewrite entries
 * that are still to come, nest, or leave for user mode, is carried out like a simple list: each
 * entry once to its end, in order, with the result where it belongs; a batch that was stopped goes
 * on where it was; after the entry that went to user mode nothing runs.
 */
// SHORT: 100000
// SOURCES: hypervisor/hypercall/multicall.c hypervisor/domain/continuation.c
#define copy_from_guest         fake_copy_from_guest
#define copy_to_guest           fake_copy_to_guest
#define hypercall_continue      fake_hypercall_continue
#define hypercall_preempt_check fake_preempt_check
#include "fake_guest.h"
#undef copy_from_guest
#undef copy_to_guest
#undef hypercall_continue
#undef hypercall_preempt_check

long hypercall_continue(unsigned op, unsigned nr, const uint64_t *args);

#include "abi/xen.h"
#include "fuzz.h"
#include "hypercall/dispatch.h"
#include "hypercall/handlers.h"

#define MAX_CALLS 24
#define LIST_AT   0x10000000UL /* where the guest has the list */

enum { OP_RETURN, OP_TWO_PARTS, OP_REWRITE, OP_NEST, OP_USER, OP_KINDS };

static struct multicall_entry list[MAX_CALLS]; /* the guest's memory */
static long result[MAX_CALLS];                 /* of the calls that came to their end */
static unsigned nr_done, unreadable;           /* entries from `unreadable` on fault */
static uint32_t stops;                         /* bit n: the nth look at pending work finds some */
static unsigned looks;

static uint8_t *guest_bytes(uint64_t gva, size_t n)
{
    uint64_t offset = gva - LIST_AT;

    return gva >= LIST_AT && offset + n <= unreadable * sizeof(list[0]) ? (uint8_t *)list + offset
                                                                        : NULL;
}

int copy_from_guest(void *dst, uint64_t gva, size_t n)
{
    const void *from = guest_bytes(gva, n);

    return from ? (memcpy(dst, from, n), 0) : -EFAULT;
}

int copy_to_guest(uint64_t gva, const void *src, size_t n)
{
    void *to = guest_bytes(gva, n);

    return to ? (memcpy(to, src, n), 0) : -EFAULT;
}

bool hypercall_preempt_check(void)
{
    return looks < 32 && stops >> looks++ & 1;
}

/* The calls of this world.  a[0] is the entry's number, a[1] an operand, a[2] the progress. */
long hypercall_run(uint64_t nr, const uint64_t a[6])
{
    switch (nr % OP_KINDS) {
    case OP_TWO_PARTS:
        if (a[2] == 0)
            return HYPERCALL_CONTINUE((unsigned)nr, a[0], a[1], 1);
        break;
    case OP_REWRITE: /* another vCPU writes to the list: operands, and what is over */
        list[a[1] % MAX_CALLS].args[1]++;
        list[a[0]].args[0] = list[a[0]].args[1] = list[a[0]].op = ~0UL;
        break;
    case OP_NEST: assert_int_equal(do_multicall(LIST_AT, 1), -EINVAL); break;
    case OP_USER: current->in_kernel = false; break;
    default: break;
    }
    assert_int_equal(a[0], nr_done); /* in order, and only once */
    result[nr_done] = (long)(a[0] * 1000 + a[1]);
    return result[nr_done++];
}

/* As pv/entry_syscall.S has it: the call is made until it is not to be made again. */
static long guest_multicall(uint64_t nr)
{
    struct cpu_regs *r = &host_cpu_info.regs;
    unsigned calls = 0;
    long rc;

    *r = (struct cpu_regs){.rdi = LIST_AT, .rsi = nr};
    for (;;) {
        r->rip = 0x1002;
        rc = do_multicall(r->rdi, r->rsi);
        if (!continuation_taken())
            return rc;
        assert_int_equal(rc, __HYPERVISOR_multicall);
        assert_int_equal(r->rip, 0x1000);
        assert_true(r->rsi <= (uint32_t)nr && ++calls < 3 * MAX_CALLS + 32);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t odd[] = {0, ~0U, ~0UL, 1UL << 32, (1UL << 32) + 3, MAX_CALLS + 1};
    struct fuzz_input in = {data, size};
    unsigned limit, user = MAX_CALLS;
    uint64_t claimed;
    long rc;

    fake_domains_init();
    fake_run(1, 0);
    current->in_kernel = true;
    nr_done = looks = 0;
    stops = (uint32_t)fuzz_take(&in, 4);
    claimed = fuzz_take(&in, 1);
    claimed = claimed <= MAX_CALLS ? claimed : odd[claimed % ARRAY_SIZE(odd)];
    unreadable = (unsigned)fuzz_take(&in, 1);
    unreadable = unreadable < MAX_CALLS ? unreadable : MAX_CALLS;
    for (unsigned i = 0; i < MAX_CALLS; i++) {
        list[i] = (struct multicall_entry){.op = fuzz_take(&in, 1), .result = 0x5555};
        list[i].args[0] = i;
        list[i].args[1] = fuzz_take(&in, 1);
        if (list[i].op % OP_KINDS == OP_USER && user == MAX_CALLS)
            user = i;
    }
    rc = guest_multicall(claimed);

    limit = (uint32_t)claimed < MAX_CALLS ? (uint32_t)claimed : MAX_CALLS;
    if (user < limit && user < unreadable) {
        assert_int_equal(nr_done, user + 1);
        assert_int_equal(rc, result[user]);
    } else if ((uint32_t)claimed <= unreadable) {
        assert_int_equal(nr_done, (uint32_t)claimed);
        assert_int_equal(rc, 0);
    } else {
        assert_int_equal(nr_done, unreadable);
        assert_int_equal(rc, -EFAULT);
    }
    for (unsigned i = 0; i < nr_done && i != user; i++)
        assert_int_equal(list[i].result, result[i]);
    assert_false(hypercall_in_multicall());
    return 0;
}
