/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attacks on page tables and frames: what an unprivileged domain must not bring about, by whatever
 * way (docs/ATTACKS.md, section 1b).  With two processors the races are real.
 */
#include "abi/memory.h"
#include "attack.h"

#define TREE_VA 0x20000000000UL /* L4 slot 4 */

static struct tree tree;

static long entry_set(const uint64_t *entry, uint64_t value)
{
    return mmu_update1(pte_machine(entry), value);
}

static uint64_t to(const void *page, uint64_t flags)
{
    return mfn_of(page) * PAGE_SIZE | flags;
}

/* --- what an entry may be -----------------------------------------------------------------------
 */

/* What may be in a present entry of this level besides the frame: docs/MEMORY.md, I5. */
static bool bit_is_allowed(unsigned level, unsigned bit)
{
    const uint64_t allowed =
        PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D | 0xe00 | 0x7fUL << 52 | PTE_NX;

    return (allowed | (level == 1 ? PTE_G : 0)) >> bit & 1;
}

/* Any bit of any level, in a new entry and added to the one that is there (XSA-148, 182, 402): it
 * is refused, or harmless.  Address bits beyond all RAM are refused too. */
ATTACK(entry_bits)
{
    void *page = page_alloc();

    REQUIRE(tree_make(&tree, TREE_VA));
    EXPECT_RC(entry_set(&tree.l1[0], to(page, RW_FLAGS)), 0);
    for (unsigned level = 1; level <= 4; level++) {
        uint64_t *there = level == 1   ? &tree.l1[0]
                          : level == 2 ? &tree.l2[0]
                          : level == 3 ? &tree.l3[0]
                                       : pte_of(TREE_VA, 4);
        uint64_t good = *there & ~(PTE_A | PTE_D);

        for (unsigned bit = 1; bit < 64; bit++) {
            bool allowed = bit_is_allowed(level, bit);

            if ((bit >= 12 && bit < 36) || (level == 1 && bit == 8))
                continue; /* another frame; G is as the hypervisor wants it */
            for (unsigned i = 0; i < 2; i++) {
                uint64_t before = there[i];

                if ((entry_set(there + i, good | 1UL << bit) == 0) != allowed)
                    test_fail(TEST_WHERE, "level %u entry %u bit %u", level, i, bit);
                if (!allowed && ((there[i] ^ before) & ~(PTE_A | PTE_D)))
                    test_fail(TEST_WHERE, "level %u bit %u was stored", level, bit);
                EXPECT_RC(entry_set(there + i, before), 0);
            }
        }
    }
    EXPECT_EQ(*(volatile uint64_t *)TREE_VA, 0);
}

/* A table may not lead to one of its own level or above, with whatever rights (XSA-185, 240). */
ATTACK(linear)
{
    uint64_t *l4 = (uint64_t *)start_info->pt_base, *other = page_alloc();
    static const uint64_t flags[] = {TABLE_FLAGS, PTE_P | PTE_US | PTE_A, PTE_P};

    REQUIRE(tree_make(&tree, TREE_VA));
    for (unsigned i = 0; i < ARRAY_SIZE(flags); i++) {
        EXPECT_RC(entry_set(&l4[5], to(l4, flags[i])), -EINVAL);
        EXPECT_RC(entry_set(&tree.l3[1], to(tree.l3, flags[i])), -EINVAL);
        EXPECT_RC(entry_set(&tree.l3[1], to(l4, flags[i])), -EINVAL);
        EXPECT_RC(entry_set(&tree.l2[1], to(tree.l2, flags[i])), -EINVAL);
        EXPECT_RC(entry_set(&tree.l2[1], to(tree.l3, flags[i])), -EINVAL);
        EXPECT_RC(entry_set(&tree.l2[1], to(l4, flags[i])), -EINVAL);
        EXPECT_RC(entry_set(&l4[5], to(tree.l2, flags[i])), -EINVAL);
        EXPECT_RC(entry_set(&l4[5], to(tree.l1, flags[i])), -EINVAL);
        memset(other, 0, PAGE_SIZE);
        other[7] = to(l4, flags[i]); /* the same, as a whole table */
        EXPECT_RC(page_readonly(other), 0);
        for (int level = 2; level <= 4; level++)
            EXPECT_RC(pin(other, level), -EINVAL);
        EXPECT_RC(page_writable(other), 0);
        other[7] = to(other, flags[i]);
        EXPECT_RC(page_readonly(other), 0);
        for (int level = 2; level <= 4; level++)
            EXPECT_RC(pin(other, level), -EINVAL);
        EXPECT_RC(page_writable(other), 0);
    }
    tree_drop(&tree);
}

