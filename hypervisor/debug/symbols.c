/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The embedded symbol table, made by debug/gen-symtab at link time: pairs of (offset from the
 * image's start, offset of the name), ascending.  If it were wrong, backtraces would lie; link.mk
 * checks that the table describes the final image.
 */
#include "debug/symbols.h"
#include "lib/format.h"
#include "mem/layout.h"

struct symtab_entry {
    uint32_t offset;
    uint32_t name;
};

extern const uint32_t symtab_count;
extern const struct symtab_entry symtab_entries[];
extern const char symtab_names[];
extern const char image_start[], image_end[];

const char *symbol_find(uint64_t addr, uint64_t *offset, uint64_t *size)
{
    uint32_t lo = 0;
    uint32_t hi = symtab_count;
    uint64_t at = addr - HV_IMAGE_BASE;

    if (addr < (uint64_t)image_start || addr >= (uint64_t)image_end || !hi)
        return NULL;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (symtab_entries[mid].offset <= at)
            lo = mid;
        else
            hi = mid;
    }
    if (symtab_entries[lo].offset > at)
        return NULL;
    if (offset)
        *offset = at - symtab_entries[lo].offset;
    if (size)
        *size =
            lo + 1 < symtab_count ? symtab_entries[lo + 1].offset - symtab_entries[lo].offset : 0;
    return symtab_names + symtab_entries[lo].name;
}

static void format_symbol(char *buf, size_t size, uint64_t addr)
{
    uint64_t offset, len;
    const char *name = symbol_find(addr, &offset, &len);

    if (name)
        snprintf(buf, size, "%s+%#lx/%#lx", name, offset, len);
    else
        snprintf(buf, size, "%016lx", addr);
}

void symbols_init(void)
{
    format_symbol_hook = format_symbol;
}
