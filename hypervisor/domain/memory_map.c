/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * XENMEM_memory_map, machine_memory_map and set_memory_map: what a guest takes for its memory
 * layout.  The hypervisor itself believes none of it: pages are counted elsewhere, so a wrong map
 * harms only its reader.
 */
#include "domain/memory_map.h"
#include "abi/errno.h"
#include "abi/memory.h"
#include "console/log.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "lib/string.h"
#include "mem/guest_access.h"
#include "mem/heap.h"

static struct e820_entry the_machine[MEMORY_MAP_MAX];
static unsigned nr_the_machine;

void machine_map_set(const struct e820_entry *map, unsigned nr)
{
    if (nr > MEMORY_MAP_MAX) {
        printk(XENLOG_WARNING "memory map: %u entries, the last %u are not shown to dom0\n", nr,
               nr - MEMORY_MAP_MAX);
        nr = MEMORY_MAP_MAX;
    }
    memcpy(the_machine, map, nr * sizeof(*map));
    nr_the_machine = nr;
}

void machine_map_reserve(uint64_t base, uint64_t size)
{
    memory_map_add_reserved(the_machine, &nr_the_machine, base, size);
}

const struct e820_entry *machine_map(unsigned *nr)
{
    *nr = nr_the_machine;
    return the_machine;
}

/* Copies as many entries as the caller has room for, and says how many those are. */
static long put_map(uint64_t arg, const struct e820_entry *entries, unsigned nr)
{
    struct xen_memory_map map;

    if (copy_from_guest(&map, arg, sizeof(map)))
        return -EFAULT;
    map.nr_entries = min(map.nr_entries, nr);
    if (copy_to_guest(map.buffer, entries, map.nr_entries * sizeof(*entries)) ||
        copy_to_guest(arg, &map, sizeof(map)))
        return -EFAULT;
    return 0;
}

long memory_map_get(uint64_t arg)
{
    struct domain *d = current_domain;
    struct e820_entry *copy;
    unsigned nr;
    long rc;

    copy = hv_zalloc(MEMORY_MAP_MAX * sizeof(*copy));
    if (!copy)
        return -ENOMEM;
    /* A tool may replace the map meanwhile, and copying to the guest may fault: not under lock. */
    spin_lock(&d->lock);
    nr = d->nr_memory_map;
    if (nr)
        memcpy(copy, d->memory_map, nr * sizeof(*copy));
    spin_unlock(&d->lock);
    rc = nr ? put_map(arg, copy, nr) : guest_error(-ENOSYS, "no memory map was set");
    hv_free(copy);
    return rc;
}

long memory_map_get_machine(uint64_t arg)
{
    if (!current_domain->is_control)
        return guest_error(-EPERM, "the machine's memory map is for the control domain");
    return put_map(arg, the_machine, nr_the_machine);
}

static long replace_map(struct domain *d, const struct xen_memory_map *map)
{
    struct e820_entry *entries, *old;
    const char *why;

    if (map->nr_entries > MEMORY_MAP_MAX)
        return guest_error(-EINVAL, "memory map with more than 128 entries");
    entries = hv_zalloc(MEMORY_MAP_MAX * sizeof(*entries));
    if (!entries)
        return -ENOMEM;
    if (copy_from_guest(entries, map->buffer, map->nr_entries * sizeof(*entries))) {
        hv_free(entries);
        return -EFAULT;
    }
    why = memory_map_check(entries, map->nr_entries);
    if (why) {
        hv_free(entries);
        return guest_error(-EINVAL, why);
    }
    spin_lock(&d->lock);
    old = d->memory_map;
    d->memory_map = entries;
    d->nr_memory_map = map->nr_entries;
    spin_unlock(&d->lock);
    hv_free(old);
    return 0;
}

long memory_map_set(uint64_t arg)
{
    struct xen_foreign_memory_map fmap;
    struct domain *d;
    long rc;

    if (copy_from_guest(&fmap, arg, sizeof(fmap)))
        return -EFAULT;
    rc = domain_resolve(fmap.domid, &d);
    if (rc)
        return rc;
    rc = replace_map(d, &fmap.map);
    domain_put(d);
    return rc;
}
