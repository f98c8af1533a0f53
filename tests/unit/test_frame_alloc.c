/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: memory is handed out at most once, zeroed, at the address width asked for and to nobody
 * above its limit; blocks merge back into what they were; no TLB still maps what is handed out; and
 * non-RAM is never part of it.
 */
// SOURCES: hypervisor/mem/frame.c hypervisor/mem/assign.c hypervisor/mem/buddy.c
// SOURCES: hypervisor/mem/numa.c hypervisor/mem/memory_map.c
// SOURCES: hypervisor/mem/owner.c hypervisor/mem/page_type.c hypervisor/mem/validate.c
// SOURCES: hypervisor/mem/entry.c hypervisor/mem/pte.c hypervisor/mem/segdesc.c
// SOURCES: hypervisor/mem/tlb_clock.c hypervisor/mem/heap.c hypervisor/mem/m2p.c
// SOURCES: hypervisor/mem/rangeset.c hypervisor/mem/audit.c hypervisor/lib/format.c
#include "fake_memory.h"

#include "lib/bitmap.h"

static uint64_t free_at_boot;

static void *must(void *p)
{
    assert_non_null(p);
    return p;
}

/* Records exist where RAM is, in whole chunks, and what is not RAM in them says so. */
static void records(void **state)
{
    assert_true(frame_valid(MFN(0)) && frame_is_ram(MFN(0)) && frame_is_ram(MFN(159)));
    for (uint64_t n = 160; n < 256; n++)
        assert_true(frame_valid(MFN(n)) && !frame_is_ram(MFN(n)));
    assert_true(frame_is_ram(MFN(256)) && frame_is_ram(MFN(LOW_FRAMES - 1)));
    assert_false(frame_is_ram(MFN(LOW_FRAMES)));
    assert_false(frame_is_ram(MFN(0x1ffff)));
    assert_false(frame_valid(MFN(0x20000)) || frame_valid(MFN(0x3ffff))); /* chunk without RAM */
    assert_true(frame_is_ram(MFN(HIGH_START)) && frame_is_ram(MFN(HIGH_START + HIGH_FRAMES - 1)));
    assert_false(frame_is_ram(MFN(HIGH_START + HIGH_FRAMES)));
    assert_false(frame_valid(MFN(0x60000)) || frame_valid(MFN(1UL << 60)) ||
                 frame_valid(INVALID_MFN));
    for (uint64_t n = 0; n < 0x60000; n++)
        if (frame_valid(MFN(n)) && !frame_is_ram(MFN(n))) {
            assert_int_not_equal(frame_state(frame_of(MFN(n))), FRAME_IN_USE);
            assert_int_equal(frame_of(MFN(n))->type, 0);
        }
    assert_int_equal(free_at_boot, 159 + 256 + LOW_FRAMES - HEAP_START + HIGH_FRAMES);
    audit_clean();
}

/* The M2P: INVALID until set, nothing outside, frames shared read-only. */
static void m2p(void **state)
{
    assert_int_equal(m2p_pieces(), 2);
    assert_int_equal(m2p_get(MFN(3000)), M2P_INVALID);
    m2p_set(MFN(3000), 77);
    assert_int_equal(m2p_get(MFN(3000)), 77);
    m2p_set(MFN(HIGH_START + 5), 78);
    assert_int_equal(m2p_get(MFN(HIGH_START + 5)), 78);
    m2p_set(MFN(1UL << 40), 1);
    assert_int_equal(m2p_get(MFN(1UL << 40)), M2P_INVALID);
    assert_true(mfn_eq(m2p_piece(2), INVALID_MFN));
    for (unsigned i = 0; i < 1024; i++) {
        struct frame *f = frame_of(MFN(m2p_piece(i / 512).n + i % 512));

        assert_int_equal(frame_owner(f), DOMID_XEN);
        assert_int_equal(page_type_get(f, PT_WRITABLE, 0), -EINVAL);
    }
}

