/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The other processors' way from their startup interrupt to C.
 *
 * A processor begins here in real mode at the start of a 4 KiB page below 1 MiB (CS:IP = page:0),
 * to which boot/ap.c has copied the code between ap_start and ap_end and filled in the words at
 * its end.  It goes to long mode in one step: PAE, the boot's tables (which have this page one to
 * one and the hypervisor's slots), EFER.LME, then CR0.PE and CR0.PG together.  One processor at a
 * time; interrupts are off throughout.
 */
#include "cpu/x86.h"

        .section .boot.data, "aw"
        .globl  ap_start, ap_end, ap_gdtr_base, ap_jump, ap_cr3, ap_stack, ap_entry, ap_long

/* An address within the page. */
#define HERE(sym) ((sym) - ap_start)

        .code16
        .balign 16
ap_start:
        cli
        cld
        mov     %cs, %ax
        mov     %ax, %ds
        lgdtl   HERE(ap_gdtr)
        mov     %cr4, %eax
        or      $CR4_PAE, %eax
        mov     %eax, %cr4
        mov     HERE(ap_cr3), %eax
        mov     %eax, %cr3
        mov     $MSR_EFER, %ecx
        rdmsr
        or      $(EFER_LME | EFER_NXE), %eax
        wrmsr
        mov     $(CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_PE), %eax
        mov     %eax, %cr0
        ljmpl   *HERE(ap_jump)

        .code64
ap_long:
        xor     %eax, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %fs
        mov     %eax, %gs
        mov     %eax, %ss
        mov     ap_stack(%rip), %rsp
        mov     ap_entry(%rip), %rax
        xor     %ebp, %ebp
        push    %rbp                    /* ends a backtrace; aligns as a call would */
        jmp     *%rax

        .balign 8
ap_gdt:
        .quad   0
        .quad   0x00af9b000000ffff      /* 0x08: ring 0 code, 64 bit */
ap_gdtr:
        .short  ap_gdtr - ap_gdt - 1
ap_gdtr_base:
        .long   HERE(ap_gdt)            /* + the page's address */
        .balign 8
ap_jump:
        .long   HERE(ap_long)           /* + the page's address */
        .short  0x08
        .balign 8
ap_cr3:         .long   0
        .balign 8
ap_stack:       .quad   0
ap_entry:       .quad   0
ap_end:
