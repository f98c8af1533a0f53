/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Grant tables, single claims: batches and their flushes, continuations, limits, permissions, death
 * of the granter, the audit.  What random operations of three domains show is in
 * test_grant_random.c.
 */
// SOURCES: hypervisor/domain/grant.c hypervisor/domain/grant_map.c hypervisor/domain/grant_copy.c
// SOURCES: hypervisor/domain/grant_entry.c hypervisor/domain/grant_debug.c
// SOURCES: hypervisor/domain/maptrack.c hypervisor/mem/tlb_clock.c
#include "fake_grant.h"

static uint32_t ok_map(unsigned from, uint32_t ref, uint32_t flags, unsigned index)
{
    struct gnttab_map_grant_ref op = {.dom = (domid_t)from,
                                      .ref = ref,
                                      .flags = flags,
                                      .host_addr = VA_BASE + ((uint64_t)index << 12)};

    assert_int_equal(OP(GNTTABOP_map_grant_ref, &op, 1), 0);
    assert_int_equal(op.status, GNTST_okay);
    return op.handle;
}

/* A batch of 32 unmappings is one flush; device mappings alone need none. */
static void one_flush_per_batch(void **state)
{
    struct gnttab_unmap_grant_ref op[65];
    unsigned before;

    lend(1, 8, 0, GTF_permit_access, 17);
    for (unsigned i = 0; i < 65; i++) {
        op[i] = (struct gnttab_unmap_grant_ref){.host_addr = VA_BASE + ((uint64_t)i << 12)};
        op[i].handle = ok_map(1, 8, GNTMAP_host_map, i);
    }
    before = flushes;
    assert_int_equal(OP(GNTTABOP_unmap_grant_ref, op, 65), 0);
    assert_int_equal(flushes - before, 3);
    for (unsigned i = 0; i < 65; i++) {
        assert_int_equal(op[i].status, GNTST_okay);
        op[i] = (struct gnttab_unmap_grant_ref){.dev_bus_addr = 17 << 12};
        op[i].handle = ok_map(1, 8, GNTMAP_device_map, i);
    }
    assert_int_equal(OP(GNTTABOP_unmap_grant_ref, op, 65), 0);
    assert_int_equal(flushes - before, 3);
    assert_int_equal(shared_entry(1, 8)->flags, GTF_permit_access);
}

/* A handle given twice in one batch is unmapped once. */
static void twice_in_a_batch(void **state)
{
    struct gnttab_unmap_grant_ref op[2] = {{.host_addr = VA_BASE}, {.host_addr = VA_BASE}};

    lend(1, 8, 0, GTF_permit_access, 17);
    op[0].handle = op[1].handle = ok_map(1, 8, GNTMAP_host_map, 0);
    assert_int_equal(OP(GNTTABOP_unmap_grant_ref, op, 2), 0);
    assert_int_equal(op[0].status, GNTST_okay);
    assert_int_equal(op[1].status, GNTST_bad_handle);
    assert_int_equal(frame_count(&frames[17]), 1);
}

/* Stopped anywhere in an array, each operation is done exactly once. */
static void continuation_is_exact(void **state)
{
    for (unsigned cmd = 0; cmd < 3; cmd++) {
        for (unsigned stop = 1; stop < 70; stop++) {
            struct gnttab_map_grant_ref map[50] = {0};
            struct gnttab_unmap_grant_ref unmap[50] = {0};
            struct gnttab_copy copy[50] = {0};
            static const unsigned number[] = {GNTTABOP_map_grant_ref, GNTTABOP_unmap_grant_ref,
                                              GNTTABOP_copy};
            void *const array[] = {map, unmap, copy};
            long rc;

            lend(1, 8, 0, GTF_permit_access, 17);
            for (unsigned i = 0; i < 50; i++) {
                map[i] = (struct gnttab_map_grant_ref){.dom = 1,
                                                       .ref = 8,
                                                       .flags = GNTMAP_host_map,
                                                       .host_addr = VA_BASE + ((uint64_t)i << 12)};
                copy[i].flags = GNTCOPY_source_gref;
                copy[i].source.u.ref = 8;
                copy[i].source.domid = 1;
                copy[i].dest.u.gmfn = 3;
                copy[i].dest.domid = DOMID_SELF;
                copy[i].dest.offset = (uint16_t)i;
                copy[i].len = 1;
                copy[i].status = 99;
                if (cmd == 1)
                    unmap[i] =
                        (struct gnttab_unmap_grant_ref){.host_addr = VA_BASE + ((uint64_t)i << 12),
                                                        .handle = ok_map(1, 8, GNTMAP_host_map, i)};
            }
            fake_preempt_at = stop;
            rc = OP(number[cmd], array[cmd], 50);
            while (rc == FAKE_CONTINUED) {
                assert_int_equal(fake_continuation.arg[0], number[cmd]);
                fake_preempt_at = stop;
                rc = do_grant_table_op((unsigned)fake_continuation.arg[0], fake_continuation.arg[1],
                                       (unsigned)fake_continuation.arg[2]);
            }
            fake_preempt_at = 0;
            assert_int_equal(rc, 0);
            for (unsigned i = 0; i < 50; i++) {
                assert_int_equal(map[i].status | unmap[i].status, GNTST_okay);
                if (cmd == 2)
                    assert_int_equal(copy[i].status, GNTST_okay);
                if (cmd == 0) {
                    unmap[i] = (struct gnttab_unmap_grant_ref){.host_addr = map[i].host_addr,
                                                               .handle = map[i].handle};
                    assert_int_equal(OP(GNTTABOP_unmap_grant_ref, &unmap[i], 1), 0);
                    assert_int_equal(unmap[i].status, GNTST_okay);
                }
            }
            assert_int_equal(fake_domain[0].gnt.maptrack.in_use, 0);
            assert_int_equal(frame_count(&frames[17]), 1);
            assert_int_equal(shared_entry(1, 8)->flags, GTF_permit_access);
        }
    }
}

