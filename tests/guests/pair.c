/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two domains: the first one builds a second, unprivileged one (lib/second.h), talks to it through
 * memory, events and grants, and ends it.  The second does what the command in its copy of `ctl`
 * says, and answers there.
 */
#include "abi/domctl.h"
#include "abi/platform.h"
#include "abi/sysctl.h"
#include "second.h"
#include "test.h"

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
    PHYSDEV,
    L1TF
};

static uint8_t second_stack[8192] __attribute__((aligned(4096))); /* of its second vCPU */
static struct grant_entry_v1 second_grants[512] __attribute__((aligned(4096)));
static uint64_t second_page[512] __attribute__((aligned(4096)));

/* --- the second domain --------------------------------------------------------------------------
 */

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
    for (unsigned cmd = 0; cmd < SECOND_RESULTS; cmd++) {
        memset(second_page, 0, PAGE_SIZE);
        arg.out[cmd] = hc_physdev_op(cmd, second_page);
    }
}

/* in[0] is a frame, in[1] the L1 table with an unused entry 0.  The last may be its end, so what
 * came before is reported first. */
static void l1tf_entries(void)
{
    uint64_t va = (uint64_t)second_page, ram = arg.in[0] * PAGE_SIZE;

    arg.out[0] = hc_update_va(va, ram, UVMF_INVLPG);
    arg.out[1] = hc_update_va(va, PTE_MFN & ~ram, UVMF_INVLPG);
    arg.out[2] = hc_update_va(va, arg.in[1] * PAGE_SIZE | RO_FLAGS, UVMF_INVLPG);
    __atomic_exchange_n(&second_page[0], PTE_MFN & ~ram, __ATOMIC_SEQ_CST);
    arg.out[3] = second_page[0] == (PTE_MFN & ~ram);
    ctl.done = L1TF;
    __atomic_exchange_n(&second_page[0], ram, __ATOMIC_SEQ_CST);
    arg.out[4] = second_page[0] == ram;
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
    c.user_regs.rsp = (uint64_t)second_stack + sizeof(second_stack) - 8;
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
        case L1TF: l1tf_entries(); break;
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

static bool counts(void)
{
    uint64_t before = their_ctl->counter, end = system_time() + 1000000000;

    while (their_ctl->counter == before && system_time() < end)
        hc_sched_op(SCHEDOP_yield, 0);
    return their_ctl->counter != before;
}

static uint32_t dominfo_flags(void)
{
    EXPECT_RC(second_domctl(XEN_DOMCTL_getdomaininfo), 0);
    EXPECT_EQ(second_op.u.getdomaininfo.domain, second);
    return second_op.u.getdomaininfo.flags;
}

/* A domain is built from nothing but hypercalls, runs, and is gone after destroy with all it had.
 */
static void test_life(void)
{
    uint64_t before = machine_free_pages(), after;

    if (!second_setup(second_main))
        return;
    EXPECT(second > 0 && second < DOMID_FIRST_RESERVED);
    their_ctl->command = COUNT;
    EXPECT(counts());
    EXPECT_EQ(dominfo_flags() & (XEN_DOMINF_dying | XEN_DOMINF_shutdown | XEN_DOMINF_paused), 0);
    EXPECT_EQ(second_op.u.getdomaininfo.tot_pages, SECOND_FRAMES);
    EXPECT_EQ(second_op.u.getdomaininfo.max_vcpu_id, 1);
    EXPECT_EQ(second_op.u.getdomaininfo.handle[0], 0x42);
    EXPECT(machine_free_pages() + SECOND_FRAMES <= before);
    EXPECT(second_destroy());
    EXPECT_RC(second_domctl(XEN_DOMCTL_getdomaininfo), -ESRCH);
    for (uint64_t end = system_time() + 1000000000; system_time() < end;)
        if (machine_free_pages() == before)
            break;
    after = machine_free_pages();
    if (after != before) /* a first domain may leave caches behind, a second must not */
        print("# %lu pages before, %lu after\n", before, after);
    EXPECT(after + 64 >= before);
}

/* Pausing stops it, unpausing lets it go on. */
static void test_pause(void)
{
    uint64_t seen;

    if (!second_setup(second_main))
        return;
    their_ctl->command = COUNT;
    EXPECT(counts());
    EXPECT_RC(second_domctl(XEN_DOMCTL_pausedomain), 0);
    seen = their_ctl->counter;
    for (uint64_t end = system_time() + 50000000; system_time() < end;)
        hc_sched_op(SCHEDOP_yield, 0);
    EXPECT_EQ(their_ctl->counter, seen);
    EXPECT(dominfo_flags() & XEN_DOMINF_paused);
    EXPECT_RC(second_domctl(XEN_DOMCTL_unpausedomain), 0);
    EXPECT(counts());
    EXPECT_RC(second_domctl(XEN_DOMCTL_unpausedomain), -EINVAL);
    second_destroy();
}

/* Events cross from one domain to the other, both ways, and a port ends with its domain. */
static void test_events(void)
{
    struct evtchn_alloc_unbound alloc = {DOMID_SELF, 0, 0};
    struct evtchn_status status;
    struct evtchn_close close;

    if (!second_setup(second_main))
        return;
    alloc.remote_dom = second;
    EXPECT_RC(hc_event_op(EVTCHNOP_alloc_unbound, &alloc), 0);
    close.port = alloc.port;
    event_count[alloc.port] = 0;
    shared_info->evtchn_pending[alloc.port / 64] &= ~(1UL << alloc.port % 64);
    __atomic_fetch_and(&shared_info->evtchn_mask[alloc.port / 64], ~(1UL << alloc.port % 64),
                       __ATOMIC_SEQ_CST);
    their_arg->in[0] = alloc.port;
    EXPECT(second_tell(BIND_AND_SEND));
    EXPECT_RC(their_arg->out[0], 0);
    EXPECT_RC(their_arg->out[1], 0);
    EXPECT(event_wait(alloc.port, 1, 1000));
    status = (struct evtchn_status){.dom = DOMID_SELF, .port = alloc.port};
    EXPECT_RC(hc_event_op(EVTCHNOP_status, &status), 0);
    EXPECT_EQ(status.status, EVTCHNSTAT_interdomain);
    EXPECT_EQ(status.u.interdomain.dom, second);
    EXPECT_EQ(status.u.interdomain.port, their_arg->out[2]);
    EXPECT_RC(hc_event_op(EVTCHNOP_send, &close), 0);
    second_destroy();
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
    volatile uint64_t *there = (volatile uint64_t *)(SECOND_WINDOW + 8 * PAGE_SIZE);
    uint64_t *mine = page_alloc();
    struct gnttab_copy copy;

    if (!second_setup(second_main))
        return;
    EXPECT(second_tell(GRANT));
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
    second_destroy();
}

/* A domain without devices may have I/O privilege (for ports that it is not given) and ask about
 * interrupts that it has not; the rest is refused, or has no meaning. */
static void test_physdev(void)
{
    static const uint64_t none = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 11 | 1 << 18 | 1 << 22;
    static const uint64_t fine = 1 << 5 | 1 << 6 | 1 << 7 | 1 << 23;

    if (!second_setup(second_main))
        return;
    EXPECT(second_tell(PHYSDEV));
    for (unsigned cmd = 0; cmd < SECOND_RESULTS; cmd++) {
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
    second_destroy();
}

/* A page mapped by grant outlives its domain until it is unmapped; then everything is free. */
static void test_grant_outlives(void)
{
    struct gnttab_map_grant_ref map;
    struct gnttab_unmap_grant_ref unmap;
    volatile uint64_t *there;
    static struct tree other;

    if (!second_setup(second_main))
        return;
    EXPECT(tree_make(&other, SECOND_WINDOW + (1UL << 39)));
    there = (volatile uint64_t *)other.va;
    EXPECT(second_tell(GRANT));
    map = (struct gnttab_map_grant_ref){
        .host_addr = (uint64_t)there, .flags = GNTMAP_host_map, .ref = 8, .dom = second};
    EXPECT_RC(hc_grant_op(GNTTABOP_map_grant_ref, &map, 1), 0);
    REQUIRE_RC(map.status, GNTST_okay);
    second_destroy();
    EXPECT_EQ(*there, 0x9a9a);
    EXPECT(second_domctl(XEN_DOMCTL_getdomaininfo) == -ESRCH ||
           second_op.u.getdomaininfo.flags & XEN_DOMINF_dying);
    unmap = (struct gnttab_unmap_grant_ref){.host_addr = (uint64_t)there, .handle = map.handle};
    EXPECT_RC(hc_grant_op(GNTTABOP_unmap_grant_ref, &unmap, 1), 0);
    EXPECT_RC(unmap.status, GNTST_okay);
    for (uint64_t end = system_time() + 1000000000; system_time() < end;)
        if (second_domctl(XEN_DOMCTL_getdomaininfo) == -ESRCH)
            break;
    EXPECT_RC(second_domctl(XEN_DOMCTL_getdomaininfo), -ESRCH);
    tree_drop(&other);
}

/* What an unprivileged domain is refused. */
static void test_permissions(void)
{
    if (!second_setup(second_main))
        return;
    REQUIRE(second_tell(PRIVILEGED));
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
    second_destroy();
}

/* It cannot map a frame of the first domain, nor devices, nor change its tables. */
static void test_foreign(void)
{
    uint64_t *mine = page_alloc();

    if (!second_setup(second_main))
        return;
    mine[0] = 0x3333;
    EXPECT_RC(second_show(3, second_frames[SECOND_TABLES + image_page(second_page)]), 0);
    *(uint64_t *)(SECOND_WINDOW + 3 * PAGE_SIZE) = 0x5ec0;
    their_arg->in[0] = mfn_of(mine);
    their_arg->in[1] = second_frames[3] * PAGE_SIZE; /* an unused entry of its first L1 table */
    REQUIRE(second_tell(FOREIGN));
    for (unsigned i = 0; i < 10; i++)
        if (their_arg->out[i] >= 0)
            test_fail(TEST_WHERE, "attempt %u gave %ld", i, (long)their_arg->out[i]);
    EXPECT_EQ(their_arg->out[10], 1);
    EXPECT_EQ(mine[0], 0x3333);
    EXPECT_RC(second_show(3, 0), 0);
    page_free(mine);
    second_destroy();
}

/* Where pv-l1tf is on, a domain is refused entries that name RAM without being present, and ends if
 * it stores one; what Linux writes instead (inverted) it may. */
static void test_l1tf(void)
{
    bool on = hypervisor_told("pv-l1tf=domu=1");

    if (!on_pavis) {
        test_skip("Xen would go on with shadow tables");
        return;
    }
    if (!second_setup(second_main))
        return;
    their_arg->in[0] = second_frames[SECOND_FRAMES - 1];
    their_arg->in[1] = second_frames[3];
    EXPECT(second_tell(L1TF));
    EXPECT_RC(their_arg->out[0], on ? -EINVAL : 0);
    EXPECT_RC(their_arg->out[1], 0);
    EXPECT_RC(their_arg->out[2], 0);
    EXPECT_EQ(their_arg->out[3], 1);
    for (uint64_t end = system_time() + 1000000000; system_time() < end;)
        if (dominfo_flags() & XEN_DOMINF_shutdown || their_arg->out[4])
            break;
    EXPECT_EQ(their_arg->out[4], !on);
    EXPECT_EQ(!!(dominfo_flags() & XEN_DOMINF_shutdown), on);
    second_destroy();
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

        if (!second_setup(second_main))
            break;
        event_count[virq.port] = 0;
        shared_info->evtchn_pending[virq.port / 64] &= ~(1UL << virq.port % 64);
        __atomic_fetch_and(&shared_info->evtchn_mask[virq.port / 64], ~(1UL << virq.port % 64),
                           __ATOMIC_SEQ_CST);
        their_ctl->command = round ? CRASH : POWER_OFF;
        EXPECT(event_wait(virq.port, 1, 2000));
        EXPECT(dominfo_flags() & XEN_DOMINF_shutdown);
        reason =
            second_op.u.getdomaininfo.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
        EXPECT_EQ(reason, round ? SHUTDOWN_crash : SHUTDOWN_poweroff);
        event_count[virq.port] = 0;
        second_destroy();
        EXPECT(event_wait(virq.port, 1, 2000)); /* and once more when it is gone */
    }
    __atomic_fetch_or(&shared_info->evtchn_mask[virq.port / 64], 1UL << virq.port % 64,
                      __ATOMIC_SEQ_CST);
    EXPECT_RC(hc_event_op(EVTCHNOP_close, &close), 0);
}

/* It brings its own second vCPU up. */
static void test_second_vcpu(void)
{
    if (!second_setup(second_main))
        return;
    their_arg->in[0] = second_frames[0];
    REQUIRE(second_tell(SECOND_VCPU));
    EXPECT_RC(their_arg->out[0], 0);
    EXPECT_RC(their_arg->out[1], 0);
    EXPECT(counts());
    dominfo_flags();
    EXPECT_EQ(second_op.u.getdomaininfo.nr_online_vcpus, 2);
    second_destroy();
}

/* Memory written by one domain is not seen by the next: frames come scrubbed. */
static void test_scrubbed(void)
{
    unsigned dirty = 0;

    if (!second_setup(second_main))
        return;
    second_destroy();
    EXPECT(tree_make(&second_window, SECOND_WINDOW));
    EXPECT(second_create());
    REQUIRE(second_populate());
    for (unsigned i = 0; i < SECOND_FRAMES; i += 7) {
        EXPECT_RC(second_show(0, second_frames[i]), 0);
        for (unsigned j = 0; j < 512; j++)
            dirty += ((volatile uint64_t *)SECOND_WINDOW)[j] != 0;
    }
    EXPECT_EQ(dirty, 0);
    second_destroy();
}

/* Thirty lives one after the other leave the free memory as it was. */
static void test_no_leak(void)
{
    uint64_t before = 0;

    for (unsigned i = 0; i < 30; i++) {
        if (!second_setup(second_main))
            return;
        EXPECT(second_tell(GRANT));
        second_destroy();
        for (uint64_t end = system_time() + 1000000000; system_time() < end;)
            if (second_domctl(XEN_DOMCTL_getdomaininfo) == -ESRCH)
                break;
        if (i == 1)
            before = machine_free_pages();
    }
    for (uint64_t end = system_time() + 1000000000;
         system_time() < end && machine_free_pages() != before;)
        hc_sched_op(SCHEDOP_yield, 0);
    EXPECT(machine_free_pages() + (on_pavis ? 0 : 64) >= before); /* Xen's pools keep a few */
}

/* createdomain and its followers refuse nonsense. */
static void test_create_bad(void)
{
    if (!(start_info->flags & SIF_INITDOMAIN)) {
        test_skip("dom0 only");
        return;
    }
    second_op = (struct xen_domctl){.cmd = XEN_DOMCTL_createdomain,
                                    .interface_version = XEN_DOMCTL_INTERFACE_VERSION};
    second_op.u.createdomain.max_vcpus = 0;
    second_op.u.createdomain.grant_opts = 1;
    EXPECT_RC(HC_1(__HYPERVISOR_domctl, &second_op), -EINVAL);
    second_op.u.createdomain.max_vcpus = 1;
    second_op.u.createdomain.flags = 1U << 31;
    EXPECT_RC(HC_1(__HYPERVISOR_domctl, &second_op), -EINVAL);
    second_op.u.createdomain.flags = 0;
    second_op.u.createdomain.max_vcpus = 1000000;
    EXPECT_RC(HC_1(__HYPERVISOR_domctl, &second_op), -EINVAL);
    second = 77;
    EXPECT_RC(second_domctl(XEN_DOMCTL_destroydomain), -ESRCH);
    EXPECT_RC(second_domctl(XEN_DOMCTL_max_mem), -ESRCH);
    second = 0; /* oneself */
    EXPECT_RC(second_domctl(XEN_DOMCTL_destroydomain), -EINVAL);
    EXPECT_RC(second_domctl(XEN_DOMCTL_pausedomain), -EINVAL);
    second = DOMID_IO;
    EXPECT(second_domctl(XEN_DOMCTL_destroydomain) < 0);
}

TESTS("pair", T(create_bad), T(life), T(pause), T(events), T(grants), T(physdev), T(grant_outlives),
      T(permissions), T(foreign), T(l1tf), T(shutdown), T(second_vcpu), T(scrubbed), T(no_leak));
