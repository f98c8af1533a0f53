/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A second domain, made by hand: create, fill, run, pause, inspect and destroy it, with good and
 * bad arguments, and the machine's free memory as before when it is gone.  Needs to be dom0.
 */
#include "test.h"

#include "abi/cpuid.h"
#include "abi/domctl.h"
#include "abi/sysctl.h"

#define GUEST_PAGES 64
#define GUEST_VA    0x400000UL /* where the guest's code page is mapped */

static struct xen_domctl ctl;
static struct xen_sysctl sys;

static long domctl(unsigned cmd, unsigned domid)
{
    ctl.cmd = cmd;
    ctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    ctl.domain = (domid_t)domid;
    return HC_1(__HYPERVISOR_domctl, &ctl);
}

/* Tools repeat calls that answer -EAGAIN; -ERESTART never reaches a guest. */
static long sysctl(unsigned cmd)
{
    sys.cmd = cmd;
    sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return HC_1(__HYPERVISOR_sysctl, &sys);
}

static uint64_t free_pages(void)
{
    memset(&sys, 0, sizeof(sys));
    return sysctl(XEN_SYSCTL_physinfo) ? 0 : sys.u.physinfo.free_pages;
}

/* Xen frees some of a domain's own structures late, and keeps some pages of them for the next. */
static void expect_free(uint64_t before)
{
    uint64_t now = free_pages();

    for (uint64_t end = system_time() + 1000000000; now + 64 <= before && system_time() < end;) {
        hc_sched_op(SCHEDOP_yield, 0);
        now = free_pages();
    }
    if (on_pavis)
        EXPECT_EQ(now, before);
    else
        EXPECT(now + 64 > before);
}

static long create(unsigned domid, unsigned max_vcpus, unsigned *made)
{
    long rc;

    memset(&ctl, 0, sizeof(ctl));
    ctl.u.createdomain.max_vcpus = max_vcpus;
    ctl.u.createdomain.max_evtchn_port = 1023;
    ctl.u.createdomain.max_grant_frames = 4;
    ctl.u.createdomain.max_maptrack_frames = 16;
    ctl.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
    ctl.u.createdomain.handle[0] = 0xab;
    rc = domctl(XEN_DOMCTL_createdomain, domid);
    *made = ctl.domain;
    return rc;
}

static long max_mem(unsigned domid, unsigned pages)
{
    memset(&ctl, 0, sizeof(ctl));
    ctl.u.max_mem.max_memkb = pages * 4;
    return domctl(XEN_DOMCTL_max_mem, domid);
}

static long make_vcpus(unsigned domid, unsigned nr)
{
    memset(&ctl, 0, sizeof(ctl));
    ctl.u.max_vcpus.max = nr;
    return domctl(XEN_DOMCTL_max_vcpus, domid);
}

static struct xen_domctl_getdomaininfo info_of(unsigned domid)
{
    memset(&ctl, 0, sizeof(ctl));
    if (domctl(XEN_DOMCTL_getdomaininfo, domid))
        ctl.u.getdomaininfo.domain = DOMID_INVALID;
    return ctl.u.getdomaininfo;
}

static long destroy(unsigned domid)
{
    memset(&ctl, 0, sizeof(ctl));
    return domctl(XEN_DOMCTL_destroydomain, domid);
}

static long populate(unsigned domid, uint64_t *list, unsigned nr, unsigned order)
{
    struct xen_memory_reservation r = {
        .extent_start = (uint64_t)list,
        .nr_extents = nr,
        .extent_order = order,
        .domid = (domid_t)domid,
    };

    return hc_memory_op(XENMEM_populate_physmap, &r);
}

/* --- a guest that runs --------------------------------------------------------------------------
 */

/*
 * Its code: counts a word up, for ever, or until the word behind it is set; then shuts down with
 * that word minus one as the reason.  Position: GUEST_VA; data at GUEST_VA + 0x800.
 */
extern const char guest_code[], guest_code_end[];
__asm__(".section .rodata\n"
        "guest_code:\n"
        "  mov $0x400800, %rbx\n"
        "1: lock incq (%rbx)\n"
        "  pause\n"
        "  cmpq $0, 8(%rbx)\n"
        "  je 1b\n"
        "  mov 8(%rbx), %eax\n"
        "  dec %eax\n"
        "  mov %eax, 16(%rbx)\n" /* struct sched_shutdown */
        "  mov $2, %edi\n"       /* SCHEDOP_shutdown */
        "  lea 16(%rbx), %rsi\n"
        "  mov $29, %eax\n" /* sched_op */
        "  syscall\n"
        "  ud2\n"
        "guest_code_end:\n"
        ".previous\n");

static uint64_t guest_mfn[GUEST_PAGES];
static struct tree window; /* where we map the guest's frames */

/* Maps guest frame `i` into our window, page `i`. */
static void *map_frame(unsigned domid, unsigned i)
{
    long rc =
        mmu_update_for(pte_machine(&window.l1[i]), guest_mfn[i] * PAGE_SIZE | RW_FLAGS, domid);

    EXPECT_RC(rc, 0);
    return rc ? NULL : (void *)(window.va + i * PAGE_SIZE);
}

