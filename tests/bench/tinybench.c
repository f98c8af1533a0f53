/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What hypercalls cost with no Linux around them: a tiny PV kernel (tests/guests/lib) that does
 * each operation many times between two marks, as dom0, then as an unprivileged domain, then
 * between the two.  hvprofile.c counts; the rows are told apart by the lines
 *
 *     BENCH <name> <operations>
 *
 * in the order of the marked windows.  A row of the unprivileged domain runs while dom0 is blocked,
 * so that nobody else's instructions are in its window.  What each operation does is fixed, as in
 * guestbench.c.
 */
#include "second.h"
#include "test.h"

#define MS                 1000000UL
#define MSR_KERNEL_GS_BASE 0xc0000102
#define BATCH              64
#define TREE_VA            0x20000000000UL

extern char _text[];

enum command { IDLE, START, RUN_ROW, ECHO };

static uint64_t scratch[512] __attribute__((aligned(4096)));
static uint64_t scratch_entry; /* machine address of the L1 entry that maps it */
static uint64_t scratch_mfn;
static struct shared_info *my_shared_info; /* mapped by whoever runs */
static uint8_t second_shared[PAGE_SIZE] __attribute__((aligned(4096)));
static uint8_t grant_page[PAGE_SIZE] __attribute__((aligned(4096)));
static unsigned own_port; /* two ends of a channel of the domain to itself */
static uint32_t map_ref;
static domid_t map_from;
static struct tree tree;

/* NOPL with a displacement that hvprofile.c knows. */
static void mark_start(void)
{
    __asm__ volatile("nopl 0x70a515f1(%%rax)" ::: "memory");
}

static void mark_end(void)
{
    __asm__ volatile("nopl 0x70a515f2(%%rax)" ::: "memory");
}

/* --- operations of either domain ---------------------------------------------------------------
 */

static void null_hypercall(long n)
{
    while (n--)
        hc_xen_version(XENVER_version, 0);
}

static void multicall_of_8(long n)
{
    static struct multicall_entry calls[8];

    while (n--) {
        for (unsigned i = 0; i < 8; i++)
            calls[i] = (struct multicall_entry){.op = __HYPERVISOR_xen_version};
        hc_multicall(calls, 8);
    }
}

static void yield(long n)
{
    while (n--)
        hc_sched_op(SCHEDOP_yield, 0);
}

