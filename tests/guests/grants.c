/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Grant table (version 1), from a domain to itself: map, unmap, copy in every form, and everything
 * that must be refused.  With two domains see the pair tests.
 */
#include "test.h"

#define TREE_VA 0x10000000000UL

static struct grant_entry_v1 *table; /* 8 frames of 512 entries, mapped */
static uint8_t table_pages[4][PAGE_SIZE] __attribute__((aligned(4096)));
static struct tree tree;
static domid_t self; /* our real number: DOMID_SELF will not do in an entry */
static uint64_t *page;

static bool first_domain(void)
{
    if (start_info->flags & SIF_INITDOMAIN)
        return true;
    test_skip("needs to know its own domain id: dom0 only");
    return false;
}

static bool setup(void)
{
    if (!table) {
        xen_pfn_t frames[4];
        struct gnttab_setup_table op = {
            .dom = DOMID_SELF, .nr_frames = 4, .frame_list = (guest_ptr_t)frames};

        EXPECT_RC(hc_grant_op(GNTTABOP_setup_table, &op, 1), 0);
        EXPECT_RC(op.status, GNTST_okay);
        for (unsigned i = 0; i < 4; i++)
            EXPECT_RC(set_va(table_pages[i], frames[i] * PAGE_SIZE | RW_FLAGS, UVMF_INVLPG), 0);
        table = (struct grant_entry_v1 *)table_pages;
    }
    page = page_alloc();
    for (unsigned i = 0; i < 512; i++)
        page[i] = i * 3;
    return !test_failed() && tree_make(&tree, TREE_VA);
}

static void cleanup(void)
{
    tree_drop(&tree);
    page_free(page);
}

static void grant(unsigned ref, const void *what, uint16_t flags)
{
    table[ref].domid = self;
    table[ref].frame = (uint32_t)mfn_of(what);
    __atomic_store_n(&table[ref].flags, (uint16_t)(GTF_permit_access | flags), __ATOMIC_RELEASE);
}

static struct gnttab_map_grant_ref map(unsigned ref, uint64_t where, uint32_t flags)
{
    struct gnttab_map_grant_ref op = {.host_addr = where, .flags = flags, .ref = ref, .dom = self};

    op.status = 99;
    EXPECT_RC(hc_grant_op(GNTTABOP_map_grant_ref, &op, 1), 0);
    return op;
}

static int unmap(uint64_t where, uint32_t handle)
{
    struct gnttab_unmap_grant_ref op = {.host_addr = where, .handle = handle};

    op.status = 99;
    EXPECT_RC(hc_grant_op(GNTTABOP_unmap_grant_ref, &op, 1), 0);
    return op.status;
}

/* query_size, setup_table and the version calls. */
static void test_setup(void)
{
    struct gnttab_query_size size = {.dom = DOMID_SELF};
    struct gnttab_setup_table set = {.dom = DOMID_SELF, .nr_frames = 100000};
    struct gnttab_get_version version = {.dom = DOMID_SELF};
    struct gnttab_set_version wanted = {1};
    xen_pfn_t frames[4];

    EXPECT_RC(hc_grant_op(GNTTABOP_query_size, &size, 1), 0);
    EXPECT_RC(size.status, GNTST_okay);
    EXPECT(size.max_nr_frames >= 4);
    EXPECT_RC(hc_grant_op(GNTTABOP_setup_table, &set, 1), 0);
    EXPECT_RC(set.status, GNTST_general_error);
    set = (struct gnttab_setup_table){
        .dom = DOMID_SELF, .nr_frames = 4, .frame_list = (guest_ptr_t)frames};
    EXPECT_RC(hc_grant_op(GNTTABOP_setup_table, &set, 1), 0);
    EXPECT_RC(set.status, GNTST_okay);
    size = (struct gnttab_query_size){.dom = DOMID_SELF};
    EXPECT_RC(hc_grant_op(GNTTABOP_query_size, &size, 1), 0);
    EXPECT(size.nr_frames >= 4);
    size.dom = 77;
    EXPECT_RC(hc_grant_op(GNTTABOP_query_size, &size, 1), 0);
    EXPECT_RC(size.status, GNTST_bad_domain);
    EXPECT_RC(hc_grant_op(GNTTABOP_set_version, &wanted, 1), 0);
    EXPECT_EQ(wanted.version, 1);
    EXPECT_RC(hc_grant_op(GNTTABOP_get_version, &version, 1), 0);
    EXPECT_EQ(version.version, 1);
    if (on_pavis) {
        wanted.version = 2;
        EXPECT(hc_grant_op(GNTTABOP_set_version, &wanted, 1) < 0);
        EXPECT_EQ(wanted.version, 1);
    }
    wanted.version = 3;
    EXPECT_RC(hc_grant_op(GNTTABOP_set_version, &wanted, 1), -EINVAL);
}

