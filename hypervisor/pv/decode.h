/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Decoding of the few instructions that Pavis emulates for guests, from a private copy of their
 * bytes.  Pure: no state, no memory but the bytes.  Everything that is not listed here is not
 * emulated (XSA-200: a general emulator is the wrong tool).
 */
#pragma once

#include "lib/types.h"

#define INSN_MAX 15 /* longest x86 instruction, Intel SDM vol. 2, 2.3.11 */

/* --- privileged instructions
 * ---------------------------------------------------------------------- */

enum privop {
    PRIVOP_NONE, /* not one of ours */
    PRIVOP_IN,   /* port from imm8 or DX */
    PRIVOP_OUT,
    PRIVOP_INS, /* string forms: (R)DI or (R)SI, direction flag, REP count in (R)CX */
    PRIVOP_OUTS,
    PRIVOP_CLI,
    PRIVOP_STI,
    PRIVOP_CLTS,
    PRIVOP_WBINVD,
    PRIVOP_RDCR,
    PRIVOP_WRCR,
    PRIVOP_RDDR,
    PRIVOP_WRDR,
    PRIVOP_RDMSR,
    PRIVOP_WRMSR,
    PRIVOP_RDTSC,
    PRIVOP_RDTSCP,
    PRIVOP_CPUID,
    PRIVOP_XSETBV,
};

struct privop_insn {
    enum privop op;
    uint8_t len;
    uint8_t size;  /* of an I/O access: 1, 2, 4 */
    bool imm_port; /* port is in `port`, else in DX */
    bool rep;
    bool addr32; /* string forms: 32-bit addresses */
    uint8_t seg; /* segment override prefix byte, 0: none */
    uint8_t port;
    uint8_t creg; /* control or debug register */
    uint8_t reg;  /* general register, 0 = RAX ... 15 = R15 in the processor's order */
};

/*
 * Decodes n bytes of code; `is64`: 64-bit code segment, else 32-bit.  Returns false when the bytes
 * are not one of ours (or too few).
 */
bool privop_decode(const uint8_t *code, unsigned n, bool is64, struct privop_insn *out);

/* --- stores to page tables
 * ------------------------------------------------------------------------ */

enum memop {
    MEMOP_NONE,
    MEMOP_MOV,     /* memory = src */
    MEMOP_XCHG,    /* memory <-> register */
    MEMOP_CMPXCHG, /* against rAX */
    MEMOP_XADD,
    MEMOP_AND,
    MEMOP_OR,
    MEMOP_XOR,
    MEMOP_ADD,
    MEMOP_SUB,
    MEMOP_BTS, /* bit number in `imm` or `reg`; of the latter only the part within the operand,
                * since CR2 is the address of the operand that the rest leads to */
    MEMOP_BTR,
    MEMOP_BTC,
    MEMOP_STOS, /* one iteration */
    MEMOP_MOVS, /* one iteration; source read by the caller */
};

struct memop_insn {
    enum memop op;
    uint8_t len;
    uint8_t size;   /* operand: 1, 2, 4, 8 */
    bool has_imm;   /* source is `imm`, else register `reg` */
    bool high_byte; /* register is AH, CH, DH or BH (reg 0-3) */
    bool rep;
    uint8_t reg;
    uint64_t imm; /* sign-extended to the operand size */
};

/* As privop_decode, 64-bit code; the memory operand's address is not computed (CR2 has it). */
bool memop_decode(const uint8_t *code, unsigned n, struct memop_insn *out);

/*
 * What the operation makes of `old` in an operand of `size` bytes with source `src` (not for
 * MOVS).  *flags: RFLAGS with the arithmetic flags changed as the processor does.
 */
uint64_t memop_apply(enum memop op, unsigned size, uint64_t old, uint64_t src, uint64_t *flags);
