/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claim: whatever three domains lend, map, unmap, copy and overwrite, in whatever order, and in
 * whatever order they die, every count is right.
 *
 * Random operations, good and bad, are compared with a model that only knows which mappings are
 * live.  From that every count is recomputed after each operation: references of frames, entries of
 * page tables, pins, the bits that granters see, and references on domains.  That is I2, I3 and I8
 * for grants.
 */
// SOURCES: hypervisor/domain/grant.c hypervisor/domain/grant_map.c hypervisor/domain/grant_copy.c
// SOURCES: hypervisor/domain/grant_entry.c hypervisor/domain/grant_debug.c
// SOURCES: hypervisor/domain/maptrack.c hypervisor/mem/tlb_clock.c
#include "fake_grant.h"

/* --- the model -------------------------------------------------------------------------------- */

#define MAX_LIVE 900
struct live {
    unsigned mapper, granter, ref;
    uint32_t mfn, handle;
    uint32_t flags;  /* kinds still mapped, and access */
    unsigned index;  /* of the entry in the mapper's table */
    bool entry_gone; /* the guest overwrote the entry behind our back */
};
static struct live live[MAX_LIVE];
static unsigned nr_live, seed;

static unsigned rnd(unsigned n)
{
    return (unsigned)rand_r(&seed) % n;
}

#define MODEL_REFS 12

static bool model_writer(const struct live *l)
{
    return !(l->flags & GNTMAP_readonly);
}

static void model_users(unsigned granter, unsigned ref, unsigned *users, unsigned *writers,
                        unsigned *most, struct live **one)
{
    unsigned kinds[4] = {0};

    *users = *writers = *most = 0;
    *one = NULL;
    for (unsigned i = 0; i < nr_live; i++) {
        if (live[i].granter != granter || live[i].ref != ref)
            continue;
        *one = &live[i];
        ++*users;
        *writers += model_writer(&live[i]);
        for (unsigned k = 0; k < 2; k++) {
            if (live[i].flags & (1U << k))
                kinds[k * 2 + model_writer(&live[i])]++;
        }
    }
    for (unsigned k = 0; k < 4; k++)
        *most = max(*most, kinds[k]);
}

static bool model_writable(uint32_t mfn)
{
    return mfn % PER_DOMAIN < 14;
}

/* What mapping should answer, written from the ABI: status, and the frame if it is okay. */
static int model_map(unsigned me, const struct gnttab_map_grant_ref *op, uint32_t *mfn)
{
    bool write = !(op->flags & GNTMAP_readonly);
    unsigned users, writers, most;
    struct grant_entry_v1 *e;
    struct live *one;

    if (!(op->flags & 3))
        return GNTST_bad_gntref;
    if (op->dom >= FAKE_DOMAINS)
        return GNTST_bad_domain;
    if (op->ref >= 512)
        return GNTST_bad_gntref;
    e = shared_entry(op->dom, op->ref);
    model_users(op->dom, op->ref, &users, &writers, &most, &one);
    if (users && (one->mapper != me || most >= 128))
        return GNTST_general_error;
    if (!users || (write && !writers)) {
        if ((e->flags & 3) != GTF_permit_access || (e->flags & GTF_sub_page) || e->domid != me ||
            (write && (e->flags & GTF_readonly)))
            return GNTST_general_error;
    }
    *mfn = users ? one->mfn : e->frame;
    if (*mfn >= FIRST_IO || *mfn / PER_DOMAIN != op->dom)
        return GNTST_bad_page;
    if (write && !model_writable(*mfn))
        return GNTST_general_error;
    if (op->flags & GNTMAP_host_map) {
        if (op->flags & GNTMAP_contains_pte)
            return op->host_addr % 8 || op->host_addr >> 12 != L1_OF(me) ? GNTST_general_error
                                                                         : GNTST_okay;
        if (op->host_addr < VA_BASE || op->host_addr >= VA_BASE + MIB(2))
            return GNTST_general_error;
    }
    return GNTST_okay;
}

/* An entry was overwritten: whoever's mapping it was has lost it. */
static void model_entry_lost(unsigned mapper, unsigned index)
{
    for (unsigned i = 0; i < nr_live; i++) {
        if (live[i].mapper == mapper && live[i].index == index && (live[i].flags & GNTMAP_host_map))
            live[i].entry_gone = true;
    }
}

