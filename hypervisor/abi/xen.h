/* SPDX-License-Identifier: MIT */
/*
 * The heart of the guest ABI (Xen 4.17, x86-64 PV): hypercall numbers, the pages that a guest and
 * the hypervisor share, and the structures of the calls that have no group of their own.
 *
 * Names, numbers and layouts are those of Xen's public interface, so that people and tools that
 * know it find their way; tests/abi compares each of them with Debian's libxen-dev.  Only
 * <stdint.h> is needed; the constants may be used from assembler.  Every pointer that a guest hands
 * over is a guest_ptr_t: eight bytes that must never be dereferenced, only given to the guest copy
 * routines. A wrong number here does not fail to build, it makes a stock kernel fail in the
 * strangest way.
 */
#pragma once

/* --- hypercall numbers (rax); arguments in rdi rsi rdx r10 r8; rcx and r11 are lost -------------
 */
#define __HYPERVISOR_set_trap_table                0
#define __HYPERVISOR_mmu_update                    1
#define __HYPERVISOR_set_gdt                       2
#define __HYPERVISOR_stack_switch                  3
#define __HYPERVISOR_set_callbacks                 4
#define __HYPERVISOR_fpu_taskswitch                5
#define __HYPERVISOR_sched_op_compat               6 /* before 2006: answered -ENOSYS here */
#define __HYPERVISOR_platform_op                   7
#define __HYPERVISOR_set_debugreg                  8
#define __HYPERVISOR_get_debugreg                  9
#define __HYPERVISOR_update_descriptor             10
#define __HYPERVISOR_memory_op                     12 /* 11 was never assigned */
#define __HYPERVISOR_multicall                     13
#define __HYPERVISOR_update_va_mapping             14
#define __HYPERVISOR_set_timer_op                  15
#define __HYPERVISOR_event_channel_op_compat       16 /* as 6 */
#define __HYPERVISOR_xen_version                   17
#define __HYPERVISOR_console_io                    18
#define __HYPERVISOR_physdev_op_compat             19 /* as 6 */
#define __HYPERVISOR_grant_table_op                20
#define __HYPERVISOR_vm_assist                     21
#define __HYPERVISOR_update_va_mapping_otherdomain 22
#define __HYPERVISOR_iret                          23
#define __HYPERVISOR_vcpu_op                       24
#define __HYPERVISOR_set_segment_base              25
#define __HYPERVISOR_mmuext_op                     26
#define __HYPERVISOR_xsm_op                        27
#define __HYPERVISOR_nmi_op                        28
#define __HYPERVISOR_sched_op                      29
#define __HYPERVISOR_callback_op                   30
#define __HYPERVISOR_xenoprof_op                   31
#define __HYPERVISOR_event_channel_op              32
#define __HYPERVISOR_physdev_op                    33
#define __HYPERVISOR_hvm_op                        34
#define __HYPERVISOR_sysctl                        35
#define __HYPERVISOR_domctl                        36
#define __HYPERVISOR_kexec_op                      37
#define __HYPERVISOR_tmem_op                       38
#define __HYPERVISOR_argo_op                       39
#define __HYPERVISOR_xenpmu_op                     40
#define __HYPERVISOR_dm_op                         41
#define __HYPERVISOR_hypfs_op                      42
#define __HYPERVISOR_arch_0                        48 /* x86: machine checks */
#define __HYPERVISOR_arch_1                        49 /* private to Xen, never exposed */
#define __HYPERVISOR_arch_2                        50
#define __HYPERVISOR_arch_3                        51
#define __HYPERVISOR_arch_4                        52
#define __HYPERVISOR_arch_5                        53
#define __HYPERVISOR_arch_6                        54
#define __HYPERVISOR_arch_7                        55
#define __HYPERVISOR_mca                           __HYPERVISOR_arch_0

/* --- domain numbers: real ones end below DOMID_FIRST_RESERVED -----------------------------------
 */
#define DOMID_FIRST_RESERVED 0x7FF0U
#define DOMID_SELF           0x7FF0U /* whoever calls */
#define DOMID_IO             0x7FF1U /* owner of frames that are not RAM */
#define DOMID_XEN            0x7FF2U /* owner of frames shared with the hypervisor itself */
#define DOMID_COW            0x7FF3U /* memory sharing; not used here */
#define DOMID_INVALID        0x7FF4U
#define DOMID_IDLE           0x7FFFU
#define DOMID_MASK           0x7FFFU

