/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: blkback/cache.c
// LIBS: -I. -Ixenbus
/* Persistent grants: a reference leads to the same page for as long as it is kept, no page in use
 * is given back, never more than the limit is mapped, and in the end nothing is; the oldest goes
 * first.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backend/gate.h"
#include "blkback/cache.h"

/* ---- grants of ordinary memory */

static unsigned mapped;
static uint32_t last_unmapped;

void *grants_map(unsigned domid, const uint32_t *refs, unsigned nr, bool writable)
{
    assert_int_equal(domid, 7);
    assert_int_equal(nr, 1);
    assert_true(writable);
    if (refs[0] % 100 == 99) {
        errno = EINVAL;
        return NULL;
    }
    uint32_t *page = malloc(sizeof(*page));
    *page = refs[0];
    mapped++;
    return page;
}

void grants_unmap(void *page, unsigned nr)
{
    assert_int_equal(nr, 1);
    last_unmapped = *(uint32_t *)page;
    free(page);
    mapped--;
}

static void test_order(void **state)
{
    struct cache *cache = malloc(sizeof(*cache));
    (void)state;
    cache_init(cache, 7, 3);
    for (uint32_t ref = 1; ref <= 3; ref++)
        cache_put(cache, cache_get(cache, ref));
    cache_put(cache, cache_get(cache, 1)); /* 2 is the oldest now */
    struct cached_page *four = cache_get(cache, 4);
    assert_int_equal(last_unmapped, 2);
    struct cached_page *five = cache_get(cache, 5);
    assert_int_equal(last_unmapped, 3);
    struct cached_page *six = cache_get(cache, 6);
    assert_int_equal(last_unmapped, 1);
    assert_null(cache_get(cache, 7)); /* all in use */
    assert_ptr_equal(cache_get(cache, 5), five);
    cache_put(cache, five);
    assert_null(cache_get(cache, 7)); /* five is still used once */
    cache_put(cache, five);
    assert_null(cache_get(cache, 99)); /* it cannot be mapped */
    cache_put(cache, cache_get(cache, 8));
    cache_put(cache, four);
    cache_put(cache, six);
    cache_empty(cache);
    assert_int_equal(mapped, 0);
    cache_init(cache, 7, 0);
    assert_null(cache_get(cache, 1));
    free(cache);
}

/* References that all fall into one bucket, and any others. */
static void test_random(void **state)
{
    enum { HELD = 64, LIMIT = 100 };
    struct cache *cache = malloc(sizeof(*cache));
    struct cached_page *held[HELD] = {0};
    uint32_t ref_of[HELD] = {0};
    unsigned seed = 9;
    (void)state;
    cache_init(cache, 7, LIMIT);
    for (int i = 0; i < 300000; i++) {
        unsigned n = (unsigned)rand_r(&seed) % HELD;
        if (held[n]) {
            assert_int_equal(*(uint32_t *)held[n]->page, ref_of[n]);
            assert_int_equal(held[n]->ref, ref_of[n]);
            cache_put(cache, held[n]);
            held[n] = NULL;
            continue;
        }
        ref_of[n] = (uint32_t)rand_r(&seed) % 400;
        if (i % 3 == 0)
            ref_of[n] <<= 27;
        held[n] = cache_get(cache, ref_of[n]);
        if (!held[n])
            assert_int_equal(ref_of[n] % 100, 99);
        else
            assert_int_equal(*(uint32_t *)held[n]->page, ref_of[n]);
        assert_in_range(mapped, 0, LIMIT);
        assert_int_equal(mapped, cache->nr);
    }
    for (unsigned n = 0; n < HELD; n++) {
        if (held[n])
            cache_put(cache, held[n]);
    }
    cache_empty(cache);
    assert_int_equal(mapped, 0);
    free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