static void unmap_frame(unsigned i)
{
    EXPECT_RC(mmu_update1(pte_machine(&window.l1[i]), 0), 0);
    mmuext1(MMUEXT_TLB_FLUSH_ALL, 0, 0);
}

/* Frames 0 to 3 are L4 to L1, frame 4 is the code and data page. */
static void write_tables(unsigned domid)
{
    static const unsigned slot[] = {L4_SLOT(GUEST_VA), L3_SLOT(GUEST_VA), L2_SLOT(GUEST_VA),
                                    L1_SLOT(GUEST_VA)};

    for (unsigned i = 0; i < 4; i++) {
        uint64_t *t = map_frame(domid, i);

        if (!t)
            return;
        memset(t, 0, PAGE_SIZE);
        t[slot[i]] = guest_mfn[i + 1] * PAGE_SIZE | TABLE_FLAGS;
        unmap_frame(i);
    }
}

static struct vcpu_guest_context context;

static long set_context(unsigned domid, unsigned vcpu)
{
    memset(&ctl, 0, sizeof(ctl));
    ctl.u.vcpucontext.vcpu = vcpu;
    ctl.u.vcpucontext.ctxt = (uint64_t)&context;
    return domctl(XEN_DOMCTL_setvcpucontext, domid);
}

static uint64_t assistances; /* bits of VMASST_TYPE_* that the next context has */

static void fill_context(void)
{
    memset(&context, 0, sizeof(context));
    context.vm_assist = assistances;
    context.flags = VGCF_in_kernel | VGCF_online;
    context.user_regs.rip = GUEST_VA;
    context.user_regs.rsp = GUEST_VA + 0xff0;
    context.user_regs.rflags = 0x200;
    context.user_regs.cs = FLAT_KERNEL_CS;
    context.user_regs.ss = context.user_regs.ds = context.user_regs.es = FLAT_KERNEL_SS;
    context.kernel_ss = FLAT_KERNEL_SS;
    context.kernel_sp = GUEST_VA + 0xff0;
    context.ctrlreg[3] = guest_mfn[0] * PAGE_SIZE;
}

/* A domain of GUEST_PAGES with the code in place; data page mapped at *data. */
static bool build(unsigned *domid, unsigned nr_vcpus, volatile uint64_t **data)
{
    uint8_t *page;

    if (create(0, nr_vcpus, domid) || max_mem(*domid, GUEST_PAGES) || make_vcpus(*domid, nr_vcpus))
        return false;
    for (unsigned i = 0; i < GUEST_PAGES; i++)
        guest_mfn[i] = i;
    if (populate(*domid, guest_mfn, GUEST_PAGES, 0) != GUEST_PAGES)
        return false;
    if (!tree_make(&window, 0x10000000000UL))
        return false;
    write_tables(*domid);
    page = map_frame(*domid, 4);
    if (!page)
        return false;
    memset(page, 0, PAGE_SIZE);
    memcpy(page, guest_code, guest_code_end - guest_code);
    *data = (volatile uint64_t *)(page + 0x800);
    fill_context();
    return set_context(*domid, 0) == 0;
}

static bool wait_for(volatile uint64_t *counter, uint64_t more)
{
    uint64_t from = *counter;

    for (unsigned i = 0; i < 100000; i++) {
        if (*counter >= from + more)
            return true;
        hc_sched_op(SCHEDOP_yield, 0);
    }
    return false;
}

/* A domain is built by hand, runs, is paused, goes on, shuts down with its reason, and dies; all
 * of its memory is free again once our mapping of it is gone. */
static void test_life(void)
{
    uint64_t before = free_pages(), seen;
    volatile uint64_t *data;
    unsigned domid;

    REQUIRE(before > 0);
    REQUIRE(build(&domid, 1, &data));
    EXPECT(info_of(domid).flags & XEN_DOMINF_paused);
    EXPECT_EQ(info_of(domid).tot_pages, GUEST_PAGES);
    EXPECT_EQ(*data, 0);
    EXPECT_RC(domctl(XEN_DOMCTL_unpausedomain, domid), 0);
    EXPECT(wait_for(&data[0], 10));

    EXPECT_RC(domctl(XEN_DOMCTL_pausedomain, domid), 0);
    seen = data[0];
    for (unsigned i = 0; i < 1000; i++)
        hc_sched_op(SCHEDOP_yield, 0);
    EXPECT_EQ(data[0], seen);
    EXPECT_RC(domctl(XEN_DOMCTL_unpausedomain, domid), 0);
    EXPECT(wait_for(&data[0], 10));

    data[1] = SHUTDOWN_reboot + 1;
    for (unsigned i = 0; i < 100000 && !(info_of(domid).flags & XEN_DOMINF_shutdown); i++)
        hc_sched_op(SCHEDOP_yield, 0);
    EXPECT(info_of(domid).flags & XEN_DOMINF_shutdown);
    EXPECT_EQ(info_of(domid).flags >> XEN_DOMINF_shutdownshift & 255, SHUTDOWN_reboot);
    EXPECT(info_of(domid).cpu_time > 0);

    EXPECT_RC(destroy(domid), 0);
    /* A zombie with the one frame that we still map. */
    EXPECT(info_of(domid).flags & XEN_DOMINF_dying);
    EXPECT_EQ(info_of(domid).tot_pages, 1);
    EXPECT(wait_for(&data[0], 0)); /* still readable */
    unmap_frame(4);
    for (unsigned i = 0; i < 1000 && info_of(domid).domain == domid; i++)
        hc_sched_op(SCHEDOP_yield, 0);
    EXPECT(info_of(domid).domain != domid);
    tree_drop(&window);
    expect_free(before);
}

