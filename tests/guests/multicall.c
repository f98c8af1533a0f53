/* SPDX-License-Identifier: GPL-2.0-only */
/* Batches of hypercalls: each entry's result is its own, and what may not be batched is refused. */
#include "test.h"

static struct multicall_entry list[1024];

/* Results land in their entries, arguments reach their calls, a failing entry stops nothing. */
static void test_results(void)
{
    struct xen_feature_info info = {0, 0};

    list[0] = (struct multicall_entry){.op = __HYPERVISOR_xen_version, .args = {XENVER_version}};
    list[1] = (struct multicall_entry){.op = __HYPERVISOR_xen_version, .args = {99}};
    list[2] = (struct multicall_entry){.op = __HYPERVISOR_xen_version,
                                       .args = {XENVER_get_features, (uint64_t)&info}};
    list[3] = (struct multicall_entry){.op = __HYPERVISOR_xen_version, .args = {XENVER_pagesize}};
    EXPECT_RC(hc_multicall(list, 4), 0);
    EXPECT_RC(list[0].result, 4 << 16 | 17);
    EXPECT_RC(list[1].result, -ENOSYS);
    EXPECT_RC(list[2].result, 0);
    EXPECT_RC(list[3].result, PAGE_SIZE);
    EXPECT(info.submap);
}

/* Unknown numbers fail one by one. */
static void test_unknown(void)
{
    static const uint64_t numbers[] = {11, 43, 63, 64, 1000, ~0UL};

    for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++)
        list[i] = (struct multicall_entry){.op = numbers[i], .result = 7};
    EXPECT_RC(hc_multicall(list, ARRAY_SIZE(numbers)), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++)
        EXPECT_RC(list[i].result, -ENOSYS);
}

/* A batch inside a batch is refused. */
static void test_nested(void)
{
    static struct multicall_entry inner = {.op = __HYPERVISOR_xen_version};

    list[0] = (struct multicall_entry){.op = __HYPERVISOR_multicall, .args = {(uint64_t)&inner, 1}};
    inner.result = 0x55;
    EXPECT(hc_multicall(list, 1) <= 0);
    EXPECT_EQ(inner.result, 0x55);
}

/* Nothing to do, and addresses that are not the guest's. */
static void test_bad(void)
{
    EXPECT_RC(hc_multicall(list, 0), 0);
    EXPECT_RC(hc_multicall(0x1000, 1), -EFAULT);
    EXPECT_RC(hc_multicall(HYPERVISOR_VIRT_START, 1), -EFAULT);
    EXPECT_RC(hc_multicall(0x800000000000, 1), -EFAULT);
}

/* A long batch runs to its end, stopping and resuming where it must. */
static void test_long(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(list); i++)
        list[i] = (struct multicall_entry){.op = __HYPERVISOR_xen_version,
                                           .args = {i & 1 ? XENVER_version : XENVER_pagesize}};
    EXPECT_RC(hc_multicall(list, ARRAY_SIZE(list)), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(list); i++)
        EXPECT_RC(list[i].result, i & 1 ? 4 << 16 | 17 : PAGE_SIZE);
}

/* What Linux batches at a process switch: stack, FPU, page table. */
static void test_switch(void)
{
    static uint8_t stack[4096] __attribute__((aligned(16)));
    struct mmuext_op op = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};

    list[0] = (struct multicall_entry){.op = __HYPERVISOR_stack_switch,
                                       .args = {FLAT_KERNEL_SS, (uint64_t)stack + 4096}};
    list[1] = (struct multicall_entry){.op = __HYPERVISOR_fpu_taskswitch, .args = {0}};
    list[2] = (struct multicall_entry){.op = __HYPERVISOR_mmuext_op,
                                       .args = {(uint64_t)&op, 1, 0, DOMID_SELF}};
    EXPECT_RC(hc_multicall(list, 3), 0);
    for (unsigned i = 0; i < 3; i++)
        EXPECT_RC(list[i].result, 0);
}

/* A restartable call inside a batch finishes its own work before the next entry begins. */
static void test_inner_restart(void)
{
    uint64_t *l2 = page_alloc(), *l1 = page_alloc();
    struct mmuext_op op[2];

    for (unsigned i = 0; i < 512; i++)
        l1[i] = mfn_of(list) * PAGE_SIZE | RO_FLAGS;
    for (unsigned i = 0; i < 512; i++)
        l2[i] = mfn_of(l1) * PAGE_SIZE | TABLE_FLAGS;
    EXPECT_RC(page_readonly(l1), 0);
    EXPECT_RC(page_readonly(l2), 0);
    op[0] = (struct mmuext_op){.cmd = MMUEXT_PIN_L2_TABLE, .arg1.mfn = mfn_of(l2)};
    op[1] = (struct mmuext_op){.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = mfn_of(l2)};
    for (unsigned i = 0; i < 16; i++)
        list[i] = (struct multicall_entry){.op = __HYPERVISOR_mmuext_op,
                                           .args = {(uint64_t)op, 2, 0, DOMID_SELF}};
    EXPECT_RC(hc_multicall(list, 16), 0);
    for (unsigned i = 0; i < 16; i++)
        EXPECT_RC(list[i].result, 0);
    EXPECT_RC(page_writable(l1), 0);
    EXPECT_RC(page_writable(l2), 0);
    page_free(l1);
    page_free(l2);
}

TESTS("multicall", T(results), T(unknown), T(nested), T(bad), T(long), T(switch), T(inner_restart));
