/* SPDX-License-Identifier: GPL-2.0-only */
/* What a kernel finds at its start and can ask about: start_info, shared_info, xen_version, CPUID,
 * console. */
#include "abi/cpuid.h"
#include "abi/features.h"
#include "test.h"

extern uint64_t initial_rsp;
extern char _text[], _end[], hypercall_page[];

/* The start_info page has the magic, sizes and addresses that a kernel relies on. */
static void test_start_info(void)
{
    struct start_info *si = start_info;

    EXPECT(!strncmp(si->magic, "xen-3.0-x86_64", 14)); /* a "p" follows for PAE_MODE yes */
    EXPECT(si->nr_pages >= 1024);
    EXPECT((si->shared_info & ~PAGE_MASK) == 0 && si->shared_info);
    EXPECT(((uint64_t)si & ~PAGE_MASK) == 0);
    EXPECT((si->pt_base & ~PAGE_MASK) == 0 && si->pt_base >= (uint64_t)_end);
    EXPECT(si->nr_pt_frames >= 4);
    EXPECT(si->mfn_list >= (uint64_t)_end && si->mfn_list < si->pt_base);
    EXPECT((uint64_t)si < si->pt_base);
    EXPECT(!(si->flags & SIF_MULTIBOOT_MOD));
    EXPECT_EQ(si->mod_len, 0);
    /* The stack is the page after the page tables, and 512 KiB more are mapped after it. */
    EXPECT_EQ(initial_rsp, si->pt_base + (si->nr_pt_frames + 1) * PAGE_SIZE);
    EXPECT(pte_read(initial_rsp + 0x80000 - 1) & PTE_P);
}

/* A first domain is told so, and where its screen description is. */
static void test_dom0_flags(void)
{
    if (!(start_info->flags & SIF_INITDOMAIN)) {
        test_skip("not the first domain");
        return;
    }
    EXPECT(start_info->flags & SIF_PRIVILEGED);
    if (start_info->console.dom0.info_size) {
        EXPECT(start_info->console.dom0.info_off >= sizeof(struct start_info));
        EXPECT(start_info->console.dom0.info_off + start_info->console.dom0.info_size <= PAGE_SIZE);
    }
    EXPECT_EQ(start_info->store_mfn, 0);
    EXPECT_EQ(start_info->store_evtchn, 0);
}

/* P2M and M2P agree for every page, and no frame appears twice. */
static void test_p2m_m2p(void)
{
    for (uint64_t pfn = 0; pfn < start_info->nr_pages; pfn++) {
        uint64_t mfn = mfn_of_pfn(pfn);

        if (pfn_of_mfn(mfn) != pfn) {
            test_fail(TEST_WHERE, "pfn %#lx mfn %#lx back to %#lx", pfn, mfn, pfn_of_mfn(mfn));
            return;
        }
    }
}

/* The bootstrap page tables are mapped read-only, everything else in the initial mapping writable.
 */
static void test_initial_mapping(void)
{
    uint64_t tables_end = start_info->pt_base + start_info->nr_pt_frames * PAGE_SIZE;

    for (uint64_t va = VIRT_BASE; va < initial_rsp; va += PAGE_SIZE) {
        uint64_t pte = pte_read(va);
        bool table = va >= start_info->pt_base && va < tables_end;

        if (va == (uint64_t)shared_info)
            continue;
        if (!(pte & PTE_P) || !!(pte & PTE_RW) == table ||
            (pte & PTE_MFN) != mfn_of((void *)va) * PAGE_SIZE) {
            test_fail(TEST_WHERE, "va %#lx pte %#lx table %u", va, pte, table);
            return;
        }
    }
    EXPECT(TRY("movb $0, (%0)", : : "r"(start_info->pt_base + 8) : "memory") <= 1);
}

