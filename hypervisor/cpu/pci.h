/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI configuration space by the address and data ports (PCI Local Bus 3.0, 3.2.2.3.2), shared
 * between the hypervisor and dom0: every access sets the address anew under one lock.
 */
#pragma once

#include "lib/types.h"

#define PCI_COMMAND        0x04 /* register */
#define PCI_COMMAND_MEMORY 0x02 /* its bit: memory BARs are decoded */

/* `address`: what goes to port 0xcf8, with bit 31; offset 0-3 within the data port, size 1, 2, 4.
 */
uint32_t pci_cf8_read(uint32_t address, unsigned offset, unsigned size);
void pci_cf8_write(uint32_t address, unsigned offset, unsigned size, uint32_t val);

/* Registers 0-255 of a function on segment 0. */
static inline uint32_t pci_cf8_address(unsigned bus, unsigned devfn, unsigned reg)
{
    return 1u << 31 | bus << 16 | devfn << 8 | (reg & 0xfc);
}
static inline uint32_t pci_read(unsigned bus, unsigned devfn, unsigned reg, unsigned size)
{
    return pci_cf8_read(pci_cf8_address(bus, devfn, reg), reg & 3, size);
}
static inline void pci_write(unsigned bus, unsigned devfn, unsigned reg, unsigned size,
                             uint32_t val)
{
    pci_cf8_write(pci_cf8_address(bus, devfn, reg), reg & 3, size, val);
}
