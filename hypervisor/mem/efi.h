/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * UEFI firmware under us: its tables, and calls of its runtime services.  See efi.c.
 */
#pragma once

#include "mem/efi_parse.h"

#define EFI_VENDOR_MAX 100 /* characters, the last one 0 */

struct efi_firmware {
    bool present;      /* started by 64-bit UEFI, and its tables are sound */
    uint32_t revision; /* of the specification: major << 16 | minor */
    uint32_t runtime_revision;
    uint32_t vendor_revision;
    paddr_t config; /* the table that dom0 finds ACPI and SMBIOS by */
    uint32_t nr_config;
    uint16_t vendor[EFI_VENDOR_MAX]; /* empty when it cannot be read */
};

extern struct efi_firmware efi_firmware;

/*
 * Reads the tables behind the system table at `system_table` (0: not started by UEFI), and maps the
 * runtime services.  Returns the ACPI root pointer's address, 0 when they name none.  After
 * map_init(), with efi_map read.
 */
paddr_t efi_init(paddr_t system_table);

/* Whether any runtime service can be called. */
bool efi_has_runtime(void);

/* Parameters of a call: as many as the longest signature that is called has. */
#define EFI_PARAMETERS 5

/*
 * Calls a runtime service; pointers among the parameters are the hypervisor's own.  *status is the
 * firmware's answer (EFI_ERROR_BIT: it failed).  False: there is no such service.  Interrupts on,
 * no lock held.
 */
bool efi_call(enum efi_service s, const uint64_t parameter[EFI_PARAMETERS], uint64_t *status);

#define EFI_ERROR_BIT 0x8000000000000000ULL

#define EFI_TIMEZONE_MAX 1440

/* UEFI 2.10, 8.3: what GetTime fills. */
struct efi_time {
    uint16_t year;
    uint8_t month, day, hour, minute, second, pad1;
    uint32_t nanosecond;
    int16_t timezone; /* minutes to add for UTC, if within +-EFI_TIMEZONE_MAX */
    uint8_t daylight, pad2;
};

/* The time of day by the firmware; false: it has none. */
bool efi_get_time(struct efi_time *t);