/* Random blocks of random sizes against a bitmap; all comes back, and merges. */
static void blocks(void **state)
{
    enum { N = 300 };
    static uint64_t used[BITMAP_WORDS(HIGH_START + HIGH_FRAMES)];
    struct frame *f[N] = {NULL};
    unsigned order[N], failures = 0;
    uint64_t before = heap_free_pages();

    for (unsigned step = 0; step < 20000; step++) {
        unsigned i = (unsigned)rnd(N);

        if (f[i]) {
            for (uint64_t n = 0; n < 1UL << order[i]; n++)
                bitmap_clear(used, frame_mfn(f[i]).n + n);
            frame_free_hv(f[i], order[i]);
            f[i] = NULL;
            continue;
        }
        order[i] = (unsigned)rnd(10);
        f[i] = frame_alloc(NULL, order[i], MEMF_NO_SCRUB, 0);
        if (!f[i]) {
            failures++;
            continue;
        }
        assert_int_equal(frame_mfn(f[i]).n & ((1UL << order[i]) - 1), 0);
        for (uint64_t n = frame_mfn(f[i]).n; n < frame_mfn(f[i]).n + (1UL << order[i]); n++) {
            assert_false(bitmap_test(used, n));
            assert_true((n > 0 && n < 160) || (n >= 256 && n < 512) ||
                        (n >= HEAP_START && n < LOW_FRAMES) || n >= HIGH_START);
            bitmap_set(used, n);
        }
        if (step % 500 == 0)
            audit_clean();
    }
    assert_true(failures > 0);
    for (unsigned i = 0; i < N; i++)
        if (f[i])
            frame_free_hv(f[i], order[i]);
    assert_int_equal(heap_free_pages(), before);
    audit_clean();
    /* Merged: the largest block that holds none of our own pages is whole again. */
    f[0] = must(frame_alloc(NULL, 10, 0, 0));
    assert_int_equal(frame_mfn(f[0]).n, LOW_FRAMES - 1024);
    frame_free_hv(f[0], 10);
    assert_null(frame_alloc(NULL, FRAME_MAX_ORDER, 0, 0));
    assert_null(frame_alloc(NULL, FRAME_MAX_ORDER + 1, 0, 0));
}

/* Address widths: never above, and low memory is used last. */
static void address_width(void **state)
{
    struct frame *f = must(frame_alloc(NULL, 0, 0, 0));

    assert_true(frame_mfn(f).n >= HIGH_START);
    frame_free_hv(f, 0);
    for (unsigned bits = 13; bits < 36; bits++) {
        f = frame_alloc(NULL, 0, 0, bits);
        if (!f) {
            assert_true(bits < 13);
            continue;
        }
        assert_true((frame_mfn(f).n << PAGE_SHIFT) + PAGE_SIZE <= 1UL << bits);
        frame_free_hv(f, 0);
    }
    assert_null(frame_alloc(NULL, 0, 0, 12));
    assert_null(frame_alloc(NULL, 0, 0, 1));
    assert_int_equal(heap_free_pages_in(1, 20), 159);
    assert_int_equal(heap_free_pages_in(1, 64), heap_free_pages());
}

/* I4, I6: dirty memory is flushed, then scrubbed, before it is seen again. */
static void flush_and_scrub(void **state)
{
    struct mem_owner *o = &owner[1];
    unsigned before;
    struct frame *f;
    uint64_t n;

    for (unsigned round = 0; round < 2; round++) {
        f = new_frame(o);
        n = frame_mfn(f).n;
        while (n >= LOW_FRAMES) { /* the fake TLB knows low memory only */
            frame_put_alloc(f);
            f = must(frame_alloc(o, 0, 0, 32 - 7));
            n = frame_mfn(f).n;
        }
        memset(frame_virt(f), 0xaa, PAGE_SIZE);
        cached[n] = 5; /* still mapped read-only in the TLBs of CPUs 0 and 2 */
        frame_put_alloc(f);
        before = fake_flushes;
        if (round == 1) {
            /* The idle loop gets there first: it must flush, too, and scrub all. */
            while (heap_scrub_some())
                ;
            assert_int_equal(cached[n], 0);
            assert_true(frame_of(MFN(n))->ref & REF_CLEAN);
            audit_clean();
            f = must(frame_alloc(&owner[2], 0, 0, 25));
        } else {
            do
                f = must(frame_alloc(&owner[2], 0, 0, 25));
            while (frame_mfn(f).n != n && owner[2].tot_pages < 1500);
        }
        assert_true(fake_flushes > before);
        assert_int_equal(cached[n], 0);
        for (unsigned k = 0; k < 512; k++)
            assert_int_equal(table_at(f)[k], 0);
        o = &owner[2];
        o->is_dying = true;
        n = 0;
        assert_int_equal(mem_relinquish(o, &n), 0);
        o->is_dying = false;
        o = &owner[1];
    }
    audit_clean();
}

