/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Weak stand-ins for pv/entry.S: a vector table that can only take traps and interrupts from the
 * hypervisor itself, which is all there is before a guest exists.  Goes away with fallbacks.c.
 *
 * Each stub: interrupts off, on the interrupted stack or on an exception's own.
 */
#include "cpu/frame.h"
#include "cpu/x86.h"

        .text
        .align 16
common:
        cld
        push    %rdi
        push    %rsi
        push    %rdx
        push    %rcx
        push    %rax
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        mov     %rsp, %rdi
        mov     %rsp, %rbp
        and     $-16, %rsp
        call    fallback_trap
        mov     %rbp, %rsp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rax
        pop     %rcx
        pop     %rdx
        pop     %rsi
        pop     %rdi
        add     $8, %rsp                /* error code and vector */
        iretq

        .align 16
stubs:
        vec = 0
        .rept   256
        .align  16
        .if     vec < 32 && ((TRAP_HAS_ERROR_CODE >> (vec & 31)) & 1)
        movl    $vec, 4(%rsp)           /* the upper half of the pushed error code's word */
        .else
        push    $0
        movl    $vec, 4(%rsp)
        .endif
        jmp     common
        vec = vec + 1
        .endr

        .weak   syscall_entry, syscall32_entry, sysenter_entry
syscall_entry:
syscall32_entry:
sysenter_entry:
        ud2

        .section .rodata, "a"
        .align  8
        .weak   trap_stubs
trap_stubs:
        vec = 0
        .rept   256
        .quad   stubs + vec * 16
        vec = vec + 1
        .endr
