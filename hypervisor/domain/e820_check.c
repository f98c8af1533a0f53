/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The check on memory maps.  Pure: tests/unit/test_e820.c.
 */
#include "domain/e820.h"

const char *e820_check(const struct e820_entry *map, unsigned nr)
{
    if (nr > E820_MAX)
        return "memory map with more than 128 entries";
    for (unsigned i = 0; i < nr; i++) {
        uint64_t base = map[i].base, last;

        if (!map[i].size)
            return "memory map has an empty entry";
        if (__builtin_add_overflow(base, map[i].size - 1, &last))
            return "memory map has an entry that ends behind 2^64";
    }
    return NULL;
}
