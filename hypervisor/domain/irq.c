/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Physical interrupts: lines of the IO-APICs and messages of PCI devices, given to a domain as
 * pirqs and delivered as events.
 *
 * The numbers below the number of GSIs are the GSIs themselves, those above are given out for
 * messages.  One struct irq_line per interrupt in use; it has one vector, the same on all CPUs.
 *
 *   edge, message: acknowledge, send the event.  What arrives meanwhile merges with what is
 * pending.
 *
 *   level: mask the line, acknowledge, send the event; the guest's PHYSDEVOP_eoi unmasks.  A device
 *   that does not let go of its line fires once per eoi, at its guest's expense.
 *
 * A storm: a CPU that takes one interrupt after the other comes to nothing else, whoever pays.  So
 * a line that fires more than `storm_limit` times within STORM_NS is held back, masked, for as long
 * again; then its guest is told once, since an edge or a message may have been lost meanwhile.
 *
 * Locks: irq_lock for the tables (hypercalls only), line->lock (irqsave) for a line's state; a
 * handler takes no other but the timer's.
 */
#include "domain/irq.h"

#include "abi/errno.h"
#include "console/log.h"
#include "cpu/apic.h"
#include "cpu/cpu_info.h"
#include "cpu/ioapic.h"
#include "cpu/irq.h"
#include "cpu/smp.h"
#include "debug/assert.h"
#include "domain/domain.h"
#include "domain/msi.h"
#include "mem/heap.h"
#include "mem/rangeset.h"
#include "time/clock.h"
#include "time/timer.h"

#define STORM_NS 10000000UL

struct irq_line {
    spinlock_t lock;
    unsigned pirq;
    uint8_t vector;
    bool is_msi;
    bool level, active_low; /* GSI */
    bool in_flight;         /* level: masked until the guest's eoi */
    unsigned cpu;
    struct domain *bound; /* receives events; NULL: masked */
    uint64_t count;
    unsigned burst;       /* since burst_start */
    uint64_t burst_start; /* ns */
    unsigned storms;
    bool held_back; /* masked until `release` */
    struct timer release;
    struct msi_source msi;
};

struct pirq_table {
    struct irq_line *line[EVTCHN_MAX_PIRQS];
};

static spinlock_t irq_lock;
static struct irq_line *line_by_vector[256];
static unsigned storm_limit __read_mostly;

void pirq_set_storm_limit(unsigned per_10ms)
{
    storm_limit = per_10ms;
}

static struct irq_line *find_line(const struct domain *d, unsigned pirq)
{
    return d->pirqs && pirq < EVTCHN_MAX_PIRQS ? load_acquire(&d->pirqs->line[pirq]) : NULL;
}

/* --- delivery
 * ------------------------------------------------------------------------------------- */

static void line_mask(struct irq_line *l, bool masked)
{
    if (l->is_msi)
        msi_mask(&l->msi, masked);
    else if (masked)
        ioapic_mask(l->pirq);
    else
        ioapic_unmask(l->pirq);
}

/* The line has fired storm_limit times.  Called with its lock held. */
static void check_storm(struct irq_line *l)
{
    static struct rate_limit rate;
    uint64_t now = now_ns();

    if (now - l->burst_start < STORM_NS && l->bound) {
        l->held_back = true;
        line_mask(l, true);
        timer_set(&l->release, now + STORM_NS);
        l->storms++;
        if (rate_limit_ok(&rate, 5000, 1))
            printk(XENLOG_WARNING "Interrupt storm on pirq %u (vector %#x): held back for 10 ms\n",
                   l->pirq, l->vector);
    }
    l->burst = 0;
    l->burst_start = now;
}

static void release(void *arg)
{
    struct irq_line *l = arg;
    struct domain *d = NULL;
    uint64_t flags = local_irq_save(); /* so pirq_guest_unbind() waits for us */

    spin_lock(&l->lock);
    if (l->held_back) {
        l->held_back = false;
        l->burst = 0;
        l->burst_start = now_ns();
        d = l->bound;
        if (!l->in_flight)
            line_mask(l, false);
    }
    spin_unlock(&l->lock);
    if (d)
        send_guest_pirq(d, l->pirq);
    local_irq_restore(flags);
}

static void interrupt(uint8_t vector)
{
    struct irq_line *l = load_acquire(&line_by_vector[vector]);
    struct domain *d = NULL;
    uint64_t flags;

    if (l) {
        flags = spin_lock_irqsave(&l->lock);
        l->count++;
        d = l->bound;
        if (!l->is_msi && (l->level || !d)) {
            ioapic_mask(l->pirq);
            l->in_flight = true;
        }
        if (unlikely(++l->burst >= storm_limit) && storm_limit)
            check_storm(l);
        spin_unlock_irqrestore(&l->lock, flags);
    }
    apic_eoi();
    /* The domain cannot go away: pirq_guest_unbind() waits for us. */
    if (d)
        send_guest_pirq(d, l->pirq);
}

