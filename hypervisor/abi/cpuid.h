/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's CPUID leaves, the prefix that makes CPUID trap, and the records in which CPU
 * policies are handed to tools.
 */
#pragma once

#define XEN_CPUID_FIRST_LEAF 0x40000000
#define XEN_CPUID_LEAF(i)    (XEN_CPUID_FIRST_LEAF + (i))

/* Leaf 0: eax = last leaf, ebx ecx edx spell "XenVMMXenVMM". */
#define XEN_CPUID_SIGNATURE_EBX 0x566e6558
#define XEN_CPUID_SIGNATURE_ECX 0x65584d4d
#define XEN_CPUID_SIGNATURE_EDX 0x4d4d566e

/*
 * Leaf 1: eax = major << 16 | minor.  Leaf 2: eax = hypercall pages, ebx = MSR that fills one, ecx
 * = features below.  Leaf 3: time; sub-leaf 0: eax bit 0 TSC emulated, ebx tsc_mode, ecx guest TSC
 * kHz, edx incarnation; 1: offset and scale; 2: eax host TSC kHz.  Leaf 5: eax = machine address
 * width.
 */
#define XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD (1u << 0)
#define XEN_CPUID_MACHINE_ADDRESS_WIDTH_MASK      (0xffu << 0)
#define XEN_CPUID_MAX_NUM_LEAVES                  5

#define XEN_CPUID_NO_SUBLEAF 0xffffffffu

#ifndef __ASSEMBLY__
#include <stdint.h>

/* ud2a followed by "xen": put before CPUID it asks for the emulated answer. */
#define XEN_EMULATE_PREFIX ".byte 0x0f,0x0b,0x78,0x65,0x6e ; "
#define XEN_CPUID          XEN_EMULATE_PREFIX "cpuid"

struct xen_cpuid_leaf {
    uint32_t leaf;
    uint32_t subleaf;
    uint32_t a;
    uint32_t b;
    uint32_t c;
    uint32_t d;
};

struct xen_msr_entry {
    uint32_t idx;
    uint32_t flags;
    uint64_t val;
};
#endif
