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
 * Restricted roots (Meltdown; pv/restricted.c): where cpu_info.restricted is set, a guest runs on a
 * root that maps nothing of the hypervisor but this file, the topmost page of the stack and what
 * the processor itself reads.  So every way in loads the full root, cpu_info.cr3, before it touches
 * anything else, and the way out loads the restricted one last, when all that is still to be read
 * is the frame.  An exception from the hypervisor may find either: #DB, NMI and #MC may come
 * before the one load and after the other, so they save and restore CR3; the only other one
 * is that of the IRETQ.  With interrupts off from the way out's load to the way in's, no interrupt
 * finds a restricted root but from a guest.
 */
#define FRAME_ONLY
#include "cpu/cpu_info.h"
#include "cpu/ex_table.h"
#include "cpu/frame.h"
#include "mem/layout.h"
#include "pv/vcpu_offsets.h"

        .section .text.entry, "ax", @progbits

/* State on entry from a guest: direction flag, AC and NT are the guest's.  NT is harmless in 64-bit
 * mode until an IRET, and the IRET restores the guest's flags.  AC matters only with SMAP; the
 * sites are recorded and patched to CLAC when SMAP is in use. */
        .macro CLAC
.Lsmap\@:
        .byte   0x0f, 0x1f, 0x00                /* three-byte NOP, becomes CLAC */
        .pushsection .smap_sites, "a", @progbits
        .quad   .Lsmap\@
        .popsection
        .endm

        .macro STAC
.Lsmap\@:
        .byte   0x66, 0x66, 0x90                /* another one, becomes STAC */
        .pushsection .smap_sites, "a", @progbits
        .quad   .Lsmap\@
        .popsection
        .endm

/* The flavour `make DEBUG=1` looks before every return to a guest; RAX and RDX stay. */
        .macro NO_LOCK_HELD
#ifdef PAVIS_LOCK_CHECK
        push    %rax
        push    %rdx
        call    locks_none_held
        pop     %rdx
        pop     %rax
#endif
        .endm

/* RSP = &cpu_info.regs, and a guest ran until now.  Costs \reg. */
        .macro LOAD_FULL_ROOT reg
        cmpb    $0, CPU_INFO_RESTRICTED(%rsp)
        je      .Lfull\@
        mov     CPU_INFO_CR3(%rsp), \reg
        mov     \reg, %cr3
.Lfull\@:
        .endm

        .macro ENTER_FROM_ANYWHERE
        cld
        CLAC
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

/* After a SYSCALL with RBX, RDX and RAX in the frame already: the rest of it.  RBX stays. */
        .macro SAVE_SYSCALL_FRAME
        movq    $0xe02b, FRAME_SS(%rsp)         /* FLAT_RING3_SS64 */
        mov     %r11, FRAME_RFLAGS(%rsp)
        movq    $0xe033, FRAME_CS(%rsp)         /* FLAT_RING3_CS64 */
        mov     %rcx, FRAME_RIP(%rsp)
        movl    $FRAME_VEC_SYSCALL, FRAME_VECTOR(%rsp)
        mov     %rcx, FRAME_RCX(%rsp)
        mov     CPU_INFO_SYSCALL_RSP(%rsp), %rcx
        mov     %rcx, FRAME_RSP(%rsp)
        mov     %rdi, FRAME_RDI(%rsp)
        mov     %rsi, FRAME_RSI(%rsp)
        mov     %r8, FRAME_R8(%rsp)
        mov     %r9, FRAME_R9(%rsp)
        mov     %r10, FRAME_R10(%rsp)
        mov     %r11, FRAME_R11(%rsp)
        mov     %rbp, FRAME_RBP(%rsp)
        mov     %r12, FRAME_R12(%rsp)
        mov     %r13, FRAME_R13(%rsp)
        mov     %r14, FRAME_R14(%rsp)
        mov     %r15, FRAME_R15(%rsp)
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
 * The stub of this CPU has put the guest's RSP into cpu_info.syscall_rsp and RSP to &cpu_info.regs.
 * RCX is the guest's RIP, R11 its flags; interrupts are off (SFMASK).
 *
 * Two things make up most of all entries: a program's system call, and the iret hypercall by which
 * its kernel goes back.  For both there is a short way, which saves three registers instead of
 * all and has interrupts off from beginning to end.  It looks first whether everything is as it
 * mostly is, then commits; where anything is not (work pending, an event to deliver, flags out of
 * the ordinary, guest memory that is not there) it takes the long way from the start, as if the
 * short one had not been.  So the decisions are made in pv/bounce.c and pv/iret.c, and the short
 * ways are those functions for one case.
 *
 * To look for softirqs and events before the commit is enough: with interrupts off nothing on
 * this CPU can raise one, and another CPU that does sends an interrupt, which comes right after the
 * return to the guest. */

