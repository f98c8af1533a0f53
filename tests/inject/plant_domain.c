/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Faults in what domains and vCPUs hold: references, roots, descriptor tables, grants, event
 * channels, restricted roots.  See plant.h.
 */
#include "plant.h"

#include "cpu/cpu_info.h"
#include "domain/evtchn_impl.h"
#include "domain/grant_impl.h"
#include "mem/map.h"
#include "pv/pv.h"

bool plant_domain_reference_dropped(void)
{
    POKE(w.their.d->refcnt, w.their.d->refcnt - 1);
    return true;
}

bool plant_domain_reference_taken_twice(void)
{
    POKE(w.their.d->refcnt, w.their.d->refcnt + 1);
    return true;
}

/* --- vCPUs -------------------------------------------------------------------------------------
 */

bool plant_root_lost(void)
{
    POKE(w.their.v->kernel_cr3, 0);
    return true;
}

bool plant_root_of_user_forged(void)
{
    POKE(w.their.v->user_cr3, w.their.v->kernel_cr3);
    return w.their.v->kernel_cr3;
}

bool plant_root_of_other_type(void)
{
    POKE(w.their.v->user_cr3, mfn_to_paddr(frame_mfn(w.their.page)));
    return true;
}

bool plant_deferred_table_forged(void)
{
    POKE(w.their.v->deferred, w.their.table[1]);
    return true;
}

bool plant_gdt_frame_lost(void)
{
    bool any = mfn_valid_number(w.our.v->gdt_frames[0]);

    POKE(w.our.v->gdt_frames[0], INVALID_MFN);
    return any;
}

static void show_nothing(void)
{
    remap_page_unflushed(pv_descriptor_area(w.their.v), pv_no_descriptors(), MAP_RO);
}

/* Their vCPU is not loaded, so nothing is flushed. */
bool plant_gdt_shows_other_frame(void)
{
    remap_page_unflushed(pv_descriptor_area(w.their.v), frame_mfn(w.their.page), MAP_RW);
    plant_undo(show_nothing);
    return true;
}

bool plant_ldt_frame_lost(void)
{
    bool any = w.our.v->ldt_mapped;

    POKE(w.our.v->ldt_mapped, 0);
    return any;
}

static void unmap_ldt(void)
{
    unmap_pages(pv_descriptor_area(w.their.v) + VCPU_DESC_LDT, 1);
}

bool plant_ldt_page_left_behind(void)
{
    plant_undo(unmap_ldt);
    return map_pages(pv_descriptor_area(w.their.v) + VCPU_DESC_LDT, frame_mfn(w.their.page), 1,
                     MAP_RW);
}

bool plant_vcpu_info_frame_lost(void)
{
    bool any = mfn_valid_number(w.their.v->vcpu_info_mfn);

    POKE(w.their.v->vcpu_info_mfn, INVALID_MFN);
    return any;
}

bool plant_vcpu_info_elsewhere(void)
{
    POKE(w.their.v->vcpu_info, (struct vcpu_info *)frame_virt(w.their.page));
    return true;
}

/* --- grants ------------------------------------------------------------------------------------
 */

/* An entry of d's that is in use. */
static struct active_grant *pinned(const struct domain *d)
{
    struct grant_ref_entries g;

    for (unsigned ref = 0; grant_lookup(&d->gnt, ref, &g); ref++)
        if (g.active->pin)
            return g.active;
    return NULL;
}

static int live_handle(struct domain *d)
{
    for (unsigned i = 0; i < d->gnt.maptrack.nr_entries; i++)
        if (maptrack_at(&d->gnt.maptrack, i)->flags)
            return (int)i;
    return -1;
}

static struct maptrack_entry *live(struct domain *d)
{
    int i = live_handle(d);

    return i < 0 ? NULL : maptrack_at(&d->gnt.maptrack, (unsigned)i);
}

static bool change_pin(uint32_t by)
{
    struct active_grant *a = pinned(w.their.d);

    if (a)
        POKE(a->pin, a->pin + by);
    return a != NULL;
}

bool plant_grant_pin_lost(void)
{
    return change_pin(-GNTPIN_HOST_WRITE);
}

bool plant_grant_pin_taken_twice(void)
{
    return change_pin(GNTPIN_HOST_READ);
}

bool plant_grant_pin_for_another(void)
{
    struct active_grant *a = pinned(w.their.d);

    if (a)
        POKE(a->domid, w.their.d->mem.id);
    return a != NULL;
}

/* Of ours, which they map. */
bool plant_grant_of_another_frame(void)
{
    struct active_grant *a = pinned(dom0);

    if (a)
        POKE(a->mfn, (uint32_t)frame_mfn(w.our.page).n);
    return a != NULL;
}

bool plant_handle_lost(void)
{
    struct maptrack_entry *e = live(dom0);

    if (e)
        POKE(e->flags, 0);
    return e != NULL;
}

bool plant_handle_of_another_grant(void)
{
    struct maptrack_entry *e = live(dom0);

    if (e)
        POKE(e->ref, e->ref + 1);
    return e != NULL;
}

bool plant_handle_of_no_grant(void)
{
    struct maptrack_entry *e = live(dom0);

    if (e)
        POKE(e->ref, ~0U);
    return e != NULL;
}

bool plant_handle_left_busy(void)
{
    struct maptrack_entry *e = live(dom0);

    if (e)
        POKE(e->flags, MAPTRACK_BUSY);
    return e != NULL;
}