static uint64_t rnd_addr(unsigned me, bool pte, unsigned index)
{
    if (rnd(12) == 0) {
        const uint64_t bad[] = {0xffff800000000000,
                                0xffff87fffffff000,
                                0x0000800000000000,
                                ~0UL,
                                0x1001,
                                (uint64_t)NR_FRAMES << 12,
                                (uint64_t)FIRST_HV << 12,
                                (uint64_t)me * PER_DOMAIN << 12, /* its own, but no table */
                                VA_BASE - 1};

        return pte && rnd(2) ? ((uint64_t)L1_OF((me + 1) % 3) << 12) : bad[rnd(9)];
    }
    if (pte)
        return ((uint64_t)L1_OF(me) << 12) + index * 8 + (rnd(20) ? 0 : 4);
    return VA_BASE + ((uint64_t)index << 12) + rnd(4096);
}

static void do_map(unsigned me)
{
    struct gnttab_map_grant_ref op = {0};
    unsigned index = rnd(512);
    uint32_t mfn = 0;
    int expect;

    op.flags = rnd(16) ? (uint32_t)rand_r(&seed) & 31 : (uint32_t)rand_r(&seed);
    op.dom = (domid_t)(rnd(20) ? rnd(3) : rnd(2) ? DOMID_SELF : 9);
    op.ref = rnd(20) ? rnd(MODEL_REFS) : (uint32_t)rand_r(&seed);
    op.host_addr = rnd_addr(me, op.flags & GNTMAP_contains_pte, index);
    if (nr_live == MAX_LIVE)
        return;
    expect = model_map(me, &op, &mfn);
    fake_domain[me].mem.dirty_cpus = rnd(8);
    assert_int_equal(OP(GNTTABOP_map_grant_ref, &op, 1), 0);
    assert_int_equal(op.status, expect);
    if (expect != GNTST_okay)
        return;
    assert_int_equal(op.dev_bus_addr, (uint64_t)mfn << 12);
    if (op.flags & GNTMAP_host_map) {
        index = op.flags & GNTMAP_contains_pte ? op.host_addr % 4096 / 8 : op.host_addr >> 12 & 511;
        model_entry_lost(me, index);
        assert_int_equal(*entry_at(me, index) & (PTE_P | PTE_RW | PTE_US | (7UL << 9)),
                         PTE_P | (op.flags & GNTMAP_readonly ? 0 : PTE_RW) |
                             (op.flags & GNTMAP_application_map ? PTE_US : 0) |
                             (op.flags >> 16 & 7) << 9);
    }
    live[nr_live++] =
        (struct live){me, op.dom, op.ref, mfn, op.handle, op.flags & 31, index, false};
}

static void do_unmap(unsigned me)
{
    struct gnttab_unmap_grant_ref op = {0};
    struct live *l = nr_live ? &live[rnd(nr_live)] : NULL;
    unsigned before = flushes, kinds = rnd(4) ? 3 : rnd(4);
    bool wrong_addr = rnd(16) == 0, wrong_bus = rnd(16) == 0;
    int expect = GNTST_okay;
    bool host;

    if (!l || rnd(10) == 0) { /* a made-up handle */
        op.handle = rnd(2) ? rnd(600) : (uint32_t)rand_r(&seed);
        for (unsigned i = 0; i < nr_live; i++) {
            if (live[i].mapper == me && live[i].handle == op.handle)
                return;
        }
        assert_int_equal(OP(GNTTABOP_unmap_grant_ref, &op, 1), 0);
        assert_int_equal(op.status, GNTST_bad_handle);
        return;
    }
    fake_run(l->mapper, 0);
    op.handle = l->handle;
    if (kinds & GNTMAP_host_map)
        op.host_addr = l->flags & GNTMAP_contains_pte
                           ? ((uint64_t)L1_OF(l->mapper) << 12) + l->index * 8
                           : VA_BASE + ((uint64_t)l->index << 12);
    if (kinds & GNTMAP_device_map)
        op.dev_bus_addr = (uint64_t)l->mfn << 12;
    host = (l->flags & kinds & GNTMAP_host_map) != 0;
    if (host && wrong_addr)
        op.host_addr += 1UL << 40;
    if ((kinds & GNTMAP_device_map) && wrong_bus)
        op.dev_bus_addr += 4096;
    if (!op.dev_bus_addr) /* frame 0 has the address that says "leave the device mapping" */
        kinds &= ~(unsigned)GNTMAP_device_map;
    if ((l->flags & kinds & GNTMAP_device_map) && wrong_bus)
        expect = GNTST_bad_dev_addr;
    else if (host && wrong_addr)
        expect = GNTST_general_error;
    else if (host && l->entry_gone) {
        /* Something else may be mapped there by now, even the same frame by another handle. */
        pte_t e = *entry_at(l->mapper, l->index);
        bool same = (e & PTE_P) && pte_mfn(e).n == l->mfn && !!(e & PTE_RW) == model_writer(l);

        if (same) {
            model_entry_lost(l->mapper, l->index);
            l->entry_gone = false; /* it is this handle's that goes, its owner's that is lost */
        } else {
            expect = GNTST_general_error;
        }
    }
    assert_int_equal(OP(GNTTABOP_unmap_grant_ref, &op, 1), 0);
    assert_int_equal(op.status, expect);
    assert_int_equal(flushes, before + (expect == GNTST_okay && host));
    if (expect != GNTST_okay)
        return;
    l->flags &= ~kinds;
    if (!(l->flags & 3))
        *l = live[--nr_live];
}

