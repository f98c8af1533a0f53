/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The IO-APICs: see ioapic.c.  An interrupt line is named by its GSI (global system interrupt).
 */
#pragma once

#include "lib/types.h"

/* Maps all of them and masks every line.  After acpi_init() and apic_init(). */
void ioapic_init(void);

/* One above the highest GSI that has a line. */
uint32_t ioapic_nr_gsis(void);
bool ioapic_has_gsi(uint32_t gsi);

/* Where an ISA interrupt is wired, with its trigger and polarity. */
uint32_t ioapic_isa_gsi(uint8_t irq, bool *level, bool *active_low);

/*
 * Sends the line to `vector` on `cpu`; left masked or not.  False: no such line.
 */
bool ioapic_route(uint32_t gsi, uint8_t vector, unsigned int cpu, bool level, bool active_low,
                  bool masked);
/* Makes each edge of the line an NMI of `cpu`, or takes that back.  False: no such line. */
bool ioapic_route_nmi(uint32_t gsi, unsigned int cpu, bool on);
void ioapic_mask(uint32_t gsi);
void ioapic_unmask(uint32_t gsi);
/* Moves the line to another CPU, all else as it is. */
void ioapic_set_cpu(uint32_t gsi, unsigned int cpu);
/* The vector of a routed line; 0: none. */
uint8_t ioapic_vector(uint32_t gsi);

/*
 * PHYSDEVOP_apic_read: register `reg` of the IO-APIC at machine address `base`.  False: no IO-APIC
 * there.
 */
bool ioapic_read_register(paddr_t base, uint32_t reg, uint32_t *value);
