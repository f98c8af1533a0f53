/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device that does not stop interrupting: QEMU's `edu` (1234:11e8), whose interrupt, line or
 * message, is raised by a store and stays until another store.  What must hold: timers, the other
 * vCPU (on the same processor) and the hypervisor go on; with irq_ratelimit= the line is held back,
 * and works again when the storm is over.  Needs to be dom0, two vCPUs, and irq_ratelimit=LIMIT on
 * the command line.
 */
#include "abi/sysctl.h"
#include "test.h"

#define LIMIT     20 /* of irq_ratelimit=, in `families` */
#define PERIOD_MS 10
#define STORM_MS  300UL
#define MS        1000000UL

#define EDU_ID      0x11e81234
#define EDU_LIVE    1 /* registers, in 32-bit words */
#define EDU_PENDING 9
#define EDU_RAISE   24
#define EDU_ACK     25
#define EDU_VA      0x1000000000UL /* free; below the initial mapping */

#define PCI_COMMAND   0x04
#define PCI_MASTER    4 /* a message is a store by the device */
#define PCI_BAR0      0x10
#define PCI_INTERRUPT 0x3c
#define EDU_MSI       0x40 /* its only capability */
#define MSI_ENABLE    0x10000

static struct tree tree;
static volatile uint32_t *edu;
static unsigned edu_devfn;

static uint8_t stack[16384] __attribute__((aligned(4096)));
static struct vcpu_guest_context context;
static volatile uint64_t counter;

static uint32_t pci_read(unsigned devfn, unsigned reg)
{
    uint32_t value;

    __asm__ volatile("outl %0, %%dx" ::"a"(0x80000000 | devfn << 8 | reg), "d"(0xcf8));
    __asm__ volatile("inl %%dx, %0" : "=a"(value) : "d"(0xcfc));
    return value;
}

static void count_for_ever(void)
{
    for (;;)
        counter++;
}

static void pci_write(unsigned devfn, unsigned reg, uint32_t value)
{
    __asm__ volatile("outl %0, %%dx" ::"a"(0x80000000 | devfn << 8 | reg), "d"(0xcf8));
    __asm__ volatile("outl %0, %%dx" ::"a"(value), "d"(0xcfc));
}

static long second_start(void)
{
    context.flags = VGCF_IN_KERNEL;
    context.user_regs.rip = (uint64_t)ap_start;
    context.user_regs.rdi = (uint64_t)count_for_ever;
    context.user_regs.rsp = context.kernel_sp = (uint64_t)stack + sizeof(stack);
    context.user_regs.cs = FLAT_KERNEL_CS;
    context.user_regs.ss = context.kernel_ss = FLAT_KERNEL_SS;
    context.event_callback_eip = (uint64_t)event_entry;
    context.failsafe_callback_eip = (uint64_t)failsafe_entry;
    context.syscall_callback_eip = (uint64_t)syscall_entry;
    context.ctrlreg[3] = mfn_of((void *)start_info->pt_base) * PAGE_SIZE;
    return hc_vcpu_op(VCPUOP_initialise, 1, &context) ?: hc_vcpu_op(VCPUOP_up, 1, 0);
}

/* The device is there, answers through a mapping of its registers, and a second vCPU runs. */
static void test_setup(void)
{
    struct physdev_set_iopl iopl = {1};
    struct physdev_pci_device_add add = {0};
    unsigned devfn = 0;

    REQUIRE_RC(hc_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
    while (devfn < 256 && pci_read(devfn, 0) != EDU_ID)
        devfn++;
    REQUIRE(devfn < 256);
    edu_devfn = add.devfn = (uint8_t)devfn;
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_pci_device_add, &add), 0);
    pci_write(devfn, PCI_COMMAND, (pci_read(devfn, PCI_COMMAND) & 0xffff) | PCI_MASTER);
    REQUIRE(tree_make(&tree, EDU_VA));
    REQUIRE_RC(mmu_update1(pte_machine(&tree.l1[0]),
                           (pci_read(devfn, PCI_BAR0) & PTE_MFN) | RW_FLAGS | PTE_PCD | PTE_PWT),
               0);
    edu = (volatile uint32_t *)EDU_VA;
    edu[EDU_LIVE] = 0x12345678;
    REQUIRE(edu[EDU_LIVE] == ~0x12345678U);
    REQUIRE_RC(second_start(), 0);
}

static void unmask(unsigned port)
{
    event_count[port] = 0;
    __atomic_fetch_and(&shared_info->evtchn_mask[port / 64], ~(1UL << port % 64), __ATOMIC_SEQ_CST);
}

/* A port for the pirq; 0 if there is none. */
static unsigned bind(unsigned pirq)
{
    struct evtchn_bind_pirq b = {.pirq = pirq, .flags = BIND_PIRQ__WILL_SHARE};

    if (hc_event_op(EVTCHNOP_bind_pirq, &b))
        return 0;
    unmask(b.port);
    return b.port;
}

static void unbind(unsigned port)
{
    struct evtchn_close c = {port};

    EXPECT_RC(hc_event_op(EVTCHNOP_close, &c), 0);
}

static int line_pirq(void)
{
    unsigned gsi = pci_read(edu_devfn, PCI_INTERRUPT) & 0xff; /* ISA's on this machine */
    struct physdev_setup_gsi setup = {.gsi = (int)gsi, .triggering = 1};
    struct physdev_map_pirq map = {
        .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = (int)gsi, .pirq = (int)gsi};

    hc_physdev_op(PHYSDEVOP_setup_gsi, &setup); /* "there already" is no error */
    return hc_physdev_op(PHYSDEVOP_map_pirq, &map) ? -1 : map.pirq;
}

