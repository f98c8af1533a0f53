/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exceptions of a guest kernel: each vector is bounced with the frame, error code and CR2 that a
 * processor would give, through the table that set_trap_table installed; callbacks can be
 * registered and refused.
 */
#include "abi/nmi.h"
#include "test.h"

#define TREE_VA 0x10000000000UL

extern char after_int3[], after_int80[], faulting[];

/* What every frame has in common. */
static void check_frame(unsigned vector, uint64_t error)
{
    EXPECT_EQ(last_trap.count, 1);
    EXPECT_EQ(last_trap.regs.vector, vector);
    EXPECT_EQ(last_trap.regs.error, error);
    EXPECT_EQ(last_trap.regs.cs & 0xffff, FLAT_KERNEL_CS & ~3); /* RPL 0 says: from kernel mode */
    EXPECT_EQ(last_trap.regs.ss & 0xfffc, FLAT_KERNEL_SS & ~3);
}

/* Registers, stack pointer, instruction pointer and flags arrive and return as they were. */
static void test_frame(void)
{
    uint64_t rsp, sum;

    __asm__ volatile("mov %%rsp, %0" : "=r"(rsp));
    trap_forget();
    __asm__ volatile("movq $1f, trap_resume(%%rip)\n\t"
                     "mov $0x1234567890, %%rcx; mov $0x9876543210, %%r11; mov $0x5555, %%r15d\n\t"
                     "stc\nfaulting: ud2\n1:\tadd %%r11, %%rcx; add %%r15, %%rcx; mov %%rcx, %0"
                     : "=r"(sum)
                     :
                     : "rcx", "r11", "r15", "memory", "cc");
    check_frame(X86_UD, 0);
    EXPECT_EQ(sum, 0x1234567890 + 0x9876543210 + 0x5555);
    EXPECT_EQ(last_trap.regs.rip, faulting);
    EXPECT_EQ(last_trap.regs.rcx, 0x1234567890);
    EXPECT_EQ(last_trap.regs.r11, 0x9876543210);
    EXPECT_EQ(last_trap.regs.r15, 0x5555);
    EXPECT_EQ(last_trap.regs.rsp, rsp);
    EXPECT_EQ(last_trap.regs.rflags & EFLAGS_CF, EFLAGS_CF);
    EXPECT_EQ(last_trap.regs.rflags & EFLAGS_IF, EFLAGS_IF);
    EXPECT_EQ(last_trap.mask_then, 0);
}

/* The saved flags show the event mask as IF; the byte beside CS shows it too. */
static void test_virtual_if(void)
{
    events_mask();
    TRY("ud2", :);
    EXPECT_EQ(last_trap.regs.rflags & EFLAGS_IF, 0);
    EXPECT_EQ(last_trap.regs.cs >> 32 & 0xff, 1);
    EXPECT_EQ(shared_info->vcpu_info[0].evtchn_upcall_mask, 1);
    events_unmask();
    TRY("ud2", :);
    EXPECT_EQ(last_trap.regs.rflags & EFLAGS_IF, EFLAGS_IF);
    EXPECT_EQ(last_trap.regs.cs >> 32 & 0xff, 0);
}

/* #DE, with the instruction pointer at the division. */
static void test_divide_error(void)
{
    TRY("xor %%ecx, %%ecx; mov $1, %%eax; xor %%edx, %%edx; div %%ecx",
        :
        :
        : "rax", "rcx", "rdx", "cc");
    check_frame(X86_DE, 0);
}

/* #BP, with the instruction pointer after the INT3. */
static void test_breakpoint(void)
{
    TRY("int3; after_int3: nop", :);
    check_frame(X86_BP, 0);
    EXPECT_EQ(last_trap.regs.rip, after_int3);
}

/* INT 0x80 reaches its gate as a trap; a gate with privilege 0 is for no INT instruction, one with
 * privilege 1 for the kernel's. */
static void test_software_interrupt(void)
{
    struct trap_info gate[2] = {{0x82, 1, FLAT_KERNEL_CS, (uint64_t)trap_int81}, {0, 0, 0, 0}};

    TRY("int $0x80; after_int80: nop", :);
    check_frame(0x80, 0);
    EXPECT_EQ(last_trap.regs.rip, after_int80);
    TRY("int $0x81", :);
    /* A refused INT n is #GP with n * 8 + 2; QEMU's TCG says n * 16 + 2. */
    EXPECT_EQ(last_trap.regs.vector, X86_GP);
    EXPECT(last_trap.regs.error == 0x81 * 8 + 2 || last_trap.regs.error == 0x81 * 16 + 2);
    EXPECT_RC(hc_set_trap_table(gate), 0);
    if (on_pavis) { /* Xen takes the vector from the error code, which TCG has wrong */
        TRY("int $0x82", :);
        EXPECT_EQ(last_trap.regs.vector, 0x81); /* its handler is that one's */
    }
    TRY("int $0x90", :); /* not in the table */
    EXPECT_EQ(last_trap.regs.vector, X86_GP);
    EXPECT(last_trap.regs.error == 0x90 * 8 + 2 || last_trap.regs.error == 0x90 * 16 + 2);
}

