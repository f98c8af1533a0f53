/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The idle domain: one vCPU per processor that runs when nothing else can.  It owns nothing, has no
 * guest state, and its "program" is idle_loop().
 */
#include "cpu/cpu_info.h"
#include "cpu/insn.h"
#include "lib/irqflags.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "sched/sched_internal.h"
#include "sched/softirq.h"

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

void idle_loop(void)
{
    for (;;) {
        unsigned int cpu = smp_cpu_id();

        /* Freed memory is cleaned while there is nothing better to do, a little at a time. */
        while (!softirq_pending(cpu) && heap_scrub_some())
            ;
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
