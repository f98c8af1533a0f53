/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the control domain does to a domain that runs: permissions, registers, NMIs, suspend and
 * resume, who is told, its memory.  The second domain (lib/second.h) does
 * what it is told and says what it sees, so that a setting is judged by what it does to the guest.
 */
#include "abi/domctl.h"
#include "abi/nmi.h"
#include "abi/sysctl.h"
#include "second.h"
#include "test.h"

enum command {
    IDLE,
    READ_PORT,
    MAP,
    CALL_PAGE,
    BIND,
    SUSPEND,
    SET_CODE,
    POWER_OFF,
    TAKE_NMI,
    REGISTERS,
    MEMORY_MAP,
    OTHER_DOMAIN
};

#define TWO_VCPUS 2 /* as lib/second.c makes it: this number is one too many */

static uint64_t second_page[512] __attribute__((aligned(4096)));
static struct {
    uint64_t addr, size;
    uint32_t type;
} __attribute__((packed)) e820[4];

/* --- the second domain --------------------------------------------------------------------------
 */

/* in[0]: a port; what is read there by a kernel with I/O privilege. */
static void read_port(void)
{
    struct physdev_set_iopl iopl = {1};
    uint8_t value;

    arg.out[0] = hc_physdev_op(PHYSDEVOP_set_iopl, &iopl);
    __asm__ volatile("inb %%dx, %0" : "=a"(value) : "d"((uint16_t)arg.in[0]));
    arg.out[1] = value;
}

/* in[0]: an entry that is tried instead of a page's own. */
static void map(void)
{
    arg.out[0] = hc_update_va(second_page, arg.in[0], UVMF_INVLPG);
    arg.out[1] = hc_update_va(second_page, ctl.mfns[image_page(second_page)] * PAGE_SIZE | RW_FLAGS,
                              UVMF_INVLPG);
}

static void call_page(void)
{
    unsigned long rdi = XENVER_version, rsi = 0;
    long ret;

    __asm__ volatile("call *%3"
                     : "=a"(ret), "+D"(rdi), "+S"(rsi)
                     : "r"((char *)second_page + 32 * __HYPERVISOR_xen_version)
                     : "rcx", "rdx", "r8", "r9", "r10", "r11", "memory");
    arg.out[0] = ret;
}

static void bind(void)
{
    struct evtchn_bind_interdomain b = {0, (evtchn_port_t)arg.in[0], 0};

    arg.out[0] = hc_event_op(EVTCHNOP_bind_interdomain, &b);
    arg.out[1] = b.local_port;
}

static bool count_nmi(struct regs *regs)
{
    ctl.counter += regs->vector == VECTOR_NMI;
    return true;
}

static void take_nmi(void)
{
    struct callback_register nmi = {CALLBACKTYPE_nmi, 0, (uint64_t)nmi_entry};

    trap_hook = count_nmi;
    arg.out[0] = hc_callback_op(CALLBACKOP_register, &nmi);
}

/* Registers that it has set itself never. */
static bool have_rdtscp(void)
{
    uint32_t a = 0x80000001, b, c = 0, d;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return d & 1u << 27;
}

static void registers(void)
{
    uint32_t aux = 0;
    uint64_t xmm;

    __asm__ volatile("movq %%xmm7, %0" : "=r"(xmm));
    if (have_rdtscp())
        __asm__ volatile("rdtscp" : "=c"(aux) : : "eax", "edx");
    arg.out[0] = (int64_t)xmm;
    arg.out[1] = aux;
}

static void memory_map(void)
{
    struct xen_memory_map m = {ARRAY_SIZE(e820), (guest_ptr_t)e820};

    arg.out[0] = hc_memory_op(XENMEM_memory_map, &m);
    arg.out[1] = m.nr_entries;
    arg.out[2] = (int64_t)e820[0].size;
    arg.out[3] = (int64_t)e820[1].addr;
}

/* in[0]: an entry with a frame of the first domain. */
static void other_domain(void)
{
    static const domid_t others[] = {0, DOMID_XEN, NO_DOMAIN};

    for (unsigned i = 0; i < ARRAY_SIZE(others); i++)
        arg.out[i] = HC_4(__HYPERVISOR_update_va_mapping_otherdomain, second_page, arg.in[0],
                          UVMF_INVLPG, others[i]);
}

