/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attacks on the ways into the hypervisor and back: addresses that are not canonical, flags, return
 * frames, stacks near the border, batches, descriptors, debug registers (docs/ATTACKS.md, 1a).
 */
#include "abi/nmi.h"
#include "attack.h"

#define TREE_VA 0x20000000000UL
#define BORDER  HYPERVISOR_VIRT_END /* first address above the hypervisor */
#define VICTIM_VA                                                                                  \
    (0xffff830000000000UL /* where the hypervisor has all RAM: docs/MEMORY.md */ +                 \
     VICTIM_MFN * PAGE_SIZE)

static const uint64_t not_canonical[] = {0x800000000000UL, 0xffff7fffffffffffUL, 1UL << 63,
                                         0x4000000000000000UL};
static uint8_t kernel_stack[8192] __attribute__((aligned(4096)));
static struct regs regs;

/* --- programs -----------------------------------------------------------------------------------
 */

/* Pieces of user code, which run on the kernel's own tables: what is shown is what ring 3 may do in
 * user mode, not what it sees. */
__asm__(".pushsection .text\n"
        "u_int80: int $0x80\n"
        "u_syscall: syscall; int $0x80\n"
        "u_fault: mov 0x1000, %rax; int $0x80\n"
        "u_int82: int $0x82\n"
        "u_sysenter: pushfq; orq $0x4000, (%rsp); popfq; sysenter; int $0x80\n"
        ".popsection\n");
extern char u_int80[], u_int82[], u_syscall[], u_fault[], u_sysenter[];

static bool user_mode(uint64_t sp)
{
    return !mmuext1(MMUEXT_NEW_USER_BASEPTR, mfn_of((void *)start_info->pt_base), 0) &&
           !hc_stack_switch(FLAT_KERNEL_SS, sp);
}

static void run_user(const void *code)
{
    static uint8_t user_stack[4096];

    regs = (struct regs){.rip = (uint64_t)code,
                         .cs = FLAT_USER_CS,
                         .rflags = EFLAGS_IF | 2,
                         .rsp = (uint64_t)user_stack + 4000,
                         .ss = FLAT_USER_SS};
    trap_forget();
    user_enter(&regs);
    events_unmask();
}

/*
 * The same with handlers that use no stack: a hypercall, iret or one that ends in an iret, leaves
 * to `code`, and bare_entry, as the handler of whatever comes, returns from here.
 */
void bare_user(uint64_t arg1, uint64_t arg2, const void *code, unsigned long nr);
void bare_entry(void);
extern uint64_t bare_frame; /* where the handler found the frame */
__asm__(".pushsection .text\n"
        "bare_user: push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "mov %rsp, bare_rsp(%rip)\n"
        "push $0xe02b; push %rsp; push $0x202; push $0xe033; push %rdx; push $0\n"
        "push $0; push $0; push $0\n"
        "mov %rcx, %rax; syscall; ud2\n"
        "bare_entry: mov %rsp, bare_frame(%rip); mov bare_rsp(%rip), %rsp\n"
        "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret\n"
        ".popsection\n"
        ".lcomm bare_rsp, 8\n"
        ".lcomm bare_frame, 8\n");

static bool bare_handlers(void)
{
    struct trap_info gates[3] = {{0x82, 3, FLAT_KERNEL_CS, (uint64_t)bare_entry},
                                 {X86_PF, 0, FLAT_KERNEL_CS, (uint64_t)bare_entry},
                                 {0, 0, 0, 0}};

    return !hc_set_trap_table(gates) && !hc_set_callbacks(event_entry, failsafe_entry, bare_entry);
}

/* --- addresses ----------------------------------------------------------------------------------
 */

