/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stores to a read-only L1 table, which the hypervisor emulates and checks as if mmu_update had
 * been called: every form that Linux's generic x86 helpers use, and the ones that must not work.
 */
#include "test.h"

#define TREE_VA 0x10000000000UL

static struct tree tree;
static void *page, *other;
static uint64_t entry; /* maps `page` writable */

static bool setup(void)
{
    hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
    page = page_alloc();
    other = page_alloc();
    *(uint64_t *)page = 0x1111;
    *(uint64_t *)other = 0x2222;
    entry = mfn_of(page) * PAGE_SIZE | RW_FLAGS;
    return tree_make(&tree, TREE_VA);
}

static void cleanup(void)
{
    for (unsigned i = 0; i < 512; i++)
        if (tree.l1[i])
            mmu_update1(pte_machine(&tree.l1[i]), 0);
    tree_drop(&tree);
    page_free(page);
    page_free(other);
}

static uint64_t through(unsigned i)
{
    mmuext1(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
    return *(volatile uint64_t *)(TREE_VA + i * PAGE_SIZE);
}

/* What a store left: the mapping that was asked for, whatever the hypervisor adds (G on user
 * pages). */
static bool stored(unsigned i, uint64_t wanted)
{
    return (tree.l1[i] | PTE_G) == (wanted | PTE_G);
}

/* The assist is there and can be asked for twice. */
static void test_assist(void)
{
    EXPECT_RC(hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
    EXPECT_RC(hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
}

/* A plain 8-byte store makes, changes and clears a mapping. */
static void test_mov(void)
{
    REQUIRE(setup());
    EXPECT_EQ(TRY("movq %1, (%0)", : : "r"(&tree.l1[0]), "r"(entry) : "memory"), 0);
    EXPECT(stored(0, entry));
    EXPECT_EQ(through(0), 0x1111);
    EXPECT_EQ(TRY("movq %1, (%0)",
                  :
                  : "r"(&tree.l1[0]), "r"(mfn_of(other) * PAGE_SIZE | RO_FLAGS)
                  : "memory"),
              0);
    EXPECT_EQ(through(0), 0x2222);
    EXPECT_EQ(TRY("movq $0, (%0)", : : "r"(&tree.l1[0]) : "memory"), 0);
    EXPECT_EQ(tree.l1[0], 0);
    cleanup();
}

/* XCHG returns the old entry and stores the new one (ptep_get_and_clear). */
static void test_xchg(void)
{
    uint64_t value;

    REQUIRE(setup());
    REQUIRE_RC(mmu_update1(pte_machine(&tree.l1[1]), entry), 0);
    value = 0;
    EXPECT_EQ(TRY("xchgq %0, (%1)", : "+r"(value) : "r"(&tree.l1[1]) : "memory"), 0);
    EXPECT_EQ(value | PTE_G, entry | PTE_G);
    EXPECT_EQ(tree.l1[1], 0);
    value = entry;
    EXPECT_EQ(TRY("xchgq %0, (%1)", : "+r"(value) : "r"(&tree.l1[1]) : "memory"), 0);
    EXPECT_EQ(value, 0);
    EXPECT_EQ(through(1), 0x1111);
    cleanup();
}

/* LOCK CMPXCHG stores if the old value matches, else loads it, with ZF to tell. */
static void test_cmpxchg(void)
{
    uint64_t old, now;
    uint8_t zf;

    REQUIRE(setup());
    REQUIRE_RC(mmu_update1(pte_machine(&tree.l1[2]), entry), 0);
    now = tree.l1[2];
    old = now;
    EXPECT_EQ(TRY("lock cmpxchgq %3, (%2); setz %1",
                  : "+a"(old), "=q"(zf)
                  : "r"(&tree.l1[2]), "r"(now & ~PTE_RW)
                  : "memory", "cc"),
              0);
    EXPECT_EQ(zf, 1);
    EXPECT_EQ(tree.l1[2], now & ~PTE_RW);
    old = 0x77;
    EXPECT_EQ(TRY("lock cmpxchgq %3, (%2); setz %1",
                  : "+a"(old), "=q"(zf)
                  : "r"(&tree.l1[2]), "r"(0UL)
                  : "memory", "cc"),
              0);
    EXPECT_EQ(zf, 0);
    EXPECT_EQ(old, now & ~PTE_RW);
    EXPECT_EQ(tree.l1[2], now & ~PTE_RW);
    cleanup();
}

/* LOCK BTR, BTS and BTC with a bit number in a register or in the instruction. */
static void test_bit_ops(void)
{
    uint64_t now;
    uint8_t cf;

    REQUIRE(setup());
    REQUIRE_RC(mmu_update1(pte_machine(&tree.l1[3]), entry), 0);
    now = tree.l1[3];
    EXPECT_EQ(TRY("lock btrq $1, (%1); setc %0",
                  : "=q"(cf)
                  : "r"(&tree.l1[3])
                  : "memory", "cc"),
              0);
    EXPECT_EQ(cf, 1);
    EXPECT_EQ(tree.l1[3], now & ~PTE_RW);
    EXPECT_EQ(TRY("lock btsq %2, (%1); setc %0",
                  : "=q"(cf)
                  : "r"(&tree.l1[3]), "r"(1UL)
                  : "memory", "cc"),
              0);
    EXPECT_EQ(cf, 0);
    EXPECT_EQ(tree.l1[3], now);
    EXPECT_EQ(TRY("lock btcq $5, (%0)", : : "r"(&tree.l1[3]) : "memory", "cc"), 0);
    EXPECT_EQ(tree.l1[3], now ^ PTE_A);
    EXPECT_EQ(TRY("lock btrq %1, (%0)",
                  :
                  : "r"(&tree.l1[0]), "r"(3UL * 64 + 6)
                  : "memory", "cc"),
              0);
    EXPECT_EQ(tree.l1[3], (now ^ PTE_A) & ~PTE_D); /* a bit offset beyond the operand */
    cleanup();
}

/* AND, OR, XOR, ADD on bytes and words of an entry, with LOCK and without. */
static void test_partial(void)
{
    uint64_t now;

    REQUIRE(setup());
    REQUIRE_RC(mmu_update1(pte_machine(&tree.l1[4]), entry), 0);
    now = tree.l1[4];
    EXPECT_EQ(TRY("lock andb $0xfd, (%0)", : : "r"(&tree.l1[4]) : "memory", "cc"), 0);
    EXPECT_EQ(tree.l1[4], now & ~PTE_RW);
    EXPECT_EQ(TRY("lock orb $2, (%0)", : : "r"(&tree.l1[4]) : "memory", "cc"), 0);
    EXPECT_EQ(tree.l1[4], now);
    EXPECT_EQ(TRY("andl $0xfffffffd, (%0)", : : "r"(&tree.l1[4]) : "memory", "cc"), 0);
    EXPECT_EQ(tree.l1[4], now & ~PTE_RW);
    EXPECT_EQ(TRY("movb $0x80, 7(%0)", : : "r"(&tree.l1[4]) : "memory"), 0);
    EXPECT_EQ(tree.l1[4], (now & ~PTE_RW) | PTE_NX);
    EXPECT_EQ(TRY("movw %w1, (%0)", : : "r"(&tree.l1[4]), "r"(now) : "memory"), 0);
    EXPECT_EQ(tree.l1[4], now | PTE_NX);
    EXPECT_EQ(TRY("movl $0, (%0)", : : "r"(&tree.l1[4]) : "memory"), 0);
    EXPECT_EQ(tree.l1[4] & PTE_P, 0);
    cleanup();
}

/* String stores to a table, as memset and memcpy make them. */
static void test_string(void)
{
    static uint64_t source[4];
    void *to;
    const void *from = source;
    uint64_t n = 4;

    REQUIRE(setup());
    for (unsigned i = 0; i < 4; i++)
        source[i] = entry;
    to = &tree.l1[8];
    EXPECT_EQ(TRY("rep movsq", : "+D"(to), "+S"(from), "+c"(n) : : "memory"), 0);
    for (unsigned i = 8; i < 12; i++)
        EXPECT(stored(i, entry));
    to = &tree.l1[8];
    n = 4;
    EXPECT_EQ(TRY("rep stosq", : "+D"(to), "+c"(n) : "a"(0UL) : "memory"), 0);
    for (unsigned i = 8; i < 12; i++)
        EXPECT_EQ(tree.l1[i], 0);
    cleanup();
}

/* An entry that mmu_update would refuse is a page fault for the guest, and the old entry stays. */
static void test_bad_entry(void)
{
    static const uint64_t add[] = {1UL << 50};

    REQUIRE(setup());
    for (unsigned i = 0; i < ARRAY_SIZE(add); i++) {
        EXPECT_EQ(TRY("movq %1, (%0)", : : "r"(&tree.l1[0]), "r"(entry | add[i]) : "memory"), 1);
        EXPECT_EQ(last_trap.regs.vector, X86_PF);
        EXPECT_EQ(last_trap.cr2, (uint64_t)&tree.l1[0]);
        EXPECT_EQ(tree.l1[0], 0);
    }
    EXPECT_EQ(TRY("movq %1, (%0)",
                  :
                  : "r"(&tree.l1[0]), "r"(mfn_of(tree.l1) * PAGE_SIZE | RW_FLAGS)
                  : "memory"),
              1);
    EXPECT_EQ(last_trap.regs.vector, X86_PF);
    EXPECT_EQ(last_trap.regs.error, PFEC_WRITE | PFEC_PRESENT);
    EXPECT_EQ(tree.l1[0], 0);
    EXPECT_EQ(TRY("xchgq %1, (%0)",
                  :
                  : "r"(&tree.l1[0]), "r"(mfn_of(tree.l1) * PAGE_SIZE | RW_FLAGS)
                  : "memory"),
              1);
    EXPECT_EQ(tree.l1[0], 0);
    cleanup();
}

/* Only L1 tables are written so: higher levels fault. */
static void test_higher_levels(void)
{
    REQUIRE(setup());
    EXPECT_EQ(TRY("movq %1, (%0)", : : "r"(&tree.l2[7]), "r"(tree.l2[0]) : "memory"), 1);
    EXPECT_EQ(last_trap.regs.vector, X86_PF);
    EXPECT_EQ(TRY("movq %1, (%0)", : : "r"(&tree.l3[7]), "r"(tree.l3[0]) : "memory"), 1);
    EXPECT_EQ(tree.l2[7], 0);
    EXPECT_EQ(tree.l3[7], 0);
    cleanup();
}

/* A store that crosses from one entry into the next is not taken apart. */
static void test_unaligned(void)
{
    REQUIRE(setup());
    EXPECT_EQ(TRY("movq $0, 4(%0)", : : "r"(&tree.l1[0]) : "memory"), 1);
    EXPECT_EQ(last_trap.regs.vector, X86_PF);
    cleanup();
}

/* A read-only page that is no table faults as ever, and so does one whose L1 entry is not present.
 */
static void test_ordinary_faults(void)
{
    void *plain = page_alloc();

    REQUIRE(setup());
    EXPECT_RC(page_readonly(plain), 0);
    EXPECT_EQ(TRY("movq $0, (%0)", : : "r"(plain) : "memory"), 1);
    EXPECT_EQ(last_trap.regs.vector, X86_PF);
    EXPECT_RC(page_writable(plain), 0);
    EXPECT_EQ(TRY("lock orb $1, (%0)", : : "r"(TREE_VA) : "memory"), 1);
    EXPECT_EQ(last_trap.regs.vector, X86_PF);
    page_free(plain);
    cleanup();
}

TESTS("ptwr", T(assist), T(mov), T(xchg), T(cmpxchg), T(bit_ops), T(partial), T(string),
      T(bad_entry), T(higher_levels), T(unaligned), T(ordinary_faults));
