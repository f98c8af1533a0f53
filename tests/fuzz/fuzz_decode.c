/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The instruction decoders: whatever the bytes, nothing behind them is read; a length is one to
 * fifteen and within the bytes; an instruction is the same whatever follows it, and none when its
 * last byte is missing; an emulated store stays in its operand and touches arithmetic flags only.
 */
// SHORT: 150000
// SOURCES: hypervisor/pv/decode.c
#include <cmocka.h>

#include "cpu/x86.h"
#include "fuzz.h"
#include "pv/decode.h"

#define ARITHMETIC_FLAGS 0x8d5UL /* CF PF AF ZF SF OF: Intel SDM vol. 1, 3.4.3.1 */

static bool privop(const uint8_t *bytes, size_t n, bool is64, struct privop_insn *out)
{
    uint8_t *code = fuzz_copy(bytes, n);
    bool ok;

    memset(out, 0, sizeof(*out));
    ok = privop_decode(code, (unsigned)n, is64, out);
    free(code);
    return ok;
}

static bool memop(const uint8_t *bytes, size_t n, struct memop_insn *out)
{
    uint8_t *code = fuzz_copy(bytes, n);
    bool ok;

    memset(out, 0, sizeof(*out));
    ok = memop_decode(code, (unsigned)n, out);
    free(code);
    return ok;
}

static void try_privop(const uint8_t *code, size_t n, bool is64)
{
    struct privop_insn insn, again;

    if (!privop(code, n, is64, &insn))
        return;
    assert_in_range(insn.len, 1, n);
    assert_true(insn.op != PRIVOP_NONE && insn.reg < 16 && insn.creg < 16);
    if (insn.op >= PRIVOP_IN && insn.op <= PRIVOP_OUTS)
        assert_true(insn.size == 1 || insn.size == 2 || insn.size == 4);
    assert_true(privop(code, insn.len, is64, &again));
    assert_memory_equal(&insn, &again, sizeof(insn));
    assert_false(privop(code, insn.len - 1UL, is64, &again));
}

static void try_memop(const uint8_t *code, size_t n, uint64_t old, uint64_t src)
{
    uint64_t flags = src ^ old, before = flags, result, mask;
    struct memop_insn insn, again;

    if (!memop(code, n, &insn))
        return;
    assert_in_range(insn.len, 1, n);
    assert_true(insn.op != MEMOP_NONE && insn.reg < 16);
    assert_true(insn.size == 1 || insn.size == 2 || insn.size == 4 || insn.size == 8);
    assert_true(memop(code, insn.len, &again));
    assert_memory_equal(&insn, &again, sizeof(insn));
    assert_false(memop(code, insn.len - 1UL, &again));
    if (insn.op == MEMOP_MOVS)
        return;
    mask = insn.size == 8 ? ~0UL : (1UL << insn.size * 8) - 1;
    result = memop_apply(insn.op, insn.size, old & mask, insn.has_imm ? insn.imm : src, &flags);
    assert_int_equal(result & ~mask, 0);
    assert_int_equal((flags ^ before) & ~ARITHMETIC_FLAGS, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n = size < INSN_MAX ? size : INSN_MAX;
    struct fuzz_input rest = {data + n, size - n};
    uint64_t old = fuzz_take(&rest, 8), src = fuzz_take(&rest, 8);

    try_privop(data, n, true);
    try_privop(data, n, false);
    try_memop(data, n, old, src);
    return 0;
}
