/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The few calls that go upwards, from a lower layer to a higher one.  Declared here and nowhere
 * else; the comment says who defines each.
 */
#pragma once

#include "cpu/frame.h"
#include "lib/types.h"

/* pv/entry.S: the entry point of each of the 256 vectors, for cpu/desc.c's gates. */
extern void *const trap_stubs[256];

/*
 * pv/entry_syscall.S: where the per-CPU SYSCALL stubs jump.  The guest's RSP is in
 * cpu_info.syscall_rsp, RSP is the end of cpu_info.regs, interrupts are off, RCX and R11 hold RIP
 * and RFLAGS. sysenter_entry is entered with RSP at the end of cpu_info.regs; nothing is saved. The
 * second is the first where guests may run on restricted roots.
 */
extern char syscall_entry[], syscall_entry_restricted[], syscall32_entry[], sysenter_entry[];

/*
 * mem/map.c.  Device memory, uncached; or firmware tables in RAM or ROM, cached.  Any alignment.
 * NULL: no room.  Reserved for things that stay; iounmap() takes a mapping away but does not reuse
 * its place.
 */
void *ioremap(paddr_t p, uint64_t size);
void *ioremap_cached(paddr_t p, uint64_t size);
void iounmap(void *va, uint64_t size);

/*
 * mem/efi.c.  Lets UEFI firmware restart the machine or switch it off; returns if there is none, or
 * if it is being called already.  And an exception in the hypervisor's mode: true when it was the
 * firmware's, whose call is ended.
 */
enum efi_reset_type { EFI_RESET_COLD, EFI_RESET_WARM, EFI_RESET_SHUTDOWN }; /* UEFI 2.10, 8.5.1 */
bool efi_can_reset(void);
void efi_reset(enum efi_reset_type type);
bool efi_fault(struct cpu_regs *regs);

/* mem/tlb.c: another CPU asked for a TLB flush.  Interrupt context; the interrupt is acknowledged.
 */
void tlb_flush_ipi(void);

/* sched/: this CPU should look at its pending work on the way out.  Interrupt context. */
void event_check_ipi(void);

/* sched/, time/: the local APIC's timer has fired.  Interrupt context; acknowledged. */
void timer_interrupt(void);

/* domain/: a short name of who is running, such as "d0v1"; an empty string is allowed. */
void describe_current(char *buf, size_t size);

/* domain/: who that is as a number for trace records: domain << 16 | vCPU; idle: domain 0x7fff. */
uint32_t number_of_current(void);

/* sched/: what a CPU does once it is up: become its idle vCPU.  Interrupts are off. */
__noreturn void cpu_idle_entry(void);

/* hypercall/console_io.c: a character typed on the console for dom0. */
void guest_console_input(char c);

/* pv/: an NMI of the machine is dom0's, for this reason (XEN_NMIREASON_*).  NMI context. */
void nmi_upcall(uint64_t reason);
