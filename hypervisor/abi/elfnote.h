/* SPDX-License-Identifier: MIT */
/*
 * ELF notes of the name "Xen", by which a guest kernel says how it wants to be loaded.  Numeric
 * ones are as wide as the ELF class.  Usable from assembler.
 */
#pragma once

#define XEN_ELFNOTE_INFO               0
#define XEN_ELFNOTE_ENTRY              1 /* virtual address of the first instruction */
#define XEN_ELFNOTE_HYPERCALL_PAGE     2 /* virtual address of a page to be filled; optional */
#define XEN_ELFNOTE_VIRT_BASE          3 /* virtual = physical - PADDR_OFFSET + VIRT_BASE */
#define XEN_ELFNOTE_PADDR_OFFSET       4
#define XEN_ELFNOTE_XEN_VERSION        5 /* string "xen-3.0" */
#define XEN_ELFNOTE_GUEST_OS           6
#define XEN_ELFNOTE_GUEST_VERSION      7
#define XEN_ELFNOTE_LOADER             8 /* string "generic" */
#define XEN_ELFNOTE_PAE_MODE           9
#define XEN_ELFNOTE_FEATURES           10 /* string, '|' between names, '!' before required ones */
#define XEN_ELFNOTE_BSD_SYMTAB         11
#define XEN_ELFNOTE_HV_START_LOW       12
#define XEN_ELFNOTE_L1_MFN_VALID       13 /* pairs (mask, value) */
#define XEN_ELFNOTE_SUSPEND_CANCEL     14
#define XEN_ELFNOTE_INIT_P2M           15 /* virtual address at which the P2M is to be mapped */
#define XEN_ELFNOTE_MOD_START_PFN      16 /* 1: hand the ramdisk over by PFN, not mapped */
#define XEN_ELFNOTE_SUPPORTED_FEATURES 17 /* bit mask of XENFEAT_* */
#define XEN_ELFNOTE_PHYS32_ENTRY       18 /* PVH entry; not used here */
#define XEN_ELFNOTE_MAX                XEN_ELFNOTE_PHYS32_ENTRY