static void second_main(void)
{
    struct sched_shutdown off = {SHUTDOWN_poweroff}, suspend = {SHUTDOWN_suspend}, code = {77};

    for (;;) {
        unsigned now = ctl.command;

        switch (now) {
        case READ_PORT: read_port(); break;
        case MAP: map(); break;
        case CALL_PAGE: call_page(); break;
        case BIND: bind(); break;
        case SUSPEND: arg.out[0] = hc_sched_op(SCHEDOP_shutdown, &suspend); break;
        case SET_CODE: arg.out[0] = hc_sched_op(SCHEDOP_shutdown_code, &code); break;
        case POWER_OFF: hc_sched_op(SCHEDOP_shutdown, &off); break;
        case TAKE_NMI: take_nmi(); break;
        case REGISTERS: registers(); break;
        case MEMORY_MAP: memory_map(); break;
        case OTHER_DOMAIN: other_domain(); break;
        default: hc_sched_op(SCHEDOP_yield, 0); continue;
        }
        ctl.command = IDLE;
        ctl.done = now;
    }
}

/* --- the first domain ---------------------------------------------------------------------------
 */

static void open_port(evtchn_port_t port)
{
    shared_info->evtchn_pending[port / 64] &= ~(1UL << port % 64);
    event_count[port] = 0;
    __atomic_fetch_and(&shared_info->evtchn_mask[port / 64], ~(1UL << port % 64), __ATOMIC_SEQ_CST);
}

static void close_port(evtchn_port_t port)
{
    struct evtchn_close c = {port};

    __atomic_fetch_or(&shared_info->evtchn_mask[port / 64], 1UL << port % 64, __ATOMIC_SEQ_CST);
    EXPECT_RC(hc_event_op(EVTCHNOP_close, &c), 0);
}

/* Within two seconds. */
static bool shut_down(unsigned reason)
{
    for (uint64_t end = system_time() + 2000000000; system_time() < end;)
        if (second_domaininfo().flags & XEN_DOMINF_shutdown)
            return (second_domaininfo().flags >> XEN_DOMINF_shutdownshift &
                    XEN_DOMINF_shutdownmask) == reason;
    return false;
}

/* An I/O port is the guest's while it is permitted, and only then; what the first domain does not
 * have itself it cannot give. */
static void test_ioport_permission(void)
{
    struct xen_domctl_ioport_permission *p = &second_op.u.ioport_permission;
    const uint16_t dma_page = 0x82; /* a register of the DMA controller that only remembers */

    if (!second_setup(second_main))
        return;
    HC_2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &(struct physdev_set_iopl){1});
    __asm__ volatile("outb %0, %%dx" ::"a"((uint8_t)0x5a), "d"(dma_page));
    their_arg->in[0] = dma_page;
    EXPECT(second_tell(READ_PORT));
    EXPECT_RC(their_arg->out[0], 0);
    EXPECT_EQ(their_arg->out[1], 0xff);
    *p = (struct xen_domctl_ioport_permission){dma_page, 1, 1};
    EXPECT_RC(second_domctl(XEN_DOMCTL_ioport_permission), 0);
    EXPECT(second_tell(READ_PORT));
    EXPECT_EQ(their_arg->out[1], 0x5a);
    p->allow_access = 0;
    EXPECT_RC(second_domctl(XEN_DOMCTL_ioport_permission), 0);
    EXPECT(second_tell(READ_PORT));
    EXPECT_EQ(their_arg->out[1], 0xff);
    *p = (struct xen_domctl_ioport_permission){0x20, 1, 1}; /* the interrupt controller */
    EXPECT_RC(second_domctl(XEN_DOMCTL_ioport_permission), -EPERM);
    *p = (struct xen_domctl_ioport_permission){0xffff, 2, 1};
    EXPECT_RC(second_domctl(XEN_DOMCTL_ioport_permission), -EINVAL);
    *p = (struct xen_domctl_ioport_permission){dma_page, 0, 1};
    EXPECT_RC(second_domctl(XEN_DOMCTL_ioport_permission), -EINVAL);
    *p = (struct xen_domctl_ioport_permission){2, ~0U, 1};
    EXPECT_RC(second_domctl(XEN_DOMCTL_ioport_permission), -EINVAL);
    second_expect_absent(XEN_DOMCTL_ioport_permission);
    second_destroy();
}

/* A device's frame can be mapped by the guest while it is permitted; RAM is never given this way.
 */