/* One access to guest memory that may fault; then the rest is not done and \fault goes on. */
        .macro MAY_FAULT fault, insn:vararg
.Lmay\@:
        \insn
        ex_table .Lmay\@, \fault
        .endm

        /* Addresses from here on are the guest's, and a frame below stays above the hypervisor. */
        .set    GUEST_HIGH, DIRECT_MAP_BASE + DIRECT_MAP_SIZE + 0x100
        .set    RFLAGS_NOT_GUEST, 0x1a7000              /* IOPL NT VM VIF VIP: see guest_rflags() */
        .set    RFLAGS_NOT_ENTRY, 0x1a7000 + 0x50100    /* and TF AC RF */

/*
 * The two short ways, once for guests on full roots and once (\restricted) for those on restricted
 * ones.  The latter never load the full root of guest user mode, for which nothing is read: a SYSCALL
 * always goes to the guest's kernel, and the iret hypercall goes from there to a restricted root.
 */
        .macro SYSCALL_ENTRY restricted
        mov     %rbx, FRAME_RBX(%rsp)
        mov     %rdx, FRAME_RDX(%rsp)
        mov     %rax, FRAME_RAX(%rsp)
        .if     \restricted
        mov     CPU_INFO_KERNEL_CR3(%rsp), %rbx
        mov     %rbx, %cr3
        .endif
        mov     CPU_INFO_CURRENT(%rsp), %rbx
        cmpb    $0, VCPU_IN_KERNEL(%rbx)
        jne     .Lfrom_kernel\restricted

