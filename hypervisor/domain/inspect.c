/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Looking at domains from outside: debug keys, who runs (for messages), and the audit of a live
 * system.
 *
 * The audit wants nothing to happen while it counts.  Whoever asked for it may be an interrupt or
 * a hypercall, so it runs from a softirq, in turns: first every domain is paused without waiting;
 * then it looks, turn by turn, whether the last vCPU has left its processor.  It never waits for
 * another processor itself, since that one may be waiting for a vCPU that is ours to give up.
 */
#include "domain/inspect.h"
#include "console/keys.h"
#include "console/log.h"
#include "cpu/watchdog.h"
#include "debug/panic.h"
#include "debug/trace.h"
#include "domain/domain.h"
#include "domain/irq.h"
#include "hooks.h"
#include "lib/format.h"
#include "mem/audit.h"
#include "mem/buddy.h"
#include "time/clock.h"

void describe_current(char *buf, size_t size)
{
    struct vcpu *v = current;

    if (!v || is_idle_vcpu(v))
        buf[0] = '\0';
    else
        snprintf(buf, size, "d%uv%u", v->domain->mem.id, v->id);
}

uint32_t number_of_current(void)
{
    return current ? vcpu_number(current) : TRACE_WHO(0x7fff, smp_cpu_id());
}

/* In a panic: whoever it was that led there, and what it was last refused. */
static void report_running(void)
{
    const struct refusal *r = last_refusal();
    char who[24] = "";

    describe_current(who, sizeof(who));
    printk(XENLOG_ERR "   %s\n", who[0] ? who : "nobody, this CPU was idle");
    if (r->why)
        printk(XENLOG_ERR "   last refusal here (%ld): %s [%s:%d]\n", (long)r->error, r->why,
               r->file, r->line);
}

/* --- what vCPUs hold ----------------------------------------------------------------------------
 */

static void hold(struct audit *a, mfn_t mfn, enum page_type type)
{
    audit_holds(a, mfn, 1);
    if (type != PT_NONE)
        audit_holds_type(a, mfn, type, 1);
}

static void report_vcpu(struct audit *a, const struct vcpu *v)
{
    if (v->kernel_cr3)
        hold(a, paddr_to_mfn(v->kernel_cr3), PT_L4);
    if (v->user_cr3)
        hold(a, paddr_to_mfn(v->user_cr3), PT_L4);
    for (unsigned i = 0; i < ARRAY_SIZE(v->gdt_frames); i++)
        if (mfn_valid_number(v->gdt_frames[i]))
            hold(a, v->gdt_frames[i], PT_SEGDESC);
    for (unsigned i = 0; i < ARRAY_SIZE(v->ldt_frames); i++)
        if (v->ldt_mapped >> i & 1)
            hold(a, v->ldt_frames[i], PT_SEGDESC);
    if (mfn_valid_number(v->vcpu_info_mfn))
        hold(a, v->vcpu_info_mfn, PT_WRITABLE);
    if (v->deferred)
        hold(a, frame_mfn(v->deferred), PT_NONE);
}

/* What a vCPU has no reference for, and could be wrong all the same. */
static void check_vcpu(struct audit *a, const struct vcpu *v)
{
    const struct domain *d = v->domain;
    unsigned cpu = v->sched.state_cpu;
    bool info_ok = vcpu_info_is_dummy(v);

    if (mfn_valid_number(v->vcpu_info_mfn))
        info_ok = ((uintptr_t)v->vcpu_info & PAGE_MASK) == (uintptr_t)mfn_to_virt(v->vcpu_info_mfn);
    else if (v->id < XEN_LEGACY_MAX_VCPUS)
        info_ok |= v->vcpu_info == &d->shared_info->vcpu_info[v->id];
    if (!info_ok)
        audit_complain(a, "d%uv%u: vcpu_info at %p is not where it was registered (I1)", d->mem.id,
                       v->id, v->vcpu_info);
    if (cpu != NO_CPU && !(d->mem.dirty_cpus >> cpu & 1))
        audit_complain(a, "d%uv%u: CPU %u has its tables and is not among dirty_cpus (I4)",
                       d->mem.id, v->id, cpu);
}

/* Each holder by kind: as no hypercall is under way, there is no other (domain/registry.c). */
static void check_references(struct audit *a, const struct domain *d)
{
    unsigned real = (d->dying != DOMDYING_DEAD) + (d->mem.tot_pages + d->mem.shared_pages != 0) +
                    d->gnt.audit_handles + nr_global_virqs(d);

    if (d->refcnt != real)
        audit_complain(a, "d%u: %u references on the domain, real %u (I8)", d->mem.id, d->refcnt,
                       real);
}

static void report_domains(struct audit *a)
{
    const struct domain *d;
    const struct vcpu *v;

    list_for_each (d, &domain_list, list) {
        for_each_vcpu (d, v) {
            report_vcpu(a, v);
            if (audit_first(a))
                check_vcpu(a, v);
        }
        if (audit_first(a))
            check_references(a, d);
    }
}

/* --- the audit ----------------------------------------------------------------------------------
 */

