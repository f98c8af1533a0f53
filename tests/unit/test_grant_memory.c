/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claim: grants leave the real memory layer in order.  Three domains with page tables of their own
 * lend, map, unmap, copy, overwrite entries and make pages into tables at random, and die; the
 * audit of every reference is clean after each few operations, and in the end every frame is free.
 *
 * test_grant.c has the model of what each call answers; here only what the calls leave behind
 * counts.
 */
// SOURCES: hypervisor/domain/grant.c hypervisor/domain/grant_map.c hypervisor/domain/grant_copy.c
// SOURCES: hypervisor/domain/grant_entry.c hypervisor/domain/grant_debug.c
// SOURCES: hypervisor/domain/maptrack.c
// SOURCES: hypervisor/mem/frame.c hypervisor/mem/assign.c hypervisor/mem/buddy.c
// SOURCES: hypervisor/mem/numa.c hypervisor/mem/memory_map.c
// SOURCES: hypervisor/mem/owner.c hypervisor/mem/page_type.c hypervisor/mem/validate.c
// SOURCES: hypervisor/mem/entry.c hypervisor/mem/pte.c hypervisor/mem/segdesc.c
// SOURCES: hypervisor/mem/tlb_clock.c hypervisor/mem/heap.c hypervisor/mem/m2p.c
// SOURCES: hypervisor/mem/rangeset.c hypervisor/mem/audit.c hypervisor/lib/format.c
#include "fake_memory.h"

#include "abi/grant_table.h"
#include "console/log.h"
#include "domain/continuation.h"
#include "domain/domain.h"
#include "domain/grant_impl.h"
#include "mem/guest_access.h"

#define DOMAINS 3
#define PAGES   24 /* of each domain, apart from its tables */
#define REFS    16
#define VA_BASE 0x7f0000000000UL
#define MAX_MAP 300

struct cpu_info host_cpu_info;
spinlock_t domain_list_lock;
struct list_head domain_list;
static struct domain dom[DOMAINS];
static struct vcpu vcpu[DOMAINS];
static struct frame *pages[DOMAINS][PAGES], *l1[DOMAINS], *tables[DOMAINS][3];

static struct {
    unsigned mapper;
    struct gnttab_unmap_grant_ref op;
} mapped[MAX_MAP];
static unsigned nr_mapped, nr_maps, nr_copies; /* the latter: that succeeded */

/* --- the layers around ------------------------------------------------------------------------ */

bool domain_get(struct domain *d)
{
    atomic_inc(&d->refcnt);
    return true;
}

void domain_put(struct domain *d)
{
    assert_true(d->refcnt > 1);
    atomic_dec(&d->refcnt);
}

struct domain *domain_get_by_id(domid_t id)
{
    if (id >= DOMAINS)
        return NULL;
    domain_get(&dom[id]);
    return &dom[id];
}

int domain_may_control(const struct domain *d)
{
    return -EPERM;
}

void printk(const char *fmt, ...)
{
}

long hypercall_continue(unsigned op, unsigned nr, const uint64_t *args)
{
    return do_grant_table_op((unsigned)args[0], args[1], (unsigned)args[2]);
}

int copy_from_guest(void *dst, uint64_t gva, size_t n)
{
    memcpy(dst, (void *)gva, n);
    return 0;
}

int copy_to_guest(uint64_t gva, const void *src, size_t n)
{
    memcpy((void *)gva, src, n);
    return 0;
}

/* --- domains ---------------------------------------------------------------------------------- */

static void run(unsigned d)
{
    *(struct vcpu **)((char *)&host_cpu_info + CPU_INFO_CURRENT) = &vcpu[d];
}

/* A page table of four levels with one path, to an empty L1 table at VA_BASE. */
static void make_tables(unsigned i)
{
    struct mem_owner *o = &dom[i].mem;
    struct frame *next = l1[i] = new_frame(o);

    for (unsigned level = 2; level <= 4; level++) {
        struct frame *t = tables[i][level - 2] = new_frame(o);
        unsigned shift = 12 + 9 * (level - 1);

        table_at(t)[VA_BASE >> shift & 511] = pte_make(frame_mfn(next), PTE_P | PTE_RW | PTE_US);
        next = t;
    }
    assert_int_equal(page_pin(next, o, PT_L4, 0), 0);
    vcpu[i].kernel_cr3 = mfn_to_paddr(frame_mfn(next));
}

