/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Probes: every pointer that a call takes, every MSR, port and INT, privileged instructions with
 * odd prefixes, at the ends of pages, and rewritten while they are emulated (docs/ATTACKS.md, 1a).
 */
#include "abi/nmi.h"
#include "abi/platform.h"
#include "attack.h"

#define TREE_VA 0x20000000000UL
#define VICTIM_VA                                                                                  \
    (0xffff830000000000UL /* where the hypervisor has all RAM: docs/MEMORY.md */ +                 \
     VICTIM_MFN * PAGE_SIZE)
#define HC(name) __HYPERVISOR_##name

/* --- pointers -----------------------------------------------------------------------------------
 */

/* The calls that take the address of a structure, and as which argument; `a` are the others. */
static const struct pointer_call {
    const char *name;
    uint8_t nr, place;
    uint64_t a[4];
} calls[] = {
    {"set_trap_table", HC(set_trap_table), 0, {0}},
    {"mmu_update", HC(mmu_update), 0, {0, 1, 0, DOMID_SELF}},
    {"mmu_update done", HC(mmu_update), 2, {0, 0, 0, DOMID_SELF}},
    {"mmuext_op", HC(mmuext_op), 0, {0, 1, 0, DOMID_SELF}},
    {"mmuext_op done", HC(mmuext_op), 2, {0, 0, 0, DOMID_SELF}},
    {"set_gdt", HC(set_gdt), 0, {0, 512}},
    {"multicall", HC(multicall), 0, {0, 1}},
    {"console write", HC(console_io), 2, {CONSOLEIO_write, 64}},
    {"nmi_op", HC(nmi_op), 1, {XENNMI_register_callback}},
    {"callback register", HC(callback_op), 1, {CALLBACKOP_register}},
    {"callback unregister", HC(callback_op), 1, {CALLBACKOP_unregister}},
    {"physdev eoi", HC(physdev_op), 1, {PHYSDEVOP_eoi}},
    {"physdev set_iopl", HC(physdev_op), 1, {PHYSDEVOP_set_iopl}},
    {"physdev set_iobitmap", HC(physdev_op), 1, {PHYSDEVOP_set_iobitmap}},
    {"physdev irq_status", HC(physdev_op), 1, {PHYSDEVOP_irq_status_query}},
    {"sched poll", HC(sched_op), 1, {SCHEDOP_poll}},
    {"sched shutdown", HC(sched_op), 1, {SCHEDOP_shutdown}},
    {"sched watchdog", HC(sched_op), 1, {SCHEDOP_watchdog}},
    {"version extraversion", HC(xen_version), 1, {XENVER_extraversion}},
    {"version capabilities", HC(xen_version), 1, {XENVER_capabilities}},
    {"version changeset", HC(xen_version), 1, {XENVER_changeset}},
    {"version features", HC(xen_version), 1, {XENVER_get_features}},
    {"version handle", HC(xen_version), 1, {XENVER_guest_handle}},
    {"initialise", HC(vcpu_op), 2, {VCPUOP_initialise, 1}},
    {"runstate info", HC(vcpu_op), 2, {VCPUOP_get_runstate_info, 0}},
    {"runstate area", HC(vcpu_op), 2, {VCPUOP_register_runstate_memory_area, 0}},
    {"time area", HC(vcpu_op), 2, {VCPUOP_register_vcpu_time_memory_area, 0}},
    {"periodic", HC(vcpu_op), 2, {VCPUOP_set_periodic_timer, 0}},
    {"singleshot", HC(vcpu_op), 2, {VCPUOP_set_singleshot_timer, 0}},
    {"vcpu_info", HC(vcpu_op), 2, {VCPUOP_register_vcpu_info, 0}},
    {"event send", HC(event_channel_op), 1, {EVTCHNOP_send}},
    {"event unmask", HC(event_channel_op), 1, {EVTCHNOP_unmask}},
    {"event alloc", HC(event_channel_op), 1, {EVTCHNOP_alloc_unbound}},
    {"event bind", HC(event_channel_op), 1, {EVTCHNOP_bind_interdomain}},
    {"event virq", HC(event_channel_op), 1, {EVTCHNOP_bind_virq}},
    {"event ipi", HC(event_channel_op), 1, {EVTCHNOP_bind_ipi}},
    {"event pirq", HC(event_channel_op), 1, {EVTCHNOP_bind_pirq}},
    {"event vcpu", HC(event_channel_op), 1, {EVTCHNOP_bind_vcpu}},
    {"event close", HC(event_channel_op), 1, {EVTCHNOP_close}},
    {"event status", HC(event_channel_op), 1, {EVTCHNOP_status}},
    {"event reset", HC(event_channel_op), 1, {EVTCHNOP_reset}},
    {"exchange", HC(memory_op), 1, {XENMEM_exchange}},
    {"current reservation", HC(memory_op), 1, {XENMEM_current_reservation}},
    {"maximum reservation", HC(memory_op), 1, {XENMEM_maximum_reservation}},
    {"maximum gpfn", HC(memory_op), 1, {XENMEM_maximum_gpfn}},
    {"machphys mapping", HC(memory_op), 1, {XENMEM_machphys_mapping}},
    {"grant map", HC(grant_table_op), 1, {GNTTABOP_map_grant_ref, 0, 1}},
    {"grant unmap", HC(grant_table_op), 1, {GNTTABOP_unmap_grant_ref, 0, 1}},
    {"grant copy", HC(grant_table_op), 1, {GNTTABOP_copy, 0, 1}},
    {"grant transfer", HC(grant_table_op), 1, {GNTTABOP_transfer, 0, 1}},
    {"grant setup", HC(grant_table_op), 1, {GNTTABOP_setup_table, 0, 1}},
    {"grant query", HC(grant_table_op), 1, {GNTTABOP_query_size, 0, 1}},
    {"grant version", HC(grant_table_op), 1, {GNTTABOP_get_version, 0, 1}},
    {"grant set version", HC(grant_table_op), 1, {GNTTABOP_set_version, 0, 1}},
    {"grant status", HC(grant_table_op), 1, {GNTTABOP_get_status_frames, 0, 1}},
};