/* A writable mapping by address: contents shared, entry marked, all gone after unmap. */
static void test_map(void)
{
    struct gnttab_map_grant_ref op;
    volatile uint64_t *there = (volatile uint64_t *)TREE_VA;

    if (!first_domain())
        return;
    REQUIRE(setup());
    grant(8, page, 0);
    op = map(8, TREE_VA, GNTMAP_host_map);
    REQUIRE_RC(op.status, GNTST_okay);
    EXPECT_EQ(op.dev_bus_addr >> 12, mfn_of(page));
    EXPECT_EQ(there[5], 15);
    there[5] = 99;
    EXPECT_EQ(page[5], 99);
    EXPECT_EQ(table[8].flags, GTF_permit_access | GTF_reading | GTF_writing);
    EXPECT_RC(unmap(TREE_VA, op.handle), GNTST_okay);
    EXPECT_EQ(table[8].flags, GTF_permit_access);
    EXPECT_EQ(tree.l1[0], 0);
    EXPECT_EQ(TRY("mov (%0), %%rax", : : "r"(TREE_VA) : "rax", "memory"), 1);
    EXPECT_RC(unmap(TREE_VA, op.handle), GNTST_bad_handle);
    cleanup();
}

/* A read-only mapping: of a read-only grant, which cannot be mapped writable. */
static void test_readonly(void)
{
    struct gnttab_map_grant_ref op;

    if (!first_domain())
        return;
    REQUIRE(setup());
    grant(9, page, GTF_readonly);
    op = map(9, TREE_VA, GNTMAP_host_map);
    EXPECT_RC(op.status, GNTST_general_error);
    op = map(9, TREE_VA, GNTMAP_host_map | GNTMAP_readonly);
    REQUIRE_RC(op.status, GNTST_okay);
    EXPECT_EQ(table[9].flags, GTF_permit_access | GTF_readonly | GTF_reading);
    EXPECT_EQ(*(volatile uint64_t *)(TREE_VA + 8), 3);
    EXPECT_EQ(TRY("movq $0, (%0)", : : "r"(TREE_VA) : "memory"), 1);
    EXPECT_RC(unmap(TREE_VA, op.handle), GNTST_okay);
    EXPECT_EQ(table[9].flags, GTF_permit_access | GTF_readonly);
    cleanup();
}

/* Two mappings of one grant are counted: the marks go with the last. */
static void test_map_twice(void)
{
    struct gnttab_map_grant_ref a, b;

    if (!first_domain())
        return;
    REQUIRE(setup());
    grant(10, page, 0);
    a = map(10, TREE_VA, GNTMAP_host_map);
    b = map(10, TREE_VA + PAGE_SIZE, GNTMAP_host_map | GNTMAP_readonly);
    REQUIRE_RC(a.status, GNTST_okay);
    REQUIRE_RC(b.status, GNTST_okay);
    EXPECT(a.handle != b.handle);
    EXPECT_RC(unmap(TREE_VA, a.handle), GNTST_okay);
    EXPECT_EQ(table[10].flags, GTF_permit_access | GTF_reading);
    EXPECT_RC(unmap(TREE_VA + PAGE_SIZE, b.handle), GNTST_okay);
    EXPECT_EQ(table[10].flags, GTF_permit_access);
    cleanup();
}

