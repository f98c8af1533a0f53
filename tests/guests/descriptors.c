/* SPDX-License-Identifier: GPL-2.0-only */
/* Segment descriptors (GDT, LDT), debug registers. */
#include "test.h"

/* Data segment, DPL 3, base 0, 4 GiB, accessed. */
#define DATA_SEG 0x00cff3000000ffffUL
/* The same with base 0x123400, byte granular. */
#define SMALL_SEG 0x0000f3123400ffffUL
#define TSS_SEG   0x0000e90000000067UL
#define DPL0_SEG  0x00cf93000000ffffUL

static long load_es(unsigned selector)
{
    return TRY("mov %0, %%es", : : "r"(selector) : "memory");
}

static unsigned limit_of(unsigned selector)
{
    unsigned limit = 0;

    __asm__ volatile("lsl %1, %0" : "+r"(limit) : "r"(selector) : "cc");
    return limit;
}

/* set_gdt installs pages of descriptors; their selectors load; without them they do not. */
static void test_set_gdt(void)
{
    uint64_t *gdt = page_alloc();
    uint64_t frame = mfn_of(gdt);

    gdt[2] = DATA_SEG;
    gdt[511] = SMALL_SEG;
    EXPECT(hc_set_gdt(&frame, 512) < 0); /* still mapped writable */
    EXPECT_RC(page_readonly(gdt), 0);
    EXPECT_RC(hc_set_gdt(&frame, 512), 0);
    EXPECT_EQ(load_es(2 * 8 + 3), 0);
    EXPECT_EQ(load_es(511 * 8 + 3), 0);
    EXPECT_EQ(limit_of(511 * 8 + 3), 0xffff);
    EXPECT_EQ(load_es(FLAT_RING3_SS64), 0); /* the hypervisor's own are there as ever */
    EXPECT_EQ(load_es(5 * 8 + 3), 1);       /* empty */
    EXPECT_EQ(last_trap.regs.vector, X86_GP);
    EXPECT_EQ(load_es(512 * 8 + 3), 1); /* in a page that was not given */
    EXPECT_EQ(last_trap.regs.vector, X86_GP);
    EXPECT_EQ(last_trap.regs.error, 512 * 8);
    EXPECT_EQ(load_es(0), 0);
    EXPECT(page_writable(gdt) < 0); /* I1 holds for descriptors too */
    EXPECT_RC(hc_set_gdt(0, 0), 0);
    EXPECT_EQ(load_es(2 * 8 + 3), 1);
    EXPECT_EQ(last_trap.regs.vector, X86_GP);
    EXPECT_RC(page_writable(gdt), 0);
    page_free(gdt);
}

/* set_gdt refuses too many entries, bad frames, bad pointers, and system descriptors. */
static void test_set_gdt_bad(void)
{
    uint64_t *gdt = page_alloc();
    static uint64_t frames[16];

    frames[0] = mfn_of(gdt);
    EXPECT_RC(hc_set_gdt(frames, FIRST_RESERVED_GDT_ENTRY + 1), -EINVAL);
    EXPECT_RC(hc_set_gdt(0x1000, 512), -EFAULT);
    frames[0] = 0xffffffffff;
    EXPECT_RC(hc_set_gdt(frames, 512), -EINVAL);
    frames[0] = mfn_of((void *)start_info->pt_base);
    EXPECT_RC(hc_set_gdt(frames, 512), -EINVAL);
    frames[0] = mfn_of(gdt);
    gdt[3] = TSS_SEG;
    EXPECT_RC(page_readonly(gdt), 0);
    EXPECT_RC(hc_set_gdt(frames, 512), -EINVAL);
    EXPECT_RC(page_writable(gdt), 0);
    page_free(gdt);
}

