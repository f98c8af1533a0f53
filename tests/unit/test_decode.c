/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The instruction decoder and the arithmetic of emulated stores.
 *
 * Two oracles that share nothing with the decoder: the assembler, which writes the encodings of
 * instructions whose meaning stands beside them and so fixes every length; and the processor that
 * runs this test, which executes the same operations on memory, flags included.
 */
// SOURCES: hypervisor/pv/decode.c
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/x86.h"
#include "pv/decode.h"

static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Exactly n bytes on the heap: reading one more ends the test. */
static uint8_t *exactly(const uint8_t *code, unsigned n)
{
    uint8_t *p = malloc(n ? n : 1);

    memcpy(p, code, n);
    return p;
}

static bool decode_memop(const uint8_t *code, unsigned n, struct memop_insn *out)
{
    uint8_t *p = exactly(code, n);
    bool ok = memop_decode(p, n, out);

    free(p);
    return ok;
}

static bool decode_privop(const uint8_t *code, unsigned n, bool is64, struct privop_insn *out)
{
    uint8_t *p = exactly(code, n);
    bool ok = privop_decode(p, n, is64, out);

    free(p);
    return ok;
}

/* --- stores: what the assembler makes of them ---------------------------------------------------
 */

/*
 * A row per instruction: where its bytes are, how many, and what it is.  The macros below write
 * some thousands of rows: each operation with each register, in each kind of memory operand.
 */
struct row {
    const uint8_t *code;
    uint8_t len, op, size, reg, has_imm, high_byte;
    int16_t imm;
};

/* Numbers that both the assembler and C know. */
#define ID_MOV     0
#define ID_XCHG    1
#define ID_CMPXCHG 2
#define ID_XADD    3
#define ID_AND     4
#define ID_OR      5
#define ID_XOR     6
#define ID_ADD     7
#define ID_SUB     8
#define ID_BTS     9
#define ID_BTR     10
#define ID_BTC     11
#define ID_STOS    12
#define ID_MOVS    13
static const enum memop op_of[] = {MEMOP_MOV, MEMOP_XCHG, MEMOP_CMPXCHG, MEMOP_XADD, MEMOP_AND,
                                   MEMOP_OR,  MEMOP_XOR,  MEMOP_ADD,     MEMOP_SUB,  MEMOP_BTS,
                                   MEMOP_BTR, MEMOP_BTC,  MEMOP_STOS,    MEMOP_MOVS};

