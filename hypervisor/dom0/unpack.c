/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The four decompressors behind one pair of functions.
 *
 * Decided here: how each library is told to allocate (always from the caller's arena: none of
 * them reaches malloc), what is checked beyond what the library checks (exact sizes on both
 * sides), and the words for each failure.  Relied on: the libraries are safe against hostile
 * input when given true buffer sizes.  If a size check were wrong here, a damaged kernel would
 * overwrite memory behind the buffer during boot.
 */
#include "dom0/unpack_xz.h"

#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_initStaticDCtx, to keep zstd away from malloc */
#include <lz4.h>
#include <zlib.h>
#include <zstd.h>

#include "lib/string.h"

#define TRAILER       4u          /* bytes of unpacked size at the end of a bzImage's payload */
#define LZ4_MAGIC     0x184C2102u /* legacy frame; block size below is fixed by the format */
#define LZ4_BLOCK     (8u << 20)
#define GZIP_ONLY     (16 + 15)   /* inflateInit2: gzip header, window of 32 KiB */
#define INFLATE_NEEDS (64u << 10) /* zlib's manual: below 44 KiB (window and state) */

void *unpack_arena_alloc(struct unpack_arena *arena, size_t size)
{
    size_t start = (arena->used + UNPACK_ARENA_ALIGN - 1) & ~(size_t)(UNPACK_ARENA_ALIGN - 1);

    if (start > arena->size || size > arena->size - start)
        return NULL;
    arena->used = start + size;
    return arena->base + start;
}

static uint32_t read_le32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v)); /* every host of this code is little endian */
    return v;
}

/* The compressed bytes without what Linux' build put behind them; gzip's own end is its size. */
uint64_t unpack_stream_len(const struct packed_image *p)
{
    return p->in_bzimage && p->packing != IMAGE_GZIP ? p->len - TRAILER : p->len;
}

static void *gzip_alloc(void *opaque, unsigned count, unsigned size)
{
    return unpack_arena_alloc(opaque, (size_t)count * size);
}

static void gzip_free(void *opaque, void *address)
{
}

static const char *gzip_unpack(const struct packed_image *p, void *dst, size_t dst_size,
                               struct unpack_arena *arena, size_t *got)
{
    z_stream stream = {.zalloc = gzip_alloc, .zfree = gzip_free, .opaque = arena};
    int ret = inflateInit2(&stream, GZIP_ONLY);

    if (ret != Z_OK)
        return "the gzip library has too little memory";
    stream.next_in = (uint8_t *)(uintptr_t)p->data;
    stream.avail_in = (unsigned)unpack_stream_len(p);
    stream.next_out = dst;
    stream.avail_out = (unsigned)dst_size;
    ret = inflate(&stream, Z_FINISH);
    *got = stream.total_out;
    inflateEnd(&stream);
    if (ret == Z_BUF_ERROR || ret == Z_OK)
        return "the kernel's gzip data is cut off or unpacks to more than its stated size";
    if (ret != Z_STREAM_END)
        return "the kernel's gzip data is damaged";
    return stream.avail_in == 0 ? NULL : "bytes are left over behind the kernel's gzip data";
}

static const char *lz4_unpack(const struct packed_image *p, uint8_t *dst, size_t dst_size,
                              size_t *got)
{
    uint64_t end = unpack_stream_len(p), in = sizeof(uint32_t); /* behind the magic, seen before */
    size_t out = 0;

    while (in < end) {
        size_t room = dst_size - out < LZ4_BLOCK ? dst_size - out : LZ4_BLOCK;
        uint32_t size;
        int n;

        if (end - in < sizeof(size))
            return "the kernel's LZ4 data is cut off inside a block's size";
        size = read_le32(p->data + in);
        in += sizeof(size);
        if (size == LZ4_MAGIC) /* a further frame begins */
            continue;
        if (size > end - in || size > (uint32_t)LZ4_COMPRESSBOUND(LZ4_BLOCK))
            return "the kernel's LZ4 data is damaged or cut off: a block ends behind its end";
        n = LZ4_decompress_safe((const char *)p->data + in, (char *)dst + out, (int)size,
                                (int)room);
        if (n < 0)
            return "the kernel's LZ4 data is damaged or unpacks to more than its stated size";
        in += size;
        out += (size_t)n;
    }
    *got = out;
    return NULL;
}