static long call_with(const struct pointer_call *c, uint64_t pointer)
{
    uint64_t a[4];

    memcpy(a, c->a, sizeof(a));
    a[c->place] = pointer;
    return hypercall5(c->nr, a[0], a[1], a[2], a[3], 0);
}

/* No call reads or writes through a pointer into the hypervisor: to the first domain's page by the
 * hypervisor's own mapping, the M2P, across its ends, or around the end of all addresses (XSA-29,
 * 159, 212).  Each answers -EFAULT. */
ATTACK(pointers)
{
    uint64_t bad[] = {VICTIM_VA,
                      VICTIM_VA + 4088,
                      MACH2PHYS_VIRT_START + 8 * VICTIM_MFN,
                      HYPERVISOR_VIRT_START,
                      HYPERVISOR_VIRT_START - 1,
                      HYPERVISOR_VIRT_END - 1,
                      0xffff82d040200000UL,
                      0x7fffffffffffUL,
                      0x800000000000UL,
                      ~0UL};

    for (unsigned i = 0; i < ARRAY_SIZE(calls); i++)
        for (unsigned j = 0; j < ARRAY_SIZE(bad); j++) {
            long rc = call_with(&calls[i], bad[j]);

            if (rc != -EFAULT)
                test_fail(TEST_WHERE, "%s at %#lx = %ld", calls[i].name, bad[j], rc);
        }
}

/* A structure that is cut off by the end of its page is refused, whatever its size; a call that has
 * an answer to give may have been made, and never writes half of it elsewhere. */
ATTACK(cut_off)
{
    uint8_t *page = page_alloc();
    struct tree tree;

    REQUIRE(tree_make(&tree, TREE_VA));
    EXPECT_RC(set_va((void *)TREE_VA, mfn_of(page) * PAGE_SIZE | RW_FLAGS, UVMF_INVLPG), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
        long rc;

        memset(page, 0, PAGE_SIZE);
        rc = call_with(&calls[i], TREE_VA + PAGE_SIZE - 1);
        if (rc != -EFAULT && !(calls[i].nr == HC(memory_op) && rc == 0))
            test_fail(TEST_WHERE, "%s cut off = %ld", calls[i].name, rc);
    }
    EXPECT_EQ(TRY("movb (%0), %%al", : : "r"(TREE_VA + PAGE_SIZE) : "rax"), 1);
}

/* --- processor ----------------------------------------------------------------------------------
 */

/* What an MSR says, if it can be read. */
static bool read_msr(uint32_t msr, uint64_t *value)
{
    uint32_t lo = 0, hi = 0;
    bool fine = !TRY("rdmsr", : "+a"(lo), "+d"(hi) : "c"(msr));

    *value = (uint64_t)hi << 32 | lo;
    return fine;
}

