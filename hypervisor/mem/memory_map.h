/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the firmware says lies at each machine address: sorted, without overlaps.  Pure.
 */
#pragma once

#include "lib/types.h"

/* Types as the firmware's E820 interface numbers them (ACPI 6.4, 15.1). */
enum memory_type {
    MEMORY_RAM = 1,
    MEMORY_RESERVED = 2,
    MEMORY_ACPI = 3,
    MEMORY_NVS = 4,
    MEMORY_UNUSABLE = 5,
};

struct memory_region {
    uint64_t start; /* machine address, bytes */
    uint64_t size;
    uint32_t type;
};

#define MEMORY_MAP_MAX 128

struct memory_map {
    unsigned int nr;
    struct memory_region region[MEMORY_MAP_MAX];
};

/* Appends a region as the firmware gave it.  False: the map is full. */
bool memory_map_add(struct memory_map *m, uint64_t start, uint64_t size, uint32_t type);

/*
 * Sorts, drops empty regions, resolves overlaps (what is not RAM wins; of two such the higher type)
 * and joins neighbours of one type.  False: more than MEMORY_MAP_MAX pieces; the rest is dropped,
 * highest addresses first.
 */
bool memory_map_normalise(struct memory_map *m);

/* Cuts RAM at and above `limit`.  On a normalised map. */
void memory_map_limit_ram(struct memory_map *m, uint64_t limit);

/* Bytes of RAM. */
uint64_t memory_map_ram_size(const struct memory_map *m);

/* End of the highest RAM. */
uint64_t memory_map_ram_end(const struct memory_map *m);

/* Whether all of [start, start + size) is of `type`. */
bool memory_map_all(const struct memory_map *m, uint64_t start, uint64_t size, uint32_t type);

const char *memory_type_name(uint32_t type);

/* The machine's, set by boot/main.c before anything here needs it. */
extern struct memory_map machine_map;
