/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What processor a domain sees: CPUID leaves and two MSRs, as data.
 *
 * A policy is a filtered copy of the machine's own CPUID output.  Five of them exist for the whole
 * machine (raw, host, the most a PV guest may have, what it gets unless its configuration asks
 * otherwise, and none for HVM); each domain has one of its own, which the toolstack may narrow
 * before the domain first runs.  The emulator answers every CPUID from here, with
 * cpu_policy_lookup(); nothing else decides what a guest sees.
 *
 * Pure: the processor is a callback, the vCPU's changing state an argument.  If a filter here is
 * too wide, a guest uses a feature that nobody saves or confines for it; so the filter lists what
 * is shown, and a bit that is not in the list is hidden.
 */
#pragma once

#include "abi/cpuid.h"
#include "lib/types.h"

struct cpuid_leaf {
    uint32_t a, b, c, d;
};

/*
 * Feature words in the order of XEN_SYSCTL_get_cpu_featureset (Xen's cpufeatureset, words 0..17):
 * leaf 1 edx ecx, 0x80000001 edx ecx, 0xd.1 eax, 7.0 ebx ecx, 0x80000007 edx, 0x80000008 ebx,
 * 7.0 edx, 7.1 eax, 0x80000021 eax, 7.1 ebx, 7.2 edx, 7.1 ecx, 7.1 edx, ARCH_CAPS low and high.
 */
enum cpu_word {
    CPU_1D,
    CPU_1C,
    CPU_E1D,
    CPU_E1C,
    CPU_DA1,
    CPU_7B0,
    CPU_7C0,
    CPU_E7D,
    CPU_E8B,
    CPU_7D0,
    CPU_7A1,
    CPU_E21A,
    CPU_7B1,
    CPU_7D2,
    CPU_7C1,
    CPU_7D1,
    CPU_ARCH_LO,
    CPU_ARCH_HI,
    CPU_WORDS
};

/* How many leaves of each kind are kept; the same as Xen 4.17 keeps, so that streams fit. */
#define CPU_NR_BASIC  (0xd + 1)
#define CPU_NR_CACHE  6  /* leaf 4 */
#define CPU_NR_FEAT   3  /* leaf 7 */
#define CPU_NR_TOPO   2  /* leaf 0xb */
#define CPU_NR_XSTATE 63 /* leaf 0xd */
#define CPU_NR_EXTD   (0x21 + 1)

/* Entries that serialising a policy can produce at most; leaves 4, 7, 0xb and 0xd are in both. */
#define CPU_POLICY_MAX_LEAVES                                                                      \
    (CPU_NR_BASIC - 4 + CPU_NR_CACHE + CPU_NR_FEAT + CPU_NR_TOPO + CPU_NR_XSTATE + CPU_NR_EXTD + 2)
#define CPU_POLICY_MAX_MSRS 2

enum cpu_vendor { CPU_VENDOR_OTHER, CPU_VENDOR_INTEL, CPU_VENDOR_AMD };

struct cpu_policy {
    struct cpuid_leaf basic[CPU_NR_BASIC];
    struct cpuid_leaf cache[CPU_NR_CACHE];
    struct cpuid_leaf feat[CPU_NR_FEAT];
    struct cpuid_leaf topo[CPU_NR_TOPO];
    struct cpuid_leaf xstate[CPU_NR_XSTATE];
    struct cpuid_leaf extd[CPU_NR_EXTD];
    uint32_t hv_limit;      /* last hypervisor leaf shown, 0: the default */
    uint32_t hv2_limit;     /* kept for streams; nothing lives at 0x40000100 here */
    uint64_t platform_info; /* MSR 0xce: bit 31, CPUID faulting */
    uint64_t arch_caps;     /* MSR 0x10a, of the host only */
    enum cpu_vendor vendor;
};

/* Reads one CPUID leaf of the machine.  ctx is the caller's. */
typedef void (*cpuid_reader)(void *ctx, uint32_t leaf, uint32_t subleaf, struct cpuid_leaf *out);

/* The machine's policies, built once at boot, after cpu_init() and before the first domain, by
 * cpu_policy_boot() (pv/cpu_policy_boot.c). */
enum cpu_policy_kind { CPU_POLICY_RAW, CPU_POLICY_HOST, CPU_POLICY_PV_MAX, CPU_POLICY_PV_DEFAULT };
#define CPU_POLICY_KINDS 4
extern struct cpu_policy cpu_policies[CPU_POLICY_KINDS];
void cpu_policy_boot(void);