/* --- the hypervisor's part of every guest address space (L4 slots 256 to 271) -------------------
 */
#define HYPERVISOR_VIRT_START 0xFFFF800000000000UL
#define HYPERVISOR_VIRT_END   0xFFFF880000000000UL
/* Read-only machine-to-pseudo-physical table: one 8-byte word per machine frame. */
#define MACH2PHYS_VIRT_START 0xFFFF800000000000UL
#define MACH2PHYS_VIRT_END   0xFFFF804000000000UL
#define MACH2PHYS_NR_ENTRIES ((MACH2PHYS_VIRT_END - MACH2PHYS_VIRT_START) >> 3)

/* --- selectors that exist in every PV guest's GDT, above the guest's own entries ----------------
 */
#define FIRST_RESERVED_GDT_PAGE  14 /* guest pages are 0..13 */
#define FIRST_RESERVED_GDT_BYTE  (FIRST_RESERVED_GDT_PAGE * 4096)
#define FIRST_RESERVED_GDT_ENTRY (FIRST_RESERVED_GDT_BYTE / 8)
#define FLAT_RING3_CS32          0xe023
#define FLAT_RING3_SS32          0xe02b
#define FLAT_RING3_DS32          0xe02b
#define FLAT_RING3_CS64          0xe033
#define FLAT_RING3_SS64          0xe02b
#define FLAT_RING3_DS64          0x0000 /* a null selector does for data in 64-bit mode */
#define FLAT_KERNEL_CS           FLAT_RING3_CS64
#define FLAT_KERNEL_SS           FLAT_RING3_SS64
#define FLAT_KERNEL_DS           FLAT_RING3_DS64
#define FLAT_USER_CS             FLAT_RING3_CS64
#define FLAT_USER_CS32           FLAT_RING3_CS32
#define FLAT_USER_SS             FLAT_RING3_SS64
#define FLAT_USER_SS32           FLAT_RING3_SS32
#define FLAT_USER_DS             FLAT_RING3_DS64
#define FLAT_USER_DS32           FLAT_RING3_DS32

/* --- mmu_update: what the two low bits of `ptr` ask for -----------------------------------------
 */
#define MMU_NORMAL_PT_UPDATE 0 /* store a checked entry; ptr = machine address of the entry */
#define MMU_MACHPHYS_UPDATE  1 /* store an M2P word; ptr = machine address of the frame */
#define MMU_PT_UPDATE_PRESERVE_AD                                                                  \
    2 /* as 0, but keep accessed and dirty bits the CPU set meanwhile */
#define MMU_PT_UPDATE_NO_TRANSLATE 3 /* as 0; differs only for translated guests */

/* --- mmuext_op commands -------------------------------------------------------------------------
 */
#define MMUEXT_PIN_L1_TABLE       0
#define MMUEXT_PIN_L2_TABLE       1
#define MMUEXT_PIN_L3_TABLE       2
#define MMUEXT_PIN_L4_TABLE       3
#define MMUEXT_UNPIN_TABLE        4
#define MMUEXT_NEW_BASEPTR        5
#define MMUEXT_TLB_FLUSH_LOCAL    6
#define MMUEXT_INVLPG_LOCAL       7
#define MMUEXT_TLB_FLUSH_MULTI    8
#define MMUEXT_INVLPG_MULTI       9
#define MMUEXT_TLB_FLUSH_ALL      10
#define MMUEXT_INVLPG_ALL         11
#define MMUEXT_FLUSH_CACHE        12
#define MMUEXT_SET_LDT            13
#define MMUEXT_NEW_USER_BASEPTR   15 /* 14 is unused */
#define MMUEXT_CLEAR_PAGE         16
#define MMUEXT_COPY_PAGE          17
#define MMUEXT_FLUSH_CACHE_GLOBAL 18
#define MMUEXT_MARK_SUPER         19
#define MMUEXT_UNMARK_SUPER       20

/* --- update_va_mapping flags: what to flush, and where; a pointer to a vCPU bitmap may be or-ed in
 */
#define UVMF_NONE           (0UL << 0)
#define UVMF_TLB_FLUSH      (1UL << 0)
#define UVMF_INVLPG         (2UL << 0)
#define UVMF_FLUSHTYPE_MASK (3UL << 0)
#define UVMF_MULTI          (0UL << 2)
#define UVMF_LOCAL          (0UL << 2)
#define UVMF_ALL            (1UL << 2)

