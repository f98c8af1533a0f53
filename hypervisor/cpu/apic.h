/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The local APIC: see apic.c.  Destinations are given as our CPU numbers.
 */
#pragma once

#include "lib/cpumask.h"
#include "lib/types.h"

/* Each CPU's APIC id, filled by cpu/smp.c before the CPU is used as a destination. */
extern uint32_t cpu_apic_id[NR_CPUS];

/* Finds and enables the first CPU's APIC, and silences the 8259s.  After acpi_init().
 * `x2apic_wanted`: option x2apic=, see apic.c. */
void apic_init(bool x2apic_wanted);
/* The calling CPU's, at each CPU's start. */
void apic_init_cpu(void);

/* Whether interrupts of devices can be sent to a processor with this id. */
bool apic_id_usable(uint32_t apic_id);

void apic_eoi(void);
/* Whether the APIC waits for the end of this vector's interrupt. */
bool apic_in_service(uint8_t vector);

void apic_send_ipi(unsigned int cpu, uint8_t vector);
void apic_send_ipi_mask(cpumask_t mask, uint8_t vector);
void apic_send_nmi(unsigned int cpu);
/* To the calling CPU; unlike the others this may be done in an NMI's handler. */
void apic_send_self(uint8_t vector);
/* The two steps of starting a processor; `page` is the 4 KiB page below 1 MiB it begins in. */
void apic_send_init(uint32_t apic_id);
void apic_send_startup(uint32_t apic_id, uint8_t page);

/*
 * Lets VECTOR_TIMER arrive when the TSC reaches `tsc`, at once if it has; one deadline per CPU.
 * Late by less than a microsecond; early never by more than the clocks' calibration error.
 */
void apic_timer_arm(uint64_t tsc);
void apic_timer_stop(void);

/* Makes an overflow of the performance counters an NMI, once: the processor masks it then. */
void apic_arm_counter_nmi(void);

/* For calibration: counts down from the largest count without interrupting. */
void apic_timer_count_start(void);
uint64_t apic_timer_count(void);
void apic_timer_count_stop(void);

/* What a message-signalled interrupt must carry to arrive as `vector` on `cpu`. */
uint64_t apic_msi_address(unsigned int cpu);
uint32_t apic_msi_data(uint8_t vector);
