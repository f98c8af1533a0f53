/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypervisor's own mappings: direct map, image, device memory, stacks.
 *
 * All roots share the tables below slots 256 to 271, so a mapping made here is seen on every CPU
 * at once; hv_l4 itself is complete after map_init() and never changes (guests' roots hold copies
 * of its slots).  Mapping over something present is a bug, so only unmapping needs a flush.
 */
#include "mem/map.h"
#include "console/log.h"
#include "cpu/cpu.h"
#include "cpu/cpu_info.h"
#include "cpu/desc.h"
#include "cpu/insn.h"
#include "cpu/smp.h"
#include "debug/assert.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mem/boot_alloc.h"
#include "mem/frame.h"
#include "mem/memory_map.h"

#define ENTRIES  512
#define L2_PAGES 512UL
#define L3_PAGES (512UL * 512)

uint64_t hv_l4[512] __aligned(4096) __attribute__((section(".bss.page_aligned,\"aw\",@nobits#")));
bool map_global __read_mostly = true;

/* With interrupts on: memory for a table may have to be flushed from other CPUs' TLBs first. */
static spinlock_t map_lock;
static bool l4_complete;
static mfn_t (*table_allocator)(void);
static uint64_t ioremap_next = HV_IOREMAP_BASE;

extern char image_start[], text_end[], rodata_start[], rodata_end[];
extern char boot_start[], boot_end[], data_start[], image_end[], boot_bss_start[], boot_bss_end[];

static unsigned int table_index(uint64_t va, unsigned int level)
{
    return (va >> (PAGE_SHIFT + 9 * (level - 1))) & (ENTRIES - 1);
}

static uint64_t *entry_table(uint64_t entry)
{
    return paddr_to_virt(entry & PTE_ADDR);
}

void map_set_table_allocator(mfn_t (*alloc)(void))
{
    table_allocator = alloc;
}

/* A zeroed frame for a table or a stack, whoever gives frames out now. */
static mfn_t take_page(void)
{
    return table_allocator ? table_allocator() : boot_alloc_zeroed_page();
}

/* The table that `*entry` links to, made if there is none.  NULL: no memory. */
static uint64_t *next_table(uint64_t *entry, uint64_t user)
{
    if (!(*entry & PTE_P)) {
        mfn_t m = take_page();

        if (!mfn_valid_number(m))
            return NULL;
        *entry = mfn_to_paddr(m) | PTE_P | PTE_RW | PTE_A | user;
    }
    BUG_ON(*entry & PTE_PSE); /* mapping into the middle of a large page */
    return entry_table(*entry);
}

/* The largest page, in 4 KiB units, that may be put at va now. */
static uint64_t step_at(uint64_t va, uint64_t frame, uint64_t left, uint64_t flags)
{
    uint64_t both = (va >> PAGE_SHIFT) | frame;

    if (!(flags & MAP_LARGE))
        return 1;
    if (cpu_caps.pdpe1gb && IS_ALIGNED(both, L3_PAGES) && left >= L3_PAGES)
        return L3_PAGES;
    return IS_ALIGNED(both, L2_PAGES) && left >= L2_PAGES ? L2_PAGES : 1;
}

static bool map_one(uint64_t va, uint64_t frame, uint64_t step, uint64_t flags)
{
    unsigned int last = step == L3_PAGES ? 3 : step == L2_PAGES ? 2 : 1;
    uint64_t *table = hv_l4;
    uint64_t *entry;

    for (unsigned int level = 4; level > last; level--) {
        entry = &table[table_index(va, level)];
        BUG_ON(level == 4 && l4_complete && !(*entry & PTE_P));
        table = next_table(entry, flags & PTE_US);
        if (!table)
            return false;
    }
    entry = &table[table_index(va, last)];
    BUG_ON(*entry & PTE_P);
    *entry = frame << PAGE_SHIFT | (flags & ~MAP_LARGE) | (last > 1 ? PTE_PSE : 0) |
             (map_global ? PTE_G : 0);
    return true;
}

