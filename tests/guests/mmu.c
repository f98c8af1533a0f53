/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table hypercalls: mmu_update, update_va_mapping and mmuext_op with good and bad arguments,
 * and the rules that they enforce (no writable page table, no hypervisor slot, no foreign frame,
 * ...).
 */
#include "test.h"

#define TREE_VA 0x10000000000UL /* L4 slot 2, empty after boot */

static struct tree tree;

/* The L1 entry for page i of the tree, by mmu_update. */
static long tree_set(unsigned i, uint64_t entry)
{
    return mmu_update1(pte_machine(&tree.l1[i]), entry);
}

static volatile uint64_t *tree_va(unsigned i)
{
    return (volatile uint64_t *)(tree.va + i * PAGE_SIZE);
}

/* update_va_mapping makes, changes and removes a mapping that the CPU sees. */
static void test_update_va_mapping(void)
{
    volatile uint64_t *a = page_alloc(), *b = page_alloc();

    a[0] = 0xaaaa;
    b[0] = 0xbbbb;
    REQUIRE(tree_make(&tree, TREE_VA));
    EXPECT_RC(hc_update_va(TREE_VA, mfn_of((void *)a) * PAGE_SIZE | RW_FLAGS, UVMF_NONE), 0);
    EXPECT_EQ(*tree_va(0), 0xaaaa);
    *tree_va(0) = 0xcccc;
    EXPECT_EQ(a[0], 0xcccc);
    EXPECT_RC(hc_update_va(TREE_VA, mfn_of((void *)b) * PAGE_SIZE | RO_FLAGS, UVMF_INVLPG), 0);
    EXPECT_EQ(*tree_va(0), 0xbbbb);
    EXPECT_EQ(TRY("movq $1, (%0)", : : "r"(TREE_VA) : "memory"), 1);
    EXPECT_EQ(last_trap.regs.vector, X86_PF);
    EXPECT_EQ(last_trap.cr2, TREE_VA);
    EXPECT_RC(hc_update_va(TREE_VA, 0, UVMF_TLB_FLUSH | UVMF_ALL), 0);
    EXPECT_EQ(TRY("movq (%0), %%rax", : : "r"(TREE_VA) : "rax", "memory"), 1);
    EXPECT_EQ(last_trap.regs.error & PFEC_PRESENT, 0);
    tree_drop(&tree);
    page_free((void *)a);
    page_free((void *)b);
}

/* update_va_mapping refuses addresses without an L1 table, hypervisor addresses and bad entries. */
static void test_update_va_mapping_bad(void)
{
    void *page = page_alloc();
    uint64_t good = mfn_of(page) * PAGE_SIZE | RW_FLAGS;

    EXPECT_RC(hc_update_va(TREE_VA, good, UVMF_INVLPG), -EINVAL); /* no L3 there */
    EXPECT_RC(hc_update_va(MACH2PHYS_VIRT_START, good, UVMF_INVLPG), -EINVAL);
    EXPECT_RC(hc_update_va(HYPERVISOR_VIRT_END - PAGE_SIZE, good, UVMF_INVLPG), -EINVAL);
    REQUIRE(tree_make(&tree, TREE_VA));
    EXPECT(hc_update_va(TREE_VA, 0xffffffffffUL * PAGE_SIZE | RW_FLAGS, UVMF_INVLPG) < 0);
    EXPECT_EQ(pte_read(TREE_VA), 0);
    tree_drop(&tree);
    page_free(page);
}

/* Entries of every level can be changed by mmu_update, and the change is what is stored. */
static void test_every_level(void)
{
    void *page = page_alloc();
    uint64_t l2e, l3e;

    REQUIRE(tree_make(&tree, TREE_VA));
    EXPECT_RC(tree_set(5, mfn_of(page) * PAGE_SIZE | RW_FLAGS), 0);
    EXPECT_EQ(tree.l1[5] | PTE_G, mfn_of(page) * PAGE_SIZE | RW_FLAGS | PTE_G);
    *tree_va(5) = 77;
    EXPECT_EQ(*(uint64_t *)page, 77);
    l2e = tree.l2[0];
    l3e = tree.l3[0];
    EXPECT_RC(mmu_update1(pte_machine(&tree.l2[1]), l2e), 0); /* one L1 table in two places */
    EXPECT_EQ(*tree_va(512 + 5), 77);
    EXPECT_RC(mmu_update1(pte_machine(&tree.l3[1]), l3e), 0);
    EXPECT_EQ(*tree_va(512 * 512 + 5), 77);
    EXPECT_RC(mmu_update1(pte_machine(&tree.l2[1]), 0), 0);
    EXPECT_RC(mmu_update1(pte_machine(&tree.l3[1]), 0), 0);
    EXPECT_RC(mmuext1(MMUEXT_TLB_FLUSH_LOCAL, 0, 0), 0);
    EXPECT_EQ(TRY("movq (%0), %%rax", : : "r"(tree_va(512 + 5)) : "rax", "memory"), 1);
    EXPECT_RC(tree_set(5, 0), 0);
    tree_drop(&tree);
    page_free(page);
}