/* A vCPU's context comes back as it was set, and the extended parts can be read. */
static void test_context(void)
{
    static struct vcpu_guest_context back;
    volatile uint64_t *data;
    unsigned domid;

    REQUIRE(build(&domid, 1, &data));
    memset(&ctl, 0, sizeof(ctl));
    ctl.u.vcpucontext.ctxt = (uint64_t)&back;
    EXPECT_RC(domctl(XEN_DOMCTL_getvcpucontext, domid), 0);
    EXPECT_EQ(back.user_regs.rip, context.user_regs.rip);
    EXPECT_EQ(back.user_regs.rsp, context.user_regs.rsp);
    EXPECT_EQ(back.ctrlreg[3], context.ctrlreg[3]);
    EXPECT_EQ(back.flags & VGCF_in_kernel, VGCF_in_kernel);

    memset(&ctl, 0, sizeof(ctl));
    EXPECT_RC(domctl(XEN_DOMCTL_getvcpuinfo, domid), 0);
    EXPECT_EQ(ctl.u.getvcpuinfo.online, 1);
    memset(&ctl, 0, sizeof(ctl));
    EXPECT_RC(domctl(XEN_DOMCTL_get_ext_vcpucontext, domid), 0);
    EXPECT_EQ(ctl.u.ext_vcpucontext.size, sizeof(ctl.u.ext_vcpucontext));
    EXPECT_RC(domctl(XEN_DOMCTL_set_ext_vcpucontext, domid), 0);
    ctl.u.ext_vcpucontext.syscall32_callback_eip = 1UL << 63;
    EXPECT_RC(domctl(XEN_DOMCTL_set_ext_vcpucontext, domid), -EINVAL);
    memset(&ctl, 0, sizeof(ctl));
    EXPECT_RC(domctl(XEN_DOMCTL_getvcpuextstate, domid), 0);
    EXPECT(ctl.u.vcpuextstate.size >= 576 || ctl.u.vcpuextstate.size == 0);
    memset(&ctl, 0, sizeof(ctl));
    EXPECT_RC(domctl(XEN_DOMCTL_get_vcpu_msrs, domid), 0);
    EXPECT(ctl.u.vcpu_msrs.msr_count > 0);
    unmap_frame(4);
    tree_drop(&window);
    EXPECT_RC(destroy(domid), 0);
}

static struct vcpu_guest_context get_context(unsigned domid, unsigned vcpu)
{
    static struct vcpu_guest_context back;

    memset(&ctl, 0, sizeof(ctl));
    ctl.u.vcpucontext.vcpu = vcpu;
    ctl.u.vcpucontext.ctxt = (uint64_t)&back;
    EXPECT_RC(domctl(XEN_DOMCTL_getvcpucontext, domid), 0);
    return back;
}

#define ASSISTANCES                                                                                \
    (1UL << VMASST_TYPE_writable_pagetables | 1UL << VMASST_TYPE_m2p_strict |                      \
     1UL << VMASST_TYPE_runstate_update_flag)
#define FXSAVE_MXCSR 24
#define FXSAVE_XMM0  160

/* As a restore sets it: user root, callbacks, bases, registers of every kind. */
static void fill_restored_context(void)
{
    fill_context();
    context.flags |= VGCF_i387_valid | VGCF_failsafe_disables_events;
    context.ctrlreg[1] = context.ctrlreg[3];
    context.user_regs.rax = 0x1234;
    context.trap_ctxt[14] = (struct trap_info){14, 4, FLAT_KERNEL_CS, GUEST_VA + 0x123};
    context.event_callback_eip = GUEST_VA + 1;
    context.failsafe_callback_eip = GUEST_VA + 2;
    context.syscall_callback_eip = GUEST_VA + 3;
    *(uint32_t *)&context.fpu_ctxt.x[FXSAVE_MXCSR] = 0x1f80;
    *(uint64_t *)&context.fpu_ctxt.x[FXSAVE_XMM0] = 0x55aa;
    context.fs_base = 0x1000;
    context.gs_base_kernel = 0xffff880000001000;
    context.gs_base_user = 0x3000;
    context.debugreg[0] = 0x4000;
    context.ldt_base = GUEST_VA; /* of no entries: forgotten */
}