/* A block in the scrubber's hands that is split, freed dirty and merged is not taken for clean. */
static void scrubber_is_not_fooled(void **state)
{
    for (unsigned round = 0; round < 300; round++) {
        struct frame *f[20];

        for (unsigned i = 0; i < 20; i++) {
            unsigned order = (unsigned)rnd(4);

            f[i] = must(frame_alloc(NULL, order, 0, 0));
            for (unsigned k = 0; k < (PAGE_SIZE << order) / 8; k += 64)
                assert_int_equal(((uint64_t *)frame_virt(f[i]))[k], 0);
            memset(frame_virt(f[i]), 0x55, PAGE_SIZE << order);
            f[i]->type = order; /* ours while it is ours */
        }
        for (unsigned n = (unsigned)rnd(2000); n; n--)
            heap_scrub_some();
        for (unsigned i = 0; i < 20; i++) {
            frame_free_hv(f[i], (unsigned)f[i]->type);
            heap_scrub_some();
        }
        if (round % 50 == 0)
            audit_clean();
    }
}

/* Scrubbing of an extent that stops at every look gets to its end all the same; what it has taken
 * is back in between, and what comes out is zero. */
static void interrupted_scrubbing(void **state)
{
    uint64_t total = heap_free_pages();
    unsigned restarts = 0, rounds = 0;
    struct frame *f, *all[16];
    int rc;

    for (unsigned i = 0; i < 8; i++) { /* all of it dirty, by blocks of the size asked for */
        all[i] = must(frame_alloc(NULL, 9, MEMF_NO_SCRUB, 0));
        memset(frame_virt(all[i]), 0x77, PAGE_SIZE << 9);
    }
    for (unsigned i = 0; i < 8; i++)
        frame_free_hv(all[i], 9);
    fake_preempt = 1;
    while (rounds < 3) {
        rc = frame_alloc_preempt(&owner[1], 9, 0, 0, &(unsigned){0}, &f);
        if (rc) {
            assert_int_equal(rc, -ERESTART);
            assert_int_equal(heap_free_pages(), total);
            assert_true(++restarts <= total / 16);
            continue;
        }
        for (unsigned k = 0; k < (PAGE_SIZE << 9) / 8; k += 16)
            assert_int_equal(((uint64_t *)frame_virt(f))[k], 0);
        memset(frame_virt(f), 0x78, PAGE_SIZE << 9);
        for (unsigned i = 0; i < 512; i++)
            frame_put_alloc(&f[i]);
        rounds++;
    }
    assert_true(restarts >= 31);
    fake_preempt = 0;
    audit_clean(); /* not before: it takes memory itself, and leaves it dirty */
    owner[1].max_pages = 1;
    assert_int_equal(frame_alloc_preempt(&owner[1], 9, 0, 0, &(unsigned){0}, &f), -ENOMEM);
    owner[1].max_pages = 20000;
}

/* A block that was not used goes back clean, and is found so. */
static void unused_stays_clean(void **state)
{
    struct frame *f = must(frame_alloc(NULL, 3, 0, 0));
    uint64_t total = heap_free_pages();

    frame_free_unused(f, 3);
    assert_int_equal(heap_free_pages(), total + 8);
    for (unsigned i = 0; i < 8; i++)
        assert_true(f[i].ref & REF_CLEAN);
    audit_clean();
    EXPECT_BUG(frame_free_unused(f, 3));
    f = must(frame_alloc(NULL, 3, 0, 0));
    EXPECT_BUG(frame_free_unused(f, 2));
    frame_free_hv(f, 3);
}

