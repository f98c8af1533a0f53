/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupt vectors: which is whose, and what runs when one arrives: see irq.c.
 */
#pragma once

#include "lib/types.h"

/* Vectors below are exceptions; 0x20 to 0x2f are where the 8259s' stray interrupts go. */
#define VECTOR_PIC_FIRST     0x20
#define VECTOR_DYNAMIC_FIRST 0x30
#define VECTOR_DYNAMIC_LAST  0xef
#define VECTOR_LINUX_SYSCALL 0x80 /* int 0x80 of 32-bit programs */
#define VECTOR_HYPERCALL_INT 0x82 /* int 0x82: hypercalls of 32-bit kernels; never given out */
/* The highest priority class: the hypervisor's own. */
#define VECTOR_TIMER       0xf8
#define VECTOR_TLB_FLUSH   0xf9
#define VECTOR_EVENT_CHECK 0xfa
#define VECTOR_CALL        0xfb
#define VECTOR_APIC_ERROR  0xfe
#define VECTOR_SPURIOUS    0xff

typedef void (*irq_handler_t)(uint8_t vector);

/* NULL takes a handler away.  The handler acknowledges the local APIC itself (apic_eoi). */
void irq_set_handler(uint8_t vector, irq_handler_t fn);

/* Runs the handler of a vector that has arrived; interrupts are off. */
void handle_irq(unsigned int vector);

/* A free dynamic vector, the same on all CPUs; 0 when there is none.  Pair with irq_free_vector. */
uint8_t irq_alloc_vector(void);
void irq_free_vector(uint8_t vector);

/* How often a vector has arrived, on all CPUs. */
uint64_t irq_count(uint8_t vector);
