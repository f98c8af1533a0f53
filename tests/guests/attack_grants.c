/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attacks with grants (docs/ATTACKS.md, section 1c).  The attacker lends pages to itself, so that
 * it is the granter who changes the entries and the one who maps, and both at once.
 */
#include "attack.h"

#define TREE_VA 0x20000000000UL
#define REF     8
#define ROUNDS  300000000UL /* ns */

static struct grant_entry_v1 table[512] __attribute__((aligned(4096)));
static struct tree tree;

static int setup_table(domid_t dom, unsigned nr, xen_pfn_t *frames)
{
    struct gnttab_setup_table op = {.dom = dom, .nr_frames = nr, .frame_list = (guest_ptr_t)frames};

    EXPECT_RC(hc_grant_op(GNTTABOP_setup_table, &op, 1), 0);
    return op.status;
}

static bool setup(void)
{
    xen_pfn_t frame = 0;

    return setup_table(DOMID_SELF, 1, &frame) == GNTST_okay &&
           !set_va(table, frame * PAGE_SIZE | RW_FLAGS, UVMF_INVLPG) && tree_make(&tree, TREE_VA);
}

static uint64_t va(unsigned i)
{
    return TREE_VA + i * PAGE_SIZE;
}

/* The entry is written as one word, the flags with the rest. */
static void lend_frame(unsigned ref, uint64_t mfn, unsigned flags)
{
    struct grant_entry_v1 e = {(uint16_t)flags, OWN_DOMID, (uint32_t)mfn};
    uint64_t word;

    memcpy(&word, &e, 8);
    __atomic_store_n((uint64_t *)&table[ref], word, __ATOMIC_SEQ_CST);
}

static void *lend(unsigned ref, uint64_t word, unsigned flags)
{
    uint64_t *page = page_alloc();

    for (unsigned i = 0; i < 512; i++)
        page[i] = word;
    lend_frame(ref, mfn_of(page), flags);
    return page;
}

static int map(unsigned ref, uint64_t addr, unsigned flags, struct gnttab_map_grant_ref *op)
{
    *op = (struct gnttab_map_grant_ref){
        .host_addr = addr, .flags = flags, .ref = ref, .dom = OWN_DOMID};
    EXPECT_RC(hc_grant_op(GNTTABOP_map_grant_ref, op, 1), 0);
    return op->status;
}

static int unmap(uint64_t addr, uint64_t bus, uint32_t handle)
{
    struct gnttab_unmap_grant_ref op = {.host_addr = addr, .dev_bus_addr = bus, .handle = handle};

    hc_grant_op(GNTTABOP_unmap_grant_ref, &op, 1);
    return op.status;
}

static int copy(struct gnttab_copy op)
{
    EXPECT_RC(hc_grant_op(GNTTABOP_copy, &op, 1), 0);
    return op.status;
}

/* --- entries that change meanwhile --------------------------------------------------------------
 */

#define WORD_A 0xa11a11a11a11UL
#define WORD_B 0xb22b22b22b22UL

static uint64_t race_own[2];

/* vCPU 1: the grant is of one page, of another, of the first domain's, read-only, of nothing. */
static void race_flip(void)
{
    while (!race_stop) {
        lend_frame(REF, race_own[0], GTF_permit_access);
        lend_frame(REF, VICTIM_MFN, GTF_permit_access);
        lend_frame(REF, race_own[1], GTF_permit_access);
        lend_frame(REF, VICTIM_MFN, GTF_permit_access | GTF_readonly);
        lend_frame(REF, race_own[0], GTF_permit_access | GTF_readonly);
        table[REF].frame = (uint32_t)VICTIM_MFN;
        lend_frame(REF, 0, 0);
    }
    race_rest();
}

static bool begin_flipping(void)
{
    if (!setup())
        return false;
    race_own[0] = mfn_of(lend(REF, WORD_A, GTF_permit_access));
    race_own[1] = mfn_of(lend(REF, WORD_B, GTF_permit_access));
    return attack_start(race_flip);
}

/* A copy from or to a grant whose entry changes meanwhile is of one of the attacker's pages, never
 * of a page that it may not lend (XSA-500). */
