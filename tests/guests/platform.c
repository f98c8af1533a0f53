/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine as the control domain's tools and drivers see and change it: sysctl, platform_op, and
 * the part of physdev_op that is about devices.  Needs to be dom0, with a PCI device that has MSI-X
 * (QEMU's virtio-rng-pci).
 */
#include "abi/cpuid.h"
#include "abi/domctl.h"
#include "abi/platform.h"
#include "abi/sysctl.h"
#include "test.h"

#define NOWHERE   ((void *)0x800000000000) /* no address */
#define NR_CPUS   1                        /* of the machine that `families` asks for */
#define NO_DEVICE 0xf8                     /* a slot that is empty */

static struct xen_sysctl sys;
static struct xen_platform_op op;

static long sysctl(unsigned cmd)
{
    sys.cmd = cmd;
    sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return HC_1(__HYPERVISOR_sysctl, &sys);
}

static long platform_op(unsigned cmd)
{
    op.cmd = cmd;
    op.interface_version = XENPF_INTERFACE_VERSION;
    return HC_1(__HYPERVISOR_platform_op, &op);
}

/* sysctl tells tools about the machine, and refuses what it does not know. */
static void test_sysctl(void)
{
    static struct xen_domctl_getdomaininfo list[4];
    static uint32_t words[32];
    static char text[256];
    uint32_t index;
    uint8_t map[8] = {0};

    memset(&sys, 0, sizeof(sys));
    REQUIRE_RC(sysctl(XEN_SYSCTL_physinfo), 0);
    EXPECT(sys.u.physinfo.nr_cpus >= 1);
    EXPECT(sys.u.physinfo.threads_per_core >= 1 && sys.u.physinfo.cores_per_socket >= 1);
    EXPECT(sys.u.physinfo.cpu_khz > 100000);
    EXPECT(sys.u.physinfo.total_pages > sys.u.physinfo.free_pages);
    EXPECT(sys.u.physinfo.capabilities & XEN_SYSCTL_PHYSCAP_pv);

    memset(&sys, 0, sizeof(sys));
    EXPECT_RC(sysctl(XEN_SYSCTL_sched_id), 0);
    EXPECT_EQ(sys.u.sched_id.sched_id, XEN_SCHEDULER_CREDIT2);

    memset(&sys, 0, sizeof(sys));
    sys.u.getdomaininfolist.max_domains = 4;
    sys.u.getdomaininfolist.buffer = (uint64_t)list;
    EXPECT_RC(sysctl(XEN_SYSCTL_getdomaininfolist), 0);
    EXPECT(sys.u.getdomaininfolist.num_domains >= 1);
    EXPECT_EQ(list[0].domain, 0);
    EXPECT(list[0].flags & XEN_DOMINF_running);

    memset(&sys, 0, sizeof(sys));
    sys.u.readconsole.buffer = (uint64_t)text;
    sys.u.readconsole.count = sizeof(text);
    EXPECT_RC(sysctl(XEN_SYSCTL_readconsole), 0);
    EXPECT(sys.u.readconsole.count > 0 && sys.u.readconsole.count <= sizeof(text));
    sys.u.readconsole.count = 1; /* clears what it reads, and no more */
    sys.u.readconsole.clear = 1;
    EXPECT_RC(sysctl(XEN_SYSCTL_readconsole), 0);
    index = sys.u.readconsole.index;
    sys.u.readconsole.count = 1;
    sys.u.readconsole.index = 0;
    sys.u.readconsole.clear = 0;
    sys.u.readconsole.incremental = 1;
    EXPECT_RC(sysctl(XEN_SYSCTL_readconsole), 0);
    EXPECT_EQ(sys.u.readconsole.index, index + 1);

    memset(&sys, 0, sizeof(sys));
    sys.u.cpu_featureset.index = XEN_SYSCTL_cpu_featureset_host;
    EXPECT_RC(sysctl(XEN_SYSCTL_get_cpu_featureset), 0);
    EXPECT(sys.u.cpu_featureset.nr_features >= 10);
    sys.u.cpu_featureset.features = (uint64_t)words;
    sys.u.cpu_featureset.nr_features = 32;
    EXPECT_RC(sysctl(XEN_SYSCTL_get_cpu_featureset), 0);
    EXPECT(words[0] & 1); /* FPU */
    sys.u.cpu_featureset.nr_features = 2;
    EXPECT_RC(sysctl(XEN_SYSCTL_get_cpu_featureset), -ENOBUFS);

    memset(&sys, 0, sizeof(sys));
    sys.u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_INFO;
    sys.u.cpupool_op.cpumap.bitmap = (uint64_t)map;
    sys.u.cpupool_op.cpumap.nr_bits = 64;
    EXPECT_RC(sysctl(XEN_SYSCTL_cpupool_op), 0);
    EXPECT_EQ(sys.u.cpupool_op.n_dom, 1);
    EXPECT(map[0] & 1);
    sys.u.cpupool_op.cpupool_id = 1;
    EXPECT_RC(sysctl(XEN_SYSCTL_cpupool_op), -ENOENT);

    memset(&sys, 0, sizeof(sys));
    EXPECT_RC(sysctl(13), -ENOSYS);
    EXPECT_RC(sysctl(~0u), -ENOSYS);
    sys.interface_version++;
    EXPECT_RC(HC_1(__HYPERVISOR_sysctl, &sys), -EACCES);
}

/* The idle time of each processor is told, and grows only while it is idle. */
static void test_idle_time(void)
{
    static struct xen_sysctl_cpuinfo cpu[4];
    static uint64_t idle[8];
    static uint8_t map[1];
    struct evtchn_bind_virq timer = {.virq = VIRQ_TIMER};
    uint64_t before, now, start = system_time();

    cpu[NR_CPUS].idletime = 0x77;
    memset(&sys, 0, sizeof(sys));
    sys.u.getcpuinfo.max_cpus = ARRAY_SIZE(cpu);
    sys.u.getcpuinfo.info = (uint64_t)cpu;
    EXPECT_RC(sysctl(XEN_SYSCTL_getcpuinfo), 0);
    EXPECT_EQ(sys.u.getcpuinfo.nr_cpus, NR_CPUS);
    EXPECT_EQ(cpu[NR_CPUS].idletime, 0x77); /* not written */
    before = cpu[0].idletime;

    /* Twenty milliseconds asleep, but for ticks. */
    REQUIRE_RC(hc_event_op(EVTCHNOP_bind_virq, &timer), 0);
    EXPECT_RC(hc_event_op(EVTCHNOP_unmask, &timer.port), 0);
    while (system_time() < start + 20000000) {
        events_mask();
        hc_set_timer(start + 20000000);
        hc_sched_op(SCHEDOP_block, 0);
    }
    EXPECT_RC(hc_event_op(EVTCHNOP_close, &(struct evtchn_close){timer.port}), 0);

    sys.u.getcpuinfo.max_cpus = 0;
    EXPECT_RC(sysctl(XEN_SYSCTL_getcpuinfo), 0);
    EXPECT_EQ(sys.u.getcpuinfo.nr_cpus, 0);
    sys.u.getcpuinfo.max_cpus = 4;
    EXPECT_RC(sysctl(XEN_SYSCTL_getcpuinfo), 0);
    now = system_time();
    if (cpu[0].idletime < before + 10000000 || cpu[0].idletime > before + (now - start) + 1000000)
        test_fail(TEST_WHERE, "idle %lu ns before, %lu after", before, cpu[0].idletime);
    sys.u.getcpuinfo.info = (uint64_t)NOWHERE;
    EXPECT_RC(sysctl(XEN_SYSCTL_getcpuinfo), -EFAULT);
    if (!on_pavis) /* it wants a driver of frequencies for the other way to ask */
        return;

    map[0] = 0xff;
    memset(&op, 0, sizeof(op));
    op.u.getidletime.cpumap_bitmap = (uint64_t)map;
    op.u.getidletime.cpumap_nr_cpus = 8;
    op.u.getidletime.idletime = (uint64_t)idle;
    EXPECT_RC(platform_op(XENPF_getidletime), 0);
    EXPECT_EQ(map[0], (1 << NR_CPUS) - 1); /* those that there are */
    EXPECT(op.u.getidletime.now >= start + 20000000);
    EXPECT(op.u.getidletime.now <= system_time());
    EXPECT(idle[0] >= cpu[0].idletime && idle[0] < cpu[0].idletime + 100000000);
    op.u.getidletime.idletime = (uint64_t)NOWHERE;
    EXPECT_RC(platform_op(XENPF_getidletime), -EFAULT);
    op.u.getidletime.cpumap_bitmap = (uint64_t)NOWHERE;
    EXPECT_RC(platform_op(XENPF_getidletime), -EFAULT);
}

/* Free memory, in bytes, by how many address bits it needs: the parts make the whole. */
static void test_availheap(void)
{
    uint64_t all, low, high, free;

    memset(&sys, 0, sizeof(sys));
    REQUIRE_RC(sysctl(XEN_SYSCTL_physinfo), 0);
    free = sys.u.physinfo.free_pages * PAGE_SIZE;
    memset(&sys, 0, sizeof(sys));
    sys.u.availheap.node = -1;
    EXPECT_RC(sysctl(XEN_SYSCTL_availheap), 0);
    all = sys.u.availheap.avail_bytes;
    EXPECT_EQ(all, free);
    sys.u.availheap.max_bitwidth = 28; /* of 512 MiB this is half */
    EXPECT_RC(sysctl(XEN_SYSCTL_availheap), 0);
    low = sys.u.availheap.avail_bytes;
    sys.u.availheap.min_bitwidth = 28; /* just one bit: a quarter of it */
    EXPECT_RC(sysctl(XEN_SYSCTL_availheap), 0);
    EXPECT(sys.u.availheap.avail_bytes <= 1UL << 27);
    sys.u.availheap.max_bitwidth = 27;
    sys.u.availheap.min_bitwidth = 0;
    low -= sys.u.availheap.avail_bytes;
    EXPECT_RC(sysctl(XEN_SYSCTL_availheap), 0);
    EXPECT_EQ(sys.u.availheap.avail_bytes, low);
    sys.u.availheap.max_bitwidth = 0;
    sys.u.availheap.min_bitwidth = 28;
    EXPECT_RC(sysctl(XEN_SYSCTL_availheap), 0);
    high = sys.u.availheap.avail_bytes;
    EXPECT(low > 0 && low <= 1UL << 27);
    EXPECT_EQ(low + high, all);
    sys.u.availheap.min_bitwidth = 0;
    sys.u.availheap.node = 0;
    EXPECT_RC(sysctl(XEN_SYSCTL_availheap), 0);
    EXPECT_EQ(sys.u.availheap.avail_bytes, all);
    if (on_pavis) { /* Xen does not look */
        sys.u.availheap.node = 1;
        EXPECT_RC(sysctl(XEN_SYSCTL_availheap), -EINVAL);
        sys.u.availheap.node = -2;
        EXPECT_RC(sysctl(XEN_SYSCTL_availheap), -EINVAL);
    }
}

/* The scheduler's one setting can be read and changed, within its limits. */
static void test_scheduler(void)
{
    uint32_t before, *us = &sys.u.scheduler_op.u.sched_credit2.ratelimit_us;

    memset(&sys, 0, sizeof(sys));
    sys.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    sys.u.scheduler_op.cmd = XEN_SYSCTL_SCHEDOP_getinfo;
    EXPECT_RC(sysctl(XEN_SYSCTL_scheduler_op), 0);
    before = *us;
    sys.u.scheduler_op.cmd = XEN_SYSCTL_SCHEDOP_putinfo;
    *us = 2000;
    EXPECT_RC(sysctl(XEN_SYSCTL_scheduler_op), 0);
    *us = XEN_SYSCTL_SCHED_RATELIMIT_MAX + 1;
    EXPECT_RC(sysctl(XEN_SYSCTL_scheduler_op), -EINVAL);
    *us = XEN_SYSCTL_SCHED_RATELIMIT_MIN - 1;
    EXPECT_RC(sysctl(XEN_SYSCTL_scheduler_op), -EINVAL);
    sys.u.scheduler_op.cmd = XEN_SYSCTL_SCHEDOP_getinfo;
    EXPECT_RC(sysctl(XEN_SYSCTL_scheduler_op), 0);
    EXPECT_EQ(*us, 2000);
    sys.u.scheduler_op.cmd = XEN_SYSCTL_SCHEDOP_putinfo;
    *us = before;
    EXPECT_RC(sysctl(XEN_SYSCTL_scheduler_op), 0);
    sys.u.scheduler_op.cmd = 77;
    EXPECT_RC(sysctl(XEN_SYSCTL_scheduler_op), -EINVAL);
    sys.u.scheduler_op.cmd = XEN_SYSCTL_SCHEDOP_getinfo;
    sys.u.scheduler_op.sched_id = 77;
    EXPECT_RC(sysctl(XEN_SYSCTL_scheduler_op), -EINVAL);
    sys.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    sys.u.scheduler_op.cpupool_id = 9;
    EXPECT_RC(sysctl(XEN_SYSCTL_scheduler_op), -ESRCH);
}

/* Nodes, processors and devices: which belongs where; lists are no longer than they may be. */
static void test_topology(void)
{
    static struct xen_sysctl_cputopo cpu;
    static struct xen_sysctl_meminfo mem;
    static uint32_t distance, nodes[3];
    static struct physdev_pci_device devs[2] = {{0, 0, 0}, {0, 0, 1 << 3}};

    memset(&sys, 0, sizeof(sys));
    REQUIRE_RC(sysctl(XEN_SYSCTL_numainfo), 0);
    EXPECT_EQ(sys.u.numainfo.num_nodes, 1);
    sys.u.numainfo.meminfo = (uint64_t)&mem;
    sys.u.numainfo.distance = (uint64_t)&distance;
    EXPECT_RC(sysctl(XEN_SYSCTL_numainfo), 0);
    EXPECT_EQ(sys.u.numainfo.num_nodes, 1);
    EXPECT(mem.memsize >= mem.memfree && mem.memfree > 0);
    EXPECT_EQ(distance, 10);
    mem.memsize = 0;
    sys.u.numainfo.num_nodes = 0; /* room for none */
    EXPECT_RC(sysctl(XEN_SYSCTL_numainfo), 0);
    EXPECT_EQ(mem.memsize, 0);

    memset(&sys, 0, sizeof(sys));
    sys.u.cputopoinfo.num_cpus = 1;
    sys.u.cputopoinfo.cputopo = (uint64_t)&cpu;
    EXPECT_RC(sysctl(XEN_SYSCTL_cputopoinfo), 0);
    EXPECT_EQ(cpu.node, 0);

    memset(&sys, 0, sizeof(sys));
    nodes[2] = 0x77;
    sys.u.pcitopoinfo.num_devs = 2;
    sys.u.pcitopoinfo.devs = (uint64_t)devs;
    sys.u.pcitopoinfo.nodes = (uint64_t)nodes;
    EXPECT_RC(sysctl(XEN_SYSCTL_pcitopoinfo), 0);
    EXPECT_EQ(sys.u.pcitopoinfo.num_devs, 2);
    /* Near to nobody; to Xen unknown, since nobody has told it of them. */
    EXPECT_EQ(nodes[0], on_pavis ? XEN_INVALID_NODE_ID : XEN_INVALID_DEV);
    EXPECT_EQ(nodes[1], on_pavis ? XEN_INVALID_NODE_ID : XEN_INVALID_DEV);
    EXPECT_EQ(nodes[2], 0x77);
    sys.u.pcitopoinfo.nodes = (uint64_t)NOWHERE;
    EXPECT_RC(sysctl(XEN_SYSCTL_pcitopoinfo), -EFAULT);
    sys.u.pcitopoinfo.nodes = (uint64_t)nodes;
    sys.u.pcitopoinfo.devs = (uint64_t)NOWHERE;
    EXPECT_RC(sysctl(XEN_SYSCTL_pcitopoinfo), -EFAULT);
    sys.u.pcitopoinfo.devs = 0;
    EXPECT_RC(sysctl(XEN_SYSCTL_pcitopoinfo), -EINVAL);

    memset(&sys, 0, sizeof(sys));
    sys.u.cpu_levelling_caps.caps = 0x12345678;
    EXPECT_RC(sysctl(XEN_SYSCTL_get_cpu_levelling_caps), 0);
    EXPECT(!on_pavis || !sys.u.cpu_levelling_caps.caps);
    EXPECT(sys.u.cpu_levelling_caps.caps != 0x12345678);
}

/* platform_op: processors and firmware; refusals. */
static void test_platform(void)
{
    memset(&op, 0, sizeof(op));
    EXPECT_RC(platform_op(XENPF_get_cpuinfo), 0);
    EXPECT(op.u.pcpu_info.flags & XEN_PCPU_FLAGS_ONLINE);
    op.u.pcpu_info.xen_cpuid = 5000;
    EXPECT_RC(platform_op(XENPF_get_cpuinfo), 0);
    EXPECT(op.u.pcpu_info.flags & XEN_PCPU_FLAGS_INVALID);
    op.u.firmware_info.type = 99;
    EXPECT_RC(platform_op(XENPF_firmware_info), -EINVAL);
    EXPECT_RC(platform_op(9999), -ENOSYS);
    EXPECT_RC(HC_1(__HYPERVISOR_platform_op, 0x800000000000), -EFAULT);
    op.interface_version++;
    EXPECT_RC(HC_1(__HYPERVISOR_platform_op, &op), -EACCES);
}

static void cpuid(uint32_t leaf, uint32_t r[4])
{
    __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(0));
}

