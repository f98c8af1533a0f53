/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sets of physical processors.  With at most 64 of them a set is one word, so copying, comparing
 * and updating one atomically needs no library.
 */
#pragma once

#include "lib/types.h"

#define CPUMASK_NONE ((cpumask_t)0)
#define CPUMASK_ALL  (~(cpumask_t)0)

static inline cpumask_t cpumask_of(unsigned int cpu)
{
    return (cpumask_t)1 << cpu;
}

static inline bool cpumask_test(cpumask_t mask, unsigned int cpu)
{
    return (mask >> cpu) & 1;
}

static inline unsigned int cpumask_count(cpumask_t mask)
{
    unsigned int n = 0;

    for (; mask; mask &= mask - 1)
        n++;
    return n;
}

/* The lowest member; NR_CPUS when the set is empty. */
static inline unsigned int cpumask_first(cpumask_t mask)
{
    return mask ? (unsigned int)__builtin_ctzl(mask) : NR_CPUS;
}

/* The lowest member above `cpu`, wrapping round; NR_CPUS when the set is empty. */
static inline unsigned int cpumask_cycle(cpumask_t mask, unsigned int cpu)
{
    cpumask_t above = cpu >= NR_CPUS - 1 ? 0 : mask & (CPUMASK_ALL << (cpu + 1));

    return cpumask_first(above ? above : mask);
}

#define for_each_cpu(cpu, mask)                                                                    \
    for (cpumask_t fec_left = (mask);                                                              \
         fec_left && ((cpu) = (unsigned int)__builtin_ctzl(fec_left), 1);                          \
         fec_left &= fec_left - 1)
