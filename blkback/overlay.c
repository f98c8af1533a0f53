// SPDX-License-Identifier: GPL-2.0-only
/* The format of an overlay, and its bits: see overlay.h. */
#include <stdlib.h>
#include <string.h>

#include "blkback/overlay.h"

#define VERSION    1u
#define DATA_ALIGN 65536u

static const uint8_t magic[8] = {'P', 'a', 'v', 'i', 's', 'O', 'v', '\n'};

_Static_assert(sizeof(struct overlay_header) == OVERLAY_BLOCK, "a block");
_Static_assert(sizeof(struct overlay_map) == OVERLAY_BLOCK, "a block");

/* CRC-32C, four bits at a time: a table of a line instead of one of a page. */
uint32_t overlay_crc(uint32_t crc, const void *data, uint64_t len)
{
    static const uint32_t table[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
                                       0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
                                       0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
                                       0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
    const uint8_t *byte = data;
    crc = ~crc;
    while (len-- > 0) {
        crc ^= *byte++;
        crc = table[crc & 15] ^ crc >> 4;
        crc = table[crc & 15] ^ crc >> 4;
    }
    return ~crc;
}

static uint32_t header_crc(const struct overlay_header *header)
{
    struct overlay_header copy = *header;
    copy.crc = 0;
    return overlay_crc(0, &copy, sizeof(copy));
}

static uint32_t map_crc(const struct overlay_map *map)
{
    return overlay_crc(0, (const uint8_t *)map + sizeof(map->crc), sizeof(*map) - sizeof(map->crc));
}

static bool size_is_good(uint64_t bytes)
{
    return bytes > 0 && bytes <= OVERLAY_MAX_SIZE && bytes % 512 == 0;
}

bool overlay_make(struct overlay_header *header, uint64_t bytes, const struct overlay_base *base,
                  const char *path, const char **why)
{
    size_t len = strlen(path);
    *why = "the size must be whole sectors, and at most 2 TiB";
    if (!size_is_good(bytes))
        return false;
    *why = "the base's path must be absolute and shorter than 3072 characters";
    if (len >= OVERLAY_MAX_PATH || *path != '/')
        return false;
    memset(header, 0, sizeof(*header));
    memcpy(header->magic, magic, sizeof(magic));
    header->version = VERSION;
    header->bytes = bytes;
    header->base = *base;
    memcpy(header->path, path, len);
    header->crc = header_crc(header);
    return true;
}

bool overlay_begin(struct overlay *overlay, const struct overlay_header *header, const char **why)
{
    *why = "this is no overlay";
    if (memcmp(header->magic, magic, sizeof(magic)) != 0)
        return false;
    *why = "this overlay is of a later version";
    if (header->version != VERSION)
        return false;
    *why = "the overlay's header is damaged";
    if (header->crc != header_crc(header) || !size_is_good(header->bytes) ||
        header->path[0] != '/' || !memchr(header->path, 0, sizeof(header->path)))
        return false;
    *overlay = (struct overlay){.bytes = header->bytes};
    overlay->nr_blocks = (header->bytes + OVERLAY_BLOCK - 1) / OVERLAY_BLOCK;
    overlay->nr_maps = (unsigned)((overlay->nr_blocks + OVERLAY_MAP_BITS - 1) / OVERLAY_MAP_BITS);
    *why = "no memory for the overlay's maps";
    overlay->part = calloc(overlay->nr_maps, sizeof(*overlay->part));
    return overlay->part;
}

void overlay_end(struct overlay *overlay)
{
    for (unsigned i = 0; overlay->part && i < overlay->nr_maps; i++)
        free(overlay->part[i].taken);
    free(overlay->part);
    overlay->part = NULL;
}

/* ---- where things are */

uint64_t overlay_map_at(const struct overlay *overlay, unsigned map, unsigned copy)
{
    (void)overlay;
    return OVERLAY_BLOCK * (1 + 2ull * map + copy);
}

uint64_t overlay_live_at(const struct overlay *overlay)
{
    return overlay_map_at(overlay, overlay->nr_maps, 0);
}

uint64_t overlay_live_bits_at(const struct overlay *overlay, uint64_t byte)
{
    return overlay_live_at(overlay) + OVERLAY_BLOCK + byte;
}

uint64_t overlay_data_at(const struct overlay *overlay, uint64_t byte)
{
    uint64_t end = overlay_live_bits_at(overlay, (overlay->nr_blocks + 7) / 8);
    return (end + DATA_ALIGN - 1) / DATA_ALIGN * DATA_ALIGN + byte;
}

/* ---- bits */

static bool get(const struct overlay *overlay, uint64_t block)
{
    const struct overlay_part *part = &overlay->part[block / OVERLAY_MAP_BITS];
    unsigned bit = (unsigned)(block % OVERLAY_MAP_BITS);
    return part->bits[bit / 8] >> bit % 8 & 1;
}

static bool copy_is_good(const struct overlay_map *copy, unsigned map)
{
    return copy->generation > 0 && copy->number == map && copy->crc == map_crc(copy);
}

static bool copy_is_empty(const struct overlay_map *copy)
{
    const uint8_t *byte = (const uint8_t *)copy;
    return byte[0] == 0 && memcmp(byte, byte + 1, sizeof(*copy) - 1) == 0;
}

bool overlay_load(struct overlay *overlay, unsigned map, const struct overlay_map copies[2])
{
    struct overlay_part *part = &overlay->part[map];
    bool good[2] = {copy_is_good(&copies[0], map), copy_is_good(&copies[1], map)};
    if (!good[0] && !good[1]) {
        /* The first is written first.  If that was cut off, nothing was ever flushed here. */
        part->valid = 1;
        return copy_is_empty(&copies[1]);
    }
    part->valid = good[1] && (!good[0] || copies[1].generation > copies[0].generation);
    part->generation = copies[part->valid].generation;
    memcpy(part->bits, copies[part->valid].bits, sizeof(part->bits));
    return true;
}

void overlay_load_live(struct overlay *overlay, uint64_t byte, const uint8_t *bits, uint64_t len)
{
    for (uint64_t i = 0; i < len && byte + i < (overlay->nr_blocks + 7) / 8; i++) {
        struct overlay_part *part = &overlay->part[(byte + i) / OVERLAY_MAP_BYTES];
        uint8_t *mine = &part->bits[(byte + i) % OVERLAY_MAP_BYTES];
        part->dirty |= bits[i] & ~*mine;
        *mine |= bits[i];
    }
}

uint64_t overlay_extent(const struct overlay *overlay, uint64_t at, uint64_t len, bool *here)
{
    uint64_t block = at / OVERLAY_BLOCK;
    uint64_t end = block + 1;
    *here = get(overlay, block);
    while (end * OVERLAY_BLOCK < at + len && get(overlay, end) == *here)
        end++;
    return end * OVERLAY_BLOCK < at + len ? end * OVERLAY_BLOCK - at : len;
}

uint8_t overlay_live_byte(const struct overlay *overlay, uint64_t byte, uint64_t block, uint64_t nr)
{
    uint8_t bits = overlay->part[byte / OVERLAY_MAP_BYTES].bits[byte % OVERLAY_MAP_BYTES];
    for (unsigned i = 0; i < 8; i++)
        bits |= (uint8_t)((byte * 8 + i - block < nr) << i);
    return bits;
}

void overlay_set(struct overlay *overlay, uint64_t block, uint64_t nr)
{
    for (; nr > 0; nr--, block++) {
        struct overlay_part *part = &overlay->part[block / OVERLAY_MAP_BITS];
        unsigned bit = (unsigned)(block % OVERLAY_MAP_BITS);
        if (part->bits[bit / 8] >> bit % 8 & 1)
            continue;
        part->bits[bit / 8] |= (uint8_t)(1u << bit % 8);
        part->dirty = true;
    }
}

/* ---- a flush */

int overlay_take(struct overlay *overlay)
{
    int any = 0;
    overlay->next = 0;
    for (unsigned i = 0; i < overlay->nr_maps; i++) {
        struct overlay_part *part = &overlay->part[i];
        if (!part->dirty)
            continue;
        part->taken = calloc(1, sizeof(*part->taken));
        if (!part->taken) {
            overlay_failed(overlay);
            return -1;
        }
        part->dirty = false;
        part->taken->number = i;
        part->taken->generation = part->generation + 1;
        memcpy(part->taken->bits, part->bits, sizeof(part->bits));
        part->taken->crc = map_crc(part->taken);
        any = 1;
    }
    return any;
}

const struct overlay_map *overlay_next(struct overlay *overlay, uint64_t *at)
{
    while (overlay->next < overlay->nr_maps) {
        unsigned map = overlay->next++;
        struct overlay_part *part = &overlay->part[map];
        if (!part->taken)
            continue;
        *at = overlay_map_at(overlay, map, !part->valid);
        return part->taken;
    }
    return NULL;
}

static void settle(struct overlay *overlay, bool good)
{
    for (unsigned i = 0; i < overlay->nr_maps; i++) {
        struct overlay_part *part = &overlay->part[i];
        if (!part->taken)
            continue;
        if (good) {
            part->generation++;
            part->valid = !part->valid;
        } else {
            part->dirty = true;
        }
        free(part->taken);
        part->taken = NULL;
    }
}

void overlay_taken(struct overlay *overlay)
{
    settle(overlay, true);
}

void overlay_failed(struct overlay *overlay)
{
    settle(overlay, false);
}
