/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the control domain sets of another one, and reads back: its handle, its time, where it runs
 * and how much it gets.
 */
#include "abi/domctl.h"
#include "abi/sysctl.h"
#include "second.h"
#include "test.h"

#define TWO_VCPUS 2 /* as lib/second.c makes it: this number is one too many */

static void second_main(void)
{
    for (;;)
        hc_sched_op(SCHEDOP_yield, 0);
}

/* The handle, and what kind of domain it is, are as set; what a PV domain does not have is refused.
 */
static void test_handle(void)
{
    REQUIRE(second_create());
    memset(second_op.u.setdomainhandle.handle, 0x5a, sizeof(second_op.u.setdomainhandle.handle));
    EXPECT_RC(second_domctl(XEN_DOMCTL_setdomainhandle), 0);
    EXPECT_EQ(second_domaininfo().handle[0], 0x5a);
    EXPECT_EQ(second_domaininfo().handle[15], 0x5a);
    second_expect_absent(XEN_DOMCTL_setdomainhandle);
    second_op.u.address_size.size = 0;
    EXPECT_RC(second_domctl(XEN_DOMCTL_get_address_size), 0);
    EXPECT_EQ(second_op.u.address_size.size, 64);
    EXPECT_RC(second_domctl(XEN_DOMCTL_set_address_size), 0);
    second_op.u.address_size.size = 16;
    EXPECT_RC(second_domctl(XEN_DOMCTL_set_address_size), -EINVAL);
    second_expect_absent(XEN_DOMCTL_get_address_size);
    second_op.u.paging_mempool.size = 1 << 20;
    EXPECT_RC(second_domctl(XEN_DOMCTL_get_paging_mempool_size), -EOPNOTSUPP);
    EXPECT_RC(second_domctl(XEN_DOMCTL_set_paging_mempool_size), -EOPNOTSUPP);
    second_expect_absent(XEN_DOMCTL_get_paging_mempool_size);
    second_expect_absent(XEN_DOMCTL_set_paging_mempool_size);
    memset(&second_op.u, 0, sizeof(second_op.u));
    second_op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_PEEK; /* nothing is logged */
    EXPECT_RC(second_domctl(XEN_DOMCTL_shadow_op), on_pavis ? -EINVAL : 0);
    second_op.u.shadow_op.op = 77;
    EXPECT_RC(second_domctl(XEN_DOMCTL_shadow_op), -EINVAL);
    second_expect_absent(XEN_DOMCTL_shadow_op);
    EXPECT_RC(second_domctl(XEN_DOMCTL_destroydomain), 0);
}

/* A time offset moves the guest's wall clock by its seconds, both ways; how its TSC is shown comes
 * back as set. */
static void test_time(void)
{
    volatile struct shared_info *theirs =
        (volatile struct shared_info *)(SECOND_WINDOW + 3 * PAGE_SIZE);
    struct xen_domctl_tsc_info *t = &second_op.u.tsc_info;
    uint64_t before;
    uint32_t version;

    if (!second_setup(second_main))
        return;
    EXPECT_RC(second_show(3, second_domaininfo().shared_info_frame), 0);
    before = (uint64_t)theirs->wc_sec_hi << 32 | theirs->wc_sec;
    version = theirs->wc_version;
    EXPECT_EQ(before, (uint64_t)shared_info->wc_sec_hi << 32 | shared_info->wc_sec);
    second_op.u.settimeoffset.time_offset_seconds = 1000000;
    EXPECT_RC(second_domctl(XEN_DOMCTL_settimeoffset), 0);
    EXPECT_EQ((uint64_t)theirs->wc_sec_hi << 32 | theirs->wc_sec, before + 1000000);
    EXPECT(theirs->wc_version != version && !(theirs->wc_version & 1));
    second_op.u.settimeoffset.time_offset_seconds = -3600;
    EXPECT_RC(second_domctl(XEN_DOMCTL_settimeoffset), 0);
    EXPECT_EQ((uint64_t)theirs->wc_sec_hi << 32 | theirs->wc_sec, before - 3600);
    second_expect_absent(XEN_DOMCTL_settimeoffset);
    EXPECT_RC(second_show(3, 0), 0);

    EXPECT_RC(second_domctl(XEN_DOMCTL_gettscinfo), 0);
    EXPECT_EQ(t->tsc_mode, 0);
    EXPECT(t->gtsc_khz > 100000);
    *t = (struct xen_domctl_tsc_info){.tsc_mode = 2, .incarnation = 6};
    EXPECT_RC(second_domctl(XEN_DOMCTL_settscinfo), 0);
    EXPECT_RC(second_domctl(XEN_DOMCTL_gettscinfo), 0);
    EXPECT_EQ(t->tsc_mode, 2);
    EXPECT_EQ(t->incarnation, 7);
    *t = (struct xen_domctl_tsc_info){.tsc_mode = 9};
    EXPECT_RC(second_domctl(XEN_DOMCTL_settscinfo), -EINVAL);
    second_expect_absent(XEN_DOMCTL_gettscinfo);
    second_expect_absent(XEN_DOMCTL_settscinfo);
    second_destroy();
}