/* --- virtual interrupts -------------------------------------------------------------------------
 */
#define VIRQ_TIMER      0 /* per vCPU */
#define VIRQ_DEBUG      1 /* per vCPU */
#define VIRQ_CONSOLE    2 /* console input is there */
#define VIRQ_DOM_EXC    3 /* a domain died or shut down */
#define VIRQ_TBUF       4 /* trace buffer half full */
#define VIRQ_DEBUGGER   6 /* a paused debuggee */
#define VIRQ_XENOPROF   7 /* per vCPU */
#define VIRQ_CON_RING   8 /* bytes were added to the hypervisor's log */
#define VIRQ_PCPU_STATE 9 /* a processor went on- or offline */
#define VIRQ_MEM_EVENT  10
#define VIRQ_ARGO       11
#define VIRQ_ENOMEM     12 /* the free list is nearly empty */
#define VIRQ_XENPMU     13 /* per vCPU */
#define VIRQ_ARCH_0     16
#define VIRQ_ARCH_1     17
#define VIRQ_ARCH_2     18
#define VIRQ_ARCH_3     19
#define VIRQ_ARCH_4     20
#define VIRQ_ARCH_5     21
#define VIRQ_ARCH_6     22
#define VIRQ_ARCH_7     23
#define VIRQ_MCA        VIRQ_ARCH_0
#define NR_VIRQS        24

/* --- console_io, vm_assist, set_segment_base ----------------------------------------------------
 */
#define CONSOLEIO_write 0
#define CONSOLEIO_read  1

#define VMASST_CMD_enable               0
#define VMASST_CMD_disable              1
#define VMASST_TYPE_4gb_segments        0 /* 32-bit guests; accepted and ignored */
#define VMASST_TYPE_4gb_segments_notify 1 /* likewise */
#define VMASST_TYPE_writable_pagetables 2 /* stores to page tables are emulated on fault */
#define VMASST_TYPE_pae_extended_cr3    3 /* 32-bit guests */
#define VMASST_TYPE_architectural_iopl  4 /* IOPL lives in the saved flags, as on hardware */
#define VMASST_TYPE_runstate_update_flag                                                           \
    5                             /* XEN_RUNSTATE_UPDATE marks a runstate copy in progress */
#define VMASST_TYPE_m2p_strict 32 /* user mode does not see the M2P */

#define SEGBASE_FS          0
#define SEGBASE_GS_USER     1
#define SEGBASE_GS_KERNEL   2
#define SEGBASE_GS_USER_SEL 3 /* loads a selector into user GS rather than a base */

/* --- vcpu_guest_context.flags and iret_context.flags --------------------------------------------
 */
#define VGCF_I387_VALID               (1 << 0)
#define VGCF_IN_KERNEL                (1 << 2)
#define VGCF_i387_valid               (1 << 0)
#define VGCF_in_kernel                (1 << 2)
#define VGCF_failsafe_disables_events (1 << 3)
#define VGCF_syscall_disables_events  (1 << 4)
#define VGCF_online                   (1 << 5)
#define VGCF_in_syscall               (1 << 8) /* iret: rcx and r11 need not be restored */
#define VGCF_IN_SYSCALL               VGCF_in_syscall

/* --- start_info.flags ---------------------------------------------------------------------------
 */
#define SIF_PRIVILEGED      (1 << 0)
#define SIF_INITDOMAIN      (1 << 1)
#define SIF_MULTIBOOT_MOD   (1 << 2)
#define SIF_MOD_START_PFN   (1 << 3) /* mod_start is a PFN: the ramdisk is not mapped */
#define SIF_VIRT_P2M_4TOOLS (1 << 4)
#define SIF_PM_MASK         (0xFF << 8)

#define MAX_GUEST_CMDLINE 1024
#define XEN_LEGACY_MAX_VCPUS                                                                       \
    32 /* vcpu_info slots in shared_info; later vCPUs must register theirs */

/* --- pvclock ------------------------------------------------------------------------------------
 */
#define XEN_PVCLOCK_TSC_STABLE_BIT (1 << 0)
#define XEN_PVCLOCK_GUEST_STOPPED  (1 << 1)

/* --- dom0_vga_console_info.video_type -----------------------------------------------------------
 */
#define XEN_VGATYPE_TEXT_MODE_3 0x03
#define XEN_VGATYPE_VESA_LFB    0x23
#define XEN_VGATYPE_EFI_LFB     0x70

#ifndef __ASSEMBLY__
#include <stdint.h>

