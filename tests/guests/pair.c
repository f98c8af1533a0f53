/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two domains: the first one builds a second, unprivileged one, runs it, talks to it through
 * memory, events and grants, and ends it.  The second runs a copy of this very image, entered at
 * second_main(), on page tables that the first one wrote; it has no start_info and prints nothing:
 * it does what the command in its copy of `ctl` says, and answers there.
 */
#include "abi/domctl.h"
#include "abi/platform.h"
#include "abi/sysctl.h"
#include "test.h"

#define WINDOW     0x10000000000UL /* where the first domain sees frames of the second */
#define NR_FRAMES  2048            /* 8 MiB */
#define NR_TABLES  8
#define NR_RESULTS 32

extern char _text[], _end[];

enum command {
    IDLE,
    COUNT,
    BIND_AND_SEND,
    GRANT,
    PRIVILEGED,
    POWER_OFF,
    CRASH,
    FOREIGN,
    SECOND_VCPU,
    PHYSDEV
};

/* One page; the second domain's copy is how the two talk. */
static struct ctl {
    volatile uint32_t command, done;
    volatile uint64_t counter;
    uint64_t mfns[512]; /* of image pages, by page number: its P2M */
} ctl __attribute__((aligned(4096)));

static struct arg {
    volatile uint64_t in[8];
    volatile int64_t out[NR_RESULTS];
} arg __attribute__((aligned(4096)));

static uint8_t second_stack[2][8192] __attribute__((aligned(4096)));
static struct grant_entry_v1 second_grants[512] __attribute__((aligned(4096)));
static uint64_t second_page[512] __attribute__((aligned(4096)));

/* --- the second domain --------------------------------------------------------------------------
 */

static unsigned image_page(const void *va)
{
    return (unsigned)(((uint64_t)va - (uint64_t)_text) / PAGE_SIZE);
}

