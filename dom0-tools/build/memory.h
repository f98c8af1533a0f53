/* SPDX-License-Identifier: GPL-2.0-only */
/* What the pure part of the builder knows of a new domain's memory: page frames 0 to nr_pages - 1,
 * which it can have mapped, and the machine frames behind them.
 *
 * The edge (build.c) implements this by foreign mappings, tests and fuzzers by a memory file.
 * Frames are zero at first as far as anybody relies on it: kernel and tables are cleared
 * explicitly, the rest of the domain's memory is what the hypervisor gave.
 *
 * Copies and clearing go sixteen bytes a step.  memcpy() would choose REP MOVSB for such sizes,
 * which an emulated processor executes byte by byte.
 */
#pragma once

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include "lib/problem.h"

#define GUEST_PAGE_SHIFT 12
#define GUEST_PAGE       ((size_t)1 << GUEST_PAGE_SHIFT)

struct guest_memory {
    uint64_t nr_pages;
    bool zeroed; /* all of it is zero at first, by what the hypervisor promises */
    /* Maps frames [pfn, pfn + nr), which the domain has, writable at @at, which the caller has
     * reserved, or anywhere if that is NULL.  NULL on failure.  A frame may be mapped twice. */
    void *(*map)(struct guest_memory *m, void *at, uint64_t pfn, uint64_t nr, struct problem *why);
    /* Undoes one or several mappings, each as a whole, and what is reserved around them. */
    void (*unmap)(struct guest_memory *m, void *p, uint64_t nr);
    /* Unmaps as well, but where the program ends soon it may be left to the end: frames that
     * become page tables must be unmapped at once, others before the guest runs. */
    void (*forget)(struct guest_memory *m, void *p, uint64_t nr);
    /* The machine frame behind a page frame. */
    uint64_t (*mfn)(const struct guest_memory *m, uint64_t pfn);
};

/* Address space for mappings, to be given to unmap() or forget(); NULL with errno. */
static inline void *guest_reserve(uint64_t nr_pages)
{
    void *p = mmap(NULL, nr_pages << GUEST_PAGE_SHIFT, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

#define WIDE_PIECE ((size_t)256)

__attribute__((target("avx2"))) static inline void copy_avx2(char *to, const char *from, size_t len)
{
    for (; len >= WIDE_PIECE; len -= WIDE_PIECE, to += WIDE_PIECE, from += WIDE_PIECE) {
        const __m256i *f = (const __m256i *)from;
        __m256i *t = (__m256i *)to;
        __m256i a = _mm256_loadu_si256(f), b = _mm256_loadu_si256(f + 1);
        __m256i c = _mm256_loadu_si256(f + 2), d = _mm256_loadu_si256(f + 3);
        __m256i e = _mm256_loadu_si256(f + 4), g = _mm256_loadu_si256(f + 5);
        __m256i h = _mm256_loadu_si256(f + 6), i = _mm256_loadu_si256(f + 7);

        _mm256_storeu_si256(t, a);
        _mm256_storeu_si256(t + 1, b);
        _mm256_storeu_si256(t + 2, c);
        _mm256_storeu_si256(t + 3, d);
        _mm256_storeu_si256(t + 4, e);
        _mm256_storeu_si256(t + 5, g);
        _mm256_storeu_si256(t + 6, h);
        _mm256_storeu_si256(t + 7, i);
    }
}

static inline void copy_wide(void *to, const void *from, size_t len)
{
    char *t = to;
    const char *f = from;

    if (len >= GUEST_PAGE && __builtin_cpu_supports("avx2")) {
        copy_avx2(t, f, len);
        t += len & ~(WIDE_PIECE - 1);
        f += len & ~(WIDE_PIECE - 1);
        len &= WIDE_PIECE - 1;
    }
    for (; len >= 64; len -= 64, t += 64, f += 64) {
        __m128i a = _mm_loadu_si128((const __m128i *)f);
        __m128i b = _mm_loadu_si128((const __m128i *)(f + 16));
        __m128i c = _mm_loadu_si128((const __m128i *)(f + 32));
        __m128i d = _mm_loadu_si128((const __m128i *)(f + 48));

        _mm_storeu_si128((__m128i *)t, a);
        _mm_storeu_si128((__m128i *)(t + 16), b);
        _mm_storeu_si128((__m128i *)(t + 32), c);
        _mm_storeu_si128((__m128i *)(t + 48), d);
    }
    for (; len >= 16; len -= 16, t += 16, f += 16)
        _mm_storeu_si128((__m128i *)t, _mm_loadu_si128((const __m128i *)f));
    while (len--)
        *t++ = *f++;
}

static inline void clear_wide(void *at, size_t len)
{
    char *t = at;
    __m128i zero = _mm_setzero_si128();

    for (; len >= 128; len -= 128, t += 128) {
        _mm_storeu_si128((__m128i *)t, zero);
        _mm_storeu_si128((__m128i *)(t + 16), zero);
        _mm_storeu_si128((__m128i *)(t + 32), zero);
        _mm_storeu_si128((__m128i *)(t + 48), zero);
        _mm_storeu_si128((__m128i *)(t + 64), zero);
        _mm_storeu_si128((__m128i *)(t + 80), zero);
        _mm_storeu_si128((__m128i *)(t + 96), zero);
        _mm_storeu_si128((__m128i *)(t + 112), zero);
    }
    while (len--)
        *t++ = 0;
}
