/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Prototypes of every handler that hypercalls.def names.  They live with the mechanism they serve;
 * this is the one place that lists them all.  Arguments arrive as the guest's registers: a handler
 * that takes a narrower type sees the low part, as the ABI has it.
 */
#pragma once

#include "lib/types.h"

long do_set_trap_table(uint64_t traps);
long do_mmu_update(uint64_t ureqs, unsigned count, uint64_t pdone, unsigned foreigndom);
long do_set_gdt(uint64_t frame_list, unsigned entries);
long do_stack_switch(uint64_t ss, uint64_t sp);
long do_set_callbacks(uint64_t event, uint64_t failsafe, uint64_t syscall);
long do_fpu_taskswitch(int set);
long do_platform_op(uint64_t arg);
long do_set_debugreg(int reg, uint64_t value);
long do_get_debugreg(int reg);
long do_update_descriptor(uint64_t maddr, uint64_t desc);
long do_memory_op(unsigned cmd, uint64_t arg);
long do_multicall(uint64_t calls, uint64_t nr_calls);
long do_update_va_mapping(uint64_t va, uint64_t pte, uint64_t flags);
long do_set_timer_op(int64_t timeout);
long do_xen_version(int cmd, uint64_t arg);
long do_console_io(unsigned cmd, unsigned count, uint64_t buffer);
long do_grant_table_op(unsigned cmd, uint64_t uop, unsigned count);
long do_vm_assist(unsigned cmd, unsigned type);
long do_update_va_mapping_otherdomain(uint64_t va, uint64_t pte, uint64_t flags, domid_t domid);
long do_iret(void);
long do_vcpu_op(int cmd, unsigned vcpu_id, uint64_t arg);
long do_set_segment_base(unsigned which, uint64_t base);
long do_mmuext_op(uint64_t uops, unsigned count, uint64_t pdone, unsigned foreigndom);
long do_nmi_op(unsigned cmd, uint64_t arg);
long do_sched_op(int cmd, uint64_t arg);
long do_callback_op(int cmd, uint64_t arg);
long do_event_channel_op(int cmd, uint64_t arg);
long do_physdev_op(int cmd, uint64_t arg);
long do_sysctl(uint64_t arg);
long do_domctl(uint64_t arg);
long do_xenpmu_op(unsigned cmd, uint64_t arg);
