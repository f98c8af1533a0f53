/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From the loader's entry to C at the final address, on the first CPU.
 *
 * A Multiboot loader enters start32 in 32-bit protected mode: paging off, flat segments, interrupts
 * off, EAX the loader's signature, EBX the machine address of its information.  What happens:
 *
 *   1. flat segments of our own; refuse a processor without 64-bit mode
 *   2. page tables: the low 4 GiB one to one and again at DIRECT_MAP_BASE, the image at its address
 *   3. PAE, long mode, paging; jump to 64-bit code, first low, then at the image's address
 *   4. boot_main(signature, information) on a stack in .boot.bss; it never returns
 *
 * Everything here but the header is given back after the boot.  The tables are also the ones other
 * CPUs start on (boot/ap.S).
 */
#include "cpu/cpu_info.h"
#include "cpu/x86.h"
#include "mem/layout.h"

/* The machine address of a symbol of the image, for code that runs before paging. */
#define PHYS(sym) ((sym) - HV_IMAGE_BASE + HV_LOAD_PADDR)

#define BOOT_CS32 0x08
#define BOOT_DS   0x10
#define BOOT_CS64 0x18

/* Multiboot 1 and 2 specifications: magic numbers, flags and tag types. */
#define MB1_MAGIC        0x1badb002
#define MB1_PAGE_ALIGN   0x1
#define MB1_MEMORY_INFO  0x2
#define MB1_FLAGS        (MB1_PAGE_ALIGN | MB1_MEMORY_INFO)
#define MB2_MAGIC        0xe85250d6
#define MB2_ARCH_I386    0
#define MB2_TAG_REQUEST  1
#define MB2_TAG_ALIGN    6
#define MB2_TAG_END      0
#define MB2_INFO_CMDLINE 1
#define MB2_INFO_MODULE  3
#define MB2_INFO_MMAP    6

        .section .head, "ax"
        .balign 8
multiboot1_header:
        .long   MB1_MAGIC
        .long   MB1_FLAGS
        .long   -(MB1_MAGIC + MB1_FLAGS)

        .balign 8
multiboot2_header:
        .long   MB2_MAGIC
        .long   MB2_ARCH_I386
        .long   multiboot2_end - multiboot2_header
        .long   -(MB2_MAGIC + MB2_ARCH_I386 + (multiboot2_end - multiboot2_header))

        .balign 8
1:      .short  MB2_TAG_REQUEST, 0
        .long   2f - 1b
        .long   MB2_INFO_CMDLINE, MB2_INFO_MODULE, MB2_INFO_MMAP
2:
        .balign 8
        .short  MB2_TAG_ALIGN, 0
        .long   8

        .balign 8
        .short  MB2_TAG_END, 0
        .long   8
multiboot2_end:

/* ---- 32-bit, paging off, no stack until ESP is loaded; EAX and EBX are the loader's ---------- */
        .section .boot.text, "ax"
        .code32
        .globl  start32
start32:
        cli
        cld
        lgdt    PHYS(boot_gdtr)
        mov     $BOOT_DS, %ecx
        mov     %ecx, %ds
        mov     %ecx, %es
        mov     %ecx, %fs
        mov     %ecx, %gs
        mov     %ecx, %ss
        mov     $PHYS(boot_stack_top), %esp
        ljmp    $BOOT_CS32, $PHYS(1f)
1:      mov     %eax, %esi              /* signature and information live in ESI and EBX */

        mov     $0x80000000, %eax
        mov     %ebx, %ebp              /* CPUID overwrites EBX */
        cpuid
        cmp     $0x80000001, %eax
        jb      no_long_mode
        mov     $0x80000001, %eax
        cpuid
        bt      $29, %edx               /* LM */
        jnc     no_long_mode
        bt      $20, %edx               /* NX: every 64-bit processor of this century */
        jnc     no_long_mode

        /* Low 4 GiB: 2048 entries of 2 MiB in four adjacent tables. */
        mov     $PHYS(boot_l2_low), %edi
        mov     $(PTE_P | PTE_RW | PTE_PSE | PTE_A | PTE_D), %eax
        xor     %edx, %edx
        mov     $2048, %ecx
