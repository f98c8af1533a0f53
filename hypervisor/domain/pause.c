/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keeping vCPUs from running, for a while.
 *
 * A vCPU may run while its pause_count is 0.  Pausing a domain pauses each of its vCPUs, and is
 * remembered in the domain for vCPUs that are made later; pause_lock makes the two agree.  Pauses
 * nest: whoever paused must unpause once.  The scheduler does the rest (vcpu_sleep_*, vcpu_wake).
 */
#include "abi/errno.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "time/clock.h"

void vcpu_pause_nosync(struct vcpu *v)
{
    atomic_inc(&v->pause_count);
    vcpu_sleep_nosync(v);
}

void vcpu_pause(struct vcpu *v)
{
    ASSERT(v != current);
    atomic_inc(&v->pause_count);
    vcpu_sleep_sync(v);
}

void vcpu_unpause(struct vcpu *v)
{
    ASSERT(v->pause_count);
    if (!atomic_sub_get(&v->pause_count, 1))
        vcpu_wake(v);
}

void domain_pause_nosync(struct domain *d)
{
    struct vcpu *v;
    uint64_t flags = spin_lock_irqsave(&d->pause_lock);

    d->pause_count++;
    for_each_vcpu (d, v)
        vcpu_pause_nosync(v);
    spin_unlock_irqrestore(&d->pause_lock, flags);
}

void domain_pause(struct domain *d)
{
    struct vcpu *v;

    domain_pause_nosync(d);
    for_each_vcpu (d, v)
        if (v != current)
            vcpu_sleep_sync(v);
}

void domain_unpause(struct domain *d)
{
    struct vcpu *v;
    uint64_t flags = spin_lock_irqsave(&d->pause_lock);

    ASSERT(d->pause_count);
    d->pause_count--;
    for_each_vcpu (d, v)
        vcpu_unpause(v);
    spin_unlock_irqrestore(&d->pause_lock, flags);
}

int domain_pause_by_tools(struct domain *d)
{
    /* Waiting for oneself would never end. */
    if (d == current_domain)
        return guest_error(-EINVAL, "a domain cannot pause itself");
    spin_lock(&d->lock);
    if (d->pause_by_tools == 255) { /* Xen's bound; more is a tool gone wild */
        spin_unlock(&d->lock);
        return guest_error(-EOVERFLOW, "paused 255 times already");
    }
    d->pause_by_tools++;
    spin_unlock(&d->lock);
    domain_pause(d);
    return 0;
}

/* The builder has cleared or written all of shared_info: what we had put there is put again, but
 * for vCPUs that have no context yet: theirs comes with it. */
static void finish_creation(struct domain *d)
{
    struct vcpu *v;

    d->creation_finished = true;
    wallclock_update_domain(d);
    for_each_vcpu (d, v)
        if (v->is_initialised)
            clock_force_vcpu_time(v);
}

int domain_unpause_by_tools(struct domain *d)
{
    bool first;

    spin_lock(&d->lock);
    if (!d->pause_by_tools) {
        spin_unlock(&d->lock);
        return guest_error(-EINVAL, "not paused by tools");
    }
    d->pause_by_tools--;
    first = !d->creation_finished;
    spin_unlock(&d->lock);
    if (first)
        finish_creation(d); /* paused still: only the domctl lock's holder is here */
    domain_unpause(d);
    return 0;
}
