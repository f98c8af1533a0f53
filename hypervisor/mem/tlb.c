/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The flush itself, here and on other CPUs.  See mem/tlb.h.
 *
 * One remote flush is under way at a time, described in `request`; each target clears its bit when
 * it is done.  While a CPU waits for the lock or for the targets its interrupts are on, so that it
 * answers the one under way; hence interrupts must be on at entry, and no lock that is taken with
 * interrupts off may be held.
 */
#include "mem/tlb.h"

#include "cpu/cpu_info.h"
#include "cpu/insn.h"
#include "cpu/smp.h"
#include "debug/assert.h"
#include "hooks.h"
#include "lib/irqflags.h"
#include "lib/spinlock.h"
#include "mem/world.h"

static struct {
    spinlock_t lock;
    uint64_t va;
    unsigned flags;
    cpumask_t left; /* targets that have not flushed yet */
} request;

void tlb_cpu_up(unsigned cpu)
{
    /* It starts with an empty TLB, and nothing older than now can be in it. */
    tlb_flush_end(cpu, tlb_flush_begin());
    atomic_get_or(&tlb_online, cpumask_of(cpu));
}

/* With CR4.PGE clear a load of CR3 empties everything, and so does setting it again. */
void tlb_load_cr3_flush(uint64_t cr3)
{
    uint64_t flags = local_irq_save();
    uint64_t t = tlb_flush_begin(), cr4 = cpu_info()->cr4;

    if (cr4 & CR4_PGE)
        write_cr4(cr4 & ~CR4_PGE);
    write_cr3(cr3);
    if (cr4 & CR4_PGE)
        write_cr4(cr4);
    tlb_flush_end(smp_cpu_id(), t);
    local_irq_restore(flags);
}

/* A change of CR4.PGE empties everything, global entries and the caches of upper levels too. */
static void flush_everything(void)
{
    uint64_t flags = local_irq_save();
    uint64_t t = tlb_flush_begin(), cr4 = cpu_info()->cr4;

    if (likely(cr4 & CR4_PGE)) {
        write_cr4(cr4 & ~CR4_PGE);
        write_cr4(cr4);
    } else {
        write_cr3(read_cr3());
    }
    tlb_flush_end(smp_cpu_id(), t);
    local_irq_restore(flags);
}

void tlb_flush_local(uint64_t va_or_all, unsigned flags)
{
    if (flags & TLBF_CACHE)
        wbinvd();
    if (va_or_all == TLB_ALL)
        flush_everything();
    else
        invlpg(va_or_all); /* global entries too, and this CPU's caches of upper levels */
}

void tlb_flush_ipi(void)
{
    cpumask_t me = cpumask_of(smp_cpu_id());

    if (!(load_acquire(&request.left) & me))
        return;
    tlb_flush_local(request.va, request.flags);
    atomic_get_and(&request.left, ~me);
}

void tlb_flush_mask(cpumask_t mask, uint64_t va_or_all, unsigned flags)
{
    cpumask_t me, others;

    me = cpumask_of(smp_cpu_id());
    mask &= load_once(&tlb_online);
    others = mask & ~me;
    if (mask & me)
        tlb_flush_local(va_or_all, flags);
    if (!others)
        return;

    BUG_ON(!local_irqs_on());
    spin_lock(&request.lock);
    request.va = va_or_all;
    request.flags = flags;
    store_release(&request.left, others);
    smp_send_tlb_flush(others);
    while (load_acquire(&request.left))
        cpu_relax();
    spin_unlock(&request.lock);
}

void cache_flush_page(void *page)
{
    /* 64 bytes is the line of every processor with long mode. */
    for (uint8_t *p = page; p < (uint8_t *)page + PAGE_SIZE; p += CACHE_LINE)
        __asm__ volatile("clflush %0" : "+m"(*p));
    smp_mb();
}