static void make_domain(unsigned i)
{
    struct domain *d = &dom[i];

    d->mem = (struct mem_owner){
        .id = (domid_t)i, .max_pages = 200, .dirty_cpus = cpumask_of(i % FAKE_CPUS)};
    d->refcnt = 1;
    d->max_vcpus = 1;
    d->vcpu[0] = &vcpu[i];
    vcpu[i].domain = d;
    list_add_tail(&domain_list, &d->list);
    assert_int_equal(mem_owner_init(&d->mem), 0);
    make_tables(i);
    for (unsigned p = 0; p < PAGES; p++)
        pages[i][p] = new_frame(&d->mem);
    assert_int_equal(grant_table_init(d, 4, 4), 0);
}

/* --- operations ------------------------------------------------------------------------------- */

static mfn_t any_page(unsigned d)
{
    return frame_mfn(rnd(12) ? pages[d][rnd(PAGES)] : rnd(2) ? l1[d] : tables[d][rnd(3)]);
}

static void do_lend(unsigned me)
{
    struct grant_entry_v1 *e = &dom[me].gnt.frames[0].shared[rnd(REFS)];

    if (e->flags & (GTF_reading | GTF_writing))
        return;
    e->flags = 0;
    e->domid = (domid_t)rnd(DOMAINS);
    e->frame = (uint32_t)any_page(rnd(10) ? me : (me + 1) % DOMAINS).n;
    e->flags = (uint16_t)(GTF_permit_access | (rnd(3) ? 0 : GTF_readonly));
}

static void do_map(unsigned me)
{
    unsigned index = (unsigned)rnd(64);
    uint64_t va = VA_BASE + ((uint64_t)index << 12);
    struct gnttab_map_grant_ref op = {
        .flags = (uint32_t)rnd(32), .ref = (uint32_t)rnd(REFS), .dom = (domid_t)rnd(DOMAINS)};

    if (nr_mapped == MAX_MAP)
        return;
    op.host_addr =
        op.flags & GNTMAP_contains_pte ? mfn_to_paddr(frame_mfn(l1[me])) + index * 8 : va;
    assert_int_equal(do_grant_table_op(GNTTABOP_map_grant_ref, (uint64_t)&op, 1), 0);
    if (op.status != GNTST_okay)
        return;
    nr_maps++;
    mapped[nr_mapped].mapper = me;
    mapped[nr_mapped++].op = (struct gnttab_unmap_grant_ref){
        .host_addr = op.host_addr, .dev_bus_addr = op.dev_bus_addr, .handle = op.handle};
}

static void do_unmap(unsigned me)
{
    unsigned k = nr_mapped ? (unsigned)rnd(nr_mapped) : 0;
    struct gnttab_unmap_grant_ref op;

    if (!nr_mapped)
        return;
    run(mapped[k].mapper);
    op = mapped[k].op;
    if (rnd(4) == 0)
        op.host_addr = 0;
    else if (rnd(4) == 0)
        op.dev_bus_addr = 0;
    assert_int_equal(do_grant_table_op(GNTTABOP_unmap_grant_ref, (uint64_t)&op, 1), 0);
    if (op.status == GNTST_bad_handle)
        mapped[k] = mapped[--nr_mapped];
}

static void do_copy(unsigned me)
{
    struct gnttab_copy op[3] = {0};

    for (unsigned i = 0; i < 3; i++) {
        op[i].flags = (uint16_t)rnd(4);
        op[i].len = (uint16_t)rnd(200);
        op[i].source.offset = (uint16_t)rnd(4096);
        op[i].source.domid = op[i].flags & GNTCOPY_source_gref ? (domid_t)rnd(DOMAINS) : DOMID_SELF;
        op[i].dest.domid = op[i].flags & GNTCOPY_dest_gref ? (domid_t)rnd(DOMAINS) : DOMID_SELF;
        op[i].source.u.gmfn = op[i].flags & GNTCOPY_source_gref ? rnd(REFS) : any_page(me).n;
        op[i].dest.u.gmfn = op[i].flags & GNTCOPY_dest_gref ? rnd(REFS) : any_page(me).n;
    }
    assert_int_equal(do_grant_table_op(GNTTABOP_copy, (uint64_t)op, 3), 0);
    for (unsigned i = 0; i < 3; i++)
        nr_copies += op[i].status == GNTST_okay;
}