static void bad_callbacks(uint64_t address)
{
    static const uint16_t types[] = {CALLBACKTYPE_event,    CALLBACKTYPE_failsafe,
                                     CALLBACKTYPE_syscall,  CALLBACKTYPE_nmi,
                                     CALLBACKTYPE_sysenter, CALLBACKTYPE_syscall32};
    struct trap_info traps[2] = {{X86_UD, 0, FLAT_KERNEL_CS, address}, {0, 0, 0, 0}};
    struct xennmi_callback nmi = {address, 0};

    EXPECT_RC(hc_set_trap_table(traps), -EINVAL);
    EXPECT_RC(hc_set_callbacks(address, failsafe_entry, syscall_entry), -EINVAL);
    EXPECT_RC(hc_set_callbacks(event_entry, address, syscall_entry), -EINVAL);
    EXPECT_RC(hc_set_callbacks(event_entry, failsafe_entry, address), -EINVAL);
    EXPECT_RC(HC_2(__HYPERVISOR_nmi_op, XENNMI_register_callback, &nmi), -EINVAL);
    for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
        struct callback_register cb = {types[i], 0, address};

        EXPECT_RC(hc_callback_op(CALLBACKOP_register, &cb), -EINVAL);
    }
}

/* Each address of a context, one at a time. */
static void bad_context(uint64_t address)
{
    static struct vcpu_guest_context c;
    uint64_t *const places[] = {
        &c.user_regs.rip,         &c.trap_ctxt[255].address, &c.event_callback_eip,
        &c.failsafe_callback_eip, &c.syscall_callback_eip,   &c.fs_base,
        &c.gs_base_kernel,        &c.gs_base_user,           &c.ldt_base};

    for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
        memset(&c, 0, sizeof(c));
        c.flags = VGCF_IN_KERNEL;
        c.user_regs.cs = FLAT_KERNEL_CS;
        c.user_regs.ss = FLAT_KERNEL_SS;
        c.ctrlreg[3] = mfn_of((void *)start_info->pt_base) * PAGE_SIZE;
        *places[i] = address;
        if (hc_vcpu_op(VCPUOP_initialise, 1, &c) != -EINVAL)
            test_fail(TEST_WHERE, "address %u of a context", i);
    }
}

/* An address that is not canonical is refused wherever one can be given (XSA-7, 193). */
ATTACK(not_canonical)
{
    static const uint32_t msrs[] = {0xc0000100, 0xc0000101, 0xc0000102}; /* FS, GS, kernel GS */

    for (unsigned i = 0; i < ARRAY_SIZE(not_canonical); i++) {
        uint64_t a = not_canonical[i];

        bad_callbacks(a);
        bad_context(a);
        for (unsigned which = SEGBASE_FS; which <= SEGBASE_GS_KERNEL; which++)
            EXPECT_RC(hc_set_segment_base(which, a), -EINVAL);
        for (unsigned m = 0; m < ARRAY_SIZE(msrs); m++)
            EXPECT_EQ(TRY("wrmsr", : : "a"((uint32_t)a), "d"(a >> 32), "c"(msrs[m]) : "memory"), 1);
        EXPECT(hc_update_va(a, 0, UVMF_INVLPG) < 0);
        EXPECT(hc_set_debugreg(0, a) < 0);
        EXPECT_RC(mmuext1(MMUEXT_INVLPG_ALL, a, 0), 0); /* nothing to do */
        EXPECT(mmuext1(MMUEXT_SET_LDT, a & PAGE_MASK, 512) < 0);
    }
    EXPECT_EQ(TRY("ud2", :), 1); /* all handlers are as they were */
}

/* A handler or a jump inside the hypervisor's range is a page fault of ring 3. */
ATTACK(handler_in_hypervisor)
{
    struct trap_info traps[2] = {{X86_UD, 0, FLAT_KERNEL_CS, 0xffff82d040200000UL}, {0, 0, 0, 0}};

    EXPECT_RC(hc_set_trap_table(traps), 0);
    trap_forget();
    __asm__ volatile(
        "mov %%rsp, %%rbx; movq $1f, trap_resume(%%rip); ud2\n" /* with its frame left */
        "1: mov %%rbx, %%rsp"
        :
        :
        : "rbx", "memory");
    EXPECT_EQ(last_trap.regs.vector, X86_PF);
    EXPECT_EQ(last_trap.regs.rip, 0xffff82d040200000UL);
    EXPECT_EQ(last_trap.cr2, 0xffff82d040200000UL);
}

