/* SPDX-License-Identifier: GPL-2.0-only */
/* A disk's own blocks over a base that it shares with others and never writes: the format of the
 * file, and what is in it when.
 *
 *   header    a block: sizes, what the base was, its path, a checksum; written once
 *   maps      a bit for each block of the disk: it is here.  Blocks of bits with a checksum and a
 *             generation each, two copies of each, written in turn
 *   live      the same bits, plain, as they are at this moment, for a successor of a killed process
 *   data      each block at its own place; what is not here is a hole of the file
 *
 * After a power cut the maps count, and live, which names the boot that it belongs to, does not.  A
 * bit gets into the maps only by a flush, after the data that it stands for is on the medium, and
 * into the copy that is not the valid one.  So whatever part of the unflushed writes was lost or
 * torn, each block is what it was at the last flush or newer.  After a kill the page cache is there
 * and live counts: nothing that was acknowledged is lost.
 *
 * Pure: the caller reads and writes what it is told.  What a file says is not believed before it is
 * checked: images are brought from elsewhere.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define OVERLAY_BLOCK    4096u
#define OVERLAY_MAX_PATH 3072u
#define OVERLAY_MAX_SIZE (2ull << 40) /* bytes of a disk */
#define OVERLAY_BOOT     36u /* characters of a boot's name: /proc/sys/kernel/random/boot_id */

/* The base as it was when the overlay was made; another one under it would be garbage. */
struct overlay_base {
    uint64_t bytes;
    int64_t mtime_s; /* 0 for a block device */
    int64_t mtime_ns;
    uint32_t sample; /* overlay_crc() of its first and last 64 KiB */
    uint32_t pad;
};

struct overlay_header {
    uint8_t magic[8];
    uint32_t version;
    uint32_t crc; /* of the block with this 0 */
    uint64_t bytes;
    struct overlay_base base;
    char path[OVERLAY_MAX_PATH]; /* of the base, absolute, with a 0 behind it */
    uint8_t zero[OVERLAY_BLOCK - 24 - sizeof(struct overlay_base) - OVERLAY_MAX_PATH];
};

#define OVERLAY_MAP_BYTES (OVERLAY_BLOCK - 16u)
#define OVERLAY_MAP_BITS  (OVERLAY_MAP_BYTES * 8u) /* blocks that one map speaks of */

struct overlay_map {
    uint32_t crc; /* of what follows */
    uint32_t number;
    uint64_t generation; /* 0: never written */
    uint8_t bits[OVERLAY_MAP_BYTES];
};

/* One map in memory. */
struct overlay_part {
    uint64_t generation;       /* of the valid copy */
    uint8_t valid;             /* which copy */
    bool dirty;                /* bits have been set since it was taken */
    struct overlay_map *taken; /* what the flush that is under way writes */
    uint8_t bits[OVERLAY_MAP_BYTES];
};

struct overlay {
    uint64_t bytes;
    uint64_t nr_blocks;
    unsigned nr_maps;
    unsigned next; /* the map that the flush looks at */
    struct overlay_part *part;
};

uint32_t overlay_crc(uint32_t crc, const void *data, uint64_t len);

/* A header for a disk of @bytes over @base; false with @why if it cannot be. */
bool overlay_make(struct overlay_header *header, uint64_t bytes, const struct overlay_base *base,
                  const char *path, const char **why);

/* Takes the sizes from a file's header: false with @why if it is none.  overlay_end() afterwards.
 */
bool overlay_begin(struct overlay *overlay, const struct overlay_header *header, const char **why);
void overlay_end(struct overlay *overlay);

/* Where things are in the file. */
uint64_t overlay_map_at(const struct overlay *overlay, unsigned map, unsigned copy);
uint64_t overlay_live_at(const struct overlay *overlay); /* the boot's name, in a block */
uint64_t overlay_live_bits_at(const struct overlay *overlay, uint64_t byte); /* bits, 8 a byte */
uint64_t overlay_data_at(const struct overlay *overlay, uint64_t byte);

/* Both copies of a map as the file has them; both on the medium.  False: neither is good. */
bool overlay_load(struct overlay *overlay, unsigned map, const struct overlay_map copies[2]);
/* Bits of a predecessor of this boot, @len bytes that stand behind @byte of live. */
void overlay_load_live(struct overlay *overlay, uint64_t byte, const uint8_t *bits, uint64_t len);

/* How many bytes from @at on, at most @len, are all here or all in the base; @here says which. */
uint64_t overlay_extent(const struct overlay *overlay, uint64_t at, uint64_t len, bool *here);
/* The byte of live that has the bits of blocks 8 * @byte and on, once the @nr from @block on are
 * here. */
uint8_t overlay_live_byte(const struct overlay *overlay, uint64_t byte, uint64_t block,
                          uint64_t nr);
/* Whole blocks have been written, and live says so: they are here. */
void overlay_set(struct overlay *overlay, uint64_t block, uint64_t nr);

/* A flush: take(); then the caller brings all data to the medium; then it writes what next() says,
 * until that is NULL, and brings it to the medium; then taken(), or failed() at any time.  One at
 * a time.  take(): 0, nothing to write; 1; or -1, no memory. */
int overlay_take(struct overlay *overlay);
const struct overlay_map *overlay_next(struct overlay *overlay, uint64_t *at);
void overlay_taken(struct overlay *overlay);
void overlay_failed(struct overlay *overlay);
