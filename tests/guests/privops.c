/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Privileged instructions in a guest kernel: those that are emulated give the guest's view of the
 * machine, the others are #GP.
 */
#include "abi/cpuid.h"
#include "test.h"

#define MSR_EFER           0xc0000080
#define MSR_FS_BASE        0xc0000100
#define MSR_GS_BASE        0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_LSTAR          0xc0000082
#define MSR_APIC_BASE      0x1b
#define MSR_TSC            0x10

extern char _text[];

static bool rdmsr(uint32_t msr, uint64_t *value)
{
    uint32_t lo = 0, hi = 0;
    bool ok = !TRY("rdmsr", : "+a"(lo), "+d"(hi) : "c"(msr) : "memory");

    *value = (uint64_t)hi << 32 | lo;
    return ok;
}

static bool wrmsr(uint32_t msr, uint64_t value)
{
    return !TRY("wrmsr",
                :
                : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                : "memory");
}

/* Control registers are read: CR0 and CR4 as a PV guest may know them, CR3 as its own L4. */
static void test_read_cr(void)
{
    uint64_t cr;

    EXPECT_EQ(TRY("mov %%cr0, %0", : "=r"(cr) : : "memory"), 0);
    EXPECT_EQ(cr & 0x80000001, 0x80000001); /* PE, PG */
    EXPECT_EQ(TRY("mov %%cr3, %0", : "=r"(cr) : : "memory"), 0);
    EXPECT_EQ(cr >> 12, mfn_of((void *)start_info->pt_base));
    EXPECT_EQ(TRY("mov %%cr4, %0", : "=r"(cr) : : "memory"), 0);
    EXPECT_EQ(cr & (1UL << 13 | 1UL << 17), 0); /* VMXE, PCIDE */
    EXPECT(cr & 1UL << 5);                      /* PAE */
    EXPECT_EQ(TRY("mov %%cr2, %0", : "=r"(cr) : : "memory"), 0);
    EXPECT_EQ(TRY("mov %%cr8, %0", : "=r"(cr) : : "memory"), 1);
    EXPECT_EQ(last_trap.regs.vector, X86_GP);
}

/* CR0.TS may be set, and cleared by CLTS; other changes of CR0 are refused. */
static void test_task_switched(void)
{
    uint64_t cr0;

    EXPECT_EQ(TRY("mov %%cr0, %0", : "=r"(cr0) : : "memory"), 0);
    EXPECT_EQ(TRY("mov %0, %%cr0", : : "r"(cr0 | 8) : "memory"), 0);
    EXPECT_EQ(TRY("fnop", :), 1);
    EXPECT_EQ(last_trap.regs.vector, X86_NM);
    EXPECT_EQ(TRY("mov %0, %%cr0", : : "r"(cr0 | 8) : "memory"), 0);
    EXPECT_EQ(TRY("clts", :), 0);
    EXPECT_EQ(TRY("fnop", :), 0);
    EXPECT_EQ(TRY("mov %0, %%cr0", : : "r"(cr0 & ~0x80000000UL) : "memory"), 1);
    EXPECT_EQ(last_trap.regs.vector, X86_GP);
}

/* CR3 takes a new L4 by its machine address; CR4 takes what changes nothing. */
static void test_write_cr(void)
{
    uint64_t cr4, l4 = mfn_of((void *)start_info->pt_base) * PAGE_SIZE;

    EXPECT_EQ(TRY("mov %0, %%cr3", : : "r"(l4) : "memory"), 0);
    EXPECT_EQ(TRY("mov %0, %%cr3", : : "r"(mfn_of(_text) * PAGE_SIZE) : "memory"), 1);
    EXPECT_EQ(last_trap.regs.vector, X86_GP);
    EXPECT_EQ(TRY("mov %%cr4, %0", : "=r"(cr4) : : "memory"), 0);
    EXPECT_EQ(TRY("mov %0, %%cr4", : : "r"(cr4) : "memory"), 0);
    EXPECT_EQ(TRY("mov %0, %%cr8", : : "r"(0UL) : "memory"), 1);
}