ATTACK(flip_copy)
{
    uint64_t *buffer = page_alloc(), end = system_time() + ROUNDS;
    struct gnttab_copy from = {.source = {.u.ref = REF, .domid = OWN_DOMID},
                               .dest = {.u.gmfn = mfn_of(buffer), .domid = DOMID_SELF},
                               .len = 4096,
                               .flags = GNTCOPY_source_gref};
    struct gnttab_copy into = {.source = {.u.gmfn = mfn_of(buffer), .domid = DOMID_SELF},
                               .dest = {.u.ref = REF, .domid = OWN_DOMID},
                               .len = 4096,
                               .flags = GNTCOPY_dest_gref};
    unsigned fine = 0, refused = 0;

    REQUIRE(begin_flipping());
    while ((system_time() < end || ((!fine || !refused) && system_time() < end + 8 * ROUNDS)) &&
           !test_failed()) {
        if (copy(from) == GNTST_okay) {
            fine++;
            for (unsigned i = 0; i < 512; i++)
                if (buffer[i] == VICTIM_WORD || buffer[i] != buffer[0])
                    test_fail(TEST_WHERE, "word %u is %#lx", i, buffer[i]);
        } else {
            refused++;
        }
        if (fine)
            copy(into); /* would be seen in the first domain's page */
    }
    EXPECT(race_end());
    EXPECT(fine > 0 && refused > 0);
}

/* The same for mappings; each that was made can be taken away. */
ATTACK(flip_map)
{
    uint64_t end = system_time() + ROUNDS;
    struct gnttab_map_grant_ref op;
    unsigned fine = 0, refused = 0;

    REQUIRE(begin_flipping());
    while ((system_time() < end || ((!fine || !refused) && system_time() < end + 8 * ROUNDS)) &&
           !test_failed()) {
        bool readonly = fine & 1;

        if (map(REF, va(0), GNTMAP_host_map | (readonly ? GNTMAP_readonly : 0), &op)) {
            refused++;
            continue;
        }
        fine++;
        if (*(volatile uint64_t *)va(0) != WORD_A && *(volatile uint64_t *)va(0) != WORD_B)
            test_fail(TEST_WHERE, "maps %#lx", *(volatile uint64_t *)va(0));
        EXPECT_RC(unmap(va(0), 0, op.handle), GNTST_okay);
    }
    EXPECT(race_end());
    EXPECT(fine > 0 && refused > 0);
    lend_frame(REF, 0, table[REF].flags & (GTF_reading | GTF_writing));
    EXPECT_EQ(table[REF].flags, 0); /* no use is left */
}

/* --- handles ------------------------------------------------------------------------------------
 */

static volatile uint32_t race_handle;
static volatile unsigned race_won;

static void race_unmap(void)
{
    while (!race_stop) {
        uint32_t handle = race_handle;

        if (handle != ~0U && unmap(va(0), 0, handle) == GNTST_okay)
            race_won++;
    }
    race_rest();
}

/* Of two who unmap one mapping one succeeds (XSA-218, 228). */
ATTACK(race_unmaps)
{
    uint64_t end = system_time() + ROUNDS;
    struct gnttab_map_grant_ref op;
    unsigned maps = 0, mine = 0;

    REQUIRE(setup());
    lend(REF, WORD_A, GTF_permit_access);
    race_handle = ~0U;
    REQUIRE(attack_start(race_unmap));
    while (system_time() < end) {
        unsigned before = race_won;

        REQUIRE_RC(map(REF, va(0), GNTMAP_host_map, &op), GNTST_okay);
        maps++;
        race_handle = op.handle;
        if (unmap(va(0), 0, op.handle) == GNTST_okay)
            mine++;
        else /* the other has it: wait until it is done */
            while (race_won == before && system_time() < end + ROUNDS)
                hc_sched_op(SCHEDOP_yield, 0);
        race_handle = ~0U;
    }
    EXPECT(race_end());
    EXPECT_EQ(mine + race_won, maps);
    EXPECT_EQ(table[REF].flags, GTF_permit_access);
    EXPECT(maps > 0);
}