/* A granter may die while others map its memory: they can still unmap, and only then is it free. */
static void granter_dies_first(void **state)
{
    struct gnttab_unmap_grant_ref op = {.host_addr = VA_BASE, .dev_bus_addr = 17 << 12};
    struct gnttab_map_grant_ref map = {
        .dom = 1, .ref = 8, .flags = GNTMAP_host_map, .host_addr = VA_BASE};

    lend(1, 8, 0, GTF_permit_access, 17);
    op.handle = ok_map(1, 8, GNTMAP_host_map | GNTMAP_device_map, 0);
    kill_domain(&fake_domain[1]);
    assert_int_equal(fake_domain[1].refcnt, 2);
    assert_int_equal(OP(GNTTABOP_map_grant_ref, &map, 1), 0);
    assert_int_equal(map.status, GNTST_general_error);
    assert_int_equal(frame_count(&frames[17]), 3);
    assert_int_equal(OP(GNTTABOP_unmap_grant_ref, &op, 1), 0);
    assert_int_equal(op.status, GNTST_okay);
    assert_int_equal(frame_count(&frames[17]), 1);
    assert_int_equal(fake_domain[1].refcnt, 1);
}

/* Handles and table frames end at their limits, with the right answer, and failed allocations leave
 * nothing behind. */
static void limits(void **state)
{
    static struct gnttab_map_grant_ref op;
    uint64_t list[8];
    struct gnttab_setup_table st = {
        .dom = DOMID_SELF, .nr_frames = 3, .frame_list = (uint64_t)list};
    struct gnttab_query_size q = {.dom = DOMID_SELF};
    unsigned n = 0;
    mfn_t mfn;

    for (unsigned r = 0; r < 16; r++)
        lend(1, r, 0, GTF_permit_access, 16 + r % 8);
    fake_alloc_fail_at = 2; /* the page of handles; 1 is the list of pages */
    op = (struct gnttab_map_grant_ref){.dom = 1, .ref = 0, .flags = GNTMAP_device_map};
    assert_int_equal(OP(GNTTABOP_map_grant_ref, &op, 1), 0);
    assert_int_equal(op.status, GNTST_no_device_space);
    do {
        op = (struct gnttab_map_grant_ref){.dom = 1, .ref = n++ / 64, .flags = GNTMAP_device_map};
        assert_int_equal(OP(GNTTABOP_map_grant_ref, &op, 1), 0);
    } while (op.status == GNTST_okay);
    assert_int_equal(op.status, GNTST_no_device_space);
    assert_int_equal(n, 2 * MAPTRACK_PER_PAGE + 1);

    assert_int_equal(OP(GNTTABOP_setup_table, &st, 1), 0);
    assert_int_equal(st.status, GNTST_general_error);
    for (unsigned fail = 1; fail <= 2; fail++) { /* shared page, active pages */
        st.nr_frames = 2;
        fake_alloc_fail_at = fail;
        assert_int_equal(OP(GNTTABOP_setup_table, &st, 1), 0);
        assert_int_equal(st.status, GNTST_general_error);
        assert_int_equal(fake_domain[0].gnt.nr_frames, 1);
    }
    assert_int_equal(OP(GNTTABOP_setup_table, &st, 1), 0);
    assert_int_equal(st.status, GNTST_okay);
    assert_ptr_equal(memory[list[1]], fake_domain[0].gnt.frames[1].shared);
    assert_int_equal(OP(GNTTABOP_query_size, &q, 1), 0);
    assert_int_equal(q.nr_frames, 2);
    assert_int_equal(q.max_nr_frames, 2);
    assert_int_equal(grant_resource_frame(&fake_domain[1], 1, &mfn), -EINVAL);
    assert_int_equal(grant_table_grow(&fake_domain[1], 2), 0);
    assert_int_equal(grant_resource_frame(&fake_domain[1], 1, &mfn), 0);
    assert_ptr_equal(memory[mfn.n], fake_domain[1].gnt.frames[1].shared);
    assert_int_equal(grant_resource_frame(&fake_domain[1], 2, &mfn), -EINVAL);
    assert_int_equal(grant_table_grow(&fake_domain[1], ~0U), -EINVAL);
}

