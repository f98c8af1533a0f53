/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything that enters a tiny kernel: which handlers are registered, and what becomes of an
 * exception (a test waits for it, or it fails the test) or of events (counted per port).
 */
#include "test.h"

struct trap_record last_trap;
volatile uint64_t trap_resume;
volatile unsigned event_count[4096];
volatile unsigned upcall_count;
bool (*trap_hook)(struct regs *regs);

void trap_entry(struct regs *regs);

struct vcpu_info *vcpu0; /* tests take exceptions and events on the first vCPU only */

static struct vcpu_info *this_vcpu(void)
{
    return vcpu0;
}

void trap_forget(void)
{
    last_trap = (struct trap_record){0};
}

void events_mask(void)
{
    this_vcpu()->evtchn_upcall_mask = 1;
    __asm__ volatile("" ::: "memory");
}

void events_unmask(void)
{
    struct vcpu_info *v = this_vcpu();

    __asm__ volatile("" ::: "memory");
    v->evtchn_upcall_mask = 0;
    __asm__ volatile("mfence" ::: "memory");
    if (v->evtchn_upcall_pending)
        hc_xen_version(XENVER_version,
                       0); /* any hypercall looks for pending events on its way out */
}

static void deliver_events(void)
{
    struct vcpu_info *v = this_vcpu();

    upcall_count++;
    do {
        uint64_t words;

        v->evtchn_upcall_pending = 0;
        words = __atomic_exchange_n(&v->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
        while (words) {
            unsigned w = (unsigned)__builtin_ctzl(words);
            uint64_t bits = shared_info->evtchn_pending[w] & ~shared_info->evtchn_mask[w];

            words &= words - 1;
            __atomic_fetch_and(&shared_info->evtchn_pending[w], ~bits, __ATOMIC_SEQ_CST);
            for (; bits; bits &= bits - 1)
                event_count[w * 64 + (unsigned)__builtin_ctzl(bits)]++;
        }
    } while (v->evtchn_upcall_pending);
}

void trap_entry(struct regs *regs)
{
    if (regs->vector == VECTOR_EVENT) {
        deliver_events();
        return;
    }
    last_trap.count++;
    last_trap.regs = *regs;
    last_trap.mask_then = this_vcpu()->evtchn_upcall_mask;
    last_trap.cr2 = regs->vector == X86_PF ? this_vcpu()->arch.cr2 : 0;
    if ((regs->cs & 3) == 3)
        user_leave();
    regs->rflags &= ~(uint64_t)EFLAGS_TF; /* one step is enough for every test */
    regs->ss = FLAT_KERNEL_SS;            /* two tests arrive here with bad ones */
    regs->cs = (regs->cs & ~0xffffUL) | (FLAT_KERNEL_CS & ~3UL);
    if (trap_hook && trap_hook(regs))
        return;
    if (trap_resume) {
        regs->rip = trap_resume;
        trap_resume = 0;
        return;
    }
    test_fail("0", "unexpected vector %#lx error %#lx rip %#lx cs %#lx rsp %#lx cr2 %#lx",
              regs->vector, regs->error, regs->rip, regs->cs, regs->rsp, last_trap.cr2);
    events_unmask();
    test_abort();
}

static void set_callback(uint16_t type, void (*entry)(void), uint16_t flags)
{
    struct callback_register cb = {type, flags, (uint64_t)entry};
    long rc = hc_callback_op(CALLBACKOP_register, &cb);

    if (rc)
        print("callback %u refused: %s\n", type, error_name(rc));
}

void trap_init(void)
{
    static struct trap_info table[35];
    unsigned n = 0;

    if (!vcpu0)
        vcpu0 = &shared_info->vcpu_info[0];
    for (unsigned v = 0; v < 32; v++) {
        if (v == 2 || v == 15)
            continue;
        table[n].vector = (uint8_t)v;
        /* #BP and #OF may be raised by INT from user mode; page faults mask events, as Linux has
         * it. */
        table[n].flags = (uint8_t)((v == X86_BP || v == X86_OF ? 3 : 0) | (v == X86_PF ? 4 : 0));
        table[n].cs = FLAT_KERNEL_CS;
        table[n++].address = (uint64_t)exception_table[v];
    }
    table[n++] = (struct trap_info){0x80, 3, FLAT_KERNEL_CS, (uint64_t)trap_int80};
    table[n++] = (struct trap_info){0x81, 0, FLAT_KERNEL_CS, (uint64_t)trap_int81};
    table[n] = (struct trap_info){0};
    if (hc_set_trap_table(table))
        print("set_trap_table refused\n");
    set_callback(CALLBACKTYPE_event, event_entry, 0);
    set_callback(CALLBACKTYPE_failsafe, failsafe_entry, 0);
    set_callback(CALLBACKTYPE_syscall, syscall_entry, CALLBACKF_mask_events);
    for (unsigned w = 0; w < 64; w++)
        shared_info->evtchn_mask[w] = ~0UL;
    events_unmask();
}

/* Wait, yielding, until a port was delivered `count` times; false after `ms`. */
bool event_wait(unsigned port, unsigned count, unsigned long ms)
{
    uint64_t end = system_time() + ms * 1000000;

    while (event_count[port] < count) {
        if (system_time() > end)
            return false;
        hc_sched_op(SCHEDOP_yield, 0);
    }
    return true;
}