/* Handles that were never given out, or are not valid any more, unmap nothing. */
ATTACK(forged_handles)
{
    struct gnttab_map_grant_ref op;

    REQUIRE(setup());
    lend(REF, WORD_A, GTF_permit_access);
    for (uint64_t h = 0; h < 0x100000000UL; h = h < 3000 ? h + 1 : h * 3 + 7)
        EXPECT_RC(unmap(va(0), 0, (uint32_t)h), GNTST_bad_handle);
    EXPECT_RC(unmap(va(0), 0, ~0U), GNTST_bad_handle);
    EXPECT_RC(map(REF, va(0), GNTMAP_host_map, &op), GNTST_okay);
    for (unsigned bit = 0; bit < 32; bit++)
        EXPECT_RC(unmap(va(0), 0, op.handle ^ 1U << bit), GNTST_bad_handle);
    EXPECT_RC(unmap(va(0), 0, op.handle), GNTST_okay);
    EXPECT_RC(unmap(va(0), 0, op.handle), GNTST_bad_handle);
    EXPECT_RC(map(REF, va(0), GNTMAP_host_map, &op), GNTST_okay); /* likely the same record */
    EXPECT_RC(unmap(va(0), 0, op.handle - (1U << 20)), GNTST_bad_handle); /* its last generation */
    EXPECT_RC(unmap(va(0), 0, op.handle), GNTST_okay);
    EXPECT_EQ(table[REF].flags, GTF_permit_access);
}

/* Host and device mapping of one handle are counted apart, and go once each (XSA-224). */
ATTACK(partial_unmap)
{
    struct gnttab_map_grant_ref op;

    REQUIRE(setup());
    lend(REF, WORD_A, GTF_permit_access);
    EXPECT_RC(map(REF, va(0), GNTMAP_host_map | GNTMAP_device_map, &op), GNTST_okay);
    EXPECT_RC(unmap(0, op.dev_bus_addr + PAGE_SIZE, op.handle), GNTST_bad_dev_addr);
    EXPECT_RC(unmap(va(0), op.dev_bus_addr ^ 8, op.handle), GNTST_bad_dev_addr);
    EXPECT_RC(unmap(va(1), op.dev_bus_addr, op.handle), GNTST_general_error);
    EXPECT_EQ(*(volatile uint64_t *)va(0), WORD_A);
    EXPECT_RC(unmap(0, op.dev_bus_addr, op.handle), GNTST_okay);
    EXPECT_RC(unmap(0, op.dev_bus_addr, op.handle), GNTST_okay); /* nothing: it is gone */
    EXPECT_RC(unmap(0, 0, op.handle), GNTST_okay);
    EXPECT_EQ(*(volatile uint64_t *)va(0), WORD_A);
    EXPECT(table[REF].flags & GTF_reading);
    EXPECT_RC(unmap(va(0), 0, op.handle), GNTST_okay);
    EXPECT_RC(unmap(va(0), 0, op.handle), GNTST_bad_handle);
    EXPECT_EQ(table[REF].flags, GTF_permit_access);
}

/* An unmapping takes away the mapping of the grant and no other entry, whatever the mapper has put
 * in its place (XSA-234). */
ATTACK(unmap_other)
{
    struct gnttab_map_grant_ref op;
    uint64_t *other = page_alloc();

    REQUIRE(setup());
    lend(REF, WORD_A, GTF_permit_access);
    other[0] = 0x0ddba11;
    EXPECT_RC(map(REF, va(0), GNTMAP_host_map, &op), GNTST_okay);
    EXPECT_RC(set_va((void *)va(0), mfn_of(other) * PAGE_SIZE | RW_FLAGS, UVMF_INVLPG), 0);
    EXPECT_RC(unmap(va(0), 0, op.handle), GNTST_general_error);
    EXPECT_EQ(*(volatile uint64_t *)va(0), 0x0ddba11);
    EXPECT_RC(set_va((void *)va(0), 0, UVMF_INVLPG), 0);
    EXPECT_RC(unmap(va(0), 0, op.handle), GNTST_general_error);
    /* less access than the handle says */
    EXPECT_RC(map(REF, va(1), GNTMAP_host_map, &op), GNTST_okay);
    EXPECT_RC(set_va((void *)va(1), pte_read(va(1)) & ~PTE_RW, UVMF_INVLPG), 0);
    EXPECT_RC(unmap(va(1), 0, op.handle), GNTST_general_error);
    EXPECT_RC(unmap(HYPERVISOR_VIRT_START, 0, op.handle), GNTST_general_error);
    EXPECT_RC(unmap(0x800000000000UL, 0, op.handle), GNTST_general_error);
}

