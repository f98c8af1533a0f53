/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The audit.  See mem/audit.h.
 *
 * It shares as little as it can with what it judges: it reads records and tables itself and has its
 * own idea of which reference an entry stands for.  Counts are kept in a window of frames at a
 * time, so that it needs a fixed amount of memory; tables are walked once per window, and what
 * concerns one entry alone is judged in the first walk.
 */
#include "mem/audit.h"

#include "abi/xen.h"
#include "debug/assert.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mem/buddy.h"
#include "mem/heap.h"
#include "mem/pte.h"
#include "mem/validate.h"
#include "mem/m2p.h"

#define MAX_REPORTERS 16
#define MAX_LINES     100
#define MAX_NOTES     16
#define WINDOW_ORDER  9 /* pages for the counts; less if there is no such block */

struct cell {
    uint32_t refs, types;
    uint32_t foreign,
        grants; /* L1 entries of unprivileged domains that are not the owner; allowed */
};

struct audit {
    void (*report)(const char *line);
    void (*note)(const char *line);
    int found;
    unsigned noted;
    uint64_t claims;     /* of all owners */
    bool first;          /* the first walk: judge entries, count owners' pages */
    uint64_t start, end; /* the window */
    struct cell *cell;
};

static audit_reporter reporters[MAX_REPORTERS];
static unsigned nr_reporters;

void audit_register(audit_reporter fn)
{
    BUG_ON(nr_reporters == MAX_REPORTERS);
    reporters[nr_reporters++] = fn;
}

static void complain(struct audit *a, const char *fmt, va_list args)
{
    char line[160];

    if (a->found++ >= MAX_LINES)
        return;
    FORMAT_FN(vsnprintf)(line, sizeof(line), fmt, args);
    a->report(line);
}

void audit_complain(struct audit *a, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    complain(a, fmt, args);
    va_end(args);
}

bool audit_first(const struct audit *a)
{
    return a->first;
}

static struct cell *cell_of(struct audit *a, mfn_t mfn)
{
    return mfn.n >= a->start && mfn.n < a->end ? &a->cell[mfn.n - a->start] : NULL;
}

void audit_holds(struct audit *a, mfn_t mfn, uint32_t nr)
{
    struct cell *c = cell_of(a, mfn);

    if (c)
        c->refs += nr;
}

void audit_holds_type(struct audit *a, mfn_t mfn, enum page_type type, uint32_t nr)
{
    struct cell *c = cell_of(a, mfn);

    if (!c)
        return;
    c->types += nr;
    if (nr && page_type(frame_of(mfn)) != type)
        audit_complain(a, "frame %#lx is held as type %d but has type %d (I4)", mfn.n, type,
                       page_type(frame_of(mfn)));
}

void audit_grant_maps(struct audit *a, domid_t mapper, mfn_t mfn, uint32_t nr)
{
    struct cell *c = cell_of(a, mfn);
    const struct mem_owner *o = mem_owner_by_id(mapper);

    if (c && o && !o->is_privileged && frame_owner(frame_of(mfn)) != mapper)
        c->grants += nr;
}

/* --- entries -------------------------------------------------------------------------------------
 */

struct table_info {
    mfn_t mfn;
    unsigned level;
    const struct mem_owner *owner;
};

static bool bits_wrong(const struct table_info *t, pte_t e)
{
    const uint64_t always_bad =
        t->level == 1 ? 0xfUL << 59 : 0xfUL << 59 | PTE_G | PTE_PSE | PTE_PCD | PTE_PWT;
    const uint64_t cache = PTE_PWT | PTE_PCD | PTE_PAT;

    if (!(e & PTE_US) || (e & always_bad))
        return true;
    if (t->level > 1)
        return false;
    if (!!(e & PTE_GUEST_KERNEL) == !!(e & PTE_G))
        return true;
    return !t->owner->has_io && (e & cache);
}

