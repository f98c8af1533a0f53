/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: blkback/overlay.c
// LIBS: -I. -Ixenbus
/* An overlay says of each block what a simple list says; after a power cut at any step, with any
 * part of the unflushed writes lost or torn, it opens again, and each block is as it was at the
 * last flush or newer, never what lies in the file where nothing was written; after a kill nothing
 * at all is lost; headers that are damaged are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "blkback/overlay.h"

#define BLOCKS (OVERLAY_MAP_BITS + 2000u) /* two maps */
#define TORN   512u                       /* what a medium writes whole */
#define MANY   4096u

static uint64_t seed;

static uint64_t any(uint64_t below)
{
    uint64_t z = seed += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (z ^ z >> 31) % below;
}

/* ---- a medium with a write cache; a block's data is one number */

static struct overlay_map medium_maps[2][2]; /* [map][copy] */
static uint64_t medium_data[BLOCKS];

struct cached {
    bool is_map;
    unsigned at; /* block, or 2 * map + copy */
    uint64_t data;
    struct overlay_map map;
};
static struct cached cache[MANY];
static unsigned nr_cached;

static void medium_sync(void)
{
    for (unsigned i = 0; i < nr_cached; i++) {
        if (cache[i].is_map)
            medium_maps[cache[i].at / 2][cache[i].at % 2] = cache[i].map;
        else
            medium_data[cache[i].at] = cache[i].data;
    }
    nr_cached = 0;
}

/* Some of what was not flushed is there, in any order; a map perhaps in part. */
static void power_cut(void)
{
    for (unsigned i = 0; i < nr_cached; i++) {
        if (any(2))
            continue;
        if (!cache[i].is_map) {
            medium_data[cache[i].at] = cache[i].data;
            continue;
        }
        uint8_t *to = (uint8_t *)&medium_maps[cache[i].at / 2][cache[i].at % 2];
        unsigned tear = any(3) ? 0 : 1 + (unsigned)any(254);
        for (unsigned part = 0; part < OVERLAY_BLOCK / TORN; part++) {
            if (!(tear >> part & 1))
                memcpy(to + part * TORN, (uint8_t *)&cache[i].map + part * TORN, TORN);
        }
    }
    nr_cached = 0;
}

static void write_data(unsigned block, uint64_t data)
{
    if (nr_cached == MANY)
        medium_sync();
    cache[nr_cached++] = (struct cached){.at = block, .data = data};
}

/* ---- the disk over it: block b of the base holds BASE + b */

#define BASE (1ull << 60)

static struct overlay overlay;
static uint64_t newest[BLOCKS];  /* acknowledged last */
static uint64_t flushed[BLOCKS]; /* by the last flush that was acknowledged */
static uint64_t sequence;
static uint8_t live[BLOCKS / 8 + 1]; /* as the file has it */

static struct overlay_header header;

static void open_it(void)
{
    const char *why;
    assert_true(overlay_begin(&overlay, &header, &why));
    for (unsigned i = 0; i < overlay.nr_maps; i++)
        assert_true(overlay_load(&overlay, i, medium_maps[i]));
}

static uint64_t cached_data(unsigned block)
{
    for (unsigned i = nr_cached; i-- > 0;) {
        if (!cache[i].is_map && cache[i].at == block)
            return cache[i].data;
    }
    return medium_data[block];
}

static uint64_t look(unsigned block)
{
    bool here;
    uint64_t whole = (uint64_t)block * OVERLAY_BLOCK;
    assert_int_equal(overlay_extent(&overlay, whole, OVERLAY_BLOCK, &here), OVERLAY_BLOCK);
    return here ? cached_data(block) : BASE + block;
}