/* An entry that a mapping is to be written to is aligned, in a table of level 1, of the mapper
 * (XSA-227); and any address is the guest's. */
ATTACK(entry_addresses)
{
    static const unsigned by_entry = GNTMAP_host_map | GNTMAP_contains_pte;
    struct gnttab_map_grant_ref op;
    uint64_t l1;

    REQUIRE(setup());
    lend(REF, WORD_A, GTF_permit_access);
    l1 = pte_machine(&tree.l1[0]);
    for (unsigned i = 1; i < 8; i++)
        EXPECT(map(REF, l1 + i, by_entry, &op) < 0);
    EXPECT(map(REF, pte_machine(&tree.l2[3]), by_entry, &op) < 0);
    EXPECT(map(REF, pte_machine(pte_of(0, 4)), by_entry, &op) < 0);
    EXPECT(map(REF, VICTIM_TABLE * PAGE_SIZE, by_entry, &op) < 0);
    EXPECT(map(REF, VICTIM_MFN * PAGE_SIZE, by_entry, &op) < 0);
    EXPECT(map(REF, mfn_of(table) * PAGE_SIZE, by_entry, &op) < 0);
    EXPECT(map(REF, PTE_MFN, by_entry, &op) < 0);
    EXPECT(map(REF, HYPERVISOR_VIRT_START, GNTMAP_host_map, &op) < 0);
    EXPECT(map(REF, HYPERVISOR_VIRT_END - PAGE_SIZE, GNTMAP_host_map, &op) < 0);
    EXPECT(map(REF, 0x800000000000UL, GNTMAP_host_map, &op) < 0);
    EXPECT(map(REF, 0x30000000000UL, GNTMAP_host_map, &op) < 0); /* no table */
    EXPECT(map(REF, va(0), 0, &op) < 0);
    EXPECT(map(512, va(0), GNTMAP_host_map, &op) < 0);
    EXPECT(map(~0U, va(0), GNTMAP_host_map, &op) < 0);
    EXPECT_EQ(table[REF].flags, GTF_permit_access);
    EXPECT_RC(map(REF, l1, by_entry, &op), GNTST_okay);
    EXPECT_RC(unmap(l1 + 8, 0, op.handle), GNTST_general_error);
    EXPECT_RC(unmap(l1 + 1, 0, op.handle), GNTST_general_error);
    EXPECT_RC(unmap(l1, 0, op.handle), GNTST_okay);
}

/* --- copies -------------------------------------------------------------------------------------
 */

/* Bytes are copied within one page on each side, and only between pages that both may be: not past
 * an end, however offset and length add up (XSA-448, 523). */
ATTACK(copy_bounds)
{
    static const struct {
        uint16_t offset, len;
        bool fine;
    } cases[] = {{0, 4096, true},       {4095, 1, true},      {4096, 0, true},
                 {65535, 0, true},      {4095, 2, false},     {4096, 1, false},
                 {0, 4097, false},      {1, 4096, false},     {65535, 1, false},
                 {65535, 65535, false}, {2048, 65535, false}, {61440, 4096, false}};
    uint64_t *from = page_alloc(), *to = page_alloc();
    struct gnttab_copy good = {.source = {.u.gmfn = mfn_of(from), .domid = DOMID_SELF},
                               .dest = {.u.gmfn = mfn_of(to), .domid = DOMID_SELF},
                               .len = 16},
                       op;

    REQUIRE(setup());
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        for (unsigned side = 0; side < 2; side++) {
            op = good;
            (side ? &op.dest : &op.source)->offset = cases[i].offset;
            op.len = cases[i].len;
            if ((copy(op) == GNTST_okay) != (cases[i].fine && (cases[i].len <= 4096)))
                test_fail(TEST_WHERE, "offset %u length %u", cases[i].offset, cases[i].len);
        }
    }
    op = good;
    op.source.u.gmfn = VICTIM_MFN;
    EXPECT(copy(op) < 0);
    op.source.domid = 0;
    EXPECT_RC(copy(op), GNTST_permission_denied);
    op = good;
    op.dest.u.gmfn = VICTIM_MFN;
    EXPECT(copy(op) < 0);
    op.dest.domid = 0;
    EXPECT_RC(copy(op), GNTST_permission_denied);
    op.dest.u.gmfn = mfn_of(tree.l1);
    op.dest.domid = DOMID_SELF;
    EXPECT(copy(op) < 0);   /* a page table */
    op.dest.u.gmfn = 0x200; /* the hypervisor's image */
    EXPECT(copy(op) < 0);
    op.len = 0;
    EXPECT_RC(copy(op), GNTST_okay); /* looks at nothing */
    op = good;
    op.flags = GNTCOPY_dest_gref;
    op.dest.u.ref = 600;
    EXPECT_RC(copy(op), GNTST_bad_gntref);
}

