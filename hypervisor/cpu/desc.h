/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Descriptor tables: GDT, TSS, IDT and the SYSCALL registers: see desc.c.
 */
#pragma once

#include "mem/layout.h"

/*
 * Selectors of the hypervisor's part of every GDT.  The ring-3 ones are the ABI's flat segments
 * (abi/xen.h, FLAT_RING3_*); the order of those around them is what SYSCALL and SYSRET demand.
 */
#define SEL_HV_CS64    0xe008
#define SEL_HV_DS      0xe010
#define SEL_GUEST_CS32 0xe023
#define SEL_GUEST_DS   0xe02b
#define SEL_GUEST_CS64 0xe033
#define SEL_TSS_FIRST  0xe040 /* + 32 per CPU */
#define SEL_LDT_FIRST  0xe050 /* + 32 per CPU */
#define SEL_PER_CPU    32

#ifndef __ASSEMBLY__
#include "lib/types.h"

/* Fills the shared GDT page, the IDT and the vector table's gates.  Once, on the first CPU. */
void desc_init(void);

/*
 * Loads GDT, LDT, TSS and IDT on the calling CPU, whose stack block is at stack_base (see
 * mem/layout.h).  May be called again when the stack moves.
 */
void desc_init_cpu(unsigned int cpu, uint64_t stack_base);

/*
 * Loads a vCPU's GDT: `base` is the address of its descriptor area, whose page FIRST_HV_GDT_PAGE
 * maps desc_gdt_frame().  The frame table of no vCPU: desc_load_hv_gdt().
 */
void desc_load_gdt(uint64_t base);
void desc_load_hv_gdt(void);

/* Loads an LDT of `entries` descriptors at `base`; none when entries is 0. */
void desc_load_ldt(uint64_t base, unsigned int entries);

/* The frame that every vCPU's GDT shares. */
mfn_t desc_gdt_frame(void);

/* Where the processor reads the IDT, and `cpu` its TSS: each within one page. */
uint64_t desc_idt_va(void);
uint64_t desc_tss_va(unsigned int cpu);

/* One page of code, written here, executed at HV_STUBS_BASE. */
extern uint8_t syscall_stubs[NR_CPUS * STUB_SIZE];

/*
 * Writes the calling CPU's SYSCALL stubs and loads STAR, LSTAR, CSTAR, the flag mask and the
 * SYSENTER registers.
 */
void syscall_init_cpu(unsigned int cpu);
#endif
