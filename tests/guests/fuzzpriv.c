/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random calls of dom0: control calls and everything else that it may do to others.  They may fail,
 * and they may ruin the domains that they are about; they may not corrupt the machine.  The victim
 * is a domain of two vCPUs that is busy with its memory, grants and events; more are created by
 * the calls themselves.  After each life dom0 gives back what it holds of others and destroys
 * them all: then nobody may be left, the memory be free again, and the audit clean.
 *
 * dom0 is this very program, so it makes no call that could rightly ruin itself: none about its own
 * page tables and memory, and none that ends the machine (fuzz_may() says which).
 *
 * With a second vCPU (dom0_max_vcpus=2) both make calls at once, about the same domains.
 *
 * Options: calls=N in all (40000), seed=N (1), tell (the last calls of a life that failed).
 */
#include "abi/platform.h"
#include "abi/sysctl.h"
#include "fuzzer/fuzzer.h"
#include "second.h"
#include "test.h"

#define CALLS_PER_LIFE 4000
#define AUDIT_EVERY    2000
#define NR_PLAY        16
#define NR_VCPUS       2
#define END_NS         5000000000UL /* in so long everybody is dead */
#define IDS_PER_LIFE   4
#define FREE_SLACK     16 /* pages: what dom0's own tables of ports and grants may grow */

/* Entries of the window's table that frames of others go to, and those of grants. */
#define FRAMES_FROM 16
#define GRANTS_FROM 256

const bool fuzz_is_dom0 = true;

static uint8_t play[NR_PLAY][PAGE_SIZE] __attribute__((aligned(4096)));
static uint8_t bulk[5][2 * PAGE_SIZE] __attribute__((aligned(4096)));
static struct fuzzer fuzzers[NR_VCPUS];
static struct counts counts[NR_VCPUS];
static unsigned nr_vcpus = 1;

/* Every grant that dom0 has mapped in this life: a forgotten one would keep its owner for ever. */
static struct gnttab_map_grant_ref grants[4096];
static unsigned nr_grants, nr_addresses;
#define GRANTS_PER_CALL 4 /* as many elements as are filled */

/* --- the victim ---------------------------------------------------------------------------------
 */

static uint8_t work[8][PAGE_SIZE] __attribute__((aligned(4096)));
static struct grant_entry_v1 table[512] __attribute__((aligned(4096)));

void victim_event(void), victim_fault(void);
__asm__(".text\n"
        "victim_event: pop %rcx; pop %r11; andl $~0x200, 16(%rsp)\n"
        "push $0; push %rcx; push %r11; push %rax; mov $23, %eax; syscall; ud2\n");

/* Pins and unpins, ports, grants of its pages to everybody, and then again. */
static void victim_main(void)
{
    xen_pfn_t grants = 0;
    struct gnttab_setup_table setup = {
        .dom = DOMID_SELF, .nr_frames = 1, .frame_list = (guest_ptr_t)&grants};

    hc_set_callbacks(victim_event, victim_event, victim_event);
    hc_grant_op(GNTTABOP_setup_table, &setup, 1);
    hc_update_va(table, grants * PAGE_SIZE | RW_FLAGS, UVMF_INVLPG);
    for (unsigned i = 0;; i++) {
        uint64_t frame = ctl.mfns[image_page(work[i % 8])];
        struct evtchn_alloc_unbound port = {.dom = DOMID_SELF, .remote_dom = i % 4};
        struct mmuext_op op = {.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = frame};

        table[8 + i % 24] = (struct grant_entry_v1){
            .flags = GTF_permit_access | (i & 32 ? GTF_readonly : 0), .frame = (uint32_t)frame};
        hc_event_op(EVTCHNOP_alloc_unbound, &port);
        if (i % 64 == 63) {
            struct evtchn_reset reset = {DOMID_SELF};

            hc_event_op(EVTCHNOP_reset, &reset);
        }
        hc_update_va(work[i % 8], frame * PAGE_SIZE | RO_FLAGS, UVMF_INVLPG);
        hc_mmuext_op(&op, 1, 0, DOMID_SELF);
        op.cmd = MMUEXT_UNPIN_TABLE;
        hc_mmuext_op(&op, 1, 0, DOMID_SELF);
        hc_update_va(work[i % 8], frame * PAGE_SIZE | RW_FLAGS, UVMF_INVLPG);
        ctl.counter++;
        hc_sched_op(SCHEDOP_yield, 0);
    }
}

