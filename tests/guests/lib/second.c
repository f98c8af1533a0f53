/* SPDX-License-Identifier: GPL-2.0-only */
/* A second domain, made from nothing but hypercalls: see second.h. */
#include "abi/domctl.h"
#include "abi/sysctl.h"
#include "second.h"
#include "test.h"

extern char _text[], _end[];

struct ctl ctl __attribute__((aligned(4096)));
struct arg arg __attribute__((aligned(4096)));
static uint8_t first_stack[8192] __attribute__((aligned(4096))); /* of its first vCPU */

unsigned image_page(const void *va)
{
    return (unsigned)(((uint64_t)va - (uint64_t)_text) / PAGE_SIZE);
}

struct tree second_window;
domid_t second;
xen_pfn_t second_frames[SECOND_FRAMES];
struct ctl *const their_ctl = (struct ctl *)SECOND_WINDOW;
struct arg *const their_arg = (struct arg *)(SECOND_WINDOW + PAGE_SIZE);
struct xen_domctl second_op;

long second_domctl(unsigned cmd)
{
    second_op.cmd = cmd;
    second_op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    second_op.domain = second;
    return HC_1(__HYPERVISOR_domctl, &second_op);
}

struct xen_domctl_getdomaininfo second_domaininfo(void)
{
    EXPECT_RC(second_domctl(XEN_DOMCTL_getdomaininfo), 0);
    return second_op.u.getdomaininfo;
}

void second_expect_absent(unsigned cmd)
{
    domid_t was = second;

    second = NO_DOMAIN;
    EXPECT_RC(second_domctl(cmd), -ESRCH);
    second = was;
}

