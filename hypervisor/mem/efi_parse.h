/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What UEFI firmware left in memory, read with suspicion: see efi_parse.c.  Layouts and numbers are
 * those of the UEFI specification 2.10.  Pure.
 */
#pragma once

#include "lib/types.h"
#include "mem/memory_map.h"

/* 7.2.3: types of memory descriptors, those that matter here, and their attributes. */
enum efi_memory_type {
    EFI_LOADER_CODE = 1,
    EFI_CONVENTIONAL = 7,
    EFI_UNUSABLE = 8,
    EFI_ACPI_RECLAIM = 9,
    EFI_ACPI_NVS = 10,
    /* between these two and outside of them: loader, boot services; runtime services; devices */
    EFI_BOOT_SERVICES_DATA = 4,
};

#define EFI_ATTR_WB      0x8ULL
#define EFI_ATTR_XP      0x4000ULL
#define EFI_ATTR_RO      0x20000ULL
#define EFI_ATTR_RUNTIME 0x8000000000000000ULL

struct efi_region {
    paddr_t start;
    uint64_t pages; /* of 4 KiB */
    uint64_t attributes;
    uint32_t type;
};

#define EFI_MAP_MAX 512

/* The firmware's memory map as it was when boot services ended.  nr == 0: not started by EFI. */
struct efi_map {
    unsigned int nr;
    struct efi_region region[EFI_MAP_MAX];
};

/* The machine's, kept for good: dom0 may ask about any address.  Set by boot/bootinfo.c. */
extern struct efi_map efi_map;

/*
 * Reads `size` bytes of descriptors of `descriptor_size` bytes each.  Senseless ones are left out,
 * neighbours of one kind joined.  False: there is no usable descriptor, or not all found room.
 */
bool efi_map_read(struct efi_map *m, const void *descriptors, size_t size, size_t descriptor_size);

/* Adds all of it to `out`.  False: `out` is full. */
bool efi_map_to_memory_map(const struct efi_map *m, struct memory_map *out);

/* The region that `p` lies in; NULL: none. */
const struct efi_region *efi_map_find(const struct efi_map *m, paddr_t p);

/* Whether [p, p + size) lies in one region that stays the firmware's while we run. */
bool efi_map_runtime(const struct efi_map *m, paddr_t p, uint64_t size);

/* 4.2: in front of each of the firmware's tables. */
struct efi_table_header {
    uint64_t signature;
    uint32_t revision; /* major << 16 | minor */
    uint32_t size;
    uint32_t crc32;
    uint32_t reserved;
};

/* 4.3: the system table of 64-bit firmware. */
struct efi_system_table {
    struct efi_table_header header;
    paddr_t vendor; /* UTF-16 text */
    uint32_t vendor_revision;
    uint32_t pad;
    uint64_t console[6]; /* of the boot services, which are over */
    paddr_t runtime;
    uint64_t boot;
    uint64_t nr_config;
    paddr_t config;
};

/* 4.6 */
struct efi_config_entry {
    uint8_t guid[16];
    paddr_t table;
};

/* More are not read: firmware has about ten. */
#define EFI_CONFIG_MAX 128

/* 4.5: the runtime services, as indices into the table's functions. */
enum efi_service {
    EFI_GET_TIME,
    EFI_SET_TIME,
    EFI_GET_WAKEUP_TIME,
    EFI_SET_WAKEUP_TIME,
    EFI_SET_VIRTUAL_ADDRESS_MAP, /* never called: we run the firmware at its own addresses */
    EFI_CONVERT_POINTER,         /* likewise */
    EFI_GET_VARIABLE,
    EFI_GET_NEXT_VARIABLE_NAME,
    EFI_SET_VARIABLE,
    EFI_GET_NEXT_HIGH_MONOTONIC_COUNT,
    EFI_RESET_SYSTEM,
    EFI_NR_SERVICES_1, /* what EFI 1.x has ends here */
    EFI_UPDATE_CAPSULE = EFI_NR_SERVICES_1,
    EFI_QUERY_CAPSULE_CAPABILITIES,
    EFI_QUERY_VARIABLE_INFO,
    EFI_NR_SERVICES
};

struct efi_runtime_table {
    struct efi_table_header header;
    uint64_t service[EFI_NR_SERVICES];
};

/* NULL, or what is wrong with it. */
const char *efi_system_table_check(const struct efi_system_table *t);

/*
 * Copies the services that the table has to service[], 0 where there is none or where it does not
 * point into runtime memory.  NULL, or what is wrong with the table as a whole.
 */
const char *efi_runtime_table_read(const struct efi_runtime_table *t, const struct efi_map *m,
                                   uint64_t service[EFI_NR_SERVICES]);

/* If `e` names an ACPI root pointer, and no newer kind is in *rsdp yet, puts its address there. */
void efi_config_rsdp(const struct efi_config_entry *e, paddr_t *rsdp);
