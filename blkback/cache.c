// SPDX-License-Identifier: GPL-2.0-only
/* Pages that stay mapped: see cache.h. */
#include <stddef.h>
#include <string.h>

#include "backend/gate.h"
#include "blkback/cache.h"

#define NONE UINT16_MAX

void cache_init(struct cache *cache, unsigned domid, unsigned limit)
{
    memset(cache, 0, sizeof(*cache));
    memset(cache->bucket, 0xff, sizeof(cache->bucket));
    cache->domid = domid;
    cache->limit = limit < CACHE_LIMIT ? limit : CACHE_LIMIT;
    cache->oldest = cache->newest = NONE;
    for (unsigned i = 0; i < CACHE_LIMIT; i++)
        cache->page[i].chain = i + 1 < cache->limit ? (uint16_t)(i + 1) : NONE;
    cache->free = cache->limit > 0 ? 0 : NONE;
}

static uint16_t *bucket_of(struct cache *cache, uint32_t ref)
{
    return &cache->bucket[(ref * 2654435769u) >> 16 & (CACHE_BUCKETS - 1)];
}

static uint16_t number(const struct cache *cache, const struct cached_page *p)
{
    return (uint16_t)(p - cache->page);
}

/* ---- order of use */

static void forget_order(struct cache *cache, struct cached_page *p)
{
    *(p->older == NONE ? &cache->oldest : &cache->page[p->older].newer) = p->newer;
    *(p->newer == NONE ? &cache->newest : &cache->page[p->newer].older) = p->older;
}

static void make_newest(struct cache *cache, struct cached_page *p)
{
    uint16_t n = number(cache, p);
    p->older = cache->newest;
    p->newer = NONE;
    *(p->older == NONE ? &cache->oldest : &cache->page[p->older].newer) = n;
    cache->newest = n;
}

/* ---- in and out */

static void give_back(struct cache *cache, struct cached_page *p)
{
    uint16_t *at = bucket_of(cache, p->ref);
    while (*at != number(cache, p))
        at = &cache->page[*at].chain;
    *at = p->chain;
    forget_order(cache, p);
    grants_unmap(p->page, 1);
    p->page = NULL;
    p->chain = cache->free;
    cache->free = number(cache, p);
    cache->nr--;
}

/* Room for one more, by giving back the oldest that nobody uses; false if all are in use. */
static bool make_room(struct cache *cache)
{
    if (cache->free != NONE)
        return true;
    for (uint16_t i = cache->oldest; i != NONE; i = cache->page[i].newer) {
        if (cache->page[i].users == 0) {
            give_back(cache, &cache->page[i]);
            return true;
        }
    }
    return false;
}

struct cached_page *cache_get(struct cache *cache, uint32_t ref)
{
    struct cached_page *p;
    for (uint16_t i = *bucket_of(cache, ref); i != NONE; i = cache->page[i].chain) {
        p = &cache->page[i];
        if (p->ref == ref) {
            forget_order(cache, p);
            make_newest(cache, p);
            p->users++;
            return p;
        }
    }
    if (!make_room(cache))
        return NULL;
    void *page = grants_map(cache->domid, &ref, 1, true);
    if (!page)
        return NULL;
    p = &cache->page[cache->free];
    cache->free = p->chain;
    p->page = page;
    p->ref = ref;
    p->users = 1;
    p->chain = *bucket_of(cache, ref);
    *bucket_of(cache, ref) = number(cache, p);
    make_newest(cache, p);
    cache->nr++;
    return p;
}

void cache_put(struct cache *cache, struct cached_page *page)
{
    (void)cache;
    page->users--;
}

void cache_empty(struct cache *cache)
{
    while (cache->oldest != NONE)
        give_back(cache, &cache->page[cache->oldest]);
}