/* --- tables, types, translations ----------------------------------------------------------------
 */

static long begin_l1(void *page)
{
    return page_readonly(page) ? -1 : pin(page, 1);
}

/* A page table is lent for reading only; a page that is mapped through a grant is no table. */
ATTACK(lent_table)
{
    struct gnttab_map_grant_ref op;
    void *page;

    REQUIRE(setup());
    lend_frame(REF, mfn_of(tree.l1), GTF_permit_access);
    EXPECT(map(REF, va(0), GNTMAP_host_map, &op) < 0);
    EXPECT(map(REF, va(0), GNTMAP_host_map | GNTMAP_device_map, &op) < 0);
    EXPECT(copy((struct gnttab_copy){.source = {.u.gmfn = mfn_of(table), .domid = DOMID_SELF},
                                     .dest = {.u.ref = REF, .domid = OWN_DOMID},
                                     .len = 8,
                                     .flags = GNTCOPY_dest_gref}) < 0);
    EXPECT_RC(map(REF, va(0), GNTMAP_host_map | GNTMAP_readonly, &op), GNTST_okay);
    EXPECT_EQ(TRY("movq $0x67, 8(%0)", : : "r"(va(0)) : "memory"), 1);
    EXPECT_RC(unmap(va(0), 0, op.handle), GNTST_okay);
    page = lend(REF + 1, 0, GTF_permit_access);
    EXPECT_RC(map(REF + 1, va(1), GNTMAP_host_map, &op), GNTST_okay);
    EXPECT_RC(begin_l1(page), -EINVAL);
    EXPECT_RC(unmap(va(1), 0, op.handle), GNTST_okay);
    EXPECT_RC(begin_l1(page), 0);
    EXPECT_RC(unpin(page), 0);
}

/* When an unmapping has returned no processor writes through it any more: the granter sees its page
 * as its own. */
ATTACK(stale_unmap)
{
    struct gnttab_map_grant_ref op;
    void *page;

    REQUIRE(setup());
    page = lend(REF, 0, GTF_permit_access);
    EXPECT_RC(map(REF, va(0), GNTMAP_host_map, &op), GNTST_okay);
    race_page = (volatile uint64_t *)va(0);
    REQUIRE(attack_start(race_writer));
    for (unsigned i = 0; i < 8; i++) {
        EXPECT(race_is_running());
        EXPECT_RC(unmap(va(0), 0, op.handle), GNTST_okay);
        EXPECT_EQ(table[REF].flags, GTF_permit_access);
        EXPECT(stays(page));
        EXPECT_RC(map(REF, va(0), GNTMAP_host_map, &op), GNTST_okay);
    }
}

/* --- limits and what is absent ------------------------------------------------------------------
 */