/* With contains_pte the mapping goes into the entry at a machine address. */
static void test_contains_pte(void)
{
    struct gnttab_map_grant_ref op;
    uint64_t where;

    if (!first_domain())
        return;
    REQUIRE(setup());
    grant(11, page, 0);
    where = pte_machine(&tree.l1[7]);
    op = map(11, where, GNTMAP_host_map | GNTMAP_contains_pte | GNTMAP_application_map);
    REQUIRE_RC(op.status, GNTST_okay);
    EXPECT_EQ(tree.l1[7] & PTE_MFN, mfn_of(page) * PAGE_SIZE);
    EXPECT_EQ(*(volatile uint64_t *)(TREE_VA + 7 * PAGE_SIZE + 16), 6);
    EXPECT_RC(unmap(where, op.handle), GNTST_okay);
    EXPECT_EQ(tree.l1[7], 0);
    op = map(11, mfn_of(page) * PAGE_SIZE, GNTMAP_host_map | GNTMAP_contains_pte);
    EXPECT(op.status < 0); /* no page table there */
    op = map(11, where + 4, GNTMAP_host_map | GNTMAP_contains_pte);
    EXPECT(op.status < 0);
    EXPECT_EQ(table[11].flags, GTF_permit_access);
    cleanup();
}

/* A mapping for devices only has a bus address and no page-table entry. */
static void test_device_map(void)
{
    struct gnttab_map_grant_ref op;
    struct gnttab_unmap_grant_ref un;

    if (!first_domain())
        return;
    REQUIRE(setup());
    grant(12, page, 0);
    op = map(12, 0, GNTMAP_device_map);
    REQUIRE_RC(op.status, GNTST_okay);
    EXPECT_EQ(op.dev_bus_addr, mfn_of(page) * PAGE_SIZE);
    EXPECT_EQ(table[12].flags, GTF_permit_access | GTF_reading | GTF_writing);
    un = (struct gnttab_unmap_grant_ref){.dev_bus_addr = op.dev_bus_addr, .handle = op.handle};
    EXPECT_RC(hc_grant_op(GNTTABOP_unmap_grant_ref, &un, 1), 0);
    EXPECT_RC(un.status, GNTST_okay);
    EXPECT_EQ(table[12].flags, GTF_permit_access);
    cleanup();
}

/* Everything about a map request that can be wrong. */
static void test_map_bad(void)
{
    struct gnttab_map_grant_ref op;

    if (!first_domain())
        return;
    REQUIRE(setup());
    op = map(13, TREE_VA, GNTMAP_host_map); /* not granted */
    EXPECT_RC(op.status, GNTST_general_error);
    op = map(1000000, TREE_VA, GNTMAP_host_map);
    EXPECT_RC(op.status, GNTST_bad_gntref);
    grant(13, page, 0);
    op = map(13, TREE_VA, 0); /* neither host nor device */
    EXPECT(op.status == GNTST_bad_gntref || op.status == GNTST_general_error);
    op = (struct gnttab_map_grant_ref){
        .host_addr = TREE_VA, .flags = GNTMAP_host_map, .ref = 13, .dom = 77};
    EXPECT_RC(hc_grant_op(GNTTABOP_map_grant_ref, &op, 1), 0);
    EXPECT_RC(op.status, GNTST_bad_domain);
    op = map(13, TREE_VA + (1UL << 40), GNTMAP_host_map); /* no page table */
    EXPECT_RC(op.status, GNTST_general_error);
    op = map(13, HYPERVISOR_VIRT_START, GNTMAP_host_map);
    EXPECT(op.status < 0);
    table[13].domid = 77; /* for another */
    op = map(13, TREE_VA, GNTMAP_host_map);
    EXPECT_RC(op.status, GNTST_general_error);
    grant(13, tree.l1, 0); /* a page table, writable */
    op = map(13, TREE_VA, GNTMAP_host_map);
    EXPECT(op.status < 0);
    table[13].flags = GTF_permit_access;
    table[13].domid = self;
    table[13].frame = 0xfffffff0;
    op = map(13, TREE_VA, GNTMAP_host_map);
    EXPECT(op.status < 0);
    EXPECT_EQ(table[13].flags, GTF_permit_access);
    table[13].flags = 0;
    EXPECT_RC(unmap(TREE_VA, 0xffffffff), GNTST_bad_handle);
    EXPECT_RC(unmap(TREE_VA, 123456), GNTST_bad_handle);
    EXPECT_RC(hc_grant_op(GNTTABOP_map_grant_ref, 0x1000, 1), -EFAULT);
    EXPECT_RC(hc_grant_op(GNTTABOP_unmap_grant_ref, 0x1000, 1), -EFAULT);
    cleanup();
}