int pirq_eoi(struct domain *d, unsigned pirq)
{
    struct irq_line *l = find_line(d, pirq);
    uint64_t flags;

    if (!l)
        return guest_error(-EINVAL, "eoi of an interrupt that is not the domain's");
    flags = spin_lock_irqsave(&l->lock);
    if (l->in_flight && l->bound == d) {
        l->in_flight = false;
        if (!l->held_back)
            ioapic_unmask(l->pirq);
    }
    spin_unlock_irqrestore(&l->lock, flags);
    return 0;
}

bool pirq_needs_eoi(struct domain *d, unsigned pirq)
{
    struct irq_line *l = find_line(d, pirq);

    return l && !l->is_msi && l->level;
}

/* --- binding to event channels (domain/evtchn.c)
 * -------------------------------------------------- */

bool pirq_access_permitted(const struct domain *d, unsigned pirq)
{
    return find_line(d, pirq) != NULL;
}

int pirq_guest_bind(struct vcpu *v, unsigned pirq, bool share)
{
    struct irq_line *l = find_line(v->domain, pirq);
    uint64_t flags;
    unsigned cpu = v->sched.unit.cpu;
    int rc = 0;

    (void)share; /* one domain has devices: a line is shared inside it, by its own kernel */
    if (!l)
        return guest_error(-EINVAL, "no interrupt has this number");
    flags = spin_lock_irqsave(&l->lock);
    if (l->bound) {
        rc = guest_error(-EBUSY, "the interrupt is bound already");
    } else {
        l->bound = v->domain;
        l->cpu = cpu;
        l->in_flight = false;
        if (l->is_msi) {
            msi_write(&l->msi, l->vector, cpu);
            msi_mask(&l->msi, false);
            msi_enable(&l->msi);
        } else {
            ioapic_route(pirq, l->vector, cpu, l->level, l->active_low, false);
        }
    }
    spin_unlock_irqrestore(&l->lock, flags);
    return rc;
}

static void nothing(void *arg)
{
    (void)arg;
}

void pirq_guest_unbind(struct domain *d, unsigned pirq)
{
    struct irq_line *l = find_line(d, pirq);
    uint64_t flags;

    if (!l)
        return;
    flags = spin_lock_irqsave(&l->lock);
    if (l->bound == d) {
        line_mask(l, true);
        l->bound = NULL;
        l->held_back = false;
    }
    spin_unlock_irqrestore(&l->lock, flags);
    /* Handlers run with interrupts off, so a CPU that answers is out of any that saw `bound`. */
    smp_call(cpu_online_map, nothing, NULL, true);
}

void pirq_set_affinity(struct domain *d, unsigned pirq, unsigned cpu)
{
    struct irq_line *l = find_line(d, pirq);
    uint64_t flags;

    if (!l)
        return;
    flags = spin_lock_irqsave(&l->lock);
    if (l->bound == d && l->cpu != cpu) {
        l->cpu = cpu;
        if (l->is_msi)
            msi_write(&l->msi, l->vector, cpu);
        else
            ioapic_set_cpu(pirq, cpu);
    }
    spin_unlock_irqrestore(&l->lock, flags);
}

/* --- which interrupts a domain has (physdev_op)
 * --------------------------------------------------- */

static int ensure_table(struct domain *d)
{
    struct pirq_table *t;

    if (d->pirqs)
        return 0;
    t = hv_zalloc(sizeof *t);
    if (!t)
        return guest_error(-ENOMEM, "no memory for it");
    d->pirqs = t;
    return 0;
}

static int new_line(struct domain *d, unsigned pirq, struct irq_line **line)
{
    struct irq_line *l = hv_zalloc(sizeof *l);

    if (!l)
        return (int)guest_error(-ENOMEM, "no memory for an interrupt line");
    l->vector = irq_alloc_vector();
    if (!l->vector) {
        printk(XENLOG_WARNING "No interrupt vector is left for pirq %u of d%u\n", pirq, d->mem.id);
        hv_free(l);
        return (int)guest_error(-ENOSPC, "no interrupt vector is left");
    }
    l->pirq = pirq;
    timer_init(&l->release, release, l, smp_cpu_id());
    *line = l;
    return 0;
}

static void publish(struct domain *d, struct irq_line *l)
{
    store_release(&line_by_vector[l->vector], l);
    irq_set_handler(l->vector, interrupt);
    store_release(&d->pirqs->line[l->pirq], l);
}