/* Debug registers by instruction, as by hypercall. */
static void test_dr(void)
{
    uint64_t dr, where = (uint64_t)&on_pavis;

    EXPECT_EQ(TRY("mov %0, %%dr1", : : "r"(where) : "memory"), 0);
    EXPECT_EQ(TRY("mov %%dr1, %0", : "=r"(dr) : : "memory"), 0);
    EXPECT_EQ(dr, where);
    EXPECT_EQ(TRY("mov %0, %%dr1", : : "r"(0UL) : "memory"), 0);
    EXPECT_EQ(TRY("mov %0, %%dr0", : : "r"(HYPERVISOR_VIRT_START) : "memory"), 1);
}

/* MSRs: the bases work, EFER and APIC_BASE are shown, system call targets and unknown ones are not.
 */
static void test_msr(void)
{
    uint64_t value;

    EXPECT(wrmsr(MSR_FS_BASE, 0x12345000));
    EXPECT(rdmsr(MSR_FS_BASE, &value));
    EXPECT_EQ(value, 0x12345000);
    EXPECT(wrmsr(MSR_FS_BASE, 0));
    EXPECT(wrmsr(MSR_KERNEL_GS_BASE, 0x7000));
    EXPECT(rdmsr(MSR_KERNEL_GS_BASE, &value));
    EXPECT_EQ(value, 0x7000);
    EXPECT(wrmsr(MSR_KERNEL_GS_BASE, 0));
    EXPECT(rdmsr(MSR_GS_BASE, &value));
    EXPECT(!wrmsr(MSR_FS_BASE, 0x800000000000)); /* not canonical */
    EXPECT_EQ(last_trap.regs.vector, X86_GP);
    EXPECT(rdmsr(MSR_EFER, &value));
    EXPECT(value & 1UL << 8); /* LME; SVME is hidden */
    EXPECT_EQ(value & 1UL << 12, 0);
    EXPECT(rdmsr(MSR_APIC_BASE, &value));
    EXPECT(rdmsr(MSR_TSC, &value));
    EXPECT(!rdmsr(0x12345678, &value));
    EXPECT_EQ(last_trap.regs.vector, X86_GP);
    EXPECT(!wrmsr(0x12345678, 0));
}

/* CPUID without the prefix runs or is intercepted; either way the leaf-1 family is real. */
static void test_cpuid(void)
{
    uint32_t a = 1, b, c = 0, d, a2 = 1, b2, c2 = 0, d2;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    __asm__ volatile(XEN_CPUID : "+a"(a2), "=b"(b2), "+c"(c2), "=d"(d2));
    EXPECT_EQ(a, a2);
}

/* RDTSC runs, forwards; RDPMC and XSETBV with nonsense do not. */
static void test_misc(void)
{
    uint32_t lo, hi, lo2, hi2;

    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    __asm__ volatile("rdtsc" : "=a"(lo2), "=d"(hi2));
    EXPECT(((uint64_t)hi2 << 32 | lo2) > ((uint64_t)hi << 32 | lo));
    EXPECT_EQ(TRY("rdpmc", : : "c"(0x99) : "rax", "rdx", "memory"), 1);
    EXPECT_EQ(last_trap.regs.vector, X86_GP);
    EXPECT_EQ(TRY("xsetbv", : : "a"(0), "d"(0), "c"(0) : "memory"), 1);
    EXPECT(last_trap.regs.vector == X86_GP || last_trap.regs.vector == X86_UD);
}

/* Cache write-back is accepted, since the first domain has devices. */
static void test_cache(void)
{
    EXPECT_EQ(TRY("wbinvd", :), 0);
    EXPECT_EQ(TRY("invd", :), 1); /* would lose what others wrote */
    EXPECT_EQ(TRY("invlpg (%0)", : : "r"(VIRT_BASE) : "memory"), 1); /* there is MMUEXT_INVLPG */
}

/* What has a hypercall instead, or must never work. */
static void test_refused(void)
{
    static uint8_t pseudo[16];

    EXPECT_EQ(TRY("lgdt (%0)", : : "r"(pseudo) : "memory"), 1);
    EXPECT_EQ(last_trap.regs.vector, X86_GP);
    EXPECT_EQ(TRY("lidt (%0)", : : "r"(pseudo) : "memory"), 1);
    EXPECT_EQ(TRY("ltr %w0", : : "r"(0xe033) : "memory"), 1);
    EXPECT_EQ(TRY("lldt %w0", : : "r"(0) : "memory"), 1);
    EXPECT_EQ(TRY("hlt", :), 1);
    EXPECT_EQ(TRY("swapgs", :), 1);
    EXPECT_EQ(TRY("sysretq", : : "c"(0) : "r11", "memory"), 1);
    EXPECT(last_trap.regs.vector == X86_GP || last_trap.regs.vector == X86_UD);
}

