/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A second domain, made by hand: create, fill, run, pause, inspect and destroy it, with good and
 * bad arguments, and the machine's free memory as before when it is gone.  Needs to be dom0.
 */
#include "domains/hand.h"
#include "test.h"

#include "abi/cpuid.h"

/* A domain is built by hand, runs, is paused, goes on, shuts down with its reason, and dies; all
 * of its memory is free again once our mapping of it is gone. */
static void test_life(void)
{
    uint64_t before = free_pages(), seen;
    volatile uint64_t *data;
    unsigned domid;

    REQUIRE(before > 0);
    REQUIRE(build(&domid, 1, &data));
    EXPECT(info_of(domid).flags & XEN_DOMINF_paused);
    EXPECT_EQ(info_of(domid).tot_pages, GUEST_PAGES);
    EXPECT_EQ(*data, 0);
    EXPECT_RC(domctl(XEN_DOMCTL_unpausedomain, domid), 0);
    EXPECT(wait_for(&data[0], 10));

    EXPECT_RC(domctl(XEN_DOMCTL_pausedomain, domid), 0);
    seen = data[0];
    for (unsigned i = 0; i < 1000; i++)
        hc_sched_op(SCHEDOP_yield, 0);
    EXPECT_EQ(data[0], seen);
    EXPECT_RC(domctl(XEN_DOMCTL_unpausedomain, domid), 0);
    EXPECT(wait_for(&data[0], 10));

    data[1] = SHUTDOWN_reboot + 1;
    for (unsigned i = 0; i < 100000 && !(info_of(domid).flags & XEN_DOMINF_shutdown); i++)
        hc_sched_op(SCHEDOP_yield, 0);
    EXPECT(info_of(domid).flags & XEN_DOMINF_shutdown);
    EXPECT_EQ(info_of(domid).flags >> XEN_DOMINF_shutdownshift & 255, SHUTDOWN_reboot);
    EXPECT(info_of(domid).cpu_time > 0);

    EXPECT_RC(destroy(domid), 0);
    /* A zombie with the one frame that we still map. */
    EXPECT(info_of(domid).flags & XEN_DOMINF_dying);
    EXPECT_EQ(info_of(domid).tot_pages, 1);
    EXPECT(wait_for(&data[0], 0)); /* still readable */
    unmap_frame(4);
    for (unsigned i = 0; i < 1000 && info_of(domid).domain == domid; i++)
        hc_sched_op(SCHEDOP_yield, 0);
    EXPECT(info_of(domid).domain != domid);
    tree_drop(&window);
    expect_free(before);
}

/* Memory of a node that is not there is refused; a preference for nodes comes back as set. */
static void test_nodes(void)
{
    struct xen_memory_reservation r = {.nr_extents = 1};
    static uint64_t pfn, nodes;
    unsigned domid;

    REQUIRE_RC(create(0, 1, &domid), 0);
    EXPECT_RC(max_mem(domid, 8), 0);
    r.domid = (domid_t)domid;
    r.extent_start = (uint64_t)&pfn;
    r.mem_flags = XENMEMF_node(0) | XENMEMF_exact_node_request;
    EXPECT_RC(hc_memory_op(XENMEM_populate_physmap, &r), 1);
    r.mem_flags = XENMEMF_node(100) | XENMEMF_exact_node_request;
    EXPECT_RC(hc_memory_op(XENMEM_populate_physmap, &r), 0);

    memset(&domop, 0, sizeof(domop));
    domop.u.nodeaffinity.nodemap.bitmap = (uint64_t)&nodes;
    domop.u.nodeaffinity.nodemap.nr_bits = 64;
    EXPECT_RC(domctl(XEN_DOMCTL_getnodeaffinity, domid), 0);
    EXPECT_EQ(nodes, on_pavis ? 1 : ~0UL); /* no preference: Xen's mask has all that could be */
    nodes = 0x100;
    EXPECT_RC(domctl(XEN_DOMCTL_setnodeaffinity, domid), -EINVAL);
    nodes = 0x101;
    EXPECT_RC(domctl(XEN_DOMCTL_setnodeaffinity, domid), 0);
    EXPECT_RC(destroy(domid), 0);
}

