/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPU sets as tools pass them: a pointer to bytes and a number of bits.
 */
#include "abi/errno.h"
#include "debug/assert.h"
#include "hypercall/control.h"
#include "mem/guest_access.h"

/* Bytes of the caller's map that we have bits for. */
static unsigned shared_bytes(const struct xenctl_bitmap *map)
{
    return min(DIV_UP((uint64_t)map->nr_bits, 8UL), sizeof(cpumask_t));
}

int cpumask_from_guest(cpumask_t *mask, const struct xenctl_bitmap *map)
{
    *mask = 0;
    if (copy_from_guest(mask, map->bitmap, shared_bytes(map)))
        return guest_error(-EFAULT, "an argument cannot be read");
    if (map->nr_bits < NR_CPUS) /* the last byte may hold bits that are not the map's */
        *mask &= ((cpumask_t)1 << map->nr_bits) - 1;
    return 0;
}

int cpumask_to_guest(const struct xenctl_bitmap *map, cpumask_t mask)
{
    unsigned bytes = shared_bytes(map);
    uint64_t all = DIV_UP((uint64_t)map->nr_bits, 8UL);

    if (map->nr_bits < NR_CPUS)
        mask &= ((cpumask_t)1 << map->nr_bits) - 1;
    if (copy_to_guest(map->bitmap, &mask, bytes))
        return guest_error(-EFAULT, "the result cannot be written");
    /* nr_bits is 32 bits, so this is 512 MiB at most of the caller's own memory; tools pass a few
     * hundred bytes.  More than a page is refused by not being filled. */
    if (all > bytes)
        return clear_guest(map->bitmap + bytes, min(all - bytes, PAGE_SIZE))
                   ? guest_error(-EFAULT, "the result cannot be written")
                   : 0;
    return 0;
}