static void expect_restored_context(const struct vcpu_guest_context *back)
{
    EXPECT_EQ(back->flags,
              VGCF_online | VGCF_in_kernel | VGCF_i387_valid | VGCF_failsafe_disables_events);
    EXPECT_EQ(back->ctrlreg[0], 0x80050033); /* whatever the context said */
    EXPECT_EQ(back->ctrlreg[1], context.ctrlreg[1]);
    EXPECT_EQ(back->ctrlreg[3], context.ctrlreg[3]);
    EXPECT_EQ(back->user_regs.rax, 0x1234);
    EXPECT_EQ(back->trap_ctxt[14].address, GUEST_VA + 0x123);
    EXPECT_EQ(back->event_callback_eip, GUEST_VA + 1);
    EXPECT_EQ(back->failsafe_callback_eip, GUEST_VA + 2);
    EXPECT_EQ(back->syscall_callback_eip, GUEST_VA + 3);
    EXPECT_EQ(*(uint64_t *)&back->fpu_ctxt.x[FXSAVE_XMM0], 0x55aa);
    EXPECT_EQ(back->fs_base, 0x1000);
    EXPECT_EQ(back->gs_base_kernel, 0xffff880000001000);
    EXPECT_EQ(back->gs_base_user, 0x3000);
    EXPECT_EQ(back->debugreg[0], 0x4000);
    EXPECT_EQ(back->ldt_base, 0);
}

/* A vCPU's context comes back as a restore has set it; a second one moves registers, not tables. */
static void test_restored_context(void)
{
    static struct vcpu_guest_context back;
    volatile uint64_t *data;
    unsigned domid;

    assistances = ASSISTANCES;
    REQUIRE(build(&domid, 2, &data));
    assistances = 0;
    back = get_context(domid, 0);
    EXPECT_EQ(back.vm_assist & ASSISTANCES, ASSISTANCES);
    context.vm_assist = 1UL << 63;
    EXPECT_RC(set_context(domid, 0), -EINVAL);

    fill_restored_context();
    EXPECT_RC(set_context(domid, 1), 0);
    back = get_context(domid, 1);
    expect_restored_context(&back);
    context = back;
    EXPECT_RC(set_context(domid, 1), 0);
    context.ctrlreg[1] = 0;
    EXPECT_RC(set_context(domid, 1), -EOPNOTSUPP);
    context = back;
    context.ctrlreg[3] = guest_mfn[4] * PAGE_SIZE;
    EXPECT_RC(set_context(domid, 1), -EOPNOTSUPP);
    context = back;
    context.ldt_ents = 1;
    EXPECT_RC(set_context(domid, 1), -EOPNOTSUPP);
    context = back;
    context.gdt_ents = 1;
    EXPECT_RC(set_context(domid, 1), -EOPNOTSUPP);
    context = back;
    context.gdt_frames[0] = guest_mfn[3]; /* beyond gdt_ents */
    EXPECT_RC(set_context(domid, 1), 0);
    unmap_frame(4);
    tree_drop(&window);
    EXPECT_RC(destroy(domid), 0);
}

static long on_vcpu(unsigned cmd, unsigned domid, unsigned vcpu, uint64_t buffer)
{
    memset(&ctl, 0, sizeof(ctl));
    switch (cmd) { /* where each has the number and the pointer */
    case XEN_DOMCTL_getvcpuextstate:
    case XEN_DOMCTL_setvcpuextstate:
        ctl.u.vcpuextstate =
            (struct xen_domctl_vcpuextstate){vcpu, 0, buffer ? 1 << 16 : 0, buffer};
        break;
    case XEN_DOMCTL_get_vcpu_msrs:
    case XEN_DOMCTL_set_vcpu_msrs:
        ctl.u.vcpu_msrs = (struct xen_domctl_vcpu_msrs){vcpu, buffer ? 1 : 0, buffer};
        break;
    case XEN_DOMCTL_getvcpuinfo: ctl.u.getvcpuinfo.vcpu = vcpu; break;
    case XEN_DOMCTL_get_ext_vcpucontext:
    case XEN_DOMCTL_set_ext_vcpucontext:
        ctl.u.ext_vcpucontext.vcpu = vcpu;
        ctl.u.ext_vcpucontext.size = sizeof(ctl.u.ext_vcpucontext);
        break;
    default: ctl.u.vcpucontext.vcpu = vcpu; ctl.u.vcpucontext.ctxt = buffer;
    }
    return domctl(cmd, domid);
}

/* Contexts of vCPUs that there are not, that were never given one, from and to nowhere; and a
 * second context that would replace the page tables. */