/* MMU_PT_UPDATE_PRESERVE_AD keeps the accessed and dirty bits that the processor set. */
static void test_preserve_ad(void)
{
    void *page = page_alloc();
    uint64_t clean = mfn_of(page) * PAGE_SIZE | PTE_P | PTE_RW | PTE_US;

    REQUIRE(tree_make(&tree, TREE_VA));
    EXPECT_RC(tree_set(0, clean), 0);
    *tree_va(0) = 1;
    EXPECT_EQ(tree.l1[0] & (PTE_A | PTE_D), PTE_A | PTE_D);
    EXPECT_RC(mmu_update1(pte_machine(&tree.l1[0]) | MMU_PT_UPDATE_PRESERVE_AD, clean & ~PTE_RW),
              0);
    EXPECT_EQ(tree.l1[0] & (PTE_RW | PTE_A | PTE_D), PTE_A | PTE_D);
    EXPECT_RC(mmu_update1(pte_machine(&tree.l1[0]) | MMU_NORMAL_PT_UPDATE, clean), 0);
    EXPECT_EQ(tree.l1[0] & (PTE_RW | PTE_A | PTE_D), PTE_RW);
    EXPECT_RC(mmu_update1(pte_machine(&tree.l1[0]) | MMU_PT_UPDATE_NO_TRANSLATE, 0), 0);
    tree_drop(&tree);
    page_free(page);
}

/* MMU_MACHPHYS_UPDATE changes the M2P for own frames only. */
static void test_machphys(void)
{
    void *page = page_alloc();
    uint64_t mfn = mfn_of(page), pfn = pfn_of(page);

    EXPECT_RC(mmu_update1(mfn * PAGE_SIZE | MMU_MACHPHYS_UPDATE, 0x12345), 0);
    EXPECT_EQ(pfn_of_mfn(mfn), 0x12345);
    EXPECT_RC(mmu_update1(mfn * PAGE_SIZE | MMU_MACHPHYS_UPDATE, pfn), 0);
    EXPECT_EQ(pfn_of_mfn(mfn), pfn);
    EXPECT(mmu_update1(0xffffffffffUL * PAGE_SIZE | MMU_MACHPHYS_UPDATE, pfn) < 0);
    page_free(page);
}

/* An L1 entry with a bit that must not be set is refused, and the old entry stays. */
static void test_l1_bad_bits(void)
{
    void *page = page_alloc();
    uint64_t good = mfn_of(page) * PAGE_SIZE | RW_FLAGS;

    REQUIRE(tree_make(&tree, TREE_VA));
    for (unsigned bit = 45; bit < 52; bit++) /* beyond any frame there is */
        EXPECT(tree_set(0, good | 1UL << bit) < 0);
    EXPECT_EQ(tree.l1[0], 0);
    EXPECT_RC(tree_set(0, good | PTE_NX), 0);
    EXPECT_RC(tree_set(0, good | PTE_G), 0);
    EXPECT_RC(tree_set(0, (good | 0xe00) & ~PTE_US), 0); /* ignored bits are the guest's */
    EXPECT_EQ(tree.l1[0] & PTE_US, PTE_US);              /* a kernel in ring 3 needs it */
    EXPECT_RC(tree_set(0, 0), 0);
    tree_drop(&tree);
    page_free(page);
}

/* Table entries with a superpage, cache, global or reserved bit are refused at levels 2, 3 and 4.
 */
