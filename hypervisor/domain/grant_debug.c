/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What grants tell the audit, and debug key 'g'.
 *
 * For the audit everything stands still: no copy holds a pin, so each pin must belong to a live
 * handle of some domain.  The pins are recounted from the handles in a scratch field of the active
 * entries.  Handles that are not live must be in their domain's free list.
 */
#include "abi/grant_table.h"
#include "console/log.h"
#include "domain/domain.h"
#include "domain/grant.h"
#include "domain/grant_impl.h"
#include "mem/audit.h"

static unsigned nr_pins(uint32_t pin)
{
    return (pin & 0xff) + (pin >> 8 & 0xff) + (pin >> 16 & 0xff) + (pin >> 24);
}

static void report_handle(struct audit *a, const struct domain *d, const struct maptrack_entry *e)
{
    struct grant_ref_entries g;
    mfn_t mfn;

    if ((e->flags & MAPTRACK_BUSY) || !grant_lookup(&e->granter->gnt, e->ref, &g)) {
        audit_complain(a, "grant: d%u holds a handle to d%u:%u in state %#x", d->mem.id,
                       e->granter ? e->granter->mem.id : DOMID_INVALID, e->ref, e->flags);
        return;
    }
    mfn = MFN(g.active->mfn);
    e->granter->gnt.audit_handles++;
    g.active->recount += (uint16_t)nr_pins(grant_pins_of(e->flags));
    if (g.active->domid != d->mem.id)
        audit_complain(a, "grant: d%u maps d%u:%u, which is pinned for d%u (I3)", d->mem.id,
                       e->granter->mem.id, e->ref, g.active->domid);
    if (e->flags & GNTMAP_device_map) {
        audit_holds(a, mfn, 1);
        if (!(e->flags & GNTMAP_readonly))
            audit_holds_type(a, mfn, PT_WRITABLE, 1);
    }
    if (e->flags & GNTMAP_host_map)
        audit_grant_maps(a, d->mem.id, mfn, 1);
}

static void check_pins(struct audit *a, const struct domain *d)
{
    for (unsigned ref = 0; ref < d->gnt.nr_frames * GRANT_ENTRIES_PER_FRAME; ref++) {
        struct grant_ref_entries g;

        if (!grant_lookup(&d->gnt, ref, &g))
            return;
        if (nr_pins(g.active->pin) != g.active->recount)
            audit_complain(a, "grant: d%u:%u has pins %08x, its handles count %u (I8)", d->mem.id,
                           ref, g.active->pin, g.active->recount);
        g.active->recount = 0;
    }
}

static void report_handles(struct audit *a, struct domain *d)
{
    struct maptrack *mt = &d->gnt.maptrack;
    const struct maptrack_entry *e;
    unsigned live = 0, nr_free = 0;

    for (unsigned i = 0; i < mt->nr_entries; i++) {
        e = maptrack_at(mt, i);
        if (!e->flags)
            continue;
        live++;
        report_handle(a, d, e);
    }
    /* No further than there are records: a list that is a circle is too long. */
    for (uint64_t i = mt->first_free; i < mt->nr_entries && nr_free <= mt->nr_entries; nr_free++) {
        e = maptrack_at(mt, (unsigned)i);
        if (e->flags)
            break;
        i = e->next_free;
    }
    if (live != mt->in_use || live + nr_free != mt->nr_entries)
        audit_complain(a, "grant: d%u has %u handles, %u by its count; %u of %u are free (I8)",
                       d->mem.id, live, mt->in_use, nr_free, mt->nr_entries);
}

static void report(struct audit *a)
{
    struct domain *d;

    list_for_each (d, &domain_list, list) {
        d->gnt.audit_handles = 0;
    }
    list_for_each (d, &domain_list, list) {
        report_handles(a, d);
    }
    list_for_each (d, &domain_list, list) {
        check_pins(a, d);
    }
}

void grant_audit_register(void)
{
    audit_register(report);
}

/* --- debug key ----------------------------------------------------------------------------------
 */

static void dump_pinned(const struct domain *d)
{
    for (unsigned ref = 0; ref < d->gnt.nr_frames * GRANT_ENTRIES_PER_FRAME; ref++) {
        struct grant_ref_entries g;

        if (!grant_lookup(&d->gnt, ref, &g) || !load_once(&g.active->pin))
            continue;
        printk(XENLOG_INFO "  %5u mfn %x to d%u pins host r%u w%u dev r%u w%u, entry %04x d%u %x\n",
               ref, g.active->mfn, g.active->domid, g.active->pin & 0xff, g.active->pin >> 8 & 0xff,
               g.active->pin >> 16 & 0xff, g.active->pin >> 24, g.shared->flags, g.shared->domid,
               g.shared->frame);
    }
}

void grant_dump_all(void)
{
    struct domain *d;

    spin_lock(&domain_list_lock);
    list_for_each (d, &domain_list, list) {
        const struct grant_table *t = &d->gnt;

        printk(XENLOG_INFO "d%u: %u frames of %u; %u handles of %u; maps %lu unmaps %lu flushes "
                           "%lu copies %lu\n",
               d->mem.id, t->nr_frames, t->max_frames, t->maptrack.in_use,
               t->maptrack.max_pages * MAPTRACK_PER_PAGE, (unsigned long)t->maps,
               (unsigned long)t->unmaps, (unsigned long)t->flushes, (unsigned long)t->copies);
        if (t->frames)
            dump_pinned(d);
    }
    spin_unlock(&domain_list_lock);
}
