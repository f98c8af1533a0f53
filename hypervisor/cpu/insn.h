/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every privileged instruction, wrapped once.  Nothing here decides anything; the callers say why.
 * Forms that may fault by a value from outside (an MSR a guest named) end in _safe and go through
 * the exception table of cpu/fault.c.
 */
#pragma once

#include "cpu/ex_table.h"
#include "cpu/x86.h"
#include "lib/types.h"

#define DEFINE_CR(n)                                                                               \
    static inline uint64_t read_cr##n(void)                                                        \
    {                                                                                              \
        uint64_t v;                                                                                \
        __asm__ volatile("mov %%cr" #n ", %0" : "=r"(v));                                          \
        return v;                                                                                  \
    }                                                                                              \
    static inline void write_cr##n(uint64_t v)                                                     \
    {                                                                                              \
        __asm__ volatile("mov %0, %%cr" #n ::"r"(v) : "memory");                                   \
    }
DEFINE_CR(0)
DEFINE_CR(2)
DEFINE_CR(3)
DEFINE_CR(4)
#undef DEFINE_CR

#define DEFINE_DR(n)                                                                               \
    static inline uint64_t read_dr##n(void)                                                        \
    {                                                                                              \
        uint64_t v;                                                                                \
        __asm__ volatile("mov %%db" #n ", %0" : "=r"(v));                                          \
        return v;                                                                                  \
    }                                                                                              \
    static inline void write_dr##n(uint64_t v)                                                     \
    {                                                                                              \
        __asm__ volatile("mov %0, %%db" #n ::"r"(v));                                              \
    }
DEFINE_DR(0)
DEFINE_DR(1)
DEFINE_DR(2)
DEFINE_DR(3)
DEFINE_DR(6)
DEFINE_DR(7)
#undef DEFINE_DR

#define DEFINE_PORT(suffix, type)                                                                  \
    static inline type in##suffix(uint16_t port)                                                   \
    {                                                                                              \
        type v;                                                                                    \
        __asm__ volatile("in" #suffix " %1, %0" : "=a"(v) : "Nd"(port));                           \
        return v;                                                                                  \
    }                                                                                              \
    static inline void out##suffix(type v, uint16_t port)                                          \
    {                                                                                              \
        __asm__ volatile("out" #suffix " %0, %1" ::"a"(v), "Nd"(port));                            \
    }
DEFINE_PORT(b, uint8_t)
DEFINE_PORT(w, uint16_t)
DEFINE_PORT(l, uint32_t)
#undef DEFINE_PORT

struct cpuid_regs {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_regs r;

    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(subleaf));
    return r;
}

static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t lo, hi;

    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
    return lo | (uint64_t)hi << 32;
}

static inline void wrmsr(uint32_t msr, uint64_t v)
{
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

/*
 * Before a WRMSR that other processors or a timer act upon: one to an x2APIC register or the
 * deadline waits for no earlier store, and a locked instruction does not make it (Intel SDM volume
 * 3, 11.12.3 and 11.5.4.1).
 */
static inline void wrmsr_fence(void)
{
    __asm__ volatile("mfence; lfence" ::: "memory");
}

/* False when the processor refuses the MSR (*v is then 0). */
static inline __must_check bool rdmsr_safe(uint32_t msr, uint64_t *v)
{
    uint32_t lo = 0, hi = 0;
    bool ok = false;

    __asm__ volatile("1: rdmsr\n\t"
                     "movb $1, %2\n"
                     "2:\n" EX_TABLE("1b", "2b")
                     : "+a"(lo), "+d"(hi), "+r"(ok)
                     : "c"(msr)
                     : "memory");
    *v = ok ? lo | (uint64_t)hi << 32 : 0;
    return ok;
}

static inline __must_check bool wrmsr_safe(uint32_t msr, uint64_t v)
{
    bool ok = false;

    __asm__ volatile("1: wrmsr\n\t"
                     "movb $1, %0\n"
                     "2:\n" EX_TABLE("1b", "2b")
                     : "+r"(ok)
                     : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32))
                     : "memory");
    return ok;
}

static inline uint64_t rdtsc(void)
{
    uint32_t lo, hi;

    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return lo | (uint64_t)hi << 32;
}

/* The time stamp after everything before it has been done (LFENCE waits on Intel, and on AMD by
 * architecture since the speculation updates). */
static inline uint64_t rdtsc_ordered(void)
{
    __asm__ volatile("lfence" ::: "memory");
    return rdtsc();
}

struct table_register {
    uint16_t limit;
    uint64_t base;
} __packed;

static inline void lgdt(const struct table_register *r)
{
    __asm__ volatile("lgdt %0" ::"m"(*r) : "memory");
}

static inline void lidt(const struct table_register *r)
{
    __asm__ volatile("lidt %0" ::"m"(*r) : "memory");
}

static inline void lldt(uint16_t sel)
{
    __asm__ volatile("lldt %0" ::"rm"(sel) : "memory");
}

static inline void ltr(uint16_t sel)
{
    __asm__ volatile("ltr %0" ::"rm"(sel) : "memory");
}

static inline void invlpg(uint64_t va)
{
    __asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
}

static inline void xsetbv(uint32_t reg, uint64_t v)
{
    __asm__ volatile("xsetbv" ::"c"(reg), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
}

static inline uint64_t xgetbv(uint32_t reg)
{
    uint32_t lo, hi;

    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(reg));
    return lo | (uint64_t)hi << 32;
}

static inline void swapgs(void)
{
    __asm__ volatile("swapgs" ::: "memory");
}

/* Only where CR4.FSGSBASE is set. */
static inline uint64_t rdfsbase(void)
{
    uint64_t v;

    __asm__ volatile("rdfsbase %0" : "=r"(v));
    return v;
}

static inline uint64_t rdgsbase(void)
{
    uint64_t v;

    __asm__ volatile("rdgsbase %0" : "=r"(v));
    return v;
}

static inline void wrfsbase(uint64_t v)
{
    __asm__ volatile("wrfsbase %0" ::"r"(v));
}

static inline void wrgsbase(uint64_t v)
{
    __asm__ volatile("wrgsbase %0" ::"r"(v));
}

static inline void wbinvd(void)
{
    __asm__ volatile("wbinvd" ::: "memory");
}

static inline void clts(void)
{
    __asm__ volatile("clts");
}

static inline void hlt(void)
{
    __asm__ volatile("hlt" ::: "memory");
}

/* STI holds interrupts off for one more instruction: no wake-up is lost between the two. */
static inline void sti_hlt(void)
{
    __asm__ volatile("sti; hlt" ::: "memory");
}

static inline void monitor(const void *addr)
{
    __asm__ volatile("monitor" ::"a"(addr), "c"(0), "d"(0) : "memory");
}

static inline void sti_mwait(uint32_t hint)
{
    __asm__ volatile("sti; mwait" ::"a"(hint), "c"(0) : "memory");
}

/* Only where the processor has SMAP, see cpu_caps.smap. */
static inline void stac(void)
{
    __asm__ volatile("stac" ::: "memory");
}

static inline void clac(void)
{
    __asm__ volatile("clac" ::: "memory");
}