/* --- what dom0's calls are about ----------------------------------------------------------------
 */

uint64_t fuzz_frame(struct fuzzer *f)
{
    switch (fuzz_below(f, 16)) {
    case 0: return fuzz_anything(f);
    case 1: return fuzz_below(f, 1024);
    case 2: return f->frames[fuzz_below(f, ARRAY_SIZE(f->frames))];
    case 3: return second_frames[fuzz_below(f, SECOND_TABLES)];
    case 4 ... 5: return mfn_of(play[fuzz_below(f, NR_PLAY)]);
    case 6 ... 9: return second_frames[SECOND_TABLES + fuzz_below(f, 500)];
    default: return second_frames[SECOND_FRAMES - 1 - f->at % 32]; /* free for anything */
    }
}

uint64_t fuzz_address(struct fuzzer *f)
{
    return (uint64_t)play[f->at % NR_PLAY];
}

/* Each only once in a life: a grant that is mapped over another makes that one's handle worthless,
 * and its owner immortal.  None left: where no table is. */
uint64_t fuzz_grant_address(struct fuzzer *f)
{
    unsigned i = GRANTS_FROM + __atomic_fetch_add(&nr_addresses, 1, __ATOMIC_RELAXED);

    return SECOND_WINDOW + (i < 512 ? i : 512) * PAGE_SIZE;
}

uint64_t fuzz_entry_address(struct fuzzer *f)
{
    unsigned i = FRAMES_FROM + fuzz_below(f, GRANTS_FROM - FRAMES_FROM);

    /* Bits 1:0 are the kind of update; 1 would be about the M2P of this table's own frame. */
    if (fuzz_below(f, 4))
        return pte_machine(&second_window.l1[i]) + (fuzz_below(f, 8) ? 0 : 2 + fuzz_below(f, 2));
    return fuzz_frame(f) * PAGE_SIZE + fuzz_below(f, 512) * 8 +
           fuzz_below(f, 2) * (2 + fuzz_below(f, 2));
}

uint64_t fuzz_word_address(struct fuzzer *f)
{
    return fuzz_frame(f) * PAGE_SIZE + fuzz_below(f, 512) * 8;
}

uint64_t fuzz_handler(struct fuzzer *f)
{
    return fuzz_below(f, 2) ? (uint64_t)victim_event : fuzz_anything(f);
}

/* Never dom0 itself where the caller says another's (w): what it does to itself is its own fault.
 */
uint16_t fuzz_domain(struct fuzzer *f, char kind)
{
    static const domid_t odd[] = {0x7fef, 0x7ff1, 0x7ff2, 0x7ff4, 0x7ff5, 0xffff};
    domid_t d = second;

    if (!fuzz_below(f, 3))
        d = second + 1 + fuzz_below(f, 8); /* those that were created, or not yet */
    else if (!fuzz_below(f, 40))
        d = odd[fuzz_below(f, ARRAY_SIZE(odd))];
    if (kind == 'd' && !fuzz_below(f, 3))
        d = DOMID_SELF;
    return d;
}

/* Each kind of large structure has its buffer, where getting leaves what setting then takes: as it
 * is, or with something changed. */
uint64_t fuzz_bulk(struct fuzzer *f, char kind)
{
    static const char kinds[] = "XYWRU";
    unsigned i = 0;

    while (kinds[i] != kind)
        i++;
    if (!fuzz_below(f, 3)) {
        unsigned at = fuzz_below(f, fuzz_below(f, 2) ? 64 : sizeof(bulk[i]) / 8);

        ((uint64_t *)bulk[i])[at] ^= fuzz_below(f, 2) ? 1UL << fuzz_below(f, 64) : fuzz_anything(f);
    }
    return (uint64_t)bulk[i];
}

uint64_t fuzz_time(struct fuzzer *f)
{
    return system_time() + fuzz_random(f) % 100000000;
}

bool fuzz_store(struct fuzzer *f)
{
    return true;
}