bool map_pages(uint64_t va, mfn_t mfn, uint64_t n, uint64_t flags)
{
    uint64_t frame = mfn.n;
    bool ok = true;

    spin_lock(&map_lock);
    BUG_ON(va < M2P_RO_BASE || !IS_ALIGNED(va, PAGE_SIZE));
    while (n && ok) {
        uint64_t step = step_at(va, frame, n, flags);

        ok = map_one(va, frame, step, flags);
        va += step << PAGE_SHIFT;
        frame += step;
        n -= step;
    }
    spin_unlock(&map_lock);
    return ok;
}

/* The entry that decides about `va`, and in *level where it stands; NULL: a table is missing. */
static uint64_t *find_entry(uint64_t va, unsigned int *level)
{
    uint64_t *entry = &hv_l4[table_index(va, 4)];

    for (*level = 4; *level > 1; (*level)--) {
        if (!(*entry & PTE_P))
            return NULL;
        if (*level < 4 && (*entry & PTE_PSE))
            return entry;
        entry = &entry_table(*entry)[table_index(va, *level - 1)];
    }
    return entry;
}

uint64_t map_lookup(uint64_t va)
{
    unsigned int level;
    const uint64_t *entry = find_entry(va, &level);
    uint64_t within;

    if (!entry || !(*entry & PTE_P))
        return 0;
    if (level == 1)
        return *entry;
    within = va & ((PAGE_SIZE << (9 * (level - 1))) - 1) & PAGE_MASK;
    return (*entry & ~PTE_PSE) + within;
}

/* NULL: a table is missing. */
static uint64_t *l2_slot(uint64_t va)
{
    uint64_t *table = hv_l4;

    for (unsigned int level = 4; level > 2; level--) {
        uint64_t e = table[table_index(va, level)];

        if (!(e & PTE_P))
            return NULL;
        table = entry_table(e);
    }
    return &table[table_index(va, 2)];
}

uint64_t map_l2_entry(uint64_t va)
{
    return *l2_slot(va);
}

void unmap_with_table(uint64_t va)
{
    uint64_t *slot, e;

    spin_lock(&map_lock);
    slot = l2_slot(va);
    e = slot ? *slot : 0;
    if (slot)
        *slot = 0;
    spin_unlock(&map_lock);
    smp_flush_everything();
    if (e & PTE_P)
        frame_free_hv(frame_of(paddr_to_mfn(e & PTE_ADDR)), 0);
}

void unmap_pages_unflushed(uint64_t va, uint64_t n)
{
    spin_lock(&map_lock);
    for (; n; n--, va += PAGE_SIZE) {
        unsigned int level;
        uint64_t *entry = find_entry(va, &level);

        if (!entry)
            continue;
        BUG_ON(level != 1);
        *entry = 0;
    }
    spin_unlock(&map_lock);
}

void unmap_pages(uint64_t va, uint64_t n)
{
    unmap_pages_unflushed(va, n);
    smp_flush_everything();
}

void remap_page_unflushed(uint64_t va, mfn_t mfn, uint64_t flags)
{
    unsigned int level;
    uint64_t *entry;

    spin_lock(&map_lock);
    entry = find_entry(va, &level);
    BUG_ON(!entry || level != 1 || !(*entry & PTE_P));
    *entry = mfn_to_paddr(mfn) | flags | (map_global ? PTE_G : 0);
    spin_unlock(&map_lock);
}

/* ---- building the tables --------------------------------------------------------------------- */

static void __boot_text must_map(uint64_t va, mfn_t mfn, uint64_t n, uint64_t flags)
{
    if (!map_pages(va, mfn, n, flags))
        panic("Out of memory for the hypervisor's page tables");
}

static void __boot_text map_section(const char *start, const char *end, uint64_t flags)
{
    must_map((uint64_t)start, image_to_mfn(start), ((uint64_t)end - (uint64_t)start) >> PAGE_SHIFT,
             flags);
}

/* Whole frames of RAM; nothing else is in the direct map, so no device is ever cached by it. */
static void __boot_text map_ram(void)
{
    for (unsigned int i = 0; i < machine_map.nr; i++) {
        const struct memory_region *r = &machine_map.region[i];
        uint64_t start = ALIGN_UP(r->start, PAGE_SIZE);
        uint64_t end = ALIGN_DOWN(r->start + r->size, PAGE_SIZE);

        if (r->type == MEMORY_RAM && start < end)
            must_map(DIRECT_MAP_BASE + start, paddr_to_mfn(start), (end - start) >> PAGE_SHIFT,
                     MAP_RW | MAP_LARGE);
    }
}

