/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory maps in the BIOS's E820 form: the machine's, which dom0 may read, and those that tools set
 * for guests.  The checks are pure.
 */
#pragma once

#include "lib/types.h"

struct xen_memory_map;
struct xen_foreign_memory_map;

/* As the BIOS and the ABI have it: 20 bytes. */
struct __attribute__((packed)) e820_entry {
    uint64_t base;
    uint64_t size;
    uint32_t type;
};
_Static_assert(sizeof(struct e820_entry) == 20, "E820 entries are packed");

#define E820_RAM      1
#define E820_RESERVED 2

#define MEMORY_MAP_MAX 128 /* entries; what libxl and a BIOS use at most */

/* Whether a map may be given to a guest: entries not empty, without overflow.  NULL or why not. */
const char *memory_map_check(const struct e820_entry *map, unsigned nr);

/*
 * Adds [base, base + size) as reserved to a sorted map with room for MEMORY_MAP_MAX, if it overlaps
 * no entry.  False: overlap, or no room.
 */
bool memory_map_add_reserved(struct e820_entry *map, unsigned *nr, uint64_t base, uint64_t size);

/* Boot: what XENMEM_machine_memory_map answers.  Sorted; entries above MEMORY_MAP_MAX are dropped
 * with a warning. */
void machine_map_set(const struct e820_entry *map, unsigned nr);
/* Boot, afterwards: frames that dom0 must not take for free address space (APICs). */
void machine_map_reserve(uint64_t base, uint64_t size);
const struct e820_entry *machine_map(unsigned *nr);

/* Sub-operations of memory_op; `arg` is the guest's structure.  0 or -errno. */
long memory_map_get(uint64_t arg);
long memory_map_get_machine(uint64_t arg);
long memory_map_set(uint64_t arg);
