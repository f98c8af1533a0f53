/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The register frame that every entry into the hypervisor leaves at the top of the CPU's stack.
 *
 * There is one definition for C and, through the offsets below, for assembler.  The order is that
 * of the push sequence in pv/entry.S; the last five words are what the processor itself pushes.
 * When a guest runs on this CPU its registers live here and nowhere else; a context switch copies
 * the frame to and from struct vcpu.
 */
#pragma once

#define FRAME_R15    0x00
#define FRAME_R14    0x08
#define FRAME_R13    0x10
#define FRAME_R12    0x18
#define FRAME_RBP    0x20
#define FRAME_RBX    0x28
#define FRAME_R11    0x30
#define FRAME_R10    0x38
#define FRAME_R9     0x40
#define FRAME_R8     0x48
#define FRAME_RAX    0x50
#define FRAME_RCX    0x58
#define FRAME_RDX    0x60
#define FRAME_RSI    0x68
#define FRAME_RDI    0x70
#define FRAME_ERR    0x78 /* error code, 32 bits */
#define FRAME_VECTOR 0x7c /* entry vector, 32 bits: see FRAME_VEC_* */
#define FRAME_RIP    0x80
#define FRAME_CS     0x88
#define FRAME_RFLAGS 0x90
#define FRAME_RSP    0x98
#define FRAME_SS     0xa0
#define FRAME_SIZE   0xa8

/* Values of entry_vector above the 256 hardware vectors. */
#define FRAME_VEC_SYSCALL 0x100 /* SYSCALL from 64-bit code: sysret may return from it */
#define FRAME_VEC_NEW     0x101 /* a vCPU that has not run yet: return by iretq */

#ifndef __ASSEMBLY__
#include <stddef.h>
#include <stdint.h>

struct cpu_regs {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
    uint64_t rax, rcx, rdx, rsi, rdi;
    uint32_t error_code;
    uint32_t entry_vector;
    uint64_t rip, cs, rflags, rsp, ss;
};

_Static_assert(sizeof(struct cpu_regs) == FRAME_SIZE, "cpu_regs and entry.S disagree");
_Static_assert(offsetof(struct cpu_regs, rdi) == FRAME_RDI, "cpu_regs and entry.S disagree");
_Static_assert(offsetof(struct cpu_regs, rip) == FRAME_RIP, "cpu_regs and entry.S disagree");
#endif