/* shared_info and the first vCPU's info are live: clock filled, CR2 word writable by us. */
static void test_shared_info(void)
{
    struct vcpu_time_info *t = &shared_info->vcpu_info[0].time;

    EXPECT(shared_info->wc_version != 0 && !(shared_info->wc_version & 1));
    EXPECT(shared_info->wc_sec > 1000000000 || shared_info->wc_sec_hi);
    EXPECT(shared_info->wc_nsec < 1000000000);
    EXPECT(t->version != 0 && !(t->version & 1));
    EXPECT(t->tsc_to_system_mul != 0);
    EXPECT(t->tsc_timestamp != 0);
    EXPECT_EQ(shared_info->vcpu_info[1].time.version, 0);
}

/* xen_version answers each sub-operation with 4.17's values. */
static void test_version(void)
{
    static union {
        xen_extraversion_t extra;
        struct xen_compile_info compile;
        xen_capabilities_info_t caps;
        xen_changeset_info_t changeset;
        struct xen_platform_parameters params;
        xen_domain_handle_t handle;
        xen_commandline_t cmdline;
        char raw[2048];
    } u;

    EXPECT_RC(hc_xen_version(XENVER_version, 0), 4 << 16 | 17);
    EXPECT_RC(hc_xen_version(XENVER_extraversion, &u), 0);
    EXPECT(u.extra[0] == '.' || u.extra[0] == '-');
    EXPECT_RC(hc_xen_version(XENVER_compile_info, &u), 0);
    EXPECT(u.compile.compiler[0]);
    memset(&u, 0, sizeof(u));
    EXPECT_RC(hc_xen_version(XENVER_capabilities, &u), 0);
    EXPECT(!strncmp(u.caps, "xen-3.0-x86_64", 14));
    EXPECT_RC(hc_xen_version(XENVER_changeset, &u), 0);
    EXPECT_RC(hc_xen_version(XENVER_platform_parameters, &u), 0);
    EXPECT_EQ(u.params.virt_start, HYPERVISOR_VIRT_START);
    EXPECT_RC(hc_xen_version(XENVER_pagesize, 0), PAGE_SIZE);
    EXPECT_RC(hc_xen_version(XENVER_guest_handle, &u), 0);
    memset(&u, 0xff, sizeof(u));
    EXPECT_RC(hc_xen_version(XENVER_commandline, &u), 0);
    EXPECT(!strncmp(u.cmdline, "console=com1", 12) || u.cmdline[0]);
    EXPECT_EQ(u.cmdline[1023], 0); /* XSA-122: no old memory behind the end */
}

/* xen_version refuses bad addresses and unknown commands. */
static void test_version_bad(void)
{
    EXPECT_RC(hc_xen_version(11, 0), -ENOSYS);
    EXPECT_RC(hc_xen_version(-1, 0), -ENOSYS);
    EXPECT_RC(hc_xen_version(XENVER_extraversion, 0), -EFAULT);
    EXPECT_RC(hc_xen_version(XENVER_extraversion, HYPERVISOR_VIRT_START), -EFAULT);
    EXPECT_RC(hc_xen_version(XENVER_extraversion, 0x800000000000), -EFAULT);
    EXPECT_RC(hc_xen_version(XENVER_get_features, 0x1000), -EFAULT);
    EXPECT_RC(hc_xen_version(XENVER_extraversion, start_info->pt_base), -EFAULT);
}

/* The feature word of a PV guest. */
static void test_features(void)
{
    struct xen_feature_info info = {0, 0};
    uint32_t on = 1U << XENFEAT_mmu_pt_update_preserve_ad | 1U << XENFEAT_gnttab_map_avail_bits |
                  1U << XENFEAT_direct_mapped; /* Xen says so to whoever is not translated */
    uint32_t off = 1U << XENFEAT_writable_page_tables | 1U << XENFEAT_writable_descriptor_tables |
                   1U << XENFEAT_auto_translated_physmap | 1U << XENFEAT_supervisor_mode_kernel |
                   1U << XENFEAT_hvm_callback_vector | 1U << XENFEAT_hvm_safe_pvclock |
                   1U << XENFEAT_hvm_pirqs | 1U << XENFEAT_not_direct_mapped;

    EXPECT_RC(hc_xen_version(XENVER_get_features, &info), 0);
    EXPECT_EQ(info.submap & on, on);
    EXPECT_EQ(info.submap & off, 0);
    EXPECT_EQ(!!(info.submap & 1U << XENFEAT_dom0), !!(start_info->flags & SIF_INITDOMAIN));
    info.submap_idx = 1;
    EXPECT_RC(hc_xen_version(XENVER_get_features, &info), -EINVAL);
}

