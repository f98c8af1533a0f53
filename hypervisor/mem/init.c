/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Starting the memory layer from what the boot found out.
 *
 * The records and the M2P are taken from the boot allocator; then everything it still has goes to
 * the buddy lists.  Memory the boot releases later (modules, its own code) follows on its own.
 */
#include "console/log.h"
#include "cpu/acpi.h"
#include "cpu/cpu.h"
#include "debug/assert.h"
#include "mem/boot_alloc.h"
#include "mem/buddy.h"
#include "mem/frame.h"
#include "mem/m2p.h"
#include "mem/map.h"
#include "mem/memory_map.h"
#include "mem/numa.h"
#include "mem/pte.h"
#include "mem/rangeset.h"

static mfn_t boot_alloc_2m(void)
{
    mfn_t mfn = boot_alloc_pages(512, 512);

    if (!mfn_valid_number(mfn))
        panic("Not enough memory for the frame table: give the machine more RAM");
    return mfn;
}

static void boot_map_2m(uint64_t va, mfn_t mfn, bool guest_readable)
{
    if (!map_pages(va, mfn, 512, (guest_readable ? MAP_USER_RO : MAP_RW) | MAP_LARGE))
        panic("Not enough memory for page tables: give the machine more RAM");
}

static void take_range(mfn_t first, uint64_t n)
{
    heap_add_range(first, mfn_add(first, n));
}

static mfn_t table_page(void)
{
    struct frame *f = frame_alloc(NULL, 0, 0, 0);

    return f ? frame_mfn(f) : INVALID_MFN;
}

static void __boot_text find_nodes(bool wanted)
{
    static const struct acpi_numa none;
    const char *wrong = numa_build(&numa, wanted ? &acpi_info.numa : &none, &machine_map);

    if (wrong)
        printk(XENLOG_WARNING "NUMA: %s, so the machine is taken for one node\n", wrong);
    for (unsigned i = 0; numa.nr_nodes > 1 && i < numa.nr_nodes; i++) {
        unsigned cpus = 0;

        for (unsigned k = 0; k < numa.nr_cpus; k++)
            cpus += numa.cpu[k].node == i;
        printk(XENLOG_INFO "NUMA: node %u: memory %#lx to %#lx, %u CPUs\n", i,
               numa.span[i].start << PAGE_SHIFT, numa.span[i].end << PAGE_SHIFT, cpus);
    }
}

void __boot_text mem_init(bool numa_wanted)
{
    static const struct mem_boot_ops ops = {boot_alloc_2m, boot_map_2m};
    static struct mem_range ram[MEMORY_MAP_MAX];
    unsigned nr = 0;

    for (unsigned i = 0; i < machine_map.nr; i++) {
        const struct memory_region *r = &machine_map.region[i];
        uint64_t start = DIV_UP(r->start, PAGE_SIZE), end = (r->start + r->size) >> PAGE_SHIFT;

        if (r->type == MEMORY_RAM && start < end) {
            ram[nr++] = (struct mem_range){MFN(start), MFN(end)};
            mem_l1tf_limit = r->start + r->size; /* regions are in order of address */
        }
    }
    find_nodes(numa_wanted); /* before any memory is in a free list */
    frame_table_init(ram, nr, &ops);
    m2p_init(ram, nr, &ops);
    boot_memory_for_each_free(take_range);
    map_set_table_allocator(table_page);
    mem_address_mask = PTE_ADDR & ((1UL << cpu_caps.phys_bits) - 1);
    /* Slots 256 to 271 never change after map_init(): what is mapped later lies below them. */
    for (unsigned i = 0; i < ARRAY_SIZE(hv_l4_slots); i++)
        hv_l4_slots[i] = hv_l4[HV_SLOT_FIRST + i];
    mem_io_read_only = rangeset_new();
    if (!mem_io_read_only)
        panic("Not enough memory for the first object of the heap");
    printk(XENLOG_INFO "Memory: %lu MiB free, frame table and M2P take %lu KiB\n",
           heap_free_pages() >> 8,
           (frame_limit * sizeof(struct frame) + m2p_pieces() * MIB(2)) >> 10);
}
