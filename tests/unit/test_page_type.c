/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: the type machine lets a frame have one type at a time, flushes before it changes, keeps
 * exactly one type and one general reference in a half done table, and comes to the same end
 * wherever a promotion or demotion is interrupted, resumed, or given up.
 */
// SOURCES: hypervisor/mem/frame.c hypervisor/mem/assign.c hypervisor/mem/buddy.c
// SOURCES: hypervisor/mem/numa.c hypervisor/mem/memory_map.c
// SOURCES: hypervisor/mem/owner.c hypervisor/mem/page_type.c hypervisor/mem/validate.c
// SOURCES: hypervisor/mem/entry.c hypervisor/mem/pte.c hypervisor/mem/segdesc.c
// SOURCES: hypervisor/mem/tlb_clock.c hypervisor/mem/heap.c hypervisor/mem/m2p.c
// SOURCES: hypervisor/mem/rangeset.c hypervisor/mem/audit.c hypervisor/lib/format.c
#include "fake_memory.h"
#include "mem/hot.h"

/* A tree of `n2` L2 tables with `n1` L1 tables each, every L1 mapping `nm` frames writable. */
struct tree {
    struct frame *l4, *l3, *l2[8], *l1[64], *page[64];
    unsigned n2, n1;
};

static void build_tree(struct tree *t, struct mem_owner *o, unsigned n2, unsigned n1)
{
    t->n2 = n2;
    t->n1 = n1;
    t->l4 = new_frame(o);
    t->l3 = new_frame(o);
    table_at(t->l4)[3] = pte_make(frame_mfn(t->l3), PTE_P | PTE_RW);
    for (unsigned i = 0; i < n2; i++) {
        t->l2[i] = new_frame(o);
        table_at(t->l3)[5 * i] = pte_make(frame_mfn(t->l2[i]), PTE_P | PTE_RW);
        for (unsigned j = 0; j < n1; j++) {
            unsigned k = i * n1 + j;

            t->l1[k] = new_frame(o);
            t->page[k] = new_frame(o);
            table_at(t->l2[i])[7 * j] = pte_make(frame_mfn(t->l1[k]), PTE_P | PTE_RW | PTE_US);
            table_at(t->l1[k])[9] = pte_make(frame_mfn(t->page[k]), PTE_P | PTE_RW);
            table_at(t->l1[k])[10] = pte_make(frame_mfn(t->l1[k]), PTE_P | PTE_US);
        }
    }
}

static void free_tree(struct tree *t)
{
    for (unsigned k = 0; k < t->n1 * t->n2; k++) {
        frame_put_alloc(t->l1[k]);
        frame_put_alloc(t->page[k]);
    }
    for (unsigned i = 0; i < t->n2; i++)
        frame_put_alloc(t->l2[i]);
    frame_put_alloc(t->l3);
    frame_put_alloc(t->l4);
}

static int pin_all_the_way(struct frame *f, struct mem_owner *o, unsigned *interruptions)
{
    int rc;

    while ((rc = page_pin(f, o, PT_L4, PTF_PREEMPT)) == -ERESTART) {
        ++*interruptions;
        audit_clean();
    }
    return rc;
}

static int unpin_all_the_way(struct frame *f, struct mem_owner *o, unsigned *interruptions)
{
    int rc = page_unpin(f, o, PTF_PREEMPT);

    if (rc != -ERESTART)
        return rc;
    while (page_type_finish(f, PTF_PREEMPT) == -ERESTART)
        ++*interruptions;
    ++*interruptions;
    frame_put(f); /* the pin's */
    return 0;
}

