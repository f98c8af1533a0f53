/* SPDX-License-Identifier: GPL-2.0-only */
/* Persistent grants: pages of a guest that stay mapped from one request to the next, the least
 * recently used first out.  A page in use is never given back, and never more than the limit is
 * mapped, whatever references a guest names; what finds no room is copied instead.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CACHE_LIMIT   1056u /* 32 requests of 32 segments and a page of segments each */
#define CACHE_BUCKETS 2048u /* a power of two */

struct cached_page {
    void *page; /* NULL: this entry is free */
    uint32_t ref;
    uint32_t users;
    uint16_t chain; /* the next of the bucket, or of the free ones */
    uint16_t older; /* neighbours in order of use */
    uint16_t newer;
};

struct cache {
    unsigned domid;
    unsigned limit; /* at most CACHE_LIMIT */
    unsigned nr;
    uint16_t free;
    uint16_t oldest;
    uint16_t newest;
    uint16_t bucket[CACHE_BUCKETS];
    struct cached_page page[CACHE_LIMIT];
};

void cache_init(struct cache *cache, unsigned domid, unsigned limit);

/* The page behind @ref, mapped now or before; it stays until cache_put().  NULL: it cannot be
 * mapped, or all are in use. */
struct cached_page *cache_get(struct cache *cache, uint32_t ref);
void cache_put(struct cache *cache, struct cached_page *page);

/* Gives back all, of which none may be in use. */
void cache_empty(struct cache *cache);