/* SYSCALL as the last instruction below the hole: RCX is not canonical on the way back, which must
 * not be SYSRET's fault in ring 0 (XSA-7). */
ATTACK(syscall_at_the_edge)
{
    static const uint8_t code[2] = {0x0f, 0x05};
    uint64_t edge = 0x7ffffffffffeUL, rc = __HYPERVISOR_xen_version;
    uint8_t *page = page_alloc();
    struct tree tree;

    memcpy(page + PAGE_SIZE - 2, code, 2);
    REQUIRE(tree_make(&tree, edge));
    EXPECT_RC(set_va((void *)(edge & PAGE_MASK), mfn_of(page) * PAGE_SIZE | RO_FLAGS, UVMF_INVLPG),
              0);
    EXPECT_EQ(TRY("jmp *%1",
                  : "+a"(rc)
                  : "r"(edge), "D"(XENVER_version), "S"(0UL)
                  : "rcx", "rdx", "r8", "r9", "r10", "r11", "memory"),
              1);
    EXPECT_EQ(last_trap.regs.vector, X86_GP);
    EXPECT_EQ(last_trap.regs.rip, 0x800000000000UL);
    EXPECT_EQ(last_trap.regs.rax, 4 << 16 | 17);
    REQUIRE(user_mode((uint64_t)kernel_stack + sizeof(kernel_stack)));
    run_user(
        (void *)edge); /* the same as a program's system call, and back to where it came from */
    EXPECT_EQ(last_trap.regs.vector, VECTOR_SYSCALL);
    EXPECT_EQ(last_trap.regs.rip, 0x800000000000UL);
    run_user((void *)0x800000000000UL);
    EXPECT_EQ(last_trap.regs.vector, X86_GP);
}

/* --- flags and return frames --------------------------------------------------------------------
 */

#define FLAG_NT   0x4000UL
#define FLAG_IOPL 0x3000UL
#define FLAG_VM   0x20000UL

/* The flags with which the guest goes on after an iret hypercall that asks for `asked`. */
static uint64_t iret_with(uint64_t asked, uint64_t frame_flags)
{
    uint64_t got;

    __asm__ volatile("mov %%rsp, %%rbx\n\t"
                     "push %2; push %%rbx; push %1; push %3; push $1f; push %4\n\t"
                     "push $0; push $0; push $0\n\t"
                     "mov %5, %%eax; syscall; ud2\n"
                     "1: pushfq; pop %0; push $0x202; popfq; mov %%rbx, %%rsp"
                     : "=&r"(got)
                     : "r"(asked), "i"(FLAT_KERNEL_SS), "i"(FLAT_KERNEL_CS & ~3), "r"(frame_flags),
                       "i"(__HYPERVISOR_iret)
                     : "rax", "rbx", "rcx", "r11", "memory", "cc");
    return got;
}

/* No flag that an iret asks for gives privilege, by the short way or the long one: IOPL, NT, VM and
 * the virtual interrupt flags stay clear and IF set (XSA-44). */
ATTACK(iret_flags)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        for (unsigned i = 0; i < 4; i++) {
            uint64_t asked = (i & 1 ? 0x202 : 2) | 1UL << bit, got;

            if (bit == 8)
                continue; /* TF is the guest's own affair */
            got = iret_with(asked, i & 2 ? VGCF_in_syscall : 0);
            if (got & (FLAG_IOPL | FLAG_NT | FLAG_VM | 3UL << 19) || !(got & EFLAGS_IF))
                test_fail(TEST_WHERE, "asked for %#lx, got %#lx", asked, got);
            vcpu0->evtchn_upcall_mask = 0;
        }
    }
}