/* CPUID as a kernel asks for it, by the prefix that makes it trap. */
static void forced_cpuid(long n)
{
    while (n--) {
        uint32_t a = 1, b, c = 0, d;

        __asm__ volatile("ud2a; .ascii \"xen\"; cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    }
}

static void rdmsr_gs_base(long n)
{
    while (n--) {
        uint32_t a, d;

        __asm__ volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(MSR_KERNEL_GS_BASE));
    }
}

/* A page made read-only and writable again, with the flushes that a kernel asks for. */
static void update_va_pair(long n)
{
    while (n--) {
        hc_update_va(scratch, scratch_mfn * PAGE_SIZE | RO_FLAGS, UVMF_INVLPG);
        hc_update_va(scratch, scratch_mfn * PAGE_SIZE | RW_FLAGS, UVMF_INVLPG);
    }
}

static void mmu_update_pair(long n)
{
    while (n--) {
        mmu_update1(scratch_entry, scratch_mfn * PAGE_SIZE | RO_FLAGS);
        mmu_update1(scratch_entry, scratch_mfn * PAGE_SIZE | RW_FLAGS);
    }
}

static void mmu_update_of_64(long n)
{
    static struct mmu_update list[BATCH];

    for (unsigned i = 0; i < BATCH; i++)
        list[i] = (struct mmu_update){scratch_entry,
                                      scratch_mfn * PAGE_SIZE | (i % 2 ? RW_FLAGS : RO_FLAGS)};
    while (n--)
        hc_mmu_update(list, BATCH, 0, DOMID_SELF);
}

static void timer_arm(long n)
{
    while (n--)
        hc_set_timer(system_time() + 100 * MS);
    hc_set_timer(0);
}

static void clear_pending(unsigned port)
{
    my_shared_info->evtchn_pending[port / 64] &= ~(1UL << port % 64);
    my_shared_info->vcpu_info[0].evtchn_pending_sel = 0;
    my_shared_info->vcpu_info[0].evtchn_upcall_pending = 0;
}

/* An event that becomes pending, with events masked: nobody is called. */
static void event_to_self(long n)
{
    struct evtchn_send send = {own_port};

    while (n--) {
        hc_event_op(EVTCHNOP_send, &send);
        clear_pending(own_port);
    }
}

static const struct row {
    const char *name;
    void (*run)(long n);
    long operations;
} rows[] = {
    {"null_hypercall", null_hypercall, 2000},
    {"multicall_of_8", multicall_of_8, 500},
    {"sched_yield", yield, 1000},
    {"forced_cpuid", forced_cpuid, 500},
    {"rdmsr_gs_base", rdmsr_gs_base, 1000},
    {"update_va_pair", update_va_pair, 500},
    {"mmu_update_pair", mmu_update_pair, 500},
    {"mmu_update_of_64", mmu_update_of_64, 50},
    {"timer_arm", timer_arm, 500},
    {"event_to_self", event_to_self, 1000},
};

/* --- operations of dom0 --------------------------------------------------------------------------
 */

static void upcall_to_self(long n)
{
    struct evtchn_send send = {own_port};

    while (n--)
        hc_event_op(EVTCHNOP_send, &send);
}

static void exception_bounce(long n)
{
    while (n--)
        TRY("ud2", :);
}

static void page_fault_bounce(long n)
{
    while (n--)
        TRY("movb $0, (%0)", : : "r"(TREE_VA + 5 * PAGE_SIZE) : "memory");
}

/* A store to a page table that is mapped read-only. */
static void pte_store_pair(long n)
{
    uint64_t *entry = pte_of((uint64_t)scratch, 1);

    while (n--) {
        __atomic_exchange_n(entry, scratch_mfn * PAGE_SIZE | RO_FLAGS, __ATOMIC_SEQ_CST);
        __atomic_exchange_n(entry, scratch_mfn * PAGE_SIZE | RW_FLAGS, __ATOMIC_SEQ_CST);
    }
}

/* An L1 table with 512 entries, judged and forgotten. */
static void pin_unpin_full_l1(long n)
{
    uint64_t *table = page_alloc();

    for (unsigned i = 0; i < 512; i++)
        table[i] = scratch_mfn * PAGE_SIZE | RO_FLAGS;
    EXPECT_RC(page_readonly(table), 0);
    while (n--) {
        pin(table, 1);
        unpin(table);
    }
    EXPECT_RC(page_writable(table), 0);
    page_free(table);
}

static void grant_map_unmap(long n)
{
    while (n--) {
        struct gnttab_map_grant_ref map = {
            .host_addr = TREE_VA, .flags = GNTMAP_host_map, .ref = map_ref, .dom = map_from};
        struct gnttab_unmap_grant_ref unmap;

        hc_grant_op(GNTTABOP_map_grant_ref, &map, 1);
        unmap = (struct gnttab_unmap_grant_ref){.host_addr = TREE_VA, .handle = map.handle};
        hc_grant_op(GNTTABOP_unmap_grant_ref, &unmap, 1);
        if (map.status || unmap.status) {
            test_fail(TEST_WHERE, "grant: map %d, unmap %d", map.status, unmap.status);
            return;
        }
    }
}

static void grant_copy(long n, uint16_t length)
{
    struct gnttab_copy copy = {.source = {.u.ref = map_ref, .domid = map_from},
                               .dest = {.u.gmfn = scratch_mfn, .domid = DOMID_SELF},
                               .len = length,
                               .flags = GNTCOPY_source_gref};

    while (n--) {
        hc_grant_op(GNTTABOP_copy, &copy, 1);
        if (copy.status) {
            test_fail(TEST_WHERE, "grant: copy %d", copy.status);
            return;
        }
    }
}

static void grant_copy_64(long n)
{
    grant_copy(n, 64);
}

static void grant_copy_page(long n)
{
    grant_copy(n, PAGE_SIZE);
}

static void poll_port(unsigned port, uint64_t timeout)
{
    evtchn_port_t ports[1] = {port};
    struct sched_poll poll = {(guest_ptr_t)ports, 1, timeout};

    hc_sched_op(SCHEDOP_poll, &poll);
}

/* An event to the other domain, which waits for it, and one back: two switches. */
static void event_round_trip(long n)
{
    struct evtchn_send send = {own_port};

    while (n--) {
        hc_event_op(EVTCHNOP_send, &send);
        while (!(my_shared_info->evtchn_pending[own_port / 64] >> own_port % 64 & 1))
            poll_port(own_port, 0);
        clear_pending(own_port);
    }
}

static const struct row dom0_rows[] = {
    {"exception_bounce", exception_bounce, 500}, {"page_fault_bounce", page_fault_bounce, 500},
    {"pte_store_pair", pte_store_pair, 500},     {"pin_unpin_full_l1", pin_unpin_full_l1, 50},
    {"event_upcall", upcall_to_self, 500}, /* events not masked */
};
static const struct row grant_rows[] = {
    {"grant_map_unmap", grant_map_unmap, 300},
    {"grant_copy_64", grant_copy_64, 500},
    {"grant_copy_page", grant_copy_page, 100},
};

static void run(const struct row *row)
{
    row->run(row->operations / 10 + 1);
    mark_start();
    row->run(row->operations);
    mark_end();
}

static void report(const char *who, const struct row *row)
{
    print("BENCH %s.%s %ld\n", who, row->name, row->operations);
}

/* --- setting up ----------------------------------------------------------------------------------
 */

static void loop_back(void)
{
    struct evtchn_bind_ipi bind = {0};

    hc_event_op(EVTCHNOP_bind_ipi, &bind);
    own_port = bind.port;
    my_shared_info->evtchn_mask[own_port / 64] &= ~(1UL << own_port % 64);
}

/* The domain's own page under a reference that lets `to` have it. */
static void grant(domid_t to, uint64_t mfn, uint32_t ref)
{
    static struct grant_entry_v1 table[512] __attribute__((aligned(4096)));
    xen_pfn_t frame = 0;
    struct gnttab_setup_table setup = {
        .dom = DOMID_SELF, .nr_frames = 1, .frame_list = (guest_ptr_t)&frame};

    hc_grant_op(GNTTABOP_setup_table, &setup, 1);
    hc_update_va(table, frame * PAGE_SIZE | RW_FLAGS, UVMF_INVLPG);
    table[ref].domid = to;
    table[ref].frame = (uint32_t)mfn;
    table[ref].flags = GTF_permit_access;
}

/* --- the unprivileged domain ---------------------------------------------------------------------
 */

/* in: the first domain's port; the frame of this one's shared_info */
static void second_start(void)
{
    uint64_t va = (uint64_t)scratch;

    arg.out[0] = hc_update_va(second_shared, arg.in[1] * PAGE_SIZE | RW_FLAGS, UVMF_INVLPG);
    my_shared_info = (struct shared_info *)second_shared;
    scratch_mfn = ctl.mfns[image_page(scratch)];
    /* Three upper tables, then the L1 tables from the image's first 2 MiB on: second.c. */
    scratch_entry =
        ctl.tables[3 + L2_SLOT(va) - L2_SLOT((uint64_t)_text)] * PAGE_SIZE + L1_SLOT(va) * 8;
    grant(0, ctl.mfns[image_page(grant_page)], 8);
    loop_back();
}

/* Sends back whatever comes, for ever. */
static void echo(void)
{
    struct evtchn_bind_interdomain bind = {0, (evtchn_port_t)arg.in[0], 0};
    struct evtchn_send send;

    arg.out[0] = hc_event_op(EVTCHNOP_bind_interdomain, &bind);
    send.port = bind.local_port;
    clear_pending(bind.local_port);
    ctl.done = ECHO;
    for (;;) {
        while (!(my_shared_info->evtchn_pending[send.port / 64] >> send.port % 64 & 1))
            poll_port(send.port, 0);
        clear_pending(send.port);
        hc_event_op(EVTCHNOP_send, &send);
    }
}

static void second_main(void)
{
    for (;;) {
        unsigned now = ctl.command;

        switch (now) {
        case START: second_start(); break;
        case RUN_ROW: run(&rows[arg.in[2]]); break;
        case ECHO: echo(); break;
        default: hc_sched_op(SCHEDOP_yield, 0); continue;
        }
        ctl.command = IDLE;
        ctl.done = now;
    }
}

/* --- dom0 ----------------------------------------------------------------------------------------
 */

static void test_dom0(void)
{
    my_shared_info = shared_info;
    scratch_mfn = mfn_of(scratch);
    scratch_entry = pte_machine(pte_of((uint64_t)scratch, 1));
    hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
    REQUIRE(tree_make(&tree, TREE_VA));
    grant(0, mfn_of(grant_page), 8);
    map_ref = 8;
    map_from = 0;
    loop_back();
    events_mask();
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        run(&rows[i]);
        report("dom0", &rows[i]);
    }
    clear_pending(own_port);
    events_unmask();
    for (unsigned i = 0; i < ARRAY_SIZE(dom0_rows); i++) {
        run(&dom0_rows[i]);
        report("dom0", &dom0_rows[i]);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(grant_rows); i++) {
        run(&grant_rows[i]);
        report("dom0", &grant_rows[i]);
    }
}

