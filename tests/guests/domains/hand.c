/* SPDX-License-Identifier: GPL-2.0-only */
/* A second domain made by hand: see hand.h. */
#include "domains/hand.h"

#include "test.h"

struct xen_domctl domop;
struct xen_sysctl sysop;

long domctl(unsigned cmd, unsigned domid)
{
    domop.cmd = cmd;
    domop.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    domop.domain = (domid_t)domid;
    return HC_1(__HYPERVISOR_domctl, &domop);
}

/* Tools repeat calls that answer -EAGAIN; -ERESTART never reaches a guest. */
long sysctl(unsigned cmd)
{
    sysop.cmd = cmd;
    sysop.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return HC_1(__HYPERVISOR_sysctl, &sysop);
}

uint64_t free_pages(void)
{
    memset(&sysop, 0, sizeof(sysop));
    return sysctl(XEN_SYSCTL_physinfo) ? 0 : sysop.u.physinfo.free_pages;
}

/* Xen frees some of a domain's own structures late, and keeps some pages of them for the next. */
void expect_free(uint64_t before)
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

long create(unsigned domid, unsigned max_vcpus, unsigned *made)
{
    long rc;

    memset(&domop, 0, sizeof(domop));
    domop.u.createdomain.max_vcpus = max_vcpus;
    domop.u.createdomain.max_evtchn_port = 1023;
    domop.u.createdomain.max_grant_frames = 4;
    domop.u.createdomain.max_maptrack_frames = 16;
    domop.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
    domop.u.createdomain.handle[0] = 0xab;
    rc = domctl(XEN_DOMCTL_createdomain, domid);
    *made = domop.domain;
    return rc;
}

long max_mem(unsigned domid, unsigned pages)
{
    memset(&domop, 0, sizeof(domop));
    domop.u.max_mem.max_memkb = pages * 4;
    return domctl(XEN_DOMCTL_max_mem, domid);
}

long make_vcpus(unsigned domid, unsigned nr)
{
    memset(&domop, 0, sizeof(domop));
    domop.u.max_vcpus.max = nr;
    return domctl(XEN_DOMCTL_max_vcpus, domid);
}

struct xen_domctl_getdomaininfo info_of(unsigned domid)
{
    memset(&domop, 0, sizeof(domop));
    if (domctl(XEN_DOMCTL_getdomaininfo, domid))
        domop.u.getdomaininfo.domain = DOMID_INVALID;
    return domop.u.getdomaininfo;
}

long destroy(unsigned domid)
{
    memset(&domop, 0, sizeof(domop));
    return domctl(XEN_DOMCTL_destroydomain, domid);
}

long populate(unsigned domid, uint64_t *list, unsigned nr, unsigned order)
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

uint64_t guest_mfn[GUEST_PAGES];
struct tree window; /* where we map the guest's frames */

/* Maps guest frame `i` into our window, page `i`. */
static void *map_frame(unsigned domid, unsigned i)
{
    long rc =
        mmu_update_for(pte_machine(&window.l1[i]), guest_mfn[i] * PAGE_SIZE | RW_FLAGS, domid);

    EXPECT_RC(rc, 0);
    return rc ? NULL : (void *)(window.va + i * PAGE_SIZE);
}

void unmap_frame(unsigned i)
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

struct vcpu_guest_context context;

long set_context(unsigned domid, unsigned vcpu)
{
    memset(&domop, 0, sizeof(domop));
    domop.u.vcpucontext.vcpu = vcpu;
    domop.u.vcpucontext.ctxt = (uint64_t)&context;
    return domctl(XEN_DOMCTL_setvcpucontext, domid);
}

uint64_t assistances; /* bits of VMASST_TYPE_* that the next context has */

void fill_context(void)
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
bool build(unsigned *domid, unsigned nr_vcpus, volatile uint64_t **data)
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

bool wait_for(volatile uint64_t *counter, uint64_t more)
{
    uint64_t from = *counter;

    for (unsigned i = 0; i < 100000; i++) {
        if (*counter >= from + more)
            return true;
        hc_sched_op(SCHEDOP_yield, 0);
    }
    return false;
}
