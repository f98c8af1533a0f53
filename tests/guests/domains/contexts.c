/* SPDX-License-Identifier: GPL-2.0-only */
/* vCPUs' registers and tables as tools set and get them, in a domain made by hand. */
#include "domains/hand.h"

#include "test.h"

/* A vCPU's context comes back as it was set, and the extended parts can be read. */
void test_context(void)
{
    static struct vcpu_guest_context back;
    volatile uint64_t *data;
    unsigned domid;

    REQUIRE(build(&domid, 1, &data));
    memset(&domop, 0, sizeof(domop));
    domop.u.vcpucontext.ctxt = (uint64_t)&back;
    EXPECT_RC(domctl(XEN_DOMCTL_getvcpucontext, domid), 0);
    EXPECT_EQ(back.user_regs.rip, context.user_regs.rip);
    EXPECT_EQ(back.user_regs.rsp, context.user_regs.rsp);
    EXPECT_EQ(back.ctrlreg[3], context.ctrlreg[3]);
    EXPECT_EQ(back.flags & VGCF_in_kernel, VGCF_in_kernel);

    memset(&domop, 0, sizeof(domop));
    EXPECT_RC(domctl(XEN_DOMCTL_getvcpuinfo, domid), 0);
    EXPECT_EQ(domop.u.getvcpuinfo.online, 1);
    memset(&domop, 0, sizeof(domop));
    EXPECT_RC(domctl(XEN_DOMCTL_get_ext_vcpucontext, domid), 0);
    EXPECT_EQ(domop.u.ext_vcpucontext.size, sizeof(domop.u.ext_vcpucontext));
    EXPECT_RC(domctl(XEN_DOMCTL_set_ext_vcpucontext, domid), 0);
    domop.u.ext_vcpucontext.syscall32_callback_eip = 1UL << 63;
    EXPECT_RC(domctl(XEN_DOMCTL_set_ext_vcpucontext, domid), -EINVAL);
    memset(&domop, 0, sizeof(domop));
    EXPECT_RC(domctl(XEN_DOMCTL_getvcpuextstate, domid), 0);
    EXPECT(domop.u.vcpuextstate.size >= 576 || domop.u.vcpuextstate.size == 0);
    memset(&domop, 0, sizeof(domop));
    EXPECT_RC(domctl(XEN_DOMCTL_get_vcpu_msrs, domid), 0);
    EXPECT(domop.u.vcpu_msrs.msr_count > 0);
    unmap_frame(4);
    tree_drop(&window);
    EXPECT_RC(destroy(domid), 0);
}

static struct vcpu_guest_context get_context(unsigned domid, unsigned vcpu)
{
    static struct vcpu_guest_context back;

    memset(&domop, 0, sizeof(domop));
    domop.u.vcpucontext.vcpu = vcpu;
    domop.u.vcpucontext.ctxt = (uint64_t)&back;
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
void test_restored_context(void)
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
    memset(&domop, 0, sizeof(domop));
    switch (cmd) { /* where each has the number and the pointer */
    case XEN_DOMCTL_getvcpuextstate:
    case XEN_DOMCTL_setvcpuextstate:
        domop.u.vcpuextstate =
            (struct xen_domctl_vcpuextstate){vcpu, 0, buffer ? 1 << 16 : 0, buffer};
        break;
    case XEN_DOMCTL_get_vcpu_msrs:
    case XEN_DOMCTL_set_vcpu_msrs:
        domop.u.vcpu_msrs = (struct xen_domctl_vcpu_msrs){vcpu, buffer ? 1 : 0, buffer};
        break;
    case XEN_DOMCTL_getvcpuinfo: domop.u.getvcpuinfo.vcpu = vcpu; break;
    case XEN_DOMCTL_get_ext_vcpucontext:
    case XEN_DOMCTL_set_ext_vcpucontext:
        domop.u.ext_vcpucontext.vcpu = vcpu;
        domop.u.ext_vcpucontext.size = sizeof(domop.u.ext_vcpucontext);
        break;
    default: domop.u.vcpucontext.vcpu = vcpu; domop.u.vcpucontext.ctxt = buffer;
    }
    return domctl(cmd, domid);
}

/* Contexts of vCPUs that there are not, that were never given one, from and to nowhere; and a
 * second context that would replace the page tables. */
void test_context_bad(void)
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
    back.ctrlreg[3] = mfn_of(&domop) * PAGE_SIZE; /* nor others' frames on a first one */
    EXPECT(on_vcpu(XEN_DOMCTL_setvcpucontext, domid, 1, (uint64_t)&back) < 0);
    back.ctrlreg[3] = ~0UL;
    EXPECT(on_vcpu(XEN_DOMCTL_setvcpucontext, domid, 1, (uint64_t)&back) < 0);
    unmap_frame(4);
    tree_drop(&window);
    EXPECT_RC(destroy(domid), 0);
}

/* vCPUs from 32 on have no vcpu_info before their kernel registers one: until then none may run. */
void test_late_vcpu(void)
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
