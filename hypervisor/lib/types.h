/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The words everything is written in: frame numbers as one-field structures (mixing a machine frame
 * with a guest-physical one, or with an address, does not compile), page geometry, and the handful
 * of macros that C lacks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/compiler.h"

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1UL << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)

typedef uint64_t paddr_t; /* machine address, bytes */
typedef uint16_t domid_t;

/* Physical processors; a set of them is one word (lib/cpumask.h has the operations). */
#define NR_CPUS 64
typedef uint64_t cpumask_t;

/* A machine frame number: an address divided by PAGE_SIZE. */
typedef struct {
    uint64_t n;
} mfn_t;

/* A guest's pseudo-physical frame number. */
typedef struct {
    uint64_t n;
} pfn_t;

#define MFN(x)      ((mfn_t){(x)})
#define PFN(x)      ((pfn_t){(x)})
#define INVALID_MFN MFN(~0UL)

static inline bool mfn_eq(mfn_t a, mfn_t b)
{
    return a.n == b.n;
}

static inline bool mfn_valid_number(mfn_t m)
{
    return m.n != ~0UL;
}

static inline mfn_t mfn_add(mfn_t m, uint64_t n)
{
    return MFN(m.n + n);
}

static inline paddr_t mfn_to_paddr(mfn_t m)
{
    return m.n << PAGE_SHIFT;
}

static inline mfn_t paddr_to_mfn(paddr_t p)
{
    return MFN(p >> PAGE_SHIFT);
}

#define min(a, b)                                                                                  \
    ({                                                                                             \
        __typeof__(a) min_a = (a);                                                                 \
        __typeof__(b) min_b = (b);                                                                 \
        min_a < min_b ? min_a : min_b;                                                             \
    })
#define max(a, b)                                                                                  \
    ({                                                                                             \
        __typeof__(a) max_a = (a);                                                                 \
        __typeof__(b) max_b = (b);                                                                 \
        max_a > max_b ? max_a : max_b;                                                             \
    })

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member)                                                            \
    ({                                                                                             \
        __typeof__(((type *)0)->member) *co_ptr = (ptr);                                           \
        (type *)((char *)co_ptr - offsetof(type, member));                                         \
    })

/* Powers of two only. */
#define ALIGN_UP(x, a)   (((x) + ((a)-1)) & ~((__typeof__(x))(a)-1))
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a)-1))
#define IS_ALIGNED(x, a) (((x) & ((a)-1)) == 0)
#define DIV_UP(x, d)     (((x) + (d)-1) / (d))
#define BIT(n)           (1UL << (n))