/* --- ways to write to a table -------------------------------------------------------------------
 */

/* Hypercalls that write a guest's page for it: none takes a page table. */
static void write_by_calls(const uint64_t *table)
{
    struct vcpu_register_vcpu_info info = {mfn_of(table), 0, 0};
    uint64_t mfn = mfn_of(table);
    void *page = page_alloc();

    EXPECT_RC(mmuext1(MMUEXT_CLEAR_PAGE, mfn, 0), -EINVAL);
    EXPECT_RC(mmuext1(MMUEXT_COPY_PAGE, mfn, mfn_of(page)), -EINVAL);
    EXPECT_RC(hc_update_descriptor(mfn * PAGE_SIZE + 8 * 300, 0x1234000000000UL), -EINVAL);
    EXPECT_RC(hc_set_gdt(&mfn, 512), -EINVAL);
    EXPECT_RC(hc_vcpu_op(VCPUOP_register_vcpu_info, 1, &info), -EINVAL);
    EXPECT(page_writable((void *)table) < 0);
    page_free(page);
}

/* Nor do calls that have something to say store it where the guest itself may not. */
static void write_as_result(uint64_t *table)
{
    uint64_t *at = &table[400], before = *at;

    EXPECT_RC(hc_memory_op(XENMEM_machphys_mapping, at), -EFAULT);
    EXPECT_RC(hc_vcpu_op(VCPUOP_get_runstate_info, 0, at), -EFAULT);
    EXPECT_RC(hc_xen_version(XENVER_capabilities, at), -EFAULT);
    EXPECT(hc_mmu_update(at - 1, 0, at, DOMID_SELF) < 0);
    EXPECT_EQ(*at, before);
}

/* No page table of any level is written but entry by entry, each judged. */
ATTACK(write_tables)
{
    uint64_t *tables[4];

    REQUIRE(tree_make(&tree, TREE_VA));
    tables[0] = tree.l1;
    tables[1] = tree.l2;
    tables[2] = tree.l3;
    tables[3] = (uint64_t *)start_info->pt_base;
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_RC(entry_set(&tree.l1[3], to(tables[i], RO_FLAGS)), 0);
        EXPECT_RC(entry_set(&tree.l1[3], to(tables[i], RW_FLAGS)), -EINVAL);
        write_by_calls(tables[i]);
        write_as_result(tables[i]);
        EXPECT_EQ(TRY("movq $0x1067, (%0)", : : "r"(TREE_VA + 3 * PAGE_SIZE + 8) : "memory"), 1);
    }
    EXPECT_RC(entry_set(&tree.l1[3], 0), 0);
    tree_drop(&tree);
}