static void test_table_bad_bits(void)
{
    static const uint64_t bad[] = {PTE_PSE, PTE_G};
    uint64_t l4slot = pte_machine(pte_of(TREE_VA + (1UL << 39), 4));

    REQUIRE(tree_make(&tree, TREE_VA));
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        EXPECT_RC(mmu_update1(pte_machine(&tree.l2[1]), tree.l2[0] | bad[i]), -EINVAL);
        EXPECT_RC(mmu_update1(pte_machine(&tree.l3[1]), tree.l3[0] | bad[i]), -EINVAL);
        EXPECT_RC(mmu_update1(l4slot, mfn_of(tree.l3) * PAGE_SIZE | TABLE_FLAGS | bad[i]), -EINVAL);
    }
    EXPECT(mmu_update1(pte_machine(&tree.l2[1]), tree.l2[0] | 1UL << 50) < 0);
    EXPECT_EQ(tree.l2[1], 0);
    EXPECT_EQ(tree.l3[1], 0);
    tree_drop(&tree);
}

/* A table of the wrong level is refused as a child. */
static void test_wrong_level(void)
{
    REQUIRE(tree_make(&tree, TREE_VA));
    EXPECT(mmu_update1(pte_machine(&tree.l2[1]), tree.l3[0]) < 0); /* an L2 below an L2 */
    EXPECT(mmu_update1(pte_machine(&tree.l3[1]), tree.l2[0]) < 0); /* an L1 below an L3 */
    EXPECT(mmu_update1(pte_machine(&tree.l3[1]), mfn_of(tree.l3) * PAGE_SIZE | TABLE_FLAGS) < 0);
    EXPECT_EQ(tree.l2[1], 0);
    EXPECT_EQ(tree.l3[1], 0);
    tree_drop(&tree);
}

/* No frame is a page table and mapped writable: neither may come second. */
static void test_no_writable_table(void)
{
    uint64_t *l1 = page_alloc();

    REQUIRE(tree_make(&tree, TREE_VA));
    EXPECT(tree_set(0, mfn_of(tree.l1) * PAGE_SIZE | RW_FLAGS) < 0);
    EXPECT(tree_set(0, mfn_of(tree.l2) * PAGE_SIZE | RW_FLAGS) < 0);
    EXPECT(tree_set(0, mfn_of(tree.l3) * PAGE_SIZE | RW_FLAGS) < 0);
    EXPECT(page_writable(tree.l1) < 0);
    EXPECT(hc_update_va(start_info->pt_base,
                        mfn_of((void *)start_info->pt_base) * PAGE_SIZE | RW_FLAGS,
                        UVMF_INVLPG) < 0);
    EXPECT_RC(tree_set(0, mfn_of(tree.l1) * PAGE_SIZE | RO_FLAGS), 0);
    EXPECT_EQ(*tree_va(0), tree.l1[0]);
    EXPECT_RC(tree_set(0, 0), 0);
    /* l1 is still mapped writable by the initial mapping */
    EXPECT(mmu_update1(pte_machine(&tree.l2[1]), mfn_of(l1) * PAGE_SIZE | TABLE_FLAGS) < 0);
    EXPECT(pin(l1, 1) < 0);
    EXPECT_RC(page_readonly(l1), 0);
    EXPECT_RC(mmu_update1(pte_machine(&tree.l2[1]), mfn_of(l1) * PAGE_SIZE | TABLE_FLAGS), 0);
    EXPECT_RC(mmu_update1(pte_machine(&tree.l2[1]), 0), 0);
    EXPECT_RC(page_writable(l1), 0);
    tree_drop(&tree);
    page_free(l1);
}

/* A page full of rubbish, or with one bad entry, does not become a table. */
static void test_validation(void)
{
    uint64_t *t = page_alloc();

    for (int level = 1; level <= 4; level++) {
        memset(t, 0, PAGE_SIZE);
        t[3] = 0xdeadbeef000UL | TABLE_FLAGS;
        EXPECT_RC(page_readonly(t), 0);
        EXPECT(pin(t, level) < 0);
        EXPECT_RC(page_writable(t), 0);
        t[3] = 0x123456789000UL; /* not present: anything goes */
        EXPECT_RC(page_readonly(t), 0);
        EXPECT_RC(pin(t, level), 0);
        EXPECT(page_writable(t) < 0);
        EXPECT_RC(unpin(t), 0);
        EXPECT_RC(page_writable(t), 0);
    }
    page_free(t);
}

