/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * XZ, with liblzma.  A Linux kernel is one block, filtered by BCJ x86 and LZMA2, with a CRC32.  For
 * that form the block is decoded straight into the destination and the filter undone in place
 * (bcj_x86.h), about a fifth fewer instructions than liblzma's own way, which takes all others.
 * What is checked is the same in both: headers, the block's checksum, the index, the footer.
 */
#include "dom0/unpack_xz.h"

#include <lzma.h>

#include "dom0/bcj_x86.h"
#include "lib/string.h"
#include "lib/types.h"

#define HEADER_NEEDS 16384u /* what liblzma allocates before it looks at the dictionary size */

static const char damaged[] = "the kernel's XZ data is damaged";

static void *alloc(void *opaque, size_t count, size_t size)
{
    size_t bytes;

    return __builtin_mul_overflow(count, size, &bytes) ? NULL : unpack_arena_alloc(opaque, bytes);
}

static void no_free(void *opaque, void *address)
{
}

static const char *sentence(lzma_ret ret)
{
    switch (ret) {
    case LZMA_FORMAT_ERROR: return "the kernel's XZ data does not start as an XZ file";
    case LZMA_OPTIONS_ERROR:
        return "the kernel's XZ data uses a filter or check that is not supported";
    case LZMA_DATA_ERROR: return damaged;
    case LZMA_BUF_ERROR:
        return "the kernel's XZ data is cut off or unpacks to more than its stated size";
    case LZMA_MEM_ERROR:
    case LZMA_MEMLIMIT_ERROR:
        return "the kernel's XZ dictionary does not fit in the memory set aside for unpacking";
    default: return "the XZ library failed in a way it should not";
    }
}

/* With a limit of one byte liblzma reads as far as the dictionary's size and reports the need. */
const char *xz_needs(const struct packed_image *p, uint64_t *needs)
{
    static uint8_t scratch[HEADER_NEEDS] __aligned(UNPACK_ARENA_ALIGN);
    struct unpack_arena arena = {.base = scratch, .size = sizeof(scratch)};
    lzma_allocator allocator = {.alloc = alloc, .free = no_free, .opaque = &arena};
    size_t in_pos = 0, out_pos = 0;
    uint64_t memory = 1;
    uint8_t nowhere;
    lzma_ret ret = lzma_stream_buffer_decode(&memory, 0, &allocator, p->data, &in_pos,
                                             unpack_stream_len(p), &nowhere, &out_pos, 1);

    if (ret != LZMA_MEMLIMIT_ERROR)
        return ret == LZMA_OK ? "the kernel's XZ data holds nothing" : sentence(ret);
    *needs = memory;
    return NULL;
}

/*
 * The index at the end: a zero byte, the number of records, and for each block its packed and
 * unpacked size, as variable-length integers.  (liblzma's index functions would do it, but reach
 * their allocator through a global offset table, which the hypervisor has no other use for.)
 */
const char *xz_lone_size(const struct packed_image *p, uint64_t *out_size)
{
    static const char at_end[] = "the kernel's XZ file is damaged or cut off at its end";
    lzma_stream_flags footer;
    lzma_vli records, packed_size, unpacked_size, total = 0;
    size_t pos, end;

    if (p->len < 2 * LZMA_STREAM_HEADER_SIZE)
        return at_end;
    end = p->len - LZMA_STREAM_HEADER_SIZE;
    if (lzma_stream_footer_decode(&footer, p->data + end) != LZMA_OK || footer.backward_size > end)
        return at_end;
    pos = end - footer.backward_size + 1;
    if (lzma_vli_decode(&records, NULL, p->data, &pos, end) != LZMA_OK)
        return at_end;
    while (records--) {
        if (lzma_vli_decode(&packed_size, NULL, p->data, &pos, end) != LZMA_OK ||
            lzma_vli_decode(&unpacked_size, NULL, p->data, &pos, end) != LZMA_OK ||
            unpacked_size > UNPACK_MAX_SIZE - total)
            return at_end;
        total += unpacked_size;
    }
    *out_size = total;
    return NULL;
}

/* A stream that is being decoded: where we are in the input, and what its headers said. */
struct xz_stream {
    const uint8_t *in;
    size_t pos, len;
    lzma_stream_flags flags;
    lzma_block block;
    lzma_filter filters[LZMA_FILTERS_MAX + 1];
};