/* Control structures as they are about to be passed, whatever the call's row. */
static bool may_control(struct fuzzer *f, uint64_t nr)
{
    static const char harmless[] = "i";
    uint32_t *cmd = (uint32_t *)f->pointed;

    if (nr == __HYPERVISOR_platform_op && *cmd == XENPF_enter_acpi_sleep) {
        struct xen_platform_op *op = (void *)f->pointed;

        if (op->u.enter_acpi_sleep.sleep_state == 5) /* switches the machine off */
            op->u.enter_acpi_sleep.sleep_state = 4;
    }
    if (nr == __HYPERVISOR_sysctl && *cmd == XEN_SYSCTL_debug_keys) {
        struct xen_sysctl *op = (void *)f->pointed;

        /* C is a panic, R a restart, and some dumps are long. */
        if (op->u.debug_keys.nr_keys != 1 || fuzz_below(f, 4))
            op->u.debug_keys.keys = (uint64_t)harmless;
        op->u.debug_keys.nr_keys = 1;
    }
    if (nr == __HYPERVISOR_sysctl && *cmd == XEN_SYSCTL_readconsole)
        ((struct xen_sysctl *)f->pointed)->u.readconsole.clear = 0; /* the audit's answer */
    if (nr == __HYPERVISOR_domctl && *cmd == XEN_DOMCTL_scheduler_op)
        return ((struct xen_domctl *)f->pointed)->domain != 0; /* a cap would stop this run */
    return true;
}

bool fuzz_may(struct fuzzer *f, const struct row *row, uint64_t *nr, uint64_t a[5])
{
    switch (*nr) {
    case __HYPERVISOR_domctl:
    case __HYPERVISOR_sysctl:
    case __HYPERVISOR_platform_op:
        if (row->args[0] != '@') { /* any sub-operation: its structure is always there */
            f->pointed = f->structure;
            a[0] = (uint64_t)f->structure;
        } else if (a[0] != (uint64_t)f->pointed || f->pointed >= f->edge) {
            return true; /* nowhere, or half of it is not there: refused as a whole */
        }
        return may_control(f, *nr);
    case __HYPERVISOR_mmu_update: /* own tables and the M2P of own frames */
    case __HYPERVISOR_mmuext_op:
        return row->args[0] != '+' && (a[3] & 0xffff) != 0 && (a[3] & 0xffff) != DOMID_SELF;
    case __HYPERVISOR_sched_op:
        return row->cmd != SCHEDOP_remote_shutdown || f->pointed >= f->edge ||
               ((struct sched_remote_shutdown *)f->pointed)->domain_id; /* else the machine's end */
    case __HYPERVISOR_memory_op: /* "any sub-operation" could give back what this program is in */
        return row->args[0] != '+';
    case __HYPERVISOR_grant_table_op:
        if (row->cmd == GNTTABOP_map_grant_ref && a[2] > GRANTS_PER_CALL)
            a[2] = GRANTS_PER_CALL;
        return row->args[0] != '+' && nr_grants + NR_VCPUS * GRANTS_PER_CALL <= ARRAY_SIZE(grants);
    default: return true;
    }
}

void fuzz_done(struct fuzzer *f, const struct row *row, bool fine)
{
    const struct gnttab_map_grant_ref *map = (const void *)f->pointed;
    const struct xen_domctl *op = (const void *)f->pointed;

    if (row->nr == __HYPERVISOR_grant_table_op && row->cmd == GNTTABOP_map_grant_ref)
        for (unsigned i = 0; i < GRANTS_PER_CALL && (uint64_t)(map + i + 1) <= (uint64_t)f->hole;
             i++)
            if (map[i].status == GNTST_okay)
                grants[__atomic_fetch_add(&nr_grants, 1, __ATOMIC_RELAXED)] = map[i];
    if (fine && row->nr == __HYPERVISOR_domctl && row->cmd == XEN_DOMCTL_getvcpuextstate &&
        f->pointed < f->edge)
        f->area_size = op->u.vcpuextstate.size;
}

/* --- lives --------------------------------------------------------------------------------------
 */

/* The second vCPU makes calls while this is set, and says in the other when it makes none. */
static volatile unsigned racing, resting = 1;
static uint8_t stack[16384] __attribute__((aligned(4096)));

static void second_vcpu(void)
{
    for (;;) {
        if (!racing) {
            resting = 1;
            hc_sched_op(SCHEDOP_yield, 0);
            continue;
        }
        resting = 0;
        fuzz_one_call(&fuzzers[1], &counts[1]);
    }
}

static void race(bool on)
{
    racing = on && nr_vcpus > 1;
    while (resting == racing && nr_vcpus > 1)
        hc_sched_op(SCHEDOP_yield, 0);
}

