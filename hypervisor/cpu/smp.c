/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cross-CPU calls, and stopping everyone in a panic.  (boot/start_cpus.c starts the processors.)
 *
 * A call has one slot, under one lock: calls are rare (hypervisor mappings, debug keys, operations
 * on all CPUs); TLB flushes and wake-ups have vectors and words of their own.
 */
#include "cpu/smp.h"
#include "cpu/apic.h"
#include "cpu/clocksource.h"
#include "cpu/cpu_info.h"
#include "cpu/insn.h"
#include "cpu/irq.h"
#include "hooks.h"
#include "lib/spinlock.h"

/* How long a stopped CPU may take to say so; under emulation on a busy host it takes a while. */
#define STOP_WAIT_US 100000
#define STOP_STEP_US 100

cpumask_t cpu_online_map __read_mostly = 1;
unsigned int nr_cpus __read_mostly = 1;

static cpumask_t stopped; /* for good, at the end of the machine */

static struct {
    spinlock_t lock;
    void (*fn)(void *arg);
    void *arg;
    bool wait;
    cpumask_t pending;
} call;

void smp_poll_calls(void)
{
    cpumask_t self = cpumask_of(smp_cpu_id());
    void (*fn)(void *arg);
    void *arg;

    if (!(load_acquire(&call.pending) & self))
        return;
    /* Without `wait` the slot is free for the next call as soon as the bit is clear. */
    fn = call.fn;
    arg = call.arg;
    if (!call.wait) {
        atomic_get_and(&call.pending, ~self);
        fn(arg);
        return;
    }
    fn(arg);
    atomic_get_and(&call.pending, ~self);
}

static void handle_call(uint8_t vector)
{
    apic_eoi();
    smp_poll_calls();
}

static void handle_event_check(uint8_t vector)
{
    apic_eoi();
    event_check_ipi();
}

static void handle_tlb_flush(uint8_t vector)
{
    apic_eoi();
    tlb_flush_ipi();
}

void smp_call(cpumask_t mask, void (*fn)(void *arg), void *arg, bool wait)
{
    uint64_t flags = local_irq_save();
    cpumask_t self = cpumask_of(smp_cpu_id());
    cpumask_t others = mask & cpu_online_map & ~self;

    if (others) {
        while (!spin_trylock(&call.lock)) {
            smp_poll_calls();
            cpu_relax();
        }
        call.fn = fn;
        call.arg = arg;
        call.wait = wait;
        store_release(&call.pending, others);
        apic_send_ipi_mask(others, VECTOR_CALL);
    }
    if (mask & self)
        fn(arg);
    if (others) {
        while (load_acquire(&call.pending))
            cpu_relax();
        spin_unlock(&call.lock);
    }
    local_irq_restore(flags);
}

void smp_send_event_check(unsigned int cpu)
{
    apic_send_ipi(cpu, VECTOR_EVENT_CHECK);
}

void smp_send_tlb_flush(cpumask_t mask)
{
    apic_send_ipi_mask(mask, VECTOR_TLB_FLUSH);
}

static void flush_on_this_cpu(void *unused)
{
    uint64_t cr4 = cpu_info()->cr4;
    uint64_t flags = local_irq_save();

    if (cr4 & CR4_PGE) {
        write_cr4(cr4 & ~CR4_PGE);
        write_cr4(cr4);
    } else {
        write_cr3(read_cr3());
    }
    local_irq_restore(flags);
}

void smp_flush_everything(void)
{
    smp_call(CPUMASK_ALL, flush_on_this_cpu, NULL, true);
}

__noreturn void smp_stop_self(void)
{
    local_irq_disable();
    atomic_get_or(&stopped, cpumask_of(smp_cpu_id()));
    for (;;)
        hlt();
}

cpumask_t smp_stop_others(void)
{
    cpumask_t others = cpu_online_map & ~cpumask_of(smp_cpu_id());
    unsigned int cpu;

    for_each_cpu (cpu, others)
        apic_send_nmi(cpu);
    for (unsigned int us = 0; us < STOP_WAIT_US && others & ~load_once(&stopped);
         us += STOP_STEP_US)
        delay_us(STOP_STEP_US);
    return others & ~load_once(&stopped);
}

void __boot_text smp_init(void)
{
    irq_set_handler(VECTOR_CALL, handle_call);
    irq_set_handler(VECTOR_EVENT_CHECK, handle_event_check);
    irq_set_handler(VECTOR_TLB_FLUSH, handle_tlb_flush);
}