/* Frames of a domain are told apart by what they are used as. */
static void test_frame_info(void)
{
    uint64_t array[7];
    volatile uint64_t *data;
    unsigned domid;

    REQUIRE(build(&domid, 1, &data));
    for (unsigned i = 0; i < 5; i++)
        array[i] = guest_mfn[i];
    array[5] = mfn_of(&domop);
    array[6] = ~0UL >> 12;
    memset(&domop, 0, sizeof(domop));
    domop.u.getpageframeinfo3.num = 7;
    domop.u.getpageframeinfo3.array = (uint64_t)array;
    EXPECT_RC(domctl(XEN_DOMCTL_getpageframeinfo3, domid), 0);
    EXPECT_EQ((uint32_t)array[0] & XEN_DOMCTL_PFINFO_LTABTYPE_MASK, XEN_DOMCTL_PFINFO_L4TAB);
    EXPECT_EQ((uint32_t)array[1], XEN_DOMCTL_PFINFO_L3TAB);
    EXPECT_EQ((uint32_t)array[2], XEN_DOMCTL_PFINFO_L2TAB);
    EXPECT_EQ((uint32_t)array[3], XEN_DOMCTL_PFINFO_L1TAB);
    EXPECT_EQ((uint32_t)array[4], XEN_DOMCTL_PFINFO_NOTAB);
    EXPECT_EQ((uint32_t)array[5], XEN_DOMCTL_PFINFO_XTAB);
    EXPECT_EQ((uint32_t)array[6], XEN_DOMCTL_PFINFO_XTAB);
    domop.u.getpageframeinfo3.num = 1025;
    EXPECT_RC(domctl(XEN_DOMCTL_getpageframeinfo3, domid), -E2BIG);
    unmap_frame(4);
    tree_drop(&window);
    EXPECT_RC(destroy(domid), 0);
}

/* Domains come and go, at any point of their making, and leave nothing behind. */
static void test_many(void)
{
    static uint64_t list[GUEST_PAGES];
    uint64_t before = free_pages();

    for (unsigned round = 0; round < 20; round++) {
        unsigned domid;

        REQUIRE_RC(create(0, 1 + round % 4, &domid), 0);
        if (round % 5 > 0)
            EXPECT_RC(max_mem(domid, GUEST_PAGES), 0);
        if (round % 5 > 1)
            EXPECT_RC(make_vcpus(domid, 1 + round % 4), 0);
        if (round % 5 > 2) {
            for (unsigned i = 0; i < GUEST_PAGES; i++)
                list[i] = i;
            EXPECT_RC(populate(domid, list, GUEST_PAGES / 4, 2), GUEST_PAGES / 4);
        }
        EXPECT_RC(destroy(domid), 0);
        for (unsigned i = 0; i < 1000 && info_of(domid).domain == domid; i++)
            hc_sched_op(SCHEDOP_yield, 0);
        EXPECT(info_of(domid).domain != domid);
    }
    expect_free(before);
}

/* What createdomain refuses. */
static void test_create_bad(void)
{
    unsigned domid, other;

    EXPECT(create(0, 0, &domid) < 0);
    EXPECT(create(0, 100000, &domid) < 0);
    EXPECT_RC(create(0, 1, &domid), 0);
    EXPECT_RC(create(domid, 1, &other), -EEXIST);
    EXPECT_RC(make_vcpus(domid, 2), -EINVAL);
    EXPECT_RC(destroy(domid), 0);
    memset(&domop, 0, sizeof(domop));
    domop.u.createdomain.max_vcpus = 1;
    domop.u.createdomain.flags = ~0u;
    domop.u.createdomain.grant_opts = 1;
    EXPECT_RC(domctl(XEN_DOMCTL_createdomain, 0), -EINVAL);
    memset(&domop, 0, sizeof(domop));
    domop.u.createdomain.max_vcpus = 1;
    domop.u.createdomain.max_grant_frames = -1;
    domop.u.createdomain.max_maptrack_frames = -1;
    domop.u.createdomain.grant_opts = 0x13;
    EXPECT_RC(domctl(XEN_DOMCTL_createdomain, 0), -EINVAL);
}

/* What every domctl refuses: version, domain, own domain, unknown number. */
static void test_domctl_bad(void)
{
    unsigned domid;

    REQUIRE_RC(create(0, 1, &domid), 0);
    memset(&domop, 0, sizeof(domop));
    domop.cmd = XEN_DOMCTL_pausedomain;
    domop.domain = (domid_t)domid;
    domop.interface_version = XEN_DOMCTL_INTERFACE_VERSION - 1;
    EXPECT_RC(HC_1(__HYPERVISOR_domctl, &domop), -EACCES);
    EXPECT_RC(HC_1(__HYPERVISOR_domctl, 0x800000000000), -EFAULT);
    EXPECT_RC(domctl(XEN_DOMCTL_pausedomain, 12345), -ESRCH);
    EXPECT_RC(domctl(XEN_DOMCTL_pausedomain, 0), -EINVAL);
    EXPECT_RC(domctl(XEN_DOMCTL_destroydomain, 0), -EINVAL);
    EXPECT_RC(domctl(XEN_DOMCTL_getdomaininfo, 0x7000), -ESRCH);
    EXPECT_RC(domctl(6, domid), -ENOSYS);
    EXPECT_RC(domctl(999, domid), -ENOSYS);
    EXPECT_RC(domctl(0xffffffff, domid), -ENOSYS);
    EXPECT_RC(destroy(domid), 0);
}

