/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The architecture's numbers: control register bits, MSRs, page-table entry bits, exception
 * vectors.  All from the processor manuals (Intel SDM volumes 3 and 4, AMD APM volume 2), for C and
 * assembler.
 */
#pragma once

#ifdef __ASSEMBLY__
#define X86_UL(x) x
#else
#define X86_UL(x) x##UL
#endif

#define CR0_PE X86_UL(0x00000001)
#define CR0_MP X86_UL(0x00000002)
#define CR0_EM X86_UL(0x00000004)
#define CR0_TS X86_UL(0x00000008)
#define CR0_ET X86_UL(0x00000010)
#define CR0_NE X86_UL(0x00000020)
#define CR0_WP X86_UL(0x00010000)
#define CR0_AM X86_UL(0x00040000)
#define CR0_NW X86_UL(0x20000000)
#define CR0_CD X86_UL(0x40000000)
#define CR0_PG X86_UL(0x80000000)

#define CR4_VME        X86_UL(0x00000001)
#define CR4_PVI        X86_UL(0x00000002)
#define CR4_TSD        X86_UL(0x00000004)
#define CR4_DE         X86_UL(0x00000008)
#define CR4_PSE        X86_UL(0x00000010)
#define CR4_PAE        X86_UL(0x00000020)
#define CR4_MCE        X86_UL(0x00000040)
#define CR4_PGE        X86_UL(0x00000080)
#define CR4_PCE        X86_UL(0x00000100)
#define CR4_OSFXSR     X86_UL(0x00000200)
#define CR4_OSXMMEXCPT X86_UL(0x00000400)
#define CR4_FSGSBASE   X86_UL(0x00010000)
#define CR4_PCIDE      X86_UL(0x00020000)
#define CR4_OSXSAVE    X86_UL(0x00040000)
#define CR4_SMEP       X86_UL(0x00100000)
#define CR4_SMAP       X86_UL(0x00200000)

#define RFLAGS_CF   X86_UL(0x00000001)
#define RFLAGS_MBS  X86_UL(0x00000002) /* always one */
#define RFLAGS_PF   X86_UL(0x00000004)
#define RFLAGS_AF   X86_UL(0x00000010)
#define RFLAGS_ZF   X86_UL(0x00000040)
#define RFLAGS_SF   X86_UL(0x00000080)
#define RFLAGS_TF   X86_UL(0x00000100)
#define RFLAGS_IF   X86_UL(0x00000200)
#define RFLAGS_DF   X86_UL(0x00000400)
#define RFLAGS_OF   X86_UL(0x00000800)
#define RFLAGS_IOPL X86_UL(0x00003000)
#define RFLAGS_NT   X86_UL(0x00004000)
#define RFLAGS_RF   X86_UL(0x00010000)
#define RFLAGS_VM   X86_UL(0x00020000)
#define RFLAGS_AC   X86_UL(0x00040000)
#define RFLAGS_VIF  X86_UL(0x00080000)
#define RFLAGS_VIP  X86_UL(0x00100000)
#define RFLAGS_ID   X86_UL(0x00200000)

#define EFER_SCE X86_UL(0x001)
#define EFER_LME X86_UL(0x100)
#define EFER_LMA X86_UL(0x400)
#define EFER_NXE X86_UL(0x800)

#define MSR_APIC_BASE         0x0000001b
#define MSR_TSC_ADJUST        0x0000003b
#define MSR_ARCH_CAPABILITIES 0x0000010a
#define MSR_MISC_ENABLE       0x000001a0
#define MSR_PAT               0x00000277
#define MSR_TSC_DEADLINE      0x000006e0
#define MSR_X2APIC_FIRST      0x00000800
#define MSR_EFER              0xc0000080
#define MSR_STAR              0xc0000081
#define MSR_LSTAR             0xc0000082
#define MSR_CSTAR             0xc0000083
#define MSR_SYSCALL_MASK      0xc0000084
#define MSR_FS_BASE           0xc0000100
#define MSR_GS_BASE           0xc0000101
#define MSR_KERNEL_GS_BASE    0xc0000102
#define MSR_TSC_AUX           0xc0000103
#define MSR_SYSENTER_CS       0x00000174
#define MSR_SYSENTER_ESP      0x00000175
#define MSR_SYSENTER_EIP      0x00000176

#define APIC_BASE_BSP    X86_UL(0x100)
#define APIC_BASE_X2APIC X86_UL(0x400)
#define APIC_BASE_ENABLE X86_UL(0x800)

#define PTE_P    X86_UL(0x001)
#define PTE_RW   X86_UL(0x002)
#define PTE_US   X86_UL(0x004)
#define PTE_PWT  X86_UL(0x008)
#define PTE_PCD  X86_UL(0x010)
#define PTE_A    X86_UL(0x020)
#define PTE_D    X86_UL(0x040)
#define PTE_PSE  X86_UL(0x080) /* in L2 and L3: a large page; in L1: bit 2 of the PAT index */
#define PTE_PAT  X86_UL(0x080)
#define PTE_G    X86_UL(0x100)
#define PTE_NX   X86_UL(0x8000000000000000)
#define PTE_ADDR X86_UL(0x000ffffffffff000)

/* Cache attributes as indices into the PAT that cpu/cpu.c loads (the ABI's, see there). */
#define PTE_CACHE_WB X86_UL(0)
#define PTE_CACHE_UC (PTE_PWT | PTE_PCD)
#define PTE_CACHE_WC PTE_PAT

#define TRAP_DE  0
#define TRAP_DB  1
#define TRAP_NMI 2
#define TRAP_BP  3
#define TRAP_OF  4
#define TRAP_BR  5
#define TRAP_UD  6
#define TRAP_NM  7
#define TRAP_DF  8
#define TRAP_TS  10
#define TRAP_NP  11
#define TRAP_SS  12
#define TRAP_GP  13
#define TRAP_PF  14
#define TRAP_MF  16
#define TRAP_AC  17
#define TRAP_MC  18
#define TRAP_XM  19
#define TRAP_CP  21

/* Vectors for which the processor pushes an error code. */
#define TRAP_HAS_ERROR_CODE                                                                        \
    ((1 << TRAP_DF) | (1 << TRAP_TS) | (1 << TRAP_NP) | (1 << TRAP_SS) | (1 << TRAP_GP) |          \
     (1 << TRAP_PF) | (1 << TRAP_AC) | (1 << TRAP_CP) | (1 << 29) | (1 << 30))

/* #PF error code. */
#define PF_PRESENT 0x01
#define PF_WRITE   0x02
#define PF_USER    0x04
#define PF_RSVD    0x08
#define PF_INSN    0x10
