/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * User mode: its own page tables, system calls and exceptions that reach the guest's kernel, the
 * way back through iret, segment bases, 32-bit code, and events on the border.
 */
#include "test.h"

#define USER_CODE  0x400000UL
#define USER_STACK 0x500000UL
#define USER_TOP   (USER_STACK + PAGE_SIZE - 64)

/* What runs in user mode; position independent, each piece entered at its label. */
__asm__(".pushsection .text\n"
        ".globl user_begin, user_end, u_syscall, u_int80, u_ud2, u_hlt, u_read, u_write, u_spin\n"
        ".globl u_fs, u_gs, u_int80_32, u_syscall_32, u_jump, u_popf, u_sysenter\n"
        ".balign 4096\n"
        "user_begin:\n"
        "u_syscall: mov $0x77, %eax; syscall; add $1, %rax; int $0x80; ud2\n"
        "u_int80: int $0x80; ud2\n"
        "u_ud2: ud2\n"
        "u_hlt: hlt\n"
        "u_read: mov (%rdi), %rax; int $0x80\n"
        "u_write: mov %rax, (%rdi); int $0x80\n"
        "u_spin: pause; cmpl $0, (%rdi); je u_spin; int $0x80\n"
        "u_fs: mov %fs:0, %rax; int $0x80\n"
        "u_gs: mov %gs:0, %rax; int $0x80\n"
        "u_jump: jmp *%rdi\n"
        "u_popf: push %rdi; popf; pushf; pop %rax; int $0x80\n"
        ".code32\n"
        "u_int80_32: mov $0x1234, %eax; int $0x80; ud2\n"
        "u_syscall_32: mov $0x4321, %eax; syscall; int $0x80; ud2\n"
        "u_sysenter: mov $0x5555, %eax; sysenter; ud2\n"
        ".code64\n"
        "user_end:\n"
        ".popsection\n");

extern char user_begin[], user_end[], u_syscall[], u_int80[], u_ud2[], u_hlt[], u_read[], u_write[];
extern char u_spin[], u_fs[], u_gs[], u_int80_32[], u_syscall_32[], u_jump[], u_popf[],
    u_sysenter[];

static uint8_t kernel_stack[16384] __attribute__((aligned(4096)));
static uint64_t *l4, *l3, *l2, *l1;
static void *code, *stack;
static struct regs regs;

static uint64_t at(const char *label)
{
    return USER_CODE + (uint64_t)(label - user_begin);
}

static bool setup(void)
{
    l4 = page_alloc();
    l3 = page_alloc();
    l2 = page_alloc();
    l1 = page_alloc();
    code = page_alloc();
    stack = page_alloc();
    memcpy(code, user_begin, (size_t)(user_end - user_begin));
    l1[L1_SLOT(USER_CODE)] = mfn_of(code) * PAGE_SIZE | RO_FLAGS;
    l1[L1_SLOT(USER_STACK)] = mfn_of(stack) * PAGE_SIZE | RW_FLAGS | PTE_NX;
    l2[L2_SLOT(USER_CODE)] = mfn_of(l1) * PAGE_SIZE | TABLE_FLAGS;
    l3[0] = mfn_of(l2) * PAGE_SIZE | TABLE_FLAGS;
    l4[0] = mfn_of(l3) * PAGE_SIZE | TABLE_FLAGS;
    if (page_readonly(l1) || page_readonly(l2) || page_readonly(l3) || page_readonly(l4))
        return false;
    if (pin(l4, 4) || mmuext1(MMUEXT_NEW_USER_BASEPTR, mfn_of(l4), 0))
        return false;
    return hc_stack_switch(FLAT_KERNEL_SS, kernel_stack + sizeof(kernel_stack)) == 0;
}

static void cleanup(void)
{
    void *tables[] = {l1, l2, l3, l4};

    EXPECT_RC(mmuext1(MMUEXT_NEW_USER_BASEPTR, 0, 0), 0);
    EXPECT_RC(unpin(l4), 0);
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_RC(page_writable(tables[i]), 0);
        page_free(tables[i]);
    }
    page_free(code);
    page_free(stack);
}

