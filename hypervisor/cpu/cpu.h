/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What this processor can do, and one CPU's control registers: see cpu.c.
 */
#pragma once

#include "lib/types.h"

struct cpu_caps {
    char vendor[13];
    char brand[49];
    uint32_t family, model, stepping;
    uint32_t max_leaf, max_ext_leaf;
    uint8_t phys_bits;  /* of a machine address */
    uint64_t arch_caps; /* MSR ARCH_CAPABILITIES, 0: none; see mitigations.c */
    bool is_intel, is_amd;
    bool is_tcg; /* QEMU's emulation: SMAP and MWAIT are broken there, see cpu.c */
    bool in_vm;
    /* Features, named as in the manuals. */
    bool pge, pdpe1gb, pcid, invpcid, smep, smap, fsgsbase;
    bool xsave, xsaveopt, rdtscp, monitor, mwait_break;
    bool x2apic, tsc_deadline, tsc_invariant, arat;
};

extern struct cpu_caps cpu_caps;

/* Reads CPUID on the first CPU and prints what was found.  First of all cpu/ calls. */
void cpu_identify(void);

/*
 * Sets CR0, CR4, EFER, PAT and XCR0 of the calling CPU to what the hypervisor runs with, and notes
 * CR4 in cpu_info.  Stops the machine if a later CPU lacks what the first has.
 */
void cpu_init(void);

/*
 * Turns placeholders for STAC and CLAC (section .smap_sites: addresses of two kinds of three-byte
 * NOPs) into these where SMAP is on.  After map_init(), before the first guest.
 */
void cpu_patch_smap_sites(void);

/* CR4 as the hypervisor has it; guests see and change only a shadow. */
extern uint64_t hv_cr4;

/*
 * Between these two the hypervisor may touch pages that guests can (SMAP).  They nest not, and an
 * interrupt in between keeps the processor's own copy of RFLAGS.AC.
 */
static __always_inline void user_access_begin(void)
{
    /* A NOP that cpu_patch_smap_sites() makes a STAC of. */
    __asm__ volatile("1: .byte 0x66, 0x66, 0x90\n"
                     "   .pushsection .smap_sites, \"a\", @progbits\n"
                     "   .quad 1b\n"
                     "   .popsection\n" ::
                         : "memory");
}

static __always_inline void user_access_end(void)
{
    __asm__ volatile("1: .byte 0x0f, 0x1f, 0x00\n"
                     "   .pushsection .smap_sites, \"a\", @progbits\n"
                     "   .quad 1b\n"
                     "   .popsection\n" ::
                         : "memory");
}