static const char *zstd_unpack(const struct packed_image *p, void *dst, size_t dst_size,
                               struct unpack_arena *arena, size_t *got)
{
    size_t needs = ZSTD_estimateDCtxSize();
    void *space = unpack_arena_alloc(arena, needs);
    ZSTD_DCtx *dctx = space ? ZSTD_initStaticDCtx(space, needs) : NULL;
    size_t ret;

    if (!dctx)
        return "the zstd library has too little memory";
    ret = ZSTD_decompressDCtx(dctx, dst, dst_size, p->data, unpack_stream_len(p));
    if (ZSTD_isError(ret))
        return "the kernel's zstd data is damaged, cut off, or unpacks to more than its stated "
               "size";
    *got = ret;
    return NULL;
}

static const char refused[] = "the kernel is compressed with bzip2 or LZMA, which is not supported "
                              "here: use XZ, LZ4, gzip or zstd";

static const char *stated_size(const struct packed_image *p, uint64_t *out_size)
{
    if (p->len <= 2 * TRAILER)
        return "the kernel's compressed data is too short to be anything";
    if (p->packing == IMAGE_BZIP2 || p->packing == IMAGE_LZMA)
        return refused;
    if (p->in_bzimage || p->packing == IMAGE_GZIP) {
        *out_size = read_le32(p->data + p->len - TRAILER);
        return NULL;
    }
    if (p->packing == IMAGE_XZ)
        return xz_lone_size(p, out_size);
    if (p->packing == IMAGE_ZSTD) {
        *out_size = ZSTD_getFrameContentSize(p->data, p->len);
        if (*out_size < ZSTD_CONTENTSIZE_ERROR)
            return NULL;
        return "the zstd file does not state its unpacked size: compress it with --content-size";
    }
    return "an LZ4 file does not state its unpacked size: use it inside a bzImage, or unpack it";
}

const char *unpack_size(const struct packed_image *p, uint64_t *out_size, uint64_t *arena_size)
{
    const char *why = stated_size(p, out_size);
    uint64_t needs = 0;

    if (why)
        return why;
    if (*out_size == 0 || *out_size > UNPACK_MAX_SIZE)
        return "the kernel states an unpacked size of nothing or of more than 512 MiB: it is "
               "damaged or cut off";
    if (p->len > UNPACK_MAX_SIZE)
        return "the compressed kernel is larger than 512 MiB";

    switch (p->packing) {
    case IMAGE_PLAIN: return "the kernel is not compressed";
    case IMAGE_BZIP2:
    case IMAGE_LZMA: return refused;
    case IMAGE_LZ4: break;
    case IMAGE_GZIP: needs = INFLATE_NEEDS; break;
    case IMAGE_ZSTD: needs = ZSTD_estimateDCtxSize() + UNPACK_ARENA_ALIGN; break;
    case IMAGE_XZ:
        why = xz_needs(p, &needs);
        if (why)
            return why;
        if (needs > UNPACK_MAX_ARENA - XZ_SLACK)
            return "the kernel's XZ dictionary is larger than any kernel's (limit 320 MiB)";
        needs += XZ_SLACK;
        break;
    }
    *arena_size = needs;
    return NULL;
}

const char *unpack(const struct packed_image *p, void *dst, size_t dst_size,
                   struct unpack_arena *arena)
{
    const char *why = "the kernel is not compressed";
    size_t got = 0;

    if (p->len <= 2 * TRAILER || p->len > UNPACK_MAX_SIZE || dst_size > UNPACK_MAX_SIZE)
        return "the kernel's compressed data has no sensible size";

    switch (p->packing) {
    case IMAGE_PLAIN: break;
    case IMAGE_BZIP2:
    case IMAGE_LZMA: why = refused; break;
    case IMAGE_XZ: why = xz_unpack(p, dst, dst_size, arena, &got); break;
    case IMAGE_GZIP: why = gzip_unpack(p, dst, dst_size, arena, &got); break;
    case IMAGE_LZ4: why = lz4_unpack(p, dst, dst_size, &got); break;
    case IMAGE_ZSTD: why = zstd_unpack(p, dst, dst_size, arena, &got); break;
    }
    if (!why && got != dst_size)
        why = "the kernel unpacks to less than its stated size: it is damaged";
    return why;
}
