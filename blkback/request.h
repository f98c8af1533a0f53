/* SPDX-License-Identifier: GPL-2.0-only */
/* What a request asks for, and whether it may.  Works on the copy that ring.c took; what comes out
 * is within the disk, within the pages and within our limits.  Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "backend/gate.h"
#include "blkback/ring.h"

#define SECTOR             512u
#define SECTORS_PER_PAGE   8u
#define REQUEST_MAX_PIECES 256u /* what max-indirect-segments promises: 1 MiB */
#define PIECES_PER_PAGE    512u /* of an indirect page */

/* What the disk allows. */
struct disk_limits {
    uint64_t sectors;
    bool read_only;
    bool discard; /* it can punch holes */
};

enum request_kind { REQUEST_READ, REQUEST_WRITE, REQUEST_FLUSH, REQUEST_BARRIER, REQUEST_DISCARD };

struct request {
    uint64_t id;
    uint8_t operation; /* what the response must repeat: for an indirect request the inner one */
    enum request_kind kind;
    uint64_t sector;     /* first one; valid where nr_sectors is not 0 */
    uint64_t nr_sectors; /* 0: a flush, or a barrier without data */
    unsigned nr_pieces;
    unsigned nr_indirect; /* pages that hold the pieces; 0: they are in the request */
    uint32_t indirect[BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST];
};

/* Understands @raw.  0, or the status to answer (BLKIF_RSP_*) with @reason for the log; id and
 * operation are set in any case.  Pieces of an indirect request are judged by request_pieces()
 * later.
 */
int request_parse(const union ring_request *raw, const struct disk_limits *limits,
                  struct request *request, const char **reason);

/* Turns the @request's segments (@segments: a copy of nr_pieces of them) into @pieces of at least a
 * sector each, without their local half, and adds up their sectors; then checks that they lie on
 * the disk.  0 or a status with a reason.
 */
int request_pieces(struct request *request, const struct blkif_request_segment *segments,
                   const struct disk_limits *limits, struct grant_piece *pieces,
                   const char **reason);

/* A bit for each stripe that it is on: every 64th page of the disk is of the same.  Two requests
 * without a common stripe do not meet, also where whole pages are written. */
uint64_t request_stripes(const struct request *request);

/* Do two ranges of sectors meet?  One of no sectors meets none. */
static inline bool sectors_meet(uint64_t a, uint64_t nr_a, uint64_t b, uint64_t nr_b)
{
    return nr_a > 0 && nr_b > 0 && a < b + nr_b && b < a + nr_a;
}
