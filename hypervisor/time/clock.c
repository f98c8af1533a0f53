/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * System time, and its publication to guests.
 *
 * Each processor has a stamp: at TSC value `tsc` it was `ns`, and from there time goes on by
 * `scale`.  While the TSCs are in step all stamps are the same and never change: then a guest gets
 * the pair once, with the TSC_STABLE flag, and no switch, migration or tick ever has to touch it.
 * Otherwise time/clock_sync.c brings the stamps back into line every second, and a vCPU gets the
 * stamp of the processor it runs on.
 *
 * A stamp is written by its own processor only, with interrupts off; so reading it there needs no
 * lock in any context but an NMI.
 */
#include "time/clock.h"

#include "console/log.h"
#include "cpu/clocksource.h"
#include "cpu/cpu_info.h"
#include "cpu/insn.h"
#include "domain/domain.h"
#include "mem/guest_access.h"
#include "time/clock_internal.h"
#include "time/timer.h"

struct clock_stamp clock_stamps[NR_CPUS];
static bool tsc_stable = true; /* until shown otherwise: see clock_check_tsc() */

uint64_t clock_stamp_ns(const struct clock_stamp *s, uint64_t tsc)
{
    return s->ns + time_scale_ns(s->scale, tsc - s->tsc);
}

uint64_t now_ns(void)
{
    return clock_stamp_ns(&clock_stamps[smp_cpu_id()], rdtsc());
}

uint64_t ns_to_tsc_deadline(uint64_t ns)
{
    const struct clock_stamp *s = &clock_stamps[smp_cpu_id()];
    uint64_t tsc;

    if (ns <= s->ns)
        return s->tsc;
    if (__builtin_add_overflow(s->tsc, time_scale_ticks(s->scale, ns - s->ns), &tsc))
        return UINT64_MAX;
    return tsc;
}

bool clock_tsc_stable(void)
{
    return tsc_stable;
}

void clock_init(void)
{
    struct clock_stamp *s = &clock_stamps[smp_cpu_id()];

    s->tsc = rdtsc();
    s->ns = 0;
    s->scale = time_scale_from_khz(tsc_khz);
    timers_init();
    clock_register_keys();
}

void clock_init_cpu(void)
{
    struct clock_stamp *own = &clock_stamps[smp_cpu_id()];
    uint64_t tsc = rdtsc();

    *own = clock_stamps[0];
    if (tsc < own->tsc) { /* not in step, and time must not wrap: it starts anew, until corrected */
        own->tsc = tsc;
        store_once(&tsc_stable, false);
    }
}

void clock_check_tsc(void)
{
    if (tsc_stable && !clock_warp_test())
        tsc_stable = false;
    if (tsc_stable) {
        printk(XENLOG_INFO "time: TSC %u.%03u MHz, in step on all processors\n", tsc_khz / 1000,
               tsc_khz % 1000);
        return;
    }
    printk(XENLOG_WARNING "time: TSCs are not in step, correcting each second\n");
    clock_sync_start();
}

/* --- publication
 * ------------------------------------------------------------------------------------ */

/* Whether RDTSC in this domain reads the processor's own counter. */
static bool guest_tsc_native(const struct domain *d)
{
    return !d->tsc_emulated || !d->tsc_khz_guest;
}

uint64_t clock_guest_tsc(const struct domain *d, uint64_t system_ns)
{
    /* The inverse of the scale published below, up to rounding: khz ticks in 10^6 ns. */
    return (uint64_t)((unsigned __int128)system_ns * d->tsc_khz_guest / 1000000);
}

static void fill_time(const struct domain *d, const struct clock_stamp *s, struct vcpu_time_info *t)
{
    *t = (struct vcpu_time_info){.flags = tsc_stable ? XEN_PVCLOCK_TSC_STABLE_BIT : 0};
    if (guest_tsc_native(d)) {
        t->tsc_timestamp = s->tsc;
        t->system_time = s->ns;
        t->tsc_to_system_mul = s->scale.mul;
        t->tsc_shift = s->scale.shift;
        return;
    }
    struct time_scale scale = time_scale_from_khz(d->tsc_khz_guest);
    t->tsc_timestamp = clock_guest_tsc(d, s->ns);
    t->system_time = s->ns;
    t->tsc_to_system_mul = scale.mul;
    t->tsc_shift = scale.shift;
}

/* Odd version, contents, even version: a reader sees all of it or tries again. */
static void publish(struct vcpu_time_info *to, struct vcpu_time_info *t)
{
    store_once(&to->version, t->version - 1);
    smp_wmb();
    to->tsc_timestamp = t->tsc_timestamp;
    to->system_time = t->system_time;
    to->tsc_to_system_mul = t->tsc_to_system_mul;
    to->tsc_shift = t->tsc_shift;
    to->flags = t->flags;
    smp_wmb();
    store_once(&to->version, t->version);
}

/* The same to the area at a guest address; its fields before the odd version become visible. */
static bool publish_area(uint64_t at, struct vcpu_time_info *t)
{
    const uint32_t even = t->version, odd = even - 1;
    bool ok;

    if (copy_to_guest(at, &odd, sizeof(odd)))
        return false;
    smp_wmb();
    t->version = odd;
    ok = copy_to_guest(at, t, sizeof(*t)) == 0;
    smp_wmb();
    t->version = even;
    return ok && copy_to_guest(at, &even, sizeof(even)) == 0;
}

/* No stamp has this TSC value: time began later. */
#define NOT_PUBLISHED 0

static void update(struct vcpu *v, bool force)
{
    const struct clock_stamp *s = &clock_stamps[smp_cpu_id()];
    struct vcpu_time_info t;
    uint64_t flags;

    if (!force && v->time.tsc_stamp == s->tsc && v->time.version)
        return;
    /* An interrupt that resets the stamp must not find us halfway. */
    flags = local_irq_save();
    v->time.tsc_stamp = s->tsc;
    v->time.version += 2; /* ours, not the guest's copy: it may write there */
    fill_time(v->domain, s, &t);
    t.version = v->time.version;
    publish(&v->vcpu_info->time, &t);
    local_irq_restore(flags);
    if (!v->time_guest)
        return;
    if (v != current || !v->in_kernel || !publish_area(v->time_guest, &t))
        v->time.tsc_stamp = NOT_PUBLISHED; /* tried again when v is next scheduled */
}

void clock_update_vcpu_time(struct vcpu *v)
{
    update(v, false);
}

void clock_force_vcpu_time(struct vcpu *v)
{
    update(v, true);
}
