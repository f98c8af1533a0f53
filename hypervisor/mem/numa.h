/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which memory and which processors are near to each other: see numa.c.  Nodes are numbered from 0
 * without gaps; a machine that says nothing has one.
 */
#pragma once

#include "cpu/acpi_parse.h"
#include "lib/types.h"
#include "mem/memory_map.h"

#define NR_NODES 8

/* A bit per node. */
typedef uint32_t nodemask_t;

struct numa {
    unsigned nr_nodes;
    unsigned nr_ranges; /* 0: all is node 0's */
    struct {            /* sorted; holes count with what follows them */
        uint64_t end;   /* first frame behind */
        unsigned node;
    } range[ACPI_MAX_SRAT];
    struct {
        uint64_t start, end; /* from its first frame of RAM to behind its last; 0, 0: no RAM */
    } span[NR_NODES];
    unsigned nr_cpus;
    struct {
        uint32_t apic_id;
        unsigned node;
    } cpu[NR_CPUS];
    uint8_t distance[NR_NODES][NR_NODES]; /* as in the SLIT */
};

extern struct numa numa;

/*
 * Fills *n from the firmware's tables and the machine's memory.  NULL, or why the machine is taken
 * for one node.
 */
const char *numa_build(struct numa *n, const struct acpi_numa *a, const struct memory_map *m);

static inline nodemask_t numa_all_nodes(void)
{
    return (nodemask_t)(1u << numa.nr_nodes) - 1;
}

/* The node of a frame of RAM; *end: the first frame behind that may be another's. */
static inline unsigned numa_node_of(uint64_t mfn, uint64_t *end)
{
    for (unsigned i = 0; i < numa.nr_ranges; i++) {
        if (mfn < numa.range[i].end) {
            *end = numa.range[i].end;
            return numa.range[i].node;
        }
    }
    *end = UINT64_MAX;
    return 0;
}

/* A processor that the firmware did not mention is on node 0. */
unsigned numa_node_of_apic(uint32_t apic_id);
