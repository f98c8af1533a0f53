/* SPDX-License-Identifier: GPL-2.0-only */
/* Where entry.S finds the fields of struct vcpu and struct domain that it reads, and the numbers of
 * the ABI that it knows; pv/context.c proves them. */
#pragma once

#define VCPU_DOMAIN            0
#define VCPU_VCPU_INFO         8
#define VCPU_IN_KERNEL         16
#define VCPU_NMI_MASKED        20
#define VCPU_KERNEL_CR3        24
#define VCPU_USER_CR3          32
#define VCPU_KERNEL_SP         40
#define VCPU_SYSCALL_ADDRESS   56
#define VCPU_SYSCALL_MASKS     64
#define DOMAIN_ROOT_GENERATION 0x48
#define DOMAIN_VM_ASSIST       0x68
#define VMASST_IOPL            0x10
#define HYPERCALL_IRET         23
#define VGCF_IN_SYSCALL_BIT    0x100