/* clang-format off */
#define STR2(x) #x
#define STR(x)  STR2(x)
__asm__(
    ".macro row id, size, reg, has_imm, imm, high, insn:vararg\n"
    "  .pushsection .rodata\n"
    "  7701: \\insn\n"
    "  7702: .popsection\n"
    "  .pushsection .data.rows, \"aw\"\n"
    "  .quad 7701b\n"
    "  .byte 7702b - 7701b, \\id, \\size, \\reg, \\has_imm, \\high\n"
    "  .short \\imm\n"
    "  .popsection\n"
    ".endm\n"
    /* An instruction with each register of one size. */
    ".macro regs id, size, insn, mem, names:vararg\n"
    "  .set reg_nr, 0\n"
    "  .irp r, \\names\n"
    "    row \\id, \\size, reg_nr, 0, 0, 0, \\insn %\\r, \\mem\n"
    "    .set reg_nr, reg_nr + 1\n"
    "  .endr\n"
    ".endm\n"
    ".macro wide id, insn, mem\n"
    "  regs \\id, 8, \"\\insn\\()q\", \"\\mem\", rax,rcx,rdx,rbx,rsp,rbp,rsi,rdi,r8,r9,r10,r11,r12,r13,r14,r15\n"
    "  regs \\id, 4, \"\\insn\\()l\", \"\\mem\", eax,ecx,edx,ebx,esp,ebp,esi,edi,r8d,r9d,r10d,r11d,r12d,r13d,r14d,r15d\n"
    "  regs \\id, 2, \"\\insn\\()w\", \"\\mem\", ax,cx,dx,bx,sp,bp,si,di,r8w,r9w,r10w,r11w,r12w,r13w,r14w,r15w\n"
    ".endm\n"
    ".macro narrow id, insn, mem\n"
    "  regs \\id, 1, \"\\insn\\()b\", \"\\mem\", al,cl,dl,bl,spl,bpl,sil,dil,r8b,r9b,r10b,r11b,r12b,r13b,r14b,r15b\n"
    ".endm\n"
    ".macro high id, insn, mem\n"
    "  row \\id, 1, 0, 0, 0, 1, \\insn\\()b %ah, \\mem\n"
    "  row \\id, 1, 1, 0, 0, 1, \\insn\\()b %ch, \\mem\n"
    "  row \\id, 1, 2, 0, 0, 1, \\insn\\()b %dh, \\mem\n"
    "  row \\id, 1, 3, 0, 0, 1, \\insn\\()b %bh, \\mem\n"
    ".endm\n"
    ".macro imms id, insn, mem\n"
    "  row \\id, 8, 0, 1, 0x12, 0, \\insn\\()q $0x12, \\mem\n"
    "  row \\id, 8, 0, 1, -3, 0, \\insn\\()q $-3, \\mem\n"
    "  row \\id, 8, 0, 1, 0x1234, 0, \\insn\\()q $0x1234, \\mem\n"
    "  row \\id, 4, 0, 1, 0x12, 0, \\insn\\()l $0x12, \\mem\n"
    "  row \\id, 4, 0, 1, -300, 0, \\insn\\()l $-300, \\mem\n"
    "  row \\id, 2, 0, 1, 0x12, 0, \\insn\\()w $0x12, \\mem\n"
    "  row \\id, 2, 0, 1, -300, 0, \\insn\\()w $-300, \\mem\n"
    "  row \\id, 1, 0, 1, 0x12, 0, \\insn\\()b $0x12, \\mem\n"
    "  row \\id, 1, 0, 1, -3, 0, \\insn\\()b $-3, \\mem\n"
    ".endm\n"
    ".macro bits id, insn, mem\n"
    "  row \\id, 8, 0, 1, 63, 0, \\insn\\()q $63, \\mem\n"
    "  row \\id, 4, 0, 1, 31, 0, \\insn\\()l $31, \\mem\n"
    "  row \\id, 2, 0, 1, 15, 0, \\insn\\()w $15, \\mem\n"
    ".endm\n"
    /* Everything, with one memory operand. */
    ".macro everything mem\n"
    "  .irp lk, \"\", \"lock\"\n"
    "    wide " STR(ID_XCHG) ", \"\\lk xchg\", \"\\mem\"\n"
    "    narrow " STR(ID_XCHG) ", \"\\lk xchg\", \"\\mem\"\n"
    "    wide " STR(ID_CMPXCHG) ", \"\\lk cmpxchg\", \"\\mem\"\n"
    "    narrow " STR(ID_CMPXCHG) ", \"\\lk cmpxchg\", \"\\mem\"\n"
    "    wide " STR(ID_XADD) ", \"\\lk xadd\", \"\\mem\"\n"
    "    narrow " STR(ID_XADD) ", \"\\lk xadd\", \"\\mem\"\n"
    "    wide " STR(ID_AND) ", \"\\lk and\", \"\\mem\"\n"
    "    narrow " STR(ID_AND) ", \"\\lk and\", \"\\mem\"\n"
    "    imms " STR(ID_AND) ", \"\\lk and\", \"\\mem\"\n"
    "    wide " STR(ID_OR) ", \"\\lk or\", \"\\mem\"\n"
    "    narrow " STR(ID_OR) ", \"\\lk or\", \"\\mem\"\n"
    "    imms " STR(ID_OR) ", \"\\lk or\", \"\\mem\"\n"
    "    wide " STR(ID_XOR) ", \"\\lk xor\", \"\\mem\"\n"
    "    narrow " STR(ID_XOR) ", \"\\lk xor\", \"\\mem\"\n"
    "    imms " STR(ID_XOR) ", \"\\lk xor\", \"\\mem\"\n"
    "    wide " STR(ID_ADD) ", \"\\lk add\", \"\\mem\"\n"
    "    narrow " STR(ID_ADD) ", \"\\lk add\", \"\\mem\"\n"
    "    imms " STR(ID_ADD) ", \"\\lk add\", \"\\mem\"\n"
    "    wide " STR(ID_SUB) ", \"\\lk sub\", \"\\mem\"\n"
    "    narrow " STR(ID_SUB) ", \"\\lk sub\", \"\\mem\"\n"
    "    imms " STR(ID_SUB) ", \"\\lk sub\", \"\\mem\"\n"
    "    wide " STR(ID_BTS) ", \"\\lk bts\", \"\\mem\"\n"
    "    bits " STR(ID_BTS) ", \"\\lk bts\", \"\\mem\"\n"
    "    wide " STR(ID_BTR) ", \"\\lk btr\", \"\\mem\"\n"
    "    bits " STR(ID_BTR) ", \"\\lk btr\", \"\\mem\"\n"
    "    wide " STR(ID_BTC) ", \"\\lk btc\", \"\\mem\"\n"
    "    bits " STR(ID_BTC) ", \"\\lk btc\", \"\\mem\"\n"
    "  .endr\n"
    "  wide " STR(ID_MOV) ", mov, \"\\mem\"\n"
    "  narrow " STR(ID_MOV) ", mov, \"\\mem\"\n"
    "  imms " STR(ID_MOV) ", mov, \"\\mem\"\n"
    "  row " STR(ID_MOV) ", 8, 2, 0, 0, 0, movnti %rdx, \\mem\n"
    "  row " STR(ID_MOV) ", 4, 9, 0, 0, 0, movnti %r9d, \\mem\n"
    ".endm\n"
    ".pushsection .data.rows, \"aw\"\n"
    "rows_start:\n"
    ".popsection\n"
    ".irp m, \"(%rax)\", \"(%rsp)\", \"(%rbp)\", \"(%r12)\", \"(%r13)\", \"8(%rbx)\", \"-0x12345678(%rcx)\","
    " \"(%rsi,%rdi,4)\", \"16(%r8,%r9,8)\", \"(%rbp,%rax)\", \"0x12345(,%rdx,2)\", \"0x12345(%r13,%r12)\","
    " \"0x1000\", \"0x10(%rip)\", \"%gs:(%rax)\", \"%fs:8(%r15)\", \"(%eax)\", \"%gs:4(%r8d,%ecx,2)\"\n"
    "  everything \"\\m\"\n"
    ".endr\n"
    ".irp m, \"(%rax)\", \"(%rsp)\", \"(%rbp)\", \"8(%rbx)\", \"(%rsi,%rdi,4)\", \"0x1000\", \"%fs:0x10(%rip)\"\n"
    "  high " STR(ID_MOV) ", mov, \"\\m\"\n"
    "  high " STR(ID_XCHG) ", xchg, \"\\m\"\n"
    "  high " STR(ID_AND) ", \"lock and\", \"\\m\"\n"
    "  high " STR(ID_CMPXCHG) ", \"lock cmpxchg\", \"\\m\"\n"
    ".endr\n"
    "row " STR(ID_STOS) ", 1, 0, 0, 0, 0, stosb\n"
    "row " STR(ID_STOS) ", 2, 0, 0, 0, 0, stosw\n"
    "row " STR(ID_STOS) ", 4, 0, 0, 0, 0, stosl\n"
    "row " STR(ID_STOS) ", 8, 0, 0, 0, 0, stosq\n"
    "row " STR(ID_MOVS) ", 1, 0, 0, 0, 0, movsb\n"
    "row " STR(ID_MOVS) ", 2, 0, 0, 0, 0, movsw\n"
    "row " STR(ID_MOVS) ", 4, 0, 0, 0, 0, movsl\n"
    "row " STR(ID_MOVS) ", 8, 0, 0, 0, 0, movsq\n"
    ".pushsection .data.rows, \"aw\"\n"
    "rows_end:\n"
    ".popsection\n");