/* What processor it is, as it says itself; of one that is not there, nothing. */
static void test_cpu_version(void)
{
    struct xenpf_pcpu_version *v = &op.u.pcpu_version;
    uint32_t r[4], family;

    memset(&op, 0x77, sizeof(op));
    v->xen_cpuid = 0;
    EXPECT_RC(platform_op(XENPF_get_cpu_version), 0);
    cpuid(0, r);
    EXPECT_EQ(memcmp(v->vendor_id, &r[1], 4), 0);
    EXPECT_EQ(memcmp(v->vendor_id + 4, &r[3], 4), 0);
    EXPECT_EQ(memcmp(v->vendor_id + 8, &r[2], 4), 0);
    cpuid(1, r);
    family = r[0] >> 8 & 15;
    if (family == 15)
        family += r[0] >> 20 & 255;
    EXPECT_EQ(v->family, family);
    EXPECT_EQ(v->model & 15, r[0] >> 4 & 15);
    EXPECT_EQ(v->stepping, r[0] & 15);
    EXPECT_EQ(v->max_present, NR_CPUS - 1);
    v->xen_cpuid = 5000;
    EXPECT_RC(platform_op(XENPF_get_cpu_version), 0);
    EXPECT_EQ(v->family | v->model | v->stepping, 0);
    EXPECT_EQ(v->vendor_id[0], 0);
}