/* Limits beyond the machine's are refused at creation, defaults are the machine's. */
static void creation(void **state)
{
    struct domain d = {0};

    assert_int_equal(grant_table_init(&d, GRANT_DEFAULT_FRAMES + 1, -1), -EINVAL);
    assert_int_equal(grant_table_init(&d, 0, -1), -EINVAL);
    assert_int_equal(grant_table_init(&d, 1, GRANT_DEFAULT_MAPTRACK_FRAMES + 1), -EINVAL);
    for (unsigned fail = 1; fail <= 3; fail++) {
        int before = fake_allocated;

        fake_alloc_fail_at = fail;
        assert_int_equal(grant_table_init(&d, -1, -1), -ENOMEM);
        assert_int_equal(fake_allocated, before);
    }
    assert_int_equal(grant_table_init(&d, -1, -1), 0);
    assert_int_equal(d.gnt.max_frames, GRANT_DEFAULT_FRAMES);
    grant_table_destroy(&d); /* without relinquish: creation failed later on */
}

/* A table that grows by much stops when other work waits, keeps what it has, and gets on each time.
 */
static void growth_is_interrupted(void **state)
{
    struct domain d = {.mem.id = 1};
    unsigned tries = 0, before = 1;
    int rc;

    assert_int_equal(grant_table_init(&d, 18, -1), 0);
    assert_int_equal(grant_table_grow(&d, 19), -EINVAL);
    assert_int_equal(d.gnt.nr_frames, 1); /* refused as a whole */
    fake_preempt_always = true;
    while ((rc = grant_table_grow(&d, 18)) == -ERESTART) {
        assert_true(d.gnt.nr_frames > before);
        before = d.gnt.nr_frames;
        tries++;
    }
    fake_preempt_always = false;
    assert_int_equal(rc, 0);
    assert_int_equal(tries, 2); /* after 9 and 17 */
    assert_int_equal(d.gnt.nr_frames, 18);
    grant_table_destroy(&d);
}

/* What is left out answers as agreed; others' tables are for the control domain; bad pointers are
 * -EFAULT. */
static void numbers_and_permissions(void **state)
{
    struct gnttab_set_version v = {2};
    struct gnttab_get_version g = {.dom = 1};
    struct gnttab_setup_table st = {.dom = 2, .nr_frames = 1, .frame_list = FAKE_BAD_POINTER};
    struct gnttab_query_size q = {.dom = 2};
    struct gnttab_transfer tr[20] = {0};
    struct gnttab_get_status_frames sf = {.dom = DOMID_SELF, .nr_frames = 1};

    for (unsigned cmd = 0; cmd < 0x200; cmd++) {
        long expect = cmd > 10 || cmd == 3 || cmd == 7 ? -ENOSYS : -EFAULT;

        if (cmd < 3 || cmd == 4 || cmd == 5) /* arrays look at the range first */
            assert_int_equal(OP(cmd, 0xffff800000000000, 1), -EFAULT);
        assert_int_equal(OP(cmd, FAKE_BAD_POINTER, 1), expect);
    }
    assert_int_equal(OP(GNTTABOP_copy, tr, 0x80000000U), -EINVAL);
    assert_int_equal(OP(1U << 20, tr, 1), -EINVAL);
    assert_int_equal(OP(GNTTABOP_setup_table, &st, 2), -EINVAL);

    assert_int_equal(OP(GNTTABOP_set_version, &v, 1), -ENOSYS);
    assert_int_equal(v.version, 1);
    assert_int_equal(OP(GNTTABOP_set_version, &v, 1), 0);
    v.version = 3;
    assert_int_equal(OP(GNTTABOP_set_version, &v, 1), -EINVAL);
    assert_int_equal(v.version, 1);

    assert_int_equal(OP(GNTTABOP_get_version, &g, 1), 0);
    assert_int_equal(g.version, 1);
    assert_int_equal(OP(GNTTABOP_setup_table, &st, 1), 0);
    assert_int_equal(st.status, GNTST_bad_virt_addr);
    assert_int_equal(OP(GNTTABOP_transfer, tr, 20), 0);
    assert_int_equal(tr[19].status, GNTST_general_error);
    assert_int_equal(OP(GNTTABOP_get_status_frames, &sf, 1), 0);
    assert_int_equal(sf.status, GNTST_general_error);
    q.dom = 44;
    assert_int_equal(OP(GNTTABOP_query_size, &q, 1), 0);
    assert_int_equal(q.status, GNTST_bad_domain);

    fake_run(1, 0);
    q.dom = 2;
    assert_int_equal(OP(GNTTABOP_query_size, &q, 1), 0);
    assert_int_equal(q.status, GNTST_permission_denied);
    assert_int_equal(OP(GNTTABOP_setup_table, &st, 1), 0);
    assert_int_equal(st.status, GNTST_permission_denied);
    g.dom = 0;
    assert_int_equal(OP(GNTTABOP_get_version, &g, 1), -EPERM);
    g.dom = 99;
    assert_int_equal(OP(GNTTABOP_get_version, &g, 1), -ESRCH);
}