/* clang-format on */
extern const struct row rows_start[], rows_end[];

static void check_row(const struct row *r, const struct memop_insn *in)
{
    assert_int_equal(in->len, r->len);
    assert_int_equal(in->op, op_of[r->op]);
    assert_int_equal(in->size, r->size);
    assert_int_equal(in->has_imm, r->has_imm);
    assert_false(in->rep);
    if (r->has_imm)
        assert_int_equal(in->imm, (uint64_t)(int64_t)r->imm);
    else
        assert_int_equal(in->reg, r->reg);
    assert_int_equal(in->high_byte, r->high_byte);
}

/* Every form of every store is told apart, with the length that the assembler gave it, and with one
 * byte too few it is not ours. */
static void test_memop_encodings(void **state)
{
    struct memop_insn in;
    uint8_t longer[INSN_MAX];

    assert_true(rows_end - rows_start > 10000);
    for (const struct row *r = rows_start; r < rows_end; r++) {
        assert_true(decode_memop(r->code, r->len, &in));
        check_row(r, &in);
        assert_false(decode_memop(r->code, r->len - 1u, &in));
        for (unsigned i = 0; i < sizeof(longer); i++)
            longer[i] = i < r->len ? r->code[i] : (uint8_t)rnd();
        assert_true(decode_memop(longer, sizeof(longer), &in));
        check_row(r, &in);
    }
}