static void test_iomem_permission(void)
{
    struct xen_domctl_iomem_permission *p = &second_op.u.iomem_permission;
    const uint64_t vga = 0xb8;

    if (!second_setup(second_main))
        return;
    their_arg->in[0] = vga * PAGE_SIZE | RW_FLAGS | PTE_PCD | PTE_PWT;
    EXPECT(second_tell(MAP));
    EXPECT(their_arg->out[0] < 0);
    *p = (struct xen_domctl_iomem_permission){vga, 1, 1};
    EXPECT_RC(second_domctl(XEN_DOMCTL_iomem_permission), 0);
    EXPECT(second_tell(MAP));
    EXPECT_RC(their_arg->out[0], 0);
    EXPECT_RC(their_arg->out[1], 0);
    p->allow_access = 0;
    EXPECT_RC(second_domctl(XEN_DOMCTL_iomem_permission), 0);
    EXPECT(second_tell(MAP));
    EXPECT(their_arg->out[0] < 0);
    EXPECT_RC(their_arg->out[1], 0);
    *p = (struct xen_domctl_iomem_permission){mfn_of(second_page), 1, 1};
    /* Whatever this says: RAM is its owner's. */
    EXPECT_RC(second_domctl(XEN_DOMCTL_iomem_permission), 0);
    their_arg->in[0] = mfn_of(second_page) * PAGE_SIZE | RW_FLAGS;
    EXPECT(second_tell(MAP));
    EXPECT(their_arg->out[0] < 0);
    *p = (struct xen_domctl_iomem_permission){0xfee00, 1, 1}; /* the local APIC */
    EXPECT_RC(second_domctl(XEN_DOMCTL_iomem_permission), -EPERM);
    *p = (struct xen_domctl_iomem_permission){~0UL, 3, 1};
    EXPECT_RC(second_domctl(XEN_DOMCTL_iomem_permission), -EINVAL);
    second_expect_absent(XEN_DOMCTL_iomem_permission);
    second_destroy();
}

/* An interrupt can be permitted that the first domain has, and no other.  (What the second may do
 * with it shows only when it is given a device.) */
static void test_irq_permission(void)
{
    struct xen_domctl_irq_permission *p = &second_op.u.irq_permission;
    struct physdev_map_pirq own = {
        .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = 14, .pirq = 14};

    REQUIRE(second_create());
    hc_physdev_op(PHYSDEVOP_setup_gsi, &(struct physdev_setup_gsi){.gsi = 14});
    EXPECT_RC(hc_physdev_op(PHYSDEVOP_map_pirq, &own), 0);
    for (unsigned allow = 2; allow--;) {
        *p = (struct xen_domctl_irq_permission){.pirq = 14, .allow_access = (uint8_t)allow};
        EXPECT_RC(second_domctl(XEN_DOMCTL_irq_permission), 0);
    }
    *p = (struct xen_domctl_irq_permission){.pirq = 0x10000000, .allow_access = 1};
    EXPECT_RC(second_domctl(XEN_DOMCTL_irq_permission), -EINVAL);
    *p = (struct xen_domctl_irq_permission){.pirq = 0, .allow_access = 1}; /* the timer */
    EXPECT_RC(second_domctl(XEN_DOMCTL_irq_permission), -EPERM);
    second_expect_absent(XEN_DOMCTL_irq_permission);
    EXPECT_RC(second_domctl(XEN_DOMCTL_destroydomain), 0);
}

/* A page of a guest becomes a hypercall page, through which it then makes a call; no other frame
 * does. */
static void test_hypercall_init(void)
{
    uint64_t *gmfn = &second_op.u.hypercall_init.gmfn;

    if (!second_setup(second_main))
        return;
    *gmfn = second_frames[SECOND_TABLES + image_page(second_page)];
    EXPECT_RC(second_domctl(XEN_DOMCTL_hypercall_init), 0);
    EXPECT(second_tell(CALL_PAGE));
    EXPECT_EQ(their_arg->out[0], 4 << 16 | 17);
    *gmfn = second_frames[0]; /* its root table */
    EXPECT_RC(second_domctl(XEN_DOMCTL_hypercall_init), -EPERM);
    *gmfn = mfn_of(second_page); /* another domain's */
    EXPECT_RC(second_domctl(XEN_DOMCTL_hypercall_init), -EINVAL);
    *gmfn = ~0UL >> 12;
    EXPECT_RC(second_domctl(XEN_DOMCTL_hypercall_init), -EINVAL);
    second_expect_absent(XEN_DOMCTL_hypercall_init);
    second_destroy();
}

