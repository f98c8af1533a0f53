/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MSI and MSI-X: see msi.h.  Registers as in PCI Local Bus 3.0, section 6.8.
 *
 * An MSI-X table is mapped once and stays so: what ioremap() gives is not given again, and a
 * function that is plugged in anew mostly returns to its place.
 */
#include "domain/msi.h"

#include "abi/errno.h"
#include "console/log.h"
#include "cpu/apic.h"
#include "cpu/pci.h"
#include "debug/assert.h"
#include "lib/atomic.h"
#include "lib/spinlock.h"
#include "mem/heap.h"
#include "mem/map.h"
#include "mem/pte.h"
#include "mem/rangeset.h"

#define PCI_STATUS        0x06
#define PCI_STATUS_CAPS   0x10
#define PCI_BAR0          0x10
#define PCI_CAP_POINTER   0x34
#define CAP_MSI           0x05
#define CAP_MSIX          0x11
#define MSI_CONTROL       2
#define MSI_ENABLE        0x0001
#define MSI_QUEUE_MASK    0x0070 /* messages enabled, log 2 */
#define MSI_64BIT         0x0080
#define MSI_PER_MASK      0x0100
#define MSIX_CONTROL      2
#define MSIX_SIZE_MASK    0x07ff
#define MSIX_MASK_ALL     0x4000
#define MSIX_ENABLE       0x8000
#define MSIX_TABLE        4
#define MSIX_ENTRY_BYTES  16
#define MSIX_ENTRY_MASKED 1

static unsigned find_cap(unsigned bus, unsigned devfn, unsigned id)
{
    unsigned pos, ttl = 48; /* as many as fit: a chain that is longer is a circle */

    if (pci_read(bus, devfn, 0, 2) == 0xffff ||
        !(pci_read(bus, devfn, PCI_STATUS, 2) & PCI_STATUS_CAPS))
        return 0;
    pos = pci_read(bus, devfn, PCI_CAP_POINTER, 1) & 0xfc;
    while (pos >= 0x40 && ttl--) {
        if (pci_read(bus, devfn, pos, 1) == id)
            return pos;
        pos = pci_read(bus, devfn, pos + 1, 1) & 0xfc;
    }
    return 0;
}

/* The machine address that a memory BAR is set to; 0: not a memory BAR, or not set. */
static uint64_t bar_address(unsigned bus, unsigned devfn, unsigned bir)
{
    uint32_t lo, hi = 0;

    if (bir > 5)
        return 0;
    lo = pci_read(bus, devfn, PCI_BAR0 + bir * 4, 4);
    if (lo & 1)
        return 0;
    if ((lo & 6) == 4 && bir < 5)
        hi = pci_read(bus, devfn, PCI_BAR0 + bir * 4 + 4, 4);
    return (uint64_t)hi << 32 | (lo & ~0xfu);
}

/* Pages that are, or were, some function's MSI-X table. */
struct msix_area {
    struct msix_area *next;
    uint64_t first, last; /* frames */
    char *map;
    bool owned; /* by bus, devfn; else the next function whose table comes here takes it over */
    uint8_t bus, devfn;
    unsigned users; /* entries that are open */
};

static struct msix_area *areas;
static spinlock_t areas_lock;

static struct msix_area *area_owned_by(unsigned bus, unsigned devfn)
{
    struct msix_area *a = areas;

    while (a && !(a->owned && a->bus == bus && a->devfn == devfn))
        a = a->next;
    return a;
}

static struct msix_area *area_at(uint64_t first, uint64_t last)
{
    struct msix_area *a = areas;

    while (a && (a->owned || a->first != first || a->last != last))
        a = a->next;
    if (a)
        return a;
    a = hv_zalloc(sizeof(*a));
    if (!a)
        return NULL;
    a->map = ioremap(first << PAGE_SHIFT, (last - first + 1) << PAGE_SHIFT);
    if (!a->map) {
        hv_free(a);
        return NULL;
    }
    a->first = first;
    a->last = last;
    a->next = areas;
    areas = a;
    return a;
}

/* Two functions with small BARs can have their tables in one page. */
static bool frame_is_owned(uint64_t frame)
{
    for (const struct msix_area *a = areas; a; a = a->next)
        if (a->owned && frame >= a->first && frame <= a->last)
            return true;
    return false;
}

