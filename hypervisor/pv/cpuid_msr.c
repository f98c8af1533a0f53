/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which MSRs and which processor a guest is shown.
 *
 * MSRs are an allow-list, a row each with its reason; one that is not listed does not exist for a
 * guest (#GP), as a kernel expects of a processor that lacks it.  CPUID comes from the domain's
 * policy (pv/cpu_policy.h); here are only the facts that change while it runs.
 */
#include "cpu/clocksource.h"
#include "cpu/cpu.h"
#include "cpu/cpu_info.h"
#include "cpu/fpu.h"
#include "cpu/insn.h"
#include "cpu/segbase.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "mem/frame.h"
#include "pv/cpu_policy.h"
#include "pv/emulate.h"
#include "pv/pv.h"
#include "sched/sched.h"
#include "time/clock.h"

/* Intel SDM vol. 4 and AMD APM vol. 2 appendix A give the numbers. */
#define MSR_TSC             0x00000010
#define MSR_PLATFORM_ID     0x00000017
#define MSR_UCODE_REV       0x0000008b
#define MSR_MTRR_CAP        0x000000fe
#define MSR_MCG_CAP         0x00000179
#define MSR_MCG_STATUS      0x0000017a
#define MSR_MISC_FEATURES   0x00000140
#define MSR_K8_SYSCFG       0xc0010010
#define MSR_K7_HWCR         0xc0010015
#define MSR_AMD_MMCONF_BASE 0xc0010058
#define MSR_AMD_LS_CFG      0xc0011020
#define MSR_AMD_DE_CFG      0xc0011029

#define MISC_ENABLE_BTS_UNAVAIL  BIT(11)
#define MISC_ENABLE_PEBS_UNAVAIL BIT(12)
#define HWCR_TSC_FREQ_SEL        BIT(24)
#define DE_CFG_LFENCE_SERIALISE  BIT(1)
#define PAT_WRITABLE_VALUE       0x050100070406UL /* what cpu/cpu.c loads; the ABI's */

enum msr_rule {
    MSR_PASS,  /* the machine's own value may be read; a write of the same value is accepted */
    MSR_ZERO,  /* reads as zero, writes are lost */
    MSR_CONST, /* reads as `value`, writes are lost */
};

struct msr_row {
    uint32_t first, last;
    enum msr_rule rule;
    uint64_t value;
    const char *why;
};

static const struct msr_row msr_rows[] = {
    {MSR_TSC, MSR_TSC, MSR_PASS, 0, "the TSC is native"},
    {MSR_PLATFORM_ID, MSR_PLATFORM_ID, MSR_ZERO, 0, "only microcode loading asks"},
    {MSR_APIC_BASE, MSR_APIC_BASE, MSR_PASS, 0, "Linux looks whether there is an APIC"},
    {MSR_UCODE_REV, MSR_UCODE_REV, MSR_PASS, 0, "Linux prints the microcode revision"},
    {MSR_MCG_CAP, MSR_MCG_CAP, MSR_ZERO, 0, "no machine check banks are virtualised"},
    {MSR_MCG_STATUS, MSR_MCG_STATUS, MSR_ZERO, 0, "goes with MCG_CAP"},
    {MSR_PAT, MSR_PAT, MSR_CONST, PAT_WRITABLE_VALUE, "the ABI fixes the PAT"},
    {0xc0010000, 0xc0010007, MSR_ZERO, 0, "AMD counters: probed at boot, not virtualised"},
    {MSR_K7_HWCR, MSR_K7_HWCR, MSR_CONST, HWCR_TSC_FREQ_SEL, "Linux wants the TSC to run at P0"},
    {MSR_AMD_DE_CFG, MSR_AMD_DE_CFG, MSR_CONST, DE_CFG_LFENCE_SERIALISE,
     "LFENCE is serialising: the hypervisor relies on it too"},
    {MSR_MISC_ENABLE, MSR_MISC_ENABLE, MSR_CONST,
     MISC_ENABLE_BTS_UNAVAIL | MISC_ENABLE_PEBS_UNAVAIL, "branch trace and PEBS are absent"},
};

static const struct msr_row *find_row(uint32_t msr)
{
    for (unsigned i = 0; i < ARRAY_SIZE(msr_rows); i++)
        if (msr >= msr_rows[i].first && msr <= msr_rows[i].last)
            return &msr_rows[i];
    return NULL;
}

bool pv_read_msr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    const struct msr_row *row;

    switch (msr) {
    /* First what Linux reads at each process switch. */
    case MSR_KERNEL_GS_BASE: *val = rdmsr(MSR_KERNEL_GS_BASE); return true;
    case MSR_FS_BASE: *val = get_fs_base(); return true;
    case MSR_GS_BASE: *val = get_gs_base(); return true;
    case MSR_EFER: *val = rdmsr(MSR_EFER); return true;
    case MSR_TSC_AUX: *val = v->tsc_aux; return cpu_caps.rdtscp;
    }
    row = find_row(msr);
    if (!row)
        return false;
    *val = row->value;
    return row->rule != MSR_PASS || rdmsr_safe(msr, val);
}

