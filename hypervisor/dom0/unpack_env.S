/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * void unpack_env_call(void (*fn)(void *arg), void *arg, const void *fs_area)
 *
 * 64-bit mode, ring 0, any hypervisor stack.  Calls fn(arg) as code built for user space expects to
 * be called, and puts everything back: RFLAGS (interrupts are off inside), CR0.EM/TS/MP,
 * CR4.OSFXSR, the %fs base.  XMM registers are left as the callee left them.
 */
#define MSR_FS_BASE 0xc0000100
#define CR0_MP      (1 << 1)
#define CR0_EM      (1 << 2)
#define CR0_TS      (1 << 3)
#define CR4_OSFXSR  (1 << 9)

    .section .boot.text, "ax", @progbits
    .globl unpack_env_call
    .hidden unpack_env_call
    .type unpack_env_call, @function
unpack_env_call:
    push    %rbp
    mov     %rsp, %rbp
    pushfq
    push    %rbx
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    cli
    cld
    mov     %rdi, %rbx              /* fn */
    mov     %rsi, %r12              /* arg */
    mov     %rdx, %r13              /* fs_area */

    mov     %cr0, %r14              /* r14, r15: old CR0 and CR4, safe across the call */
    mov     %r14, %rax
    and     $~(CR0_EM | CR0_TS), %rax
    or      $CR0_MP, %rax
    mov     %rax, %cr0
    mov     %cr4, %r15
    mov     %r15, %rax
    or      $CR4_OSFXSR, %rax
    mov     %rax, %cr4

    mov     $MSR_FS_BASE, %ecx
    rdmsr
    push    %rax
    push    %rdx
    mov     %r13, %rax
    mov     %r13, %rdx
    shr     $32, %rdx
    wrmsr

    mov     %r12, %rdi
    mov     %rsp, %r13              /* fn is entered with a 16-byte aligned stack */
    and     $-16, %rsp
    call    *%rbx
    mov     %r13, %rsp

    pop     %rdx
    pop     %rax
    mov     $MSR_FS_BASE, %ecx
    wrmsr
    mov     %r15, %cr4
    mov     %r14, %cr0
    pop     %r15
    pop     %r14
    pop     %r13
    pop     %r12
    pop     %rbx
    popfq
    pop     %rbp
    ret
    .size unpack_env_call, . - unpack_env_call
