/* SPDX-License-Identifier: MIT */
/*
 * Feature bits: what XENVER_get_features answers, and what a kernel lists in its SUPPORTED_FEATURES
 * ELF note (bits that it needs or can live with).  All fit submap 0.
 */
#pragma once

#define XENFEAT_writable_page_tables       0 /* tables need not be read-only: never here */
#define XENFEAT_writable_descriptor_tables 1
#define XENFEAT_auto_translated_physmap    2 /* the guest sees PFNs only */
#define XENFEAT_supervisor_mode_kernel     3
#define XENFEAT_pae_pgdir_above_4gb        4
#define XENFEAT_mmu_pt_update_preserve_ad  5
#define XENFEAT_highmem_assist             6
#define XENFEAT_gnttab_map_avail_bits      7 /* GNTMAP flags 16..18 land in the entry's ignored bits */
#define XENFEAT_hvm_callback_vector        8
#define XENFEAT_hvm_safe_pvclock           9
#define XENFEAT_hvm_pirqs                  10
#define XENFEAT_dom0                       11
#define XENFEAT_memory_op_vnode_supported  13
#define XENFEAT_ARM_SMCCC_supported        14
#define XENFEAT_linux_rsdp_unrestricted    15
#define XENFEAT_not_direct_mapped          16
#define XENFEAT_direct_mapped              17
#define XENFEAT_NR_SUBMAPS                 1
