/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Atomic operations under short names.  The plain ones are fully ordered (x86 gives that for free
 * with the lock prefix); load_once and store_once only promise that the access happens once and
 * untorn, which is what reading guest memory and polling need.
 */
#pragma once

#include "lib/types.h"

#define load_once(p)         (*(const volatile __typeof__(*(p)) *)(p))
#define store_once(p, v)     (*(volatile __typeof__(*(p)) *)(p) = (v))
#define load_acquire(p)      __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define store_release(p, v)  __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define atomic_xchg(p, v)    __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define atomic_add_get(p, v) __atomic_add_fetch((p), (v), __ATOMIC_SEQ_CST)
#define atomic_sub_get(p, v) __atomic_sub_fetch((p), (v), __ATOMIC_SEQ_CST)
#define atomic_get_add(p, v) __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST)
#define atomic_get_or(p, v)  __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST)
#define atomic_get_and(p, v) __atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST)
#define atomic_inc(p)        ((void)atomic_add_get((p), 1))
#define atomic_dec(p)        ((void)atomic_sub_get((p), 1))

/* True when *p was *old and is now v; else *old becomes what was found. */
#define atomic_cmpxchg(p, old, v)                                                                  \
    __atomic_compare_exchange_n((p), (old), (v), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

#define smp_mb()  __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_rmb() barrier() /* x86 keeps loads in order among themselves, and stores */
#define smp_wmb() barrier()

/* Bit `nr` counted from `addr` on, in 64-bit words; each returns the bit's former value. */
static inline bool atomic_test_and_set_bit(unsigned int nr, void *addr)
{
    uint64_t bit = 1UL << (nr & 63);

    return atomic_get_or((uint64_t *)addr + nr / 64, bit) & bit;
}

static inline bool atomic_test_and_clear_bit(unsigned int nr, void *addr)
{
    uint64_t bit = 1UL << (nr & 63);

    return atomic_get_and((uint64_t *)addr + nr / 64, ~bit) & bit;
}
