/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: unpack.c gives back what each compressor packed, in a bzImage and alone; states sizes
 * that suffice; and refuses, within its buffers (ASan), every file that is cut, too long, or has a
 * byte changed, except where the format has no checksum (LZ4), in which case only sizes are sure.
 * If Debian kernels lie in ${PAVIS_CACHE:-~/.cache/pavis}/kernels, they are unpacked and parsed
 * too.
 */
// SOURCES: hypervisor/dom0/unpack.c hypervisor/dom0/unpack_xz.c hypervisor/dom0/bcj_x86.c
// SOURCES: hypervisor/dom0/image.c hypervisor/dom0/image_notes.c
// SOURCES: hypervisor/lib/format.c hypervisor/lib/string.c
// LIBS: -llzma -lz -llz4 -lzstd
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "dom0/unpack.h"

#define PLAIN   ((9u << 20) + 12345) /* more than one LZ4 block */
#define TRAILER 4

static uint8_t *plain;
static uint8_t *space; /* what a compressor made, with room for a trailer */
static uint64_t space_len;

static uint64_t rng = 0x2545f4914f6cdd1dULL;

static uint64_t dice(uint64_t n)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng % n;
}

static void assert_ok(const char *why)
{
    if (why)
        fail_msg("%s", why);
}

static void assert_says(const char *why, const char *part)
{
    if (!why || !strstr(why, part))
        fail_msg("\"%s\" does not say \"%s\"", why ? why : "(success)", part);
}

static int make_plain(void **state)
{
    plain = malloc(PLAIN);
    space = malloc(2 * PLAIN);
    for (uint64_t i = 0; i < PLAIN; i++) /* compresses, but not to nothing; with x86 calls in it */
        plain[i] = i % 37 == 5 ? 0xe8 : i > 5000 && dice(50) ? plain[i - 4321] : (uint8_t)dice(64);
    return 0;
}

static void pack_xz(uint32_t dict, lzma_check check)
{
    lzma_options_lzma lzma;
    lzma_filter chain[] = {
        {LZMA_FILTER_X86, NULL}, {LZMA_FILTER_LZMA2, &lzma}, {LZMA_VLI_UNKNOWN, NULL}};
    size_t len = 0;

    lzma_lzma_preset(&lzma, 0);
    lzma.dict_size = dict;
    assert_int_equal(
        lzma_stream_buffer_encode(chain, check, NULL, plain, PLAIN, space, &len, 2 * PLAIN),
        LZMA_OK);
    space_len = len;
}