/* The guest overwrites an entry by other means than an unmap. */
static void do_overwrite(unsigned me)
{
    unsigned index = rnd(512);
    pte_t *e = entry_at(me, index);

    entry_drop(*e);
    *e = 0;
    model_entry_lost(me, index);
}

static void do_lend(unsigned me)
{
    unsigned ref = rnd(MODEL_REFS);
    uint16_t flags = rnd(4) ? GTF_permit_access | (rnd(3) ? 0 : GTF_readonly)
                            : (uint16_t)(rand_r(&seed) & ~(GTF_reading | GTF_writing));
    uint32_t frame = rnd(6)   ? me * PER_DOMAIN + rnd(PER_DOMAIN)
                     : rnd(2) ? rnd(NR_FRAMES + 2)
                              : (uint32_t)rand_r(&seed);
    struct grant_entry_v1 *e = shared_entry(me, ref);

    /* Mostly by the rules: only what is not in use. */
    if ((e->flags & (GTF_reading | GTF_writing)) && rnd(8))
        return;
    flags |= e->flags & (GTF_reading | GTF_writing);
    lend(me, ref, (domid_t)rnd(3), flags, frame);
}

static void do_copy(unsigned me)
{
    struct gnttab_copy op = {0};
    struct gnttab_copy_ptr *side[2] = {&op.source, &op.dest};
    uint8_t page[2][4096];
    int expect = GNTST_okay;
    uint32_t mfn[2] = {0};

    op.flags = (uint16_t)rnd(4);
    op.len = (uint16_t)(rnd(4) ? rnd(4097) : rnd(65536));
    for (unsigned i = 0; i < 2; i++) {
        bool gref = op.flags & (i ? GNTCOPY_dest_gref : GNTCOPY_source_gref);

        side[i]->offset = (uint16_t)(rnd(4) ? rnd(64) : rnd(65536));
        side[i]->domid = (domid_t)(rnd(10) ? gref ? rnd(3) : DOMID_SELF : rnd(2) ? 9 : DOMID_SELF);
        if (gref)
            side[i]->u.ref = rnd(20) ? rnd(MODEL_REFS) : (uint32_t)rand_r(&seed);
        else
            side[i]->u.gmfn = rnd(8) ? me * PER_DOMAIN + rnd(PER_DOMAIN) : rnd(NR_FRAMES + 2);
    }
    /* Domains of both sides first, then each side in turn. */
    for (unsigned i = 0; i < 2 && expect == GNTST_okay; i++) {
        bool gref = op.flags & (i ? GNTCOPY_dest_gref : GNTCOPY_source_gref);

        if (side[i]->domid == 9)
            expect = gref ? GNTST_bad_domain : GNTST_permission_denied;
    }
    for (unsigned i = 0; i < 2 && expect == GNTST_okay; i++) {
        bool gref = op.flags & (i ? GNTCOPY_dest_gref : GNTCOPY_source_gref);
        unsigned d = side[i]->domid == DOMID_SELF ? me : side[i]->domid;

        if (gref) {
            struct gnttab_map_grant_ref as = {
                .flags = i ? GNTMAP_device_map : 5, .dom = (domid_t)d, .ref = side[i]->u.ref};
            bool sub = d < 3 && as.ref < 512 && (shared_entry(d, as.ref)->flags & GTF_sub_page);

            if (sub) /* allowed for copies, not for mappings: ask the model without it */
                shared_entry(d, as.ref)->flags &= (uint16_t)~GTF_sub_page;
            expect = model_map(me, &as, &mfn[i]);
            if (sub)
                shared_entry(d, as.ref)->flags |= GTF_sub_page;
        } else {
            mfn[i] = (uint32_t)side[i]->u.gmfn;
            if (mfn[i] >= FIRST_IO || mfn[i] / PER_DOMAIN != me)
                expect = GNTST_bad_page;
            else if (i && !model_writable(mfn[i]))
                expect = GNTST_general_error;
        }
    }
    if (expect == GNTST_okay &&
        (op.source.offset + op.len > 4096 || op.dest.offset + op.len > 4096))
        expect = GNTST_bad_copy_arg;
    if (!op.len)
        expect = GNTST_okay;
    else if (expect == GNTST_okay) {
        memcpy(page[0], memory[mfn[0]], 4096);
        memcpy(page[1], memory[mfn[1]], 4096);
        memcpy(page[1] + op.dest.offset, page[0] + op.source.offset, op.len); /* as by memmove */
    }
    assert_int_equal(OP(GNTTABOP_copy, &op, 1), 0);
    assert_int_equal(op.status, expect);
    if (expect == GNTST_okay && op.len)
        assert_memory_equal(memory[mfn[1]], page[1], 4096);
}