static uint64_t wall_clock_ns(void) /* at system time zero */
{
    uint64_t sec = (uint64_t)shared_info->wc_sec_hi << 32 | shared_info->wc_sec;

    return sec * 1000000000 + shared_info->wc_nsec;
}

/* The wall clock is where dom0 puts it, to the nanosecond, by the old call and by the new one. */
static void test_settime(void)
{
    uint64_t before = wall_clock_ns(), now = system_time(), sec = before / 1000000000 + 5000;

    memset(&op, 0, sizeof(op));
    op.u.settime32.secs = (uint32_t)sec;
    op.u.settime32.nsecs = 77;
    op.u.settime32.system_time = now;
    EXPECT_RC(platform_op(XENPF_settime32), 0);
    EXPECT_EQ(wall_clock_ns(), sec * 1000000000 + 77 - now);
    memset(&op, 0, sizeof(op));
    op.u.settime64.secs = 0x200000000; /* more than the old one can say */
    op.u.settime64.nsecs = 999999999;
    op.u.settime64.system_time = now;
    EXPECT_RC(platform_op(XENPF_settime64), 0);
    EXPECT_EQ(wall_clock_ns(), 0x200000000 * 1000000000 + 999999999 - now);
    EXPECT_EQ(shared_info->wc_version & 1, 0);
    op.u.settime64.mbz = 1;
    EXPECT_RC(platform_op(XENPF_settime64), -EINVAL);
    memset(&op, 0, sizeof(op));
    op.u.settime64.secs = before / 1000000000;
    op.u.settime64.nsecs = (uint32_t)(before % 1000000000);
    EXPECT_RC(platform_op(XENPF_settime64), 0);
    EXPECT_EQ(wall_clock_ns(), before);
}