/* Frames that are no page tables, or not of this domain, are not updated as tables (XSA-109). */
ATTACK(not_a_table)
{
    uint64_t *gdt = page_alloc(), frame = mfn_of(gdt);
    uint64_t first = 0x200; /* the hypervisor's image begins at 2 MiB */

    EXPECT_RC(page_readonly(gdt), 0);
    REQUIRE_RC(hc_set_gdt(&frame, 512), 0);
    EXPECT_RC(mmu_update1(frame * PAGE_SIZE, to(gdt, RW_FLAGS)), -EINVAL);
    EXPECT_RC(mmu_update1(frame * PAGE_SIZE, 0), -EINVAL);
    EXPECT_RC(mmu_update1(VICTIM_TABLE * PAGE_SIZE, 0), -EINVAL);
    EXPECT_RC(mmu_update1(VICTIM_MFN * PAGE_SIZE, 0), -EINVAL);
    EXPECT_RC(mmu_update1(first * PAGE_SIZE, 0), -EINVAL);
    EXPECT_RC(mmu_update1(PTE_MFN, 0), -EINVAL);
    EXPECT_RC(mmu_update_for(VICTIM_TABLE * PAGE_SIZE, 0, 1U << 16 | DOMID_SELF), -EPERM);
    EXPECT_RC(mmuext1(MMUEXT_NEW_BASEPTR, VICTIM_TABLE, 0), -EINVAL);
    EXPECT_RC(mmuext1(MMUEXT_NEW_USER_BASEPTR, frame, 0), -EINVAL);
    EXPECT_RC(hc_set_gdt(0, 0), 0);
    EXPECT_RC(page_writable(gdt), 0);
    page_free(gdt);
}

/* --- others' frames -----------------------------------------------------------------------------
 */

static bool is_own(uint64_t mfn)
{
    uint64_t pfn = pfn_of_mfn(mfn);

    return (pfn < start_info->nr_pages && mfn_of_pfn(pfn) == mfn) || mfn == arg.in[0];
}

/* Of all frames of the machine, memory or not, only the domain's own can be mapped, in any way
 * (XSA-248).  Frames of its that the attacker has no name for are left out by their numbers. */
ATTACK(any_frame)
{
    unsigned refused = 0;

    REQUIRE(tree_make(&tree, TREE_VA));
    for (uint64_t mfn = 0; mfn < 0x21000; mfn += mfn < 0x800 ? 1 : 23) {
        uint64_t pfn = pfn_of_mfn(mfn);

        if (is_own(mfn) || pfn < SECOND_FRAMES)
            continue; /* the first domain has the same numbers, and its page is tried below */
        refused++;
        if (!entry_set(&tree.l1[0], mfn * PAGE_SIZE | RO_FLAGS) ||
            !entry_set(&tree.l1[0], mfn * PAGE_SIZE | RW_FLAGS)) {
            test_fail(TEST_WHERE, "frame %#lx can be mapped", mfn);
            break;
        }
    }
    EXPECT(refused > 1000);
    for (unsigned shift = 20; shift < 40; shift++)
        EXPECT(entry_set(&tree.l1[0], PAGE_SIZE << shift | RO_FLAGS) < 0);
    EXPECT(entry_set(&tree.l1[0], VICTIM_MFN * PAGE_SIZE | RO_FLAGS) < 0);
    EXPECT(entry_set(&tree.l1[0], 0xfee00000 | RO_FLAGS) < 0);
    EXPECT(entry_set(&tree.l1[0], 0xfec00000 | RO_FLAGS) < 0);
    EXPECT(mmu_update_for(pte_machine(&tree.l1[0]), VICTIM_MFN * PAGE_SIZE | RO_FLAGS, 0) < 0);
    EXPECT(entry_set(&tree.l2[1], VICTIM_TABLE * PAGE_SIZE | TABLE_FLAGS) < 0);
    EXPECT_EQ(tree.l1[0], 0);
    tree_drop(&tree);
}