/* #GP for an address that is not canonical. */
static void test_general_protection(void)
{
    TRY("movq (%0), %%rax", : : "r"(0x800000000000UL) : "rax", "memory");
    check_frame(X86_GP, 0);
    TRY("mov %0, %%ds", : : "r"(0x7fb8) : "memory"); /* a selector beyond the GDT */
    check_frame(X86_GP, 0x7fb8);
}

/* #SS for the same through the stack segment (QEMU's TCG says #GP). */
static void test_stack_fault(void)
{
    TRY("mov %%rbp, %%rcx; mov %0, %%rbp; mov (%%rbp), %%rax; mov %%rcx, %%rbp",
        :
        : "r"(0x800000000000UL)
        : "rax", "rcx", "memory");
    if (last_trap.count) /* the rest of the sequence was jumped over */
        __asm__ volatile("mov %0, %%rbp" : : "m"(last_trap.regs.rcx));
    EXPECT_EQ(last_trap.count, 1);
    EXPECT(last_trap.regs.vector == X86_SS || last_trap.regs.vector == X86_GP);
}

/* #PF carries CR2 and an error code without the user bit, since the kernel caused it. */
static void test_page_fault(void)
{
    static char ret_insn[] __attribute__((aligned(4096))) = {'\xc3'};
    struct tree tree;
    void *page = page_alloc();
    uint64_t mfn = mfn_of(page);

    TRY("movq (%0), %%rax", : : "r"(TREE_VA + 0x123) : "rax", "memory");
    check_frame(X86_PF, 0);
    EXPECT_EQ(last_trap.cr2, TREE_VA + 0x123);
    TRY("movq %%rax, (%0)", : : "r"(TREE_VA + 0x456) : "rax", "memory");
    check_frame(X86_PF, PFEC_WRITE);
    EXPECT_EQ(last_trap.cr2, TREE_VA + 0x456);
    REQUIRE(tree_make(&tree, TREE_VA));
    memcpy(page, ret_insn, 1);
    EXPECT_RC(set_va((void *)TREE_VA, mfn * PAGE_SIZE | RO_FLAGS | PTE_NX, UVMF_INVLPG), 0);
    TRY("movb $0xc3, (%0)", : : "r"(TREE_VA) : "memory");
    check_frame(X86_PF, PFEC_WRITE | PFEC_PRESENT);
    /* The call pushes a return address that the fault leaves behind: take it off again. */
    trap_forget();
    __asm__ volatile("mov %%rsp, %%rbx; movq $1f, trap_resume(%%rip); call *%0\n"
                     "1: movq $0, trap_resume(%%rip); mov %%rbx, %%rsp"
                     :
                     : "r"(TREE_VA)
                     : "rbx", "memory");
    check_frame(X86_PF, PFEC_FETCH | PFEC_PRESENT);
    EXPECT_EQ(last_trap.regs.rip, TREE_VA);
    EXPECT_RC(set_va((void *)TREE_VA, mfn * PAGE_SIZE | RO_FLAGS, UVMF_INVLPG), 0);
    __asm__ volatile("call *%0" : : "r"(TREE_VA) : "memory");
    EXPECT_RC(set_va((void *)TREE_VA, 0, UVMF_INVLPG), 0);
    tree_drop(&tree);
    page_free(page);
}

/* The gate flag for masking events works: #PF has it set here, #UD has not. */
static void test_gate_masks(void)
{
    TRY("movq (%0), %%rax", : : "r"(TREE_VA) : "rax", "memory");
    EXPECT_EQ(last_trap.mask_then, 1);
    EXPECT_EQ(shared_info->vcpu_info[0].evtchn_upcall_mask, 0); /* restored by iret */
    TRY("ud2", :);
    EXPECT_EQ(last_trap.mask_then, 0);
}

/* fpu_taskswitch(1) makes the next FPU instruction raise #NM, once; (0) does not. */
static void test_device_not_available(void)
{
    EXPECT_RC(hc_fpu_taskswitch(1), 0);
    TRY("fnop", :);
    check_frame(X86_NM, 0);
    EXPECT_EQ(TRY("fnop", :), 0); /* the bounce cleared TS */
    EXPECT_RC(hc_fpu_taskswitch(1), 0);
    EXPECT_RC(hc_fpu_taskswitch(0), 0);
    EXPECT_EQ(TRY("fnop", :), 0);
}

