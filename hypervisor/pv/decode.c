/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instruction decoding: see decode.h.  Encodings from the Intel SDM, volume 2.
 */
#include "pv/decode.h"

#include "cpu/x86.h"

struct cursor {
    const uint8_t *code;
    unsigned n, pos;
    bool overrun; /* an instruction that needs more bytes than there are is not ours */
};

static inline uint8_t next(struct cursor *c)
{
    if (unlikely(c->pos >= c->n)) { /* n is at most INSN_MAX */
        c->overrun = true;
        return 0;
    }
    return c->code[c->pos++];
}

static uint64_t next_imm(struct cursor *c, unsigned bytes)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)next(c) << 8 * i;
    /* Immediates are sign-extended to the operand. */
    return bytes < 8 ? (uint64_t)((int64_t)(v << (64 - 8 * bytes)) >> (64 - 8 * bytes)) : v;
}

struct prefixes {
    bool opsize, addrsize, lock, rep, repne;
    uint8_t seg, rex;
};

/* Reads prefixes; returns the first byte of the opcode. */
static uint8_t get_prefixes(struct cursor *c, bool is64, struct prefixes *p)
{
    for (;;) {
        uint8_t b = next(c);

        if (likely(is64 && (b & 0xf0) == 0x40)) {
            p->rex = b;
            return next(c); /* REX is the last prefix */
        }
        if (likely(b < 0x26)) /* no prefix is, and the two-byte opcodes begin with 0f */
            return b;         /* 0 after an overrun, too: the caller looks */
        switch (b) {
        case 0x66: p->opsize = true; break;
        case 0x67: p->addrsize = true; break;
        case 0xf0: p->lock = true; break;
        case 0xf2: p->repne = true; break;
        case 0xf3: p->rep = true; break;
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e:
        case 0x64:
        case 0x65: p->seg = b; break;
        default: return b;
        }
    }
}

#define REX_W(p) ((p)->rex & 8)
#define REX_R(p) (((p)->rex & 4) << 1)
#define REX_B(p) (((p)->rex & 1) << 3)

/* --- privileged instructions
 * ---------------------------------------------------------------------- */

static enum privop decode_0f01(struct cursor *c)
{
    switch (next(c)) {
    case 0xd1: return PRIVOP_XSETBV;
    case 0xf9: return PRIVOP_RDTSCP;
    default: return PRIVOP_NONE;
    }
}

static enum privop decode_mov_special(struct cursor *c, const struct prefixes *p, enum privop op,
                                      struct privop_insn *out)
{
    uint8_t modrm = next(c);

    /* The processor ignores the mod field here: the operand is always a register. */
    out->creg = (modrm >> 3 & 7) | REX_R(p);
    out->reg = (modrm & 7) | REX_B(p);
    return op;
}

static enum privop decode_0f(struct cursor *c, const struct prefixes *p, struct privop_insn *out)
{
    switch (next(c)) {
    case 0x01: return decode_0f01(c);
    case 0x06: return PRIVOP_CLTS;
    case 0x09: return PRIVOP_WBINVD;
    case 0x20: return decode_mov_special(c, p, PRIVOP_RDCR, out);
    case 0x21: return decode_mov_special(c, p, PRIVOP_RDDR, out);
    case 0x22: return decode_mov_special(c, p, PRIVOP_WRCR, out);
    case 0x23: return decode_mov_special(c, p, PRIVOP_WRDR, out);
    case 0x30: return PRIVOP_WRMSR;
    case 0x31: return PRIVOP_RDTSC;
    case 0x32: return PRIVOP_RDMSR;
    case 0xa2: return PRIVOP_CPUID;
    default: return PRIVOP_NONE;
    }
}

bool privop_decode(const uint8_t *code, unsigned n, bool is64, struct privop_insn *out)
{
    struct cursor c = {.code = code, .n = min(n, (unsigned)INSN_MAX)};
    struct prefixes p = {0};
    uint8_t opcode = get_prefixes(&c, is64, &p);
    unsigned wide = p.opsize ? 2 : 4;

    *out = (struct privop_insn){0};
    out->rep = p.rep || p.repne;
    out->seg = p.seg;
    out->addr32 = is64 ? p.addrsize : !p.addrsize;
    switch (opcode) {
    case 0x6c:
    case 0x6d:
        out->op = PRIVOP_INS;
        out->size = opcode & 1 ? wide : 1;
        break;
    case 0x6e:
    case 0x6f:
        out->op = PRIVOP_OUTS;
        out->size = opcode & 1 ? wide : 1;
        break;
    case 0xe4:
    case 0xe5:
    case 0xe6:
    case 0xe7:
        out->op = opcode & 2 ? PRIVOP_OUT : PRIVOP_IN;
        out->size = opcode & 1 ? wide : 1;
        out->imm_port = true;
        out->port = next(&c);
        break;
    case 0xec:
    case 0xed:
    case 0xee:
    case 0xef:
        out->op = opcode & 2 ? PRIVOP_OUT : PRIVOP_IN;
        out->size = opcode & 1 ? wide : 1;
        break;
    case 0xfa: out->op = PRIVOP_CLI; break;
    case 0xfb: out->op = PRIVOP_STI; break;
    case 0x0f: out->op = decode_0f(&c, &p, out); break;
    }
    out->len = c.pos;
    return out->op != PRIVOP_NONE && !p.lock && !c.overrun;
}

