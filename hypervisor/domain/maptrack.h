/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Handles: what a domain has mapped of others, one record per mapping.  Pure.
 *
 * A handle is an index with a generation above it: a handle that was closed stays wrong even after
 * its record serves another mapping.  A record is free, busy (somebody is opening or closing it,
 * and only he may touch it) or live.  Closing begins with claiming the record, by one cmpxchg, so
 * two CPUs that close the same handle cannot both win.
 *
 * If this is wrong: a mapping is closed twice, and its references dropped twice.
 */
#pragma once

#include "lib/spinlock.h"
#include "lib/types.h"

struct domain;

#define MAPTRACK_INVALID_HANDLE (~0U)
#define MAPTRACK_PER_PAGE       256
#define MAPTRACK_INDEX_BITS     20 /* 4096 pages of records */
#define MAPTRACK_MAX_PAGES      (1U << (MAPTRACK_INDEX_BITS - 8))

#define MAPTRACK_BUSY 0x8000U /* in maptrack_entry.flags; GNTMAP_* flags are below */

struct maptrack_entry {
    union {
        struct domain *granter; /* busy or live */
        uint64_t next_free;     /* free: index, or MAPTRACK_INVALID_HANDLE */
    };
    uint32_t ref;
    uint16_t flags; /* 0: free; MAPTRACK_BUSY; GNTMAP_* */
    uint16_t generation;
};
_Static_assert(sizeof(struct maptrack_entry) == 16, "256 records fill a page");

struct maptrack {
    spinlock_t lock; /* guards the free list and growth */
    unsigned max_pages;
    unsigned nr_entries; /* grows only; read without the lock */
    unsigned in_use;     /* busy and live records */
    uint64_t first_free;
    struct maptrack_entry **pages; /* max_pages of them */
};

/* The caller owns the memory: `pages` has max_pages slots, zeroed. */
void maptrack_init(struct maptrack *mt, struct maptrack_entry **pages, unsigned max_pages);

/*
 * A busy record from the free list; its handle, or MAPTRACK_INVALID_HANDLE when the list is empty:
 * then the caller may add a zeroed page and try again.
 */
uint32_t maptrack_open(struct maptrack *mt, struct maptrack_entry **entry);
/* Adds a page of records; false at the limit (the page stays the caller's). */
bool maptrack_add_page(struct maptrack *mt, struct maptrack_entry *page);

/* The record is complete: busy becomes live with these flags (not 0, without MAPTRACK_BUSY). */
void maptrack_publish(struct maptrack_entry *entry, uint16_t flags);

/*
 * Claims a live record for closing.  NULL: no such handle, or somebody else is at it.  *flags are
 * those it had.
 */
struct maptrack_entry *maptrack_claim(struct maptrack *mt, uint32_t handle, uint16_t *flags);

/* Gives a claimed or opened record back to the free list; the handle is dead. */
void maptrack_close(struct maptrack *mt, uint32_t handle);

/* The record at an index, whatever its state; NULL beyond the end.  For death, dump and audit. */
struct maptrack_entry *maptrack_at(struct maptrack *mt, unsigned index);
/* The handle that names the record at an index now. */
uint32_t maptrack_handle_at(struct maptrack *mt, unsigned index);
