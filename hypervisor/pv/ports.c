/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * I/O ports as a domain sees them.
 *
 * A port is the domain's if its range set says so (dom0: nearly all), and is then passed through.
 * Four devices are shared between dom0 and the hypervisor and need a hand here: PCI configuration
 * space and the CMOS clock, whose index and data ports only work as a pair, the second channel of
 * the interval timer, and nothing else.
 */
#include "cpu/insn.h"
#include "cpu/pci.h"
#include "cpu/rtc.h"
#include "domain/domain.h"
#include "domain/msi.h"
#include "lib/spinlock.h"
#include "mem/rangeset.h"
#include "pv/emulate.h"

#define PORT_PIT_CH2   0x42
#define PORT_PIT_MODE  0x43
#define PORT_SYSTEM_B  0x61 /* gate of channel 2, speaker */
#define PORT_RTC_INDEX 0x70
#define PORT_RTC_DATA  0x71
#define PORT_PCI_ADDR  0xcf8
#define PORT_PCI_DATA  0xcfc

static uint32_t all_ones(unsigned size)
{
    return size == 4 ? ~0u : (1u << size * 8) - 1;
}

static bool owns(const struct domain *d, unsigned port, unsigned size)
{
    return d->ioports && port + size <= 0x10000 &&
           rangeset_contains_range(d->ioports, port, port + size - 1);
}

static uint32_t raw_in(unsigned port, unsigned size)
{
    switch (size) {
    case 1: return inb(port);
    case 2: return inw(port);
    default: return inl(port);
    }
}

static void raw_out(unsigned port, unsigned size, uint32_t val)
{
    switch (size) {
    case 1: outb(val, port); break;
    case 2: outw(val, port); break;
    default: outl(val, port); break;
    }
}

/* --- dom0's shared devices
 * ------------------------------------------------------------------------- */

static bool is_pci_data(unsigned port, unsigned size)
{
    return (port & ~3u) == PORT_PCI_DATA && (port & 3) + size <= 4;
}

/* Channel 2 only: the others are the hypervisor's or nobody's. */
static bool pit_write_ok(unsigned port, uint32_t val)
{
    return port != PORT_PIT_MODE || (val & 0xc0) == 0x80;
}

static bool control_in(struct domain *d, unsigned port, unsigned size, uint32_t *val)
{
    switch (port) {
    case PORT_PCI_ADDR:
        if (size != 4)
            return false;
        *val = d->pci_address;
        return true;
    case PORT_RTC_INDEX:
    case PORT_RTC_DATA:
        if (size != 1)
            return false;
        *val = port == PORT_RTC_INDEX ? d->rtc_index : rtc_cmos_read(d->rtc_index & 0x7f);
        return true;
    case PORT_PIT_CH2:
    case PORT_SYSTEM_B:
        if (size != 1)
            return false;
        *val = inb(port);
        return true;
    }
    if (!is_pci_data(port, size))
        return false;
    *val = d->pci_address & 1u << 31 ? pci_cf8_read(d->pci_address & ~3u, port & 3, size)
                                     : all_ones(size);
    return true;
}

static void config_out(uint32_t address, unsigned offset, unsigned size, uint32_t val)
{
    /* A function that was plugged in has a place for its MSI-X table only from now on (I9).  The
     * driver maps its registers after this, so no writable mapping is there yet.  Unprotected it
     * does not get its memory. */
    if ((address & 0xfc) == PCI_COMMAND && !offset && (val & PCI_COMMAND_MEMORY) &&
        msi_protect_table(address >> 16 & 0xff, address >> 8 & 0xff))
        val &= ~PCI_COMMAND_MEMORY;
    pci_cf8_write(address, offset, size, val);
}

static bool control_out(struct domain *d, unsigned port, unsigned size, uint32_t val)
{
    switch (port) {
    case PORT_PCI_ADDR:
        if (size != 4)
            return false; /* 0xcf9 and its neighbours are other devices, like the reset port */
        d->pci_address = val;
        return true;
    case PORT_RTC_INDEX:
        if (size != 1)
            return false;
        d->rtc_index = val;
        return true;
    case PORT_RTC_DATA:
        if (size != 1)
            return false;
        rtc_cmos_write(d->rtc_index & 0x7f, val);
        return true;
    case PORT_PIT_CH2:
    case PORT_PIT_MODE:
        if (size != 1)
            return false;
        if (pit_write_ok(port, val))
            outb(val, port);
        return true;
    case PORT_SYSTEM_B:
        if (size != 1)
            return false;
        outb((inb(port) & ~3u) | (val & 3), port);
        return true;
    }
    if (!is_pci_data(port, size))
        return false;
    if (d->pci_address & 1u << 31)
        config_out(d->pci_address & ~3u, port & 3, size, val);
    return true;
}

uint32_t pv_port_in(struct domain *d, unsigned port, unsigned size)
{
    uint32_t val = 0;

    if (d->is_control && control_in(d, port, size, &val))
        return val;
    if (owns(d, port, size))
        return raw_in(port, size);
    /* A kernel that calibrates its TSC with the timer counts this port down; zero says at once that
     * there is no timer, where all ones would let it try 50,000 times. */
    if (port == PORT_PIT_CH2 && size == 1)
        return 0;
    return all_ones(size);
}

void pv_port_out(struct domain *d, unsigned port, unsigned size, uint32_t val)
{
    if (d->is_control && control_out(d, port, size, val))
        return;
    if (owns(d, port, size))
        raw_out(port, size, val);
}
