/* SPDX-License-Identifier: GPL-2.0-only */
/* A vCPU's registers for humans: the debug keys, and the last words of a crashed domain. */
#include "console/log.h"
#include "cpu/cpu_info.h"
#include "domain/domain.h"
#include "mem/guest_access.h"
#include "pv/pv.h"

static void dump_guest_stack(const struct cpu_regs *r)
{
    uint64_t words[16];

    if (copy_from_guest(words, r->rsp, sizeof words))
        return;
    printk(XENLOG_ERR "stack at %#lx:\n", r->rsp);
    for (unsigned i = 0; i < 16; i += 4)
        printk(XENLOG_ERR "   %016lx %016lx %016lx %016lx\n", words[i], words[i + 1], words[i + 2],
               words[i + 3]);
}

void pv_vcpu_dump(struct vcpu *v)
{
    const struct cpu_regs *r = v == current ? guest_regs() : &v->regs;

    printk(XENLOG_ERR "d%uv%u %s mode\n", v->domain->mem.id, v->id,
           v->in_kernel ? "kernel" : "user");
    printk(XENLOG_ERR "rip %04lx:%016lx rflags %08lx\n", r->cs, r->rip, r->rflags);
    printk(XENLOG_ERR "rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", r->rax, r->rbx, r->rcx,
           r->rdx);
    printk(XENLOG_ERR "rsi %016lx rdi %016lx rbp %016lx rsp %04lx:%016lx\n", r->rsi, r->rdi, r->rbp,
           r->ss, r->rsp);
    printk(XENLOG_ERR "r8  %016lx r9  %016lx r10 %016lx r11 %016lx\n", r->r8, r->r9, r->r10,
           r->r11);
    printk(XENLOG_ERR "r12 %016lx r13 %016lx r14 %016lx r15 %016lx\n", r->r12, r->r13, r->r14,
           r->r15);
    printk(XENLOG_ERR "cr2 %016lx cr3 %016lx user cr3 %016lx events %s%s\n", v->vcpu_info->arch.cr2,
           v->kernel_cr3, v->user_cr3, v->vcpu_info->evtchn_upcall_pending ? "pending" : "none",
           v->vcpu_info->evtchn_upcall_mask ? ", masked" : "");
    if (v == current)
        dump_guest_stack(r);
}
