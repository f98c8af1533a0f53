/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Grant tables: mapping, unmapping, copying and death of three domains, over a small fake of the
 * memory layer that counts references.
 *
 * Random operations, good and bad, are compared with a model that only knows which mappings are
 * live.  From that every count is recomputed after each operation: references of frames, entries of
 * page tables, pins, the bits that granters see, and references on domains.  That is I2, I3 and I8
 * for grants.
 */
// SOURCES: hypervisor/domain/grant.c hypervisor/domain/grant_map.c hypervisor/domain/grant_copy.c
// SOURCES: hypervisor/domain/grant_entry.c hypervisor/domain/grant_debug.c
// SOURCES: hypervisor/domain/maptrack.c
#define FAKE_GUEST_OWN_HEAP
#include "fake_guest.h"

#include <stdbool.h>

#include "abi/grant_table.h"
#include "domain/grant_impl.h"
#include "mem/audit.h"
#include "mem/pte.h"
#include "mem/tlb.h"

/* --- a fake memory layer -------------------------------------------------------------------- */

/* Frames: 0-15 of domain 0, 16-31 of 1, 32-47 of 2 (last of each: its L1 table), 48-55 I/O, 56-79
 * the hypervisor's pages, of which grant tables are made. */
#define NR_FRAMES   80
#define PER_DOMAIN  16
#define FIRST_IO    48
#define FIRST_HV    56
#define L1_OF(d)    ((d)*PER_DOMAIN + 15)
#define TABLE_OF(d) ((d)*PER_DOMAIN + 14) /* a page table of another kind: not writable */
#define VA_BASE     0x7f0000000000UL

static uint8_t memory[NR_FRAMES][4096] __attribute__((aligned(4096)));
static struct frame frames[NR_FRAMES];
struct frame *host_frame_table = frames;
uint64_t frame_chunk_present[FRAME_CHUNKS / 64] = {1};
uint64_t frame_limit = NR_FRAMES;
uint64_t frame_low_end = NR_FRAMES, frame_high_start, frame_high_count;
static unsigned flushes;
static bool hv_used[NR_FRAMES], hv_shared[NR_FRAMES];

void *paddr_to_virt(paddr_t p)
{
    assert_true(p < sizeof(memory));
    return (uint8_t *)memory + p;
}

paddr_t virt_to_paddr(const void *p)
{
    return (paddr_t)((const uint8_t *)p - (uint8_t *)memory);
}

void *hv_alloc_page(void)
{
    if (fake_alloc_fail_at && --fake_alloc_fail_at == 0)
        return NULL;
    for (unsigned i = FIRST_HV; i < NR_FRAMES; i++) {
        if (hv_used[i])
            continue;
        hv_used[i] = true;
        fake_allocated++;
        return memset(memory[i], 0, 4096);
    }
    return NULL;
}

void hv_free_page(void *p)
{
    unsigned i = (unsigned)(virt_to_paddr(p) >> 12);

    assert_true(hv_used[i] && !hv_shared[i]);
    hv_used[i] = false;
    fake_allocated--;
}

int frame_share(void *page, struct mem_owner *o, bool writable)
{
    if (o->is_dying)
        return -EINVAL;
    hv_shared[virt_to_paddr(page) >> 12] = true;
    return 0;
}

bool frame_unshare(void *page)
{
    hv_shared[virt_to_paddr(page) >> 12] = false;
    return true;
}

bool frame_is_unshared(const void *page)
{
    return !hv_shared[virt_to_paddr(page) >> 12];
}

bool frame_get(struct frame *f, domid_t owner)
{
    if (frame_state(f) != FRAME_IN_USE || frame_owner(f) != owner)
        return false;
    f->ref++;
    return true;
}

void frame_put(struct frame *f)
{
    assert_true(frame_count(f) > 1); /* the allocation's own stays in this test */
    f->ref--;
}