static void prepare(const char *label)
{
    regs = (struct regs){.rip = at(label),
                         .cs = FLAT_USER_CS,
                         .rflags = EFLAGS_IF | 2,
                         .rsp = USER_TOP,
                         .ss = FLAT_USER_SS};
}

/* Run user code until it enters the kernel; what came is in last_trap. */
static void run(void)
{
    static struct regs copy;

    copy = regs;
    trap_forget();
    user_enter(&copy);
    regs = last_trap.regs;
    /* user_leave came here with the mask as the handler left it */
    if (last_trap.mask_then)
        events_unmask();
}

/* SYSCALL of a user program arrives at the callback; what iret gives back arrives in user mode. */
static void test_syscall(void)
{
    REQUIRE(setup());
    prepare(u_syscall);
    regs.rbx = 0xb0b;
    regs.r15 = 0xf00;
    run();
    EXPECT_EQ(last_trap.regs.vector, VECTOR_SYSCALL);
    EXPECT_EQ(last_trap.regs.rax, 0x77);
    EXPECT_EQ(last_trap.regs.rbx, 0xb0b);
    EXPECT_EQ(last_trap.regs.r15, 0xf00);
    EXPECT_EQ(last_trap.regs.rip, at(u_syscall) + 7);
    EXPECT_EQ(last_trap.regs.rcx, at(u_syscall) + 7);
    EXPECT_EQ(last_trap.regs.rsp, USER_TOP);
    EXPECT_EQ(last_trap.regs.cs & 0xffff, FLAT_USER_CS);
    EXPECT_EQ(last_trap.regs.ss & 0xffff, FLAT_USER_SS);
    EXPECT_EQ(last_trap.regs.rflags & EFLAGS_IF, EFLAGS_IF);
    EXPECT_EQ(last_trap.mask_then, 1); /* the callback was registered so */
    regs.rax = 0x41;
    run();
    EXPECT_EQ(last_trap.regs.vector, 0x80);
    EXPECT_EQ(last_trap.regs.rax, 0x42);
    EXPECT_EQ(last_trap.regs.rbx, 0xb0b);
    cleanup();
}

/* The frame lies on the stack that stack_switch named, not on the user's. */
static void test_kernel_stack(void)
{
    REQUIRE(setup());
    memset(kernel_stack, 0, sizeof(kernel_stack));
    prepare(u_int80);
    run();
    EXPECT_EQ(((uint64_t *)(kernel_stack + sizeof(kernel_stack)))[-2], USER_TOP);
    EXPECT(hc_stack_switch(FLAT_KERNEL_SS, 0x800000000000) <= 0);
    EXPECT_RC(hc_stack_switch(FLAT_KERNEL_SS, kernel_stack + sizeof(kernel_stack)), 0);
    cleanup();
}

/* Exceptions of user code: the frame says user mode, error codes too. */
static void test_exceptions(void)
{
    REQUIRE(setup());
    prepare(u_ud2);
    run();
    EXPECT_EQ(last_trap.regs.vector, X86_UD);
    EXPECT_EQ(last_trap.regs.cs & 3, 3);
    prepare(u_hlt);
    run();
    EXPECT_EQ(last_trap.regs.vector, X86_GP);
    EXPECT_EQ(last_trap.regs.rip, at(u_hlt));
    prepare(u_read);
    regs.rdi = 0x600000;
    run();
    EXPECT_EQ(last_trap.regs.vector, X86_PF);
    EXPECT_EQ(last_trap.regs.error, PFEC_USER);
    EXPECT_EQ(last_trap.cr2, 0x600000);
    prepare(u_write);
    regs.rdi = USER_CODE;
    run();
    EXPECT_EQ(last_trap.regs.error, PFEC_USER | PFEC_WRITE | PFEC_PRESENT);
    prepare(u_jump);
    regs.rdi = USER_STACK;
    run();
    EXPECT_EQ(last_trap.regs.error, PFEC_USER | PFEC_FETCH | PFEC_PRESENT);
    cleanup();
}

