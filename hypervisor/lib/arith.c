/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the compiler calls for 128-bit division and for counting bits.  libgcc has these too, but
 * compiled for user space: with a red zone below the stack pointer, which an interrupt of ours
 * would overwrite.
 */
#include "lib/types.h"

typedef unsigned __int128 u128;

u128 __udivmodti4(u128 n, u128 d, u128 *rem);
u128 __udivti3(u128 n, u128 d);
u128 __umodti3(u128 n, u128 d);
int __popcountdi2(uint64_t x);

/* (hi, lo) / d, where the quotient fits: hi < d. */
static uint64_t div_2by1(uint64_t hi, uint64_t lo, uint64_t d, uint64_t *rem)
{
    uint64_t q;

    __asm__("divq %4" : "=a"(q), "=d"(*rem) : "a"(lo), "d"(hi), "r"(d) : "cc");
    return q;
}

u128 __udivmodti4(u128 n, u128 d, u128 *rem)
{
    uint64_t hi = n >> 64, lo = n, q_hi = 0, r = 0;

    if (!(d >> 64)) {
        if (hi >= (uint64_t)d) {
            q_hi = hi / (uint64_t)d;
            hi %= (uint64_t)d;
        }
        lo = div_2by1(hi, lo, d, &r);
        if (rem)
            *rem = r;
        return (u128)q_hi << 64 | lo;
    }
    /* A divisor of more than 64 bits: the quotient has at most 64, found bit by bit. */
    u128 q = 0, part = 0;
    for (int i = 127; i >= 0; i--) {
        part = part << 1 | (n >> i & 1);
        q <<= 1;
        if (part >= d) {
            part -= d;
            q |= 1;
        }
    }
    if (rem)
        *rem = part;
    return q;
}

u128 __udivti3(u128 n, u128 d)
{
    return __udivmodti4(n, d, NULL);
}

u128 __umodti3(u128 n, u128 d)
{
    u128 rem;

    __udivmodti4(n, d, &rem);
    return rem;
}

int __popcountdi2(uint64_t x)
{
    x -= x >> 1 & 0x5555555555555555UL;
    x = (x & 0x3333333333333333UL) + (x >> 2 & 0x3333333333333333UL);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fUL;
    return x * 0x0101010101010101UL >> 56;
}
