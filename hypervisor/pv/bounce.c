/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bouncing: entering a guest's handler for an exception, an event, a system call or an NMI, as a
 * processor would enter a kernel.
 *
 * A guest kernel sees the frame that the ABI defines, on its own stack, from the lowest address:
 *
 *     rcx, r11, [ds, es, fs, gs: failsafe only], [error code], rip, cs, rflags, rsp, ss
 *
 * rcx and r11 are there because the hypervisor may return by SYSRET, which loses them; the
 * guest's entry code pops them first.  The word of cs carries the event mask of before the entry in
 * byte 4, and has its RPL cleared when the guest was in kernel mode, since the hardware's says 3
 * for both.  rflags show the virtual interrupt flag, which is the inverse of the event mask.
 *
 * The whole frame is built here and stored once with the checked copy, at an address that the guest
 * chose: what must not happen is that it lands in the hypervisor's range (XSA-215: every kind of
 * frame is checked with its own size), and that an event is delivered with no handler.
 */
#include "abi/xen.h"
#include "cpu/cpu_info.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "mem/guest_access.h"
#include "pv/pv.h"

static inline uint8_t upcall_mask(const struct vcpu *v)
{
    return *(volatile uint8_t *)&v->vcpu_info->evtchn_upcall_mask;
}

static inline uint64_t bounced_rflags(const struct vcpu *v, const struct cpu_regs *regs,
                                      uint8_t mask)
{
    uint64_t f = regs->rflags & ~(RFLAGS_IF | RFLAGS_IOPL);

    if (!mask)
        f |= RFLAGS_IF;
    if (v->domain->vm_assist & (1u << VMASST_TYPE_architectural_iopl))
        f |= (uint64_t)v->iopl << 12;
    return f;
}

/* `lead` words, and the processor's five. */
#define MAX_LEAD  6
#define MAX_FRAME (MAX_LEAD + 5)

/*
 * The common tail: pushes `lead` words (what comes before rip) and the processor's five, and points
 * the frame at the handler.  Returns false after crashing the domain.  Inline, with nr_lead a
 * constant, so that the frame goes from registers to the guest's stack.
 */
static __always_inline bool enter(struct vcpu *v, struct cpu_regs *regs, uint64_t address,
                                  bool mask_events, const uint64_t *lead, unsigned nr_lead)
{
    const unsigned n = nr_lead + 5;
    uint64_t frame[MAX_FRAME] __uninitialized; /* n words are set, and n words are stored */
    uint64_t sp, *processors = frame + nr_lead;
    uint8_t mask = upcall_mask(v);

    if (unlikely(!address)) {
        domain_crash(v->domain, "vcpu %u has no handler registered for an entry", v->id);
        return false;
    }
#pragma GCC unroll 6
    for (unsigned i = 0; i < nr_lead; i++)
        frame[i] = lead[i];
    processors[0] = regs->rip;
    processors[1] = (regs->cs & (v->in_kernel ? 0xfffc : 0xffff)) | (uint64_t)mask << 32;
    processors[2] = bounced_rflags(v, regs, mask);
    processors[3] = regs->rsp;
    processors[4] = regs->ss;
    sp = regs->rsp;
    if (!v->in_kernel) {
        sp = v->kernel_sp;
        pv_toggle_mode_inline(v);
    }

    sp = (sp & ~0xfUL) - n * 8;
    if (unlikely(write_guest_words(sp, frame, n))) {
        domain_crash(v->domain, "vcpu %u: entry frame does not fit on the kernel stack at %#lx",
                     v->id, sp);
        return false;
    }
    if (mask_events)
        *(volatile uint8_t *)&v->vcpu_info->evtchn_upcall_mask = 1;
    regs->rip = address;
    regs->cs = FLAT_KERNEL_CS;
    regs->ss = FLAT_KERNEL_SS;
    regs->rsp = sp;
    /* TF would trap on every instruction of the handler; AC, NT and RF are the interrupted code's.
     */
    regs->rflags = guest_rflags(regs->rflags & ~(RFLAGS_TF | RFLAGS_AC | RFLAGS_RF));
    /* The handler pops rcx and r11, so the fast way back may lose them. */
    regs->entry_vector = FRAME_VEC_SYSCALL;
    return true;
}

/* Where it need not be the shortest. */
static __attribute__((noinline)) void enter_plain(struct vcpu *v, struct cpu_regs *regs,
                                                  uint64_t address, bool mask_events)
{
    const uint64_t lead[] = {regs->rcx, regs->r11};

    enter(v, regs, address, mask_events, lead, 2);
}