uint64_t machine_free_pages(void)
{
    static struct xen_sysctl s;

    s = (struct xen_sysctl){.cmd = XEN_SYSCTL_physinfo,
                            .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
    return HC_1(__HYPERVISOR_sysctl, &s) ? 0 : s.u.physinfo.free_pages + s.u.physinfo.scrub_pages;
}

long second_show(unsigned i, uint64_t mfn)
{
    long rc = mmu_update_for(pte_machine(&second_window.l1[i]),
                             mfn ? mfn * PAGE_SIZE | RW_FLAGS : 0, mfn ? second : DOMID_SELF);

    mmuext1(MMUEXT_INVLPG_LOCAL, SECOND_WINDOW + i * PAGE_SIZE, 0);
    return rc;
}

bool second_create(void)
{
    second_op = (struct xen_domctl){.cmd = XEN_DOMCTL_createdomain,
                                    .interface_version = XEN_DOMCTL_INTERFACE_VERSION};
    second_op.u.createdomain.handle[0] = 0x42;
    second_op.u.createdomain.max_vcpus = 2;
    second_op.u.createdomain.max_evtchn_port = 1023;
    second_op.u.createdomain.max_grant_frames = 4;
    second_op.u.createdomain.max_maptrack_frames = 4;
    second_op.u.createdomain.grant_opts = 1;
    if (HC_1(__HYPERVISOR_domctl, &second_op))
        return false;
    second = second_op.domain;
    second_op.u.max_vcpus.max = 2;
    if (second_domctl(XEN_DOMCTL_max_vcpus))
        return false;
    second_op.u.max_mem.max_memkb = SECOND_FRAMES * 4;
    return second_domctl(XEN_DOMCTL_max_mem) == 0;
}

bool second_populate(void)
{
    struct xen_memory_reservation r = {
        .extent_start = (guest_ptr_t)second_frames, .nr_extents = SECOND_FRAMES, .domid = second};

    for (unsigned i = 0; i < SECOND_FRAMES; i++)
        second_frames[i] = i;
    return hc_memory_op(XENMEM_populate_physmap, &r) == SECOND_FRAMES;
}

static bool fill(unsigned frame, const void *contents)
{
    if (second_show(2, second_frames[frame]))
        return false;
    memcpy((void *)(SECOND_WINDOW + 2 * PAGE_SIZE), contents, PAGE_SIZE);
    return true;
}

/*
 * Frames 0..7: L4, L3, L2, and L1 tables; from 8 on the image, in order.  The image's pages are
 * mapped where this image has them; tables are not mapped in the second domain at all.
 */
static bool build(void)
{
    static uint64_t table[512];
    unsigned pages = (unsigned)((_end - _text) / (long)PAGE_SIZE);
    uint64_t va = (uint64_t)_text;

    if (L1_SLOT(va) + pages > 5 * 512)
        return false;
    if (!fill(0, table)) /* shows that the window works before anything is in it */
        return false;
    for (unsigned i = 0; i < pages; i++)
        if (!fill(SECOND_TABLES + i, _text + i * PAGE_SIZE))
            return false;
    table[L4_SLOT(va)] = second_frames[1] * PAGE_SIZE | TABLE_FLAGS;
    if (!fill(0, table))
        return false;
    memset(table, 0, PAGE_SIZE);
    table[L3_SLOT(va)] = second_frames[2] * PAGE_SIZE | TABLE_FLAGS;
    if (!fill(1, table))
        return false;
    memset(table, 0, PAGE_SIZE);
    for (unsigned i = 0; i < 5; i++)
        table[L2_SLOT(va) + i] = second_frames[3 + i] * PAGE_SIZE | TABLE_FLAGS;
    if (!fill(2, table))
        return false;
    for (unsigned t = 0; t < 5; t++) {
        for (unsigned j = 0; j < 512; j++) {
            unsigned i = t * 512 + j - L1_SLOT(va);

            table[j] = i < pages ? second_frames[SECOND_TABLES + i] * PAGE_SIZE | RW_FLAGS : 0;
        }
        if (!fill(3 + t, table))
            return false;
    }
    if (second_show(2, 0) || second_show(0, second_frames[SECOND_TABLES + image_page(&ctl)]) ||
        second_show(1, second_frames[SECOND_TABLES + image_page(&arg)]))
        return false;
    memset(their_ctl, 0, PAGE_SIZE);
    memset(their_arg, 0, PAGE_SIZE);
    for (unsigned i = 0; i < pages && i < 500; i++)
        their_ctl->mfns[i] = second_frames[SECOND_TABLES + i];
    for (unsigned i = 0; i < SECOND_TABLES; i++)
        their_ctl->tables[i] = second_frames[i];
    return true;
}

static bool start(void (*entry)(void))
{
    static struct vcpu_guest_context c;

    c = (struct vcpu_guest_context){.flags = VGCF_IN_KERNEL | VGCF_online};
    c.user_regs.rip = (uint64_t)entry;
    c.user_regs.rsp = (uint64_t)first_stack + sizeof(first_stack) - 8;
    c.user_regs.cs = FLAT_KERNEL_CS;
    c.user_regs.ss = FLAT_KERNEL_SS;
    c.kernel_ss = FLAT_KERNEL_SS;
    c.kernel_sp = c.user_regs.rsp;
    c.ctrlreg[3] = second_frames[0] * PAGE_SIZE;
    second_op.u.vcpucontext.vcpu = 0;
    second_op.u.vcpucontext.ctxt = (guest_ptr_t)&c;
    if (second_domctl(XEN_DOMCTL_setvcpucontext) || second_domctl(XEN_DOMCTL_getdomaininfo))
        return false;
    /* It has no event callback, so its events are masked before it runs. */
    if (second_show(2, second_op.u.getdomaininfo.shared_info_frame))
        return false;
    ((struct shared_info *)(SECOND_WINDOW + 2 * PAGE_SIZE))->vcpu_info[0].evtchn_upcall_mask = 1;
    return second_show(2, 0) == 0 && second_domctl(XEN_DOMCTL_unpausedomain) == 0;
}

bool second_setup(void (*entry)(void))
{
    if (!(start_info->flags & SIF_INITDOMAIN)) {
        test_skip("builds a domain: dom0 only");
        return false;
    }
    EXPECT(tree_make(&second_window, SECOND_WINDOW));
    EXPECT(second_create());
    EXPECT(!test_failed() && second_populate());
    EXPECT(!test_failed() && build());
    EXPECT(!test_failed() && start(entry));
    return !test_failed();
}

void second_order(unsigned command)
{
    their_ctl->done = 0;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    their_ctl->command = command;
}

bool second_done(unsigned command)
{
    uint64_t end = system_time() + 2000000000;

    while (their_ctl->done != command) {
        if (system_time() > end)
            return false;
        hc_sched_op(SCHEDOP_yield, 0);
    }
    return true;
}

bool second_tell(unsigned command)
{
    second_order(command);
    return second_done(command);
}

bool second_destroy(void)
{
    long rc;

    second_show(0, 0);
    second_show(1, 0);
    second_show(2, 0);
    while ((rc = second_domctl(XEN_DOMCTL_destroydomain)) == -ERESTART || rc == -EAGAIN)
        ;
    EXPECT_RC(rc, 0);
    tree_drop(&second_window);
    return rc == 0;
}