/* --- devices ------------------------------------------------------------------------------------
 */

#define IOAPIC_BASE     0xfec00000 /* of QEMU's `pc` */
#define IOAPIC_VERSION  1
#define IOAPIC_REDIRECT 0x10
#define VIRTIO_RNG      0x10051af4 /* transitional; 1044 modern only */
#define PCI_COMMAND     0x04
#define PCI_BAR0        0x10
#define PCI_CAPS        0x34
#define CAP_MSIX        0x11

static uint32_t pci_read(unsigned devfn, unsigned reg)
{
    uint32_t value;

    __asm__ volatile("outl %0, %%dx" ::"a"(0x80000000 | devfn << 8 | reg), "d"(0xcf8));
    __asm__ volatile("inl %%dx, %0" : "=a"(value) : "d"(0xcfc));
    return value;
}

static unsigned find_device(uint32_t id)
{
    unsigned devfn = 0;

    while (devfn < NO_DEVICE && pci_read(devfn, 0) != id)
        devfn++;
    return devfn;
}

/* The frame that an MSI-X table begins in. */
static uint64_t msix_frame(unsigned devfn)
{
    unsigned cap = pci_read(devfn, PCI_CAPS) & 0xfc;
    uint32_t where;

    while (cap && (pci_read(devfn, cap) & 0xff) != CAP_MSIX)
        cap = pci_read(devfn, cap) >> 8 & 0xfc;
    if (!cap)
        return 0;
    where = pci_read(devfn, cap + 4);
    return ((pci_read(devfn, PCI_BAR0 + (where & 7) * 4) & ~0xfU) + (where & ~7U)) / PAGE_SIZE;
}