static void judge_l1(struct audit *a, const struct table_info *t, unsigned i, pte_t e)
{
    struct frame *f = frame_of(pte_mfn(e));
    uint64_t x;

    if (!frame_is_ram(pte_mfn(e))) {
        enum mem_io io = mem_io_access(t->owner, pte_mfn(e));

        if (io == MEM_IO_NONE || (io == MEM_IO_READ && e & PTE_RW))
            audit_complain(a, "d%u l1 %#lx[%u] maps I/O frame %#lx without permission (I9)",
                           t->owner->id, t->mfn.n, i, pte_mfn(e).n);
        return;
    }
    x = load_once(&f->type);
    if (frame_state(f) != FRAME_IN_USE)
        audit_complain(a, "d%u l1 %#lx[%u] maps frame %#lx, which is in state %d (I3)",
                       t->owner->id, t->mfn.n, i, pte_mfn(e).n, frame_state(f));
    else if (e & PTE_RW && ((x & TYPE_MASK) >> TYPE_SHIFT != PT_WRITABLE || !(x & TYPE_VALIDATED)))
        audit_complain(a, "d%u l1 %#lx[%u] maps frame %#lx writable, which has type %d (I1)",
                       t->owner->id, t->mfn.n, i, pte_mfn(e).n, page_type(f));
    else if (frame_owner(f) != t->owner->id && !(load_once(&f->ref) & (REF_FOREIGN)))
        audit_complain(a, "d%u l1 %#lx[%u] maps frame %#lx of d%u, which is not marked (I4)",
                       t->owner->id, t->mfn.n, i, pte_mfn(e).n, frame_owner(f));
}

static void judge_upper(struct audit *a, const struct table_info *t, unsigned i, pte_t e)
{
    struct frame *f = frame_of(pte_mfn(e));
    uint64_t x;

    if (!frame_is_ram(pte_mfn(e)) || frame_state(f) != FRAME_IN_USE ||
        frame_owner(f) != t->owner->id) {
        audit_complain(a, "d%u l%u %#lx[%u] leads to frame %#lx, which is not the domain's (I3)",
                       t->owner->id, t->level, t->mfn.n, i, pte_mfn(e).n);
        return;
    }
    x = load_once(&f->type);
    if ((x & TYPE_MASK) >> TYPE_SHIFT != t->level - 1 || !(x & TYPE_VALIDATED))
        audit_complain(a, "d%u l%u %#lx[%u] leads to frame %#lx, type word %#lx (I2)", t->owner->id,
                       t->level, t->mfn.n, i, pte_mfn(e).n, x);
}

/* A domain that does not end for want of a page: here is who has it. */
static void note_keeper(struct audit *a, const struct table_info *t, unsigned i, mfn_t mfn)
{
    const struct mem_owner *o = mem_owner_by_id(frame_owner(frame_of(mfn)));
    char line[160];

    if (!a->note || !o || !o->is_dying || a->noted++ >= MAX_NOTES)
        return;
    FORMAT_FN(snprintf)
    (line, sizeof(line), "frame %#lx of d%u, which is dying, is kept by d%u: l%u %#lx[%u]", mfn.n,
     o->id, t->owner->id, t->level, t->mfn.n, i);
    a->note(line);
}

static void count_entry(struct audit *a, const struct table_info *t, unsigned i, pte_t e)
{
    mfn_t mfn = pte_mfn(e);
    struct cell *c = cell_of(a, mfn);

    if (!c || !frame_is_ram(mfn))
        return;
    c->refs++;
    if (t->level > 1 || e & PTE_RW)
        c->types++;
    if (frame_owner(frame_of(mfn)) == t->owner->id)
        return;
    if (!t->owner->is_privileged)
        c->foreign++;
    note_keeper(a, t, i, mfn);
}