/* Everything that is counted anywhere, recomputed from the list of live mappings. */
static void check_all(void)
{
    unsigned ref[NR_FRAMES] = {0}, type[NR_FRAMES] = {0};
    unsigned handles[FAKE_DOMAINS] = {0}, held[FAKE_DOMAINS] = {0};

    for (unsigned i = 0; i < nr_live; i++) {
        handles[live[i].mapper]++;
        held[live[i].granter]++;
        if (live[i].flags & GNTMAP_device_map) {
            ref[live[i].mfn]++;
            type[live[i].mfn] += model_writer(&live[i]);
        }
        if ((live[i].flags & GNTMAP_host_map) && !live[i].entry_gone)
            assert_int_equal(pte_mfn(*entry_at(live[i].mapper, live[i].index)).n, live[i].mfn);
    }
    assert_int_equal(run_audit(), 0);
    for (unsigned f = 0; f < FIRST_IO; f++) {
        assert_int_equal(reported_refs[f], ref[f]);
        assert_int_equal(reported_types[f], type[f]);
    }
    for (unsigned d = 0; d < FAKE_DOMAINS; d++) {
        assert_int_equal(fake_domain[d].gnt.maptrack.in_use, handles[d]);
        assert_int_equal(fake_domain[d].refcnt, 1 + held[d]);
        for (unsigned i = 0; i < 512; i++) {
            pte_t e = *entry_at(d, i);

            if (e & PTE_P) {
                ref[pte_mfn(e).n]++;
                type[pte_mfn(e).n] += !!(e & PTE_RW);
            }
        }
        for (unsigned r = 0; r < MODEL_REFS; r++) {
            unsigned users, writers, most;
            struct live *one;
            uint16_t bits = shared_entry(d, r)->flags & (GTF_reading | GTF_writing);

            model_users(d, r, &users, &writers, &most, &one);
            assert_int_equal(bits, (users ? GTF_reading : 0) | (writers ? GTF_writing : 0));
        }
    }
    for (unsigned f = 0; f < FIRST_IO; f++) {
        assert_int_equal(frame_count(&frames[f]), 1 + ref[f]);
        if (model_writable(f))
            assert_int_equal(frames[f].type & TYPE_COUNT_MASK, type[f]);
    }
}

/* By `seed`, which the fuzzer sets before each. */
static void one_operation(void)
{
    static void (*const ops[])(unsigned) = {do_map,   do_map,  do_map,  do_unmap,
                                            do_unmap, do_lend, do_copy, do_overwrite};
    unsigned me = rnd(FAKE_DOMAINS);

    fake_run(me, 0);
    ops[rnd(ARRAY_SIZE(ops))](me);
}

/* Death in any order gives everything back: teardown looks. */
static void everybody_dies(void)
{
    for (unsigned d = 0; d < FAKE_DOMAINS; d++) {
        for (unsigned i = 0; i < 512; i++)
            entry_drop(*entry_at(d, i));
    }
    fake_preempt_always = true;
    for (unsigned d = FAKE_DOMAINS; d--;)
        kill_domain(&fake_domain[d]);
    for (unsigned f = 0; f < FIRST_IO; f++)
        assert_int_equal(frame_count(&frames[f]), 1);
    for (unsigned d = 0; d < FAKE_DOMAINS; d++) {
        for (unsigned r = 0; r < MODEL_REFS; r++)
            assert_int_equal(shared_entry(d, r)->flags & (GTF_reading | GTF_writing), 0);
    }
}

/* Whatever domains lend, map, unmap, copy and overwrite, every count is what it should be. */
static void random_against_model(void **state)
{
    nr_live = 0;
    seed = 1;
    for (unsigned i = 0; i < 60000; i++) {
        one_operation();
        if (i % 16 == 0)
            check_all();
    }
    check_all();
    assert_true(nr_live > 10);
    everybody_dies();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(random_against_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