static void test_context_bad(void)
{
    static struct vcpu_guest_context back;
    static const unsigned cmds[] = {
        XEN_DOMCTL_getvcpucontext,      XEN_DOMCTL_setvcpucontext,      XEN_DOMCTL_getvcpuinfo,
        XEN_DOMCTL_get_ext_vcpucontext, XEN_DOMCTL_set_ext_vcpucontext, XEN_DOMCTL_getvcpuextstate,
        XEN_DOMCTL_setvcpuextstate,     XEN_DOMCTL_get_vcpu_msrs,       XEN_DOMCTL_set_vcpu_msrs};
    volatile uint64_t *data;
    unsigned domid;

    REQUIRE_RC(create(0, 2, &domid), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(cmds); i++) {
        EXPECT(on_vcpu(cmds[i], domid, 0, (uint64_t)&back) < 0); /* not made yet */
        EXPECT_RC(on_vcpu(cmds[i], domid, 2, (uint64_t)&back), i < 3 ? -EINVAL : -ESRCH);
        EXPECT_RC(on_vcpu(cmds[i], domid, ~0u, (uint64_t)&back), i < 3 ? -EINVAL : -ESRCH);
    }
    EXPECT_RC(destroy(domid), 0);

    REQUIRE(build(&domid, 2, &data));
    EXPECT_RC(on_vcpu(XEN_DOMCTL_getvcpucontext, domid, 1, (uint64_t)&back), -ENODATA);
    EXPECT_RC(on_vcpu(XEN_DOMCTL_getvcpucontext, domid, 0, 0x800000000000), -EFAULT);
    EXPECT_RC(on_vcpu(XEN_DOMCTL_setvcpucontext, domid, 0, 0x800000000000), -EFAULT);
    EXPECT_RC(on_vcpu(XEN_DOMCTL_getvcpucontext, domid, 0, (uint64_t)&back), 0);
    back.user_regs.rip = 1UL << 63;
    EXPECT(on_vcpu(XEN_DOMCTL_setvcpucontext, domid, 0, (uint64_t)&back) < 0);
    back.user_regs.rip = GUEST_VA;
    EXPECT_RC(on_vcpu(XEN_DOMCTL_setvcpucontext, domid, 0, (uint64_t)&back), 0);
    back.ctrlreg[3] = guest_mfn[1] * PAGE_SIZE;
    EXPECT(on_vcpu(XEN_DOMCTL_setvcpucontext, domid, 0, (uint64_t)&back) < 0);
    back.ctrlreg[3] = mfn_of(&ctl) * PAGE_SIZE; /* nor others' frames on a first one */
    EXPECT(on_vcpu(XEN_DOMCTL_setvcpucontext, domid, 1, (uint64_t)&back) < 0);
    back.ctrlreg[3] = ~0UL;
    EXPECT(on_vcpu(XEN_DOMCTL_setvcpucontext, domid, 1, (uint64_t)&back) < 0);
    unmap_frame(4);
    tree_drop(&window);
    EXPECT_RC(destroy(domid), 0);
}

/* vCPUs from 32 on have no vcpu_info before their kernel registers one: until then none may run. */
static void test_late_vcpu(void)
{
    volatile uint64_t *data;
    unsigned domid;

    REQUIRE(build(&domid, 33, &data));
    if (on_pavis) /* Xen lets the tools do it, and all such vCPUs share one place */
        EXPECT_RC(set_context(domid, 32), -EINVAL);
    context.flags &= ~VGCF_online;
    EXPECT_RC(set_context(domid, 32), 0);
    context.flags |= VGCF_online;
    EXPECT_RC(set_context(domid, 31), 0);
    unmap_frame(4);
    tree_drop(&window);
    EXPECT_RC(destroy(domid), 0);
}

/* Memory of a node that is not there is refused; a preference for nodes comes back as set. */
static void test_nodes(void)
{
    struct xen_memory_reservation r = {.nr_extents = 1};
    static uint64_t pfn, nodes;
    unsigned domid;

    REQUIRE_RC(create(0, 1, &domid), 0);
    EXPECT_RC(max_mem(domid, 8), 0);
    r.domid = (domid_t)domid;
    r.extent_start = (uint64_t)&pfn;
    r.mem_flags = XENMEMF_node(0) | XENMEMF_exact_node_request;
    EXPECT_RC(hc_memory_op(XENMEM_populate_physmap, &r), 1);
    r.mem_flags = XENMEMF_node(100) | XENMEMF_exact_node_request;
    EXPECT_RC(hc_memory_op(XENMEM_populate_physmap, &r), 0);

    memset(&ctl, 0, sizeof(ctl));
    ctl.u.nodeaffinity.nodemap.bitmap = (uint64_t)&nodes;
    ctl.u.nodeaffinity.nodemap.nr_bits = 64;
    EXPECT_RC(domctl(XEN_DOMCTL_getnodeaffinity, domid), 0);
    EXPECT_EQ(nodes, on_pavis ? 1 : ~0UL); /* no preference: Xen's mask has all that could be */
    nodes = 0x100;
    EXPECT_RC(domctl(XEN_DOMCTL_setnodeaffinity, domid), -EINVAL);
    nodes = 0x101;
    EXPECT_RC(domctl(XEN_DOMCTL_setnodeaffinity, domid), 0);
    EXPECT_RC(destroy(domid), 0);
}

