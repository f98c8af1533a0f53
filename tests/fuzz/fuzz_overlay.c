/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The file of an overlay that somebody else has made: whatever its header and its maps say, with
 * checksums that are right or wrong, nothing outside of memory is touched, every place named is in
 * the file, and extents end.
 */
// SOURCES: blkback/overlay.c
// LIBS: -I. -Ixenbus
// OPTIONS: -max_len=2048
// SHORT: 8000
#include "blkback/overlay.h"
#include "fuzz.h"

static void use(struct overlay *overlay, struct fuzz_input *in)
{
    uint64_t end = overlay_data_at(overlay, overlay->nr_blocks * OVERLAY_BLOCK);
    for (int n = 0; n < 30; n++) {
        uint64_t at = fuzz_take(in, 6) % overlay->bytes;
        uint64_t len = 1 + fuzz_take(in, 2) % (overlay->bytes - at);
        uint64_t where;
        bool here;
        uint64_t extent = overlay_extent(overlay, at, len, &here);
        if (extent == 0 || extent > len || overlay_data_at(overlay, at + len) > end)
            abort();
        overlay_set(overlay, at / OVERLAY_BLOCK,
                    (at + len - 1) / OVERLAY_BLOCK - at / OVERLAY_BLOCK + 1);
        overlay_extent(overlay, at, len, &here);
        if (!here || overlay_take(overlay) < 0)
            abort();
        while (overlay_next(overlay, &where)) {
            if (where < OVERLAY_BLOCK || where >= overlay_live_at(overlay))
                abort();
        }
        if (n % 3)
            overlay_taken(overlay);
        else
            overlay_failed(overlay);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct overlay_header header;
    static struct overlay_map copies[2];
    struct fuzz_input in = {data, size};
    struct overlay overlay;
    const char *why;
    if (fuzz_take(&in, 1) % 4) { /* a good one, of a size by chance */
        struct overlay_base base = {.bytes = fuzz_take(&in, 8)};
        if (!overlay_make(&header, fuzz_take(&in, 3) * 512, &base, "/", &why))
            return 0;
    } else {
        memset(&header, 0, sizeof(header));
        memcpy(&header, in.at, in.left < sizeof(header) ? in.left : sizeof(header));
    }
    if (!overlay_begin(&overlay, &header, &why))
        return 0;
    for (unsigned i = 0; i < overlay.nr_maps && i < 3; i++) {
        for (unsigned c = 0; c < 2; c++) {
            uint8_t *bytes = (uint8_t *)&copies[c];
            memset(bytes, 0, sizeof(copies[c]));
            copies[c].generation = fuzz_take(&in, 2);
            copies[c].number = fuzz_take(&in, 1) % 8 ? i : 7;
            for (unsigned n = 0; n < 64; n++)
                copies[c].bits[fuzz_take(&in, 2) % OVERLAY_MAP_BYTES] = (uint8_t)fuzz_take(&in, 1);
            copies[c].crc =
                overlay_crc(0, bytes + 4, sizeof(copies[c]) - 4) ^ (fuzz_take(&in, 1) % 8 == 0);
        }
        overlay_load(&overlay, i, copies);
    }
    overlay_load_live(&overlay, fuzz_take(&in, 3), in.at, in.left);
    if (in.left > 0 || overlay.nr_maps < 20)
        use(&overlay, &in);
    overlay_end(&overlay);
    return 0;
}
