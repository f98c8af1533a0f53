/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * XENMEM_memory_map, machine_memory_map and set_memory_map: what a guest takes for its memory
 * layout.  The hypervisor itself believes none of it: pages are counted elsewhere, so a wrong map
 * harms only its reader.
 */
#include "domain/e820.h"
#include "abi/errno.h"
#include "abi/memory.h"
#include "cpu/acpi.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "lib/string.h"
#include "mem/guest_access.h"
#include "mem/heap.h"
#include "mem/memory_map.h"

#define MAP_BYTES (E820_MAX * sizeof(struct e820_entry))

/* Copies as many entries as the caller has room for, and says how many those are. */
static long put_map(uint64_t arg, const struct e820_entry *entries, unsigned nr)
{
    struct xen_memory_map map;

    if (copy_from_guest(&map, arg, sizeof(map)))
        return guest_error(-EFAULT, "an argument cannot be read");
    map.nr_entries = min(map.nr_entries, nr);
    if (copy_to_guest(map.buffer, entries, map.nr_entries * sizeof(*entries)) ||
        copy_to_guest(arg, &map, sizeof(map)))
        return guest_error(-EFAULT, "the result cannot be written");
    return 0;
}

long e820_get(uint64_t arg)
{
    struct domain *d = current_domain;
    struct e820_entry *copy = hv_zalloc(MAP_BYTES);
    unsigned nr;
    long rc;

    if (!copy)
        return guest_error(-ENOMEM, "no memory for it");
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

/* dom0 gives PCI devices addresses that the map leaves free: the interrupt controllers are not. */
static void reserve_controllers(struct memory_map *m)
{
    if (acpi_info.lapic_address)
        memory_map_add(m, acpi_info.lapic_address, PAGE_SIZE, MEMORY_RESERVED);
    for (unsigned i = 0; i < acpi_info.nr_ioapics; i++)
        memory_map_add(m, acpi_info.ioapic[i].address & PAGE_MASK, PAGE_SIZE, MEMORY_RESERVED);
    memory_map_normalise(m);
}

long e820_get_machine(uint64_t arg)
{
    struct e820_entry *copy;
    struct xen_memory_map room;
    struct memory_map *m;
    long rc;

    if (!current_domain->is_control)
        return guest_error(-EPERM, "the machine's memory map is for the control domain");
    if (copy_from_guest(&room, arg, sizeof(room)))
        return guest_error(-EFAULT, "an argument cannot be read");
    copy = hv_zalloc(MAP_BYTES);
    m = hv_zalloc(sizeof(*m));
    if (copy && m) {
        *m = machine_map;
        reserve_controllers(m);
        for (unsigned i = 0; i < m->nr; i++)
            copy[i] = (struct e820_entry){m->region[i].start, m->region[i].size, m->region[i].type};
        /* A part of the map would look like a machine with less in it. */
        rc = room.nr_entries < m->nr ? guest_error(-EINVAL, "no room for the machine's memory map")
                                     : put_map(arg, copy, m->nr);
    } else {
        rc = guest_error(-ENOMEM, "no memory for the machine's memory map");
    }
    hv_free(copy);
    hv_free(m);
    return rc;
}

static long replace_map(struct domain *d, const struct xen_memory_map *map)
{
    struct e820_entry *entries, *old;
    const char *why;

    if (map->nr_entries > E820_MAX)
        return guest_error(-EINVAL, "memory map with more than 128 entries");
    entries = hv_zalloc(MAP_BYTES);
    if (!entries)
        return guest_error(-ENOMEM, "no memory for it");
    if (copy_from_guest(entries, map->buffer, map->nr_entries * sizeof(*entries))) {
        hv_free(entries);
        return guest_error(-EFAULT, "an argument cannot be read");
    }
    why = e820_check(entries, map->nr_entries);
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

long e820_set(uint64_t arg)
{
    struct xen_foreign_memory_map fmap;
    struct domain *d;
    long rc;

    if (copy_from_guest(&fmap, arg, sizeof(fmap)))
        return guest_error(-EFAULT, "an argument cannot be read");
    rc = domain_resolve(fmap.domid, &d);
    if (rc)
        return rc;
    rc = replace_map(d, &fmap.map);
    domain_put(d);
    return rc;
}
