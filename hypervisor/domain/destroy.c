/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A domain's death (I8): everything it holds goes, in steps that can stop and go on.
 *
 *   tools call destroydomain -> domain_kill() until it says 0: the domain is a zombie then (no
 *   vCPU runs, no port, no mapping, no page table), and may still own frames that others map.
 *   The existence reference is dropped.  When the last frame has been unmapped by others and the
 *   last grant of it closed, the last domain_put() leads to domain_free().
 *
 * Order of the steps, and why: vCPUs stop first, so that nothing is taken while we give back.
 * Ports close while shared_info still exists.  Handlers of interrupts find a port by one load and
 * without a lock, so before vcpu_info goes every processor has passed a point outside of them.  The
 * roots and descriptor tables of vCPUs must be gone before their frames can lose their types, and
 * page tables before mappings of grants are counted out.  The state is d->relinquish_step, guarded
 * by the caller (domctl lock); each step may be entered again.
 */
#include "abi/errno.h"
#include "cpu/smp.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "domain/pv_hooks.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "mem/rangeset.h"

enum step {
    STEP_STOP,
    STEP_EVENTS,
    STEP_QUIESCE,
    STEP_VCPUS,
    STEP_TABLES,
    STEP_FRAMES,
    STEP_GRANTS,
    STEP_LAST_FRAMES,
    STEP_BURY,
    STEP_DONE,
};

static int stop(struct domain *d)
{
    struct vcpu *v;

    domain_pause(d);
    d->dying = DOMDYING_DYING;
    spin_lock(&d->mem.lock);
    d->mem.is_dying = true; /* from now on no frame, reference or pin is given out */
    spin_unlock(&d->mem.lock);
    mem_claim(&d->mem, 0);
    clear_global_virq_handlers(d);
    sched_destroy_domain(d); /* watchdogs */
    for_each_vcpu (d, v) {
        timer_kill(&v->singleshot);
        timer_kill(&v->periodic);
        timer_kill(&v->poll_timer);
    }
    return 0;
}

static void nothing(void *arg)
{
    (void)arg;
}

/* Whoever found one of d's ports before it was closed is done with it: interrupt handlers because
 * the call waits for them, timers because they are dead, other senders by the port's lock. */
static int quiesce(struct domain *d)
{
    (void)d;
    smp_call(cpu_online_map, nothing, NULL, true);
    return 0;
}

static int release_vcpus(struct domain *d)
{
    /* The cursor is the vCPU: each call gets at least one further, however busy the CPU is. */
    while (d->relinquish_cursor < d->max_vcpus) {
        struct vcpu *v = d->vcpu[d->relinquish_cursor];

        if (v) {
            int rc;

            vcpu_info_release(v);
            rc = pv_vcpu_relinquish(v);
            if (rc)
                return rc;
        }
        if (++d->relinquish_cursor < d->max_vcpus && hypercall_preempt_check())
            return -ERESTART;
    }
    d->relinquish_cursor = 0;
    return 0;
}

static int relinquish_tables(struct domain *d)
{
    int rc = mem_relinquish_tables(&d->mem, &d->relinquish_cursor);

    if (!rc)
        d->relinquish_cursor = 0;
    return rc;
}

static int relinquish_frames(struct domain *d)
{
    int rc = mem_relinquish(&d->mem, &d->relinquish_cursor);

    if (!rc)
        d->relinquish_cursor = 0;
    return rc;
}

static int bury(struct domain *d)
{
    /* The hypervisor's own view of the page stays until domain_free(). */
    frame_unshare(d->shared_info);
    d->dying = DOMDYING_DEAD;
    return 0;
}

int domain_kill(struct domain *d)
{
    static int (*const steps[])(struct domain * d) = {
        [STEP_STOP] = stop,
        [STEP_EVENTS] = evtchn_destroy_step,
        [STEP_QUIESCE] = quiesce,
        [STEP_VCPUS] = release_vcpus,
        /* While each frame still has its allocation's reference, so that a table that goes does not
         * free 512 frames at once. */
        [STEP_TABLES] = relinquish_tables,
        [STEP_FRAMES] = relinquish_frames,
        [STEP_GRANTS] = grant_table_relinquish,
        /* Frames of ours that only our own grant mappings held are free to go now. */
        [STEP_LAST_FRAMES] = relinquish_frames,
        [STEP_BURY] = bury,
    };

    if (d == current_domain || d == dom0)
        return guest_error(-EINVAL, "a domain cannot destroy itself, nor anybody dom0");
    if (d->relinquish_step == STEP_DONE)
        return 0; /* a zombie: asked again */
    while (d->relinquish_step < STEP_DONE) {
        int rc = steps[d->relinquish_step](d);

        if (rc)
            return rc;
        d->relinquish_step++;
        if (d->relinquish_step < STEP_DONE && hypercall_preempt_check())
            return -ERESTART;
    }
    send_global_virq(VIRQ_DOM_EXC);
    domain_put(d); /* the reference of existence, from domain_create() */
    return 0;
}

static void free_vcpus(struct domain *d)
{
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = d->vcpu[i];

        if (!v)
            continue;
        sched_destroy_vcpu(v);
        pv_vcpu_destroy(v);
        d->vcpu[i] = NULL;
        hv_free(v);
    }
}

void domain_free(struct domain *d)
{
    BUG_ON(d->refcnt || d->mem.tot_pages || d->mem.shared_pages); /* I8 */
    BUG_ON(d->dying != DOMDYING_DEAD);
    domain_unregister(d);
    free_vcpus(d);
    grant_table_destroy(d);
    evtchn_free(d);
    BUG_ON(!frame_is_unshared(d->shared_info));
    hv_free_page(d->shared_info);
    pv_domain_free(d);
    rangeset_free(d->ioports);
    rangeset_free(d->irqs);
    rangeset_free(d->mem.iomem);
    hv_free(d->memory_map);
    hv_free(d->console);
    mem_owner_destroy(&d->mem);
    hv_free(d);
    /* Tools that wait for the last of a zombie look again. */
    send_global_virq(VIRQ_DOM_EXC);
}
