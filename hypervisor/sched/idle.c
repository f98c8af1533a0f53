/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The idle domain: one vCPU per processor that runs when nothing else can.  It owns nothing, has no
 * guest state, and its "program" is idle_loop().
 */
#include "sched/set_current.h"

#include "cpu/cpu_info.h"
#include "cpu/insn.h"
#include "debug/assert.h"
#include "lib/irqflags.h"
#include "mem/buddy.h"
#include "hooks.h"
#include "mem/heap.h"
#include "mem/tlb.h"
#include "sched/sched_internal.h"
#include "sched/runstate.h"
#include "sched/softirq.h"
#include "time/clock.h"

static struct domain the_idle_domain = {
    .mem = {.id = DOMID_IDLE},
    .refcnt = 1,
    .max_vcpus = NR_CPUS,
};
struct domain *idle_domain = &the_idle_domain;

_Static_assert(NR_CPUS <= MAX_VCPUS, "one idle vCPU per processor");

struct vcpu *idle_vcpu_create(unsigned int cpu)
{
    struct vcpu *v = the_idle_domain.vcpu[cpu];

    if (!v)
        v = hv_zalloc(sizeof(*v));
    if (!v)
        return NULL;
    the_idle_domain.vcpu[cpu] = v;
    v->domain = &the_idle_domain;
    v->id = cpu;
    v->in_kernel = true;
    v->vcpu_info_mfn = INVALID_MFN;
    v->sched.unit.cpu = cpu;
    v->sched.unit.hard = v->sched.unit.soft = BIT(cpu);
    v->sched.state_cpu = NO_CPU;
    v->sched.timer_cpu = cpu;
    return v;
}

void sched_start_cpu(void)
{
    unsigned int cpu = smp_cpu_id();
    struct vcpu *idle = sched_cpus[cpu].idle;

    set_current(idle);
    cpu_info()->softirq = &softirq_cpus[cpu].pending;
    runstate_init(&idle->sched.runstate, RUNSTATE_running, now_ns());
    idle->sched.unit.on_cpu = true;
    tlb_cpu_up(cpu); /* before a guest can run here: flushes must reach us from then on */
    atomic_get_or(&sched_online, BIT(cpu));
}

void cpu_idle_entry(void)
{
    clock_init_cpu();
    if (sched_prepare_cpu(smp_cpu_id()) != 0)
        panic("no memory for an idle vCPU");
    sched_start_cpu();
    local_irq_enable();
    idle_loop();
}

void event_check_ipi(void)
{
    /* Nothing: the exit path, or the idle loop after HLT, looks for what is pending. */
}

/* Freed memory is cleaned while there is nothing better to do, a little at a time; by one processor
 * at a time, since they would only fight for the heap's lock. */
static void scrub_while_idle(unsigned int cpu)
{
    static bool taken;

    if (load_once(&taken) || atomic_xchg(&taken, true))
        return;
    while (!softirq_pending(cpu) && heap_scrub_some())
        ;
    store_release(&taken, false);
}

void idle_loop(void)
{
    for (;;) {
        unsigned int cpu = smp_cpu_id();

        scrub_while_idle(cpu);
        /* Whatever wakes us raises a softirq; tested with interrupts off, and STI takes effect
         * only after HLT has begun, so that no wake-up falls in between. */
        local_irq_disable();
        if (softirq_pending(cpu))
            local_irq_enable();
        else
            sti_hlt();
        do_softirq();
    }
}
