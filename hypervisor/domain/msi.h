/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Message-signalled interrupts of one PCI function, as hardware: finding the capability, writing
 * the message, masking.  What interrupt it is and whose, domain/irq.c knows.
 */
#pragma once

#include "lib/types.h"

struct msix_area;

struct msi_source {
    uint8_t bus, devfn;
    uint8_t cap; /* of the capability, in configuration space */
    bool is_msix;
    bool is_64bit, has_mask;  /* MSI */
    uint8_t nr_vectors;       /* MSI: messages granted; the data's low bits select among them */
    uint16_t entry;           /* MSI-X: index; MSI: 0 */
    volatile uint32_t *table; /* MSI-X: the entry's four words, uncached */
    struct msix_area *area;   /* MSI-X: the pages around them */
};

/*
 * Finds and takes over a function's MSI (entry 0) or, with table_base not 0, its MSI-X entry
 * `entry`; table_base must be the address of the BAR that holds the table.  The source is left
 * masked.  0; -ENODEV: no such capability; -EINVAL: no such entry or table; -ENOMEM.
 */
int msi_open(struct msi_source *m, unsigned bus, unsigned devfn, unsigned entry,
             uint64_t table_base);
void msi_close(struct msi_source *m);

/* Messages go to `vector` on `cpu` from now on. */
void msi_write(struct msi_source *m, uint8_t vector, unsigned cpu);
/* A plain MSI without a mask bit is switched off as a whole; its messages are then lost, while
 * masked ones wait. */
void msi_mask(struct msi_source *m, bool masked);
/* Switches the capability on.  Linux does so too; doing it twice is harmless. */
void msi_enable(struct msi_source *m);

/*
 * I9: makes the pages of a function's MSI-X table, if it has one, read-only for every domain's
 * mappings from now on; a store there could send any vector to any CPU.  To be called when dom0
 * announces the function, before its driver maps it, and before its memory is switched on.  0;
 * -ENOMEM; -EBUSY: it has moved, in use.  After an error the function's memory is off, and must be
 * left so.
 */
int msi_protect_table(unsigned bus, unsigned devfn);
/* The function is gone: another one's ordinary registers may come to lie there.  0; -EBUSY: a
 * message of it is still mapped; -ENOMEM. */
int msi_forget_table(unsigned bus, unsigned devfn);
