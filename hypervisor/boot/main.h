/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The boot order's two places for everything above the machine layers: see main.c and subsystems.c.
 */
#pragma once

#include <stdint.h>

struct boot_options;
extern struct boot_options boot_options;
extern uint64_t boot_entry_tsc; /* the TSC when boot_main() began */

/* Called by head.S: what the loader left in EAX and EBX.  Does not return. */
void boot_main(uint32_t magic, uint32_t info);

/* On CPU 0, interrupts off, other CPUs not started. */
void boot_early_subsystems(void);
/* On CPU 0, interrupts on, all CPUs online and idle. */
void boot_late_subsystems(void);
