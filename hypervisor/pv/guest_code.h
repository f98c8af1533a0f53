/* SPDX-License-Identifier: GPL-2.0-only */
/* What the two emulators share: the guest's code bytes, and its registers by number. */
#pragma once

#include "cpu/frame.h"
#include "lib/types.h"
#include "mem/guest_access.h"
#include "pv/decode.h"

/* Copies up to INSN_MAX bytes at rip; returns how many: less when the next page is not there. */
static inline unsigned fetch_guest_code(uint8_t code[INSN_MAX], uint64_t rip)
{
    unsigned in_page = PAGE_SIZE - (rip & ~PAGE_MASK);

    if (in_page >= INSN_MAX)
        return copy_from_guest(code, rip, INSN_MAX) ? 0 : INSN_MAX;
    if (copy_from_guest(code, rip, in_page))
        return 0;
    return copy_from_guest(code + in_page, rip + in_page, INSN_MAX - in_page) ? in_page : INSN_MAX;
}

/* General register by the number that instructions use. */
static inline uint64_t *guest_reg(struct cpu_regs *r, unsigned nr)
{
    uint64_t *const by_number[16] = {&r->rax, &r->rcx, &r->rdx, &r->rbx, &r->rsp, &r->rbp,
                                     &r->rsi, &r->rdi, &r->r8,  &r->r9,  &r->r10, &r->r11,
                                     &r->r12, &r->r13, &r->r14, &r->r15};
    return by_number[nr & 15];
}
