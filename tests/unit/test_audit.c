/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: the audit finds each kind of fault that is planted here, a test each, names the frame and
 * the invariant, and says nothing of a machine in order.  What needs whole domains (vCPUs, grants,
 * event channels) is planted in a live system: tests/guests/planted.c.
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
static struct frame *segments, *half; /* a page of descriptors in use; a half validated L2 table */
static struct frame *const none;

/* The fault is one word, and is taken back by putting the word back. */
static void expect(uint64_t *word, uint64_t value, const char *rule, const struct frame *f)
{
    const uint64_t was = *word;
    char number[24];
    bool named = false;

    *word = value;
    audit_quietly();
    *word = was;
    snprintf(number, sizeof(number), "%#lx", f ? frame_mfn(f).n : 0);
    for (unsigned i = 0; i < fake_nr_lines && i < 100; i++)
        named |= strstr(fake_lines[i], rule) && (!f || strstr(fake_lines[i], number));
    if (!named)
        fail_msg("value %#lx: no line with %s and %s; first: %s", value, rule, number,
                 fake_nr_lines ? fake_lines[0] : "none");
    audit_clean();
}

#define L1E(i) (&table_at(l1)[i])
#define L2E(i) (&table_at(l2)[i])
#define L4E(i) (&table_at(l4)[i])
/* Entries as a guest's kernel would have them, user pages' flags. */
#define LEADS(f, flags) pte_make(frame_mfn(f), PTE_P | PTE_US | (flags))
#define MAPS(f, flags)  LEADS(f, PTE_G | (flags))
#define TYPE(t)         ((uint64_t)(t) << TYPE_SHIFT)