/* A program's system call goes to its kernel. */
        mov     CPU_INFO_SOFTIRQ(%rsp), %rdx
        cmpq    $0, (%rdx)
        jne     syscall_from_user_long
        mov     VCPU_VCPU_INFO(%rbx), %rax
        cmpb    $0, 1(%rax)                     /* events masked in user mode: odd */
        jne     syscall_from_user_long
        cmpb    $0, VCPU_SYSCALL_MASKS(%rbx)    /* else one may have to be delivered at once */
        je      syscall_from_user_long
        mov     VCPU_DOMAIN(%rbx), %rax
        testb   $VMASST_IOPL, DOMAIN_VM_ASSIST(%rax)
        jne     syscall_from_user_long
        .if     \restricted
        mov     DOMAIN_ROOT_GENERATION(%rax), %rax
        cmp     %rax, CPU_INFO_KERNEL_COPY(%rsp)
        jne     syscall_from_user_long
        .endif
        mov     VCPU_KERNEL_SP(%rbx), %rdx
        mov     $GUEST_HIGH, %rax
        cmp     %rax, %rdx
        jb      syscall_from_user_long
        cmp     %rax, VCPU_SYSCALL_ADDRESS(%rbx) /* canonical, then, and registered at all */
        jb      syscall_from_user_long

        movb    $1, VCPU_IN_KERNEL(%rbx)        /* as pv_toggle_mode() */
        swapgs
        mov     VCPU_KERNEL_CR3(%rbx), %rax
        mov     %rax, CPU_INFO_CR3(%rsp)
        .if     !\restricted
        mov     %rax, %cr3
        .endif
        and     $~15, %rdx
        sub     $(7 * 8), %rdx                  /* rcx r11 rip cs rflags rsp ss */
        STAC
        MAY_FAULT bounce_fault, mov     %rcx, (%rdx)
        MAY_FAULT bounce_fault, mov     %r11, 8(%rdx)
        MAY_FAULT bounce_fault, mov     %rcx, 16(%rdx)
        MAY_FAULT bounce_fault, movq    $0xe033, 24(%rdx) /* FLAT_RING3_CS64; mask was 0 */
        MAY_FAULT bounce_fault, mov     %r11, 32(%rdx)  /* a guest runs with IF set, IOPL 0 */
        mov     CPU_INFO_SYSCALL_RSP(%rsp), %rax
        MAY_FAULT bounce_fault, mov     %rax, 40(%rdx)
        MAY_FAULT bounce_fault, movq    $0xe02b, 48(%rdx) /* FLAT_RING3_SS64 */
        CLAC
        mov     VCPU_VCPU_INFO(%rbx), %rax
        movb    $1, 1(%rax)                     /* the handler begins with events masked */
        and     $~RFLAGS_NOT_ENTRY, %r11d
        or      $0x202, %r11d
        mov     VCPU_SYSCALL_ADDRESS(%rbx), %rcx
        .if     \restricted
        mov     CPU_INFO_KERNEL_ROOT(%rsp), %rax
        mov     %rax, %cr3
        .endif
        mov     FRAME_RAX(%rsp), %rax
        mov     FRAME_RBX(%rsp), %rbx
        mov     %rdx, CPU_INFO_SYSCALL_RSP(%rsp)
        mov     FRAME_RDX(%rsp), %rdx
        mov     CPU_INFO_SYSCALL_RSP(%rsp), %rsp
        sysretq

.Lfrom_kernel\restricted:
        cmp     $HYPERCALL_IRET, %rax
        jne     hypercall_rdx

/* The iret hypercall: rax r11 rcx flags rip cs rflags rsp ss on the guest kernel's stack. */
        mov     CPU_INFO_SOFTIRQ(%rsp), %rdx
        cmpq    $0, (%rdx)
        jne     hypercall
        cmpb    $0, VCPU_NMI_MASKED(%rbx)
        jne     hypercall
        mov     VCPU_DOMAIN(%rbx), %rdx
        testb   $VMASST_IOPL, DOMAIN_VM_ASSIST(%rdx)
        jne     hypercall
        .if     \restricted
        mov     DOMAIN_ROOT_GENERATION(%rdx), %rdx
        cmp     %rdx, CPU_INFO_USER_COPY(%rsp)
        jne     hypercall
        cmp     %rdx, CPU_INFO_KERNEL_COPY(%rsp)
        jne     hypercall
        .endif
        mov     VCPU_VCPU_INFO(%rbx), %rdx
        cmpb    $0, (%rdx)                      /* an event is pending: deliver it instead */
        jne     hypercall
        mov     CPU_INFO_SYSCALL_RSP(%rsp), %rdx
        mov     $GUEST_HIGH, %rax
        cmp     %rax, %rdx
        jb      iret_long
        mov     %rcx, FRAME_RCX(%rsp)
        mov     %r11, FRAME_R11(%rsp)
        STAC
        MAY_FAULT iret_fault_long, mov  24(%rdx), %eax  /* flags */
        test    $VGCF_IN_SYSCALL_BIT, %eax
        jne     iret_fault_long
        MAY_FAULT iret_fault_long, mov  32(%rdx), %rax
        mov     %rax, FRAME_RIP(%rsp)
        MAY_FAULT iret_fault_long, movzwl 40(%rdx), %ecx
        mov     %ecx, %eax
        or      $3, %eax                        /* guest kernel code runs in ring 3 as well */
        mov     %rax, FRAME_CS(%rsp)
        MAY_FAULT iret_fault_long, mov  48(%rdx), %eax
        test    $0x200, %eax                    /* back to where events are masked */
        je      iret_fault_long
        and     $~RFLAGS_NOT_GUEST, %eax
        or      $0x202, %eax
        mov     %rax, FRAME_RFLAGS(%rsp)
        MAY_FAULT iret_fault_long, mov  56(%rdx), %rax
        mov     %rax, FRAME_RSP(%rsp)
        MAY_FAULT iret_fault_long, movzwl 64(%rdx), %eax
        or      $3, %eax
        mov     %rax, FRAME_SS(%rsp)
        movl    $FRAME_VEC_NEW, FRAME_VECTOR(%rsp)      /* for iret_fault, if it comes to that */
        and     $3, %ecx
        cmp     $3, %ecx
        jne     .Lto_kernel\restricted
        cmpq    $0, VCPU_USER_CR3(%rbx)
        je      iret_fault_long
        MAY_FAULT iret_fault_long, mov  8(%rdx), %r11
        MAY_FAULT iret_fault_long, mov  16(%rdx), %rcx
        MAY_FAULT iret_fault_long, mov  (%rdx), %rax
        CLAC
        movb    $0, VCPU_IN_KERNEL(%rbx)        /* as pv_toggle_mode() */
        swapgs
        mov     VCPU_USER_CR3(%rbx), %rdx
        mov     %rdx, CPU_INFO_CR3(%rsp)
        .if     \restricted
        IRET_COMMIT CPU_INFO_USER_ROOT
        .else
        mov     %rdx, %cr3