/* A pinned table holds what its entries say, and an unpinned one nothing. */
static void pin_and_unpin(void **state)
{
    struct mem_owner *o = &owner[1];
    struct tree t;

    build_tree(&t, o, 2, 2);
    assert_int_equal(page_pin(t.l4, o, PT_L4, 0), 0);
    assert_int_equal(page_type(t.l1[3]), PT_L1);
    assert_int_equal(type_count(t.l1[3]), 1);
    assert_int_equal(frame_count(t.l1[3]), 3); /* allocation, L2 entry, own read-only entry */
    assert_int_equal(page_type(t.page[0]), PT_WRITABLE);
    /* I5: completed entries, hypervisor slots in place. */
    assert_int_equal(table_at(t.l1[0])[9],
                     pte_make(frame_mfn(t.page[0]), PTE_P | PTE_RW | PTE_US | PTE_GUEST_KERNEL));
    assert_int_equal(table_at(t.l1[0])[10], pte_make(frame_mfn(t.l1[0]), PTE_P | PTE_US | PTE_G));
    assert_true(table_at(t.l3)[0] & PTE_US);
    assert_memory_equal(&table_at(t.l4)[256], hv_l4_slots, sizeof(hv_l4_slots));
    audit_clean();
    /* Twice is refused, and changes nothing. */
    assert_int_equal(page_pin(t.l4, o, PT_L4, 0), -EINVAL);
    assert_int_equal(page_unpin(t.l3, o, 0), -EINVAL);
    assert_int_equal(page_unpin(t.l4, &owner[2], 0), -EINVAL);
    audit_clean();
    assert_int_equal(page_unpin(t.l4, o, 0), 0);
    assert_int_equal(type_count(t.l1[3]), 0);
    assert_int_equal(frame_count(t.l1[3]), 1);
    assert_int_equal(type_count(t.page[0]), 0);
    audit_clean();
    o->is_dying = true; /* nothing is pinned any more that death would not find */
    assert_int_equal(page_pin(t.l4, o, PT_L4, 0), -EINVAL);
    o->is_dying = false;
    free_tree(&t);
    assert_int_equal(o->tot_pages, 0);
    assert_int_equal(owner_held[1], 0);
}

static struct frame *contended;
static unsigned uses_between;

/* What another CPU does after this one has read the clock: maps the frame where it still can,
 * flushes, uses the mapping, and takes it away again. */
static void use_by_cpu1(void)
{
    if (!(load_once(&contended->type) & TYPE_VALIDATED))
        return; /* it has to wait */
    uses_between++;
    assert_int_equal(frame_get_type(contended, 1, PT_WRITABLE, 0), 0);
    fake_cpu_flush(1);
    cached_writable[frame_mfn(contended).n] |= cpumask_of(1);
    frame_put_type(contended);
}

/* The stamp of a last use is not older than any use, however the uses interleave (XSA-241). */
static void stamp_of_last_use(void **state)
{
    struct mem_owner *o = &owner[1];

    /* Once each by the slow way and by that of page-table entries. */
    for (unsigned fast = 0; fast < 2; fast++) {
        contended = new_frame(o);
        assert_int_equal(frame_get_type(contended, 1, PT_WRITABLE, 0), 0);
        host_after_stamp = use_by_cpu1;
        if (fast)
            l1_entry_put_fast(pte_make(frame_mfn(contended), PTE_P | PTE_RW));
        else
            frame_put_type(contended);
        host_after_stamp = NULL;
        assert_int_equal(page_pin(contended, o, PT_L1, 0), 0);
        assert_int_equal(cached_writable[frame_mfn(contended).n], 0);
        assert_int_equal(page_unpin(contended, o, 0), 0);
        frame_put_alloc(contended);
    }
    assert_int_equal(uses_between, 0);
}

/* I1: what is mapped writable does not become a table, nor the other way round. */
static void one_type_at_a_time(void **state)
{
    struct mem_owner *o = &owner[1];
    struct frame *f = new_frame(o);

    assert_int_equal(frame_get_type(f, 1, PT_WRITABLE, 0), 0);
    for (enum page_type t = PT_L1; t <= PT_SHARED; t++)
        assert_int_equal(page_type_get(f, t, 0), -EINVAL);
    assert_int_equal(page_pin(f, o, PT_L1, 0), -EINVAL);
    frame_put_type(f);
    assert_int_equal(page_pin(f, o, PT_L1, 0), 0);
    assert_int_equal(page_type_get(f, PT_WRITABLE, 0), -EINVAL);
    assert_int_equal(page_type_get(f, PT_L2, 0), -EINVAL);
    assert_int_equal(page_type_get(f, PT_SEGDESC, 0), -EINVAL);
    assert_int_equal(frame_get_type(f, 2, PT_L1, 0), -EINVAL);
    assert_int_equal(page_unpin(f, o, 0), 0);
    frame_put_alloc(f);
}

