/* SPDX-License-Identifier: GPL-2.0-only */
/* Attacks with segment descriptors and debug registers (docs/ATTACKS.md, section 1a). */
#include "attack.h"

#define TREE_VA 0x20000000000UL
#define VICTIM_VA                                                                                  \
    (0xffff830000000000UL /* where the hypervisor has all RAM: docs/MEMORY.md */ +                 \
     VICTIM_MFN * PAGE_SIZE)

/* --- descriptors --------------------------------------------------------------------------------
 */

/* No gate and no system segment becomes a guest's, by whatever way, and none for rings 0 to 2. */
ATTACK(gates)
{
    uint64_t *gdt = page_alloc(), frame = mfn_of(gdt);
    uint64_t frames[3] = {frame, frame, VICTIM_MFN};

    for (uint64_t access = 0x80; access < 0x100; access++) { /* present */
        uint64_t desc = access << 40 | 0xffff;
        bool system = !(access & 0x10), empty = !(access & 0x1f);

        gdt[5] = desc;
        EXPECT_RC(page_readonly(gdt), 0);
        if ((hc_set_gdt(&frame, 512) != 0) != (system && !empty))
            test_fail(TEST_WHERE, "a table with descriptor %#lx", desc);
        hc_set_gdt(0, 0);
        EXPECT_RC(page_writable(gdt), 0);
        if ((hc_update_descriptor(frame * PAGE_SIZE + 8, desc) != 0) != (system && !empty))
            test_fail(TEST_WHERE, "descriptor %#lx", desc);
        if (!system && gdt[1] >> 45 != 3 + 4)
            test_fail(TEST_WHERE, "descriptor %#lx became %#lx", desc, gdt[1]);
        gdt[1] = gdt[5] = 0;
    }
    EXPECT_RC(hc_set_gdt(&frame, 512), -EINVAL); /* it is mapped writable */
    EXPECT_RC(page_readonly(gdt), 0);
    EXPECT_RC(hc_set_gdt(frames, 3 * 512), -EINVAL);
    EXPECT_RC(hc_set_gdt(&frame, 14 * 512 + 1), -EINVAL);
    EXPECT_RC(hc_set_gdt(&frame, 0xffffffff), -EINVAL);
    EXPECT_RC(hc_set_gdt(VICTIM_VA, 512), -EFAULT);
    frames[0] = ~0UL;
    EXPECT_RC(hc_set_gdt(frames, 512), -EINVAL);
    frames[0] = mfn_of((void *)start_info->pt_base);
    EXPECT_RC(hc_set_gdt(frames, 512), -EINVAL);
    EXPECT_RC(hc_update_descriptor(frames[0] * PAGE_SIZE, 0), -EINVAL);
    EXPECT_RC(hc_update_descriptor(VICTIM_MFN * PAGE_SIZE, 0), -EINVAL);
    EXPECT_RC(hc_update_descriptor(frame * PAGE_SIZE + 4, 0), -EINVAL);
    EXPECT_RC(page_writable(gdt), 0);
}

/* A selector beyond the LDT, or in a page of it that holds a gate, is a fault and takes no page;
 * the pages behind its end stay ordinary memory (XSA-298). */
ATTACK(ldt)
{
    uint64_t *page[2] = {page_alloc(), page_alloc()};
    struct tree tree;

    page[0][1] = 0x00cff3000000ffffUL;
    page[1][1] = 0x0000ec0000000000UL; /* a call gate */
    REQUIRE(tree_make(&tree, TREE_VA));
    for (unsigned i = 0; i < 2; i++) {
        EXPECT_RC(page_readonly(page[i]), 0);
        EXPECT_RC(mmu_update1(pte_machine(&tree.l1[i]), mfn_of(page[i]) * PAGE_SIZE | RO_FLAGS), 0);
    }
    EXPECT_RC(mmuext1(MMUEXT_SET_LDT, TREE_VA, 512), 0);
    EXPECT_EQ(TRY("mov %0, %%fs", : : "r"(1 * 8 + 7)), 0);
    EXPECT_EQ(TRY("mov %0, %%fs", : : "r"(513 * 8 + 7)), 1);
    EXPECT_EQ(last_trap.regs.vector, X86_GP);
    __asm__ volatile("mov %0, %%fs" : : "r"(0)); /* not to be loaded when the table has changed */
    EXPECT_RC(page_writable(page[1]), 0);        /* it is no table of descriptors */
    EXPECT(page_writable(page[0]) < 0);
    EXPECT_RC(page_readonly(page[1]), 0);
    EXPECT_RC(mmuext1(MMUEXT_SET_LDT, TREE_VA, 1024), 0);
    EXPECT_EQ(TRY("mov %0, %%fs", : : "r"(513 * 8 + 7)), 1);
    EXPECT_RC(mmuext1(MMUEXT_SET_LDT, 0, 0), 0);
    EXPECT_RC(page_writable(page[0]), 0);
    EXPECT_RC(mmuext1(MMUEXT_SET_LDT, VICTIM_VA & PAGE_MASK, 512), -EINVAL);
    EXPECT_RC(mmuext1(MMUEXT_SET_LDT, HYPERVISOR_VIRT_START - PAGE_SIZE, 8192), -EINVAL);
    EXPECT_RC(mmuext1(MMUEXT_SET_LDT, TREE_VA, 8193), -EINVAL);
    EXPECT_RC(mmuext1(MMUEXT_SET_LDT, TREE_VA + 8, 1), -EINVAL);
}

