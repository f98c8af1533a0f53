/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Extended state of two vCPUs that share a processor: each finds its own registers, whatever the
 * other does to its XCR0.
 */
#include "test.h"

static struct vcpu_guest_context ctxt;
static uint8_t stack[16384] __attribute__((aligned(4096)));

enum { NONE, LOAD, CHECK };
static volatile unsigned command;
static volatile uint64_t seen_xmm, seen_xcr0;

#define MINE  0x1111222233334444
#define YOURS 0xaaaabbbbccccdddd

#define XCR0_X87 1UL

static void set_xmm5(uint64_t v)
{
    __asm__ volatile("movq %0, %%xmm5" : : "r"(v));
}

static uint64_t get_xmm5(void)
{
    uint64_t v;

    __asm__ volatile("movq %%xmm5, %0" : "=r"(v));
    return v;
}

static uint64_t get_xcr0(void)
{
    uint32_t lo, hi;

    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (uint64_t)hi << 32 | lo;
}

static bool set_xcr0(uint64_t v)
{
    return !TRY("xsetbv", : : "c"(0), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

/* vCPU 1. */
static void second(void)
{
    for (;;) {
        switch (command) {
        case LOAD:
            set_xmm5(YOURS);
            command = NONE;
            break;
        case CHECK:
            seen_xmm = get_xmm5();
            seen_xcr0 = get_xcr0();
            command = NONE;
            break;
        default: hc_sched_op(SCHEDOP_yield, 0); break;
        }
    }
}

static bool tell(unsigned what)
{
    uint64_t end = system_time() + 2000000000;

    command = what;
    while (command != NONE) {
        if (system_time() > end)
            return false;
        hc_sched_op(SCHEDOP_yield, 0);
    }
    return true;
}

static bool start_second(void)
{
    memset(&ctxt, 0, sizeof(ctxt));
    ctxt.flags = VGCF_IN_KERNEL;
    ctxt.user_regs.rip = (uint64_t)ap_start;
    ctxt.user_regs.rdi = (uint64_t)second;
    ctxt.user_regs.rsp = (uint64_t)stack + sizeof(stack);
    ctxt.user_regs.cs = FLAT_KERNEL_CS;
    ctxt.user_regs.ss = FLAT_KERNEL_SS;
    ctxt.kernel_ss = FLAT_KERNEL_SS;
    ctxt.kernel_sp = (uint64_t)stack + sizeof(stack);
    ctxt.event_callback_eip = (uint64_t)event_entry;
    ctxt.failsafe_callback_eip = (uint64_t)failsafe_entry;
    ctxt.syscall_callback_eip = (uint64_t)syscall_entry;
    ctxt.ctrlreg[3] = mfn_of((void *)start_info->pt_base) * PAGE_SIZE;
    return hc_vcpu_op(VCPUOP_initialise, 1, &ctxt) == 0 && hc_vcpu_op(VCPUOP_up, 1, 0) == 0;
}

/* A vCPU that switches components off neither shows its registers to the next one on the processor
 * nor leaves it with less than that one had enabled. */
static void test_xcr0_lowered(void)
{
    uint64_t xcr0;

    if (hc_vcpu_op(VCPUOP_is_up, 1, 0) < 0 || !have_xsave()) {
        test_skip("one vCPU only, or no XSAVE");
        return;
    }
    xcr0 = get_xcr0();
    REQUIRE(set_xcr0(XCR0_X87 | 2));
    REQUIRE(start_second());
    REQUIRE(tell(CHECK)); /* what a new vCPU begins with */
    EXPECT_EQ(seen_xmm, 0);
    EXPECT_EQ(seen_xcr0, XCR0_X87);
    REQUIRE(tell(LOAD));
    set_xmm5(MINE);
    REQUIRE(set_xcr0(7));
    for (int i = 0; i < 4; i++)
        hc_sched_op(SCHEDOP_yield, 0);
    REQUIRE(set_xcr0(XCR0_X87));
    for (int i = 0; i < 4; i++)
        hc_sched_op(SCHEDOP_yield, 0);
    REQUIRE(tell(CHECK));
    EXPECT_EQ(seen_xmm, YOURS);
    EXPECT_EQ(seen_xcr0, XCR0_X87);
    EXPECT_EQ(get_xmm5(), MINE);
    EXPECT_EQ(get_xcr0(), XCR0_X87);
    EXPECT(set_xcr0(xcr0));
}

TESTS("fpu", T(xcr0_lowered));