static void start_second_vcpu(void)
{
    static struct vcpu_guest_context c = {.flags = VGCF_IN_KERNEL};

    c.user_regs.rip = (uint64_t)ap_start;
    c.user_regs.rdi = (uint64_t)second_vcpu;
    c.user_regs.rsp = c.kernel_sp = (uint64_t)stack + sizeof(stack);
    c.user_regs.cs = FLAT_KERNEL_CS;
    c.user_regs.ss = c.kernel_ss = FLAT_KERNEL_SS;
    c.event_callback_eip = (uint64_t)event_entry;
    c.failsafe_callback_eip = (uint64_t)failsafe_entry;
    c.syscall_callback_eip = (uint64_t)syscall_entry;
    c.trap_ctxt[2] = (struct trap_info){2, 0, FLAT_KERNEL_CS, (uint64_t)nmi_entry};
    c.ctrlreg[3] = mfn_of((void *)start_info->pt_base) * PAGE_SIZE;
    if (!hc_vcpu_op(VCPUOP_initialise, 1, &c) && !hc_vcpu_op(VCPUOP_up, 1, 0))
        nr_vcpus = 2;
}

static void begin(uint64_t seed)
{
    static const struct xen_domctl_vcpu_msr msr = {.index = 0xc0000103, .value = 5}; /* TSC_AUX */

    for (unsigned n = 0; n < NR_VCPUS; n++) {
        fuzzers[n].random = seed * 0x9e3779b97f4a7c15UL + n;
        fuzzers[n].nr_maps = 0;
        fuzzers[n].area_size = PAGE_SIZE; /* enough to ask */
        fuzz_hide_hole(&fuzzers[n]);
    }
    nr_grants = nr_addresses = 0;
    memset(bulk, 0, sizeof(bulk));
    for (unsigned i = 0; i < 4; i++)
        memcpy(bulk[4] + i * sizeof(msr), &msr, sizeof(msr));
    memset(counts, 0, sizeof(counts));
}

/* A page to play with is dom0's own again: what is mapped there goes, and where the calls gave its
 * frame away, perhaps lowering the limit as well, another one comes. */
static bool own_again(void *page)
{
    static struct xen_domctl limit;
    uint64_t pfn = pfn_of(page);
    xen_pfn_t frame = pfn;
    struct xen_memory_reservation r = {
        .extent_start = (guest_ptr_t)&frame, .nr_extents = 1, .domid = DOMID_SELF};

    if (!set_va(page, mfn_of(page) * PAGE_SIZE | RW_FLAGS, UVMF_INVLPG | UVMF_ALL))
        return true;
    limit = (struct xen_domctl){.cmd = XEN_DOMCTL_max_mem,
                                .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
                                .u.max_mem.max_memkb = 256 << 10};
    HC_1(__HYPERVISOR_domctl, &limit);
    if (hc_memory_op(XENMEM_populate_physmap, &r) != 1)
        return false;
    p2m()[pfn] = frame;
    return !set_va(page, frame * PAGE_SIZE | RW_FLAGS, UVMF_INVLPG | UVMF_ALL);
}

/* Gives back all that dom0 may have got of others. */
static void let_go(void)
{
    struct evtchn_reset reset = {DOMID_SELF};
    struct xen_memory_reservation claim = {.domid = DOMID_SELF};

    for (unsigned i = 0; i < nr_grants; i++) {
        struct gnttab_unmap_grant_ref unmap = {.host_addr = grants[i].host_addr,
                                               .dev_bus_addr = grants[i].dev_bus_addr,
                                               .handle = grants[i].handle};

        hc_grant_op(GNTTABOP_unmap_grant_ref, &unmap, 1);
    }
    for (unsigned i = 0; i < 512; i++)
        mmu_update1(pte_machine(&second_window.l1[i]), 0);
    for (unsigned i = 0; i < NR_PLAY; i++)
        EXPECT(own_again(play[i]));
    /* The next victim is a copy of this program, with the hole. */
    for (unsigned n = 0; n < NR_VCPUS; n++)
        EXPECT(own_again(fuzzers[n].hole));
    mmuext1(MMUEXT_TLB_FLUSH_ALL, 0, 0);
    hc_event_op(EVTCHNOP_reset, &reset);
    hc_memory_op(XENMEM_claim_pages, &claim);
}