/* Pins: once only, removable once only, on own frames only, not with another type in force. */
static void test_pin(void)
{
    uint64_t *l1 = page_alloc(), *l2 = page_alloc(), *l3 = page_alloc(), *l4 = page_alloc();

    l2[0] = mfn_of(l1) * PAGE_SIZE | TABLE_FLAGS;
    l3[0] = mfn_of(l2) * PAGE_SIZE | TABLE_FLAGS;
    l4[0] = mfn_of(l3) * PAGE_SIZE | TABLE_FLAGS;
    EXPECT_RC(page_readonly(l1), 0);
    EXPECT_RC(page_readonly(l2), 0);
    EXPECT_RC(page_readonly(l3), 0);
    EXPECT_RC(page_readonly(l4), 0);
    EXPECT_RC(pin(l1, 1), 0);
    EXPECT_RC(pin(l1, 1), -EINVAL);
    EXPECT(pin(l1, 2) < 0);
    EXPECT_RC(pin(l2, 2), 0);
    EXPECT_RC(mmuext1(MMUEXT_PIN_L3_TABLE, mfn_of(l3), 0), 0);
    EXPECT_RC(mmuext1(MMUEXT_PIN_L4_TABLE, mfn_of(l4), 0), 0);
    EXPECT_RC(unpin(l1), 0); /* still in use below l2 */
    EXPECT(page_writable(l1) < 0);
    EXPECT_RC(unpin(l1), -EINVAL);
    EXPECT_RC(unpin(l3), 0);
    EXPECT_RC(unpin(l2), 0);
    EXPECT(page_writable(l2) < 0);
    EXPECT_RC(unpin(l4), 0); /* everything below goes with it */
    EXPECT_RC(page_writable(l1), 0);
    EXPECT_RC(page_writable(l2), 0);
    EXPECT_RC(page_writable(l3), 0);
    EXPECT_RC(page_writable(l4), 0);
    EXPECT(mmuext1(MMUEXT_PIN_L1_TABLE, 0xffffffffffUL, 0) < 0);
    EXPECT(mmuext1(MMUEXT_UNPIN_TABLE, 0xffffffffffUL, 0) < 0);
    page_free(l1);
    page_free(l2);
    page_free(l3);
    page_free(l4);
}

/* The hypervisor's L4 slots belong to the hypervisor, whatever is written to them. */
static void test_hypervisor_slots(void)
{
    uint64_t *l4 = (uint64_t *)start_info->pt_base, before = l4[256];

    REQUIRE(tree_make(&tree, TREE_VA));
    for (unsigned slot = 256; slot < 272; slot++) {
        EXPECT_RC(mmu_update1(pte_machine(&l4[slot]), 0), -EINVAL);
        EXPECT_RC(mmu_update1(pte_machine(&l4[slot]), mfn_of(tree.l3) * PAGE_SIZE | TABLE_FLAGS),
                  -EINVAL);
    }
    EXPECT_EQ(l4[256], before);
    EXPECT_EQ(TRY("movq (%0), %%rax", : : "r"(HYPERVISOR_VIRT_END - 8) : "rax", "memory"), 1);
    EXPECT_EQ(last_trap.regs.vector, X86_PF);
    EXPECT_RC(mmu_update1(pte_machine(&l4[272]), mfn_of(tree.l3) * PAGE_SIZE | TABLE_FLAGS), 0);
    EXPECT_RC(mmu_update1(pte_machine(&l4[272]), 0), 0);
    tree_drop(&tree);
}

/* A page with a guest's entries in the hypervisor's slots loses them when it becomes an L4, and
 * works. */
static void test_hypervisor_slots_new_l4(void)
{
    uint64_t *l4 = page_alloc(), *now = (uint64_t *)start_info->pt_base;

    memcpy(l4, now, PAGE_SIZE);
    for (unsigned slot = 256; slot < 272; slot++)
        l4[slot] = 0xdead000 | TABLE_FLAGS;
    EXPECT_RC(page_readonly(l4), 0);
    EXPECT_RC(pin(l4, 4), 0);
    for (unsigned slot = 256; slot < 272; slot++)
        EXPECT((l4[slot] & PTE_MFN) != 0xdead000);
    EXPECT_RC(mmuext1(MMUEXT_NEW_BASEPTR, mfn_of(l4), 0), 0);
    EXPECT_EQ(pfn_of_mfn(mfn_of(l4)), pfn_of(l4));
    EXPECT_RC(mmuext1(MMUEXT_NEW_BASEPTR, mfn_of(now), 0), 0);
    EXPECT_RC(unpin(l4), 0);
    EXPECT_RC(page_writable(l4), 0);
    page_free(l4);
}