static int area_disown(struct msix_area *a)
{
    int rc = 0;

    a->owned = false;
    for (uint64_t frame = a->first; frame <= a->last && !rc; frame++)
        if (!frame_is_owned(frame))
            rc = rangeset_remove(mem_io_read_only, frame, frame);
    return rc;
}

static int protect(unsigned bus, unsigned devfn, uint64_t first, uint64_t last,
                   struct msix_area **area)
{
    struct msix_area *a = area_owned_by(bus, devfn);
    int rc;

    if (a && (a->first != first || a->last != last)) {
        if (a->users)
            return guest_error(-EBUSY, "MSI-X table has moved while it is in use");
        rc = area_disown(a);
        if (rc)
            return rc;
        a = NULL;
    }
    if (!a)
        a = area_at(first, last);
    rc = a ? rangeset_add(mem_io_read_only, first, last)
           : guest_error(-ENOMEM, "no record for an MSI-X table");
    if (rc)
        return rc;
    a->owned = true;
    a->bus = bus;
    a->devfn = devfn;
    if (area) {
        a->users++;
        *area = a;
    }
    return 0;
}

/* I9 before everything: a table that is not protected must not be reachable, whoever switched the
 * function's memory on.  A driver finds registers that do not answer. */
static void hide(unsigned bus, unsigned devfn, int why)
{
    uint32_t command = pci_read(bus, devfn, PCI_COMMAND, 2);

    pci_write(bus, devfn, PCI_COMMAND, 2, command & ~PCI_COMMAND_MEMORY);
    printk(XENLOG_ERR "PCI %02x:%02x.%u: its MSI-X table cannot be protected (%d), so its memory "
                      "is switched off\n",
           bus, devfn >> 3, devfn & 7, why);
}

/* Protects the table, if it has a place; with `area` also counts a user of it. */
static int protect_table(unsigned bus, unsigned devfn, unsigned cap, struct msix_area **area)
{
    uint32_t where = pci_read(bus, devfn, cap + MSIX_TABLE, 4);
    unsigned size = (pci_read(bus, devfn, cap + MSIX_CONTROL, 2) & MSIX_SIZE_MASK) + 1;
    uint64_t bar = bar_address(bus, devfn, where & 7);
    uint64_t start = bar + (where & ~7u), end = start + size * MSIX_ENTRY_BYTES - 1;
    int rc;

    if (!bar)
        return 0; /* not placed yet: msi_open() comes here again */
    spin_lock(&areas_lock);
    rc = protect(bus, devfn, start >> PAGE_SHIFT, end >> PAGE_SHIFT, area);
    spin_unlock(&areas_lock);
    if (rc)
        hide(bus, devfn, rc);
    return rc;
}

int msi_protect_table(unsigned bus, unsigned devfn)
{
    unsigned cap = find_cap(bus, devfn, CAP_MSIX);

    return cap ? protect_table(bus, devfn, cap, NULL) : 0;
}

int msi_forget_table(unsigned bus, unsigned devfn)
{
    struct msix_area *a;
    int rc = 0;

    spin_lock(&areas_lock);
    a = area_owned_by(bus, devfn);
    if (a)
        rc =
            a->users ? guest_error(-EBUSY, "function leaves with messages in use") : area_disown(a);
    spin_unlock(&areas_lock);
    return rc;
}

