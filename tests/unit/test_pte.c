/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: an entry is accepted or refused bit by bit as the rules say, is stored completed, and an
 * update of a live table moves exactly the references that the old and the new value stand for.
 */
// SOURCES: hypervisor/mem/frame.c hypervisor/mem/assign.c hypervisor/mem/buddy.c
// SOURCES: hypervisor/mem/numa.c hypervisor/mem/memory_map.c
// SOURCES: hypervisor/mem/owner.c hypervisor/mem/page_type.c hypervisor/mem/validate.c
// SOURCES: hypervisor/mem/entry.c hypervisor/mem/pte.c hypervisor/mem/segdesc.c
// SOURCES: hypervisor/mem/tlb_clock.c hypervisor/mem/heap.c hypervisor/mem/m2p.c
// SOURCES: hypervisor/mem/rangeset.c hypervisor/mem/audit.c hypervisor/lib/format.c
#include "fake_memory.h"

#include "mem/rangeset.h"

static struct frame *l4, *l3, *l2, *l1, *page, *other, *foreign;
static struct pte_table t;
static struct pte_context c;

/* Audits with what this test holds by open tables. */
static struct frame *open_table[2];

static void report_open(struct audit *a)
{
    for (unsigned i = 0; i < 2; i++)
        if (open_table[i]) {
            audit_holds(a, frame_mfn(open_table[i]), 1);
            audit_holds_type(a, frame_mfn(open_table[i]), page_type(open_table[i]), 1);
        }
}

static void tree_up(struct mem_owner *o)
{
    struct frame **all[] = {&l4, &l3, &l2, &l1, &page, &other};

    for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
        *all[i] = new_frame(o);
    foreign = new_frame(&owner[3]);
    table_at(l4)[5] = pte_make(frame_mfn(l3), PTE_P | PTE_RW);
    table_at(l3)[6] = pte_make(frame_mfn(l2), PTE_P | PTE_RW);
    table_at(l2)[7] = pte_make(frame_mfn(l1), PTE_P | PTE_RW);
    assert_int_equal(page_pin(l4, o, PT_L4, 0), 0);
    memset(&c, 0, sizeof(c));
    assert_int_equal(pte_table_open(&t, o, frame_mfn(l1)), 0);
    assert_int_equal(t.level, 1);
    open_table[0] = l1;
}

static void tree_down(struct mem_owner *o)
{
    struct frame *all[] = {l4, l3, l2, l1, page, other, foreign};

    pte_table_close(&t);
    open_table[0] = NULL;
    audit_clean();
    assert_int_equal(page_unpin(l4, o, 0), 0);
    audit_clean();
    for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
        frame_put_alloc(all[i]);
    assert_int_equal(o->tot_pages, 0);
    assert_int_equal(owner[3].tot_pages, 0);
}

static int set(unsigned index, struct frame *f, uint64_t flags)
{
    return pte_update(&t, index, pte_make(frame_mfn(f), flags), 0, NULL, &c);
}

/* I5, one bit at a time: what a guest may set at each level, with and without devices. */
static void bits(void **state)
{
    const uint64_t upper = 0x87f0000000000e67UL, low = upper | PTE_G;

    for (unsigned level = 1; level <= 4; level++)
        for (unsigned b = 0; b < 64; b++) {
            bool address = b >= 12 && b < 52;
            bool ok = address || ((level == 1 ? low : upper) >> b & 1);
            bool cache = level == 1 && (b == 3 || b == 4 || b == 7);

            assert_int_equal(entry_bits_ok(level, BIT(b), &owner[1]), ok);
            assert_int_equal(entry_bits_ok(level, BIT(b), &owner[0]), ok || cache);
            /* A processor with 40 address bits. */
            mem_address_mask = 0xfffffff000UL;
            assert_int_equal(entry_bits_ok(level, BIT(b), &owner[1]), ok && (b < 40 || b >= 52));
            mem_address_mask = PTE_ADDR;
        }
}

