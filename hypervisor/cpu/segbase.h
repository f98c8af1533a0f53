/* SPDX-License-Identifier: GPL-2.0-only */
/* FS and GS bases: by instruction where the processor has them, else by MSR. */
#pragma once

#include "cpu/cpu.h"
#include "cpu/insn.h"

static inline uint64_t get_fs_base(void)
{
    return cpu_caps.fsgsbase ? rdfsbase() : rdmsr(MSR_FS_BASE);
}

static inline uint64_t get_gs_base(void)
{
    return cpu_caps.fsgsbase ? rdgsbase() : rdmsr(MSR_GS_BASE);
}

static inline void set_fs_base(uint64_t v)
{
    if (cpu_caps.fsgsbase)
        wrfsbase(v);
    else
        wrmsr(MSR_FS_BASE, v);
}

static inline void set_gs_base(uint64_t v)
{
    if (cpu_caps.fsgsbase)
        wrgsbase(v);
    else
        wrmsr(MSR_GS_BASE, v);
}

#define DEFINE_READ_SEG(seg)                                                                       \
    static inline uint16_t read_##seg(void)                                                        \
    {                                                                                              \
        uint32_t v;                                                                                \
        __asm__ volatile("movl %%" #seg ", %0" : "=r"(v));                                         \
        return v;                                                                                  \
    }
DEFINE_READ_SEG(ds)
DEFINE_READ_SEG(es)
DEFINE_READ_SEG(fs)
DEFINE_READ_SEG(gs)
#undef DEFINE_READ_SEG