/* Unmapping at another address than mapped is refused, and nothing is lost. */
static void test_unmap_elsewhere(void)
{
    struct gnttab_map_grant_ref op;

    if (!first_domain())
        return;
    REQUIRE(setup());
    grant(14, page, 0);
    op = map(14, TREE_VA, GNTMAP_host_map);
    REQUIRE_RC(op.status, GNTST_okay);
    EXPECT(unmap(TREE_VA + PAGE_SIZE, op.handle) < 0);
    EXPECT(table[14].flags & GTF_writing);
    EXPECT_RC(unmap(TREE_VA, op.handle), GNTST_okay);
    cleanup();
}

static int copy(struct gnttab_copy_ptr from, struct gnttab_copy_ptr to, uint16_t len,
                uint16_t flags)
{
    struct gnttab_copy op = {.source = from, .dest = to, .len = len, .flags = flags};

    op.status = 99;
    EXPECT_RC(hc_grant_op(GNTTABOP_copy, &op, 1), 0);
    return op.status;
}

static struct gnttab_copy_ptr by_ref(unsigned ref, uint16_t offset)
{
    struct gnttab_copy_ptr p = {.u.ref = ref, .domid = self, .offset = offset};

    return p;
}

static struct gnttab_copy_ptr by_frame(const void *what, uint16_t offset)
{
    struct gnttab_copy_ptr p = {.u.gmfn = mfn_of(what), .domid = DOMID_SELF, .offset = offset};

    return p;
}

/* Copies between grants and own frames, within pages, to the byte. */
static void test_copy(void)
{
    uint8_t *other = page_alloc();

    if (!first_domain())
        return;
    REQUIRE(setup());
    grant(15, page, 0);
    grant(16, other, 0);
    EXPECT_RC(copy(by_ref(15, 8), by_frame(other, 16), 8, GNTCOPY_source_gref), GNTST_okay);
    EXPECT_EQ(*(uint64_t *)(other + 16), 3);
    EXPECT_EQ(*(uint64_t *)(other + 24), 0);
    EXPECT_RC(copy(by_frame(page, 80), by_ref(16, 0), 8, GNTCOPY_dest_gref), GNTST_okay);
    EXPECT_EQ(*(uint64_t *)other, 30);
    EXPECT_RC(copy(by_ref(15, 0), by_ref(16, 0), 4096, GNTCOPY_source_gref | GNTCOPY_dest_gref),
              GNTST_okay);
    EXPECT_EQ(memcmp(page, other, PAGE_SIZE), 0);
    EXPECT_RC(copy(by_frame(page, 4095), by_frame(other, 0), 1, 0), GNTST_okay);
    EXPECT_RC(copy(by_frame(page, 4095), by_frame(other, 0), 2, 0), GNTST_bad_copy_arg);
    EXPECT_RC(copy(by_frame(page, 0), by_frame(other, 1), 4096, 0), GNTST_bad_copy_arg);
    EXPECT_RC(copy(by_frame(page, 0), by_frame(other, 0), 0, 0), GNTST_okay);
    EXPECT_EQ(table[15].flags, GTF_permit_access);
    EXPECT_EQ(table[16].flags, GTF_permit_access);
    table[15].flags = table[16].flags = 0;
    page_free(other);
    cleanup();
}