/* Whatever flags ring 3 can set, every entry copes with them, and they are back afterwards. */
ATTACK(entry_flags)
{
    static const uint64_t settable = FLAG_NT | EFLAGS_AC | 0x400 | 0x200000 | FLAG_IOPL | 0x10000;

    for (unsigned i = 0; i < 64; i++) {
        uint64_t flags = 0x202, got;
        long rc = __HYPERVISOR_xen_version;

        for (unsigned bit = 0, n = 0; bit < 32; bit++)
            if (settable >> bit & 1 && i >> n++ % 6 & 1)
                flags |= 1UL << bit;
        __asm__ volatile("push %2; popfq; syscall; pushfq; pop %1; push $0x202; popfq"
                         : "+a"(rc), "=&r"(got)
                         : "r"(flags), "D"(XENVER_version), "S"(0UL)
                         : "rcx", "r8", "r9", "r10", "r11", "memory", "cc");
        EXPECT_RC(rc, 4 << 16 | 17);
        EXPECT_EQ(got & (FLAG_IOPL | EFLAGS_IF), EFLAGS_IF);
        /* an exception, an emulated instruction, a software interrupt */
        trap_forget();
        __asm__ volatile("movq $1f, trap_resume(%%rip); push %1; popfq; ud2\n"
                         "1: pushfq; pop %0; push $0x202; popfq; movq $0, trap_resume(%%rip)"
                         : "=&r"(got)
                         : "r"(flags)
                         : "memory", "cc");
        EXPECT_EQ(last_trap.regs.vector, X86_UD);
        EXPECT_EQ(got & (FLAG_IOPL | EFLAGS_IF), EFLAGS_IF);
        __asm__ volatile("push %1; popfq; mov %%cr0, %0; push $0x202; popfq"
                         : "=&r"(got)
                         : "r"(flags)
                         : "memory", "cc");
        __asm__ volatile("movq $1f, trap_resume(%%rip); push %0; popfq; int $0x80\n"
                         "1: push $0x202; popfq; movq $0, trap_resume(%%rip)"
                         :
                         : "r"(flags)
                         : "memory", "cc");
        EXPECT_EQ(last_trap.regs.vector, 0x80);
    }
}

/* Where an iret to these selectors leads: to `here`, or to a fault. */
static void iret_to(uint64_t cs, uint64_t ss)
{
    uint64_t now;

    trap_forget();
    __asm__ volatile("movq $1f, trap_resume(%%rip)\n\t"
                     "mov %%rsp, %%rbx\n\t"
                     "push %2; push %%rbx; push $0x202; push %1; push $1f; push $0\n\t"
                     "push $0; push $0; push $0\n\t"
                     "mov %3, %%eax; syscall; ud2\n"
                     "1: movq $0, trap_resume(%%rip); mov %%rbx, %%rsp; mov %%cs, %%rax"
                     : "=&a"(now)
                     : "r"(cs), "r"(ss), "i"(__HYPERVISOR_iret)
                     : "rbx", "rcx", "r11", "memory", "cc");
    if ((now & 3) != 3)
        test_fail(TEST_WHERE, "iret to %#lx:%#lx runs in ring %lu", cs, ss, now & 3);
}

/* No selector of a return frame leads out of ring 3: not the hypervisor's, not one that does not
 * exist. */
ATTACK(iret_selectors)
{
    for (uint64_t s = 0; s < 0x48; s += 4) {
        iret_to(s, FLAT_KERNEL_SS);
        iret_to(FLAT_KERNEL_CS & ~3UL, s);
    }
    for (uint64_t s = 0xe000; s < 0x10000; s += s < 0xe100 ? 4 : 0x104) {
        if (s != (FLAT_USER_CS32 & ~3)) /* which would cut the stack pointer in half */
            iret_to(s & ~3UL, FLAT_KERNEL_SS);
        iret_to(FLAT_KERNEL_CS & ~3UL, s);
    }
}