/*
 * A page for user mode becomes global, so that system calls keep it in the TLB; a kernel's page
 * does not, though it gets the user bit too.  Reading an entry and writing it back changes nothing
 * (Xen marks kernel pages in bit 52).
 */
static void test_global_bit(void)
{
    void *page = page_alloc();
    uint64_t mfn = mfn_of(page);

    REQUIRE(tree_make(&tree, TREE_VA));
    EXPECT_RC(tree_set(0, mfn * PAGE_SIZE | PTE_P | PTE_US), 0);
    EXPECT_EQ(tree.l1[0] & (PTE_US | PTE_G), PTE_US | PTE_G);
    EXPECT_RC(tree_set(0, tree.l1[0]), 0);
    EXPECT_EQ(tree.l1[0] & (PTE_US | PTE_G), PTE_US | PTE_G);
    EXPECT_RC(tree_set(0, mfn * PAGE_SIZE | PTE_P), 0);
    EXPECT_EQ(tree.l1[0] & (PTE_US | PTE_G), PTE_US);
    EXPECT_RC(tree_set(0, tree.l1[0]), 0);
    EXPECT_EQ(tree.l1[0] & (PTE_US | PTE_G), PTE_US);
    EXPECT_RC(tree_set(0, 0), 0);
    tree_drop(&tree);
    page_free(page);
}

/* A table may not map itself (linear page tables); Xen allows it read-only, Pavis does not. */
static void test_linear(void)
{
    uint64_t *l4 = (uint64_t *)start_info->pt_base;
    uint64_t self = mfn_of(l4) * PAGE_SIZE | PTE_P | PTE_US | PTE_A;
    long rc;

    EXPECT(mmu_update1(pte_machine(&l4[L4_SLOT(TREE_VA)]), self | PTE_RW) < 0);
    rc = mmu_update1(pte_machine(&l4[L4_SLOT(TREE_VA)]), self);
    EXPECT(on_pavis ? rc < 0 : rc == 0);
    EXPECT_RC(mmu_update1(pte_machine(&l4[L4_SLOT(TREE_VA)]), 0), 0);
}

/* NEW_BASEPTR switches to a copy of the L4 and back; it refuses what is no L4. */
static void test_new_baseptr(void)
{
    uint64_t *l4 = page_alloc(), *page = page_alloc();
    uint64_t old = mfn_of((void *)start_info->pt_base);

    memcpy(l4, (void *)start_info->pt_base, PAGE_SIZE);
    EXPECT_RC(page_readonly(l4), 0);
    EXPECT_RC(mmuext1(MMUEXT_NEW_BASEPTR, mfn_of(l4), 0),
              0); /* not pinned: the base itself holds it */
    EXPECT(page_writable(l4) < 0);
    EXPECT_RC(mmuext1(MMUEXT_NEW_BASEPTR, mfn_of(page), 0), -EINVAL); /* writable somewhere */
    EXPECT(mmuext1(MMUEXT_NEW_BASEPTR, 0xffffffffffUL, 0) < 0);
    EXPECT_RC(mmuext1(MMUEXT_NEW_BASEPTR, old, 0), 0);
    EXPECT_RC(page_writable(l4), 0);
    page_free(l4);
    page_free(page);
}

/* NEW_USER_BASEPTR takes an L4, zero for none, and nothing else. */
static void test_new_user_baseptr(void)
{
    uint64_t *l4 = page_alloc(), *page = page_alloc();

    EXPECT_RC(page_readonly(l4), 0);
    EXPECT_RC(mmuext1(MMUEXT_NEW_USER_BASEPTR, mfn_of(l4), 0), 0);
    EXPECT(page_writable(l4) < 0);
    EXPECT_RC(mmuext1(MMUEXT_NEW_USER_BASEPTR, mfn_of(page), 0), -EINVAL);
    EXPECT(mmuext1(MMUEXT_NEW_USER_BASEPTR, 0xffffffffffUL, 0) < 0);
    EXPECT(page_writable(l4) < 0);
    EXPECT_RC(mmuext1(MMUEXT_NEW_USER_BASEPTR, 0, 0), 0);
    EXPECT_RC(page_writable(l4), 0);
    page_free(l4);
    page_free(page);
}

