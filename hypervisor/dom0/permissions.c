/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which I/O dom0 may do: everything but what the hypervisor drives itself (I9).
 *
 * Machine addresses: never an APIC or the window that MSIs are written to, for with a store there
 * dom0 could send any interrupt to any CPU.  Ports: not the interrupt controllers and timers, not
 * the serial port of the console; PCI configuration space and the CMOS clock only through the
 * emulator, because both sides use them.
 */
#include "dom0/permissions.h"

#include "boot/cmdline.h"
#include "cpu/acpi.h"
#include "cpu/cpu.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "mem/rangeset.h"

#define MSI_WINDOW_FIRST 0xfee00 /* frames of 0xfee00000 to 0xfeefffff; the local APIC is in it */
#define MSI_WINDOW_LAST  0xfeeff
#define NR_GSIS_MAX      1023

static void must(int rc)
{
    if (rc)
        panic("No memory for dom0's I/O permissions");
}

static void deny_ports(struct domain *d, unsigned first, unsigned last)
{
    must(rangeset_remove(d->ioports, first, last));
}

static void permit_ports(struct domain *d, const struct boot_options *opt)
{
    must(rangeset_add(d->ioports, 0, 0xffff));
    deny_ports(d, 0x20, 0x21); /* interrupt controllers */
    deny_ports(d, 0xa0, 0xa1);
    deny_ports(d, 0x40, 0x43); /* interval timer; channel 2 by emulation */
    deny_ports(d, 0x61, 0x61);
    deny_ports(d, 0x70, 0x71);   /* CMOS, by emulation */
    deny_ports(d, 0xcf8, 0xcfb); /* PCI configuration, by emulation; 0xcf9 resets: see below */
    deny_ports(d, 0xcfc, 0xcff);
    must(rangeset_add(d->ioports, 0xcf9, 0xcf9)); /* dom0 may reset the machine */
    for (unsigned i = 0; i < ARRAY_SIZE(opt->com); i++)
        if (opt->console & (CONSOLE_COM1 << i))
            deny_ports(d, opt->com[i].io_base, opt->com[i].io_base + 7);
}

static void permit_memory(struct domain *d)
{
    /* What dom0 may map it may also give to others; so this keeps reserved address bits out of
     * everybody's entries (I5). */
    must(rangeset_add(d->mem.iomem, 0, (1UL << (cpu_caps.phys_bits - PAGE_SHIFT)) - 1));
    must(rangeset_remove(d->mem.iomem, MSI_WINDOW_FIRST, MSI_WINDOW_LAST));
    for (unsigned i = 0; i < acpi_info.nr_ioapics; i++)
        must(rangeset_remove(d->mem.iomem, acpi_info.ioapic[i].address >> PAGE_SHIFT,
                             acpi_info.ioapic[i].address >> PAGE_SHIFT));
}

void dom0_permissions(struct domain *d, const struct boot_options *opt)
{
    permit_ports(d, opt);
    permit_memory(d);
    must(rangeset_add(d->irqs, 1, NR_GSIS_MAX));
}