/* A suspended guest goes on where it stopped; a running one is not disturbed. */
static void test_resume(void)
{
    if (!second_setup(second_main))
        return;
    second_order(SUSPEND);
    EXPECT(shut_down(SHUTDOWN_suspend));
    EXPECT_EQ(their_ctl->done, IDLE);
    EXPECT_RC(second_domctl(XEN_DOMCTL_resumedomain), 0);
    EXPECT_EQ(second_domaininfo().flags & XEN_DOMINF_shutdown, 0);
    EXPECT(second_done(SUSPEND));
    EXPECT_RC(their_arg->out[0], 0);
    EXPECT_RC(second_domctl(XEN_DOMCTL_resumedomain), 0);
    EXPECT(second_tell(SET_CODE)); /* does not stop it; the code is for later */
    EXPECT_RC(their_arg->out[0], 0);
    EXPECT_EQ(second_domaininfo().flags & XEN_DOMINF_shutdown, 0);
    second_order(POWER_OFF);
    EXPECT(shut_down(77));
    second_expect_absent(XEN_DOMCTL_resumedomain);
    second_destroy();
    second = 0;
    EXPECT_RC(second_domctl(XEN_DOMCTL_resumedomain), -EINVAL);
}

/* Whoever subscribed is told of a suspend by the guest's port, and VIRQ_DOM_EXC is not raised;
 * without a subscription it is the other way round. */
static void test_subscribe(void)
{
    struct evtchn_alloc_unbound alloc = {DOMID_SELF, 0, 0};
    struct evtchn_bind_virq virq = {VIRQ_DOM_EXC, 0, 0};
    evtchn_port_t theirs;

    if (!second_setup(second_main))
        return;
    alloc.remote_dom = second;
    REQUIRE_RC(hc_event_op(EVTCHNOP_alloc_unbound, &alloc), 0);
    REQUIRE_RC(hc_event_op(EVTCHNOP_bind_virq, &virq), 0);
    open_port(alloc.port);
    open_port(virq.port);
    their_arg->in[0] = alloc.port;
    EXPECT(second_tell(BIND));
    EXPECT_RC(their_arg->out[0], 0);
    theirs = (evtchn_port_t)their_arg->out[1];
    for (unsigned round = 0; round < 2; round++) {
        bool subscribed = round == 0;

        second_op.u.subscribe.port = subscribed ? theirs : 0;
        EXPECT_RC(second_domctl(XEN_DOMCTL_subscribe), 0);
        event_count[alloc.port] = event_count[virq.port] = 0;
        second_order(SUSPEND);
        EXPECT(shut_down(SHUTDOWN_suspend));
        EXPECT(event_wait(subscribed ? alloc.port : virq.port, 1, 1000));
        EXPECT_EQ(event_count[subscribed ? virq.port : alloc.port], 0);
        EXPECT_RC(second_domctl(XEN_DOMCTL_resumedomain), 0);
        EXPECT(second_done(SUSPEND));
    }
    second_op.u.subscribe.port = 900; /* not bound: refused, or nobody is told */
    EXPECT_RC(second_domctl(XEN_DOMCTL_subscribe), on_pavis ? -EINVAL : 0);
    second_expect_absent(XEN_DOMCTL_subscribe);
    second_destroy();
    close_port(alloc.port);
    close_port(virq.port);
}

/* The VIRQ of domains that end goes to the domain that was made its handler, and back to the first
 * when that is gone. */
static void test_virq_handler(void)
{
    struct evtchn_bind_virq virq = {VIRQ_DOM_EXC, 0, 0};

    if (!second_setup(second_main))
        return;
    REQUIRE_RC(hc_event_op(EVTCHNOP_bind_virq, &virq), 0);
    open_port(virq.port);
    second_op.u.set_virq_handler.virq = VIRQ_DOM_EXC;
    EXPECT_RC(second_domctl(XEN_DOMCTL_set_virq_handler), 0);
    second_order(SUSPEND);
    EXPECT(shut_down(SHUTDOWN_suspend));
    EXPECT(!event_wait(virq.port, 1, 50));
    second_op.u.set_virq_handler.virq = VIRQ_TIMER; /* one per vCPU */
    EXPECT_RC(second_domctl(XEN_DOMCTL_set_virq_handler), -EINVAL);
    second_op.u.set_virq_handler.virq = NR_VIRQS;
    EXPECT_RC(second_domctl(XEN_DOMCTL_set_virq_handler), -EINVAL);
    second_op.u.set_virq_handler.virq = VIRQ_DOM_EXC;
    second_expect_absent(XEN_DOMCTL_set_virq_handler);
    second_destroy();
    EXPECT(event_wait(virq.port, 1, 2000));
    close_port(virq.port);
}

