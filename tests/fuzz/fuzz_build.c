/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernels for the domain builder: whatever a file is, packed or not, loading it and laying out a
 * domain for it touches frames of the domain and nothing else, and leaves no mapping; and our LZ4
 * decoder makes of a block what liblz4 makes of it, all at once and as memory becomes writable, and
 * unpacks all that liblz4 packs.  The first
 * byte says what the rest is.
 */
// SHORT: 4000
// SOURCES: dom0-tools/build/kernel.c dom0-tools/build/unpack.c dom0-tools/build/lz4.c
// SOURCES: dom0-tools/build/content.c dom0-tools/lib/problem.c
// SOURCES: hypervisor/dom0/unpack.c hypervisor/dom0/unpack_xz.c hypervisor/dom0/bcj_x86.c
// SOURCES: hypervisor/dom0/image.c hypervisor/dom0/image_notes.c hypervisor/dom0/plan.c hypervisor/lib/format.c
// FLAGS: -Idom0-tools -D_GNU_SOURCE
// LIBS: -llzma -lz -llz4 -lzstd -lbz2
#include <cmocka.h>
#include <lz4.h>

#include "build/content.h"
#include "build/kernel.h"
#include "build/lz4.h"
#include "build_world.h"
#include "fuzz.h"

#define PAGES 2048 /* 8 MiB: a small kernel and the first layout around it */
#define BLOCK (64u << 10)
#define SETUP 1024u /* of a bzImage with one setup sector, and its payload there */

enum what { A_FILE, AN_ELF, A_BLOCK, ANYTHING, NR_WHATS };

static struct world world;

static void kept(void *ctx, const void *elf, uint64_t len)
{
    uint64_t *sum = ctx;

    for (uint64_t i = 0; i < len; i += 512)
        *sum += ((const uint8_t *)elf)[i];
}

static void load(const uint8_t *file, size_t size)
{
    static char ramdisk[5000];
    static struct dom0_plan plan;
    struct plan_request want = {PAGES, sizeof(ramdisk), true, true};
    struct problem why = {0};
    struct kernel_image img;
    uint64_t sum = 0;
    struct kernel_source source = {.file = file, .len = size, .unpacked = kept, .ctx = &sum};
    struct content c = {&img, &plan, ramdisk, sizeof(ramdisk), "a b", 7, 1, 2};

    if (kernel_load(&img, &source, &world.memory, &why)) {
        assert_true(why.error && why.cause[0] && why.remedy[0]);
    } else if (!plan_dom0(&plan, &img, &want)) {
        assert_int_equal(content_write(&c, &world.memory, &why), 0);
    }
    assert_int_equal(world_mapped(), 0);
    world_clear(&world);
}

/* The rest as an ELF file inside a bzImage, so that what is in it may be changed freely. */
static void load_packed(const uint8_t *elf, size_t size)
{
    size_t room = SETUP + 8 + (size_t)LZ4_compressBound((int)size) + 4;
    uint8_t *file = calloc(1, room);
    uint32_t len, unpacked = (uint32_t)size;

    file[0x1f1] = 1;
    memcpy(file + 0x202, "HdrS\x0f\x02", 6);
    memcpy(file + SETUP, "\x02\x21\x4c\x18", 4);
    len = (uint32_t)LZ4_compress_default((const char *)elf, (char *)file + SETUP + 8, (int)size,
                                         (int)(room - SETUP - 12));
    memcpy(file + SETUP + 4, &len, 4);
    memcpy(file + SETUP + 8 + len, &unpacked, 4);
    len += 12;
    memcpy(file + 0x24c, &len, 4);
    load(file, SETUP + len);
    free(file);
}

/* Into memory that is writable only once it was asked for, by the page. */
static bool one_page(struct lz4_room *room, const uint8_t *upto)
{
    while (room->ready < upto) {
        assert_int_equal(mprotect(room->ready, GUEST_PAGE, PROT_READ | PROT_WRITE), 0);
        room->ready += GUEST_PAGE;
    }
    return true;
}

static bool leave_out(struct lz4_room *room, uint8_t *to)
{
    assert_true(room->ready < to && (uintptr_t)to % GUEST_PAGE == 0);
    room->ready = to;
    return true;
}

static void page_by_page(const uint8_t *block, size_t size, const uint8_t *want, size_t len)
{
    uint8_t *p = mmap(NULL, BLOCK + GUEST_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct lz4_room room = {p, one_page, leave_out};

    assert_true(p != MAP_FAILED);
    assert_int_equal(lz4_block(block, size, p, BLOCK, &room), len);
    assert_true(memcmp(p, want, len) == 0);
    munmap(p, BLOCK + GUEST_PAGE);
}

/* liblz4 takes more than blocks (a distance of 0, say), so it may take what we refuse. */
static void same_as_library(const uint8_t *block, size_t size)
{
    uint8_t *ours = malloc(BLOCK), *theirs = malloc(BLOCK);
    int n = LZ4_decompress_safe((const char *)block, (char *)theirs, (int)size, BLOCK);
    int64_t got = lz4_block(block, size, ours, BLOCK, NULL);

    if (n > 0 && got >= 0) {
        assert_int_equal(got, n);
        assert_true(memcmp(ours, theirs, (size_t)n) == 0);
        free(ours);
        ours = malloc((size_t)n); /* no room to rush into */
        assert_int_equal(lz4_block(block, size, ours, (size_t)n, NULL), n);
        assert_true(memcmp(ours, theirs, (size_t)n) == 0);
        page_by_page(block, size, theirs, (size_t)n);
    }
    free(ours);
    free(theirs);
}

/* What liblz4 packs we unpack, to buffers of the very size. */
static void there_and_back(const uint8_t *data, size_t size)
{
    size_t room = (size_t)LZ4_compressBound((int)size);
    uint8_t *packed = malloc(room), *back = malloc(size), *block;
    int n = LZ4_compress_default((const char *)data, (char *)packed, (int)size, (int)room);

    assert_true(n > 0);
    block = fuzz_copy(packed, (size_t)n);
    assert_int_equal(lz4_block(block, (size_t)n, back, size, NULL), size);
    assert_true(memcmp(back, data, size) == 0);
    free(packed);
    free(block);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *rest;

    if (!world.all)
        world_open(&world, PAGES);
    if (size < 2)
        return 0;
    rest = fuzz_copy(data + 1, size - 1);
    world.memory.zeroed = data[0] & 0x80;
    switch ((data[0] & 0x7f) % NR_WHATS) {
    case A_FILE: load(rest, size - 1); break;
    case AN_ELF: load_packed(rest, size - 1); break;
    case A_BLOCK: same_as_library(rest, size - 1); break;
    default: there_and_back(rest, size - 1); break;
    }
    free(rest);
    return 0;
}