/* What is for a guest's kernel is not for its programs. */
ATTACK(user_privileged)
{
    static const uint8_t insn[][4] = {
        {0xf4},
        {0xfa},
        {0xfb},
        {0xec},
        {0xee},
        {0x0f, 0x06},
        {0x0f, 0x09},
        {0x0f, 0x30},
        {0x0f, 0x32},
        {0x0f, 0x20, 0xc0},
        {0x0f, 0x22},
        {0x0f, 0x07},
        {0x0f, 0x22, 0xd8},
        {0x0f, 0x23, 0xf8},
        {0x0f, 0x01, 0xd1},
    };
    static uint8_t code[8];

    REQUIRE(user_mode((uint64_t)kernel_stack + sizeof(kernel_stack)));
    for (unsigned i = 0; i < ARRAY_SIZE(insn); i++) {
        unsigned n = insn[i][2] ? 3 : insn[i][0] == 0x0f ? 2 : 1;

        memset(code, 0xc0, sizeof(code)); /* a register operand, where one is missing */
        memcpy(code, insn[i], n);
        memcpy(code + n + (insn[i][1] == 0x22 && n == 2), "\xcd\x80", 2);
        if (insn[i][2] == 0xd1 && !have_xsave())
            continue; /* XSETBV is no instruction there */
        run_user(code);
        if (last_trap.regs.vector != X86_GP)
            test_fail(TEST_WHERE, "%x %x is vector %#lx", insn[i][0], insn[i][1],
                      last_trap.regs.vector);
    }
}

/* --- the kernel's stack -------------------------------------------------------------------------
 */

static bool border_stack(unsigned above)
{
    struct tree tree;
    void *page = page_alloc();

    return tree_make(&tree, BORDER) &&
           !set_va((void *)BORDER, mfn_of(page) * PAGE_SIZE | RW_FLAGS, UVMF_INVLPG) &&
           user_mode(BORDER + above);
}

/* A frame that just fits above the hypervisor's range is delivered (XSA-215). */
ATTACK(border_fits)
{
    REQUIRE(border_stack(64) && bare_handlers());
    bare_user(0, 0, u_int82, __HYPERVISOR_iret);
    EXPECT_EQ(bare_frame, BORDER + 8); /* seven words, below a multiple of 16 */
    bare_user(0, 0, u_syscall, __HYPERVISOR_iret);
    EXPECT_EQ(bare_frame, BORDER + 8);
    bare_user(0, 0, u_fault, __HYPERVISOR_iret);
    EXPECT_EQ(bare_frame, BORDER); /* eight */
}

/* One that does not ends the domain: a software interrupt, a system call, a fault with its error
 * code, which needs a word more. */
DEADLY(border_interrupt)
{
    REQUIRE(border_stack(48));
    run_user(u_int80);
}

DEADLY(border_syscall)
{
    REQUIRE(border_stack(48));
    run_user(u_syscall);
}

DEADLY(border_fault)
{
    REQUIRE(border_stack(48));
    run_user(u_fault);
}

/* A stack in the middle of the hypervisor's memory, where it would hit the first domain's page. */
DEADLY(stack_in_hypervisor)
{
    REQUIRE(user_mode(VICTIM_VA + 2048));
    run_user(u_syscall);
}

DEADLY(exception_in_hypervisor)
{
    __asm__ volatile("mov %0, %%rsp; ud2" : : "r"(VICTIM_VA + 2048));
}

/* The first of nine frames in a row that are ours; 0 if there are none. */
static uint64_t nine_frames(void)
{
    for (unsigned i = 0; i < sizeof(ctl.mfns) / 8; i++) {
        unsigned n = 0;

        for (; ctl.mfns[i] && n < 9; n++) {
            uint64_t pfn = pfn_of_mfn(ctl.mfns[i] + n);

            if (pfn >= start_info->nr_pages || mfn_of_pfn(pfn) != ctl.mfns[i] + n)
                break;
        }
        if (n == 9)
            return ctl.mfns[i];
    }
    return 0;
}

/* Nor is a return frame read from there, even one that the guest has made of entries of the M2P,
 * which are its to choose. */
DEADLY(iret_from_m2p)
{
    uint64_t mfn = nine_frames(), rsp, rip;
    uint64_t frame[9] = {[5] = FLAT_KERNEL_CS & ~3, [6] = 0x202, [8] = FLAT_KERNEL_SS};

    REQUIRE(mfn);
    __asm__ volatile("mov %%rsp, %0; lea 1f(%%rip), %1; jmp 2f; 1: jmp 3f; 2:"
                     : "=r"(rsp), "=r"(rip));
    frame[4] = rip;
    frame[7] = rsp;
    for (unsigned i = 0; i < 9; i++)
        EXPECT_RC(mmu_update1((mfn + i) * PAGE_SIZE | MMU_MACHPHYS_UPDATE, frame[i]), 0);
    __asm__ volatile("mov %0, %%rsp; mov %1, %%eax; syscall; ud2\n3:"
                     :
                     : "r"(MACH2PHYS_VIRT_START + 8 * mfn), "i"(__HYPERVISOR_iret));
}

