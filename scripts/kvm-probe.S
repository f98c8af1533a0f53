/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small guest that tells whether KVM works here: a Multiboot image that enters long mode, runs a
 * few instructions that a hypervisor uses early and a loop, then writes to QEMU's isa-debug-exit
 * port, which makes QEMU end with status 33.  scripts/boot runs it before it prefers KVM to TCG:
 * there are machines where /dev/kvm opens and a guest starts, but its instructions go through the
 * kernel's own emulator, which is slow (the loop tells) and does not know all of them (the rest).
 */
        .section .text
        .code32
        .balign 4
        .long   0x1badb002, 0, -0x1badb002      /* Multiboot1: magic, flags, checksum */
        .globl  _start
_start:
        movl    $pml4, %eax
        movl    %eax, %cr3
        movl    $0x620, %eax                    /* CR4: PAE, OSFXSR, OSXMMEXCPT */
        movl    %eax, %cr4
        movl    $0xc0000080, %ecx               /* EFER */
        rdmsr
        orl     $0x100, %eax                    /* LME */
        wrmsr
        movl    %cr0, %eax
        andl    $~0x4, %eax                     /* CR0.EM off, so that SSE works */
        orl     $0x80000002, %eax               /* CR0.PG, MP */
        movl    %eax, %cr0
        lgdt    gdt_pointer
        ljmp    $8, $long_mode

        .code64
long_mode:
        xorl    %esi, %esi
        .byte   0xf3, 0x48, 0x0f, 0x1e, 0xce    /* rdsspq %rsi: a no-op without shadow stacks */
        pxor    %xmm0, %xmm0
        movl    $area, %edi
        fxsave  (%rdi)
        xorl    %eax, %eax
        xorl    %edx, %edx
        xorl    %ebx, %ebx
        movl    $pair, %edi
        lock cmpxchg16b (%rdi)
        movl    $100000000, %ecx
1:      decl    %ecx
        jnz     1b
        movb    $16, %al                        /* QEMU's status is 2 * 16 + 1 */
        outb    %al, $0xf4
1:      hlt
        jmp     1b

        .section .data
        .balign 4096
pml4:   .long   pdpt + 7, 0
        .fill   511, 8, 0
pdpt:   .long   pd + 7, 0
        .fill   511, 8, 0
pd:     .long   0x87, 0                         /* 0..2 MiB: present, writable, 2 MiB page */
        .fill   511, 8, 0
area:   .fill   512, 1, 0
pair:   .quad   0, 0
gdt:    .quad   0, 0x00209a0000000000           /* 64-bit code */
gdt_pointer:
        .word   15
        .long   gdt