/* The same rules hold for a table that is promoted whole. */
static void bits_of_whole_tables(void **state)
{
    const uint64_t bad[] = {PTE_PSE, PTE_PCD, PTE_PWT, BIT(59), BIT(60), BIT(61), BIT(62), BIT(50)};
    struct frame *f[5];

    mem_address_mask = 0xfffffff000UL;
    for (unsigned l = 0; l <= 4; l++) {
        f[l] = new_frame(&owner[1]);
        if (l > 0)
            table_at(f[l])[17] = pte_make(frame_mfn(f[l - 1]), PTE_P | PTE_RW);
    }
    for (unsigned l = 1; l <= 4; l++) {
        pte_t good = table_at(f[l])[17];

        for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
            table_at(f[l])[17] = good | bad[i];
            assert_int_equal(page_pin(f[l], &owner[1], (enum page_type)l, 0), -EINVAL);
            assert_int_equal(type_count(f[l]), 0);
        }
        table_at(f[l])[17] = good | PTE_G;
        assert_int_equal(page_pin(f[l], &owner[1], (enum page_type)l, 0), l == 1 ? 0 : -EINVAL);
        if (l == 1)
            assert_int_equal(page_unpin(f[l], &owner[1], 0), 0);
        table_at(f[l])[17] = good;
        assert_int_equal(page_pin(f[l], &owner[1], (enum page_type)l, 0), 0);
        assert_int_equal(page_unpin(f[l], &owner[1], 0), 0);
    }
    mem_address_mask = PTE_ADDR;
    audit_clean();
    for (unsigned l = 0; l <= 4; l++)
        frame_put_alloc(f[l]);
}

/* User pages global, kernel pages not, US everywhere; what is read back may be written again. */
static void completion(void **state)
{
    assert_int_equal(entry_complete(1, PTE_P), PTE_P | PTE_US | PTE_GUEST_KERNEL);
    assert_int_equal(entry_complete(1, PTE_P | PTE_G), PTE_P | PTE_US | PTE_GUEST_KERNEL);
    assert_int_equal(entry_complete(1, PTE_P | PTE_US), PTE_P | PTE_US | PTE_G);
    for (uint64_t e = 0; e < 512; e++) {
        pte_t once = entry_complete(1, PTE_P | e);

        assert_int_equal(entry_complete(1, once), once);
        assert_true(entry_bits_ok(1, once & ~(PTE_PWT | PTE_PCD | PTE_PAT), &owner[1]));
    }
    for (unsigned level = 2; level <= 4; level++)
        assert_int_equal(entry_complete(level, PTE_P), PTE_P | PTE_US);
}

/* Every kind of L1 change keeps the counts right. */
static void l1_moves(void **state)
{
    struct mem_owner *o = &owner[1];
    pte_t old;

    tree_up(o);
    assert_int_equal(set(0, page, PTE_P | PTE_RW | PTE_US), 0);
    assert_int_equal(frame_count(page), 2);
    assert_int_equal(type_count(page), 1);
    assert_int_equal(set(0, page, PTE_P | PTE_US), 0); /* drops the type reference alone */
    assert_int_equal(frame_count(page), 2);
    assert_int_equal(type_count(page), 0);
    assert_int_equal(set(0, page, PTE_P | PTE_RW), 0);
    assert_int_equal(type_count(page), 1);
    assert_int_equal(set(0, page, PTE_P | PTE_RW | PTE_A | PTE_NX), 0); /* bits alone */
    assert_int_equal(frame_count(page), 2);
    assert_int_equal(set(0, other, PTE_P | PTE_RW), 0);
    assert_int_equal(frame_count(page), 1);
    assert_int_equal(frame_count(other), 2);
    /* I1: a table may be mapped read-only, not writable; a refusal changes nothing. */
    assert_int_equal(set(0, l2, PTE_P | PTE_RW), -EINVAL);
    assert_int_equal(frame_count(other), 2);
    assert_int_equal(set(0, l2, PTE_P), 0);
    assert_int_equal(set(0, l2, PTE_P | PTE_RW), -EINVAL);
    assert_int_equal(set(1, l1, PTE_P), 0); /* itself, read-only */
    assert_int_equal(set(1, l1, PTE_P | PTE_RW), -EINVAL);
    assert_int_equal(set(0, page, PTE_P | PTE_PSE), -EINVAL);
    assert_int_equal(set(0, page, PTE_P | PTE_PCD), -EINVAL);
    assert_int_equal(set(0, page, PTE_P | BIT(60)), -EINVAL);
    audit_clean();
    /* Not present: any content, and what was there is dropped. */
    assert_int_equal(pte_update(&t, 0, 0xdeadbeef00 & ~1UL, 0, &old, &c), 0);
    assert_int_equal(old, pte_make(frame_mfn(l2), PTE_P | PTE_US | PTE_GUEST_KERNEL));
    assert_int_equal(t.entry[0], 0xdeadbeef00 & ~1UL);
    assert_false(c.changed_upper);
    tree_down(o);
}

