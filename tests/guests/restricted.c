/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Restricted root tables (Meltdown), seen from the guest: a page fault's error code says whether
 * the page is there at all, so the guest can count which pages of the hypervisor its tables map.
 * And the check of entries that are not present (L1TF).  What to expect is in the hypervisor's
 * command line: xpti= and pv-l1tf= are for dom0 here.
 */
#include "test.h"

/* Pavis's layout (hypervisor/mem/layout.h): nothing of the ABI, but what is to be hidden. */
#define VCPU_DESC   0xffff820000000000UL
#define IMAGE       0xffff82d040000000UL
#define STACKS      0xffff82d050000000UL
#define IOREMAP     0xffff82d060000000UL
#define STUBS       0xffff82d070000000UL
#define FRAME_TABLE 0xffff82e000000000UL
#define DIRECT_MAP  0xffff830000000000UL
#define GDT_PAGES   15
#define ENTRY_PAGES 16 /* at most: entry code, five pages of stack, a stub, IDT, TSS */

static bool is_intel(void)
{
    uint32_t a = 0, b, c, d;

    __asm__ volatile("ud2a; .ascii \"xen\"; cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
    return b == 0x756e6547; /* Genu */
}

static bool expected(void)
{
    return hypervisor_told("xpti=1") || hypervisor_told("xpti=dom0") ||
           (hypervisor_told("xpti=default") && is_intel());
}

/* Do the tables that this runs on have a page there?  Ring 3 may not read it in any case. */
static bool is_mapped(uint64_t va)
{
    if (!TRY("movb (%0), %%al", : : "r"(va) : "rax", "memory"))
        return true;
    return last_trap.regs.vector == X86_PF && last_trap.regs.error & PFEC_PRESENT;
}

static unsigned count(uint64_t va, unsigned n, uint64_t step)
{
    unsigned mapped = 0;

    for (unsigned i = 0; i < n; i++)
        mapped += is_mapped(va + i * step);
    return mapped;
}

/* With restricted roots a guest's tables map no data of the hypervisor; without, they do. */
static void test_hidden(void)
{
    if (!on_pavis) {
        test_skip("looks at addresses that are Pavis's own");
        return;
    }
    bool wanted = expected();
    unsigned direct = count(DIRECT_MAP, 256, 1UL << 21), frames = count(FRAME_TABLE, 64, PAGE_SIZE);
    unsigned devices = count(IOREMAP, 64, PAGE_SIZE);

    print("# direct map %u, frame table %u, devices %u\n", direct, frames, devices);
    if (wanted) {
        EXPECT_EQ(direct + frames + devices, 0);
        EXPECT_EQ(count(DIRECT_MAP + (1UL << 39), 9, 1UL << 39), 0);
    } else {
        EXPECT(direct > 200 && frames > 0 && devices > 0);
    }
}

/* What is mapped of the image and the stacks is what the way in and out needs. */
static void test_entry_area(void)
{
    unsigned image, stacks, stubs;

    if (!on_pavis) {
        test_skip("looks at addresses that are Pavis's own");
        return;
    }
    image = count(IMAGE, 1024, PAGE_SIZE);
    stacks = count(STACKS, 4 * 16, PAGE_SIZE);
    stubs = count(STUBS, 4, PAGE_SIZE);
    print("# image %u pages, stacks %u, stubs %u\n", image, stacks, stubs);
    EXPECT_EQ(stubs, 1);
    if (expected()) {
        EXPECT_EQ(stacks, 5); /* this CPU's alone */
        EXPECT(image >= 4 && image + stacks + stubs <= ENTRY_PAGES);
    } else {
        EXPECT(image > 64 && stacks >= 7);
    }
}

/* Of all descriptor areas a vCPU sees its own: two vCPUs have two. */
static void test_descriptors(void)
{
    unsigned pages;

    if (!on_pavis) {
        test_skip("looks at addresses that are Pavis's own");
        return;
    }
    pages = count(VCPU_DESC, 8 * 32, PAGE_SIZE);
    for (unsigned i = 1; i < 8; i++)
        pages += count(VCPU_DESC + i * 0x200000, 32, PAGE_SIZE);
    EXPECT_EQ(pages, GDT_PAGES * (expected() || hc_vcpu_op(VCPUOP_is_up, 1, 0) < 0 ? 1 : 2));
}

/* The machine-to-physical table can still be read. */
static void test_m2p(void)
{
    EXPECT_EQ(pfn_of_mfn(mfn_of(start_info)), pfn_of(start_info));
}

/* A slot of the root that comes and goes is there and gone at once. */
static void test_own_slots(void)
{
    struct tree tree;
    uint64_t *page = page_alloc();

    page[0] = 0x51;
    for (unsigned i = 0; i < 10; i++) {
        uint64_t va = 0x10000000000UL + i * (1UL << 39);

        EXPECT(!is_mapped(va));
        REQUIRE(tree_make(&tree, va));
        EXPECT_RC(hc_update_va(tree.va, mfn_of(page) * PAGE_SIZE | RO_FLAGS, UVMF_INVLPG), 0);
        EXPECT_EQ(*(volatile uint64_t *)tree.va, 0x51);
        EXPECT_RC(hc_update_va(tree.va, 0, UVMF_INVLPG), 0);
        tree_drop(&tree);
        EXPECT(!is_mapped(va));
    }
    page_free(page);
}

/* Entries that are not present: refused if they name RAM, where pv-l1tf is on for this domain. */
static void test_l1tf(void)
{
    uint64_t *page = page_alloc(), ram = mfn_of(page) * PAGE_SIZE, far = PTE_MFN & ~ram;
    long refused = hypervisor_told("pv-l1tf=1") ? -EINVAL : 0;
    struct tree tree;

    if (!on_pavis) {
        test_skip("Xen would go on with shadow tables");
        return;
    }
    REQUIRE(tree_make(&tree, 0x10000000000UL));
    EXPECT_RC(hc_update_va(tree.va, ram, UVMF_INVLPG), refused);
    EXPECT_RC(hc_update_va(tree.va, ram | 0x1e2, UVMF_INVLPG), refused);
    EXPECT_RC(mmu_update1(pte_machine(&tree.l1[0]), ram), refused);
    EXPECT_RC(mmu_update1(pte_machine(&tree.l2[7]), ram), refused);
    EXPECT_RC(mmu_update1(pte_machine(&tree.l2[7]), PTE_PSE), refused);
    EXPECT_RC(hc_update_va(tree.va, far, UVMF_INVLPG), 0); /* as Linux writes them: inverted */
    EXPECT_RC(hc_update_va(tree.va, 0x1e2, UVMF_INVLPG), 0);
    EXPECT_RC(hc_update_va(tree.va, 0, UVMF_INVLPG), 0);
    EXPECT_RC(mmu_update1(pte_machine(&tree.l2[7]), 0), 0);
    EXPECT_RC(mmu_update1(pte_machine(&tree.l1[0]), 0), 0);
    tree_drop(&tree);
    page[9] = ram;
    EXPECT_RC(page_readonly(page), 0);
    EXPECT_RC(pin(page, 1), refused);
    if (!refused)
        EXPECT_RC(unpin(page), 0);
    EXPECT_RC(page_writable(page), 0);
    page_free(page);
}

TESTS("restricted", T(hidden), T(entry_area), T(descriptors), T(m2p), T(own_slots), T(l1tf));
