/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: the audit finds each kind of damage that is planted here, names the frame and the
 * invariant, and says nothing of a machine in order.
 */
// SOURCES: hypervisor/mem/frame.c hypervisor/mem/assign.c hypervisor/mem/buddy.c
// SOURCES: hypervisor/mem/numa.c hypervisor/mem/memory_map.c
// SOURCES: hypervisor/mem/owner.c hypervisor/mem/page_type.c hypervisor/mem/validate.c
// SOURCES: hypervisor/mem/entry.c hypervisor/mem/pte.c hypervisor/mem/segdesc.c
// SOURCES: hypervisor/mem/tlb_clock.c hypervisor/mem/heap.c hypervisor/mem/m2p.c
// SOURCES: hypervisor/mem/rangeset.c hypervisor/mem/audit.c hypervisor/lib/format.c
#include "fake_memory.h"

#include "mem/rangeset.h"

static struct frame *l4, *l3, *l2, *l1, *page, *spare, *foreign, *free_frame;

/* The damage is done to one word and undone by putting it back. */
struct damage {
    uint64_t *word, was;
};

static void expect(struct damage d, uint64_t value, const char *rule, const struct frame *f)
{
    char number[24];
    bool named = false;

    *d.word = value;
    assert_true(audit_quietly() > 0);
    snprintf(number, sizeof(number), "%#lx", frame_mfn(f).n);
    for (unsigned i = 0; i < fake_nr_lines && i < 100; i++)
        named |= strstr(fake_lines[i], rule) && (!f || strstr(fake_lines[i], number));
    if (!named)
        fail_msg("value %#lx: no line with %s and %s; first: %s", value, rule, number,
                 fake_lines[0]);
    *d.word = d.was;
    audit_clean();
}

static struct damage at(uint64_t *word)
{
    return (struct damage){word, *word};
}

static void counts(void **state)
{
    expect(at(&page->ref), page->ref + 1, "general count", page);
    expect(at(&page->ref), page->ref - 1, "general count", page);
    expect(at(&page->type), page->type + 1, "type count", page);
    expect(at(&l2->type), l2->type + 1, "type count", l2);
    expect(at(&l2->ref), l2->ref - 1, "general count", l2);
    expect(at(&l4->type), l4->type & ~TYPE_PINNED, "type count", l4);
    expect(at(&spare->ref), spare->ref & ~REF_ALLOC, "general count", spare);
}

static void types(void **state)
{
    uint64_t l1_type = l1->type;

    /* I1: a frame mapped writable turned into a table behind everybody's back. */
    expect(at(&page->type), (uint64_t)PT_L1 << TYPE_SHIFT | TYPE_VALIDATED | 1, "I1", page);
    expect(at(&l1->type), (l1_type & ~TYPE_MASK) | (uint64_t)PT_L2 << TYPE_SHIFT, "I2", l1);
    expect(at(&l1->type), l1_type & ~TYPE_VALIDATED, "I2", l1);
    expect(at(&spare->type), TYPE_VALIDATED | (uint64_t)PT_L1 << TYPE_SHIFT, "I4", spare);
    expect(at(&spare->type), (uint64_t)PT_SEGDESC << TYPE_SHIFT | TYPE_VALIDATED | 1, "type count",
           spare);
}

static void entries(void **state)
{
    pte_t *e = &table_at(l1)[9], *u = &table_at(l2)[7];

    expect(at(e), *e & ~PTE_RW, "type count", page);
    expect(at(e), 0, "general count", page);
    expect(at(&table_at(l1)[11]), *e, "general count", page);
    expect(at(e), *e & ~PTE_US, "I5", l1);
    expect(at(e), *e | PTE_PCD, "I5", l1);
    expect(at(e), *e | PTE_G, "I5", l1); /* a kernel page, global */
    expect(at(e), *e | BIT(60), "I5", l1);
    expect(at(u), *u | PTE_PSE, "I5", l2);
    expect(at(&table_at(l4)[256]), table_at(l4)[256] ^ PTE_RW, "I5", l4);
    expect(at(&table_at(l4)[270]), pte_make(frame_mfn(l3), PTE_P | PTE_US), "I5", l4);
    expect(at(u), pte_make(frame_mfn(l3), PTE_P | PTE_US), "I2", l2);
    expect(at(u), pte_make(frame_mfn(foreign), PTE_P | PTE_US), "I3", l2);
    /* Writable mapping of a page table, the thing itself. */
    expect(at(&table_at(l1)[12]), pte_make(frame_mfn(l2), PTE_P | PTE_RW | PTE_US | PTE_G), "I1",
           l2);
}

