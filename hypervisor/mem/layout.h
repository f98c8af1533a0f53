/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual address map of the hypervisor, for C, assembler and the linker script.
 *
 * The ABI gives it the sixteen top-level slots 256 to 271; everything else belongs to the guest.
 * Each slot is 512 GiB.  What lies in slot 261 is kept within 2 GiB of the image, so that code
 * reaches all of it relative to the instruction pointer.
 *
 *   slot  address              what                                                  access
 *   256   0xffff800000000000   machine-to-physical table, the guests' view           user, R, NX
 *   260   0xffff820000000000   descriptor areas, one per live vCPU: GDT and LDT      RW, NX
 *   261   0xffff82d040000000   the image: code RX, constants R, data RW NX
 *         0xffff82d050000000   per-CPU stacks between guard pages                    RW, NX
 *         0xffff82d060000000   device memory: APICs, HPET, tables of the firmware    RW, NX, UC
 *         0xffff82d070000000   per-CPU SYSCALL entry stubs                           RX
 *         0xffff82e000000000   frame table, sparse by 2 MiB chunk of RAM             RW, NX
 *   262   0xffff830000000000   all RAM at its machine address plus this base         RW, NX, WB
 *    to 271                    (5 TiB; RAM above is not used, with a message)
 */
#pragma once

#ifdef __ASSEMBLY__
#define LAYOUT_CONST(x) x
#else
#define LAYOUT_CONST(x) x##UL
#endif

#define HV_SLOT_FIRST 256
#define HV_SLOT_LAST  271

#define M2P_RO_BASE      LAYOUT_CONST(0xffff800000000000) /* slot 256 */
#define VCPU_DESC_BASE   LAYOUT_CONST(0xffff820000000000) /* slot 260 */
#define HV_REGION_BASE   LAYOUT_CONST(0xffff82d000000000) /* slot 261 */
#define HV_IMAGE_BASE    LAYOUT_CONST(0xffff82d040000000) /* slot 261 */
#define HV_STACKS_BASE   LAYOUT_CONST(0xffff82d050000000) /* slot 261 */
#define HV_IOREMAP_BASE  LAYOUT_CONST(0xffff82d060000000) /* slot 261 */
#define HV_STUBS_BASE    LAYOUT_CONST(0xffff82d070000000) /* slot 261 */
#define FRAME_TABLE_BASE LAYOUT_CONST(0xffff82e000000000) /* slot 261 */
#define DIRECT_MAP_BASE  LAYOUT_CONST(0xffff830000000000) /* slots 262 to 271 */

#define HV_SLOT_SIZE    LAYOUT_CONST(0x0000008000000000)
#define HV_IOREMAP_SIZE LAYOUT_CONST(0x0000000010000000) /* 256 MiB, up to the stubs */
#define DIRECT_MAP_SIZE LAYOUT_CONST(0x0000050000000000) /* ten slots */

/* Where the image is loaded, and the most it may take (what boot/head.S maps of it). */
#define HV_LOAD_PADDR 0x200000
#define HV_IMAGE_MAX  0x2000000

/* What the early tables of boot/head.S reach below, one to one and at DIRECT_MAP_BASE. */
#define EARLY_MAP_SIZE LAYOUT_CONST(0x100000000)

/*
 * One CPU's stack: 32 KiB aligned, so that rounding any stack pointer finds struct cpu_info at its
 * top.  The lowest four pages are the stacks of the exceptions that must not trust RSP (IST), then
 * a guard page that is not mapped, then the CPU's ordinary stack.  The next CPU's is 64 KiB up, so
 * that the page below is not mapped either.
 */
#define STACK_SIZE       0x8000
#define STACK_STRIDE     0x10000
#define STACK_IST_PAGES  4 /* in this order from the bottom: #DF, NMI, #MC, #DB */
#define STACK_GUARD_PAGE 4

/* A vCPU's descriptor area: 16 pages of GDT, then 16 of LDT.  Areas are 2 MiB apart, so that each
 * has a level-1 table of its own, which a restricted root shows alone (pv/restricted.c). */
#define VCPU_DESC_SIZE     0x20000
#define VCPU_DESC_STRIDE   0x200000
#define VCPU_DESC_LDT      0x10000
#define FIRST_HV_GDT_PAGE  14
#define FIRST_HV_GDT_BYTE  0xe000
#define FIRST_HV_GDT_ENTRY 7168

/* SYSCALL stubs: one cache line each. */
#define STUB_SIZE 64