/* Unmasked floating-point errors arrive as #MF and #XM. */
static void test_fpu_errors(void)
{
    uint16_t cw = 0x37f & ~4; /* divide by zero unmasked */
    uint32_t mxcsr = 0x1f80 & ~0x200U, normal = 0x1f80;

    TRY("fninit; fldcw %0; fldz; fld1; fdivp %%st, %%st(1); fldz; fld1; fdiv %%st(1), %%st; fwait",
        :
        : "m"(cw)
        : "memory");
    check_frame(X86_MF, 0);
    __asm__ volatile("fninit");
    TRY("ldmxcsr %0; xorps %%xmm1, %%xmm1; mov $0x3f800000, %%eax; movd %%eax, %%xmm0;"
        "divss %%xmm1, %%xmm0",
        :
        : "m"(mxcsr)
        : "rax", "memory");
    if (last_trap.count) /* QEMU's TCG never raises it */
        check_frame(X86_XM, 0);
    __asm__ volatile("ldmxcsr %0" : : "m"(normal));
}

/* The trap flag stops after one instruction with #DB, and DR6 says why. */
static void test_single_step(void)
{
    trap_forget();
    hc_set_debugreg(6, 0);
    __asm__ volatile("movq $1f, trap_resume(%%rip)\n\t"
                     "pushf; orq %0, (%%rsp); popf; nop\n"
                     "1: movq $0, trap_resume(%%rip); pushf; andq %1, (%%rsp); popf"
                     :
                     : "i"(EFLAGS_TF), "i"(~EFLAGS_TF)
                     : "memory", "cc");
    EXPECT(last_trap.count >= 1);
    EXPECT_EQ(last_trap.regs.vector, X86_DB);
    EXPECT_EQ(hc_get_debugreg(6) & 1UL << 14, 1UL << 14);
    EXPECT_EQ(last_trap.regs.rflags & EFLAGS_TF, EFLAGS_TF);
    hc_set_debugreg(6, 0);
}

static unsigned nested_seen;

static bool nested_hook(struct regs *regs)
{
    if (regs->vector != X86_BP)
        return false;
    if (TRY("ud2", :) == 1 && last_trap.regs.vector == X86_UD && last_trap.regs.rsp < regs->rsp)
        nested_seen++;
    return true;
}

/* An exception inside an exception handler continues on the same stack. */
static void test_nested(void)
{
    nested_seen = 0;
    trap_hook = nested_hook;
    __asm__ volatile("int3");
    trap_hook = NULL;
    EXPECT_EQ(nested_seen, 1);
}

/* An iret hypercall to a stack segment that does not exist is #GP at the place where it was to go.
 */
static void test_iret_bad_stack(void)
{
    uint64_t target;

    trap_forget();
    __asm__ volatile(
        "movq $1f, trap_resume(%%rip)\n\t"
        "mov %%rsp, %%rbx\n\t"
        "push %1; push %%rbx; pushf; push %2; push $1f; push $0; push $0; push $0; push $0\n\t"
        "mov %3, %%eax; syscall; ud2\n"
        "1: movq $0, trap_resume(%%rip); mov %%rbx, %%rsp; mov $1b, %0"
        : "=r"(target)
        : "i"(0x7fbb), "i"(FLAT_KERNEL_CS & ~3), "i"(__HYPERVISOR_iret)
        : "rax", "rbx", "rcx", "r11", "memory", "cc");
    EXPECT_EQ(last_trap.count, 1);
    EXPECT_EQ(last_trap.regs.vector, X86_GP);
    EXPECT_EQ(last_trap.regs.error, 0x7fb8);
    EXPECT_EQ(last_trap.regs.rip, target);
}

/* The same for a code segment that does not exist, or is none. */
static void test_iret_bad_code(void)
{
    static const uint16_t bad[] = {0x7fbb, FLAT_KERNEL_SS};

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        uint64_t target;

        trap_forget();
        __asm__ volatile(
            "movq $1f, trap_resume(%%rip)\n\t"
            "mov %%rsp, %%rbx\n\t"
            "push %1; push %%rbx; pushf; push %2; push $1f; push $0; push $0; push $0; push $0\n\t"
            "mov %3, %%eax; syscall; ud2\n"
            "1: movq $0, trap_resume(%%rip); mov %%rbx, %%rsp; mov $1b, %0"
            : "=r"(target)
            : "i"(FLAT_KERNEL_SS), "r"((uint64_t)bad[i] & ~3UL), "i"(__HYPERVISOR_iret)
            : "rax", "rbx", "rcx", "r11", "memory", "cc");
        EXPECT_EQ(last_trap.count, 1);
        EXPECT_EQ(last_trap.regs.vector, X86_GP);
        EXPECT_EQ(last_trap.regs.error, bad[i] & ~3U);
        EXPECT_EQ(last_trap.regs.rip, target);
    }
}

