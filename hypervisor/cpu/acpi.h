/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine as ACPI describes it: see acpi.c.
 */
#pragma once

#include "cpu/acpi_parse.h"

extern struct acpi_info acpi_info;

/*
 * Finds and reads the tables.  The root pointer is at `rsdp` (0: unknown), else `rsdp_copy` is the
 * loader's copy of it (size 0: none), else the BIOS area is searched.  A damaged table is left out
 * with a message.  After map_init().
 */
void acpi_init(const void *rsdp_copy, size_t rsdp_copy_size, paddr_t rsdp);

/*
 * Writes dom0's PM1 control values (XENPF_enter_acpi_sleep) to enter sleep state S5.  Returns only
 * when that failed.
 */
void acpi_enter_s5(uint16_t pm1a_control, uint16_t pm1b_control);

/* Whether the FADT has a register that resets the machine. */
bool acpi_can_reset(void);
/* Writes it; returns if that did nothing.  Any context. */
void acpi_reset(void);
