/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The step into the firmware and back.
 *
 * UEFI's calling convention is Microsoft's (UEFI 2.10, 2.3.4): parameters in RCX, RDX, R8, R9, then
 * on the stack above 32 bytes that belong to the callee; RBX, RBP, RDI, RSI, R12 to R15 survive.
 * All that C expects is saved here all the same, so that a fault can end the call from anywhere:
 * mem/efi.c makes RIP efi_call_faulted.  One call at a time, so one word holds the stack pointer.
 */

/* UEFI 2.10, appendix D: EFI_DEVICE_ERROR */
#define EFI_DEVICE_ERROR 0x8000000000000007

        .text
        .globl  efi_call_firmware, efi_call_faulted

/* uint64_t efi_call_firmware(uint64_t function, const uint64_t parameter[5]) */
        .type   efi_call_firmware, @function
efi_call_firmware:
        push    %rbp
        push    %rbx
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        mov     %rsp, efi_stack(%rip)
        sub     $40, %rsp               /* the callee's 32 bytes and the fifth parameter; aligned */
        mov     %rdi, %rax
        mov     %rsi, %r10
        mov     (%r10), %rcx
        mov     8(%r10), %rdx
        mov     16(%r10), %r8
        mov     24(%r10), %r9
        mov     32(%r10), %r11
        mov     %r11, 32(%rsp)
        call    *%rax
efi_call_end:
        cld
        mov     efi_stack(%rip), %rsp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbx
        pop     %rbp
        ret
efi_call_faulted:
        movabs  $EFI_DEVICE_ERROR, %rax
        jmp     efi_call_end
        .size   efi_call_firmware, . - efi_call_firmware

        .bss
        .balign 8
efi_stack:      .quad   0
