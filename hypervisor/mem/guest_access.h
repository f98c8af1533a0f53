/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copies to and from the memory of the running guest, by its virtual addresses: the only place that
 * dereferences a guest's pointer.
 *
 * The processor checks the mapping (we run on the guest's page tables); the range check here keeps
 * a pointer from naming hypervisor space, which ring 0 could reach.  Whatever is read is a copy:
 * read once, check, use (I7).
 */
#pragma once

#include "lib/types.h"
#include "mem/layout.h"

#define GUEST_HOLE_START 0xffff800000000000UL /* slots 256 ... */
#define GUEST_HOLE_END   0xffff880000000000UL /* ... to 271 */
#define GUEST_LOW_END    0x0000800000000000UL /* first address that is not canonical */

/* Whether [gva, gva + n) is a guest's to use.  Does not say that it is mapped. */
static inline bool guest_range_okay(uint64_t gva, uint64_t n)
{
    uint64_t last;

    if (n == 0)
        return true;
    if (__builtin_add_overflow(gva, n - 1, &last))
        return false;
    return last < GUEST_LOW_END || gva >= GUEST_HOLE_END;
}

/* An array of `count` elements of `size` bytes. */
static inline bool guest_array_okay(uint64_t gva, uint64_t count, uint64_t size)
{
    uint64_t n;

    return !__builtin_mul_overflow(count, size, &n) && guest_range_okay(gva, n);
}

/* 0 or -EFAULT.  After -EFAULT part may have been copied. */
int __must_check copy_from_guest(void *dst, uint64_t gva, size_t n);
int __must_check copy_to_guest(uint64_t gva, const void *src, size_t n);
int __must_check clear_guest(uint64_t gva, size_t n);

/*
 * The same for a few whole words, inline and without a loop, for structures on hot paths: `words`
 * is a constant, at most 12.  `dst` may be left without initialization: nothing of it is to be used
 * after -EFAULT.
 */
static __always_inline int __must_check read_guest_words(void *dst, uint64_t gva, unsigned words);
static __always_inline int __must_check write_guest_words(uint64_t gva, const void *src,
                                                          unsigned words);
/* For an element of an array that guest_array_okay() has judged whole. */
static __always_inline int __must_check read_guest_words_okay(void *dst, uint64_t gva,
                                                              unsigned words);

/* One naturally sized word, without a loop: for hot paths (bounce frames, iret). */
int __must_check get_guest_u64(uint64_t *v, uint64_t gva);
int __must_check put_guest_u64(uint64_t gva, uint64_t v);

#ifdef PAVIS_HOST_TEST

static __always_inline int read_guest_words_okay(void *dst, uint64_t gva, unsigned words)
{
    return copy_from_guest(dst, gva, words * 8UL);
}

static __always_inline int read_guest_words(void *dst, uint64_t gva, unsigned words)
{
    return copy_from_guest(dst, gva, words * 8UL);
}

static __always_inline int write_guest_words(uint64_t gva, const void *src, unsigned words)
{
    return copy_to_guest(gva, src, words * 8UL);
}

#else

#include "cpu/cpu.h"
#include "cpu/ex_table.h"
#include "lib/errno.h"

/* One word, between user_access_begin() and user_access_end(); a fault goes to `label`. */
#define LOAD_GUEST_WORD(value, address, label)                                                     \
    __asm__ goto("1: mov %[memory], %[word]\n" EX_TABLE("1b", "%l[" #label "]")                    \
                 : [word] "=r"(value)                                                              \
                 : [memory] "m"(*(const uint64_t *)(address))                                      \
                 :                                                                                 \
                 : label)
#define STORE_GUEST_WORD(address, value, label)                                                    \
    __asm__ goto("1: movq %[word], %[memory]\n" EX_TABLE("1b", "%l[" #label "]")                   \
                 :                                                                                 \
                 : [word] "re"((uint64_t)(value)), [memory] "m"(*(uint64_t *)(address))            \
                 : "memory"                                                                        \
                 : label)

static __always_inline int read_guest_words_okay(void *dst, uint64_t gva, unsigned words)
{
    const uint64_t *from = (const uint64_t *)gva;
    uint64_t *to = dst, word;

    user_access_begin();
#pragma GCC unroll 12
    for (unsigned i = 0; i < words; i++) {
        // cppcheck-suppress legacyUninitvar ; written by assembly, which the analyser skips
        LOAD_GUEST_WORD(word, from + i, fault);
        to[i] = word;
    }
    user_access_end();
    return 0;
fault:
    user_access_end();
    return -EFAULT;
}

static __always_inline int read_guest_words(void *dst, uint64_t gva, unsigned words)
{
    if (unlikely(!guest_range_okay(gva, words * 8UL)))
        return -EFAULT;
    return read_guest_words_okay(dst, gva, words);
}

static __always_inline int write_guest_words(uint64_t gva, const void *src, unsigned words)
{
    const uint64_t *from = src;
    uint64_t *to = (uint64_t *)gva;

    if (unlikely(!guest_range_okay(gva, words * 8UL)))
        return -EFAULT;
    user_access_begin();
#pragma GCC unroll 12
    for (unsigned i = 0; i < words; i++)
        STORE_GUEST_WORD(to + i, from[i], fault);
    user_access_end();
    return 0;
fault:
    user_access_end();
    return -EFAULT;
}

#endif
