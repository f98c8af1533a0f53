/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the compiler calls for arithmetic that the processor has no instruction for: 128-bit
 * division and, without SSE4.2, counting bits.  GCC's own library is not linked: it was compiled
 * for user space and may keep data below the stack pointer, where our interrupts push.
 *
 * The names and contracts are GCC's ("Routines for integer arithmetic" in its internals manual).
 */
#include "lib/types.h"

typedef unsigned __int128 u128;

u128 __udivmodti4(u128 a, u128 b, u128 *rest);
u128 __udivti3(u128 a, u128 b);
int __popcountdi2(int64_t v);

/* (hi:lo) / d for hi < d: the quotient fits. */
static uint64_t div_128_64(uint64_t hi, uint64_t lo, uint64_t d, uint64_t *rest)
{
    uint64_t q;

    __asm__("divq %4" : "=a"(q), "=d"(*rest) : "a"(lo), "d"(hi), "r"(d) : "cc");
    return q;
}

u128 __udivmodti4(u128 a, u128 b, u128 *rest)
{
    uint64_t hi = (uint64_t)(a >> 64);
    uint64_t d = (uint64_t)b;
    uint64_t q_hi, q_lo, r;
    u128 quotient = 0;

    if (!(b >> 64)) {
        q_hi = hi / d; /* faults on zero, as a division by zero does */
        q_lo = div_128_64(hi % d, (uint64_t)a, d, &r);
        if (rest)
            *rest = r;
        return (u128)q_hi << 64 | q_lo;
    }
    /* A divisor above 64 bits leaves a quotient below 64: one bit at a time. */
    for (int shift = __builtin_clzl((uint64_t)(b >> 64)); shift >= 0; shift--) {
        if (a >= b << shift) {
            a -= b << shift;
            quotient |= (u128)1 << shift;
        }
    }
    if (rest)
        *rest = a;
    return quotient;
}

u128 __udivti3(u128 a, u128 b)
{
    return __udivmodti4(a, b, NULL);
}

int __popcountdi2(int64_t v)
{
    uint64_t n = (uint64_t)v;

    n -= (n >> 1) & 0x5555555555555555UL;
    n = (n & 0x3333333333333333UL) + ((n >> 2) & 0x3333333333333333UL);
    n = (n + (n >> 4)) & 0x0f0f0f0f0f0f0f0fUL;
    return (int)((n * 0x0101010101010101UL) >> 56);
}
