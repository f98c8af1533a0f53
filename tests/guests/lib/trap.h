/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exceptions, callbacks and events as a test sees them.  A test that provokes an exception wraps
 * the instruction in TRY(): the handler notes what came in `last_trap` and goes on after the
 * instruction.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "abi/xen.h"
#include "vectors.h"

/* What start.S builds on the stack; the second part is what the hypervisor pushed. */
struct regs {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector;
    uint64_t error;
    uint64_t rip;
    uint64_t cs; /* bits 39:32: the event mask before entry */
    uint64_t rflags;
    uint64_t rsp;
    uint64_t ss;
};

struct trap_record {
    unsigned count; /* since trap_forget() */
    struct regs regs;
    uint64_t cr2;      /* from vcpu_info, page faults only */
    uint8_t mask_then; /* evtchn_upcall_mask as the handler found it */
};

extern struct vcpu_info *vcpu0; /* the first vCPU's info, wherever it was registered */
extern struct trap_record last_trap;
extern volatile uint64_t trap_resume; /* where to go on after the next exception; 0: test fails */
extern volatile unsigned event_count[4096];
extern volatile unsigned upcall_count;
extern uint64_t failsafe_selectors[4];
/* If set, called first for every exception from the kernel; true: handled, return as regs say. */
extern bool (*trap_hook)(struct regs *regs);

void trap_init(void);
void trap_forget(void);
void events_mask(void);
void events_unmask(void); /* delivers what is pending */
bool event_wait(unsigned port, unsigned count, unsigned long ms);

void exception_0(void), exception_1(void), exception_3(void), exception_6(void), exception_14(void);
void trap_int80(void), trap_int81(void), event_entry(void), failsafe_entry(void);
void syscall_entry(void), syscall32_entry(void), sysenter_entry(void), nmi_entry(void);
void ap_start(void);
extern void (*const exception_table[32])(void);

void user_enter(struct regs *regs);
void user_leave(void) __attribute__((noreturn));

/* Run an instruction that may trap (operands as in asm, at least ":"); the result is the number of
 * exceptions it caused. */
#define TRY(insn, ...)                                                                             \
    ({                                                                                             \
        trap_forget();                                                                             \
        __asm__ volatile("movq $771f, trap_resume(%%rip)\n\t" insn                                 \
                         "\n771:\tmovq $0, trap_resume(%%rip)" __VA_ARGS__);                       \
        last_trap.count;                                                                           \
    })

#define X86_DE 0
#define X86_DB 1
#define X86_BP 3
#define X86_OF 4
#define X86_UD 6
#define X86_NM 7
#define X86_NP 11
#define X86_SS 12
#define X86_GP 13
#define X86_PF 14
#define X86_MF 16
#define X86_AC 17
#define X86_XM 19

#define PFEC_PRESENT 1
#define PFEC_WRITE   2
#define PFEC_USER    4
#define PFEC_RSVD    8
#define PFEC_FETCH   16

#define EFLAGS_CF 0x1
#define EFLAGS_TF 0x100
#define EFLAGS_IF 0x200
#define EFLAGS_AC 0x40000