/* SYSCALL by a program: called with interrupts off, the shortest of all. */
void pv_syscall_from_user(struct cpu_regs *regs, struct vcpu *v);
void pv_syscall_from_user(struct cpu_regs *regs, struct vcpu *v)
{
    enter_plain(v, regs, v->cb_syscall.address, v->cb_syscall.mask_events);
}

void pv_syscall32(struct cpu_regs *regs, struct vcpu *v);
void pv_syscall32(struct cpu_regs *regs, struct vcpu *v)
{
    local_irq_enable();
    if (v->in_kernel || !v->cb_syscall32.address) {
        pv_inject(v, regs, TRAP_UD, 0);
        return;
    }
    enter_plain(v, regs, v->cb_syscall32.address, v->cb_syscall32.mask_events);
}

void pv_sysenter(struct cpu_regs *regs, struct vcpu *v);
void pv_sysenter(struct cpu_regs *regs, struct vcpu *v)
{
    local_irq_enable();
    if (v->in_kernel || !v->cb_sysenter.address) {
        /* Where it came from is lost with RIP and RSP: the guest sees a fault at address 0. */
        pv_inject(v, regs, TRAP_GP, 0);
        return;
    }
    enter_plain(v, regs, v->cb_sysenter.address, v->cb_sysenter.mask_events);
}

void pv_deliver_event(struct cpu_regs *regs, struct vcpu *v);
void pv_deliver_event(struct cpu_regs *regs, struct vcpu *v)
{
    /* Without a callback an event stays pending, as an interrupt does on a CPU with IF clear. */
    if (unlikely(!v->cb_event.address)) {
        domain_crash(v->domain, "vcpu %u: event pending and unmasked, but no callback", v->id);
        return;
    }
    /* Events are always masked in their handler: the guest's callback relies on it. */
    enter_plain(v, regs, v->cb_event.address, true);
}

static __always_inline void inject(struct vcpu *v, struct cpu_regs *regs, unsigned vector,
                                   uint32_t error)
{
    const struct trap_entry *t = &v->trap_table[vector];

    if (unlikely(!t->address)) {
        domain_crash(v->domain, "vcpu %u: no handler for exception %u (error %#x) at rip %#lx",
                     v->id, vector, error, regs->rip);
        return;
    }
    if ((TRAP_HAS_ERROR_CODE >> vector) & 1) {
        const uint64_t lead[] = {regs->rcx, regs->r11, error};

        enter(v, regs, t->address, t->flags & 4, lead, 3);
    } else {
        enter_plain(v, regs, t->address, t->flags & 4);
    }
}

void pv_inject(struct vcpu *v, struct cpu_regs *regs, unsigned vector, uint32_t error)
{
    inject(v, regs, vector, error);
}

void pv_inject_pf(struct vcpu *v, struct cpu_regs *regs, uint32_t error, uint64_t cr2)
{
    /* The processor saw ring 3 in any case; the guest wants to know which half of it. */
    error &= ~PF_USER;
    if (!v->in_kernel)
        error |= PF_USER;
    v->vcpu_info->arch.cr2 = cr2;
    inject(v, regs, TRAP_PF, error);
}

void pv_inject_soft(struct vcpu *v, struct cpu_regs *regs, unsigned vector)
{
    const struct trap_entry *t = &v->trap_table[vector];

    enter_plain(v, regs, t->address, t->flags & 4);
}

/*
 * Whoever makes an NMI pending, or a vCPU with one go on, or ends its handler, raises the softirq;
 * so the exit path needs no test of its own.  Like a processor, a vCPU takes no second NMI before
 * its next iret.  One whose handler was taken back meanwhile comes to nothing, as it would have if
 * it had been sent a moment later.
 */
void pv_nmi_softirq(void)
{
    struct vcpu *v = current;
    struct cpu_regs *regs = guest_regs();
    const struct trap_entry *t;

    if (is_idle_vcpu(v) || v->nmi_masked || !atomic_xchg(&v->nmi_pending, false))
        return;
    t = &v->trap_table[TRAP_NMI];
    if (!t->address)
        return;
    v->nmi_masked = true;
    enter_plain(v, regs, t->address, t->flags & 4);
}

void pv_failsafe(struct vcpu *v, struct cpu_regs *regs)
{
    const uint64_t lead[] = {regs->rcx, regs->r11, v->ds, v->es, v->fs, v->gs};

    if (!v->cb_failsafe.address) {
        domain_crash(v->domain, "vcpu %u: bad segment or return frame, and no failsafe callback",
                     v->id);
        return;
    }
    enter(v, regs, v->cb_failsafe.address, v->cb_failsafe.mask_events, lead, 6);
}