/* FAULT(name, the word, its value made from what it `was`, what the audit says, of which frame) */
#define FAULTS                                                                                     \
    /* general counts */                                                                           \
    FAULT(reference_taken_twice, &page->ref, was + 1, "general count", page)                       \
    FAULT(reference_dropped, &page->ref, was - 1, "general count", page)                           \
    FAULT(reference_of_table_dropped, &l2->ref, was - 1, "general count", l2)                      \
    FAULT(reference_of_root_taken_twice, &l4->ref, was + 1, "general count", l4)                   \
    FAULT(reference_of_allocation_lost, &spare->ref, was & ~REF_ALLOC, "general count", spare)     \
    FAULT(reference_of_half_table_lost, &half->ref, was - 1, "general count", half)                \
    /* types */                                                                                    \
    FAULT(type_use_taken_twice, &page->type, was + 1, "type count", page)                          \
    FAULT(type_use_dropped, &page->type, was - 1, "type count", page)                              \
    FAULT(type_use_of_table_taken_twice, &l2->type, was + 1, "type count", l2)                     \
    FAULT(type_use_of_half_table_lost, &half->type, was - 1, "type count", half)                   \
    FAULT(type_use_forged, &spare->type, TYPE(PT_SEGDESC) | TYPE_VALIDATED | 1, "type count",      \
          spare)                                                                                   \
    FAULT(type_changed_in_use, &page->type, TYPE(PT_L1) | TYPE_VALIDATED | 1, "I1", page)          \
    FAULT(type_of_other_level, &l1->type, (was & ~TYPE_MASK) | TYPE(PT_L2), "I2", l1)              \
    FAULT(type_not_validated, &l1->type, was & ~TYPE_VALIDATED, "I2", l1)                          \
    FAULT(type_flags_without_use, &spare->type, TYPE_VALIDATED | TYPE(PT_L1), "I4", spare)         \
    FAULT(pin_lost, &l4->type, was & ~TYPE_PINNED, "type count", l4)                               \
    FAULT(pin_forged, &l1->type, was | TYPE_PINNED, "general count", l1)                           \
    FAULT(pin_of_no_table, &page->type, was | TYPE_PINNED, "pinned with type", page)               \
    FAULT(half_table_further, &half->type, was + (1UL << TYPE_UPPER_SHIFT), "general count", l1)   \
    FAULT(half_table_beyond_its_end, &half->type, was | TYPE_MAKE_PARTIAL(0x3ff, 0), "progress",   \
          half)                                                                                    \
    FAULT(half_table_said_complete, &half->type,                                                   \
          (was & ~(TYPE_PARTIAL | ~0xffffffffUL)) | TYPE_VALIDATED, "general count", half)         \
    /* entries */                                                                                  \
    FAULT(entry_became_read_only, L1E(9), was & ~PTE_RW, "type count", page)                       \
    FAULT(entry_lost, L1E(9), 0, "general count", page)                                            \
    FAULT(entry_twice, L1E(11), *L1E(9), "general count", page)                                    \
    FAULT(entry_of_supervisor, L1E(9), was & ~PTE_US, "I5", l1)                                    \
    FAULT(entry_uncached, L1E(9), was | PTE_PCD, "I5", l1)                                         \
    FAULT(entry_of_kernel_global, L1E(9), was | PTE_G, "I5", l1)                                   \
    FAULT(entry_reserved_bit, L1E(9), was | BIT(60), "I5", l1)                                     \
    FAULT(entry_superpage, L2E(7), was | PTE_PSE, "I5", l2)                                        \
    FAULT(entry_skips_a_level, L2E(7), LEADS(l3, 0), "I2", l2)                                     \
    FAULT(entry_to_own_level, L2E(8), LEADS(l2, 0), "I2", l2)                                      \
    FAULT(entry_to_anothers_table, L2E(7), LEADS(foreign, 0), "I3", l2)                            \
    FAULT(entry_writable_to_table, L1E(12), MAPS(l2, PTE_RW), "I1", l2)                            \
    FAULT(entry_writable_to_descriptors, L1E(12), MAPS(segments, PTE_RW), "I1", segments)          \
    FAULT(entry_to_other_domain, L1E(13), MAPS(foreign, 0), "I3", foreign)                         \
    FAULT(entry_to_free_frame, L1E(13), MAPS(free_frame, 0), "I3", free_frame)                     \
    FAULT(entry_writable_to_free_frame, L1E(13), MAPS(free_frame, PTE_RW), "I6", free_frame)       \
    FAULT(entry_to_hypervisor, L1E(13), MAPS(frame_of(MFN(600)), 0), "I3", frame_of(MFN(600)))     \
    FAULT(entry_to_io, L1E(13), MAPS(frame_of(MFN(200)), 0), "I9", frame_of(MFN(200)))             \
    FAULT(entry_beyond_all_records, L1E(13), pte_make(MFN(0xfee00), PTE_P | PTE_US | PTE_G), "I9", \
          none)                                                                                    \
    FAULT(entry_absent_that_leaks, L1E(14), MFN(300).n << PAGE_SHIFT, "L1TF", l1)                  \
    FAULT(hypervisor_slot_changed, L4E(256), was ^ PTE_RW, "I5", l4)                               \
    FAULT(hypervisor_slot_filled, L4E(270), LEADS(l3, 0), "I5", l4)                                \
    FAULT(descriptor_of_ring_0, &table_at(segments)[5], 0x00cf93000000ffffUL, "I1", segments)      \
    FAULT(descriptor_call_gate, &table_at(segments)[6], 0x0000ec0000080000UL, "I1", segments)      \
    /* books */                                                                                    \
    FAULT(owner_total_off, &owner[1].tot_pages, was - 1, "tot_pages", none)                        \
    FAULT(owner_shared_total_off, &owner[1].shared_pages, 1, "shared_pages", none)                 \
    FAULT(owner_chunk_missing, &owner[1].chunk_map[frame_mfn(page).n / 512 / 64], 0, "I8", page)   \
    FAULT(owner_claim_off, &owner[1].claimed, was + 3, "claims of", none)                          \
    FAULT(owner_of_nobody, &spare->ref, (was & ~REF_OWNER_MASK) | 99UL << REF_OWNER_SHIFT, "I8",   \
          spare)                                                                                   \
    FAULT(owner_another, &spare->ref, (was & ~REF_OWNER_MASK) | 2UL << REF_OWNER_SHIFT,            \
          "tot_pages", none)                                                                       \
    FAULT(state_between_two, &spare->ref, REF_STATE(FRAME_MOVING), "no state", spare)              \
    FAULT(m2p_frame_writable, &frame_of(m2p_piece(0))->type,                                       \
          TYPE(PT_WRITABLE) | TYPE_VALIDATED | 1, "I3", frame_of(m2p_piece(0)))                    \
    /* free memory */                                                                              \
    FAULT(free_frame_in_use, &free_frame->ref, spare->ref, "I6", none)                             \
    FAULT(free_frame_linked_elsewhere, &free_frame->type, 5, "I6", none)                           \
    FAULT(free_block_in_two_lists, &free_frame->type, frame_mfn(page).n, "I6", none)               \
    FAULT(free_block_of_other_order, &free_frame->ref, was ^ 1UL << REF_ORDER_SHIFT, "I6", none)   \
    FAULT(free_block_said_clean, &free_frame->ref, was | REF_ALL_CLEAN, "I6", none)

