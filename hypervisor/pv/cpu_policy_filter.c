/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which processor features a PV guest is shown, with a reason per row, and which features fall when
 * another is hidden.
 *
 * A bit that no SHOW or MAX_ONLY row names is hidden; HIDE rows exist to say why of the well-known
 * ones.  The rule: an instruction that works in ring 3 and needs no state but what a context switch
 * saves may be shown; what changes paging, privilege or MSRs that nobody virtualizes may not.
 * Relies on nothing.  If a row is wrong, either a guest loses speed or it finds a feature that
 * faults when used.
 */
#include "pv/cpu_policy.h"

#define F(n) (1u << (n))

/* clang-format off */
const struct cpu_filter_row cpu_filter_rows[] = {
    /* leaf 1 edx */
    {CPU_1D, CPU_SHOW, F(0) | F(15) | F(23) | F(24) | F(25) | F(26) | F(27) | F(19) | F(8),
     "FPU CMOV MMX FXSR SSE SSE2 SS CLFLUSH CX8: ring 3, state always saved"},
    {CPU_1D, CPU_SHOW, F(4) | F(5) | F(6) | F(11),
     "TSC MSR PAE SEP: a 64-bit kernel requires them; MSR access is emulated"},
    {CPU_1D, CPU_SHOW, F(2), "DE: debug extensions come with set_debugreg"},
    {CPU_1D, CPU_SHOW, F(7) | F(14), "MCE MCA: bank MSRs read as zero, dom0 drivers ask for them"},
    {CPU_1D, CPU_SHOW, F(9), "APIC: SMP set-up asks for it; none is reachable"},
    {CPU_1D, CPU_SHOW, F(16), "PAT: its MSR is readable, the layout is ours"},
    {CPU_1D, CPU_SHOW, F(28), "HTT: user programs see the real topology, so must the kernel"},
    {CPU_1D, CPU_HIDE, F(1), "VME: no virtual 8086 mode in a PV guest"},
    {CPU_1D, CPU_HIDE, F(3) | F(17), "PSE PSE36: no superpages (I5)"},
    {CPU_1D, CPU_HIDE, F(13), "PGE: the hypervisor owns the global bit (I5)"},
    {CPU_1D, CPU_HIDE, F(12), "MTRR: memory types are the hypervisor's"},
    {CPU_1D, CPU_HIDE, F(21) | F(22) | F(29) | F(31), "DS ACPI TM PBE: tracing and thermal MSRs"},

    /* leaf 1 ecx */
    {CPU_1C, CPU_SHOW,
     F(0) | F(1) | F(9) | F(12) | F(13) | F(19) | F(20) | F(22) | F(23) | F(25) | F(26) | F(28) |
     F(29) | F(30),
     "SSE3 PCLMUL SSSE3 FMA CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE AVX F16C RDRAND: ring 3"},
    {CPU_1C, CPU_SHOW, F(27), "OSXSAVE: a PV kernel takes it as permission to use XSAVE"},
    {CPU_1C, CPU_SHOW, F(31), "HYPERVISOR: how a kernel finds our leaves"},
    {CPU_1C, CPU_HIDE, F(17), "PCID: CR3 is the hypervisor's"},
    {CPU_1C, CPU_HIDE, F(3), "MONITOR: MWAIT is refused in ring 3"},
    {CPU_1C, CPU_HIDE, F(2) | F(15), "DTES64 PDCM: no performance counters"},
    {CPU_1C, CPU_HIDE, F(5) | F(6), "VMX SMX: no nested virtualization"},
    {CPU_1C, CPU_HIDE, F(21) | F(24), "X2APIC, TSC deadline: no local APIC"},

    /* 0x80000001 edx: 3DNow! ends and the words that AMD repeats from leaf 1 */
    {CPU_E1D, CPU_SHOW, F(11) | F(20) | F(29), "SYSCALL NX LM: a 64-bit kernel requires them"},
    {CPU_E1D, CPU_SHOW, F(22) | F(25) | F(30) | F(31), "MMXEXT FFXSR 3DNOW: ring 3"},
    {CPU_E1D, CPU_SHOW, F(27), "RDTSCP: TSC_AUX is switched with the vCPU"},
    {CPU_E1D, CPU_HIDE, F(26), "PAGE1GB: no superpages (I5)"},

    /* 0x80000001 ecx */
    {CPU_E1C, CPU_SHOW, F(0) | F(5) | F(6) | F(7) | F(8) | F(11) | F(16) | F(21),
     "LAHF ABM SSE4A MISALIGNSSE 3DNOWPREFETCH XOP FMA4 TBM: ring 3"},
    {CPU_E1C, CPU_SHOW, F(1), "CMP_LEGACY: as HTT"},
    {CPU_E1C, CPU_HIDE, F(2) | F(12), "SVM SKINIT: no nested virtualization"},
    {CPU_E1C, CPU_HIDE, F(10) | F(15) | F(23) | F(24), "IBS LWP PERFCTR: no performance counters"},
    {CPU_E1C, CPU_HIDE, F(22), "TOPOEXT: its leaves are not virtualized"},

    /* 0xd.1 eax */
    {CPU_DA1, CPU_SHOW, F(0) | F(1) | F(2), "XSAVEOPT XSAVEC XGETBV1: ring 3"},
    {CPU_DA1, CPU_HIDE, F(3) | F(4), "XSAVES XFD: supervisor state is not virtualized"},

    /* 7.0 ebx */
    {CPU_7B0, CPU_SHOW, F(3) | F(5) | F(8) | F(9) | F(18) | F(19) | F(23) | F(24) | F(29),
     "BMI1 AVX2 BMI2 ERMS RDSEED ADX CLFLUSHOPT CLWB SHA: ring 3"},
    {CPU_7B0, CPU_SHOW, F(16) | F(17) | F(21) | F(28) | F(30) | F(31),
     "AVX512 F DQ IFMA CD BW VL: ring 3, components 5 to 7 are saved"},
    {CPU_7B0, CPU_SHOW, F(6) | F(13), "FDP_EXCP_ONLY, no FCS/FDS: say how the FPU behaves"},
    {CPU_7B0, CPU_SHOW, F(0),
     "FSGSBASE: ring 3; as Xen, though Linux pays for it with a trap at each process switch"},
    {CPU_7B0, CPU_MAX_ONLY, F(4) | F(11), "HLE RTM: off by default, as in Xen (TAA)"},
    {CPU_7B0, CPU_HIDE, F(1), "TSC_ADJUST: the MSR is the machine's"},
    {CPU_7B0, CPU_HIDE, F(7) | F(20), "SMEP SMAP: meaningless for a kernel in ring 3"},
    {CPU_7B0, CPU_HIDE, F(10), "INVPCID: as PCID"},
    {CPU_7B0, CPU_HIDE, F(2) | F(12) | F(14) | F(15) | F(25), "SGX, RDT, MPX, PT: not offered"},

    /* 7.0 ecx */
    {CPU_7C0, CPU_SHOW,
     F(0) | F(1) | F(6) | F(8) | F(9) | F(10) | F(11) | F(12) | F(14) | F(22) | F(27) | F(28),
     "PREFETCHWT1 AVX512_VBMI VBMI2 GFNI VAES VPCLMULQDQ VNNI BITALG VPOPCNTDQ RDPID MOVDIR: ring 3"},
    {CPU_7C0, CPU_HIDE, F(2), "UMIP: descriptor-table reads are emulated anyway"},
    {CPU_7C0, CPU_HIDE, F(3) | F(4), "PKU OSPKE: protection keys work on user pages; all PV pages are"},
    {CPU_7C0, CPU_HIDE, F(7) | F(16), "CET_SS, LA57: not offered to a PV guest"},

    /* 0x80000007 edx */
    {CPU_E7D, CPU_MAX_ONLY, F(8), "ITSC: only for a domain that is never migrated"},
    {CPU_E7D, CPU_SHOW, F(10), "EFRO: read-only effective frequency"},

    /* 0x80000008 ebx */
    {CPU_E8B, CPU_SHOW, F(0) | F(2), "CLZERO, RSTR_FP_ERR_PTRS: ring 3, FPU behaviour"},
    {CPU_E8B, CPU_HIDE, F(9), "WBNOINVD: cache control needs a device"},
    {CPU_E8B, CPU_HIDE, F(12) | F(14) | F(15) | F(24), "IBPB IBRS STIBP SSBD: as 7.0 edx"},

    /* 7.0 edx */
    {CPU_7D0, CPU_SHOW, F(2) | F(3) | F(4) | F(8) | F(14) | F(23),
     "AVX512 4VNNIW 4FMAPS VP2INTERSECT FP16, FSRM, SERIALIZE: ring 3"},
    {CPU_7D0, CPU_SHOW, F(10), "MD_CLEAR: VERW scrubs buffers in any ring"},
    {CPU_7D0, CPU_HIDE, F(26) | F(27) | F(31),
     "IBRSB STIBP SSBD: SPEC_CTRL is not switched with a vCPU"},
    {CPU_7D0, CPU_HIDE, F(28) | F(29), "L1D_FLUSH ARCH_CAPS: the hypervisor's business"},
    {CPU_7D0, CPU_HIDE, F(20) | F(22) | F(24) | F(25), "CET_IBT, AMX: not offered"},

    /* 7.1 eax */
    {CPU_7A1, CPU_SHOW, F(4) | F(5) | F(10) | F(11) | F(12) | F(23),
     "AVX_VNNI AVX512_BF16 FZRM FSRS FSRCS AVX_IFMA: ring 3"},

    /* 0x80000021 eax */
    {CPU_E21A, CPU_SHOW, F(2) | F(6), "LFENCE is dispatch-serializing, null selector clears base"},

    /* 7.1 edx */
    {CPU_7D1, CPU_SHOW, F(4) | F(5), "AVX_VNNI_INT8 AVX_NE_CONVERT: ring 3"},
};
/* clang-format on */

const unsigned cpu_filter_nr_rows = ARRAY_SIZE(cpu_filter_rows);
