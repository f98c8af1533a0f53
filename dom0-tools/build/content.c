// SPDX-License-Identifier: GPL-2.0-only
/* A new domain's first pages: see content.h. */
#include "build/content.h"

#include <errno.h>
#include <string.h>

#include "abi/xen.h"

/* Bits of a page-table entry: present, writable, user, accessed, dirty. */
#define PTE_P  0x01u
#define PTE_RW 0x02u
#define PTE_US 0x04u
#define PTE_A  0x20u
#define PTE_D  0x40u

/* Everything is between the kernel and the first free frame; the padding behind the stack, which is
 * nobody's, is not mapped. */
struct writer {
    const struct content *c;
    struct guest_memory *m;
    uint64_t first; /* frame at base */
    char *base;
};

static char *frame(const struct writer *w, uint64_t pfn)
{
    return w->base + ((pfn - w->first) << GUEST_PAGE_SHIFT);
}

static void write_ramdisk(const struct writer *w)
{
    const struct plan_range *r = &w->c->plan->initrd;

    if (!r->nr)
        return;
    char *to = frame(w, r->pfn);

    copy_wide(to, w->c->ramdisk, w->c->ramdisk_len);
    clear_wide(to + w->c->ramdisk_len, (r->nr << GUEST_PAGE_SHIFT) - w->c->ramdisk_len);
}

static void write_p2m(const struct writer *w)
{
    const struct plan_range *r = &w->c->plan->p2m;
    uint64_t *list = (uint64_t *)frame(w, r->pfn), nr = w->c->plan->nr_pages;
    uint64_t room = r->nr << (GUEST_PAGE_SHIFT - 3);

    for (uint64_t pfn = 0; pfn < nr; pfn++)
        list[pfn] = w->m->mfn(w->m, pfn);
    for (uint64_t pfn = nr; pfn < room; pfn++)
        list[pfn] = ~0UL;
}

static void write_entry(void *ctx, const struct plan_entry *e)
{
    const struct writer *w = ctx;
    uint64_t flags = PTE_P | PTE_A | PTE_US | (e->read_only ? 0 : PTE_RW | PTE_D);

    ((uint64_t *)frame(w, e->table_pfn))[e->index] =
        w->m->mfn(w->m, e->target_pfn) << GUEST_PAGE_SHIFT | flags;
}

static void clear_pages(const struct writer *w, const struct plan_range *r)
{
    if (r->nr)
        clear_wide(frame(w, r->pfn), r->nr << GUEST_PAGE_SHIFT);
}

static void write_start_info(const struct writer *w)
{
    const struct content *c = w->c;
    const struct dom0_plan *plan = c->plan;
    struct start_info *si = (struct start_info *)frame(w, plan->start_info.pfn);

    clear_pages(w, &plan->start_info);
    memcpy(si->magic, "xen-3.0-x86_64", sizeof("xen-3.0-x86_64"));
    si->nr_pages = plan->nr_pages;
    si->shared_info = c->shared_info_mfn << GUEST_PAGE_SHIFT;
    si->flags = SIF_VIRT_P2M_4TOOLS; /* save and dump-core read the list where the kernel says */
    si->store_mfn = w->m->mfn(w->m, plan->store.pfn);
    si->store_evtchn = c->store_port;
    si->console.domU.mfn = w->m->mfn(w->m, plan->console.pfn);
    si->console.domU.evtchn = c->console_port;
    si->pt_base = plan->pt.va;
    si->nr_pt_frames = plan->pt_tables.total;
    si->mfn_list = plan->p2m.va;
    if (c->image->flags & IMAGE_HAS_INIT_P2M) {
        si->mfn_list = c->image->p2m_base;
        si->first_p2m_pfn = plan->p2m.pfn;
        si->nr_p2m_frames = plan->p2m.nr + plan->p2m_tables.total;
    }
    if (c->ramdisk_len) {
        si->mod_len = c->ramdisk_len;
        si->mod_start = plan->initrd.va ? plan->initrd.va : plan->initrd.pfn;
        si->flags |= plan->initrd.va ? 0 : SIF_MOD_START_PFN;
    }
    memcpy(si->cmd_line, c->cmdline, strnlen(c->cmdline, sizeof(si->cmd_line) - 1));
}

static int map_range(const struct writer *w, uint64_t pfn, uint64_t end, struct problem *why)
{
    return end == pfn || w->m->map(w->m, frame(w, pfn), pfn, end - pfn, why) ? 0 : -1;
}

static void write_all(const struct writer *w)
{
    const struct dom0_plan *plan = w->c->plan;

    write_ramdisk(w);
    write_p2m(w);
    clear_pages(w, &plan->store);
    clear_pages(w, &plan->console);
    clear_pages(w, &plan->stack);
    clear_pages(w, &plan->pt);
    clear_pages(w, &plan->p2m_pt);
    write_start_info(w);
    plan_walk(plan, write_entry, (void *)(uintptr_t)w);
    w->m->unmap(w->m, frame(w, plan->pt.pfn), plan->pt.nr);
    if (plan->p2m_pt.nr)
        w->m->unmap(w->m, frame(w, plan->p2m_pt.pfn), plan->p2m_pt.nr);
}

int content_write(const struct content *c, struct guest_memory *m, struct problem *why)
{
    const struct dom0_plan *plan = c->plan;
    struct writer w = {.c = c, .m = m, .first = plan->kernel.pfn + plan->kernel.nr};
    uint64_t region_end = (plan->v_end - plan->v_start) >> GUEST_PAGE_SHIFT;
    uint64_t p2m_pt = plan->first_free - plan->p2m_pt.nr;
    int ret;

    w.base = guest_reserve(plan->first_free - w.first);
    if (!w.base)
        return problem_set(why, errno, NULL, "no address space for the guest's memory");
    /* Tables are mapped by themselves, since a mapping can be undone only as it was made. */
    if (map_range(&w, w.first, plan->pt.pfn, why) ||
        map_range(&w, plan->pt.pfn, plan->pt.pfn + plan->pt.nr, why) ||
        map_range(&w, plan->stack.pfn, plan->stack.pfn + plan->stack.nr, why) ||
        map_range(&w, region_end, p2m_pt, why) || map_range(&w, p2m_pt, plan->first_free, why)) {
        ret = -1;
    } else {
        write_all(&w);
        ret = 0;
    }
    m->forget(m, w.base, plan->first_free - w.first);
    return ret;
}
