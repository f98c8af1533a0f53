/* SPDX-License-Identifier: GPL-2.0-only */
/* Scenarios of the caller's own memory, grants and interrupts: see scenarios.h. */
#include "scenarios.h"
#include "test.h"

static void nothing(void)
{
}

/* --- reservations ------------------------------------------------------------------------------
 */

#define NR_PAGES 64U

static uint64_t *pages[NR_PAGES];
static xen_pfn_t frames[NR_PAGES];

static void take_pages(void)
{
    for (unsigned i = 0; i < NR_PAGES && !pages[i]; i++)
        pages[i] = page_alloc();
}

/* Those that are ours are mapped again; the others are wanted back. */
static void map_pages(void)
{
    for (unsigned i = 0; i < NR_PAGES; i++)
        EXPECT_RC(page_writable(pages[i]), 0);
}

static long unmap_pages(void)
{
    for (unsigned i = 0; i < NR_PAGES; i++)
        TRY_CALL(set_va(pages[i], 0, UVMF_INVLPG));
    return 0;
}

static unsigned given; /* of pages[], from the first on, are not ours at present */

static long fill(void)
{
    struct xen_memory_reservation r = {.extent_start = (guest_ptr_t)frames, .domid = DOMID_SELF};
    long done;

    for (unsigned i = 0; i < given; i++)
        frames[i] = pfn_of(pages[i]);
    r.nr_extents = given;
    done = given ? hc_memory_op(XENMEM_populate_physmap, &r) : 0;
    for (long i = 0; i < done; i++)
        p2m()[pfn_of(pages[i])] = frames[i];
    if (done == given) {
        given = 0;
        return 0;
    }
    /* The rest is put in front, for the next attempt. */
    for (long i = 0; done > 0 && i + done < given; i++) {
        uint64_t *swap = pages[i];

        pages[i] = pages[i + done];
        pages[i + done] = swap;
    }
    given -= done > 0 ? (unsigned)done : 0;
    return done < 0 ? done : -ENOMEM;
}

/* Pages are given back and taken again, as a balloon does. */
static long run_balloon(void)
{
    struct xen_memory_reservation r = {.extent_start = (guest_ptr_t)frames, .domid = DOMID_SELF};

    take_pages();
    TRY_CALL(unmap_pages());
    for (unsigned i = 0; i < NR_PAGES; i++)
        frames[i] = mfn_of(pages[i]);
    r.nr_extents = NR_PAGES;
    given = NR_PAGES;
    if (hc_memory_op(XENMEM_decrease_reservation, &r) != NR_PAGES)
        return -EIO;
    return fill();
}

static void tidy_balloon(void)
{
    EXPECT_RC(fill(), 0);
    map_pages();
}

DEFINE_SCENARIO(balloon, NULL, run_balloon, tidy_balloon);

/*
 * Extents of 2^in_order frames of pages[] for as many of 2^out_order.  What was exchanged before an
 * error stays so; P2M and M2P say so afterwards.
 */
static long exchange(unsigned in_order, unsigned out_order)
{
    static xen_pfn_t out[NR_PAGES];
    struct xen_memory_exchange x = {.in = {.extent_start = (guest_ptr_t)frames,
                                           .nr_extents = NR_PAGES >> in_order,
                                           .extent_order = in_order,
                                           .domid = DOMID_SELF},
                                    .out = {.extent_start = (guest_ptr_t)out,
                                            .nr_extents = NR_PAGES >> out_order,
                                            .extent_order = out_order,
                                            .domid = DOMID_SELF}};
    long rc;

    for (unsigned i = 0; i < NR_PAGES >> in_order; i++)
        frames[i] = mfn_of(pages[i << in_order]);
    for (unsigned i = 0; i < NR_PAGES >> out_order; i++)
        out[i] = pfn_of(pages[i << out_order]);
    rc = hc_memory_op(XENMEM_exchange, &x);
    for (unsigned i = 0; i < x.nr_exchanged << in_order; i++) {
        uint64_t mfn = out[i >> out_order] + (i & ((1U << out_order) - 1));

        p2m()[pfn_of(pages[i])] = mfn;
        EXPECT_RC(mmu_update1(mfn * PAGE_SIZE | MMU_MACHPHYS_UPDATE, pfn_of(pages[i])), 0);
    }
    return rc ? rc : x.nr_exchanged == NR_PAGES >> in_order ? 0 : -EIO;
}

