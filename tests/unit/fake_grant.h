/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Three domains with grant tables over a small fake of the memory layer that counts references, for
 * the unit tests of domain/grant*.c.  Included by one file per test program.
 */
#pragma once

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
    f->type = ((f->type & TYPE_COUNT_MASK) + 1) | (uint64_t)type << TYPE_SHIFT | TYPE_VALIDATED;
    return 0;
}

int page_type_put(struct frame *f, unsigned flags)
{
    assert_true(f->type & TYPE_COUNT_MASK);
    f->type--;
    return 0;
}

void frame_put_type(struct frame *f)
{
    page_type_put(f, 0);
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

FAKE void entry_drop(pte_t e)
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

FAKE unsigned run_audit(void)
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

FAKE void kill_domain(struct domain *d)
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

FAKE struct grant_entry_v1 *shared_entry(unsigned d, unsigned ref)
{
    return &fake_domain[d].gnt.frames[ref / 512].shared[ref % 512];
}

FAKE void lend(unsigned from, unsigned ref, domid_t to, uint16_t flags, uint32_t frame)
{
    struct grant_entry_v1 *e = shared_entry(from, ref);

    e->flags = 0;
    e->domid = to;
    e->frame = frame;
    e->flags = flags;
}

#define OP(cmd, op, n) do_grant_table_op((cmd), (uint64_t)(op), (n))

FAKE pte_t *entry_at(unsigned d, unsigned index)
{
    return (pte_t *)memory[L1_OF(d)] + index;
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