/* The build id is given out, its length when asked with a null pointer. */
static void test_build_id(void)
{
    struct {
        struct xen_build_id id;
        uint8_t bytes[64];
    } b = {.id.len = 64};
    long len = hc_xen_version(XENVER_build_id, 0);

    if (len == -ENODATA) {
        test_skip("built without a build id");
        return;
    }
    EXPECT(len > 0 && len <= 64);
    EXPECT_RC(hc_xen_version(XENVER_build_id, &b), len);
    b.id.len = 1;
    EXPECT_RC(hc_xen_version(XENVER_build_id, &b), -ENOBUFS);
}

static void cpuid(bool prefixed, uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    if (prefixed)
        __asm__ volatile(XEN_CPUID
                         : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
                         : "0"(leaf), "2"(sub));
    else
        __asm__ volatile("cpuid"
                         : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
                         : "0"(leaf), "2"(sub));
}

/* The prefixed CPUID shows the hypervisor's leaves. */
static void test_cpuid_leaves(void)
{
    uint32_t r[4];

    cpuid(true, XEN_CPUID_LEAF(0), 0, r);
    EXPECT(r[0] >= XEN_CPUID_LEAF(2) && r[0] <= XEN_CPUID_LEAF(XEN_CPUID_MAX_NUM_LEAVES));
    EXPECT_EQ(r[1], XEN_CPUID_SIGNATURE_EBX);
    EXPECT_EQ(r[2], XEN_CPUID_SIGNATURE_ECX);
    EXPECT_EQ(r[3], XEN_CPUID_SIGNATURE_EDX);
    cpuid(true, XEN_CPUID_LEAF(1), 0, r);
    EXPECT_EQ(r[0], 4 << 16 | 17);
    cpuid(true, XEN_CPUID_LEAF(2), 0, r);
    EXPECT_EQ(r[0], 1);
    EXPECT_EQ(r[1], 0x40000000);
    EXPECT_EQ(r[2], XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD);
    cpuid(true, XEN_CPUID_LEAF(5), 0, r);
    EXPECT((r[1] & XEN_CPUID_MACHINE_ADDRESS_WIDTH_MASK) >= 20); /* of the highest frame there is */
    EXPECT(mfn_of(_text) >> ((r[1] & XEN_CPUID_MACHINE_ADDRESS_WIDTH_MASK) - 12) == 0);
}

/* The prefixed CPUID shows no feature that a PV guest must not use. */
static void test_cpuid_features(void)
{
    uint32_t r[4], max[4];

    cpuid(true, 0, 0, max);
    EXPECT(max[0] >= 1);
    cpuid(true, 1, 0, r);
    EXPECT_EQ(r[3] & (1U << 3 | 1U << 13), 0);           /* PSE, PGE */
    EXPECT_EQ(r[2] & (1U << 3 | 1U << 5 | 1U << 17), 0); /* MONITOR, VMX, PCID */
    EXPECT_EQ(r[2] >> 31, 1);                            /* hypervisor */
    EXPECT(r[3] & 1U << 24);                             /* FXSR */
    cpuid(true, 7, 0, r);
    EXPECT_EQ(r[1] & (1U << 20 | 1U << 7 | 1U << 10), 0); /* SMAP, SMEP, INVPCID */
    cpuid(true, 0x80000001, 0, r);
    EXPECT(r[3] & 1U << 29);       /* long mode */
    EXPECT(r[3] & 1U << 20);       /* NX */
    EXPECT(r[3] & 1U << 11);       /* SYSCALL */
    EXPECT_EQ(r[3] & 1U << 26, 0); /* 1 GiB pages */
    EXPECT_EQ(r[2] & 1U << 2, 0);  /* SVM */
}