/* update_descriptor changes one entry of a live table, checked. */
static void test_update_descriptor(void)
{
    uint64_t *gdt = page_alloc();
    uint64_t frame = mfn_of(gdt), at = frame * PAGE_SIZE + 4 * 8;

    EXPECT_RC(page_readonly(gdt), 0);
    REQUIRE_RC(hc_set_gdt(&frame, 512), 0);
    EXPECT_EQ(load_es(4 * 8 + 3), 1);
    EXPECT_RC(hc_update_descriptor(at, DATA_SEG), 0);
    EXPECT_EQ(gdt[4], DATA_SEG);
    EXPECT_EQ(load_es(4 * 8 + 3), 0);
    EXPECT_EQ(load_es(0), 0);
    EXPECT_RC(hc_update_descriptor(at, TSS_SEG), -EINVAL);
    EXPECT_EQ(gdt[4], DATA_SEG);
    EXPECT_RC(hc_update_descriptor(at + 1, DATA_SEG), -EINVAL);
    EXPECT_RC(hc_update_descriptor(0xffffffffffUL * PAGE_SIZE, DATA_SEG), -EINVAL);
    EXPECT_RC(hc_update_descriptor(mfn_of((void *)start_info->pt_base) * PAGE_SIZE, DATA_SEG),
              -EINVAL);
    EXPECT_RC(hc_update_descriptor(at, 0), 0);
    EXPECT_RC(hc_set_gdt(0, 0), 0);
    EXPECT_RC(page_writable(gdt), 0);
    page_free(gdt);
}

/* A descriptor that asks for ring 0 is either made harmless or refused. */
static void test_ring0_descriptor(void)
{
    uint64_t *gdt = page_alloc();
    uint64_t frame = mfn_of(gdt);
    long rc;

    EXPECT_RC(page_readonly(gdt), 0);
    REQUIRE_RC(hc_set_gdt(&frame, 512), 0);
    rc = hc_update_descriptor(frame * PAGE_SIZE + 8, DPL0_SEG);
    EXPECT(rc < 0 || (gdt[1] >> 45 & 3) != 0);
    EXPECT_RC(hc_update_descriptor(frame * PAGE_SIZE + 8, 0), 0);
    EXPECT_RC(hc_set_gdt(0, 0), 0);
    EXPECT_RC(page_writable(gdt), 0);
    page_free(gdt);
}

/* An LDT in guest memory: its selectors load once it is set, and no more when it is gone. */
static void test_ldt(void)
{
    uint64_t *ldt = page_alloc();

    ldt[1] = DATA_SEG;
    ldt[2] = SMALL_SEG;
    EXPECT_EQ(load_es(1 * 8 + 7), 1);
    EXPECT_RC(page_readonly(ldt), 0);
    EXPECT_RC(mmuext1(MMUEXT_SET_LDT, (uint64_t)ldt, 512), 0);
    EXPECT_EQ(load_es(1 * 8 + 7), 0);
    EXPECT_EQ(load_es(2 * 8 + 7), 0);
    EXPECT_EQ(load_es(3 * 8 + 7), 1);
    EXPECT_EQ(load_es(512 * 8 + 7), 1); /* beyond the limit */
    EXPECT_EQ(load_es(0), 0);
    EXPECT(page_writable(ldt) < 0);
    EXPECT_RC(mmuext1(MMUEXT_SET_LDT, 0, 0), 0);
    EXPECT_EQ(load_es(1 * 8 + 7), 1);
    EXPECT_RC(page_writable(ldt), 0);
    page_free(ldt);
}

/* SET_LDT refuses misaligned, oversized and foreign tables; a bad page is a fault when it is used.
 */
