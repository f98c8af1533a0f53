/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From the firmware's tables to nodes.  Tables that do not fit the machine (memory in two domains,
 * RAM in none) are not believed at all: the machine is one node then, which is slower and never
 * wrong.  Nothing of the safety rests on this; a wrong node costs time.  Pure.
 */
#include "mem/numa.h"
#include "lib/string.h"

/* RAM outside of all stretches that is overlooked, in frames: 1 MiB, as in Xen. */
#define UNCOVERED_MAX 256

struct numa numa = {.nr_nodes = 1, .distance = {{ACPI_DISTANCE_LOCAL}}};

/* The firmware's numbers of the nodes, by ours. */
struct domains {
    unsigned nr;
    uint32_t domain[NR_NODES];
};

/* NR_NODES: there is no room for another. */
static unsigned node_of_domain(struct domains *d, uint32_t domain)
{
    for (unsigned i = 0; i < d->nr; i++) {
        if (d->domain[i] == domain)
            return i;
    }
    if (d->nr < NR_NODES)
        d->domain[d->nr++] = domain;
    else
        return NR_NODES;
    return d->nr - 1;
}

/* Insertion keeps the stretches sorted; neighbours of one node become one. */
static const char *build_ranges(struct numa *n, const struct acpi_numa *a, struct domains *d)
{
    unsigned order[ACPI_MAX_SRAT], last;

    for (unsigned i = 0; i < a->nr_memory; i++) {
        unsigned at = i;

        for (; at && a->memory[order[at - 1]].start > a->memory[i].start; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    for (unsigned i = 0; i < a->nr_memory; i++) {
        uint64_t end = a->memory[order[i]].end >> PAGE_SHIFT;
        unsigned node = node_of_domain(d, a->memory[order[i]].domain);

        if (node == NR_NODES)
            return "there are more nodes than 8";
        last = n->nr_ranges - 1;
        if (n->nr_ranges && n->range[last].node == node) {
            n->range[last].end = max(n->range[last].end, end);
            continue;
        }
        if (n->nr_ranges && a->memory[order[i]].start >> PAGE_SHIFT < n->range[last].end)
            return "two nodes have the same memory";
        n->range[n->nr_ranges].end = end;
        n->range[n->nr_ranges++].node = node;
    }
    return NULL;
}

static const char *build_cpus(struct numa *n, const struct acpi_numa *a, struct domains *d)
{
    for (unsigned i = 0; i < a->nr_cpus; i++) {
        unsigned node = node_of_domain(d, a->cpu[i].domain);

        if (node == NR_NODES)
            return "there are more nodes than 8";
        n->cpu[i].apic_id = a->cpu[i].apic_id;
        n->cpu[i].node = node;
    }
    n->nr_cpus = a->nr_cpus;
    return NULL;
}

/* Frames of [start, end) that lie in no stretch. */
static uint64_t uncovered(const struct acpi_numa *a, uint64_t start, uint64_t end)
{
    uint64_t missing = end - start;

    for (unsigned i = 0; i < a->nr_memory; i++) {
        uint64_t from = max(start, a->memory[i].start >> PAGE_SHIFT);
        uint64_t to = min(end, DIV_UP(a->memory[i].end, PAGE_SIZE));

        if (from < to)
            missing -= min(missing, to - from);
    }
    return missing;
}

static void add_to_span(struct numa *n, uint64_t start, uint64_t end)
{
    uint64_t from = 0;

    for (unsigned i = 0; i < n->nr_ranges; from = n->range[i++].end) {
        unsigned node = n->range[i].node;
        uint64_t s = max(start, from), e = min(end, n->range[i].end);

        if (s >= e)
            continue;
        if (!n->span[node].end)
            n->span[node].start = s;
        n->span[node].end = e;
    }
}

static const char *build_spans(struct numa *n, const struct acpi_numa *a,
                               const struct memory_map *m)
{
    uint64_t missing = 0;

    for (unsigned i = 0; i < m->nr; i++) {
        uint64_t start = DIV_UP(m->region[i].start, PAGE_SIZE);
        uint64_t end = (m->region[i].start + m->region[i].size) >> PAGE_SHIFT;

        if (m->region[i].type != MEMORY_RAM || start >= end)
            continue;
        missing += uncovered(a, start, end);
        add_to_span(n, start, end);
    }
    return missing > UNCOVERED_MAX ? "there is memory that is on no node" : NULL;
}

static void build_distances(struct numa *n, const struct acpi_numa *a, const struct domains *d)
{
    for (unsigned i = 0; i < n->nr_nodes; i++) {
        for (unsigned j = 0; j < n->nr_nodes; j++) {
            uint32_t from = d->domain[i], to = d->domain[j];

            n->distance[i][j] = i == j ? ACPI_DISTANCE_LOCAL : ACPI_DISTANCE_REMOTE;
            if (from < a->slit_size && to < a->slit_size)
                n->distance[i][j] = a->slit[from][to];
        }
    }
}

static void one_node(struct numa *n, const struct memory_map *m)
{
    memset(n, 0, sizeof(*n));
    n->nr_nodes = 1;
    n->distance[0][0] = ACPI_DISTANCE_LOCAL;
    n->span[0].end = memory_map_ram_end(m) >> PAGE_SHIFT;
}

const char *numa_build(struct numa *n, const struct acpi_numa *a, const struct memory_map *m)
{
    struct domains d = {0};
    const char *wrong;

    one_node(n, m);
    if (!a->has_srat)
        return NULL;
    n->span[0].end = 0;
    wrong = build_cpus(n, a, &d); /* processors first: as a rule they stand first in the table */
    if (!wrong)
        wrong = build_ranges(n, a, &d);
    if (!wrong)
        wrong = build_spans(n, a, m);
    if (wrong || d.nr < 2) {
        one_node(n, m);
        return wrong;
    }
    n->nr_nodes = d.nr;
    build_distances(n, a, &d);
    return NULL;
}

unsigned numa_node_of_apic(uint32_t apic_id)
{
    for (unsigned i = 0; i < numa.nr_cpus; i++) {
        if (numa.cpu[i].apic_id == apic_id)
            return numa.cpu[i].node;
    }
    return 0;
}