static void pack_gzip(void)
{
    z_stream s = {.next_in = plain, .avail_in = PLAIN, .next_out = space, .avail_out = 2 * PLAIN};

    assert_int_equal(deflateInit2(&s, 1, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
    space_len = s.total_out;
    deflateEnd(&s);
}

static void pack_lz4(void)
{
    memcpy(space, "\x02\x21\x4c\x18", 4);
    space_len = 4;
    for (uint32_t at = 0, n; at < PLAIN; at += 8u << 20) {
        uint32_t size = PLAIN - at < (8u << 20) ? PLAIN - at : 8u << 20;

        n = (uint32_t)LZ4_compress_default((char *)plain + at, (char *)space + space_len + 4,
                                           (int)size, PLAIN);
        memcpy(space + space_len, &n, 4);
        space_len += 4 + n;
    }
}

static void pack_zstd(void)
{
    space_len = ZSTD_compress(space, 2 * PLAIN, plain, PLAIN, 1);
    assert_false(ZSTD_isError(space_len));
}

static void pack(enum image_packing packing, bool in_bzimage)
{
    uint32_t size = PLAIN;

    switch (packing) {
    case IMAGE_XZ: pack_xz(1u << 20, LZMA_CHECK_CRC32); break;
    case IMAGE_GZIP: pack_gzip(); break;
    case IMAGE_LZ4: pack_lz4(); break;
    case IMAGE_ZSTD: pack_zstd(); break;
    default: break;
    }
    if (in_bzimage && packing != IMAGE_GZIP) {
        memcpy(space + space_len, &size, TRAILER);
        space_len += TRAILER;
    }
}

/* Unpacks len bytes at data into buffers of exactly the stated sizes; *out is the caller's. */
static const char *unpack_copy(enum image_packing packing, bool in_bzimage, const uint8_t *data,
                               uint64_t len, uint8_t **out, uint64_t *out_size)
{
    uint8_t *copy = malloc(len ? len : 1);
    struct packed_image p = {packing, copy, len, in_bzimage};
    struct unpack_arena arena = {0};
    uint64_t needs = 0;
    const char *why;

    memcpy(copy, data, len);
    *out = NULL;
    why = unpack_size(&p, out_size, &needs);
    if (!why) {
        *out = malloc(*out_size);
        arena.base = aligned_alloc(64, (needs + 127) & ~63ULL);
        arena.size = needs;
        why = unpack(&p, *out, *out_size, &arena);
        assert_true(arena.used <= arena.size);
    }
    free(arena.base);
    free(copy);
    return why;
}

static void round_trip(enum image_packing packing, bool in_bzimage)
{
    uint64_t size = 0;
    uint8_t *out;

    assert_ok(unpack_copy(packing, in_bzimage, space, space_len, &out, &size));
    assert_int_equal(size, PLAIN);
    assert_memory_equal(out, plain, PLAIN);
    free(out);
}

static void round_trips(void **state)
{
    for (int packing = IMAGE_GZIP; packing <= IMAGE_ZSTD; packing++) {
        pack(packing, true);
        round_trip(packing, true);
        if (packing == IMAGE_LZ4)
            continue; /* states no size alone */
        pack(packing, false);
        round_trip(packing, false);
    }
    pack_xz(64u << 20, LZMA_CHECK_CRC64);
    round_trip(IMAGE_XZ, false);
}

static void limits(void **state)
{
    struct packed_image p = {IMAGE_XZ, space, 0, false};
    uint64_t size, needs;
    uint8_t small[64] __attribute__((aligned(64)));
    struct unpack_arena arena = {.base = small, .size = sizeof(small)};
    uint8_t *out;
    uint32_t lie;

    assert_says(unpack_size(&p, &size, &needs), "too short");
    pack_xz(1u << 30, LZMA_CHECK_CRC32);
    p.len = space_len;
    assert_says(unpack_size(&p, &size, &needs), "dictionary is larger");

    pack(IMAGE_XZ, true);
    p.len = space_len;
    p.in_bzimage = true;
    assert_ok(unpack_size(&p, &size, &needs));
    out = malloc(size);
    assert_says(unpack(&p, out, size, &arena), "does not fit");
    free(out);
    p.packing = IMAGE_ZSTD;
    assert_says(unpack(&p, plain, 1, &arena), "too little memory");
    p.packing = IMAGE_GZIP;
    assert_says(unpack(&p, plain, 1, &arena), "too little memory");
    p.packing = IMAGE_PLAIN;
    assert_says(unpack(&p, plain, 1, &arena), "not compressed");

    for (int packing = IMAGE_GZIP; packing <= IMAGE_ZSTD; packing++) {
        pack(packing, true);
        p = (struct packed_image){packing, space, space_len, true};
        lie = (512u << 20) + 1;
        memcpy(space + space_len - TRAILER, &lie, sizeof(lie));
        assert_says(unpack_size(&p, &size, &needs), "512 MiB");
        for (int by = -1; by <= 1; by += 2) {
            lie = PLAIN + by;
            memcpy(space + space_len - TRAILER, &lie, sizeof(lie));
            assert_non_null(unpack_copy(packing, true, space, space_len, &out, &size));
            free(out);
        }
    }
    assert_says((p.packing = IMAGE_LZ4, p.in_bzimage = false, unpack_size(&p, &size, &needs)),
                "does not state");
}

static void damage_one(enum image_packing packing, bool in_bzimage)
{
    uint8_t *good;

    pack(packing, in_bzimage);
    good = malloc(space_len);
    memcpy(good, space, space_len);
    for (unsigned round = 0; round < 30; round++) {
        bool cut = dice(3) == 0;
        uint64_t len = cut ? dice(space_len) : space_len, size = 0;
        uint64_t at = dice(4) ? dice(len + 1) : dice(len < 64 ? len + 1 : 64);
        const char *why;
        uint8_t *out;

        memcpy(space, good, space_len);
        if (!cut)
            space[at < len ? at : len - 1] ^= (uint8_t)(1u << dice(8));
        why = unpack_copy(packing, in_bzimage, space, len, &out, &size);
        /* zstd's frames from its simple call have no checksum, nor has LZ4 */
        if (!why && (cut || packing == IMAGE_XZ))
            fail_msg("format %d round %u accepted", packing, round);
        if (!why && packing == IMAGE_GZIP)
            assert_memory_equal(out, plain, PLAIN); /* only the header's spare fields */
        free(out);
    }
    free(good);
}

static void damage(void **state)
{
    for (int packing = IMAGE_GZIP; packing <= IMAGE_ZSTD; packing++) {
        damage_one(packing, true);
        if (packing != IMAGE_LZ4)
            damage_one(packing, false);
    }
}

/* Single bytes whose damage only one check can see. */
static void aimed_damage(void **state)
{
    lzma_stream_flags footer;
    uint64_t size = 0, end;
    uint32_t block;
    uint8_t *out;

    pack(IMAGE_XZ, false);
    end = space_len - LZMA_STREAM_HEADER_SIZE;
    assert_int_equal(lzma_stream_footer_decode(&footer, space + end), LZMA_OK);
    space[end - footer.backward_size - 1] ^= 1;
    assert_says(unpack_copy(IMAGE_XZ, false, space, space_len, &out, &size), "wrong checksum");
    free(out);
    space[end - footer.backward_size - 1] ^= 1;
    space[end - 1] ^= 1; /* the index' own checksum */
    assert_says(unpack_copy(IMAGE_XZ, false, space, space_len, &out, &size), "behind its one");
    free(out);
    space[end - 1] ^= 1;
    space[space_len] = 0; /* in a bzImage nothing may follow */
    memcpy(space + space_len + 1, &(uint32_t){PLAIN}, TRAILER);
    assert_says(unpack_copy(IMAGE_XZ, true, space, space_len + 1 + TRAILER, &out, &size),
                "left over");
    free(out);

    pack(IMAGE_LZ4, true);
    memcpy(&block, space + 4, sizeof(block));
    end = 8 + block; /* the second block's size */
    memcpy(&block, space + end, sizeof(block));
    block++;
    memcpy(space + end, &block, sizeof(block));
    assert_says(unpack_copy(IMAGE_LZ4, true, space, space_len, &out, &size), "ends behind its end");
    free(out);
}

/* Noise behind a valid start, for the paths that damage to long files seldom meets. */
static void noise(void **state)
{
    for (unsigned round = 0; round < 20000; round++) {
        int packing = IMAGE_GZIP + (int)dice(4);
        uint8_t small[256];
        uint64_t len = 16 + dice(sizeof(small) - 16), size = 0;
        uint32_t claim = (uint32_t)dice(5000);
        uint8_t *out;

        for (unsigned i = 0; i < len; i++)
            small[i] = (uint8_t)(dice(3) ? dice(256) : 0);
        memcpy(small,
               packing == IMAGE_GZIP  ? "\x1f\x8b\x08\0\0\0\0\0\0\3"
               : packing == IMAGE_XZ  ? "\xfd"
                                        "7zXZ\0\0\1\x69\x22"
               : packing == IMAGE_LZ4 ? "\x02\x21\x4c\x18\x40\0\0\0\x1f\x20"
                                      : "\x28\xb5\x2f\xfd\x20\x80\0\0\0\0",
               10);
        memcpy(small + len - 4, &claim, 4);
        (void)unpack_copy(packing, dice(2), small, len, &out, &size);
        free(out);
    }
}

static void one_kernel(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct packed_image p;
    struct kernel_image img;
    uint64_t size = 0, len;
    uint8_t *out, *data;

    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    len = (uint64_t)ftell(f);
    rewind(f);
    data = malloc(len);
    assert_int_equal(fread(data, 1, len, f), len);
    fclose(f);

    assert_ok(image_recognise(&p, data, len));
    assert_ok(unpack_copy(p.packing, p.in_bzimage, p.data, p.len, &out, &size));
    assert_ok(image_parse(&img, out, size));
    assert_string_equal(img.guest_os, "linux");
    assert_int_equal(img.virt_base, 0xffffffff80000000ULL);
    assert_int_equal(img.p2m_base, 0x8000000000ULL);
    assert_true(img.flags & IMAGE_MOD_START_PFN);
    assert_int_equal(img.v_start, 0xffffffff81000000ULL);
    assert_null(image_check_dom0(&img)); /* 6.1 claims it even without CONFIG_XEN_DOM0 */
    printf("    %s: kernel %#llx-%#llx entry %#llx\n", path, (unsigned long long)img.v_start,
           (unsigned long long)img.v_end, (unsigned long long)img.entry);
    free(out);
    free(data);
}

static void debian_kernels(void **state)
{
    const char *cache = getenv("PAVIS_CACHE");
    char pattern[512];
    glob_t found;

    snprintf(pattern, sizeof(pattern), "%s%s/kernels/*/boot/vmlinuz-*",
             cache ? cache : getenv("HOME"), cache ? "" : "/.cache/pavis");
    if (glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            one_kernel(found.gl_pathv[i]);
    globfree(&found);
}

static void not_here(void **state)
{
    static const uint8_t bytes[64] = "BZh9";
    struct packed_image p = {.packing = IMAGE_BZIP2, .data = bytes, .len = sizeof(bytes)};
    struct unpack_arena arena = {0};
    uint64_t size, needs;
    char to[8];

    for (int i = 0; i < 2; i++, p.packing = IMAGE_LZMA, p.in_bzimage = true) {
        assert_non_null(strstr(unpack_size(&p, &size, &needs), "not supported"));
        assert_non_null(strstr(unpack(&p, to, sizeof(to), &arena), "not supported"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),  cmocka_unit_test(limits), cmocka_unit_test(damage),
        cmocka_unit_test(aimed_damage), cmocka_unit_test(noise),  cmocka_unit_test(debian_kernels),
        cmocka_unit_test(not_here),
    };

    return cmocka_run_group_tests(tests, make_plain, NULL);
}
