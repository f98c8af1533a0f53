/* SPDX-License-Identifier: GPL-2.0-only */
/* Time: the pvclock, one-shot and periodic timers, run-state accounting, relocated vcpu_info. */
#include "test.h"

#define MS 1000000UL

static unsigned timer;

static bool setup(void)
{
    struct evtchn_bind_virq op = {VIRQ_TIMER, 0, 0};

    if (hc_event_op(EVTCHNOP_bind_virq, &op))
        return false;
    timer = op.port;
    shared_info->evtchn_pending[timer / 64] = 0;
    event_count[timer] = 0;
    shared_info->evtchn_mask[timer / 64] &= ~(1UL << timer % 64);
    return true;
}

static void cleanup(void)
{
    struct evtchn_close op = {timer};

    shared_info->evtchn_mask[timer / 64] |= 1UL << timer % 64;
    EXPECT_RC(hc_set_timer(0), 0);
    EXPECT_RC(hc_event_op(EVTCHNOP_close, &op), 0);
}

static void spin(uint64_t ns)
{
    uint64_t end = system_time() + ns;

    while (system_time() < end)
        __asm__ volatile("pause");
}

/* A PV vCPU begins with a periodic timer of 100 Hz, until it asks for none. */
static void test_default_ticker(void)
{
    uint64_t start = system_time();
    unsigned n;

    REQUIRE(setup());
    EXPECT(
        event_wait(timer, 8, 3000)); /* ticks that an emulator on a busy machine missed are lost */
    EXPECT(event_count[timer] <= (system_time() - start) / (10 * MS) + 2);
    EXPECT_RC(hc_vcpu_op(VCPUOP_stop_periodic_timer, 0, 0), 0);
    n = event_count[timer];
    spin(30 * MS);
    EXPECT(event_count[timer] <= n + 1);
    cleanup();
}

/* The clock never runs backwards, and moves. */
static void test_monotonic(void)
{
    uint64_t last = system_time(), first = last;

    for (unsigned i = 0; i < 200000; i++) {
        uint64_t now = system_time();

        if (now < last) {
            test_fail(TEST_WHERE, "%lu after %lu", now, last);
            return;
        }
        last = now;
    }
    EXPECT(last > first);
}

/* The version protocol: even, and greater when the block has been rewritten. */
static void test_version(void)
{
    uint32_t before = vcpu0->time.version;

    EXPECT_EQ(before & 1, 0);
    for (unsigned i = 0; i < 30; i++) {
        spin(50 * MS);
        if (vcpu0->time.version != before)
            break;
    }
    EXPECT(vcpu0->time.version >= before);
    EXPECT_EQ(vcpu0->time.version & 1, 0);
}

/* set_timer_op fires once, not before its time and not much later. */
static void test_set_timer(void)
{
    uint64_t deadline;

    REQUIRE(setup());
    deadline = system_time() + 20 * MS;
    EXPECT_RC(hc_set_timer(deadline), 0);
    while (!event_count[timer] && system_time() < deadline + 500 * MS)
        __asm__ volatile("pause");
    EXPECT_EQ(event_count[timer], 1);
    EXPECT(system_time() >= deadline);
    EXPECT(system_time() < deadline + 100 * MS);
    spin(10 * MS);
    EXPECT_EQ(event_count[timer], 1);
    EXPECT_RC(hc_set_timer(system_time() + 20 * MS), 0);
    EXPECT_RC(hc_set_timer(0), 0); /* off */
    spin(40 * MS);
    EXPECT_EQ(event_count[timer], 1);
    cleanup();
}

/* VCPUOP_set_singleshot_timer: a deadline, a past one, stop, another vCPU's. */
static void test_singleshot(void)
{
    struct vcpu_set_singleshot_timer op = {system_time() + 10 * MS, 0};

    REQUIRE(setup());
    EXPECT_RC(hc_vcpu_op(VCPUOP_set_singleshot_timer, 0, &op), 0);
    EXPECT(event_wait(timer, 1, 500));
    op.timeout_abs_ns = 5;
    EXPECT_RC(hc_vcpu_op(VCPUOP_set_singleshot_timer, 0, &op), 0);
    EXPECT(event_wait(timer, 2, 500));
    op.flags = VCPU_SSHOTTMR_future; /* ignored since 4.17.3 */
    EXPECT_RC(hc_vcpu_op(VCPUOP_set_singleshot_timer, 0, &op), 0);
    EXPECT(event_wait(timer, 3, 500));
    op = (struct vcpu_set_singleshot_timer){system_time() + 20 * MS, 0};
    EXPECT_RC(hc_vcpu_op(VCPUOP_set_singleshot_timer, 0, &op), 0);
    EXPECT_RC(hc_vcpu_op(VCPUOP_stop_singleshot_timer, 0, 0), 0);
    spin(40 * MS);
    EXPECT_EQ(event_count[timer], 3);
    EXPECT_RC(hc_vcpu_op(VCPUOP_set_singleshot_timer, 0, 0x1000), -EFAULT);
    EXPECT_RC(hc_vcpu_op(VCPUOP_set_singleshot_timer, 99, &op), -ENOENT);
    cleanup();
}