bool pv_write_msr(struct vcpu *v, uint32_t msr, uint64_t val)
{
    const struct msr_row *row;
    uint64_t now;

    switch (msr) {
    case MSR_KERNEL_GS_BASE:
        if (!is_canonical(val)) /* XSA-193 */
            return false;
        wrmsr(MSR_KERNEL_GS_BASE, val);
        return true;
    case MSR_FS_BASE:
        if (!is_canonical(val))
            return false;
        set_fs_base(val);
        return true;
    case MSR_GS_BASE:
        if (!is_canonical(val))
            return false;
        set_gs_base(val);
        return true;
    case MSR_TSC_AUX:
        if (!cpu_caps.rdtscp || val >> 32)
            return false;
        v->tsc_aux = val;
        wrmsr(MSR_TSC_AUX, val);
        return true;
    case MSR_EFER: return val == rdmsr(MSR_EFER);
    }
    row = find_row(msr);
    if (!row)
        return false;
    if (row->rule == MSR_PASS && msr != MSR_UCODE_REV)
        return rdmsr_safe(msr, &now) && (now == val || msr == MSR_TSC);
    return msr != MSR_PAT || val == row->value;
}

/* --- CR4, XCR0
 * ------------------------------------------------------------------------------------ */

/* A guest may turn on for itself what has no effect on others. */
#define CR4_GUEST_OWNED (CR4_TSD | CR4_DE | CR4_OSXSAVE | CR4_FSGSBASE)

uint64_t pv_initial_cr4(const struct domain *d)
{
    (void)d;
    return hv_cr4 &
           (CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE | CR4_FSGSBASE | CR4_DE);
}

uint64_t pv_guest_cr4(const struct domain *d, uint64_t wanted)
{
    const uint64_t initial = pv_initial_cr4(d);
    /* Kernels that start a vCPU leave it zero: "as usual". */
    const uint64_t chosen = CR4_TSD | CR4_DE | (initial & (CR4_OSXSAVE | CR4_FSGSBASE));

    return wanted ? (initial & ~chosen) | (wanted & chosen) : initial;
}

uint64_t pv_real_cr4(const struct vcpu *v)
{
    uint64_t cr4 = hv_cr4 | (v->guest_cr4 & CR4_TSD);

    return v->domain->tsc_emulated ? cr4 | CR4_TSD : cr4;
}

bool pv_write_guest_cr4(struct vcpu *v, uint64_t val)
{
    uint64_t shown = hv_cr4 | CR4_GUEST_OWNED, changed;

    /* Bits of features that the guest was never shown are refused; bits that the hypervisor owns
     * (PGE and the like) stay as they were, whatever is written. */
    if (val & ~(shown | CR4_VME | CR4_PVI | CR4_PSE | CR4_PGE | CR4_PCE))
        return false;
    if ((val & CR4_OSXSAVE) && !cpu_caps.xsave)
        return false;
    if ((val & CR4_FSGSBASE) && !cpu_caps.fsgsbase)
        return false;
    changed = (v->guest_cr4 ^ val) & CR4_GUEST_OWNED;
    v->guest_cr4 ^= changed;
    if (changed & CR4_TSD) {
        cpu_info()->cr4 = pv_real_cr4(v);
        write_cr4(cpu_info()->cr4);
    }
    return true;
}

bool pv_set_xcr0(struct vcpu *v, uint64_t val)
{
    uint64_t allowed = cpu_policy_xcr0(v->domain->cpu_policy);

    if (!(v->guest_cr4 & CR4_OSXSAVE) || (val & ~allowed) || !fpu_xcr0_valid(val))
        return false;
    v->xcr0 = val;
    fpu_set_guest_xcr0(val);
    return true;
}

/* --- CPUID
 * ---------------------------------------------------------------------------------------- */

/* All but the time scale, which takes a division and which only our own leaves tell. */
static struct cpuid_view view_of(struct vcpu *v)
{
    const struct domain *d = v->domain;
    struct cpuid_view view = {
        .xcr0 = v->xcr0,
        .tsc_emulated = d->tsc_emulated,
        .tsc_reliable = clock_tsc_stable(),
        .tsc_mode = d->tsc_mode,
        .tsc_incarnation = d->tsc_incarnation,
        .host_tsc_khz = tsc_khz,
        .guest_tsc_khz = d->tsc_khz_guest ? d->tsc_khz_guest : tsc_khz,
        .machine_address_bits = PAGE_SHIFT + 64 - __builtin_clzl(frame_limit),
    };

    return view;
}

void pv_cpuid(struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    struct cpuid_view view = view_of(v);
    struct cpuid_leaf l __uninitialized; /* the lookup fills it in any case */

    if (leaf - XEN_CPUID_FIRST_LEAF < 0x100) {
        struct time_scale s = time_scale_from_khz(view.guest_tsc_khz);

        view.tsc_mul = s.mul;
        view.tsc_shift = s.shift;
    }
    cpu_policy_lookup(v->domain->cpu_policy, &view, leaf, subleaf, &l);
    /* OSXSAVE is always shown with XSAVE: a PV kernel looks for both before it ever writes CR4. */
    if (leaf == 1)
        l.b = (l.b & 0xffffff) | (v->id * 2) << 24; /* initial APIC id, as topology leaves say */
    out[0] = l.a;
    out[1] = l.b;
    out[2] = l.c;
    out[3] = l.d;
}