/* --- memory -------------------------------------------------------------------------------------
 */

/* The limit holds: populate stops there, and says how far it came. */
static void test_limit(void)
{
    static uint64_t list[GUEST_PAGES + 8];
    unsigned domid;

    REQUIRE_RC(create(0, 1, &domid), 0);
    EXPECT_RC(max_mem(domid, GUEST_PAGES), 0);
    for (unsigned i = 0; i < GUEST_PAGES + 8; i++)
        list[i] = i;
    EXPECT_RC(populate(domid, list, GUEST_PAGES + 8, 0), GUEST_PAGES);
    EXPECT_EQ(info_of(domid).tot_pages, GUEST_PAGES);
    EXPECT_EQ(info_of(domid).max_pages, GUEST_PAGES);
    EXPECT_EQ(list[GUEST_PAGES], GUEST_PAGES); /* untouched */
    /* Others' frames are not given back. */
    list[0] = mfn_of(&domop);
    struct xen_memory_reservation r = {
        .extent_start = (uint64_t)list, .nr_extents = 1, .domid = (domid_t)domid};
    EXPECT_RC(hc_memory_op(XENMEM_decrease_reservation, &r), 0);
    EXPECT_RC(destroy(domid), 0);
}

/* A claim holds memory back until it is used or given up. */
static void test_claim(void)
{
    struct xen_memory_reservation r = {.nr_extents = 100};
    unsigned domid;

    REQUIRE_RC(create(0, 1, &domid), 0);
    EXPECT_RC(max_mem(domid, GUEST_PAGES * 4), 0);
    r.domid = (domid_t)domid;
    EXPECT_RC(hc_memory_op(XENMEM_claim_pages, &r), 0);
    EXPECT_EQ(info_of(domid).outstanding_pages, 100);
    memset(&sysop, 0, sizeof(sysop));
    EXPECT_RC(sysctl(XEN_SYSCTL_physinfo), 0);
    EXPECT_EQ(sysop.u.physinfo.outstanding_pages, 100);
    r.nr_extents = 0;
    EXPECT_RC(hc_memory_op(XENMEM_claim_pages, &r), 0);
    EXPECT_EQ(info_of(domid).outstanding_pages, 0);
    r.nr_extents = 1UL << 40;
    EXPECT(hc_memory_op(XENMEM_claim_pages, &r) < 0);
    r.extent_order = 1;
    EXPECT_RC(hc_memory_op(XENMEM_claim_pages, &r), -EINVAL);
    EXPECT_RC(destroy(domid), 0);
}

/* What one domain claims no other gets, and dom0's tools are told that there is too little; the
 * claimant gets it, once and no more than its limit. */
static void test_claim_holds(void)
{
    static uint64_t list[GUEST_PAGES];
    struct xen_memory_reservation r = {0};
    uint64_t before = free_pages();
    unsigned one, other;

    REQUIRE_RC(create(0, 1, &one), 0);
    REQUIRE_RC(create(0, 1, &other), 0);
    EXPECT_RC(max_mem(one, (unsigned)before), 0);
    EXPECT_RC(max_mem(other, (unsigned)before), 0);
    r.domid = (domid_t)one;
    r.nr_extents = before + 1; /* above its limit */
    EXPECT_RC(hc_memory_op(XENMEM_claim_pages, &r), -EINVAL);
    r.nr_extents = before; /* but the two domains themselves took some */
    EXPECT_RC(hc_memory_op(XENMEM_claim_pages, &r), -ENOMEM);
    r.nr_extents = free_pages() - GUEST_PAGES / 2;
    EXPECT_RC(hc_memory_op(XENMEM_claim_pages, &r), 0);
    EXPECT_RC(hc_memory_op(XENMEM_claim_pages, &r), -EINVAL); /* one at a time */
    EXPECT(populate(other, list, GUEST_PAGES, 0) <= GUEST_PAGES / 2);
    EXPECT_RC(populate(one, list, GUEST_PAGES, 0), GUEST_PAGES);
    EXPECT_EQ(info_of(one).outstanding_pages, r.nr_extents - GUEST_PAGES);
    EXPECT_RC(destroy(one), 0);
    memset(&sysop, 0, sizeof(sysop));
    EXPECT_RC(sysctl(XEN_SYSCTL_physinfo), 0);
    EXPECT_EQ(sysop.u.physinfo.outstanding_pages, 0);
    EXPECT_EQ(populate(other, list, GUEST_PAGES / 2, 0), GUEST_PAGES / 2);
    EXPECT_RC(destroy(other), 0);
    expect_free(before);
}