/* PRESERVE_AD keeps what the processor set; COMPARE stores only over what was expected. */
static void update_flags(void **state)
{
    struct mem_owner *o = &owner[1];
    pte_t old;

    tree_up(o);
    assert_int_equal(set(3, page, PTE_P | PTE_RW | PTE_US), 0);
    t.entry[3] |= PTE_A | PTE_D; /* the processor */
    assert_int_equal(
        pte_update(&t, 3, pte_make(frame_mfn(page), PTE_P | PTE_US), PTEF_PRESERVE_AD, NULL, &c),
        0);
    assert_int_equal(t.entry[3], pte_make(frame_mfn(page), PTE_P | PTE_US | PTE_G | PTE_A | PTE_D));
    assert_int_equal(set(3, page, PTE_P | PTE_US), 0);
    assert_int_equal(t.entry[3], pte_make(frame_mfn(page), PTE_P | PTE_US | PTE_G));
    old = 0;
    assert_int_equal(pte_update(&t, 3, 0, PTEF_COMPARE, &old, &c), -EAGAIN);
    assert_int_equal(old, t.entry[3]);
    assert_int_equal(pte_update(&t, 3, 0, PTEF_COMPARE, &old, &c), 0);
    assert_int_equal(t.entry[3], 0);
    assert_int_equal(frame_count(page), 1);
    tree_down(o);
}

/* I3: frames of others, of the hypervisor, free ones, and the M2P. */
static void whose_frame(void **state)
{
    struct frame *m2p = frame_of(m2p_piece(0)), *reserved = frame_of(MFN(600));
    struct frame *free = frame_of(MFN(3000)), *hv = frame_alloc(NULL, 0, 0, 0);

    assert_int_equal(frame_state(free), FRAME_RESERVED);
    for (unsigned d = 0; d < 2; d++) {
        tree_up(&owner[d]);
        for (unsigned named = 0; named < 2; named++)
            for (uint64_t rw = 0; rw <= PTE_RW; rw += PTE_RW) {
                c.page_owner = named ? &owner[3] : NULL;
                assert_int_equal(set(0, foreign, PTE_P | rw) == 0, named && d == 0);
                assert_int_not_equal(set(1, reserved, PTE_P | rw), 0);
                assert_int_not_equal(set(1, free, PTE_P | rw), 0);
                assert_int_not_equal(set(1, hv, PTE_P | rw), 0);
                assert_int_not_equal(set(1, m2p, PTE_P | rw), 0);
                c.page_owner = &mem_owner_xen;
                assert_int_equal(set(2, m2p, PTE_P | rw) == 0, !rw && d == 0);
                assert_int_not_equal(set(1, reserved, PTE_P | rw), 0);
                assert_int_not_equal(set(1, hv, PTE_P | rw), 0);
            }
        if (d == 0) {
            assert_true(foreign->ref & REF_FOREIGN);
            owner[3].is_dying = true;
            c.page_owner = &owner[3];
            assert_int_equal(set(5, foreign, PTE_P), -EINVAL);
            owner[3].is_dying = false;
        }
        audit_clean();
        tree_down(&owner[d]);
    }
    frame_free_hv(hv, 0);
}