/* I4: a change of type flushes the CPUs that may hold the old use, and no others, and only once. */
static void change_of_type_flushes(void **state)
{
    struct mem_owner *o = &owner[1];
    struct frame *f = new_frame(o);
    unsigned before = fake_flushes;

    o->dirty_cpus = 6;
    assert_int_equal(page_type_get(f, PT_WRITABLE, 0), 0);
    assert_int_equal(fake_flushes, before); /* fresh from the allocator: nothing to flush */
    cached_writable[frame_mfn(f).n] = 6;
    page_type_put(f, 0);
    assert_int_equal(page_type_get(f, PT_WRITABLE, 0), 0); /* same type again: none */
    page_type_put(f, 0);
    assert_int_equal(fake_flushes, before);
    fake_cpu_flush(1);
    assert_int_equal(page_pin(f, o, PT_L1, 0), 0);
    assert_int_equal(fake_flushes, before + 1);
    assert_int_equal(cached_writable[frame_mfn(f).n], 0);
    assert_int_equal(page_unpin(f, o, 0), 0);
    /* All CPUs have flushed since: no flush needed. */
    fake_cpu_flush(1);
    fake_cpu_flush(2);
    assert_int_equal(page_type_get(f, PT_WRITABLE, 0), 0);
    assert_int_equal(fake_flushes, before + 1);
    page_type_put(f, 0);
    /* Mapped by others: any CPU may hold it. */
    frame_mark(f, REF_FOREIGN);
    cached_writable[frame_mfn(f).n] = 9;
    assert_int_equal(page_type_get(f, PT_SEGDESC, 0), 0);
    assert_int_equal(cached_writable[frame_mfn(f).n], 0);
    page_type_put(f, 0);
    frame_put_alloc(f);
    o->dirty_cpus = 2;
}

static struct frame *written_late;

static void late_write(void)
{
    table_at(written_late)[3] = pte_make(frame_mfn(written_late), PTE_P | PTE_RW);
}

/* XSA-401: a store by a stale translation at the last moment, just before the flush, is judged with
 * the rest: the flush comes first. */
static void flush_before_judgement(void **state)
{
    struct mem_owner *o = &owner[1];
    struct frame *f = new_frame(o);

    assert_int_equal(page_type_get(f, PT_WRITABLE, 0), 0);
    page_type_put(f, 0);
    written_late = f;
    fake_before_flush = late_write;
    assert_int_equal(page_pin(f, o, PT_L1, 0), -EINVAL); /* it maps itself writable */
    fake_before_flush = NULL;
    assert_int_equal(table_at(f)[3], pte_make(frame_mfn(f), PTE_P | PTE_RW)); /* it was flushed */
    frame_put_alloc(f);
}

/* XSA-402: a frame mapped other than write-back has its cache lines written before validation. */
static void uncached_use_flushes_cache(void **state)
{
    struct mem_owner *o = &owner[0];
    struct frame *f = new_frame(o);
    unsigned before = fake_cache_flushes;

    assert_int_equal(page_pin(f, o, PT_L1, 0), 0);
    assert_int_equal(page_unpin(f, o, 0), 0);
    assert_int_equal(fake_cache_flushes, before);
    frame_mark(f, REF_UNCACHED);
    assert_int_equal(page_pin(f, o, PT_L1, 0), 0);
    assert_int_equal(fake_cache_flushes, before + 1);
    assert_int_equal(page_unpin(f, o, 0), 0);
    frame_put_alloc(f);
    assert_int_equal(fake_cache_flushes, before + 2); /* freed */
}

/* Counts are refused at their limit and never wrap. */
static void counts_do_not_wrap(void **state)
{
    struct frame *f = new_frame(&owner[1]);
    uint64_t ref = f->ref;

    assert_int_equal(page_type_get(f, PT_WRITABLE, 0), 0);
    f->type |= TYPE_COUNT_MAX;
    assert_int_equal(page_type_get(f, PT_WRITABLE, 0), -EBUSY);
    f->type = (f->type & ~TYPE_COUNT_MASK) | 1;
    page_type_put(f, 0);
    f->ref = (ref & ~REF_COUNT_MASK) | REF_COUNT_MAX;
    assert_false(frame_get(f, 1));
    assert_int_equal(f->ref & REF_COUNT_MASK, REF_COUNT_MAX);
    f->ref = ref;
    frame_put_alloc(f);
}

/* A put too many, a type left behind, a free frame put: the machine stops rather than go on. */
static void our_own_errors_stop_the_machine(void **state)
{
    struct frame *f = new_frame(&owner[1]), *free = new_frame(&owner[1]);

    EXPECT_BUG(page_type_put(f, 0));
    assert_int_equal(page_type_get(f, PT_WRITABLE, 0), 0);
    EXPECT_BUG(frame_put_alloc(f)); /* I6: last reference with a type */
    f->ref = REF_STATE(FRAME_IN_USE) | REF_ALLOC | 1UL << REF_OWNER_SHIFT | 1;
    page_type_put(f, 0);
    frame_put_alloc(f);
    frame_put_alloc(free);
    EXPECT_BUG(frame_put(free));
    EXPECT_BUG(frame_free_hv(free, 0));
}

