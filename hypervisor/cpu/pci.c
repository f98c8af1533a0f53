/* SPDX-License-Identifier: GPL-2.0-only */
/* PCI configuration space: see pci.h. */
#include "cpu/pci.h"

#include "cpu/insn.h"
#include "lib/spinlock.h"

static spinlock_t lock; /* also taken in interrupts: masking an MSI writes to the device */

uint32_t pci_cf8_read(uint32_t address, unsigned offset, unsigned size)
{
    uint64_t flags = spin_lock_irqsave(&lock);
    uint32_t val;

    outl(address, 0xcf8);
    switch (size) {
    case 1: val = inb(0xcfc + offset); break;
    case 2: val = inw(0xcfc + offset); break;
    default: val = inl(0xcfc); break;
    }
    spin_unlock_irqrestore(&lock, flags);
    return val;
}

void pci_cf8_write(uint32_t address, unsigned offset, unsigned size, uint32_t val)
{
    uint64_t flags = spin_lock_irqsave(&lock);

    outl(address, 0xcf8);
    switch (size) {
    case 1: outb(val, 0xcfc + offset); break;
    case 2: outw(val, 0xcfc + offset); break;
    default: outl(val, 0xcfc); break;
    }
    spin_unlock_irqrestore(&lock, flags);
}
