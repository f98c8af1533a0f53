/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: a guest's life with page tables (pin, unlink, link, replace, a tree that is refused,
 * unpin) may be stopped at any look for pending work, the first, the second, ... the n-th, and then
 * go on, be given up, or end by the domain's death in steps: the audit is clean at every stop, and
 * in the end every frame is free.
 */
// SOURCES: hypervisor/mem/frame.c hypervisor/mem/assign.c hypervisor/mem/buddy.c
// SOURCES: hypervisor/mem/numa.c hypervisor/mem/memory_map.c
// SOURCES: hypervisor/mem/owner.c hypervisor/mem/page_type.c hypervisor/mem/validate.c
// SOURCES: hypervisor/mem/entry.c hypervisor/mem/pte.c hypervisor/mem/segdesc.c
// SOURCES: hypervisor/mem/tlb_clock.c hypervisor/mem/heap.c hypervisor/mem/m2p.c
// SOURCES: hypervisor/mem/rangeset.c hypervisor/mem/audit.c hypervisor/lib/format.c
#include "fake_memory.h"

#define NR_L1 6 /* below each of two L2 tables */

static struct frame *l4, *l3, *l2[2], *l1[2 * NR_L1], *page, *bad4, *bad1;

static void link_to(struct frame *table, unsigned i, struct frame *f, uint64_t flags)
{
    table_at(table)[i] = pte_make(frame_mfn(f), PTE_P | flags);
}

/* Two trees that share all but their tops; the second has an entry that is refused, last of all. */
static void build(struct mem_owner *o)
{
    struct frame **all[] = {&l4, &l3, &l2[0], &l2[1], &page, &bad4, &bad1};

    for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
        *all[i] = new_frame(o);
    link_to(l4, 3, l3, PTE_RW);
    link_to(bad4, 3, l3, PTE_RW);
    for (unsigned i = 0; i < 2; i++)
        link_to(l3, 5 * i, l2[i], PTE_RW);
    for (unsigned i = 0; i < 2 * NR_L1; i++) {
        l1[i] = new_frame(o);
        link_to(l2[i % 2], 9 * i, l1[i], PTE_RW);
        link_to(l1[i], 11, page, PTE_RW);
        link_to(l1[i], 12, l2[0], 0);
    }
    link_to(bad4, 500, bad1, PTE_RW); /* of no level: promoted as L3, with what no L3 may hold */
    link_to(bad1, 511, page, PTE_RW | PTE_PSE);
}

/* --- the operations: 0, an error, or -ERESTART: to be called again
 * --------------------------------
 */

/* On its way down after its last use, with a general reference that is ours. */
static struct frame *left;

static int finish_left(void)
{
    int rc = left ? page_type_finish(left, PTF_PREEMPT) : 0;

    if (rc || !left)
        return rc;
    frame_put(left);
    left = NULL;
    return 0;
}

static int unpin(struct frame *f)
{
    int rc = left ? -ERESTART : page_unpin(f, &owner[1], PTF_PREEMPT);

    if (rc == -ERESTART) {
        left = f;
        return finish_left();
    }
    return rc;
}

static int update(unsigned index, pte_t next)
{
    struct pte_context c = {.page_owner = NULL};
    struct pte_table t;
    int rc = finish_left();

    if (rc)
        return rc;
    rc = pte_table_open(&t, &owner[1], frame_mfn(l3));
    if (rc)
        return rc;
    if (table_at(l3)[index] != entry_complete(3, next) && table_at(l3)[index] != next)
        rc = pte_update(&t, index, next, 0, NULL, &c);
    pte_table_close(&t);
    left = c.deferred;
    return rc ? rc : finish_left();
}

static int operation(unsigned nr)
{
    const pte_t leads[2] = {pte_make(frame_mfn(l2[0]), PTE_P | PTE_RW),
                            pte_make(frame_mfn(l2[1]), PTE_P | PTE_RW)};

    switch (nr) {
    case 0: return page_pin(l4, &owner[1], PT_L4, PTF_PREEMPT);
    case 1: return update(0, 0);
    case 2: return update(7, leads[0]);
    case 3: return update(5, leads[0]); /* in the place of l2[1] */
    case 4: return update(5, leads[1]);
    case 5: return page_pin(bad4, &owner[1], PT_L4, PTF_PREEMPT);
    case 6: return unpin(l4);
    default: return 1;
    }
}

/* --- the lives -----------------------------------------------------------------------------------
 */

enum after { GO_ON, GIVE_UP, STOP_AGAIN, DIE };

static unsigned nr_points;

static void audit_left(void)
{
    held_general = left;
    audit_clean();
    held_general = NULL;
}

static void die(struct mem_owner *o)
{
    uint64_t cursor = 0;

    if (left)
        frame_put(left); /* half way down it holds itself */
    left = NULL;
    o->is_dying = true;
    while (mem_relinquish(o, &cursor) == -ERESTART)
        audit_clean();
    o->is_dying = false;
    assert_int_equal(o->tot_pages, 0);
}

/* False: there is no n-th look. */
static bool live(int n, enum after after)
{
    struct mem_owner *o = &owner[1];
    bool stopped = false, found;
    int rc;

    build(o);
    fake_preempt = n;
    fake_preempt_looks = 0;
    for (unsigned nr = 0; (rc = operation(nr)) <= 0;) {
        if (rc != -ERESTART) {
            assert_int_equal(rc, nr == 5 ? -EINVAL : 0);
            nr++;
            continue;
        }
        audit_left();
        if (!stopped)
            nr_points++;
        stopped = true;
        fake_preempt = after == STOP_AGAIN ? n : 0;
        if (after == DIE)
            break;
        if (after == GIVE_UP) {
            if (left)
                frame_put(left);
            left = NULL;
            break;
        }
    }
    found = fake_preempt_looks >= (unsigned)n; /* a stop may also be nobody's business but theirs */
    fake_preempt = after == DIE;
    die(o);
    fake_preempt = 0;
    audit_clean();
    return found;
}

static void every_look(enum after after)
{
    uint64_t before = heap_free_pages();
    int n = 1;

    while (live(n, after)) {
        assert_int_equal(heap_free_pages(), before);
        n++;
    }
    assert_in_range(n, 50, 1000);
}

static void goes_on(void **state)
{
    every_look(GO_ON);
}

static void goes_on_and_stops_again(void **state)
{
    every_look(STOP_AGAIN);
}

static void is_given_up(void **state)
{
    every_look(GIVE_UP);
}

static void dies_there(void **state)
{
    every_look(DIE);
    printf("%u points\n", nr_points);
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
        cmocka_unit_test(goes_on),
        cmocka_unit_test(goes_on_and_stops_again),
        cmocka_unit_test(is_given_up),
        cmocka_unit_test(dies_there),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