/* Frames of a domain are told apart by what they are used as. */
static void test_frame_info(void)
{
    uint64_t array[7];
    volatile uint64_t *data;
    unsigned domid;

    REQUIRE(build(&domid, 1, &data));
    for (unsigned i = 0; i < 5; i++)
        array[i] = guest_mfn[i];
    array[5] = mfn_of(&ctl);
    array[6] = ~0UL >> 12;
    memset(&ctl, 0, sizeof(ctl));
    ctl.u.getpageframeinfo3.num = 7;
    ctl.u.getpageframeinfo3.array = (uint64_t)array;
    EXPECT_RC(domctl(XEN_DOMCTL_getpageframeinfo3, domid), 0);
    EXPECT_EQ((uint32_t)array[0] & XEN_DOMCTL_PFINFO_LTABTYPE_MASK, XEN_DOMCTL_PFINFO_L4TAB);
    EXPECT_EQ((uint32_t)array[1], XEN_DOMCTL_PFINFO_L3TAB);
    EXPECT_EQ((uint32_t)array[2], XEN_DOMCTL_PFINFO_L2TAB);
    EXPECT_EQ((uint32_t)array[3], XEN_DOMCTL_PFINFO_L1TAB);
    EXPECT_EQ((uint32_t)array[4], XEN_DOMCTL_PFINFO_NOTAB);
    EXPECT_EQ((uint32_t)array[5], XEN_DOMCTL_PFINFO_XTAB);
    EXPECT_EQ((uint32_t)array[6], XEN_DOMCTL_PFINFO_XTAB);
    ctl.u.getpageframeinfo3.num = 1025;
    EXPECT_RC(domctl(XEN_DOMCTL_getpageframeinfo3, domid), -E2BIG);
    unmap_frame(4);
    tree_drop(&window);
    EXPECT_RC(destroy(domid), 0);
}

/* Domains come and go, at any point of their making, and leave nothing behind. */
static void test_many(void)
{
    static uint64_t list[GUEST_PAGES];
    uint64_t before = free_pages();

    for (unsigned round = 0; round < 20; round++) {
        unsigned domid;

        REQUIRE_RC(create(0, 1 + round % 4, &domid), 0);
        if (round % 5 > 0)
            EXPECT_RC(max_mem(domid, GUEST_PAGES), 0);
        if (round % 5 > 1)
            EXPECT_RC(make_vcpus(domid, 1 + round % 4), 0);
        if (round % 5 > 2) {
            for (unsigned i = 0; i < GUEST_PAGES; i++)
                list[i] = i;
            EXPECT_RC(populate(domid, list, GUEST_PAGES / 4, 2), GUEST_PAGES / 4);
        }
        EXPECT_RC(destroy(domid), 0);
        for (unsigned i = 0; i < 1000 && info_of(domid).domain == domid; i++)
            hc_sched_op(SCHEDOP_yield, 0);
        EXPECT(info_of(domid).domain != domid);
    }
    expect_free(before);
}

/* What createdomain refuses. */
static void test_create_bad(void)
{
    unsigned domid, other;

    EXPECT(create(0, 0, &domid) < 0);
    EXPECT(create(0, 100000, &domid) < 0);
    EXPECT_RC(create(0, 1, &domid), 0);
    EXPECT_RC(create(domid, 1, &other), -EEXIST);
    EXPECT_RC(make_vcpus(domid, 2), -EINVAL);
    EXPECT_RC(destroy(domid), 0);
    memset(&ctl, 0, sizeof(ctl));
    ctl.u.createdomain.max_vcpus = 1;
    ctl.u.createdomain.flags = ~0u;
    ctl.u.createdomain.grant_opts = 1;
    EXPECT_RC(domctl(XEN_DOMCTL_createdomain, 0), -EINVAL);
    memset(&ctl, 0, sizeof(ctl));
    ctl.u.createdomain.max_vcpus = 1;
    ctl.u.createdomain.max_grant_frames = -1;
    ctl.u.createdomain.max_maptrack_frames = -1;
    ctl.u.createdomain.grant_opts = 0x13;
    EXPECT_RC(domctl(XEN_DOMCTL_createdomain, 0), -EINVAL);
}

/* What every domctl refuses: version, domain, own domain, unknown number. */
static void test_domctl_bad(void)
{
    unsigned domid;

    REQUIRE_RC(create(0, 1, &domid), 0);
    memset(&ctl, 0, sizeof(ctl));
    ctl.cmd = XEN_DOMCTL_pausedomain;
    ctl.domain = (domid_t)domid;
    ctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION - 1;
    EXPECT_RC(HC_1(__HYPERVISOR_domctl, &ctl), -EACCES);
    EXPECT_RC(HC_1(__HYPERVISOR_domctl, 0x800000000000), -EFAULT);
    EXPECT_RC(domctl(XEN_DOMCTL_pausedomain, 12345), -ESRCH);
    EXPECT_RC(domctl(XEN_DOMCTL_pausedomain, 0), -EINVAL);
    EXPECT_RC(domctl(XEN_DOMCTL_destroydomain, 0), -EINVAL);
    EXPECT_RC(domctl(XEN_DOMCTL_getdomaininfo, 0x7000), -ESRCH);
    EXPECT_RC(domctl(6, domid), -ENOSYS);
    EXPECT_RC(domctl(999, domid), -ENOSYS);
    EXPECT_RC(domctl(0xffffffff, domid), -ENOSYS);
    EXPECT_RC(destroy(domid), 0);
}

