/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: whatever hostile guests do with frames, tables, pins, roots, grants and foreign maps, in
 * any order and with every long operation interrupted anywhere or abandoned, (1) the audit stays
 * clean, (2) a walk of the tables as a processor makes it never reaches a table or a foreign or
 * hypervisor frame it must not, (3) no CPU can still hold a writable translation of a table, nor
 * any of a frame that was scrubbed or handed out again, and (4) in the end every frame is free.
 *
 * Arguments: seed, operations.
 */
// SOURCES: hypervisor/mem/frame.c hypervisor/mem/assign.c hypervisor/mem/buddy.c
// SOURCES: hypervisor/mem/numa.c hypervisor/mem/memory_map.c
// SOURCES: hypervisor/mem/owner.c hypervisor/mem/page_type.c hypervisor/mem/validate.c
// SOURCES: hypervisor/mem/entry.c hypervisor/mem/pte.c hypervisor/mem/segdesc.c
// SOURCES: hypervisor/mem/tlb_clock.c hypervisor/mem/heap.c hypervisor/mem/m2p.c
// SOURCES: hypervisor/mem/rangeset.c hypervisor/mem/audit.c hypervisor/lib/format.c
#include "fake_memory.h"

#include "lib/bitmap.h"
#include "mem/rangeset.h"

#define POOL   220
#define ROOTS  8
#define GRANTS 16
#define IO_OK  170u /* a frame that is not RAM and dom0 may map */
#define IO_RO  171u /* the same, but nobody may write it */

/* --- what the guests have ----------------------------------------------------------------------
 */

static struct {
    struct frame *f; /* NULL: free place */
    unsigned owner;
    unsigned wants; /* 0: data; level of the table it is meant to be */
} pool[POOL];

static struct frame *root[ROOTS];

static struct {
    struct frame *table;
    unsigned index, mapper;
    mfn_t mfn;
    bool writable, used;
} grant[GRANTS];

static bool zombie[NR_OWNERS];
static unsigned cpu_runs[FAKE_CPUS];
static unsigned nr_pins[5], nr_updates[5], nr_refused, nr_restarts, nr_abandoned, nr_grants,
    nr_foreign, nr_deaths, nr_roots, nr_deferred;

static void report(struct audit *a)
{
    for (unsigned i = 0; i < ROOTS; i++)
        if (root[i]) {
            audit_holds(a, frame_mfn(root[i]), 1);
            audit_holds_type(a, frame_mfn(root[i]), PT_L4, 1);
        }
    for (unsigned i = 0; i < GRANTS; i++)
        if (grant[i].used)
            audit_grant_maps(a, (domid_t)grant[i].mapper, grant[i].mfn, 1);
}

static unsigned some_owner(void)
{
    unsigned d;

    do
        d = (unsigned)rnd(NR_OWNERS);
    while (zombie[d] && rnd(50));
    return d;
}

/* A place in the pool with a frame of d (any owner: NR_OWNERS) meant for `wants` (any: 5). */
static int pick(unsigned d, unsigned wants)
{
    for (unsigned tries = 0; tries < 400; tries++) {
        unsigned i = (unsigned)rnd(POOL);

        if (pool[i].f && (d == NR_OWNERS || pool[i].owner == d) &&
            (wants == 5 || pool[i].wants == wants))
            return (int)i;
    }
    return -1;
}

static pte_t some_entry(unsigned d, unsigned level)
{
    static const uint64_t odd_bits[] = {PTE_PSE, PTE_PCD, PTE_PWT, PTE_G,  BIT(59), BIT(62),
                                        BIT(52), BIT(51), PTE_NX,  BIT(9), BIT(58)};
    static const uint64_t odd_frames[] = {0,     300,   1536, 200,     IO_OK,    IO_OK,
                                          IO_RO, IO_RO, 5000, 0x1ffff, 1UL << 39};
    uint64_t flags =
        PTE_P | (rnd(2) ? PTE_RW : 0) | (rnd(3) ? PTE_US : 0) | (rnd(3) ? 0 : PTE_A | PTE_D);
    int i;

    if (rnd(8) == 0)
        return rnd(2) ? 0 : rnd(~0UL >> 12) << 1;
    if (rnd(20) == 0)
        flags |= odd_bits[rnd(ARRAY_SIZE(odd_bits))];
    if (rnd(25) == 0)
        return pte_make(MFN(odd_frames[rnd(ARRAY_SIZE(odd_frames))]), flags);
    if (rnd(25) == 0)
        i = pick(NR_OWNERS, 5);
    else if (level == 1)
        i = pick(d, rnd(4) ? 0 : 5);
    else
        i = pick(d, rnd(15) ? level - 1 : 5);
    if (i < 0)
        return 0;
    if (level == 1 && pool[i].wants && rnd(10))
        flags &= ~PTE_RW;
    return pte_make(frame_mfn(pool[i].f), flags);
}