static void strangers(void **state)
{
    const uint64_t flags = PTE_P | PTE_US | PTE_G;
    pte_t *e = &table_at(l1)[13];

    expect(at(e), pte_make(frame_mfn(foreign), flags), "I3", foreign);
    expect(at(e), pte_make(frame_mfn(free_frame), flags), "I3", free_frame);
    expect(at(e), pte_make(frame_mfn(free_frame), flags | PTE_RW), "I6", free_frame);
    expect(at(e), pte_make(MFN(600), flags), "I3", frame_of(MFN(600))); /* the hypervisor's */
    expect(at(e), pte_make(MFN(200), flags), "I9", frame_of(MFN(200)));
    expect(at(e), pte_make(MFN(0xfee00), flags), "I9", frame_of(MFN(0xfee00)));
}

static void books(void **state)
{
    struct frame *none = NULL;

    expect(at(&owner[1].tot_pages), owner[1].tot_pages - 1, "tot_pages", none);
    expect(at(&owner[1].shared_pages), 1, "shared_pages", none);
    expect(at(&owner[1].chunk_map[frame_mfn(page).n / 512 / 64]), 0, "I8", page);
    expect(at(&spare->ref), (spare->ref & ~REF_OWNER_MASK) | 99UL << REF_OWNER_SHIFT, "I8", spare);
    expect(at(&spare->ref), REF_STATE(FRAME_MOVING), "no state", spare);
    expect(at(&free_frame->ref), spare->ref, "I6", none);
    expect(at(&free_frame->type), 5, "I6", none);
    expect(at(&free_frame->ref), free_frame->ref ^ 1UL << REF_ORDER_SHIFT, "I6", none);
    expect(at(&free_frame->ref), free_frame->ref | REF_ALL_CLEAN, "I6", none);
}

static unsigned general, descriptors;

static void reporter(struct audit *a)
{
    audit_holds(a, frame_mfn(spare), general);
    audit_holds_type(a, frame_mfn(spare), PT_SEGDESC, descriptors);
    if (general == 7)
        audit_complain(a, "grant %u is odd", 5);
}

/* What upper layers report is counted, and missed when they do not hold it. */
static void reporters(void **state)
{
    assert_int_equal(frame_get_type(spare, 1, PT_SEGDESC, 0), 0);
    assert_int_equal(audit_quietly(), 2);
    general = descriptors = 1;
    audit_clean();
    general = 7;
    assert_true(audit_quietly() >= 2);
    general = 1;
    frame_put_type(spare);
    assert_true(audit_quietly() > 0);
    general = descriptors = 0;
    audit_clean();
}

/* A mapping of another's frame is in order when a grant is reported for it, once. */
static unsigned grants;

static void grant_reporter(struct audit *a)
{
    audit_grant_maps(a, 1, frame_mfn(foreign), grants);
}

static void grants_count(void **state)
{
    pte_t *e = &table_at(l1)[20];

    assert_true(frame_get(foreign, 2));
    frame_mark(foreign, REF_FOREIGN);
    *e = pte_make(frame_mfn(foreign), PTE_P | PTE_US | PTE_G);
    assert_int_equal(audit_quietly(), 1);
    grants = 1;
    audit_clean();
    foreign->ref &= ~REF_FOREIGN;
    assert_int_equal(audit_quietly(), 1); /* I4: flushes would be spared that it needs */
    *e = 0;
    frame_put(foreign);
    grants = 0;
    audit_clean();
}

static int setup(void **state)
{
    struct frame **all[] = {&l4, &l3, &l2, &l1, &page, &spare, &free_frame};

    fake_boot(false);
    fake_owners();
    for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
        *all[i] = new_frame(&owner[1]);
    foreign = new_frame(&owner[2]);
    table_at(l4)[5] = pte_make(frame_mfn(l3), PTE_P | PTE_RW);
    table_at(l3)[6] = pte_make(frame_mfn(l2), PTE_P | PTE_RW);
    table_at(l2)[7] = pte_make(frame_mfn(l1), PTE_P | PTE_RW);
    table_at(l1)[9] = pte_make(frame_mfn(page), PTE_P | PTE_RW);
    assert_int_equal(page_pin(l4, &owner[1], PT_L4, 0), 0);
    frame_put_alloc(free_frame);
    assert_int_equal(frame_state(free_frame), FRAME_FREE);
    audit_register(reporter);
    audit_register(grant_reporter);
    audit_clean();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts),       cmocka_unit_test(types), cmocka_unit_test(entries),
        cmocka_unit_test(strangers),    cmocka_unit_test(books), cmocka_unit_test(reporters),
        cmocka_unit_test(grants_count),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