static void do_write(void)
{
    unsigned nr = 1 + (unsigned)any(8);
    unsigned first = (unsigned)(any(3) ? any(64) : any(BLOCKS - nr)); /* some often */
    for (unsigned i = 0; i < nr; i++) {
        newest[first + i] = ++sequence;
        write_data(first + i, sequence);
    }
    for (unsigned byte = first / 8; byte <= (first + nr - 1) / 8; byte++)
        live[byte] = overlay_live_byte(&overlay, byte, first, nr);
    overlay_set(&overlay, first, nr);
}

/* A flush with writes between its steps; ends early if the power does. */
static bool do_flush(void)
{
    static uint64_t at_begin[BLOCKS];
    const struct overlay_map *map;
    uint64_t at;
    memcpy(at_begin, newest, sizeof(newest));
    int taken = overlay_take(&overlay);
    assert_true(taken >= 0);
    if (!any(40))
        return false;
    medium_sync();
    if (any(2))
        do_write();
    while ((map = overlay_next(&overlay, &at))) {
        unsigned which = (unsigned)(at / OVERLAY_BLOCK - 1);
        assert_true(which < 4);
        assert_true(nr_cached < MANY);
        cache[nr_cached++] = (struct cached){.is_map = true, .at = which, .map = *map};
        if (!any(20))
            return false;
        if (!any(4))
            do_write();
    }
    if (!any(30)) { /* an error of the device: the caller says that the flush failed */
        overlay_failed(&overlay);
        return true;
    }
    medium_sync();
    overlay_taken(&overlay);
    memcpy(flushed, at_begin, sizeof(flushed));
    return any(30);
}

static void check_all(bool cut)
{
    for (unsigned b = 0; b < BLOCKS; b++) {
        uint64_t found = look(b);
        if (!cut) {
            assert_int_equal(found, newest[b]);
            continue;
        }
        bool base = found == BASE + b;
        assert_true(base ? flushed[b] == found : flushed[b] == BASE + b || found >= flushed[b]);
        assert_true(base || (found > 0 && found <= sequence));
        newest[b] = flushed[b] = found;
    }
}

static void make_header(void)
{
    const struct overlay_base base = {.bytes = 4096};
    const char *why;
    assert_true(overlay_make(&header, (uint64_t)BLOCKS * OVERLAY_BLOCK, &base, "/base", &why));
}

static void begin(uint64_t s)
{
    seed = s;
    sequence = nr_cached = 0;
    memset(medium_maps, 0, sizeof(medium_maps));
    memset(medium_data, 0, sizeof(medium_data));
    for (unsigned b = 0; b < BLOCKS; b++)
        newest[b] = flushed[b] = BASE + b;
    make_header();
    open_it();
}

static void test_power(void **state)
{
    (void)state;
    for (uint64_t s = 1; s <= 12; s++) {
        begin(s);
        for (int cuts = 0; cuts < 40; cuts++) {
            bool on = true;
            for (uint64_t n = 1 + any(60); on && n > 0; n--) {
                if (any(8))
                    do_write();
                else
                    on = do_flush();
            }
            power_cut();
            overlay_end(&overlay);
            open_it();
            check_all(true);
        }
        overlay_end(&overlay);
    }
}

/* What a successor has: the maps as the page cache shows them, and live. */
static void test_kill(void **state)
{
    (void)state;
    begin(99);
    memset(live, 0, sizeof(live));
    for (int kills = 0; kills < 60; kills++) {
        for (uint64_t n = any(60); n > 0; n--) {
            if (any(8))
                do_write();
            else if (!do_flush())
                overlay_failed(&overlay); /* here nothing dies half way */
        }
        medium_sync();
        overlay_end(&overlay);
        open_it();
        for (uint64_t byte = 0; byte < sizeof(live); byte += 1000)
            overlay_load_live(&overlay, byte, live + byte,
                              sizeof(live) - byte < 1000 ? sizeof(live) - byte : 1000);
        check_all(false);
        /* And a flush by the successor covers what the predecessor had not. */
        while (memcmp(newest, flushed, sizeof(newest)) != 0) {
            if (!do_flush())
                overlay_failed(&overlay);
        }
        power_cut();
        overlay_end(&overlay);
        open_it();
        check_all(true);
    }
    overlay_end(&overlay);
}