int page_type_get(struct frame *f, enum page_type type, unsigned flags)
{
    if ((f->type & TYPE_COUNT_MASK) && page_type(f) != type)
        return -EBUSY;
    f->type = ((f->type & TYPE_COUNT_MASK) + 1) | (uint64_t)type << TYPE_SHIFT;
    return 0;
}

void frame_put_type(struct frame *f)
{
    assert_true(f->type & TYPE_COUNT_MASK);
    f->type--;
    frame_put(f);
}

static int table_open(struct pte_table *t, struct mem_owner *owner, mfn_t mfn)
{
    if (!frame_is_ram(mfn) || !frame_get(frame_of(mfn), owner->id))
        return -EINVAL;
    t->frame = frame_of(mfn);
    t->entry = mfn_to_virt(mfn);
    t->owner = owner;
    t->level = page_type(t->frame) == PT_L1 ? 1 : 0;
    return 0;
}

int pte_table_open(struct pte_table *t, struct mem_owner *owner, mfn_t mfn)
{
    return table_open(t, owner, mfn);
}

void pte_table_close(struct pte_table *t)
{
    frame_put(t->frame);
}

int pte_find_l1(struct pte_table *t, unsigned *index, struct mem_owner *owner, mfn_t l4,
                uint64_t va)
{
    if (va < VA_BASE || va >= VA_BASE + MIB(2))
        return -EFAULT;
    *index = (va >> 12) & 511;
    return table_open(t, owner, MFN(L1_OF(owner->id)));
}

static void entry_drop(pte_t e)
{
    if (!(e & PTE_P))
        return;
    if (e & PTE_RW)
        frame_put_type(frame_of(pte_mfn(e)));
    else
        frame_put(frame_of(pte_mfn(e)));
}

int pte_grant_map(struct pte_table *t, unsigned index, mfn_t mfn, bool writable, uint64_t flags)
{
    pte_t old = t->entry[index];

    assert_int_equal(t->level, 1);
    assert_true(index < 512);
    t->entry[index] = pte_make(mfn, (flags & ~PTE_RW) | PTE_P | (writable ? PTE_RW : 0));
    entry_drop(old);
    return 0;
}

int pte_grant_unmap(struct pte_table *t, unsigned index, mfn_t mfn, bool writable)
{
    pte_t e = t->entry[index];

    if (!(e & PTE_P) || pte_mfn(e).n != mfn.n || !!(e & PTE_RW) != writable)
        return -EINVAL;
    t->entry[index] = 0;
    return 0;
}

void tlb_flush_mask(cpumask_t mask, uint64_t va, unsigned flags)
{
    assert_int_equal(mask, current_domain->mem.dirty_cpus);
    assert_int_equal(va, TLB_ALL);
    flushes++;
}

/* --- the audit: counts what grants report ----------------------------------------------------- */

static audit_reporter reporter;
static unsigned complaints, reported_refs[NR_FRAMES], reported_types[NR_FRAMES];
static unsigned reported_maps[FAKE_DOMAINS][NR_FRAMES];

void audit_register(audit_reporter fn)
{
    reporter = fn;
}

void audit_holds(struct audit *a, mfn_t mfn, uint32_t nr)
{
    reported_refs[mfn.n] += nr;
}

void audit_holds_type(struct audit *a, mfn_t mfn, enum page_type type, uint32_t nr)
{
    assert_int_equal(type, PT_WRITABLE);
    reported_types[mfn.n] += nr;
}

void audit_grant_maps(struct audit *a, domid_t mapper, mfn_t mfn, uint32_t nr)
{
    reported_maps[mapper][mfn.n] += nr;
}

void audit_complain(struct audit *a, const char *fmt, ...)
{
    complaints++;
}

static unsigned run_audit(void)
{
    complaints = 0;
    memset(reported_refs, 0, sizeof(reported_refs));
    memset(reported_types, 0, sizeof(reported_types));
    memset(reported_maps, 0, sizeof(reported_maps));
    reporter(NULL);
    return complaints;
}

/* --- set-up ----------------------------------------------------------------------------------- */