static int map_gsi_locked(struct domain *d, unsigned gsi, const struct gsi_mode *mode)
{
    struct irq_line *l = find_line(d, gsi);
    bool level, active_low;
    int rc;

    if (l) {
        /* Trigger and polarity may be corrected as long as nobody listens. */
        if (mode && !l->bound) {
            l->level = mode->level;
            l->active_low = mode->active_low;
        }
        return mode && l->bound ? guest_error(-EEXIST, "the interrupt is bound") : 0;
    }
    if (!ioapic_has_gsi(gsi))
        return guest_error(-EINVAL, "no IO-APIC has this interrupt");
    if (ioapic_vector(gsi))
        return guest_error(-EBUSY, "the hypervisor uses this interrupt itself");
    rc = new_line(d, gsi, &l);
    if (rc)
        return rc;
    level = gsi >= 16;
    active_low = gsi >= 16;
    for (unsigned irq = 0; irq < 16; irq++) {
        bool irq_level, irq_low;

        if (ioapic_isa_gsi(irq, &irq_level, &irq_low) == gsi) {
            level = irq_level;
            active_low = irq_low;
        }
    }
    l->level = mode ? mode->level : level;
    l->active_low = mode ? mode->active_low : active_low;
    publish(d, l);
    return 0;
}

int pirq_map_gsi(struct domain *d, unsigned gsi, const struct gsi_mode *mode)
{
    int rc;

    if (!d->irqs || !rangeset_contains(d->irqs, gsi) || gsi >= EVTCHN_MAX_PIRQS)
        return guest_error(-EPERM, "interrupt line is not the domain's");
    spin_lock(&irq_lock);
    rc = ensure_table(d);
    if (!rc)
        rc = map_gsi_locked(d, gsi, mode);
    spin_unlock(&irq_lock);
    return rc;
}

static int free_pirq(const struct domain *d)
{
    for (unsigned pirq = ioapic_nr_gsis(); pirq < EVTCHN_MAX_PIRQS; pirq++)
        if (!find_line(d, pirq))
            return pirq;
    return (int)guest_error(-ENOSPC, "every pirq is in use");
}

int pirq_get_free(struct domain *d)
{
    int pirq;

    spin_lock(&irq_lock);
    pirq = free_pirq(d);
    spin_unlock(&irq_lock);
    return pirq;
}

static int map_msi_locked(struct domain *d, int pirq, const struct msi_request *r)
{
    struct msi_source msi;
    struct irq_line *l;
    int rc;

    if (pirq < 0)
        pirq = free_pirq(d);
    else if (pirq < (int)ioapic_nr_gsis() || pirq >= EVTCHN_MAX_PIRQS || find_line(d, pirq))
        return guest_error(-EINVAL, "pirq is a line's number, or taken");
    if (pirq < 0)
        return guest_error(-ENOSPC, "no pirq is free");
    rc = msi_open(&msi, r->bus, r->devfn, r->entry, r->table_base);
    if (rc)
        return rc;
    rc = new_line(d, pirq, &l);
    if (rc) {
        msi_close(&msi);
        return rc;
    }
    l->is_msi = true;
    l->msi = msi;
    publish(d, l);
    return pirq;
}

int pirq_map_msi(struct domain *d, int pirq, const struct msi_request *r)
{
    int rc;

    spin_lock(&irq_lock);
    rc = ensure_table(d);
    if (!rc)
        rc = map_msi_locked(d, pirq, r);
    spin_unlock(&irq_lock);
    return rc;
}

int pirq_unmap(struct domain *d, unsigned pirq)
{
    struct irq_line *l;

    spin_lock(&irq_lock);
    l = find_line(d, pirq);
    if (!l || l->bound) {
        spin_unlock(&irq_lock);
        return l ? guest_error(-EBUSY, "interrupt is still bound to a port")
                 : guest_error(-EINVAL, "no interrupt has this number");
    }
    store_release(&d->pirqs->line[pirq], NULL);
    if (l->is_msi)
        msi_close(&l->msi);
    else
        ioapic_route(pirq, 0, l->cpu, false, false,
                     true); /* the vector is not the line's any more */
    irq_set_handler(l->vector, NULL);
    store_release(&line_by_vector[l->vector], NULL);
    smp_call(cpu_online_map, nothing, NULL, true); /* no handler has it any more */
    irq_free_vector(l->vector);
    spin_unlock(&irq_lock);
    timer_kill(&l->release);
    hv_free(l);
    return 0;
}

void pirq_dump(void)
{
    unsigned in_use = 0;

    for (unsigned vector = 0; vector < 256; vector++) {
        struct irq_line *l = line_by_vector[vector];

        if (!l)
            continue;
        in_use++;
        printk(XENLOG_INFO "vector %02x pirq %4u %s cpu %u count %lu storms %u%s%s%s\n", vector,
               l->pirq,
               l->is_msi  ? l->msi.is_msix ? "msi-x" : "msi"
               : l->level ? "level"
                          : "edge",
               l->cpu, l->count, l->storms, l->bound ? "" : " unbound",
               l->in_flight ? " awaits eoi" : "", l->held_back ? " held back" : "");
    }
    printk(XENLOG_INFO "pirqs: %u in use\n", in_use);
}
