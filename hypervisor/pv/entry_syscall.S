/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ways in that a guest chooses: SYSCALL, by which its programs call its kernel and its kernel
 * calls the hypervisor, SYSENTER, and SYSCALL from 32-bit code.  Exceptions, interrupts and the way
 * back are in entry.S, which also says how frames, stacks and restricted roots work.
 */
#include "pv/entry_macros.inc"

        .section .text.entry, "ax", @progbits

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
        jne     exit_restricted
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

        .section .note.GNU-stack, "", @progbits