/* --- a processor's view ------------------------------------------------------------------------
 */

static void see_leaf(const struct mem_owner *o, pte_t e)
{
    mfn_t mfn = pte_mfn(e);
    struct frame *f;

    if (mfn.n >= LOW_FRAMES || (mfn.n >= 160 && mfn.n < 256)) {
        assert_true(o->id == 0 && (mfn.n == IO_OK || mfn.n == IO_RO));
        assert_false(mfn.n == IO_RO && e & PTE_RW); /* I9 */
        return;
    }
    f = frame_of(mfn);
    assert_int_equal(frame_state(f), FRAME_IN_USE); /* I3 */
    if (frame_owner(f) != o->id && o->id != 0) {
        bool granted = false;

        for (unsigned i = 0; i < GRANTS; i++)
            granted |= grant[i].used && grant[i].mapper == o->id && mfn_eq(grant[i].mfn, mfn) &&
                       (grant[i].writable || !(e & PTE_RW));
        assert_true(granted); /* I3 */
    }
    if (e & PTE_RW)
        assert_int_equal(page_type(f), PT_WRITABLE); /* I1 */
    cached[mfn.n] |= o->dirty_cpus;
    if (e & PTE_RW)
        cached_writable[mfn.n] |= o->dirty_cpus;
}

static void walk(const struct mem_owner *o, struct frame *f, unsigned level)
{
    const pte_t *t = frame_virt(f);

    assert_true(frame_owner(f) == o->id && frame_state(f) == FRAME_IN_USE);
    assert_int_equal(page_type(f), level);
    for (unsigned i = 0; i < 512; i++) {
        if (!(t[i] & PTE_P))
            continue;
        if (level == 4 && l4_slot_is_hv(i)) {
            assert_int_equal(t[i], hv_l4_slots[i - 256]); /* I5 */
            continue;
        }
        assert_true(t[i] & PTE_US);
        assert_false(t[i] & 0xfUL << 59);
        if (level == 1) {
            if (o->id != 0)
                assert_false(t[i] & (PTE_PWT | PTE_PCD | PTE_PAT));
            see_leaf(o, t[i]);
        } else {
            assert_false(t[i] & PTE_PSE);
            walk(o, frame_of(pte_mfn(t[i])), level - 1);
        }
    }
}

static void look(void)
{
    for (unsigned i = 0; i < POOL; i++)
        if (pool[i].f && pool[i].f->type & TYPE_VALIDATED && page_type(pool[i].f) == PT_L4)
            walk(&owner[pool[i].owner], pool[i].f, 4);
    for (uint64_t n = HEAP_START; n < LOW_FRAMES; n++) {
        struct frame *f = frame_of(MFN(n));

        if (frame_state(f) == FRAME_IN_USE && type_count(f) && page_type_is_table(page_type(f)))
            assert_int_equal(cached_writable[n], 0); /* I4 */
        if (frame_state(f) == FRAME_FREE && f->ref & REF_CLEAN)
            assert_int_equal(cached[n], 0); /* I4 */
    }
}

/* --- what the guests do ------------------------------------------------------------------------
 */