/* Copies that must not happen. */
static void test_copy_bad(void)
{
    uint8_t *other = page_alloc();
    struct gnttab_copy_ptr p;

    if (!first_domain())
        return;
    REQUIRE(setup());
    EXPECT(copy(by_ref(17, 0), by_frame(other, 0), 8, GNTCOPY_source_gref) < 0); /* not granted */
    grant(17, other, GTF_readonly);
    EXPECT_RC(copy(by_frame(page, 0), by_ref(17, 0), 8, GNTCOPY_dest_gref), GNTST_general_error);
    EXPECT_RC(copy(by_ref(17, 0), by_frame(page, 0), 8, GNTCOPY_source_gref), GNTST_okay);
    EXPECT_RC(copy(by_ref(1000000, 0), by_frame(page, 0), 8, GNTCOPY_source_gref),
              GNTST_bad_gntref);
    p = by_frame(other, 0);
    p.domid = 0; /* a frame may only be named by its owner as SELF */
    EXPECT_RC(copy(p, by_frame(page, 0), 8, 0), GNTST_permission_denied);
    EXPECT(copy(by_frame(page, 0), by_frame(tree.l1, 0), 8, 0) < 0); /* I1 */
    EXPECT_EQ(tree.l1[0], 0);
    p = by_frame(other, 0);
    p.u.gmfn = 0xffffffffff;
    EXPECT(copy(p, by_frame(page, 0), 8, 0) < 0);
    EXPECT(copy(by_frame(page, 0), p, 8, 0) < 0);
    EXPECT_RC(hc_grant_op(GNTTABOP_copy, 0x1000, 1), -EFAULT);
    table[17].flags = 0;
    page_free(other);
    cleanup();
}

/* Batches: each entry its own status, none stops the others. */
static void test_batch(void)
{
    static struct gnttab_map_grant_ref maps[100];
    static struct gnttab_unmap_grant_ref unmaps[100];

    if (!first_domain())
        return;
    REQUIRE(setup());
    for (unsigned i = 0; i < 100; i++) {
        if (i != 50)
            grant(100 + i, page, 0);
        maps[i] = (struct gnttab_map_grant_ref){.host_addr = TREE_VA + i * PAGE_SIZE,
                                                .flags = GNTMAP_host_map,
                                                .ref = 100 + i,
                                                .dom = self};
    }
    EXPECT_RC(hc_grant_op(GNTTABOP_map_grant_ref, maps, 100), 0);
    for (unsigned i = 0; i < 100; i++) {
        EXPECT_RC(maps[i].status, i == 50 ? GNTST_general_error : GNTST_okay);
        unmaps[i] = (struct gnttab_unmap_grant_ref){.host_addr = TREE_VA + i * PAGE_SIZE,
                                                    .handle = i == 50 ? ~0U : maps[i].handle};
    }
    EXPECT_RC(hc_grant_op(GNTTABOP_unmap_grant_ref, unmaps, 100), 0);
    for (unsigned i = 0; i < 100; i++) {
        EXPECT_RC(unmaps[i].status, i == 50 ? GNTST_bad_handle : GNTST_okay);
        EXPECT_EQ(table[100 + i].flags, i == 50 ? 0 : GTF_permit_access);
        table[100 + i].flags = 0;
    }
    EXPECT_RC(hc_grant_op(GNTTABOP_map_grant_ref, maps, 0), 0);
    cleanup();
}

/* A page that is mapped by a grant cannot become a page table before it is unmapped. */
static void test_type_conflict(void)
{
    struct gnttab_map_grant_ref op;

    if (!first_domain())
        return;
    REQUIRE(setup());
    memset(page, 0, PAGE_SIZE);
    grant(18, page, 0);
    op = map(18, TREE_VA, GNTMAP_host_map);
    REQUIRE_RC(op.status, GNTST_okay);
    EXPECT_RC(page_readonly(page), 0);
    EXPECT(pin(page, 1) < 0);
    EXPECT_RC(unmap(TREE_VA, op.handle), GNTST_okay);
    EXPECT_RC(pin(page, 1), 0);
    EXPECT_RC(unpin(page), 0);
    EXPECT_RC(page_writable(page), 0);
    table[18].flags = 0;
    cleanup();
}

/* Operations that are left out. */
static void test_left_out(void)
{
    struct gnttab_transfer transfer = {.mfn = 0xffffffffff, .domid = 77, .ref = 1};

    EXPECT_RC(hc_grant_op(13, &transfer, 1), -ENOSYS);
    if (on_pavis) {
        EXPECT(hc_grant_op(GNTTABOP_cache_flush, &transfer, 1) < 0);
        EXPECT_RC(hc_grant_op(GNTTABOP_transfer, &transfer, 1), 0);
        EXPECT_RC(transfer.status, GNTST_general_error);
    }
}

TESTS("grants", T(setup), T(map), T(readonly), T(map_twice), T(contains_pte), T(device_map),
      T(map_bad), T(unmap_elsewhere), T(copy), T(copy_bad), T(batch), T(type_conflict),
      T(left_out));
