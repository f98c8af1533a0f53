/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * physdev_op: interrupts and PCI devices for dom0, I/O privilege for everybody.
 *
 * dom0's kernel finds devices and routes by itself and tells the hypervisor what it found; the
 * hypervisor programs the IO-APICs and the MSI messages, so that no guest ever writes a vector.
 */
#include "abi/physdev.h"

#include "abi/errno.h"
#include "cpu/ioapic.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "domain/irq.h"
#include "domain/msi.h"
#include "hypercall/handlers.h"
#include "mem/guest_access.h"

#define FETCH(arg, s)                                                                              \
    (copy_from_guest(&(s), (arg), sizeof(s))                                                       \
         ? guest_error(-EFAULT, "physdev_op structure cannot be read")                             \
         : 0)
#define STORE(arg, s)                                                                              \
    (copy_to_guest((arg), &(s), sizeof(s))                                                         \
         ? guest_error(-EFAULT, "physdev_op structure cannot be written")                          \
         : 0)

static long op_eoi(struct domain *d, uint64_t arg)
{
    struct physdev_eoi eoi;
    long rc = FETCH(arg, eoi);

    return rc ? rc : pirq_eoi(d, eoi.irq);
}

static long op_irq_status(struct domain *d, uint64_t arg)
{
    struct physdev_irq_status_query q;
    long rc = FETCH(arg, q);

    if (rc)
        return rc;
    if (q.irq >= EVTCHN_MAX_PIRQS)
        return guest_error(-EINVAL, "no interrupt has this number");
    /* Unlike Xen, edges and messages are never masked, so they need no eoi. */
    q.flags = pirq_needs_eoi(d, q.irq) ? XENIRQSTAT_needs_eoi : 0;
    return STORE(arg, q);
}

static long op_set_iopl(struct vcpu *v, uint64_t arg)
{
    struct physdev_set_iopl p;
    long rc = FETCH(arg, p);

    if (rc)
        return rc;
    if (p.iopl > 3)
        return guest_error(-EINVAL, "IOPL is 0 to 3");
    v->iopl = p.iopl;
    return 0;
}

static long op_set_iobitmap(struct vcpu *v, uint64_t arg)
{
    struct physdev_set_iobitmap p;
    long rc = FETCH(arg, p);

    if (rc)
        return rc;
    if (p.nr_ports > 65536 || !guest_range_okay(p.bitmap, (p.nr_ports + 7) / 8))
        return guest_error(-EINVAL, "I/O bitmap is too long, or not in guest memory");
    v->iobmp = p.bitmap;
    v->iobmp_limit = p.nr_ports;
    return 0;
}

/* A write is checked like a read, and without effect: IO-APICs are programmed by setup_gsi. */
static long op_apic(uint64_t arg, bool is_write)
{
    struct physdev_apic a;
    long rc = FETCH(arg, a);

    if (rc)
        return rc;
    if (!ioapic_read_register(a.apic_physbase, a.reg, &a.value))
        return guest_error(-EINVAL, "no IO-APIC register there");
    return is_write ? 0 : STORE(arg, a);
}

static long op_alloc_vector(uint64_t arg)
{
    struct physdev_irq q;
    long rc = FETCH(arg, q);

    if (rc)
        return rc;
    if (q.irq >= ioapic_nr_gsis())
        return guest_error(-EINVAL, "no IO-APIC has this interrupt");
    /* The vector is a word that dom0 hands back to apic_write; it has no meaning to it. */
    q.vector = q.irq;
    return STORE(arg, q);
}

static long op_setup_gsi(struct domain *d, uint64_t arg)
{
    struct physdev_setup_gsi s;
    struct gsi_mode mode;
    long rc = FETCH(arg, s);

    if (rc)
        return rc;
    if (s.gsi < 0)
        return guest_error(-EINVAL, "no IO-APIC has this interrupt");
    mode.level = s.triggering;
    mode.active_low = s.polarity;
    return pirq_map_gsi(d, s.gsi, &mode);
}

static long map_msi(struct domain *d, struct physdev_map_pirq *m)
{
    struct msi_request r = {.devfn = m->devfn & 0xff, .table_base = m->table_base};

    if (m->type == MAP_PIRQ_TYPE_MULTI_MSI && m->entry_nr > 1)
        return guest_error(-EOPNOTSUPP, "several MSIs of one function: use MSI-X, or one MSI");
    if (m->type != MAP_PIRQ_TYPE_MSI && (uint32_t)m->bus >> 16)
        return guest_error(-EINVAL, "only PCI segment 0 is supported");
    r.bus = m->bus & 0xff;
    r.entry = m->table_base ? (uint32_t)m->entry_nr : 0;
    return pirq_map_msi(d, m->pirq, &r);
}

static long op_map_pirq(struct domain *d, uint64_t arg)
{
    struct physdev_map_pirq m;
    long rc = FETCH(arg, m);

    if (rc)
        return rc;
    if (m.domid != DOMID_SELF && m.domid != d->mem.id)
        return guest_error(-EPERM, "devices are not given to other domains");
    switch (m.type) {
    case MAP_PIRQ_TYPE_GSI:
        if (m.index < 0 || (m.pirq >= 0 && m.pirq != m.index))
            return guest_error(-EINVAL, "a GSI has the pirq of its own number");
        rc = pirq_map_gsi(d, m.index, NULL);
        m.pirq = m.index;
        break;
    case MAP_PIRQ_TYPE_MSI:
    case MAP_PIRQ_TYPE_MSI_SEG:
    case MAP_PIRQ_TYPE_MULTI_MSI:
        rc = map_msi(d, &m);
        if (rc < 0)
            return rc;
        m.pirq = rc;
        rc = 0;
        break;
    default: return guest_error(-EINVAL, "no such type of interrupt");
    }
    return rc ? rc : STORE(arg, m);
}

