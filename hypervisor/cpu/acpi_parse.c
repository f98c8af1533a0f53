/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ACPI tables that the hypervisor itself needs: MADT (processors, interrupt controllers), FADT
 * (PM timer, sleep and reset registers), HPET, MCFG, and SRAT and SLIT (what is near to what).
 * Firmware gets them wrong, so every read is bounded by the table's size and an entry that makes no
 * sense is skipped.  Pure.
 *
 * Numbers are from the ACPI specification 6.4: 5.2.12 (MADT), 5.2.9 (FADT), 5.2.16 (SRAT), 5.2.17
 * (SLIT); IA-PC HPET 1.0a 3.2.4; PCI firmware specification 3.2, 4.1.2 (MCFG).
 */
#include "cpu/acpi_parse.h"
#include "lib/string.h"

enum madt_entry_type {
    MADT_LAPIC = 0,
    MADT_IOAPIC = 1,
    MADT_OVERRIDE = 2,
    MADT_LAPIC_ADDRESS = 5,
    MADT_X2APIC = 9,
};

#define MADT_ENTRIES     44
#define MADT_PCAT_COMPAT 1u
#define CPU_ENABLED      1u
#define XAPIC_ID_NONE    0xff

/* Interrupt flags of MADT entries: polarity in bits 0-1, trigger in bits 2-3. */
#define INTI_POLARITY(f) ((f)&3)
#define INTI_TRIGGER(f)  (((f) >> 2) & 3)
#define INTI_ACTIVE_LOW  3
#define INTI_LEVEL       3

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
    return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static uint64_t get64(const uint8_t *p)
{
    return get32(p) | (uint64_t)get32(p + 4) << 32;
}

bool acpi_checksum_ok(const void *table, size_t size)
{
    const uint8_t *p = table;
    uint8_t sum = 0;

    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + p[i]);
    return sum == 0;
}

bool acpi_table_ok(const void *table, size_t size, const char *signature)
{
    const uint8_t *p = table;

    return size >= ACPI_HEADER_SIZE && !memcmp(p, signature, 4) &&
           get32(p + 4) >= ACPI_HEADER_SIZE && get32(p + 4) <= size &&
           acpi_checksum_ok(p, get32(p + 4));
}

static void add_cpu(struct acpi_info *info, uint32_t apic_id, uint32_t acpi_id, uint32_t flags)
{
    if (!(flags & CPU_ENABLED)) /* an empty socket, of which firmware may list hundreds */
        return;
    /* Some lists a processor twice, in the old form and in the x2APIC's. */
    for (unsigned int i = 0; i < info->nr_cpus; i++) {
        if (info->cpu[i].apic_id == apic_id)
            return;
    }
    if (info->nr_cpus == NR_CPUS) {
        info->nr_cpus_ignored++;
        return;
    }
    info->cpu[info->nr_cpus++] = (struct acpi_cpu){apic_id, acpi_id};
}

static void add_override(struct acpi_info *info, const uint8_t *e)
{
    uint16_t flags = get16(e + 8);

    if (info->nr_overrides == ACPI_MAX_OVERRIDES)
        return;
    /* "Conforms to the bus" is, for ISA, edge-triggered and active high. */
    info->override[info->nr_overrides++] =
        (struct acpi_override){.irq = e[3],
                               .gsi = get32(e + 4),
                               .level = INTI_TRIGGER(flags) == INTI_LEVEL,
                               .active_low = INTI_POLARITY(flags) == INTI_ACTIVE_LOW};
}

static void parse_madt_entry(const uint8_t *e, uint8_t len, struct acpi_info *info)
{
    switch (e[0]) {
    case MADT_LAPIC:
        if (len >= 8 && e[3] != XAPIC_ID_NONE)
            add_cpu(info, e[3], e[2], get32(e + 4));
        break;
    case MADT_X2APIC:
        if (len >= 16)
            add_cpu(info, get32(e + 4), get32(e + 12), get32(e + 8));
        break;
    case MADT_IOAPIC:
        if (len >= 12 && info->nr_ioapics < ACPI_MAX_IOAPICS)
            info->ioapic[info->nr_ioapics++] =
                (struct acpi_ioapic){e[2], get32(e + 4), get32(e + 8)};
        break;
    case MADT_OVERRIDE:
        if (len >= 10)
            add_override(info, e);
        break;
    case MADT_LAPIC_ADDRESS:
        if (len >= 12)
            info->lapic_address = get64(e + 4);
        break;
    default: break;
    }
}

const char *acpi_parse_madt(const uint8_t *table, size_t size, struct acpi_info *info)
{
    if (size < MADT_ENTRIES)
        return "the MADT is too short";
    info->lapic_address = get32(table + 36);
    info->has_8259 = get32(table + 40) & MADT_PCAT_COMPAT;
    for (size_t at = MADT_ENTRIES; at + 2 <= size; at += table[at + 1]) {
        if (table[at + 1] < 2 || at + table[at + 1] > size)
            return "an entry of the MADT has a wrong length";
        parse_madt_entry(table + at, table[at + 1], info);
    }
    if (!info->lapic_address)
        return "the MADT has no local APIC address";
    return NULL;
}

/* The 64-bit address of a FADT where the table is long enough and uses it, else the old port. */
static struct acpi_address fadt_register(const uint8_t *t, size_t size, size_t old, size_t ext,
                                         uint8_t bytes)
{
    struct acpi_address a = {ACPI_SPACE_PORT, (uint8_t)(bytes * 8), get32(t + old)};

    if (ext + 12 <= size && get64(t + ext + 4))
        a = (struct acpi_address){t[ext], t[ext + 1], get64(t + ext + 4)};
    return a;
}

