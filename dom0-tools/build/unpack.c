// SPDX-License-Identifier: GPL-2.0-only
/* Unpacking on a host: see unpack.h.
 *
 * The libraries' memory comes from a mapping of the size that the file asks for within the limits
 * of hypervisor/dom0/unpack.h (dictionary of XZ); pages of it that are not used cost nothing.  The
 * head of a file is unpacked by each library's streaming form, whose allocations are malloc's.
 */
#include "build/unpack.h"

#include <bzlib.h>
#include <lz4.h>
#include <lzma.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>
#include <zstd.h>

#include "build/lz4.h"

#define TRAILER   4u /* unpacked size behind a bzImage's payload */
#define LZ4_START 8u /* magic and the first block's length */
#define LZ4_BLOCK (8u << 20)
#define LZ4_MAGIC 0x184C2102u
#define GZIP_ONLY (16 + MAX_WBITS)

static uint32_t get32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static uint64_t stream_len(const struct packed_image *p)
{
    return p->in_bzimage && p->packing != IMAGE_GZIP ? p->len - TRAILER : p->len;
}

/* Formats whose files say their size only in a bzImage. */
static const char *trailer_size(const struct packed_image *p, uint64_t *size)
{
    if (!p->in_bzimage || p->len <= 2 * TRAILER)
        return "a kernel compressed with bzip2 or LZMA must be inside a bzImage, or be unpacked "
               "first";
    *size = get32(p->data + p->len - TRAILER);
    if (*size == 0 || *size > UNPACK_MAX_SIZE || p->len > UNPACK_MAX_SIZE)
        return "the kernel states an unpacked size of nothing or of more than 512 MiB: it is "
               "damaged or cut off";
    return NULL;
}

const char *build_unpack_size(const struct packed_image *p, uint64_t *size)
{
    uint64_t arena;

    if (p->packing == IMAGE_BZIP2 || p->packing == IMAGE_LZMA)
        return trailer_size(p, size);
    return unpack_size(p, size, &arena);
}

static const char *bzip2_unpack(const struct packed_image *p, void *to, size_t size)
{
    unsigned got = (unsigned)size;
    int ret = BZ2_bzBuffToBuffDecompress(to, &got, (char *)(uintptr_t)p->data,
                                         (unsigned)stream_len(p), 0, 0);

    return ret == BZ_OK && got == size ? NULL : "the kernel's bzip2 data is damaged or cut off";
}

static const char *lzma_unpack(const struct packed_image *p, void *to, size_t size)
{
    lzma_stream s = LZMA_STREAM_INIT;
    lzma_ret ret = lzma_alone_decoder(&s, UNPACK_MAX_ARENA);

    s.next_in = p->data;
    s.avail_in = stream_len(p);
    s.next_out = to;
    s.avail_out = size;
    if (ret == LZMA_OK)
        ret = lzma_code(&s, LZMA_FINISH);
    /* A file may end without a mark when its header states the size: all output, then no input. */
    bool whole = s.avail_out == 0 && s.avail_in == 0;
    lzma_end(&s);
    return whole && (ret == LZMA_STREAM_END || ret == LZMA_OK)
               ? NULL
               : "the kernel's LZMA data is damaged or cut off";
}

/* The legacy frame: blocks, each behind its length; at one's place may stand a further magic. */
static const char *lz4_unpack(const struct packed_image *p, uint8_t *to, size_t size,
                              struct lz4_room *place)
{
    static const char damaged[] = "the kernel's LZ4 data is damaged or cut off";
    uint64_t end = stream_len(p), in = sizeof(uint32_t);
    size_t out = 0;

    while (in < end) {
        size_t room = size - out < LZ4_BLOCK ? size - out : LZ4_BLOCK;
        uint32_t len;
        int64_t n;

        if (end - in < sizeof(len))
            return damaged;
        len = get32(p->data + in);
        in += sizeof(len);
        if (len == LZ4_MAGIC)
            continue;
        n = len <= end - in ? lz4_block(p->data + in, len, to + out, room, place) : -1;
        if (n < 0)
            return damaged;
        in += len;
        out += (size_t)n;
    }
    return out == size ? NULL : damaged;
}