/* What may only be read is mapped so, whatever was asked for. */
static bool can_map_writable(const struct tree *t, uint64_t frame)
{
    uint64_t entry = frame * PAGE_SIZE | RW_FLAGS | PTE_PCD | PTE_PWT;
    bool writable;

    EXPECT_RC(mmu_update1(pte_machine(&t->l1[0]), entry), 0);
    writable = *(volatile uint64_t *)&t->l1[0] & PTE_RW;
    EXPECT_RC(mmu_update1(pte_machine(&t->l1[0]), 0), 0);
    return writable;
}

/* A function that dom0 tells of loses its MSI-X table to the hypervisor, by each of the calls there
 * are for that, and it is free again when it has left. */
static void test_pci(void)
{
    static const struct {
        unsigned add, remove;
    } ways[] = {{PHYSDEVOP_pci_device_add, PHYSDEVOP_pci_device_remove},
                {PHYSDEVOP_manage_pci_add, PHYSDEVOP_manage_pci_remove},
                {PHYSDEVOP_manage_pci_add_ext, PHYSDEVOP_pci_device_remove}};
    struct physdev_set_iopl iopl = {1};
    unsigned devfn;
    struct tree tree;
    uint64_t frame;

    REQUIRE_RC(hc_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
    devfn = find_device(VIRTIO_RNG);
    REQUIRE(devfn < NO_DEVICE);
    frame = msix_frame(devfn);
    REQUIRE(frame != 0);
    REQUIRE(tree_make(&tree, 0x1000000000));
    for (unsigned i = 0; i < ARRAY_SIZE(ways); i++) {
        struct physdev_pci_device_add with_segment = {.devfn = (uint8_t)devfn};
        struct physdev_manage_pci_ext without = {.devfn = (uint8_t)devfn};
        void *add = i ? (void *)&without : &with_segment;
        void *remove = i == 1 ? (void *)&without : &with_segment;

        EXPECT(can_map_writable(&tree, frame));
        EXPECT_RC(hc_physdev_op(ways[i].add, add), 0);
        if (on_pavis) /* Xen takes it when the first message is mapped */
            EXPECT(!can_map_writable(&tree, frame));
        EXPECT_RC(hc_physdev_op(ways[i].remove, remove), 0);
        EXPECT_RC(hc_physdev_op(ways[i].add, NOWHERE), -EFAULT);
        EXPECT_RC(hc_physdev_op(ways[i].remove, NOWHERE), -EFAULT);
        without.devfn = with_segment.devfn = NO_DEVICE;
        EXPECT_RC(hc_physdev_op(ways[i].remove, remove), on_pavis ? 0 : -ENODEV);
        with_segment.devfn = (uint8_t)devfn;
        with_segment.seg = 9;
        if (ways[i].remove == PHYSDEVOP_pci_device_remove)
            EXPECT_RC(hc_physdev_op(ways[i].remove, remove), on_pavis ? -EINVAL : -ENODEV);
    }
    EXPECT(can_map_writable(&tree, frame));
    tree_drop(&tree);
}

/* An IO-APIC is read as it is, and what dom0 writes into it changes nothing that matters. */
static void test_ioapic(void)
{
    struct physdev_apic a = {IOAPIC_BASE, IOAPIC_VERSION, 0};
    struct physdev_irq q = {.irq = 9};
    uint32_t before;

    EXPECT_RC(hc_physdev_op(PHYSDEVOP_apic_read, &a), 0);
    EXPECT_EQ(a.value >> 16 & 0xff, 23); /* its last pin */
    a.reg = IOAPIC_REDIRECT + 2 * 2;     /* the hypervisor's timer */
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_apic_read, &a), 0);
    before = a.value;
    a.value = 0x55;
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_apic_write, &a), 0);
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_apic_read, &a), 0);
    EXPECT_EQ(a.value, before);
    a.apic_physbase = 0x12345000;
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_apic_read, &a), -EINVAL);
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_apic_write, &a), -EINVAL);
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_apic_read, NOWHERE), -EFAULT);
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_apic_write, NOWHERE), -EFAULT);
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_alloc_irq_vector, &q), 0);
    EXPECT(q.vector != 0);
    q.irq = 5000;
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_alloc_irq_vector, &q), on_pavis ? -EINVAL : 0);
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_alloc_irq_vector, NOWHERE), -EFAULT);
}