/* set_trap_table refuses bad addresses and pointers; a null pointer empties the table. */
static void test_trap_table_bad(void)
{
    struct trap_info bad[2] = {{X86_OF, 0, FLAT_KERNEL_CS, 0x800000000000}, {0, 0, 0, 0}};

    EXPECT_RC(hc_set_trap_table(bad), -EINVAL);
    EXPECT_RC(hc_set_trap_table(0x1000), -EFAULT);
    EXPECT_RC(hc_set_trap_table(HYPERVISOR_VIRT_START), -EFAULT);
    EXPECT_RC(hc_set_trap_table(0), 0);
    trap_init();
    EXPECT_EQ(TRY("ud2", :), 1);
}

/* callback_op takes each type with a canonical address, and refuses others. */
static void test_callback_op(void)
{
    struct callback_register cb = {CALLBACKTYPE_syscall, 0, (uint64_t)syscall_entry};
    struct callback_unregister un = {CALLBACKTYPE_event, 0};
    static const struct {
        uint16_t type;
        void (*entry)(void);
    } good[] = {
        {CALLBACKTYPE_event, event_entry},       {CALLBACKTYPE_failsafe, failsafe_entry},
        {CALLBACKTYPE_syscall, syscall_entry},   {CALLBACKTYPE_nmi, nmi_entry},
        {CALLBACKTYPE_sysenter, sysenter_entry}, {CALLBACKTYPE_syscall32, syscall32_entry},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
        cb = (struct callback_register){good[i].type, 0, (uint64_t)good[i].entry};
        EXPECT_RC(hc_callback_op(CALLBACKOP_register, &cb), 0);
        cb.address = 0x800000000000;
        EXPECT_RC(hc_callback_op(CALLBACKOP_register, &cb), -EINVAL);
    }
    cb = (struct callback_register){77, 0, (uint64_t)event_entry};
    EXPECT_RC(hc_callback_op(CALLBACKOP_register, &cb), -ENOSYS);
    EXPECT_RC(hc_callback_op(CALLBACKOP_register, 0x1000), -EFAULT);
    EXPECT_RC(hc_callback_op(2, &cb), -ENOSYS);
    EXPECT_RC(hc_callback_op(CALLBACKOP_unregister, &un),
              -EINVAL); /* a guest cannot live without */
    un.type = CALLBACKTYPE_nmi;
    EXPECT_RC(hc_callback_op(CALLBACKOP_unregister, &un), 0);
    un.type = 77;
    EXPECT_RC(hc_callback_op(CALLBACKOP_unregister, &un), -ENOSYS);
}

/* set_callbacks, the older way, is as good. */
static void test_set_callbacks(void)
{
    EXPECT_RC(hc_set_callbacks(event_entry, failsafe_entry, syscall_entry), 0);
    trap_init();
}

static volatile unsigned nmis, nmis_inside;

/* The first one sends another, which must wait until this handler's iret. */
static bool nmi_hook(struct regs *regs)
{
    if (regs->vector != VECTOR_NMI)
        return false;
    if (nmis++ == 0) {
        EXPECT_RC(hc_vcpu_op(VCPUOP_send_nmi, 0, 0), 0);
        hc_sched_op(SCHEDOP_yield, 0);
        nmis_inside = nmis;
    }
    return true;
}

/* An NMI sent to oneself arrives at the NMI callback; a second one after the first's iret. */
static void test_nmi(void)
{
    struct xennmi_callback cb = {(uint64_t)nmi_entry, 0};

    nmis = 0;
    EXPECT_RC(HC_2(__HYPERVISOR_nmi_op, XENNMI_register_callback, &cb), 0);
    trap_hook = nmi_hook;
    EXPECT_RC(hc_vcpu_op(VCPUOP_send_nmi, 0, 0), 0);
    hc_sched_op(SCHEDOP_yield, 0);
    trap_hook = NULL;
    EXPECT_EQ(nmis_inside, 1);
    EXPECT_EQ(nmis, 2);
    EXPECT_RC(hc_vcpu_op(VCPUOP_send_nmi, 0, &cb), -EINVAL);
    EXPECT_RC(HC_2(__HYPERVISOR_nmi_op, XENNMI_unregister_callback, 0), 0);
    EXPECT_RC(HC_2(__HYPERVISOR_nmi_op, 2, 0), -ENOSYS);
    EXPECT_RC(hc_vcpu_op(VCPUOP_send_nmi, 99, 0), -ENOENT);
}

TESTS("traps", T(frame), T(virtual_if), T(divide_error), T(breakpoint), T(software_interrupt),
      T(general_protection), T(stack_fault), T(page_fault), T(gate_masks), T(device_not_available),
      T(fpu_errors), T(single_step), T(nested), T(iret_bad_stack), T(iret_bad_code),
      T(trap_table_bad), T(callback_op), T(set_callbacks), T(nmi));
