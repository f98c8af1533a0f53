/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory maps: the normal form of a small one is the model's of tests/unit/test_memory_map.c, that
 * of any one is sorted and disjoint; a map that tools give to a guest is refused exactly when an
 * entry is empty or wraps; the boot's set of free frames is an array of booleans.
 */
// SHORT: 40000
// MODEL: tests/unit/test_memory_map.c
// SOURCES: hypervisor/domain/e820_check.c
#define main unit_main
#include "../unit/test_memory_map.c"

#include "domain/e820.h"
#include "fuzz.h"

static void small_map(struct fuzz_input *in)
{
    static struct memory_map m;
    uint32_t types[SPACE] = {0};

    m.nr = 0;
    while (in->left) {
        uint64_t start = fuzz_take(in, 1) % SPACE, size = fuzz_take(in, 1) % (SPACE - start);
        uint32_t type = 1 + (uint32_t)fuzz_take(in, 1) % 5;

        if (!memory_map_add(&m, start, size, type))
            break;
        for (uint64_t a = start; a < start + size; a++)
            types[a] = stronger(types[a], type);
    }
    if (memory_map_normalise(&m))
        check_against_model(&m, types);
}

static void any_map(struct fuzz_input *in)
{
    static struct memory_map m;

    m.nr = 0;
    while (in->left) {
        uint64_t start = fuzz_take(in, 8), size = fuzz_take(in, 8);

        memory_map_add(&m, start, size, (uint32_t)fuzz_take(in, 1));
    }
    memory_map_normalise(&m);
    assert_true(m.nr <= MEMORY_MAP_MAX);
    for (unsigned i = 0; i < m.nr; i++) {
        const struct memory_region *r = &m.region[i];

        assert_true(r->size && r->start + (r->size - 1) >= r->start);
        if (i)
            assert_true(r[-1].start + r[-1].size <= r->start && r[-1].start < r->start);
    }
    (void)memory_map_ram_size(&m);
    memory_map_limit_ram(&m, 1UL << 40);
    assert_true(memory_map_ram_end(&m) <= 1UL << 40);
}

static void guests_map(struct fuzz_input *in)
{
    unsigned nr = (unsigned)(in->left / sizeof(struct e820_entry));
    struct e820_entry *map = fuzz_copy(in->at, nr * sizeof(*map));
    bool good = nr <= E820_MAX;

    for (unsigned i = 0; i < nr && good; i++)
        good = map[i].size && ((unsigned __int128)map[i].base + map[i].size) >> 64 <=
                                  (map[i].base + map[i].size == 0);
    assert_int_equal(e820_check(map, nr) == NULL, good);
    free(map);
}

static void frames(struct fuzz_input *in)
{
    static struct frame_ranges s;
    bool model[SPACE] = {0};

    memset(&s, 0, sizeof(s));
    while (in->left) {
        unsigned op = (unsigned)fuzz_take(in, 1);
        uint64_t start = fuzz_take(in, 1) % SPACE, n = fuzz_take(in, 1) % (SPACE - start);

        if (op % 4 == 0 && frame_ranges_add(&s, start, start + n))
            memset(model + start, 1, n);
        else if (op % 4 == 1 && frame_ranges_remove(&s, start, start + n))
            memset(model + start, 0, n);
        else if (op % 4 > 1 && n)
            assert_int_equal(frame_ranges_take_top(&s, n, 1UL << op / 4 % 5, start ? start : ~0UL),
                             model_take(model, n, 1UL << op / 4 % 5, start ? start : ~0UL));
        compare_ranges(&s, model);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const kinds[])(struct fuzz_input *) = {small_map, any_map, guests_map, frames};
    struct fuzz_input in = {data, size};

    kinds[fuzz_take(&in, 1) % ARRAY_SIZE(kinds)](&in);
    return 0;
}
