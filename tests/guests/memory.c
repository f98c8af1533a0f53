/* SPDX-License-Identifier: GPL-2.0-only */
/* memory_op: giving frames back, getting and exchanging them, the maps of memory. */
#include "test.h"

static long current(void)
{
    domid_t dom = DOMID_SELF;

    return hc_memory_op(XENMEM_current_reservation, &dom);
}

static long reserve(unsigned cmd, xen_pfn_t *list, uint64_t n, unsigned order)
{
    struct xen_memory_reservation op = {.extent_start = (guest_ptr_t)list,
                                        .nr_extents = n,
                                        .extent_order = order,
                                        .domid = DOMID_SELF};

    return hc_memory_op(cmd, &op);
}

/* Give the frame of a pool page back; its virtual page is unmapped afterwards. */
static bool give(void *page)
{
    xen_pfn_t frame = mfn_of(page);

    if (set_va(page, 0, UVMF_INVLPG))
        return false;
    if (reserve(XENMEM_decrease_reservation, &frame, 1, 0) != 1)
        return false;
    p2m()[pfn_of(page)] = ~0UL;
    return true;
}

/* Get a frame for the page and map it. */
static bool take(void *page)
{
    xen_pfn_t frame = pfn_of(page);

    if (reserve(XENMEM_populate_physmap, &frame, 1, 0) != 1)
        return false;
    p2m()[pfn_of(page)] = frame;
    return page_writable(page) == 0;
}

/* A frame given back is no longer ours; a new one is, is clean, and has its M2P entry. */
static void test_balloon(void)
{
    uint64_t *page = page_alloc();
    long before = current();
    xen_pfn_t old = mfn_of(page);

    EXPECT_EQ(before, start_info->nr_pages);
    page[3] = 0x5ec7e7;
    REQUIRE(give(page));
    EXPECT_EQ(current(), before - 1);
    EXPECT(set_va(page, old * PAGE_SIZE | RO_FLAGS, UVMF_INVLPG) < 0);
    EXPECT(pfn_of_mfn(old) != pfn_of(page));
    REQUIRE(take(page));
    EXPECT_EQ(current(), before);
    EXPECT_EQ(pfn_of_mfn(mfn_of(page)), pfn_of(page));
    page[0] = 1;
    EXPECT_EQ(page[0], 1);
    page_free(page);
}

/* A page that is still mapped when it is given back stays usable to nobody else until it is
 * unmapped. */
static void test_give_mapped(void)
{
    uint64_t *page = page_alloc();
    xen_pfn_t frame = mfn_of(page);
    long before = current();

    EXPECT_RC(reserve(XENMEM_decrease_reservation, &frame, 1, 0), 1);
    page[0] = 7; /* the mapping holds its reference */
    EXPECT_EQ(page[0], 7);
    EXPECT_RC(set_va(page, 0, UVMF_INVLPG), 0);
    EXPECT_EQ(current(), before - 1);
    EXPECT(set_va(page, frame * PAGE_SIZE | RO_FLAGS, UVMF_INVLPG) < 0);
    REQUIRE(take(page));
    page_free(page);
}

/* A frame can be given back once; and a list that cannot be written is no list to be answered in.
 */
static void test_give_twice(void)
{
    void *page = page_alloc(), *list = page_alloc();
    xen_pfn_t frame = mfn_of(page);
    long before = current();

    EXPECT_RC(reserve(XENMEM_decrease_reservation, &frame, 1, 0), 1);
    EXPECT_RC(reserve(XENMEM_decrease_reservation, &frame, 1, 0), 1); /* its mapping holds it */
    EXPECT_RC(set_va(page, 0, UVMF_INVLPG), 0);
    EXPECT_RC(reserve(XENMEM_decrease_reservation, &frame, 1, 0), 0);
    EXPECT_EQ(current(), before - 1);
    *(xen_pfn_t *)list = pfn_of(page);
    EXPECT_RC(page_readonly(list), 0);
    EXPECT_RC(reserve(XENMEM_populate_physmap, list, 1, 0), 0);
    EXPECT_EQ(current(), before); /* the frame is there, though nobody was told which */
    EXPECT_RC(page_writable(list), 0);
    page_free(list);
}

/* The limit holds: no frame beyond maximum_reservation. */
static void test_limit(void)
{
    xen_pfn_t frame = 0x7fffff;
    domid_t dom = DOMID_SELF;
    long max = hc_memory_op(XENMEM_maximum_reservation, &dom);

    EXPECT(max >= current());
    if (max == current()) {
        EXPECT_RC(reserve(XENMEM_populate_physmap, &frame, 1, 0), 0);
        frame = 0;
        EXPECT_RC(reserve(XENMEM_increase_reservation, &frame, 1, 0), 0);
    }
    EXPECT_EQ(current(), start_info->nr_pages);
}