.Lcommit:
        IRET_COMMIT
        .endif

.Lto_kernel\restricted:
        MAY_FAULT iret_fault_long, mov  8(%rdx), %r11
        MAY_FAULT iret_fault_long, mov  16(%rdx), %rcx
        MAY_FAULT iret_fault_long, mov  (%rdx), %rax
        CLAC
        .if     \restricted
        IRET_COMMIT CPU_INFO_KERNEL_ROOT
        .else
        jmp     .Lcommit
        .endif
        .endm

/* The last of the iret hypercall, and the restricted root to go on with. */
        .macro IRET_COMMIT root
        mov     VCPU_VCPU_INFO(%rbx), %rdx
        movb    $0, 1(%rdx)
        mov     CPU_INFO_CALLS(%rsp), %rdx
        incq    (HYPERCALL_IRET * 8)(%rdx)
        .ifnb   \root
        mov     \root(%rsp), %rdx
        mov     %rdx, %cr3
        .endif
        mov     FRAME_RDX(%rsp), %rdx
        mov     FRAME_RBX(%rsp), %rbx
        add     $FRAME_RIP, %rsp
        jmp     iret_to_guest
        .endm

        .globl  syscall_entry, syscall_entry_restricted
syscall_entry:
        SYSCALL_ENTRY 0

        .balign 16
syscall_entry_restricted:
        cmpb    $0, CPU_INFO_RESTRICTED(%rsp)
        je      syscall_entry                   /* one domain's kind is not another's */
        SYSCALL_ENTRY 1

bounce_fault:                                   /* take back, let C find out again what is wrong */
        CLAC
        movb    $0, VCPU_IN_KERNEL(%rbx)
        swapgs
        mov     VCPU_USER_CR3(%rbx), %rax
        mov     %rax, CPU_INFO_CR3(%rsp)
        mov     %rax, %cr3
syscall_from_user_long:
        SAVE_SYSCALL_FRAME
        mov     %rsp, %rdi
        mov     %rbx, %rsi
        call    pv_syscall_from_user            /* loads the kernel's root in any case */
        jmp     exit_irqs_off

iret_fault_long:
        CLAC
        mov     FRAME_RCX(%rsp), %rcx
        mov     FRAME_R11(%rsp), %r11
iret_long:
        mov     FRAME_RAX(%rsp), %rax