/* The M2P is changed for own frames only, and a refused change changes nothing (XSA-22). */
ATTACK(machphys)
{
    uint64_t before = pfn_of_mfn(VICTIM_MFN);

    EXPECT_RC(mmu_update1(VICTIM_MFN * PAGE_SIZE | MMU_MACHPHYS_UPDATE, 0x666), -EINVAL);
    EXPECT(mmu_update_for(VICTIM_MFN * PAGE_SIZE | MMU_MACHPHYS_UPDATE, 0x666, 0) < 0);
    EXPECT(mmu_update_for(VICTIM_MFN * PAGE_SIZE | MMU_MACHPHYS_UPDATE, 0x666, DOMID_IO) < 0);
    EXPECT(mmu_update_for(VICTIM_MFN * PAGE_SIZE | MMU_MACHPHYS_UPDATE, 0x666, DOMID_XEN) < 0);
    EXPECT_RC(mmu_update1(0x200UL * PAGE_SIZE | MMU_MACHPHYS_UPDATE, 0x666), -EINVAL);
    EXPECT_RC(mmu_update1(PTE_MFN | MMU_MACHPHYS_UPDATE, 0x666), -EINVAL);
    EXPECT_EQ(pfn_of_mfn(VICTIM_MFN), before);
    EXPECT_EQ(TRY("movq $0x666, (%0)", : : "r"(MACH2PHYS_VIRT_START) : "memory"), 1);
}

/* --- giving frames away -------------------------------------------------------------------------
 */

static long give_back(uint64_t mfn)
{
    xen_pfn_t list[1] = {mfn};
    struct xen_memory_reservation r = {(guest_ptr_t)list, 1, 0, 0, DOMID_SELF};

    return hc_memory_op(XENMEM_decrease_reservation, &r);
}

/* A table that is given back stays a table as long as it is used as one: no implicit unpin
 * (XSA-252). */
ATTACK(give_table)
{
    uint64_t *page = page_alloc();

    REQUIRE(tree_make(&tree, TREE_VA));
    page[0] = 0x5a5a;
    EXPECT_RC(entry_set(&tree.l1[0], to(page, RW_FLAGS)), 0);
    EXPECT_RC(pin(tree.l1, 1), 0);
    EXPECT_RC(give_back(mfn_of(tree.l1)), 1);
    EXPECT_RC(give_back(mfn_of((void *)start_info->pt_base)), 1);
    EXPECT(page_writable(tree.l1) < 0);
    EXPECT_EQ(*(volatile uint64_t *)TREE_VA, 0x5a5a);
    EXPECT_RC(give_back(mfn_of(tree.l1)), 1); /* once more: nothing is left to give */
    EXPECT(page_writable(tree.l1) < 0);
    EXPECT_EQ(*(volatile uint64_t *)TREE_VA, 0x5a5a);
    EXPECT_RC(give_back(VICTIM_MFN), 0);
    EXPECT_RC(give_back(arg.in[0]), 0); /* shared_info is the hypervisor's */
    EXPECT_RC(give_back(~0UL), 0);
}

/* One exchange of `page`'s frame, which is refused and leaves it to us. */
static void exchange_refused(void *page, uint64_t in, uint64_t out, uint64_t nr, uint64_t done)
{
    struct xen_memory_exchange x = {
        .in = {in, nr, 0, 0, DOMID_SELF}, .out = {out, nr, 0, 0, DOMID_SELF}, .nr_exchanged = done};

    if (hc_memory_op(XENMEM_exchange, &x) >= 0)
        test_fail(TEST_WHERE, "exchange of %#lx from %#lx to %#lx done %lu", nr, in, out, done);
    EXPECT_EQ(x.nr_exchanged, done);
    EXPECT_RC(page_writable(page), 0);
    EXPECT_RC(set_va(page, 0, UVMF_INVLPG), 0);
}

/* The lists of an exchange, begun anywhere and however long, never lead into the hypervisor
 * (XSA-29, 159, 212: the last by the progress that the guest itself gives). */