/* User mode sees neither the kernel's pages nor the hypervisor's. */
static void test_isolation(void)
{
    static const uint64_t hidden[] = {VIRT_BASE + 0x100000, HYPERVISOR_VIRT_END - 8,
                                      0xffff830000000000, 0x800000000000};

    REQUIRE(setup());
    for (unsigned i = 0; i < ARRAY_SIZE(hidden); i++) {
        prepare(u_read);
        regs.rdi = hidden[i];
        run();
        EXPECT(last_trap.regs.vector == X86_PF || last_trap.regs.vector == X86_GP);
        if (last_trap.regs.vector == X86_PF) {
            EXPECT_EQ(last_trap.cr2, hidden[i]);
            EXPECT(last_trap.regs.error & PFEC_USER);
        }
    }
    cleanup();
}

/* A store of user code to a read-only page table is not emulated. */
static void test_no_ptwr(void)
{
    uint64_t before;

    REQUIRE(setup());
    hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
    EXPECT_RC(
        mmu_update1(pte_machine(&l1[L1_SLOT(USER_STACK) + 1]), mfn_of(l1) * PAGE_SIZE | RO_FLAGS),
        0);
    before = l1[0];
    prepare(u_write);
    regs.rdi = USER_STACK + PAGE_SIZE;
    run();
    EXPECT_EQ(last_trap.regs.vector, X86_PF);
    EXPECT_EQ(last_trap.regs.error, PFEC_USER | PFEC_WRITE | PFEC_PRESENT);
    EXPECT_EQ(l1[0], before);
    cleanup();
}

/* FS and GS bases: three of them, switched with the mode; bad ones are refused. */
static void test_segment_bases(void)
{
    static uint64_t kernel_fs = 0xf5, kernel_gs = 0x65;
    uint64_t value;

    REQUIRE(setup());
    ((uint64_t *)stack)[0] = 0x0f5e;
    ((uint64_t *)stack)[1] = 0x05e2;
    EXPECT_RC(hc_set_segment_base(SEGBASE_FS, &kernel_fs), 0);
    __asm__ volatile("mov %%fs:0, %0" : "=r"(value));
    EXPECT_EQ(value, 0xf5);
    EXPECT_RC(hc_set_segment_base(SEGBASE_GS_KERNEL, &kernel_gs), 0);
    EXPECT_RC(hc_set_segment_base(SEGBASE_GS_USER, USER_STACK + 8), 0);
    __asm__ volatile("mov %%gs:0, %0" : "=r"(value));
    EXPECT_EQ(value, 0x65);
    EXPECT_RC(hc_set_segment_base(SEGBASE_FS, USER_STACK), 0);
    prepare(u_fs);
    run();
    EXPECT_EQ(last_trap.regs.rax, 0x0f5e);
    prepare(u_gs);
    run();
    EXPECT_EQ(last_trap.regs.vector, 0x80);
    EXPECT_EQ(last_trap.regs.rax, 0x05e2);
    __asm__ volatile("mov %%gs:0, %0" : "=r"(value));
    EXPECT_EQ(value, 0x65); /* the kernel's own again */
    EXPECT_RC(hc_set_segment_base(SEGBASE_FS, 0x800000000000), -EINVAL);
    EXPECT_RC(hc_set_segment_base(SEGBASE_GS_KERNEL, 0x800000000000), -EINVAL);
    EXPECT_RC(hc_set_segment_base(SEGBASE_GS_USER, 0x800000000000), -EINVAL);
    EXPECT_RC(hc_set_segment_base(SEGBASE_GS_USER_SEL, 0), 0);
    EXPECT_RC(hc_set_segment_base(SEGBASE_GS_USER_SEL, 0x7fb8), 0); /* bad: a null one is loaded */
    EXPECT_RC(hc_set_segment_base(4, 0), -EINVAL);
    EXPECT_RC(hc_set_segment_base(SEGBASE_FS, 0), 0);
    EXPECT_RC(hc_set_segment_base(SEGBASE_GS_KERNEL, 0), 0);
    cleanup();
}

