/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers that mean nothing are answered -ENOSYS, whatever the arguments; privileged groups check
 * versions. */
#include "abi/domctl.h"
#include "abi/platform.h"
#include "abi/sysctl.h"
#include "test.h"

/* Every hypercall number without a meaning. */
static void test_hypercalls(void)
{
    static const unsigned none[] = {11, 38, 43, 44,  45,  46,  47,  50,  51,  52,
                                    53, 54, 55, 56,  57,  58,  59,  60,  61,  62,
                                    63, 64, 65, 100, 127, 128, 255, 256, 4096};

    for (unsigned i = 0; i < ARRAY_SIZE(none); i++)
        if (hypercall5(none[i], 0, 0, 0, 0, 0) != -ENOSYS)
            test_fail(TEST_WHERE, "hypercall %u = %ld", none[i],
                      hypercall5(none[i], 0, 0, 0, 0, 0));
    EXPECT_RC(hypercall5(~0UL, 0, 0, 0, 0, 0), -ENOSYS);
    EXPECT_RC(hypercall5(0x80000000, 0, 0, 0, 0, 0), -ENOSYS);
    EXPECT_RC(hypercall5(1UL << 32 | 17, 0, 0, 0, 0, 0), -ENOSYS);
}

/* Calls for other kinds of guests or builds. */
static void test_left_out(void)
{
    EXPECT_RC(HC_2(__HYPERVISOR_hvm_op, 0, 0), on_pavis ? -ENOSYS : -EFAULT);
    EXPECT_RC(HC_2(__HYPERVISOR_hvm_op, 99, 0), -ENOSYS);
    EXPECT_RC(HC_2(__HYPERVISOR_xenpmu_op, 0, 0), -EOPNOTSUPP);
    if (!on_pavis)
        return;
    EXPECT_RC(HC_1(__HYPERVISOR_xsm_op, 0), -ENOSYS);
    EXPECT_RC(HC_2(__HYPERVISOR_xenoprof_op, 0, 0), -ENOSYS);
    EXPECT_RC(HC_2(__HYPERVISOR_argo_op, 1, 0), -ENOSYS);
    EXPECT_RC(HC_3(__HYPERVISOR_dm_op, 0, 0, 0), -ENOSYS);
    EXPECT_RC(HC_1(__HYPERVISOR_mca, 0), -ENOSYS);
    EXPECT_RC(HC_2(__HYPERVISOR_sched_op_compat, 99, 0), -ENOSYS);
    EXPECT_RC(HC_1(__HYPERVISOR_event_channel_op_compat, 0), -ENOSYS);
    EXPECT_RC(HC_1(__HYPERVISOR_physdev_op_compat, 0), -ENOSYS);
}

/* Sub-operations beyond the last, group by group. */
static void test_sub_operations(void)
{
    static uint8_t arg[256];

    EXPECT_RC(hc_xen_version(11, arg), -ENOSYS);
    EXPECT_RC(hc_console_io(2, 0, arg), -ENOSYS);
    EXPECT_RC(hc_grant_op(13, arg, 1), -ENOSYS);
    EXPECT_RC(hc_grant_op(0x7f, arg, 1), -ENOSYS);
    EXPECT_RC(hc_vcpu_op(14, 0, arg), -ENOSYS);
    EXPECT_RC(hc_vcpu_op(0xffff, 0, arg), -ENOSYS);
    EXPECT_RC(HC_2(__HYPERVISOR_nmi_op, 2, arg), -ENOSYS);
    EXPECT_RC(hc_sched_op(8, arg), -ENOSYS);
    EXPECT_RC(hc_callback_op(2, arg), -ENOSYS);
    EXPECT_RC(hc_event_op(15, arg), -ENOSYS);
    EXPECT_RC(hc_physdev_op(32, arg), -ENOSYS);
    EXPECT_RC(hc_physdev_op(3, arg), -ENOSYS);
    EXPECT_RC(hc_memory_op(8, arg), -ENOSYS);
    EXPECT_RC(hc_memory_op(29, arg), -ENOSYS);
    EXPECT_RC(hc_memory_op(63, arg), -ENOSYS);
    EXPECT_RC(mmuext1(14, 0, 0), -ENOSYS);
    EXPECT_RC(mmuext1(21, 0, 0), -ENOSYS);
    EXPECT_RC(hc_vm_assist(2, 0), -ENOSYS);
}