/* Flushes are accepted in all their forms, with masks in guest memory; a bad mask address is not.
 */
static void test_flushes(void)
{
    static uint64_t mask[2] = {1, 0};
    uint64_t va = (uint64_t)mask;

    EXPECT_RC(mmuext1(MMUEXT_TLB_FLUSH_LOCAL, 0, 0), 0);
    EXPECT_RC(mmuext1(MMUEXT_INVLPG_LOCAL, va, 0), 0);
    EXPECT_RC(mmuext1(MMUEXT_TLB_FLUSH_MULTI, 0, va), 0);
    EXPECT_RC(mmuext1(MMUEXT_INVLPG_MULTI, va, va), 0);
    EXPECT_RC(mmuext1(MMUEXT_TLB_FLUSH_ALL, 0, 0), 0);
    EXPECT_RC(mmuext1(MMUEXT_INVLPG_ALL, va, 0), 0);
    EXPECT_RC(mmuext1(MMUEXT_INVLPG_LOCAL, 0x800000000000, 0),
              0); /* not canonical: nothing to do */
    EXPECT_RC(mmuext1(MMUEXT_INVLPG_ALL, HYPERVISOR_VIRT_START, 0), 0);
    mask[0] = ~0UL; /* vCPUs that do not exist are passed over */
    EXPECT_RC(mmuext1(MMUEXT_TLB_FLUSH_MULTI, 0, va), 0);
    EXPECT_RC(mmuext1(MMUEXT_TLB_FLUSH_MULTI, 0, 0x800000000000), -EINVAL);
    EXPECT_RC(mmuext1(MMUEXT_FLUSH_CACHE, 0, 0), 0); /* dom0 has devices */
    EXPECT_RC(mmuext1(MMUEXT_FLUSH_CACHE_GLOBAL, 0, 0), 0);
}

/* CLEAR_PAGE and COPY_PAGE work on own writable frames only. */
static void test_clear_copy(void)
{
    uint64_t *a = page_alloc(), *b = page_alloc();

    a[1] = 1;
    a[511] = 511;
    EXPECT_RC(mmuext1(MMUEXT_COPY_PAGE, mfn_of(b), mfn_of(a)), 0);
    EXPECT_EQ(b[511], 511);
    EXPECT_RC(mmuext1(MMUEXT_CLEAR_PAGE, mfn_of(b), 0), 0);
    EXPECT_EQ(b[511], 0);
    EXPECT(mmuext1(MMUEXT_CLEAR_PAGE, mfn_of((void *)start_info->pt_base), 0) < 0);
    EXPECT(mmuext1(MMUEXT_COPY_PAGE, mfn_of((void *)start_info->pt_base), mfn_of(a)) < 0);
    EXPECT(mmuext1(MMUEXT_CLEAR_PAGE, 0xffffffffffUL, 0) < 0);
    EXPECT(mmuext1(MMUEXT_COPY_PAGE, mfn_of(b), 0xffffffffffUL) < 0);
    page_free(a);
    page_free(b);
}

/* Numbers of mmuext_op that mean nothing, or nothing here. */
static void test_mmuext_unknown(void)
{
    EXPECT_RC(mmuext1(14, 0, 0), -ENOSYS);
    EXPECT_RC(mmuext1(21, 0, 0), -ENOSYS);
    EXPECT_RC(mmuext1(0xffffffff, 0, 0), -ENOSYS);
    EXPECT_RC(mmuext1(MMUEXT_MARK_SUPER, 0, 0), -EOPNOTSUPP);
    EXPECT_RC(mmuext1(MMUEXT_UNMARK_SUPER, 0, 0), -EOPNOTSUPP);
}

