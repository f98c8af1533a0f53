/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MSI and MSI-X: see msi.h.  Registers as in PCI Local Bus 3.0, section 6.8.
 */
#include "domain/msi.h"

#include "abi/errno.h"
#include "cpu/apic.h"
#include "cpu/pci.h"
#include "debug/assert.h"
#include "lib/atomic.h"
#include "mem/map.h"
#include "mem/pte.h"
#include "mem/rangeset.h"

#define PCI_COMMAND       0x04
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

int msi_protect_table(unsigned bus, unsigned devfn)
{
    unsigned cap = find_cap(bus, devfn, CAP_MSIX);
    uint32_t where, size;
    uint64_t bar, first, last;

    if (!cap)
        return 0;
    where = pci_read(bus, devfn, cap + MSIX_TABLE, 4);
    size = (pci_read(bus, devfn, cap + MSIX_CONTROL, 2) & MSIX_SIZE_MASK) + 1;
    bar = bar_address(bus, devfn, where & 7);
    if (!bar)
        return 0; /* not placed yet: msi_open() comes here again */
    first = bar + (where & ~7u);
    last = first + size * MSIX_ENTRY_BYTES - 1;
    return rangeset_add(mem_io_read_only, first >> PAGE_SHIFT, last >> PAGE_SHIFT);
}

static int open_msix(struct msi_source *m, unsigned entry, uint64_t table_base)
{
    uint32_t control, where;
    uint64_t bar, table;
    char *page;

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
    if (msi_protect_table(m->bus, m->devfn))
        return -ENOMEM;
    table = bar + (where & ~7u) + entry * MSIX_ENTRY_BYTES;
    page = ioremap(table & PAGE_MASK, PAGE_SIZE);
    if (!page)
        return -ENOMEM;
    m->is_msix = true;
    m->entry = entry;
    m->table = (volatile uint32_t *)(page + (table & ~PAGE_MASK));
    /* Entries of a table can be reached only while memory decoding and MSI-X are on; until
     * the guest has set up all it wants, everything is masked. */
    pci_write(m->bus, m->devfn, PCI_COMMAND, 2, pci_read(m->bus, m->devfn, PCI_COMMAND, 2) | 2);
    return 0;
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
    uint32_t control;

    msi_mask(m, true);
    if (m->is_msix) {
        iounmap((void *)((uint64_t)m->table & PAGE_MASK), PAGE_SIZE);
        m->table = NULL;
        return;
    }
    control = pci_read(m->bus, m->devfn, m->cap + MSI_CONTROL, 2);
    pci_write(m->bus, m->devfn, m->cap + MSI_CONTROL, 2, control & ~MSI_ENABLE);
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
    }
}

void msi_enable(struct msi_source *m)
{
    unsigned reg = m->cap + (m->is_msix ? MSIX_CONTROL : MSI_CONTROL);
    uint32_t control = pci_read(m->bus, m->devfn, reg, 2);

    control |= m->is_msix ? MSIX_ENABLE : MSI_ENABLE;
    pci_write(m->bus, m->devfn, reg, 2, control);
}