static void walk_table(struct audit *a, struct frame *f, uint64_t x)
{
    struct table_info t = {.mfn = frame_mfn(f), .owner = mem_owner_by_id(frame_owner(f))};
    unsigned end = x & TYPE_PARTIAL ? TYPE_PROGRESS(x) : PTE_ENTRIES;
    const pte_t *table = frame_virt(f);

    t.level = (unsigned)((x & TYPE_MASK) >> TYPE_SHIFT);
    if (!t.owner || end > PTE_ENTRIES) {
        audit_complain(a, "table %#lx: owner d%u or progress %u cannot be", t.mfn.n, frame_owner(f),
                       end);
        return;
    }
    for (unsigned i = 0; i < end; i++) {
        pte_t e = load_once(&table[i]);

        if (t.level == 4 && l4_slot_is_hv(i)) {
            if (a->first && x & TYPE_VALIDATED &&
                (e & ~(PTE_A | PTE_D)) != (hv_l4_slots[i - HV_SLOT_FIRST] & ~(PTE_A | PTE_D)))
                audit_complain(a, "d%u l4 %#lx[%u] is not the hypervisor's entry (I5)", t.owner->id,
                               t.mfn.n, i);
            continue;
        }
        if (!(e & PTE_P)) {
            if (a->first && entry_l1tf_unsafe(t.owner, t.level, e))
                audit_complain(a, "d%u l%u %#lx[%u] is not present and names RAM: %#lx (L1TF)",
                               t.owner->id, t.level, t.mfn.n, i, e);
            continue;
        }
        if (a->first) {
            if (bits_wrong(&t, e))
                audit_complain(a, "d%u l%u %#lx[%u] has wrong bits: %#lx (I5)", t.owner->id,
                               t.level, t.mfn.n, i, e);
            if (t.level == 1)
                judge_l1(a, &t, i, e);
            else
                judge_upper(a, &t, i, e);
        }
        count_entry(a, &t, i, e);
    }
}

/* What a processor may load as descriptors is what a guest was allowed to write there. */
static void judge_descriptors(struct audit *a, const struct frame *f)
{
    const uint64_t *d = frame_virt(f);

    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*d); i++) {
        uint64_t seen = load_once(&d[i]), allowed = seen;

        if (!segdesc_ok(&allowed) || allowed != seen)
            audit_complain(a, "frame %#lx of d%u: descriptor %u is %#lx (I1)", frame_mfn(f).n,
                           frame_owner(f), i, seen);
    }
}

/* --- frames --------------------------------------------------------------------------------------
 */

/* Every record, in the order of frame numbers. */
static void each_frame(struct audit *a, uint64_t from, uint64_t to,
                       void (*fn)(struct audit *a, struct frame *f))
{
    for (uint64_t n = from; n < to; n++) {
        if (!frame_valid(MFN(n))) {
            n |= (1UL << FRAME_CHUNK_SHIFT) - 1;
            continue;
        }
        fn(a, frame_of(MFN(n)));
    }
}

static void visit(struct audit *a, struct frame *f)
{
    uint64_t x = load_once(&f->type), ref = load_once(&f->ref);
    struct mem_owner *o;

    if (ref >> REF_STATE_SHIFT != FRAME_IN_USE)
        return;
    if (a->first) {
        o = mem_owner_by_id(frame_owner(f));
        if (!o)
            audit_complain(a, "frame %#lx belongs to d%u, which is not there (I8)", frame_mfn(f).n,
                           frame_owner(f));
        else if (ref & REF_SHARED)
            o->audit_shared++;
        else
            o->audit_pages++;
        if (o && o->chunk_map &&
            !(o->chunk_map[frame_mfn(f).n / 512 / 64] >> (frame_mfn(f).n / 512 & 63) & 1))
            audit_complain(a, "frame %#lx is missing in the chunk map of d%u (I8)", frame_mfn(f).n,
                           o->id);
        if (o == &mem_owner_xen && page_type(f) != PT_SHARED && m2p_has(frame_mfn(f)))
            audit_complain(a, "frame %#lx of the M2P has type %d (I3)", frame_mfn(f).n,
                           page_type(f));
        if (page_type(f) == PT_SEGDESC && x & TYPE_VALIDATED)
            judge_descriptors(a, f);
    }
    if (page_type_is_table(page_type(f)) && x & (TYPE_VALIDATED | TYPE_PARTIAL))
        walk_table(a, f, x);
}