/* A batch of copies keeps its pages, and lets go of all of them at its end, whatever failed. */
static void copies_in_pieces(void **state)
{
    struct gnttab_copy op[16] = {0};

    lend(1, 8, 0, GTF_permit_access | GTF_readonly, 17);
    lend(2, 9, 0, GTF_permit_access, 33);
    for (unsigned i = 0; i < 16; i++) {
        op[i].source.u.ref = i == 5 ? 77 : 8; /* one is not lent */
        op[i].source.domid = i == 12 ? 2 : 1; /* another domain's entry 8 */
        op[i].source.offset = (uint16_t)(i * 100);
        op[i].dest.u.ref = 9;
        op[i].dest.domid = i == 9 ? 1 : 2; /* nor this one, in that domain */
        op[i].dest.offset = (uint16_t)(4000 - i * 100);
        op[i].len = 96;
        op[i].flags = GNTCOPY_source_gref | GNTCOPY_dest_gref;
    }
    for (unsigned i = 0; i < 4096; i++)
        memory[17][i] = (uint8_t)(i * 7);
    assert_int_equal(OP(GNTTABOP_copy, op, 16), 0);
    for (unsigned i = 0; i < 16; i++) {
        bool bad = i == 5 || i == 9 || i == 12;

        assert_int_equal(op[i].status, bad ? GNTST_general_error : GNTST_okay);
        for (unsigned b = 0; b < 96; b++)
            assert_int_equal(memory[33][4000 - i * 100 + b],
                             bad ? 33 : (uint8_t)((i * 100 + b) * 7));
    }
    assert_int_equal(shared_entry(1, 8)->flags, GTF_permit_access | GTF_readonly);
    assert_int_equal(shared_entry(2, 9)->flags, GTF_permit_access);
    assert_int_equal(frame_count(&frames[17]), 1);
    assert_int_equal(frame_count(&frames[33]), 1);
    assert_int_equal(frames[33].type & TYPE_COUNT_MASK, 0);
    for (unsigned d = 0; d < FAKE_DOMAINS; d++)
        assert_int_equal(fake_domain[d].refcnt, 1);
}

/* The debug key can print what is there. */
static void dumped(void **state)
{
    lend(1, 1, 0, GTF_permit_access, 20);
    ok_map(1, 1, GNTMAP_host_map, 7);
    grant_dump_all();
}

/* The audit finds a pin that no handle owns, and a handle whose pin is missing. */
static void audit_finds_faults(void **state)
{
    struct grant_ref_entries e;

    lend(1, 8, 0, GTF_permit_access, 17);
    ok_map(1, 8, GNTMAP_host_map, 0);
    assert_int_equal(run_audit(), 0);
    assert_int_equal(reported_maps[0][17], 1);
    assert_true(grant_lookup(&fake_domain[1].gnt, 8, &e));
    e.active->pin += GNTPIN_DEV_READ;
    assert_int_equal(run_audit(), 1);
    e.active->pin -= GNTPIN_DEV_READ + GNTPIN_HOST_WRITE;
    assert_int_equal(run_audit(), 1);
    e.active->pin += GNTPIN_HOST_WRITE;
    assert_int_equal(run_audit(), 0);
    e.active->domid = 2;
    assert_int_equal(run_audit(), 1);
    e.active->domid = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(one_flush_per_batch),
        T(twice_in_a_batch),
        T(continuation_is_exact),
        T(granter_dies_first),
        T(limits),
        T(creation),
        T(growth_is_interrupted),
        T(numbers_and_permissions),
        T(copies_in_pieces),
        T(audit_finds_faults),
        T(dumped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
