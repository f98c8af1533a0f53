/* SPDX-License-Identifier: GPL-2.0-only */
// SOURCES: blkback/ring.c blkback/request.c
// LIBS: -I. -Ixenbus -lpthread
/* Requests and responses pass a ring of any size once each and in order, with events where the
 * other end asked for one; impossible indices are noticed; no request that is let through names a
 * byte outside of the disk, of its pages or of our limits, also while another thread rewrites the
 * pages.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "blkback/request.h"

/* A generator whose neighbouring bits and calls have nothing to do with each other (splitmix64). */
static uint64_t seed;
static uint64_t any(void)
{
    uint64_t z = seed += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static struct blkif_sring *new_ring(struct ring *ring, unsigned pages)
{
    struct blkif_sring *shared = aligned_alloc(4096, (size_t)pages * 4096);
    memset(shared, 0, (size_t)pages * 4096);
    ring_init(ring, shared, pages);
    shared->req_event = shared->rsp_event = 1;
    return shared;
}

static void test_sizes(void **state)
{
    (void)state;
    assert_int_equal(ring_slots(1), 32); /* what Linux's macros give */
    assert_int_equal(ring_slots(2), 64);
    assert_int_equal(ring_slots(4), 128);
    assert_int_equal(ring_slots(8), 256);
    assert_int_equal(ring_slots(16), RING_MAX_SLOTS);
}

/* A front end that behaves, whose indices wrap on the way. */
static void test_once_each(void **state)
{
    (void)state;
    for (unsigned pages = 1; pages <= RING_MAX_PAGES; pages *= 2) {
        struct ring ring;
        struct blkif_sring *shared = new_ring(&ring, pages);
        uint32_t start = UINT32_MAX - 1000;
        uint32_t sent = start;
        uint32_t heard = start;
        uint64_t waiting[RING_MAX_SLOTS];
        unsigned nr_waiting = 0;
        shared->req_prod = shared->rsp_prod = start;
        ring.req_cons = ring.rsp_prod = ring.rsp_published = start;
        seed = pages;
        while (sent - start < 5000) {
            for (unsigned n = (unsigned)(any() % 20); n > 0 && sent - heard < ring.slots; n--) {
                shared->ring[sent & (ring.slots - 1)].req =
                    (struct blkif_request){.operation = BLKIF_OP_READ, .id = sent * 3ull};
                sent++;
            }
            shared->req_prod = sent;
            union ring_request r;
            while (ring_take(&ring, &r) == RING_REQUEST)
                waiting[nr_waiting++] = r.rw.id;
            assert_int_equal(ring.req_cons, sent);
            assert_false(ring_wait(&ring));
            assert_int_equal(shared->req_event, sent + 1);
            uint64_t answered[RING_MAX_SLOTS];
            unsigned nr_answered = 0;
            while (nr_waiting > 0 && any() % 8) {
                unsigned which = (unsigned)(any() % nr_waiting);
                answered[nr_answered++] = waiting[which];
                ring_respond(&ring, waiting[which], BLKIF_OP_READ, BLKIF_RSP_OKAY);
                waiting[which] = waiting[--nr_waiting];
            }
            assert_int_equal(shared->rsp_prod, heard); /* not before it is published */
            /* It wants to hear of the first or second from here, told if that is among these; or
             * has not asked since it heard the last. */
            unsigned wish = (unsigned)(any() % 3);
            shared->rsp_event = heard + wish;
            assert_int_equal(ring_publish(&ring), wish > 0 && nr_answered >= wish);
            assert_int_equal(shared->rsp_prod, heard + nr_answered);
            for (unsigned i = 0; i < nr_answered; i++, heard++) {
                struct blkif_response *rsp = &shared->ring[heard & (ring.slots - 1)].rsp;
                assert_int_equal(rsp->id, answered[i]);
                assert_int_equal(((uint8_t *)rsp)[9], 0); /* nothing of ours in the gaps */
                assert_int_equal(((uint32_t *)rsp)[3], 0);
            }
        }
        shared->req_prod++;
        assert_true(ring_wait(&ring));
        free(shared);
    }
}

static void test_broken(void **state)
{
    struct ring ring;
    union ring_request r;
    struct blkif_sring *shared = new_ring(&ring, 1);
    (void)state;
    shared->req_prod = 33;
    assert_int_equal(ring_take(&ring, &r), RING_BROKEN);
    shared->req_prod = UINT32_MAX;
    assert_int_equal(ring_take(&ring, &r), RING_BROKEN);
    shared->req_prod = 32;
    for (int i = 0; i < 32; i++)
        assert_int_equal(ring_take(&ring, &r), RING_REQUEST);
    assert_int_equal(ring_take(&ring, &r), RING_EMPTY);
    shared->req_prod = 33; /* all are taken and none is answered */
    assert_int_equal(ring_take(&ring, &r), RING_BROKEN);
    ring_respond(&ring, 0, 0, 0);
    assert_int_equal(ring_take(&ring, &r), RING_REQUEST);
    shared->req_prod = 20; /* back */
    assert_int_equal(ring_take(&ring, &r), RING_BROKEN);
    free(shared);
}

/* ---- requests */

static const struct disk_limits disk = {.sectors = 1000, .discard = true};

static int judge(const union ring_request *raw, const struct disk_limits *limits,
                 const struct blkif_request_segment *segments)
{
    struct request request;
    struct grant_piece pieces[REQUEST_MAX_PIECES];
    const char *reason;
    int status = request_parse(raw, limits, &request, &reason);
    if (!status)
        status =
            request_pieces(&request, segments ? segments : raw->rw.seg, limits, pieces, &reason);
    if (status)
        assert_true(*reason);
    return status;
}

static union ring_request rw(uint8_t operation, uint64_t sector, unsigned nr)
{
    union ring_request r = {
        .rw = {.operation = operation, .nr_segments = (uint8_t)nr, .sector_number = sector}};
    for (unsigned i = 0; i < BLKIF_MAX_SEGMENTS_PER_REQUEST; i++)
        r.rw.seg[i] = (struct blkif_request_segment){.gref = i, .last_sect = 7};
    return r;
}

static void test_bounds(void **state)
{
    (void)state;
    union ring_request r = rw(BLKIF_OP_READ, 0, 11);
    assert_int_equal(judge(&r, &disk, NULL), 0);
    r.rw.nr_segments = 12;
    assert_int_equal(judge(&r, &disk, NULL), BLKIF_RSP_ERROR);
    r.rw.nr_segments = 0;
    assert_int_equal(judge(&r, &disk, NULL), BLKIF_RSP_ERROR);
    r = rw(BLKIF_OP_WRITE, 992, 1);
    assert_int_equal(judge(&r, &disk, NULL), 0);
    r.rw.sector_number = 993;
    assert_int_equal(judge(&r, &disk, NULL), BLKIF_RSP_ERROR);
    r.rw.seg[0].first_sect = 1;
    assert_int_equal(judge(&r, &disk, NULL), 0);
    r.rw.sector_number = UINT64_MAX - 3; /* the sum would wrap */
    assert_int_equal(judge(&r, &disk, NULL), BLKIF_RSP_ERROR);
    r = rw(BLKIF_OP_READ, 0, 1);
    r.rw.seg[0].last_sect = 8;
    assert_int_equal(judge(&r, &disk, NULL), BLKIF_RSP_ERROR);
    r.rw.seg[0] = (struct blkif_request_segment){.first_sect = 5, .last_sect = 4};
    assert_int_equal(judge(&r, &disk, NULL), BLKIF_RSP_ERROR);
    for (unsigned op = 0; op < 256; op++) {
        r = rw((uint8_t)op, 0, 1);
        int wanted = op <= BLKIF_OP_FLUSH_DISKCACHE ? 0 : BLKIF_RSP_EOPNOTSUPP;
        if (op == BLKIF_OP_DISCARD || op == BLKIF_OP_INDIRECT)
            continue;
        assert_int_equal(judge(&r, &disk, NULL), wanted);
    }
    r = rw(BLKIF_OP_FLUSH_DISKCACHE, UINT64_MAX, 0); /* without data the sector means nothing */
    assert_int_equal(judge(&r, &disk, NULL), 0);
}

static void test_read_only(void **state)
{
    struct disk_limits ro = disk;
    (void)state;
    ro.read_only = true;
    union ring_request r = rw(BLKIF_OP_READ, 0, 1);
    assert_int_equal(judge(&r, &ro, NULL), 0);
    r = rw(BLKIF_OP_WRITE, 0, 1);
    assert_int_equal(judge(&r, &ro, NULL), BLKIF_RSP_ERROR);
    r = rw(BLKIF_OP_WRITE_BARRIER, 0, 1);
    assert_int_equal(judge(&r, &ro, NULL), BLKIF_RSP_ERROR);
    r = rw(BLKIF_OP_FLUSH_DISKCACHE, 0, 1);
    assert_int_equal(judge(&r, &ro, NULL), BLKIF_RSP_ERROR);
    r = rw(BLKIF_OP_FLUSH_DISKCACHE, 0, 0);
    assert_int_equal(judge(&r, &ro, NULL), 0);
    r = (union ring_request){.discard = {.operation = BLKIF_OP_DISCARD, .nr_sectors = 1}};
    assert_int_equal(judge(&r, &ro, NULL), BLKIF_RSP_ERROR);
    r = (union ring_request){.indirect = {.operation = BLKIF_OP_INDIRECT,
                                          .nr_segments = 1,
                                          .indirect_op = BLKIF_OP_WRITE}};
    assert_int_equal(judge(&r, &ro, NULL), BLKIF_RSP_ERROR);
}

static void test_discard(void **state)
{
    struct disk_limits without = {.sectors = 1000};
    (void)state;
    union ring_request r = {
        .discard = {.operation = BLKIF_OP_DISCARD, .sector_number = 1, .nr_sectors = 999}};
    assert_int_equal(judge(&r, &disk, NULL), 0);
    assert_int_equal(judge(&r, &without, NULL), BLKIF_RSP_EOPNOTSUPP);
    r.discard.nr_sectors = 1000;
    assert_int_equal(judge(&r, &disk, NULL), BLKIF_RSP_ERROR);
    r.discard.nr_sectors = UINT64_MAX;
    assert_int_equal(judge(&r, &disk, NULL), BLKIF_RSP_ERROR);
    r.discard.nr_sectors = 0;
    assert_int_equal(judge(&r, &disk, NULL), BLKIF_RSP_ERROR);
    r.discard.nr_sectors = 1;
    r.discard.flag = BLKIF_DISCARD_SECURE;
    assert_int_equal(judge(&r, &disk, NULL), BLKIF_RSP_EOPNOTSUPP);
}

static void test_indirect(void **state)
{
    static struct blkif_request_segment segments[REQUEST_MAX_PIECES];
    struct disk_limits large = {.sectors = REQUEST_MAX_PIECES * 8};
    (void)state;
    for (unsigned i = 0; i < REQUEST_MAX_PIECES; i++)
        segments[i].last_sect = 7;
    union ring_request r = {.indirect = {.operation = BLKIF_OP_INDIRECT,
                                         .nr_segments = 256,
                                         .indirect_op = BLKIF_OP_WRITE,
                                         .id = 77}};
    assert_int_equal(judge(&r, &large, segments), 0);
    large.sectors--;
    assert_int_equal(judge(&r, &large, segments), BLKIF_RSP_ERROR);
    r.indirect.nr_segments = 257;
    assert_int_equal(judge(&r, &large, segments), BLKIF_RSP_ERROR);
    r.indirect.nr_segments = 0;
    assert_int_equal(judge(&r, &large, segments), BLKIF_RSP_ERROR);
    for (unsigned op = 2; op < 256; op++) {
        r.indirect.nr_segments = 1;
        r.indirect.indirect_op = (uint8_t)op;
        assert_int_equal(judge(&r, &large, segments), BLKIF_RSP_ERROR);
    }
}

/* ---- while somebody else writes to the same pages */

static bool racing;

static void *race(void *arg)
{
    volatile uint64_t *words = arg;
    unsigned s = 3;
    for (size_t i = 0; __atomic_load_n(&racing, __ATOMIC_RELAXED); i++)
        words[8 + i % 448] = (uint64_t)rand_r(&s) << 33 | (uint64_t)rand_r(&s) % 4096;
    return NULL;
}

static void test_meet(void **state)
{
    (void)state;
    assert_true(sectors_meet(0, 8, 7, 1));
    assert_true(sectors_meet(7, 1, 0, 8));
    assert_true(sectors_meet(2, 2, 0, 8));
    assert_false(sectors_meet(0, 8, 8, 8));
    assert_false(sectors_meet(8, 8, 0, 8));
    assert_false(sectors_meet(0, 8, 4, 0)); /* a flush is nowhere */
    assert_false(sectors_meet(4, 0, 0, 8));
    /* Who meets has a stripe in common, by whole pages too; most others have none. */
    unsigned apart = 0;
    unsigned alike = 0;
    for (int i = 0; i < 100000; i++) {
        struct request a = {.sector = (uint64_t)rand() % 4096,
                            .nr_sectors = (uint64_t)rand() % 600};
        struct request b = {.sector = (uint64_t)rand() % 4096, .nr_sectors = (uint64_t)rand() % 20};
        a.nr_sectors %= i % 2 ? 600 : 9;
        bool common = request_stripes(&a) & request_stripes(&b);
        bool pages = a.nr_sectors && b.nr_sectors &&
                     a.sector / 8 <= (b.sector + b.nr_sectors - 1) / 8 &&
                     b.sector / 8 <= (a.sector + a.nr_sectors - 1) / 8;
        if (pages)
            assert_true(common);
        if (!pages && i % 2 == 0) {
            apart++;
            alike += common;
        }
    }
    assert_true(alike * 8 < apart);
}

static void test_hostile(void **state)
{
    struct ring ring;
    struct blkif_sring *shared = new_ring(&ring, 1);
    pthread_t racer;
    unsigned taken = 0;
    unsigned passed = 0;
    (void)state;
    seed = 11;
    racing = true;
    assert_int_equal(pthread_create(&racer, NULL, race, shared), 0);
    while (taken < 200000) {
        union ring_request raw;
        struct request request;
        struct grant_piece pieces[REQUEST_MAX_PIECES];
        struct blkif_request_segment segments[REQUEST_MAX_PIECES];
        const char *reason;
        uint64_t *slot = (uint64_t *)&shared->ring[ring.req_cons % ring.slots];
        for (unsigned i = 0; i < sizeof(raw.words) / sizeof(raw.words[0]); i++)
            slot[i] = any();
        shared->req_prod = any() % 50 ? ring.req_cons + (uint32_t)(any() % 4) : (uint32_t)any();
        if (ring_take(&ring, &raw) != RING_REQUEST)
            continue;
        if (any() % 2)
            raw.rw.operation %= 8;
        if (any() % 2)
            raw.rw.nr_segments %= 12;
        if (any() % 2)
            raw.rw.sector_number %= 1010;
        taken++;
        int status = request_parse(&raw, &disk, &request, &reason);
        if (!status) {
            assert_in_range(request.nr_pieces, 0, REQUEST_MAX_PIECES);
            assert_in_range(request.nr_indirect, 0, 8);
            for (unsigned i = 0; i < request.nr_pieces; i++) {
                segments[i] =
                    request.nr_indirect
                        ? (struct blkif_request_segment){(uint32_t)any(), (uint8_t)(any() % 9),
                                                         (uint8_t)(any() % 9)}
                        : raw.rw.seg[i];
                if (any() % 30)
                    segments[i].first_sect = segments[i].last_sect %= 8;
            }
            status = request_pieces(&request, segments, &disk, pieces, &reason);
        }
        if (!status && request.kind != REQUEST_DISCARD) {
            uint64_t bytes = 0;
            for (unsigned i = 0; i < request.nr_pieces; i++) {
                assert_in_range(pieces[i].len, SECTOR, 4096);
                assert_in_range(pieces[i].offset + pieces[i].len, SECTOR, 4096);
                bytes += pieces[i].len;
            }
            assert_int_equal(bytes, request.nr_sectors * SECTOR);
        }
        if (!status && request.nr_sectors > 0) {
            assert_in_range(request.nr_sectors, 1, disk.sectors);
            assert_in_range(request.sector, 0, disk.sectors - request.nr_sectors);
            passed++;
        }
        ring_respond(&ring, request.id, request.operation, (int16_t)status);
        ring_publish(&ring);
    }
    __atomic_store_n(&racing, false, __ATOMIC_RELAXED);
    pthread_join(racer, NULL);
    assert_in_range(passed, 2000, taken); /* or nothing was shown */
    free(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),     cmocka_unit_test(test_once_each),
        cmocka_unit_test(test_broken),    cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_read_only), cmocka_unit_test(test_discard),
        cmocka_unit_test(test_indirect),  cmocka_unit_test(test_meet),
        cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