#define AUDIT_RETRY_NS                                                                             \
    50000 /* a timer, not a work: that would come before the scheduler's turn                      \
           */

static struct work audit_work;
static struct timer audit_retry;
static bool audit_waiting; /* domains are paused; only audit_turn() looks */

static void for_each_domain (void (*fn)(struct domain *d))
{
    struct domain *d;

    for (unsigned id = 0; (d = domain_get_next(id)); id = d->mem.id + 1u, domain_put(d))
        fn(d);
}

static void pause_for_audit(struct domain *d)
{
    domain_pause_nosync(d);
    d->paused_for_audit = true;
}

static void unpause_after_audit(struct domain *d)
{
    if (!d->paused_for_audit)
        return; /* created in between */
    d->paused_for_audit = false;
    domain_unpause(d);
}

static unsigned nr_running;

static void count_running(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu (d, v)
        nr_running += vcpu_running_unit(&v->sched.unit);
}

static void print_difference(const char *line)
{
    printk(XENLOG_ERR "audit: %s\n", line);
}

static void print_note(const char *line)
{
    printk("%s\n", line);
}

static void audit_turn(void *arg)
{
    int differences;

    if (!audit_waiting) {
        for_each_domain (pause_for_audit)
            ;
        audit_waiting = true;
    }
    nr_running = 0;
    for_each_domain (count_running)
        ;
    if (nr_running) {
        timer_set(&audit_retry, now_ns() + AUDIT_RETRY_NS);
        return;
    }
    watchdog_hold(true); /* seconds, on a large machine */
    differences = audit_all(print_difference, print_note);
    watchdog_hold(false);
    if (differences < 0)
        printk(XENLOG_ERR "audit: could not run (%d)\n", differences);
    else if (differences)
        printk(XENLOG_ERR "audit: %d differences\n", differences);
    else
        printk(XENLOG_ERR "audit: clean\n");
    audit_waiting = false;
    for_each_domain (unpause_after_audit)
        ;
}

static void key_audit(char key)
{
    if (!load_once(&audit_waiting)) /* else one is under way */
        work_schedule(&audit_work);
}

/* --- keys ---------------------------------------------------------------------------------------
 */

static void dump_vcpu(const struct vcpu *v)
{
    printk("  v%u: cpu %u%s%s%s%s, paused %u, upcall pending %u masked %u\n", v->id,
           v->sched.unit.cpu, vcpu_running_unit(&v->sched.unit) ? ", runs" : "",
           v->flags & VPF_DOWN ? ", down" : "", v->flags & VPF_BLOCKED ? ", blocked" : "",
           v->flags & VPF_POLLING ? ", polls" : "", v->pause_count,
           v->vcpu_info->evtchn_upcall_pending, v->vcpu_info->evtchn_upcall_mask);
}

static void dump_domain(struct domain *d)
{
    static const char *const dying[] = {"", ", dying", ", dead"};
    struct vcpu *v;

    printk("d%u: %lu of %lu pages, %lu shared, %lu claimed, %u references%s%s%s\n", d->mem.id,
           d->mem.tot_pages, d->mem.max_pages, d->mem.shared_pages, d->mem.claimed, d->refcnt - 1,
           dying[d->dying], d->is_shut_down ? ", shut down" : "",
           d->pause_by_tools ? ", paused" : "");
    for_each_vcpu (d, v)
        dump_vcpu(v);
}

static void dump_domains(void)
{
    for_each_domain (dump_domain)
        ;
    printk("%lu pages free\n", heap_free_pages());
}

/* A key may be an interrupt, and these take locks: they run a moment later. */
static const struct {
    char key;
    void (*fn)(void);
    const char *help;
} dumps[] = {
    {'q', dump_domains, "domains and vCPUs"},  {'e', evtchn_dump_all, "event channels"},
    {'g', grant_dump_all, "grant tables"},     {'p', pirq_dump, "physical interrupts of guests"},
    {'r', sched_dump, "run queues and vCPUs"},
};
static uint64_t dumps_wanted; /* bit per row */
static struct work dump_work;

static void dump_turn(void *arg)
{
    uint64_t wanted = atomic_xchg(&dumps_wanted, 0);

    for (unsigned i = 0; i < ARRAY_SIZE(dumps); i++)
        if (wanted >> i & 1)
            dumps[i].fn();
}

static void key_dump(char key)
{
    for (unsigned i = 0; i < ARRAY_SIZE(dumps); i++)
        if (dumps[i].key == key)
            atomic_get_or(&dumps_wanted, BIT(i));
    work_schedule(&dump_work);
}

void inspect_init(void)
{
    work_init(&audit_work, audit_turn, NULL);
    timer_init(&audit_retry, audit_turn, NULL, 0);
    work_init(&dump_work, dump_turn, NULL);
    grant_audit_register(); /* before what relies on its count of handles */
    audit_register(report_domains);
    panic_add_report("Running", report_running);
    evtchn_audit_register();
    for (unsigned i = 0; i < ARRAY_SIZE(dumps); i++)
        keys_register(dumps[i].key, key_dump, dumps[i].help, true);
    keys_register('A', key_audit, "pause everything and recount all references", false);
}