static void test_ldt_bad(void)
{
    uint64_t *ldt = page_alloc();

    ldt[1] = DATA_SEG;
    EXPECT_RC(mmuext1(MMUEXT_SET_LDT, (uint64_t)ldt + 8, 1), -EINVAL);
    EXPECT_RC(mmuext1(MMUEXT_SET_LDT, (uint64_t)ldt, 8193), -EINVAL);
    EXPECT_RC(mmuext1(MMUEXT_SET_LDT, HYPERVISOR_VIRT_START, 512), -EINVAL);
    EXPECT_RC(mmuext1(MMUEXT_SET_LDT, 0x800000000000, 512), -EINVAL);
    EXPECT_RC(mmuext1(MMUEXT_SET_LDT, (uint64_t)ldt, 512), 0); /* writable: not looked at yet */
    EXPECT_EQ(load_es(1 * 8 + 7), 1);
    EXPECT_EQ(last_trap.regs.vector, X86_PF);
    EXPECT_EQ(last_trap.cr2, ldt + 1);
    EXPECT_RC(mmuext1(MMUEXT_SET_LDT, 0x10000000000, 512), 0); /* not mapped: likewise */
    EXPECT_EQ(load_es(1 * 8 + 7), 1);
    EXPECT_EQ(last_trap.regs.vector, X86_PF);
    EXPECT_EQ(last_trap.cr2, 0x10000000008);
    EXPECT_EQ(last_trap.regs.error & PFEC_USER, 0);
    EXPECT_RC(mmuext1(MMUEXT_SET_LDT, 0, 0), 0);
    page_free(ldt);
}

/* Debug registers are read back as set, with fixed bits fixed; bad values are refused. */
static void test_debugreg(void)
{
    static uint64_t watched;

    for (unsigned i = 0; i < 4; i++) {
        EXPECT_RC(hc_set_debugreg(i, &watched), 0);
        EXPECT_EQ(hc_get_debugreg(i), &watched);
        EXPECT_RC(hc_set_debugreg(i, HYPERVISOR_VIRT_START), -EPERM);
        EXPECT_RC(hc_set_debugreg(i, 0x800000000000), -EPERM);
        EXPECT_RC(hc_set_debugreg(i, 0), 0);
    }
    EXPECT_RC(hc_set_debugreg(6, 0), 0);
    EXPECT_EQ(hc_get_debugreg(6), 0xffff0ff0);
    EXPECT_RC(hc_set_debugreg(7, 0), 0);
    EXPECT_EQ(hc_get_debugreg(7), 0x400);
    EXPECT_RC(hc_set_debugreg(6, 1UL << 32), -EINVAL);
    EXPECT_RC(hc_set_debugreg(7, 1UL << 32), -EINVAL);
    EXPECT_RC(hc_set_debugreg(7, 0x2000), -EPERM);            /* general detect */
    EXPECT_RC(hc_set_debugreg(7, 0x401 | 2UL << 16), -EPERM); /* I/O breakpoint */
    EXPECT_RC(hc_set_debugreg(8, 0), -ENODEV);
    EXPECT_RC(hc_get_debugreg(8), -ENODEV);
}

/* A write watchpoint stops with #DB, and DR6 names it. */
static void test_watchpoint(void)
{
    static volatile uint64_t watched;

    EXPECT_RC(hc_set_debugreg(0, &watched), 0);
    EXPECT_RC(hc_set_debugreg(6, 0), 0);
    EXPECT_RC(hc_set_debugreg(7, 0x400 | 1 | 0xdUL << 16), 0); /* L0, write, 4 bytes */
    EXPECT_EQ(TRY("movl $1, (%0); nop", : : "r"(&watched) : "memory"), 1);
    EXPECT_EQ(last_trap.regs.vector, X86_DB);
    EXPECT_EQ(hc_get_debugreg(6) & 0xf, 1);
    EXPECT_RC(hc_set_debugreg(7, 0), 0);
    EXPECT_RC(hc_set_debugreg(6, 0), 0);
    EXPECT_EQ(TRY("movl $1, (%0); nop", : : "r"(&watched) : "memory"), 0);
    EXPECT_RC(hc_set_debugreg(0, 0), 0);
}

TESTS("descriptors", T(set_gdt), T(set_gdt_bad), T(update_descriptor), T(ring0_descriptor), T(ldt),
      T(ldt_bad), T(debugreg), T(watchpoint));
