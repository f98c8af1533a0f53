/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Claims: for any kernel, ramdisk and memory size that plan_dom0() accepts, the layout obeys the
 * start-of-day rules of the ABI; walking the planned tables as a processor would finds each page of
 * the region and of the P2M list at its frame and nothing else; page tables, and only they, are
 * read-only; no two parts share a frame; the number of tables at each level is what an independent
 * count of touched slots gives, and one table fewer would not do.  For Debian's kernel the figures
 * are those that Xen computes.
 */
// SOURCES: hypervisor/dom0/plan.c hypervisor/lib/format.c hypervisor/lib/string.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dom0/plan.h"

#define PAGE         4096ULL
#define MB           (1ULL << 20)
#define BASE         0xffffffff80000000ULL
#define NONE         UINT64_MAX
#define ROUND(n, to) (((n) + (to)-1) / (to) * (to))

static uint64_t rng = 0x9e3779b97f4a7c15ULL;

static uint64_t dice(uint64_t n)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng % n;
}

static void assert_says(const char *why, const char *part)
{
    if (!why || !strstr(why, part))
        fail_msg("\"%s\" does not say \"%s\"", why ? why : "(success)", part);
}

/* The planned tables, filled by plan_walk() as a builder would. */
struct table {
    uint64_t target[512]; /* NONE: not present */
    bool read_only[512];
    int level;
    int links; /* how many entries lead here */
};

struct built {
    struct table *tables;
    uint64_t first_pt, nr_pt, first_p2m, nr_p2m;
    uint64_t entries;
};

static struct table *table_of(struct built *b, uint64_t pfn)
{
    if (pfn >= b->first_pt && pfn < b->first_pt + b->nr_pt)
        return &b->tables[pfn - b->first_pt];
    if (pfn >= b->first_p2m && pfn < b->first_p2m + b->nr_p2m)
        return &b->tables[b->nr_pt + pfn - b->first_p2m];
    return NULL;
}

static void take(void *ctx, const struct plan_entry *e)
{
    struct built *b = ctx;
    struct table *t = table_of(b, e->table_pfn);

    assert_non_null(t);
    assert_in_range(e->level, 1, 4);
    assert_true(e->index < 512);
    assert_true(t->level == 0 || t->level == (int)e->level);
    assert_true(e->level == 4 || t->links > 0); /* the way down was emitted before */
    t->level = (int)e->level;
    assert_int_equal(t->target[e->index], NONE);
    t->target[e->index] = e->target_pfn;
    t->read_only[e->index] = e->read_only;
    if (e->level > 1) {
        assert_non_null(table_of(b, e->target_pfn));
        table_of(b, e->target_pfn)->links++;
    }
    b->entries++;
}

static uint64_t translate(struct built *b, uint64_t va, bool *read_only)
{
    uint64_t pfn = b->first_pt;

    for (int level = 4; level >= 1; level--) {
        struct table *t = table_of(b, pfn);
        unsigned index = (va >> (12 + 9 * (level - 1))) & 511;

        assert_int_equal(t->level, level);
        pfn = t->target[index];
        if (pfn == NONE)
            return NONE;
        *read_only = t->read_only[index];
    }
    return pfn;
}

/* Slots of one table level that two ranges touch, counted with no arithmetic shared with plan.c. */
static uint64_t count_tables(int level, uint64_t s1, uint64_t e1, uint64_t s2, uint64_t e2)
{
    unsigned shift = 12 + 9 * level;
    uint64_t n = 0;

    for (uint64_t i = s1 >> shift; i <= (e1 - 1) >> shift; i++)
        n++;
    for (uint64_t i = s2 >> shift; s2 != e2 && i <= (e2 - 1) >> shift; i++)
        n += i < s1 >> shift || i > (e1 - 1) >> shift;
    return n;
}

static void no_overlap(const struct dom0_plan *p)
{
    const struct plan_range *parts[] = {&p->kernel,     &p->initrd, &p->p2m,
                                        &p->start_info, &p->store,  &p->console,
                                        &p->pt,         &p->p2m_pt, &p->stack};
    size_t n = sizeof(parts) / sizeof(parts[0]);

    for (size_t i = 0; i < n; i++) {
        assert_true(parts[i]->pfn + parts[i]->nr <= p->first_free);
        for (size_t k = 0; k < n; k++)
            if (i != k && parts[i]->nr && parts[k]->nr)
                assert_true(parts[i]->pfn + parts[i]->nr <= parts[k]->pfn ||
                            parts[k]->pfn + parts[k]->nr <= parts[i]->pfn);
        if (parts[i]->nr && parts[i]->va && parts[i]->va >= p->v_start && parts[i]->va < p->v_end)
            assert_int_equal(parts[i]->va - p->v_start, parts[i]->pfn * PAGE);
    }
}