/* --- memory -------------------------------------------------------------------------------------
 */

/* The limit holds: populate stops there, and says how far it came. */
static void test_limit(void)
{
    static uint64_t list[GUEST_PAGES + 8];
    unsigned domid;

    REQUIRE_RC(create(0, 1, &domid), 0);
    EXPECT_RC(max_mem(domid, GUEST_PAGES), 0);
    for (unsigned i = 0; i < GUEST_PAGES + 8; i++)
        list[i] = i;
    EXPECT_RC(populate(domid, list, GUEST_PAGES + 8, 0), GUEST_PAGES);
    EXPECT_EQ(info_of(domid).tot_pages, GUEST_PAGES);
    EXPECT_EQ(info_of(domid).max_pages, GUEST_PAGES);
    EXPECT_EQ(list[GUEST_PAGES], GUEST_PAGES); /* untouched */
    /* Others' frames are not given back. */
    list[0] = mfn_of(&ctl);
    struct xen_memory_reservation r = {
        .extent_start = (uint64_t)list, .nr_extents = 1, .domid = (domid_t)domid};
    EXPECT_RC(hc_memory_op(XENMEM_decrease_reservation, &r), 0);
    EXPECT_RC(destroy(domid), 0);
}

/* A claim holds memory back until it is used or given up. */
static void test_claim(void)
{
    struct xen_memory_reservation r = {.nr_extents = 100};
    unsigned domid;

    REQUIRE_RC(create(0, 1, &domid), 0);
    EXPECT_RC(max_mem(domid, GUEST_PAGES * 4), 0);
    r.domid = (domid_t)domid;
    EXPECT_RC(hc_memory_op(XENMEM_claim_pages, &r), 0);
    EXPECT_EQ(info_of(domid).outstanding_pages, 100);
    memset(&sys, 0, sizeof(sys));
    EXPECT_RC(sysctl(XEN_SYSCTL_physinfo), 0);
    EXPECT_EQ(sys.u.physinfo.outstanding_pages, 100);
    r.nr_extents = 0;
    EXPECT_RC(hc_memory_op(XENMEM_claim_pages, &r), 0);
    EXPECT_EQ(info_of(domid).outstanding_pages, 0);
    r.nr_extents = 1UL << 40;
    EXPECT(hc_memory_op(XENMEM_claim_pages, &r) < 0);
    r.extent_order = 1;
    EXPECT_RC(hc_memory_op(XENMEM_claim_pages, &r), -EINVAL);
    EXPECT_RC(destroy(domid), 0);
}

/* What one domain claims no other gets, and dom0's tools are told that there is too little; the
 * claimant gets it, once and no more than its limit. */
static void test_claim_holds(void)
{
    static uint64_t list[GUEST_PAGES];
    struct xen_memory_reservation r = {0};
    uint64_t before = free_pages();
    unsigned one, other;

    REQUIRE_RC(create(0, 1, &one), 0);
    REQUIRE_RC(create(0, 1, &other), 0);
    EXPECT_RC(max_mem(one, (unsigned)before), 0);
    EXPECT_RC(max_mem(other, (unsigned)before), 0);
    r.domid = (domid_t)one;
    r.nr_extents = before + 1; /* above its limit */
    EXPECT_RC(hc_memory_op(XENMEM_claim_pages, &r), -EINVAL);
    r.nr_extents = before; /* but the two domains themselves took some */
    EXPECT_RC(hc_memory_op(XENMEM_claim_pages, &r), -ENOMEM);
    r.nr_extents = free_pages() - GUEST_PAGES / 2;
    EXPECT_RC(hc_memory_op(XENMEM_claim_pages, &r), 0);
    EXPECT_RC(hc_memory_op(XENMEM_claim_pages, &r), -EINVAL); /* one at a time */
    EXPECT(populate(other, list, GUEST_PAGES, 0) <= GUEST_PAGES / 2);
    EXPECT_RC(populate(one, list, GUEST_PAGES, 0), GUEST_PAGES);
    EXPECT_EQ(info_of(one).outstanding_pages, r.nr_extents - GUEST_PAGES);
    EXPECT_RC(destroy(one), 0);
    memset(&sys, 0, sizeof(sys));
    EXPECT_RC(sysctl(XEN_SYSCTL_physinfo), 0);
    EXPECT_EQ(sys.u.physinfo.outstanding_pages, 0);
    EXPECT_EQ(populate(other, list, GUEST_PAGES / 2, 0), GUEST_PAGES / 2);
    EXPECT_RC(destroy(other), 0);
    expect_free(before);
}

