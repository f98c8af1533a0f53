// SPDX-License-Identifier: GPL-2.0-only
/* Requests of a hostile front end: see request.h. */
#include "blkback/request.h"

#define STRIPES 64u

static int refuse(const char **reason, const char *text)
{
    *reason = text;
    return BLKIF_RSP_ERROR;
}

static int unsupported(const char **reason, const char *text)
{
    *reason = text;
    return BLKIF_RSP_EOPNOTSUPP;
}

/* Subtractions instead of a sum, which could overflow. */
static bool on_disk(uint64_t sector, uint64_t nr, const struct disk_limits *limits)
{
    return nr <= limits->sectors && sector <= limits->sectors - nr;
}

/* What kind an operation with data is; false: none. */
static bool kind_of(uint8_t operation, enum request_kind *kind)
{
    switch (operation) {
    case BLKIF_OP_READ: *kind = REQUEST_READ; return true;
    case BLKIF_OP_WRITE: *kind = REQUEST_WRITE; return true;
    case BLKIF_OP_WRITE_BARRIER: *kind = REQUEST_BARRIER; return true;
    case BLKIF_OP_FLUSH_DISKCACHE: *kind = REQUEST_FLUSH; return true;
    default: return false;
    }
}

static int parse_discard(const struct blkif_request_discard *raw, const struct disk_limits *limits,
                         struct request *request, const char **reason)
{
    request->id = raw->id;
    request->operation = BLKIF_OP_DISCARD;
    request->kind = REQUEST_DISCARD;
    request->sector = raw->sector_number;
    request->nr_sectors = raw->nr_sectors;
    if (!limits->discard)
        return unsupported(reason, "discard was not offered");
    if (raw->flag != 0)
        return unsupported(reason, "secure discard was not offered");
    if (limits->read_only)
        return refuse(reason, "discard on a read-only disk");
    if (raw->nr_sectors == 0)
        return refuse(reason, "discard of nothing");
    if (!on_disk(raw->sector_number, raw->nr_sectors, limits))
        return refuse(reason, "discard beyond the end");
    return 0;
}

static int parse_indirect(const struct blkif_request_indirect *raw,
                          const struct disk_limits *limits, struct request *request,
                          const char **reason)
{
    request->id = raw->id;
    request->operation = raw->indirect_op;
    request->sector = raw->sector_number;
    request->nr_pieces = raw->nr_segments;
    if (raw->indirect_op != BLKIF_OP_READ && raw->indirect_op != BLKIF_OP_WRITE)
        return refuse(reason, "an indirect request that neither reads nor writes");
    kind_of(raw->indirect_op, &request->kind);
    if (raw->nr_segments == 0 || raw->nr_segments > REQUEST_MAX_PIECES)
        return refuse(reason, "number of indirect segments");
    if (limits->read_only && request->kind != REQUEST_READ)
        return refuse(reason, "write to a read-only disk");
    request->nr_indirect = (raw->nr_segments + PIECES_PER_PAGE - 1) / PIECES_PER_PAGE;
    for (unsigned i = 0; i < request->nr_indirect; i++)
        request->indirect[i] = raw->indirect_grefs[i];
    return 0;
}

int request_parse(const union ring_request *raw, const struct disk_limits *limits,
                  struct request *request, const char **reason)
{
    *request = (struct request){.id = raw->rw.id, .operation = raw->rw.operation};
    *reason = "";
    if (raw->rw.operation == BLKIF_OP_DISCARD)
        return parse_discard(&raw->discard, limits, request, reason);
    if (raw->rw.operation == BLKIF_OP_INDIRECT)
        return parse_indirect(&raw->indirect, limits, request, reason);
    if (!kind_of(raw->rw.operation, &request->kind))
        return unsupported(reason, "no such operation");
    if (raw->rw.nr_segments > BLKIF_MAX_SEGMENTS_PER_REQUEST)
        return refuse(reason, "number of segments");
    request->sector = raw->rw.sector_number;
    request->nr_pieces = raw->rw.nr_segments;
    bool data_needed = request->kind == REQUEST_READ || request->kind == REQUEST_WRITE;
    if (data_needed && request->nr_pieces == 0)
        return refuse(reason, "no segments");
    if (limits->read_only && request->kind != REQUEST_READ && request->nr_pieces > 0)
        return refuse(reason, "write to a read-only disk");
    return 0;
}

int request_pieces(struct request *request, const struct blkif_request_segment *segments,
                   const struct disk_limits *limits, struct grant_piece *pieces,
                   const char **reason)
{
    request->nr_sectors = 0;
    for (unsigned i = 0; i < request->nr_pieces; i++) {
        struct blkif_request_segment s = segments[i];
        if (s.first_sect > s.last_sect || s.last_sect >= SECTORS_PER_PAGE)
            return refuse(reason, "sectors of a segment");
        unsigned nr = s.last_sect - s.first_sect + 1u;
        pieces[i] = (struct grant_piece){.ref = s.gref,
                                         .offset = (uint16_t)(s.first_sect * SECTOR),
                                         .len = (uint16_t)(nr * SECTOR)};
        request->nr_sectors += nr;
    }
    if (request->nr_pieces > 0 && !on_disk(request->sector, request->nr_sectors, limits))
        return refuse(reason, "beyond the end of the disk");
    return 0;
}

uint64_t request_stripes(const struct request *request)
{
    uint64_t end = request->sector + request->nr_sectors;
    uint64_t bits = 0;
    if (request->nr_sectors == 0)
        return 0;
    if (request->nr_sectors >= (STRIPES - 1) * SECTORS_PER_PAGE)
        return UINT64_MAX;
    for (uint64_t i = request->sector / SECTORS_PER_PAGE; i * SECTORS_PER_PAGE < end; i++)
        bits |= 1ull << i % STRIPES;
    return bits;
}
