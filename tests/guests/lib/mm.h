/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of a tiny kernel: the initial mapping (virtual = VIRT_BASE + physical), the P2M that the
 * builder left, the M2P of the hypervisor, and a pool of pages to experiment with.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PAGE_SIZE 4096UL
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define VIRT_BASE 0xffffffff80000000UL

#define PTE_P   0x001UL
#define PTE_RW  0x002UL
#define PTE_US  0x004UL
#define PTE_PWT 0x008UL
#define PTE_PCD 0x010UL
#define PTE_A   0x020UL
#define PTE_D   0x040UL
#define PTE_PSE 0x080UL /* in an L1 entry: PAT */
#define PTE_G   0x100UL
#define PTE_NX  (1UL << 63)
#define PTE_MFN 0x000ffffffffff000UL

/* What a table entry and a data page usually carry. */
#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)
#define RW_FLAGS    (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)
#define RO_FLAGS    (PTE_P | PTE_US | PTE_A)

#define L4_SLOT(va) (((va) >> 39) & 511)
#define L3_SLOT(va) (((va) >> 30) & 511)
#define L2_SLOT(va) (((va) >> 21) & 511)
#define L1_SLOT(va) (((va) >> 12) & 511)

void mm_init(void);
void *page_alloc(void); /* zeroed, mapped writable; the test fails hard if there is none */
void page_free(void *page);
uint64_t pfn_of(const void *va); /* of an address in the initial mapping */
void *va_of_pfn(uint64_t pfn);
uint64_t mfn_of_pfn(uint64_t pfn);
uint64_t mfn_of(const void *va);
uint64_t pfn_of_mfn(uint64_t mfn); /* by the M2P; ~0 if that faults */
uint64_t *p2m(void);

/* The address of an entry in the current kernel tables (read-only there), or NULL. level 1..4 */
uint64_t *pte_of(uint64_t va, int level);
uint64_t pte_machine(const uint64_t *pte); /* its machine address */
uint64_t pte_read(uint64_t va);            /* the L1 entry, 0 if there is none */

long set_va(const void *va, uint64_t pte, unsigned long flags); /* update_va_mapping */
long page_readonly(void *page);
long page_writable(void *page);
long mmu_update1(uint64_t ptr, uint64_t val);
long mmu_update_for(uint64_t ptr, uint64_t val, unsigned foreigndom);
long mmuext1(unsigned cmd, uint64_t arg1, uint64_t arg2);
long pin(void *page, int level);
long unpin(void *page);

uint64_t system_time(void); /* ns, by the first vCPU's pvclock */

/* A fresh three-level tree (l3, l2, l1, each a page made read-only, l3 hooked into the L4 at va).
 */
struct tree {
    uint64_t va; /* first address that l1 maps */
    uint64_t *l3, *l2, *l1;
};
bool tree_make(struct tree *tree, uint64_t va);
void tree_drop(struct tree *tree);