/* The periodic timer ticks until it is stopped; under a millisecond is refused. */
static void test_periodic(void)
{
    struct vcpu_set_periodic_timer op = {5 * MS};
    uint64_t start = system_time();
    unsigned n;

    REQUIRE(setup());
    EXPECT_RC(hc_vcpu_op(VCPUOP_set_periodic_timer, 0, &op), 0);
    EXPECT(event_wait(timer, 10, 3000));
    EXPECT(event_count[timer] <= (system_time() - start) / (5 * MS) + 2);
    EXPECT_RC(hc_vcpu_op(VCPUOP_stop_periodic_timer, 0, 0), 0);
    n = event_count[timer];
    spin(30 * MS);
    EXPECT(event_count[timer] <= n + 1);
    op.period_ns = MS - 1;
    EXPECT_RC(hc_vcpu_op(VCPUOP_set_periodic_timer, 0, &op), -EINVAL);
    op.period_ns = ~0UL;
    EXPECT_RC(hc_vcpu_op(VCPUOP_set_periodic_timer, 0, &op), -EINVAL);
    EXPECT_RC(hc_vcpu_op(VCPUOP_stop_periodic_timer, 99, 0), -ENOENT);
    cleanup();
}

/* Run states: the times add up, and sleeping counts as blocked. */
static void test_runstate(void)
{
    static struct vcpu_runstate_info area;
    struct vcpu_register_runstate_memory_area reg = {.addr.p = (uint64_t)&area};
    struct vcpu_runstate_info info;
    uint64_t blocked, sum;

    REQUIRE(setup());
    EXPECT_RC(hc_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &reg), 0);
    EXPECT_EQ(area.state, RUNSTATE_running);
    EXPECT_RC(hc_vcpu_op(VCPUOP_get_runstate_info, 0, &info), 0);
    EXPECT_EQ(info.state, RUNSTATE_running);
    blocked = info.time[RUNSTATE_blocked];
    sum = info.time[0] + info.time[1] + info.time[2] + info.time[3];
    EXPECT(sum <= system_time() + MS);
    EXPECT_RC(hc_set_timer(system_time() + 30 * MS), 0);
    events_mask();
    EXPECT_RC(hc_sched_op(SCHEDOP_block, 0), 0);
    EXPECT_RC(hc_vcpu_op(VCPUOP_get_runstate_info, 0, &info), 0);
    EXPECT(info.time[RUNSTATE_blocked] - blocked >= 25 * MS);
    EXPECT(info.time[RUNSTATE_blocked] - blocked < 300 * MS);
    EXPECT(area.time[RUNSTATE_blocked] - blocked >= 25 * MS);
    EXPECT_EQ(area.state, RUNSTATE_running);
    EXPECT_EQ(area.state_entry_time & XEN_RUNSTATE_UPDATE, 0);
    EXPECT_RC(hc_vcpu_op(VCPUOP_get_runstate_info, 99, &info), -ENOENT);
    EXPECT_RC(hc_vcpu_op(VCPUOP_register_runstate_memory_area, 0, 0x1000), -EFAULT);
    cleanup();
}

/* A second copy of the time block can be had at any address, for user mode to read. */
static void test_time_area(void)
{
    static struct vcpu_time_info area;
    struct vcpu_register_time_memory_area reg = {.addr.p = (uint64_t)&area};

    EXPECT_RC(hc_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &reg), 0);
    EXPECT(area.version && !(area.version & 1));
    EXPECT_EQ(area.tsc_to_system_mul, vcpu0->time.tsc_to_system_mul);
    EXPECT_EQ(area.tsc_shift, vcpu0->time.tsc_shift);
    reg.addr.p = HYPERVISOR_VIRT_START;
    EXPECT_RC(hc_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &reg), -EFAULT);
    reg.addr.p = 0;
    EXPECT_RC(hc_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &reg), 0);
}

/* Assists are switched on and off; an unknown one is refused. */
static void test_vm_assist(void)
{
    static const unsigned types[] = {
        VMASST_TYPE_writable_pagetables,  VMASST_TYPE_architectural_iopl,
        VMASST_TYPE_runstate_update_flag, VMASST_TYPE_m2p_strict,
        VMASST_TYPE_4gb_segments,         VMASST_TYPE_4gb_segments_notify,
        VMASST_TYPE_pae_extended_cr3};

    for (unsigned i = 0; i < ARRAY_SIZE(types); i++)
        EXPECT_RC(hc_vm_assist(VMASST_CMD_enable, types[i]), 0);
    EXPECT_RC(hc_vm_assist(VMASST_CMD_disable, VMASST_TYPE_architectural_iopl), 0);
    EXPECT_RC(hc_vm_assist(VMASST_CMD_enable, 31), -EINVAL);
    EXPECT_RC(hc_vm_assist(VMASST_CMD_enable, 64), -EINVAL);
    EXPECT_RC(hc_vm_assist(2, VMASST_TYPE_writable_pagetables), -ENOSYS);
}

