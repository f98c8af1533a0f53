/* SPDX-License-Identifier: MIT */
/*
 * Block device protocol, the 64-bit form ("x86_64-abi").  A sector on the wire is always 512 bytes.
 * A ring slot is 112 bytes, so that a page holds 32.
 */
#pragma once

#include <stdint.h>

#include "abi/grant_table.h"
#include "abi/io/ring.h"

#define BLKIF_OP_READ            0
#define BLKIF_OP_WRITE           1
#define BLKIF_OP_WRITE_BARRIER   2
#define BLKIF_OP_FLUSH_DISKCACHE 3
#define BLKIF_OP_RESERVED_1      4
#define BLKIF_OP_DISCARD         5
#define BLKIF_OP_INDIRECT        6

#define BLKIF_RSP_OKAY       0
#define BLKIF_RSP_ERROR      -1
#define BLKIF_RSP_EOPNOTSUPP -2

#define BLKIF_MAX_SEGMENTS_PER_REQUEST       11
#define BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST 8
#define BLKIF_DISCARD_SECURE                 (1 << 0)

/* the "info" key */
#define VDISK_CDROM     0x1
#define VDISK_REMOVABLE 0x2
#define VDISK_READONLY  0x4

/* Also the entry of an indirect page, 512 to the page. */
struct blkif_request_segment {
    grant_ref_t gref;
    uint8_t first_sect; /* in the page, both inclusive, 0..7 */
    uint8_t last_sect;
};

struct blkif_request {
    uint8_t operation; /* BLKIF_OP_* */
    uint8_t nr_segments;
    uint16_t handle;
    uint64_t id; /* echoed in the response */
    uint64_t sector_number;
    struct blkif_request_segment seg[BLKIF_MAX_SEGMENTS_PER_REQUEST];
};

struct blkif_request_discard {
    uint8_t operation;
    uint8_t flag; /* BLKIF_DISCARD_SECURE or 0 */
    uint16_t handle;
    uint64_t id;
    uint64_t sector_number;
    uint64_t nr_sectors;
};

struct blkif_request_indirect {
    uint8_t operation;   /* BLKIF_OP_INDIRECT */
    uint8_t indirect_op; /* READ or WRITE */
    uint16_t nr_segments;
    uint64_t id;
    uint64_t sector_number;
    uint16_t handle;
    grant_ref_t indirect_grefs[BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST];
};

struct blkif_response {
    uint64_t id;
    uint8_t operation;
    int16_t status; /* BLKIF_RSP_* */
};

DEFINE_RING_TYPES(blkif, struct blkif_request, struct blkif_response);
