/* SPDX-License-Identifier: GPL-2.0-only */
/* What the two emulators share: the guest's code bytes, and its registers by number. */
#pragma once

#include "cpu/frame.h"
#include "lib/types.h"
#include "mem/guest_access.h"
#include "pv/decode.h"

#define CODE_BUFFER 16 /* INSN_MAX, and one byte so that it is whole words */

/* Copies up to INSN_MAX bytes at rip; returns how many: less when the next page is not there.  The
 * buffer need not be initialized: what is not counted is not to be read. */
static inline unsigned fetch_guest_code(uint8_t code[CODE_BUFFER], uint64_t rip)
{
    unsigned in_page = PAGE_SIZE - (rip & ~PAGE_MASK);

    if (likely(in_page >= CODE_BUFFER))
        return read_guest_words(code, rip, CODE_BUFFER / 8) ? 0 : INSN_MAX;
    in_page = min(in_page, (unsigned)INSN_MAX);
    if (copy_from_guest(code, rip, in_page))
        return 0;
    return copy_from_guest(code + in_page, rip + in_page, INSN_MAX - in_page) ? in_page : INSN_MAX;
}

/* General register by the number that instructions use. */
static inline uint64_t *guest_reg(struct cpu_regs *r, unsigned nr)
{
    static const uint8_t offset[16] = {
        offsetof(struct cpu_regs, rax), offsetof(struct cpu_regs, rcx),
        offsetof(struct cpu_regs, rdx), offsetof(struct cpu_regs, rbx),
        offsetof(struct cpu_regs, rsp), offsetof(struct cpu_regs, rbp),
        offsetof(struct cpu_regs, rsi), offsetof(struct cpu_regs, rdi),
        offsetof(struct cpu_regs, r8),  offsetof(struct cpu_regs, r9),
        offsetof(struct cpu_regs, r10), offsetof(struct cpu_regs, r11),
        offsetof(struct cpu_regs, r12), offsetof(struct cpu_regs, r13),
        offsetof(struct cpu_regs, r14), offsetof(struct cpu_regs, r15)};

    return (uint64_t *)((char *)r + offset[nr & 15]);
}
