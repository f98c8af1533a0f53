/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Spin locks as evidence.
 *
 * Always: a CPU that has to wait for a lock says for which, and each lock says on whose stack it
 * was taken last.  So a panic (the watchdog's above all) and a debug key can tell who waits for
 * whom, and what the holder is doing; it costs three instructions per lock.
 *
 * In the flavour `make DEBUG=1`: a record of all that each CPU holds, with the place that took it;
 * every lock is compared with the order before it is waited for (lock_order.c); no CPU may go to a
 * guest, switch to another or look for softirqs with a lock held.  That costs more than a hundred
 * instructions per lock, so the product is built without.  Once a CPU ends the machine nothing is
 * checked any more: the log's lock is then ignored.
 */
#include "debug/locks.h"
#include "console/keys.h"
#include "console/log.h"
#include "cpu/cpu_info.h"
#include "cpu/machine.h"
#include "cpu/smp.h"
#include "debug/lock_order.h"
#include "debug/panic.h"
#include "lib/spinlock.h"

static struct cpu_locks {
    const spinlock_t *waits_for;
    const void *waits_at;
    uint64_t rip, rsp; /* where an NMI stopped it; rip 0: nowhere */
    bool in_guest;
    struct lock_record record; /* the checked flavour's */
} __cache_aligned lock_cpus[NR_CPUS];

void spin_wait(const spinlock_t *l, uint8_t ticket)
{
    struct cpu_locks *mine = &lock_cpus[smp_cpu_id()];
    const spinlock_t *outer = mine->waits_for; /* an interrupt came while waiting for it */
    const void *outer_at = mine->waits_at;

    store_once(&mine->waits_at, __builtin_return_address(0));
    store_once(&mine->waits_for, l);
    while (load_acquire(&l->serving) != ticket)
        cpu_relax();
    store_once(&mine->waits_for, outer);
    store_once(&mine->waits_at, outer_at);
}

void locks_note_stopped(const struct cpu_regs *regs)
{
    struct cpu_locks *mine = &lock_cpus[smp_cpu_id()];

    mine->rip = regs->rip;
    mine->rsp = regs->rsp;
    mine->in_guest = regs->cs & 3;
}

/* The CPU on whose stack the lock was taken; NR_CPUS if it is free, or from before the stacks. */
static unsigned holder_of(const spinlock_t *l)
{
    unsigned cpu = (uint16_t)(l->holder - (uint16_t)(HV_STACKS_BASE >> 16));

    return spin_is_locked(l) && cpu < nr_cpus ? cpu : NR_CPUS;
}

_Static_assert(STACK_STRIDE == 1 << 16, "bits 16 up of a stack pointer count CPUs");

static void show_held(unsigned cpu)
{
    const struct lock_record *r = &lock_cpus[cpu].record;

    for (uint32_t i = 0; i < r->nr && i < LOCKS_HELD_MAX; i++) {
        const struct held_lock *h = &r->held[i];

        if (h->site) /* else an NMI is just writing it */
            printk(XENLOG_ERR "   cpu %u holds %s %p, taken at %s:%d%s\n", cpu,
                   lock_class_name(h->site->class), h->lock, h->site->file, h->site->line,
                   i < r->base ? ", then an interrupt came" : "");
    }
}

static void show_locks(void)
{
    unsigned cpu;

    for_each_cpu (cpu, cpu_online_map) {
        const spinlock_t *l = load_once(&lock_cpus[cpu].waits_for);

        show_held(cpu);
        if (!l)
            continue;
        printk(XENLOG_ERR "   cpu %u waits for lock %p at %pS", cpu, l, lock_cpus[cpu].waits_at);
        if (holder_of(l) < NR_CPUS)
            printk(", which cpu %u holds\n", holder_of(l));
        else
            printk(", which nobody holds\n");
    }
}

/* Where the others were; and how whoever holds a lock that is waited for came there. */
static void show_stopped(void)
{
    cpumask_t holders = 0;
    unsigned cpu;

    for_each_cpu (cpu, cpu_online_map) {
        unsigned holder = lock_cpus[cpu].waits_for ? holder_of(lock_cpus[cpu].waits_for) : NR_CPUS;

        if (holder < NR_CPUS)
            holders |= cpumask_of(holder);
    }
    for_each_cpu (cpu, cpu_online_map) {
        const struct cpu_locks *c = &lock_cpus[cpu];

        if (!c->rip)
            continue;
        printk(XENLOG_ERR "   cpu %u was stopped in %s at %pS\n", cpu,
               c->in_guest ? "a guest" : "the hypervisor", (void *)c->rip);
        if (!c->in_guest && cpumask_test(holders, cpu))
            show_backtrace(c->rip, c->rsp);
    }
}

static void report_locks(void)
{
    show_locks();
    show_stopped();
}

static void key_locks(char key)
{
    if (!LOCKS_CHECKED)
        printk("what is held: only in the flavour make DEBUG=1\n");
    show_locks();
}

void locks_init(void)
{
    panic_add_report("Locks and other CPUs", report_locks);
    keys_register('l', key_locks, "locks: who waits, and who holds what", true);
}

#ifdef PAVIS_LOCK_CHECK

static struct lock_record *record(void)
{
    return &lock_cpus[smp_cpu_id()].record;
}

void lock_check_wait(const spinlock_t *l, struct lock_site *site, bool interrupts_on)
{
    const struct held_lock *other;
    const char *why;

    if (machine_is_ending())
        return;
    if (!site->class)
        site->class = (uint8_t)lock_class_find(site->file, site->argument);
    if (!site->class)
        panic("Lock order: %s:%d: debug/locks.def does not know %s", site->file, site->line,
              site->argument);
    why = lock_refused(record(), l, site->class, interrupts_on, &other);
    if (!why)
        return;
    if (other)
        panic("Lock order: %s at %s:%d, with %s of %s:%d held: %s", lock_class_name(site->class),
              site->file, site->line, lock_class_name(other->site->class), other->site->file,
              other->site->line, why);
    panic("Lock order: %s at %s:%d: %s", lock_class_name(site->class), site->file, site->line, why);
}

void lock_check_taken(const spinlock_t *l, struct lock_site *site)
{
    if (machine_is_ending())
        return;
    if (!site->class) /* a trylock, which does not wait */
        site->class = (uint8_t)lock_class_find(site->file, site->argument);
    BUG_ON(!site->class || !lock_push(record(), l, site));
}

void lock_check_released(const spinlock_t *l)
{
    if (machine_is_ending())
        return;
    if (!lock_pop(record(), l))
        panic("Lock order: %p is released by a CPU that does not hold it", l);
}

uint32_t locks_enter_irq(void)
{
    uint32_t outer = record()->base;

    record()->base = record()->nr;
    return outer;
}

void locks_leave_irq(uint32_t outer)
{
    locks_none_held();
    record()->base = outer;
}

void locks_none_held(void)
{
    const struct lock_record *r = record();

    if (r->nr == r->base || machine_is_ending())
        return;
    panic("Lock order: %s of %s:%d is still held", lock_class_name(r->held[r->nr - 1].site->class),
          r->held[r->nr - 1].site->file, r->held[r->nr - 1].site->line);
}

#endif
