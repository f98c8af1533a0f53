/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Handles of grant mappings; see maptrack.h for their states.  Pure.
 *
 * Opening and closing take the one lock, for a handful of instructions (pop, push); what a record
 * says is guarded by its own state instead, so mapping and unmapping on several CPUs meet only in
 * the free list.
 */
#include "domain/maptrack.h"

#include "lib/atomic.h"

#define INDEX_MASK ((1U << MAPTRACK_INDEX_BITS) - 1)
/* What fits above the index.  Handle ~0 cannot come out: that would be index 0xfffff of 2^20. */
#define GENERATION_MASK ((1U << (32 - MAPTRACK_INDEX_BITS)) - 1)

void maptrack_init(struct maptrack *mt, struct maptrack_entry **pages, unsigned max_pages)
{
    spin_lock_init(&mt->lock);
    mt->max_pages = min(max_pages, MAPTRACK_MAX_PAGES - 1);
    mt->nr_entries = 0;
    mt->in_use = 0;
    mt->first_free = MAPTRACK_INVALID_HANDLE;
    mt->pages = pages;
}

struct maptrack_entry *maptrack_at(struct maptrack *mt, unsigned index)
{
    if (index >= load_acquire(&mt->nr_entries))
        return NULL;
    return &mt->pages[index / MAPTRACK_PER_PAGE][index % MAPTRACK_PER_PAGE];
}

static uint32_t make_handle(unsigned index, const struct maptrack_entry *e)
{
    return (uint32_t)(e->generation & GENERATION_MASK) << MAPTRACK_INDEX_BITS | index;
}

uint32_t maptrack_handle_at(struct maptrack *mt, unsigned index)
{
    return make_handle(index, maptrack_at(mt, index));
}

uint32_t maptrack_open(struct maptrack *mt, struct maptrack_entry **entry)
{
    struct maptrack_entry *e;
    unsigned index;

    spin_lock(&mt->lock);
    if (mt->first_free == MAPTRACK_INVALID_HANDLE) {
        spin_unlock(&mt->lock);
        return MAPTRACK_INVALID_HANDLE;
    }
    index = (unsigned)mt->first_free;
    e = maptrack_at(mt, index);
    mt->first_free = e->next_free;
    mt->in_use++;
    spin_unlock(&mt->lock);
    e->granter = NULL;
    store_once(&e->flags, (uint16_t)MAPTRACK_BUSY);
    *entry = e;
    return make_handle(index, e);
}

bool maptrack_add_page(struct maptrack *mt, struct maptrack_entry *page)
{
    unsigned first;

    spin_lock(&mt->lock);
    first = mt->nr_entries;
    if (first / MAPTRACK_PER_PAGE >= mt->max_pages) {
        spin_unlock(&mt->lock);
        return false;
    }
    for (unsigned i = 0; i < MAPTRACK_PER_PAGE; i++)
        page[i].next_free = i + 1 < MAPTRACK_PER_PAGE ? first + i + 1 : mt->first_free;
    mt->pages[first / MAPTRACK_PER_PAGE] = page;
    mt->first_free = first;
    store_release(&mt->nr_entries, first + MAPTRACK_PER_PAGE);
    spin_unlock(&mt->lock);
    return true;
}

void maptrack_publish(struct maptrack_entry *entry, uint16_t flags)
{
    /* After the other fields: who claims the record reads them. */
    store_release(&entry->flags, flags);
}

struct maptrack_entry *maptrack_claim(struct maptrack *mt, uint32_t handle, uint16_t *flags)
{
    unsigned index = handle & INDEX_MASK;
    struct maptrack_entry *e = maptrack_at(mt, index);

    if (!e)
        return NULL;
    *flags = load_once(&e->flags);
    if (*flags == 0 || (*flags & MAPTRACK_BUSY) || make_handle(index, e) != handle)
        return NULL;
    if (!atomic_cmpxchg(&e->flags, flags, MAPTRACK_BUSY))
        return NULL;
    /* Only now can the generation not change any more: it may have been closed and reopened since
     * the first look. */
    if (make_handle(index, e) != handle) {
        maptrack_publish(e, *flags);
        return NULL;
    }
    return e;
}

void maptrack_close(struct maptrack *mt, uint32_t handle)
{
    unsigned index = handle & INDEX_MASK;
    struct maptrack_entry *e = maptrack_at(mt, index);

    e->generation++;
    store_once(&e->flags, 0);
    spin_lock(&mt->lock);
    e->next_free = mt->first_free;
    mt->first_free = index;
    mt->in_use--;
    spin_unlock(&mt->lock);
}