/* I9: what is not RAM takes permission, and no references. */
static void device_memory(void **state)
{
    struct frame *io = frame_of(MFN(200)), *ro = frame_of(MFN(201)), *apic = frame_of(MFN(210));
    struct frame *beyond = frame_of(MFN(0xfee00));

    owner[0].iomem = rangeset_new();
    rangeset_add(owner[0].iomem, 200, 201);
    rangeset_add(owner[0].iomem, 3000, 3000); /* RAM: permission means nothing */
    mem_io_read_only = rangeset_new();
    rangeset_add(mem_io_read_only, 201, 201);
    tree_up(&owner[0]);
    assert_int_equal(set(0, io, PTE_P | PTE_RW | PTE_PCD | PTE_PWT), 0);
    assert_int_equal(io->ref, REF_STATE(FRAME_IO));
    assert_int_equal(set(1, ro, PTE_P | PTE_RW), 0);
    assert_false(t.entry[1] & PTE_RW);
    assert_int_equal(set(2, apic, PTE_P), -EPERM);
    assert_int_equal(set(2, beyond, PTE_P), -EPERM);
    assert_int_not_equal(set(2, frame_of(MFN(3000)), PTE_P), 0);
    c.page_owner = &mem_owner_io;
    assert_int_equal(set(3, io, PTE_P), 0);
    assert_int_equal(set(4, page, PTE_P), -EINVAL);
    c.page_owner = NULL;
    assert_int_equal(set(5, page, PTE_P | PTE_PAT), 0);
    assert_true(page->ref & REF_UNCACHED);
    tree_down(&owner[0]);
    tree_up(&owner[1]);
    assert_int_equal(set(0, io, PTE_P), -EPERM);
    tree_down(&owner[1]);
    rangeset_free(owner[0].iomem);
    owner[0].iomem = NULL;
}

/* Upper levels: no links to the own level or above, hypervisor slots, deferred demotion. */
static void upper_levels(void **state)
{
    struct mem_owner *o = &owner[1];
    struct pte_table u;
    uint64_t generation;

    tree_up(o);
    generation = o->root_generation; /* moves with each change of a root, and only then */
    assert_int_equal(pte_table_open(&u, o, frame_mfn(l4)), 0);
    for (unsigned i = 256; i < 272; i++)
        assert_int_equal(pte_update(&u, i, i % 2 ? pte_make(frame_mfn(l3), PTE_P) : 0, 0, NULL, &c),
                         -EINVAL);
    assert_int_equal(pte_update(&u, 1, pte_make(frame_mfn(l4), PTE_P), 0, NULL, &c), -EINVAL);
    assert_int_equal(pte_update(&u, 1, pte_make(frame_mfn(l2), PTE_P), 0, NULL, &c), -EINVAL);
    assert_int_equal(pte_update(&u, 1, pte_make(frame_mfn(l3), PTE_P | PTE_PSE), 0, NULL, &c),
                     -EINVAL);
    assert_int_equal(pte_update(&u, 1, pte_make(MFN(200), PTE_P), 0, NULL, &c), -EINVAL);
    assert_int_equal(pte_update(&u, 1, pte_make(frame_mfn(foreign), PTE_P), 0, NULL, &c), -EINVAL);
    assert_false(c.changed_upper);
    assert_int_equal(o->root_generation, generation);
    assert_int_equal(pte_update(&u, 1, pte_make(frame_mfn(l3), PTE_P), 0, NULL, &c), 0);
    assert_int_equal(table_at(l4)[1], pte_make(frame_mfn(l3), PTE_P | PTE_US));
    assert_false(c.changed_upper); /* it was not present */
    assert_int_equal(o->root_generation, generation + 1);
    assert_int_equal(type_count(l3), 2);
    assert_int_equal(pte_update(&u, 1, pte_make(frame_mfn(l3), PTE_P | PTE_RW), 0, NULL, &c), 0);
    assert_true(c.changed_upper);
    assert_int_equal(type_count(l3), 2);
    open_table[1] = l4;
    audit_clean();
    pte_table_close(&t);
    open_table[0] = NULL;
    /* Both links go; the last one leaves the tree below to be taken down in steps. */
    fake_preempt = 1;
    assert_int_equal(pte_update(&u, 1, 0, 0, NULL, &c), 0);
    assert_null(c.deferred);
    assert_int_equal(pte_update(&u, 5, 0, 0, NULL, &c), 0);
    assert_ptr_equal(c.deferred, l3);
    held_general = l3;
    audit_clean();
    held_general = NULL;
    while (pte_finish(&c) == -ERESTART)
        ;
    fake_preempt = 0;
    assert_null(c.deferred);
    assert_int_equal(type_count(l1), 0);
    pte_table_close(&u);
    open_table[1] = NULL;
    assert_int_equal(pte_table_open(&t, o, frame_mfn(l1)), 0);
    assert_int_equal(t.level, 0); /* no table any more: a plain write */
    assert_int_equal(pte_update(&t, 0, 0x123, 0, NULL, &c), 0);
    assert_int_equal(table_at(l1)[0], 0x123);
    tree_down(o);
}

