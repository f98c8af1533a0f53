/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a CPU finds from its stack pointer alone.
 *
 * A CPU's stack is STACK_SIZE bytes, so aligned, and struct cpu_info is at its very top: rounding
 * RSP finds it on the ordinary stack and on the exceptions' own stacks alike.  The hypervisor does
 * not use GS for this: the guest's stays loaded.  The guest's registers come first, so that the
 * frame the processor pushes at TSS.RSP0 ends exactly at the end of `regs`.
 */
#pragma once

#include "cpu/frame.h"
#include "mem/layout.h"

/* Offsets from the start of struct cpu_info, for assembler. */
#define CPU_INFO_REGS        0x00
#define CPU_INFO_CURRENT     0xa8
#define CPU_INFO_CPU         0xb0
#define CPU_INFO_CONTINUED   0xb4
#define CPU_INFO_RESTRICTED  0xb5
#define CPU_INFO_SYSCALL_RSP 0xb8
#define CPU_INFO_CR4         0xc0
#define CPU_INFO_CR3         0xc8
#define CPU_INFO_SOFTIRQ     0xd0
#define CPU_INFO_CALLS       0xd8
#define CPU_INFO_KERNEL_CR3  0xe0
#define CPU_INFO_USER_ROOT   0xe8 /* root[0].cr3 */
#define CPU_INFO_USER_COPY   0xf0 /* root[0].generation */
#define CPU_INFO_KERNEL_ROOT 0xf8 /* root[1].cr3 */
#define CPU_INFO_KERNEL_COPY 0x100
#define CPU_INFO_SIZE        0x108
#define NR_HYPERCALLS        64 /* numbers the table has room for; the ABI ends at 55 */

#ifndef __ASSEMBLY__
#include "lib/types.h"

struct vcpu;

struct cpu_info {
    struct cpu_regs regs; /* the guest's, while one runs on this CPU */
    struct vcpu *current;
    uint32_t cpu;
    bool call_continued;  /* the hypercall under way is to be made again: domain/continuation.c */
    bool restricted;      /* the guest loaded here runs on the restricted roots below */
    uint64_t syscall_rsp; /* where a SYSCALL stub puts the guest's RSP */
    uint64_t cr4;         /* what CR4 holds, so that nobody reads it */
    uint64_t cr3;         /* the full root of the mode that the guest is in: safe to load at any
                           * time while `restricted` is set */
    uint64_t *softirq;    /* this CPU's word of pending softirqs */
    uint64_t *calls;      /* this CPU's counters of hypercalls, by number */

    /* pv/restricted.c: used while `restricted` is set */
    uint64_t kernel_cr3; /* the full root of the guest's kernel, which every SYSCALL goes to */
    struct restricted_root {
        uint64_t cr3;        /* this CPU's, for guest user mode [0] and guest kernel mode [1] */
        uint64_t generation; /* the owner's root_generation when it was copied; 0: of another L4 */
    } root[2];
};

/* Defined by hypercall/dispatch.c; a line of its own for each CPU. */
extern uint64_t hypercall_counts[NR_CPUS][NR_HYPERCALLS];

_Static_assert(offsetof(struct cpu_info, current) == CPU_INFO_CURRENT, "offset for assembler");
_Static_assert(offsetof(struct cpu_info, cpu) == CPU_INFO_CPU, "offset for assembler");
_Static_assert(offsetof(struct cpu_info, call_continued) == CPU_INFO_CONTINUED, "offset");
_Static_assert(offsetof(struct cpu_info, softirq) == CPU_INFO_SOFTIRQ, "offset for assembler");
_Static_assert(offsetof(struct cpu_info, calls) == CPU_INFO_CALLS, "offset for assembler");
_Static_assert(offsetof(struct cpu_info, syscall_rsp) == CPU_INFO_SYSCALL_RSP, "offset");
_Static_assert(offsetof(struct cpu_info, cr4) == CPU_INFO_CR4, "offset for assembler");
_Static_assert(offsetof(struct cpu_info, cr3) == CPU_INFO_CR3, "offset for assembler");
_Static_assert(offsetof(struct cpu_info, restricted) == CPU_INFO_RESTRICTED, "offset");
_Static_assert(offsetof(struct cpu_info, kernel_cr3) == CPU_INFO_KERNEL_CR3, "offset");
_Static_assert(offsetof(struct cpu_info, root[0].cr3) == CPU_INFO_USER_ROOT, "offset");
_Static_assert(offsetof(struct cpu_info, root[0].generation) == CPU_INFO_USER_COPY, "offset");
_Static_assert(offsetof(struct cpu_info, root[1].cr3) == CPU_INFO_KERNEL_ROOT, "offset");
_Static_assert(offsetof(struct cpu_info, root[1].generation) == CPU_INFO_KERNEL_COPY, "offset");
_Static_assert(sizeof(struct cpu_info) == CPU_INFO_SIZE, "size for assembler");
/* The processor aligns RSP to 16 before it pushes a frame; RSP0 is &regs + FRAME_SIZE. */
_Static_assert((STACK_SIZE - CPU_INFO_SIZE + FRAME_SIZE) % 16 == 0, "RSP0 must be aligned");

#ifdef PAVIS_HOST_TEST

/* A unit test has one CPU, and defines this. */
extern struct cpu_info host_cpu_info;
static inline struct cpu_info *cpu_info(void)
{
    return &host_cpu_info;
}

#else

static __always_inline struct cpu_info *cpu_info(void)
{
    uint64_t sp;

    /* Not volatile: the result is the same anywhere in one function. */
    __asm__("mov %%rsp, %0" : "=r"(sp));
    return (struct cpu_info *)((sp | (STACK_SIZE - 1)) + 1 - CPU_INFO_SIZE);
}

#endif

static __always_inline unsigned int smp_cpu_id(void)
{
    return cpu_info()->cpu;
}

/*
 * Whether this is the handler of an NMI, a machine check or a double fault (or of a #DB taken in
 * the hypervisor): they have stacks of their own, and may have come in the middle of anything.
 */
static __always_inline bool on_exception_stack(void)
{
    uint64_t sp;

    __asm__("mov %%rsp, %0" : "=r"(sp));
    return (sp & (STACK_SIZE - 1)) < STACK_IST_PAGES * PAGE_SIZE;
}

/* The guest's registers on this CPU, while a guest runs here. */
static __always_inline struct cpu_regs *guest_regs(void)
{
    return &cpu_info()->regs;
}
#endif