/* Any other hypercall, by its number in RAX. */
        .balign 16
hypercall:
        mov     FRAME_RDX(%rsp), %rdx
hypercall_rdx:                                  /* RDX is the guest's still */
        SAVE_SYSCALL_FRAME
        sti
        cmp     $NR_HYPERCALLS, %rax
        jae     1f
        mov     hypercall_table(%rip), %r11
        mov     (%r11,%rax,8), %r11
        test    %r11, %r11
        je      1f
        mov     CPU_INFO_CALLS(%rsp), %rcx
        incq    (%rcx,%rax,8)
        mov     %r10, %rcx                      /* the fourth argument, as in C */
        call    *%r11
        cmpb    $0, CPU_INFO_CONTINUED(%rsp)
        jne     2f
        mov     %rax, FRAME_RAX(%rsp)

        /* As exit_to_guest, while RBX is still `current` and what C functions preserve is the
         * guest's: who switches to another vCPU does not come back here. */
        cli
        NO_LOCK_HELD
        mov     CPU_INFO_SOFTIRQ(%rsp), %rdx
        cmpq    $0, (%rdx)
        jne     exit_softirq
        mov     VCPU_VCPU_INFO(%rbx), %rdx
        movzwl  (%rdx), %edx
        dec     %edx
        cmp     $0xff, %edx
        jb      exit_event
        cmpb    $0, CPU_INFO_RESTRICTED(%rsp)
        jne     restrict
        cmpl    $FRAME_VEC_SYSCALL, FRAME_VECTOR(%rsp)
        jne     restore_iret
        mov     FRAME_RIP(%rsp), %rcx
        mov     %rcx, %rdx                      /* canonical, in the upper half as kernels are? */
        sar     $47, %rdx
        inc     %rdx
        jnz     restore_guest                   /* which looks closer */
        mov     FRAME_RBX(%rsp), %rbx
        mov     FRAME_RFLAGS(%rsp), %r11
        mov     FRAME_R10(%rsp), %r10
        mov     FRAME_R9(%rsp), %r9
        mov     FRAME_R8(%rsp), %r8
        mov     FRAME_RDX(%rsp), %rdx
        mov     FRAME_RSI(%rsp), %rsi
        mov     FRAME_RDI(%rsp), %rdi
        mov     FRAME_RSP(%rsp), %rsp
        sysretq

1:      call    hypercall_unknown
        mov     %rax, FRAME_RAX(%rsp)
        jmp     exit_to_guest
2:      movb    $0, CPU_INFO_CONTINUED(%rsp)    /* RAX has the number again: nothing to store */
        jmp     exit_to_guest

/* SYSCALL from 32-bit code (AMD only): the guest's syscall32 callback. */
        .globl  syscall32_entry
syscall32_entry:
        add     $FRAME_SIZE, %rsp
        pushq   $0xe02b                         /* FLAT_RING3_SS32 */
        pushq   (CPU_INFO_SYSCALL_RSP - FRAME_SS)(%rsp)
        pushq   %r11
        pushq   $0xe023                         /* FLAT_RING3_CS32 */
        pushq   %rcx
        pushq   $0
        movl    $FRAME_VEC_NEW, 4(%rsp)
        SAVE_GPRS
        LOAD_FULL_ROOT %rax
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
        pushq   $2                              /* SYSENTER keeps NT, and with it any IRETQ before */
        popfq                                   /* our SYSRET would fault: another guest's (XSA-44) */
        pushq   $3                              /* null selector with ring 3: "not known" */
        pushq   $0
        pushq   $0
        movl    $FRAME_VEC_NEW, 4(%rsp)
        orl     $0x200, 24(%rsp)                /* interrupts were on */
        andl    $~0x4100, 24(%rsp)              /* no NT, no TF into the handler */
        ENTER_FROM_ANYWHERE
        SAVE_GPRS
        LOAD_FULL_ROOT %rax
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
        jne     restrict
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

restrict:
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