/* --- stores to memory
 * ----------------------------------------------------------------------------- */

/* Reads ModRM, SIB and displacement of a memory operand; returns the reg field, -1 if the operand
 * is a register. */
static int skip_memory_operand(struct cursor *c)
{
    uint8_t modrm = next(c), mod = modrm >> 6, rm = modrm & 7;

    if (mod == 3)
        return -1;
    if (rm == 4) {
        uint8_t sib = next(c);

        if ((sib & 7) == 5 && mod == 0)
            next_imm(c, 4);
    } else if (rm == 5 && mod == 0) {
        next_imm(c, 4); /* relative to RIP */
    }
    if (mod == 1)
        next_imm(c, 1);
    else if (mod == 2)
        next_imm(c, 4);
    return modrm >> 3 & 7;
}

/* Operand size of an opcode whose even form is for bytes. */
static unsigned operand_size(uint8_t opcode, const struct prefixes *p)
{
    if (!(opcode & 1))
        return 1;
    return REX_W(p) ? 8 : p->opsize ? 2 : 4;
}

static bool with_register(struct cursor *c, const struct prefixes *p, struct memop_insn *out,
                          enum memop op, uint8_t opcode)
{
    int reg;

    out->size = operand_size(opcode, p);
    reg = skip_memory_operand(c);
    if (reg < 0)
        return false;
    out->op = op;
    /* Without REX, byte registers 4 to 7 are the high halves of 0 to 3. */
    out->high_byte = out->size == 1 && !p->rex && reg >= 4;
    out->reg = out->high_byte ? reg - 4 : reg | REX_R(p);
    return true;
}

static bool with_immediate(struct cursor *c, const struct prefixes *p, struct memop_insn *out,
                           const enum memop by_reg[8], uint8_t opcode, bool imm8)
{
    int reg;

    out->size = operand_size(opcode, p);
    reg = skip_memory_operand(c);
    if (reg < 0)
        return false;
    out->op = by_reg[reg];
    out->has_imm = true;
    out->imm = next_imm(c, imm8 ? 1 : min((unsigned)out->size, 4u));
    return out->op != MEMOP_NONE;
}

/* Group 1 (80, 81, 83): ADD OR ADC SBB AND SUB XOR CMP; we do without the carry forms. */
static const enum memop group1[8] = {MEMOP_ADD, MEMOP_OR,  MEMOP_NONE, MEMOP_NONE,
                                     MEMOP_AND, MEMOP_SUB, MEMOP_XOR,  MEMOP_NONE};
/* Group 8 (0F BA): - - - - BT BTS BTR BTC */
static const enum memop group8[8] = {[5] = MEMOP_BTS, [6] = MEMOP_BTR, [7] = MEMOP_BTC};
/* Group 11 (C6, C7): MOV only. */
static const enum memop group11[8] = {[0] = MEMOP_MOV};

static bool memop_0f(struct cursor *c, const struct prefixes *p, struct memop_insn *out)
{
    uint8_t opcode = next(c);

    switch (opcode) {
    case 0xb0:
    case 0xb1: return with_register(c, p, out, MEMOP_CMPXCHG, opcode);
    case 0xc0:
    case 0xc1: return with_register(c, p, out, MEMOP_XADD, opcode);
    case 0xc3:
        return !p->opsize && with_register(c, p, out, MEMOP_MOV, opcode); /* MOVNTI */
    /* The odd bit of these opcodes is not the operand size's. */
    case 0xab: return with_register(c, p, out, MEMOP_BTS, 1);
    case 0xb3: return with_register(c, p, out, MEMOP_BTR, 1);
    case 0xbb: return with_register(c, p, out, MEMOP_BTC, 1);
    case 0xba:
        if (!with_immediate(c, p, out, group8, 1, true))
            return false;
        return true;
    default: return false;
    }
}

static bool string_op(const struct prefixes *p, struct memop_insn *out, enum memop op,
                      uint8_t opcode)
{
    out->op = op;
    out->size = operand_size(opcode, p);
    out->rep = p->rep || p->repne;
    return !p->lock && !p->addrsize && !p->seg;
}

static __attribute__((noinline)) bool decode_any_memop(const uint8_t *code, unsigned n,
                                                       struct memop_insn *out)
{
    struct cursor c = {.code = code, .n = min(n, (unsigned)INSN_MAX)};
    struct prefixes p = {0};
    uint8_t opcode = get_prefixes(&c, true, &p);
    bool ok;