/* Prefixes that change nothing may stand in front in any number, until the instruction is longer
 * than one may be. */
static void test_memop_prefixes(void **state)
{
    static const uint8_t idle[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0xf2, 0xf3};
    struct memop_insn in;
    uint8_t code[2 * INSN_MAX];

    for (unsigned round = 0; round < 20000; round++) {
        const struct row *r = &rows_start[rnd() % (uint64_t)(rows_end - rows_start)];
        unsigned n = (unsigned)(rnd() % INSN_MAX);

        if (op_of[r->op] == MEMOP_STOS || op_of[r->op] == MEMOP_MOVS)
            continue; /* for these they are not idle */
        for (unsigned i = 0; i < n; i++)
            code[i] = idle[rnd() % sizeof(idle)];
        memcpy(code + n, r->code, r->len);
        assert_int_equal(decode_memop(code, n + r->len, &in), n + r->len <= INSN_MAX);
        if (n + r->len <= INSN_MAX) {
            assert_int_equal(in.len, n + r->len);
            assert_int_equal(in.op, op_of[r->op]);
            assert_int_equal(in.size, r->size);
        }
    }
}

/* REX.W says 64 bits whatever the operand-size prefix says. */
static void test_memop_both_sizes(void **state)
{
    struct memop_insn in;

    assert_true(decode_memop((const uint8_t *)"\x66\x48\x89\x08", 4, &in));
    assert_true(in.size == 8 && in.len == 4);
    assert_true(decode_memop((const uint8_t *)"\x66\x41\x89\x08", 4, &in));
    assert_true(in.size == 2 && in.len == 4);
}

/* String stores: REP is seen; segments, narrow addresses and LOCK are for others to emulate. */
static void test_memop_strings(void **state)
{
    struct memop_insn in;

    assert_true(decode_memop((const uint8_t *)"\xf3\x48\xab", 3, &in));
    assert_true(in.rep && in.op == MEMOP_STOS && in.size == 8 && in.len == 3);
    assert_true(decode_memop((const uint8_t *)"\xf2\xa4", 2, &in));
    assert_true(in.rep && in.op == MEMOP_MOVS && in.size == 1 && in.len == 2);
    assert_false(decode_memop((const uint8_t *)"\x67\xab", 2, &in));
    assert_false(decode_memop((const uint8_t *)"\x65\xa5", 2, &in));
    assert_false(decode_memop((const uint8_t *)"\xf0\xab", 2, &in));
}

/* Instructions that do not store, that store to a register, or that nobody needs are refused. */
static void test_memop_refused(void **state)
{
    static const char *const none[] = {
        "\x89\xc8",                 /* mov %ecx, %eax */
        "\x48\x8b\x00",             /* mov (%rax), %rax */
        "\x0f\xb1\xc8",             /* cmpxchg %ecx, %eax */
        "\x0f\xba\xe0\x05",         /* bt $5, %eax */
        "\x0f\xba\x20\x05",         /* bt $5, (%rax) */
        "\x0f\xba\x00\x05",         /* group 8, no operation */
        "\x83\x10\x01",             /* adc $1, (%rax) */
        "\x83\x38\x01",             /* cmp $1, (%rax) */
        "\xc7\x08\x01\x02\x03\x04", /* group 11, no operation */
        "\xff\x00",                 /* inc (%rax) */
        "\xf7\x18",                 /* neg (%rax) */
        "\x0f\xc7\x08",             /* cmpxchg8b (%rax) */
        "\x48\x0f\xc7\x08",         /* cmpxchg16b (%rax) */
        "\x66\x0f\xc3\x08",         /* movnti has no 16-bit form */
        "\x0f\x29\x00",             /* movaps %xmm0, (%rax) */
        "\xc4\xe1\xf8\x91\x00",     /* a VEX prefix */
        "\x8f\x00",                 /* pop (%rax) */
        "\x48\x66\x89\x08",         /* a prefix behind REX */
        "\x90",
    };
    struct memop_insn in;

    for (unsigned i = 0; i < ARRAY_SIZE(none); i++) {
        uint8_t code[INSN_MAX] = {0};

        memcpy(code, none[i], strlen(none[i]));
        assert_false(decode_memop(code, sizeof(code), &in));
    }
}