/* Fills `p` with what the processor says, unfiltered. */
void cpu_policy_read(struct cpu_policy *p, cpuid_reader read, void *ctx);

/*
 * What the hypervisor itself works with: raw minus features that depend on one that is missing.
 * `xcr0_mask` are the XSAVE components that the hypervisor saves (0: no XSAVE).
 */
void cpu_policy_host(struct cpu_policy *p, const struct cpu_policy *raw, uint64_t xcr0_mask);

/* The most, and the default, that a PV guest is shown on `host`. */
void cpu_policy_pv_max(struct cpu_policy *p, const struct cpu_policy *host);
void cpu_policy_pv_default(struct cpu_policy *p, const struct cpu_policy *pv_max);

/*
 * dom0's: the default and the invariant TSC, which only an unmovable domain may rely on.  For a
 * guest with a native TSC that is not to be migrated the same call serves.
 */
void cpu_policy_allow_itsc(struct cpu_policy *p, const struct cpu_policy *pv_max);

/*
 * Narrows `p` to what `max` allows: features, leaf limits, addresses, XSAVE components and their
 * sizes.  What a toolstack stored is always passed through here, so it can hide but not invent.
 */
void cpu_policy_clamp(struct cpu_policy *p, const struct cpu_policy *max);

/*
 * May `guest` run on a machine that allows `max`?  Only limits are checked (as Xen 4.17 does);
 * features are clamped.  0, or -EINVAL with the leaf at fault.
 */
int cpu_policy_check(const struct cpu_policy *guest, const struct cpu_policy *max,
                     uint32_t *err_leaf, uint32_t *err_subleaf);

/* Feature words to and from leaves. */
void cpu_policy_get_words(const struct cpu_policy *p, uint32_t words[CPU_WORDS]);
void cpu_policy_set_words(struct cpu_policy *p, const uint32_t words[CPU_WORDS]);

/* XSAVE components that the policy allows in XCR0 (0: no XSAVE). */
uint64_t cpu_policy_xcr0(const struct cpu_policy *p);
/* Bytes of an uncompressed XSAVE area for `xcr0`; at least the 576 of the legacy part and header.
 */
uint32_t cpu_policy_xsave_size(const struct cpu_policy *p, uint64_t xcr0);

/*
 * Serialises into `out` (room for `cap` entries), in ascending order of leaves.  Returns the number
 * that is needed; nothing behind `cap` is written.
 */
unsigned cpu_policy_to_leaves(const struct cpu_policy *p, struct xen_cpuid_leaf *out, unsigned cap);
/* Stores one leaf.  0, or -ERANGE when policies have no such leaf. */
int cpu_policy_from_leaf(struct cpu_policy *p, const struct xen_cpuid_leaf *l);

unsigned cpu_policy_to_msrs(const struct cpu_policy *p, struct xen_msr_entry *out, unsigned cap);
/* Stores one MSR.  0, -EINVAL (flags), -EOVERFLOW (reserved bit set) or -ERANGE (no such MSR). */
int cpu_policy_from_msr(struct cpu_policy *p, const struct xen_msr_entry *m);

/* What changes while a vCPU runs, and what the hypervisor's own leaves report. */
struct cpuid_view {
    uint64_t xcr0;
    bool tsc_emulated; /* RDTSC traps for this domain */
    bool tsc_reliable; /* the machine's TSC is invariant and the same on all CPUs */
    uint32_t tsc_mode; /* as in XEN_DOMCTL_settscinfo */
    uint32_t tsc_incarnation;
    uint32_t guest_tsc_khz, host_tsc_khz;
    uint64_t tsc_offset_ns; /* guest time at TSC 0 */
    uint32_t tsc_mul;       /* nanoseconds per tick: (ticks << shift) * mul >> 32 */
    int8_t tsc_shift;
    uint8_t machine_address_bits; /* width of the largest machine address */
};

/* Answers CPUID for a PV guest: any leaf, zeros where the policy has none. */
void cpu_policy_lookup(const struct cpu_policy *p, const struct cpuid_view *view, uint32_t leaf,
                       uint32_t subleaf, struct cpuid_leaf *out);

/* The rows of the filter, for docs, the debug key and tests. */
enum cpu_show { CPU_SHOW, CPU_MAX_ONLY, CPU_HIDE };
struct cpu_filter_row {
    uint8_t word;
    uint8_t show;
    uint32_t mask;
    const char *reason;
};
extern const struct cpu_filter_row cpu_filter_rows[];
extern const unsigned cpu_filter_nr_rows;