/* Grant mappings: references move in and out with the entry. */
static void grant_maps(void **state)
{
    struct mem_owner *o = &owner[1];
    mfn_t m;

    tree_up(o);
    m = frame_mfn(foreign);
    assert_int_equal(frame_get_type(foreign, 3, PT_WRITABLE, 0), 0);
    assert_int_equal(pte_grant_map(&t, 8, m, true, PTE_US | PTE_PCD), -EINVAL);
    assert_int_equal(pte_grant_map(&t, 8, m, true, PTE_US | PTE_A | PTE_D), 0);
    assert_int_equal(audit_quietly(), 1); /* nobody reported the grant */
    assert_non_null(strstr(fake_lines[0], "I3"));
    /* The guest may not turn it into something else, only drop it. */
    assert_int_equal(set(8, foreign, PTE_P | PTE_US), -EINVAL);
    assert_int_equal(pte_grant_unmap(&t, 8, m, false), -EINVAL);
    assert_int_equal(pte_grant_unmap(&t, 9, m, true), -EINVAL);
    assert_int_equal(pte_grant_unmap(&t, 8, frame_mfn(page), true), -EINVAL);
    assert_int_equal(pte_grant_unmap(&t, 8, m, true), 0);
    assert_int_equal(frame_count(foreign), 2);
    frame_put_type(foreign);
    assert_true(frame_get(foreign, 3));
    assert_int_equal(pte_grant_map(&t, 8, m, false, 0), 0);
    assert_int_equal(t.entry[8], pte_make(m, PTE_P | PTE_US | PTE_GUEST_KERNEL));
    assert_int_equal(pte_update(&t, 8, 0, 0, NULL, &c), 0); /* dropped by an ordinary update */
    assert_int_equal(frame_count(foreign), 1);
    tree_down(o);
}

