/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Eager switching of extended state: saved when a vCPU leaves a CPU, loaded when it arrives, so
 * that no vCPU ever runs on another's registers (the lazy way leaks by speculation).
 *
 * Both happen with XCR0 at everything supported, whatever the guest enabled: a component the guest
 * has off is saved too and reset for the next, so turning it on later shows nothing of others.
 * A guest that enables everything (Linux does) costs no XSETBV.
 *
 * Only the standard format is used: it is also that of the ABI (save, restore,
 * get/setvcpuextstate).
 */
#include "cpu/fpu.h"
#include "console/log.h"
#include "cpu/cpu.h"
#include "cpu/cpu_info.h"
#include "cpu/insn.h"
#include "debug/assert.h"
#include "lib/string.h"

/* Intel SDM volume 1, 13.1: state components. */
#define XCR0_X87        BIT(0)
#define XCR0_SSE        BIT(1)
#define XCR0_AVX        BIT(2)
#define XCR0_AVX512     (BIT(5) | BIT(6) | BIT(7))
#define XCR0_OFFERED    (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512)
#define FXSAVE_SIZE     512
#define FXSAVE_SOFTWARE 48 /* bytes at its end */
/* AMD APM volume 3, appendix E.4.7 */
#define LEAF_EXT_SIZES            0x80000008
#define EXT8_EBX_RSTR_FP_ERR_PTRS BIT(2)
#define XSAVE_HEADER              FPU_AREA_HELD_AT
#define XSAVE_MIN_SIZE            576
#define FCW_OFFSET                0
#define MXCSR_OFFSET              24
#define MXCSR_MASK_OFFSET         28
#define FCW_RESET                 0x037f
#define MXCSR_RESET               0x1f80
#define MXCSR_MASK_OLD            0xffbf /* what a mask of zero means: SDM volume 1, 11.6.6 */

static uint64_t supported __read_mostly;
static unsigned int area_size __read_mostly = FXSAVE_SIZE;
static uint32_t mxcsr_mask __read_mostly = MXCSR_MASK_OLD;
static uint8_t reset_area[FPU_AREA_MAX] __aligned(64);
static bool keeps_x87_pointers __read_mostly;

/* What XCR0 holds on each CPU. */
static struct {
    uint64_t xcr0;
} __cache_aligned loaded[NR_CPUS];

static void set_xcr0(uint64_t xcr0)
{
    unsigned int cpu = smp_cpu_id();

    if (supported && loaded[cpu].xcr0 != xcr0) {
        xsetbv(0, xcr0);
        loaded[cpu].xcr0 = xcr0;
    }
}

static void find_mxcsr_mask(void)
{
    uint8_t *area = reset_area;
    uint32_t mask;

    __asm__ volatile("fninit; fxsaveq %0" : "=m"(*(uint8_t(*)[FXSAVE_SIZE])area));
    memcpy(&mask, area + MXCSR_MASK_OFFSET, sizeof(mask));
    if (mask)
        mxcsr_mask = mask;
}

void fpu_init_cpu(void)
{
    clts();
    if (!supported && !smp_cpu_id()) {
        find_mxcsr_mask();
        keeps_x87_pointers =
            cpu_caps.is_amd && !(cpu_caps.max_ext_leaf >= LEAF_EXT_SIZES &&
                                 cpuid(LEAF_EXT_SIZES, 0).ebx & EXT8_EBX_RSTR_FP_ERR_PTRS);
        if (cpu_caps.xsave)
            supported = (cpuid(0xd, 0).eax | (uint64_t)cpuid(0xd, 0).edx << 32) & XCR0_OFFERED;
        /* AVX-512 is three components that go together. */
        if ((supported & XCR0_AVX512) != XCR0_AVX512)
            supported &= ~XCR0_AVX512;
    }
    if (supported) {
        loaded[smp_cpu_id()].xcr0 = 0;
        set_xcr0(supported);
        area_size = cpuid(0xd, 0).ebx;
        BUG_ON(area_size > sizeof(reset_area));
    }
    fpu_area_init(reset_area);
}

unsigned int fpu_area_size(void)
{
    return area_size;
}

uint64_t fpu_xcr0_supported(void)
{
    return supported;
}

bool fpu_xcr0_valid(uint64_t xcr0)
{
    if (!(xcr0 & XCR0_X87) || (xcr0 & ~supported))
        return false;
    if ((xcr0 & XCR0_AVX) && !(xcr0 & XCR0_SSE))
        return false;
    return !(xcr0 & XCR0_AVX512) || ((xcr0 & XCR0_AVX512) == XCR0_AVX512 && (xcr0 & XCR0_AVX));
}

