/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every way into the hypervisor, and the one way back to a guest.
 *
 * In:  an exception, an interrupt, a SYSCALL or SYSENTER.  Each leaves a complete struct cpu_regs
 *      (cpu/frame.h).  When it came from a guest, that frame lies at the top of this CPU's stack,
 *      where struct cpu_info has it; when it came from the hypervisor, it lies further down.
 * Out: exit_to_guest looks for work (softirqs, events) until there is none, with interrupts off
 *      from the last look to the return, so that nothing is missed.
 *
 * The guest's kernel and its programs both run in ring 3; which of the two ran is
 * current->in_kernel, not the frame.  GS is never touched here: the guest's base stays loaded,
 * the hypervisor finds its own data from RSP.
 *
 * A restricted root table (Meltdown) fits as follows: the SYSCALL stubs, this file's entry code,
 * the stacks, the IDT, the descriptor areas and the TSS are all that must be mapped while a guest
 * runs.  The load of the full root goes where ENTER_FROM_GUEST stands, that of the restricted
 * one just before the pops in restore_*; cpu_info has room for both roots.
 */
#define FRAME_ONLY
#include "cpu/cpu_info.h"
#include "cpu/frame.h"
#include "mem/layout.h"
#include "pv/vcpu_offsets.h"

        .section .text.entry, "ax", @progbits

/* State on entry from a guest: direction flag, AC and NT are the guest's.  NT is harmless in 64-bit
 * mode until an IRET, and the IRET restores the guest's flags.  AC matters only with SMAP; the
 * sites are recorded and patched to CLAC when SMAP is in use. */
        .macro ENTER_FROM_ANYWHERE
        cld
.Lsmap\@:
        .byte   0x0f, 0x1f, 0x00                /* three-byte NOP, becomes CLAC */
        .pushsection .smap_sites, "a", @progbits
        .quad   .Lsmap\@
        .popsection
        .endm

        .macro SAVE_GPRS
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
        .endm

        .macro RESTORE_GPRS
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
        .endm

/* --- SYSCALL ---------------------------------------------------------------------------------
 * The stub of this CPU has put the guest's RSP into cpu_info.syscall_rsp and RSP to the end of
 * cpu_info.regs.  RCX is the guest's RIP, R11 its flags; interrupts are off (SFMASK). */
        .globl  syscall_entry
syscall_entry:
        pushq   $0xe02b                         /* FLAT_RING3_SS64 */
        pushq   (CPU_INFO_SYSCALL_RSP - FRAME_SS)(%rsp)
        pushq   %r11
        pushq   $0xe033                         /* FLAT_RING3_CS64 */
        pushq   %rcx
        pushq   $0
        movl    $FRAME_VEC_SYSCALL, 4(%rsp)
        SAVE_GPRS
        mov     CPU_INFO_CURRENT(%rsp), %rbx
        mov     %rsp, %rdi
        cmpb    $0, VCPU_IN_KERNEL(%rbx)
        je      1f
        sti
        call    hypercall_dispatch
        jmp     exit_to_guest
1:      mov     %rbx, %rsi                      /* the guest program's own system call */
        call    pv_syscall_from_user
        jmp     exit_irqs_off

/* SYSCALL from 32-bit code (AMD only): the guest's syscall32 callback. */
        .globl  syscall32_entry
syscall32_entry:
        pushq   $0xe02b                         /* FLAT_RING3_SS32 */
        pushq   (CPU_INFO_SYSCALL_RSP - FRAME_SS)(%rsp)
        pushq   %r11
        pushq   $0xe023                         /* FLAT_RING3_CS32 */
        pushq   %rcx
        pushq   $0
        movl    $FRAME_VEC_NEW, 4(%rsp)
        SAVE_GPRS
        mov     CPU_INFO_CURRENT(%rsp), %rsi
        mov     %rsp, %rdi
        call    pv_syscall32
        jmp     exit_to_guest

/* SYSENTER saves nothing of its caller: flags, RIP and RSP are the guest kernel's problem. */
        .globl  sysenter_entry