#define FAULT(name, word, value, rule, frame)                                                      \
    static void name(void **state)                                                                 \
    {                                                                                              \
        uint64_t *const at = (word), was = *at;                                                    \
                                                                                                   \
        (void)was;                                                                                 \
        expect(at, (value), rule, (frame));                                                        \
    }
FAULTS
#undef FAULT

static unsigned general, descriptors;

static void reporter(struct audit *a)
{
    audit_holds(a, frame_mfn(spare), general);
    audit_holds_type(a, frame_mfn(spare), PT_SEGDESC, descriptors);
    audit_holds(a, frame_mfn(segments), 1);
    audit_holds_type(a, frame_mfn(segments), PT_SEGDESC, 1);
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

static char noted[8]; /* the slot in the only note */

static void note(const char *line)
{
    char keeper[48];
    int at;

    snprintf(keeper, sizeof(keeper), "is kept by d1: l1 %#lx[", frame_mfn(l1).n);
    assert_true(strstr(line, "of d2, which is dying") && strstr(line, keeper) && !noted[0]);
    at = atoi(strstr(line, keeper) + strlen(keeper));
    snprintf(noted, sizeof(noted), "%d", at);
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
    owner[2].is_dying = true; /* nothing wrong, but it cannot end before this entry does */
    assert_int_equal(audit_all(collect_line, note), 0);
    owner[2].is_dying = false;
    assert_string_equal(noted, "20");
    foreign->ref &= ~REF_FOREIGN;
    assert_int_equal(audit_quietly(), 1); /* I4: flushes would be spared that it needs */
    *e = 0;
    frame_put(foreign);
    grants = 0;
    audit_clean();
}

/* Frames [0, 2) of `half` have their references; it stopped before the rest. */
static void leave_half_validated(void)
{
    struct frame *lower[2] = {new_frame(&owner[1]), new_frame(&owner[1])};

    table_at(half)[0] = pte_make(frame_mfn(lower[0]), PTE_P | PTE_RW);
    table_at(half)[1] = pte_make(frame_mfn(lower[1]), PTE_P | PTE_RW);
    table_at(half)[2] = pte_make(frame_mfn(l1), PTE_P | PTE_RW);
    fake_preempt = 2;
    fake_preempt_looks = 0;
    assert_int_equal(page_pin(half, &owner[1], PT_L2, PTF_PREEMPT), -ERESTART);
    fake_preempt = 0;
    assert_int_equal(TYPE_PROGRESS(half->type), 2);
}

static int setup(void **state)
{
    struct frame **all[] = {&l4, &l3, &l2, &l1, &page, &spare, &free_frame, &segments, &half};

    fake_boot(false);
    fake_owners();
    mem_l1tf_limit = LOW_FRAMES * PAGE_SIZE;
    owner[1].l1tf_check = true;
    for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
        *all[i] = new_frame(&owner[1]);
    foreign = new_frame(&owner[2]);
    table_at(l4)[5] = pte_make(frame_mfn(l3), PTE_P | PTE_RW);
    table_at(l3)[6] = pte_make(frame_mfn(l2), PTE_P | PTE_RW);
    table_at(l2)[7] = pte_make(frame_mfn(l1), PTE_P | PTE_RW);
    table_at(l1)[9] = pte_make(frame_mfn(page), PTE_P | PTE_RW);
    assert_int_equal(page_pin(l4, &owner[1], PT_L4, 0), 0);
    leave_half_validated();
    assert_int_equal(frame_get_type(segments, 1, PT_SEGDESC, 0), 0);
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
#define FAULT(name, ...) cmocka_unit_test(name),
        FAULTS
#undef FAULT
            cmocka_unit_test(reporters),
        cmocka_unit_test(grants_count),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
