/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Compressed kernels: whatever the file says of itself, unpacking stays within its buffers and
 * ends. The first byte names the packing, bit 7 a bzImage.  Claims of more memory than a fuzzer has
 * time for are not followed; the limits themselves are the unit test's.
 */
// SHORT: 100000
// SOURCES: hypervisor/dom0/unpack.c hypervisor/dom0/unpack_xz.c hypervisor/dom0/bcj_x86.c
// SOURCES: hypervisor/dom0/image.c hypervisor/dom0/image_notes.c
// SOURCES: hypervisor/lib/format.c hypervisor/lib/string.c
// LIBS: -llzma -lz -llz4 -lzstd
#include <cmocka.h>

#include "dom0/unpack.h"
#include "fuzz.h"

#define MAX_OUT   (256U << 10)
#define MAX_ARENA (16U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t memory[MAX_ARENA] __attribute__((aligned(64)));
    struct unpack_arena arena = {.base = memory};
    struct packed_image p;
    uint64_t out_size, needs;
    uint8_t *file, *out;

    if (!size)
        return 0;
    file = fuzz_copy(data + 1, size - 1);
    p = (struct packed_image){(enum image_packing)((data[0] & 0x7f) % (IMAGE_ZSTD + 1)), file,
                              size - 1, data[0] >> 7};
    if (!unpack_size(&p, &out_size, &needs)) {
        assert_true(out_size <= UNPACK_MAX_SIZE && needs <= UNPACK_MAX_ARENA);
        if (out_size <= MAX_OUT && needs <= MAX_ARENA) {
            out = malloc(out_size ? out_size : 1);
            arena.size = needs;
            (void)unpack(&p, out, out_size, &arena);
            assert_true(arena.used <= arena.size);
            free(out);
        }
    }
    free(file);
    return 0;
}
