/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every way into the hypervisor but SYSCALL and SYSENTER (entry_syscall.S), and the one way back to a
 * guest.
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
 * Restricted roots (Meltdown; pv/restricted.c): where cpu_info.restricted is set, a guest runs on a
 * root that maps nothing of the hypervisor but the entry code, the topmost page of the stack and what
 * the processor itself reads.  So every way in loads the full root, cpu_info.cr3, before it touches
 * anything else, and the way out loads the restricted one last, when all that is still to be read
 * is the frame.  An exception from the hypervisor may find either: #DB, NMI and #MC may come
 * before the one load and after the other, so they save and restore CR3; the only other one
 * is that of the IRETQ.  With interrupts off from the way out's load to the way in's, no interrupt
 * finds a restricted root but from a guest.
 */
#include "pv/entry_macros.inc"

        .section .text.entry, "ax", @progbits

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
        .elseif \vector == 2 || \vector == 18
        jmp     ist_entry
        .elseif \vector == 8
        jmp     double_fault_entry
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
        LOAD_FULL_ROOT %rax
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
        LOAD_FULL_ROOT %rax
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

/* #DF, NMI, #MC, #DB: on stacks of their own, since they may hit at any instruction: #DB too, for
 * with MOV SS a guest can make it hit at the first instruction of syscall_entry, where RSP is not
 * ours (XSA-260). */

/* From a guest: the frame moves to the ordinary stack's top, so that what follows may be interrupted
 * by another of the kind, and the IRETQ back is the one whose faults are the guest's. */
        .macro MOVE_FRAME_TO_TOP
        mov     %rsp, %rsi
        mov     %rsp, %rdi
        or      $(STACK_SIZE - 1), %rdi
        sub     $(CPU_INFO_SIZE - 1), %rdi
        mov     %rdi, %rbx
        mov     $(FRAME_SIZE / 8), %ecx
        rep movsq
        mov     %rbx, %rsp
        .endm

/* From the hypervisor, whose CR3 may be a restricted root: \fn runs on a full one. */
        .macro CALL_IN_HYPERVISOR fn
        mov     %cr3, %rbx
        mov     %rsp, %rax
        or      $(STACK_SIZE - 1), %rax
        cmpb    $0, (CPU_INFO_RESTRICTED - CPU_INFO_SIZE + 1)(%rax)
        je      .Lfull\@
        mov     (CPU_INFO_CR3 - CPU_INFO_SIZE + 1)(%rax), %rax
        mov     %rax, %cr3
.Lfull\@:
        mov     %rsp, %rdi
        call    \fn
        mov     %rbx, %cr3
        jmp     return_to_hypervisor
        .endm

/* NMI and #MC go back to where they came from without looking for work: an NMI may have hit in the
 * middle of exit_to_guest, and only an IRET lets the next one in. */
        .balign 16
ist_entry:
        ENTER_FROM_ANYWHERE
        SAVE_GPRS
        testb   $3, FRAME_CS(%rsp)
        jz      ist_in_hypervisor
        MOVE_FRAME_TO_TOP
        LOAD_FULL_ROOT %rax
        mov     %rsp, %rdi
        call    trap_on_ist
        jmp     restore_guest
double_fault_entry:                             /* perhaps because of the ordinary stack: stay */
        ENTER_FROM_ANYWHERE
        SAVE_GPRS
ist_in_hypervisor:
        CALL_IN_HYPERVISOR trap_on_ist

/* #DB from a guest is then an ordinary exception. */
        .balign 16
debug_entry:
        ENTER_FROM_ANYWHERE
        SAVE_GPRS
        testb   $3, FRAME_CS(%rsp)
        jz      1f
        MOVE_FRAME_TO_TOP
        jmp     exception_from_guest
1:      CALL_IN_HYPERVISOR trap_from_hypervisor

/* --- back to the guest ------------------------------------------------------------------------
 * RSP = &cpu_info.regs, `current` is a guest's vCPU. */
        .balign 16
        .globl  exit_to_guest
        .globl  exit_irqs_off, exit_softirq, exit_event, exit_restricted, restore_guest, restore_iret
exit_to_guest:
        cli
exit_irqs_off:
        NO_LOCK_HELD
        mov     CPU_INFO_SOFTIRQ(%rsp), %rdx
        cmpq    $0, (%rdx)
        jne     exit_softirq
        mov     CPU_INFO_CURRENT(%rsp), %rbx
        mov     VCPU_VCPU_INFO(%rbx), %rdx
        movzwl  (%rdx), %eax                    /* upcall pending, upcall mask */
        dec     %eax
        cmp     $0xff, %eax                     /* pending != 0 and mask == 0 */
        jb      exit_event
restore_guest:
        cmpb    $0, CPU_INFO_RESTRICTED(%rsp)
        jne     exit_restricted
restore_frame:                                  /* reads nothing else from here on */
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

exit_restricted:
        call    pv_restricted_root
        mov     %rax, %cr3
        jmp     restore_frame

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
        LOAD_FULL_ROOT %rax
        movl    $FRAME_VEC_NEW, FRAME_VECTOR(%rsp)
        call    pv_iret_fault
        jmp     exit_to_guest

/* RSP where a guest's frame begins.  In one step: interrupts may be on, and one between two would
 * write its frame over cpu_info. */
.macro EMPTY_STACK
        mov     %rsp, %rax
        or      $(STACK_SIZE - 1), %rax
        lea     1 - CPU_INFO_SIZE(%rax), %rsp
.endm

/* void continue_guest(void), noreturn: drop this CPU's C frames and run `current`. */
        .globl  continue_guest
continue_guest:
        EMPTY_STACK
        jmp     exit_to_guest

/* void call_on_fresh_stack(void (*fn)(void)), noreturn: drop this CPU's C frames and call fn. */
        .globl  call_on_fresh_stack
call_on_fresh_stack:
        EMPTY_STACK
        xor     %ebp, %ebp
        call    *%rdi
        ud2

        .section .note.GNU-stack, "", @progbits