/* Lets the other one do it, and stays out of its way for as long as that takes. */
static bool tell(enum command what, unsigned never)
{
    their_ctl->done = IDLE;
    their_ctl->command = what;
    for (unsigned i = 0; i < 50; i++) {
        poll_port(never, system_time() + 40 * MS);
        if (their_ctl->done == what)
            return true;
    }
    test_fail(TEST_WHERE, "the second domain does not answer");
    return false;
}

static void test_domu(void)
{
    struct evtchn_alloc_unbound channel = {DOMID_SELF, 0, 0}, never = channel;

    events_mask();
    if (!second_setup(second_main))
        return;
    REQUIRE_RC(hc_event_op(EVTCHNOP_alloc_unbound, &never), 0);
    channel.remote_dom = second;
    REQUIRE_RC(hc_event_op(EVTCHNOP_alloc_unbound, &channel), 0);
    their_arg->in[0] = channel.port;
    REQUIRE_RC(second_domctl(XEN_DOMCTL_getdomaininfo), 0);
    their_arg->in[1] = second_op.u.getdomaininfo.shared_info_frame;
    REQUIRE(tell(START, never.port));
    REQUIRE_RC(their_arg->out[0], 0);
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        their_arg->in[2] = i;
        REQUIRE(tell(RUN_ROW, never.port));
        report("domu", &rows[i]);
    }
    map_from = second;
    for (unsigned i = 0; i < ARRAY_SIZE(grant_rows); i++) {
        run(&grant_rows[i]);
        report("domu", &grant_rows[i]);
    }
    REQUIRE(tell(ECHO, never.port));
    REQUIRE_RC(their_arg->out[0], 0);
    own_port = channel.port;
    clear_pending(own_port);
    run(&(struct row){"event_round_trip", event_round_trip, 300});
    report("domu", &(struct row){"event_round_trip", NULL, 300});
    second_destroy();
    events_unmask();
}

TESTS("tinybench", T(dom0), T(domu));