bool build_unpack_by_room(const struct packed_image *p)
{
    return p->packing == IMAGE_LZ4;
}

const char *build_unpack(const struct packed_image *p, void *to, size_t size, struct lz4_room *room)
{
    struct unpack_arena arena = {0};
    uint64_t stated, needs = 0;
    const char *wrong;

    if (p->packing == IMAGE_BZIP2)
        return bzip2_unpack(p, to, size);
    if (p->packing == IMAGE_LZMA)
        return lzma_unpack(p, to, size);
    wrong = unpack_size(p, &stated, &needs);
    if (wrong)
        return wrong;
    if (p->packing == IMAGE_LZ4)
        return lz4_unpack(p, to, size, room);
    if (needs) {
        arena.size = needs;
        arena.base = mmap(NULL, needs, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (arena.base == MAP_FAILED)
            return "there is no memory for the decompressor";
    }
    wrong = unpack(p, to, size, &arena);
    if (needs)
        munmap(arena.base, needs);
    return wrong;
}

static size_t lz4_head(const struct packed_image *p, void *to, size_t len)
{
    uint64_t end = stream_len(p);
    uint32_t block;
    int got;

    if (end < LZ4_START)
        return 0;
    block = get32(p->data + sizeof(block));
    if (block > end - LZ4_START || block > (uint32_t)LZ4_COMPRESSBOUND(LZ4_BLOCK))
        return 0;
    got = LZ4_decompress_safe_partial((const char *)p->data + LZ4_START, to, (int)block, (int)len,
                                      (int)len);
    return got > 0 ? (size_t)got : 0;
}

static size_t gzip_head(const struct packed_image *p, void *to, size_t len)
{
    z_stream s = {.next_in = (uint8_t *)(uintptr_t)p->data,
                  .avail_in = (unsigned)p->len,
                  .next_out = to,
                  .avail_out = (unsigned)len};

    if (inflateInit2(&s, GZIP_ONLY) != Z_OK)
        return 0;
    inflate(&s, Z_SYNC_FLUSH);
    inflateEnd(&s);
    return len - s.avail_out;
}

static size_t zstd_head(const struct packed_image *p, void *to, size_t len)
{
    ZSTD_inBuffer in = {.src = p->data, .size = stream_len(p)};
    ZSTD_outBuffer out = {.dst = to, .size = len};
    ZSTD_DStream *s = ZSTD_createDStream();
    size_t ret = 1;

    if (!s)
        return 0;
    while (!ZSTD_isError(ret) && ret && out.pos < out.size && in.pos < in.size)
        ret = ZSTD_decompressStream(s, &out, &in);
    ZSTD_freeDStream(s);
    return out.pos;
}

static size_t lzma_head(const struct packed_image *p, void *to, size_t len)
{
    lzma_stream s = LZMA_STREAM_INIT;
    lzma_ret ret = p->packing == IMAGE_XZ ? lzma_stream_decoder(&s, UNPACK_MAX_ARENA, 0)
                                          : lzma_alone_decoder(&s, UNPACK_MAX_ARENA);

    s.next_in = p->data;
    s.avail_in = stream_len(p);
    s.next_out = to;
    s.avail_out = len;
    while (ret == LZMA_OK && s.avail_out && s.avail_in)
        ret = lzma_code(&s, LZMA_RUN);
    lzma_end(&s);
    return len - s.avail_out;
}

size_t build_unpack_head(const struct packed_image *p, void *to, size_t len)
{
    if (p->len <= 2 * TRAILER || p->len > UNPACK_MAX_SIZE)
        return 0;
    switch (p->packing) {
    case IMAGE_LZ4: return lz4_head(p, to, len);
    case IMAGE_GZIP: return gzip_head(p, to, len);
    case IMAGE_ZSTD: return zstd_head(p, to, len);
    case IMAGE_XZ:
    case IMAGE_LZMA: return lzma_head(p, to, len);
    case IMAGE_PLAIN:
    case IMAGE_BZIP2: return 0;
    }
    return 0;
}