/* Interrupted at every nth look, for each n: the same end, and a clean audit at each stop. */
static void interrupted_everywhere(void **state)
{
    struct mem_owner *o = &owner[1];
    struct tree t;
    unsigned most = 0;

    build_tree(&t, o, 3, 3);
    for (int n = 1; n < 16; n++) {
        unsigned stops = 0;

        fake_preempt = n;
        fake_preempt_looks = 0;
        assert_int_equal(pin_all_the_way(t.l4, o, &stops), 0);
        fake_preempt = 0;
        audit_clean();
        assert_int_equal(frame_count(t.l3), 2);
        fake_preempt = n;
        assert_int_equal(unpin_all_the_way(t.l4, o, &stops), 0);
        fake_preempt = 0;
        audit_clean();
        assert_int_equal(frame_count(t.l4), 1);
        assert_int_equal(frame_count(t.l1[8]), 1);
        assert_int_equal(type_count(t.l1[8]), 0);
        most = stops > most ? stops : most;
    }
    assert_true(most >= 12);
    free_tree(&t);
    assert_int_equal(o->tot_pages, 0);
}

/* A promotion given up half way, at each possible point, is undone by finishing it from the top. */
static void given_up_and_finished(void **state)
{
    struct mem_owner *o = &owner[1];
    struct tree t;

    build_tree(&t, o, 3, 3);
    for (unsigned stops = 1; stops < 12; stops++) {
        unsigned i;

        fake_preempt = 1;
        for (i = 0; i < stops && page_pin(t.l4, o, PT_L4, PTF_PREEMPT) == -ERESTART; i++)
            ;
        assert_int_equal(i, stops);
        audit_clean();
        assert_true(t.l4->type & TYPE_PARTIAL);
        assert_int_equal(frame_count(t.l4), 2);
        /* While it is half done nobody can write it (I1). */
        assert_int_equal(page_type_get(t.l4, PT_WRITABLE, 0), -EINVAL);
        for (i = 0; page_type_finish(t.l4, PTF_PREEMPT) == -ERESTART; i++)
            audit_clean();
        fake_preempt = 0;
        audit_clean();
        for (unsigned k = 0; k < 9; k++) {
            assert_int_equal(type_count(t.l1[k]), 0);
            assert_int_equal(frame_count(t.l1[k]), 1);
        }
        for (unsigned k = 0; k < 3; k++)
            assert_int_equal(frame_count(t.l2[k]), 1);
        assert_int_equal(frame_count(t.l3), 1);
        assert_int_equal(frame_count(t.l4), 1);
    }
    free_tree(&t);
}

/* A bad entry at the end: everything taken before it is given back, the error arrives, even if the
 * way back is interrupted too. */
static void refused_late(void **state)
{
    struct mem_owner *o = &owner[1];
    struct tree t;

    build_tree(&t, o, 3, 3);
    table_at(t.l1[8])[511] = pte_make(frame_mfn(t.l4), PTE_P | PTE_RW); /* I1 */
    for (int n = 0; n < 12; n++) {
        unsigned stops = 0;
        int rc;

        fake_preempt = n;
        rc = pin_all_the_way(t.l4, o, &stops);
        fake_preempt = 0;
        assert_int_equal(rc, -EINVAL);
        audit_clean();
        for (unsigned k = 0; k < 9; k++)
            assert_int_equal(frame_count(t.l1[k]), 1);
        assert_int_equal(frame_count(t.l4), 1);
        assert_int_equal(type_count(t.l4), 0);
    }
    free_tree(&t);
}