static void op_alloc(unsigned d)
{
    static const uint8_t mix[] = {0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 4};
    unsigned i;

    for (i = 0; i < POOL && pool[i].f; i++)
        ;
    if (i == POOL)
        return;
    pool[i].f = frame_alloc(&owner[d], 0, 0, 0);
    if (!pool[i].f) {
        assert_true(zombie[d] || owner[d].tot_pages == owner[d].max_pages);
        return;
    }
    pool[i].owner = d;
    pool[i].wants = mix[rnd(sizeof(mix))];
    assert_int_equal(cached[frame_mfn(pool[i].f).n], 0);
    for (unsigned k = 0; k < 512; k++)
        assert_int_equal(table_at(pool[i].f)[k], 0); /* I6 */
}

static void op_give_back(unsigned d)
{
    int i = pick(d, 5);

    if (i < 0)
        return;
    if (rnd(3) == 0) {
        int rc = frame_steal(pool[i].f, &owner[d]);

        if (rc)
            return;
        /* An exchange: this frame or another takes its place. */
        if (rnd(2)) {
            frame_free_hv(pool[i].f, 0);
            pool[i].f = frame_alloc(NULL, 0, 0, 0);
            assert_non_null(pool[i].f);
        }
        assert_int_equal(frame_assign(pool[i].f, 0, &owner[d], MEMF_KEEP_LIMIT), 0);
        return;
    } else {
        assert_true(frame_put_alloc(pool[i].f));
    }
    pool[i].f = NULL;
}

/* A guest stores into its own memory, where it may: what is not in use as a table. */
static void op_scribble(unsigned d)
{
    int i = pick(d, 5);

    if (i < 0 || (type_count(pool[i].f) && page_type(pool[i].f) != PT_WRITABLE))
        return;
    for (unsigned n = 1 + (unsigned)rnd(5); n; n--) {
        unsigned level = pool[i].wants ? pool[i].wants : 1 + (unsigned)rnd(4);

        table_at(pool[i].f)[rnd(6) ? rnd(512) : 250 + rnd(30)] = some_entry(d, level);
    }
}

/* A well-made table, or nothing would ever be pinned at the upper levels. */
static void op_build(unsigned d)
{
    int i = pick(d, 1 + (unsigned)rnd(4)), j;

    if (i < 0 || type_count(pool[i].f))
        return;
    memset(table_at(pool[i].f), 0, PAGE_SIZE);
    for (unsigned n = 0; n < (pool[i].wants > 1 ? 10 : 5); n++) {
        bool table = rnd(4) == 0;
        uint64_t flags = PTE_P | PTE_US;

        j = pick(d, pool[i].wants > 1 ? pool[i].wants - 1 : table ? 5 : 0);
        if (j < 0)
            continue;
        if (pool[i].wants > 1 || pool[j].wants == 0)
            flags |= PTE_RW;
        table_at(pool[i].f)[rnd(512)] = pte_make(frame_mfn(pool[j].f), flags);
    }
}

static void op_pin(unsigned d)
{
    int i = pick(d, rnd(8) ? 1 + (unsigned)rnd(4) : 5), rc;
    unsigned level, patience = 1 + (unsigned)rnd(5);

    if (i < 0)
        return;
    level = rnd(10) && pool[i].wants ? pool[i].wants : 1 + (unsigned)rnd(4);
    do {
        rc = page_pin(pool[i].f, &owner[d], (enum page_type)level, PTF_PREEMPT);
        nr_restarts += rc == -ERESTART;
    } while (rc == -ERESTART && --patience);
    nr_abandoned += rc == -ERESTART;
    if (rc == 0)
        nr_pins[level]++;
    else
        nr_refused++;
}

static void finish_or_abandon(struct frame *f)
{
    unsigned patience = (unsigned)rnd(4);

    while (patience-- && page_type_finish(f, PTF_PREEMPT) == -ERESTART)
        nr_restarts++;
    frame_put(f);
}

static void op_unpin(unsigned d)
{
    int i = pick(d, 5);

    if (i >= 0 && page_unpin(pool[i].f, &owner[d], PTF_PREEMPT) == -ERESTART)
        finish_or_abandon(pool[i].f);
}