sysenter_entry:
        pushq   $0xe02b
        pushq   $0
        pushfq
        pushq   $3                              /* null selector with ring 3: "not known" */
        pushq   $0
        pushq   $0
        movl    $FRAME_VEC_NEW, 4(%rsp)
        orl     $0x200, 24(%rsp)                /* interrupts were on */
        andl    $~0x4100, 24(%rsp)              /* no NT (XSA-44), no TF into the handler */
        ENTER_FROM_ANYWHERE
        SAVE_GPRS
        mov     CPU_INFO_CURRENT(%rsp), %rsi
        mov     %rsp, %rdi
        call    pv_sysenter
        jmp     exit_to_guest

/* --- exceptions and interrupts ----------------------------------------------------------------
 * A stub per vector completes the processor's frame with error code and vector. */
        .macro TRAP_STUB vector
        .balign 16
trap_stub_\vector:
        .if     !(\vector == 8 || (\vector >= 10 && \vector <= 14) || \vector == 17 || \vector == 21 || \vector == 29 || \vector == 30)
        pushq   $0
        .endif
        movl    $\vector, 4(%rsp)
        .if     \vector == 1
        jmp     debug_entry
        .elseif \vector == 2 || \vector == 8 || \vector == 18
        jmp     ist_entry
        .elseif \vector < 32
        jmp     exception_entry
        .else
        jmp     interrupt_entry
        .endif
        .pushsection .rodata
        .quad   trap_stub_\vector
        .popsection
        .endm

        .pushsection .rodata
        .balign 8
        .globl  trap_stubs
trap_stubs:
        .popsection
        .altmacro
        .macro TRAP_STUB_NR n
        TRAP_STUB \n
        .endm
        .set    i, 0
        .rept   256
        TRAP_STUB_NR %i
        .set    i, i + 1
        .endr
        .noaltmacro

        .balign 16
exception_entry:
        ENTER_FROM_ANYWHERE
        SAVE_GPRS
        testb   $3, FRAME_CS(%rsp)
        jz      exception_in_hypervisor
exception_from_guest:
        mov     %rsp, %rdi
        call    trap_from_guest                 /* may turn interrupts on */
        jmp     exit_to_guest

        .balign 16
interrupt_entry:
        ENTER_FROM_ANYWHERE
        SAVE_GPRS
        movl    FRAME_VECTOR(%rsp), %edi
        testb   $3, FRAME_CS(%rsp)
        jz      1f
        call    handle_irq
        jmp     exit_irqs_off
1:      call    handle_irq                      /* on whatever stack position we were */
return_to_hypervisor:
        RESTORE_GPRS
        add     $8, %rsp
        iretq

exception_in_hypervisor:
        lea     iret_to_guest(%rip), %rax
        cmp     %rax, FRAME_RIP(%rsp)
        je      iret_fault
        mov     %rsp, %rdi
        call    trap_from_hypervisor            /* fixes RIP up, or does not return */
        jmp     return_to_hypervisor

/* #DF, NMI, #MC: on stacks of their own, since they may hit at any instruction.  They return where
 * they came from without looking for work: an NMI may have hit in the middle of exit_to_guest. */
        .balign 16
ist_entry:
        ENTER_FROM_ANYWHERE
        SAVE_GPRS
        mov     %rsp, %rdi
        call    trap_on_ist
        jmp     return_to_hypervisor

/* #DB is on a stack of its own too: with MOV SS a guest can make it hit at the first instruction of
 * syscall_entry, where RSP is not ours (XSA-260).  From a guest, the frame moves to the stack's
 * top and the rest is an ordinary exception. */
        .balign 16
debug_entry:
        ENTER_FROM_ANYWHERE
        SAVE_GPRS
        testb   $3, FRAME_CS(%rsp)
        jz      1f
        mov     %rsp, %rsi
        mov     %rsp, %rdi
        or      $(STACK_SIZE - 1), %rdi
        sub     $(CPU_INFO_SIZE - 1), %rdi
        mov     %rdi, %rbx
        mov     $(FRAME_SIZE / 8), %ecx
        rep movsq
        mov     %rbx, %rsp
        jmp     exception_from_guest
1:      mov     %rsp, %rdi
        call    trap_from_hypervisor
        jmp     return_to_hypervisor

