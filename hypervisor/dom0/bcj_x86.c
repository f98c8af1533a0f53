/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An instruction may be converted if its opcode is E8 or E9 and the highest byte of its operand is
 * 00 or FF, the sign of a distance within 16 MiB.  Since the filter does not decode instructions,
 * opcode bytes also turn up inside operands.  To stay invertible it keeps in mind which of the
 * three bytes before an opcode were opcodes that it left alone ("pending", bit 0 the nearest): such
 * an opcode is only converted where the pending ones cannot have been meant, and then so that the
 * operand byte which they overlap does not become a sign again.  If one bit of this differed from
 * the packing side, single call targets would be wrong: the checksum, which is taken over the
 * result, tells.
 */
#include "dom0/bcj_x86.h"

#include "lib/string.h"
#include "lib/types.h"

#define OPERAND      4u /* bytes behind the opcode */
#define INSTRUCTION  (1u + OPERAND)
#define LOOK_BACK    3u
#define EACH_BYTE(b) (0x0101010101010101ULL * (b))

static bool is_opcode(uint8_t b)
{
    return (b & 0xfe) == 0xe8;
}

static bool is_sign(uint8_t b)
{
    return b == 0x00 || b == 0xff;
}

/* The first opcode byte at i or later, or end.  At least OPERAND bytes follow end. */
static size_t next_opcode(const uint8_t *buf, size_t i, size_t end)
{
    for (; i + sizeof(uint64_t) <= end; i += sizeof(uint64_t)) {
        uint64_t word, hits;

        memcpy(&word, buf + i, sizeof(word));
        word = (word & EACH_BYTE(0xfe)) ^ EACH_BYTE(0xe8); /* 00 where an opcode was */
        hits = (word - EACH_BYTE(0x01)) & ~word & EACH_BYTE(0x80);
        if (hits) /* the lowest bit is exact, higher ones may be borrows */
            return i + (unsigned)__builtin_ctzll(hits) / 8;
    }
    while (i < end && !is_opcode(buf[i]))
        i++;
    return i;
}

/* How many of the operand's high bytes the oldest pending opcode's own operand leaves out. */
static unsigned overlap(unsigned pending)
{
    return pending & 4 ? 3 : pending & 2 ? 2 : pending;
}

static bool may_convert(const uint8_t *at, unsigned pending)
{
    if (!is_sign(at[OPERAND]))
        return false;
    if (pending == 0)
        return true;
    /* two pending ones next to each other (011), or an old one with a younger (1x1, 11x): never */
    return (pending & (pending - 1)) == 0 && !is_sign(at[OPERAND - overlap(pending)]);
}

static uint32_t relative(uint32_t absolute, uint32_t next, unsigned pending)
{
    unsigned shift = 8 * overlap(pending);
    uint32_t v = absolute - next;

    while (pending && is_sign((uint8_t)(v >> (24 - shift))))
        v = (v ^ (0xffffffffu >> shift)) - next;
    return (uint32_t)((int32_t)(v << 7) >> 7); /* bit 24 is the sign */
}

void bcj_x86_undo(uint8_t *buf, size_t size)
{
    size_t end = size > OPERAND ? size - OPERAND : 0, last = 0;
    unsigned pending = 0;

    for (size_t i = next_opcode(buf, 0, end); i < end; i = next_opcode(buf, i, end)) {
        size_t gap = i - last;
        uint32_t operand;

        pending = gap > LOOK_BACK ? 0 : (pending << gap >> 1) & 7;
        last = i;
        if (!may_convert(buf + i, pending)) {
            pending = pending << 1 | 1;
            i++;
            continue;
        }
        memcpy(&operand, buf + i + 1, sizeof(operand));
        operand = relative(operand, (uint32_t)(i + INSTRUCTION), pending);
        memcpy(buf + i + 1, &operand, sizeof(operand));
        pending = 0;
        i += INSTRUCTION;
    }
}