/* SYSENTER saves no flags: what a program leaves in NT must not meet an IRET of the hypervisor's,
 * here that to the first domain, which was interrupted for this (XSA-44; Intel processors). */
ATTACK_(sysenter_flags, ATTACK_DEADLY | ATTACK_SPIN)
{
    struct callback_register cb = {CALLBACKTYPE_sysenter, 0, (uint64_t)sysenter_entry};

    EXPECT_RC(hc_callback_op(CALLBACKOP_register, &cb), 0);
    REQUIRE(user_mode(VICTIM_VA + 2048)); /* ends the domain, and so changes to another one */
    run_user(u_sysenter);
}

/* --- batches ------------------------------------------------------------------------------------
 */

static struct multicall_entry list[64] __attribute__((aligned(4096)));
/* An iret in a batch ends it: the calls behind it are not made with a program's tables (XSA-213).
 */
ATTACK(batch_iret)
{
    REQUIRE(bare_handlers() && user_mode((uint64_t)kernel_stack + sizeof(kernel_stack)));
    list[0] = (struct multicall_entry){.op = __HYPERVISOR_iret, .result = 0x5e};
    list[1] = (struct multicall_entry){.op = __HYPERVISOR_xen_version, .result = 0x5e};
    bare_user((uint64_t)list, 2, u_int82, __HYPERVISOR_multicall);
    EXPECT_EQ(list[1].result, 0x5e);
}

/* A batch in a batch, in the hypervisor, over a page's end, or that rewrites itself. */
ATTACK(batch_lists)
{
    static struct multicall_entry inner = {.op = __HYPERVISOR_xen_version, .result = 0x5e};
    struct multicall_entry *last = &list[PAGE_SIZE / sizeof(list[0]) - 1];

    list[0] = (struct multicall_entry){.op = __HYPERVISOR_multicall, .args = {(uint64_t)&inner, 1}};
    EXPECT_RC(hc_multicall(list, 1), 0);
    EXPECT_RC(list[0].result, -EINVAL);
    EXPECT_EQ(inner.result, 0x5e);
    EXPECT_RC(hc_multicall(VICTIM_VA, 1), -EFAULT);
    EXPECT_RC(hc_multicall(HYPERVISOR_VIRT_START - sizeof(list[0]) / 2, 1), -EFAULT);
    EXPECT_RC(hc_multicall(list, 0xffffffff), -EFAULT);
    /* The second entry lies behind the page. */
    EXPECT_RC(set_va((char *)list + PAGE_SIZE, 0, UVMF_INVLPG), 0);
    *last = (struct multicall_entry){.op = __HYPERVISOR_xen_version, .result = 0x5e};
    EXPECT_RC(hc_multicall(last, 2), -EFAULT);
    EXPECT_RC(last->result, 4 << 16 | 17);
    /* The first call writes its answer over the second. */
    list[0] = (struct multicall_entry){.op = __HYPERVISOR_xen_version,
                                       .args = {XENVER_extraversion, (uint64_t)&list[1]}};
    list[1] = (struct multicall_entry){.op = __HYPERVISOR_xen_version};
    EXPECT_RC(hc_multicall(list, 2), 0);
    EXPECT_RC(list[1].result, -ENOSYS);
}

TESTS("attack_entry", T(not_canonical), T(handler_in_hypervisor), T(syscall_at_the_edge),
      T(iret_flags), T(entry_flags), T(iret_selectors), T(user_privileged), T(border_fits),
      T(border_interrupt), T(border_syscall), T(border_fault), T(stack_in_hypervisor),
      T(exception_in_hypervisor), T(iret_from_m2p), T(sysenter_flags), T(batch_iret),
      T(batch_lists));