typedef uint16_t domid_t;
typedef uint64_t xen_pfn_t;   /* a frame number: pseudo-physical or machine, the field says which */
typedef uint64_t xen_ulong_t; /* the guest's register width */
typedef uint64_t guest_ptr_t; /* an address in the caller's virtual address space */
typedef uint8_t xen_domain_handle_t[16];

/* Event channel words are 64 bits wide, hence 64 * 64 ports in the 2-level scheme. */
#define EVTCHN_2L_NR_CHANNELS (sizeof(xen_ulong_t) * sizeof(xen_ulong_t) * 64)

/*
 * pvclock: nanoseconds = system_time + (((tsc - tsc_timestamp) shifted by tsc_shift) *
 * tsc_to_system_mul >> 32).  version is odd while the writer is at work; a reader takes the block
 * only if it saw the same even version before and after.
 */
struct vcpu_time_info {
    uint32_t version;
    uint32_t pad0;
    uint64_t tsc_timestamp;
    uint64_t system_time; /* ns since boot, at tsc_timestamp */
    uint32_t tsc_to_system_mul;
    int8_t tsc_shift; /* left if positive, right if negative */
    uint8_t flags;    /* XEN_PVCLOCK_* */
    uint8_t pad1[2];
};

struct arch_vcpu_info {
    uint64_t cr2; /* of the last page fault delivered */
    uint64_t pad;
};

struct vcpu_info {
    uint8_t evtchn_upcall_pending;
    uint8_t evtchn_upcall_mask; /* the guest's virtual interrupt flag, inverted */
    xen_ulong_t evtchn_pending_sel;
    struct arch_vcpu_info arch;
    struct vcpu_time_info time;
};

struct arch_shared_info {
    uint64_t max_pfn; /* this and the following are written by the guest, for tools */
    xen_pfn_t pfn_to_mfn_frame_list_list;
    uint64_t nmi_reason; /* XEN_NMIREASON_* in nmi.h */
    uint64_t p2m_cr3;
    uint64_t p2m_vaddr;
    uint64_t p2m_generation;
};

struct shared_info {
    struct vcpu_info vcpu_info[XEN_LEGACY_MAX_VCPUS];
    xen_ulong_t evtchn_pending[sizeof(xen_ulong_t) * 8];
    xen_ulong_t evtchn_mask[sizeof(xen_ulong_t) * 8];
    uint32_t wc_version; /* wall clock at system time zero, with the pvclock version rule */
    uint32_t wc_sec;
    uint32_t wc_nsec;
    uint32_t wc_sec_hi;
    struct arch_shared_info arch;
};

/* What a new domain finds, mapped, at the address in rsi. */
struct start_info {
    char magic[32];       /* "xen-3.0-x86_64" */
    uint64_t nr_pages;    /* of the domain */
    uint64_t shared_info; /* machine address */
    uint32_t flags;       /* SIF_* */
    xen_pfn_t store_mfn;
    uint32_t store_evtchn;
    union {
        struct {
            xen_pfn_t mfn;
            uint32_t evtchn;
        } domU;
        struct {
            uint32_t info_off; /* of a dom0_vga_console_info, from the start of this page */
            uint32_t info_size;
        } dom0;
    } console;
    uint64_t pt_base;      /* virtual address of the L4 */
    uint64_t nr_pt_frames; /* bootstrap tables, contiguous from pt_base */
    uint64_t mfn_list;     /* virtual address of the P2M */
    uint64_t mod_start;    /* ramdisk: virtual address, or PFN with SIF_MOD_START_PFN */
    uint64_t mod_len;      /* bytes */
    int8_t cmd_line[MAX_GUEST_CMDLINE];
    uint64_t first_p2m_pfn; /* when the P2M is not in the initial mapping (INIT_P2M note) */
    uint64_t nr_p2m_frames;
};

struct xen_multiboot_mod_list {
    uint32_t mod_start; /* physical, first byte */
    uint32_t mod_end;   /* physical, one past the last */
    uint32_t cmdline;
    uint32_t pad;
};