static int open_msix(struct msi_source *m, unsigned entry, uint64_t table_base)
{
    uint32_t control, where;
    uint64_t bar, table;
    int rc;

    m->cap = find_cap(m->bus, m->devfn, CAP_MSIX);
    if (!m->cap)
        return guest_error(-ENODEV, "function has no MSI-X");
    control = pci_read(m->bus, m->devfn, m->cap + MSIX_CONTROL, 2);
    if (entry > (control & MSIX_SIZE_MASK))
        return guest_error(-EINVAL, "MSI-X entry behind the end of the table");
    where = pci_read(m->bus, m->devfn, m->cap + MSIX_TABLE, 4);
    bar = bar_address(m->bus, m->devfn, where & 7);
    /* The address comes from the device; what dom0 says is only held against it. */
    if (!bar || bar != table_base)
        return guest_error(-EINVAL, "MSI-X table is not in the BAR that was named");
    rc = protect_table(m->bus, m->devfn, m->cap, &m->area);
    if (rc)
        return rc;
    table = bar + (where & ~7u) + entry * MSIX_ENTRY_BYTES;
    m->is_msix = true;
    m->entry = entry;
    m->table = (volatile uint32_t *)(m->area->map + (table - (m->area->first << PAGE_SHIFT)));
    /* Entries of a table can be reached only while memory decoding and MSI-X are on; until
     * the guest has set up all it wants, everything is masked. */
    pci_write(m->bus, m->devfn, PCI_COMMAND, 2,
              pci_read(m->bus, m->devfn, PCI_COMMAND, 2) | PCI_COMMAND_MEMORY);
    return 0;
}

static void msi_switch(const struct msi_source *m, bool on)
{
    unsigned reg = m->cap + (m->is_msix ? MSIX_CONTROL : MSI_CONTROL);
    uint32_t bit = m->is_msix ? MSIX_ENABLE : MSI_ENABLE;
    uint32_t control = pci_read(m->bus, m->devfn, reg, 2);

    pci_write(m->bus, m->devfn, reg, 2, on ? control | bit : control & ~bit);
}

static int open_msi(struct msi_source *m)
{
    uint32_t control;

    m->cap = find_cap(m->bus, m->devfn, CAP_MSI);
    if (!m->cap)
        return guest_error(-ENODEV, "function has no MSI");
    control = pci_read(m->bus, m->devfn, m->cap + MSI_CONTROL, 2);
    m->is_64bit = control & MSI_64BIT;
    m->has_mask = control & MSI_PER_MASK;
    m->nr_vectors = 1;
    control &= ~(MSI_QUEUE_MASK | MSI_ENABLE);
    pci_write(m->bus, m->devfn, m->cap + MSI_CONTROL, 2, control);
    return 0;
}

int msi_open(struct msi_source *m, unsigned bus, unsigned devfn, unsigned entry,
             uint64_t table_base)
{
    int rc;

    *m = (struct msi_source){.bus = bus, .devfn = devfn};
    rc = table_base ? open_msix(m, entry, table_base) : open_msi(m);
    if (!rc)
        msi_mask(m, true);
    return rc;
}

void msi_close(struct msi_source *m)
{
    msi_mask(m, true);
    if (m->is_msix) {
        spin_lock(&areas_lock);
        m->area->users--;
        spin_unlock(&areas_lock);
        m->table = NULL;
        return;
    }
    msi_switch(m, false);
}

void msi_write(struct msi_source *m, uint8_t vector, unsigned cpu)
{
    uint64_t address = apic_msi_address(cpu);
    uint32_t data = apic_msi_data(vector);

    if (m->is_msix) {
        uint32_t control = m->table[3];

        m->table[3] = control | MSIX_ENTRY_MASKED; /* never half a message */
        m->table[0] = (uint32_t)address;
        m->table[1] = address >> 32;
        m->table[2] = data;
        m->table[3] = control;
        return;
    }
    pci_write(m->bus, m->devfn, m->cap + 4, 4, (uint32_t)address);
    if (m->is_64bit) {
        pci_write(m->bus, m->devfn, m->cap + 8, 4, address >> 32);
        pci_write(m->bus, m->devfn, m->cap + 12, 2, data);
    } else {
        pci_write(m->bus, m->devfn, m->cap + 8, 2, data);
    }
}

void msi_mask(struct msi_source *m, bool masked)
{
    if (m->is_msix) {
        m->table[3] = (m->table[3] & ~MSIX_ENTRY_MASKED) | masked;
        (void)m->table[3]; /* posted writes arrive before we go on */
    } else if (m->has_mask) {
        unsigned reg = m->cap + (m->is_64bit ? 16 : 12);

        pci_write(m->bus, m->devfn, reg, 4, (pci_read(m->bus, m->devfn, reg, 4) & ~1u) | masked);
    } else {
        msi_switch(m, !masked); /* what is not sent meanwhile is lost: the caller makes up for it */
    }
}

void msi_enable(struct msi_source *m)
{
    msi_switch(m, true);
}
