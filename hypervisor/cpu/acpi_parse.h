/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading ACPI tables as bytes: see acpi_parse.c.  Pure: each function gets a whole table whose
 * length and checksum the caller has verified with acpi_table_ok().
 */
#pragma once

#include "lib/types.h"

#define ACPI_MAX_IOAPICS   16
#define ACPI_MAX_OVERRIDES 32
#define ACPI_MAX_MCFG      16
#define ACPI_MAX_SRAT      64 /* stretches of memory */
#define ACPI_MAX_SLIT      16 /* proximity domains */

/* ACPI 6.4, 5.2.3.2: an address with its space. */
struct acpi_address {
    uint8_t space; /* 0 memory, 1 ports */
    uint8_t width; /* bits */
    uint64_t address;
};
#define ACPI_SPACE_MEMORY 0
#define ACPI_SPACE_PORT   1

struct acpi_cpu {
    uint32_t apic_id;
    uint32_t acpi_id; /* processor UID */
};

struct acpi_ioapic {
    uint32_t id;
    paddr_t address;
    uint32_t gsi_base;
};

/* An ISA interrupt that is wired elsewhere or otherwise than usual. */
struct acpi_override {
    uint8_t irq;
    uint32_t gsi;
    bool level, active_low;
};

struct acpi_mcfg {
    paddr_t address;
    uint16_t segment;
    uint8_t start_bus, end_bus;
};

/* SLIT: from a domain to itself; more to any other. */
#define ACPI_DISTANCE_LOCAL  10
#define ACPI_DISTANCE_REMOTE 20 /* what is assumed without a SLIT */

/* SRAT and SLIT: what is near to what, by the firmware's numbers ("proximity domains"). */
struct acpi_numa {
    bool has_srat; /* a whole one was read */
    unsigned int nr_cpus;
    struct {
        uint32_t apic_id, domain;
    } cpu[NR_CPUS];
    unsigned int nr_memory;
    struct {
        paddr_t start, end;
        uint32_t domain;
    } memory[ACPI_MAX_SRAT];
    unsigned int slit_size; /* 0: none */
    uint8_t slit[ACPI_MAX_SLIT][ACPI_MAX_SLIT];
};

struct acpi_info {
    paddr_t rsdp;
    paddr_t lapic_address; /* 0: no MADT */
    bool has_8259;
    unsigned int nr_cpus; /* that are enabled */
    struct acpi_cpu cpu[NR_CPUS];
    unsigned int nr_cpus_ignored; /* beyond NR_CPUS */
    unsigned int nr_ioapics;
    struct acpi_ioapic ioapic[ACPI_MAX_IOAPICS];
    unsigned int nr_overrides;
    struct acpi_override override[ACPI_MAX_OVERRIDES];

    bool has_fadt;
    uint16_t sci_irq;
    uint32_t pm_timer_port; /* 0: none */
    bool pm_timer_32bit;
    struct acpi_address pm1a_event, pm1b_event, pm1a_control, pm1b_control;
    struct acpi_address reset; /* address 0: none */
    uint8_t reset_value;
    uint32_t smi_command;
    uint8_t acpi_enable;

    paddr_t hpet_address; /* 0: none */

    unsigned int nr_mcfg;
    struct acpi_mcfg mcfg[ACPI_MAX_MCFG];

    struct acpi_numa numa;
};

/* Length of the header that all tables share. */
#define ACPI_HEADER_SIZE 36

bool acpi_checksum_ok(const void *table, size_t size);

/* Whether `size` bytes begin with a whole table with this signature and a right checksum. */
bool acpi_table_ok(const void *table, size_t size, const char *signature);

/* Each returns NULL, or what is wrong with the table (then *info is partly filled). */
const char *acpi_parse_madt(const uint8_t *table, size_t size, struct acpi_info *info);
const char *acpi_parse_fadt(const uint8_t *table, size_t size, struct acpi_info *info);
const char *acpi_parse_hpet(const uint8_t *table, size_t size, struct acpi_info *info);
const char *acpi_parse_mcfg(const uint8_t *table, size_t size, struct acpi_info *info);
const char *acpi_parse_srat(const uint8_t *table, size_t size, struct acpi_info *info);
const char *acpi_parse_slit(const uint8_t *table, size_t size, struct acpi_info *info);