/* User code cannot raise its I/O privilege or mask events: POPF changes neither. */
static void test_popf(void)
{
    REQUIRE(setup());
    prepare(u_popf);
    regs.rdi = 0x3000 | EFLAGS_CF | 2; /* IOPL 3, IF 0 */
    run();
    EXPECT_EQ(last_trap.regs.vector, 0x80);
    EXPECT_EQ(last_trap.regs.rax & (0x3000 | EFLAGS_IF | EFLAGS_CF), EFLAGS_IF | EFLAGS_CF);
    EXPECT_EQ(shared_info->vcpu_info[0].evtchn_upcall_mask, 0);
    cleanup();
}

/* iret cannot give a program privilege either: bad flags are cleaned. */
static void test_iret_flags(void)
{
    REQUIRE(setup());
    prepare(u_int80);
    regs.rflags = 0x3000 | 1UL << 14 | 1UL << 17 | EFLAGS_IF | 2; /* IOPL, NT, VM */
    run();
    EXPECT_EQ(last_trap.regs.vector, 0x80);
    EXPECT_EQ(last_trap.regs.rflags & (1UL << 17), 0);
    EXPECT_EQ(last_trap.regs.rflags & EFLAGS_IF, EFLAGS_IF);
    cleanup();
}

/* A 32-bit program of a 64-bit kernel: INT 0x80 and SYSCALL reach their handlers. */
static void test_compat(void)
{
    struct callback_register cb = {CALLBACKTYPE_syscall32, CALLBACKF_mask_events,
                                   (uint64_t)syscall32_entry};

    REQUIRE(setup());
    EXPECT_RC(hc_callback_op(CALLBACKOP_register, &cb), 0);
    prepare(u_int80_32);
    regs.cs = FLAT_USER_CS32;
    run();
    EXPECT_EQ(last_trap.regs.vector, 0x80);
    EXPECT_EQ(last_trap.regs.rax, 0x1234);
    EXPECT_EQ(last_trap.regs.cs & 0xffff, FLAT_USER_CS32);
    prepare(u_syscall_32);
    regs.cs = FLAT_USER_CS32;
    run();
    /* Intel processors have no SYSCALL there. */
    EXPECT(last_trap.regs.vector == VECTOR_SYSCALL32 || last_trap.regs.vector == X86_UD);
    if (last_trap.regs.vector == VECTOR_SYSCALL32) {
        EXPECT_EQ(last_trap.regs.rax, 0x4321);
        EXPECT_EQ(last_trap.regs.cs & 0xffff, FLAT_USER_CS32);
        run();
        EXPECT_EQ(last_trap.regs.vector, 0x80);
    }
    cleanup();
}

/* SYSENTER of a 32-bit program reaches its callback, where the processor has it. */
static void test_sysenter(void)
{
    struct callback_register cb = {CALLBACKTYPE_sysenter, CALLBACKF_mask_events,
                                   (uint64_t)sysenter_entry};

    REQUIRE(setup());
    EXPECT_RC(hc_callback_op(CALLBACKOP_register, &cb), 0);
    prepare(u_sysenter);
    regs.cs = FLAT_USER_CS32;
    run();
    EXPECT(last_trap.regs.vector == VECTOR_SYSENTER || last_trap.regs.vector == X86_UD ||
           last_trap.regs.vector == X86_GP);
    if (last_trap.regs.vector == VECTOR_SYSENTER)
        EXPECT_EQ(last_trap.regs.rax, 0x5555);
    cleanup();
}

/* An event that waited while the kernel had it masked is delivered on the way to user mode. */
static void test_event_on_return(void)
{
    struct evtchn_bind_ipi bind = {0, 0};
    struct evtchn_send send;
    unsigned calls;

    REQUIRE(setup());
    REQUIRE_RC(hc_event_op(EVTCHNOP_bind_ipi, &bind), 0);
    send.port = bind.port;
    event_count[bind.port] = 0;
    shared_info->evtchn_mask[bind.port / 64] &= ~(1UL << bind.port % 64);
    events_mask();
    EXPECT_RC(hc_event_op(EVTCHNOP_send, &send), 0);
    calls = upcall_count;
    prepare(u_int80);
    run();
    EXPECT_EQ(event_count[bind.port], 1);
    EXPECT_EQ(upcall_count, calls + 1);
    EXPECT_EQ(last_trap.regs.vector, 0x80);
    shared_info->evtchn_mask[bind.port / 64] |= 1UL << bind.port % 64;
    EXPECT_RC(hc_event_op(EVTCHNOP_close, &send), 0);
    cleanup();
}