/* vcpu_info can be moved once to a page of ours, keeping its contents, and works there. */
static void test_register_vcpu_info(void)
{
    static struct vcpu_info info __attribute__((aligned(64)));
    struct vcpu_register_vcpu_info reg = {mfn_of(&info), (uint32_t)((uint64_t)&info & ~PAGE_MASK),
                                          0};

    reg.offset = 4096 - 32;
    EXPECT_RC(hc_vcpu_op(VCPUOP_register_vcpu_info, 0, &reg), -ENXIO);
    reg.offset = 4;
    EXPECT_RC(hc_vcpu_op(VCPUOP_register_vcpu_info, 0, &reg), -ENXIO); /* alignment */
    reg.offset = (uint32_t)((uint64_t)&info & ~PAGE_MASK);
    reg.mfn = 0xffffffffff;
    EXPECT_RC(hc_vcpu_op(VCPUOP_register_vcpu_info, 0, &reg), -EINVAL);
    reg.mfn = mfn_of(&info);
    EXPECT_RC(hc_vcpu_op(VCPUOP_register_vcpu_info, 99, &reg), -ENOENT);
    events_mask(); /* everything is pending after the move, and the handler must know where to look
                    */
    EXPECT_RC(hc_vcpu_op(VCPUOP_register_vcpu_info, 0, &reg), 0);
    vcpu0 = &info;
    EXPECT_EQ(info.evtchn_upcall_mask, 1);
    EXPECT_EQ(info.evtchn_upcall_pending, 1);
    EXPECT_RC(hc_vcpu_op(VCPUOP_register_vcpu_info, 0, &reg), -EINVAL);
    events_unmask();
    EXPECT(info.time.version && info.time.tsc_to_system_mul);
    REQUIRE(setup());
    EXPECT_RC(hc_set_timer(system_time() + MS), 0);
    EXPECT(event_wait(timer, 1, 500));
    cleanup();
}

/* vcpu_op: the physical id of a vCPU that is not pinned means nothing; presence of vCPUs. */
static void test_get_physid(void)
{
    struct vcpu_get_physid id;

    long rc = hc_vcpu_op(VCPUOP_get_physid, 0, &id);

    EXPECT(rc == -EINVAL || rc == 0); /* 0 with one CPU: every vCPU is pinned to it */
    EXPECT_RC(hc_vcpu_op(14, 0, &id), -ENOSYS);
    EXPECT_RC(hc_vcpu_op(VCPUOP_is_up, 0, 0), 1);
    EXPECT_RC(hc_vcpu_op(VCPUOP_is_up, 99, 0), -ENOENT);
}

/* Wall clock time at boot plus system time is a date in this century. */
static void test_wallclock(void)
{
    uint64_t sec = (uint64_t)shared_info->wc_sec_hi << 32 | shared_info->wc_sec;

    EXPECT(sec > 1577836800UL); /* 2020 */
    EXPECT(sec < 4102444800UL); /* 2100 */
}

/* The watchdog: ids are given out, pinged, stopped; a third one is refused. */
static void test_watchdog(void)
{
    struct sched_watchdog op = {0, 600};
    long a, b;

    a = hc_sched_op(SCHEDOP_watchdog, &op);
    EXPECT(a > 0);
    b = hc_sched_op(SCHEDOP_watchdog, &op);
    EXPECT(b > 0 && b != a);
    EXPECT_RC((int)hc_sched_op(SCHEDOP_watchdog, &op), -ENOSPC); /* Xen answers in 32 bits */
    op.id = (uint32_t)a;
    EXPECT_RC(hc_sched_op(SCHEDOP_watchdog, &op), 0);
    op.timeout = 0;
    EXPECT_RC(hc_sched_op(SCHEDOP_watchdog, &op), 0);
    op.id = (uint32_t)b;
    EXPECT_RC(hc_sched_op(SCHEDOP_watchdog, &op), 0);
    op = (struct sched_watchdog){77, 10};
    EXPECT_RC((int)hc_sched_op(SCHEDOP_watchdog, &op), -EINVAL);
    EXPECT_RC(hc_sched_op(SCHEDOP_watchdog, 0x1000), -EFAULT);
    EXPECT_RC(hc_sched_op(99, 0), -ENOSYS);
}

TESTS("timers", T(default_ticker), T(monotonic), T(version), T(set_timer), T(singleshot),
      T(periodic), T(runstate), T(time_area), T(vm_assist), T(get_physid), T(wallclock),
      T(watchdog), T(register_vcpu_info));