static bool write_msr(uint32_t msr, uint64_t value)
{
    return !TRY("wrmsr", : : "a"((uint32_t)value), "d"(value >> 32), "c"(msr) : "memory");
}

/* MSRs: reading each is an answer or #GP, writing changes nothing of the machine: the ones that
 * steer SYSCALL, the APIC and paging are not the guest's (XSA-269, 333). */
ATTACK(msrs)
{
    static const uint32_t first[] = {0, 0x40000000, 0x40000200, 0xc0000000, 0xc0010000, 0xc0011000};
    static const uint32_t machine[] = {0x1b,  0x174, 0x175,      0x176,      0x277,     0x2ff,
                                       0x800, 0x830, 0xc0000081, 0xc0000082, 0xc0000083};
    static const uint32_t steering[] = {0x174, 0x175, 0x176, 0xc0000082, 0xc0000083, 0xc0000084};
    uint64_t efer, value;

    EXPECT(read_msr(0xc0000080, &efer));
    for (unsigned i = 0; i < ARRAY_SIZE(first); i++)
        for (uint32_t msr = first[i]; msr < first[i] + (i ? 0x120 : 0x900); msr++) {
            bool readable = read_msr(msr, &value);

            if (msr >= 0xc0000100 && msr <= 0xc0000103)
                continue; /* bases and TSC_AUX are the guest's */
            write_msr(msr, readable ? ~value : ~0UL);
            write_msr(msr, 0);
        }
    for (unsigned i = 0; i < ARRAY_SIZE(machine); i++)
        if (read_msr(machine[i], &value))
            write_msr(machine[i], value ^ 0x800);
    for (unsigned i = 0; i < ARRAY_SIZE(steering); i++)
        EXPECT(!read_msr(steering[i], &value)); /* says where the hypervisor is */
    EXPECT(read_msr(0xc0000080, &value));
    EXPECT_EQ(value, efer);
    EXPECT(!write_msr(0xc0000080, efer ^ 0x800)); /* NX */
    EXPECT_RC(hc_xen_version(XENVER_version, 0), 4 << 16 | 17);
}

/* Ports: without privilege each is #GP, with the ABI's I/O privilege each reads as empty and takes
 * nothing: the serial port, resets, power, PCI (the machine would end or dom0 see it). */
ATTACK(ports)
{
    static const uint16_t special[] = {0x20,  0x21,  0x40,  0x43,  0x60,  0x61,   0x64,  0x70,
                                       0x71,  0x80,  0x92,  0xb2,  0xcd,  0xcf8,  0xcf9, 0xcfc,
                                       0x3f8, 0x3fb, 0x402, 0x501, 0x604, 0xb004, 0x600, 0xffff};
    struct physdev_set_iopl iopl = {3};
    uint32_t value;

    for (unsigned i = 0; i < ARRAY_SIZE(special); i++) {
        EXPECT_EQ(TRY("inb %%dx, %%al", : : "d"(special[i]) : "rax"), 1);
        EXPECT_EQ(TRY("outl %%eax, %%dx", : : "d"(special[i]), "a"(0x80000000)), 1);
    }
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(special); i++)
        for (unsigned v = 0; v < 256; v += 0x33) {
            __asm__ volatile("outb %%al, %%dx" : : "d"(special[i]), "a"(v));
            __asm__ volatile("outw %%ax, %%dx" : : "d"(special[i]), "a"(v << 8 | 0x20));
            __asm__ volatile("outl %%eax, %%dx" : : "d"(special[i]), "a"(0x80000000 | v << 8));
        }
    for (unsigned port = 0; port < 0x10000; port += 5) {
        __asm__ volatile("inl %%dx, %%eax" : "=a"(value) : "d"(port));
        if (value != ~0U)
            test_fail(TEST_WHERE, "port %#x reads %#x", port, value);
    }
}

/* Machine code in a page, called; the stack is put right after a fault.  Returns whether it came to
 * its RET. */
static uint8_t code[2 * PAGE_SIZE] __attribute__((aligned(4096)));