/* A timer event interrupts a program that never calls the kernel. */
static void test_event_in_user(void)
{
    struct evtchn_bind_virq bind = {VIRQ_TIMER, 0, 0};
    struct evtchn_close close;

    REQUIRE(setup());
    EXPECT_RC(hc_vcpu_op(VCPUOP_stop_periodic_timer, 0, 0),
              0); /* it ticks at 100 Hz from the start */
    REQUIRE_RC(hc_event_op(EVTCHNOP_bind_virq, &bind), 0);
    close.port = bind.port;
    event_count[bind.port] = 0;
    shared_info->evtchn_pending[bind.port / 64] = 0;
    shared_info->evtchn_mask[bind.port / 64] &= ~(1UL << bind.port % 64);
    /* The program spins on the counter itself, mapped for it to read. */
    EXPECT_RC(mmu_update1(pte_machine(&l1[L1_SLOT(USER_STACK) + 2]),
                          mfn_of((void *)&event_count[bind.port]) * PAGE_SIZE | RO_FLAGS),
              0);
    EXPECT_RC(hc_set_timer(system_time() + 5000000), 0);
    prepare(u_spin);
    regs.rdi = USER_STACK + 2 * PAGE_SIZE + ((uint64_t)&event_count[bind.port] & ~PAGE_MASK);
    run();
    EXPECT_EQ(last_trap.regs.vector, 0x80);
    EXPECT_EQ(event_count[bind.port], 1);
    shared_info->evtchn_mask[bind.port / 64] |= 1UL << bind.port % 64;
    EXPECT_RC(hc_event_op(EVTCHNOP_close, &close), 0);
    EXPECT_RC(mmu_update1(pte_machine(&l1[L1_SLOT(USER_STACK) + 2]), 0), 0);
    cleanup();
}

/* A user address that is not canonical to return to is the guest's fault, not the hypervisor's end.
 */
static void test_iret_bad_rip(void)
{
    REQUIRE(setup());
    prepare(u_int80);
    regs.rip = 0x800000000000;
    run();
    EXPECT(last_trap.regs.vector == X86_GP || last_trap.regs.vector == VECTOR_FAILSAFE ||
           last_trap.regs.vector == X86_PF);
    prepare(u_int80);
    regs.ss = 0x7fbb;
    run();
    EXPECT(last_trap.regs.vector == X86_GP || last_trap.regs.vector == VECTOR_FAILSAFE);
    prepare(u_int80);
    run();
    EXPECT_EQ(last_trap.regs.vector, 0x80);
    cleanup();
}

/* Programs read the machine-to-physical table, but not where they run on a restricted root and the
 * kernel has asked for that. */
static void test_m2p_strict(void)
{
    REQUIRE(setup());
    prepare(u_read);
    regs.rdi = MACH2PHYS_VIRT_START;
    run();
    EXPECT_EQ(last_trap.regs.vector, 0x80);
    if (on_pavis) {
        EXPECT_RC(hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_m2p_strict), 0);
        prepare(u_read);
        regs.rdi = MACH2PHYS_VIRT_START;
        run();
        EXPECT_EQ(last_trap.regs.vector, hypervisor_told("xpti=1") ? X86_PF : 0x80);
        EXPECT_EQ(pfn_of_mfn(mfn_of(l4)), pfn_of(l4)); /* the kernel still can */
        EXPECT_RC(hc_vm_assist(VMASST_CMD_disable, VMASST_TYPE_m2p_strict), 0);
    }
    cleanup();
}

TESTS("user", T(syscall), T(kernel_stack), T(exceptions), T(isolation), T(no_ptwr),
      T(segment_bases), T(popf), T(iret_flags), T(compat), T(sysenter), T(event_on_return),
      T(event_in_user), T(iret_bad_rip), T(m2p_strict));