/* The screen as the loader left it, for dom0's console. */
struct dom0_vga_console_info {
    uint8_t video_type; /* XEN_VGATYPE_* */
    union {
        struct {
            uint16_t font_height;
            uint16_t cursor_x;
            uint16_t cursor_y;
            uint16_t rows;
            uint16_t columns;
        } text_mode_3;
        struct {
            uint16_t width;
            uint16_t height;
            uint16_t bytes_per_line;
            uint16_t bits_per_pixel;
            uint32_t lfb_base;
            uint32_t lfb_size;
            uint8_t red_pos;
            uint8_t red_size;
            uint8_t green_pos;
            uint8_t green_size;
            uint8_t blue_pos;
            uint8_t blue_size;
            uint8_t rsvd_pos;
            uint8_t rsvd_size;
            uint32_t gbl_caps;
            uint16_t mode_attrs;
            uint16_t pad;
            uint32_t ext_lfb_base; /* bits 63:32 of lfb_base */
        } vesa_lfb;
    } u;
};

struct mmu_update {
    uint64_t ptr; /* machine address | MMU_* */
    uint64_t val; /* new entry, or PFN */
};

struct mmuext_op {
    uint32_t cmd;
    union {
        xen_pfn_t mfn;
        uint64_t linear_addr;
    } arg1;
    union {
        uint32_t nr_ents; /* SET_LDT */
        guest_ptr_t vcpumask;
        xen_pfn_t src_mfn; /* COPY_PAGE */
    } arg2;
};

struct multicall_entry {
    xen_ulong_t op;
    xen_ulong_t result;
    xen_ulong_t args[6];
};

/* One line of a virtual IDT; an entry with address 0 ends the list given to set_trap_table. */
struct trap_info {
    uint8_t vector;
    uint8_t flags; /* bits 1:0 lowest privilege for INT n; bit 2 mask events on entry */
    uint16_t cs;
    uint64_t address;
};
#define TI_GET_DPL(_ti) ((_ti)->flags & 3)
#define TI_GET_IF(_ti)  ((_ti)->flags & 4)

/* The registers of a vCPU, in the order in which Xen's entry code pushes them. */
struct cpu_user_regs {
    uint64_t r15;
    uint64_t r14;
    uint64_t r13;
    uint64_t r12;
    uint64_t rbp;
    uint64_t rbx;
    uint64_t r11;
    uint64_t r10;
    uint64_t r9;
    uint64_t r8;
    uint64_t rax;
    uint64_t rcx;
    uint64_t rdx;
    uint64_t rsi;
    uint64_t rdi;
    uint32_t error_code;
    uint32_t entry_vector;
    uint64_t rip;
    uint16_t cs;
    uint16_t _pad0[1];
    uint8_t saved_upcall_mask;
    uint8_t _pad1[3];
    uint64_t rflags;
    uint64_t rsp;
    uint16_t ss;
    uint16_t _pad2[3];
    uint16_t es;
    uint16_t _pad3[3];
    uint16_t ds;
    uint16_t _pad4[3];
    uint16_t fs;
    uint16_t _pad5[3];
    uint16_t gs;
    uint16_t _pad6[3];
};

/* The whole of a vCPU: VCPUOP_initialise and the domctls set/getvcpucontext. */
struct vcpu_guest_context {
    struct {
        char x[512];
    } fpu_ctxt;     /* FXSAVE image */
    uint64_t flags; /* VGCF_* */
    struct cpu_user_regs user_regs;
    struct trap_info trap_ctxt[256];
    uint64_t ldt_base;
    uint64_t ldt_ents;
    uint64_t gdt_frames[16]; /* machine frames */
    uint64_t gdt_ents;
    uint64_t kernel_ss;
    uint64_t kernel_sp;
    uint64_t ctrlreg[8]; /* [1]: user CR3 or 0, bit 0 set if valid; [3]: kernel CR3 */
    uint64_t debugreg[8];
    uint64_t event_callback_eip;
    uint64_t failsafe_callback_eip;
    uint64_t syscall_callback_eip;
    uint64_t vm_assist; /* bit per VMASST_TYPE_* */
    uint64_t fs_base;
    uint64_t gs_base_kernel;
    uint64_t gs_base_user;
};

/* What the iret hypercall finds at the guest's stack pointer. */
struct iret_context {
    uint64_t rax;
    uint64_t r11;
    uint64_t rcx;
    uint64_t flags; /* VGCF_in_syscall or 0 */
    uint64_t rip;
    uint64_t cs;
    uint64_t rflags;
    uint64_t rsp;
    uint64_t ss;
};

/* A bitmap in guest memory, one bit per CPU, node, ... */
struct xenctl_bitmap {
    guest_ptr_t bitmap; /* of bytes */
    uint32_t nr_bits;
};

#endif /* __ASSEMBLY__ */
