/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * First instructions of a tiny PV kernel, its ELF notes, and the stubs through which the hypervisor
 * enters it again: exceptions, event upcall, failsafe callback, user system calls.
 *
 * The hypervisor pushes, from the top: ss rsp rflags cs rip [error] r11 rcx.  A stub takes rcx and r11
 * back, completes the frame to a struct regs (trap.h), and after the C handler leaves through the iret
 * hypercall, which restores the virtual interrupt flag and the kernel/user mode in one step.
 */
#include "abi/elfnote.h"
#include "abi/features.h"
#include "abi/xen.h"
#include "vectors.h"

#define VIRT_BASE 0xffffffff80000000

    .macro note type, value:vararg
    .balign 4
    .long 2f - 1f, 4f - 3f, \type
1:  .asciz "Xen"
2:  .balign 4
3:  \value
4:  .balign 4
    .endm

    .section .note.Xen, "a", @note
    note XEN_ELFNOTE_GUEST_OS, .asciz "pavis-test"
    note XEN_ELFNOTE_GUEST_VERSION, .asciz "1"
    note XEN_ELFNOTE_LOADER, .asciz "generic"
    note XEN_ELFNOTE_XEN_VERSION, .asciz "xen-3.0"
    note XEN_ELFNOTE_PAE_MODE, .asciz "yes"
    note XEN_ELFNOTE_VIRT_BASE, .quad VIRT_BASE
    note XEN_ELFNOTE_PADDR_OFFSET, .quad 0
    note XEN_ELFNOTE_ENTRY, .quad _start
    note XEN_ELFNOTE_L1_MFN_VALID, .quad 1, 1
    note XEN_ELFNOTE_SUSPEND_CANCEL, .long 1
    note XEN_ELFNOTE_SUPPORTED_FEATURES, .long 1 << XENFEAT_dom0
#ifdef WITH_HYPERCALL_PAGE
    note XEN_ELFNOTE_HYPERCALL_PAGE, .quad hypercall_page
#endif

    .text
    .globl _start
_start:
    mov %rsp, initial_rsp(%rip)
    lea boot_stack_top(%rip), %rsp
    xor %ebp, %ebp
    mov %rsi, %rdi
    call guest_main
    ud2

    .balign 4096
    .globl hypercall_page
hypercall_page:
    .skip 4096

/* Where a second vCPU begins: rdi is the function to run, rsp its stack. */
    .globl ap_start
ap_start:
    xor %ebp, %ebp
    call *%rdi
    ud2

    .macro stub name, vector, error
    .globl \name
\name:
    pop %rcx
    pop %r11
    .if \error == 0
    push $0
    .endif
    push $\vector
    jmp common
    .endm

    .altmacro
    .macro exception n
    stub exception_\n, \n, ((0x60227d00 >> (\n)) & 1) /* vectors that push an error code */
    .endm
    .set n, 0
    .rept 32
    exception %n
    .set n, n + 1
    .endr
    .noaltmacro

    stub trap_int80, 0x80, 0
    stub trap_int81, 0x81, 0
    stub event_entry, VECTOR_EVENT, 0
    stub syscall_entry, VECTOR_SYSCALL, 0
    stub syscall32_entry, VECTOR_SYSCALL32, 0
    stub sysenter_entry, VECTOR_SYSENTER, 0
    stub nmi_entry, VECTOR_NMI, 0

/* As a stub, with ds es fs gs between r11 and rip. */
    .globl failsafe_entry
failsafe_entry:
    pop %rcx
    pop %r11
    popq failsafe_selectors(%rip)
    popq failsafe_selectors + 8(%rip)
    popq failsafe_selectors + 16(%rip)
    popq failsafe_selectors + 24(%rip)
    push $0
    push $VECTOR_FAILSAFE
    jmp common

common:
    push %rax
    push %rcx
    push %rdx
    push %rbx
    push %rbp
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, %rdi
    cld
    call trap_entry
    .globl trap_return
trap_return:
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rbp
    pop %rbx
    pop %rdx
    pop %rcx
    pop %rax
    add $16, %rsp
    push $0 /* flags: restore rcx and r11 too */
    push %rcx
    push %r11
    push %rax
    mov $__HYPERVISOR_iret, %eax
    syscall
    ud2

/* void user_enter(struct regs *regs): load regs and go to user mode; user_leave returns from here. */
    .globl user_enter
user_enter:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, user_saved_rsp(%rip)
    mov %rdi, %rsp
    jmp trap_return

/* void user_leave(void): go back to the caller of user_enter. */
    .globl user_leave
user_leave:
    mov user_saved_rsp(%rip), %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

    .section .rodata
    .balign 8
    .globl exception_table
exception_table:
    .altmacro
    .macro exception_address n
    .quad exception_\n
    .endm
    .set n, 0
    .rept 32
    exception_address %n
    .set n, n + 1
    .endr

    .bss
    .balign 16
    .globl initial_rsp, failsafe_selectors
initial_rsp:
    .skip 8
failsafe_selectors:
    .skip 32
user_saved_rsp:
    .skip 8
    .balign 4096
boot_stack:
    .skip 32768
    .globl boot_stack_top
boot_stack_top:

    .section .note.GNU-stack, "", @progbits