/* --- back to the guest ------------------------------------------------------------------------
 * RSP = &cpu_info.regs, `current` is a guest's vCPU. */
        .balign 16
        .globl  exit_to_guest
exit_to_guest:
        cli
exit_irqs_off:
        movl    CPU_INFO_CPU(%rsp), %eax
        lea     softirq_cpus(%rip), %rdx
        shl     $6, %eax                        /* one cache line per CPU */
        cmpq    $0, (%rdx,%rax)
        jne     exit_softirq
        mov     CPU_INFO_CURRENT(%rsp), %rbx
        mov     VCPU_VCPU_INFO(%rbx), %rdx
        movzwl  (%rdx), %eax                    /* upcall pending, upcall mask */
        dec     %eax
        cmp     $0xff, %eax                     /* pending != 0 and mask == 0 */
        jb      exit_event
restore_guest:
        cmpl    $FRAME_VEC_SYSCALL, FRAME_VECTOR(%rsp)
        jne     restore_iret
        mov     FRAME_RIP(%rsp), %rcx
        mov     %rcx, %rax                      /* SYSRET faults in ring 0 on a RIP that is not */
        shl     $16, %rax                       /* canonical (XSA-7); IRET does it in ring 3 */
        sar     $16, %rax
        cmp     %rcx, %rax
        jne     restore_iret
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        mov     (FRAME_RFLAGS - FRAME_R11)(%rsp), %r11
        mov     (FRAME_R10 - FRAME_R11)(%rsp), %r10
        mov     (FRAME_R9 - FRAME_R11)(%rsp), %r9
        mov     (FRAME_R8 - FRAME_R11)(%rsp), %r8
        mov     (FRAME_RAX - FRAME_R11)(%rsp), %rax
        mov     (FRAME_RDX - FRAME_R11)(%rsp), %rdx
        mov     (FRAME_RSI - FRAME_R11)(%rsp), %rsi
        mov     (FRAME_RDI - FRAME_R11)(%rsp), %rdi
        mov     (FRAME_RSP - FRAME_R11)(%rsp), %rsp
        sysretq

restore_iret:
        RESTORE_GPRS
        add     $8, %rsp
        .globl  iret_to_guest
iret_to_guest:
        iretq

exit_softirq:
        sti
        call    do_softirq
        jmp     exit_to_guest

exit_event:
        mov     %rsp, %rdi
        mov     %rbx, %rsi
        call    pv_deliver_event
        jmp     exit_irqs_off

/* The IRETQ refused the guest's selectors or address.  Its five words are still on the stack and
 * the guest's other registers had been loaded: the fault's own frame has them, a few words below
 * where they belong.  Put them back (from the top down, the two overlap) and tell the guest. */
iret_fault:
        movl    FRAME_VECTOR(%rsp), %esi
        movl    FRAME_ERR(%rsp), %edx
        mov     %rsp, %rdi
        or      $(STACK_SIZE - 1), %rdi
        sub     $(CPU_INFO_SIZE - 1), %rdi      /* &cpu_info.regs */
        mov     $((FRAME_ERR - 8) / 8), %ecx
1:      mov     (%rsp,%rcx,8), %rax
        mov     %rax, (%rdi,%rcx,8)
        dec     %ecx
        jns     1b
        mov     %rdi, %rsp
        movl    $FRAME_VEC_NEW, FRAME_VECTOR(%rsp)
        call    pv_iret_fault
        jmp     exit_to_guest

/* void continue_guest(void), noreturn: drop this CPU's C frames and run `current`. */
        .globl  continue_guest
continue_guest:
        or      $(STACK_SIZE - 1), %rsp
        sub     $(CPU_INFO_SIZE - 1), %rsp
        jmp     exit_to_guest

/* void call_on_fresh_stack(void (*fn)(void)), noreturn: drop this CPU's C frames and call fn. */
        .globl  call_on_fresh_stack
call_on_fresh_stack:
        or      $(STACK_SIZE - 1), %rsp
        sub     $(CPU_INFO_SIZE - 1), %rsp
        xor     %ebp, %ebp
        call    *%rdi
        ud2

        .section .note.GNU-stack, "", @progbits
