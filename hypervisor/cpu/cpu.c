/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Feature discovery, and the control registers and MSRs of one CPU.
 *
 * Guests never change these: what they write to CR0 and CR4 is emulated on a shadow.  So they are
 * set once, alike on every CPU, and the paths into and out of guests rely on them.
 */
#include "cpu/cpu.h"
#include "console/log.h"
#include "cpu/cpu_info.h"
#include "cpu/fpu.h"
#include "cpu/insn.h"
#include "debug/assert.h"
#include "lib/address.h"
#include "lib/string.h"

struct cpu_caps cpu_caps __read_mostly;
uint64_t hv_cr4 __read_mostly;

/*
 * The PAT that the ABI promises guests: WB, WT, UC-, UC, WC, WP, UC, UC for indices 0 to 7.  With
 * it a guest's PWT and PCD bits mean what they mean without a PAT.
 */
#define HV_PAT 0x050100070406UL

/* CPUID leaves and bits: Intel SDM volume 2 "CPUID", AMD APM volume 3 appendix E. */
#define LEAF1_ECX_MONITOR    BIT(3)
#define LEAF1_ECX_PCID       BIT(17)
#define LEAF1_ECX_X2APIC     BIT(21)
#define LEAF1_ECX_DEADLINE   BIT(24)
#define LEAF1_ECX_XSAVE      BIT(26)
#define LEAF1_ECX_HYPERVISOR BIT(31)
#define LEAF1_EDX_PGE        BIT(13)
#define LEAF5_ECX_BREAK      BIT(1)
#define LEAF6_EAX_ARAT       BIT(2)
#define LEAF7_EBX_FSGSBASE   BIT(0)
#define LEAF7_EBX_SMEP       BIT(7)
#define LEAF7_EBX_INVPCID    BIT(10)
#define LEAF7_EBX_SMAP       BIT(20)
#define LEAF7_EDX_ARCH_CAPS  BIT(29)
#define LEAFD1_EAX_XSAVEOPT  BIT(0)
#define EXT1_EDX_PDPE1GB     BIT(26)
#define EXT1_EDX_RDTSCP      BIT(27)
#define EXT7_EDX_INVARIANT   BIT(8)
#define LEAF_HYPERVISOR      0x40000000
#define LEAF_EXT             0x80000000

static void identify_model(void)
{
    struct cpuid_regs r = cpuid(0, 0);
    uint32_t family, model;

    cpu_caps.max_leaf = r.eax;
    memcpy(cpu_caps.vendor, &r.ebx, 4);
    memcpy(cpu_caps.vendor + 4, &r.edx, 4);
    memcpy(cpu_caps.vendor + 8, &r.ecx, 4);
    cpu_caps.is_intel = !strcmp(cpu_caps.vendor, "GenuineIntel");
    cpu_caps.is_amd =
        !strcmp(cpu_caps.vendor, "AuthenticAMD") || !strcmp(cpu_caps.vendor, "HygonGenuine");
    r = cpuid(1, 0);
    family = (r.eax >> 8) & 0xf;
    model = (r.eax >> 4) & 0xf;
    if (family >= 6)
        model |= (r.eax >> 12) & 0xf0;
    if (family == 0xf)
        family += (r.eax >> 20) & 0xff;
    cpu_caps.family = family;
    cpu_caps.model = model;
    cpu_caps.stepping = r.eax & 0xf;

    cpu_caps.max_ext_leaf = cpuid(LEAF_EXT, 0).eax;
    for (uint32_t i = 0; i < 3 && cpu_caps.max_ext_leaf >= LEAF_EXT + 4; i++) {
        r = cpuid(LEAF_EXT + 2 + i, 0);
        memcpy(cpu_caps.brand + 16 * i, &r, sizeof(r));
    }
    cpu_caps.phys_bits = 36;
    if (cpu_caps.max_ext_leaf >= LEAF_EXT + 8)
        cpu_caps.phys_bits = cpuid(LEAF_EXT + 8, 0).eax & 0xff;
}

