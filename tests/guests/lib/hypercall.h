/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hypercalls of a 64-bit PV guest, issued inline with SYSCALL as today's Linux does.  The argument
 * registers count as lost, since a hypervisor may poison them.
 */
#pragma once

#include <stdint.h>

#include "abi/callback.h"
#include "abi/event_channel.h"
#include "abi/grant_table.h"
#include "abi/memory.h"
#include "abi/physdev.h"
#include "abi/sched.h"
#include "abi/vcpu.h"
#include "abi/version.h"
#include "abi/xen.h"

static inline long hypercall5(unsigned long nr, unsigned long a1, unsigned long a2,
                              unsigned long a3, unsigned long a4, unsigned long a5)
{
    register unsigned long r10 __asm__("r10") = a4;
    register unsigned long r8 __asm__("r8") = a5;
    long ret;

    __asm__ volatile("syscall"
                     : "=a"(ret), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8)
                     : "0"(nr)
                     : "rcx", "r9", "r11", "memory");
    return ret;
}

#define HC_ARG(x)            ((unsigned long)(x))
#define HC_1(nr, a)          hypercall5(nr, HC_ARG(a), 0, 0, 0, 0)
#define HC_2(nr, a, b)       hypercall5(nr, HC_ARG(a), HC_ARG(b), 0, 0, 0)
#define HC_3(nr, a, b, c)    hypercall5(nr, HC_ARG(a), HC_ARG(b), HC_ARG(c), 0, 0)
#define HC_4(nr, a, b, c, d) hypercall5(nr, HC_ARG(a), HC_ARG(b), HC_ARG(c), HC_ARG(d), 0)

#define hc_set_trap_table(t)       HC_1(__HYPERVISOR_set_trap_table, t)
#define hc_mmu_update(r, n, d, f)  HC_4(__HYPERVISOR_mmu_update, r, n, d, f)
#define hc_set_gdt(f, n)           HC_2(__HYPERVISOR_set_gdt, f, n)
#define hc_stack_switch(ss, sp)    HC_2(__HYPERVISOR_stack_switch, ss, sp)
#define hc_set_callbacks(e, f, s)  HC_3(__HYPERVISOR_set_callbacks, e, f, s)
#define hc_fpu_taskswitch(s)       HC_1(__HYPERVISOR_fpu_taskswitch, s)
#define hc_set_debugreg(n, v)      HC_2(__HYPERVISOR_set_debugreg, n, v)
#define hc_get_debugreg(n)         HC_1(__HYPERVISOR_get_debugreg, n)
#define hc_update_descriptor(m, d) HC_2(__HYPERVISOR_update_descriptor, m, d)
#define hc_memory_op(c, a)         HC_2(__HYPERVISOR_memory_op, c, a)
#define hc_multicall(l, n)         HC_2(__HYPERVISOR_multicall, l, n)
#define hc_update_va(va, v, f)     HC_3(__HYPERVISOR_update_va_mapping, va, v, f)
#define hc_set_timer(t)            HC_1(__HYPERVISOR_set_timer_op, t)
#define hc_xen_version(c, a)       HC_2(__HYPERVISOR_xen_version, c, a)
#define hc_console_io(c, n, b)     HC_3(__HYPERVISOR_console_io, c, n, b)
#define hc_grant_op(c, u, n)       HC_3(__HYPERVISOR_grant_table_op, c, u, n)
#define hc_vm_assist(c, t)         HC_2(__HYPERVISOR_vm_assist, c, t)
#define hc_vcpu_op(c, v, a)        HC_3(__HYPERVISOR_vcpu_op, c, v, a)
#define hc_set_segment_base(w, b)  HC_2(__HYPERVISOR_set_segment_base, w, b)
#define hc_mmuext_op(o, n, d, f)   HC_4(__HYPERVISOR_mmuext_op, o, n, d, f)
#define hc_sched_op(c, a)          HC_2(__HYPERVISOR_sched_op, c, a)
#define hc_callback_op(c, a)       HC_2(__HYPERVISOR_callback_op, c, a)
#define hc_event_op(c, a)          HC_2(__HYPERVISOR_event_channel_op, c, a)
#define hc_physdev_op(c, a)        HC_2(__HYPERVISOR_physdev_op, c, a)
