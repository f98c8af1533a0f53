/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * UEFI firmware's memory map and tables.
 *
 * What it says is RAM is given to guests, and its runtime regions are mapped for its own code, so a
 * mistake here lets a guest overwrite the firmware or the firmware a guest.  A descriptor that
 * makes no sense therefore counts for nothing, and nothing is followed that does not point into
 * memory which the firmware keeps.
 */
#include "mem/efi_parse.h"
#include "lib/string.h"

#define EFI_SYSTEM_SIGNATURE  0x5453595320494249ULL /* "IBI SYST" */
#define EFI_RUNTIME_SIGNATURE 0x56524553544e5552ULL /* "RUNTSERV" */

/* A descriptor as the firmware lays it out; it may be followed by more that we do not know. */
struct descriptor {
    uint32_t type, pad;
    uint64_t physical, virtual, pages, attributes;
};

struct efi_map efi_map;

static paddr_t region_end(const struct efi_region *r)
{
    return r->start + (r->pages << PAGE_SHIFT);
}

static bool __boot_text descriptor_ok(const struct descriptor *d)
{
    uint64_t end;

    return d->pages && IS_ALIGNED(d->physical, PAGE_SIZE) && d->pages <= UINT64_MAX >> PAGE_SHIFT &&
           !__builtin_add_overflow(d->physical, d->pages << PAGE_SHIFT, &end);
}

static bool __boot_text add_region(struct efi_map *m, const struct descriptor *d)
{
    struct efi_region *last = m->nr ? &m->region[m->nr - 1] : NULL;

    if (last && last->type == d->type && last->attributes == d->attributes &&
        region_end(last) == d->physical) {
        last->pages += d->pages;
        return true;
    }
    if (m->nr == EFI_MAP_MAX)
        return false;
    m->region[m->nr++] = (struct efi_region){
        .start = d->physical, .pages = d->pages, .attributes = d->attributes, .type = d->type};
    return true;
}

bool __boot_text efi_map_read(struct efi_map *m, const void *descriptors, size_t size,
                              size_t descriptor_size)
{
    struct descriptor d;
    bool complete = true;

    m->nr = 0;
    if (descriptor_size < sizeof(d))
        return false;
    for (size_t at = 0; at + descriptor_size <= size; at += descriptor_size) {
        memcpy(&d, (const char *)descriptors + at, sizeof(d));
        if (descriptor_ok(&d) && !add_region(m, &d))
            complete = false;
    }
    return m->nr && complete;
}

/* What the firmware keeps for itself is reserved whatever else it calls it. */
static uint32_t __boot_text memory_type(const struct efi_region *r)
{
    if (r->attributes & EFI_ATTR_RUNTIME)
        return MEMORY_RESERVED;
    if (r->type == EFI_CONVENTIONAL ||
        (r->type >= EFI_LOADER_CODE && r->type <= EFI_BOOT_SERVICES_DATA))
        return r->attributes & EFI_ATTR_WB ? MEMORY_RAM : MEMORY_RESERVED;
    switch (r->type) {
    case EFI_UNUSABLE: return MEMORY_UNUSABLE;
    case EFI_ACPI_RECLAIM: return MEMORY_ACPI;
    case EFI_ACPI_NVS: return MEMORY_NVS;
    default: return MEMORY_RESERVED;
    }
}

bool __boot_text efi_map_to_memory_map(const struct efi_map *m, struct memory_map *out)
{
    for (unsigned int i = 0; i < m->nr;) {
        paddr_t start = m->region[i].start, end = start;
        uint32_t type = memory_type(&m->region[i]);

        /* The firmware's map has many more pieces than ours has room for: join what it can be. */
        for (; i < m->nr && m->region[i].start == end && memory_type(&m->region[i]) == type; i++)
            end = region_end(&m->region[i]);
        if (!memory_map_add(out, start, end - start, type))
            return false;
    }
    return true;
}

const struct efi_region *efi_map_find(const struct efi_map *m, paddr_t p)
{
    for (unsigned int i = 0; i < m->nr; i++) {
        if (p >= m->region[i].start && p < region_end(&m->region[i]))
            return &m->region[i];
    }
    return NULL;
}

bool efi_map_runtime(const struct efi_map *m, paddr_t p, uint64_t size)
{
    const struct efi_region *r = efi_map_find(m, p);

    return r && (r->attributes & EFI_ATTR_RUNTIME) && size <= region_end(r) - p;
}

const char *__boot_text efi_system_table_check(const struct efi_system_table *t)
{
    if (t->header.signature != EFI_SYSTEM_SIGNATURE)
        return "the system table has no signature";
    if (t->header.size < sizeof(*t))
        return "the system table is too short";
    if (t->nr_config > EFI_CONFIG_MAX)
        return "the configuration table is too long";
    return NULL;
}

const char *__boot_text efi_runtime_table_read(const struct efi_runtime_table *t,
                                               const struct efi_map *m,
                                               uint64_t service[EFI_NR_SERVICES])
{
    const size_t size_1 = offsetof(struct efi_runtime_table, service[EFI_NR_SERVICES_1]);

    memset(service, 0, EFI_NR_SERVICES * sizeof(service[0]));
    if (t->header.signature != EFI_RUNTIME_SIGNATURE)
        return "the runtime services table has no signature";
    if (t->header.size < size_1)
        return "the runtime services table is too short";
    for (unsigned int i = 0;
         i < (t->header.size < sizeof(*t) ? EFI_NR_SERVICES_1 : EFI_NR_SERVICES); i++) {
        if (efi_map_runtime(m, t->service[i], 1))
            service[i] = t->service[i];
    }
    return NULL;
}

void __boot_text efi_config_rsdp(const struct efi_config_entry *e, paddr_t *rsdp)
{
    /* 8868e871-e4f1-11d3-bc22-0080c73c8881 (ACPI 2.0) and eb9d2d30-2d88-11d3-9a16-0090273fc14d */
    static const uint8_t acpi_2[16] = {0x71, 0xe8, 0x68, 0x88, 0xf1, 0xe4, 0xd3, 0x11,
                                       0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81};
    static const uint8_t acpi_1[16] = {0x30, 0x2d, 0x9d, 0xeb, 0x88, 0x2d, 0xd3, 0x11,
                                       0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d};

    if (!memcmp(e->guid, acpi_2, sizeof(acpi_2)) ||
        (!*rsdp && !memcmp(e->guid, acpi_1, sizeof(acpi_1))))
        *rsdp = e->table;
}