static long op_unmap_pirq(struct domain *d, uint64_t arg)
{
    struct physdev_unmap_pirq u;
    long rc = FETCH(arg, u);

    if (rc)
        return rc;
    if (u.domid != DOMID_SELF && u.domid != d->mem.id)
        return guest_error(-EPERM, "devices are not given to other domains");
    return u.pirq < 0 ? guest_error(-EINVAL, "no interrupt has this number")
                      : pirq_unmap(d, u.pirq);
}

static long op_get_free_pirq(struct domain *d, uint64_t arg)
{
    struct physdev_get_free_pirq g;
    long rc = FETCH(arg, g);

    if (rc)
        return rc;
    rc = pirq_get_free(d);
    if (rc < 0)
        return rc;
    g.pirq = rc;
    return STORE(arg, g);
}

/* The function that an operation is about; the older ones can name segment 0 only. */
static long fetch_function(uint64_t arg, bool has_segment, struct physdev_pci_device *f)
{
    struct physdev_manage_pci old;
    long rc;

    if (!has_segment) {
        rc = FETCH(arg, old);
        *f = (struct physdev_pci_device){.bus = old.bus, .devfn = old.devfn};
        return rc;
    }
    rc = FETCH(arg, *f);
    if (rc)
        return rc;
    return f->seg ? guest_error(-EINVAL, "only PCI segment 0 is supported") : 0;
}

/* dom0 tells of a PCI function before any driver of it runs.  There is no IOMMU to set up; what
 * must be done is to take the MSI-X table out of its reach. */
static long op_pci_add(uint64_t arg, bool has_segment)
{
    struct physdev_pci_device f;
    long rc = fetch_function(arg, has_segment, &f);

    return rc ? rc : msi_protect_table(f.bus, f.devfn);
}

static long op_pci_remove(uint64_t arg, bool has_segment)
{
    struct physdev_pci_device f;
    long rc = fetch_function(arg, has_segment, &f);

    return rc ? rc : msi_forget_table(f.bus, f.devfn);
}

/* Where configuration space can be reached by memory; here it is reached by ports. */
static long op_mmcfg_reserved(uint64_t arg)
{
    struct physdev_pci_mmcfg_reserved m;

    return FETCH(arg, m);
}

/* What takes devices to do. */
static long control_op(struct domain *d, unsigned cmd, uint64_t arg)
{
    switch (cmd) {
    case PHYSDEVOP_apic_read: return op_apic(arg, false);
    case PHYSDEVOP_apic_write: return op_apic(arg, true);
    case PHYSDEVOP_alloc_irq_vector: return op_alloc_vector(arg);
    case PHYSDEVOP_setup_gsi: return op_setup_gsi(d, arg);
    case PHYSDEVOP_map_pirq: return op_map_pirq(d, arg);
    case PHYSDEVOP_unmap_pirq: return op_unmap_pirq(d, arg);
    case PHYSDEVOP_manage_pci_add:
    case PHYSDEVOP_manage_pci_add_ext: return op_pci_add(arg, false);
    case PHYSDEVOP_pci_device_add: return op_pci_add(arg, true);
    case PHYSDEVOP_manage_pci_remove: return op_pci_remove(arg, false);
    case PHYSDEVOP_pci_device_remove: return op_pci_remove(arg, true);
    case PHYSDEVOP_pci_mmcfg_reserved: return op_mmcfg_reserved(arg);
    default: return guest_error(-ENOSYS, "physdev_op that is not offered");
    }
}

long do_physdev_op(int cmd, uint64_t arg)
{
    struct vcpu *v = current;
    struct domain *d = v->domain;

    switch (cmd) {
    case PHYSDEVOP_set_iopl: return op_set_iopl(v, arg);
    case PHYSDEVOP_set_iobitmap: return op_set_iobitmap(v, arg);
    case PHYSDEVOP_irq_status_query: return op_irq_status(d, arg);
    case PHYSDEVOP_eoi: return op_eoi(d, arg);
    case PHYSDEVOP_get_free_pirq: return op_get_free_pirq(d, arg);
    case PHYSDEVOP_apic_read ... PHYSDEVOP_alloc_irq_vector:
    case PHYSDEVOP_map_pirq ... PHYSDEVOP_manage_pci_remove:
    case PHYSDEVOP_restore_msi ... PHYSDEVOP_setup_gsi:
    case PHYSDEVOP_pci_mmcfg_reserved ... PHYSDEVOP_restore_msi_ext:
    case PHYSDEVOP_dbgp_op ... PHYSDEVOP_release_msix:
        if (!d->is_control)
            return guest_error(-EPERM, "physdev_op without devices");
        return control_op(d, cmd, arg);
    default:
        /* Numbers without a meaning, and what nobody needs: free_irq_vector, the end-of-interrupt
         * page (Linux then asks irq_status_query), IRQ_UNMASK_NOTIFY. */
        return guest_error(-ENOSYS, "no such physdev_op");
    }
}
