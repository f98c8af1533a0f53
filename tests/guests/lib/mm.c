/* SPDX-License-Identifier: GPL-2.0-only */
/* The memory of a tiny kernel; see mm.h.  Also the guest's reading of the clock. */
#include "test.h"

#define POOL_PAGES 256

static uint8_t pool[POOL_PAGES][PAGE_SIZE] __attribute__((aligned(4096)));
static uint16_t free_list[POOL_PAGES];
static unsigned nr_free;

void mm_init(void)
{
    for (unsigned i = 0; i < POOL_PAGES; i++)
        free_list[nr_free++] = (uint16_t)(POOL_PAGES - 1 - i);
}

void *page_alloc(void)
{
    void *page;

    if (!nr_free) {
        test_fail("0", "the page pool is empty");
        test_abort();
    }
    page = pool[free_list[--nr_free]];
    memset(page, 0, PAGE_SIZE);
    return page;
}

void page_free(void *page)
{
    free_list[nr_free++] = (uint16_t)(((uintptr_t)page - (uintptr_t)pool) / PAGE_SIZE);
}

uint64_t *p2m(void)
{
    return (uint64_t *)start_info->mfn_list;
}

uint64_t pfn_of(const void *va)
{
    return ((uint64_t)va - VIRT_BASE) / PAGE_SIZE;
}

void *va_of_pfn(uint64_t pfn)
{
    return (void *)(VIRT_BASE + pfn * PAGE_SIZE);
}

uint64_t mfn_of_pfn(uint64_t pfn)
{
    return p2m()[pfn];
}

uint64_t mfn_of(const void *va)
{
    return mfn_of_pfn(pfn_of(va));
}

uint64_t pfn_of_mfn(uint64_t mfn)
{
    uint64_t pfn = ~0UL;

    TRY("movq (%1), %0", : "+r"(pfn) : "r"(MACH2PHYS_VIRT_START + mfn * 8) : "memory");
    return pfn;
}

uint64_t *pte_of(uint64_t va, int level)
{
    uint64_t *table = (uint64_t *)start_info->pt_base;

    for (int l = 4;; l--) {
        unsigned slot = (va >> (12 + 9 * (l - 1))) & 511;
        uint64_t entry;

        if (l == level)
            return &table[slot];
        entry = table[slot];
        if (!(entry & PTE_P))
            return NULL;
        table = va_of_pfn(pfn_of_mfn((entry & PTE_MFN) >> 12));
    }
}

uint64_t pte_machine(const uint64_t *pte)
{
    return mfn_of((const void *)((uint64_t)pte & PAGE_MASK)) * PAGE_SIZE +
           ((uint64_t)pte & ~PAGE_MASK);
}

uint64_t pte_read(uint64_t va)
{
    uint64_t *pte = pte_of(va, 1);

    return pte ? *(volatile uint64_t *)pte : 0;
}

long set_va(const void *va, uint64_t pte, unsigned long flags)
{
    return hc_update_va(va, pte, flags);
}

long page_readonly(void *page)
{
    return set_va(page, mfn_of(page) * PAGE_SIZE | RO_FLAGS, UVMF_INVLPG);
}

long page_writable(void *page)
{
    return set_va(page, mfn_of(page) * PAGE_SIZE | RW_FLAGS, UVMF_INVLPG);
}

long mmu_update_for(uint64_t ptr, uint64_t val, unsigned foreigndom)
{
    struct mmu_update req = {ptr, val};

    return hc_mmu_update(&req, 1, 0, foreigndom);
}

long mmu_update1(uint64_t ptr, uint64_t val)
{
    return mmu_update_for(ptr, val, DOMID_SELF);
}

long mmuext1(unsigned cmd, uint64_t arg1, uint64_t arg2)
{
    struct mmuext_op op = {.cmd = cmd, .arg1.mfn = arg1, .arg2.vcpumask = arg2};

    return hc_mmuext_op(&op, 1, 0, DOMID_SELF);
}

long pin(void *page, int level)
{
    return mmuext1((unsigned)(MMUEXT_PIN_L1_TABLE + level - 1), mfn_of(page), 0);
}

long unpin(void *page)
{
    return mmuext1(MMUEXT_UNPIN_TABLE, mfn_of(page), 0);
}

bool tree_make(struct tree *tree, uint64_t va)
{
    tree->va = va & ~((1UL << 21) - 1);
    tree->l3 = page_alloc();
    tree->l2 = page_alloc();
    tree->l1 = page_alloc();
    tree->l3[L3_SLOT(va)] = mfn_of(tree->l2) * PAGE_SIZE | TABLE_FLAGS;
    tree->l2[L2_SLOT(va)] = mfn_of(tree->l1) * PAGE_SIZE | TABLE_FLAGS;
    if (page_readonly(tree->l3) || page_readonly(tree->l2) || page_readonly(tree->l1))
        return false;
    return mmu_update1(pte_machine(pte_of(va, 4)), mfn_of(tree->l3) * PAGE_SIZE | TABLE_FLAGS) == 0;
}

void tree_drop(struct tree *tree)
{
    void *pages[] = {tree->l3, tree->l2, tree->l1};

    EXPECT_RC(mmu_update1(pte_machine(pte_of(tree->va, 4)), 0), 0);
    mmuext1(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT_RC(page_writable(pages[i]), 0);
        page_free(pages[i]);
    }
}

/* Nanoseconds by the pvclock of the first vCPU. */
uint64_t system_time(void)
{
    volatile struct vcpu_time_info *t = &vcpu0->time;
    uint64_t ns;
    uint32_t version;

    do {
        uint32_t lo, hi;
        uint64_t delta;

        version = t->version & ~1U;
        __asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
        delta = ((uint64_t)hi << 32 | lo) - t->tsc_timestamp;
        delta = t->tsc_shift < 0 ? delta >> -t->tsc_shift : delta << t->tsc_shift;
        ns = t->system_time + (uint64_t)(((unsigned __int128)delta * t->tsc_to_system_mul) >> 32);
        __asm__ volatile("" ::: "memory");
    } while (version != t->version);
    return ns;
}