/* Opening tables: by frame, and by address through the tables. */
static void finding_tables(void **state)
{
    const uint64_t va = 5UL << 39 | 6UL << 30 | 7UL << 21 | 300UL << 12 | 123;
    struct mem_owner *o = &owner[1];
    struct pte_table u;
    unsigned index = 0;

    tree_up(o);
    assert_int_equal(pte_find_l1(&u, &index, o, frame_mfn(l4), va), 0);
    assert_ptr_equal(u.frame, l1);
    assert_int_equal(index, 300);
    pte_table_close(&u);
    assert_int_equal(pte_find_l1(&u, &index, o, frame_mfn(l4), va + (1UL << 21)), -EINVAL);
    assert_int_equal(pte_find_l1(&u, &index, o, frame_mfn(l4), 0xffff800000000000), -EINVAL);
    assert_int_equal(pte_find_l1(&u, &index, o, frame_mfn(l4), 0xffff87ffffffffff), -EINVAL);
    assert_int_equal(pte_find_l1(&u, &index, o, frame_mfn(l4), 0x0000800000000000), -EINVAL);
    assert_int_equal(pte_find_l1(&u, &index, &owner[2], frame_mfn(l4), va), -EINVAL);
    assert_int_equal(pte_table_open(&u, &owner[2], frame_mfn(l1)), -EINVAL);
    assert_int_equal(pte_table_open(&u, o, MFN(200)), -EINVAL);
    assert_int_equal(pte_table_open(&u, o, MFN(1UL << 50)), -EINVAL);
    assert_int_equal(pte_table_open(&u, o, m2p_piece(0)), -EINVAL);
    tree_down(o);
}

/* With the check for L1TF on, entries that are not present must not name RAM: in an update of any
 * level, in whole tables, and large pages anywhere.  Off, they are the guest's to use. */
static void l1tf(void **state)
{
    struct mem_owner *o = &owner[1];
    const paddr_t end = 0x10000000;
    struct pte_table u;

    tree_up(o);
    mem_l1tf_limit = end;
    assert_int_equal(pte_update(&t, 0, 0x1000, 0, NULL, &c), 0);
    table_at(other)[4] = 0x1000;
    assert_int_equal(page_pin(other, o, PT_L1, 0), 0);
    assert_int_equal(page_unpin(other, o, 0), 0);

    o->l1tf_check = true;
    assert_int_equal(pte_update(&t, 0, 0x1000, 0, NULL, &c), -EINVAL);
    assert_int_equal(pte_update(&t, 0, (end - PAGE_SIZE) | 0x1e2, 0, NULL, &c), -EINVAL);
    assert_int_equal(pte_update(&t, 0, end, 0, NULL, &c), 0);
    assert_int_equal(pte_update(&t, 0, PTE_ADDR & ~0x1000UL, 0, NULL, &c), 0); /* inverted */
    assert_int_equal(pte_update(&t, 0, 0xffe | PTE_NX, 0, NULL, &c), 0);       /* frame 0 */
    assert_int_equal(pte_update(&t, 0, 0, 0, NULL, &c), 0);
    assert_int_equal(pte_table_open(&u, o, frame_mfn(l2)), 0);
    assert_int_equal(pte_update(&u, 9, 0x1000, 0, NULL, &c), -EINVAL);
    assert_int_equal(pte_update(&u, 9, PTE_PSE, 0, NULL, &c), -EINVAL);
    assert_int_equal(pte_update(&u, 9, end, 0, NULL, &c), 0);
    assert_int_equal(pte_update(&u, 9, 0, 0, NULL, &c), 0);
    pte_table_close(&u);
    assert_int_equal(page_pin(other, o, PT_L1, 0), -EINVAL);
    table_at(other)[4] = end;
    assert_int_equal(page_pin(other, o, PT_L1, 0), 0);
    assert_int_equal(page_unpin(other, o, 0), 0);
    table_at(other)[4] = 0;
    o->l1tf_check = false;
    mem_l1tf_limit = ~0UL;
    tree_down(o);
}

static int setup(void **state)
{
    fake_boot(false);
    fake_owners();
    audit_register(report_held);
    audit_register(report_open);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits),
        cmocka_unit_test(completion),
        cmocka_unit_test(bits_of_whole_tables),
        cmocka_unit_test(l1_moves),
        cmocka_unit_test(update_flags),
        cmocka_unit_test(whose_frame),
        cmocka_unit_test(device_memory),
        cmocka_unit_test(upper_levels),
        cmocka_unit_test(grant_maps),
        cmocka_unit_test(finding_tables),
        cmocka_unit_test(l1tf),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