/* An NMI sent by a tool reaches the guest's handler, once each. */
static void test_sendtrigger(void)
{
    struct xen_domctl_sendtrigger *t = &second_op.u.sendtrigger;

    if (!second_setup(second_main))
        return;
    EXPECT(second_tell(TAKE_NMI));
    EXPECT_RC(their_arg->out[0], 0);
    for (unsigned i = 1; i <= 3; i++) {
        *t = (struct xen_domctl_sendtrigger){XEN_DOMCTL_SENDTRIGGER_NMI, 0};
        EXPECT_RC(second_domctl(XEN_DOMCTL_sendtrigger), 0);
        for (uint64_t end = system_time() + 1000000000; system_time() < end;)
            if (their_ctl->counter >= i)
                break;
        EXPECT_EQ(their_ctl->counter, i);
    }
    EXPECT(second_tell(BIND)); /* it goes on as before */
    *t = (struct xen_domctl_sendtrigger){XEN_DOMCTL_SENDTRIGGER_NMI, TWO_VCPUS};
    EXPECT(second_domctl(XEN_DOMCTL_sendtrigger) < 0);
    *t = (struct xen_domctl_sendtrigger){XEN_DOMCTL_SENDTRIGGER_RESET, 0};
    EXPECT_RC(second_domctl(XEN_DOMCTL_sendtrigger), -ENOSYS);
    *t = (struct xen_domctl_sendtrigger){XEN_DOMCTL_SENDTRIGGER_POWER, 0};
    EXPECT_RC(second_domctl(XEN_DOMCTL_sendtrigger), -EINVAL);
    second_expect_absent(XEN_DOMCTL_sendtrigger);
    second_destroy();
}

/* --- what a vCPU has in its registers -----------------------------------------------------------
 */

#define HEADER     16 /* bytes before the XSAVE area: XCR0 twice */
#define XMM7       (HEADER + 160 + 7 * 16)
#define XSTATE_BV  (HEADER + 512)
#define XCR0       0
#define XCR0_ACCUM 8
#define X87        1UL /* their bits */
#define SSE        2UL

static void set_extended_state(void)
{
    static uint8_t area[16384];
    struct xen_domctl_vcpuextstate *x = &second_op.u.vcpuextstate;
    uint64_t size;

    *x = (struct xen_domctl_vcpuextstate){0};
    EXPECT_RC(second_domctl(XEN_DOMCTL_getvcpuextstate), 0);
    size = x->size;
    REQUIRE(size >= HEADER + 576 && size <= sizeof(area));
    x->buffer = (guest_ptr_t)area;
    EXPECT_RC(second_domctl(XEN_DOMCTL_getvcpuextstate), 0);
    *(uint64_t *)(area + XMM7) = 0x1122334455667788;
    *(uint64_t *)(area + XCR0) = *(uint64_t *)(area + XCR0_ACCUM) = X87 | SSE;
    *(uint64_t *)(area + XSTATE_BV) = X87 | SSE;
    size = HEADER + 576; /* as much as these two take */
    *x = (struct xen_domctl_vcpuextstate){.size = size, .buffer = (guest_ptr_t)area};
    EXPECT_RC(second_domctl(XEN_DOMCTL_setvcpuextstate), 0);
    x->size = HEADER;
    EXPECT(second_domctl(XEN_DOMCTL_setvcpuextstate) < 0);
    *x = (struct xen_domctl_vcpuextstate){.size = size, .buffer = 0x800000000000};
    EXPECT_RC(second_domctl(XEN_DOMCTL_setvcpuextstate), -EFAULT);
    *x = (struct xen_domctl_vcpuextstate){TWO_VCPUS, 0, size, (guest_ptr_t)area};
    EXPECT(second_domctl(XEN_DOMCTL_setvcpuextstate) < 0);
    *(uint64_t *)(area + XCR0_ACCUM) |= 1UL << 61; /* nothing has this */
    *x = (struct xen_domctl_vcpuextstate){.size = size, .buffer = (guest_ptr_t)area};
    EXPECT(second_domctl(XEN_DOMCTL_setvcpuextstate) < 0);
}