bool plant_handle_count_off(void)
{
    POKE(dom0->gnt.maptrack.in_use, dom0->gnt.maptrack.in_use + 1);
    return true;
}

bool plant_handle_list_cut(void)
{
    POKE(dom0->gnt.maptrack.first_free, MAPTRACK_INVALID_HANDLE);
    return dom0->gnt.maptrack.nr_entries;
}

bool plant_handle_list_circle(void)
{
    uint64_t first = dom0->gnt.maptrack.first_free;
    struct maptrack_entry *e = maptrack_at(&dom0->gnt.maptrack, (unsigned)first);

    if (e)
        POKE(e->next_free, first);
    return e != NULL;
}

bool plant_handle_in_list_and_live(void)
{
    int i = live_handle(dom0);

    POKE(dom0->gnt.maptrack.first_free, (uint64_t)i);
    return i >= 0;
}

/* The general reference of a mapping for devices, which no page-table entry accounts for. */
bool plant_grant_device_reference_lost(void)
{
    struct active_grant *a = pinned(w.their.d);
    struct frame *f = a && a->pin & 0xffff0000 ? frame_of(MFN(a->mfn)) : NULL;

    if (f)
        POKE(f->ref, f->ref - 1);
    return f != NULL;
}

/* --- event channels ----------------------------------------------------------------------------
 */

/* dom0's first port in this state; its number in *port. */
static struct evtchn_port *port_of(enum evtchn_state state, unsigned *port)
{
    for (unsigned i = 1; i < dom0->evtchn.valid_ports; i++)
        if (evtchn_lookup(dom0, i)->state == state) {
            *port = i;
            return evtchn_lookup(dom0, i);
        }
    return NULL;
}

bool plant_port_peer_number(void)
{
    unsigned port;
    struct evtchn_port *p = port_of(ECS_INTERDOMAIN, &port);

    if (p)
        POKE(p->remote_port, (uint16_t)(p->remote_port + 1));
    return p != NULL;
}

bool plant_port_peer_domain(void)
{
    unsigned port;
    struct evtchn_port *p = port_of(ECS_INTERDOMAIN, &port);

    if (p) /* a domain that is not there any more: the pointer leads to something else */
        POKE(p->remote, (struct domain *)w.their.v);
    return p != NULL;
}

bool plant_port_peer_closed(void)
{
    unsigned port;
    struct evtchn_port *p = port_of(ECS_INTERDOMAIN, &port);

    if (p)
        POKE(evtchn_lookup(p->remote, p->remote_port)->state, ECS_UNBOUND);
    return p != NULL;
}

bool plant_port_of_no_vcpu(void)
{
    unsigned port;
    struct evtchn_port *p = port_of(ECS_INTERDOMAIN, &port);

    if (p)
        POKE(p->notify_vcpu, MAX_VCPUS - 1);
    return p != NULL;
}

bool plant_port_in_no_state(void)
{
    unsigned port;
    struct evtchn_port *p = port_of(ECS_IPI, &port);

    if (p)
        POKE(p->state, ECS_IPI + 1);
    return p != NULL;
}

bool plant_port_free_and_passed_over(void)
{
    unsigned port;
    struct evtchn_port *p = port_of(ECS_FREE, &port);

    if (p)
        POKE(dom0->evtchn.first_free, port + 1);
    return p != NULL;
}

bool plant_port_count_off(void)
{
    POKE(dom0->evtchn.active, dom0->evtchn.active - 1);
    return true;
}

bool plant_port_of_another_virq(void)
{
    unsigned port;
    struct evtchn_port *p = port_of(ECS_VIRQ, &port);

    if (p)
        POKE(p->number, VIRQ_XENOPROF);
    return p != NULL;
}

#define VIRQ_NOT_BOUND 9 /* VIRQ_PCPU_STATE */

bool plant_virq_left_behind(void)
{
    unsigned port;

    if (!port_of(ECS_IPI, &port))
        return false;
    POKE(w.our.v->virq_port[VIRQ_NOT_BOUND], (uint16_t)port);
    return true;
}

bool plant_pirq_lost(void)
{
    unsigned port;
    struct evtchn_port *p = port_of(ECS_PIRQ, &port);

    if (p)
        POKE(dom0->evtchn.pirq_port[p->number], 0);
    return p != NULL;
}

bool plant_pirq_left_behind(void)
{
    unsigned pirq, port;
    struct evtchn_port *p = port_of(ECS_PIRQ, &pirq);

    if (!p || !p->number || !port_of(ECS_IPI, &port))
        return false;
    POKE(dom0->evtchn.pirq_port[p->number - 1], (uint16_t)port);
    return true;
}

/* --- restricted roots --------------------------------------------------------------------------
 */

static uint64_t *kernel_root(void)
{
    return cpu_info()->restricted ? paddr_to_virt(cpu_info()->root[1].cr3) : NULL;
}

bool plant_restricted_slot_differs(void)
{
    uint64_t *l4 = kernel_root();

    if (l4)
        POKE(l4[PTE_ENTRIES - 1], l4[PTE_ENTRIES - 1] ^ PTE_RW);
    return l4 != NULL;
}

bool plant_restricted_shows_direct_map(void)
{
    uint64_t *l4 = kernel_root();
    unsigned slot = DIRECT_MAP_BASE >> 39 & (PTE_ENTRIES - 1);

    if (l4)
        POKE(l4[slot], hv_l4_slots[slot - HV_SLOT_FIRST]);
    return l4 != NULL;
}
