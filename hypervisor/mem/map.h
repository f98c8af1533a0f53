/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypervisor's own address space: see map.c, and layout.h for what lies where.
 */
#pragma once

#include "cpu/x86.h"
#include "hooks.h" /* ioremap and its kin: cpu/ calls them upwards */
#include "lib/address.h"

/* Rights for map_pages(), plus a PTE_CACHE_* where it is not write-back. */
#define MAP_RW      (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX)
#define MAP_RO      (PTE_P | PTE_A | PTE_NX)
#define MAP_RX      (PTE_P | PTE_A)
#define MAP_USER_RO (PTE_P | PTE_US | PTE_A | PTE_NX) /* slot 256 only */
/* Software bit, not stored: 2 MiB and 1 GiB pages may be used where both addresses allow. */
#define MAP_LARGE BIT(9)

/* The root that every table's slots 256 to 271 are copied from; complete after map_init(). */
extern uint64_t hv_l4[512];

/*
 * Whether hypervisor mappings are global.  They must not be when guests run on restricted roots
 * (xpti), or they would be there still: mitigations_init() decides, before map_init().
 */
extern bool map_global;

/*
 * Builds the final tables (direct map, image with its rights, empty regions of slots 256 to 271)
 * and loads them.  Needs machine_map, the boot allocator limited to EARLY_MAP_SIZE, cpu_identify().
 */
void map_init(void);

/* Loads the hypervisor's own root on the calling CPU. */
void map_load_root(void);

/* The machine address of hv_l4. */
paddr_t map_root_paddr(void);

/*
 * Maps `n` frames from `mfn` on at `va` (page aligned, in a hypervisor slot that exists), which
 * must not be mapped.  False: no memory for tables, nothing or a part is mapped.
 */
__must_check bool map_pages(uint64_t va, mfn_t mfn, uint64_t n, uint64_t flags);

/* Takes `n` 4 KiB mappings away, on all CPUs.  Tables stay. */
void unmap_pages(uint64_t va, uint64_t n);

/* Takes away the 2 MiB at `va`, whatever is mapped there by 4 KiB, and the table that did it. */
void unmap_with_table(uint64_t va);

/* As unmap_pages(), and that a page which is mapped by 4 KiB shows another frame; where the caller
 * knows which CPUs can have used the addresses, and flushes those.  Cannot fail. */
void unmap_pages_unflushed(uint64_t va, uint64_t n);
void remap_page_unflushed(uint64_t va, mfn_t mfn, uint64_t flags);

/* The level-1 entry's value at `va`, large pages split in thought; 0 when not mapped. */
uint64_t map_lookup(uint64_t va);

/* The level-2 entry above a mapped `va`: what a root that shows the same 2 MiB has to hold. */
uint64_t map_l2_entry(uint64_t va);

/* Where tables and stacks come from after the boot allocator: a zeroed frame or INVALID_MFN. */
void map_set_table_allocator(mfn_t (*alloc)(void));

/* Allocates and maps a CPU's stack block; returns its address, 0: no memory. */
uint64_t map_cpu_stack(unsigned int cpu);

/* Makes the boot's sections disappear and gives their frames back. */
void map_release_boot_sections(void);
