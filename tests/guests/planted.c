/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The audit finds what is wrong: each kind of fault of tests/inject/plants.def is planted in a live
 * system of two domains with everything between them that can be counted, and the audit must name
 * it; with the fault taken back it must be clean.  For build/pavis-hv-inject with xpti=1.
 */
#include "inject/inject.h"
#include "second.h"
#include "test.h"

#define DATA_SEG  0x00cff3000000ffffUL
#define GRANT_REF 8
#define VGA_TEXT  0xb8000UL

/* In either domain's image: what it lends to the other, its grant table, where it maps the other's.
 */
static uint64_t lent[512] __attribute__((aligned(4096)));
static struct grant_entry_v1 table[512] __attribute__((aligned(4096)));
static uint64_t borrowed[512] __attribute__((aligned(4096)));
static uint8_t info[4096] __attribute__((aligned(4096)));

static bool lend(domid_t to, uint64_t mfn)
{
    xen_pfn_t frame = 0;
    struct gnttab_setup_table setup = {
        .dom = DOMID_SELF, .nr_frames = 1, .frame_list = (guest_ptr_t)&frame};

    if (hc_grant_op(GNTTABOP_setup_table, &setup, 1) || setup.status ||
        hc_update_va(table, frame * PAGE_SIZE | RW_FLAGS, UVMF_INVLPG))
        return false;
    table[GRANT_REF] = (struct grant_entry_v1){GTF_permit_access, to, (uint32_t)mfn};
    return true;
}

static bool borrow(domid_t from, uint32_t flags)
{
    struct gnttab_map_grant_ref op = {
        .host_addr = (uint64_t)borrowed, .flags = flags, .ref = GRANT_REF, .dom = from};

    return !hc_grant_op(GNTTABOP_map_grant_ref, &op, 1) && !op.status;
}

/* --- the second domain: in[0] is the first one's port -------------------------------------------
 */

static void second_main(void)
{
    struct evtchn_bind_interdomain bind = {0, (evtchn_port_t)arg.in[0], 0};
    struct vcpu_register_vcpu_info where = {.mfn = ctl.mfns[image_page(info)]};

    while (!ctl.command)
        hc_sched_op(SCHEDOP_yield, 0);
    bind.remote_port = (evtchn_port_t)arg.in[0];
    arg.out[0] = hc_event_op(EVTCHNOP_bind_interdomain, &bind);
    arg.out[1] = hc_vcpu_op(VCPUOP_register_vcpu_info, 0, &where);
    arg.out[2] = lend(0, ctl.mfns[image_page(lent)]);
    arg.out[3] = borrow(0, GNTMAP_host_map);
    ctl.done = 1;
    for (;;)
        hc_sched_op(SCHEDOP_yield, 0);
}

/* --- the first ----------------------------------------------------------------------------------
 */

static uint64_t *gdt, *ldt;

static void bind_ports(void)
{
    struct evtchn_alloc_unbound unbound = {DOMID_SELF, second, 0};
    struct evtchn_bind_ipi ipi = {0, 0};
    struct evtchn_bind_virq virq = {VIRQ_DEBUG, 0, 0};
    struct physdev_map_pirq map = {
        .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = 10, .pirq = 10};
    struct evtchn_bind_pirq pirq = {.pirq = 10};

    EXPECT_RC(hc_event_op(EVTCHNOP_alloc_unbound, &unbound), 0);
    EXPECT_RC(hc_event_op(EVTCHNOP_bind_ipi, &ipi), 0);
    EXPECT_RC(hc_event_op(EVTCHNOP_bind_virq, &virq), 0);
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_map_pirq, &map), 0);
    EXPECT_RC(hc_event_op(EVTCHNOP_bind_pirq, &pirq), 0);
    their_arg->in[0] = unbound.port;
}

static void load_descriptors(void)
{
    uint64_t frame;

    gdt = page_alloc();
    ldt = page_alloc();
    frame = mfn_of(gdt);
    ldt[1] = DATA_SEG;
    EXPECT_RC(page_readonly(gdt), 0);
    EXPECT_RC(hc_set_gdt(&frame, 512), 0);
    EXPECT_RC(page_readonly(ldt), 0);
    EXPECT_RC(mmuext1(MMUEXT_SET_LDT, (uint64_t)ldt, 512), 0);
    EXPECT_EQ(TRY("mov %0, %%es", : : "r"(1 * 8 + 7) : "memory"), 0);
    EXPECT_EQ(TRY("mov %0, %%es", : : "r"(0) : "memory"), 0);
}

/* Two domains stand in every relation that the audit counts, and it is clean. */
static void test_world(void)
{
    void *pinned = page_alloc(), *page = page_alloc();

    if (hypercall5(INJECT_HYPERCALL, INJECT_STOP, 0, 0, 0, 0) < 0) {
        test_skip("this hypervisor has no faults to plant");
        return;
    }
    if (!second_setup(second_main))
        return;
    bind_ports();
    EXPECT(lend(second, mfn_of(lent)));
    __atomic_store_n(&their_ctl->command, 1, __ATOMIC_SEQ_CST);
    for (uint64_t end = system_time() + 2000000000; !their_ctl->done && system_time() < end;)
        hc_sched_op(SCHEDOP_yield, 0);
    EXPECT_RC(their_arg->out[0], 0);
    EXPECT_RC(their_arg->out[1], 0);
    EXPECT(their_arg->out[2] && their_arg->out[3]);
    EXPECT(borrow(second, GNTMAP_host_map | GNTMAP_device_map));
    load_descriptors();
    EXPECT_RC(page_readonly(pinned), 0);
    EXPECT_RC(pin(pinned, 1), 0);
    EXPECT_RC(set_va(page, VGA_TEXT | RW_FLAGS, UVMF_INVLPG), 0);
    EXPECT_RC(hypercall5(INJECT_HYPERCALL, INJECT_AUDIT, 0, 0, 0, 0), 0);
}

static void planted(unsigned number)
{
    switch (hypercall5(INJECT_HYPERCALL, INJECT_PLANT, number, 0, 0, 0)) {
    case PLANT_FOUND: break;
    case PLANT_NOWHERE: test_fail(TEST_WHERE, "there is nothing to plant it in"); break;
    case PLANT_MISSED: test_fail(TEST_WHERE, "the audit did not find it"); break;
    case PLANT_NOT_CLEAN: test_fail(TEST_WHERE, "the audit is not clean without it"); break;
    default: test_skip("this hypervisor has no faults to plant"); break;
    }
}

enum {
#define PLANT(name, says) NUMBER_##name,
#include "inject/plants.def"
#undef PLANT
};

#define PLANT(name, says)                                                                          \
    static void test_##name(void)                                                                  \
    {                                                                                              \
        planted(NUMBER_##name);                                                                    \
    }
#include "inject/plants.def"
#undef PLANT

/* The system was not harmed: the second domain ends as any other. */
static void test_end(void)
{
    second_destroy();
}

const char *const family = "planted";
const struct test tests[] = {
    T(world),
#define PLANT(name, says) T(name),
#include "inject/plants.def"
#undef PLANT
    T(end),
    {NULL, NULL},
};