/* The grant table of another domain can be asked for, mapped and seeded. */
static void test_resource(void)
{
    struct xen_mem_acquire_resource res = {.type = XENMEM_resource_grant_table};
    uint64_t frame = 0;
    unsigned domid;

    REQUIRE_RC(create(0, 1, &domid), 0);
    res.domid = (domid_t)domid;
    EXPECT_RC(hc_memory_op(XENMEM_acquire_resource, &res), 0);
    EXPECT_EQ(res.nr_frames, 4);
    res.nr_frames = 1;
    res.frame_list = (uint64_t)&frame;
    EXPECT_RC(hc_memory_op(XENMEM_acquire_resource, &res), 0);
    EXPECT(frame != 0);
    REQUIRE(tree_make(&window, 0x10000000000UL));
    EXPECT_RC(mmu_update_for(pte_machine(&window.l1[0]) | MMU_PT_UPDATE_NO_TRANSLATE,
                             frame * PAGE_SIZE | RW_FLAGS, domid),
              0);
    *(volatile uint32_t *)window.va = 0;
    EXPECT_RC(mmu_update1(pte_machine(&window.l1[0]), 0), 0);
    tree_drop(&window);
    res.frame = 4;
    EXPECT(hc_memory_op(XENMEM_acquire_resource, &res) < 0);
    res.pad = 1;
    EXPECT_RC(hc_memory_op(XENMEM_acquire_resource, &res), -EINVAL);
    EXPECT_RC(destroy(domid), 0);
}

/* --- CPU policy ---------------------------------------------------------------------------------
 */

static struct xen_cpuid_leaf leaves[256];
static struct xen_msr_entry msrs[8];

/* A policy goes out, comes back changed, and is fixed once the domain has run. */
static void test_cpu_policy(void)
{
    unsigned domid, nr;

    memset(&sysop, 0, sizeof(sysop));
    sysop.u.cpu_policy.index = XEN_SYSCTL_cpu_policy_pv_default;
    EXPECT_RC(sysctl(XEN_SYSCTL_get_cpu_policy), 0);
    REQUIRE(sysop.u.cpu_policy.nr_leaves > 20 && sysop.u.cpu_policy.nr_leaves <= 256);
    sysop.u.cpu_policy.leaves = (uint64_t)leaves;
    EXPECT_RC(sysctl(XEN_SYSCTL_get_cpu_policy), 0);
    nr = sysop.u.cpu_policy.nr_leaves;
    EXPECT_EQ(leaves[0].leaf, 0);
    sysop.u.cpu_policy.nr_leaves = 1;
    EXPECT_RC(sysctl(XEN_SYSCTL_get_cpu_policy), -ENOBUFS);

    REQUIRE_RC(create(0, 1, &domid), 0);
    memset(&domop, 0, sizeof(domop));
    domop.u.cpu_policy.nr_leaves = nr;
    domop.u.cpu_policy.leaves = (uint64_t)leaves;
    EXPECT_RC(domctl(XEN_DOMCTL_set_cpu_policy, domid), 0);
    domop.u.cpu_policy.nr_leaves = 256;
    domop.u.cpu_policy.leaves = (uint64_t)leaves;
    domop.u.cpu_policy.nr_msrs = 8;
    domop.u.cpu_policy.msrs = (uint64_t)msrs;
    EXPECT_RC(domctl(XEN_DOMCTL_get_cpu_policy, domid), 0);
    EXPECT(domop.u.cpu_policy.nr_leaves > 20);
    leaves[0].leaf = 0x12345678;
    domop.u.cpu_policy.nr_leaves = 1;
    domop.u.cpu_policy.nr_msrs = 0;
    EXPECT_RC(domctl(XEN_DOMCTL_set_cpu_policy, domid), -ERANGE);
    EXPECT_EQ(domop.u.cpu_policy.err_leaf, 0x12345678);
    EXPECT_RC(destroy(domid), 0);
}

/* The audit finds nothing wrong, with a live guest and after all of the above. */
static void test_audit(void)
{
    volatile uint64_t *data;
    unsigned domid;

    if (!on_pavis) {
        test_skip("Xen has no audit");
        return;
    }
    REQUIRE(build(&domid, 1, &data));
    EXPECT_RC(domctl(XEN_DOMCTL_unpausedomain, domid), 0);
    EXPECT(wait_for(&data[0], 10));
    EXPECT(audit_clean());
    unmap_frame(4);
    tree_drop(&window);
    EXPECT_RC(destroy(domid), 0);
}

TESTS("domains", T(domctl_bad), T(create_bad), T(many), T(limit), T(claim), T(claim_holds),
      T(resource), T(cpu_policy), T(life), T(context), T(restored_context), T(context_bad),
      T(late_vcpu), T(nodes), T(frame_info), T(audit));