static void op_update(unsigned d)
{
    struct pte_context c = {.page_owner = rnd(5) ? NULL : &owner[rnd(NR_OWNERS)]};
    int i = pick(rnd(30) ? d : NR_OWNERS, rnd(6) ? 1 + (unsigned)rnd(4) : 5), rc;
    struct pte_table t;

    for (unsigned tries = 0; tries < 6 && i >= 0; tries++)
        if (!type_count(pool[i].f) || !page_type_is_table(page_type(pool[i].f)))
            i = pick(d, 1 + (unsigned)rnd(4));
    if (i < 0 || pte_table_open(&t, &owner[d], frame_mfn(pool[i].f)))
        return;
    for (unsigned n = 1 + (unsigned)rnd(4); n; n--) {
        unsigned index = (unsigned)(rnd(4) ? rnd(512) : 250 + rnd(30)), patience = 20;
        pte_t new =
            some_entry(rnd(2) && c.page_owner ? c.page_owner->id : d, t.level ? t.level : 1),
              old;

        if (t.level && rnd(2)) { /* one that is there */
            while (!(t.entry[index] & PTE_P) && rnd(4000))
                index = (index + 1) % 512;
            new = rnd(2) ? new : rnd(3) ? 0 : t.entry[index] ^ (PTE_RW | PTE_A);
        }
        old = rnd(3) ? t.entry[index] : rnd(512);
        do {
            rc = pte_update(&t, index, new, (unsigned)rnd(4), &old, &c);
            nr_restarts += rc == -ERESTART;
            if (c.deferred) {
                nr_deferred++;
                finish_or_abandon(c.deferred);
                c.deferred = NULL;
            }
        } while (rc == -ERESTART && --patience);
        if (rc)
            nr_refused++;
        else
            nr_updates[t.level]++;
    }
    if (pte_table_close_preempt(&t, &c) == -ERESTART)
        finish_or_abandon(c.deferred);
}

/* The control domain maps a guest's frame. */
static void op_foreign(void)
{
    int i = pick(0, 1), j = pick(1 + (unsigned)rnd(NR_OWNERS - 1), rnd(4) ? 0 : 5);
    struct pte_context c = {.page_owner = NULL};
    struct pte_table t;

    if (i < 0 || j < 0 || !type_count(pool[i].f) ||
        pte_table_open(&t, &owner[0], frame_mfn(pool[i].f)))
        return;
    if (t.level == 1) {
        pte_t e = pte_make(frame_mfn(pool[j].f), PTE_P | PTE_US | (rnd(2) ? PTE_RW : 0));
        unsigned index = (unsigned)rnd(512);

        assert_int_not_equal(pte_update(&t, index, e, 0, NULL, &c), 0); /* not named: refused */
        c.page_owner = &owner[pool[j].owner];
        nr_foreign += pte_update(&t, index, e, 0, NULL, &c) == 0;
    }
    pte_table_close(&t);
}

static void op_root(unsigned d)
{
    unsigned r = (unsigned)rnd(ROOTS);
    int i = pick(d, 4);

    if (root[r]) {
        struct frame *f = root[r];

        root[r] = NULL;
        if (page_type_put(f, PTF_PREEMPT) == -ERESTART)
            finish_or_abandon(f);
        else
            frame_put(f);
        return;
    }
    if (i >= 0 && frame_get_type(pool[i].f, (domid_t)d, PT_L4, PTF_PREEMPT) == 0) {
        root[r] = pool[i].f;
        nr_roots++;
    }
}

static void op_grant_map(unsigned d)
{
    int i = pick(d, 1), j = pick(NR_OWNERS, 0);
    bool writable = rnd(2);
    struct pte_table t;
    unsigned g;
    int rc;

    for (g = 0; g < GRANTS && grant[g].used; g++)
        ;
    if (g == GRANTS || i < 0 || j < 0 || pool[j].owner == d)
        return;
    if (pte_table_open(&t, &owner[d], frame_mfn(pool[i].f)))
        return;
    rc = writable ? frame_get_type(pool[j].f, (domid_t)pool[j].owner, PT_WRITABLE, 0)
         : frame_get(pool[j].f, (domid_t)pool[j].owner) ? 0
                                                        : -EINVAL;
    if (!rc) {
        unsigned index = (unsigned)rnd(512);

        rc = pte_grant_map(&t, index, frame_mfn(pool[j].f), writable, PTE_US | PTE_A | PTE_D);
        if (rc) {
            l1_entry_put(pte_make(frame_mfn(pool[j].f), PTE_P | (writable ? PTE_RW : 0)));
        } else {
            grant[g].table = pool[i].f;
            grant[g].index = index;
            grant[g].mapper = d;
            grant[g].mfn = frame_mfn(pool[j].f);
            grant[g].writable = writable;
            grant[g].used = true;
            nr_grants++;
        }
    }
    pte_table_close(&t);
}

