/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A domain that stops: shut down by itself, by a tool, or by a crash; and started again after a
 * suspend.
 *
 * Shutting down pauses every vCPU and tells dom0 by VIRQ_DOM_EXC (or, for a suspend that somebody
 * subscribed to, by an event); all memory stays until domain_kill().  Any context may shut a domain
 * down, so nothing here waits.  dom0's shutdown is the machine's.
 */
#include "abi/errno.h"
#include "console/log.h"
#include "cpu/machine.h"
#include "debug/assert.h"
#include "debug/trace.h"
#include "domain/domain.h"
#include "domain/pv_hooks.h"
#include "hooks.h"
#include "lib/format.h"

/* Who hears of each global VIRQ: NULL is dom0.  A reference is held on a domain named here. */
static struct domain *virq_handler[NR_VIRQS];
static spinlock_t virq_handler_lock;

static const char *const reason_names[] = {
    [SHUTDOWN_poweroff] = "power off", [SHUTDOWN_reboot] = "reboot",
    [SHUTDOWN_suspend] = "suspend",    [SHUTDOWN_crash] = "crash",
    [SHUTDOWN_watchdog] = "watchdog",  [SHUTDOWN_soft_reset] = "soft reset",
};

static const char *reason_name(uint8_t reason)
{
    return reason < ARRAY_SIZE(reason_names) ? reason_names[reason] : "unknown reason";
}

/*
 * dom0 has gone: so does the machine.  Power-off proper comes by XENPF_enter_acpi_sleep, with the
 * values for the registers that only dom0's ACPI interpreter knows; who asks for it here had none.
 * Any other reason than these two is a failure (nobody could wake dom0 from a suspend), and ends
 * by policy.  No panic: the hypervisor is well.
 */
static __noreturn void shutdown_machine(uint8_t reason)
{
    char who[24] = "";

    describe_current(who, sizeof(who));
    printk(XENLOG_ERR "Domain-0 has shut down: %s (%s)\n", reason_name(reason),
           who[0] ? who : "no vCPU ran here");
    if (reason == SHUTDOWN_poweroff)
        machine_power_off();
    if (reason == SHUTDOWN_reboot)
        machine_reboot();
    printk(XENLOG_ERR "Domain-0 is lost, and the machine with it.\n");
    machine_end_after_crash();
}

static void announce_shutdown(struct domain *d)
{
    if (d->shutdown_code == SHUTDOWN_suspend && d->suspend_port)
        evtchn_send(d, d->suspend_port);
    else
        send_global_virq(VIRQ_DOM_EXC);
}

void domain_shutdown(struct domain *d, uint8_t reason)
{
    struct vcpu *v;
    uint64_t flags = spin_lock_irqsave(&d->shutdown_lock);

    if (d->shutdown_code == SHUTDOWN_CODE_INVALID)
        d->shutdown_code = reason;
    reason = d->shutdown_code;
    if (d == dom0) {
        spin_unlock_irqrestore(&d->shutdown_lock, flags);
        shutdown_machine(reason);
    }
    if (d->is_shutting_down) {
        spin_unlock_irqrestore(&d->shutdown_lock, flags);
        return;
    }
    d->is_shutting_down = true;
    for_each_vcpu (d, v) {
        if (v->paused_for_shutdown)
            continue;
        v->paused_for_shutdown = true;
        vcpu_pause_nosync(v);
    }
    d->is_shut_down = true;
    spin_unlock_irqrestore(&d->shutdown_lock, flags);
    announce_shutdown(d);
}

void domain_resume(struct domain *d)
{
    struct vcpu *v;
    uint64_t flags;

    /* Nobody of d runs from here to the end, whatever the shutdown left unfinished. */
    domain_pause(d);
    flags = spin_lock_irqsave(&d->shutdown_lock);
    d->is_shutting_down = d->is_shut_down = false;
    d->shutdown_code = SHUTDOWN_CODE_INVALID;
    for_each_vcpu (d, v) {
        if (!v->paused_for_shutdown)
            continue;
        v->paused_for_shutdown = false;
        vcpu_unpause(v);
    }
    spin_unlock_irqrestore(&d->shutdown_lock, flags);
    domain_unpause(d);
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
    char why[160];
    va_list args;

    va_start(args, fmt);
    vsnprintf(why, sizeof(why), fmt, args);
    va_end(args);
    TRACE(TRC_PAVIS_CRASH, d->mem.id, TRACE_TEXT(fmt));
    if (!d->is_shutting_down) {
        printk(XENLOG_ERR "d%u crashed: %s\n", d->mem.id, why);
        if (d == current_domain)
            pv_vcpu_dump(current);
    }
    domain_shutdown(d, SHUTDOWN_crash);
}

void send_global_virq(unsigned virq)
{
    struct domain *d;
    uint64_t flags;

    ASSERT(virq < NR_VIRQS && virq_is_global(virq));
    flags = spin_lock_irqsave(&virq_handler_lock);
    d = virq_handler[virq] ? virq_handler[virq] : dom0;
    if (d)
        send_guest_global_virq(d, virq);
    spin_unlock_irqrestore(&virq_handler_lock, flags);
}

int set_global_virq_handler(struct domain *d, unsigned virq)
{
    struct domain *old;
    uint64_t flags;

    if (virq >= NR_VIRQS || !virq_is_global(virq))
        return guest_error(-EINVAL, "not a VIRQ of the whole machine");
    if (d == dom0)
        d = NULL;
    else if (!domain_get(d))
        return guest_error(-ESRCH, "the domain is gone");
    flags = spin_lock_irqsave(&virq_handler_lock);
    old = virq_handler[virq];
    virq_handler[virq] = d;
    spin_unlock_irqrestore(&virq_handler_lock, flags);
    if (old)
        domain_put(old);
    return 0;
}

unsigned nr_global_virqs(const struct domain *d)
{
    unsigned nr = 0;

    for (unsigned i = 0; i < NR_VIRQS; i++)
        nr += load_once(&virq_handler[i]) == d;
    return nr;
}

void clear_global_virq_handlers(struct domain *d)
{
    uint64_t flags;
    unsigned held = 0;

    flags = spin_lock_irqsave(&virq_handler_lock);
    for (unsigned i = 0; i < NR_VIRQS; i++) {
        if (virq_handler[i] != d)
            continue;
        virq_handler[i] = NULL;
        held++;
    }
    spin_unlock_irqrestore(&virq_handler_lock, flags);
    while (held--)
        domain_put(d);
}