/* A free pirq is one that has no interrupt yet; no configuration space is taken for reserved. */
static void test_free_pirq(void)
{
    struct physdev_get_free_pirq g = {.type = MAP_PIRQ_TYPE_MSI};
    struct physdev_pci_mmcfg_reserved m = {
        .address = 0xe0000000, .end_bus = 255, .flags = XEN_PCI_MMCFG_RESERVED};
    struct physdev_set_iobitmap bits = {.nr_ports = 65537};

    EXPECT_RC(hc_physdev_op(PHYSDEVOP_get_free_pirq, &g), 0);
    EXPECT(g.pirq >= 24); /* above the lines of the IO-APIC */
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_eoi, &(struct physdev_eoi){g.pirq}), on_pavis ? -EINVAL : 0);
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_get_free_pirq, NOWHERE), -EFAULT);
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_pci_mmcfg_reserved, &m), on_pavis ? 0 : -ENODEV);
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_pci_mmcfg_reserved, NOWHERE), -EFAULT);
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_set_iobitmap, &bits), -EINVAL);
    bits = (struct physdev_set_iobitmap){(guest_ptr_t)NOWHERE, 1024};
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_set_iobitmap, &bits), -EINVAL);
    bits = (struct physdev_set_iobitmap){0, 0};
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_set_iobitmap, &bits), 0);
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_set_iobitmap, NOWHERE), -EFAULT);
}

TESTS("platform", T(sysctl), T(idle_time), T(availheap), T(scheduler), T(topology), T(platform),
      T(cpu_version), T(settime), T(pci), T(ioapic), T(free_pirq));
