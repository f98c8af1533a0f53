/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What Debian's static liblzma, zlib, liblz4 and libzstd find in place of a C library.
 *
 * The archives were built for user space and know the C library by a handful of names.  libs.mk
 * links them with this file and unpack.c into one object and makes every name but the two of
 * unpack.h local, so what stands here can neither clash with nor be used by the hypervisor proper.
 * It may use SSE (libs.mk compiles it so): it runs only inside unpack_env.S, which makes that safe.
 *
 * malloc and its kin are here because the archives contain code that names them; unpack.c gives
 * every library an allocator of its own, so a call is a mistake of ours and stops the boot.
 */
#include <stddef.h>
#include <stdint.h>

#include "debug/assert.h"
#include "lib/compiler.h"

/* The names that the archives want; declared here since no header of ours should offer them. */
void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void free(void *p);
__noreturn void __stack_chk_fail(void);
unsigned long long ZSTD_trace_decompress_begin(const void *dctx);
void ZSTD_trace_decompress_end(unsigned long long ctx, const void *trace);
void unpack_libs_init(void);

typedef uint64_t chunk_t __attribute__((vector_size(16), may_alias)) __aligned(1);

/* Bounds of the archives' constructors (liblzma picks its CRC routine so), set by the link script.
 */
extern void (*const unpack_constructors[])(void);
extern void (*const unpack_constructors_end[])(void);

void unpack_libs_init(void)
{
    for (void (*const *fn)(void) = unpack_constructors; fn < unpack_constructors_end; fn++)
        (*fn)();
}

static void copy_forward(uint8_t *to, const uint8_t *from, size_t n)
{
    for (; n >= sizeof(chunk_t); n -= sizeof(chunk_t)) {
        *(chunk_t *)to = *(const chunk_t *)from;
        to += sizeof(chunk_t);
        from += sizeof(chunk_t);
    }
    while (n--)
        *to++ = *from++;
}

void *memcpy(void *dst, const void *src, size_t n)
{
    copy_forward(dst, src, n);
    return dst;
}

/* Forward copying is right for every overlap with dst below src, each chunk being read first. */
void *memmove(void *dst, const void *src, size_t n)
{
    uint8_t *to = dst;
    const uint8_t *from = src;

    if ((uintptr_t)to - (uintptr_t)from >= n) {
        copy_forward(to, from, n);
        return dst;
    }
    while (n >= sizeof(chunk_t)) {
        n -= sizeof(chunk_t);
        *(chunk_t *)(to + n) = *(const chunk_t *)(from + n);
    }
    while (n--)
        to[n] = from[n];
    return dst;
}

void *memset(void *dst, int c, size_t n)
{
    uint64_t word = 0x0101010101010101ULL * (uint8_t)c;
    chunk_t chunk = {word, word};
    uint8_t *to = dst;

    for (; n >= sizeof(chunk); n -= sizeof(chunk)) {
        *(chunk_t *)to = chunk;
        to += sizeof(chunk);
    }
    while (n--)
        *to++ = (uint8_t)c;
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a, *y = b;

    for (; n; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

void *malloc(size_t size)
{
    panic("a decompression library called malloc (%zu bytes)", size);
}

void *calloc(size_t count, size_t size)
{
    panic("a decompression library called calloc (%zu * %zu bytes)", count, size);
}

void free(void *p)
{
    panic("a decompression library called free");
}

void __stack_chk_fail(void)
{
    panic("stack overrun inside a decompression library");
}

/* libzstd's tracing hooks, weak in the archive: 0 says that nobody traces, so end is never called.
 */
unsigned long long ZSTD_trace_decompress_begin(const void *dctx)
{
    return 0;
}

void ZSTD_trace_decompress_end(unsigned long long ctx, const void *trace)
{
}
