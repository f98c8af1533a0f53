/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: however the firmware's map is ordered and overlaps, the normal form is sorted, disjoint
 * and gives every address the strongest type that was claimed for it; and the boot's set of free
 * frames agrees with a plain array of booleans under random additions, removals and allocations.
 */
// SOURCES: hypervisor/mem/memory_map.c hypervisor/mem/frame_ranges.c hypervisor/lib/string.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mem/frame_ranges.h"
#include "mem/memory_map.h"

#define SPACE 200

static uint32_t stronger(uint32_t a, uint32_t b)
{
    if (!a || !b)
        return a ? a : b;
    if (a == MEMORY_RAM || b == MEMORY_RAM)
        return a == MEMORY_RAM ? b : a;
    return a > b ? a : b;
}

static void check_against_model(const struct memory_map *m, const uint32_t *model)
{
    uint32_t got[SPACE] = {0};

    for (unsigned int i = 0; i < m->nr; i++) {
        const struct memory_region *r = &m->region[i];

        assert_true(r->size > 0);
        if (i) {
            const struct memory_region *p = r - 1;

            assert_true(p->start + p->size <= r->start);
            assert_false(p->start + p->size == r->start && p->type == r->type);
        }
        for (uint64_t a = r->start; a < r->start + r->size; a++)
            got[a] = r->type;
    }
    assert_memory_equal(got, model, sizeof(got));
}

static void normal_form_matches_model(void **state)
{
    srand(6);
    for (int round = 0; round < 3000; round++) {
        struct memory_map m = {0};
        uint32_t model[SPACE] = {0};
        uint64_t ram = 0, limit = (uint64_t)rand() % SPACE;

        for (int i = rand() % 30; i; i--) {
            uint64_t start = (uint64_t)rand() % SPACE;
            uint64_t size = (uint64_t)rand() % (SPACE - start);
            uint32_t type = 1 + (uint32_t)rand() % 5;

            memory_map_add(&m, start, size, type);
            for (uint64_t a = start; a < start + size; a++)
                model[a] = stronger(model[a], type);
        }
        assert_true(memory_map_normalise(&m));
        check_against_model(&m, model);
        memory_map_limit_ram(&m, limit);
        for (unsigned int a = 0; a < SPACE; a++) {
            if (model[a] == MEMORY_RAM && a >= limit)
                model[a] = 0;
            ram += model[a] == MEMORY_RAM;
        }
        check_against_model(&m, model);
        assert_int_equal(memory_map_ram_size(&m), ram);
    }
}

static void odd_maps_are_survived(void **state)
{
    struct memory_map m = {0};

    memory_map_add(&m, UINT64_MAX - 0xfff, 0x2000, MEMORY_RESERVED); /* wraps */
    memory_map_add(&m, 0x1000, UINT64_MAX, MEMORY_RAM);
    assert_true(memory_map_normalise(&m));
    assert_int_equal(m.nr, 2);
    assert_false(memory_map_all(&m, UINT64_MAX - 1, 10, MEMORY_RESERVED));
    assert_true(memory_map_all(&m, 0x1000, 0x1000, MEMORY_RAM));
    assert_false(memory_map_all(&m, 0xfff, 0x1000, MEMORY_RAM));

    m.nr = 0;
    for (unsigned int i = 0; i < MEMORY_MAP_MAX; i++)
        assert_true(memory_map_add(&m, i * 16, 8, MEMORY_RAM));
    assert_false(memory_map_add(&m, 0, 1, MEMORY_RAM));
    assert_true(memory_map_normalise(&m));
    /* One reserved region over all of them, in the place of the last: more pieces than fit. */
    m.region[MEMORY_MAP_MAX - 1] = (struct memory_region){4, 2, MEMORY_RESERVED};
    m.region[MEMORY_MAP_MAX - 2] = (struct memory_region){20, 2, MEMORY_RESERVED};
    assert_false(memory_map_normalise(&m));
    assert_int_equal(m.nr, MEMORY_MAP_MAX);
}

static void compare_ranges(const struct frame_ranges *s, const bool *model)
{
    bool got[SPACE] = {0};

    for (unsigned int i = 0; i < s->nr; i++) {
        assert_true(s->range[i].start < s->range[i].end);
        assert_true(!i || s->range[i - 1].end < s->range[i].start);
        for (uint64_t f = s->range[i].start; f < s->range[i].end; f++)
            got[f] = true;
    }
    assert_memory_equal(got, model, sizeof(got));
}

static bool all_free(const bool *model, uint64_t at, uint64_t n)
{
    while (n && model[at + n - 1])
        n--;
    return n == 0;
}

/* The model's answer: the highest place, searched downwards. */
static uint64_t model_take(bool *model, uint64_t n, uint64_t align, uint64_t limit)
{
    for (uint64_t at = SPACE; at-- > 0;) {
        if (at % align || at + n > min(limit, (uint64_t)SPACE) || !all_free(model, at, n))
            continue;
        memset(model + at, 0, n);
        return at;
    }
    return UINT64_MAX;
}

static void free_frames_match_model(void **state)
{
    static struct frame_ranges s;
    bool model[SPACE] = {0};

    srand(7);
    for (int round = 0; round < 100000; round++) {
        uint64_t start = (uint64_t)rand() % SPACE;
        uint64_t end = start + (uint64_t)rand() % (SPACE - start);
        uint64_t n = 1 + (uint64_t)rand() % 12, align = 1UL << (rand() % 5);
        uint64_t limit = rand() % 2 ? UINT64_MAX : (uint64_t)rand() % SPACE;

        switch (rand() % 4) {
        case 0:
            assert_true(frame_ranges_add(&s, start, end));
            memset(model + start, 1, end - start);
            break;
        case 1:
            assert_true(frame_ranges_remove(&s, start, end));
            memset(model + start, 0, end - start);
            break;
        default:
            assert_int_equal(frame_ranges_take_top(&s, n, align, limit),
                             model_take(model, n, align, limit));
        }
        compare_ranges(&s, model);
    }
}

static void a_full_set_loses_rather_than_doubles(void **state)
{
    static struct frame_ranges s;

    for (uint64_t i = 0; i < FRAME_RANGES_MAX; i++)
        assert_true(frame_ranges_add(&s, i * 10, i * 10 + 5));
    assert_false(frame_ranges_add(&s, 100000, 100001));
    assert_false(frame_ranges_remove(&s, 2, 3)); /* a split without room */
    assert_int_equal(s.range[0].end, 2);         /* 3 and 4 are lost, not handed out */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_form_matches_model),
        cmocka_unit_test(odd_maps_are_survived),
        cmocka_unit_test(free_frames_match_model),
        cmocka_unit_test(a_full_set_loses_rather_than_doubles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