/* The guest writes an entry itself: clears it, maps a page of its own, or tries one of another's.
 */
static void do_overwrite(unsigned me)
{
    struct pte_table t;
    struct pte_context c = {0};
    uint64_t e = rnd(3) ? 0 : pte_make(any_page(rnd(6) ? me : (me + 1) % DOMAINS), PTE_P | PTE_US);

    if (e && rnd(2))
        e |= PTE_RW;
    if (pte_table_open(&t, &dom[me].mem, frame_mfn(l1[me])))
        return; /* not a table for the moment */
    if (t.level == 1)
        pte_update(&t, (unsigned)rnd(64), e, 0, NULL, &c);
    pte_table_close(&t);
}

/* A page that may be lent and mapped becomes a page table, and back: never while mapped writable.
 */
static void do_pin(unsigned me)
{
    struct frame *f = pages[me][rnd(PAGES)];
    bool lent = type_count(f) && page_type(f) == PT_WRITABLE;
    int rc;

    if (type_count(f) && page_type_is_table(page_type(f))) {
        assert_int_equal(page_unpin(f, &dom[me].mem, 0), 0);
        return;
    }
    memset(frame_virt(f), 0, lent ? 0 : PAGE_SIZE);
    rc = page_pin(f, &dom[me].mem, PT_L1, 0);
    assert_int_equal(rc == 0, !lent);
}

static void kill(unsigned i)
{
    uint64_t cursor = 0;
    struct domain *d = &dom[i];

    d->dying = DOMDYING_DYING;
    d->mem.is_dying = true;
    while (mem_relinquish(&d->mem, &cursor))
        ;
    while (grant_table_relinquish(d))
        ;
    cursor = 0;
    while (mem_relinquish(&d->mem, &cursor))
        ;
}

static void random_operations(void **state)
{
    static void (*const ops[])(unsigned) = {do_lend, do_map, do_map,   do_map,       do_unmap,
                                            do_copy, do_pin, do_unmap, do_overwrite, do_lend};
    uint64_t free_before;

    fake_boot(false);
    list_init(&domain_list);
    grant_audit_register();
    free_before = heap_free_pages();
    for (unsigned i = 0; i < DOMAINS; i++)
        make_domain(i);
    audit_clean();
    fake_preempt = -5;
    for (unsigned i = 0; i < 8000; i++) {
        unsigned me = (unsigned)rnd(DOMAINS);

        run(me);
        ops[rnd(ARRAY_SIZE(ops))](me);
        if (i % 32 == 0)
            audit_clean();
    }
    audit_clean();
    /* It was not all refused. */
    assert_true(nr_maps > 300 && nr_copies > 300);
    run(0);
    for (unsigned i = 0; i < 200; i++) { /* something is left for death to clear up */
        do_lend((unsigned)rnd(DOMAINS));
        do_map(0);
    }
    assert_true(nr_mapped > 10);
    audit_clean();
    for (unsigned i = 0; i < DOMAINS; i++) {
        kill(i);
        audit_clean();
    }
    for (unsigned i = 0; i < DOMAINS; i++) {
        assert_int_equal(dom[i].refcnt, 1);
        assert_int_equal(dom[i].mem.tot_pages, 0);
        assert_int_equal(dom[i].mem.shared_pages, 0);
    }
    for (unsigned i = 0; i < DOMAINS; i++) {
        grant_table_destroy(&dom[i]);
        mem_owner_destroy(&dom[i].mem);
    }
    /* A few pages stay with the heap as caches of small objects. */
    assert_in_range(free_before - heap_free_pages(), 0, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_operations)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