static void check_order(const struct dom0_plan *p, const struct kernel_image *img,
                        const struct plan_request *req)
{
    bool apart = img->flags & IMAGE_HAS_INIT_P2M, unmapped = img->flags & IMAGE_MOD_START_PFN;
    uint64_t initrd = ROUND(req->initrd_len, PAGE), list = ROUND(req->nr_pages * 8, PAGE);
    uint64_t at = ROUND(img->v_end, PAGE), region = (p->v_end - p->v_start) / PAGE, behind = region;

    assert_int_equal(p->v_start, img->virt_base);
    assert_int_equal(p->kernel.va, img->v_start / PAGE * PAGE);
    assert_int_equal(p->kernel.va + p->kernel.nr * PAGE, at);
    assert_int_equal(p->initrd.nr, initrd / PAGE);
    assert_int_equal(p->p2m.nr, list / PAGE);
    if (initrd && !unmapped) {
        assert_int_equal(p->initrd.va, at);
        at += initrd;
    }
    if (!apart) {
        assert_int_equal(p->p2m.va, at);
        at += list;
    }
    assert_int_equal(p->start_info.va, at);
    assert_int_equal(p->start_info.nr, 1);
    at += PAGE;
    assert_int_equal(p->store.nr, req->store_page);
    assert_int_equal(p->console.nr, req->console_page);
    at += (p->store.nr + p->console.nr) * PAGE;
    assert_int_equal(p->pt.va, at);
    at += p->pt.nr * PAGE;
    assert_int_equal(p->stack.va, at);
    at += PAGE;
    assert_int_equal(p->v_end % (4 * MB), 0);
    assert_true(p->v_end - at >= MB / 2 && p->v_end - at < MB / 2 + 4 * MB);

    if (initrd && unmapped) {
        assert_int_equal(p->initrd.va, 0);
        assert_int_equal(p->initrd.pfn, behind);
        behind += p->initrd.nr;
    }
    if (apart) {
        assert_int_equal(p->p2m.va, img->p2m_base);
        assert_int_equal(p->p2m.pfn, behind);
        behind += p->p2m.nr;
        if (p->p2m_pt.nr)
            assert_int_equal(p->p2m_pt.pfn, behind);
        behind += p->p2m_pt.nr;
    } else {
        assert_int_equal(p->p2m_pt.nr, 0);
    }
    assert_int_equal(p->first_free, behind);
    assert_true(p->first_free <= p->nr_pages);
}

static void check_counts(const struct dom0_plan *p, bool apart)
{
    uint64_t s2 = apart ? p->p2m.va : 0, e2 = apart ? s2 + p->p2m.nr * PAGE : 0;
    uint64_t main = 1, extra = 0;

    for (int level = 1; level < 4; level++) {
        uint64_t mine = count_tables(level, p->v_start, p->v_end, 0, 0);
        uint64_t both = count_tables(level, p->v_start, p->v_end, s2, e2);

        assert_int_equal(p->pt_tables.level[level], mine);
        assert_int_equal(p->p2m_tables.level[level], both - mine);
        main += mine;
        extra += both - mine;
    }
    assert_int_equal(p->pt_tables.level[4], 1);
    assert_int_equal(p->p2m_tables.level[4], 0);
    assert_int_equal(p->pt.nr, main);
    assert_int_equal(p->p2m_pt.nr, extra);
}

/* One table fewer: the end may come 4 MiB earlier, but then the tables do not fit any more. */
static void check_smallest(const struct dom0_plan *p)
{
    uint64_t stack_end = p->stack.va, end = ROUND(stack_end, 4 * MB), needs = 1;

    if (end - stack_end < MB / 2)
        end += 4 * MB;
    for (int level = 1; level < 4; level++)
        needs += count_tables(level, p->v_start, end, 0, 0);
    assert_true(needs > p->pt.nr - 1);
}

