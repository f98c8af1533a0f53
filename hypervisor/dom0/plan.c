/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arithmetic of plan.h: what comes where, and how many page tables that takes.
 *
 * The tables lie inside the region that they map, so their number depends on itself; it is the
 * smallest number that suffices, found by repeating until nothing changes (more tables never need
 * fewer, so the first fixed point from below is the smallest).  If a number here were wrong, a
 * guest would find its page tables where its data should be, or run out of them while booting.
 *
 * "Index at level n" below means a virtual address divided by what one level-n table covers, so
 * that equal indexes mean the same table.
 */
#include "dom0/plan.h"

#include "abi/xen.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/types.h"

#define REGION_ALIGN   MIB(4) /* both from the ABI's description of the start of day */
#define REGION_PADDING KIB(512)
#define LEVELS         4
#define ENTRIES        512u
#define MAX_PAGES      (1ULL << 36) /* 2^48 bytes: keeps every sum below far from wrapping */
#define LOW_HALF_END   (1ULL << 47)
#define HIGH_HALF      (~0ULL << 47)

_Static_assert(sizeof(struct start_info) + sizeof(struct dom0_vga_console_info) <= PAGE_SIZE,
               "start_info and the console description behind it share one page");

static char sentence[200];

static uint64_t round_up(uint64_t n, uint64_t to)
{
    return (n + to - 1) & ~(to - 1);
}

static uint64_t pages_of(uint64_t bytes)
{
    return round_up(bytes, PAGE_SIZE) >> PAGE_SHIFT;
}

/* One table of level n covers 2^(12 + 9n) bytes. */
static uint64_t index_at(unsigned level, uint64_t va)
{
    return va >> (PAGE_SHIFT + 9 * level);
}

/* The indexes at one level that a range of addresses touches, both ends included. */
struct span {
    uint64_t first, last;
};

static struct span span_at(unsigned level, uint64_t start, uint64_t end)
{
    return (struct span){index_at(level, start), index_at(level, end - 1)};
}

static bool in_span(struct span s, uint64_t i)
{
    return i >= s.first && i <= s.last;
}

/* How many of [from, to) are in s. */
static uint64_t shared_with(struct span s, uint64_t from, uint64_t to)
{
    uint64_t first = from > s.first ? from : s.first;
    uint64_t end = to < s.last + 1 ? to : s.last + 1;

    return end > first ? end - first : 0;
}

static struct span region_span(const struct dom0_plan *plan, unsigned level)
{
    return span_at(level, plan->v_start, plan->v_end);
}

/* INIT_P2M: the list is mapped, but not as part of the region. */
static bool p2m_apart(const struct dom0_plan *plan)
{
    return plan->p2m.va < plan->v_start || plan->p2m.va >= plan->v_end;
}

static struct span p2m_span(const struct dom0_plan *plan, unsigned level)
{
    return span_at(level, plan->p2m.va, plan->p2m.va + (plan->p2m.nr << PAGE_SHIFT));
}

static struct plan_tables tables_for(uint64_t start, uint64_t end)
{
    struct plan_tables t = {.level[LEVELS] = 1, .total = 1};

    for (unsigned level = 1; level < LEVELS; level++) {
        struct span s = span_at(level, start, end);

        t.level[level] = s.last - s.first + 1;
        t.total += t.level[level];
    }
    return t;
}

/* Appends nr pages to the region, whose end is *end. */
static void append(const struct dom0_plan *plan, struct plan_range *r, uint64_t nr, uint64_t *end)
{
    if (!nr)
        return;
    *r = (struct plan_range){*end, (*end - plan->v_start) >> PAGE_SHIFT, nr};
    *end += nr << PAGE_SHIFT;
}

static uint64_t region_end(uint64_t stack_end)
{
    uint64_t end = round_up(stack_end, REGION_ALIGN);

    return end - stack_end < REGION_PADDING ? end + REGION_ALIGN : end;
}

/* Where the region would wrap around the end of addresses it leaves v_end below v_start. */
static void place_tables(struct dom0_plan *plan, uint64_t at)
{
    uint64_t stack_end, nr;

    do {
        nr = plan->pt_tables.total;
        stack_end = at + ((nr + 1) << PAGE_SHIFT);
        plan->v_end = region_end(stack_end);
        if (at <= plan->v_start || plan->v_end <= plan->v_start)
            return;
        plan->pt_tables = tables_for(plan->v_start, plan->v_end);
    } while (plan->pt_tables.total != nr);
    append(plan, &plan->pt, nr, &at);
    append(plan, &plan->stack, 1, &at);
}