1:      mov     %eax, (%edi)
        mov     %edx, 4(%edi)
        add     $0x200000, %eax
        add     $8, %edi
        loop    1b

        mov     $(PHYS(boot_l2_low) + PTE_P + PTE_RW + PTE_A), %eax
        mov     $PHYS(boot_l3_low), %edi
        mov     $4, %ecx
1:      mov     %eax, (%edi)
        add     $0x1000, %eax
        add     $8, %edi
        loop    1b

        /* The image: HV_IMAGE_MAX from HV_LOAD_PADDR on, at HV_IMAGE_BASE. */
        mov     $(HV_LOAD_PADDR + PTE_P + PTE_RW + PTE_PSE + PTE_A + PTE_D), %eax
        mov     $PHYS(boot_l2_image), %edi
        mov     $(HV_IMAGE_MAX / 0x200000), %ecx
1:      mov     %eax, (%edi)
        add     $0x200000, %eax
        add     $8, %edi
        loop    1b

        movl    $(PHYS(boot_l2_image) + PTE_P + PTE_RW + PTE_A), \
                PHYS(boot_l3_image) + 8 * ((HV_IMAGE_BASE >> 30) & 511)
        movl    $(PHYS(boot_l3_low) + PTE_P + PTE_RW + PTE_A), PHYS(boot_l4)
        movl    $(PHYS(boot_l3_image) + PTE_P + PTE_RW + PTE_A), \
                PHYS(boot_l4) + 8 * ((HV_IMAGE_BASE >> 39) & 511)
        movl    $(PHYS(boot_l3_low) + PTE_P + PTE_RW + PTE_A), \
                PHYS(boot_l4) + 8 * ((DIRECT_MAP_BASE >> 39) & 511)

        mov     %cr4, %eax
        or      $CR4_PAE, %eax
        mov     %eax, %cr4
        mov     $PHYS(boot_l4), %eax
        mov     %eax, %cr3
        mov     $MSR_EFER, %ecx
        rdmsr
        or      $(EFER_LME | EFER_NXE), %eax
        wrmsr
        mov     %cr0, %eax
        or      $(CR0_PG | CR0_WP | CR0_PE), %eax
        mov     %eax, %cr0
        ljmp    $BOOT_CS64, $PHYS(start64_low)

/* The loader's console is unknown: say it on the first serial port and on the text screen. */
no_long_mode:
        mov     $PHYS(no_long_mode_text), %esi
        mov     $0xb8000, %edi
1:      lodsb
        test    %al, %al
        jz      2f
        mov     $0x3f8, %edx
        outb    %al, %dx
        mov     $0x0f, %ah
        stosw
        jmp     1b
2:      hlt
        jmp     2b

/* ---- 64-bit at the low address, then at the image's ------------------------------------------ */
        .code64
start64_low:
        movabs  $start64, %rax
        jmp     *%rax

start64:
        xor     %eax, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %fs
        mov     %eax, %gs
        mov     %eax, %ss
        lea     boot_stack_top(%rip), %rsp
        mov     %esi, %edi              /* 32-bit moves clear the upper halves */
        mov     %ebp, %esi
        xor     %ebp, %ebp
        call    boot_main
        ud2

        .section .boot.data, "aw"
        .balign 16
boot_gdt:
        .quad   0
        .quad   0x00cf9b000000ffff      /* 0x08: ring 0 code, 32 bit */
        .quad   0x00cf93000000ffff      /* 0x10: ring 0 data */
        .quad   0x00af9b000000ffff      /* 0x18: ring 0 code, 64 bit */
boot_gdt_end:
boot_gdtr:
        .short  boot_gdt_end - boot_gdt - 1
        .long   PHYS(boot_gdt)
        .long   0
no_long_mode_text:
        .asciz  "Pavis needs a 64-bit processor with NX.\r\n"

        .section .boot.bss, "aw", @nobits
        .balign 4096
        .globl  boot_l4, boot_stack
boot_l4:        .skip   4096
boot_l3_low:    .skip   4096
boot_l2_low:    .skip   4 * 4096
boot_l3_image:  .skip   4096
boot_l2_image:  .skip   4096
        /* struct cpu_info at the top is zero: CPU 0, no current vCPU. */
        .balign STACK_SIZE
boot_stack:     .skip   STACK_SIZE - CPU_INFO_SIZE
boot_stack_top: .skip   CPU_INFO_SIZE