static long run_exchange(void)
{
    take_pages();
    TRY_CALL(unmap_pages());
    TRY_CALL(exchange(0, 0));
    TRY_CALL(exchange(0, 2));
    return exchange(2, 0);
}

DEFINE_SCENARIO(exchange, NULL, run_exchange, map_pages);

/* --- grants, from the domain to itself ---------------------------------------------------------
 */

#define GRANT_VA  0x20000000000UL
#define NR_GRANTS 48

static struct grant_entry_v1 table[512] __attribute__((aligned(4096)));
static struct tree tree;
static struct gnttab_map_grant_ref maps[NR_GRANTS];
static struct gnttab_unmap_grant_ref unmaps[NR_GRANTS];
static struct gnttab_copy copies[NR_GRANTS];

/* By trial: a grant to oneself needs the true number. */
static domid_t own_number(void)
{
    return 0; /* dom0 */
}

static void make_grants(void)
{
    xen_pfn_t frame = 0;
    struct gnttab_setup_table setup = {
        .dom = DOMID_SELF, .nr_frames = 1, .frame_list = (guest_ptr_t)&frame};

    take_pages();
    if (tree.l1)
        return;
    EXPECT_RC(hc_grant_op(GNTTABOP_setup_table, &setup, 1), 0);
    EXPECT_RC(set_va(table, frame * PAGE_SIZE | RW_FLAGS, UVMF_INVLPG), 0);
    EXPECT(tree_make(&tree, GRANT_VA));
    for (unsigned i = 0; i < NR_GRANTS; i++)
        maps[i].status = 1; /* not mapped */
}

static long unmap_all(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < NR_GRANTS; i++)
        if (maps[i].status == GNTST_okay)
            unmaps[n++] = (struct gnttab_unmap_grant_ref){.host_addr = maps[i].host_addr,
                                                          .handle = maps[i].handle};
    if (n)
        TRY_CALL(hc_grant_op(GNTTABOP_unmap_grant_ref, unmaps, n));
    for (unsigned i = 0; i < n; i++)
        TRY_CALL(unmaps[i].status);
    for (unsigned i = 0; i < NR_GRANTS; i++)
        maps[i].status = 1;
    return 0;
}

static long run_grants(void)
{
    make_grants();
    for (unsigned i = 0; i < NR_GRANTS; i++) {
        table[8 + i] = (struct grant_entry_v1){GTF_permit_access, own_number(),
                                               (uint32_t)mfn_of(pages[i % NR_PAGES])};
        maps[i] = (struct gnttab_map_grant_ref){.host_addr = GRANT_VA + i * PAGE_SIZE,
                                                .flags = GNTMAP_host_map,
                                                .ref = 8 + i,
                                                .dom = own_number(),
                                                .status = 1};
        copies[i] = (struct gnttab_copy){
            .source = {.u.ref = 8 + i, .domid = own_number()},
            .dest = {.u.gmfn = mfn_of(pages[NR_PAGES - 1]), .domid = DOMID_SELF, .offset = 64},
            .len = 200,
            .flags = GNTCOPY_source_gref};
    }
    TRY_CALL(hc_grant_op(GNTTABOP_map_grant_ref, maps, NR_GRANTS));
    for (unsigned i = 0; i < NR_GRANTS; i++)
        TRY_CALL(maps[i].status == GNTST_no_device_space ? -ENOMEM : maps[i].status);
    TRY_CALL(hc_grant_op(GNTTABOP_copy, copies, NR_GRANTS));
    for (unsigned i = 0; i < NR_GRANTS; i++)
        TRY_CALL(copies[i].status);
    return unmap_all();
}