void fpu_area_init(void *area)
{
    uint16_t fcw = FCW_RESET;
    uint32_t mxcsr = MXCSR_RESET;

    memset(area, 0, area_size);
    memcpy((uint8_t *)area + FCW_OFFSET, &fcw, sizeof(fcw));
    memcpy((uint8_t *)area + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
}

void fpu_area_from_fxsave(void *area, const void *image)
{
    uint8_t *a = area;
    uint32_t mxcsr;

    fpu_area_init(area);
    memcpy(a, image, FXSAVE_SIZE - FXSAVE_SOFTWARE);
    memcpy(&mxcsr, a + MXCSR_OFFSET, sizeof(mxcsr));
    mxcsr &= mxcsr_mask; /* another bit would fault in our XRSTOR: SDM volume 1, 10.2.3.1 */
    memcpy(a + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
    if (supported)
        a[XSAVE_HEADER] |= XCR0_X87 | XCR0_SSE; /* XSTATE_BV: both parts are there */
}

uint64_t fpu_area_held(const void *area)
{
    uint64_t held = XCR0_X87 | XCR0_SSE;

    if (supported)
        memcpy(&held, (const uint8_t *)area + XSAVE_HEADER, sizeof(held));
    return held;
}

void fpu_set_guest_xcr0(uint64_t xcr0)
{
    set_xcr0(xcr0);
}

bool fpu_area_valid(const void *area, uint64_t xcr0)
{
    const uint8_t *a = area;
    uint64_t header[8];
    uint32_t mxcsr;

    memcpy(&mxcsr, a + MXCSR_OFFSET, sizeof(mxcsr));
    if (mxcsr & ~mxcsr_mask)
        return false;
    if (!supported)
        return true;
    memcpy(header, a + XSAVE_HEADER, sizeof(header));
    for (unsigned int i = 1; i < ARRAY_SIZE(header); i++) {
        if (header[i])
            return false;
    }
    return !(header[0] & ~(xcr0 & supported));
}

void fpu_save(void *area)
{
    clts();
    if (!supported) {
        __asm__ volatile("fxsaveq (%0)" ::"r"(area) : "memory");
        return;
    }
    set_xcr0(supported);
    if (cpu_caps.xsaveopt)
        __asm__ volatile("xsaveopt64 (%0)" ::"r"(area), "a"(~0U), "d"(~0U) : "memory");
    else
        __asm__ volatile("xsave64 (%0)" ::"r"(area), "a"(~0U), "d"(~0U) : "memory");
}

static bool load(const void *area)
{
    bool ok = false;

    if (supported)
        __asm__ volatile("1: xrstor64 (%1)\n\t"
                         "movb $1, %0\n"
                         "2:\n" EX_TABLE("1b", "2b")
                         : "+r"(ok)
                         : "r"(area), "a"(~0U), "d"(~0U)
                         : "memory");
    else
        __asm__ volatile("1: fxrstorq (%1)\n\t"
                         "movb $1, %0\n"
                         "2:\n" EX_TABLE("1b", "2b")
                         : "+r"(ok)
                         : "r"(area)
                         : "memory");
    return ok;
}

/*
 * Processors of AMD before Zen 2 load the x87 instruction and operand pointers only while an
 * exception is pending (AMD APM volume 2, 11.4.4): those of the last guest would stay (XSA-52).
 * A load of a value of our own overwrites them; it needs an empty register, and no exception.
 */
static void forget_x87_pointers(void)
{
    static const uint32_t zero;

    __asm__ volatile("fnclex\n\t"
                     "ffree %%st(7)\n\t"
                     "fildl %0" ::"m"(zero));
}

bool fpu_restore(const void *area, uint64_t xcr0)
{
    bool ok;

    clts();
    set_xcr0(supported);
    if (keeps_x87_pointers)
        forget_x87_pointers();
    ok = load(area);
    if (!ok)
        load(reset_area);
    if (xcr0)
        set_xcr0(xcr0);
    return ok;
}

/*
 * XSAVE and not XSAVEOPT: the area may have been filled by another CPU since this one loaded from
 * it, and then what the processor believes to be unchanged there is not.
 */
struct fpu_loan fpu_lend(void *area)
{
    struct fpu_loan loan = {.xcr0 = loaded[smp_cpu_id()].xcr0, .ts = read_cr0() & CR0_TS};

    clts();
    set_xcr0(supported);
    if (supported)
        __asm__ volatile("xsave64 (%0)" ::"r"(area), "a"(~0U), "d"(~0U) : "memory");
    else
        __asm__ volatile("fxsaveq (%0)" ::"r"(area) : "memory");
    load(reset_area);
    return loan;
}

void fpu_return(const void *area, struct fpu_loan loan)
{
    fpu_restore(area, loan.xcr0);
    if (loan.ts)
        write_cr0(read_cr0() | CR0_TS);
}