/* A batch stops at its first bad request and says how many were done. */
static void test_batches(void)
{
    static struct mmu_update req[512];
    struct mmuext_op ops[3] = {{.cmd = MMUEXT_TLB_FLUSH_LOCAL}, {.cmd = 99}, {.cmd = 99}};
    uint64_t mfn;
    uint32_t done = 99;
    void *page = page_alloc();

    mfn = mfn_of(page);
    REQUIRE(tree_make(&tree, TREE_VA));
    for (unsigned i = 0; i < 512; i++)
        req[i] = (struct mmu_update){pte_machine(&tree.l1[i]), mfn * PAGE_SIZE | RW_FLAGS};
    EXPECT_RC(hc_mmu_update(req, 512, &done, DOMID_SELF), 0);
    EXPECT_EQ(done, 512);
    for (unsigned i = 0; i < 512; i++)
        EXPECT_EQ(tree.l1[i], mfn * PAGE_SIZE | RW_FLAGS | PTE_G);
    for (unsigned i = 0; i < 512; i++)
        req[i].val = 0;
    req[100].val = mfn_of(tree.l1) * PAGE_SIZE | RW_FLAGS;
    EXPECT(hc_mmu_update(req, 512, &done, DOMID_SELF) < 0);
    EXPECT_EQ(done, 100);
    EXPECT_EQ(tree.l1[99], 0);
    EXPECT(tree.l1[100] & PTE_P);
    req[100].val = 0;
    EXPECT_RC(hc_mmu_update(req + 100, 412, 0, DOMID_SELF), 0);
    EXPECT_RC(hc_mmu_update(req, 0, &done, DOMID_SELF), 0);
    EXPECT_RC(hc_mmuext_op(ops, 3, &done, DOMID_SELF), -ENOSYS);
    EXPECT_EQ(done, 1);
    tree_drop(&tree);
    page_free(page);
}

/* Bad pointers, domains and command bits. */
static void test_bad_arguments(void)
{
    struct mmu_update req = {0xffffffffffUL * PAGE_SIZE, 0};

    EXPECT_RC(hc_mmu_update(0x1000, 1, 0, DOMID_SELF), -EFAULT);
    EXPECT_RC(hc_mmu_update(HYPERVISOR_VIRT_START, 1, 0, DOMID_SELF), -EFAULT);
    EXPECT_RC(hc_mmuext_op(0x1000, 1, 0, DOMID_SELF), -EFAULT);
    EXPECT_RC(hc_mmu_update(&req, 1, 0, 77), -ESRCH);
    EXPECT_RC(hc_mmu_update(&req, 1, 0, 78 << 16 | DOMID_SELF), -ESRCH);
    EXPECT(hc_mmu_update(&req, 1, 0, DOMID_SELF) < 0);
    req.ptr = mfn_of((void *)start_info->pt_base) * PAGE_SIZE + 8 * 511 + 4; /* half an entry off */
    EXPECT(hc_mmu_update(&req, 1, 0, DOMID_SELF) <= 0);
}

/* A frame of RAM that is not ours cannot be mapped, read-only or otherwise. */
static void test_foreign_frames(void)
{
    static struct {
        uint64_t base, size;
        uint32_t type;
    } __attribute__((packed)) e820[64];
    struct xen_memory_map map = {64, (guest_ptr_t)e820};
    unsigned tried = 0;

    if (!(start_info->flags & SIF_INITDOMAIN)) {
        test_skip("only dom0 sees the machine's memory map");
        return;
    }
    REQUIRE_RC(hc_memory_op(XENMEM_machine_memory_map, &map), 0);
    REQUIRE(tree_make(&tree, TREE_VA));
    for (unsigned i = 0; i < map.nr_entries; i++) {
        if (e820[i].type != 1 || e820[i].base < 0x100000)
            continue;
        for (uint64_t a = e820[i].base; a + PAGE_SIZE <= e820[i].base + e820[i].size;
             a += 0x33000) {
            uint64_t mfn = a / PAGE_SIZE, pfn = pfn_of_mfn(mfn);

            if (pfn < start_info->nr_pages && mfn_of_pfn(pfn) == mfn)
                continue;
            tried++;
            if (!tree_set(0, mfn * PAGE_SIZE | RO_FLAGS) ||
                !tree_set(0, mfn * PAGE_SIZE | RW_FLAGS))
                test_fail(TEST_WHERE, "mfn %#lx can be mapped", mfn);
        }
    }
    EXPECT(tried > 20);
    tree_drop(&tree);
}