/* The part of the layout that is mapped from v_start on, in order. */
static void place_region(struct dom0_plan *plan, const struct kernel_image *img,
                         const struct plan_request *req, uint64_t p2m_pages)
{
    uint64_t at = img->v_start & PAGE_MASK;

    append(plan, &plan->kernel, pages_of(img->v_end - at), &at);
    if (!(img->flags & IMAGE_MOD_START_PFN))
        append(plan, &plan->initrd, pages_of(req->initrd_len), &at);
    if (!(img->flags & IMAGE_HAS_INIT_P2M))
        append(plan, &plan->p2m, p2m_pages, &at);
    append(plan, &plan->start_info, 1, &at);
    append(plan, &plan->store, req->store_page, &at);
    append(plan, &plan->console, req->console_page, &at);
    place_tables(plan, at);
}

/* Tables that only the list needs: those of its own span that the region does not have already. */
static void count_p2m_tables(struct dom0_plan *plan)
{
    struct plan_tables *t = &plan->p2m_tables;

    for (unsigned level = 1; level < LEVELS; level++) {
        struct span own = p2m_span(plan, level);

        t->level[level] = own.last - own.first + 1 -
                          shared_with(region_span(plan, level), own.first, own.last + 1);
        t->total += t->level[level];
    }
}

/* The part that has frames behind the region. */
static void place_behind(struct dom0_plan *plan, const struct kernel_image *img,
                         const struct plan_request *req, uint64_t p2m_pages)
{
    uint64_t pfn = (plan->v_end - plan->v_start) >> PAGE_SHIFT;

    if (img->flags & IMAGE_MOD_START_PFN && req->initrd_len) {
        plan->initrd = (struct plan_range){0, pfn, pages_of(req->initrd_len)};
        pfn += plan->initrd.nr;
    }
    if (img->flags & IMAGE_HAS_INIT_P2M) {
        plan->p2m = (struct plan_range){img->p2m_base, pfn, p2m_pages};
        pfn += p2m_pages;
        count_p2m_tables(plan);
        plan->p2m_pt = (struct plan_range){0, pfn, plan->p2m_tables.total};
        pfn += plan->p2m_tables.total;
    }
    plan->first_free = pfn;
}

/* Whether a guest may have [start, end) mapped: canonical, and none of the hypervisor's slots. */
static bool guest_addresses(uint64_t start, uint64_t end)
{
    if (end <= start)
        return false;
    if (end <= LOW_HALF_END)
        return true;
    return start >= HIGH_HALF && (end <= HYPERVISOR_VIRT_START || start >= HYPERVISOR_VIRT_END);
}

static const char *check_request(const struct kernel_image *img, const struct plan_request *req)
{
    if (req->nr_pages == 0 || req->nr_pages > MAX_PAGES)
        return "the domain's memory size makes no sense";
    if (req->initrd_len > req->nr_pages << PAGE_SHIFT)
        return "the ramdisk is larger than the domain's memory";
    if (!guest_addresses(img->virt_base, img->v_end))
        return "the kernel's virtual addresses are the hypervisor's or not canonical";
    return NULL;
}

static const char *check_result(const struct dom0_plan *plan)
{
    uint64_t p2m_end = plan->p2m.va + (plan->p2m.nr << PAGE_SHIFT);

    if (!guest_addresses(plan->p2m.va, p2m_end))
        return "the kernel's INIT_P2M region is the hypervisor's or not canonical";
    if (p2m_apart(plan) && plan->p2m.va < plan->v_end && p2m_end > plan->v_start)
        return "the kernel's INIT_P2M region overlaps its initial mapping";
    if (plan->first_free > plan->nr_pages) {
        sentence[0] = 0;
        format_append(sentence, sizeof(sentence),
                      "too little memory: the kernel, its ramdisk and page tables need %llu MiB at "
                      "least, the domain has %llu MiB (for dom0, see the option dom0_mem)",
                      (unsigned long long)(((plan->first_free - 1) >> (20 - PAGE_SHIFT)) + 1),
                      (unsigned long long)(plan->nr_pages >> (20 - PAGE_SHIFT)));
        return sentence;
    }
    return NULL;
}

const char *plan_dom0(struct dom0_plan *plan, const struct kernel_image *img,
                      const struct plan_request *req)
{
    uint64_t p2m_pages = pages_of(req->nr_pages * sizeof(uint64_t));
    const char *why = check_request(img, req);

    if (why)
        return why;
    *plan = (struct dom0_plan){.nr_pages = req->nr_pages, .v_start = img->virt_base};
    place_region(plan, img, req, p2m_pages);
    if (!guest_addresses(plan->v_start, plan->v_end))
        return "the kernel's initial mapping does not fit behind its VIRT_BASE: the ramdisk or the "
               "domain's memory is too large for this kernel";
    if (img->flags & IMAGE_HAS_INIT_P2M && img->p2m_base >= plan->v_start &&
        img->p2m_base < plan->v_end)
        return "the kernel's INIT_P2M region lies inside its initial mapping";
    place_behind(plan, img, req, p2m_pages);
    return check_result(plan);
}