/* Destroys every other domain; the number that are still there in the end. */
static unsigned destroy_all(void)
{
    static struct xen_domctl op;
    uint64_t end = system_time() + END_NS;
    unsigned left;

    do {
        left = 0;
        for (unsigned from = 1; from < 0x7ff0; from++) {
            op = (struct xen_domctl){.cmd = XEN_DOMCTL_getdomaininfo,
                                     .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
                                     .domain = (domid_t)from};
            if (HC_1(__HYPERVISOR_domctl, &op))
                break;
            from = op.domain;
            left++;
            op.cmd = XEN_DOMCTL_destroydomain;
            HC_1(__HYPERVISOR_domctl, &op);
        }
        hc_sched_op(SCHEDOP_yield, 0);
    } while (left && system_time() < end);
    if (left) {
        static struct xen_sysctl keys = {.cmd = XEN_SYSCTL_debug_keys,
                                         .interface_version = XEN_SYSCTL_INTERFACE_VERSION,
                                         .u.debug_keys = {(uint64_t) "qge", 3}};

        print("# d%u is left, with %lu pages\n", op.domain, op.u.getdomaininfo.tot_pages);
        HC_1(__HYPERVISOR_sysctl, &keys);
    }
    return left;
}

static uint64_t tried[MAX_ROWS], fine[MAX_ROWS];

static uint64_t one_life(uint64_t seed)
{
    uint64_t done = 0;

    if (!second_setup(victim_main)) {
        EXPECT(!"the victim could not be built");
        return 0;
    }
    begin(seed);
    race(true);
    while (counts[0].all < CALLS_PER_LIFE && !test_failed()) {
        fuzz_one_call(&fuzzers[0], &counts[0]);
        if (on_pavis && counts[0].all % AUDIT_EVERY == 0)
            EXPECT(audit_clean());
    }
    race(false);
    for (unsigned n = 0; n < NR_VCPUS; n++) {
        done += counts[n].all;
        fuzz_sum(&counts[n], tried, fine);
    }
    let_go();
    tree_drop(&second_window);
    EXPECT_EQ(destroy_all(), 0);
    if (on_pavis)
        EXPECT(audit_clean());
    for (unsigned n = 0; (test_failed() || cmdline_has("tell")) && n < nr_vcpus; n++)
        fuzz_tell_last(n ? "v1" : "v0", &counts[n]);
    return done;
}

/* What dom0's own calls could make it grow by later is taken before memory is first counted. */
static void grow(void)
{
    struct gnttab_query_size size = {.dom = DOMID_SELF};
    struct gnttab_setup_table setup = {.dom = DOMID_SELF,
                                       .frame_list = (guest_ptr_t)fuzzers[0].list};

    hc_grant_op(GNTTABOP_query_size, &size, 1);
    setup.nr_frames = size.max_nr_frames;
    hc_grant_op(GNTTABOP_setup_table, &setup, 1);
    EXPECT_EQ(setup.status, 0);
}

/* What is free, and dom0's own: its calls may give it more, or less. */
static uint64_t memory_left(void)
{
    domid_t self = DOMID_SELF;

    return machine_free_pages() + (uint64_t)hc_memory_op(XENMEM_current_reservation, &self);
}

/* Random calls of dom0 about others corrupt nothing: the machine lives, the audit is clean, and
 * what they took is free again; each sub-operation that it is offered succeeds now and then. */
static void test_privileged(void)
{
    uint64_t calls = fuzz_option("calls=", 40000), seed = fuzz_option("seed=", 1);
    uint64_t before = 0, done = 0;
    unsigned lives = 0;

    grow();
    start_second_vcpu();
    for (; done < calls && !test_failed(); lives++) {
        uint64_t now = one_life(seed + lives), end = system_time() + 1000000000;

        done += now;
        if (lives < 2)
            before = memory_left();
        /* Some domains per life, each with a number of its own: two tables have a page for 512. */
        uint64_t enough = before - FREE_SLACK - 2 * (lives * IDS_PER_LIFE / 512);
        while (memory_left() < enough && system_time() < end)
            hc_sched_op(SCHEDOP_yield, 0);
        EXPECT(memory_left() >= enough);
        if (test_failed())
            print("# life with seed=%lu failed after %lu calls; %lu pages free or dom0's, %lu "
                  "before\n",
                  seed + lives, now, memory_left(), before);
    }
    print("# %lu calls in %u lives\n", done, lives);
    fuzz_judge(tried, fine, OK0, done >= 40000);
}

TESTS("fuzzpriv", T(privileged));