/* Device memory: dom0 maps the VGA buffer, but never the local APIC or an IO-APIC writable. */
static void test_mmio(void)
{
    long rc;

    if (!(start_info->flags & SIF_INITDOMAIN)) {
        test_skip("no device access");
        return;
    }
    REQUIRE(tree_make(&tree, TREE_VA));
    EXPECT_RC(tree_set(0, 0xb8000 | RW_FLAGS), 0);
    *(volatile uint16_t *)tree_va(0) = 0x0741;
    EXPECT_RC(tree_set(1, 0xb9000 | RW_FLAGS | PTE_PCD), 0);
    EXPECT_RC(tree_set(1, 0xb9000 | RW_FLAGS | PTE_PCD | PTE_PWT), 0);
    rc = mmu_update_for(pte_machine(&tree.l1[2]), 0xb8000 | RW_FLAGS, DOMID_IO);
    EXPECT_RC(rc, 0);
    EXPECT(tree_set(3, 0xfee00000 | RW_FLAGS) < 0);
    /* Xen makes the IO-APIC's page read-only instead of refusing it. */
    EXPECT(tree_set(3, 0xfec00000 | RW_FLAGS) < 0 || !(tree.l1[3] & PTE_RW));
    for (unsigned i = 0; i < 4; i++)
        EXPECT_RC(tree_set(i, 0), 0);
    tree_drop(&tree);
}

/* The frames of the M2P can be mapped read-only by dom0 as DOMID_XEN's, not writable. */
static void test_m2p_frames(void)
{
    static xen_pfn_t first[4];
    struct xen_machphys_mfn_list list = {4, (guest_ptr_t)first, 0};

    if (!(start_info->flags & SIF_PRIVILEGED)) {
        test_skip("not privileged");
        return;
    }
    REQUIRE_RC(hc_memory_op(XENMEM_machphys_mfn_list, &list), 0);
    REQUIRE(list.nr_extents >= 1);
    REQUIRE(tree_make(&tree, TREE_VA));
    EXPECT_RC(mmu_update_for(pte_machine(&tree.l1[0]), first[0] * PAGE_SIZE | RO_FLAGS, DOMID_XEN),
              0);
    EXPECT_EQ(*tree_va(0), *(volatile uint64_t *)MACH2PHYS_VIRT_START);
    EXPECT(mmu_update_for(pte_machine(&tree.l1[1]), first[0] * PAGE_SIZE | RW_FLAGS, DOMID_XEN) <
           0);
    EXPECT(tree_set(1, first[0] * PAGE_SIZE | RO_FLAGS) < 0);
    EXPECT_RC(tree_set(0, 0), 0);
    tree_drop(&tree);
}

/* mmu_update on a page that is no table, but writable memory, writes it (Xen does so for builders).
 */
static void test_update_plain_page(void)
{
    uint64_t *page = page_alloc();

    EXPECT_RC(mmu_update1(mfn_of(page) * PAGE_SIZE + 16, 0x1234), 0);
    EXPECT_EQ(page[2], 0x1234);
    page_free(page);
}

/* Taking a whole populated tree out of use releases every page in it. */
static void test_big_tree(void)
{
    uint64_t *l2 = page_alloc(), *l1[32];

    for (unsigned i = 0; i < 32; i++) {
        l1[i] = page_alloc();
        for (unsigned j = 0; j < 512; j++)
            l1[i][j] = mfn_of(l1[0]) * PAGE_SIZE | RO_FLAGS;
        EXPECT_RC(page_readonly(l1[i]), 0);
        l2[i] = mfn_of(l1[i]) * PAGE_SIZE | TABLE_FLAGS;
    }
    EXPECT_RC(page_readonly(l2), 0);
    EXPECT_RC(pin(l2, 2), 0);
    EXPECT(page_writable(l1[31]) < 0);
    EXPECT_RC(unpin(l2), 0);
    for (unsigned i = 0; i < 32; i++) {
        EXPECT_RC(page_writable(l1[i]), 0);
        page_free(l1[i]);
    }
    EXPECT_RC(page_writable(l2), 0);
    page_free(l2);
}

TESTS("mmu", T(update_va_mapping), T(update_va_mapping_bad), T(every_level), T(preserve_ad),
      T(machphys), T(l1_bad_bits), T(table_bad_bits), T(wrong_level), T(no_writable_table),
      T(validation), T(pin), T(hypervisor_slots), T(hypervisor_slots_new_l4), T(global_bit),
      T(linear), T(new_baseptr), T(new_user_baseptr), T(flushes), T(clear_copy), T(mmuext_unknown),
      T(batches), T(bad_arguments), T(foreign_frames), T(mmio), T(m2p_frames), T(update_plain_page),
      T(big_tree));