/* --- privileged instructions --------------------------------------------------------------------
 */

/* clang-format off */
#define P(o, ...) {.op = PRIVOP_##o, ##__VA_ARGS__}
#define PRIVOPS(X) \
    X(in8i, "inb $0x12, %al", P(IN, .size = 1, .imm_port = true, .port = 0x12)) \
    X(in16i, "inw $0x12, %ax", P(IN, .size = 2, .imm_port = true, .port = 0x12)) \
    X(in32i, "inl $0xff, %eax", P(IN, .size = 4, .imm_port = true, .port = 0xff)) \
    X(in8, "inb %dx, %al", P(IN, .size = 1)) \
    X(in16, "inw %dx, %ax", P(IN, .size = 2)) \
    X(in32, "inl %dx, %eax", P(IN, .size = 4)) \
    X(out8i, "outb %al, $0x80", P(OUT, .size = 1, .imm_port = true, .port = 0x80)) \
    X(out16i, "outw %ax, $0x81", P(OUT, .size = 2, .imm_port = true, .port = 0x81)) \
    X(out32i, "outl %eax, $0x82", P(OUT, .size = 4, .imm_port = true, .port = 0x82)) \
    X(out8, "outb %al, %dx", P(OUT, .size = 1)) \
    X(out16, "outw %ax, %dx", P(OUT, .size = 2)) \
    X(out32, "outl %eax, %dx", P(OUT, .size = 4)) \
    X(ins8, "insb", P(INS, .size = 1)) \
    X(ins16, "insw", P(INS, .size = 2)) \
    X(ins32, "insl", P(INS, .size = 4)) \
    X(outs8, "outsb", P(OUTS, .size = 1)) \
    X(outs16, "outsw", P(OUTS, .size = 2)) \
    X(outs32, "outsl", P(OUTS, .size = 4)) \
    X(rep_ins8, "rep insb", P(INS, .size = 1, .rep = true)) \
    X(rep_ins32, "rep insl", P(INS, .size = 4, .rep = true)) \
    X(rep_outs16, "rep outsw", P(OUTS, .size = 2, .rep = true)) \
    X(repne_outs8, ".byte 0xf2; outsb", P(OUTS, .size = 1, .rep = true)) \
    X(seg_outs, "outsb %gs:(%esi), %dx", P(OUTS, .size = 1, .seg = 0x65, .addr32 = true)) \
    X(addr32_ins, "insb %dx, (%edi)", P(INS, .size = 1, .addr32 = true)) \
    X(cli, "cli", P(CLI)) X(sti, "sti", P(STI)) X(clts, "clts", P(CLTS)) \
    X(wbinvd, "wbinvd", P(WBINVD)) X(rdmsr, "rdmsr", P(RDMSR)) X(wrmsr, "wrmsr", P(WRMSR)) \
    X(rdtsc, "rdtsc", P(RDTSC)) X(rdtscp, "rdtscp", P(RDTSCP)) X(cpuid, "cpuid", P(CPUID)) \
    X(xsetbv, "xsetbv", P(XSETBV))
/* In 64-bit code only. */
#define PRIVOPS64(X) \
    X(rdcr0, "mov %cr0, %rax", P(RDCR, .creg = 0, .reg = 0)) \
    X(rdcr3, "mov %cr3, %r15", P(RDCR, .creg = 3, .reg = 15)) \
    X(rdcr8, "mov %cr8, %rcx", P(RDCR, .creg = 8, .reg = 1)) \
    X(wrcr4, "mov %rsi, %cr4", P(WRCR, .creg = 4, .reg = 6)) \
    X(wrcr0, "mov %r9, %cr0", P(WRCR, .creg = 0, .reg = 9)) \
    X(rddr7, "mov %db7, %r8", P(RDDR, .creg = 7, .reg = 8)) \
    X(wrdr6, "mov %rbx, %db6", P(WRDR, .creg = 6, .reg = 3)) \
    X(wrdr0_mod0, ".byte 0x0f, 0x23, 0x03", P(WRDR, .creg = 0, .reg = 3)) \
    X(rexw_in, ".byte 0x48; inl %dx, %eax", P(IN, .size = 4)) \
    X(seg64_outs, "outsb %fs:(%rsi), %dx", P(OUTS, .size = 1, .seg = 0x64))