/* Limits, claims, dying owners. */
static void limits(void **state)
{
    struct mem_owner *o = &owner[1], *p = &owner[2];
    struct frame *f[4], *big;
    uint64_t total = heap_free_pages();

    o->max_pages = 3;
    for (unsigned i = 0; i < 3; i++)
        f[i] = new_frame(o);
    assert_null(frame_alloc(o, 0, 0, 0));
    assert_null(frame_alloc(o, 1, 0, 0));
    f[3] = must(frame_alloc(o, 0, MEMF_KEEP_LIMIT, 0));
    assert_int_equal(o->tot_pages, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(frame_put_alloc(f[i]));
        EXPECT_BUG(frame_put(f[i]));
    }
    big = must(frame_alloc(NULL, 2, 0, 0));
    assert_int_equal(frame_assign(big, 2, o, 0), -ENOMEM);
    assert_int_equal(o->tot_pages, 0);
    frame_free_hv(big, 2);
    o->max_pages = 20000;
    assert_int_equal(mem_claim(o, total + 1), -ENOMEM);
    assert_int_equal(mem_claim(o, 20001), -EINVAL);
    assert_int_equal(mem_claim(o, total - 10), 0);
    assert_int_equal(mem_claim(o, total), -EINVAL);
    assert_int_equal(mem_outstanding_claims(), total - 10);
    assert_null(frame_alloc(p, 4, 0, 0)); /* 16 are not free of promises */
    big = must(frame_alloc(p, 3, 0, 0));
    for (unsigned i = 0; i < 8; i++)
        frame_put_alloc(&big[i]);
    big = must(frame_alloc(o, 9, 0, 0));
    assert_int_equal(mem_outstanding_claims(), total - 10 - 512);
    assert_int_equal(mem_claim(o, 0), 0);
    assert_int_equal(mem_outstanding_claims(), 0);
    for (unsigned i = 0; i < 512; i++)
        frame_put_alloc(&big[i]);
    o->max_pages = 2000;
    o->is_dying = true;
    assert_null(frame_alloc(o, 0, 0, 0));
    big = must(frame_alloc(NULL, 0, 0, 0));
    assert_int_equal(frame_assign(big, 0, o, 0), -EINVAL);
    o->is_dying = false;
    assert_int_equal(frame_assign(big, 0, o, 0), 0);
    frame_put_alloc(big);
    assert_int_equal(heap_free_pages(), total);
}

/* Pages of the hypervisor that a domain maps come back when the last mapping goes, not before. */
static void shared_pages(void **state)
{
    struct mem_owner *o = &owner[1];
    uint64_t before = heap_free_pages();
    void *page = must(hv_alloc_page()), *other = must(hv_alloc_page());
    struct frame *f = frame_of(virt_to_mfn(page)), *g = frame_of(virt_to_mfn(other));

    assert_false(frame_get(f, 1)); /* not before it is shared (I3) */
    assert_int_equal(frame_share(page, o, false), 0);
    assert_int_equal(frame_share(other, o, true), 0);
    assert_int_equal(o->shared_pages, 2);
    assert_int_equal(owner_held[1], 1);
    assert_int_equal(frame_get_type(f, 1, PT_WRITABLE, 0), -EINVAL);
    assert_int_equal(frame_get_type(g, 1, PT_WRITABLE, 0), 0);
    assert_int_equal(frame_steal(g, o), -EINVAL);
    assert_true(frame_get(f, 1));
    assert_false(frame_unshare(page));
    assert_false(frame_is_unshared(page));
    frame_put(f);
    assert_true(frame_is_unshared(page));
    hv_free_page(page);
    frame_unshare_and_free(other);
    assert_int_equal(frame_state(g), FRAME_IN_USE);
    frame_put_type(g);
    assert_int_equal(frame_state(g), FRAME_FREE);
    assert_int_equal(o->shared_pages, 0);
    assert_int_equal(owner_held[1], 0);
    assert_int_equal(heap_free_pages(), before);
}