static void compare(struct audit *a, struct frame *f)
{
    uint64_t x = load_once(&f->type), ref = load_once(&f->ref);
    struct cell *c = cell_of(a, frame_mfn(f));
    uint32_t refs = c->refs, types = c->types;
    bool self = x & TYPE_PARTIAL, pin = x & TYPE_PINNED;

    if (ref >> REF_STATE_SHIFT != FRAME_IN_USE) {
        if (refs || types)
            audit_complain(a, "frame %#lx in state %d is held %u times (I6)", frame_mfn(f).n,
                           frame_state(f), refs);
        if (ref >> REF_STATE_SHIFT >= FRAME_MOVING)
            audit_complain(a, "frame %#lx is in no state to be seen in", frame_mfn(f).n);
        return;
    }
    refs += !!(ref & REF_ALLOC) + self + pin;
    types += self + pin + !!(ref & REF_SHARED);
    if (refs != (ref & REF_COUNT_MASK))
        audit_complain(a, "frame %#lx of d%u: general count stored %lu, real %u (I2)",
                       frame_mfn(f).n, frame_owner(f), ref & REF_COUNT_MASK, refs);
    if (types != (x & TYPE_COUNT_MASK))
        audit_complain(a, "frame %#lx of d%u, type %d: type count stored %lu, real %u (I2)",
                       frame_mfn(f).n, frame_owner(f), page_type(f), x & TYPE_COUNT_MASK, types);
    if (x & TYPE_COUNT_MASK && !!(x & TYPE_VALIDATED) == self)
        audit_complain(a, "frame %#lx: type word %#lx is of no state to be seen in", frame_mfn(f).n,
                       x);
    if (!(x & TYPE_COUNT_MASK) && x & (TYPE_VALIDATED | TYPE_PARTIAL | TYPE_PINNED))
        audit_complain(a, "frame %#lx: type word %#lx has flags without a count (I4)",
                       frame_mfn(f).n, x);
    if (pin && !page_type_is_table(page_type(f)))
        audit_complain(a, "frame %#lx: pinned with type %d", frame_mfn(f).n, page_type(f));
    if (c->foreign > c->grants)
        audit_complain(a, "frame %#lx of d%u: %u foreign mappings, %u granted (I3)", frame_mfn(f).n,
                       frame_owner(f), c->foreign, c->grants);
}

/* --- totals --------------------------------------------------------------------------------------
 */

static void owner_clear(struct mem_owner *o, void *arg)
{
    o->audit_pages = o->audit_shared = 0;
}

static void owner_compare(struct mem_owner *o, void *arg)
{
    struct audit *a = arg;

    a->claims += o->claimed;
    if (o->audit_pages != o->tot_pages)
        audit_complain(a, "d%u: tot_pages %lu, real %lu (I8)", o->id, o->tot_pages, o->audit_pages);
    if (o->audit_shared != o->shared_pages)
        audit_complain(a, "d%u: shared_pages %lu, real %lu (I8)", o->id, o->shared_pages,
                       o->audit_shared);
}

static void check_free_lists(struct audit *a)
{
    const char *why;

    buddy_check(&why);
    if (why)
        audit_complain(a, "free memory: %s (I6)", why);
}

static void one_window(struct audit *a)
{
    memset(a->cell, 0, (a->end - a->start) * sizeof(*a->cell));
    each_frame(a, 0, frame_limit, visit);
    for (unsigned i = 0; i < nr_reporters; i++)
        reporters[i](a);
    each_frame(a, a->start, a->end, compare);
}

int audit_all(void (*report)(const char *line), void (*note)(const char *line))
{
    struct audit a = {.report = report, .note = note, .first = true};
    unsigned order = WINDOW_ORDER;
    uint64_t step;

    while (!(a.cell = hv_alloc_pages(order)))
        if (order-- == 0)
            return -ENOMEM;
    step = (PAGE_SIZE << order) / sizeof(*a.cell);

    mem_owner_for_each(owner_clear, NULL);
    for (uint64_t s = 0; s < frame_limit; s += step) {
        a.start = s;
        a.end = min(s + step, frame_limit);
        if (!frame_valid(MFN(s)) && step <= 1UL << FRAME_CHUNK_SHIFT && !a.first)
            continue;
        one_window(&a);
        a.first = false;
    }
    mem_owner_for_each(owner_compare, &a);
    if (a.claims != mem_outstanding_claims())
        audit_complain(&a, "claims of %lu pages, of all domains together %lu",
                       mem_outstanding_claims(), a.claims);
    check_free_lists(&a);
    hv_free_pages(a.cell, order);
    return a.found;
}