/* domctl: the version first, then privilege and number. */
static void test_domctl(void)
{
    static struct xen_domctl op;
    static const unsigned none[] = {0, 6, 7, 8, 41, 49, 51, 52, 53, 58, 70, 80, 87, 999, 1004};

    op = (struct xen_domctl){.cmd = XEN_DOMCTL_getdomaininfo, .interface_version = 0x14};
    EXPECT_RC(HC_1(__HYPERVISOR_domctl, &op), -EACCES);
    EXPECT_RC(HC_1(__HYPERVISOR_domctl, 0x1000), -EFAULT);
    if (!(start_info->flags & SIF_PRIVILEGED)) {
        op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
        EXPECT_RC(HC_1(__HYPERVISOR_domctl, &op), -EPERM);
        return;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(none); i++) {
        op = (struct xen_domctl){.cmd = none[i], .interface_version = XEN_DOMCTL_INTERFACE_VERSION};
        EXPECT_RC(HC_1(__HYPERVISOR_domctl, &op), -ENOSYS);
    }
    op = (struct xen_domctl){.cmd = XEN_DOMCTL_pausedomain,
                             .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
                             .domain = 77};
    EXPECT_RC(HC_1(__HYPERVISOR_domctl, &op), -ESRCH);
    op.cmd = XEN_DOMCTL_getdomaininfo;
    op.domain = 0;
    EXPECT_RC(HC_1(__HYPERVISOR_domctl, &op), 0);
    EXPECT_EQ(op.u.getdomaininfo.domain, 0);
    EXPECT_EQ(op.u.getdomaininfo.tot_pages, start_info->nr_pages);
    EXPECT(op.u.getdomaininfo.flags & XEN_DOMINF_running);
    EXPECT(op.u.getdomaininfo.nr_online_vcpus >= 1);
    EXPECT(op.u.getdomaininfo.cpu_time > 0);
}

/* sysctl likewise. */
static void test_sysctl(void)
{
    static struct xen_sysctl op;
    static const unsigned none[] = {0, 13, 24, 28, 30, 999};

    op = (struct xen_sysctl){.cmd = XEN_SYSCTL_physinfo, .interface_version = 0x14};
    EXPECT_RC(HC_1(__HYPERVISOR_sysctl, &op), -EACCES);
    EXPECT_RC(HC_1(__HYPERVISOR_sysctl, 0x1000), -EFAULT);
    if (!(start_info->flags & SIF_PRIVILEGED)) {
        op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
        EXPECT_RC(HC_1(__HYPERVISOR_sysctl, &op), -EPERM);
        return;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(none); i++) {
        op = (struct xen_sysctl){.cmd = none[i], .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
        EXPECT_RC(HC_1(__HYPERVISOR_sysctl, &op), -ENOSYS);
    }
    op = (struct xen_sysctl){.cmd = XEN_SYSCTL_physinfo,
                             .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
    EXPECT_RC(HC_1(__HYPERVISOR_sysctl, &op), 0);
    EXPECT(op.u.physinfo.nr_cpus >= 1 && op.u.physinfo.total_pages > start_info->nr_pages);
    EXPECT(op.u.physinfo.free_pages < op.u.physinfo.total_pages);
    EXPECT(op.u.physinfo.capabilities & XEN_SYSCTL_PHYSCAP_pv);
    op.cmd = XEN_SYSCTL_sched_id;
    EXPECT_RC(HC_1(__HYPERVISOR_sysctl, &op), 0);
    EXPECT_EQ(op.u.sched_id.sched_id, XEN_SCHEDULER_CREDIT2);
}

/* platform_op likewise. */
static void test_platform(void)
{
    static struct xen_platform_op op;
    static const unsigned none[] = {0, 16, 18, 34, 36, 65, 999};

    op = (struct xen_platform_op){.cmd = XENPF_get_cpuinfo, .interface_version = 0x03000000};
    EXPECT_RC(HC_1(__HYPERVISOR_platform_op, &op), -EACCES);
    EXPECT_RC(HC_1(__HYPERVISOR_platform_op, 0x1000), -EFAULT);
    if (!(start_info->flags & SIF_PRIVILEGED))
        return;
    for (unsigned i = 0; i < ARRAY_SIZE(none); i++) {
        op = (struct xen_platform_op){.cmd = none[i], .interface_version = XENPF_INTERFACE_VERSION};
        EXPECT_RC(HC_1(__HYPERVISOR_platform_op, &op), -ENOSYS);
    }
    op = (struct xen_platform_op){.cmd = XENPF_get_cpuinfo,
                                  .interface_version = XENPF_INTERFACE_VERSION};
    EXPECT_RC(HC_1(__HYPERVISOR_platform_op, &op), 0);
    EXPECT_EQ(op.u.pcpu_info.flags & XEN_PCPU_FLAGS_ONLINE, XEN_PCPU_FLAGS_ONLINE);
    EXPECT_EQ(op.u.pcpu_info.apic_id, 0);
}

/* Ten thousand refusals neither flood the log nor slow down anything. */
static void test_flood(void)
{
    uint64_t start = system_time();

    for (unsigned i = 0; i < 10000; i++)
        hypercall5(60, i, i, i, i, i);
    EXPECT(system_time() - start < 5000000000UL);
}

TESTS("unknown", T(hypercalls), T(left_out), T(sub_operations), T(domctl), T(sysctl), T(platform),
      T(flood));