/* Frames and handles end at the domain's limits, and others' tables are not shown. */
ATTACK(limits)
{
    static xen_pfn_t frames[8];
    struct gnttab_query_size size = {.dom = 0};
    struct gnttab_setup_table huge = {.dom = DOMID_SELF, .nr_frames = ~0U};
    struct gnttab_map_grant_ref op;
    unsigned handles = 0, last = 0;

    REQUIRE(setup());
    lend(REF, WORD_A, GTF_permit_access);
    EXPECT_RC(setup_table(DOMID_SELF, 5, frames), GNTST_general_error);
    huge.frame_list = (guest_ptr_t)frames;
    EXPECT_RC(hc_grant_op(GNTTABOP_setup_table, &huge, 1), -EFAULT);
    EXPECT_RC(setup_table(0, 1, frames), GNTST_permission_denied);
    EXPECT_RC(setup_table(DOMID_SELF, 4, frames), GNTST_okay);
    EXPECT_RC(hc_grant_op(GNTTABOP_query_size, &size, 1), 0);
    EXPECT_RC(size.status, GNTST_permission_denied);
    for (; map(REF, va(handles % 512), GNTMAP_host_map | GNTMAP_readonly, &op) == GNTST_okay;
         handles++)
        last = op.handle;
    EXPECT_RC(op.status, GNTST_general_error); /* readers of one grant are counted in 8 bits */
    EXPECT_EQ(handles, 128);
    for (unsigned i = 0; i < 9; i++)
        lend(REF + 1 + i, WORD_B, GTF_permit_access);
    for (unsigned i = 0; i < 9; i++)
        for (unsigned j = 0; j < 120; j++)
            if (map(REF + 1 + i, va(j), GNTMAP_host_map | GNTMAP_readonly, &op) == GNTST_okay)
                handles++;
    EXPECT_RC(op.status, GNTST_no_device_space);
    EXPECT_EQ(handles, 4 * 256); /* four pages of records */
    EXPECT_RC(unmap(0, 0, last), GNTST_okay);
}

/* What is left out answers so: version 2, transfer, transitive and sub-page grants, swap, cache
 * flush, status frames (XSA-18, 26, 134, 214, 226, 232, 255, 268, 379 and more). */
ATTACK(absent)
{
    struct gnttab_set_version version = {2};
    struct gnttab_get_status_frames status = {.nr_frames = 1, .dom = DOMID_SELF};
    struct gnttab_transfer transfer = {.mfn = mfn_of(table), .domid = 0, .ref = REF};
    struct gnttab_map_grant_ref op;
    uint64_t zeroes[8] = {0};

    REQUIRE(setup());
    EXPECT_RC(hc_grant_op(GNTTABOP_set_version, &version, 1), -ENOSYS);
    EXPECT_RC(hc_grant_op(GNTTABOP_get_status_frames, &status, 1), 0);
    EXPECT_RC(status.status, GNTST_general_error);
    EXPECT_RC(hc_grant_op(GNTTABOP_transfer, &transfer, 1), 0);
    EXPECT_RC(transfer.status, GNTST_general_error);
    EXPECT_RC(hc_grant_op(GNTTABOP_swap_grant_ref, zeroes, 1), -ENOSYS);
    EXPECT_RC(hc_grant_op(GNTTABOP_cache_flush, zeroes, 1), -ENOSYS);
    EXPECT_RC(hc_grant_op(GNTTABOP_unmap_and_replace, zeroes, 1), -ENOSYS);
    EXPECT_RC(hc_grant_op(GNTTABOP_copy, zeroes, 0x80000000U), -EINVAL);
    EXPECT_RC(hc_grant_op(1U << 20 | GNTTABOP_copy, zeroes, 1), -EINVAL);
    for (unsigned flags = 0; flags < 0x200; flags++) {
        bool fine = (flags & (GTF_type_mask | GTF_sub_page)) == GTF_permit_access;

        lend(REF, WORD_A, flags);
        if ((map(REF, va(0), GNTMAP_host_map | GNTMAP_readonly, &op) == GNTST_okay) != fine)
            test_fail(TEST_WHERE, "an entry with flags %#x", flags);
        if (fine)
            EXPECT_RC(unmap(va(0), 0, op.handle), GNTST_okay);
        page_free(va_of_pfn(pfn_of_mfn(table[REF].frame)));
    }
}

TESTS("attack_grants", T(flip_copy), T(flip_map), T(race_unmaps), T(forged_handles),
      T(partial_unmap), T(unmap_other), T(entry_addresses), T(copy_bounds), T(lent_table),
      T(stale_unmap), T(limits), T(absent));
