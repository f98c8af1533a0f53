/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finding the ACPI tables, and the three registers the hypervisor writes: the sleep control pair
 * and the reset register.  AML is dom0's business.
 */
#include "cpu/acpi.h"
#include "console/log.h"
#include "cpu/insn.h"
#include "lib/string.h"
#include "hooks.h"

/* ACPI 6.4, 5.2.5: where the root pointer is looked for, and what it looks like. */
#define EBDA_SEGMENT_PTR 0x40e
#define EBDA_SEARCH_SIZE 1024
#define BIOS_AREA        0xe0000
#define BIOS_AREA_END    0x100000
#define RSDP_V1_SIZE     20
#define RSDP_V2_SIZE     36
#define MAX_TABLE_SIZE   MIB(4)

struct rsdp {
    char signature[8];
    uint8_t checksum;
    char oem[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length;
    uint64_t xsdt;
    uint8_t extended_checksum;
    uint8_t reserved[3];
} __packed;

struct acpi_info acpi_info;
static volatile uint8_t *reset_register; /* when it is in memory */

static bool rsdp_ok(const void *p, size_t size)
{
    return size >= RSDP_V1_SIZE && !memcmp(p, "RSD PTR ", 8) && acpi_checksum_ok(p, RSDP_V1_SIZE);
}

/* Copies the root pointer found on a 16-byte boundary of [start, end) to *out. */
static bool scan_for_rsdp(paddr_t start, paddr_t end, struct rsdp *out)
{
    const uint8_t *area = ioremap_cached(start, end - start);
    uint64_t size = end - start;

    for (uint64_t at = 0; area && at + RSDP_V1_SIZE <= size; at += 16) {
        if (rsdp_ok(area + at, size - at)) {
            memcpy(out, area + at, min(size - at, sizeof(*out)));
            acpi_info.rsdp = start + at;
            iounmap((void *)(uintptr_t)area, size);
            return true;
        }
    }
    if (area)
        iounmap((void *)(uintptr_t)area, size);
    return false;
}

static bool find_rsdp(const void *copy, size_t copy_size, paddr_t address, struct rsdp *out)
{
    const uint16_t *bda;
    paddr_t ebda = 0;

    if (address && scan_for_rsdp(address, address + sizeof(*out), out))
        return true;
    if (rsdp_ok(copy, copy_size)) {
        memcpy(out, copy, min(copy_size, sizeof(*out)));
        return true;
    }
    bda = ioremap_cached(EBDA_SEGMENT_PTR, sizeof(*bda));
    if (bda)
        ebda = (paddr_t)*bda << 4;
    if (ebda >= 0x400 && ebda < 0xa0000 && scan_for_rsdp(ebda, ebda + EBDA_SEARCH_SIZE, out))
        return true;
    return scan_for_rsdp(BIOS_AREA, BIOS_AREA_END, out);
}

/* Maps a table whole; NULL: it is not one.  Tables stay mapped only while they are parsed. */
static const uint8_t *map_table(paddr_t p, uint32_t *size)
{
    const uint8_t *header = p ? ioremap_cached(p, ACPI_HEADER_SIZE) : NULL;
    const uint8_t *table;

    if (!header)
        return NULL;
    memcpy(size, header + 4, 4);
    iounmap((void *)(uintptr_t)header, ACPI_HEADER_SIZE);
    if (*size < ACPI_HEADER_SIZE || *size > MAX_TABLE_SIZE)
        return NULL;
    table = ioremap_cached(p, *size);
    return table;
}

static void read_table(paddr_t p)
{
    static const struct {
        const char *signature;
        const char *(*parse)(const uint8_t *table, size_t size, struct acpi_info *info);
    } known[] = {{"APIC", acpi_parse_madt}, {"FACP", acpi_parse_fadt}, {"HPET", acpi_parse_hpet},
                 {"MCFG", acpi_parse_mcfg}, {"SRAT", acpi_parse_srat}, {"SLIT", acpi_parse_slit}};
    uint32_t size;
    const uint8_t *table = map_table(p, &size);
    const char *wrong = NULL;

    if (!table) {
        printk(XENLOG_WARNING "ACPI: no table at %#lx\n", p);
        return;
    }
    printk(XENLOG_INFO "ACPI: %.4s at %#lx, %u bytes\n", (const char *)table, p, size);
    for (unsigned int i = 0; i < ARRAY_SIZE(known); i++) {
        if (memcmp(table, known[i].signature, 4) != 0)
            continue;
        wrong = "wrong checksum";
        if (acpi_table_ok(table, size, known[i].signature))
            wrong = known[i].parse(table, size, &acpi_info);
        if (wrong)
            printk(XENLOG_WARNING "ACPI: %.4s: %s\n", (const char *)table, wrong);
    }
    iounmap((void *)(uintptr_t)table, size);
}

static bool read_root_table(paddr_t p, const char *signature, unsigned int entry_size)
{
    uint32_t size;
    const uint8_t *table = map_table(p, &size);

    if (!table || !acpi_table_ok(table, size, signature)) {
        if (p)
            printk(XENLOG_WARNING "ACPI: the %s at %#lx is damaged\n", signature, p);
        return false;
    }
    for (uint32_t at = ACPI_HEADER_SIZE; at + entry_size <= size; at += entry_size) {
        uint64_t entry = 0;

        memcpy(&entry, table + at, entry_size);
        read_table(entry);
    }
    iounmap((void *)(uintptr_t)table, size);
    return true;
}

void acpi_init(const void *rsdp_copy, size_t rsdp_copy_size, paddr_t rsdp_address)
{
    struct rsdp rsdp = {0};

    if (!find_rsdp(rsdp_copy, rsdp_copy_size, rsdp_address, &rsdp)) {
        printk(XENLOG_WARNING "ACPI: no root pointer: one CPU, no device interrupts\n");
        return;
    }
    if (acpi_info.rsdp)
        printk(XENLOG_INFO "ACPI: RSDP at %#lx, revision %u\n", acpi_info.rsdp, rsdp.revision);
    else
        printk(XENLOG_INFO "ACPI: RSDP from the loader, revision %u\n", rsdp.revision);
    if (!(rsdp.revision >= 2 && read_root_table(rsdp.xsdt, "XSDT", 8)) &&
        !read_root_table(rsdp.rsdt, "RSDT", 4))
        printk(XENLOG_WARNING "ACPI: no usable tables: one CPU, no device interrupts\n");
    /* Now: at the end of the machine nothing can be mapped any more. */
    if (acpi_info.reset.address && acpi_info.reset.space == ACPI_SPACE_MEMORY)
        reset_register = ioremap(acpi_info.reset.address, 1);
}

/* PM1 control: SLP_EN (ACPI 6.4, 4.8.3.2.1). */
#define SLP_EN BIT(13)

static void write_control(const struct acpi_address *r, uint16_t value)
{
    if (r->address && r->address <= 0xffff && r->space == ACPI_SPACE_PORT)
        outw(value, (uint16_t)r->address);
}

void acpi_enter_s5(uint16_t pm1a_control, uint16_t pm1b_control)
{
    if (!acpi_info.has_fadt)
        return;
    write_control(&acpi_info.pm1a_control, pm1a_control & (uint16_t)~SLP_EN);
    write_control(&acpi_info.pm1b_control, pm1b_control & (uint16_t)~SLP_EN);
    wbinvd();
    write_control(&acpi_info.pm1a_control, pm1a_control | SLP_EN);
    write_control(&acpi_info.pm1b_control, pm1b_control | SLP_EN);
}

static bool reset_by_port(void)
{
    const struct acpi_address *r = &acpi_info.reset;

    return r->space == ACPI_SPACE_PORT && r->address && r->address <= 0xffff;
}

bool acpi_can_reset(void)
{
    return reset_register || reset_by_port();
}

void acpi_reset(void)
{
    if (reset_register)
        *reset_register = acpi_info.reset_value;
    else if (reset_by_port())
        outb(acpi_info.reset_value, (uint16_t)acpi_info.reset.address);
}
