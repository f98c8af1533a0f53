/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The checks on memory maps.  Pure: tests/unit/test_memory_map.c.
 */
#include "domain/memory_map.h"

const char *memory_map_check(const struct e820_entry *map, unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        uint64_t last;

        if (!map[i].size)
            return "memory map has an empty entry";
        if (__builtin_add_overflow(map[i].base, map[i].size - 1, &last))
            return "memory map has an entry that ends behind 2^64";
    }
    return NULL;
}

bool memory_map_add_reserved(struct e820_entry *map, unsigned *nr, uint64_t base, uint64_t size)
{
    unsigned at = 0;

    if (*nr >= MEMORY_MAP_MAX || !size)
        return false;
    for (unsigned i = 0; i < *nr; i++) {
        if (base < map[i].base + map[i].size && map[i].base < base + size)
            return false;
        if (map[i].base < base)
            at = i + 1;
    }
    for (unsigned i = *nr; i > at; i--)
        map[i] = map[i - 1];
    map[at] = (struct e820_entry){.base = base, .size = size, .type = E820_RESERVED};
    ++*nr;
    return true;
}
