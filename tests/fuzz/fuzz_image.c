/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel files: recognising, parsing, planning and loading never look outside the file; what is
 * loaded is each byte once, in order; a plan's tables and targets are in the domain's memory.
 */
// SHORT: 40000
// SOURCES: hypervisor/dom0/image.c hypervisor/dom0/image_notes.c hypervisor/dom0/plan.c
// SOURCES: hypervisor/lib/format.c hypervisor/lib/string.c
#include <cmocka.h>

#include "dom0/image.h"
#include "dom0/plan.h"
#include "fuzz.h"

#define DOMAIN_PAGES 12288 /* 48 MiB: enough for the kernels of the corpus, and quickly mapped */
#define MAX_PIECE    4096

static struct {
    uint64_t at, sum;
} loaded;

static int piece(void *ctx, uint64_t offset, const void *src, size_t len)
{
    assert_true(len > 0 && offset == loaded.at);
    loaded.at += len;
    for (size_t i = 0; src && i < len; i += i + MAX_PIECE < len ? MAX_PIECE : 1)
        loaded.sum += ((const uint8_t *)src)[i];
    return 0;
}

static void entry(void *ctx, const struct plan_entry *e)
{
    const struct dom0_plan *p = ctx;

    assert_in_range(e->level, 1, 4);
    assert_true(e->index < 512 && e->target_pfn < p->nr_pages);
    assert_true((e->table_pfn >= p->pt.pfn && e->table_pfn < p->pt.pfn + p->pt.nr) ||
                (e->table_pfn >= p->p2m_pt.pfn && e->table_pfn < p->p2m_pt.pfn + p->p2m_pt.nr));
}

static void plan(const struct kernel_image *img)
{
    struct plan_request want = {.nr_pages = DOMAIN_PAGES, .initrd_len = 5000};
    static struct dom0_plan p;
    char line[128];

    if (plan_dom0(&p, img, &want))
        return;
    assert_true(p.first_free <= p.nr_pages && p.v_end > p.v_start);
    plan_walk(&p, entry, &p);
    for (unsigned n = 0; plan_line(&p, n, line, sizeof(line)); n++)
        assert_non_null(memchr(line, 0, sizeof(line)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *file = fuzz_copy(data, size);
    struct packed_image packed;
    struct kernel_image img;

    if (!image_recognise(&packed, file, size))
        assert_true(packed.data >= file && packed.len <= size &&
                    (uint64_t)(packed.data - file) <= size - packed.len);
    if (!image_parse(&img, file, size)) {
        assert_true(img.v_start >= img.virt_base && img.v_end > img.v_start);
        assert_true(img.entry >= img.v_start && img.entry < img.v_end);
        assert_true(img.nr_segments && img.nr_segments <= IMAGE_MAX_SEGMENTS);
        loaded.at = (img.v_start - img.virt_base) & ~4095UL;
        assert_int_equal(image_load(&img, piece, NULL), 0);
        assert_int_equal(loaded.at, (img.v_end - img.virt_base + 4095) & ~4095UL);
        if (!image_check_dom0(&img))
            plan(&img);
    }
    free(file);
    return 0;
}