static long share(unsigned scheduler, unsigned cmd, unsigned weight, unsigned cap)
{
    struct xen_domctl_scheduler_op *s = &second_op.u.scheduler_op;

    memset(s, 0, sizeof(*s));
    s->sched_id = scheduler;
    s->cmd = cmd;
    s->u.credit2 = (struct xen_domctl_sched_credit2){(uint16_t)weight, (uint16_t)cap};
    return second_domctl(XEN_DOMCTL_scheduler_op);
}

/* Where a vCPU may run and how much its domain gets is as set; what cannot be is refused. */
static void test_scheduling(void)
{
    struct xen_domctl_vcpuaffinity *a = &second_op.u.vcpuaffinity;
    const struct xen_domctl_sched_credit2 *got = &second_op.u.scheduler_op.u.credit2;
    struct sched_pin_override pin;
    uint64_t hard = 1, soft = 1;
    const struct xen_domctl_vcpuaffinity both = {.flags =
                                                     XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT,
                                                 .cpumap_hard = {(guest_ptr_t)&hard, 64},
                                                 .cpumap_soft = {(guest_ptr_t)&soft, 64}};

    REQUIRE(second_create());
    *a = both;
    EXPECT_RC(second_domctl(XEN_DOMCTL_setvcpuaffinity), 0);
    hard = soft = 0;
    *a = both;
    EXPECT_RC(second_domctl(XEN_DOMCTL_getvcpuaffinity), 0);
    EXPECT_EQ(hard, 1);
    EXPECT_EQ(soft, 1);
    hard = 1UL << 40; /* no such processor */
    *a = both;
    EXPECT_RC(second_domctl(XEN_DOMCTL_setvcpuaffinity), -EINVAL);
    *a = both;
    a->flags = 0;
    EXPECT_RC(second_domctl(XEN_DOMCTL_setvcpuaffinity), -EINVAL);
    *a = both;
    a->vcpu = TWO_VCPUS;
    EXPECT(second_domctl(XEN_DOMCTL_getvcpuaffinity) < 0);
    second_expect_absent(XEN_DOMCTL_setvcpuaffinity);

    EXPECT_RC(share(XEN_SCHEDULER_CREDIT2, XEN_DOMCTL_SCHEDOP_getinfo, 0, 0), 0);
    EXPECT_EQ(got->weight, 256);
    EXPECT_EQ(got->cap, 0);
    EXPECT_RC(share(XEN_SCHEDULER_CREDIT2, XEN_DOMCTL_SCHEDOP_putinfo, 512, 50), 0);
    EXPECT_RC(share(XEN_SCHEDULER_CREDIT2, XEN_DOMCTL_SCHEDOP_getinfo, 0, 0), 0);
    EXPECT_EQ(got->weight, 512);
    EXPECT_EQ(got->cap, 50);
    EXPECT_RC(share(XEN_SCHEDULER_CREDIT2, 99, 0, 0), -EINVAL);
    EXPECT_RC(share(99, XEN_DOMCTL_SCHEDOP_getinfo, 0, 0), -EINVAL);
    second_expect_absent(XEN_DOMCTL_scheduler_op);
    EXPECT_RC(second_domctl(XEN_DOMCTL_destroydomain), 0);

    pin.pcpu = 0; /* of this very vCPU */
    EXPECT_RC(hc_sched_op(SCHEDOP_pin_override, &pin), 0);
    EXPECT_RC(hc_sched_op(SCHEDOP_pin_override, &pin), -EBUSY);
    pin.pcpu = -1;
    EXPECT_RC(hc_sched_op(SCHEDOP_pin_override, &pin), 0);
    EXPECT_RC(hc_sched_op(SCHEDOP_pin_override, &pin), -EINVAL);
    pin.pcpu = 5000;
    EXPECT_RC(hc_sched_op(SCHEDOP_pin_override, &pin), -EINVAL);
    EXPECT_RC(hc_sched_op(SCHEDOP_pin_override, (void *)0x800000000000), -EFAULT);
}

TESTS("settings", T(handle), T(time), T(scheduling));