/*
 * What the hypervisor uses without asking again, by bit of EDX of leaves 1 and 0x80000001.  Every
 * 64-bit processor has it; a configured virtual one may not.  (LM and NX: boot/head.S.)
 */
static void refuse_without_basics(void)
{
    static const char *const leaf1[32] = {
        [0] = "FPU",      [2] = "DE",    [4] = "TSC",  [5] = "MSR",   [6] = "PAE",
        [7] = "MCE",      [8] = "CX8",   [9] = "APIC", [15] = "CMOV", [16] = "PAT",
        [19] = "CLFLUSH", [24] = "FXSR", [25] = "SSE", [26] = "SSE2"};
    static const char *const extended[32] = {[11] = "SYSCALL"};
    uint32_t have1 = cpuid(1, 0).edx, have2 = cpuid(LEAF_EXT + 1, 0).edx;

    for (unsigned i = 0; i < 32; i++) {
        const char *name = leaf1[i] && !(have1 >> i & 1)      ? leaf1[i]
                           : extended[i] && !(have2 >> i & 1) ? extended[i]
                                                              : NULL;

        if (name)
            panic("Pavis needs a processor with %s, and this one does not have it", name);
    }
}

static void identify_basic_features(void)
{
    struct cpuid_regs r = cpuid(1, 0);

    cpu_caps.pge = r.edx & LEAF1_EDX_PGE;
    cpu_caps.monitor = r.ecx & LEAF1_ECX_MONITOR;
    cpu_caps.pcid = r.ecx & LEAF1_ECX_PCID;
    cpu_caps.x2apic = r.ecx & LEAF1_ECX_X2APIC;
    cpu_caps.tsc_deadline = r.ecx & LEAF1_ECX_DEADLINE;
    cpu_caps.xsave = r.ecx & LEAF1_ECX_XSAVE;
    cpu_caps.in_vm = r.ecx & LEAF1_ECX_HYPERVISOR;
    if (cpu_caps.max_leaf >= 5)
        cpu_caps.mwait_break = cpuid(5, 0).ecx & LEAF5_ECX_BREAK;
    if (cpu_caps.max_leaf >= 6)
        cpu_caps.arat = cpuid(6, 0).eax & LEAF6_EAX_ARAT;
    if (cpu_caps.max_leaf >= 7) {
        r = cpuid(7, 0);
        cpu_caps.fsgsbase = r.ebx & LEAF7_EBX_FSGSBASE;
        cpu_caps.smep = r.ebx & LEAF7_EBX_SMEP;
        cpu_caps.invpcid = r.ebx & LEAF7_EBX_INVPCID;
        cpu_caps.smap = r.ebx & LEAF7_EBX_SMAP;
        if (r.edx & LEAF7_EDX_ARCH_CAPS && !rdmsr_safe(MSR_ARCH_CAPABILITIES, &cpu_caps.arch_caps))
            cpu_caps.arch_caps = 0;
    }
    if (cpu_caps.xsave && cpu_caps.max_leaf >= 0xd)
        cpu_caps.xsaveopt = cpuid(0xd, 1).eax & LEAFD1_EAX_XSAVEOPT;
    r = cpuid(LEAF_EXT + 1, 0);
    cpu_caps.pdpe1gb = r.edx & EXT1_EDX_PDPE1GB;
    cpu_caps.rdtscp = r.edx & EXT1_EDX_RDTSCP;
    if (cpu_caps.max_ext_leaf >= LEAF_EXT + 7)
        cpu_caps.tsc_invariant = cpuid(LEAF_EXT + 7, 0).edx & EXT7_EDX_INVARIANT;
}

/*
 * QEMU's TCG pops the frame of an IRET as a supervisor whatever the CPL, so with SMAP on a guest
 * kernel's own IRET in ring 3 faults; and its MWAIT refuses every hint.  Both are bugs of the
 * emulator, not of the machine it emulates: do without the two features there, and only there.
 */