static void test_extents(void **state)
{
    static bool model[BLOCKS];
    (void)state;
    begin(7);
    memset(model, 0, sizeof(model));
    for (int n = 0; n < 3000; n++) {
        uint64_t nr = 1 + any(300);
        uint64_t first = any(BLOCKS - nr);
        if (any(3) == 0) {
            overlay_set(&overlay, first, nr);
            memset(model + first, 1, nr);
            continue;
        }
        uint64_t at = first * OVERLAY_BLOCK + any(8) * 512;
        uint64_t end = (first + nr) * OVERLAY_BLOCK;
        for (uint64_t b = first; at < end;) {
            bool here;
            uint64_t len = overlay_extent(&overlay, at, end - at, &here);
            assert_true(len > 0 && len <= end - at);
            for (; b * OVERLAY_BLOCK < at + len; b++)
                assert_int_equal(model[b], here);
            at += len;
            assert_true(at == end || model[b] != here);
        }
    }
    overlay_end(&overlay);
}

/* What a flush that failed did not bring to the medium, the next one does. */
static void test_failure(void **state)
{
    uint64_t at;
    (void)state;
    begin(3);
    assert_int_equal(overlay_take(&overlay), 0);
    overlay_taken(&overlay);
    overlay_set(&overlay, BLOCKS - 1, 1);
    overlay_set(&overlay, BLOCKS - 1, 1);
    assert_int_equal(overlay_take(&overlay), 1);
    overlay_failed(&overlay);
    assert_int_equal(overlay_take(&overlay), 1);
    const struct overlay_map *map = overlay_next(&overlay, &at);
    assert_non_null(map);
    assert_int_equal(at, overlay_map_at(&overlay, 1, 0));
    assert_int_equal(map->bits[1999 / 8] >> 1999 % 8 & 1, 1);
    assert_null(overlay_next(&overlay, &at));
    overlay_taken(&overlay);
    assert_int_equal(overlay_take(&overlay), 0);
    overlay_taken(&overlay);
    overlay_end(&overlay);
}

/* No two things share a byte of the file. */
static void test_places(void **state)
{
    (void)state;
    begin(1);
    assert_int_equal(overlay_map_at(&overlay, 0, 0), OVERLAY_BLOCK);
    assert_int_equal(overlay_live_at(&overlay), 5 * OVERLAY_BLOCK);
    assert_true(overlay_data_at(&overlay, 0) >= overlay_live_bits_at(&overlay, BLOCKS / 8 + 1));
    assert_int_equal(overlay_data_at(&overlay, 0) % 65536, 0);
    overlay_end(&overlay);
}

static void test_header(void **state)
{
    const struct overlay_base base = {.bytes = 4096};
    struct overlay_header good;
    const char *why;
    (void)state;
    make_header();
    good = header;
    for (unsigned bit = 0; bit < OVERLAY_BLOCK * 8; bit++) {
        header = good;
        ((uint8_t *)&header)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(overlay_begin(&overlay, &header, &why));
    }
    assert_false(overlay_make(&header, 0, &base, "/base", &why));
    assert_false(overlay_make(&header, 513, &base, "/base", &why));
    assert_false(overlay_make(&header, OVERLAY_MAX_SIZE + 512, &base, "/base", &why));
    assert_false(overlay_make(&header, 512, &base, "base", &why));
    assert_int_equal(overlay_crc(0, "123456789", 9),
                     0xe3069283u); /* of the definition of CRC-32C */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power),   cmocka_unit_test(test_kill),
        cmocka_unit_test(test_extents), cmocka_unit_test(test_failure),
        cmocka_unit_test(test_places),  cmocka_unit_test(test_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