/* A ud2a without the right bytes after it is an invalid opcode as ever. */
static void test_ud2_plain(void)
{
    EXPECT_EQ(TRY("ud2", :), 1);
    EXPECT_EQ(last_trap.regs.vector, X86_UD);
    EXPECT_EQ(TRY(".byte 0x0f,0x0b,0x78,0x65,0x6f; cpuid", : : : "rax", "rbx", "rcx", "rdx"), 1);
    EXPECT_EQ(last_trap.regs.vector, X86_UD);
    EXPECT_EQ(TRY(".byte 0x0f,0x0b,0x78,0x65,0x6e; nop", :), 1);
    EXPECT_EQ(last_trap.regs.vector, X86_UD);
}

/* The hypercall page that the ELF note asked for works: xen_version at its 32-byte slot. */
static void test_hypercall_page(void)
{
    long ret;
    unsigned long rdi = XENVER_version, rsi = 0;

    __asm__ volatile("call *%3"
                     : "=a"(ret), "+D"(rdi), "+S"(rsi)
                     : "r"(hypercall_page + 32 * __HYPERVISOR_xen_version)
                     : "rcx", "rdx", "r8", "r9", "r10", "r11", "memory");
    EXPECT_EQ(ret, 4 << 16 | 17);
}

/* A hypercall keeps every register but rax, rcx, r11 and those of its arguments. */
static void test_registers_kept(void)
{
    uint64_t bad = 0;

    __asm__ volatile("mov $0x1111, %%ebx; mov $0x2222, %%r12d; mov $0x3333, %%r13d\n"
                     "mov $0x4444, %%r14d; mov $0x5555, %%r15d; mov $0x6666, %%r9d\n"
                     "xor %%edi, %%edi; xor %%esi, %%esi; mov %1, %%eax; syscall\n"
                     "sub $0x1111, %%rbx; sub $0x2222, %%r12; sub $0x3333, %%r13\n"
                     "sub $0x4444, %%r14; sub $0x5555, %%r15; sub $0x6666, %%r9\n"
                     "or %%r12, %%rbx; or %%r13, %%rbx; or %%r14, %%rbx\n"
                     "or %%r15, %%rbx; or %%r9, %%rbx; mov %%rbx, %0"
                     : "=r"(bad)
                     : "i"(__HYPERVISOR_xen_version)
                     : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
                       "r13", "r14", "r15", "memory");
    EXPECT_EQ(bad, 0);
}

/* Console output is bounded by checks; input returns nothing when there is none. */
static void test_console(void)
{
    static char buffer[64];

    EXPECT_RC(hc_console_io(CONSOLEIO_write, 0, buffer), 0);
    EXPECT_RC(hc_console_io(CONSOLEIO_write, 8, 0), -EFAULT);
    EXPECT_RC(hc_console_io(CONSOLEIO_write, 8, 0x800000000000), -EFAULT);
    EXPECT_RC(hc_console_io(CONSOLEIO_read, sizeof(buffer), buffer), 0);
    EXPECT_RC(hc_console_io(2, 0, buffer), -ENOSYS);
}

/* The M2P cannot be written, and ends where the machine ends. */
static void test_m2p_readonly(void)
{
    struct xen_machphys_mapping map = {0};

    EXPECT_EQ(TRY("movq $0, (%0)", : : "r"(MACH2PHYS_VIRT_START) : "memory"), 1);
    EXPECT_EQ(last_trap.regs.vector, X86_PF);
    EXPECT_EQ(last_trap.regs.error & (PFEC_WRITE | PFEC_PRESENT), PFEC_WRITE | PFEC_PRESENT);
    EXPECT_RC(hc_memory_op(XENMEM_machphys_mapping, &map), 0);
    EXPECT_EQ(map.v_start, MACH2PHYS_VIRT_START);
    EXPECT(map.v_end > map.v_start && map.v_end <= MACH2PHYS_VIRT_END);
    EXPECT(map.max_mfn >= mfn_of(_text));
}

TESTS("basic", T(start_info), T(dom0_flags), T(p2m_m2p), T(initial_mapping), T(shared_info),
      T(version), T(version_bad), T(features), T(build_id), T(cpuid_leaves), T(cpuid_features),
      T(ud2_plain), T(hypercall_page), T(registers_kept), T(console), T(m2p_readonly));