/* Two roots share lower tables; one is interrupted while the other completes them (XSA-299). */
static void shared_lower_tables(void **state)
{
    struct mem_owner *o = &owner[1];
    struct frame *second;
    struct tree t;
    unsigned stops = 0;

    build_tree(&t, o, 2, 3);
    second = new_frame(o);
    table_at(second)[300] = table_at(t.l4)[3];
    for (unsigned first_stops = 1; first_stops < 8; first_stops++) {
        fake_preempt = 1;
        for (unsigned i = 0; i < first_stops; i++)
            assert_int_equal(page_pin(t.l4, o, PT_L4, PTF_PREEMPT), -ERESTART);
        fake_preempt = 0;
        assert_int_equal(page_pin(second, o, PT_L4, 0), 0);
        audit_clean();
        assert_int_equal(page_pin(t.l4, o, PT_L4, 0), 0);
        audit_clean();
        assert_int_equal(type_count(t.l3), 2);
        /* And down: the first stops half way, the second keeps what it needs. */
        fake_preempt = 1;
        assert_int_equal(unpin_all_the_way(second, o, &stops), 0);
        audit_clean();
        assert_int_equal(page_unpin(t.l4, o, PTF_PREEMPT), -ERESTART);
        held_general = t.l4; /* the pin's */
        audit_clean();
        held_general = NULL;
        fake_preempt = 0;
        /* Somebody wants it back as a table: finished first, then promoted anew. */
        assert_int_equal(page_type_get(t.l4, PT_L4, 0), 0);
        audit_held_type(t.l4);
        page_type_put(t.l4, 0);
        frame_put(t.l4);
        audit_clean();
    }
    frame_put_alloc(second);
    free_tree(&t);
}

/* Death in the middle of a promotion, of a demotion, with pins: all frames come back (I8). */
static void death_at_any_point(void **state)
{
    struct mem_owner *o = &owner[2];
    uint64_t before = heap_free_pages();

    for (unsigned stops = 0; stops < 14; stops++) {
        uint64_t cursor = 0;
        struct tree t, u;

        build_tree(&t, o, 2, 3);
        build_tree(&u, o, 1, 2);
        assert_int_equal(page_pin(u.l4, o, PT_L4, 0), 0);
        fake_preempt = 1;
        for (unsigned i = 0; i < stops; i++)
            if (page_pin(t.l4, o, PT_L4, PTF_PREEMPT) != -ERESTART)
                break;
        if (stops % 3 == 2 && page_unpin(u.l4, o, PTF_PREEMPT) == -ERESTART)
            frame_put(u.l4);
        audit_clean();
        o->is_dying = true;
        assert_null(frame_alloc(o, 0, 0, 0));
        while (mem_relinquish(o, &cursor) == -ERESTART)
            audit_clean();
        fake_preempt = 0;
        assert_int_equal(o->tot_pages, 0);
        assert_int_equal(owner_held[2], 0);
        assert_int_equal(heap_free_pages(), before);
        o->is_dying = false;
        audit_clean();
    }
}

/* Descriptor pages: no system descriptor, privilege level 3. */
static void descriptors(void **state)
{
    struct mem_owner *o = &owner[1];
    struct frame *f = new_frame(o);
    uint64_t *d = frame_virt(f);

    d[1] = 0x00af9a000000ffffUL; /* 64-bit code, DPL 0 */
    d[2] = 0x00cf92000000ffffUL; /* data, DPL 0 */
    d[3] = 0x0000100000000000UL; /* not present */
    d[4] = 0x0000800000000000UL; /* type 0 */
    assert_int_equal(frame_get_type(f, 1, PT_SEGDESC, 0), 0);
    assert_int_equal(d[1], 0x00affb000000ffffUL);
    assert_int_equal(d[2], 0x00cff3000000ffffUL);
    assert_int_equal(d[3], 0x0000100000000000UL);
    assert_int_equal(page_type_get(f, PT_WRITABLE, 0), -EINVAL);
    frame_put_type(f);
    for (unsigned type = 1; type < 16; type++) {
        d[511] = 1UL << 47 | 3UL << 45 | (uint64_t)type << 40; /* gates, TSS, LDT */
        assert_int_equal(frame_get_type(f, 1, PT_SEGDESC, 0), -EINVAL);
        assert_int_equal(type_count(f), 0);
    }
    audit_clean();
    frame_put_alloc(f);
}

static int setup(void **state)
{
    fake_boot(false);
    fake_owners();
    audit_register(report_held);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pin_and_unpin),          cmocka_unit_test(one_type_at_a_time),
        cmocka_unit_test(stamp_of_last_use),      cmocka_unit_test(change_of_type_flushes),
        cmocka_unit_test(flush_before_judgement), cmocka_unit_test(uncached_use_flushes_cache),
        cmocka_unit_test(counts_do_not_wrap),     cmocka_unit_test(our_own_errors_stop_the_machine),
        cmocka_unit_test(interrupted_everywhere), cmocka_unit_test(given_up_and_finished),
        cmocka_unit_test(refused_late),           cmocka_unit_test(shared_lower_tables),
        cmocka_unit_test(death_at_any_point),     cmocka_unit_test(descriptors),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