static int setup(void **state)
{
    fake_domains_init();
    fake_alloc_fail_at = fake_preempt_at = 0;
    fake_preempt_always = false;
    grant_audit_register();
    for (unsigned i = 0; i < NR_FRAMES; i++) {
        bool io = i >= FIRST_IO && i < FIRST_HV;

        frames[i].type = 0;
        frames[i].ref = i < FIRST_IO
                            ? REF_STATE(FRAME_IN_USE) | (uint64_t)(i / PER_DOMAIN) << 32 | 1
                            : REF_STATE(io ? FRAME_IO : FRAME_HV);
        memset(memory[i], (int)i, 4096);
    }
    for (unsigned d = 0; d < FAKE_DOMAINS; d++) {
        frames[L1_OF(d)].type = (uint64_t)PT_L1 << TYPE_SHIFT | 1;
        frames[TABLE_OF(d)].type = (uint64_t)PT_L2 << TYPE_SHIFT | 1;
        memset(memory[L1_OF(d)], 0, 4096);
        fake_domain[d].mem.dirty_cpus = d + 1;
        assert_int_equal(grant_table_init(&fake_domain[d], 2, 2), 0);
    }
    return 0;
}

static void kill_domain(struct domain *d)
{
    d->dying = DOMDYING_DYING;
    d->mem.is_dying = true;
    while (grant_table_relinquish(d) == -ERESTART)
        ;
}

static int teardown(void **state)
{
    fake_preempt_always = false;
    for (unsigned i = 0; i < FAKE_DOMAINS; i++)
        kill_domain(&fake_domain[i]);
    for (unsigned i = 0; i < FAKE_DOMAINS; i++) {
        grant_table_destroy(&fake_domain[i]);
        assert_int_equal(fake_domain[i].refcnt, 1);
    }
    assert_int_equal(fake_allocated, 0);
    return 0;
}

static struct grant_entry_v1 *shared_entry(unsigned d, unsigned ref)
{
    return &fake_domain[d].gnt.frames[ref / 512].shared[ref % 512];
}

static void lend(unsigned from, unsigned ref, domid_t to, uint16_t flags, uint32_t frame)
{
    struct grant_entry_v1 *e = shared_entry(from, ref);

    e->flags = 0;
    e->domid = to;
    e->frame = frame;
    e->flags = flags;
}

#define OP(cmd, op, n) do_grant_table_op((cmd), (uint64_t)(op), (n))

static pte_t *entry_at(unsigned d, unsigned index)
{
    return (pte_t *)memory[L1_OF(d)] + index;
}

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

/* Whatever domains lend, map, unmap, copy and overwrite, every count is what it should be. */
static void random_against_model(void **state)
{
    static void (*const ops[])(unsigned) = {do_map,   do_map,  do_map,  do_unmap,
                                            do_unmap, do_lend, do_copy, do_overwrite};

    nr_live = 0;
    seed = 1;
    for (unsigned i = 0; i < 60000; i++) {
        unsigned me = rnd(FAKE_DOMAINS);

        fake_run(me, 0);
        ops[rnd(ARRAY_SIZE(ops))](me);
        if (i % 16 == 0)
            check_all();
    }
    check_all();
    assert_true(nr_live > 10);
    /* Death in any order gives everything back: teardown looks. */
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

/* --- single claims ---------------------------------------------------------------------------- */

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
    assert_int_equal(grant_resource_frame(&fake_domain[1], 1, &mfn), 0);
    assert_ptr_equal(memory[mfn.n], fake_domain[1].gnt.frames[1].shared);
    assert_int_equal(grant_resource_frame(&fake_domain[1], 2, &mfn), -EINVAL);
    assert_int_equal(grant_resource_frame(&fake_domain[1], ~0U, &mfn), -EINVAL);
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

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(random_against_model),
        T(one_flush_per_batch),
        T(twice_in_a_batch),
        T(continuation_is_exact),
        T(granter_dies_first),
        T(limits),
        T(creation),
        T(numbers_and_permissions),
        T(copies_in_pieces),
        T(audit_finds_faults),
        T(dumped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