static void check_tables(const struct dom0_plan *p, bool apart)
{
    struct built b = {.first_pt = p->pt.pfn,
                      .nr_pt = p->pt.nr,
                      .first_p2m = p->p2m_pt.pfn,
                      .nr_p2m = p->p2m_pt.nr};
    uint64_t nr = b.nr_pt + b.nr_p2m, pages = (p->v_end - p->v_start) / PAGE;

    b.tables = calloc(nr, sizeof(struct table));
    for (uint64_t i = 0; i < nr; i++)
        memset(b.tables[i].target, 0xff, sizeof(b.tables[i].target));
    plan_walk(p, take, &b);
    for (uint64_t i = 0; i < nr; i++) {
        assert_int_equal(b.tables[i].links, i != 0);
        assert_in_range(b.tables[i].level, 1, 4);
    }
    for (uint64_t i = 0; i < pages; i++) {
        bool read_only, table = i >= p->pt.pfn && i < p->pt.pfn + p->pt.nr;

        assert_int_equal(translate(&b, p->v_start + i * PAGE, &read_only), i);
        assert_int_equal(read_only, table);
    }
    for (uint64_t i = 0; apart && i < p->p2m.nr; i++) {
        bool read_only;

        assert_int_equal(translate(&b, p->p2m.va + i * PAGE, &read_only), p->p2m.pfn + i);
        assert_false(read_only);
    }
    /* Exactly these: one entry per page and one per table but the top one. */
    assert_int_equal(b.entries, pages + (apart ? p->p2m.nr : 0) + nr - 1);
    free(b.tables);
}

static void check(const struct dom0_plan *p, const struct kernel_image *img,
                  const struct plan_request *req)
{
    bool apart = img->flags & IMAGE_HAS_INIT_P2M;

    assert_int_equal(p->nr_pages, req->nr_pages);
    check_order(p, img, req);
    no_overlap(p);
    check_counts(p, apart);
    check_smallest(p);
    check_tables(p, apart);
}

static struct kernel_image debian(void)
{
    return (struct kernel_image){.virt_base = BASE,
                                 .v_start = BASE + 0x1000000,
                                 .v_end = BASE + 0x4a00000,
                                 .p2m_base = 0x8000000000ULL,
                                 .flags = IMAGE_HAS_INIT_P2M | IMAGE_MOD_START_PFN};
}

static void debian_kernel(void **state)
{
    struct kernel_image img = debian();
    struct plan_request req = {.nr_pages = 1536 * MB / PAGE, .initrd_len = 30 * MB + 1};
    struct dom0_plan p;
    char line[128];
    unsigned n = 0;

    assert_null(plan_dom0(&p, &img, &req));
    check(&p, &img, &req);
    assert_int_equal(p.start_info.va, BASE + 0x4a00000);
    assert_int_equal(p.pt.va, BASE + 0x4a01000);
    /* [BASE, BASE + 76 MiB): 38 L1, 1 L2, 1 L3, 1 L4 */
    assert_int_equal(p.v_end, BASE + 76 * MB);
    assert_int_equal(p.pt.nr, 41);
    assert_int_equal(p.initrd.pfn, 76 * MB / PAGE);
    assert_int_equal(p.initrd.nr, 30 * MB / PAGE + 1);
    /* 768 pages of list: 2 L1, 1 L2, 1 L3 */
    assert_int_equal(p.p2m.nr, 768);
    assert_int_equal(p.p2m_pt.nr, 4);
    while (plan_line(&p, n, line, sizeof(line))) {
        assert_true(strlen(line) > 10);
        n++;
    }
    assert_int_equal(n, 10);
}