static void avoid_emulator_bugs(void)
{
    struct cpuid_regs r;

    if (!cpu_caps.in_vm)
        return;
    r = cpuid(LEAF_HYPERVISOR, 0);
    cpu_caps.is_tcg = !memcmp(&r.ebx, "TCGTCGTCGTCG", 12);
    if (cpu_caps.is_tcg) {
        cpu_caps.smap = false;
        cpu_caps.monitor = false;
    }
}

void __boot_text cpu_identify(void)
{
    const char *brand = cpu_caps.brand;

    identify_model();
    refuse_without_basics();
    identify_basic_features();
    avoid_emulator_bugs();
    hv_cr4 = CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_DE;
    hv_cr4 |= cpu_caps.pge ? CR4_PGE : 0;
    hv_cr4 |= cpu_caps.xsave ? CR4_OSXSAVE : 0;
    hv_cr4 |= cpu_caps.smep ? CR4_SMEP : 0;
    hv_cr4 |= cpu_caps.smap ? CR4_SMAP : 0;
    hv_cr4 |= cpu_caps.fsgsbase ? CR4_FSGSBASE : 0;

    while (*brand == ' ')
        brand++;
    printk(XENLOG_INFO "CPU: %s family %#x model %#x stepping %u: %s\n", cpu_caps.vendor,
           cpu_caps.family, cpu_caps.model, cpu_caps.stepping, brand);
    printk(XENLOG_INFO "CPU features:%s%s%s%s%s%s%s%s%s\n", cpu_caps.pdpe1gb ? " pdpe1gb" : "",
           cpu_caps.smep ? " smep" : "", cpu_caps.smap ? " smap" : "",
           cpu_caps.fsgsbase ? " fsgsbase" : "", cpu_caps.xsave ? " xsave" : "",
           cpu_caps.x2apic ? " x2apic" : "", cpu_caps.tsc_deadline ? " tsc-deadline" : "",
           cpu_caps.tsc_invariant ? " tsc-invariant" : "",
           cpu_caps.is_tcg ? " (TCG: smap and mwait left off)" : "");
}

extern uint8_t *const smap_sites_start[], *const smap_sites_end[];

void __boot_text cpu_patch_smap_sites(void)
{
    static const uint8_t stac_site[3] = {0x66, 0x66, 0x90}; /* the NOP that asks for STAC */
    static const uint8_t clac_bytes[3] = {0x0f, 0x01, 0xca}, stac_bytes[3] = {0x0f, 0x01, 0xcb};

    if (!cpu_caps.smap)
        return;
    /* Through the direct map: the code itself is not writable. */
    for (uint8_t *const *site = smap_sites_start; (uint64_t)site < (uint64_t)smap_sites_end; site++)
        memcpy((uint8_t *)mfn_to_virt(image_to_mfn(*site)) + ((uint64_t)*site & ~PAGE_MASK),
               memcmp(*site, stac_site, sizeof(stac_site)) ? clac_bytes : stac_bytes,
               sizeof(clac_bytes));
}

void cpu_init(void)
{
    uint64_t efer = rdmsr(MSR_EFER);

    if (hv_cr4 & CR4_SMEP && !(cpuid(7, 0).ebx & LEAF7_EBX_SMEP))
        panic("CPU %u lacks features that CPU 0 has", smp_cpu_id());
    wrmsr(MSR_EFER, efer | EFER_SCE | EFER_NXE);
    write_cr0(CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE);
    write_cr4(hv_cr4);
    cpu_info()->cr4 = hv_cr4;
    wrmsr(MSR_PAT, HV_PAT);
    /* A page-attribute change wants the TLB empty (Intel SDM volume 3, 12.12.4). */
    write_cr4(hv_cr4 & ~CR4_PGE);
    write_cr4(hv_cr4);
    fpu_init_cpu();
}