const char *acpi_parse_fadt(const uint8_t *table, size_t size, struct acpi_info *info)
{
    struct acpi_address timer;
    uint32_t flags;

    if (size < 116)
        return "the FADT is too short";
    flags = get32(table + 112);
    info->sci_irq = get16(table + 46);
    info->smi_command = get32(table + 48);
    info->acpi_enable = table[52];
    info->pm1a_event = fadt_register(table, size, 56, 148, table[88]);
    info->pm1b_event = fadt_register(table, size, 60, 160, table[88]);
    info->pm1a_control = fadt_register(table, size, 64, 172, table[89]);
    info->pm1b_control = fadt_register(table, size, 68, 184, table[89]);
    timer = fadt_register(table, size, 76, 208, table[91]);
    if (table[91] == 4 && timer.space == ACPI_SPACE_PORT && timer.address <= 0xffff)
        info->pm_timer_port = (uint32_t)timer.address;
    info->pm_timer_32bit = flags & BIT(8);
    if ((flags & BIT(10)) && size >= 129) {
        info->reset = (struct acpi_address){table[116], table[117], get64(table + 120)};
        info->reset_value = table[128];
    }
    info->has_fadt = true;
    return NULL;
}

const char *acpi_parse_hpet(const uint8_t *table, size_t size, struct acpi_info *info)
{
    if (size < 56)
        return "the HPET table is too short";
    if (table[40] != ACPI_SPACE_MEMORY)
        return "the HPET is not in memory";
    info->hpet_address = get64(table + 44);
    return NULL;
}

const char *acpi_parse_mcfg(const uint8_t *table, size_t size, struct acpi_info *info)
{
    if (size < 44)
        return "the MCFG is too short";
    for (size_t at = 44; at + 16 <= size && info->nr_mcfg < ACPI_MAX_MCFG; at += 16) {
        const uint8_t *e = table + at;

        if (e[10] <= e[11])
            info->mcfg[info->nr_mcfg++] = (struct acpi_mcfg){get64(e), get16(e + 8), e[10], e[11]};
    }
    return NULL;
}

enum srat_entry_type {
    SRAT_LAPIC = 0,
    SRAT_MEMORY = 1,
    SRAT_X2APIC = 2,
};

#define SRAT_ENTRIES   48
#define SRAT_ENABLED   1u
#define SLIT_DISTANCES 44

static void add_near_cpu(struct acpi_numa *n, uint32_t apic_id, uint32_t domain, uint32_t flags)
{
    if ((flags & SRAT_ENABLED) && n->nr_cpus < NR_CPUS) {
        n->cpu[n->nr_cpus].apic_id = apic_id;
        n->cpu[n->nr_cpus++].domain = domain;
    }
}

/* Returns what is wrong with the entry, or NULL. */
static const char *parse_srat_entry(const uint8_t *e, uint8_t len, bool wide, struct acpi_numa *n)
{
    uint64_t start, end;

    switch (e[0]) {
    case SRAT_LAPIC: /* the domain's upper bytes stand apart, and were reserved once */
        if (len >= 16)
            add_near_cpu(n, e[3], e[2] | (wide ? get32(e + 8) & ~0xffU : 0), get32(e + 4));
        return NULL;
    case SRAT_X2APIC:
        if (len >= 24)
            add_near_cpu(n, get32(e + 8), get32(e + 4), get32(e + 12));
        return NULL;
    case SRAT_MEMORY:
        if (len < 40 || !(get32(e + 28) & SRAT_ENABLED) || !get64(e + 16))
            return NULL;
        start = get64(e + 8);
        if (__builtin_add_overflow(start, get64(e + 16), &end))
            return "a stretch of memory in the SRAT wraps";
        if (n->nr_memory == ACPI_MAX_SRAT)
            return "the SRAT has more stretches of memory than there is room for";
        n->memory[n->nr_memory].start = start;
        n->memory[n->nr_memory].end = end;
        n->memory[n->nr_memory++].domain = wide ? get32(e + 2) : e[2];
        return NULL;
    default: return NULL;
    }
}

const char *acpi_parse_srat(const uint8_t *table, size_t size, struct acpi_info *info)
{
    const char *wrong;

    if (size < SRAT_ENTRIES)
        return "the SRAT is too short";
    for (size_t at = SRAT_ENTRIES; at + 2 <= size; at += table[at + 1]) {
        if (table[at + 1] < 2 || at + table[at + 1] > size)
            return "an entry of the SRAT has a wrong length";
        /* Revision 1 had domains of 8 bits. */
        wrong = parse_srat_entry(table + at, table[at + 1], table[8] >= 2, &info->numa);
        if (wrong)
            return wrong;
    }
    info->numa.has_srat = true;
    return NULL;
}

const char *acpi_parse_slit(const uint8_t *table, size_t size, struct acpi_info *info)
{
    struct acpi_numa *n = &info->numa;
    uint64_t nr;

    if (size < SLIT_DISTANCES)
        return "the SLIT is too short";
    nr = get64(table + 36);
    if (!nr || nr > ACPI_MAX_SLIT || size - SLIT_DISTANCES < nr * nr)
        return "the SLIT has a wrong size, or more than 16 domains";
    for (unsigned int from = 0; from < nr; from++) {
        for (unsigned int to = 0; to < nr; to++) {
            uint8_t distance = table[SLIT_DISTANCES + from * nr + to];

            if (from == to ? distance != ACPI_DISTANCE_LOCAL : distance <= ACPI_DISTANCE_LOCAL)
                return "the SLIT has distances that cannot be";
            n->slit[from][to] = distance;
        }
    }
    n->slit_size = (unsigned int)nr;
    return NULL;
}