static bool call_code(const void *where, uint64_t a, uint64_t c, uint64_t d, uint64_t to)
{
    bool done = false;

    trap_forget();
    __asm__ volatile(
        "push %%rbp; mov %%rsp, saved_rsp(%%rip)\n\t"
        "movq $1f, trap_resume(%%rip); xor %%ebp, %%ebp; xor %%esi, %%esi; call *%%rbx\n\t"
        "mov saved_rsp(%%rip), %%rsp; pop %%rbp; movb $1, %0; jmp 2f\n"
        "1: mov saved_rsp(%%rip), %%rsp; pop %%rbp\n"
        "2: movq $0, trap_resume(%%rip)"
        : "+m"(done), "+a"(a), "+c"(c), "+d"(d), "+b"(where), "+D"(to)
        :
        : "rsi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
    return done;
}
__asm__(".lcomm saved_rsp, 8\n");

/* INT with every number reaches a gate of the guest's own or is refused. */
ATTACK(interrupts)
{
    for (unsigned n = 0; n < 256; n++) {
        code[0] = 0xcd;
        code[1] = (uint8_t)n;
        code[2] = 0xc3;
        call_code(code, 0, 0, 0, 0);
        /* 3 and 4 are for programs, 0x80 is; of the rest the #GP tells. */
        if (last_trap.count != 1 || (last_trap.regs.vector != X86_GP && last_trap.regs.vector != n))
            test_fail(TEST_WHERE, "INT %#x is vector %#lx", n, last_trap.regs.vector);
    }
}

/* Each privileged instruction behind each one or two prefixes: emulated or refused, and nothing
 * else (XSA-200). */
ATTACK(prefixes)
{
    static const uint8_t prefix[] = {0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e,
                                     0x64, 0x65, 0x41, 0x48, 0x4f};
    static const uint8_t insn[][4] = {
        {0xf4}, /* hlt */
        {0xfa},
        {0xfb}, /* cli sti */
        {0xe4, 0x40},
        {0xe6, 0x80},
        {0xec},
        {0xef}, /* in out */
        {0x6c},
        {0x6e},
        {0x6d},
        {0x6f}, /* ins outs */
        {0x0f, 0x00, 0xd0},
        {0x0f, 0x00, 0xd8}, /* lldt ltr */
        {0x0f, 0x01, 0x10},
        {0x0f, 0x01, 0x18},
        {0x0f, 0x01, 0xf0}, /* lgdt lidt lmsw */
        {0x0f, 0x01, 0x38},
        {0x0f, 0x01, 0xf8},
        {0x0f, 0x01, 0xd1}, /* invlpg swapgs xsetbv */
        {0x0f, 0x01, 0xc1},
        {0x0f, 0x01, 0xc8},
        {0x0f, 0x01, 0xcb}, /* vmcall monitor stac */
        {0x0f, 0x06},
        {0x0f, 0x07},
        {0x0f, 0x08},
        {0x0f, 0x09}, /* clts sysret */
        {0x0f, 0x20, 0xc0},
        {0x0f, 0x20, 0xd8},
        {0x0f, 0x20, 0xe0}, /* from cr */
        {0x0f, 0x22, 0xc0},
        {0x0f, 0x22, 0xd8},
        {0x0f, 0x22, 0xe0}, /* to cr */
        {0x0f, 0x21, 0xf8},
        {0x0f, 0x23, 0xc8},
        {0x0f, 0x23, 0xf8}, /* dr */
        {0x0f, 0x30},
        {0x0f, 0x31},
        {0x0f, 0x32},
        {0x0f, 0x33}, /* msr tsc pmc */
        {0x0f, 0x35},
        {0x0f, 0xa2},
        {0x0f, 0x0b},
        {0x0f, 0xae, 0xd0},
    };
    unsigned refused = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(insn); i++)
        for (unsigned p = 0; p < (1 + ARRAY_SIZE(prefix)) * (1 + ARRAY_SIZE(prefix)); p++) {
            unsigned n = 0, first = p % (1 + ARRAY_SIZE(prefix)),
                     second = p / (1 + ARRAY_SIZE(prefix));

            if (first)
                code[n++] = prefix[first - 1];
            if (second)
                code[n++] = prefix[second - 1];
            memcpy(code + n, insn[i], 4);
            for (n += insn[i][0] == 0x0f ? 2 : 1; code[n] && n < 6; n++)
                ;
            code[n] = 0xc3;
            refused += !call_code(code, 0, 0, 0x3f8, (uint64_t)code + PAGE_SIZE);
            vcpu0->evtchn_upcall_mask = 0;
        }
    EXPECT(refused > 1000);
    EXPECT_RC(hc_set_debugreg(7, 0), 0);
}

/* An instruction that ends its page is fetched as far as it goes: what lies behind is a fault of
 * the guest's, or is not needed. */