/* Every assigned frame of a dying owner is found, however often the walk stops; no shared one. */
static void walk_of_frames(void **state)
{
    struct mem_owner *o = &owner[3];
    uint64_t cursor = 0;
    void *page = must(hv_alloc_page());

    for (unsigned i = 0; i < 40; i++)
        must(frame_alloc(o, (unsigned)rnd(6), 0, i % 2 ? 25 : 0));
    assert_int_equal(frame_share(page, o, true), 0);
    o->is_dying = true;
    fake_preempt = 1;
    while (mem_relinquish(o, &cursor))
        ;
    fake_preempt = 0;
    o->is_dying = false;
    assert_int_equal(o->tot_pages, 0);
    assert_int_equal(o->shared_pages, 1);
    frame_unshare_and_free(page);
}

/* Stolen frames: only if nobody else holds them; back to the same owner they are flushed first. */
static void stealing(void **state)
{
    struct mem_owner *o = &owner[1];
    struct frame *f = must(frame_alloc(o, 0, 0, 25));
    unsigned before;

    assert_int_equal(frame_steal(f, &owner[2]), -EINVAL);
    assert_true(frame_get(f, 1));
    assert_int_equal(frame_steal(f, o), -EBUSY);
    frame_put(f);
    assert_int_equal(frame_get_type(f, 1, PT_WRITABLE, 0), 0);
    assert_int_equal(frame_steal(f, o), -EBUSY);
    frame_put_type(f);
    cached_writable[frame_mfn(f).n] = o->dirty_cpus;
    assert_int_equal(frame_steal(f, o), 0);
    assert_int_equal(o->tot_pages, 0);
    assert_int_not_equal(frame_state(f), FRAME_IN_USE);
    /* While it is out nobody gets its place under the limit (XSA-385). */
    o->max_pages = 1;
    assert_null(frame_alloc(o, 0, 0, 0));
    o->max_pages = 2000;
    assert_int_equal(frame_assign(f, 0, o, MEMF_KEEP_LIMIT), 0);
    assert_int_equal(o->exchanging, 0);
    before = fake_flushes;
    assert_int_equal(page_pin(f, o, PT_L1, 0), 0);
    assert_int_equal(fake_flushes, before + 1);
    assert_int_equal(cached_writable[frame_mfn(f).n], 0);
    assert_int_equal(page_unpin(f, o, 0), 0);
    frame_put_alloc(f);
}

/* Small objects: zeroed, apart, aligned, and all pages come back. */
static void small_objects(void **state)
{
    enum { N = 400 };
    static uint8_t *p[N];
    static size_t size[N];
    uint64_t before = heap_free_pages();

    for (unsigned step = 0; step < 30000; step++) {
        unsigned i = (unsigned)rnd(N);

        if (p[i]) {
            for (size_t k = 0; k < size[i]; k++)
                assert_int_equal(p[i][k], (uint8_t)i);
            hv_free(p[i]);
            p[i] = NULL;
            continue;
        }
        size[i] = 1 + (size_t)rnd(rnd(20) ? 2100 : 20000);
        p[i] = must(hv_zalloc(size[i]));
        assert_int_equal((uintptr_t)p[i] % 16, 0);
        for (size_t k = 0; k < size[i]; k++)
            assert_int_equal(p[i][k], 0);
        memset(p[i], (int)i, size[i]);
    }
    for (unsigned i = 0; i < N; i++)
        hv_free(p[i]);
    assert_int_equal(heap_free_pages(), before);
    p[0] = must(hv_zalloc(1000));
    hv_free(p[0]);
    EXPECT_BUG(hv_free(p[0])); /* its page is gone */
    audit_clean();
}

static int setup(void **state)
{
    fake_boot(true);
    free_at_boot = heap_free_pages();
    fake_owners();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records),
        cmocka_unit_test(m2p),
        cmocka_unit_test(blocks),
        cmocka_unit_test(address_width),
        cmocka_unit_test(flush_and_scrub),
        cmocka_unit_test(scrubber_is_not_fooled),
        cmocka_unit_test(interrupted_scrubbing),
        cmocka_unit_test(unused_stays_clean),
        cmocka_unit_test(limits),
        cmocka_unit_test(shared_pages),
        cmocka_unit_test(walk_of_frames),
        cmocka_unit_test(stealing),
        cmocka_unit_test(small_objects),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