ATTACK(exchange_lists)
{
    static const uint64_t bad[] = {HYPERVISOR_VIRT_START,   HYPERVISOR_VIRT_START - 8,
                                   0xffff82d040200000UL,    0xffff830000000000UL,
                                   HYPERVISOR_VIRT_END - 8, 0x7ffffffffffcUL,
                                   0x800000000000UL,        ~0UL - 3};
    static xen_pfn_t in[4], out[4];
    struct xen_memory_exchange x = {.nr_exchanged = 0};
    void *page = page_alloc();

    in[0] = in[1] = mfn_of(page);
    out[0] = out[1] = pfn_of(page);
    EXPECT_RC(set_va(page, 0, UVMF_INVLPG), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        exchange_refused(page, (uint64_t)in, bad[i], 1, 0);
        exchange_refused(page, bad[i], (uint64_t)out, 1, 0);
        /* A list that reaches there, or that the progress leads there. */
        exchange_refused(page, (uint64_t)in, (uint64_t)out, (bad[i] - (uint64_t)out) / 8 + 2,
                         (bad[i] - (uint64_t)out) / 8 + 1);
        exchange_refused(page, 0x1000, 0x1000, (bad[i] - 0x1000) / 8 + 2,
                         (bad[i] - 0x1000) / 8 + 1);
    }
    exchange_refused(page, (uint64_t)in, (uint64_t)out, 1UL << 61, 0);
    exchange_refused(page, (uint64_t)in, (uint64_t)out, 1, 2);
    /* The same frame twice: gone when it comes to the second. */
    x.in = (struct xen_memory_reservation){(guest_ptr_t)in, 2, 0, 0, DOMID_SELF};
    x.out = (struct xen_memory_reservation){(guest_ptr_t)out, 2, 0, 0, DOMID_SELF};
    EXPECT(hc_memory_op(XENMEM_exchange, &x) < 0);
    EXPECT_EQ(x.nr_exchanged, 1);
    EXPECT(page_writable(page) < 0);
}

/* The orders of extents are bounded, so no call works for ever (XSA-31, 158). */
ATTACK(extent_orders)
{
    static xen_pfn_t list[1] = {0};

    for (unsigned order = 10; order < 70; order += 7) {
        struct xen_memory_reservation r = {(guest_ptr_t)list, 1, order, 0, DOMID_SELF};
        struct xen_memory_exchange x = {.in = r, .out = r};

        EXPECT_RC(hc_memory_op(XENMEM_populate_physmap, &r), 0);
        EXPECT_RC(hc_memory_op(XENMEM_increase_reservation, &r), 0);
        EXPECT_RC(hc_memory_op(XENMEM_decrease_reservation, &r), 0);
        EXPECT_RC(hc_memory_op(XENMEM_exchange, &x), -EPERM);
    }
}

/* --- small ones ---------------------------------------------------------------------------------
 */

/* The hypervisor's slots of a root are not the guest's, in a live root or a new one; superpages are
 * not offered (XSA-167). */
ATTACK(hypervisor_slots)
{
    uint64_t *l4 = (uint64_t *)start_info->pt_base, *copy = page_alloc();

    REQUIRE(tree_make(&tree, TREE_VA));
    for (unsigned slot = 256; slot < 272; slot++) {
        uint64_t before = l4[slot];

        EXPECT_RC(entry_set(&l4[slot], 0), -EINVAL);
        EXPECT_RC(entry_set(&l4[slot], to(tree.l3, TABLE_FLAGS)), -EINVAL);
        EXPECT_RC(entry_set(&l4[slot], before | PTE_US), -EINVAL);
        EXPECT_EQ(l4[slot], before);
        copy[slot] = to(tree.l3, TABLE_FLAGS);
    }
    EXPECT_RC(page_readonly(copy), 0);
    EXPECT_RC(pin(copy, 4), 0);
    for (unsigned slot = 256; slot < 272; slot++)
        EXPECT_EQ(copy[slot], l4[slot]);
    EXPECT_RC(unpin(copy), 0);
    EXPECT_RC(mmuext1(MMUEXT_MARK_SUPER, ~0UL, 0), -EOPNOTSUPP);
    tree_drop(&tree);
}

TESTS("attack_tables", T(entry_bits), T(linear), T(write_tables), T(not_a_table), T(any_frame),
      T(machphys), T(give_table), T(exchange_lists), T(extent_orders), T(hypervisor_slots));