/* Extended registers and TSC_AUX that tools set are what the guest then reads. */
static void test_vcpu_state(void)
{
    struct xen_domctl_vcpu_msrs *m = &second_op.u.vcpu_msrs;
    struct xen_domctl_vcpu_msr msr = {0xc0000103, 0, 0x1234}; /* TSC_AUX */

    if (!second_setup(second_main))
        return;
    EXPECT_RC(second_domctl(XEN_DOMCTL_pausedomain), 0);
    if (have_xsave())
        set_extended_state();
    *m = (struct xen_domctl_vcpu_msrs){0, 1, (guest_ptr_t)&msr};
    EXPECT_RC(second_domctl(XEN_DOMCTL_set_vcpu_msrs), 0);
    EXPECT_RC(second_domctl(XEN_DOMCTL_unpausedomain), 0);
    EXPECT(second_tell(REGISTERS));
    if (have_xsave())
        EXPECT_EQ(their_arg->out[0], 0x1122334455667788);
    if (have_rdtscp())
        EXPECT_EQ(their_arg->out[1], 0x1234);
    msr.index = 0x10; /* the TSC itself is not set this way */
    *m = (struct xen_domctl_vcpu_msrs){0, 1, (guest_ptr_t)&msr};
    EXPECT_RC(second_domctl(XEN_DOMCTL_set_vcpu_msrs), -EINVAL);
    EXPECT_EQ(m->msr_count, 0); /* which one it was */
    *m = (struct xen_domctl_vcpu_msrs){TWO_VCPUS, 1, (guest_ptr_t)&msr};
    EXPECT(second_domctl(XEN_DOMCTL_set_vcpu_msrs) < 0);
    second_expect_absent(XEN_DOMCTL_set_vcpu_msrs);
    second_expect_absent(XEN_DOMCTL_setvcpuextstate);
    second_destroy();
}

/* --- memory -------------------------------------------------------------------------------------
 */

/* The address space that a tool gives a guest is what the guest is told; how far its own goes, the
 * guest says itself. */
static void test_memory_facts(void)
{
    volatile struct shared_info *theirs =
        (volatile struct shared_info *)(SECOND_WINDOW + 3 * PAGE_SIZE);
    struct xen_foreign_memory_map m = {.map = {2, (guest_ptr_t)e820}};
    struct xen_vnuma_topology_info vnuma = {0};
    domid_t nobody = NO_DOMAIN;

    if (!second_setup(second_main))
        return;
    e820[0].addr = 0, e820[0].size = 0x600000, e820[0].type = 1;
    e820[1].addr = 0x80000000, e820[1].size = 0x1000, e820[1].type = 2;
    m.domid = second;
    EXPECT_RC(hc_memory_op(XENMEM_set_memory_map, &m), 0);
    EXPECT(second_tell(MEMORY_MAP));
    EXPECT_RC(their_arg->out[0], 0);
    EXPECT_EQ(their_arg->out[1], 2);
    EXPECT_EQ(their_arg->out[2], 0x600000);
    EXPECT_EQ(their_arg->out[3], 0x80000000);
    m.map.nr_entries = 5000;
    EXPECT_RC(hc_memory_op(XENMEM_set_memory_map, &m), -EINVAL);
    m.map = (struct xen_memory_map){1, 0x800000000000};
    EXPECT_RC(hc_memory_op(XENMEM_set_memory_map, &m), -EFAULT);
    m.domid = NO_DOMAIN;
    EXPECT_RC(hc_memory_op(XENMEM_set_memory_map, &m), -ESRCH);
    EXPECT_RC(hc_memory_op(XENMEM_set_memory_map, (void *)0x800000000000), -EFAULT);

    EXPECT_RC(second_show(3, second_domaininfo().shared_info_frame), 0);
    EXPECT_RC(hc_memory_op(XENMEM_maximum_gpfn, &second), 0);
    theirs->arch.max_pfn = SECOND_FRAMES;
    EXPECT_RC(hc_memory_op(XENMEM_maximum_gpfn, &second), SECOND_FRAMES - 1);
    EXPECT_RC(second_show(3, 0), 0);
    EXPECT_RC(hc_memory_op(XENMEM_maximum_gpfn, &nobody), -ESRCH);
    EXPECT_RC(hc_memory_op(XENMEM_maximum_gpfn, (void *)0x800000000000), -EFAULT);

    vnuma.domid = second;
    EXPECT_RC(hc_memory_op(XENMEM_get_vnumainfo, &vnuma), -EOPNOTSUPP);
    vnuma.domid = NO_DOMAIN;
    EXPECT_RC(hc_memory_op(XENMEM_get_vnumainfo, &vnuma), -ESRCH);
    EXPECT_RC(hc_memory_op(XENMEM_get_vnumainfo, (void *)0x800000000000), -EFAULT);
    second_destroy();
}

