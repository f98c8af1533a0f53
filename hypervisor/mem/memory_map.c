/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The firmware's memory map, made fit for use.  Firmware hands over maps that are unsorted, overlap
 * and wrap; everything above relies on the normal form.  Pure.
 */
#include "mem/memory_map.h"
#include "lib/string.h"

struct memory_map machine_map;

bool memory_map_add(struct memory_map *m, uint64_t start, uint64_t size, uint32_t type)
{
    if (m->nr == MEMORY_MAP_MAX)
        return false;
    /* A region may not wrap round the end of the address space. */
    size = min(size, UINT64_MAX - start);
    if (size)
        m->region[m->nr++] = (struct memory_region){start, size, type};
    return true;
}

static uint64_t region_end(const struct memory_region *r)
{
    return r->start + r->size;
}

/* What is not RAM counts for more than RAM, and a higher type for more than a lower. */
static bool outranks(uint32_t a, uint32_t b)
{
    return b == 0 || (a != MEMORY_RAM && (b == MEMORY_RAM || a > b));
}

/* The strongest type at `addr` (0: none) and, in *next, where that may change. */
static uint32_t type_at(const struct memory_map *m, uint64_t addr, uint64_t *next)
{
    uint32_t type = 0;

    *next = UINT64_MAX;
    for (unsigned int i = 0; i < m->nr; i++) {
        const struct memory_region *r = &m->region[i];

        if (addr < r->start) {
            *next = min(*next, r->start);
        } else if (addr < region_end(r)) {
            *next = min(*next, region_end(r));
            if (outranks(r->type, type))
                type = r->type;
        }
    }
    return type;
}

bool memory_map_normalise(struct memory_map *m)
{
    static struct memory_map out;
    uint64_t addr = 0;
    uint64_t next;

    out.nr = 0;
    for (; addr != UINT64_MAX; addr = next) {
        uint32_t type = type_at(m, addr, &next);
        struct memory_region *last = out.nr ? &out.region[out.nr - 1] : NULL;

        if (!type)
            continue;
        if (last && last->type == type && region_end(last) == addr)
            last->size += next - addr;
        else if (!memory_map_add(&out, addr, next - addr, type))
            break;
    }
    *m = out;
    return addr == UINT64_MAX;
}

void memory_map_limit_ram(struct memory_map *m, uint64_t limit)
{
    unsigned int kept = 0;

    for (unsigned int i = 0; i < m->nr; i++) {
        struct memory_region r = m->region[i];

        if (r.type == MEMORY_RAM && r.start >= limit)
            continue;
        if (r.type == MEMORY_RAM)
            r.size = min(r.size, limit - r.start);
        m->region[kept++] = r;
    }
    m->nr = kept;
}

uint64_t memory_map_ram_size(const struct memory_map *m)
{
    uint64_t sum = 0;

    for (unsigned int i = 0; i < m->nr; i++)
        sum += m->region[i].type == MEMORY_RAM ? m->region[i].size : 0;
    return sum;
}

uint64_t memory_map_ram_end(const struct memory_map *m)
{
    uint64_t end = 0;

    for (unsigned int i = 0; i < m->nr; i++) {
        if (m->region[i].type == MEMORY_RAM)
            end = max(end, region_end(&m->region[i]));
    }
    return end;
}

bool memory_map_all(const struct memory_map *m, uint64_t start, uint64_t size, uint32_t type)
{
    uint64_t end;

    if (__builtin_add_overflow(start, size, &end))
        return false;
    for (unsigned int i = 0; i < m->nr; i++) {
        const struct memory_region *r = &m->region[i];

        if (r->type == type && r->start <= start && end <= region_end(r))
            return true;
    }
    return false;
}

const char *memory_type_name(uint32_t type)
{
    switch (type) {
    case MEMORY_RAM: return "usable";
    case MEMORY_RESERVED: return "reserved";
    case MEMORY_ACPI: return "ACPI data";
    case MEMORY_NVS: return "ACPI NVS";
    case MEMORY_UNUSABLE: return "unusable";
    default: return "unknown";
    }
}