/* Calls that an unprivileged domain must be refused; out[] gets the results. */
static void privileged_calls(void)
{
    static struct xen_domctl domctl;
    static struct xen_sysctl sysctl;
    static struct xen_platform_op platform;
    struct evtchn_alloc_unbound alloc = {0, DOMID_SELF, 0};
    struct evtchn_bind_virq virq = {VIRQ_DOM_EXC, 0, 0};
    struct physdev_set_iopl iopl = {1};
    struct sched_remote_shutdown remote = {0, SHUTDOWN_poweroff};
    struct xen_memory_map map = {0, 0};
    struct gnttab_setup_table setup = {.dom = 0, .nr_frames = 1};
    xen_commandline_t *cmdline = (void *)second_page;
    domid_t zero = 0;
    unsigned n = 0;

    domctl = (struct xen_domctl){.cmd = XEN_DOMCTL_pausedomain,
                                 .interface_version = XEN_DOMCTL_INTERFACE_VERSION};
    arg.out[n++] = HC_1(__HYPERVISOR_domctl, &domctl);
    sysctl = (struct xen_sysctl){.cmd = XEN_SYSCTL_physinfo,
                                 .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
    arg.out[n++] = HC_1(__HYPERVISOR_sysctl, &sysctl);
    platform = (struct xen_platform_op){.cmd = XENPF_get_cpuinfo,
                                        .interface_version = XENPF_INTERFACE_VERSION};
    arg.out[n++] = HC_1(__HYPERVISOR_platform_op, &platform);
    arg.out[n++] = hc_event_op(EVTCHNOP_alloc_unbound, &alloc);
    arg.out[n++] = hc_event_op(EVTCHNOP_bind_virq, &virq);
    arg.out[n++] = hc_physdev_op(PHYSDEVOP_set_iopl, &iopl);
    arg.out[n++] = hc_sched_op(SCHEDOP_remote_shutdown, &remote);
    arg.out[n++] = hc_memory_op(XENMEM_machine_memory_map, &map);
    arg.out[n++] = hc_memory_op(XENMEM_current_reservation, &zero);
    arg.out[n++] = hc_xen_version(XENVER_commandline, cmdline);
    hc_grant_op(GNTTABOP_setup_table, &setup, 1);
    arg.out[n++] = setup.status;
    arg.out[n++] = hc_mmuext_op(&(struct mmuext_op){.cmd = MMUEXT_FLUSH_CACHE}, 1, 0, DOMID_SELF);
    arg.out[n++] = hc_mmuext_op(&(struct mmuext_op){.cmd = MMUEXT_TLB_FLUSH_LOCAL}, 1, 0, 0);
    arg.out[n] = 1;
}

/* in[0] is a frame of the first domain: it can be mapped in no way. */
static void foreign_maps(void)
{
    uint64_t va = (uint64_t)second_page, mfn = arg.in[0];
    struct mmu_update update = {arg.in[1], mfn * PAGE_SIZE | RO_FLAGS};

    arg.out[0] = hc_update_va(va, mfn * PAGE_SIZE | RO_FLAGS, UVMF_INVLPG);
    arg.out[1] = hc_update_va(va, mfn * PAGE_SIZE | RW_FLAGS, UVMF_INVLPG);
    arg.out[2] = hc_mmu_update(&update, 1, 0, DOMID_SELF);
    arg.out[3] = hc_mmu_update(&update, 1, 0, 0);
    arg.out[4] = hc_mmu_update(&update, 1, 0, DOMID_IO);
    arg.out[5] = hc_mmu_update(&update, 1, 0, DOMID_XEN);
    arg.out[6] = hc_update_va(va, 0xfee00000 | RW_FLAGS, UVMF_INVLPG);
    arg.out[7] = hc_update_va(va, 0xb8000 | RW_FLAGS, UVMF_INVLPG);
    update = (struct mmu_update){mfn * PAGE_SIZE, 0}; /* a table of another's */
    arg.out[8] = hc_mmu_update(&update, 1, 0, DOMID_SELF);
    arg.out[9] = hc_mmu_update(&update, 1, 0, 1U << 16 | DOMID_SELF);
    arg.out[10] = second_page[0] == 0x5ec0; /* the old mapping is still there */
}

/* Every number of physdev_op, with a page of zeroes as its structure. */
static void physdev_calls(void)
{
    for (unsigned cmd = 0; cmd < NR_RESULTS; cmd++) {
        memset(second_page, 0, PAGE_SIZE);
        arg.out[cmd] = hc_physdev_op(cmd, second_page);
    }
}

static void bind_and_send(void)
{
    struct evtchn_bind_interdomain bind = {0, (evtchn_port_t)arg.in[0], 0};
    struct evtchn_send send;

    arg.out[0] = hc_event_op(EVTCHNOP_bind_interdomain, &bind);
    send.port = bind.local_port;
    arg.out[1] = hc_event_op(EVTCHNOP_send, &send);
    arg.out[2] = bind.local_port;
}

/* Grant second_page to the first domain: reference 8 writable, 9 read-only. */
static void grant_page(void)
{
    xen_pfn_t frame = 0;
    struct gnttab_setup_table setup = {
        .dom = DOMID_SELF, .nr_frames = 1, .frame_list = (guest_ptr_t)&frame};

    arg.out[0] = hc_grant_op(GNTTABOP_setup_table, &setup, 1);
    arg.out[1] = setup.status;
    arg.out[2] = hc_update_va(second_grants, frame * PAGE_SIZE | RW_FLAGS, UVMF_INVLPG);
    for (unsigned ref = 8; ref < 10; ref++) {
        second_grants[ref].domid = 0;
        second_grants[ref].frame = (uint32_t)ctl.mfns[image_page(second_page)];
        second_grants[ref].flags = ref == 8 ? GTF_permit_access : GTF_permit_access | GTF_readonly;
    }
    second_page[0] = 0x9a9a;
}

static void second_vcpu(void)
{
    for (;;) {
        ctl.counter++;
        hc_sched_op(SCHEDOP_yield, 0);
    }
}

static void start_second_vcpu(void)
{
    static struct vcpu_guest_context c;

    c = (struct vcpu_guest_context){.flags = VGCF_IN_KERNEL};
    c.user_regs.rip = (uint64_t)second_vcpu;
    c.user_regs.rsp = (uint64_t)second_stack[1] + sizeof(second_stack[1]) - 8;
    c.user_regs.cs = FLAT_KERNEL_CS;
    c.user_regs.ss = FLAT_KERNEL_SS;
    c.ctrlreg[3] = arg.in[0] * PAGE_SIZE;
    arg.out[0] = hc_vcpu_op(VCPUOP_initialise, 1, &c);
    arg.out[1] = hc_vcpu_op(VCPUOP_up, 1, 0);
}

static void second_main(void)
{
    struct sched_shutdown off = {SHUTDOWN_poweroff};

    for (;;) {
        unsigned now = ctl.command;

        switch (now) {
        case COUNT: ctl.counter++; continue;
        case BIND_AND_SEND: bind_and_send(); break;
        case GRANT: grant_page(); break;
        case PRIVILEGED: privileged_calls(); break;
        case FOREIGN: foreign_maps(); break;
        case SECOND_VCPU: start_second_vcpu(); break;
        case PHYSDEV: physdev_calls(); break;
        case POWER_OFF: hc_sched_op(SCHEDOP_shutdown, &off); break;
        case CRASH: __asm__ volatile("ud2"); break;
        default: hc_sched_op(SCHEDOP_yield, 0); continue;
        }
        ctl.command = IDLE;
        ctl.done = now;
    }
}

/* --- the first domain ---------------------------------------------------------------------------
 */

static struct tree window;
static domid_t second;
static xen_pfn_t frames[NR_FRAMES];
static struct ctl *their_ctl = (struct ctl *)WINDOW;
static struct arg *their_arg = (struct arg *)(WINDOW + PAGE_SIZE);
static struct xen_domctl op;

static long domctl(unsigned cmd)
{
    op.cmd = cmd;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.domain = second;
    return HC_1(__HYPERVISOR_domctl, &op);
}

static uint64_t free_pages(void)
{
    static struct xen_sysctl s;

    s = (struct xen_sysctl){.cmd = XEN_SYSCTL_physinfo,
                            .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
    return HC_1(__HYPERVISOR_sysctl, &s) ? 0 : s.u.physinfo.free_pages + s.u.physinfo.scrub_pages;
}

/* Show frame `mfn` of the second domain in slot i of the window; 0 takes it out. */
static long show(unsigned i, uint64_t mfn)
{
    long rc = mmu_update_for(pte_machine(&window.l1[i]), mfn ? mfn * PAGE_SIZE | RW_FLAGS : 0,
                             mfn ? second : DOMID_SELF);

    mmuext1(MMUEXT_INVLPG_LOCAL, WINDOW + i * PAGE_SIZE, 0);
    return rc;
}

static bool create(void)
{
    op = (struct xen_domctl){.cmd = XEN_DOMCTL_createdomain,
                             .interface_version = XEN_DOMCTL_INTERFACE_VERSION};
    op.u.createdomain.handle[0] = 0x42;
    op.u.createdomain.max_vcpus = 2;
    op.u.createdomain.max_evtchn_port = 1023;
    op.u.createdomain.max_grant_frames = 4;
    op.u.createdomain.max_maptrack_frames = 4;
    op.u.createdomain.grant_opts = 1;
    if (HC_1(__HYPERVISOR_domctl, &op))
        return false;
    second = op.domain;
    op.u.max_vcpus.max = 2;
    if (domctl(XEN_DOMCTL_max_vcpus))
        return false;
    op.u.max_mem.max_memkb = NR_FRAMES * 4;
    return domctl(XEN_DOMCTL_max_mem) == 0;
}

static bool populate(void)
{
    struct xen_memory_reservation r = {
        .extent_start = (guest_ptr_t)frames, .nr_extents = NR_FRAMES, .domid = second};

    for (unsigned i = 0; i < NR_FRAMES; i++)
        frames[i] = i;
    return hc_memory_op(XENMEM_populate_physmap, &r) == NR_FRAMES;
}

static bool fill(unsigned frame, const void *contents)
{
    if (show(2, frames[frame]))
        return false;
    memcpy((void *)(WINDOW + 2 * PAGE_SIZE), contents, PAGE_SIZE);
    return true;
}

/*
 * Frames 0..7: L4, L3, L2, and L1 tables; from 8 on the image, in order.  The image's pages are
 * mapped where this image has them; tables are not mapped in the second domain at all.
 */
static bool build(void)
{
    static uint64_t table[512];
    unsigned pages = (unsigned)((_end - _text) / (long)PAGE_SIZE);
    uint64_t va = (uint64_t)_text;

    if (L1_SLOT(va) + pages > 5 * 512)
        return false;
    if (!fill(0, table)) /* shows that the window works before anything is in it */
        return false;
    for (unsigned i = 0; i < pages; i++)
        if (!fill(NR_TABLES + i, _text + i * PAGE_SIZE))
            return false;
    table[L4_SLOT(va)] = frames[1] * PAGE_SIZE | TABLE_FLAGS;
    if (!fill(0, table))
        return false;
    memset(table, 0, PAGE_SIZE);
    table[L3_SLOT(va)] = frames[2] * PAGE_SIZE | TABLE_FLAGS;
    if (!fill(1, table))
        return false;
    memset(table, 0, PAGE_SIZE);
    for (unsigned i = 0; i < 5; i++)
        table[L2_SLOT(va) + i] = frames[3 + i] * PAGE_SIZE | TABLE_FLAGS;
    if (!fill(2, table))
        return false;
    for (unsigned t = 0; t < 5; t++) {
        for (unsigned j = 0; j < 512; j++) {
            unsigned i = t * 512 + j - L1_SLOT(va);

            table[j] = i < pages ? frames[NR_TABLES + i] * PAGE_SIZE | RW_FLAGS : 0;
        }
        if (!fill(3 + t, table))
            return false;
    }
    if (show(2, 0) || show(0, frames[NR_TABLES + image_page(&ctl)]) ||
        show(1, frames[NR_TABLES + image_page(&arg)]))
        return false;
    memset(their_ctl, 0, PAGE_SIZE);
    memset(their_arg, 0, PAGE_SIZE);
    for (unsigned i = 0; i < pages && i < 500; i++)
        their_ctl->mfns[i] = frames[NR_TABLES + i];
    return true;
}

static bool start(void)
{
    static struct vcpu_guest_context c;

    c = (struct vcpu_guest_context){.flags = VGCF_IN_KERNEL | VGCF_online};
    c.user_regs.rip = (uint64_t)second_main;
    c.user_regs.rsp = (uint64_t)second_stack[0] + sizeof(second_stack[0]) - 8;
    c.user_regs.cs = FLAT_KERNEL_CS;
    c.user_regs.ss = FLAT_KERNEL_SS;
    c.kernel_ss = FLAT_KERNEL_SS;
    c.kernel_sp = c.user_regs.rsp;
    c.ctrlreg[3] = frames[0] * PAGE_SIZE;
    op.u.vcpucontext.vcpu = 0;
    op.u.vcpucontext.ctxt = (guest_ptr_t)&c;
    if (domctl(XEN_DOMCTL_setvcpucontext) || domctl(XEN_DOMCTL_getdomaininfo))
        return false;
    /* It has no event callback, so its events are masked before it runs. */
    if (show(2, op.u.getdomaininfo.shared_info_frame))
        return false;
    ((struct shared_info *)(WINDOW + 2 * PAGE_SIZE))->vcpu_info[0].evtchn_upcall_mask = 1;
    return show(2, 0) == 0 && domctl(XEN_DOMCTL_unpausedomain) == 0;
}

static bool setup(void)
{
    if (!(start_info->flags & SIF_INITDOMAIN)) {
        test_skip("builds a domain: dom0 only");
        return false;
    }
    EXPECT(tree_make(&window, WINDOW));
    EXPECT(create());
    EXPECT(!test_failed() && populate());
    EXPECT(!test_failed() && build());
    EXPECT(!test_failed() && start());
    return !test_failed();
}

static bool destroy(void)
{
    long rc;

    show(0, 0);
    show(1, 0);
    show(2, 0);
    while ((rc = domctl(XEN_DOMCTL_destroydomain)) == -ERESTART || rc == -EAGAIN)
        ;
    EXPECT_RC(rc, 0);
    tree_drop(&window);
    return rc == 0;
}

/* Whether the second domain did what it was told within a second or two. */
static bool tell(enum command what)
{
    uint64_t end = system_time() + 2000000000;

    their_ctl->done = IDLE;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    their_ctl->command = what;
    while (their_ctl->done != what) {
        if (system_time() > end)
            return false;
        hc_sched_op(SCHEDOP_yield, 0);
    }
    return true;
}

static bool counts(void)
{
    uint64_t before = their_ctl->counter, end = system_time() + 1000000000;

    while (their_ctl->counter == before && system_time() < end)
        hc_sched_op(SCHEDOP_yield, 0);
    return their_ctl->counter != before;
}

static uint32_t dominfo_flags(void)
{
    EXPECT_RC(domctl(XEN_DOMCTL_getdomaininfo), 0);
    EXPECT_EQ(op.u.getdomaininfo.domain, second);
    return op.u.getdomaininfo.flags;
}

/* A domain is built from nothing but hypercalls, runs, and is gone after destroy with all it had.
 */
static void test_life(void)
{
    uint64_t before = free_pages(), after;

    if (!setup())
        return;
    EXPECT(second > 0 && second < DOMID_FIRST_RESERVED);
    their_ctl->command = COUNT;
    EXPECT(counts());
    EXPECT_EQ(dominfo_flags() & (XEN_DOMINF_dying | XEN_DOMINF_shutdown | XEN_DOMINF_paused), 0);
    EXPECT_EQ(op.u.getdomaininfo.tot_pages, NR_FRAMES);
    EXPECT_EQ(op.u.getdomaininfo.max_vcpu_id, 1);
    EXPECT_EQ(op.u.getdomaininfo.handle[0], 0x42);
    EXPECT(free_pages() + NR_FRAMES <= before);
    EXPECT(destroy());
    EXPECT_RC(domctl(XEN_DOMCTL_getdomaininfo), -ESRCH);
    for (uint64_t end = system_time() + 1000000000; system_time() < end;)
        if (free_pages() == before)
            break;
    after = free_pages();
    if (after != before) /* a first domain may leave caches behind, a second must not */
        print("# %lu pages before, %lu after\n", before, after);
    EXPECT(after + 64 >= before);
}

/* Pausing stops it, unpausing lets it go on. */
static void test_pause(void)
{
    uint64_t seen;

    if (!setup())
        return;
    their_ctl->command = COUNT;
    EXPECT(counts());
    EXPECT_RC(domctl(XEN_DOMCTL_pausedomain), 0);
    seen = their_ctl->counter;
    for (uint64_t end = system_time() + 50000000; system_time() < end;)
        hc_sched_op(SCHEDOP_yield, 0);
    EXPECT_EQ(their_ctl->counter, seen);
    EXPECT(dominfo_flags() & XEN_DOMINF_paused);
    EXPECT_RC(domctl(XEN_DOMCTL_unpausedomain), 0);
    EXPECT(counts());
    EXPECT_RC(domctl(XEN_DOMCTL_unpausedomain), -EINVAL);
    destroy();
}

/* Events cross from one domain to the other, both ways, and a port ends with its domain. */
static void test_events(void)
{
    struct evtchn_alloc_unbound alloc = {DOMID_SELF, 0, 0};
    struct evtchn_status status;
    struct evtchn_close close;

    if (!setup())
        return;
    alloc.remote_dom = second;
    EXPECT_RC(hc_event_op(EVTCHNOP_alloc_unbound, &alloc), 0);
    close.port = alloc.port;
    event_count[alloc.port] = 0;
    shared_info->evtchn_pending[alloc.port / 64] &= ~(1UL << alloc.port % 64);
    __atomic_fetch_and(&shared_info->evtchn_mask[alloc.port / 64], ~(1UL << alloc.port % 64),
                       __ATOMIC_SEQ_CST);
    their_arg->in[0] = alloc.port;
    EXPECT(tell(BIND_AND_SEND));
    EXPECT_RC(their_arg->out[0], 0);
    EXPECT_RC(their_arg->out[1], 0);
    EXPECT(event_wait(alloc.port, 1, 1000));
    status = (struct evtchn_status){.dom = DOMID_SELF, .port = alloc.port};
    EXPECT_RC(hc_event_op(EVTCHNOP_status, &status), 0);
    EXPECT_EQ(status.status, EVTCHNSTAT_interdomain);
    EXPECT_EQ(status.u.interdomain.dom, second);
    EXPECT_EQ(status.u.interdomain.port, their_arg->out[2]);
    EXPECT_RC(hc_event_op(EVTCHNOP_send, &close), 0);
    destroy();
    status = (struct evtchn_status){.dom = DOMID_SELF, .port = alloc.port};
    EXPECT_RC(hc_event_op(EVTCHNOP_status, &status), 0);
    EXPECT_EQ(status.status, EVTCHNSTAT_unbound);
    __atomic_fetch_or(&shared_info->evtchn_mask[alloc.port / 64], 1UL << alloc.port % 64,
                      __ATOMIC_SEQ_CST);
    EXPECT_RC(hc_event_op(EVTCHNOP_close, &close), 0);
}

/* A granted page is mapped and copied by the first domain, and only as granted. */
static void test_grants(void)
{
    struct gnttab_map_grant_ref map;
    struct gnttab_unmap_grant_ref unmap;
    volatile uint64_t *there = (volatile uint64_t *)(WINDOW + 8 * PAGE_SIZE);
    uint64_t *mine = page_alloc();
    struct gnttab_copy copy;

    if (!setup())
        return;
    EXPECT(tell(GRANT));
    EXPECT_RC(their_arg->out[0], 0);
    EXPECT_RC(their_arg->out[1], GNTST_okay);
    EXPECT_RC(their_arg->out[2], 0);
    map = (struct gnttab_map_grant_ref){
        .host_addr = (uint64_t)there, .flags = GNTMAP_host_map, .ref = 8, .dom = second};
    EXPECT_RC(hc_grant_op(GNTTABOP_map_grant_ref, &map, 1), 0);
    REQUIRE_RC(map.status, GNTST_okay);
    EXPECT_EQ(*there, 0x9a9a);
    *there = 0xb0b0;
    unmap = (struct gnttab_unmap_grant_ref){.host_addr = (uint64_t)there, .handle = map.handle};
    EXPECT_RC(hc_grant_op(GNTTABOP_unmap_grant_ref, &unmap, 1), 0);
    EXPECT_RC(unmap.status, GNTST_okay);
    copy = (struct gnttab_copy){.source = {.u.ref = 9, .domid = second},
                                .dest = {.u.gmfn = mfn_of(mine), .domid = DOMID_SELF},
                                .len = 8,
                                .flags = GNTCOPY_source_gref};
    EXPECT_RC(hc_grant_op(GNTTABOP_copy, &copy, 1), 0);
    EXPECT_RC(copy.status, GNTST_okay);
    EXPECT_EQ(mine[0], 0xb0b0);
    map.ref = 9;
    EXPECT_RC(hc_grant_op(GNTTABOP_map_grant_ref, &map, 1), 0);
    EXPECT(map.status < 0); /* read-only */
    map.ref = 10;
    EXPECT_RC(hc_grant_op(GNTTABOP_map_grant_ref, &map, 1), 0);
    EXPECT(map.status < 0);
    page_free(mine);
    destroy();
}

/* A domain without devices may have I/O privilege (for ports that it is not given) and ask about
 * interrupts that it has not; the rest is refused, or has no meaning. */
static void test_physdev(void)
{
    static const uint64_t none = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 11 | 1 << 18 | 1 << 22;
    static const uint64_t fine = 1 << 5 | 1 << 6 | 1 << 7 | 1 << 23;

    if (!setup())
        return;
    EXPECT(tell(PHYSDEV));
    for (unsigned cmd = 0; cmd < NR_RESULTS; cmd++) {
        long want = none >> cmd & 1 ? -ENOSYS : fine >> cmd & 1 ? 0 : -EPERM;

        switch (cmd) {
        case PHYSDEVOP_IRQ_UNMASK_NOTIFY: want = on_pavis ? -ENOSYS : 0; break;
        case PHYSDEVOP_eoi: want = -EINVAL; break;
        case PHYSDEVOP_restore_msi: /* Xen looks for the device first */
        case PHYSDEVOP_restore_msi_ext: want = on_pavis ? -EPERM : -ENODEV; break;
        case PHYSDEVOP_pirq_eoi_gmfn_v1: /* a frame of zeroes is not the domain's */
        case PHYSDEVOP_pirq_eoi_gmfn_v2: want = on_pavis ? -ENOSYS : -EINVAL; break;
        }
        if (their_arg->out[cmd] != want)
            test_fail(TEST_WHERE, "physdev_op %u = %ld, not %ld", cmd, their_arg->out[cmd], want);
    }
    destroy();
}

/* A page mapped by grant outlives its domain until it is unmapped; then everything is free. */
static void test_grant_outlives(void)
{
    struct gnttab_map_grant_ref map;
    struct gnttab_unmap_grant_ref unmap;
    volatile uint64_t *there;
    static struct tree other;

    if (!setup())
        return;
    EXPECT(tree_make(&other, WINDOW + (1UL << 39)));
    there = (volatile uint64_t *)other.va;
    EXPECT(tell(GRANT));
    map = (struct gnttab_map_grant_ref){
        .host_addr = (uint64_t)there, .flags = GNTMAP_host_map, .ref = 8, .dom = second};
    EXPECT_RC(hc_grant_op(GNTTABOP_map_grant_ref, &map, 1), 0);
    REQUIRE_RC(map.status, GNTST_okay);
    destroy();
    EXPECT_EQ(*there, 0x9a9a);
    EXPECT(domctl(XEN_DOMCTL_getdomaininfo) == -ESRCH ||
           op.u.getdomaininfo.flags & XEN_DOMINF_dying);
    unmap = (struct gnttab_unmap_grant_ref){.host_addr = (uint64_t)there, .handle = map.handle};
    EXPECT_RC(hc_grant_op(GNTTABOP_unmap_grant_ref, &unmap, 1), 0);
    EXPECT_RC(unmap.status, GNTST_okay);
    for (uint64_t end = system_time() + 1000000000; system_time() < end;)
        if (domctl(XEN_DOMCTL_getdomaininfo) == -ESRCH)
            break;
    EXPECT_RC(domctl(XEN_DOMCTL_getdomaininfo), -ESRCH);
    tree_drop(&other);
}

/* What an unprivileged domain is refused. */
static void test_permissions(void)
{
    if (!setup())
        return;
    REQUIRE(tell(PRIVILEGED));
    EXPECT_RC(their_arg->out[0], -EPERM); /* domctl */
    EXPECT_RC(their_arg->out[1], -EPERM); /* sysctl */
    EXPECT_RC(their_arg->out[2], -EPERM); /* platform_op */
    EXPECT_RC(their_arg->out[3], -EPERM); /* a port in another domain */
    /* A global VIRQ may be bound in Xen, but goes to none but the domain that was set to handle it.
     */
    EXPECT(their_arg->out[4] == 0 || their_arg->out[4] == -EPERM);
    EXPECT_RC(their_arg->out[5], 0);        /* I/O privilege: granted, but there are no ports */
    EXPECT_RC(their_arg->out[6], -EPERM);   /* shutting another down */
    EXPECT_RC(their_arg->out[7], -EPERM);   /* the machine's memory map */
    EXPECT_RC(their_arg->out[8], -EPERM);   /* another's reservation */
    EXPECT(their_arg->out[9] <= 0);         /* the command line: empty or refused */
    EXPECT(their_arg->out[10] < 0);         /* another's grant table */
    EXPECT_RC(their_arg->out[11], -EACCES); /* cache flush without devices */
    EXPECT_RC(their_arg->out[12], -EPERM);  /* in the name of the first domain */
    EXPECT_EQ(their_arg->out[13], 1);
    destroy();
}

/* It cannot map a frame of the first domain, nor devices, nor change its tables. */
static void test_foreign(void)
{
    uint64_t *mine = page_alloc();

    if (!setup())
        return;
    mine[0] = 0x3333;
    EXPECT_RC(show(3, frames[NR_TABLES + image_page(second_page)]), 0);
    *(uint64_t *)(WINDOW + 3 * PAGE_SIZE) = 0x5ec0;
    their_arg->in[0] = mfn_of(mine);
    their_arg->in[1] = frames[3] * PAGE_SIZE; /* an unused entry of its first L1 table */
    REQUIRE(tell(FOREIGN));
    for (unsigned i = 0; i < 10; i++)
        if (their_arg->out[i] >= 0)
            test_fail(TEST_WHERE, "attempt %u gave %ld", i, (long)their_arg->out[i]);
    EXPECT_EQ(their_arg->out[10], 1);
    EXPECT_EQ(mine[0], 0x3333);
    EXPECT_RC(show(3, 0), 0);
    page_free(mine);
    destroy();
}

/* The first domain is told by VIRQ_DOM_EXC when the second shuts down or crashes, and sees the
 * reason. */
static void test_shutdown(void)
{
    struct evtchn_bind_virq virq = {VIRQ_DOM_EXC, 0, 0};
    struct evtchn_close close;

    EXPECT_RC(hc_event_op(EVTCHNOP_bind_virq, &virq), 0);
    close.port = virq.port;
    for (unsigned round = 0; round < 2; round++) {
        unsigned reason;

        if (!setup())
            break;
        event_count[virq.port] = 0;
        shared_info->evtchn_pending[virq.port / 64] &= ~(1UL << virq.port % 64);
        __atomic_fetch_and(&shared_info->evtchn_mask[virq.port / 64], ~(1UL << virq.port % 64),
                           __ATOMIC_SEQ_CST);
        their_ctl->command = round ? CRASH : POWER_OFF;
        EXPECT(event_wait(virq.port, 1, 2000));
        EXPECT(dominfo_flags() & XEN_DOMINF_shutdown);
        reason = op.u.getdomaininfo.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
        EXPECT_EQ(reason, round ? SHUTDOWN_crash : SHUTDOWN_poweroff);
        event_count[virq.port] = 0;
        destroy();
        EXPECT(event_wait(virq.port, 1, 2000)); /* and once more when it is gone */
    }
    __atomic_fetch_or(&shared_info->evtchn_mask[virq.port / 64], 1UL << virq.port % 64,
                      __ATOMIC_SEQ_CST);
    EXPECT_RC(hc_event_op(EVTCHNOP_close, &close), 0);
}

/* It brings its own second vCPU up. */
static void test_second_vcpu(void)
{
    if (!setup())
        return;
    their_arg->in[0] = frames[0];
    REQUIRE(tell(SECOND_VCPU));
    EXPECT_RC(their_arg->out[0], 0);
    EXPECT_RC(their_arg->out[1], 0);
    EXPECT(counts());
    dominfo_flags();
    EXPECT_EQ(op.u.getdomaininfo.nr_online_vcpus, 2);
    destroy();
}

/* Memory written by one domain is not seen by the next: frames come scrubbed. */
static void test_scrubbed(void)
{
    unsigned dirty = 0;

    if (!setup())
        return;
    destroy();
    EXPECT(tree_make(&window, WINDOW));
    EXPECT(create());
    REQUIRE(populate());
    for (unsigned i = 0; i < NR_FRAMES; i += 7) {
        EXPECT_RC(show(0, frames[i]), 0);
        for (unsigned j = 0; j < 512; j++)
            dirty += ((volatile uint64_t *)WINDOW)[j] != 0;
    }
    EXPECT_EQ(dirty, 0);
    destroy();
}

/* Thirty lives one after the other leave the free memory as it was. */
static void test_no_leak(void)
{
    uint64_t before = 0;

    for (unsigned i = 0; i < 30; i++) {
        if (!setup())
            return;
        EXPECT(tell(GRANT));
        destroy();
        for (uint64_t end = system_time() + 1000000000; system_time() < end;)
            if (domctl(XEN_DOMCTL_getdomaininfo) == -ESRCH)
                break;
        if (i == 1)
            before = free_pages();
    }
    for (uint64_t end = system_time() + 1000000000; system_time() < end && free_pages() != before;)
        hc_sched_op(SCHEDOP_yield, 0);
    EXPECT(free_pages() + (on_pavis ? 0 : 64) >= before); /* Xen's pools keep a few */
}

/* createdomain and its followers refuse nonsense. */
static void test_create_bad(void)
{
    if (!(start_info->flags & SIF_INITDOMAIN)) {
        test_skip("dom0 only");
        return;
    }
    op = (struct xen_domctl){.cmd = XEN_DOMCTL_createdomain,
                             .interface_version = XEN_DOMCTL_INTERFACE_VERSION};
    op.u.createdomain.max_vcpus = 0;
    op.u.createdomain.grant_opts = 1;
    EXPECT_RC(HC_1(__HYPERVISOR_domctl, &op), -EINVAL);
    op.u.createdomain.max_vcpus = 1;
    op.u.createdomain.flags = 1U << 31;
    EXPECT_RC(HC_1(__HYPERVISOR_domctl, &op), -EINVAL);
    op.u.createdomain.flags = 0;
    op.u.createdomain.max_vcpus = 1000000;
    EXPECT_RC(HC_1(__HYPERVISOR_domctl, &op), -EINVAL);
    second = 77;
    EXPECT_RC(domctl(XEN_DOMCTL_destroydomain), -ESRCH);
    EXPECT_RC(domctl(XEN_DOMCTL_max_mem), -ESRCH);
    second = 0; /* oneself */
    EXPECT_RC(domctl(XEN_DOMCTL_destroydomain), -EINVAL);
    EXPECT_RC(domctl(XEN_DOMCTL_pausedomain), -EINVAL);
    second = DOMID_IO;
    EXPECT(domctl(XEN_DOMCTL_destroydomain) < 0);
}

TESTS("pair", T(create_bad), T(life), T(pause), T(events), T(grants), T(physdev), T(grant_outlives),
      T(permissions), T(foreign), T(shutdown), T(second_vcpu), T(scrubbed), T(no_leak));
