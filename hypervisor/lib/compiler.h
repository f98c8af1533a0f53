/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the compiler can be told beyond C: attributes, branch hints and compiler barriers.
 * Included by everything, knows nothing.
 */
#pragma once

/*
 * Everything declared from here on is in this image: addresses are taken relative to RIP, not
 * through a table.  (-fvisibility=hidden says so only of definitions.)
 */
#ifndef PAVIS_HOST_TEST
#pragma GCC visibility push(hidden)
#endif

#define likely(x)      __builtin_expect(!!(x), 1)
#define unlikely(x)    __builtin_expect(!!(x), 0)
#define barrier()      __asm__ volatile("" ::: "memory")
#define __noinline     __attribute__((noinline))
#define __noreturn     __attribute__((noreturn))
#define __must_check   __attribute__((warn_unused_result))
#define __packed       __attribute__((packed))
#define __aligned(n)   __attribute__((aligned(n)))
#define __weak         __attribute__((weak))
#define __used         __attribute__((used))
#define __printf(f, a) __attribute__((format(printf, f, a)))
/* For a local variable on a hot path of which every byte is written before it is read: spares the
 * zero fill of -ftrivial-auto-var-init.  Say at each use why that is so. */
#define __uninitialized __attribute__((uninitialized))
#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* One cache line on every processor this runs on; per-CPU array elements are aligned to it. */
#define CACHE_LINE      64
#define __cache_aligned __aligned(CACHE_LINE)

/*
 * Code and data that only the boot needs: the frames below these sections are given back when dom0
 * starts, so nothing that runs later may refer to them.
 */
#ifdef PAVIS_HOST_TEST
#define __boot_text
#define __boot_data
#define __boot_bss
#else
#define __boot_text __attribute__((section(".boot.text"), noinline))
#define __boot_data __attribute__((section(".boot.data")))
#define __boot_bss  __attribute__((section(".boot.bss,\"aw\",@nobits#")))
#endif

/* Written while booting (or by a boot option), only read afterwards. */
#ifdef PAVIS_HOST_TEST
#define __read_mostly
#else
#define __read_mostly __attribute__((section(".data.read_mostly")))
#endif

static inline void cpu_relax(void)
{
    __asm__ volatile("pause" ::: "memory");
}