static void grant_drop(unsigned g)
{
    struct pte_table t;

    if (!grant[g].used)
        return;
    if (!pte_table_open(&t, &owner[grant[g].mapper], frame_mfn(grant[g].table))) {
        if (t.level == 1 && !pte_grant_unmap(&t, grant[g].index, grant[g].mfn, grant[g].writable))
            l1_entry_put(pte_make(grant[g].mfn, PTE_P | (grant[g].writable ? PTE_RW : 0)));
        pte_table_close(&t);
    }
    grant[g].used = false;
    /* What is left of it in tables (a copy cannot be; the entry itself if it was not found). */
    for (unsigned i = 0; i < POOL; i++) {
        pte_t *e;

        if (!pool[i].f || pool[i].owner != grant[g].mapper || !type_count(pool[i].f) ||
            page_type(pool[i].f) != PT_L1)
            continue;
        e = table_at(pool[i].f);
        for (unsigned k = 0; k < 512; k++)
            if (e[k] & PTE_P && mfn_eq(pte_mfn(e[k]), grant[g].mfn) && owner[pool[i].owner].id &&
                frame_owner(frame_of(grant[g].mfn)) != pool[i].owner)
                grant[g].used = true; /* mapped twice: the other one's turn comes */
    }
    if (grant[g].used) {
        unsigned twins = 0;

        for (unsigned h = 0; h < GRANTS; h++)
            twins += h != g && grant[h].used && grant[h].mapper == grant[g].mapper &&
                     mfn_eq(grant[h].mfn, grant[g].mfn);
        assert_true(twins > 0);
        grant[g].used = false;
    }
}

static void op_switch(unsigned d)
{
    unsigned cpu = (unsigned)rnd(FAKE_CPUS);

    fake_cpu_flush(cpu);
    owner[cpu_runs[cpu]].dirty_cpus &= ~cpumask_of(cpu);
    cpu_runs[cpu] = d;
    owner[d].dirty_cpus |= cpumask_of(cpu);
}

static void op_share(unsigned d)
{
    void *page = hv_alloc_page();
    struct frame *f = frame_of(virt_to_mfn(page));
    bool writable = rnd(2);

    if (frame_share(page, &owner[d], writable)) {
        assert_true(zombie[d]);
        hv_free_page(page);
        return;
    }
    assert_int_equal(page_pin(f, &owner[d], PT_L1, 0), -EINVAL);
    assert_true(frame_get(f, (domid_t)d));
    assert_int_equal(page_type_get(f, PT_WRITABLE, 0), writable ? 0 : -EINVAL);
    assert_false(frame_unshare(page));
    if (writable)
        page_type_put(f, 0);
    frame_put(f);
    assert_true(frame_is_unshared(page));
    hv_free_page(page);
}

static void reap(void)
{
    for (unsigned d = 0; d < NR_OWNERS; d++)
        if (zombie[d] && !owner_held[d]) {
            cpumask_t dirty = owner[d].dirty_cpus;

            mem_owner_destroy(&owner[d]);
            fake_owner_new(d);
            owner[d].max_pages = 70;
            if (d == 0) {
                owner[0].iomem = rangeset_new();
                rangeset_add(owner[0].iomem, IO_OK, IO_RO);
            }
            owner[d].dirty_cpus = dirty;
            zombie[d] = false;
        }
}