/* Ports need I/O privilege; with it dom0 reaches devices, but not those that the hypervisor uses.
 */
static void test_ports(void)
{
    struct physdev_set_iopl iopl = {1};
    uint8_t value = 0;
    uint32_t wide = 0;

    if (!(start_info->flags & SIF_INITDOMAIN)) {
        test_skip("no ports");
        return;
    }
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
    EXPECT_EQ(TRY("outb %b0, $0x80", : : "a"(value) : "memory"), 0);
    EXPECT_EQ(TRY("outb %b0, $0x70; inb $0x71, %b0", : "+a"(value) : : "memory"), 0);
    EXPECT_EQ(TRY("inb $0x61, %b0", : "=a"(value) : : "memory"), 0);
    EXPECT_EQ(TRY("outl %0, %%dx", : : "a"(0x80000000), "d"(0xcf8) : "memory"), 0);
    EXPECT_EQ(TRY("inl %%dx, %0", : "=a"(wide) : "d"(0xcfc) : "memory"), 0);
    EXPECT_EQ(wide & 0xffff, 0x8086); /* QEMU's host bridge */
    EXPECT_EQ(TRY("inl %%dx, %0", : "=a"(wide) : "d"(0xcf8) : "memory"), 0);
    EXPECT_EQ(wide, 0x80000000);
    /* The console's UART: either nothing is there, or it is forbidden. */
    EXPECT(TRY("inb %%dx, %b0", : "=a"(value) : "d"(0x3fd) : "memory") == 1 || value == 0xff);
    EXPECT(TRY("inb $0x20, %b0", : "=a"(value) : : "memory") == 1 || value == 0xff);
    iopl.iopl = 4;
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_set_iopl, &iopl), -EINVAL);
    iopl.iopl = 0;
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
    EXPECT_EQ(TRY("outb %b0, $0x80", : : "a"(value) : "memory"), 1);
    EXPECT_EQ(last_trap.regs.vector, X86_GP);
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_set_iopl, 0x1000), -EFAULT);
}

/* String forms of port I/O move data between memory and port. */
static void test_string_io(void)
{
    static uint8_t buffer[4] = {1, 2, 3, 4};
    struct physdev_set_iopl iopl = {1};
    uint8_t *to = buffer;
    const uint8_t *from = buffer;
    uint64_t n = 4;

    if (!(start_info->flags & SIF_INITDOMAIN)) {
        test_skip("no ports");
        return;
    }
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
    EXPECT_EQ(TRY("rep outsb", : "+S"(from), "+c"(n) : "d"(0x80) : "memory"), 0);
    EXPECT_EQ(n, 0);
    EXPECT_EQ(from, buffer + 4);
    n = 2;
    EXPECT_EQ(TRY("rep insb", : "+D"(to), "+c"(n) : "d"(0x61) : "memory"), 0);
    EXPECT_EQ(to, buffer + 2);
    EXPECT_EQ(buffer[3], 4);
    to = (uint8_t *)0x1000;
    n = 1;
    EXPECT_EQ(TRY("rep insb", : "+D"(to), "+c"(n) : "d"(0x61) : "memory"), 1);
    EXPECT_EQ(last_trap.regs.vector, X86_PF);
    EXPECT_EQ(last_trap.cr2, 0x1000);
    iopl.iopl = 0;
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
}

/* POPF, CLI and STI do not change who receives events. */
static void test_interrupt_flag(void)
{
    TRY("cli", :);
    EXPECT_EQ(vcpu0->evtchn_upcall_mask, 0);
    TRY("sti", :);
    EXPECT_EQ(TRY("pushf; andq $~0x200, (%%rsp); popf", : : : "memory", "cc"), 0);
    EXPECT_EQ(vcpu0->evtchn_upcall_mask, 0);
}

TESTS("privops", T(read_cr), T(task_switched), T(write_cr), T(dr), T(msr), T(cpuid), T(misc),
      T(cache), T(refused), T(ports), T(string_io), T(interrupt_flag));