/* --- debug registers ----------------------------------------------------------------------------
 */

static unsigned debug_traps;
static bool debug_hook(struct regs *r)
{
    debug_traps += r->vector == X86_DB;
    return r->vector == X86_DB || r->vector == X86_BP;
}

/* No breakpoint on the hypervisor, no reserved bit, by call or by MOV (XSA-12, 444). */
ATTACK(debug_registers)
{
    static const uint64_t hidden[] = {HYPERVISOR_VIRT_START, 0xffff82d040200000UL,
                                      HYPERVISOR_VIRT_END - 1};

    for (int reg = 0; reg < 4; reg++)
        for (unsigned i = 0; i < ARRAY_SIZE(hidden); i++)
            EXPECT_RC(hc_set_debugreg(reg, hidden[i]), -EPERM);
    for (unsigned i = 0; i < ARRAY_SIZE(hidden); i++)
        EXPECT_EQ(TRY("mov %0, %%dr2", : : "r"(hidden[i])), 1);
    for (unsigned bit = 0; bit < 64; bit++) {
        hc_set_debugreg(6, 1UL << bit);
        hc_set_debugreg(7, 1UL << bit);
        EXPECT_EQ((uint64_t)hc_get_debugreg(7) & 0xffffffff0000f800UL, 0);
        EXPECT_EQ((uint64_t)hc_get_debugreg(6) & 0xffffffff00001000UL, 0);
    }
    for (unsigned i = 16; i < 32; i += 4)
        EXPECT_RC(hc_set_debugreg(7, 2UL << i | 1), -EPERM); /* I/O */
    EXPECT_RC(hc_set_debugreg(7, 0x2001), -EPERM);           /* general detect */
    EXPECT_RC(hc_set_debugreg(-1, 0), -ENODEV);
    EXPECT_RC(hc_set_debugreg(8, 0), -ENODEV);
    EXPECT_RC(hc_get_debugreg(-1), -ENODEV);
    EXPECT_RC(hc_get_debugreg(8), -ENODEV);
    EXPECT_RC(hc_set_debugreg(7, 0), 0);
}

/* A watched stack segment load before each kind of entry: where a processor holds the #DB back, it
 * comes at the hypervisor's first instruction (XSA-260). */
ATTACK(debug_at_entry)
{
    static volatile uint16_t ss = FLAT_KERNEL_SS;
    long rc = __HYPERVISOR_xen_version;

    EXPECT_RC(hc_set_debugreg(0, &ss), 0);
    EXPECT_RC(hc_set_debugreg(7, 1 | 3UL << 16 | 1UL << 18), 0);
    trap_hook = debug_hook;
    __asm__ volatile("mov %1, %%ss; syscall"
                     : "+a"(rc)
                     : "m"(ss), "D"(XENVER_version), "S"(0UL)
                     : "rcx", "rdx", "r8", "r9", "r10", "r11", "memory");
    EXPECT_RC(rc, 4 << 16 | 17);
    __asm__ volatile("mov %0, %%ss; int3" : : "m"(ss) : "memory");
    EXPECT_EQ(TRY("mov %0, %%ss; int $0x80", : : "m"(ss) : "memory"), 2);
    trap_hook = NULL;
    EXPECT(debug_traps > 0);
    EXPECT_RC(hc_set_debugreg(7, 0), 0);
}

TESTS("attack_descriptors", T(gates), T(ldt), T(debug_registers), T(debug_at_entry));