static void refusals(void **state)
{
    struct plan_request req = {.nr_pages = 1536 * MB / PAGE};
    struct kernel_image img = debian();
    struct dom0_plan p;

    req.nr_pages = 76 * MB / PAGE + 20;
    assert_says(plan_dom0(&p, &img, &req), "too little memory");
    assert_says(plan_dom0(&p, &img, &req), "need 77 MiB at least, the domain has 76 MiB");
    req.nr_pages = 0;
    assert_says(plan_dom0(&p, &img, &req), "no sense");
    req.nr_pages = 1536 * MB / PAGE;
    req.initrd_len = 1537 * MB;
    assert_says(plan_dom0(&p, &img, &req), "ramdisk is larger");
    img.flags = 0;
    req.initrd_len = 0;
    req.nr_pages = 1ULL << 30; /* the list alone is 8 GiB, behind BASE are 2 */
    assert_says(plan_dom0(&p, &img, &req), "does not fit");
    req.nr_pages = (2048 - 74 - 2) * MB / 8; /* the list fits, the padding does not */
    assert_says(plan_dom0(&p, &img, &req), "does not fit");

    img = debian();
    req.nr_pages = 1536 * MB / PAGE;
    img.p2m_base = BASE + 0x1000;
    assert_says(plan_dom0(&p, &img, &req), "inside its initial mapping");
    img.p2m_base = BASE - 0x1000;
    assert_says(plan_dom0(&p, &img, &req), "overlaps");
    img.p2m_base = 0xffff800000000000ULL;
    assert_says(plan_dom0(&p, &img, &req), "hypervisor's");
    img.p2m_base = 0xffff880000000000ULL - 4096;
    assert_says(plan_dom0(&p, &img, &req), "hypervisor's");
    img.p2m_base = 0x0000800000000000ULL - 4096;
    assert_says(plan_dom0(&p, &img, &req), "not canonical");
    img = debian();
    img.virt_base -= 0x780000000000ULL;
    img.v_start -= 0x780000000000ULL;
    img.v_end -= 0x780000000000ULL;
    assert_says(plan_dom0(&p, &img, &req), "hypervisor's");
}

/* Addresses at which ranges begin to share tables, or end at the end of something. */
static uint64_t odd_address(void)
{
    static const uint64_t from[] = {0,
                                    BASE,
                                    BASE + 0x40000000,
                                    1ULL << 39,
                                    1ULL << 30,
                                    0x7fffc0000000,
                                    0xffff880000000000,
                                    0xffffff0000000000,
                                    0x7f8000000000,
                                    0xffff900000000000};
    uint64_t va = from[dice(10)] + dice(3) * (1ULL << (12 + 9 * dice(4)));

    if (dice(2))
        va += dice(1000) * PAGE;
    return dice(5) ? va : va - dice(2000) * PAGE;
}

static void random_plans(void **state)
{
    unsigned good = 0, shared = 0;

    for (unsigned round = 0; round < 6000; round++) {
        struct kernel_image img = {.virt_base = odd_address()};
        struct plan_request req = {.nr_pages = 1 + dice(dice(4) ? 20000 : 400000),
                                   .initrd_len = dice(3) ? dice(8 * MB) : 0,
                                   .store_page = dice(2),
                                   .console_page = dice(2)};
        struct dom0_plan p;

        img.v_start = img.virt_base + dice(3) * dice(3 * MB);
        img.v_end = img.v_start + 1 + dice(6 * MB);
        if (img.v_end < img.virt_base)
            continue;
        if (dice(3)) {
            img.flags |= IMAGE_HAS_INIT_P2M;
            img.p2m_base = odd_address();
            if (dice(3) == 0)
                img.p2m_base = img.virt_base + ((dice(128) - 64) << 20);
        }
        if (dice(2))
            img.flags |= IMAGE_MOD_START_PFN;
        if (plan_dom0(&p, &img, &req))
            continue;
        good++;
        shared += p.p2m.nr && p.p2m_pt.nr < 3 && img.flags & IMAGE_HAS_INIT_P2M;
        check(&p, &img, &req);
    }
    assert_true(good > 1000);
    assert_true(shared > 50);
}

/* Hostile numbers: any answer will do, but it must come, and without undefined arithmetic. */
static void wild_numbers(void **state)
{
    for (unsigned round = 0; round < 200000; round++) {
        uint64_t base = (dice(1ULL << 52) << 12) >> dice(40) & ~4095ULL;
        struct kernel_image img = {.virt_base = dice(4) ? base : 0ULL - (1 + dice(1 << 20)) * PAGE,
                                   .flags = (uint32_t)dice(1 << 7)};
        struct plan_request req = {.nr_pages = dice(1ULL << 40) >> dice(40),
                                   .initrd_len = dice(1ULL << 52) >> dice(50)};
        struct dom0_plan p;

        img.v_start = img.virt_base + dice(1ULL << 30);
        img.v_end = img.v_start + 1 + dice(1ULL << 30);
        img.p2m_base = (dice(1ULL << 52) << 12) >> dice(40) & ~4095ULL;
        if (img.v_start < img.virt_base || img.v_end < img.v_start)
            continue; /* image.c lets none such through */
        if (plan_dom0(&p, &img, &req))
            continue;
        check_order(&p, &img, &req);
        no_overlap(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(debian_kernel),
        cmocka_unit_test(refusals),
        cmocka_unit_test(random_plans),
        cmocka_unit_test(wild_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
