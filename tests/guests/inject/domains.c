/* SPDX-License-Identifier: GPL-2.0-only */
/* Scenarios of other domains, from createdomain to their end: see scenarios.h. */
#include "inject/inject.h"
#include "scenarios.h"
#include "second.h"
#include "test.h"

#include "abi/domctl.h"
#include "abi/sysctl.h"

#define NR_FRAMES 64
#define WINDOW    0x30000000000UL
#define GUEST_VA  0x400000UL

static struct xen_domctl op;
static domid_t made; /* 0: none */
static struct tree window;
static xen_pfn_t frames[NR_FRAMES];

static long domctl(unsigned cmd)
{
    op.cmd = cmd;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.domain = made;
    return HC_1(__HYPERVISOR_domctl, &op);
}

#define DOMCTL(command, ...)                                                                       \
    do {                                                                                           \
        op = (struct xen_domctl){__VA_ARGS__};                                                     \
        TRY_CALL(domctl(XEN_DOMCTL_##command));                                                    \
    } while (0)

/* Always of the same number: for each 512 numbers there are pages that stay. */
#define NUMBER 77

static long create_as(domid_t number)
{
    op = (struct xen_domctl){.cmd = XEN_DOMCTL_createdomain,
                             .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
                             .domain = number};
    op.u.createdomain.handle[0] = 0xfa;
    op.u.createdomain.max_vcpus = 2;
    op.u.createdomain.max_evtchn_port = 1023;
    op.u.createdomain.max_grant_frames = 4;
    op.u.createdomain.max_maptrack_frames = 4;
    op.u.createdomain.grant_opts = 1;
    TRY_CALL(HC_1(__HYPERVISOR_domctl, &op));
    made = op.domain;
    return 0;
}

static long create(void)
{
    return create_as(NUMBER);
}

/* Its end, and the wait until nothing of it is left. */
static void destroy(void)
{
    domid_t was = made;

    if (!made)
        return;
    op = (struct xen_domctl){0};
    EXPECT_RC(domctl(XEN_DOMCTL_destroydomain), 0);
    for (unsigned i = 0; i < 1000 && domctl(XEN_DOMCTL_getdomaininfo) != -ESRCH; i++)
        made = was;
    EXPECT_RC(domctl(XEN_DOMCTL_getdomaininfo), -ESRCH);
    made = 0;
}

/* --- a domain and its vCPUs --------------------------------------------------------------------
 */

static long run_domain(void)
{
    TRY_CALL(create());
    DOMCTL(max_vcpus, .u.max_vcpus.max = 2);
    destroy();
    return 0;
}

DEFINE_SCENARIO(domain, NULL, run_domain, destroy);

/* The first of 512 numbers needs pages of its own, which stay: two, whichever attempt made them. */
long first_of_numbers(unsigned range)
{
    TRY_CALL(create_as((domid_t)(1024 + 512 * range)));
    destroy();
    return 0;
}

void tidy_numbers(void)
{
    destroy();
}

/* --- its memory --------------------------------------------------------------------------------
 */

static long populate(unsigned first, unsigned nr, unsigned order)
{
    struct xen_memory_reservation r = {.extent_start = (guest_ptr_t)&frames[first],
                                       .nr_extents = nr >> order,
                                       .extent_order = order,
                                       .domid = made};
    long done;

    for (unsigned i = 0; i < nr >> order; i++)
        frames[first + i] = first + (i << order);
    done = hc_memory_op(XENMEM_populate_physmap, &r);
    return done < 0 ? done : done == nr >> order ? 0 : -ENOMEM;
}

static long claim(unsigned nr)
{
    struct xen_memory_reservation r = {.nr_extents = nr, .domid = made};

    return hc_memory_op(XENMEM_claim_pages, &r);
}

static long run_domain_memory(void)
{
    struct xen_memory_reservation give = {.extent_start = (guest_ptr_t)frames, .nr_extents = 16};
    struct xen_mem_acquire_resource res = {
        .type = XENMEM_resource_grant_table, .nr_frames = 4, .frame_list = (guest_ptr_t)frames};

    TRY_CALL(create());
    DOMCTL(max_mem, .u.max_mem.max_memkb = NR_FRAMES * 4);
    TRY_CALL(claim(NR_FRAMES));
    TRY_CALL(populate(0, 32, 0));
    TRY_CALL(populate(32, 32, 3));
    TRY_CALL(claim(0));
    give.domid = res.domid = made;
    if (hc_memory_op(XENMEM_decrease_reservation, &give) != 16)
        return -EIO;
    TRY_CALL(populate(0, 16, 0));
    TRY_CALL(hc_memory_op(XENMEM_acquire_resource, &res));
    destroy();
    return 0;
}

DEFINE_SCENARIO(domain_memory, NULL, run_domain_memory, destroy);

/* --- what tools set ----------------------------------------------------------------------------
 */

static long run_domain_settings(void)
{
    static struct xen_cpuid_leaf leaves[256];
    static struct xen_msr_entry msrs[8];
    static struct xen_domctl_getdomaininfo infos[4];
    static uint8_t e820[20] = {[8] = 0x10, [16] = 1};
    static uint8_t map[64 * 20];
    static uint8_t affinity[8] = {1};
    struct xen_foreign_memory_map set = {.map = {1, (guest_ptr_t)e820}};
    struct xen_memory_map machine = {64, (guest_ptr_t)map};
    static struct xen_sysctl sys;

    TRY_CALL(create());
    DOMCTL(max_vcpus, .u.max_vcpus.max = 2);
    DOMCTL(get_cpu_policy, .u.cpu_policy = {.nr_leaves = 256,
                                            .leaves = (guest_ptr_t)leaves,
                                            .nr_msrs = 8,
                                            .msrs = (guest_ptr_t)msrs});
    DOMCTL(set_cpu_policy, .u.cpu_policy = {.nr_leaves = 1, .leaves = (guest_ptr_t)leaves});
    DOMCTL(settscinfo, .u.tsc_info = {.tsc_mode = 2});
    for (unsigned i = 0; i < 12; i++) {
        DOMCTL(ioport_permission, .u.ioport_permission = {0x100 + i * 0x10, 4, 1});
        DOMCTL(iomem_permission, .u.iomem_permission = {0xa0 + i * 2, 1, 1});
    }
    DOMCTL(irq_permission, .u.irq_permission = {.pirq = 9, .allow_access = 1});
    DOMCTL(setvcpuaffinity, .u.vcpuaffinity = {.flags = XEN_VCPUAFFINITY_SOFT,
                                               .cpumap_soft = {(guest_ptr_t)affinity, 64}});
    set.domid = made;
    TRY_CALL(hc_memory_op(XENMEM_set_memory_map, &set));
    TRY_CALL(hc_memory_op(XENMEM_set_memory_map, &set));
    TRY_CALL(hc_memory_op(XENMEM_machine_memory_map, &machine));
    sys = (struct xen_sysctl){.cmd = XEN_SYSCTL_getdomaininfolist,
                              .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
    sys.u.getdomaininfolist.max_domains = 4;
    sys.u.getdomaininfolist.buffer = (guest_ptr_t)infos;
    TRY_CALL(HC_1(__HYPERVISOR_sysctl, &sys));
    /* As many as were done come back; the caller asks for the rest. */
    for (unsigned done = 0; done < 8; done += sys.u.pcitopoinfo.num_devs) {
        sys = (struct xen_sysctl){.cmd = XEN_SYSCTL_pcitopoinfo,
                                  .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
        sys.u.pcitopoinfo.num_devs = 8 - done;
        sys.u.pcitopoinfo.devs = (guest_ptr_t)map;
        sys.u.pcitopoinfo.nodes = (guest_ptr_t)infos;
        TRY_CALL(HC_1(__HYPERVISOR_sysctl, &sys));
    }
    sys = (struct xen_sysctl){.cmd = XEN_SYSCTL_get_cpu_policy,
                              .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
    sys.u.cpu_policy.index = XEN_SYSCTL_cpu_policy_pv_max;
    sys.u.cpu_policy.nr_leaves = 256;
    sys.u.cpu_policy.leaves = (guest_ptr_t)leaves;
    TRY_CALL(HC_1(__HYPERVISOR_sysctl, &sys));
    destroy();
    return 0;
}

DEFINE_SCENARIO(domain_settings, NULL, run_domain_settings, destroy);

/* --- tables, descriptors, context --------------------------------------------------------------
 */

static long show(unsigned i, uint64_t mfn)
{
    return mmu_update_for(pte_machine(&window.l1[i]), mfn ? mfn * PAGE_SIZE | RW_FLAGS : 0,
                          mfn ? made : DOMID_SELF);
}

static void tidy_context(void)
{
    for (unsigned i = 0; i < 4; i++)
        EXPECT_RC(show(i, 0), 0);
    mmuext1(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
    destroy();
}

/* Frames 0 to 3 are L4 to L1, from 5 on further L1 tables; 4 is mapped in all of them. */
static long write_tables(void)
{
    static const unsigned slot[] = {L4_SLOT(GUEST_VA), L3_SLOT(GUEST_VA), L2_SLOT(GUEST_VA),
                                    L1_SLOT(GUEST_VA)};

    for (unsigned i = 0; i < 16; i++) {
        uint64_t *t = (uint64_t *)WINDOW;

        if (i == 4)
            continue;
        TRY_CALL(show(0, frames[i]));
        mmuext1(MMUEXT_INVLPG_LOCAL, WINDOW, 0);
        if (i < 4)
            t[slot[i]] = frames[i + 1] * PAGE_SIZE | TABLE_FLAGS;
        else
            t[7] = frames[4] * PAGE_SIZE | RW_FLAGS;
        for (unsigned j = 5; i == 2 && j < 16; j++)
            t[slot[2] + j] = frames[j] * PAGE_SIZE | TABLE_FLAGS;
    }
    return show(0, 0);
}

static long pin_theirs(unsigned cmd, uint64_t mfn)
{
    struct mmuext_op what = {.cmd = cmd, .arg1.mfn = mfn};

    return hc_mmuext_op(&what, 1, 0, made);
}

/* Two vCPUs with a root and a GDT each, one in user mode's too; death has all of it to take down.
 */
static long run_domain_context(void)
{
    static struct vcpu_guest_context c;
    static uint8_t extended[8192];
    static struct xen_domctl_vcpu_msr msr[8];

    if (!window.l1)
        EXPECT(tree_make(&window, WINDOW));
    TRY_CALL(create());
    DOMCTL(max_vcpus, .u.max_vcpus.max = 2);
    DOMCTL(max_mem, .u.max_mem.max_memkb = NR_FRAMES * 4);
    TRY_CALL(populate(0, 32, 0));
    TRY_CALL(write_tables());
    TRY_CALL(pin_theirs(MMUEXT_PIN_L4_TABLE, frames[0]));
    for (unsigned vcpu = 0; vcpu < 2; vcpu++) {
        c = (struct vcpu_guest_context){.flags = VGCF_in_kernel | VGCF_online};
        c.user_regs.rip = GUEST_VA;
        c.user_regs.cs = FLAT_KERNEL_CS;
        c.user_regs.ss = c.kernel_ss = FLAT_KERNEL_SS;
        c.ctrlreg[3] = frames[0] * PAGE_SIZE;
        c.ctrlreg[1] = vcpu ? frames[0] * PAGE_SIZE | 1 : 0;
        c.gdt_ents = 1024;
        c.gdt_frames[0] = frames[20 + vcpu];
        c.gdt_frames[1] = frames[22];
        DOMCTL(setvcpucontext, .u.vcpucontext = {vcpu, (guest_ptr_t)&c});
        DOMCTL(getvcpucontext, .u.vcpucontext = {vcpu, (guest_ptr_t)&c});
    }
    if (have_xsave()) {
        DOMCTL(getvcpuextstate, .u.vcpuextstate = {.vcpu = 0});
        DOMCTL(getvcpuextstate, .u.vcpuextstate = {.size = op.u.vcpuextstate.size,
                                                   .xfeature_mask = op.u.vcpuextstate.xfeature_mask,
                                                   .buffer = (guest_ptr_t)extended});
        DOMCTL(setvcpuextstate, .u.vcpuextstate = {.size = op.u.vcpuextstate.size,
                                                   .xfeature_mask = op.u.vcpuextstate.xfeature_mask,
                                                   .buffer = (guest_ptr_t)extended});
    }
    DOMCTL(get_vcpu_msrs, .u.vcpu_msrs = {.msr_count = 8, .msrs = (guest_ptr_t)msr});
    TRY_CALL(pin_theirs(MMUEXT_UNPIN_TABLE, frames[0]));
    TRY_CALL(pin_theirs(MMUEXT_PIN_L3_TABLE, frames[1]));
    tidy_context();
    return 0;
}

DEFINE_SCENARIO(domain_context, NULL, run_domain_context, tidy_context);

/* --- event channels ----------------------------------------------------------------------------
 */

/* More ports than a page has, most of them one end of a channel to us; reset, and death of the
 * rest. */
static long run_ports(void)
{
    struct evtchn_reset reset;

    TRY_CALL(create());
    DOMCTL(max_vcpus, .u.max_vcpus.max = 2);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 300; i++) {
            struct evtchn_alloc_unbound alloc = {made, DOMID_SELF, 0};

            TRY_CALL(hc_event_op(EVTCHNOP_alloc_unbound, &alloc));
            if (i % 4) {
                struct evtchn_bind_interdomain bind = {made, alloc.port, 0};

                TRY_CALL(hc_event_op(EVTCHNOP_bind_interdomain, &bind));
            }
        }
        reset.dom = made;
        if (!round)
            TRY_CALL(hc_event_op(EVTCHNOP_reset, &reset));
        /* Our ends wait for a domain now that is about to go. */
        reset.dom = DOMID_SELF;
        if (round)
            destroy();
        TRY_CALL(hc_event_op(EVTCHNOP_reset, &reset));
    }
    return 0;
}

static void tidy_ports(void)
{
    struct evtchn_reset reset = {DOMID_SELF};

    destroy();
    EXPECT_RC(hc_event_op(EVTCHNOP_reset, &reset), 0);
}

DEFINE_SCENARIO(ports, NULL, run_ports, tidy_ports);

/* --- a domain that runs ------------------------------------------------------------------------
 */

/* It maps what we lend to it, lends to us, gives memory back and takes it again, and writes to its
 * console; then it dies while we map a page of it. */

#define NR_LENT 40

static uint64_t lent[512] __attribute__((aligned(4096)));
static struct grant_entry_v1 table[512] __attribute__((aligned(4096)));
static uint64_t borrowed[NR_LENT][512] __attribute__((aligned(4096)));
static xen_pfn_t list[NR_LENT];
static struct gnttab_map_grant_ref map;
static bool alive;

static long lend(domid_t to, uint64_t mfn)
{
    xen_pfn_t frame = 0;
    struct gnttab_setup_table setup = {
        .dom = DOMID_SELF, .nr_frames = 1, .frame_list = (guest_ptr_t)&frame};

    TRY_CALL(hc_grant_op(GNTTABOP_setup_table, &setup, 1));
    TRY_CALL(setup.status);
    TRY_CALL(hc_update_va(table, frame * PAGE_SIZE | RW_FLAGS, UVMF_INVLPG));
    for (unsigned i = 0; i < NR_LENT; i++)
        table[8 + i] = (struct grant_entry_v1){GTF_permit_access, to, (uint32_t)mfn};
    return 0;
}

static long borrow_all(void)
{
    static struct gnttab_map_grant_ref maps[NR_LENT];

    for (unsigned i = 0; i < NR_LENT; i++)
        maps[i] = (struct gnttab_map_grant_ref){
            .host_addr = (uint64_t)borrowed[i], .flags = GNTMAP_host_map, .ref = 8 + i, .dom = 0};
    TRY_CALL(hc_grant_op(GNTTABOP_map_grant_ref, maps, NR_LENT));
    for (unsigned i = 0; i < NR_LENT; i++)
        TRY_CALL(maps[i].status == GNTST_no_device_space ? -ENOMEM : maps[i].status);
    return 0;
}

/* Frames in[0] and following, which it does not map. */
static long balloon(void)
{
    struct xen_memory_reservation r = {
        .extent_start = (guest_ptr_t)list, .nr_extents = 7, .domid = DOMID_SELF};

    for (unsigned i = 0; i < 7; i++)
        list[i] = arg.in[1 + i];
    if (hc_memory_op(XENMEM_decrease_reservation, &r) != 7)
        return -EIO;
    for (unsigned i = 0; i < 7; i++)
        list[i] = i;
    return hc_memory_op(XENMEM_populate_physmap, &r) == 7 ? 0 : -ENOMEM;
}

static void idle(void)
{
    for (;;)
        hc_sched_op(SCHEDOP_yield, 0);
}

static long second_vcpu(void)
{
    static struct vcpu_guest_context c;
    static uint8_t stack[4096];

    c = (struct vcpu_guest_context){.flags = VGCF_IN_KERNEL};
    c.user_regs.rip = (uint64_t)idle;
    c.user_regs.rsp = (uint64_t)stack + sizeof(stack) - 8;
    c.user_regs.cs = FLAT_KERNEL_CS;
    c.user_regs.ss = FLAT_KERNEL_SS;
    c.ctrlreg[3] = ctl.tables[0] * PAGE_SIZE;
    TRY_CALL(hc_vcpu_op(VCPUOP_initialise, 1, &c));
    return hc_vcpu_op(VCPUOP_up, 1, 0);
}

/* A tree of two levels, pinned by its top and taken apart again. */
static long their_tables(void)
{
    static uint64_t tree[9][512] __attribute__((aligned(4096)));
    uint64_t mfn[9];
    struct mmuext_op pin = {.cmd = MMUEXT_PIN_L2_TABLE};

    for (unsigned i = 0; i < 9; i++)
        mfn[i] = ctl.mfns[image_page(tree[i])];
    for (unsigned i = 1; i < 9; i++) {
        tree[i][i] = mfn[0] * PAGE_SIZE | RO_FLAGS;
        tree[0][i * 3] = mfn[i] * PAGE_SIZE | TABLE_FLAGS;
    }
    for (unsigned i = 0; i < 9; i++)
        TRY_CALL(hc_update_va(tree[i], mfn[i] * PAGE_SIZE | RO_FLAGS, UVMF_INVLPG));
    pin.arg1.mfn = mfn[0];
    TRY_CALL(hc_mmuext_op(&pin, 1, 0, DOMID_SELF));
    pin.cmd = MMUEXT_UNPIN_TABLE;
    return hc_mmuext_op(&pin, 1, 0, DOMID_SELF);
}

static uint8_t map_entries[4 * 20];
static struct xen_memory_map memory_map;

static long their_part(void)
{
    struct evtchn_alloc_unbound unbound = {DOMID_SELF, 0, 0};
    struct gnttab_setup_table grow = {.dom = DOMID_SELF, .nr_frames = 3};
    xen_pfn_t grown[3];

    memory_map = (struct xen_memory_map){4, (guest_ptr_t)map_entries};
    TRY_CALL(lend(0, ctl.mfns[image_page(lent)]));
    TRY_CALL(their_tables());
    TRY_CALL(borrow_all());
    for (unsigned i = 0; i < 300; i++)
        TRY_CALL(hc_event_op(EVTCHNOP_alloc_unbound, &unbound));
    grow.frame_list = (guest_ptr_t)grown;
    TRY_CALL(hc_grant_op(GNTTABOP_setup_table, &grow, 1));
    TRY_CALL(grow.status == GNTST_general_error ? -ENOMEM : grow.status);
    TRY_CALL(hc_console_io(CONSOLEIO_write, 1, "\n"));
    TRY_CALL(hc_memory_op(XENMEM_memory_map, &memory_map));
    TRY_CALL(second_vcpu());
    return balloon();
}

static void second_main(void)
{
    while (!__atomic_load_n(&ctl.command, __ATOMIC_SEQ_CST))
        hc_sched_op(SCHEDOP_yield, 0);
    arg.out[0] = their_part();
    __atomic_store_n(&ctl.done, 1, __ATOMIC_SEQ_CST);
    idle();
}

/* Building it is not part of the scenario: that is done above, and is long. */
static void prepare_life(void)
{
    static uint8_t e820[20] = {[8] = 0x10, [16] = 1};
    struct xen_foreign_memory_map set = {.map = {1, (guest_ptr_t)e820}};
    static bool ready;

    if (!ready) {
        EXPECT_RC(lend(0, mfn_of(lent)), 0);
        EXPECT_RC(create_as(600), 0); /* so that the pages for these numbers are there */
        destroy();
    }
    ready = true;
    alive = second_setup(second_main);
    set.domid = second;
    EXPECT_RC(hc_memory_op(XENMEM_set_memory_map, &set), 0);
    for (unsigned i = 0; i < NR_LENT; i++)
        table[8 + i].domid = second;
    for (unsigned i = 0; i < 7 && alive; i++)
        their_arg->in[1 + i] = second_frames[SECOND_FRAMES - 1 - i];
}

/* Until it is done, or was paused on the way. */
static long wait_for_them(void)
{
    uint64_t end = system_time() + 5000000000;

    __atomic_store_n(&their_ctl->command, 1, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&their_ctl->done, __ATOMIC_SEQ_CST)) {
        if (injected == INJECT_PAUSE && order(INJECT_FAILED, 0, 0))
            return 0;
        if (system_time() > end)
            return -ETIME;
        hc_sched_op(SCHEDOP_yield, 0);
    }
    return 0;
}

static long run_life(void)
{
    TRY_CALL(wait_for_them());
    if (!their_ctl->done)
        return order(INJECT_AUDIT, 0, 0) ? -EIO
                                         : 0; /* stopped in the middle: what it left is sound */
    TRY_CALL(their_arg->out[0]);
    map = (struct gnttab_map_grant_ref){.host_addr = (uint64_t)borrowed[0],
                                        .flags = GNTMAP_host_map,
                                        .ref = 8,
                                        .dom = second,
                                        .status = 1};
    TRY_CALL(hc_grant_op(GNTTABOP_map_grant_ref, &map, 1));
    TRY_CALL(map.status);
    alive = false;
    return second_destroy() ? 0 : -EIO;
}

static void tidy_life(void)
{
    if (alive)
        second_destroy();
    alive = false;
    if (map.status == GNTST_okay && map.dom) {
        struct gnttab_unmap_grant_ref unmap = {.host_addr = map.host_addr, .handle = map.handle};

        EXPECT_RC(hc_grant_op(GNTTABOP_unmap_grant_ref, &unmap, 1), 0);
        EXPECT_RC(unmap.status, GNTST_okay);
        EXPECT_RC(page_writable(borrowed[0]), 0);
    }
    map.dom = 0;
    for (unsigned i = 0; i < 1000; i++)
        if (second_domctl(XEN_DOMCTL_getdomaininfo) == -ESRCH)
            return;
    test_fail(TEST_WHERE, "the domain does not go");
}

DEFINE_SCENARIO(life, prepare_life, run_life, tidy_life);