/* Which resources of which domain there are, and where the list of their frames may be. */
static void test_resource_bad(void)
{
    static uint64_t frames[8];
    static struct xen_mem_acquire_resource good, r;

    if (!(start_info->flags & SIF_INITDOMAIN)) {
        test_skip("builds a domain: dom0 only");
        return;
    }
    REQUIRE(second_create());
    good = (struct xen_mem_acquire_resource){.domid = second,
                                             .type = XENMEM_resource_grant_table,
                                             .nr_frames = 2,
                                             .frame_list = (guest_ptr_t)frames};
#define TRY_RESOURCE(change, wanted)                                                               \
    do {                                                                                           \
        r = good;                                                                                  \
        change;                                                                                    \
        EXPECT_RC(hc_memory_op(XENMEM_acquire_resource, &r), wanted);                              \
    } while (0)
    TRY_RESOURCE(r.domid = NO_DOMAIN, -ESRCH);
    TRY_RESOURCE(r.domid = 0, -EPERM); /* our own */
    TRY_RESOURCE(r.type = 99, -EOPNOTSUPP);
    TRY_RESOURCE(r.id = 1, -EINVAL); /* status frames: version 2 */
    TRY_RESOURCE(r.id = 2, -EINVAL);
    TRY_RESOURCE(r.frame = 3, -EINVAL); /* one of two is beyond the limit */
    TRY_RESOURCE(r.frame = ~0UL, -EINVAL);
    TRY_RESOURCE(r.frame_list = 0, -EINVAL);
    TRY_RESOURCE(r.frame_list = 0x800000000000, -EFAULT);
    TRY_RESOURCE((void)r, 0);
    EXPECT(frames[0] && frames[1] && frames[0] != frames[1]);
    EXPECT_RC(hc_memory_op(XENMEM_acquire_resource, (void *)0x800000000000), -EFAULT);
    EXPECT_RC(second_domctl(XEN_DOMCTL_destroydomain), 0);
}

static long map_other(uint64_t va, uint64_t entry, unsigned domid)
{
    return HC_4(__HYPERVISOR_update_va_mapping_otherdomain, va, entry, UVMF_INVLPG, domid);
}

/* A page of the second domain is mapped by address, in its name only; it cannot do the same. */
static void test_otherdomain(void)
{
    uint64_t va = SECOND_WINDOW + 4 * PAGE_SIZE, mine = mfn_of(second_page) * PAGE_SIZE | RW_FLAGS;
    uint64_t theirs;

    if (!second_setup(second_main))
        return;
    theirs = second_frames[SECOND_TABLES + image_page(&ctl)] * PAGE_SIZE | RW_FLAGS;
    EXPECT(map_other(va, theirs, DOMID_SELF) < 0);
    EXPECT(map_other(va, mine, second) < 0);
    EXPECT_RC(map_other(va, theirs, NO_DOMAIN), -ESRCH);
    EXPECT_RC(map_other(va, theirs, DOMID_INVALID), -ESRCH);
    EXPECT(map_other(0x800000000000, theirs, second) < 0);
    EXPECT_RC(map_other(va, theirs, second), 0);
    their_ctl->counter = 0xabcd;
    EXPECT_EQ(((volatile struct ctl *)va)->counter, 0xabcd);
    EXPECT_RC(map_other(va, 0, DOMID_SELF), 0);
    EXPECT_EQ(pte_read(va), 0);
    their_arg->in[0] = mine;
    EXPECT(second_tell(OTHER_DOMAIN));
    for (unsigned i = 0; i < 3; i++)
        EXPECT(their_arg->out[i] < 0);
    second_destroy();
}

TESTS("control", T(ioport_permission), T(iomem_permission), T(irq_permission), T(hypercall_init),
      T(resume), T(subscribe), T(virq_handler), T(sendtrigger), T(vcpu_state), T(memory_facts),
      T(resource_bad), T(otherdomain));