    *out = (struct memop_insn){0};
    switch (opcode) {
    case 0x00:
    case 0x01: ok = with_register(&c, &p, out, MEMOP_ADD, opcode); break;
    case 0x08:
    case 0x09: ok = with_register(&c, &p, out, MEMOP_OR, opcode); break;
    case 0x20:
    case 0x21: ok = with_register(&c, &p, out, MEMOP_AND, opcode); break;
    case 0x28:
    case 0x29: ok = with_register(&c, &p, out, MEMOP_SUB, opcode); break;
    case 0x30:
    case 0x31: ok = with_register(&c, &p, out, MEMOP_XOR, opcode); break;
    case 0x86:
    case 0x87: ok = with_register(&c, &p, out, MEMOP_XCHG, opcode); break;
    case 0x88:
    case 0x89: ok = with_register(&c, &p, out, MEMOP_MOV, opcode); break;
    case 0x80: ok = with_immediate(&c, &p, out, group1, 0, true); break;
    case 0x81: ok = with_immediate(&c, &p, out, group1, 1, false); break;
    case 0x83: ok = with_immediate(&c, &p, out, group1, 1, true); break;
    case 0xc6:
    case 0xc7: ok = with_immediate(&c, &p, out, group11, opcode, false); break;
    case 0xa4:
    case 0xa5: ok = string_op(&p, out, MEMOP_MOVS, opcode); break;
    case 0xaa:
    case 0xab: ok = string_op(&p, out, MEMOP_STOS, opcode); break;
    case 0x0f: ok = memop_0f(&c, &p, out); break;
    default: ok = false;
    }
    out->len = c.pos;
    return ok && !c.overrun;
}

/*
 * XCHG of eight bytes with a memory operand that is a register alone: how Linux takes an entry out
 * of a table, and so nearly every instruction that is asked about.
 */
static inline bool plain_xchg(const uint8_t *code, unsigned n, struct memop_insn *out)
{
    unsigned modrm;

    if (n < 3 || (code[0] & 0xf8) != 0x48 || code[1] != 0x87)
        return false;
    modrm = code[2];
    if (modrm >> 6 != 0 || (modrm & 7) == 4 || (modrm & 7) == 5) /* SIB, displacement */
        return false;
    *out = (struct memop_insn){
        .op = MEMOP_XCHG, .len = 3, .size = 8, .reg = (modrm >> 3 & 7) | (code[0] & 4) << 1};
    return true;
}

bool memop_decode(const uint8_t *code, unsigned n, struct memop_insn *out)
{
    return likely(plain_xchg(code, n, out)) || decode_any_memop(code, n, out);
}

/* --- arithmetic
 * ----------------------------------------------------------------------------------- */

#define ARITH_FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

static uint64_t result_flags(uint64_t r, unsigned size)
{
    uint64_t f = 0;

    if (!r)
        f |= RFLAGS_ZF;
    if (r >> (size * 8 - 1) & 1)
        f |= RFLAGS_SF;
    if (!__builtin_parity(r & 0xff))
        f |= RFLAGS_PF;
    return f;
}

static void set_add_flags(uint64_t *flags, uint64_t a, uint64_t b, uint64_t r, uint64_t mask,
                          unsigned size)
{
    uint64_t f = result_flags(r, size), sign = (mask >> 1) + 1;

    if (r < (a & mask))
        f |= RFLAGS_CF;
    if ((a ^ r) & (b ^ r) & sign)
        f |= RFLAGS_OF;
    f |= (a ^ b ^ r) & RFLAGS_AF;
    *flags = (*flags & ~ARITH_FLAGS) | f;
}

static void set_sub_flags(uint64_t *flags, uint64_t a, uint64_t b, uint64_t r, uint64_t mask,
                          unsigned size)
{
    uint64_t f = result_flags(r, size), sign = (mask >> 1) + 1;

    if (a < b)
        f |= RFLAGS_CF;
    if ((a ^ b) & (a ^ r) & sign)
        f |= RFLAGS_OF;
    f |= (a ^ b ^ r) & RFLAGS_AF;
    *flags = (*flags & ~ARITH_FLAGS) | f;
}

uint64_t memop_apply(enum memop op, unsigned size, uint64_t old, uint64_t src, uint64_t *flags)
{
    uint64_t mask = size == 8 ? ~0UL : (1UL << size * 8) - 1, r;

    old &= mask;
    src &= op == MEMOP_BTS || op == MEMOP_BTR || op == MEMOP_BTC ? size * 8 - 1 : mask;
    switch (op) {
    case MEMOP_AND: r = old & src; break;
    case MEMOP_OR: r = old | src; break;
    case MEMOP_XOR: r = old ^ src; break;
    case MEMOP_ADD:
    case MEMOP_XADD:
        r = (old + src) & mask;
        set_add_flags(flags, old, src, r, mask, size);
        return r;
    case MEMOP_SUB:
        r = (old - src) & mask;
        set_sub_flags(flags, old, src, r, mask, size);
        return r;
    case MEMOP_BTS:
    case MEMOP_BTR:
    case MEMOP_BTC:
        *flags = (*flags & ~RFLAGS_CF) | (old >> src & 1);
        return op == MEMOP_BTS   ? old | 1UL << src
               : op == MEMOP_BTR ? old & ~(1UL << src)
                                 : old ^ 1UL << src;
    default: return src; /* MOV, XCHG, CMPXCHG, STOS: flags as they were */
    }
    *flags = (*flags & ~ARITH_FLAGS) | result_flags(r, size);
    return r;
}