/* Reads both headers; true if this is the form that the Linux build makes. */
static bool is_linux_form(struct xz_stream *s, const lzma_allocator *allocator)
{
    s->pos = LZMA_STREAM_HEADER_SIZE;
    if (s->len < LZMA_STREAM_HEADER_SIZE + LZMA_BLOCK_HEADER_SIZE_MAX ||
        lzma_stream_header_decode(&s->flags, s->in) != LZMA_OK || s->in[s->pos] == 0)
        return false;
    s->block.header_size = lzma_block_header_size_decode(s->in[s->pos]);
    s->block.check = s->flags.check;
    s->block.filters = s->filters;
    if (lzma_block_header_decode(&s->block, allocator, s->in + s->pos) != LZMA_OK)
        return false;
    s->pos += s->block.header_size;
    return s->flags.check == LZMA_CHECK_CRC32 && s->filters[0].id == LZMA_FILTER_X86 &&
           !s->filters[0].options && s->filters[1].id == LZMA_FILTER_LZMA2 &&
           s->filters[2].id == LZMA_VLI_UNKNOWN;
}

/* Padding and checksum behind the block's data, which began at start. */
static const char *finish_block(struct xz_stream *s, size_t start, const void *dst, size_t size)
{
    lzma_vli data_size = s->pos - start;
    uint32_t crc;

    if ((s->block.compressed_size != LZMA_VLI_UNKNOWN && s->block.compressed_size != data_size) ||
        (s->block.uncompressed_size != LZMA_VLI_UNKNOWN && s->block.uncompressed_size != size))
        return damaged;
    for (; s->pos % 4; s->pos++) /* headers are multiples of four long */
        if (s->pos >= s->len || s->in[s->pos])
            return damaged;
    if (s->len - s->pos < sizeof(crc))
        return sentence(LZMA_BUF_ERROR);
    memcpy(&crc, s->in + s->pos, sizeof(crc));
    s->pos += sizeof(crc);
    return crc == lzma_crc32(dst, size, 0) ? NULL : "the kernel's XZ data has a wrong checksum";
}

/* Index and footer: that of this one block, and nothing behind. */
static const char *finish_stream(struct xz_stream *s, lzma_vli unpadded, size_t size,
                                 const lzma_allocator *allocator)
{
    lzma_index_hash *hash = lzma_index_hash_init(NULL, allocator);
    lzma_stream_flags footer;

    if (!hash)
        return sentence(LZMA_MEM_ERROR);
    if (lzma_index_hash_append(hash, unpadded, size) != LZMA_OK || s->pos >= s->len ||
        lzma_index_hash_decode(hash, s->in, &s->pos, s->len) != LZMA_STREAM_END ||
        s->len - s->pos < LZMA_STREAM_HEADER_SIZE ||
        lzma_stream_footer_decode(&footer, s->in + s->pos) != LZMA_OK ||
        footer.backward_size != lzma_index_hash_size(hash) ||
        lzma_stream_flags_compare(&s->flags, &footer) != LZMA_OK)
        return "the kernel's XZ data is damaged or cut off behind its one block";
    s->pos += LZMA_STREAM_HEADER_SIZE;
    return NULL;
}

static const char *unpack_linux_form(struct xz_stream *s, void *dst, size_t dst_size,
                                     const lzma_allocator *allocator, size_t *got)
{
    size_t start = s->pos;
    lzma_ret ret = lzma_raw_buffer_decode(s->filters + 1, allocator, s->in, &s->pos, s->len, dst,
                                          got, dst_size);
    lzma_vli unpadded = s->block.header_size + (s->pos - start) + lzma_check_size(s->flags.check);
    const char *why;

    if (ret != LZMA_OK)
        return sentence(ret);
    bcj_x86_undo(dst, *got);
    why = finish_block(s, start, dst, *got);
    return why ? why : finish_stream(s, unpadded, *got, allocator);
}

const char *xz_unpack(const struct packed_image *p, void *dst, size_t dst_size,
                      struct unpack_arena *arena, size_t *got)
{
    lzma_allocator allocator = {.alloc = alloc, .free = no_free, .opaque = arena};
    struct xz_stream s = {.in = p->data, .len = unpack_stream_len(p)};
    const char *why = NULL;
    uint64_t memlimit;

    *got = 0;
    if (is_linux_form(&s, &allocator)) {
        why = unpack_linux_form(&s, dst, dst_size, &allocator, got);
    } else {
        lzma_ret ret;

        memlimit = arena->size - arena->used;
        s.pos = 0;
        ret = lzma_stream_buffer_decode(&memlimit, 0, &allocator, s.in, &s.pos, s.len, dst, got,
                                        dst_size);
        why = ret == LZMA_OK ? NULL : sentence(ret);
    }
    if (!why && s.pos != s.len)
        why = "bytes are left over behind the kernel's XZ data";
    return why;
}