/* increase_reservation returns frames without a PFN. */
static void test_increase(void)
{
    uint64_t *page = page_alloc();
    xen_pfn_t frame = 0;

    REQUIRE(give(page));
    EXPECT_RC(reserve(XENMEM_increase_reservation, &frame, 1, 0), 1);
    EXPECT(frame != 0);
    EXPECT_RC(mmu_update1(frame * PAGE_SIZE | MMU_MACHPHYS_UPDATE, pfn_of(page)), 0);
    p2m()[pfn_of(page)] = frame;
    EXPECT_RC(page_writable(page), 0);
    page[1] = 2;
    EXPECT_EQ(page[1], 2);
    page_free(page);
}

/* Bad orders, domains, addresses and frames. */
static void test_bad(void)
{
    xen_pfn_t frame = 0xffffffffff;
    struct xen_memory_reservation op = {
        .extent_start = (guest_ptr_t)&frame, .nr_extents = 1, .domid = 77};
    domid_t dom = 77;

    EXPECT_RC(reserve(XENMEM_decrease_reservation, &frame, 1, 0), 0);
    EXPECT(reserve(XENMEM_populate_physmap, &frame, 1, 30) <= 0);
    EXPECT(reserve(XENMEM_decrease_reservation, &frame, 1, 60) <= 0);
    EXPECT_RC(reserve(XENMEM_decrease_reservation, (xen_pfn_t *)0x1000, 1, 0), 0);
    EXPECT_RC(reserve(XENMEM_decrease_reservation, (xen_pfn_t *)HYPERVISOR_VIRT_START, 1, 0), 0);
    EXPECT_RC(reserve(XENMEM_decrease_reservation, &frame, ~0UL, 0), 0);
    EXPECT(hc_memory_op(XENMEM_decrease_reservation, &op) <= 0);
    EXPECT_RC(hc_memory_op(XENMEM_decrease_reservation, 0x1000), 0); /* none done, says Xen */
    EXPECT_RC(hc_memory_op(XENMEM_current_reservation, &dom), -ESRCH);
    EXPECT_RC(hc_memory_op(XENMEM_current_reservation, 0x1000), -EFAULT);
    frame = mfn_of_pfn(0) + start_info->nr_pages + 1000; /* the hypervisor's or nobody's */
    EXPECT_RC(reserve(XENMEM_decrease_reservation, &frame, 1, 0), 0);
    EXPECT_EQ(current(), start_info->nr_pages);
}

/* A pinned page table survives being given back: its pin is not dropped for it (XSA-252). */
static void test_give_table(void)
{
    uint64_t *l1 = page_alloc();
    xen_pfn_t frame = mfn_of(l1);

    EXPECT_RC(page_readonly(l1), 0);
    REQUIRE_RC(pin(l1, 1), 0);
    EXPECT(reserve(XENMEM_decrease_reservation, &frame, 1, 0) >= 0);
    EXPECT(set_va(l1, frame * PAGE_SIZE | RW_FLAGS, UVMF_INVLPG) < 0);
    /* The page is lost to the pool now; what counts is that it never became writable. */
}

/* exchange swaps frames one for one, and four single ones for one of order two. */
static void test_exchange(void)
{
    uint64_t *pages[4];
    xen_pfn_t in[4], out[1];
    struct xen_memory_exchange op;

    for (unsigned i = 0; i < 4; i++) {
        pages[i] = page_alloc();
        in[i] = mfn_of(pages[i]);
        REQUIRE_RC(set_va(pages[i], 0, UVMF_INVLPG), 0);
    }
    out[0] = pfn_of(pages[0]);
    op = (struct xen_memory_exchange){
        .in = {.extent_start = (guest_ptr_t)in, .nr_extents = 1, .domid = DOMID_SELF},
        .out = {.extent_start = (guest_ptr_t)out, .nr_extents = 1, .domid = DOMID_SELF}};
    EXPECT_RC(hc_memory_op(XENMEM_exchange, &op), 0);
    EXPECT_EQ(op.nr_exchanged, 1);
    p2m()[pfn_of(pages[0])] = out[0];
    in[0] = out[0];
    EXPECT_EQ(pfn_of_mfn(out[0]), pfn_of(pages[0]));
    out[0] = pfn_of(pages[0]);
    op = (struct xen_memory_exchange){
        .in = {.extent_start = (guest_ptr_t)in, .nr_extents = 4, .domid = DOMID_SELF},
        .out = {.extent_start = (guest_ptr_t)out,
                .nr_extents = 1,
                .extent_order = 2,
                .mem_flags = XENMEMF_address_bits(32),
                .domid = DOMID_SELF}};
    EXPECT_RC(hc_memory_op(XENMEM_exchange, &op), 0);
    EXPECT_EQ(op.nr_exchanged, 4);
    EXPECT_EQ(out[0] & 3, 0);
    EXPECT(out[0] < 1UL << 20);
    for (unsigned i = 0; i < 4; i++) {
        /* Consecutive PFNs from the first: page_alloc hands out neighbours in descending or
         * ascending order. */
        uint64_t pfn = pfn_of(pages[0]) + i;

        EXPECT_EQ(pfn_of_mfn(out[0] + i), pfn);
    }
    /* Bring the P2M and our four pages back in line, whatever PFNs those frames got. */
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_RC(mmu_update1((out[0] + i) * PAGE_SIZE | MMU_MACHPHYS_UPDATE, pfn_of(pages[i])), 0);
        p2m()[pfn_of(pages[i])] = out[0] + i;
        EXPECT_RC(page_writable(pages[i]), 0);
        pages[i][0] = i;
        page_free(pages[i]);
    }
    EXPECT_EQ(current(), start_info->nr_pages);
}

