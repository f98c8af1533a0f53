/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Run states as guests and tools read them, and the copies in memory that a guest registered.
 *
 * A registered area is a guest virtual address, mapped by the guest's kernel page tables but, as a
 * rule, not by those of its user mode.  So for a vCPU that comes back into user mode the kernel's
 * are loaded for a moment: that costs two loads of CR3 per such switch, and saves the hot path of
 * every system call from looking whether something has to be made up for.  A copy that faults is
 * the guest's loss: it unmapped its own area.
 */
#include "sched/runstate.h"

#include "mem/guest_access.h"
#include "sched/sched_internal.h"
#include "time/clock.h"

void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out)
{
    uint64_t flags;
    struct sched_rq *rq = vcpu_rq_lock(v, &flags);

    runstate_snapshot(&v->sched.runstate, now_ns(), out);
    vcpu_rq_unlock(rq, flags);
}

/*
 * With VMASST_TYPE_runstate_update_flag another vCPU may read the area at any time: the flag bit in
 * state_entry_time is set before, and cleared after, everything else is written.
 */
static bool write_area(const struct vcpu *v, struct vcpu_runstate_info *r)
{
    const uint64_t at = v->runstate_guest;
    const uint64_t entry_at = at + offsetof(struct vcpu_runstate_info, state_entry_time);
    uint64_t entry = r->state_entry_time;

    if (!(v->domain->vm_assist & BIT(VMASST_TYPE_runstate_update_flag)))
        return copy_to_guest(at, r, sizeof(*r)) == 0;

    r->state_entry_time |= XEN_RUNSTATE_UPDATE;
    if (put_guest_u64(entry_at, r->state_entry_time))
        return false;
    smp_wmb();
    if (copy_to_guest(at, r, sizeof(*r)))
        return false;
    smp_wmb();
    return put_guest_u64(entry_at, entry) == 0;
}

/* current's, whose address space is loaded. */
static void update_runstate_area(struct vcpu *v)
{
    struct vcpu_runstate_info r;

    if (!v->runstate_guest)
        return;
    /* The state is not copied under the lock: this vCPU runs here, nobody else changes it. */
    r = v->sched.runstate;
    write_area(v, &r);
}

void vcpu_areas_update(void)
{
    struct vcpu *v = current;
    bool toggle = !v->in_kernel && (v->runstate_guest || v->time_guest);

    if (toggle)
        pv_toggle_mode(v);
    clock_update_vcpu_time(v);
    update_runstate_area(v);
    if (toggle)
        pv_toggle_mode(v);
}

void vcpu_areas_leave(struct vcpu *prev)
{
    /* What other vCPUs want to know is whether one that holds a lock runs: it is in its kernel. */
    if (prev->in_kernel)
        update_runstate_area(prev);
}