/* The grant table of another domain can be asked for, mapped and seeded. */
static void test_resource(void)
{
    struct xen_mem_acquire_resource res = {.type = XENMEM_resource_grant_table};
    uint64_t frame = 0;
    unsigned domid;

    REQUIRE_RC(create(0, 1, &domid), 0);
    res.domid = (domid_t)domid;
    EXPECT_RC(hc_memory_op(XENMEM_acquire_resource, &res), 0);
    EXPECT_EQ(res.nr_frames, 4);
    res.nr_frames = 1;
    res.frame_list = (uint64_t)&frame;
    EXPECT_RC(hc_memory_op(XENMEM_acquire_resource, &res), 0);
    EXPECT(frame != 0);
    REQUIRE(tree_make(&window, 0x10000000000UL));
    EXPECT_RC(mmu_update_for(pte_machine(&window.l1[0]) | MMU_PT_UPDATE_NO_TRANSLATE,
                             frame * PAGE_SIZE | RW_FLAGS, domid),
              0);
    *(volatile uint32_t *)window.va = 0;
    EXPECT_RC(mmu_update1(pte_machine(&window.l1[0]), 0), 0);
    tree_drop(&window);
    res.frame = 4;
    EXPECT(hc_memory_op(XENMEM_acquire_resource, &res) < 0);
    res.pad = 1;
    EXPECT_RC(hc_memory_op(XENMEM_acquire_resource, &res), -EINVAL);
    EXPECT_RC(destroy(domid), 0);
}

/* --- CPU policy ---------------------------------------------------------------------------------
 */

static struct xen_cpuid_leaf leaves[256];
static struct xen_msr_entry msrs[8];

/* A policy goes out, comes back changed, and is fixed once the domain has run. */
static void test_cpu_policy(void)
{
    unsigned domid, nr;

    memset(&sys, 0, sizeof(sys));
    sys.u.cpu_policy.index = XEN_SYSCTL_cpu_policy_pv_default;
    EXPECT_RC(sysctl(XEN_SYSCTL_get_cpu_policy), 0);
    REQUIRE(sys.u.cpu_policy.nr_leaves > 20 && sys.u.cpu_policy.nr_leaves <= 256);
    sys.u.cpu_policy.leaves = (uint64_t)leaves;
    EXPECT_RC(sysctl(XEN_SYSCTL_get_cpu_policy), 0);
    nr = sys.u.cpu_policy.nr_leaves;
    EXPECT_EQ(leaves[0].leaf, 0);
    sys.u.cpu_policy.nr_leaves = 1;
    EXPECT_RC(sysctl(XEN_SYSCTL_get_cpu_policy), -ENOBUFS);

    REQUIRE_RC(create(0, 1, &domid), 0);
    memset(&ctl, 0, sizeof(ctl));
    ctl.u.cpu_policy.nr_leaves = nr;
    ctl.u.cpu_policy.leaves = (uint64_t)leaves;
    EXPECT_RC(domctl(XEN_DOMCTL_set_cpu_policy, domid), 0);
    ctl.u.cpu_policy.nr_leaves = 256;
    ctl.u.cpu_policy.leaves = (uint64_t)leaves;
    ctl.u.cpu_policy.nr_msrs = 8;
    ctl.u.cpu_policy.msrs = (uint64_t)msrs;
    EXPECT_RC(domctl(XEN_DOMCTL_get_cpu_policy, domid), 0);
    EXPECT(ctl.u.cpu_policy.nr_leaves > 20);
    leaves[0].leaf = 0x12345678;
    ctl.u.cpu_policy.nr_leaves = 1;
    ctl.u.cpu_policy.nr_msrs = 0;
    EXPECT_RC(domctl(XEN_DOMCTL_set_cpu_policy, domid), -ERANGE);
    EXPECT_EQ(ctl.u.cpu_policy.err_leaf, 0x12345678);
    EXPECT_RC(destroy(domid), 0);
}

/* The audit finds nothing wrong, with a live guest and after all of the above. */
static void test_audit(void)
{
    volatile uint64_t *data;
    unsigned domid;

    if (!on_pavis) {
        test_skip("Xen has no audit");
        return;
    }
    REQUIRE(build(&domid, 1, &data));
    EXPECT_RC(domctl(XEN_DOMCTL_unpausedomain, domid), 0);
    EXPECT(wait_for(&data[0], 10));
    EXPECT(audit_clean());
    unmap_frame(4);
    tree_drop(&window);
    EXPECT_RC(destroy(domid), 0);
}

TESTS("domains", T(domctl_bad), T(create_bad), T(many), T(limit), T(claim), T(claim_holds),
      T(resource), T(cpu_policy), T(life), T(context), T(restored_context), T(context_bad),
      T(late_vcpu), T(nodes), T(frame_info), T(audit));