static void tidy_grants(void)
{
    EXPECT_RC(unmap_all(), 0);
    for (unsigned i = 0; i < NR_GRANTS; i++)
        EXPECT_EQ(table[8 + i].flags & (GTF_reading | GTF_writing), 0);
}

DEFINE_SCENARIO(grants, NULL, run_grants, tidy_grants);

/* --- physical interrupts -----------------------------------------------------------------------
 */

/* A line, and messages of the devices that the families file puts in slots 4 (MSI) and 5 (MSI-X).
 */
#define GSI        10
#define EDU_DEVFN  (4 << 3)
#define RNG_DEVFN  (5 << 3)
#define MSIX_BAR   0x14 /* of virtio's devices */
#define NR_SOURCES 4

static int mapped[NR_SOURCES]; /* 0: not */
static evtchn_port_t bound[NR_SOURCES];

static uint64_t msix_bar(void)
{
    static struct physdev_set_iopl iopl = {1};
    uint32_t value = 0x80000000 | RNG_DEVFN << 8 | MSIX_BAR;

    EXPECT_RC(hc_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
    __asm__ volatile("outl %0, %%dx" ::"a"(value), "d"(0xcf8));
    __asm__ volatile("inl %%dx, %0" : "=a"(value) : "d"(0xcfc));
    return value & ~15UL;
}

static long run_pirqs(void)
{
    static uint64_t bar;
    struct physdev_map_pirq maps[NR_SOURCES] = {
        {.domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = GSI, .pirq = GSI},
        {.domid = DOMID_SELF,
         .type = MAP_PIRQ_TYPE_MSI_SEG,
         .index = -1,
         .pirq = -1,
         .devfn = EDU_DEVFN}};

    if (!bar)
        bar = msix_bar();
    for (unsigned i = 0; i < 2; i++)
        maps[2 + i] = (struct physdev_map_pirq){.domid = DOMID_SELF,
                                                .type = MAP_PIRQ_TYPE_MSI_SEG,
                                                .index = -1,
                                                .pirq = -1,
                                                .devfn = RNG_DEVFN,
                                                .entry_nr = (int32_t)i,
                                                .table_base = bar};
    for (unsigned i = 0; i < NR_SOURCES; i++) {
        struct evtchn_bind_pirq pirq = {0};

        TRY_CALL(hc_physdev_op(PHYSDEVOP_map_pirq, &maps[i]));
        mapped[i] = maps[i].pirq;
        pirq.pirq = (uint32_t)mapped[i];
        TRY_CALL(hc_event_op(EVTCHNOP_bind_pirq, &pirq));
        bound[i] = pirq.port;
    }
    return 0;
}

static void tidy_pirqs(void)
{
    for (unsigned i = 0; i < NR_SOURCES; i++) {
        struct physdev_unmap_pirq unmap = {.domid = DOMID_SELF, .pirq = mapped[i]};
        struct evtchn_close close = {bound[i]};

        if (bound[i])
            EXPECT_RC(hc_event_op(EVTCHNOP_close, &close), 0);
        if (mapped[i])
            EXPECT_RC(hc_physdev_op(PHYSDEVOP_unmap_pirq, &unmap), 0);
        bound[i] = 0;
        mapped[i] = 0;
    }
}

DEFINE_SCENARIO(pirqs, NULL, run_pirqs, tidy_pirqs);

/* --- the console -------------------------------------------------------------------------------
 */

static long run_console(void)
{
    static const char text[] =
        "# a line of the console scenario, written in several pieces: ........"
        "................................................................"
        "................................................................"
        "................................................................\n";

    return hc_console_io(CONSOLEIO_write, sizeof(text) - 1, text);
}

DEFINE_SCENARIO(console, NULL, run_console, nothing);