/* exchange refuses what does not add up, foreign frames and the arrays of others. */
static void test_exchange_bad(void)
{
    xen_pfn_t in[2] = {0xffffffffff, 0}, out[2] = {1, 2};
    struct xen_memory_exchange op = {
        .in = {.extent_start = (guest_ptr_t)in, .nr_extents = 1, .domid = DOMID_SELF},
        .out = {.extent_start = (guest_ptr_t)out, .nr_extents = 1, .domid = DOMID_SELF}};

    EXPECT(hc_memory_op(XENMEM_exchange, &op) < 0);
    op.out.nr_extents = 2; /* one for two */
    EXPECT_RC(hc_memory_op(XENMEM_exchange, &op), -EINVAL);
    op.out.nr_extents = 1;
    op.nr_exchanged = 2;
    EXPECT_RC(hc_memory_op(XENMEM_exchange, &op), -EINVAL);
    op.nr_exchanged = 0;
    op.out.domid = 77;
    EXPECT_RC(hc_memory_op(XENMEM_exchange, &op), -EINVAL);
    op.out.domid = DOMID_SELF;
    op.out.extent_start = HYPERVISOR_VIRT_START; /* XSA-212: where it would write */
    EXPECT_RC(hc_memory_op(XENMEM_exchange, &op), -EFAULT);
    op.out.extent_start = 0x7fffffffffff8;
    EXPECT(hc_memory_op(XENMEM_exchange, &op) < 0);
    EXPECT_RC(hc_memory_op(XENMEM_exchange, 0x1000), -EFAULT);
}

/* The maps: the machine's for dom0, the domain's own if it was given one. */
static void test_maps(void)
{
    static uint8_t buffer[64 * 20];
    struct xen_memory_map map = {64, (guest_ptr_t)buffer};
    long top = hc_memory_op(XENMEM_maximum_ram_page, 0);

    EXPECT(top > 0 && top >= (long)mfn_of_pfn(0));
    EXPECT_RC(hc_memory_op(XENMEM_memory_map, &map), -ENOSYS);
    map.nr_entries = 64;
    if (!(start_info->flags & SIF_PRIVILEGED)) {
        EXPECT_RC(hc_memory_op(XENMEM_machine_memory_map, &map), -EPERM);
        return;
    }
    EXPECT_RC(hc_memory_op(XENMEM_machine_memory_map, &map), 0);
    EXPECT(map.nr_entries >= 3 && map.nr_entries < 64);
    map.nr_entries = 1; /* too small */
    EXPECT_RC(hc_memory_op(XENMEM_machine_memory_map, &map), -EINVAL);
    map = (struct xen_memory_map){64, 0x1000};
    EXPECT_RC(hc_memory_op(XENMEM_machine_memory_map, &map), -EFAULT);
}

/* The list of frames behind the M2P, and how far it reaches. */
static void test_machphys(void)
{
    static xen_pfn_t frames[64];
    struct xen_machphys_mfn_list list = {64, (guest_ptr_t)frames, 0};
    struct xen_machphys_mapping mapping = {0};

    EXPECT_RC(hc_memory_op(XENMEM_machphys_mapping, &mapping), 0);
    EXPECT_EQ(mapping.v_start, MACH2PHYS_VIRT_START);
    EXPECT_RC(hc_memory_op(XENMEM_machphys_mfn_list, &list), 0);
    EXPECT(list.nr_extents >= 1);
    EXPECT_RC(hc_memory_op(XENMEM_machphys_mfn_list, 0x1000), -EFAULT);
}

/* Sub-operations for other kinds of guests. */
static void test_left_out(void)
{
    struct xen_add_to_physmap add = {.domid = DOMID_SELF, .space = XENMAPSPACE_shared_info};

    EXPECT(hc_memory_op(XENMEM_add_to_physmap, &add) < 0);
    EXPECT_RC(hc_memory_op(XENMEM_get_sharing_freed_pages, 0), 0);
    EXPECT_RC(hc_memory_op(XENMEM_get_sharing_shared_pages, 0), 0);
}

TESTS("memory", T(balloon), T(give_mapped), T(give_twice), T(limit), T(increase), T(bad), T(maps),
      T(machphys), T(left_out), T(exchange_bad), T(give_table), T(exchange));