/* Not to be emulated at all. */
#define REFUSED(X) \
    X(invd, "invd", P(NONE)) X(hlt, "hlt", P(NONE)) X(lgdt, "lgdt (%rax)", P(NONE)) \
    X(lidt, "lidt (%rax)", P(NONE)) X(lldt, "lldt %ax", P(NONE)) X(ltr, "ltr %ax", P(NONE)) \
    X(invlpg, "invlpg (%rax)", P(NONE)) X(swapgs, "swapgs", P(NONE)) X(lmsw, "lmsw %ax", P(NONE)) \
    X(rdpmc, "rdpmc", P(NONE)) X(sysret, "sysretq", P(NONE)) X(vmcall, "vmcall", P(NONE)) \
    X(monitor, "monitor", P(NONE)) X(mwait, "mwait", P(NONE)) X(xgetbv, "xgetbv", P(NONE)) \
    X(rdsspq, "rdsspq %rax", P(NONE)) X(nop, "nop", P(NONE)) X(ud2, "ud2", P(NONE)) \
    X(lock_cli, ".byte 0xf0; cli", P(NONE)) X(lock_rdcr, ".byte 0xf0, 0x0f, 0x20, 0xc0", P(NONE))

#define CODE64(name, text, ...) \
    __asm__(".pushsection .rodata\np64_" #name ": " text "\np64_" #name "_end: .popsection\n"); \
    extern const uint8_t p64_##name[], p64_##name##_end[];
#define CODE32(name, text, ...) \
    __asm__(".pushsection .rodata\n.code32\np32_" #name ": " text "\np32_" #name "_end: .code64\n.popsection\n"); \
    extern const uint8_t p32_##name[], p32_##name##_end[];
#define ROW64(name, text, ...) {p64_##name, p64_##name##_end, #name, __VA_ARGS__},
#define ROW32(name, text, ...) {p32_##name, p32_##name##_end, #name, __VA_ARGS__},
PRIVOPS(CODE64)
PRIVOPS64(CODE64)
REFUSED(CODE64)
PRIVOPS(CODE32)
struct privop_row {
    const uint8_t *code, *end;
    const char *name;
    struct privop_insn want;
};
static const struct privop_row rows64[] = {PRIVOPS(ROW64) PRIVOPS64(ROW64)};
static const struct privop_row rows32[] = {PRIVOPS(ROW32)};
static const struct privop_row refused[] = {REFUSED(ROW64)};
/* clang-format on */

static void check_privop(const struct privop_row *r, bool is64)
{
    unsigned len = (unsigned)(r->end - r->code);
    struct privop_insn in, want = r->want;

    want.len = (uint8_t)len;
    if (!is64) /* the same addresses without a prefix */
        want.addr32 = true;
    if (!decode_privop(r->code, len, is64, &in) || memcmp(&in, &want, sizeof(in)))
        fail_msg("%s is decoded wrongly", r->name);
    assert_false(decode_privop(r->code, len - 1, is64, &in));
}

/* Each privileged instruction that is emulated is known in 64-bit and in 32-bit code, with its
 * operands and the assembler's length; no other is. */
static void test_privop_encodings(void **state)
{
    struct privop_insn in;

    for (unsigned i = 0; i < ARRAY_SIZE(rows64); i++)
        check_privop(&rows64[i], true);
    for (unsigned i = 0; i < ARRAY_SIZE(rows32); i++)
        check_privop(&rows32[i], false);
    for (unsigned i = 0; i < ARRAY_SIZE(refused); i++)
        if (decode_privop(refused[i].code, (unsigned)(refused[i].end - refused[i].code), true, &in))
            fail_msg("%s is decoded", refused[i].name);
    /* In 32-bit code the bytes of REX are instructions. */
    assert_false(decode_privop((const uint8_t *)"\x41\xed", 2, false, &in));
    assert_true(decode_privop((const uint8_t *)"\x41\xed", 2, true, &in));
    assert_false(decode_privop((const uint8_t *)"\x67\x6c", 2, false, &in) && in.addr32);
}

/* Whatever the bytes, nothing behind the last is read, a length is of bytes that were there, and a
 * prefix of what is accepted is not accepted itself. */
static void test_random_bytes(void **state)
{
    static const uint8_t likely_bytes[] = {0x0f, 0xf0, 0x66, 0x67, 0x48, 0x4c, 0x41, 0xf3, 0x81,
                                           0x87, 0x89, 0xb1, 0xba, 0xb3, 0xc1, 0xc7, 0xab, 0xa5,
                                           0x6c, 0xe4, 0x22, 0x01, 0x04, 0x84, 0x05, 0x25};
    uint8_t code[INSN_MAX + 1];
    struct memop_insn m;
    struct privop_insn p;
    unsigned accepted = 0;

    for (unsigned round = 0; round < 1000000; round++) {
        unsigned n = (unsigned)(rnd() % (sizeof(code) + 1));
        bool is64 = rnd() & 1;

        for (unsigned i = 0; i < n; i++)
            code[i] = rnd() & 1 ? likely_bytes[rnd() % sizeof(likely_bytes)] : (uint8_t)rnd();
        if (decode_memop(code, n, &m)) {
            accepted++;
            assert_in_range(m.len, 1, n < INSN_MAX ? n : INSN_MAX);
            assert_true(m.size == 1 || m.size == 2 || m.size == 4 || m.size == 8);
            assert_true(m.op != MEMOP_NONE && m.reg < 16);
            assert_false(decode_memop(code, m.len - 1u, &m));
        }
        if (decode_privop(code, n, is64, &p)) {
            accepted++;
            assert_in_range(p.len, 1, n < INSN_MAX ? n : INSN_MAX);
            assert_true(p.op != PRIVOP_NONE && p.creg < 16 && p.reg < 16);
            assert_false(decode_privop(code, p.len - 1u, is64, &p));
        }
    }
    assert_true(accepted > 1000);
}

/* --- arithmetic: what the processor makes of it --------------------------------------------------
 */

#define ARITH (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

struct result {
    uint64_t mem, flags, acc;
};

/* Runs `insn`, which finds a pointer to memory in RDI, its source in RCX and the accumulator in
 * RAX, with the given flags.  The stack moves out of the red zone's way. */
#define RUN(insn, r, src)                                                                          \
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\tpush %[f]\n\tpopf\n\t" insn                        \
                     "\n\tpushf\n\tpop %[f]\n\tlea 128(%%rsp), %%rsp"                              \
                     : [f] "+r"((r).flags), "+a"((r).acc)                                          \
                     : "D"(&(r).mem), "c"(src)                                                     \
                     : "memory", "cc")

#define SIZES(insn)                                                                                \
    switch (size) {                                                                                \
    case 1: RUN(insn "b %%cl, (%%rdi)", r, src); break;                                            \
    case 2: RUN(insn "w %%cx, (%%rdi)", r, src); break;                                            \
    case 4: RUN(insn "l %%ecx, (%%rdi)", r, src); break;                                           \
    default: RUN(insn "q %%rcx, (%%rdi)", r, src); break;                                          \
    }
#define SIZES_BIT(insn)                                                                            \
    switch (size) {                                                                                \
    case 2: RUN(insn "w %%cx, (%%rdi)", r, src & 15); break;                                       \
    case 4: RUN(insn "l %%ecx, (%%rdi)", r, src & 31); break;                                      \
    default: RUN(insn "q %%rcx, (%%rdi)", r, src & 63); break;                                     \
    }

static struct result run_real(enum memop op, unsigned size, uint64_t old, uint64_t src,
                              uint64_t flags, uint64_t acc)
{
    struct result r = {old, flags, acc};

    switch (op) {
    case MEMOP_MOV: SIZES("mov"); break;
    case MEMOP_XCHG: SIZES("xchg"); break;
    case MEMOP_CMPXCHG: SIZES("cmpxchg"); break;
    case MEMOP_XADD: SIZES("xadd"); break;
    case MEMOP_AND: SIZES("and"); break;
    case MEMOP_OR: SIZES("or"); break;
    case MEMOP_XOR: SIZES("xor"); break;
    case MEMOP_ADD: SIZES("add"); break;
    case MEMOP_SUB: SIZES("sub"); break;
    case MEMOP_BTS: SIZES_BIT("bts"); break;
    case MEMOP_BTR: SIZES_BIT("btr"); break;
    case MEMOP_BTC: SIZES_BIT("btc"); break;
    default: fail();
    }
    return r;
}

/* Which flags the manuals define after an operation. */
static uint64_t defined_flags(enum memop op)
{
    switch (op) {
    case MEMOP_AND:
    case MEMOP_OR:
    case MEMOP_XOR: return ARITH & ~RFLAGS_AF;
    case MEMOP_BTS:
    case MEMOP_BTR:
    case MEMOP_BTC: return RFLAGS_CF | RFLAGS_ZF;
    default: return ARITH;
    }
}

static uint64_t operand(void)
{
    static const uint64_t edge[] = {0,      1,      0x7f,       0x80,       0xff,    0x7fff,
                                    0x8000, 0xffff, 0x7fffffff, 0x80000000, ~0UL,    0xffffffff,
                                    0xf,    0x10,   1UL << 63,  ~0UL >> 1,  ~0UL - 1};

    return rnd() & 1 ? edge[rnd() % ARRAY_SIZE(edge)] : rnd();
}

/* The operations leave in memory and in the flags what the processor leaves there. */
static void test_apply(void **state)
{
    static const enum memop ops[] = {MEMOP_MOV, MEMOP_XCHG, MEMOP_XADD, MEMOP_AND,
                                     MEMOP_OR,  MEMOP_XOR,  MEMOP_ADD,  MEMOP_SUB,
                                     MEMOP_BTS, MEMOP_BTR,  MEMOP_BTC};

    for (unsigned round = 0; round < 500000; round++) {
        enum memop op = ops[rnd() % ARRAY_SIZE(ops)];
        bool bit = op == MEMOP_BTS || op == MEMOP_BTR || op == MEMOP_BTC;
        unsigned size = 1u << (bit ? 1 + rnd() % 3 : rnd() % 4);
        uint64_t mask = size == 8 ? ~0UL : (1UL << size * 8) - 1, old = operand(), src = operand();
        uint64_t before = RFLAGS_IF | RFLAGS_MBS | (rnd() & ARITH), flags = before;
        struct result real = run_real(op, size, old, src, before, 0);
        uint64_t got = memop_apply(op, size, old, src, &flags);

        assert_int_equal(got & mask, real.mem & mask);
        assert_int_equal(flags & defined_flags(op), real.flags & defined_flags(op));
        assert_int_equal(flags & ~ARITH, before & ~ARITH);
    }
}

/* CMPXCHG sets the flags of a subtraction of memory from the accumulator: what pv/ptwr.c makes use
 * of.  It stores the source if they are equal. */
static void test_cmpxchg(void **state)
{
    for (unsigned round = 0; round < 200000; round++) {
        unsigned size = 1u << rnd() % 4;
        uint64_t mask = size == 8 ? ~0UL : (1UL << size * 8) - 1, old = operand(), src = operand();
        uint64_t acc = rnd() & 1 ? old : operand();
        uint64_t before = RFLAGS_IF | RFLAGS_MBS | (rnd() & ARITH), flags = before;
        struct result real = run_real(MEMOP_CMPXCHG, size, old, src, before, acc);

        memop_apply(MEMOP_SUB, size, acc, old, &flags);
        assert_int_equal(flags & ARITH, real.flags & ARITH);
        if (!((acc ^ old) & mask))
            assert_int_equal(memop_apply(MEMOP_CMPXCHG, size, old, src, &flags) & mask,
                             real.mem & mask);
        else
            assert_int_equal(real.acc & mask, old & mask);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memop_encodings),  cmocka_unit_test(test_memop_prefixes),
        cmocka_unit_test(test_memop_both_sizes), cmocka_unit_test(test_memop_strings),
        cmocka_unit_test(test_memop_refused),    cmocka_unit_test(test_privop_encodings),
        cmocka_unit_test(test_random_bytes),     cmocka_unit_test(test_apply),
        cmocka_unit_test(test_cmpxchg),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