/*
 * The frame of the table with index i at a level: tables of the region lie by level from the top,
 * those of the P2M likewise, where indexes that are the region's are left out.
 */
static uint64_t table_pfn(const struct dom0_plan *plan, unsigned level, uint64_t i)
{
    struct span region = region_span(plan, level), own;
    uint64_t pfn;

    if (in_span(region, i) || level == LEVELS) {
        pfn = plan->pt.pfn + (level == LEVELS ? 0 : i - region.first);
        for (unsigned above = LEVELS; above > level; above--)
            pfn += plan->pt_tables.level[above];
        return pfn;
    }
    own = p2m_span(plan, level);
    pfn = plan->p2m_pt.pfn + (i - own.first) - shared_with(region, own.first, i);
    for (unsigned above = LEVELS - 1; above > level; above--)
        pfn += plan->p2m_tables.level[above];
    return pfn;
}

static bool is_table(const struct dom0_plan *plan, uint64_t pfn)
{
    return pfn - plan->pt.pfn < plan->pt.nr;
}

struct walk {
    const struct dom0_plan *plan;
    void (*emit)(void *ctx, const struct plan_entry *e);
    void *ctx;
};

/* Entries of the tables above level 1 that one range of addresses needs; again: it is the P2M. */
static void walk_upper(const struct walk *w, unsigned level, struct span below, bool again)
{
    struct span done = region_span(w->plan, level - 1);

    for (uint64_t i = below.first; i <= below.last; i++) {
        struct plan_entry e = {.level = level, .index = i % ENTRIES};

        if (again && in_span(done, i))
            continue;
        e.table_pfn = table_pfn(w->plan, level, i / ENTRIES);
        e.target_pfn = table_pfn(w->plan, level - 1, i);
        w->emit(w->ctx, &e);
    }
}

static void walk_pages(const struct walk *w, uint64_t va, uint64_t pfn, uint64_t nr)
{
    for (uint64_t end = pfn + nr; pfn < end; pfn++, va += PAGE_SIZE) {
        struct plan_entry e = {.level = 1,
                               .index = (va >> PAGE_SHIFT) % ENTRIES,
                               .table_pfn = table_pfn(w->plan, 1, index_at(1, va)),
                               .target_pfn = pfn,
                               .read_only = is_table(w->plan, pfn)};

        w->emit(w->ctx, &e);
    }
}

void plan_walk(const struct dom0_plan *plan, void (*emit)(void *ctx, const struct plan_entry *e),
               void *ctx)
{
    struct walk w = {plan, emit, ctx};
    bool apart = p2m_apart(plan);

    for (unsigned level = LEVELS; level > 1; level--) {
        walk_upper(&w, level, region_span(plan, level - 1), false);
        if (apart)
            walk_upper(&w, level, p2m_span(plan, level - 1), true);
    }
    walk_pages(&w, plan->v_start, 0, (plan->v_end - plan->v_start) >> PAGE_SHIFT);
    if (apart)
        walk_pages(&w, plan->p2m.va, plan->p2m.pfn, plan->p2m.nr);
}

bool plan_line(const struct dom0_plan *plan, unsigned n, char *buf, size_t size)
{
    const struct {
        const char *name;
        const struct plan_range *range;
    } rows[] = {
        {"kernel", &plan->kernel},    {"ramdisk", &plan->initrd},
        {"P2M list", &plan->p2m},     {"start info", &plan->start_info},
        {"store page", &plan->store}, {"console page", &plan->console},
        {"page tables", &plan->pt},   {"P2M page tables", &plan->p2m_pt},
        {"boot stack", &plan->stack},
    };
    const struct plan_range *r;

    buf[0] = 0;
    if (n == 0) {
        format_append(buf, size, "mapping %#llx-%#llx, %llu of %llu pages in use",
                      (unsigned long long)plan->v_start, (unsigned long long)plan->v_end,
                      (unsigned long long)plan->first_free, (unsigned long long)plan->nr_pages);
        return true;
    }
    if (n > ARRAY_SIZE(rows))
        return false;
    r = rows[n - 1].range;
    if (r->nr == 0)
        format_append(buf, size, "%-16s none", rows[n - 1].name);
    else if (r->va)
        format_append(buf, size, "%-16s %#llx-%#llx, frames %#llx+%#llx", rows[n - 1].name,
                      (unsigned long long)r->va,
                      (unsigned long long)(r->va + (r->nr << PAGE_SHIFT)),
                      (unsigned long long)r->pfn, (unsigned long long)r->nr);
    else
        format_append(buf, size, "%-16s not mapped, frames %#llx+%#llx", rows[n - 1].name,
                      (unsigned long long)r->pfn, (unsigned long long)r->nr);
    return true;
}
