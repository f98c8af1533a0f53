/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory maps in the BIOS's E820 form, as memory_op carries them: the machine's, which dom0 reads,
 * and those that tools set for guests.
 */
#pragma once

#include "lib/types.h"

/* As the BIOS and the ABI have it: 20 bytes. */
struct __attribute__((packed)) e820_entry {
    uint64_t base;
    uint64_t size;
    uint32_t type;
};
_Static_assert(sizeof(struct e820_entry) == 20, "E820 entries are packed");

#define E820_MAX 128 /* entries; what libxl and a BIOS use at most */

/* Whether a map may be given to a guest: entries not empty, without overflow.  NULL or why not.
 * Pure. */
const char *e820_check(const struct e820_entry *map, unsigned nr);

/* Sub-operations of memory_op; `arg` is the guest's structure.  0 or -errno. */
long e820_get(uint64_t arg);         /* XENMEM_memory_map */
long e820_get_machine(uint64_t arg); /* XENMEM_machine_memory_map */
long e820_set(uint64_t arg);         /* XENMEM_set_memory_map */