static void op_die(unsigned d)
{
    uint64_t cursor = 0;

    if (zombie[d])
        return;
    nr_deaths++;
    for (unsigned r = 0; r < ROOTS; r++)
        if (root[r] && frame_owner(root[r]) == d) {
            if (page_type_put(root[r], PTF_PREEMPT) == -ERESTART)
                finish_or_abandon(root[r]);
            else
                frame_put(root[r]);
            root[r] = NULL;
        }
    owner[d].is_dying = true;
    zombie[d] = true;
    while (mem_relinquish(&owner[d], &cursor) == -ERESTART)
        if (rnd(10) == 0)
            audit_clean();
    for (unsigned i = 0; i < POOL; i++)
        if (pool[i].f && pool[i].owner == d)
            pool[i].f = NULL;
    for (unsigned g = 0; g < GRANTS; g++)
        if (grant[g].mapper == d)
            grant[g].used = false;
    rangeset_free(owner[d].iomem);
    owner[d].iomem = NULL;
}

static void one_operation(void)
{
    unsigned d = some_owner();

    fake_preempt = rnd(3) ? -(int)(1 + rnd(4)) : 0;
    switch (rnd(41)) {
    case 0 ... 7: op_alloc(d); break;
    case 8: op_give_back(d); break;
    case 9 ... 11: op_scribble(d); break;
    case 12 ... 15: op_build(d); break;
    case 16 ... 20: op_pin(d); break;
    case 21 ... 22: op_unpin(d); break;
    case 23 ... 29: op_update(d); break;
    case 30 ... 32: op_root(d); break;
    case 33 ... 34: op_grant_map(d); break;
    case 35: grant_drop((unsigned)rnd(GRANTS)); break;
    case 36: op_switch(d); break;
    case 37: op_share(d); break;
    case 38: heap_scrub_some(); break;
    case 39: op_foreign(); break;
    default:
        if (rnd(12) == 0)
            op_die(d);
    }
    fake_preempt = 0;
    reap();
}

static uint64_t free_at_first;

static void world_begins(void)
{
    fake_boot(false);
    fake_owners();
    mem_io_read_only = rangeset_new();
    rangeset_add(mem_io_read_only, IO_RO, IO_RO);
    for (unsigned d = 0; d < NR_OWNERS; d++)
        owner[d].max_pages = 70;
    owner[0].iomem = rangeset_new();
    rangeset_add(owner[0].iomem, IO_OK, IO_RO);
    for (unsigned c = 0; c < FAKE_CPUS; c++)
        cpu_runs[c] = c % NR_OWNERS;
    audit_register(report);
    free_at_first = heap_free_pages();
}

static void everybody_dies(void)
{
    for (unsigned d = 0; d < NR_OWNERS; d++)
        op_die(d);
    reap();
    for (unsigned d = 0; d < NR_OWNERS; d++)
        assert_false(zombie[d]); /* I8 */
    assert_int_equal(heap_free_pages(), free_at_first);
    audit_clean();
}

static unsigned long operations = 2500;

static void anything_goes(void **state)
{
    world_begins();
    for (unsigned long i = 0; i < operations; i++) {
        one_operation();
        look();
        audit_clean();
    }
    everybody_dies();
    while (heap_scrub_some())
        ;
    look();
    audit_clean();

    print_message("pins %u %u %u %u, updates %u %u %u %u (plain %u), refused %u, restarts %u, "
                  "abandoned %u, deferred %u, roots %u, grants %u, foreign %u, deaths %u\n",
                  nr_pins[1], nr_pins[2], nr_pins[3], nr_pins[4], nr_updates[1], nr_updates[2],
                  nr_updates[3], nr_updates[4], nr_updates[0], nr_refused, nr_restarts,
                  nr_abandoned, nr_deferred, nr_roots, nr_grants, nr_foreign, nr_deaths);
    for (unsigned l = 1; l <= 4; l++)
        assert_true(nr_pins[l] && nr_updates[l]); /* or the test tests nothing */
    assert_true(nr_refused && nr_restarts && nr_abandoned && nr_roots && nr_grants && nr_foreign &&
                nr_deferred);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(anything_goes)};

    if (argc > 1)
        fake_seed = strtoul(argv[1], NULL, 0) * 0x9e3779b97f4a7c15u | 1;
    if (argc > 2)
        operations = strtoul(argv[2], NULL, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