ATTACK(ends_of_pages)
{
    uint8_t *page = page_alloc(), *next = page_alloc();
    static const uint8_t forced_cpuid[] = {0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2, 0xc3};
    static const uint8_t rdmsr[] = {0x0f, 0x32, 0xc3};
    struct tree tree;

    REQUIRE(tree_make(&tree, TREE_VA));
    EXPECT_RC(set_va((void *)TREE_VA, mfn_of(page) * PAGE_SIZE | RW_FLAGS, UVMF_INVLPG), 0);
    for (unsigned with_next = 0; with_next < 2; with_next++) {
        for (unsigned cut = 1; cut < sizeof(forced_cpuid); cut++) {
            uint64_t at = TREE_VA + PAGE_SIZE - cut;

            memcpy((uint8_t *)page + PAGE_SIZE - cut, forced_cpuid, cut);
            memcpy(next, forced_cpuid + cut, sizeof(forced_cpuid) - cut);
            EXPECT_EQ(call_code((void *)at, 0x40000000, 0, 0, 0), with_next);
            if (!with_next && cut > 1) /* ends with its RET only when that is mapped */
                EXPECT_EQ(last_trap.regs.vector, cut < 7 ? X86_UD : X86_PF);
            if (cut >= sizeof(rdmsr))
                continue;
            memcpy((uint8_t *)page + PAGE_SIZE - cut, rdmsr, cut);
            memcpy(next, rdmsr + cut, sizeof(rdmsr) - cut);
            EXPECT_EQ(call_code((void *)at, 0, 0xc0000100, 0, 0), with_next);
        }
        EXPECT_RC(
            set_va((void *)(TREE_VA + PAGE_SIZE), mfn_of(next) * PAGE_SIZE | RO_FLAGS, UVMF_INVLPG),
            0);
    }
    EXPECT(!call_code((void *)0xffff82d040200000UL, 0, 0, 0, 0));
    EXPECT_EQ(last_trap.regs.vector, X86_PF);
    EXPECT(!call_code((void *)0x7fffffffffffUL, 0, 0, 0, 0));
}

/* --- rewritten under emulation ------------------------------------------------------------------
 */

static const uint8_t variants[][8] = {
    {0x0f, 0x32, 0xc3},                   /* rdmsr */
    {0x48, 0x89, 0x07, 0xc3},             /* mov %rax, (%rdi): to a page table */
    {0xfa, 0xc3},                         /* cli */
    {0x48, 0x87, 0x07, 0xc3},             /* xchg %rax, (%rdi) */
    {0x0f, 0x22, 0xc0, 0xc3},             /* mov %rax, %cr0 */
    {0xee, 0xc3},                         /* out */
    {0xf0, 0x48, 0x0f, 0xb1, 0x07, 0xc3}, /* lock cmpxchg %rax, (%rdi) */
    {0x0f, 0x0b},                         /* ud2 */
};

static void race_rewrite(void)
{
    for (unsigned n = 0; !race_stop; n++) {
        uint64_t word;

        memcpy(&word, variants[n % ARRAY_SIZE(variants)], 8);
        __atomic_store_n((uint64_t *)code, word, __ATOMIC_SEQ_CST);
    }
    race_rest();
}

/* The instruction that faulted is another one when it is read: what is done is checked as what it
 * is, and flags stay what a guest may have (XSA-202). */
ATTACK(rewritten)
{
    uint64_t end = system_time() + 400000000, flags;
    unsigned done = 0, refused = 0;
    struct tree tree;

    REQUIRE(tree_make(&tree, TREE_VA));
    memcpy(code, variants[0], 8);
    REQUIRE(attack_start(race_rewrite));
    while (system_time() < end && !test_failed()) {
        if (call_code(code, 0, 0xc0000100, 0x3f8, (uint64_t)&tree.l1[9]))
            done++;
        else
            refused++;
        __asm__ volatile("pushfq; pop %0" : "=r"(flags));
        EXPECT_EQ(flags & (0x3000 | EFLAGS_IF), EFLAGS_IF);
        EXPECT_EQ(tree.l1[9] & PTE_P, 0);
    }
    EXPECT(race_end());
    EXPECT(done > 0 && refused > 0);
}

TESTS("attack_probe", T(pointers), T(cut_off), T(msrs), T(ports), T(interrupts), T(prefixes),
      T(ends_of_pages), T(rewritten));