static void eoi(unsigned pirq)
{
    struct physdev_eoi e = {pirq};

    hc_physdev_op(PHYSDEVOP_eoi, &e);
}

static bool wants_eoi(unsigned pirq)
{
    struct physdev_irq_status_query q = {.irq = pirq};

    return !hc_physdev_op(PHYSDEVOP_irq_status_query, &q) && (q.flags & XENIRQSTAT_needs_eoi);
}

static void press_debug_key(void)
{
    struct xen_sysctl s = {.cmd = XEN_SYSCTL_debug_keys,
                           .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
    static char key = 'h';

    s.u.debug_keys.keys = (uint64_t)&key;
    s.u.debug_keys.nr_keys = 1;
    EXPECT_RC(HC_1(__HYPERVISOR_sysctl, &s), 0);
}

/*
 * The storm proper: a guest that always says "served" and never serves (raise: one that makes the
 * device send messages as fast as it can).  Meanwhile a timer of 5 ms is set again and again.
 */
static void storm(unsigned port, unsigned pirq, bool raise, unsigned *raised)
{
    struct evtchn_bind_virq timer = {.virq = VIRQ_TIMER};
    uint64_t start = system_time(), end = start + STORM_MS * MS, before = counter;
    unsigned seen = 0, ticks = 0;
    bool needs_eoi = wants_eoi(pirq);

    REQUIRE_RC(hc_event_op(EVTCHNOP_bind_virq, &timer), 0);
    unmask(timer.port);
    hc_set_timer(start + 5 * MS);
    while (system_time() < end) {
        if (raise) {
            edu[EDU_RAISE] = 1;
            ++*raised;
        }
        if (needs_eoi && event_count[port] != seen) {
            seen = event_count[port];
            eoi(pirq);
        }
        if (event_count[timer.port] != ticks) {
            ticks = event_count[timer.port];
            hc_set_timer(system_time() + 5 * MS);
        }
    }
    press_debug_key();
    unbind(timer.port);
    EXPECT(ticks >= STORM_MS / 5 / 4); /* the other vCPU has every second slice */
    EXPECT(counter > before + 10000);
    /* Never more than LIMIT in two periods, the held one and the one before it; a wide margin. */
    if (event_count[port] > (STORM_MS / PERIOD_MS + 2) * (LIMIT + 2))
        test_fail(TEST_WHERE, "%u interrupts got through", event_count[port]);
    if (event_count[port] < 2 * LIMIT)
        test_fail(TEST_WHERE, "only %u interrupts", event_count[port]);
}

/* When the device has been told to stop, what comes later still arrives. */
static void expect_alive(unsigned port, unsigned pirq)
{
    unsigned count;
    uint64_t end;

    edu[EDU_ACK] = ~0U;
    for (int i = 0; i < 2; i++) { /* what is due still comes, once, and is acknowledged */
        end = system_time() + 4 * PERIOD_MS * MS;
        while (system_time() < end)
            ;
        eoi(pirq);
    }
    count = event_count[port];
    edu[EDU_RAISE] = 1;
    EXPECT(event_wait(port, count + 1, 2000));
    edu[EDU_ACK] = ~0U;
    eoi(pirq);
}

/* A line that nobody quiets, acknowledged again and again. */
static void test_line(void)
{
    int pirq = line_pirq();
    unsigned port;

    REQUIRE(edu && pirq >= 0);
    port = bind((unsigned)pirq);
    REQUIRE(port);
    edu[EDU_RAISE] = 1;
    storm(port, (unsigned)pirq, false, NULL);
    expect_alive(port, (unsigned)pirq);
    unbind(port);
}

/* A line that is not even acknowledged comes once (Xen loses patience every millisecond), and stops
 * nothing when nobody is bound to it any more. */
static void test_line_ignored(void)
{
    int pirq = line_pirq();
    uint64_t end, before;
    unsigned port;

    REQUIRE(edu && pirq >= 0);
    port = bind((unsigned)pirq);
    REQUIRE(port);
    edu[EDU_RAISE] = 1;
    EXPECT(event_wait(port, 1, 2000));
    end = system_time() + 50 * MS;
    while (system_time() < end)
        ;
    EXPECT(event_count[port] == 1 || !on_pavis);
    unbind(port);
    end = system_time() + 50 * MS;
    for (before = counter; system_time() < end;)
        hc_sched_op(SCHEDOP_yield, 0);
    EXPECT(counter > before);
    edu[EDU_ACK] = ~0U;
}

/* Messages without end; edu's cannot be masked one by one. */
static void test_messages(void)
{
    struct physdev_map_pirq map = {.domid = DOMID_SELF,
                                   .type = MAP_PIRQ_TYPE_MSI_SEG,
                                   .index = -1,
                                   .pirq = -1,
                                   .devfn = (int)edu_devfn};
    struct physdev_unmap_pirq unmap = {.domid = DOMID_SELF};
    unsigned port, raised = 0;

    REQUIRE(edu);
    REQUIRE_RC(hc_physdev_op(PHYSDEVOP_map_pirq, &map), 0);
    port = bind((unsigned)map.pirq);
    REQUIRE(port);
    /* As a guest's kernel does it; Pavis has done it already. */
    pci_write(edu_devfn, EDU_MSI, pci_read(edu_devfn, EDU_MSI) | MSI_ENABLE);
    storm(port, (unsigned)map.pirq, true, &raised);
    EXPECT(raised > 2 * event_count[port]);
    expect_alive(port, (unsigned)map.pirq);
    unbind(port);
    unmap.pirq = map.pirq;
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_unmap_pirq, &unmap), 0);
}

TESTS("storm", T(setup), T(line), T(line_ignored), T(messages));