/* Fills the slots that must exist before roots are copied. */
static void __boot_text make_slots(void)
{
    static const uint64_t regions[] = {M2P_RO_BASE, VCPU_DESC_BASE, HV_REGION_BASE};
    uint64_t flags;

    for (unsigned int i = 0; i < ARRAY_SIZE(regions); i++) {
        flags = regions[i] == M2P_RO_BASE ? PTE_US : 0;
        next_table(&hv_l4[table_index(regions[i], 4)], flags);
    }
    /* Guests may read the table there, never write it: the root says so too. */
    hv_l4[table_index(M2P_RO_BASE, 4)] &= ~PTE_RW;
}

void __boot_text map_init(void)
{
    memory_map_limit_ram(&machine_map, DIRECT_MAP_SIZE);
    make_slots();
    map_ram();
    map_section(image_start, text_end, MAP_RX);
    map_section(rodata_start, rodata_end, MAP_RO);
    map_section(data_start, image_end, MAP_RW);
    /* Code and data of the boot, mixed; gone before the first guest runs. */
    map_section(boot_start, boot_end, MAP_RW & ~PTE_NX);
    map_section(boot_bss_start, boot_bss_end, MAP_RW);
    must_map(HV_STUBS_BASE, image_to_mfn(syscall_stubs), 1, MAP_RX);
    l4_complete = true;
    map_load_root();
    boot_alloc_set_limit(DIRECT_MAP_SIZE);
}

paddr_t map_root_paddr(void)
{
    return mfn_to_paddr(image_to_mfn(hv_l4));
}

void map_load_root(void)
{
    write_cr3(map_root_paddr());
    cpu_info()->cr3 = map_root_paddr();
}

/* ---- device memory, stacks, stubs ------------------------------------------------------------ */

static void *ioremap_attr(paddr_t p, uint64_t size, uint64_t cache)
{
    uint64_t offset = p & ~PAGE_MASK;
    uint64_t pages = DIV_UP(offset + size, PAGE_SIZE);
    uint64_t va = __atomic_fetch_add(&ioremap_next, pages << PAGE_SHIFT, __ATOMIC_SEQ_CST);

    if (!size || va + (pages << PAGE_SHIFT) > HV_IOREMAP_BASE + HV_IOREMAP_SIZE)
        return NULL;
    if (!map_pages(va, paddr_to_mfn(p), pages, MAP_RW | cache))
        return NULL;
    return (void *)(va + offset);
}

void *ioremap(paddr_t p, uint64_t size)
{
    return ioremap_attr(p, size, PTE_CACHE_UC);
}

void *ioremap_cached(paddr_t p, uint64_t size)
{
    return ioremap_attr(p, size, PTE_CACHE_WB);
}

void iounmap(void *va, uint64_t size)
{
    uint64_t start = (uint64_t)va & PAGE_MASK;

    unmap_pages(start, DIV_UP((uint64_t)va + size - start, PAGE_SIZE));
}

uint64_t map_cpu_stack(unsigned int cpu)
{
    uint64_t base = HV_STACKS_BASE + (uint64_t)cpu * STACK_STRIDE;
    mfn_t m;

    for (unsigned int page = 0; page < STACK_SIZE / PAGE_SIZE; page++) {
        if (page == STACK_GUARD_PAGE)
            continue;
        m = take_page();
        if (!mfn_valid_number(m) || !map_pages(base + page * PAGE_SIZE, m, 1, MAP_RW))
            return 0;
    }
    return base;
}

static uint64_t release_section(uint64_t start, uint64_t end)
{
    paddr_t base = HV_LOAD_PADDR - HV_IMAGE_BASE;

    unmap_pages(start, (end - start) >> PAGE_SHIFT);
    boot_memory_release(start + base, end + base);
    return end - start;
}

void map_release_boot_sections(void)
{
    uint64_t freed = release_section((uint64_t)boot_start, (uint64_t)boot_end);

    freed += release_section((uint64_t)boot_bss_start, (uint64_t)boot_bss_end);
    printk(XENLOG_INFO "Freed %lu KiB of boot code and data\n", freed >> 10);
}
